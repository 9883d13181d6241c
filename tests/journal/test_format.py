"""Encode and decode: what goes in comes out, at its own place, in its own journal only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.journal import format
from proxy.journal.format import Kind, Record, SegmentName

UUID = bytes(range(16))
SEED = format.crc_seed(UUID)

records = st.lists(
    st.tuples(
        st.sampled_from(list(Kind)),
        st.integers(0, 255),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.binary(max_size=200),
    ),
    max_size=5,
)
moments = st.integers(-(2**63), 2**63 - 1)


def block(content: list[Record], offset: int) -> bytes:
    made = format.encode_block(content, 1, 2)
    format.seal(made, SEED, offset)
    return bytes(made)


@given(content=records, at=moments, mono=moments, offset=st.integers(0, 2**40), before=st.binary(max_size=9))
def test_a_block_comes_out_as_it_went_in(
    content: list[Record], at: int, mono: int, offset: int, before: bytes
) -> None:
    made = format.encode_block(content, at, mono)
    format.seal(made, SEED, offset)
    data = before + bytes(made) + b"more"
    size = format.block_bytes(data, len(before))
    assert size == len(made)
    decoded = format.decode_block(data, len(before), size, SEED, offset)
    assert decoded is not None
    assert (decoded.records, decoded.at, decoded.mono) == (content, at, mono)
    assert decoded.next_offset == format.aligned(offset + size)


@given(content=records, bit=st.integers(0, 10_000))
def test_no_flipped_bit_goes_unnoticed(content: list[Record], bit: int) -> None:
    data = bytearray(block(content, 64))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    size = format.block_bytes(bytes(data), 0)
    data.extend(bytes(max(0, size - len(data))))
    assert size == 0 or format.decode_block(bytes(data), 0, size, SEED, 64) is None


def test_a_block_counts_at_its_own_place_in_its_own_journal_only() -> None:
    data = block([(Kind.MARK, 0, 0, 0, b"")], 64)
    assert format.decode_block(data, 0, len(data), SEED, 72) is None
    assert format.decode_block(data, 0, len(data), format.crc_seed(bytes(16)), 64) is None


def test_records_that_do_not_fill_their_block_are_not_valid() -> None:
    good = format.encode_block([(Kind.DATA, 1, 1, 0, b"abc")], 1, 2)
    for spoiled in (good[:-1], good + b"x", good[: format.HEAD_BYTES + 5]):
        length = len(spoiled) - format.HEAD_BYTES
        spoiled[4:8] = length.to_bytes(4, "little")
        format.seal(spoiled, SEED, 0)
        assert format.decode_block(bytes(spoiled), 0, len(spoiled), SEED, 0) is None


def test_a_head_that_claims_too_much_is_none() -> None:
    data = bytearray(block([], 0))
    data[4:8] = format.MAX_BLOCK_BYTES.to_bytes(4, "little")
    assert format.block_bytes(bytes(data), 0) == 0
    assert format.block_bytes(b"", 0) == 0


def test_a_payload_over_64_kib_is_the_callers_mistake() -> None:
    with pytest.raises(AssertionError):
        format.encode_block([(Kind.DATA, 1, 1, 0, bytes(64 * 1024 + 1))], 1, 2)


def test_header_and_name_come_out_as_they_went_in() -> None:
    name = SegmentName(7, 1, 300, 12)
    header = format.decode_header(format.encode_header(UUID, name, 1, 2) + b"rest")
    assert header == format.Header(format.VERSION, UUID, name, 1, 2)
    assert str(name) == "p0-00000007-0001-00000300-00000012.journal"
    assert format.parse_name(str(name)) == name


@pytest.mark.parametrize(
    "name", ["", "uuid", "p0-1-1-1-1.journal", "p0-00000001-0001-00000001-00000001.journal.preparing"]
)
def test_other_names_are_not_ours(name: str) -> None:
    assert format.parse_name(name) is None


def test_a_header_with_any_flipped_bit_is_none() -> None:
    good = format.encode_header(UUID, SegmentName(1, 0, 1, 1), 1, 2)
    for bit in range(8 * len(good)):
        spoiled = bytearray(good)
        spoiled[bit // 8] ^= 1 << bit % 8
        assert format.decode_header(bytes(spoiled)) is None
    assert format.decode_header(good[:-1]) is None
