"""Where a webhook may lead, and the many ways to write where it may not."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waybill import addresses
from waybill.errors import AddressRefused, InvalidField

REFUSED = (
    "0.0.0.0",  # noqa: S104 - nothing binds here
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::a9fe:a9fe",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "not an address",
    "",
)
GLOBAL = (
    "1.1.1.1",
    "8.8.8.8",
    "11.0.0.1",
    "52.95.110.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "169.253.1.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    "2a00:1450:4001::1",
)


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_inside_is_refused(address: str) -> None:
    assert addresses.refused(address)


@pytest.mark.parametrize("address", GLOBAL)
def test_an_address_of_the_internet_is_not_refused(address: str) -> None:
    assert not addresses.refused(address)
    assert not addresses.refused(address, loopback=True)


@pytest.mark.parametrize("address", REFUSED)
def test_the_local_stack_may_ask_its_own_machine_and_nothing_else(address: str) -> None:
    own = address in {"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}
    assert addresses.refused(address, loopback=True) is not own


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_knows_not_to_be_global_is_refused(ip: ipaddress.IPv4Address) -> None:
    if not ip.is_global or ip.is_multicast:
        assert addresses.refused(ip)


@given(st.ip_addresses(v=6))
def test_so_it_is_with_ipv6(ip: ipaddress.IPv6Address) -> None:
    if (not ip.is_global or ip.is_multicast) and ip.ipv4_mapped is None:
        assert addresses.refused(ip)


@given(st.ip_addresses(v=4))
def test_an_address_within_another_counts_as_the_inner_one(ip: ipaddress.IPv4Address) -> None:
    for prefix in ("::ffff:", "64:ff9b::"):
        assert addresses.refused(f"{prefix}{ip}") is addresses.refused(ip)
    for number in (int(ip), 0x2002 << 112 | int(ip) << 80, 0x20010000 << 96 | int(ip)):
        assert addresses.refused(ipaddress.IPv6Address(number))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/waybill",
        "https://hooks.example.com",
        "https://hooks.example.com:8443/a/b?token=c%20d&e=f",
        "https://a_b.example.com/",
        "https://xn--fiqs8s.example/",
        "https://HOOKS.Example.com/Path",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]:443/hook",
        "https://1password.example.co1/",
        f"https://example.com/{'a' * 2028}",
    ],
)
def test_a_url_of_the_internet_is_taken_as_it_is(url: str) -> None:
    assert addresses.check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "javascript:alert(1)",
        "https:///path",
        "https://",
        "https://user@hooks.example.com/",
        "https://user:password@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://hooks.example.com#@169.254.169.254/",
        "https://hooks.example.com/#",
        "https://hooks.example.com\\@169.254.169.254/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX-Evil: 1",
        "https://hooks.exa\tmple.com/",
        "https://hooks.example.com/\x00",
        "https://中国.example/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:http/",
        "https://hooks.example.com./",
        "https://.example.com/",
        "https://a..example.com/",
        "https://-.example.com/",
        "https://ex%61mple.com/",
        f"https://{'a' * 64}.example.com/",
        f"https://{'a.' * 130}com/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.fe80::a]/",
        f"https://example.com/{'a' * 2029}",
        # loopback and metadata, written in every way
        "https://localhost/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://0177.1/",
        "https://017700000001/",
        "https://0/",
        "https://0x/",
        "https://00000000/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://169.254.169.254/latest/meta-data/",
        "https://169.254.43518/",
        "https://169.16689662/",
        "https://0251.0376.0251.0376/",
        "https://169.254.169.254./",
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[::]/",
        "https://[::1]/",
        "https://[fd00:ec2::254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://①②⑦.⓪.⓪.①/",
    ],
)
def test_any_other_url_is_refused_by_its_field(url: str) -> None:
    with pytest.raises(InvalidField) as caught:
        addresses.check_url(url)
    assert caught.value.field == "url"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8400/hook", "http://localhost:8400/", "http://[::1]/", "https://127.0.0.1:8400/"],
)
def test_the_local_stack_takes_urls_of_its_own_machine(url: str) -> None:
    assert addresses.check_url(url, loopback=True) == url
    with pytest.raises(InvalidField):
        addresses.check_url(url)


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example.com/", "http://10.0.0.1/", "http://169.254.169.254/", "https://192.168.1.1/"],
)
def test_the_local_stack_takes_no_other_address_inside(url: str) -> None:
    with pytest.raises(InvalidField):
        addresses.check_url(url, loopback=True)


# ---- Names


def resolve(*found: str, loopback: bool = False) -> list[str]:
    async def lookup(_host: str, _port: int) -> list[str]:
        return list(found)

    return asyncio.run(addresses.resolve("hooks.example.com", 443, lookup, loopback=loopback))


def test_a_name_leads_to_its_addresses() -> None:
    assert resolve("8.8.8.8", "2606:4700::1111") == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize("inside", REFUSED)
def test_one_address_inside_refuses_the_whole_name(inside: str) -> None:
    for found in ((inside,), ("8.8.8.8", inside), (inside, "8.8.8.8")):
        with pytest.raises(AddressRefused):
            resolve(*found)


def test_a_name_without_an_address_leads_nowhere() -> None:
    with pytest.raises(AddressRefused):
        resolve()


def test_a_name_of_the_local_stack_may_lead_to_its_own_machine() -> None:
    assert resolve("127.0.0.1", loopback=True) == ["127.0.0.1"]
