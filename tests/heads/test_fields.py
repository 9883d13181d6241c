"""Where a head ends, in any segmentation; fields from any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.heads.fields import elements, end_of_head, fields, first, tokens, values

HEAD = b"GET /CP_1 HTTP/1.1\r\nHost: csms\r\n\r\n"
lines = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\r\n\r\n", b"GET / HTTP/1.1"]), max_size=12
).map(b"".join)


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"", -1),
        (b"\r\n", -1),
        (b"GET / HTTP/1.1\r\n", -1),
        (b"GET / HTTP/1.1\r\n\r", -1),
        (HEAD, len(HEAD)),
        (HEAD + b"GET /CP_2 HTTP/1.1\r\n\r\n", len(HEAD)),
        (HEAD + b"\x81\x80abcd", len(HEAD)),
        (b"GET / HTTP/1.1\n\n", 16),
        (b"GET / HTTP/1.1\nHost: csms\n\r\n", 28),
        (b"a\n\nb\r\n\r\n", 3),
        (b"a\r\r", -1),
    ],
)
def test_a_head_ends_behind_its_blank_line(data: bytes, end: int) -> None:
    assert end_of_head(data) == end
    assert end_of_head(bytearray(data)) == end


@given(lines, st.lists(st.integers(0, 60), max_size=6))
def test_the_end_is_the_same_in_any_segmentation(data: bytes, cuts: list[int]) -> None:
    searched, found = 0, -1
    for cut in (*sorted(cuts), len(data)):
        found = end_of_head(bytearray(data[:cut]), searched)
        searched = len(data[:cut])
        if found >= 0:
            break
    assert found == end_of_head(data)


@given(lines)
def test_the_end_is_the_first_one(data: bytes) -> None:
    end = end_of_head(data)
    assert end < 0 or (data[:end].endswith((b"\n\n", b"\n\r\n")) and end_of_head(data[: end - 1]) < 0)


def test_fields_keep_name_order_and_inner_spacing() -> None:
    head = b"HTTP/1.1 101 x\r\nA:1\r\nb-B : \t two  words \t\r\nFold: one\r\n\t two\r\nnone\r\n\r\n"
    expected = ((b"A", b"1"), (b"b-B ", b"two  words"), (b"Fold", b"one two"), (b"none", b""))
    assert fields(head) == expected


def test_names_are_found_without_case_and_trailing_blank() -> None:
    headers = fields(b"x\r\nUPGRADE : websocket, , h2c\r\nupgrade:Foo\r\n\r\n")
    assert values(headers, b"upgrade") == [b"websocket, , h2c", b"Foo"]
    assert elements(headers, b"upgrade") == [b"websocket", b"h2c", b"Foo"]
    assert tokens(headers, b"upgrade") == [b"websocket", b"h2c", b"foo"]
    assert first(headers, b"upgrade") == b"websocket, , h2c"
    assert first(headers, b"host") is None


@given(st.binary(max_size=300))
def test_any_bytes_have_fields(data: bytes) -> None:
    assert all(isinstance(part, bytes) for field in fields(data) for part in field)
