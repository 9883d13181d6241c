"""Call error: CALLs are answered with CALLERROR more often than they used to be.

Fires when: the CALLERRORs of one code to one action (and direction) come so often that a Poisson CUSUM over hours,
    against what is usual, rises over 7: at one charge point, with 3 errors at least in the hour (PR-08, a warning), or
    over an upstream, at 5 different charge points (PR-08-GROUP, a warning; while it is open the single ones are not
    told anew). That is about 11 in an hour where a day had none, 15 where nothing is known yet. The first
    NotImplemented or NotSupported to an action is an info line, once per charge point, direction and action. The
    warnings clear when an hour passes with no more than twice the usual.
Does not fire when: single errors come now and then; an action that is not supported is tried again and again; an error
    rate stays what it always was. CALLRESULTERROR (2.1) is none. Bounds: 8 pairs of action and code per charge point,
    64 per upstream, 4096 charge points with errors, 16 upstreams; the one without an error for longest is forgotten,
    and its findings cleared.
Clause: OCPP-J 1.6 §4.2.3; 2.0.1 and 2.1 Part 4 §4.2.3. Detector: Lucas 1985 (stats.py); the limits are ours.
Says:
    CP_1: its MeterValues was answered with InternalError 11 times within 1 h (limit 11 in 1 h).
    CP_1: the CSMS's GetLog was answered with NotSupported (limit 0).
    csms: Heartbeat at 5 charge points or more was answered with InternalError 15 times within 1 h (limit 15 in 1 h).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from analyzers.stats import PoissonCusum, fading
from proxy.names import Direction
from proxy.ocpp.facts import CallErred, Fact, LifeSeen

MAX_POINTS: Final = 4096
MAX_UPSTREAMS: Final = 16
MAX_RATES: Final = 8
MAX_UPSTREAM_RATES: Final = 64
MAX_UNSUPPORTED: Final = 32
MAX_WORD: Final = 48
"""Characters of an action or a code that are kept: both are the peers' words."""
MAX_EVIDENCE: Final = 10
HOUR: Final = 3600 * SECOND
QUIET_HOURS: Final = 24
"""Hours without an error after which a pair is forgotten."""
WEEK_HOURS: Final = 168.0
RATIO: Final = 2.0
PRIOR: Final = 3.0
"""Errors an hour that are believed before anything is learnt, with the weight of one hour."""
UNSUPPORTED: Final = frozenset({"NotImplemented", "NotSupported"})

CLAUSE: Final = "OCPP-J 1.6 §4.2.3; 2.x Part 4 §4.2.3"
SENTENCE: Final = "{what} was answered with {observed} (limit {limit})."
ONE: Final = Rule("PR-08", Severity.WARNING, CLAUSE, SENTENCE)
MANY: Final = Rule("PR-08-GROUP", Severity.WARNING, CLAUSE, SENTENCE)


class Rate(msgspec.Struct):
    """Errors of one (direction, action, code). `count`: in the hour that runs, `quiet`: hours without any. `names`: of
    the charge points in this hour, as many as are needed. `worst`, `limit`: of the open finding, the most errors in an
    hour and how many it took."""

    usual: PoissonCusum
    called: str
    code: str
    count: int = 0
    quiet: int = 0
    said: bool = False
    worst: int = 0
    limit: int = 0
    names: list[str] = msgspec.field(default_factory=list)
    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)


class Errors(msgspec.Struct):
    """Of one charge point or one upstream. `rates` by pair, the one with the last error last; `unsupported`: calls of
    which that was told."""

    rates: dict[str, Rate] = msgspec.field(default_factory=dict)
    unsupported: list[str] = msgspec.field(default_factory=list)


class CallErrorState(State):
    """`first`: clock of the first sign of life, -1: none yet. Only those with errors are here, the last one last."""

    first: int = -1
    points: dict[str, Errors] = msgspec.field(default_factory=dict)
    upstreams: dict[str, Errors] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class CallError(FleetAnalyzer[CallErrorState]):
    """`score`: the CUSUM's limit. `errors`: with fewer in the hour nothing is said of a charge point, with fewer
    different `charge_points` nothing of an upstream."""

    name: ClassVar[str] = "call_error"
    wants: ClassVar[tuple[type[Fact], ...]] = (CallErred, LifeSeen)
    rules: ClassVar[tuple[Rule, ...]] = (ONE, MANY)

    score: float = 7.0
    errors: int = 3
    charge_points: int = 5

    def new_state(self) -> CallErrorState:
        return CallErrorState()

    def step(self, state: CallErrorState, fact: Any, charge_point: ChargePoint) -> Sequence[Change]:
        if state.first < 0:
            state.first = fact.clock
        if type(fact) is not CallErred or not fact.code:
            return NOTHING
        if state.wake_at is None:
            state.wake_at = (fact.clock // HOUR + 1) * HOUR
        point, changes = _take(state.points, fact.charge_point, MAX_POINTS, ONE)
        if fact.code in UNSUPPORTED:
            return [*changes, *_unsupported(point, fact)]
        upstream, ended = _take(state.upstreams, charge_point.upstream, MAX_UPSTREAMS, MANY)
        many, of_many = self._count(state, upstream, charge_point.upstream, fact, MANY)
        one, of_one = self._count(state, point, fact.charge_point, fact, ONE)
        if many.said and not one.said:
            of_one = [change for change in of_one if isinstance(change, Cleared)]
        one.said = one.said or any(isinstance(change, Raised) for change in of_one)
        return [*changes, *ended, *of_many, *of_one]

    def _count(
        self, state: CallErrorState, errors: Errors, who: str, fact: CallErred, rule: Rule
    ) -> tuple[Rate, list[Change]]:
        rate, changes = _rate(state, errors, who, fact, rule)
        rate.count += 1
        if fact.charge_point not in rate.names and len(rate.names) < self.charge_points:
            rate.names.append(fact.charge_point)
        rate.evidence.append((fact.connection_id, fact.frame_no))
        del rate.evidence[:-MAX_EVIDENCE]
        enough = rate.count >= self.errors if rule is ONE else len(rate.names) >= self.charge_points
        if rate.said or (enough and rate.count >= self._limit(rate)):
            changes.append(self._say(rate, who, rule))
            rate.said = rate.said or rule is MANY
        return rate, changes

    def _limit(self, rate: Rate) -> int:
        """Errors in this hour at which the score rises over its limit: an alarm need not wait for the hour's end."""
        usual = rate.usual
        needed = (self.score - usual.score + usual.rate * (RATIO - 1.0)) / math.log(RATIO)
        return max(self.errors, math.ceil(needed))

    def _say(self, rate: Rate, who: str, rule: Rule) -> Raised:
        one = rule is ONE
        if not rate.said:
            rate.worst, rate.limit = 0, self._limit(rate)
        rate.worst = max(rate.worst, rate.count)
        called = rate.called if one else f"{rate.called} at {self.charge_points} charge points or more"
        return Raised(
            rule,
            f"{rate.code} {rate.worst} times within 1 h",
            f"{rate.limit} in 1 h",
            f"{who or 'The CSMS'}: {called}",
            key=_pair(rate) if one else f"{who} {_pair(rate)}",
            charge_point=who if one else "",
            evidence=tuple(rate.evidence),
        )

    # the hour is over

    def wake(self, state: CallErrorState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for everyone, rule in ((state.points, ONE), (state.upstreams, MANY)):
            for who, errors in everyone.items():
                changes += self._hour_over(errors, who, rule)
        if any(errors.rates for errors in (*state.points.values(), *state.upstreams.values())):
            state.wake_at = now + HOUR
        return changes

    def _hour_over(self, errors: Errors, who: str, rule: Rule) -> list[Change]:
        changes: list[Change] = []
        for rate in errors.rates.values():
            calm = rate.count <= RATIO * rate.usual.rate
            rate.usual.add(rate.count, 1.0, RATIO, self.score, fading(1.0, WEEK_HOURS))
            rate.quiet = 0 if rate.count else rate.quiet + 1
            rate.count, rate.names = 0, []
            if calm and rate.said:
                rate.usual.score, rate.said = 0.0, False
                changes.append(_cleared(rate, who, rule))
        errors.rates = {
            key: rate for key, rate in errors.rates.items() if rate.said or rate.quiet < QUIET_HOURS
        }
        return changes


def _called(fact: CallErred, rule: Rule) -> str:
    """ "its MeterValues", "the CSMS's GetLog"; of many "MeterValues"."""
    action = fact.action[:MAX_WORD]
    if fact.direction is not Direction.FROM_CHARGE_POINT:
        return f"the CSMS's {action}"
    return f"its {action}" if rule is ONE else action


def _pair(rate: Rate) -> str:
    return f"{rate.called} {rate.code}"


def _cleared(rate: Rate, who: str, rule: Rule) -> Cleared:
    if rule is ONE:
        return Cleared(rule, key=_pair(rate), charge_point=who)
    return Cleared(rule, key=f"{who} {_pair(rate)}")


def _unsupported(point: Errors, fact: CallErred) -> Sequence[Change]:
    """Once: told and over."""
    called, who = _called(fact, ONE), fact.charge_point
    if called in point.unsupported:
        return NOTHING
    point.unsupported = [*point.unsupported, called][-MAX_UNSUPPORTED:]
    evidence, what = ((fact.connection_id, fact.frame_no),), f"{who}: {called}"
    return [
        Raised(
            ONE,
            fact.code,
            "0",
            what,
            called,
            severity=Severity.INFO,
            evidence=evidence,
            charge_point=who,
        ),
        Cleared(ONE, key=called, charge_point=who),
    ]


def _take(everyone: dict[str, Errors], who: str, most: int, rule: Rule) -> tuple[Errors, list[Change]]:
    """Who's errors, now the last one; and what ends because another had to go for it."""
    errors, changes = everyone.pop(who, None), list[Change]()
    if errors is None:
        errors = Errors()
        if len(everyone) >= most:
            gone = next(iter(everyone))
            rates = everyone.pop(gone).rates.values()
            changes += [_cleared(rate, gone, rule) for rate in rates if rate.said]
    everyone[who] = errors
    return errors, changes


def _rate(
    state: CallErrorState, errors: Errors, who: str, fact: CallErred, rule: Rule
) -> tuple[Rate, list[Change]]:
    """The rate of this fact's pair, now the last one; and what ends because another had to go for it."""
    called, code = _called(fact, rule), fact.code[:MAX_WORD]
    rate, changes = errors.rates.pop(f"{called} {code}", None), list[Change]()
    if rate is None:
        rate = Rate(_so_far(state, fact.clock), called, code)
        if len(errors.rates) >= (MAX_RATES if rule is ONE else MAX_UPSTREAM_RATES):
            gone = errors.rates.pop(next(iter(errors.rates)))
            changes += [_cleared(gone, who, rule)] if gone.said else []
    errors.rates[f"{called} {code}"] = rate
    return rate, changes


def _so_far(state: CallErrorState, clock: int) -> PoissonCusum:
    """A pair without an error until now: the hours watched count, a week of them at most."""
    return PoissonCusum(events=PRIOR, exposure=1.0 + min(max(0, clock - state.first) / HOUR, WEEK_HOURS))
