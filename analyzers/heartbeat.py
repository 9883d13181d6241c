"""Heartbeat: a Heartbeat that comes much too early or much too late.

Fires when: between two Heartbeats with no other message of the charge point in between, a time passes that is off the
    interval in force by more than half of it, and by more than 5 s (HB-02, info). One finding, with a count; it is
    cleared by a Heartbeat in time once the mean of what they are off (exponentially weighted, each counted as twice
    the interval at most) is below an eighth of the interval.
Does not fire when: anything else was said in between (many charge points count from their last message); a late one
    had WebSocket pings before it, which may stand for Heartbeats; the interval is not known, is 0, or changed in
    between; the connection, or part of what it said, was not seen. An interval longer than the recording gives nothing.
Clause: OCPP 1.6 §4.6; OCPP-J 1.6 §5.3; 2.0.1 and 2.1 G02.FR.01.
Says:
    CP_1 sent a Heartbeat 130 s after the one before and nothing in between; its interval is 300 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Life,
    Raised,
    Rule,
    Severity,
    State,
    seconds,
)
from proxy.ocpp.facts import (
    BytesLost,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    HeartbeatIntervalSet,
    HeartbeatSeen,
    SightLost,
)

MOST_OFF: Final = 2.0
"""Intervals that one Heartbeat can be off by in the mean: a single very late one is forgotten in time."""

OFF: Final = Rule(
    "HB-02",
    Severity.INFO,
    "OCPP 1.6 §4.6; 2.x G02.FR.01",
    "{charge_point} sent a Heartbeat {observed} after the one before and nothing in between; its interval is {limit}.",
)


class HeartbeatState(State):
    """`interval` in s, 0: not known. `clock` (ns), `frame_no`, `connection_id`: of the last Heartbeat, clock -1: none.

    `off`: mean distance from the interval, in intervals.
    """

    interval: int = 0
    clock: int = -1
    frame_no: int = 0
    connection_id: str = ""
    off: float = 0.0
    told: bool = False


@dataclass(frozen=True)
class Heartbeat(Analyzer[HeartbeatState]):
    """`off_share`: of the interval. `weight`: of the newest Heartbeat in the mean. `grace_seconds`: never judged."""

    name: ClassVar[str] = "heartbeat"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        HeartbeatSeen,
        HeartbeatIntervalSet,
        ConnectionOpened,
        ConnectionClosed,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (OFF,)

    off_share: float = 0.5
    grace_seconds: int = 5
    weight: float = 0.2

    def new_state(self) -> HeartbeatState:
        return HeartbeatState()

    def step(self, state: HeartbeatState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    # what happened

    def _heartbeat(
        self, state: HeartbeatState, fact: HeartbeatSeen, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """It was answered: the charge point's last message is taken for its call."""
        life = charge_point.life
        if life.message_clock < 0 or life.message_connection != fact.connection_id:
            state.clock = -1
            return NOTHING
        changes = self._judge(state, life) if state.interval > 0 and _follows(state, life) else NOTHING
        state.clock, state.frame_no = life.message_clock, life.message_frame
        state.connection_id = fact.connection_id
        return changes

    def _interval_set(
        self, state: HeartbeatState, fact: HeartbeatIntervalSet, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """What was off another interval says nothing of this one."""
        if fact.seconds == state.interval:
            return NOTHING
        state.interval, state.clock, state.off = fact.seconds, -1, 0.0
        return _over(state)

    def _opened(
        self, state: HeartbeatState, fact: ConnectionOpened, charge_point: ChargePoint
    ) -> Sequence[Change]:
        state.clock = -1
        return NOTHING

    def _unseen(
        self,
        state: HeartbeatState,
        fact: ConnectionClosed | BytesLost | SightLost,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        if fact.connection_id == state.connection_id:
            state.clock = -1
        return NOTHING

    # judging

    def _judge(self, state: HeartbeatState, life: Life) -> Sequence[Change]:
        interval = state.interval * SECOND
        gap = life.message_clock - state.clock
        if gap > interval and life.ping_clock > state.clock:
            return NOTHING
        distance = abs(gap - interval)
        off = distance / interval
        state.off += self.weight * (min(off, MOST_OFF) - state.off)
        if off > self.off_share and distance > self.grace_seconds * SECOND:
            state.told = True
            return (_off(state, life, gap),)
        return _over(state) if state.off < self.off_share / 4 else NOTHING


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[Heartbeat, HeartbeatState, Any, ChargePoint], Sequence[Change]]]
] = {
    HeartbeatSeen: Heartbeat._heartbeat,
    HeartbeatIntervalSet: Heartbeat._interval_set,
    ConnectionOpened: Heartbeat._opened,
    ConnectionClosed: Heartbeat._unseen,
    BytesLost: Heartbeat._unseen,
    SightLost: Heartbeat._unseen,
}


def _follows(state: HeartbeatState, life: Life) -> bool:
    """The message before the last one is the Heartbeat before: nothing was said in between."""
    return (
        state.clock >= 0
        and state.frame_no == life.before_frame
        and state.connection_id == life.message_connection
    )


def _off(state: HeartbeatState, life: Life, gap: int) -> Raised:
    evidence = ((state.connection_id, state.frame_no), (life.message_connection, life.message_frame))
    return Raised(OFF, seconds(gap), seconds(state.interval * SECOND), evidence=evidence)


def _over(state: HeartbeatState) -> Sequence[Change]:
    told, state.told = state.told, False
    return (Cleared(OFF),) if told else NOTHING
