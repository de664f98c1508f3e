"""Where a webhook may lead: an https URL of a host all of whose addresses the whole internet can reach. Pure but for `resolve`.

A member names the URL and Waybill goes there from within its own network (server-side request forgery). So a URL is checked when it
is given, which tells its owner early, and each address when a connection is made to it, which is what keeps anybody out: names
may lead elsewhere by then, and hosts may be written in many ways.

Only unicast addresses that are global pass. Sources: the special-purpose registries of IANA for IPv4 and IPv6 (RFC 6890 and its
updates), and for IPv6 the one block that IANA gives out, 2000::/3. An address within another one counts as that other one.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from waybill.errors import AddressRefused, InvalidField

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Lookup = Callable[[str, int], Awaitable[list[str]]]

LIMIT: Final = 2048
"""Characters of a URL."""
LOOPBACK_NAME: Final = "localhost"
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")
"""A host that some readers of URLs take for an IPv4 address (WHATWG URL, section 3.5, "ends in a number")."""

NOT_GLOBAL_4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared behind carriers' NAT
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, with the metadata of clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
GLOBAL_6: Final = IPv6Network("2000::/3")
"""All else is loopback, unspecified, mapped, compatible, local (unique, link, site), multicast, discarded or not given out."""
NOT_GLOBAL_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, with Teredo, ORCHID and benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
NAT64: Final = IPv6Network("64:ff9b::/96")
"""Leads to the IPv4 address in its last 32 bits (RFC 6052). The one for local use, 64:ff9b:1::/48, may have its own anywhere."""


def check_url(url: str, *, loopback: bool = False) -> str:
    """The URL as it is asked for. `loopback`: the local stack's own machine may be asked, also by http.

    Raises:
        InvalidField: of `url`; what is wrong with it.
    """
    if len(url) > LIMIT:
        raise _wrong(f"A URL has {LIMIT} characters at most.")
    if not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise _wrong("A URL has printable ASCII characters only, none of them a space or a backslash.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _wrong("Not a URL: its host or port cannot be read.") from error
    address = _literal(host)
    local = loopback and (host == LOOPBACK_NAME or (address is not None and address.is_loopback))
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise _wrong("A URL begins with https://.")
    if parts.username is not None or parts.password is not None:
        raise _wrong("A URL has no user name or password in it: requests are signed instead.")
    if "#" in url:
        raise _wrong("A URL has no fragment.")
    if port == 0 or parts.netloc.endswith(":"):
        raise _wrong("A port is a number from 1 to 65535.")
    if address is None and (not _HOST.fullmatch(host) or _NUMERIC.fullmatch(host)):
        raise _wrong("A URL names a host, as in https://hooks.example.com/waybill.")
    if (address is not None and refused(address, loopback=loopback)) or (
        host == LOOPBACK_NAME and not loopback
    ):
        raise _wrong("This address cannot be reached from the internet. Name a host that can be.")
    return url


def refused(address: IPv4Address | IPv6Address | str, *, loopback: bool = False) -> bool:
    """Whether nothing may be sent to an address. What is no address is refused."""
    try:
        ip = ip_address(address)
    except ValueError:
        return True
    if ip.is_loopback:
        return not loopback
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return refused(ip.ipv4_mapped, loopback=loopback)
        if ip in NAT64:
            return refused(IPv4Address(int(ip) & 0xFFFF_FFFF))
        return ip not in GLOBAL_6 or any(ip in each for each in NOT_GLOBAL_6)
    return any(ip in each for each in NOT_GLOBAL_4)


async def resolve(host: str, port: int, lookup: Lookup, *, loopback: bool = False) -> list[str]:
    """The addresses of a host as `lookup` finds them, each of them checked.

    Raises:
        AddressRefused: one of them may not be asked, or there is none.
    """
    found = await lookup(host, port)
    if not found or any(refused(each, loopback=loopback) for each in found):
        raise AddressRefused("The host leads to an address that cannot be reached from the internet.")
    return found


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is; one with a zone is none."""
    try:
        return ip_address(host) if "%" not in host else None
    except ValueError:
        return None


def _wrong(message: str) -> InvalidField:
    return InvalidField("url", message)
