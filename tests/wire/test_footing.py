"""After a hole a direction looks for its footing at each chunk's beginning (DESIGN 5)."""

from __future__ import annotations

import pytest

from proxy.heads.extensions import Deflate
from proxy.names import Direction
from proxy.wire.frames import Frame, FrameReader, Opaque, wire_bytes

CLIENT = Direction.FROM_CHARGE_POINT
SERVER = Direction.FROM_CSMS
CALL = b'[2,"1","Heartbeat",{}]'
TEXT = bytes((0x81, len(CALL))) + CALL
NO_FOOTING = "no footing after a hole"


def after_a_hole(direction: Direction = SERVER, deflate: Deflate | None = None) -> FrameReader:
    reader = FrameReader(direction, deflate)
    reader.hole()
    return reader


def masked(header: bytes, payload: bytes) -> bytes:
    return wire_bytes(header, 0x01020304, True, payload)


@pytest.mark.parametrize(
    "chunk",
    [
        TEXT,
        b"\x81\x06 \r\n\t[]",
        b"\x81\x06[1] \n\t",
        b"\x89\x00",
        b"\x8a\x01x",
        b"\x88\x02\x03\xe8",
        b"\x81\x7e\x00\x80[" + b" " * 126 + b"]",
    ],
)
def test_a_control_frame_or_a_json_array_is_footing(chunk: bytes) -> None:
    (piece,) = after_a_hole().feed(chunk, 100)
    assert isinstance(piece, Frame)
    assert wire_bytes(piece.header, piece.mask, piece.masked, piece.payload) == chunk


@pytest.mark.parametrize(
    "chunk",
    [
        b"\x81\x02{}",
        b"\x81\x00",
        b"\x01\x02[]",
        b"\x80\x02[]",
        b"\x82\x02[]",
        b"\x81\x03[1]"[:-1],
        b"\x81",
        b"\x83\x02[]",
        b"\xa1\x02[]",
        b"\xc1\x02[]",
        b"\x09\x00",
        b"\x81\x7e\x00\x02[]",
        b"\x81\x82\x00\x00\x00\x00[]",
        CALL,
    ],
)
def test_anything_else_is_opaque_and_the_next_chunk_gets_its_chance(chunk: bytes) -> None:
    reader = after_a_hole()
    assert reader.feed(chunk, 100) == [Opaque(100, chunk, NO_FOOTING)]
    assert reader.feed(CALL, 200) == [Opaque(200, CALL)]
    (piece,) = reader.feed(TEXT, 300)
    assert isinstance(piece, Frame)


def test_the_mask_bit_must_be_right_for_the_direction() -> None:
    chunk = masked(bytes((0x81, 0x80 | len(CALL))), CALL)
    assert isinstance(after_a_hole(CLIENT).feed(chunk, 0)[0], Frame)
    assert after_a_hole(SERVER).feed(chunk, 0) == [Opaque(0, chunk, NO_FOOTING)]


def test_a_compressed_frame_is_no_footing() -> None:
    chunk = b"\xc1\x02[]"
    assert after_a_hole(SERVER, Deflate()).feed(chunk, 0) == [Opaque(0, chunk, NO_FOOTING)]


def test_framing_goes_on_from_the_footing() -> None:
    reader = after_a_hole()
    (first,) = reader.feed(TEXT + TEXT[:5], 0)
    (second,) = reader.feed(TEXT[5:] + b"\x89", len(TEXT) + 5)
    assert (first.offset, second.offset) == (0, len(TEXT))
    assert first.payload == second.payload == CALL
    assert reader.finish() == Opaque(2 * len(TEXT), b"\x89", "cut by the end of the stream")


def test_footing_holds_for_what_begins_as_other_text() -> None:
    reader = after_a_hole()
    reader.feed(TEXT, 0)
    (piece,) = reader.feed(b"\x81\x02{}", len(TEXT))
    assert isinstance(piece, Frame)


def test_a_footing_that_its_own_chunk_contradicts_is_none() -> None:
    reader = after_a_hole()
    chunk = b"\x89\x00" + CALL
    assert reader.feed(chunk, 0) == [Opaque(0, chunk, NO_FOOTING)]
    assert isinstance(reader.feed(TEXT, 50)[0], Frame)


def test_the_beginning_of_a_large_frame_is_no_footing() -> None:
    chunk = b"\x82\x7f" + (1 << 21).to_bytes(8, "big") + bytes(1 << 20)
    reader = after_a_hole()
    assert reader.feed(chunk, 0) == [Opaque(0, chunk, NO_FOOTING)]
    assert isinstance(reader.feed(TEXT, len(chunk))[0], Frame)


def test_a_hole_ends_the_parts_of_a_large_frame() -> None:
    reader = FrameReader(SERVER)
    announced = b"\x82\x7f" + (1 << 30).to_bytes(8, "big") + bytes(1 << 20)
    assert len(reader.feed(announced, 0)) == 1
    reader.feed(b"xyz", len(announced))
    reader.hole()
    left, frame = reader.feed(TEXT, 1 << 25)
    assert left == Opaque(len(announced), b"xyz", "cut by a hole")
    assert isinstance(frame, Frame)


def test_what_waited_before_the_hole_comes_out_first() -> None:
    reader = FrameReader(SERVER)
    reader.feed(TEXT[:7], 10)
    reader.hole()
    left, frame = reader.feed(TEXT, 500)
    assert left == Opaque(10, TEXT[:7], "cut by a hole")
    assert (frame.offset, frame.payload) == (500, CALL)


def test_what_waited_can_be_had_before_the_hole() -> None:
    reader = FrameReader(SERVER)
    reader.feed(TEXT[:7], 10)
    assert reader.finish() == Opaque(10, TEXT[:7], "cut by the end of the stream")
    reader.hole()
    assert reader.feed(CALL, 500) == [Opaque(500, CALL, NO_FOOTING)]


def test_the_stream_may_end_in_a_hole() -> None:
    reader = FrameReader(SERVER)
    reader.feed(TEXT[:7], 10)
    reader.hole()
    reader.hole()
    assert reader.finish() == Opaque(10, TEXT[:7], "cut by a hole")
    assert reader.finish() is None


def test_a_second_hole_says_so_again() -> None:
    reader = after_a_hole()
    reader.feed(CALL, 0)
    reader.feed(TEXT, 100)
    reader.hole()
    assert reader.feed(CALL, 200) == [Opaque(200, CALL, NO_FOOTING)]
