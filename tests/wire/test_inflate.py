"""Messages out of permessage-deflate: right, bounded, and the same after a restart."""

from __future__ import annotations

import random
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.inflate import (
    CORRUPT,
    MOST_INFLATED,
    MOST_KEPT,
    TOO_BIG,
    TOO_MANY_STREAMS,
    Inflated,
    Inflater,
    InflaterState,
    Lost,
    Takeover,
)

FINAL_HELLO = bytes.fromhex(
    "f348cdc9c9070000"
)  # RFC 7692 7.2.3.4: a block with BFINAL, then the flush's header
EMPTY_FINAL = b"\x03\x00"


class Sender:
    """The other end: compresses as RFC 7692 7.2.1 says."""

    def __init__(self, bits: int = 15, takeover: Takeover = Takeover.CONTEXT) -> None:
        self.bits, self.takeover = bits, takeover
        self.encoder = zlib.compressobj(wbits=-bits)

    def message(self, text: bytes) -> bytes:
        if self.takeover is Takeover.NONE:
            self.encoder = zlib.compressobj(wbits=-self.bits)
        return (self.encoder.compress(text) + self.encoder.flush(zlib.Z_SYNC_FLUSH))[:-4]


def whole(text: bytes) -> Inflated:
    return Inflated(text, False, len(text))


def restarted(inflater: Inflater, bits: int, takeover: Takeover) -> Inflater:
    saved = msgspec.msgpack.encode(inflater.snapshot())
    return Inflater.restore(bits, takeover, msgspec.msgpack.decode(saved, type=InflaterState))


texts = st.lists(
    st.one_of(st.binary(max_size=200), st.sampled_from([b"", b"[2]" * 20_000, bytes(range(256)) * 600])),
    max_size=8,
)
takeovers = st.sampled_from(Takeover)
bits = st.integers(8, 15)


@given(texts, st.integers(9, 15), takeovers)
def test_what_was_sent_is_read(texts: list[bytes], bits: int, takeover: Takeover) -> None:
    sender, inflater = Sender(bits, takeover), Inflater(bits, takeover)
    for text in texts:
        assert inflater.message(sender.message(text)) == whole(text)


@given(st.lists(st.one_of(st.binary(max_size=100), st.just(FINAL_HELLO)), max_size=10), bits, takeovers)
def test_any_bytes_are_survived_and_a_restart_changes_nothing(
    payloads: list[bytes], bits: int, takeover: Takeover
) -> None:
    original, again = Inflater(bits, takeover), Inflater(bits, takeover)
    for payload in payloads:
        again = restarted(again, bits, takeover)
        assert again.message(payload) == original.message(payload)


@given(texts, st.integers(9, 15), takeovers, st.integers(1, 60))
def test_a_restart_between_messages_even_cut_ones_changes_nothing(
    texts: list[bytes], bits: int, takeover: Takeover, kept: int
) -> None:
    sender = Sender(bits, takeover)
    original, again = Inflater(bits, takeover), Inflater(bits, takeover)
    for text in texts:
        payload = sender.message(text)[:kept]
        again = restarted(again, bits, takeover)
        assert again.message(payload) == original.message(payload)


def test_window_bits_8_are_read_as_9() -> None:
    sender, inflater = Sender(9), Inflater(8, Takeover.CONTEXT)
    for text in (b"heartbeat " * 90, b"heartbeat"):
        assert inflater.message(sender.message(text)) == whole(text)


def test_the_examples_of_rfc_7692_7_2_3() -> None:
    inflater = Inflater(15, Takeover.CONTEXT)
    for payload in ("f248cdc9c90700", "f200110000", "000500faff48656c6c6f00"):
        assert inflater.message(bytes.fromhex(payload)) == whole(b"Hello")
    assert inflater.message(bytes.fromhex("f24805000000ffffcac9c90700")) == whole(b"Hello")
    assert inflater.message(b"\x00") == whole(b"")


def test_after_a_final_block_the_window_is_still_there() -> None:
    inflater = Inflater(15, Takeover.CONTEXT)
    assert inflater.message(FINAL_HELLO) == whole(b"Hello")
    assert inflater.message(bytes.fromhex("f200110000")) == whole(b"Hello")  # a copy of the one before
    assert inflater.message(FINAL_HELLO[:-1] + FINAL_HELLO) == whole(b"HelloHello")


def test_a_final_block_without_the_flush_header_is_read() -> None:
    inflater = Inflater(15, Takeover.CONTEXT)
    for _ in range(2):
        assert inflater.message(FINAL_HELLO[:-1]) == whole(b"Hello")


def test_a_thousand_final_blocks_are_enough() -> None:
    inflater = Inflater(15, Takeover.NONE)
    assert inflater.message(EMPTY_FINAL * 999) == whole(b"")
    assert inflater.message(EMPTY_FINAL * 500_000) == Lost(TOO_MANY_STREAMS)
    assert inflater.message(FINAL_HELLO) == whole(b"Hello")


def test_of_a_long_message_the_first_mebibyte_is_kept_and_the_window() -> None:
    text = random.Random(1).randbytes(MOST_KEPT + 100_000)
    sender, inflater = Sender(), Inflater(15, Takeover.CONTEXT)
    assert inflater.message(sender.message(text)) == Inflated(text[:MOST_KEPT], True, len(text))
    assert inflater.message(sender.message(text[-20_000:])) == whole(text[-20_000:])
    assert len(inflater.snapshot().window) == 32 * 1024


def test_exactly_one_mebibyte_is_not_cut() -> None:
    text = bytes(MOST_KEPT)
    assert Inflater(15, Takeover.CONTEXT).message(Sender().message(text)) == whole(text)


def test_up_to_64_mib_are_inflated_to_keep_the_window() -> None:
    sender, inflater = Sender(), Inflater(15, Takeover.CONTEXT)
    outcome = inflater.message(sender.message(bytes(MOST_INFLATED)))
    assert outcome == Inflated(bytes(MOST_KEPT), True, MOST_INFLATED)
    assert inflater.message(sender.message(b"hello")) == whole(b"hello")


@pytest.mark.parametrize("takeover", Takeover)
def test_a_bomb_is_given_up_beyond_64_mib(takeover: Takeover) -> None:
    sender, inflater = Sender(takeover=takeover), Inflater(15, takeover)
    assert inflater.message(sender.message(bytes(MOST_INFLATED + 1))) == Lost(TOO_BIG)
    after = inflater.message(sender.message(b"hello"))
    assert after == (whole(b"hello") if takeover is Takeover.NONE else Lost(TOO_BIG))


@pytest.mark.parametrize("takeover", Takeover)
def test_corrupt_data_costs_one_message_or_with_takeover_all(takeover: Takeover) -> None:
    inflater = Inflater(15, takeover)
    assert inflater.message(b"\xff\xff\xff") == Lost(CORRUPT)
    after = inflater.message(FINAL_HELLO)
    assert after == (whole(b"Hello") if takeover is Takeover.NONE else Lost(CORRUPT))


def test_lost_is_for_good_with_takeover_and_nothing_without() -> None:
    for takeover, after in ((Takeover.CONTEXT, Lost("a hole")), (Takeover.NONE, whole(b"Hello"))):
        inflater = Inflater(15, takeover)
        inflater.lost("a hole")
        inflater.lost("another")
        assert restarted(inflater, 15, takeover).message(FINAL_HELLO) == after


def test_without_takeover_a_message_may_not_reach_into_the_one_before() -> None:
    inflater = Inflater(15, Takeover.NONE)
    assert inflater.message(FINAL_HELLO) == whole(b"Hello")
    assert inflater.message(bytes.fromhex("f200110000")) == Lost(CORRUPT)


def match(length_code: str, distance_code: str, extra: str) -> bytes:
    """One match as a message: a block with the fixed codes of RFC 1951 3.2.6, then the flush's header."""
    bits = "0" + "10" + length_code + distance_code + extra + "0000000" + "000"
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


@pytest.mark.parametrize("restart", [0, 1])
def test_a_match_may_reach_to_the_far_end_of_the_window(restart: int) -> None:
    text = random.Random(2).randbytes(100_000)
    inflater = Inflater(15, Takeover.CONTEXT)
    inflater.message(Sender().message(text))
    inflater = restarted(inflater, 15, Takeover.CONTEXT) if restart else inflater
    farthest = match("0000001", "11101", "1" * 13)  # 3 bytes from 32,768 bytes back
    assert inflater.message(farthest) == whole(text[-32_768:][:3])


def test_the_window_stays_small() -> None:
    sender, inflater = Sender(10), Inflater(10, Takeover.CONTEXT)
    for number in range(2000):
        text = b'[2,"%d","Heartbeat",{}]' % number
        assert inflater.message(sender.message(text)) == whole(text)
    assert len(inflater.snapshot().window) == 1024
