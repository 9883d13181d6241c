"""Where a chunked body ends: however it is cut up, and whatever a CSMS sends in its place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.heads.chunked import LINE_LIMIT, ChunkedBody

WHOLE = [
    b"0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"00000003\r\nabc\r\n000\r\n\r\n",
    b"a\r\n0123456789\r\nA;x=y\r\n\r\n\r\n\r\n\r\n\r\n\r\n0;last\r\n\r\n",
    b'1 \t; quoted="-6"\r\nx\r\n0\r\nTrailer: 1\r\nAnother: 2\r\n\r\n',
]
LOST = [
    b"-6\r\n",
    b"-0\r\n\r\n",
    b"+3\r\nabc\r\n0\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b"1_0\r\n",
    b" 3\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b"3\x0b\r\nabc\r\n",
    b"\r\n",
    b";x\r\n",
    b"g\r\n",
    b"3\r;x\r\nabc\r\n",
    b"\xd9\xa3\r\nabc\r\n",
    b"000000003\r\nabc\r\n0\r\n\r\n",
    b"f" * 100_000 + b"\r\n",
    b"3;" + b"x" * LINE_LIMIT + b"\r\n",
    b"3\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\n",
    b"0\r\nTrailer: 1\n\r\n",
]


@pytest.mark.parametrize("body", WHOLE)
def test_a_body_ends_with_its_last_byte(body: bytes) -> None:
    chunked = ChunkedBody()
    assert chunked.feed(body[:-1]) == len(body) - 1
    assert (chunked.ended, chunked.is_lost) == (False, False)
    assert chunked.feed(b"\nbehind it") == 1
    assert (chunked.ended, chunked.is_lost) == (True, False)


@pytest.mark.parametrize("body", LOST, ids=lambda body: repr(body[:12]))
def test_what_is_written_otherwise_never_ends(body: bytes) -> None:
    chunked = ChunkedBody()
    assert chunked.feed(body + b"0\r\n\r\n") == len(body) + 5
    assert chunked.is_lost
    assert chunked.feed(b"0\r\n\r\n") == 5
    assert not chunked.ended


def test_the_largest_size_is_waited_for() -> None:
    chunked = ChunkedBody()
    assert chunked.feed(b"ffffffff\r\n" + bytes(1 << 20)) == 10 + (1 << 20)
    assert (chunked.ended, chunked.is_lost) == (False, False)


def test_the_end_of_a_chunk_may_be_cut_in_two() -> None:
    chunked = ChunkedBody()
    assert [chunked.feed(piece) for piece in (b"3\r\nab", b"c", b"\r", b"\n0\r\n\r", b"\nbehind")] == [
        5,
        1,
        1,
        5,
        1,
    ]
    assert chunked.ended


PIECES = st.sampled_from(
    [b"0", b"3", b"-6", b"+", b"_", b" ", b";", b"abc", b"\r\n", b"\r", b"\n", b"ffffffff", *LOST]
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECES, max_size=12).map(b"".join),
    st.tuples(st.sampled_from(WHOLE), st.binary(max_size=9)).map(b"".join),
)


@given(body=BODIES, cuts=st.lists(st.integers(0, 80), max_size=8))
@example(body=b"-6\r\n", cuts=[])
def test_any_bytes_come_to_an_end_and_cuts_change_nothing(body: bytes, cuts: list[int]) -> None:
    at_once, piecewise = ChunkedBody(), ChunkedBody()
    taken = at_once.feed(body)
    places = [0, *sorted(cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(places)]
    assert sum(piecewise.feed(piece) for piece in pieces) == taken
    assert (piecewise.ended, piecewise.is_lost) == (at_once.ended, at_once.is_lost)
    assert at_once.ended or taken == len(body)
    assert not (at_once.ended and at_once.is_lost)


@pytest.mark.parametrize("filler", [b"1\r\nx\r\n", b"0\r\nx", b"f", b"1;", b"x" * 4000 + b"\r\n"])
def test_a_long_body_in_small_pieces_comes_to_its_end(filler: bytes) -> None:
    """By a quadratic reader this would take minutes, and the suite would stand still."""
    body = filler * (300_000 // len(filler))
    chunked, taken = ChunkedBody(), 0
    for at in range(0, len(body), 10):
        taken += chunked.feed(body[at : at + 10])
    assert taken <= len(body)
