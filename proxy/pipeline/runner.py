"""Runs the analyzers: dispatch, time, failure, deduplication, snapshots (DESIGN 7). Analyzers hold only settings.

- A fact goes to those who want its type, by a table made once. Every wake up to a fact's `clock` is served before
  it, in the order (moment, charge point, analyzer), and dated by its own moment: `at` of what set it + the distance
  on `clock`. So where marks fall changes nothing.
- A step that raises costs that one state, and is counted. One that overruns (the shell raises `Overrun` in it)
  costs that analyzer, until the next start, and is a finding.
- One finding per (analyzer, rule, connector, transaction, key) of a charge point is open at a time. Raised again
  within `reopen_seconds` after it was cleared, it opens again instead of a new one (hysteresis).
- Whose state is lost (failure, switched off, evicted, schema changed), their open findings end: nobody watches them.
- Bounded: charge points (when full, the tenth that was unseen for longest is forgotten), findings per charge point
  (the oldest goes), evidence per finding (the first ones stay).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

from analyzers.base import Change, Finding, Life, Raised, Rule, Severity
from proxy.ocpp.facts import Fact, LifeKind, LifeSeen, Where
from proxy.pipeline.open_findings import OpenFindings
from proxy.pipeline.runner_state import (
    VERSION,
    AnalyzerPart,
    AnyAnalyzer,
    Counts,
    Point,
    PointPart,
    Slot,
    Snapshot,
    part_of,
    slots_of,
)

HOUSE: Final = "ocpptap"
"""The analyzer named in findings about ourselves."""
OFF: Final = Rule(
    "OT-01",
    Severity.CRITICAL,
    "",
    "Analyzer {what} was switched off: one step did not return in time. Its findings are missing from here on.",
)

Step = Callable[[Any, Fact], Sequence[Change]]


class Overrun(BaseException):
    """Raised by the shell inside a step that does not return. No Exception: no analyzer may catch it by habit."""


@dataclass(frozen=True)
class Limits:
    """What the runner may hold. A finding's own limits are in `open_findings`."""

    charge_points: int = 200_000


class Runner:
    """Give it `fact`, `alive` and `mark`; drain `findings`. Nothing here raises, whatever analyzers do."""

    def __init__(self, analyzers: Iterable[AnyAnalyzer], limits: Limits = Limits()) -> None:
        self.limits = limits
        self.counts = Counts()
        self.running = ""
        """The analyzer now in a step; with `counts.steps` it tells the shell whether a step hangs."""
        self.at = 0
        self.clock = 0
        self.points: dict[str, Point] = {}
        self._heap: list[tuple[int, str, str]] = []
        self._out: dict[str, Finding] = {}
        self._analyzers: dict[str, AnyAnalyzer] = {}
        self._steps: dict[type[Fact], list[tuple[str, Step]]] = {}
        self.use(analyzers)

    # which analyzers

    @property
    def analyzers(self) -> tuple[str, ...]:
        """The names of those that are on."""
        return tuple(self._analyzers)

    def use(self, analyzers: Iterable[AnyAnalyzer]) -> None:
        """Go on with these (settings may differ); who stays keeps its states, who is new asks for signs of life."""
        before = set(self._analyzers)
        self._analyzers = {analyzer.name: analyzer for analyzer in analyzers}
        for name in before - set(self._analyzers):
            self._forget_everywhere(name)
        if set(self._analyzers) - before:
            for point in self.points.values():
                point.life.await_any()
        self._steps = {}
        for name, analyzer in self._analyzers.items():
            for wanted in analyzer.wants:
                self._steps.setdefault(wanted, []).append((name, analyzer.step))

    def switch_off(self, name: str) -> None:
        """This analyzer overran: off until the next start."""
        if name in self._analyzers:
            self.use([analyzer for analyzer in self._analyzers.values() if analyzer.name != name])
            self.report(Where("", "", 0, self.at, self.clock), Raised(OFF, what=name, key=name))

    # input

    def fact(self, fact: Fact) -> None:
        """Something happened."""
        clock = fact.clock
        if self._heap and self._heap[0][0] <= clock:
            self._serve(clock)
        self.at, self.clock = fact.at, clock
        steps = self._steps.get(type(fact))
        if steps is None:
            return
        point = self._point(fact.charge_point, clock)
        point.seen = clock
        for name, step in steps:
            self._step(point, name, step, fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        """The charge point sent a frame (or bytes that may be one). Call it for each: no analyzer is, as a rule."""
        clock = where.clock
        if self._heap and self._heap[0][0] <= clock:
            self._serve(clock)
        self.at, self.clock = where.at, clock
        point = self._point(where.charge_point, clock)
        point.seen = clock
        if point.life.saw(kind, where.connection_id, clock, where.frame_no):
            self.fact(LifeSeen(*where, kind))

    def mark(self, at: int, clock: int) -> None:
        """Time has come this far."""
        if self._heap and self._heap[0][0] <= clock:
            self._serve(clock)
        self.at, self.clock = at, clock

    def report(self, where: Where, raised: Raised) -> None:
        """A finding of our own, about what the pipeline itself has seen."""
        self.at, self.clock = where.at, where.clock
        point = self._point(where.charge_point, where.clock)
        self._apply(point, HOUSE, (raised,), where.at, where.clock)

    def findings(self) -> list[Finding]:
        """What was opened, updated or cleared since the last call: the newest version of each."""
        if not self._out:
            return []
        drained = list(self._out.values())
        self._out = {}
        return drained

    # charge points

    def _point(self, charge_point: str, clock: int) -> Point:
        point = self.points.get(charge_point)
        if point is None:
            if len(self.points) >= self.limits.charge_points:
                self._evict()
            point = self.points[charge_point] = Point(charge_point, clock, Life(), {}, OpenFindings())
        return point

    def _evict(self) -> None:
        """Forget a tenth at once: looking for the one that was unseen for longest costs a pass over all."""
        longest_unseen = sorted(self.points.values(), key=lambda point: point.seen)
        for point in longest_unseen[: max(1, len(longest_unseen) // 10)]:
            for name in (*point.slots, HOUSE):
                self._emit(point.findings.end(name, self.at))
            del self.points[point.charge_point]
            self.counts.evicted += 1

    # steps

    def _step(self, point: Point, name: str, step: Step, fact: Fact) -> None:
        self.counts.steps += 1
        try:
            self.running = name
            slot = point.slots.get(name)
            if slot is None:
                slot = point.slots[name] = Slot(self._analyzers[name].new_state())
            state = slot.state
            before = state.wake_at
            changes = step(state, fact)
            if changes:
                self._apply(point, name, changes, fact.at, fact.clock)
            self.running = ""
            if state.wake_at != before:
                slot.base_at, slot.base_clock = fact.at, fact.clock
                self._arm(point, name, slot)
        except (Exception, Overrun) as error:
            self._failed(point, name, error)

    def _serve(self, until: int) -> None:
        """Wake, in order, whoever is due."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            moment, charge_point, name = heapq.heappop(heap)
            point = self.points.get(charge_point)
            slot = None if point is None else point.slots.get(name)
            if point is None or slot is None or slot.armed != moment:
                continue  # evicted, dropped, or overtaken by an earlier entry
            slot.armed = None
            due = slot.state.wake_at
            if due is not None and due <= moment:
                self._wake(point, name, slot, moment)
            elif due is not None:
                self._push(point, name, slot, due)

    def _wake(self, point: Point, name: str, slot: Slot, moment: int) -> None:
        state = slot.state
        at = slot.base_at + moment - slot.base_clock
        state.wake_at = None
        slot.base_at, slot.base_clock = at, moment
        self.at, self.clock = at, moment
        self.counts.steps += 1
        try:
            self.running = name
            changes = self._analyzers[name].wake(state, moment, point.life)
            if changes:
                self._apply(point, name, changes, at, moment)
            self.running = ""
            self._arm(point, name, slot)
        except (Exception, Overrun) as error:
            self._failed(point, name, error)

    def _arm(self, point: Point, name: str, slot: Slot) -> None:
        """Moved forward is pushed, moved back is found out when the old moment comes: few pushes per call."""
        if slot.state.wake_at is None:
            return
        due = slot.state.wake_at = max(slot.state.wake_at, slot.base_clock + 1)
        if slot.armed is None or due < slot.armed:
            self._push(point, name, slot, due)

    def _push(self, point: Point, name: str, slot: Slot, due: int) -> None:
        slot.armed = due
        heapq.heappush(self._heap, (due, point.charge_point, name))
        if len(self._heap) > 1000 and len(self._heap) > 4 * len(self.points) * len(self._analyzers):
            self._rebuild_heap()

    def _rebuild_heap(self) -> None:
        """Without the entries that were overtaken. In place: `_serve` may be walking it."""
        self._heap[:] = [
            (slot.armed, point.charge_point, name)
            for point in self.points.values()
            for name, slot in point.slots.items()
            if slot.armed is not None
        ]
        heapq.heapify(self._heap)

    def _failed(self, point: Point, name: str, error: BaseException) -> None:
        """That state is lost, and what it watched over with it; the next sign of life begins a new one."""
        self.running = ""
        self.counts.failures[name] = self.counts.failures.get(name, 0) + 1
        self._forget(point, name)
        point.life.await_any()
        if isinstance(error, Overrun):
            self.switch_off(name)

    def _forget(self, point: Point, name: str) -> None:
        point.slots.pop(name, None)
        self._emit(point.findings.end(name, self.at))

    def _forget_everywhere(self, name: str) -> None:
        for point in self.points.values():
            self._forget(point, name)

    # findings

    def _apply(self, point: Point, analyzer: str, changes: Sequence[Change], at: int, clock: int) -> None:
        for change in changes:
            if isinstance(change, Raised):
                known, ended = point.findings.raise_(point.charge_point, analyzer, change, at, clock)
                self._emit(ended)
                if known.fresh:
                    self._count_opened(known.finding)
                self._emit((known.finding,))
            else:
                self._emit(point.findings.clear(analyzer, change, at, clock))

    def _count_opened(self, finding: Finding) -> None:
        key = f"{finding.analyzer} {finding.rule} {finding.severity.label}"
        self.counts.opened[key] = self.counts.opened.get(key, 0) + 1

    def _emit(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._out[finding.finding_id] = finding

    # snapshots

    def snapshot(self) -> bytes:
        """Everything known. An analyzer whose state cannot be encoded is left out, which costs findings only."""
        parts = [self._part(name) for name in self._analyzers]
        known = [part for part in parts if part is not None]
        points = [
            PointPart(point.charge_point, point.seen, point.life, point.findings)
            for point in self.points.values()
        ]
        whole = Snapshot(VERSION, self.at, self.clock, points, known, list(self._out.values()), self.counts)
        return msgspec.msgpack.encode(whole)

    def _part(self, name: str) -> AnalyzerPart | None:
        try:
            return part_of(self._analyzers[name], self.points.values())
        except Exception:  # whatever a plugin's state does to be written down
            self.counts.parts_unknown += 1
            return None

    @classmethod
    def restore(cls, analyzers: Iterable[AnyAnalyzer], data: bytes, limits: Limits = Limits()) -> Self:
        """Continue from `data`. A part of another schema is unknown from here on: it starts anew."""
        runner = cls(analyzers, limits)
        try:
            known = msgspec.msgpack.decode(data, type=Snapshot)
        except msgspec.MsgspecError:
            known = None
        if known is None or known.version != VERSION:
            runner.counts.parts_unknown += 1
            return runner
        runner._resume(known)
        return runner

    def _resume(self, known: Snapshot) -> None:
        self.at, self.clock, self.counts = known.at, known.clock, known.counts
        self._out = {finding.finding_id: finding for finding in known.out}
        self.points = {
            part.charge_point: Point(part.charge_point, part.seen, part.life, {}, part.findings)
            for part in known.points
        }
        parts = {part.name: part for part in known.analyzers}
        for name in self._analyzers:
            self._resume_analyzer(name, parts.pop(name, None))
        for name in parts:
            self._forget_everywhere(name)
        self._rebuild_heap()

    def _resume_analyzer(self, name: str, part: AnalyzerPart | None) -> None:
        try:
            slots = slots_of(self._analyzers[name], part)
        except Exception:
            self.counts.parts_unknown += 1
            self._forget_everywhere(name)
            for point in self.points.values():
                point.life.await_any()
            return
        for charge_point, slot in slots:
            self.points[charge_point].slots[name] = slot
