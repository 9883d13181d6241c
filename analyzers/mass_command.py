"""Mass command: the CSMS gives the same risky order to a large part of the charge points at once.

Fires when: within 5 min more than 20 different charge points, and more than 20 % of those known (1000 do in any
    fleet), got the same kind of order: Reset, UnlockConnector, remote stop, ChangeAvailability to Inoperative,
    ClearCache, SendLocalList (SE-09). Critical when the fleet was watched for a week and had no such habit; a warning
    before that, and for the two harmless kinds (cache, local list). An info line when it is a habit: an earlier wave of
    this kind, at least half as large, went out at the same time of day (30 min more or less) in the last 8 days, or
    three did in the last 28 days: a nightly reset of the whole fleet is a warning in its first night only. One finding
    per kind; it clears when the window is half empty.
Does not fire when: one charge point is ordered often (it counts once); the orders are spread over a longer time;
    a charge point is ordered to be Operative again.
Clause: OCPP 1.6 §5.2, §5.4, §5.12, §5.14, §5.15, §5.18; 2.0.1 and 2.1 B11, B12, C11, D01, F03, F05, G03, G04. The
    limits are ours.
Says:
    The CSMS sent Reset to 21 charge points in 5 min (limit 20).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Change,
    ChargePoint,
    Cleared,
    FleetAnalyzer,
    Raised,
    Rule,
    Severity,
    State,
)
from analyzers.stats import Distinct
from proxy.ocpp.facts import (
    AvailabilityRequested,
    CacheCleared,
    Fact,
    LifeSeen,
    LocalListSent,
    RemoteStopRequested,
    ResetRequested,
    UnlockRequested,
)

MAX_WAVES: Final = 32
"""Per kind; the oldest is forgotten."""
MAX_EVIDENCE: Final = 10
DAY: Final = 86_400 * SECOND
HABIT_WAVES: Final = 3
HABIT_DAYS: Final = 28
SCHEDULE_DAYS: Final = 8
SCHEDULE_SLACK: Final = 1800 * SECOND
HARMLESS: Final = frozenset({"ClearCache", "SendLocalList"})

MASS: Final = Rule(
    "SE-09",
    Severity.CRITICAL,
    "OCPP 1.6 §5.2, §5.12, §5.14, §5.18; 2.x B11, F03, F05, G03",
    "The CSMS sent {what} to {observed} (limit {limit}).",
)


class Kind(msgspec.Struct):
    """One kind of order. `lately`: who got it within the window and when (clock), oldest first.

    `told`: how many the open finding told, 0: none is open. `since`, `most`: wall time of its beginning (ns UTC), and
    its most at a time. `waves`: (since, most) of earlier ones.
    """

    lately: dict[str, int] = msgspec.field(default_factory=dict)
    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)
    told: int = 0
    since: int = 0
    most: int = 0
    waves: list[tuple[int, int]] = msgspec.field(default_factory=list)


class MassCommandState(State):
    """`first`: clock from which the fleet is watched, -1: not yet."""

    known: Distinct = msgspec.field(default_factory=Distinct)
    kinds: dict[str, Kind] = msgspec.field(default_factory=dict)
    first: int = -1


@dataclass(frozen=True)
class MassCommand(FleetAnalyzer[MassCommandState]):
    """The limit is `charge_points`, or `percent` of those known if that is more, at most `charge_points_most`."""

    name: ClassVar[str] = "mass_command"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        LifeSeen,
        ResetRequested,
        UnlockRequested,
        RemoteStopRequested,
        AvailabilityRequested,
        CacheCleared,
        LocalListSent,
    )
    rules: ClassVar[tuple[Rule, ...]] = (MASS,)

    window_minutes: int = 5
    charge_points: int = 20
    percent: float = 20.0
    charge_points_most: int = 1000
    learning_days: float = 7.0

    def new_state(self) -> MassCommandState:
        return MassCommandState()

    def step(self, state: MassCommandState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        state.known.add(fact.charge_point)
        if state.first < 0:
            state.first = fact.clock
        name_of = _KINDS.get(type(fact))
        name = "" if name_of is None else name_of(fact)
        return self._ordered(state, name, fact) if name else NOTHING

    def _ordered(self, state: MassCommandState, name: str, fact: Fact) -> Sequence[Change]:
        kind = state.kinds.get(name)
        if kind is None:
            kind = state.kinds[name] = Kind()
        self._note(state, kind, fact)
        count, limit = len(kind.lately), self._limit(state)
        kind.most = max(kind.most, count) if kind.told else count
        if count <= limit or count < 2 * kind.told:
            return NOTHING
        first = not kind.told
        if first:
            kind.since = fact.at
        kind.told = count
        _plan(self, state)
        return [self._say(state, name, kind, limit, fact.clock, times=int(first))]

    def _note(self, state: MassCommandState, kind: Kind, fact: Fact) -> None:
        self._forget(kind, fact.clock)
        kind.lately.pop(fact.charge_point, None)
        kind.lately[fact.charge_point] = fact.clock
        if len(kind.lately) > 2 * self.charge_points_most + 1:
            del kind.lately[next(iter(kind.lately))]
        kind.evidence.append((fact.connection_id, fact.frame_no))
        del kind.evidence[:-MAX_EVIDENCE]

    def _forget(self, kind: Kind, now: int) -> None:
        """Who was ordered before the window. The oldest stand first."""
        since = now - self.window_minutes * 60 * SECOND
        while kind.lately:
            name = next(iter(kind.lately))
            if kind.lately[name] > since:
                return
            del kind.lately[name]

    def _limit(self, state: MassCommandState) -> int:
        share = int(self.percent / 100 * state.known.count)
        return min(max(self.charge_points, share), self.charge_points_most)

    # what is said

    def _say(
        self, state: MassCommandState, name: str, kind: Kind, limit: int, clock: int, times: int
    ) -> Raised:
        return Raised(
            MASS,
            f"{kind.told} charge points in {self.window_minutes} min",
            str(limit),
            name,
            key=name,
            severity=self._severity(state, name, kind, clock),
            evidence=tuple(kind.evidence),
            times=times,
        )

    def _severity(self, state: MassCommandState, name: str, kind: Kind, clock: int) -> Severity:
        if _is_habit(kind):
            return Severity.INFO
        learning = clock - state.first < self.learning_days * DAY
        return Severity.WARNING if learning or name in HARMLESS else Severity.CRITICAL

    # it is over

    def wake(self, state: MassCommandState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for name, kind in state.kinds.items():
            if kind.told:
                self._forget(kind, now)
                if 2 * len(kind.lately) <= self._limit(state):
                    changes.append(self._over(name, kind))
        _plan(self, state)
        return changes

    def _over(self, name: str, kind: Kind) -> Cleared:
        kind.waves = [*kind.waves, (kind.since, kind.most)][-MAX_WAVES:]
        kind.told = 0
        return Cleared(MASS, f"{kind.most} charge points in {self.window_minutes} min", key=name)


def _availability(fact: AvailabilityRequested) -> str:
    return "ChangeAvailability Inoperative" if fact.kind.lower() == "inoperative" else ""


_KINDS: Final[Mapping[type[Fact], Callable[[Any], str]]] = {
    ResetRequested: lambda fact: "Reset",
    UnlockRequested: lambda fact: "UnlockConnector",
    RemoteStopRequested: lambda fact: "remote stop",
    AvailabilityRequested: _availability,
    CacheCleared: lambda fact: "ClearCache",
    LocalListSent: lambda fact: "SendLocalList",
}
"""The kind's name, "": none."""


def _is_habit(kind: Kind) -> bool:
    """Earlier waves of at least half this size: some lately, or one at this time of day."""
    alike = [since for since, most in kind.waves if 2 * most >= kind.told]
    lately = [since for since in alike if 0 <= kind.since - since <= HABIT_DAYS * DAY]
    return len(lately) >= HABIT_WAVES or any(_same_hour(kind.since - since) for since in lately)


def _same_hour(passed: int) -> bool:
    """Whole days, more or less, not today."""
    days = round(passed / DAY)
    return 1 <= days <= SCHEDULE_DAYS and abs(passed - days * DAY) <= SCHEDULE_SLACK


def _plan(analyzer: MassCommand, state: MassCommandState) -> None:
    """While anything is open: look again when the oldest order has left the window."""
    window = analyzer.window_minutes * 60 * SECOND
    dues = [
        next(iter(kind.lately.values())) + window
        for kind in state.kinds.values()
        if kind.told and kind.lately
    ]
    state.wake_at = min(dues, default=None)
