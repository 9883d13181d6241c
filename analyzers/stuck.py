"""Stuck: a connector that nobody can use for long, and nobody asked for it.

Fires when: a connector, an EVSE or the whole charge point has been Faulted or Unavailable for more than 30 min of
    connected time: a warning; for more than 4 h: critical (FT-03). Going from one of the two to the other is the same
    trouble. Any other status clears it.
Does not fire when: the charge point accepted, or scheduled, a ChangeAvailability to Inoperative for that place or all
    of it (planned, until Operative is accepted; time counts from there); the connection is closed: that time does not
    count; the whole charge point is stuck already, then its connectors are not told one by one; a status comes late,
    dated before the one that is known (quirk 53). Where frames passed unseen it may have recovered: nothing is raised
    before the status is told again.
Clause: OCPP 1.6 §4.9, §5.2; 2.0.1 and 2.1 G01, G03.
Says:
    CP_1: connector 1 has been Faulted for 1800 s (limit 1800 s), and nobody asked for it.
    CP_1: the charge point has been Unavailable for 14400 s (limit 14400 s), and nobody asked for it.
    CP_1: EVSE 1 has been Unavailable for 1800 s (limit 1800 s), and nobody asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

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
    connector_of,
    is_older,
    place_words,
    seconds,
)
from proxy.names import Direction
from proxy.ocpp.facts import (
    Availability,
    AvailabilityRequested,
    BytesLost,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    Place,
    SightLost,
    StatusChanged,
)

MAX_PLACES: Final = 32
"""Down, and taken out of use, each; the oldest is forgotten for a 33rd."""
MAX_STATUS: Final = 32

STUCK: Final = Rule(
    "FT-03",
    Severity.WARNING,
    "OCPP 1.6 §4.9, §5.2; 2.x G01, G03",
    "{charge_point}: {what} for {observed} (limit {limit}), and nobody asked for it.",
)
_DOWN: Final = frozenset({Availability.FAULTED, Availability.UNAVAILABLE})
_UNKNOWN: Final = Availability.UNKNOWN
_PLANNED: Final = frozenset({"accepted", "scheduled"})


class Down(msgspec.Struct, gc=False):
    """`since`: ns of `clock`, moved on by time that does not count. `told`: severity of the open finding, 0 none.

    `is_sure`: nothing passed unseen since the status was told.
    """

    place: Place
    status: str
    since: int
    told_ns: int | None
    frame: tuple[str, int]
    told: int = 0
    is_sure: bool = True


class StuckState(State):
    """`connection`: the newest one since something is down; `paused`: when it closed, -1 it is open.

    `downs`, `planned`: None for none.
    """

    downs: list[Down] | None = None
    planned: list[Place] | None = None
    connection: str = ""
    paused: int = -1


@dataclass(frozen=True)
class Stuck(Analyzer[StuckState]):
    name: ClassVar[str] = "stuck"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        StatusChanged,
        AvailabilityRequested,
        ConnectionOpened,
        ConnectionClosed,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (STUCK,)

    warning_minutes: int = 30
    critical_minutes: int = 240

    def new_state(self) -> StuckState:
        return StuckState()

    def step(self, state: StuckState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if state.downs is None and not _may_begin(fact):
            return NOTHING  # nearly always
        changes = _HANDLERS[type(fact)](self, state, fact)
        self._plan(state)
        return changes

    # what happened

    def _status(self, state: StuckState, fact: StatusChanged) -> Sequence[Change]:
        if fact.availability is _UNKNOWN:
            return NOTHING
        _resume(state, fact.connection_id, fact.clock)
        down = next((down for down in state.downs or () if down.place == fact.place), None)
        if down is not None and is_older(fact.told.ns, down.told_ns):
            return NOTHING
        if fact.availability in _DOWN:
            return self._goes_down(state, fact) if down is None else self._stays_down(down, fact)
        return [] if down is None else _recover(state, down, fact.clock)

    def _goes_down(self, state: StuckState, fact: StatusChanged) -> Sequence[Change]:
        frame = (fact.connection_id, fact.frame_no)
        downs = state.downs or []
        downs.append(Down(fact.place, fact.status[:MAX_STATUS], fact.clock, fact.told.ns, frame))
        state.downs = downs
        return _recover(state, downs[0], fact.clock) if len(downs) > MAX_PLACES else NOTHING

    def _stays_down(self, down: Down, fact: StatusChanged) -> Sequence[Change]:
        """What was unsure begins anew, unless it was told already."""
        if not down.is_sure and not down.told:
            down.since, down.frame = fact.clock, (fact.connection_id, fact.frame_no)
        down.status, down.told_ns, down.is_sure = fact.status[:MAX_STATUS], fact.told.ns, True
        return NOTHING

    def _asked(self, state: StuckState, fact: AvailabilityRequested) -> Sequence[Change]:
        if fact.status.strip().lower() not in _PLANNED:
            return NOTHING
        kind = fact.kind.strip().lower()
        others = [place for place in state.planned or () if not _covers(fact.place, place)]
        if kind == "inoperative":
            state.planned = [*others, fact.place][-MAX_PLACES:]
            return self._planned(state, fact)
        if kind == "operative":
            state.planned = others or None
            for down in _within(state, fact.place):
                down.since = max(down.since, fact.clock)
        return NOTHING

    def _planned(self, state: StuckState, fact: AvailabilityRequested) -> Sequence[Change]:
        """What is told of these places was asked for after all."""
        over: list[Change] = [_cleared(down, fact.clock) for down in _within(state, fact.place) if down.told]
        for down in _within(state, fact.place):
            down.told = 0
        return over

    def _opened(self, state: StuckState, fact: ConnectionOpened) -> Sequence[Change]:
        _resume(state, fact.connection_id, fact.clock)
        return NOTHING

    def _closed(self, state: StuckState, fact: ConnectionClosed) -> Sequence[Change]:
        if fact.connection_id == state.connection and state.paused < 0:
            state.paused = fact.clock
        return NOTHING

    def _unseen(self, state: StuckState, fact: BytesLost | SightLost) -> Sequence[Change]:
        if isinstance(fact, BytesLost) and fact.direction is Direction.FROM_CSMS:
            return NOTHING
        for down in state.downs or ():
            down.is_sure = False
        return NOTHING

    # time

    def wake(self, state: StuckState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for down in self._counting(state):
            severity = self._severity(now - down.since)
            if severity > down.told:
                changes.append(self._raised(down, now, Severity(severity)))
                down.told = severity
        self._plan(state)
        return changes

    def _counting(self, state: StuckState) -> list[Down]:
        """Those whose time runs: while connected, not planned, not explained by the whole charge point."""
        downs = state.downs
        if downs is None or state.paused >= 0:
            return []
        whole = any(_is_whole(down.place) for down in downs)
        return [
            down
            for down in downs
            if down.is_sure
            and (not whole or _is_whole(down.place))
            and not any(_covers(place, down.place) for place in state.planned or ())
        ]

    def _severity(self, passed: int) -> int:
        if passed >= self.critical_minutes * 60 * SECOND:
            return Severity.CRITICAL
        return Severity.WARNING if passed >= self.warning_minutes * 60 * SECOND else 0

    def _plan(self, state: StuckState) -> None:
        first = min(self.warning_minutes, self.critical_minutes)
        state.wake_at = min(
            (
                down.since + (self.critical_minutes if down.told else first) * 60 * SECOND
                for down in self._counting(state)
                if down.told < Severity.CRITICAL
            ),
            default=None,
        )

    def _raised(self, down: Down, now: int, severity: Severity) -> Raised:
        minutes = self.critical_minutes if severity is Severity.CRITICAL else self.warning_minutes
        return Raised(
            STUCK,
            seconds(now - down.since),
            seconds(minutes * 60 * SECOND),
            f"{place_words(down.place)} has been {down.status}",
            _key(down.place),
            connector_of(down.place),
            severity=severity,
            evidence=(down.frame,),
            times=0 if down.told else 1,
        )


_HANDLERS: Final[Mapping[type[Fact], Callable[[Stuck, StuckState, Any], Sequence[Change]]]] = {
    StatusChanged: Stuck._status,
    AvailabilityRequested: Stuck._asked,
    ConnectionOpened: Stuck._opened,
    ConnectionClosed: Stuck._closed,
    BytesLost: Stuck._unseen,
    SightLost: Stuck._unseen,
}


def _may_begin(fact: Fact) -> bool:
    """While nothing is down, only these matter."""
    if type(fact) is StatusChanged:
        return fact.availability in _DOWN
    return type(fact) is AvailabilityRequested


def _resume(state: StuckState, connection_id: str, now: int) -> None:
    """It is connected: the time since the close does not count."""
    state.connection = connection_id
    if state.paused >= 0:
        for down in state.downs or ():
            down.since += max(0, now - max(state.paused, down.since))
        state.paused = -1


def _recover(state: StuckState, down: Down, now: int) -> list[Change]:
    state.downs = [other for other in state.downs or () if other is not down] or None
    return [_cleared(down, now)] if down.told else []


def _cleared(down: Down, now: int) -> Cleared:
    return Cleared(STUCK, seconds(now - down.since), _key(down.place), connector_of(down.place))


def _within(state: StuckState, place: Place) -> list[Down]:
    return [down for down in state.downs or () if _covers(place, down.place)]


def _is_whole(place: Place) -> bool:
    return connector_of(place) in (None, 0)


def _covers(asked: Place, place: Place) -> bool:
    """Connector 0 and no EVSE are the whole charge point; an EVSE is all its connectors."""
    if _is_whole(asked) or asked == place:
        return True
    return asked.connector_id is None and asked.evse_id == place.evse_id


def _key(place: Place) -> str:
    """Two connectors of one EVSE are two things."""
    return "" if place.evse_id is None else f"{place.connector_id}"
