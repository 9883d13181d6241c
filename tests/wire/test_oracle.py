"""Against `websockets` as an independent judge: what it writes we read, what it reads we read alike."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader

from proxy.heads.extensions import Deflate
from proxy.names import Direction
from proxy.wire.frames import Frame, FrameReader, Opaque, wire_bytes
from proxy.wire.messages import Assembled, MessageReader

T = TypeVar("T")
FLAGS = (False, True)


def result_of(step: Generator[None, None, T]) -> T:
    try:
        next(step)
    except StopIteration as end:
        value: T = end.value
        return value
    raise EOFError


def their_frames(stream: bytes, masked: bool) -> list[tuple[int, bytes, bool]]:
    """What `websockets` reads before the first violation or the end."""
    reader = StreamReader()
    reader.feed_data(stream)
    reader.feed_eof()
    frames = []
    try:
        while True:
            frame = result_of(TheirFrame.parse(reader.read_exact, mask=masked, max_size=1 << 20))
            frames.append((int(frame.opcode), bytes(frame.data), frame.fin))
    except (EOFError, ProtocolError, PayloadTooBig):
        return frames


def our_frames(stream: bytes, direction: Direction) -> list[tuple[int, bytes, bool]]:
    pieces = FrameReader(direction).feed(stream, 0)
    return [(one.opcode, one.payload, one.fin) for one in pieces if isinstance(one, Frame)]


def sent(frames: list[TheirFrame], direction: Direction, deflate: PerMessageDeflate | None = None) -> bytes:
    masked = direction is Direction.FROM_CHARGE_POINT
    return b"".join(one.serialize(mask=masked, extensions=[deflate] if deflate else []) for one in frames)


def fragments(text: bytes, count: int) -> list[TheirFrame]:
    """`text` as a message of `count` frames with a ping before the last one."""
    size = len(text) // count + 1
    pieces = [text[at : at + size] for at in range(0, size * count, size)]
    opcodes = [Opcode.TEXT, *[Opcode.CONT] * (count - 1)]
    frames = [
        TheirFrame(opcode, piece, fin=number == count - 1)
        for number, (opcode, piece) in enumerate(zip(opcodes, pieces, strict=True))
    ]
    return [*frames[:-1], TheirFrame(Opcode.PING, b"?"), frames[-1]]


def messages_of(stream: bytes, direction: Direction, deflate: Deflate | None, step: int) -> list[Assembled]:
    reader, messages = FrameReader(direction, deflate), MessageReader(direction, deflate)
    said = []
    for at in range(0, len(stream), step):
        for piece in reader.feed(stream[at : at + step], at):
            assert isinstance(piece, Frame)
            said.append(messages.frame(piece))
    return [message for message in said if message is not None]


contents = st.one_of(st.binary(max_size=80), st.sampled_from([b"[]" * 70, b"x" * 70_000]))
valid = st.one_of(
    st.builds(lambda data, fin: TheirFrame(Opcode.TEXT, data, fin), contents, st.booleans()),
    st.builds(lambda data, fin: TheirFrame(Opcode.CONT, data, fin), contents, st.booleans()),
    st.builds(
        lambda code, data: TheirFrame(code, data),
        st.sampled_from([Opcode.PING, Opcode.PONG, Opcode.CLOSE]),
        st.binary(max_size=125),
    ),
)


@given(st.lists(valid, max_size=6), st.sampled_from(Direction))
def test_valid_frames_are_read_alike_and_given_back(frames: list[TheirFrame], direction: Direction) -> None:
    stream = sent(frames, direction)
    assert our_frames(stream, direction) == [(int(one.opcode), bytes(one.data), one.fin) for one in frames]
    pieces = FrameReader(direction).feed(stream, 0)
    again = [
        wire_bytes(one.header, one.mask, one.masked, one.payload) for one in pieces if isinstance(one, Frame)
    ]
    assert b"".join(again) == stream


@given(st.lists(valid, min_size=1, max_size=4), st.sampled_from(Direction), st.data())
def test_damaged_frames_are_read_alike_until_our_first_violation(
    frames: list[TheirFrame], direction: Direction, data: st.DataObject
) -> None:
    stream = bytearray(sent(frames, direction))
    stream[data.draw(st.integers(0, min(len(stream) - 1, 20)))] ^= 1 << data.draw(st.integers(0, 7))
    theirs = their_frames(bytes(stream), direction is Direction.FROM_CHARGE_POINT)
    ours = our_frames(bytes(stream), direction)
    assert ours == theirs[: len(ours)]
    if len(ours) < len(theirs):  # they read longer forms of a length, we call that a violation (RFC 6455 5.2)
        last = FrameReader(direction).feed(bytes(stream), 0)[-1]
        assert isinstance(last, Opaque)
        assert last.reason == "length not in its shortest form"


@pytest.mark.parametrize(
    ("direction", "client_reset", "server_reset", "bits"),
    list(itertools.product(Direction, FLAGS, FLAGS, (9, 12, 15))),
)
def test_their_compression_with_each_parameter(
    direction: Direction, client_reset: bool, server_reset: bool, bits: int
) -> None:
    if direction is Direction.FROM_CHARGE_POINT:
        theirs = PerMessageDeflate(server_reset, client_reset, 15, bits)
        ours = Deflate(client_reset, server_reset, bits, 15)
    else:
        theirs = PerMessageDeflate(client_reset, server_reset, 15, bits)
        ours = Deflate(client_reset, server_reset, 15, bits)
    texts = [b'[2,"%d","MeterValues",{"value":"%d"}]' % (n, n * n) * (1 + n % 5 * 40) for n in range(20)]
    stream = b"".join(sent(fragments(text, 1 + n % 4), direction, theirs) for n, text in enumerate(texts))
    for step in (7, 1000, len(stream)):
        said = messages_of(stream, direction, ours, step)
        assert [message.text for message in said] == texts
        assert all(message.compressed and not message.problem for message in said)


@pytest.mark.parametrize("reset", FLAGS)
def test_a_hole_in_their_compressed_stream(reset: bool) -> None:
    theirs = PerMessageDeflate(False, reset, 15, 15)
    ours = Deflate(client_no_context_takeover=reset)
    first, second, third = (
        sent([TheirFrame(Opcode.TEXT, b"[%d]" % number * 9)], Direction.FROM_CHARGE_POINT, theirs)
        for number in range(3)
    )
    ping = sent([TheirFrame(Opcode.PING, b"")], Direction.FROM_CHARGE_POINT)
    reader = FrameReader(Direction.FROM_CHARGE_POINT, ours)
    messages = MessageReader(Direction.FROM_CHARGE_POINT, ours)
    reader.feed(first, 0)
    reader.hole()
    messages.hole()
    *_, last = reader.feed(ping + third, len(first + second))
    assert isinstance(last, Frame)
    said = messages.frame(last)
    assert said is not None
    assert (said.text, said.problem) == ((b"[2]" * 9, "") if reset else (b"", "compression lost"))
