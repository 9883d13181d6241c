"""Idle time-out: connections that end always the same time after their last frame.

Fires when: 5 closes in a row by the same side come equally long after the last frame of either side (standard
    deviation below 2 s), 10 s at least (CN-05): something on the way, or one end, closes what is idle. A warning; an
    info finding when it is the charge point's side that closes. It says the time and who closed. Cleared by a close
    after another time or by the other side, or when a day passes without such a close.
Does not fire when: the time differs by more than three times that between closes; the end was found out by TCP (then
    it is our own keep-alive that has a constant time); nobody knows when the last frame was.
Clause: OCPP-J 1.6 §5.3; 2.0.1 and 2.1 Part 4 §5.3; evcc#33099, and the 60 s and 100 s of common reverse proxies.
Says:
    CP_1: the CSMS's side closes its connections 60 s after the last frame, 5 times in a row: an idle time-out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Evidence,
    Raised,
    Rule,
    Severity,
    State,
    number,
    seconds,
)
from analyzers.stats import Welford
from proxy.ocpp.facts import ConnectionClosed, Fact

MAX_EVIDENCE: Final = 5
SPREADS: Final = 3
"""Spreads from the mean beyond which a close is of another kind."""
_FOUND_BY_TCP: Final = "timeout"
_SIDES: Final = {"charge_point": "its own side", "csms": "the CSMS's side", "proxy": "ocpptap"}

IDLE: Final = Rule(
    "CN-05",
    Severity.WARNING,
    "OCPP-J 1.6 §5.3; 2.x Part 4 §5.3",
    "{charge_point}: {what} closes its connections {observed}: an idle time-out.",
)


class IdleTimeoutState(State):
    """The run of alike closes: by whom, how long after the last frame (s), and where."""

    closed_by: str = ""
    idle: Welford | None = None
    closes: Evidence = ()
    told: bool = False


@dataclass(frozen=True)
class IdleTimeout(Analyzer[IdleTimeoutState]):
    """`spread_seconds`: the standard deviation below which times are the same."""

    name: ClassVar[str] = "idle_timeout"
    wants: ClassVar[tuple[type[Fact], ...]] = (ConnectionClosed,)
    rules: ClassVar[tuple[Rule, ...]] = (IDLE,)

    closes: int = 5
    spread_seconds: float = 2.0
    least_idle_seconds: int = 10
    forget_seconds: int = 86_400

    def new_state(self) -> IdleTimeoutState:
        return IdleTimeoutState()

    def step(self, state: IdleTimeoutState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if not isinstance(fact, ConnectionClosed) or fact.idle_ns is None or fact.how == _FOUND_BY_TCP:
            return NOTHING
        idle = fact.idle_ns / SECOND
        changes = NOTHING if self._is_alike(state, fact, idle) else _broken(state)
        if idle < self.least_idle_seconds or fact.closed_by not in _SIDES:
            return changes
        self._add(state, fact, idle)
        return [*changes, *self._judge(state, fact)]

    def wake(self, state: IdleTimeoutState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        """No such close for long: whatever it was, it is over."""
        return _broken(state)

    def _is_alike(self, state: IdleTimeoutState, fact: ConnectionClosed, idle: float) -> bool:
        if state.idle is None or fact.closed_by != state.closed_by:
            return False
        return abs(idle - state.idle.mean) <= SPREADS * self.spread_seconds

    def _add(self, state: IdleTimeoutState, fact: ConnectionClosed, idle: float) -> None:
        if state.idle is None:
            state.idle = Welford()
        state.closed_by = fact.closed_by
        state.idle.add(idle)
        state.closes = (*state.closes, (fact.connection_id, fact.frame_no))[-MAX_EVIDENCE:]

    def _judge(self, state: IdleTimeoutState, fact: ConnectionClosed) -> Sequence[Change]:
        sample = state.idle
        if sample is None or sample.count < max(2, self.closes) or sample.deviation >= self.spread_seconds:
            return NOTHING
        state.told = True
        state.wake_at = fact.clock + self.forget_seconds * SECOND
        return (self._same(state, sample),)

    def _same(self, state: IdleTimeoutState, sample: Welford) -> Raised:
        idle = seconds(round(sample.mean * SECOND))
        spread = number(self.spread_seconds, "s")
        own = state.closed_by == "charge_point"
        return Raised(
            IDLE,
            f"{idle} after the last frame, {sample.count} times in a row",
            f"{self.closes} times within {spread}",
            _SIDES[state.closed_by],
            severity=Severity.INFO if own else Severity.WARNING,
            evidence=state.closes,
        )


def _broken(state: IdleTimeoutState) -> Sequence[Change]:
    """The run is over."""
    told, state.told = state.told, False
    state.closed_by, state.idle, state.closes, state.wake_at = "", None, (), None
    return (Cleared(IDLE),) if told else NOTHING
