"""What passed while nothing was journalled: the exact ranges each connection missed, to be said as soon as possible.

A direction without a GAP missed nothing. Bounded: what is open is bounded by the relay; of connections that came and
went at most MAX_UNSEEN are kept, without their heads and while all kept payloads stay below KEPT_BYTES; the rest is
a count of connections and bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from proxy.journal.format import MISSED, UNSEEN, Kind, Record
from proxy.names import DIRECTIONS

MAX_UNSEEN: Final = 10_000
KEPT_BYTES: Final = 16 * 1024**2
_RECORD_COST: Final = 64
"""A record's share in the size of a group, beside its payload."""


class Encoders(msgspec.Struct, frozen=True):
    """Payloads the journal itself makes; given by the relay, for payloads are opaque here."""

    missed: Callable[[str, int, int, int], bytes]
    """(reason, until, since_at, connections) -> payload of a GAP"""
    abridged: Callable[[bytes], bytes]
    """payload of an OPEN -> the same without its heads"""


class _Range(msgspec.Struct):
    offset: int
    until: int
    since_at: int


class _Lost(msgspec.Struct):
    """One connection's losses. `opened`, `closed`: the payload, where that record was missed."""

    opened: bytes | None = None
    closed: bytes | None = None
    ranges: dict[int, _Range] = {}

    @property
    def bytes(self) -> int:
        return sum(lost.until - lost.offset for lost in self.ranges.values())

    @property
    def kept(self) -> int:
        return len(self.opened or b"") + len(self.closed or b"")


class Missing:
    def __init__(self, encoders: Encoders) -> None:
        self._encoders = encoders
        self._lost: dict[int, _Lost] = {}
        self._came_and_went = 0
        self._kept_bytes = 0
        self._unseen = 0
        self._unseen_bytes = 0
        self._unseen_since = 0

    def __bool__(self) -> bool:
        return bool(self._lost or self._unseen)

    def note(self, records: Iterable[Record], at: int) -> int:
        """Remember that these were not journalled; returns their DATA bytes."""
        missed = 0
        for kind, flags, connection, offset, payload in records:
            if kind == Kind.DATA:
                missed += len(payload)
                self._data(connection, flags, offset, offset + len(payload), at)
            elif kind == Kind.OPEN:
                self._opened(connection, payload)
            elif kind == Kind.CLOSE:
                self._closed(connection, payload, at)
            elif kind == Kind.REFUSED:
                self._count_unseen(0, at)
        return missed

    def _of(self, connection: int) -> _Lost:
        lost = self._lost.get(connection)
        if lost is None:
            lost = self._lost[connection] = _Lost()
        return lost

    def _data(self, connection: int, direction: int, offset: int, until: int, at: int) -> None:
        ranges = self._of(connection).ranges
        known = ranges.get(direction)
        if known is None:
            ranges[direction] = _Range(offset, until, at)
        else:
            known.until = until

    def _opened(self, connection: int, payload: bytes) -> None:
        if self._kept_bytes + len(payload) > KEPT_BYTES:
            payload = self._encoders.abridged(payload)
        lost = self._of(connection)
        lost.opened = payload
        self._kept_bytes += len(payload)

    def _closed(self, connection: int, payload: bytes, at: int) -> None:
        lost = self._of(connection)
        self._kept_bytes -= lost.kept
        lost.closed = payload
        if lost.opened is not None:
            lost.opened = self._encoders.abridged(lost.opened)
            self._came_and_went += 1
            if self._came_and_went > MAX_UNSEEN or self._kept_bytes + lost.kept > KEPT_BYTES:
                self._came_and_went -= 1
                self._count_unseen(lost.bytes, at)
                del self._lost[connection]
                return
        self._kept_bytes += lost.kept

    def _count_unseen(self, missed_bytes: int, at: int) -> None:
        self._unseen_since = self._unseen_since or at
        self._unseen += 1
        self._unseen_bytes += missed_bytes

    def group(self, limit_bytes: int, cause: str) -> tuple[list[Record], list[int]]:
        """Records that say what some connections missed, and these connections: whole ones, until the limit."""
        records: list[Record] = []
        connections: list[int] = []
        size = 0
        for connection, lost in self._lost.items():
            said = self._said(connection, lost, cause)
            size += sum(_RECORD_COST + len(record[4]) for record in said)
            if connections and size > limit_bytes:
                break
            records += said
            connections.append(connection)
        return records, connections

    def _said(self, connection: int, lost: _Lost, cause: str) -> list[Record]:
        said: list[Record] = []
        if lost.opened is not None:
            said.append((Kind.OPEN, 0, connection, 0, lost.opened))
        for direction in DIRECTIONS:
            hole = lost.ranges.get(direction)
            if hole is not None:
                gap = self._encoders.missed(f"{MISSED}: {cause}", hole.until, hole.since_at, 0)
                said.append((Kind.GAP, direction, connection, hole.offset, gap))
        if lost.closed is not None:
            said.append((Kind.CLOSE, 0, connection, 0, lost.closed))
        return said

    def unseen(self, cause: str) -> list[Record]:
        """The count of those that are not listed: a GAP of the worker, its bytes as 0..until."""
        if not self._unseen:
            return []
        gap = self._encoders.missed(
            f"{UNSEEN}: {cause}", self._unseen_bytes, self._unseen_since, self._unseen
        )
        return [(Kind.GAP, 0, 0, 0, gap)]

    def forget(self, connections: Sequence[int]) -> None:
        """These are in the journal now."""
        for connection in connections:
            lost = self._lost.pop(connection)
            self._kept_bytes -= lost.kept
            self._came_and_went -= lost.opened is not None and lost.closed is not None

    def forget_unseen(self) -> None:
        self._unseen = self._unseen_bytes = self._unseen_since = 0
