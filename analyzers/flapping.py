"""Flapping: a charge point that connects again and again.

Fires when: 4 connections are opened within 10 min (CN-01, a warning; cleared when none was opened for 10 min);
    three connections in a row fail (refused, given up, or ended within 30 s), each followed by the next try within
    10 s and after a wait that has not grown by half (CN-03, a warning; cleared by a connection that holds for 30 s,
    or a wait that is longer or has grown).
Does not fire when: the connection follows an accepted Reset or a firmware update within 5 min, or we closed the one
    before; the waits grow. What a rate limit has counted together has no times, so its waits are not judged.
Clause: OCPP-J 1.6 §5.4; 2.0.1 and 2.1 Part 4 §5.4 (back-off: SHALL).
Says:
    CP_1 keeps connecting: 4 connections in 180 s (limit 4 in 600 s).
    CP_1 does not back off: 3 tries failed, each with the next within 10 s, the last after 2 s.
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
    Raised,
    Rule,
    Severity,
    State,
    seconds,
)
from proxy.ocpp.facts import (
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    FirmwareProgress,
    FirmwareUpdateRequested,
    HandshakeFailed,
    ResetRequested,
    SightLost,
)

MAX_CONNECTS: Final = 64
"""Connections remembered within the window: what is beyond them is said as so many."""
MAX_EVIDENCE: Final = 10
_SHORTEST_WAIT: Final = SECOND // 1000
"""Waits below it do not grow: there is nothing to measure."""

FLAPPING: Final = Rule(
    "CN-01",
    Severity.WARNING,
    "OCPP-J 1.6 §5.4; 2.x Part 4 §5.4",
    "{charge_point} keeps connecting: {observed} (limit {limit}).",
)
HASTY: Final = Rule(
    "CN-03",
    Severity.WARNING,
    "2.x Part 4 §5.4",
    "{charge_point} does not back off: {what} failed, each with the next within {limit}, the last after {observed}.",
)


class FlappingState(State):
    """Moments in ns of `clock`, -1: none.

    `connects`: (clock, connection) within the window. `excused_until`: a connection until then was asked for.
    `opened`: when the connection that is open was. `ended`: when the last try failed, -1: it did not.
    `wait`: how long it waited before the last try; `hasty`: tries that failed and were repeated at once, in a row.
    """

    connects: tuple[tuple[int, str], ...] = ()
    excused_until: int = -1
    opened: int = -1
    ended: int = -1
    wait: int = -1
    hasty: int = 0
    told_flapping: bool = False
    told_hasty: bool = False


@dataclass(frozen=True)
class Flapping(Analyzer[FlappingState]):
    """`connections` within `window_seconds`. `growth`: what makes a wait longer than the one before."""

    name: ClassVar[str] = "flapping"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        ConnectionOpened,
        ConnectionClosed,
        HandshakeFailed,
        SightLost,
        ResetRequested,
        FirmwareUpdateRequested,
        FirmwareProgress,
    )
    rules: ClassVar[tuple[Rule, ...]] = (FLAPPING, HASTY)

    connections: int = 4
    window_seconds: int = 600
    excuse_seconds: int = 300
    tries: int = 3
    short_seconds: int = 30
    wait_seconds: int = 10
    growth: float = 1.5

    def new_state(self) -> FlappingState:
        return FlappingState()

    def step(self, state: FlappingState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        changes = _HANDLERS[type(fact)](self, state, fact, charge_point)
        if state.told_flapping or state.told_hasty:
            self._plan(state)
        return changes

    # what happened

    def _opened(
        self, state: FlappingState, fact: ConnectionOpened, charge_point: ChargePoint
    ) -> Sequence[Change]:
        changes = self._try(state, fact)
        state.opened, state.ended = fact.clock, -1
        if fact.clock < state.excused_until:
            state.excused_until = -1
            return changes
        return [*changes, *self._count(state, fact)]

    def _closed(
        self, state: FlappingState, fact: ConnectionClosed, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """What we close says nothing of the charge point."""
        ours = fact.closed_by == "proxy"
        if ours:
            state.excused_until = fact.clock + self.excuse_seconds * SECOND
        if fact.connection_id != charge_point.connection_id:
            return NOTHING
        opened, state.opened = state.opened, -1
        if ours or fact.clock - opened >= self.short_seconds * SECOND:
            return _calm(state)
        state.ended = fact.clock
        return NOTHING

    def _failed(
        self, state: FlappingState, fact: HandshakeFailed, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """One that fails beside an open connection may be somebody else's."""
        if not fact.charge_point or charge_point.connection_id:
            return NOTHING
        changes = self._try(state, fact) if fact.count <= 1 else NOTHING
        state.ended = fact.clock
        return changes

    def _unseen(self, state: FlappingState, fact: SightLost, charge_point: ChargePoint) -> Sequence[Change]:
        state.opened = -1
        return _calm(state)

    def _asked(
        self,
        state: FlappingState,
        fact: ResetRequested | FirmwareUpdateRequested | FirmwareProgress,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        if fact.status.lower() != "rejected":
            state.excused_until = fact.clock + self.excuse_seconds * SECOND
        return NOTHING

    # judging

    def _count(self, state: FlappingState, fact: ConnectionOpened) -> Sequence[Change]:
        since = fact.clock - self.window_seconds * SECOND
        recent = (connect for connect in state.connects if connect[0] >= since)
        state.connects = (*recent, (fact.clock, fact.connection_id))[-MAX_CONNECTS:]
        if len(state.connects) < max(2, self.connections):
            return NOTHING
        state.told_flapping = True
        return (self._flaps(state, fact.clock),)

    def _try(self, state: FlappingState, fact: ConnectionOpened | HandshakeFailed) -> Sequence[Change]:
        """It tries again: did it wait, and longer than before?"""
        if state.ended < 0:
            return _calm(state)
        before, wait = state.wait, fact.clock - state.ended
        grown = before >= 0 and wait >= self.growth * max(before, _SHORTEST_WAIT)
        state.wait = wait
        if grown or wait >= self.wait_seconds * SECOND:
            return _calm(state, wait)
        state.hasty += 1
        if state.hasty < self.tries:
            return NOTHING
        state.told_hasty = True
        return (self._hastes(state, fact),)

    # waiting

    def wake(self, state: FlappingState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        if state.told_flapping and now >= self._quiet(state):
            state.told_flapping = False
            changes.append(Cleared(FLAPPING))
        if state.told_hasty and now >= self._patient(state):
            changes += _calm(state)
        self._plan(state)
        return changes

    def _quiet(self, state: FlappingState) -> int:
        last = state.connects[-1][0] if state.connects else 0
        return last + self.window_seconds * SECOND

    def _patient(self, state: FlappingState) -> int:
        """Until then the connection must hold, or the next try must not come."""
        if state.opened >= 0:
            return state.opened + self.short_seconds * SECOND
        return state.ended + self.wait_seconds * SECOND

    def _plan(self, state: FlappingState) -> None:
        moments = [self._quiet(state)] if state.told_flapping else []
        if state.told_hasty:
            moments.append(self._patient(state))
        state.wake_at = min(moments, default=None)

    # what is said

    def _flaps(self, state: FlappingState, now: int) -> Raised:
        number = len(state.connects)
        return Raised(
            FLAPPING,
            f"{number} connections in {seconds(now - state.connects[0][0])}",
            f"{self.connections} in {self.window_seconds} s",
            evidence=tuple((connection, 0) for _, connection in state.connects[-MAX_EVIDENCE:]),
        )

    def _hastes(self, state: FlappingState, fact: ConnectionOpened | HandshakeFailed) -> Raised:
        return Raised(
            HASTY,
            seconds(state.wait),
            f"{self.wait_seconds} s",
            f"{state.hasty} tries",
            evidence=((fact.connection_id, fact.frame_no),),
        )


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[Flapping, FlappingState, Any, ChargePoint], Sequence[Change]]]
] = {
    ConnectionOpened: Flapping._opened,
    ConnectionClosed: Flapping._closed,
    HandshakeFailed: Flapping._failed,
    SightLost: Flapping._unseen,
    ResetRequested: Flapping._asked,
    FirmwareUpdateRequested: Flapping._asked,
    FirmwareProgress: Flapping._asked,
}


def _calm(state: FlappingState, wait: int = -1) -> Sequence[Change]:
    """The last try did not fail, or it waited long enough after it: `wait` is what the next one is compared with."""
    told, state.told_hasty = state.told_hasty, False
    state.ended, state.wait, state.hasty = -1, wait, 0
    return (Cleared(HASTY),) if told else NOTHING
