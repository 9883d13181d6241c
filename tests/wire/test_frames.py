"""Frames out of bytes: exact, whatever the bytes, in any segmentation."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.heads.extensions import Deflate
from proxy.names import MAX_PART, Direction
from proxy.wire.frames import Frame, FrameReader, FrameReaderState, Opaque, Part, Piece, wire_bytes
from proxy.wire.masking import mask_in_python

CLIENT = Direction.FROM_CHARGE_POINT
SERVER = Direction.FROM_CSMS
KEY = bytes.fromhex("37fa213d")


def encode(first: int, payload: bytes, key: bytes = KEY) -> bytes:
    """A frame as on the wire; an empty `key`: unmasked."""
    size = len(payload)
    form = size if size < 126 else 126 if size < 65536 else 127
    length = b"" if form < 126 else size.to_bytes(2 if form == 126 else 8, "big")
    header = bytes((first, form | (0x80 if key else 0))) + length
    return header + key + (mask_in_python(payload, key) if key else payload)


def wire_of(piece: Piece) -> bytes:
    if isinstance(piece, Opaque):
        return piece.payload
    return wire_bytes(piece.header, piece.mask, piece.masked, piece.payload)


def cut(stream: bytes, sizes: Iterable[int]) -> list[bytes]:
    """`stream` in chunks of these sizes, the last one takes the rest."""
    chunks = []
    for size in sizes:
        chunks.append(stream[:size])
        stream = stream[size:]
    return [*chunks, stream]


def read(reader: FrameReader, chunks: Iterable[bytes], offset: int = 0) -> list[Piece]:
    pieces: list[Piece] = []
    for chunk in chunks:
        pieces += reader.feed(chunk, offset)
        offset += len(chunk)
    left = reader.finish()
    return pieces if left is None else [*pieces, left]


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Opaque neighbours put together: how they are cut depends on the chunks."""
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if isinstance(piece, Opaque) and isinstance(last, Opaque) and not piece.reason:
            result[-1] = Opaque(last.offset, last.payload + piece.payload, last.reason)
        else:
            result.append(piece)
    return result


firsts = st.sampled_from([0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xC1, 0x41])
payloads = st.one_of(
    st.binary(max_size=125),
    st.sampled_from([b"", b'[3,"1",{}]', b"x" * 126, b"[" + b" " * 300 + b"]", bytes(65535), b"y" * 65536]),
)
frames = st.builds(
    lambda first, payload, key: encode(first, payload[:125] if first & 8 else payload, key),
    firsts,
    payloads,
    st.one_of(st.just(b""), st.binary(min_size=4, max_size=4)),
)
streams = st.lists(st.one_of(frames, frames, frames, st.binary(max_size=20)), max_size=8).map(b"".join)
client_streams = st.lists(
    st.builds(lambda first, payload: encode(first, payload[:125]), firsts, payloads), max_size=8
).map(b"".join)
sizes = st.lists(st.integers(0, 400), max_size=20)
directions = st.sampled_from(Direction)
deflates = st.sampled_from([None, Deflate()])


def assert_tiles(pieces: Iterable[Piece], stream: bytes, begin: int) -> None:
    end = begin
    rebuilt = b""
    for piece in pieces:
        assert piece.offset == end
        end += len(wire_of(piece))
        rebuilt += wire_of(piece)
    assert rebuilt == stream


@given(streams, sizes, directions, deflates)
def test_every_byte_comes_out_once_and_in_order(
    stream: bytes, sizes: list[int], direction: Direction, deflate: Deflate | None
) -> None:
    assert_tiles(read(FrameReader(direction, deflate), cut(stream, sizes), 1000), stream, 1000)


def read_without_room(
    reader: FrameReader, chunks: Iterable[bytes], offset: int, early: Iterable[bool]
) -> list[Piece]:
    """As `read`, but behind some chunks what waits is not held any longer."""
    pieces: list[Piece] = []
    for chunk, cuts in zip(chunks, itertools.chain(early, itertools.repeat(True)), strict=False):
        pieces += reader.feed(chunk, offset)
        offset += len(chunk)
        part = reader.cut_early() if cuts else None
        if part is not None:
            pieces.append(part)
            assert reader.cut_early() is None, "at once there is nothing more to cut"
    left = reader.finish()
    return pieces if left is None else [*pieces, left]


def put_together(pieces: Iterable[Piece]) -> list[Piece]:
    """Parts of a frame that ended, as that frame."""
    result: list[Piece] = []
    for piece in joined(pieces):
        if isinstance(piece, Part) and not piece.header:
            first = result[-1]
            assert isinstance(first, Part)
            result[-1] = replace(first, payload=first.payload + piece.payload, last=piece.last)
        else:
            result.append(piece)
    return [as_frame(piece) if isinstance(piece, Part) and piece.last else piece for piece in result]


def as_frame(part: Part) -> Frame:
    fields = msgspec.structs.asdict(part)
    return Frame(**{name: fields[name] for name in Frame.__struct_fields__})


early_cuts = st.lists(st.booleans(), max_size=20)


@given(st.one_of(streams, client_streams), sizes, early_cuts, directions, deflates)
def test_every_byte_comes_out_once_whenever_frames_are_cut_early(
    stream: bytes, sizes: list[int], early: list[bool], direction: Direction, deflate: Deflate | None
) -> None:
    reader = FrameReader(direction, deflate)
    assert_tiles(read_without_room(reader, cut(stream, sizes), 1000, early), stream, 1000)


@given(client_streams, sizes, early_cuts)
def test_a_frame_cut_early_is_the_same_frame_in_pieces(
    stream: bytes, sizes: list[int], early: list[bool]
) -> None:
    whole = read(FrameReader(CLIENT), [stream])
    pieces = read_without_room(FrameReader(CLIENT), cut(stream, sizes), 0, early)
    *ended, last = put_together(pieces) or [Opaque(0, b"")]
    assert ended == whole[: len(ended)], "but for the one that did not end"
    assert isinstance(last, Opaque) or [last] == whole[len(ended) :]


@given(client_streams, sizes, early_cuts, st.data())
def test_a_snapshot_of_a_reader_that_cuts_early_continues_alike(
    stream: bytes, sizes: list[int], early: list[bool], data: st.DataObject
) -> None:
    chunks = cut(stream, sizes)
    at = data.draw(st.integers(0, len(chunks)))
    original, offset = FrameReader(CLIENT), len(b"".join(chunks[:at]))
    fed = 0
    for chunk in chunks[:at]:
        original.feed(chunk, fed)
        original.cut_early()
        fed += len(chunk)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(original.snapshot()), type=FrameReaderState)
    restored = FrameReader.restore(CLIENT, None, state)
    assert restored.waiting == original.waiting
    assert read_without_room(restored, chunks[at:], offset, early) == read_without_room(
        original, chunks[at:], offset, early
    )


@pytest.mark.parametrize(
    ("size", "reason"),
    [(65_536, "no room to wait for its end"), (MAX_PART + 9, "frame over 1 MiB")],
)
@pytest.mark.parametrize("key", [b"", KEY])
def test_a_frame_without_room_comes_in_pieces_that_end_at_whole_keys(
    size: int, reason: str, key: bytes
) -> None:
    stream = encode(0x81, bytes(range(256)) * (size // 256 + 1), key)[:size]
    reader = FrameReader(CLIENT if key else SERVER)
    reader.feed(stream[:1023], 0)
    first = reader.cut_early()
    assert isinstance(first, Part)
    assert (len(first.payload) % 4, first.reason) == (0, reason)
    assert reader.waiting < 4


def test_a_control_frame_or_half_a_header_is_not_cut() -> None:
    for half in (encode(0x89, b"12345678")[:-1], encode(0x81, bytes(300))[:5], encode(0x81, bytes(9))[:9]):
        reader = FrameReader(CLIENT)
        reader.feed(half, 0)
        assert reader.cut_early() is None
        assert reader.waiting == len(half)


@given(st.lists(st.tuples(st.booleans(), streams, sizes), max_size=4), directions)
def test_across_holes_only_their_bytes_are_missing(
    runs: list[tuple[bool, bytes, list[int]]], direction: Direction
) -> None:
    reader = FrameReader(direction)
    pieces: list[Piece] = []
    offset = 0
    for hole, stream, sizes in runs:
        if hole:
            offset += 77
            reader.hole()
        for chunk in cut(stream, sizes):
            pieces += reader.feed(chunk, offset)
            offset += len(chunk)
    left = reader.finish()
    came_out = [*pieces, left] if left else pieces
    assert b"".join(map(wire_of, came_out)) == b"".join(stream for _, stream, _ in runs)
    assert all(a.offset + len(wire_of(a)) <= b.offset for a, b in itertools.pairwise(came_out))


@given(st.one_of(streams, client_streams), sizes, directions, deflates)
def test_segmentation_changes_nothing(
    stream: bytes, sizes: list[int], direction: Direction, deflate: Deflate | None
) -> None:
    whole = joined(read(FrameReader(direction, deflate), [stream]))
    assert joined(read(FrameReader(direction, deflate), cut(stream, sizes))) == whole
    if len(stream) < 2000:
        assert joined(read(FrameReader(direction, deflate), cut(stream, [1] * len(stream)))) == whole


@given(st.one_of(streams, client_streams), sizes, st.data(), directions)
def test_a_snapshot_taken_anywhere_continues_alike(
    stream: bytes, sizes: list[int], data: st.DataObject, direction: Direction
) -> None:
    chunks = cut(stream, sizes)
    at = data.draw(st.integers(0, len(chunks)))
    holes = data.draw(st.booleans())
    original = FrameReader(direction)
    offset = 0
    for chunk in chunks[:at]:
        original.feed(chunk, offset)
        offset += len(chunk)
    if holes:
        original.hole()
    saved = msgspec.msgpack.encode(original.snapshot())
    state = msgspec.msgpack.decode(saved, type=FrameReaderState)
    restored = FrameReader.restore(direction, None, state)
    assert read(restored, chunks[at:], offset) == read(original, chunks[at:], offset)


@pytest.mark.parametrize(
    ("wire", "direction", "frame"),
    [
        ("810548656c6c6f", SERVER, Frame(0, b"\x81\x05", 0, False, True, 0, 1, b"Hello")),
        ("818537fa213d7f9f4d5158", CLIENT, Frame(0, b"\x81\x85", 0x37FA213D, True, True, 0, 1, b"Hello")),
        ("010348656c", SERVER, Frame(0, b"\x01\x03", 0, False, False, 0, 1, b"Hel")),
        ("80026c6f", SERVER, Frame(0, b"\x80\x02", 0, False, True, 0, 0, b"lo")),
        ("890548656c6c6f", SERVER, Frame(0, b"\x89\x05", 0, False, True, 0, 9, b"Hello")),
        ("8a8537fa213d7f9f4d5158", CLIENT, Frame(0, b"\x8a\x85", 0x37FA213D, True, True, 0, 10, b"Hello")),
        ("8900", SERVER, Frame(0, b"\x89\x00", 0, False, True, 0, 9, b"")),
        ("880203e8", SERVER, Frame(0, b"\x88\x02", 0, False, True, 0, 8, b"\x03\xe8")),
    ],
)
def test_the_examples_of_rfc_6455_5_7(wire: str, direction: Direction, frame: Frame) -> None:
    assert FrameReader(direction).feed(bytes.fromhex(wire), 0) == [frame]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, MAX_PART])
@pytest.mark.parametrize("key", [b"", KEY])
def test_a_frame_of_up_to_1_mib_is_one_piece(size: int, key: bytes) -> None:
    payload = bytes(index & 255 for index in range(size))
    (piece,) = FrameReader(CLIENT if key else SERVER).feed(encode(0x81, payload, key), 5)
    assert isinstance(piece, Frame)
    assert (piece.offset, piece.payload) == (5, payload)


def test_many_frames_in_one_chunk() -> None:
    stream = encode(0x81, b"[1]") + encode(0x89, b"") + encode(0x01, b"a") + encode(0x80, b"b")
    pieces = FrameReader(CLIENT).feed(stream, 0)
    assert [wire_of(piece) for piece in pieces] == [stream[:9], stream[9:15], stream[15:22], stream[22:]]


@pytest.mark.parametrize("step", [65536, 400_000, 10_000_000])
@pytest.mark.parametrize("key", [b"", KEY])
def test_a_larger_frame_comes_in_parts_of_exactly_1_mib(step: int, key: bytes) -> None:
    payload = bytes(range(251)) * 12_540
    stream = encode(0x02, payload, key) + encode(0x89, b"!", key)
    chunks = [stream[at : at + step] for at in range(0, len(stream), step)]
    *parts, ping = read(FrameReader(CLIENT if key else SERVER), chunks)
    assert [len(part.payload) for part in parts] == [
        MAX_PART,
        MAX_PART,
        MAX_PART,
        len(payload) - 3 * MAX_PART,
    ]
    assert all(isinstance(part, Part) and part.last is (part is parts[-1]) for part in parts)
    assert b"".join(part.payload for part in parts) == payload
    assert b"".join(map(wire_of, [*parts, ping])) == stream
    assert isinstance(ping, Frame)


def test_parts_restored_in_the_middle() -> None:
    stream = encode(0x82, bytes(MAX_PART + 99))
    original = FrameReader(CLIENT)
    first = original.feed(stream[:-40], 0)
    restored = FrameReader.restore(CLIENT, None, original.snapshot())
    last = restored.feed(stream[-40:], len(stream) - 40)
    assert b"".join(map(wire_of, first + last)) == stream
    assert restored.finish() is None


def test_a_frame_that_follows_parts_is_not_taken_for_their_rest() -> None:
    announced = b"\x82\x7f" + (3 * MAX_PART).to_bytes(8, "big") + bytes(MAX_PART)
    reader = FrameReader(SERVER)
    reader.feed(announced, 0)
    assert reader.feed(b"\x81\x02[]", len(announced)) == []
    assert reader.finish() == Opaque(len(announced), b"\x81\x02[]", "cut by the end of the stream")


def test_one_announced_gibibyte_is_never_held() -> None:
    reader = FrameReader(SERVER)
    reader.feed(b"\x82\x7f" + (1 << 30).to_bytes(8, "big"), 0)
    most = 0
    for index in range(40):
        reader.feed(bytes(65536), 10 + index * 65536)
        most = max(most, len(reader.snapshot().held))
    assert most <= MAX_PART + 14


def test_byte_by_byte_a_large_frame_is_held_but_not_copied() -> None:
    stream = encode(0x81, b"[" + b" " * 200_000 + b"]")
    (frame,) = read(FrameReader(CLIENT), [stream[at : at + 1] for at in range(len(stream))])
    assert wire_of(frame) == stream


@pytest.mark.parametrize("tail", [b"", b"\x81", b"more bytes", b"\x81\x02[]"])
def test_after_a_violation_the_direction_is_opaque_for_good(tail: bytes) -> None:
    reader = FrameReader(SERVER)
    pieces = reader.feed(b"\x81\x02[]" + b"\x83\x00" + tail, 0)
    assert pieces[1:] == [Opaque(4, b"\x83\x00" + tail, "reserved opcode")]
    end = 6 + len(tail)
    reader.hole()
    assert reader.feed(b"\x81\x02[]", end) == [Opaque(end, b"\x81\x02[]")]
    assert reader.feed(b"", end + 4) == []
    assert reader.finish() is None


@pytest.mark.parametrize("stream", [b"\x81\x7e\x00\x02[]", b"\x81\x7f" + bytes(7) + b"\x02[]"])
def test_a_longer_form_of_a_length_is_a_violation(stream: bytes) -> None:
    assert FrameReader(SERVER).feed(stream, 0) == [Opaque(0, stream, "length not in its shortest form")]


@pytest.mark.parametrize("key", [b"", KEY])
@pytest.mark.parametrize("first", [0x81, 0x01, 0x89, 0x83])
@pytest.mark.parametrize("size", [0, 2, 126, 65536])
def test_a_chunk_may_end_anywhere_in_a_header(first: int, size: int, key: bytes) -> None:
    stream = encode(first, bytes(size), key)
    direction = CLIENT if key else SERVER
    whole = joined(read(FrameReader(direction), [stream]))
    for at in range(min(len(stream), 16)):
        assert joined(read(FrameReader(direction), [stream[:at], stream[at:]])) == whole


@pytest.mark.parametrize("key", [b"", KEY])
def test_a_long_control_frame_in_one_chunk_is_a_violation(key: bytes) -> None:
    stream = encode(0x89, bytes(126), key)
    (piece,) = FrameReader(CLIENT if key else SERVER).feed(stream, 0)
    assert piece == Opaque(0, stream, "control frame over 125 bytes")


def test_a_2_63_length_is_a_violation() -> None:
    stream = b"\x82\x7f\x80" + bytes(7)
    assert FrameReader(SERVER).feed(stream, 0) == [Opaque(0, stream, "length of 2^63 or more")]


def test_what_waits_at_the_end_is_the_tail() -> None:
    reader = FrameReader(CLIENT)
    assert reader.feed(b"\x81\x85\x37\xfa", 7) == []
    assert reader.finish() == Opaque(7, b"\x81\x85\x37\xfa", "cut by the end of the stream")
    assert reader.finish() is None


def test_control_frames_between_fragments_come_in_their_place() -> None:
    stream = encode(0x01, b"[") + encode(0x89, b"?") + encode(0x80, b"]")
    pieces = read(FrameReader(CLIENT), cut(stream, [3, 3, 3, 3, 3]))
    assert [piece.payload for piece in pieces] == [b"[", b"?", b"]"]
