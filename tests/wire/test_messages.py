"""Messages out of frames: fragmentation, compression, UTF-8, limits."""

from __future__ import annotations

import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.heads.extensions import Deflate
from proxy.names import MAX_PART, Direction
from proxy.wire.frames import Frame, Part
from proxy.wire.messages import Assembled, MessageReader, MessageReaderState

CLIENT = Direction.FROM_CHARGE_POINT
SERVER = Direction.FROM_CSMS
HELLO = bytes.fromhex("f248cdc9c90700")
HELLO_AGAIN = bytes.fromhex("f200110000")  # refers to the window
RESET = Deflate(client_no_context_takeover=True)


def frame(opcode: int, payload: bytes, fin: bool = True, rsv: int = 0) -> Frame:
    return Frame(0, b"\x81\x00", 0, False, fin, rsv, opcode, payload)


def start(payload: bytes, rsv: int = 0) -> Frame:
    return frame(1, payload, fin=False, rsv=rsv)


def more(payload: bytes) -> Frame:
    return frame(0, payload, fin=False)


def end(payload: bytes) -> Frame:
    return frame(0, payload)


def part(opcode: int, header: bytes = b"", fin: bool = True, last: bool = False, rsv: int = 0) -> Part:
    return Part(0, header, 0, False, fin, rsv, opcode, b"x" * 40, last)


def message(text: bytes, opcode: int = 1, fragments: int = 1, problem: str = "") -> Assembled:
    return Assembled(opcode, text, False, fragments, False, len(text), problem)


def inflated(text: bytes, fragments: int = 1, problem: str = "") -> Assembled:
    return Assembled(1, text, True, fragments, False, len(text), problem)


def lost(fragments: int = 1) -> Assembled:
    return Assembled(1, b"", True, fragments, False, 0, "compression lost")


def read(reader: MessageReader, *frames: Frame | Part) -> list[Assembled | None]:
    return [reader.part(one) if isinstance(one, Part) else reader.frame(one) for one in frames]


def test_one_frame_is_one_message() -> None:
    assert read(MessageReader(CLIENT), frame(1, b"[]"), frame(2, b"\xff")) == [
        message(b"[]"),
        message(b"\xff", opcode=2),
    ]


def test_fragments_come_out_with_the_last_one() -> None:
    reader = MessageReader(CLIENT)
    assert read(reader, start(b"[2,"), more(b"1")) == [None, None]
    assert reader.open
    assert read(reader, end(b"]")) == [message(b"[2,1]", fragments=3)]
    assert not reader.open


def test_a_control_frame_is_no_business_of_messages() -> None:
    reader = MessageReader(CLIENT)
    assert read(reader, start(b"a"), frame(9, b"?"), end(b"b")) == [None, None, message(b"ab", fragments=2)]


@pytest.mark.parametrize("text", ["ä".encode(), "\ud7ff\U0010ffff".encode(), b"\x00 nul \x00", b""])
def test_valid_utf8_is_no_problem(text: bytes) -> None:
    assert read(MessageReader(CLIENT), frame(1, text)) == [message(text)]


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"])
def test_invalid_utf8_is_a_problem_of_text_and_the_text_is_kept(text: bytes) -> None:
    bad = b"[1]" + text
    assert read(MessageReader(CLIENT), frame(1, bad)) == [message(bad, problem="invalid utf-8")]
    assert read(MessageReader(CLIENT), frame(2, bad)) == [message(bad, opcode=2)]


def test_a_character_may_be_cut_by_fragments_at_each_byte() -> None:
    text = "€\U0001f50c".encode()
    for at in range(len(text)):
        assert read(MessageReader(CLIENT), start(text[:at]), end(text[at:]))[1] == message(text, fragments=2)


def test_a_continuation_without_start() -> None:
    reader = MessageReader(CLIENT)
    assert read(reader, end(b"x")) == [message(b"x", opcode=0, problem="continuation without start")]
    assert read(reader, more(b"x"), more(b"y"), end(b"z"))[1:] == [None, None]
    assert read(reader, frame(1, b"[]")) == [message(b"[]")]


def test_a_start_inside_a_message_drops_that_and_marks_the_new_one() -> None:
    reader = MessageReader(CLIENT)
    said = read(reader, start(b"old"), start(b"new"), end(b"!"), frame(1, b"[]"))
    assert said == [None, None, message(b"new!", fragments=2, problem="start inside message"), message(b"[]")]
    assert read(reader, start(b"old"), frame(1, b"[]"))[1] == message(b"[]", problem="start inside message")


def test_one_mebibyte_of_fragments_is_read() -> None:
    half = b"x" * (MAX_PART // 2)
    assert read(MessageReader(CLIENT), start(half), end(half))[1] == message(half + half, fragments=2)


def test_more_is_too_long_said_once_and_its_rest_passes() -> None:
    reader = MessageReader(CLIENT)
    said = read(reader, start(b"x" * MAX_PART), more(b"y"), more(b"z"), end(b"!"), frame(1, b"[]"))
    too_long = Assembled(1, b"", False, 2, True, MAX_PART + 1, "too long")
    assert said == [None, too_long, None, None, message(b"[]")]


def test_too_long_may_be_found_at_the_very_end() -> None:
    said = read(MessageReader(CLIENT), start(b"x" * MAX_PART), end(b"y"), frame(1, b"[]"))
    assert said[1:] == [Assembled(1, b"", False, 2, True, MAX_PART + 1, "too long"), message(b"[]")]


def test_a_hundred_thousand_fragments_are_bounded() -> None:
    reader = MessageReader(CLIENT)
    one = more(b"x")
    said = [answer for _ in range(100_000) if (answer := reader.frame(one))]
    assert said == [message(b"x", opcode=0, problem="continuation without start")]
    reader.frame(start(b"x"))
    said = [answer for _ in range(100_000) if (answer := reader.frame(one))]
    assert said == [Assembled(1, b"", False, 1001, True, 1001, "too long")]
    assert not reader.open
    assert reader.snapshot().payload == b""


def test_a_thousand_fragments_are_read() -> None:
    reader = MessageReader(CLIENT)
    read(reader, start(b"x"), *[more(b"x")] * 998)
    assert read(reader, end(b"x")) == [message(b"x" * 1000, fragments=1000)]


def test_a_start_after_too_long_is_inside_it() -> None:
    reader = MessageReader(CLIENT)
    read(reader, start(b"x" * MAX_PART), more(b"y"))
    assert read(reader, frame(1, b"[]")) == [message(b"[]", problem="start inside message")]


def test_a_frame_in_parts_is_too_long_said_with_the_first() -> None:
    reader = MessageReader(CLIENT)
    said = read(reader, part(1, b"\x81\xff"), part(1), part(1, last=True), frame(1, b"[]"))
    assert said == [Assembled(1, b"", False, 1, True, 40, "too long"), None, None, message(b"[]")]


def test_the_first_piece_settles_the_message() -> None:
    reader = MessageReader(CLIENT)
    assert read(reader, part(2, b"\x82\xff"), start(b"["), end(b"]"))[2] == message(b"[]", fragments=2)
    read(reader, part(2, b"\x02\xff", fin=False))
    assert read(reader, end(b"!"), frame(1, b"[]")) == [None, message(b"[]")]


def test_parts_inside_a_fragmented_message() -> None:
    reader = MessageReader(CLIENT)
    said = read(reader, start(b"x"), part(0, b"\0\xff", fin=False), part(0, fin=False, last=True), end(b"!"))
    assert said == [None, Assembled(1, b"", False, 2, True, 41, "too long"), None, None]
    assert read(reader, start(b"x"), part(0, b"\0\xff"), part(0, last=True), frame(1, b"[]"))[3] == message(
        b"[]"
    )


def test_parts_where_a_message_is_open_or_none_is() -> None:
    reader = MessageReader(CLIENT)
    (said,) = read(reader, part(0, b"\x80\xff"))
    assert said is not None
    assert said.problem == "continuation without start"
    assert read(reader, part(0, last=True), start(b"x"), part(1, b"\x81\xff"))[2] == Assembled(
        1, b"", False, 1, True, 40, "too long"
    )
    assert read(reader, part(1, last=True), frame(1, b"[]")) == [None, message(b"[]")]


def test_after_a_hole_a_rest_is_no_violation() -> None:
    for frames in ([more(b"x"), end(b"y")], [end(b"y")], [], [part(0, b"\x80\xff"), part(0, last=True)]):
        reader = MessageReader(CLIENT)
        read(reader, start(b"[2"))
        reader.hole()
        assert not reader.open
        assert not any(read(reader, *frames))
        assert read(reader, frame(1, b"[]")) == [message(b"[]")]


def test_a_hole_forgives_the_start_inside_a_message_that_it_swallowed() -> None:
    reader = MessageReader(CLIENT)
    read(reader, start(b"old"), start(b"new"))
    reader.hole()
    assert read(reader, frame(1, b"[]")) == [message(b"[]")]


def test_a_compressed_message_in_one_frame_and_in_three() -> None:
    reader = MessageReader(CLIENT, Deflate())
    assert read(reader, frame(1, HELLO, rsv=4)) == [inflated(b"Hello")]
    said = read(reader, start(HELLO_AGAIN[:2], rsv=4), more(HELLO_AGAIN[2:3]), end(HELLO_AGAIN[3:]))
    assert said[2] == inflated(b"Hello", fragments=3)


def test_each_direction_has_its_own_parameters() -> None:
    for direction, reset in ((CLIENT, RESET), (SERVER, Deflate(server_no_context_takeover=True))):
        said = read(MessageReader(direction, reset), frame(1, HELLO, rsv=4), frame(1, HELLO_AGAIN, rsv=4))
        assert said == [inflated(b"Hello"), lost()]
        said = read(MessageReader(direction.other, reset), *[frame(1, HELLO, rsv=4)] * 2)
        assert said == [inflated(b"Hello")] * 2


@pytest.mark.parametrize(("deflate", "after"), [(Deflate(), lost()), (RESET, inflated(b"Hello"))])
def test_what_is_unread_costs_the_compression_with_takeover(deflate: Deflate, after: Assembled) -> None:
    losses: list[list[Frame | Part]] = [
        [start(HELLO, rsv=4), frame(1, b"[]")],
        [start(bytes(MAX_PART), rsv=4), end(b"\0")],
        [part(1, b"\xc1\xff", rsv=4), part(1, rsv=4, last=True)],
        [frame(1, b"\xff\xff\xff", rsv=4)],
    ]
    for frames in losses:
        reader = MessageReader(CLIENT, deflate)
        read(reader, *frames)
        assert read(reader, frame(1, HELLO, rsv=4), frame(1, b"[]")) == [after, message(b"[]")]


@pytest.mark.parametrize(("deflate", "after"), [(Deflate(), lost()), (RESET, inflated(b"Hello"))])
def test_a_hole_costs_the_compression_with_takeover(deflate: Deflate, after: Assembled) -> None:
    reader = MessageReader(CLIENT, deflate)
    reader.hole()
    assert read(reader, frame(1, HELLO, rsv=4)) == [after]


def test_compressed_without_an_agreement_cannot_be_read() -> None:
    assert read(MessageReader(CLIENT), frame(1, HELLO, rsv=4)) == [lost()]


def test_the_utf8_of_an_inflated_text_is_checked_if_all_of_it_is_here() -> None:
    encoder = zlib.compressobj(wbits=-15)
    reader = MessageReader(CLIENT, Deflate())
    for text, problem in ((b"\xff", "invalid utf-8"), (b"a" + "ä".encode() * 600_000, "")):
        payload = (encoder.compress(text) + encoder.flush(zlib.Z_SYNC_FLUSH))[:-4]
        (said,) = read(reader, frame(1, payload, rsv=4))
        assert said == Assembled(1, text[:MAX_PART], True, 1, len(text) > MAX_PART, len(text), problem)


steps = st.one_of(
    st.builds(
        frame,
        st.sampled_from([0, 0, 1, 2]),
        st.sampled_from([b"", b"[]", b"\xff", HELLO, HELLO_AGAIN, b"x" * (MAX_PART // 2 + 1)]),
        st.booleans(),
        st.sampled_from([0, 4]),
    ),
    st.builds(part, st.sampled_from([0, 1, 2]), st.sampled_from([b"", b"h"]), st.booleans(), st.booleans()),
    st.none(),
)


def advance(reader: MessageReader, step: Frame | Part | None) -> tuple[Assembled | None, bool]:
    if step is None:
        reader.hole()
        return None, reader.open
    return read(reader, step)[0], reader.open


@given(
    st.lists(steps, max_size=12),
    st.sampled_from(Direction),
    st.sampled_from([None, Deflate(), RESET, Deflate(client_max_window_bits=8)]),
)
def test_a_snapshot_taken_anywhere_continues_alike(
    steps: list[Frame | Part | None], direction: Direction, deflate: Deflate | None
) -> None:
    original = MessageReader(direction, deflate)
    again = MessageReader(direction, deflate)
    for step in steps:
        saved = msgspec.msgpack.encode(again.snapshot())
        state = msgspec.msgpack.decode(saved, type=MessageReaderState)
        again = MessageReader.restore(direction, deflate, state)
        assert advance(again, step) == advance(original, step)
