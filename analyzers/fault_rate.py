"""Fault rate: a fault comes more often than it used to, at many charge points of the same kind.

Fires when: in a cohort (vendor, model, firmware) of at least 20 connected charge points a Poisson CUSUM over hours says
    that one error code is reported at twice the usual rate or more, and at least 5 different charge points
    contributed (FT-05, a warning; critical when 20 % of the cohort did). Counted is how many charge points report the
    code in the hour, per charger-hour connected: a fleet that grows is no rise, nor one charge point that repeats
    itself. One finding per cohort and code; a day without more than usual clears it.
Does not fire above info when: the cohort was watched for less than a day: a rhythm of the day is not known yet.
Does not fire when: vendor or model was never told (a capture from the middle); fewer charge points are connected; one
    unit alone is bad. Bounds: of 513 cohorts the one with the fewest connected charge points is forgotten, of 2049
    codes the one not reported for longest.
Clause: OCPP 1.6 §4.9, §7.6; 2.0.1 and 2.1 N07, G05. Detector: Lucas 1985 (stats.py); the limits are ours.
Says:
    ACME Wall 1.2.0 reports GroundFailure more often: 12 of 24 charge points in 1 h (usually 0.008 per hour).
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
    number,
)
from analyzers.stats import PoissonCusum, fading
from proxy.ocpp.facts import (
    Booted,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    FaultReported,
    LifeSeen,
    SightLost,
)

MAX_POINTS: Final = 200_000
"""Connected charge points followed, as many as the runner knows; more are no exposure."""
MAX_COHORTS: Final = 512
MAX_CODES: Final = 2048
MAX_NAMES: Final = 256
"""Charge points told apart per code and hour; more are not counted: it is a rise by then."""
MAX_WORD: Final = 64
MAX_EVIDENCE: Final = 10
HOUR: Final = 3600 * SECOND
WEEK_HOURS: Final = 168.0
CALM_HOURS: Final = 24
PRIOR: Final = (0.5, 24.0)
"""Reports and charger-hours believed before anything is learnt: one in two days per charge point."""

RISE: Final = Rule(
    "FT-05",
    Severity.WARNING,
    "OCPP 1.6 §4.9, §7.6; 2.x N07, G05",
    "{what} more often: {observed} (usually {limit}).",
)


class Cohort(msgspec.Struct):
    """`connected` charge points since `since` (clock); in the hour that runs: `hours` of charger-hours, and the `most`
    connected. `watched`: charger-hours before, fading. `first`: clock of its first charge point."""

    words: str
    first: int
    since: int
    connected: int = 0
    most: int = 0
    hours: float = 0.0
    watched: float = 0.0


class Code(msgspec.Struct):
    """One error code of one cohort. `names`: who reported it in the hour now, `contributed`: since the rise began.

    `calm`: hours in a row with no more than usual. `said`: its finding is open."""

    cohort: int
    code: str
    usual: PoissonCusum
    names: dict[str, bool] = msgspec.field(default_factory=dict)
    contributed: dict[str, bool] = msgspec.field(default_factory=dict)
    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)
    calm: int = 0
    said: bool = False


class FaultRateState(State):
    """`points`: connected charge points and the number of their cohort. `cohorts`, by number, and `codes`: the one
    heard of last stands last. `numbers`: by the cohort's words."""

    points: dict[str, int] = msgspec.field(default_factory=dict)
    cohorts: dict[int, Cohort] = msgspec.field(default_factory=dict)
    numbers: dict[str, int] = msgspec.field(default_factory=dict)
    codes: dict[str, Code] = msgspec.field(default_factory=dict)
    next_number: int = 0


@dataclass(frozen=True)
class FaultRate(FleetAnalyzer[FaultRateState]):
    """`score`: the CUSUM's limit. `critical_percent`: of the cohort's connected charge points."""

    name: ClassVar[str] = "fault_rate"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        ConnectionOpened,
        Booted,
        LifeSeen,
        ConnectionClosed,
        SightLost,
        FaultReported,
    )
    rules: ClassVar[tuple[Rule, ...]] = (RISE,)

    score: float = 7.0
    ratio: float = 2.0
    contributors: int = 5
    cohort_charge_points: int = 20
    critical_percent: float = 20.0
    learning_hours: float = 24.0

    def new_state(self) -> FaultRateState:
        return FaultRateState()

    def step(self, state: FaultRateState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if state.wake_at is None:
            state.wake_at = (fact.clock // HOUR + 1) * HOUR
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    # who is connected

    def _here(self, state: FaultRateState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        words = _words(charge_point)
        if not words:
            return NOTHING
        found, changes = _number(state, words, fact.clock)
        before = state.points.get(fact.charge_point)
        if before == found:
            return changes
        self._gone(state, fact, charge_point)
        if len(state.points) < MAX_POINTS:
            state.points[fact.charge_point] = found
            cohort = state.cohorts[found]
            _settle(cohort, fact.clock)
            cohort.connected += 1
            cohort.most = max(cohort.most, cohort.connected)
        return changes

    def _gone(self, state: FaultRateState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """It left its cohort. Another connection of it may still live: its next sign of life brings it back."""
        cohort = state.cohorts.get(state.points.pop(fact.charge_point, -1))
        if cohort is not None:
            _settle(cohort, fact.clock)
            cohort.connected -= 1
        return NOTHING

    def _closed(self, state: FaultRateState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        charge_point.life.await_any()
        return self._gone(state, fact, charge_point)

    # what is reported

    def _fault(
        self, state: FaultRateState, fact: FaultReported, charge_point: ChargePoint
    ) -> Sequence[Change]:
        changes = [*self._here(state, fact, charge_point)]
        found = state.points.get(fact.charge_point)
        if found is None or not fact.code:
            return changes
        key = f"{found} {fact.code[:MAX_WORD]}"
        code = state.codes.pop(key, None)
        if code is None:
            changes += _make_room_for_code(state)
            code = Code(found, fact.code[:MAX_WORD], _so_far(state.cohorts[found]))
        state.codes[key] = code
        if fact.charge_point not in code.names and len(code.names) < MAX_NAMES:
            code.names[fact.charge_point] = True
            code.evidence.append((fact.connection_id, fact.frame_no))
            del code.evidence[:-MAX_EVIDENCE]
        return changes

    # the hour is over

    def wake(self, state: FaultRateState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for cohort in state.cohorts.values():
            _settle(cohort, now)
        for code in state.codes.values():
            changes += self._judge(code, state.cohorts[code.cohort], now)
        for cohort in state.cohorts.values():
            cohort.watched = cohort.watched * fading(1.0, WEEK_HOURS) + cohort.hours
            cohort.hours, cohort.most = 0.0, cohort.connected
        if state.points or state.codes:
            state.wake_at = now + HOUR
        return changes

    def _judge(self, code: Code, cohort: Cohort, now: int) -> Sequence[Change]:
        count, expected = len(code.names), code.usual.rate * cohort.hours
        usually = f"{number(expected, '')} per hour"
        code.usual.add(count, cohort.hours, self.ratio, self.score, fading(1.0, WEEK_HOURS))
        code.calm = 0 if count > max(1.0, self.ratio * expected) else code.calm + 1
        _contribute(code)
        if code.calm >= CALM_HOURS:
            return _calm(code, cohort)
        if code.calm or not self._is_proven(code, cohort):
            return NOTHING
        code.said = True
        return [self._say(code, cohort, count, usually, now)]

    def _is_proven(self, code: Code, cohort: Cohort) -> bool:
        return (
            code.usual.rises(self.score)
            and len(code.contributed) >= self.contributors
            and cohort.most >= self.cohort_charge_points
        )

    def _say(self, code: Code, cohort: Cohort, count: int, usually: str, now: int) -> Raised:
        return Raised(
            RISE,
            f"{count} of {cohort.most} charge points in 1 h",
            usually,
            f"{cohort.words} reports {code.code}",
            key=_key(code, cohort),
            severity=self._severity(code, cohort, now),
            evidence=tuple(code.evidence),
        )

    def _severity(self, code: Code, cohort: Cohort, now: int) -> Severity:
        if now - cohort.first < self.learning_hours * HOUR:
            return Severity.INFO
        many = 100 * len(code.contributed) >= self.critical_percent * cohort.most
        return Severity.CRITICAL if many else Severity.WARNING


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[FaultRate, FaultRateState, Any, ChargePoint], Sequence[Change]]]
] = {
    ConnectionOpened: FaultRate._here,
    Booted: FaultRate._here,
    LifeSeen: FaultRate._here,
    ConnectionClosed: FaultRate._closed,
    SightLost: FaultRate._closed,
    FaultReported: FaultRate._fault,
}


def _words(charge_point: ChargePoint) -> str:
    """The cohort, "" not known."""
    if not charge_point.vendor or not charge_point.model:
        return ""
    words = (charge_point.vendor, charge_point.model, charge_point.firmware)
    return " ".join(word[:MAX_WORD] for word in words if word)


def _key(code: Code, cohort: Cohort) -> str:
    return f"{cohort.words} {code.code}"


def _number(state: FaultRateState, words: str, clock: int) -> tuple[int, list[Change]]:
    """The cohort's number, heard of last from now on; and what ends because another had to go for it."""
    found, changes = state.numbers.get(words), list[Change]()
    if found is not None:
        state.cohorts[found] = state.cohorts.pop(found)
        return found, changes
    if len(state.cohorts) >= MAX_COHORTS:
        changes = _forget_smallest(state)
    found = state.numbers[words] = state.next_number
    state.next_number += 1
    state.cohorts[found] = Cohort(words, clock, clock)
    return found, changes


def _forget_smallest(state: FaultRateState) -> list[Change]:
    """The cohort with the fewest connected, of those the one not heard of for longest, and its codes."""
    gone = min(state.cohorts, key=lambda each: state.cohorts[each].connected)
    cohort = state.cohorts.pop(gone)
    del state.numbers[cohort.words]
    codes = {key: code for key, code in state.codes.items() if code.cohort == gone}
    for key in codes:
        del state.codes[key]
    return [Cleared(RISE, key=_key(code, cohort)) for code in codes.values() if code.said]


def _make_room_for_code(state: FaultRateState) -> list[Change]:
    if len(state.codes) < MAX_CODES:
        return []
    code = state.codes.pop(next(iter(state.codes)))
    return [Cleared(RISE, key=_key(code, state.cohorts[code.cohort]))] if code.said else []


def _so_far(cohort: Cohort) -> PoissonCusum:
    """A code that was never reported until now: the charger-hours watched count."""
    events, exposure = PRIOR
    return PoissonCusum(events=events, exposure=exposure + cohort.watched)


def _settle(cohort: Cohort, clock: int) -> None:
    """Count the charger-hours up to now."""
    cohort.hours += cohort.connected * max(0, clock - cohort.since) / HOUR
    cohort.since = max(cohort.since, clock)


def _contribute(code: Code) -> None:
    """Who reported it in the hour contributed to the rise, if there is one."""
    if not code.usual.score:
        code.contributed = {}
    elif len(code.contributed) < MAX_NAMES:
        code.contributed |= code.names
    code.names = {}


def _calm(code: Code, cohort: Cohort) -> Sequence[Change]:
    """A day without more than usual: what rose before is over."""
    code.usual.score, code.calm, code.contributed, code.evidence = 0.0, 0, {}, []
    said, code.said = code.said, False
    return [Cleared(RISE, key=_key(code, cohort))] if said else NOTHING
