"""Bodies that are made to break whoever reads them: forms that contradict themselves or nest, JSON without an end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waybill.errors import InvalidField, RequestError
from waybill.gateway import Request

if TYPE_CHECKING:
    from collections.abc import Callable

PIECES = (
    "--a",
    "--a--",
    "\r\n",
    "\r\n\r\n",
    "Content-Type:",
    "Content-Disposition: form-data;",
    "name=x",
    "name*0=a;",
    "name*1=b;",
    "name*=utf-9'x'y",
    "boundary*0=a;",
    "boundary*=x'y'z",
    "multipart/a;boundary=b",
    "message/rfc822",
    "charset=none",
    "=",
    ";",
    '"',
    "\ud800",
    "é",
    "Content-Transfer-Encoding: x-uuencode",
    "Content-Transfer-Encoding: base64",
    "begin 666 a",
    "%%%",
)


def request(media_type: str, body: str) -> Request:
    return Request(
        method="POST",
        resource="/v1/unsubscribe/{token}",
        path={},
        query={},
        headers={"content-type": media_type},
        body=body,
        is_base64=False,
        member="",
        scopes=frozenset(),
        request_id="",
    )


@given(
    st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
)
@example(";boundary*0=a; boundary*1=b; boundary*=utf-9'x'y", "--a\r\n\r\n--a--")
@example(
    ";boundary=a",
    "--a\r\nContent-Disposition: form-data; name*0=a; name*1=b; name*=utf-9'x'y\r\n\r\n1\r\n--a--",
)
@example(";boundary=a", "--a\r\n" + "Content-Type:message/rfc822\r\n\r\n" * 500 + "x\r\n--a--")
@example(
    ";boundary=b0",
    "".join(f"--b{each}\nContent-Type:multipart/a;boundary=b{each + 1}\n\n" for each in range(330)),
)
def test_a_form_is_read_or_refused(parameters: str, body: str) -> None:
    with contextlib.suppress(RequestError):
        form = request(f"multipart/form-data{parameters}", body).form()
        assert all(isinstance(each, str) for pair in form.items() for each in pair)


def test_a_form_whose_boundary_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidField):
        request("multipart/form-data; boundary*0=a; boundary*1=b; boundary*=utf-9'x'y", "--a--").form()


@pytest.mark.parametrize(
    "made",
    [
        lambda: "[" * 16_000,
        lambda: '{"a":' * 3000,
        lambda: "1" * 16_000,
        lambda: '{"a":NaN}',
        lambda: '{"a":-Infinity}',
    ],
)
def test_json_without_an_end_or_a_number_without_bounds_is_refused(made: Callable[[], str]) -> None:
    with pytest.raises(InvalidField):
        request("application/json", made()).json_object()
