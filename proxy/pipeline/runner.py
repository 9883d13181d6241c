"""Runs the analyzers: dispatch, time, failure, snapshots (DESIGN 7). Analyzers hold only settings.

- A fact goes to those who want its type, by a table made once, after what it says of the charge point is kept
  (`keeping.py`). Every wake up to a fact's `clock` is served before it, in the order (moment, charge point, analyzer),
  and dated by its own moment: `at` of what set it + the distance on `clock`. So where marks fall changes nothing.
- A step that raises costs that one state, and is counted. One that overruns (the shell raises `Overrun` in it)
  costs that analyzer, until the next start, and is a finding.
- Whose state is lost (failure, switched off, evicted, schema changed), their open findings end: nobody watches them.
- What is open, and what mutes it, is `told.py`.
- Bounded: charge points (when full, the tenth that was unseen for longest is forgotten).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec

from analyzers.base import Change, ChargePoint, Finding, FleetAnalyzer, Raised, Rule, Severity, State
from proxy.ocpp.facts import ConnectionOpened, Fact, LifeKind, LifeSeen, Where
from proxy.pipeline.alarms import Alarms
from proxy.pipeline.keeping import AFTER, BEFORE, Keep
from proxy.pipeline.open_findings import MAX_OF_FLEET, OpenFindings
from proxy.pipeline.policy import EVERYONE, NO_POLICIES, Policies, Scope
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

HOUSE: Final = "ocpptap"
"""The analyzer named in findings about ourselves."""
OFF: Final = Rule(
    "OT-01",
    Severity.CRITICAL,
    "",
    "Analyzer {what} was switched off: one step did not return in time. Its findings are missing from here on.",
)
_ALARMS: Final = 1000
"""So many that were overtaken may wait in any case."""

Step = Callable[[Any, Fact, ChargePoint], Sequence[Change]]
Stepped = tuple[int, str, Step]
"""(number of the analyzer, its name, its step)"""


class Overrun(BaseException):
    """Raised by the shell inside a step that does not return. No Exception: no analyzer may catch it by habit."""


@dataclass(frozen=True)
class Limits:
    """What the runner may hold. A finding's own limits are in `open_findings`, a group's in `groups`."""

    charge_points: int = 200_000


class Plan(msgspec.Struct, frozen=True):
    """What a type of fact is for: kept before, then stepped by each of these, then kept after."""

    before: Keep | None = None
    each: tuple[Stepped, ...] = ()
    fleet: tuple[Stepped, ...] = ()
    after: Keep | None = None


class Runner:
    """Give it `fact`, `alive` and `mark`; drain `findings`. Nothing here raises, whatever analyzers do."""

    def __init__(
        self,
        analyzers: Iterable[AnyAnalyzer],
        limits: Limits = Limits(),
        policies: Policies = NO_POLICIES,
    ) -> None:
        self.limits = limits
        self.counts = Counts()
        self.running = ""
        """The analyzer now in a step; with `counts.steps` it tells the shell whether a step hangs."""
        self.at = 0
        self.clock = 0
        self.points: dict[str, Point] = {}
        self._told = Told(self.counts)
        self._alarms = Alarms()
        self._base = 0
        self._analyzers: list[AnyAnalyzer] = []
        self._scopes: dict[int, Scope] = {}
        self._plans: dict[type[Fact], Plan] = {}
        self._fleet = Point(ChargePoint(FLEET), 0, [], OpenFindings(most=MAX_OF_FLEET))
        self.use(analyzers, policies)

    # which analyzers

    @property
    def analyzers(self) -> tuple[str, ...]:
        """The names of those that are on."""
        return tuple(analyzer.name for analyzer in self._analyzers)

    def use(self, analyzers: Iterable[AnyAnalyzer], policies: Policies = NO_POLICIES) -> None:
        """Go on with these (settings may differ); who stays keeps its states, who is new asks for signs of life."""
        before = self.analyzers
        by_name = {analyzer.name: analyzer for analyzer in analyzers}
        for name in before:
            if name not in by_name:
                self._forget_everywhere(name)
        self._analyzers = list(by_name.values())
        self._renumber(before)
        self._told.policies = self._policies = policies
        self._scopes = {
            number: policy.scope
            for number, name in enumerate(self.analyzers)
            if (policy := policies.of.get(name)) and policy.scope != EVERYONE
        }
        self._plans = self._planned()
        self._sweep()

    def _renumber(self, before: tuple[str, ...]) -> None:
        """States stand by their analyzer's number, which has changed."""
        old = [before.index(name) if name in before else None for name in self.analyzers]
        for point in self._everyone():
            point.states = [None if number is None else point.states[number] for number in old]
            if None in old:
                point.charge_point.life.await_any()

    def _planned(self) -> dict[type[Fact], Plan]:
        wanted: set[type[Fact]] = {kind for analyzer in self._analyzers for kind in analyzer.wants}
        return {kind: self._plan(kind) for kind in {*wanted, *BEFORE, *AFTER}}

    def _plan(self, kind: type[Fact]) -> Plan:
        steps: dict[bool, list[Stepped]] = {False: [], True: []}
        for number, analyzer in enumerate(self._analyzers):
            if kind in analyzer.wants:
                step = self._within_scope(number, analyzer.step)
                steps[isinstance(analyzer, FleetAnalyzer)].append((number, analyzer.name, step))
        return Plan(BEFORE.get(kind), tuple(steps[False]), tuple(steps[True]), AFTER.get(kind))

    def _within_scope(self, number: int, step: Step) -> Step:
        scope = self._scopes.get(number)
        if scope is None:
            return step
        return lambda state, fact, charge_point: (
            step(state, fact, charge_point) if scope.holds(charge_point) else ()
        )

    def switch_off(self, name: str) -> None:
        """This analyzer overran: off until the next start."""
        if name in self.analyzers:
            left = [analyzer for analyzer in self._analyzers if analyzer.name != name]
            self.use(left, self._policies)
            self.report(Where("", "", 0, self.at, self.clock), Raised(OFF, what=name, key=name))

    # input

    def fact(self, fact: Fact) -> None:
        """Something happened."""
        clock = fact.clock
        if clock >= self._alarms.due:
            self._serve(clock)
        self.at, self.clock = fact.at, clock
        plan = self._plans.get(type(fact))
        if plan is None:
            return
        point = self.points.get(fact.charge_point) or self._new_point(fact.charge_point, clock)
        point.seen = clock
        if plan.before is not None:
            plan.before(point.charge_point, fact)
            if type(fact) is ConnectionOpened:
                self._told.groups.place(point.charge_point, self._policies)
        if plan.each:
            self._step(point, point.charge_point, plan.each, fact)
        if plan.fleet:
            self._step(self._fleet, point.charge_point, plan.fleet, fact)
        if plan.after is not None:
            plan.after(point.charge_point, fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        """The charge point sent a frame (or bytes that may be one). Call it for each: no analyzer is, as a rule."""
        charge_point, connection_id, frame_no, at, clock = where
        if clock >= self._alarms.due:
            self._serve(clock)
        self.at, self.clock = at, clock
        point = self.points.get(charge_point) or self._new_point(charge_point, clock)
        point.seen = clock
        if point.charge_point.life.saw(kind, connection_id, clock, frame_no):
            self.fact(LifeSeen(*where, kind))

    def mark(self, at: int, clock: int) -> None:
        """Time has come this far."""
        if clock >= self._alarms.due:
            self._serve(clock)
        self.at, self.clock = at, clock

    def report(self, where: Where, raised: Raised) -> None:
        """A finding of our own, about what the pipeline itself has seen."""
        self.at, self.clock = where.at, where.clock
        point = self.points.get(where.charge_point) or self._new_point(where.charge_point, where.clock)
        self._told.apply(point, self._of_charge_point, HOUSE, (raised,), where.at, where.clock)

    def findings(self) -> list[Finding]:
        """What was opened, updated or cleared since the last call: the newest version of each."""
        return self._told.drain()

    # charge points

    def _new_point(self, name: str, clock: int) -> Point:
        if len(self.points) >= self.limits.charge_points:
            self._evict()
        point = Point(ChargePoint(name), clock, [None] * len(self._analyzers), OpenFindings())
        self.points[name] = point
        return point

    def _of_charge_point(self, name: str) -> OpenFindings | None:
        """Where a finding of the fleet, or one to be muted, is kept."""
        if name == FLEET:
            return self._fleet.findings
        point = self.points.get(name)
        return None if point is None else point.findings

    def _everyone(self) -> Iterable[Point]:
        return (self._fleet, *self.points.values())

    def _evict(self) -> None:
        """Forget a tenth at once: looking for the one that was unseen for longest costs a pass over all."""
        longest_unseen = sorted(self.points.values(), key=lambda point: point.seen)
        for point in longest_unseen[: max(1, len(longest_unseen) // 10)]:
            for name in (*self.analyzers, HOUSE):
                self._told.end(point, name, self.at)
            self._told.groups.forget(point.charge_point.name)
            del self.points[point.charge_point.name]
            self.counts.evicted += 1

    # steps

    def _step(self, point: Point, charge_point: ChargePoint, steps: tuple[Stepped, ...], fact: Fact) -> None:
        """`point`: whose states; `charge_point`: whom the fact is about. Hot: a dozen steps a message."""
        self.counts.steps += 1
        states = point.states
        for number, name, step in steps:
            self.running = name
            try:
                state = states[number]
                if state is None:
                    state = states[number] = self._analyzers[number].new_state()
                before = state.wake_at
                changes = step(state, fact, charge_point)
                if changes:
                    self._apply(point, number, changes, fact.at, fact.clock)
                if state.wake_at != before:
                    self._arm(point, number, state, fact.at, fact.clock)
                self.running = ""
            except (Exception, Overrun) as error:
                self._failed(point, number, error)
                if isinstance(error, Overrun):
                    return  # the numbers have changed

    def _apply(self, point: Point, number: int, changes: Sequence[Change], at: int, clock: int) -> None:
        name = self._analyzers[number].name
        self._told.apply(point, self._of_charge_point, name, changes, at, clock)

    def _serve(self, until: int) -> None:
        """Wake, in order, whoever is due."""
        while (alarm := self._alarms.next(until)) is not None:
            moment, charge_point, number = alarm
            point = self._fleet if charge_point == FLEET else self.points.get(charge_point)
            state = None if point is None else point.states[number]
            if point is None or state is None or state.armed != moment:
                continue  # evicted, dropped, or overtaken by an earlier alarm
            state.armed = None
            due = state.wake_at
            if due is not None and due <= moment:
                self._wake(point, number, state, moment)
            elif due is not None:
                self._push(point, number, state, due)

    def _wake(self, point: Point, number: int, state: State, moment: int) -> None:
        at = state.base + moment
        state.wake_at = None
        self.at, self.clock = at, moment
        self.counts.steps += 1
        try:
            analyzer = self._analyzers[number]
            self.running = analyzer.name
            changes = analyzer.wake(state, moment, point.charge_point)
            if changes:
                self._apply(point, number, changes, at, moment)
            self.running = ""
            self._arm(point, number, state, at, moment)
        except (Exception, Overrun) as error:
            self._failed(point, number, error)

    def _arm(self, point: Point, number: int, state: State, at: int, now: int) -> None:
        """Moved forward is pushed, moved back is found out when the old moment comes: few pushes per call."""
        due = state.wake_at
        if due is None:
            return
        base = at - now
        if base != self._base:
            self._base = base
        state.base = self._base  # one object for all: it seldom changes
        if due <= now:
            due = state.wake_at = now + 1
        if state.armed is None or due < state.armed:
            self._push(point, number, state, due)

    def _push(self, point: Point, number: int, state: State, due: int) -> None:
        state.armed = due
        self._alarms.push(due, point.charge_point.name, number)
        if self._alarms.count > 4 * len(self.points) * len(self._analyzers) + _ALARMS:
            self._sweep()

    def _sweep(self) -> None:
        """Without the alarms that were overtaken."""
        self._alarms.replace(
            (state.armed, point.charge_point.name, number)
            for point in self._everyone()
            for number, state in enumerate(point.states)
            if state is not None and state.armed is not None
        )

    def _failed(self, point: Point, number: int, error: BaseException) -> None:
        """That state is lost, and what it watched over with it; the next sign of life begins a new one."""
        self.running = ""
        name = self._analyzers[number].name
        self.counts.failures[name] = self.counts.failures.get(name, 0) + 1
        point.states[number] = None
        self._told.end(point, name, self.at)
        point.charge_point.life.await_any()
        if isinstance(error, Overrun):
            self.switch_off(name)

    def _forget_everywhere(self, name: str) -> None:
        for point in self._everyone():
            self._told.end(point, name, self.at)

    # snapshots

    def snapshot(self) -> bytes:
        """Everything known. An analyzer whose state cannot be encoded is left out, which costs findings only."""
        parts = [self._part(number) for number in range(len(self._analyzers))]
        known = [part for part in parts if part is not None]
        points = [PointPart(point.charge_point, point.seen, point.findings) for point in self._everyone()]
        out, groups = self._told.pending(), self._told.groups
        whole = Snapshot(VERSION, self.at, self.clock, points, known, out, groups, self.counts)
        return msgspec.msgpack.encode(whole)

    def _part(self, number: int) -> AnalyzerPart | None:
        try:
            return part_of(self._analyzers[number], number, self._everyone())
        except Exception:  # whatever a plugin's state does to be written down
            self.counts.parts_unknown += 1
            return None

    @classmethod
    def restore(
        cls,
        analyzers: Iterable[AnyAnalyzer],
        data: bytes,
        limits: Limits = Limits(),
        policies: Policies = NO_POLICIES,
    ) -> Self:
        """Continue from `data`. A part of another schema is unknown from here on: it starts anew."""
        runner = cls(analyzers, limits, policies)
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
        self._told.resume(known.out, known.groups, self.counts)
        points = [self._resumed(part) for part in known.points]
        self.points = {point.charge_point.name: point for point in points[1:]}
        self._fleet = points[0]
        parts = {part.name: part for part in known.analyzers}
        for number, name in enumerate(self.analyzers):
            self._resume_analyzer(number, parts.pop(name, None))
        for name in parts:
            self._forget_everywhere(name)
        self._sweep()

    def _resumed(self, part: PointPart) -> Point:
        return Point(part.charge_point, part.seen, [None] * len(self._analyzers), part.findings)

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
            point = self._fleet if name == FLEET else self.points[name]
            point.states[number] = state
