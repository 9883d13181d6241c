"""How a runner writes itself down, and goes on from what was written: each analyzer's states are a part of their own.

A part that cannot be written, or is of another schema, is unknown from there on: what it watched over ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import msgspec

from analyzers.base import State
from proxy.pipeline.keeping import share_words
from proxy.pipeline.runner_state import (
    FLEET,
    VERSION,
    AnalyzerPart,
    AnyAnalyzer,
    Counts,
    Point,
    PointPart,
    Snapshot,
    part_of,
    states_of,
)
from proxy.pipeline.told import Told


class Remembering(ABC):
    """The half of the runner that is about its memory."""

    counts: Counts
    points: dict[str, Point]
    _at: int
    _clock: int
    _words: dict[str, str]
    _told: Told
    fleet: Point
    _analyzers: list[AnyAnalyzer]

    @abstractmethod
    def _everyone(self) -> Iterable[Point]:
        """The fleet first, then each charge point."""

    @abstractmethod
    def _forget_everywhere(self, name: str) -> None:
        """Nobody watches over this analyzer's findings any more."""

    @abstractmethod
    def _sweep(self) -> None:
        """The alarms as the states have them."""

    def snapshot(self) -> bytes:
        """Everything known. An analyzer whose state cannot be encoded is left out, which costs findings only."""
        parts = [self._part(number) for number in range(len(self._analyzers))]
        known = [part for part in parts if part is not None]
        points = [
            PointPart(point.charge_point, point.seen, point.findings, point.seen_at)
            for point in self._everyone()
        ]
        out, groups = self._told.pending(), self._told.groups
        whole = Snapshot(VERSION, self._at, self._clock, points, known, out, groups, self.counts)
        return msgspec.msgpack.encode(whole)

    def _part(self, number: int) -> AnalyzerPart | None:
        try:
            return part_of(self._analyzers[number], number, self._everyone())
        except Exception:  # whatever a plugin's state does to be written down
            self.counts.parts_unknown += 1
            return None

    def resume(self, known: Snapshot) -> None:
        self._at, self._clock, self.counts = known.at, known.clock, known.counts
        self._told.resume(known.out, known.groups, self.counts)
        points = [self._resumed(part) for part in known.points]
        self.points = {point.charge_point.name: point for point in points[1:]}
        self.fleet = points[0]
        parts = {part.name: part for part in known.analyzers}
        for number, name in enumerate([one.name for one in self._analyzers]):
            self._resume_analyzer(number, parts.pop(name, None))
        for name in parts:
            self._forget_everywhere(name)
        self._sweep()

    def _resumed(self, part: PointPart) -> Point:
        share_words(part.charge_point, self._words)
        states: list[State | None] = [None] * len(self._analyzers)
        return Point(part.charge_point, part.seen, states, part.findings, seen_at=part.seen_at)

    def _resume_analyzer(self, number: int, part: AnalyzerPart | None) -> None:
        try:
            states = states_of(self._analyzers[number], part)
        except Exception:
            self.counts.parts_unknown += 1
            self._forget_everywhere(self._analyzers[number].name)
            for point in self.points.values():
                point.charge_point.life.await_any()
            return
        for name, state in states:
            point = self.fleet if name == FLEET else self.points[name]
            point.states[number] = state
