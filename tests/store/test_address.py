"""Addresses of servers: what a URL says, and that no error tells the password."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.address import Address, parse
from proxy.store.interface import StoreError


def test_everything_that_a_url_may_say() -> None:
    address = parse("clickhouse://tap:s%40cret@db1:9001,db2/charging?secure=1&timeout=7&insert_quorum=auto")
    assert address.hosts == (("db1", 9001), ("db2", 9440))
    assert (address.user, address.password, address.database) == ("tap", "s@cret", "charging")
    assert address.secure
    assert address.number("timeout") == 7
    assert address.options["insert_quorum"] == "auto"


@pytest.mark.parametrize(
    ("url", "port", "secure"),
    [
        ("clickhouse://h", 9000, False),
        ("clickhouse://h?secure=1", 9440, True),
        ("http://h/", 8123, False),
        ("https://h", 8443, True),
        ("clickhouse://[::1]/db", 9000, False),
    ],
)
def test_what_is_left_out_is_usual(url: str, port: int, secure: bool) -> None:
    address = parse(url)
    assert address.hosts[0][1] == port
    assert (address.user, address.password, address.secure) == ("default", "", secure)
    assert address.database == ("db" if url.endswith("db") else "ocpptap")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgres://h", "none of: embedded"),
        ("clickhouse://", "no host"),
        ("clickhouse://h:port/db", "no host:port"),
        ("clickhouse://h/a-b", "no database's name"),
        ("clickhouse://h/db?sure=1", "unknown option 'sure'"),
        ("clickhouse://h/db?secure=yes", "secure='yes' is not 0 or 1"),
        ("clickhouse://h/db?timeout=0", "timeout='0' is not seconds"),
        ("https://h/db?secure=1", "secure is for clickhouse:// only"),
        ("https://h1,h2/db", "takes one host"),
    ],
)
def test_what_is_wrong_is_one_line(url: str, why: str) -> None:
    with pytest.raises(StoreError, match=why) as caught:
        parse(url)
    assert "\n" not in str(caught.value)


@given(st.text(st.characters(codec="utf-8"), min_size=6, max_size=20))
def test_no_error_and_no_repr_tells_the_password(tail: str) -> None:
    secret = "hush/" + tail
    for url in (f"clickhouse://me:{secret}@host:9000/db", f"https://me:{secret}@host/db?x={tail}"):
        said = _said(url)
        assert secret not in said
        assert "hush" not in said


def _said(url: str) -> str:
    try:
        address: Any = parse(url)
    except StoreError as error:
        return str(error)
    assert isinstance(address, Address)
    return repr(address) + str(address)
