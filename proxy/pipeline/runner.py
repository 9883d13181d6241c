"""Runs the analyzers: dispatch, time, failure, snapshots (DESIGN 7). Analyzers hold only settings.

- A fact goes to those who want its type, by a table made once, after what it says of the charge point is kept
  (`keeping.py`). Every wake up to a fact's `clock` is served before it, in the order (moment, charge point, analyzer),
  and dated by its own moment: `at` of the last fact or sign of life before it + the distance on `clock`. So where
  marks fall changes nothing.
- A state that knows nothing is not kept: most charge points give most analyzers nothing to remember.
- A step that raises costs that one state, and is counted. One that overruns (the shell raises `Overrun` in it)
  costs that analyzer, until the next start, and is a finding.
- Whose state is lost (failure, switched off, evicted, schema changed), their open findings end: nobody watches them.
- What is open, and what mutes it, is `told.py`.
- Bounded: charge points (when full, the tenth that was unseen for longest is forgotten).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import msgspec

from analyzers.base import (
    Analyzer,
    Change,
    ChargePoint,
    Finding,
    Raised,
    Rule,
    Severity,
    State,
)
from proxy.ocpp.facts import Booted, ConnectionOpened, Fact, LifeKind, LifeSeen, Where
from proxy.pipeline.alarms import Alarms
from proxy.pipeline.keeping import share_words
from proxy.pipeline.open_findings import MAX_OF_FLEET, OpenFindings
from proxy.pipeline.plans import Plan, Step, Stepped, plans_of
from proxy.pipeline.policy import EVERYONE, NO_POLICIES, Policies
from proxy.pipeline.remembering import Remembering
from proxy.pipeline.runner_state import (
    FLEET,
    VERSION,
    AnyAnalyzer,
    Counts,
    Point,
    Snapshot,
    new_state_of,
)
from proxy.pipeline.timing import Acts, Timing, Wake
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


class Overrun(BaseException):
    """Raised by the shell inside a step that does not return. No Exception: no analyzer may catch it by habit."""


@dataclass(frozen=True)
class Limits:
    """What the runner may hold. A finding's own limits are in `open_findings`, a group's in `groups`."""

    charge_points: int = 200_000


class Runner(Remembering):
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
        self._at = self._clock = 0
        self._marked = (0, 0)
        self._words: dict[str, str] = {}
        self.points: dict[str, Point] = {}
        self._told = Told(self.counts)
        self._alarms = Alarms()
        self._analyzers: list[AnyAnalyzer] = []
        self._acts = Acts({}, (), ())
        self._plans: Mapping[type[Fact], Plan] = {}
        self._wakes: tuple[Wake, ...] = ()
        self._wakers: tuple[int, ...] = ()
        self._new: list[State | None] = []
        self._blank: list[State | None] = []
        self.fleet = Point(ChargePoint(FLEET), 0, [], OpenFindings(most=MAX_OF_FLEET))
        self.use(analyzers, policies)

    @property
    def at(self) -> int:
        """Wall time of the last fact, sign of life or mark, whichever is latest."""
        return self._at if self._clock > self._marked[0] else self._marked[1]

    @property
    def clock(self) -> int:
        return max(self._clock, self._marked[0])

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
        self._told.policies = self.policies = policies
        scopes = {
            number: policy.scope
            for number, name in enumerate(self.analyzers)
            if (policy := policies.of.get(name)) and policy.scope != EVERYONE
        }
        wakes = tuple(one.wake for one in self._analyzers)
        self._acts = Acts(plans_of(self._analyzers, scopes), self.analyzers, wakes)
        self.time_steps(None)
        self._wakers = tuple(
            number for number, one in enumerate(self._analyzers) if type(one).wake is not Analyzer.wake
        )
        self._new = [new_state_of(one) for one in self._analyzers]
        self._blank = [None] * len(self._analyzers)
        self._sweep()

    def time_steps(self, timing: Timing | None) -> None:
        """From here on every step and wake is timed; None: no more."""
        acts = self._acts if timing is None else timing.of(self._acts)
        self._plans, self._wakes = acts.plans, acts.wakes

    def _renumber(self, before: tuple[str, ...]) -> None:
        """States stand by their analyzer's number, which has changed."""
        old = [before.index(name) if name in before else None for name in self.analyzers]
        for point in self._everyone():
            point.states = [None if number is None else point.states[number] for number in old]
            if None in old:
                point.charge_point.life.await_any()

    def switch_off(self, name: str) -> None:
        """This analyzer overran: off until the next start."""
        if name in self.analyzers:
            left = [analyzer for analyzer in self._analyzers if analyzer.name != name]
            self.use(left, self.policies)
            self.report(Where("", "", 0, self.at, self.clock), Raised(OFF, what=name, key=name))

    # input

    def fact(self, fact: Fact) -> None:
        """Something happened."""
        clock = fact.clock
        if clock >= self._alarms.due:
            self._serve(clock)
        self._at, self._clock = fact.at, clock
        plan = self._plans.get(type(fact))
        if plan is None:
            return
        point = self.points.get(fact.charge_point) or self._new_point(fact.charge_point, clock)
        point.seen = clock
        if plan.before is not None:
            plan.before(point.charge_point, fact)
            if type(fact) is ConnectionOpened:
                point.seen_at = fact.at
                self._told.groups.place(point.charge_point, self.policies)
                share_words(point.charge_point, self._words)
            elif type(fact) is Booted:
                share_words(point.charge_point, self._words)
        if plan.each:
            self._step(point, point.charge_point, plan.each, fact)
        if plan.fleet and self._plans.get(type(fact)) is plan:  # else one overran: the numbers have changed
            self._step(self.fleet, point.charge_point, plan.fleet, fact)
        if plan.after is not None:
            plan.after(point.charge_point, fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        """The charge point sent a frame (or bytes that may be one). Call it for each: no analyzer is, as a rule."""
        charge_point, connection_id, frame_no, at, clock = where
        if clock >= self._alarms.due:
            self._serve(clock)
        self._at, self._clock = at, clock
        point = self.points.get(charge_point) or self._new_point(charge_point, clock)
        point.seen, point.seen_at = clock, at
        if point.charge_point.life.saw(kind, connection_id, clock, frame_no):
            self.fact(LifeSeen(*where, kind))

    def mark(self, at: int, clock: int) -> None:
        """Time has come this far."""
        if clock >= self._alarms.due:
            self._serve(clock)
        self._marked = (clock, at)

    def report(self, where: Where, raised: Raised) -> None:
        """A finding of our own, about what the pipeline itself has seen."""
        self._at, self._clock = where.at, where.clock
        point = self.points.get(where.charge_point) or self._new_point(where.charge_point, where.clock)
        self._told.apply(point, self._of_charge_point, HOUSE, (raised,), where.at, where.clock)

    def findings(self) -> list[Finding]:
        """What was opened, updated or cleared since the last call: the newest version of each."""
        return self._told.drain()

    # charge points

    def _new_point(self, name: str, clock: int) -> Point:
        if len(self.points) >= self.limits.charge_points:
            self._evict()
        point = Point(ChargePoint(name), clock, [None] * len(self._analyzers))
        self.points[name] = point
        return point

    def _of_charge_point(self, name: str) -> OpenFindings | None:
        """Where a finding of the fleet, or one to be muted, is kept."""
        if name == FLEET:
            return self.fleet.findings
        point = self.points.get(name)
        return None if point is None else point.findings

    def _everyone(self) -> Iterable[Point]:
        return (self.fleet, *self.points.values())

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
        """`point`: whose states; `charge_point`: whom the fact is about. Hot: eight steps a message."""
        self.counts.steps += 1
        states = point.states
        left = iter(steps)
        while True:
            try:
                for number, name, step in left:
                    self.running = name
                    state = states[number]
                    if state is None:
                        self._first_step(point, charge_point, number, step, fact)
                        continue
                    before = state.wake_at
                    changes = step(state, fact, charge_point)
                    if changes:
                        self._apply(point, number, changes, fact.at, fact.clock)
                    if state.wake_at is not before:
                        self._arm(point, state, fact.clock)
                self.running = ""
                return
            except (Exception, Overrun) as error:
                self._failed(point, number, error)
                if isinstance(error, Overrun):
                    return  # the numbers have changed

    def _first_step(
        self, point: Point, charge_point: ChargePoint, number: int, step: Step, fact: Fact
    ) -> None:
        """With a state that knows nothing: kept when it knows something now, else it is the next one's."""
        analyzer = self._analyzers[number]
        state, self._blank[number] = self._blank[number] or analyzer.new_state(), None
        changes = step(state, fact, charge_point)
        if changes:
            self._apply(point, number, changes, fact.at, fact.clock)
        if state == self._new[number]:
            self._blank[number] = state
            return
        point.states[number] = state
        self._arm(point, state, fact.clock)

    def _apply(self, point: Point, number: int, changes: Sequence[Change], at: int, clock: int) -> None:
        self._told.apply(point, self._of_charge_point, self._analyzers[number].name, changes, at, clock)

    def _serve(self, until: int) -> None:
        """Wake, in order, whoever is due. `at` - `clock` is that of the last fact or sign of life: no mark's."""
        while (alarm := self._alarms.next(until)) is not None:
            moment, charge_point = alarm
            point = self.fleet if charge_point == FLEET else self.points.get(charge_point)
            if point is not None and point.armed == moment:  # else evicted, or overtaken by an earlier one
                point.armed = None
                self._wake_all(point, moment)

    def _wake_all(self, point: Point, moment: int) -> None:
        """Who is due at this moment, and then the next moment of this charge point."""
        states = point.states
        earliest: int | None = None
        for number in self._wakers:
            state = states[number]
            if state is None:
                continue
            due = state.wake_at
            if due is not None and due <= moment and not self._wake(point, number, state, moment):
                return  # it overran: the numbers have changed, and every alarm was set anew
            due = self._due(state, moment) if states[number] is state else None
            if due is not None and (earliest is None or due < earliest):
                earliest = due
        if earliest is not None:
            self._push(point, earliest)

    def _wake(self, point: Point, number: int, state: State, moment: int) -> bool:
        """False: it overran, and is off."""
        at = self._at - self._clock + moment
        state.wake_at = None
        self._at, self._clock = at, moment
        self.counts.steps += 1
        try:
            self.running = self._analyzers[number].name
            changes = self._wakes[number](state, moment, point.charge_point)
            if changes:
                self._apply(point, number, changes, at, moment)
            self.running = ""
        except (Exception, Overrun) as error:
            self._failed(point, number, error)
            return not isinstance(error, Overrun)
        return True

    def _due(self, state: State, now: int) -> int | None:
        """When it wants to be woken: the past is the next moment."""
        if state.wake_at is not None and state.wake_at <= now:
            state.wake_at = now + 1
        return state.wake_at

    def _arm(self, point: Point, state: State, now: int) -> None:
        """Moved forward is pushed, moved back is found out when the old moment comes: few pushes per call."""
        due = self._due(state, now)
        if due is not None and (point.armed is None or due < point.armed):
            self._push(point, due)

    def _push(self, point: Point, due: int) -> None:
        point.armed = due
        self._alarms.push(due, point.charge_point.name)
        if self._alarms.count > 4 * len(self.points) + _ALARMS:
            self._sweep()

    def _sweep(self) -> None:
        """Each charge point's next moment, without those that were overtaken."""
        for point in self._everyone():
            due = (state.wake_at for state in point.states if state is not None)
            point.armed = min((moment for moment in due if moment is not None), default=None)
        armed = ((point.armed, point.charge_point.name) for point in self._everyone())
        self._alarms.replace((moment, name) for moment, name in armed if moment is not None)

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
        runner.resume(known)
        return runner
