"""Rows of one session, and of several, in the order of time. Pure.

A session begins with its `connections` row and ends with `Ended`, if it ended. At one moment its frames come first:
what follows from them stands behind them. Of several sessions only those are read that have begun and not ended.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

import msgspec

from proxy.forensics.export.material import Material, OtherRow
from proxy.forensics.tape import Frame, Head

CLOSED: Final = "closed"


class Ended(msgspec.Struct, frozen=True, gc=False):
    """The session's last word. `at`: microseconds UTC."""

    at: int


Row = Frame | OtherRow | Ended
Line = tuple[Row, Head]


def in_order(material: Material) -> Iterator[Row]:
    """All of a session."""
    others = iter(material.others)
    other = next(others, None)
    if other is not None:
        yield other
        other = next(others, None)
    for frame in material.frames:
        while other is not None and other.at < frame.at:
            yield other
            other = next(others, None)
        yield frame
    while other is not None:
        yield other
        other = next(others, None)
    if material.head.state == CLOSED:
        yield Ended(material.head.last_at)


class _Open(msgspec.Struct):
    """A session that has begun: its next row."""

    row: Row
    head: Head
    rest: Iterator[Row]


class _Side:
    """Sessions side by side: the one whose next row is the oldest first."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str, int, _Open]] = []
        self._begun = 0

    @property
    def at(self) -> int | None:
        """When the next row was; None: no session is open."""
        return self._open[0][0] if self._open else None

    @property
    def is_one(self) -> bool:
        return len(self._open) == 1

    def begin(self, material: Material) -> None:
        rows = in_order(material)
        row = next(rows, None)
        if row is not None:
            self._begun += 1
            opened = _Open(row, material.head, rows)
            heapq.heappush(self._open, (row.at, material.head.original_id, self._begun, opened))

    def take(self) -> Line:
        _, name, number, first = self._open[0]
        line = first.row, first.head
        row = next(first.rest, None)
        if row is None:
            heapq.heappop(self._open)
        else:
            first.row = row
            heapq.heapreplace(self._open, (row.at, name, number, first))
        return line

    def alone(self, until: int | None) -> Iterator[Line]:
        """The only session's rows while no other begins: hot."""
        _, name, number, only = self._open.pop()
        head = only.head
        yield only.row, head
        for row in only.rest:
            if until is not None and row.at >= until:
                only.row = row
                self._open.append((row.at, name, number, only))
                return
            yield row, head


def merged(materials: Iterable[Material]) -> Iterator[Line]:
    """Of all sessions, which come in the order in which they began."""
    coming = iter(materials)
    later = next(coming, None)
    side = _Side()
    while later is not None or side.at is not None:
        if later is not None and (side.at is None or later.head.at <= side.at):
            side.begin(later)
            later = next(coming, None)
        elif side.is_one:
            yield from side.alone(None if later is None else later.head.at)
        else:
            yield side.take()


T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time."""
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
