"""One direction of one connection: bytes in, pieces of the stream out, in order, each in a chained row.

The rows of a lane tile its byte stream (the bytes after the heads) without hole or overlap, except where a
`gaps` row says so. Rows of a fragmented message, and whatever follows them in this direction, are held until the
message is complete, because only then is it known whether a secret is in it. A message over 1 MiB or 1,000 fragments,
or one between whose fragments so many control frames stand that 2,000 rows wait, is given up unread. So is what waits
when it is too much in all lanes together (`budget.py`). What is never read is searched for secrets (`watch.py`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.heads.extensions import Deflate
from proxy.names import Direction
from proxy.pipeline.chain import Chain, keyed_digest
from proxy.pipeline.rows import Held
from proxy.pipeline.watch import Watch, WatchState, settled
from proxy.wire.frames import FrameReader, FrameReaderState, Opaque, Piece, wire_bytes, wire_size
from proxy.wire.messages import MessageReader, MessageReaderState

MOST_HELD_ROWS: Final = 2_000
_ROW_BYTES: Final = 400
"""What a row that waits takes beside its payload."""


class LaneState(msgspec.Struct, frozen=True):
    """Everything a lane knows, for the checkpoint."""

    reader: FrameReaderState
    messages: MessageReaderState
    chain: Chain
    expected: int
    frames: int
    unknown: bool
    held: list[Held]
    watch: WatchState


class Lane:
    """The caller feeds bytes and hands the finished rows on; see `Connection`."""

    __slots__ = (
        "_chunk_at",
        "chain",
        "chunk",
        "direction",
        "expected",
        "frames",
        "held",
        "held_bytes",
        "messages",
        "noted",
        "reader",
        "unknown",
        "watch",
    )

    def __init__(self, direction: Direction, deflate: Deflate | None, link: bytes) -> None:
        self.direction = direction
        self.reader = FrameReader(direction, deflate)
        self.messages = MessageReader(direction, deflate)
        self.chain = Chain(link)
        self.watch = Watch(direction, deflate is not None)
        self.expected = 0
        self.frames = 0
        self.unknown = False
        self.held: list[Held] = []
        self.held_bytes = 0
        self.noted = 0  # of `waiting`, in the budget
        self.chunk = b""
        self._chunk_at = 0

    def feed(self, chunk: bytes) -> list[Piece]:
        """The stream's next bytes; the pieces they complete. Empty `chunk` when these are rows."""
        start = self._chunk_at = self.expected
        self.chunk = chunk
        self.expected = start + len(chunk)
        return self.reader.feed(chunk, start)

    def hole(self, until: int) -> None:
        """Bytes up to stream offset `until` are missing: look for footing, believe nothing learnt before."""
        self.expected = until
        self.reader.hole()
        self.messages.hole()

    def holds(self, row: Held) -> bool:
        """Queue the row; True: it has to wait for the end of a message. If too many wait the message is given up."""
        self.held.append(row)
        self.held_bytes += _bytes_of(row)
        if len(self.held) >= MOST_HELD_ROWS:
            self.messages.give_up()
        return self.messages.open

    def settle(self, redacted: int) -> None:
        """The message whose rows wait was read: does it hold a secret?"""
        self.held = settled(self.held, redacted)

    def release(self) -> list[Held]:
        """The rows that waited, oldest first; none waits any longer."""
        held, self.held = self.held, []
        self.held_bytes = 0
        return self.watch.judged(held)

    @property
    def waiting(self) -> int:
        """Bytes of memory that what has no end yet takes: a piece of a frame, rows, the message they are."""
        return self.reader.waiting + self.messages.waiting + self.held_bytes

    def bind(self, piece: Piece) -> bytes:
        """Add a row with `piece`'s wire bytes to the chain; the row's link."""
        return self.chain.add(self.wire(piece))

    def digest(self, piece: Piece, key: bytes) -> bytes:
        """What a masked row binds to the chain in place of its wire bytes."""
        return keyed_digest(key, self.wire(piece))

    def wire(self, piece: Piece) -> bytes:
        """A piece's wire bytes: out of the chunk in hand, else masked anew (twice the time)."""
        if isinstance(piece, Opaque):
            return piece.payload
        at = piece.offset - self._chunk_at
        if at < 0 or not self.chunk:
            return wire_bytes(piece.header, piece.mask, piece.masked, piece.payload)
        size = wire_size(piece.header, piece.masked, piece.payload)
        return self.chunk if size == len(self.chunk) else self.chunk[at : at + size]

    @property
    def waits(self) -> bool:
        """Must a new row wait, for the end of a message or behind rows that do?"""
        return bool(self.held) or self.messages.open

    def state(self) -> LaneState:
        return LaneState(
            self.reader.snapshot(),
            self.messages.snapshot(),
            self.chain,
            self.expected,
            self.frames,
            self.unknown,
            self.held,
            self.watch.state(),
        )

    @classmethod
    def restore(cls, direction: Direction, deflate: Deflate | None, state: LaneState) -> Lane:
        lane = cls(direction, deflate, state.chain.link)
        lane.reader = FrameReader.restore(direction, deflate, state.reader)
        lane.messages = MessageReader.restore(direction, deflate, state.messages)
        lane.chain = state.chain
        lane.expected = state.expected
        lane.frames = state.frames
        lane.unknown = state.unknown
        lane.held = state.held
        lane.held_bytes = sum(map(_bytes_of, state.held))
        lane.watch = Watch.restore(direction, deflate is not None, state.watch)
        return lane


def _bytes_of(row: Held) -> int:
    return _ROW_BYTES + len(row.piece.payload) + len(row.meaning.text)
