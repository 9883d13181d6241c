"""Rows put back into the order of their streams: what a stream is rebuilt from, and where something is missing. Pure.

Rows come in the order of time; where the wall clock was set back that is not the order in which bytes passed. A row
that stands behind bytes that have not come yet waits for them, unless a gap says that they never will. What waits is
bounded: the oldest goes on, and the bytes before it count as missing. Knows nothing of formats.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from proxy.forensics.export.material import OtherRow
from proxy.forensics.stream import payload_length
from proxy.forensics.tape import FRAME, Frame
from proxy.names import DIRECTIONS, Direction
from proxy.wire.frames import wire_bytes, wire_size
from proxy.wire.header import KEY_SIZE

MOST_ROWS: Final = 20_000
MOST_BYTES: Final = 8 << 20
"""Of one session, what waits."""
MOST_GAPS: Final = 100_000
"""Of one session, what is known beforehand; what more there are is noticed where rows are missing."""
UNEXPLAINED: Final = "no gap says why"
BEFORE: Final = "before the first row that is there"
_LABELS: Final = {direction.label: direction for direction in DIRECTIONS}


class Gap(msgspec.Struct, frozen=True, gc=False):
    """Bytes up to stream offset `until` are not there. `why`: its kind, and the reason."""

    until: int
    why: str


Gaps = dict[tuple[Direction, int], Gap]
"""By direction and first byte."""


class Tile(msgspec.Struct, frozen=True, gc=False):
    """A row in its place. `missing`: so many bytes before it are not there, `why`, from stream offset `since` on.

    `overlaps`: what it stands for has come already, in part or in full.
    """

    frame: Frame
    since: int
    missing: int = 0
    why: str = ""
    overlaps: bool = False


def wire_of(frame: Frame) -> bytes:
    """Its bytes on the wire; of a masked row, those that would be there with what is stored of it."""
    return wire_bytes(frame.header, frame.mask, bool(frame.masked), frame.payload)


def size_of(frame: Frame) -> int:
    """How many bytes it was on the wire, masked or not."""
    if frame.redacted and frame.kind == FRAME:
        key = KEY_SIZE if frame.masked else 0
        return len(frame.header) + key + payload_length(frame.header)
    return wire_size(frame.header, bool(frame.masked), frame.payload)


def gaps_of(others: Iterable[OtherRow]) -> Gaps:
    """What a session's `gaps` rows say is missing of its streams."""
    found: Gaps = {}
    for other in others:
        row = other.row
        if other.table == "gaps" and row["bytes"] and len(found) < MOST_GAPS:
            _learn(found, row)
    return found


def _learn(found: Gaps, row: dict[str, Any]) -> None:
    direction = _LABELS.get(row["direction"])
    if direction is None:
        return
    key = direction, row["stream_offset"]
    gap = Gap(row["stream_offset"] + row["bytes"], why_of(row["kind"], row["reason"]))
    found[key] = max(gap, found.get(key, gap), key=lambda known: known.until)


_KNOWN: Final = {"erased": "erased on request", "quarantined": "quarantined: in <data>/quarantine"}
"""What the reason (of the store, an id) would only make longer."""


def why_of(kind: str, reason: str) -> str:
    """In one line."""
    if kind in _KNOWN:
        return _KNOWN[kind]
    return f"{kind}: {reason}" if reason else kind


class _Lane:
    """One direction: what comes next, and the rows that stand behind it. `given_up`: where the next one stands, when
    nothing else comes before it."""

    __slots__ = ("began", "expected", "given_up", "waiting")

    def __init__(self) -> None:
        self.began = False
        self.expected = 0
        self.given_up: Gap | None = None
        self.waiting: list[tuple[int, int, Frame]] = []


class Tiler:
    """Feed it a session's rows as they come (`add`), then ask for the `rest`."""

    def __init__(self, gaps: Gaps, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> None:
        self._gaps = gaps
        self._most_rows = most_rows
        self._most_bytes = most_bytes
        self._lanes = {direction: _Lane() for direction in DIRECTIONS}
        self._rows = 0
        self._bytes = 0

    def add(self, frame: Frame) -> Iterator[Tile]:
        """Another row; the tiles that have their place now."""
        lane = self._lanes[frame.direction]
        if frame.stream_offset == lane.expected and not lane.waiting:
            yield self._placed(lane, Tile(frame, lane.expected))
            return
        self._wait(lane, frame)
        yield from self._ready()
        while self._rows > self._most_rows or self._bytes > self._most_bytes:
            self._give_up()
            yield from self._ready()

    def rest(self) -> Iterator[Tile]:
        """No row comes any more: the tiles that waited."""
        while self._rows:
            self._give_up()
            yield from self._ready()

    def reached(self, direction: Direction) -> int:
        """The stream offset behind the last tile."""
        return self._lanes[direction].expected

    def holes_at_the_end(self) -> Iterator[tuple[Direction, int, Gap]]:
        """(direction, first byte, gap) of what is missing behind the last row."""
        for direction, lane in self._lanes.items():
            offset = lane.expected
            while gap := self._gaps.get((direction, offset)):
                yield direction, offset, gap
                offset = gap.until

    def _wait(self, lane: _Lane, frame: Frame) -> None:
        heapq.heappush(lane.waiting, (frame.stream_offset, frame.frame_no, frame))
        self._rows += 1
        self._bytes += len(frame.payload) + len(frame.text)

    def _ready(self) -> Iterator[Tile]:
        """What has its place now; of both directions, what passed first."""
        while ready := [found for found in map(self._next, self._lanes.items()) if found]:
            tile, lane = min(ready, key=lambda found: found[0].frame.frame_no)
            frame = heapq.heappop(lane.waiting)[2]
            self._rows -= 1
            self._bytes -= len(frame.payload) + len(frame.text)
            yield self._placed(lane, tile)

    def _next(self, known: tuple[Direction, _Lane]) -> tuple[Tile, _Lane] | None:
        direction, lane = known
        if not lane.waiting:
            return None
        offset, _, frame = lane.waiting[0]
        if offset < lane.expected:
            return Tile(frame, lane.expected, overlaps=True), lane
        until, why = self._after_gaps(direction, lane)
        if offset == until:
            return Tile(frame, lane.expected, offset - lane.expected, why), lane
        return None

    def _after_gaps(self, direction: Direction, lane: _Lane) -> tuple[int, str]:
        if lane.given_up is not None:
            return lane.given_up.until, lane.given_up.why
        offset, whys = lane.expected, []
        while gap := self._gaps.get((direction, offset)):
            whys.append(gap.why)
            offset = gap.until
        return offset, "; ".join(dict.fromkeys(whys))

    def _placed(self, lane: _Lane, tile: Tile) -> Tile:
        lane.began = True
        if not tile.overlaps:
            lane.given_up = None
            lane.expected = tile.frame.stream_offset + size_of(tile.frame)
        return tile

    def _give_up(self) -> None:
        """What a direction's first waiting row waits for does not come. A part of a session is one of both."""
        waiting = [lane for lane in self._lanes.values() if lane.waiting]
        begun = any(lane.began for lane in waiting)
        chosen = [max(waiting, key=lambda lane: len(lane.waiting))] if begun else waiting
        for lane in chosen:
            lane.given_up = Gap(lane.waiting[0][0], UNEXPLAINED if lane.began else BEFORE)
