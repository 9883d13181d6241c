"""One direction's data frames put together to messages (RFC 6455 5.4), inflated, and checked as UTF-8 (8.1).

One call per data frame; a message comes out with its last frame. Nothing raises: what breaks the rules is a
message with a `problem`. At most 1 MiB of payload or 1,000 fragments are held; a longer message is reported
once, as "too long", and its rest passes unread. Control frames between fragments are not handed in.
"""

from __future__ import annotations

import enum
from typing import Final, cast

import msgspec

from proxy.heads.extensions import Deflate
from proxy.names import MAX_PART, Direction
from proxy.wire.frames import Frame, Part
from proxy.wire.header import CONTINUATION, DATA_OPCODES, TEXT
from proxy.wire.inflate import Inflater, InflaterState, Lost, Takeover

MOST_FRAGMENTS: Final = 1000
RSV1: Final = 4

TOO_LONG: Final = "too long"
COMPRESSION_LOST: Final = "compression lost"
INVALID_UTF8: Final = "invalid utf-8"
NO_START: Final = "continuation without start"
START_INSIDE: Final = "start inside message"


class Assembled(msgspec.Struct, frozen=True, gc=False):
    """A message, or what is known of one. `size` counts all of it, `text` is empty when it was not read.

    `problem`: "", or one of the five above. A message that came where another was still open carries
    "start inside message"; the other one is dropped.
    """

    opcode: int
    text: bytes
    compressed: bool
    fragments: int
    truncated: bool
    size: int
    problem: str


class Mode(enum.IntEnum):
    """Where the direction stands between two frames."""

    BETWEEN = 1
    OPEN = 2
    TOO_LONG = 3
    UNKNOWN = 4
    """After a hole, or after a continuation without start: an unread message may be under way."""


class MessageReaderState(msgspec.Struct, frozen=True):
    """Everything a MessageReader knows. `payload` is the reader's own: encode it before the next frame."""

    mode: Mode
    opcode: int
    compressed: bool
    payload: bytes
    fragments: int
    problem: str
    inflater: InflaterState | None


def _compression(direction: Direction, deflate: Deflate) -> tuple[int, Takeover]:
    """Each end's parameters describe what that end sends (RFC 7692 7.1)."""
    if direction is Direction.FROM_CHARGE_POINT:
        bits, reset = deflate.client_max_window_bits, deflate.client_no_context_takeover
    else:
        bits, reset = deflate.server_max_window_bits, deflate.server_no_context_takeover
    return bits, Takeover.NONE if reset else Takeover.CONTEXT


def _utf8_problem(opcode: int, text: bytes) -> str:
    if opcode != TEXT or text.isascii():
        return ""
    try:
        text.decode()
    except UnicodeDecodeError:
        return INVALID_UTF8
    return ""


class MessageReader:
    """Hand it one direction's Frames and Parts in order, and tell it of holes."""

    __slots__ = ("_compressed", "_fragments", "_inflater", "_mode", "_opcode", "_payload", "_problem")

    def __init__(self, direction: Direction, deflate: Deflate | None = None) -> None:
        self._inflater = None if deflate is None else Inflater(*_compression(direction, deflate))
        self._mode = Mode.BETWEEN
        self._problem = ""  # of the message that is open or comes next
        self._opcode = 0
        self._compressed = False
        self._payload = bytearray()
        self._fragments = 0

    @property
    def open(self) -> bool:
        """Is a fragmented message under way that will come out?"""
        return self._mode is Mode.OPEN

    @property
    def between(self) -> bool:
        """Is nothing under way, seen or unseen? Then a whole plain text message needs no `frame`."""
        return self._mode is Mode.BETWEEN

    @property
    def waiting(self) -> int:
        """Bytes of payload held of the open message."""
        return len(self._payload)

    def frame(self, frame: Frame) -> Assembled | None:
        """The message that this data frame completes, or breaks."""
        if frame.opcode == CONTINUATION:
            return self._continue(frame)
        if frame.opcode not in DATA_OPCODES:
            return None
        if self._mode is not Mode.BETWEEN:
            self._interrupt()
        if frame.fin:
            return self._complete(frame.opcode, frame.payload, bool(frame.rsv & RSV1), 1)
        self._begin(frame)
        self._grow(frame)
        return None

    def part(self, part: Part) -> Assembled | None:
        """A piece of a frame nobody puts together: its message is too long. Only the first piece says something.

        No other frame can come between the pieces of one, so that the first piece settles the message.
        """
        if not part.header:
            return None
        said = self._first_part(part)
        if part.fin:
            self._mode = Mode.BETWEEN
        return said

    def give_up(self) -> None:
        """The open message will not be read: too much waits for it."""
        if self._mode is Mode.OPEN:
            self._too_long()

    def hole(self) -> None:
        """Frames were lost here: what is open is dropped, what comes next may be an unseen message's rest."""
        self._drop()
        self._mode = Mode.UNKNOWN
        self._problem = ""
        if self._inflater is not None:
            self._inflater.lost("bytes are missing")

    def snapshot(self) -> MessageReaderState:
        inflater = None if self._inflater is None else self._inflater.snapshot()
        return MessageReaderState(
            self._mode,
            self._opcode,
            self._compressed,
            cast(bytes, self._payload),  # MessagePack knows no difference
            self._fragments,
            self._problem,
            inflater,
        )

    @classmethod
    def restore(
        cls, direction: Direction, deflate: Deflate | None, state: MessageReaderState
    ) -> MessageReader:
        reader = cls(direction, deflate)
        reader._mode = state.mode
        reader._opcode = state.opcode
        reader._compressed = state.compressed
        reader._payload += state.payload
        reader._fragments = state.fragments
        reader._problem = state.problem
        if deflate is not None and state.inflater is not None:
            reader._inflater = Inflater.restore(*_compression(direction, deflate), state.inflater)
        return reader

    def _begin(self, frame: Frame | Part) -> None:
        self._mode = Mode.OPEN
        self._opcode = frame.opcode
        self._compressed = bool(frame.rsv & RSV1)

    def _grow(self, frame: Frame | Part) -> None:
        self._payload += frame.payload
        self._fragments += 1

    def _drop(self) -> None:
        """Forget the message that is open. The next one's compression may build on it."""
        if self._compressed and self._inflater is not None:
            self._inflater.lost("a compressed message was not read")
        self._clear()

    def _clear(self) -> None:
        self._opcode = 0
        self._compressed = False
        self._payload.clear()
        self._fragments = 0

    def _interrupt(self) -> None:
        """A message starts where one may be under way: a violation, but for a hole (RFC 6455 5.4)."""
        if self._mode is not Mode.UNKNOWN:
            self._problem = START_INSIDE
        self._drop()
        self._mode = Mode.BETWEEN

    def _continue(self, frame: Frame) -> Assembled | None:
        if self._mode is Mode.OPEN:
            return self._next_fragment(frame)
        said = self._without_start(frame) if self._mode is Mode.BETWEEN else None
        self._mode = Mode.BETWEEN if frame.fin else self._mode
        return said

    def _without_start(self, frame: Frame | Part) -> Assembled:
        self._mode = Mode.UNKNOWN
        size = len(frame.payload)
        return Assembled(CONTINUATION, frame.payload, False, 1, False, size, NO_START)

    def _next_fragment(self, frame: Frame) -> Assembled | None:
        self._grow(frame)
        if len(self._payload) > MAX_PART or self._fragments > MOST_FRAGMENTS:
            said = self._too_long()
            self._mode = Mode.BETWEEN if frame.fin else Mode.TOO_LONG
            return said
        if not frame.fin:
            return None
        opcode, payload, compressed = self._opcode, bytes(self._payload), self._compressed
        fragments = self._fragments
        self._clear()
        self._mode = Mode.BETWEEN
        return self._complete(opcode, payload, compressed, fragments)

    def _first_part(self, part: Part) -> Assembled | None:
        if part.opcode != CONTINUATION:
            if self._mode is not Mode.BETWEEN:
                self._interrupt()
            self._begin(part)
        if self._mode is Mode.OPEN:
            self._grow(part)
            return self._too_long()
        return self._without_start(part) if self._mode is Mode.BETWEEN else None

    def _too_long(self) -> Assembled:
        """Give up the open message."""
        size = len(self._payload)
        said = Assembled(self._opcode, b"", self._compressed, self._fragments, True, size, TOO_LONG)
        self._drop()
        self._mode = Mode.TOO_LONG
        self._problem = ""
        return said

    def _complete(self, opcode: int, payload: bytes, compressed: bool, fragments: int) -> Assembled:
        problem, self._problem = self._problem, ""
        if compressed:
            return self._inflated(opcode, payload, fragments, problem)
        problem = problem or _utf8_problem(opcode, payload)
        return Assembled(opcode, payload, False, fragments, False, len(payload), problem)

    def _inflated(self, opcode: int, payload: bytes, fragments: int, problem: str) -> Assembled:
        outcome = Lost("") if self._inflater is None else self._inflater.message(payload)
        if isinstance(outcome, Lost):
            return Assembled(opcode, b"", True, fragments, False, 0, COMPRESSION_LOST)
        if not outcome.truncated:  # a cut text may end inside a character
            problem = problem or _utf8_problem(opcode, outcome.text)
        return Assembled(opcode, outcome.text, True, fragments, outcome.truncated, outcome.size, problem)
