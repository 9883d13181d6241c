"""Remote start: the charge point accepted one, and no transaction came of it.

Fires when: RemoteStartTransaction (1.6) or RequestStartTransaction (2.x) was accepted, and no transaction of that id
    token, at that connector or with that remoteStartId began within ConnectionTimeOut (2.x:
    TxCtrlr.EVConnectionTimeOut; 60 s where it was never told) + 30 s: TX-11. A warning when the connector is known to
    be taken or broken then, so that somebody waits there; info when it is free, or unknown: nobody may have plugged in.
Does not fire when: the transaction came first; one runs there already; a later remote start for the same place takes
    over; the connection closed, bytes passed unseen, or the capture ended before the time was up.
Clause: OCPP 1.6 §5.11, §9.1.3 (ConnectionTimeOut); 2.x F01, F02, E03.FR.05.
Says:
    CP_1 accepted a remote start and began no transaction within 90 s (connector 1 is taken).
    CP_1 accepted a remote start and began no transaction within 90 s (connector 1 is free).
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
    seconds,
)
from proxy.ocpp.facts import (
    Availability,
    BytesLost,
    CaptureEnded,
    ConfigurationChanged,
    ConfigurationTold,
    ConnectionClosed,
    Fact,
    RemoteStartRequested,
    SightLost,
    StatusChanged,
    TransactionStarted,
    TransactionUpdated,
)

MAX_WAITING: Final = 8
MAX_CONNECTOR: Final = 63
"""Statuses are kept as bits; of connectors beyond, nothing is known."""
MAX_TIMEOUT: Final = 86_400
"""Seconds; a longer ConnectionTimeOut is not believed."""
_KEYS: Final = frozenset({"connectiontimeout", "txctrlr.evconnectiontimeout"})
_TAKEN: Final = frozenset({Availability.OCCUPIED, Availability.UNAVAILABLE, Availability.FAULTED})

NO_START: Final = Rule(
    "TX-11",
    Severity.WARNING,
    "OCPP 1.6 §5.11, §9.1.3; 2.x F01, F02, E03.FR.05",
    "{charge_point} accepted a remote start and began no transaction within {limit} ({what}).",
)


class Waiting(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An accepted remote start. `due`, `clock`: ns of `clock`; `remote_start_id` -1: none."""

    due: int
    clock: int
    connector_id: int | None
    token: str
    remote_start_id: int
    connection_id: str
    frame_no: int


class RemoteStartState(State):
    """`timeout_seconds` -1: never told. `known`, `taken`: connectors as bits."""

    waiting: list[Waiting] | None = None
    timeout_seconds: int = -1
    known: int = 0
    taken: int = 0


@dataclass(frozen=True)
class RemoteStart(Analyzer[RemoteStartState]):
    """`recent_seconds`: a transaction so young when the answer comes is the one that was asked for (quirk 64)."""

    name: ClassVar[str] = "remote_start"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        RemoteStartRequested,
        TransactionStarted,
        TransactionUpdated,
        StatusChanged,
        ConfigurationTold,
        ConfigurationChanged,
        ConnectionClosed,
        BytesLost,
        SightLost,
        CaptureEnded,
    )
    rules: ClassVar[tuple[Rule, ...]] = (NO_START,)

    default_timeout_seconds: int = 60
    grace_seconds: int = 30
    recent_seconds: int = 60

    def new_state(self) -> RemoteStartState:
        return RemoteStartState()

    def step(self, state: RemoteStartState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is TransactionUpdated:
            if state.waiting is not None:
                self._began(state, fact)
            return NOTHING
        _HANDLERS[type(fact)](self, state, fact, charge_point)
        return NOTHING

    # what happened

    def _requested(
        self, state: RemoteStartState, fact: RemoteStartRequested, charge_point: ChargePoint
    ) -> None:
        place = connector_of(fact.place) or None
        accepted = fact.status.strip().lower() == "accepted"
        if not accepted or fact.transaction_id or self._runs(fact, place, charge_point):
            return
        told = state.timeout_seconds
        timeout = self.default_timeout_seconds if told < 0 else told
        waiting = Waiting(
            fact.clock + (timeout + self.grace_seconds) * SECOND,
            fact.clock,
            place,
            fact.who.token,
            -1 if fact.remote_start_id is None else fact.remote_start_id,
            fact.connection_id,
            fact.frame_no,
        )
        others = [other for other in state.waiting or () if other.connector_id != place]
        state.waiting = [*others, waiting][-MAX_WAITING:]
        _plan(state)

    def _runs(self, fact: RemoteStartRequested, place: int | None, charge_point: ChargePoint) -> bool:
        """One runs there already, or has begun just before the answer."""
        since = fact.clock - self.recent_seconds * SECOND
        for transaction in charge_point.transactions.values():
            if place is not None and connector_of(transaction.place) == place:
                return True
            if transaction.clock >= since and (place is None or connector_of(transaction.place) is None):
                return True
        return False

    def _began(self, state: RemoteStartState, fact: TransactionStarted | TransactionUpdated) -> None:
        if state.waiting is None:
            return
        left = [waiting for waiting in state.waiting if not _is_answer(waiting, fact)]
        if len(left) < len(state.waiting):
            state.waiting = left or None
            _plan(state)

    def _started(self, state: RemoteStartState, fact: TransactionStarted, charge_point: ChargePoint) -> None:
        self._began(state, fact)

    def _status(self, state: RemoteStartState, fact: StatusChanged, charge_point: ChargePoint) -> None:
        connector = connector_of(fact.place)
        if connector and connector <= MAX_CONNECTOR:
            bit = 1 << connector
            state.known |= bit
            state.taken = state.taken | bit if fact.availability in _TAKEN else state.taken & ~bit

    def _configured(
        self,
        state: RemoteStartState,
        fact: ConfigurationTold | ConfigurationChanged,
        charge_point: ChargePoint,
    ) -> None:
        if fact.key.lower() not in _KEYS:
            return
        refused = type(fact) is ConfigurationChanged and fact.status.strip().lower() != "accepted"
        value = (fact.value or "").strip()[:9]
        if not refused and value.isascii() and value.isdigit():
            state.timeout_seconds = min(int(value), MAX_TIMEOUT)

    def _unknown(
        self,
        state: RemoteStartState,
        fact: ConnectionClosed | BytesLost | SightLost | CaptureEnded,
        charge_point: ChargePoint,
    ) -> None:
        """What it began, or will begin, is not seen."""
        left = [waiting for waiting in state.waiting or () if waiting.connection_id != fact.connection_id]
        state.waiting = left or None
        if not isinstance(fact, ConnectionClosed):
            state.known = state.taken = 0
        _plan(state)

    # waiting

    def wake(self, state: RemoteStartState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        due = [waiting for waiting in state.waiting or () if waiting.due <= now]
        state.waiting = [waiting for waiting in state.waiting or () if waiting.due > now] or None
        _plan(state)
        changes: list[Change] = []
        for waiting in due:
            over = Cleared(NO_START, connector_id=waiting.connector_id)
            changes += [self._no_start(state, waiting, charge_point), over]
        return changes

    def _no_start(self, state: RemoteStartState, waiting: Waiting, charge_point: ChargePoint) -> Raised:
        limit, place = seconds(waiting.due - waiting.clock), waiting.connector_id
        taken = _is_taken(state, place, charge_point)
        return Raised(
            NO_START,
            observed="no transaction",
            limit=limit,
            what=_SAID[taken].format("a connector" if place is None else f"connector {place}"),
            connector_id=place,
            severity=Severity.WARNING if taken is True else Severity.INFO,
            evidence=((waiting.connection_id, waiting.frame_no),),
        )


_HANDLERS: Final[Mapping[type[Fact], Callable[[RemoteStart, RemoteStartState, Any, ChargePoint], None]]] = {
    RemoteStartRequested: RemoteStart._requested,
    TransactionStarted: RemoteStart._started,
    StatusChanged: RemoteStart._status,
    ConfigurationTold: RemoteStart._configured,
    ConfigurationChanged: RemoteStart._configured,
    ConnectionClosed: RemoteStart._unknown,
    BytesLost: RemoteStart._unknown,
    SightLost: RemoteStart._unknown,
    CaptureEnded: RemoteStart._unknown,
}
_SAID: Final = {True: "{} is taken", False: "{} is free", None: "whether {} is taken is not known"}


def _is_answer(waiting: Waiting, fact: TransactionStarted | TransactionUpdated) -> bool:
    """Its remoteStartId, its token, or its place: whatever begins there, nobody waits any more."""
    if fact.remote_start_id is not None and fact.remote_start_id == waiting.remote_start_id:
        return True
    if type(fact) is TransactionUpdated:
        return bool(waiting.token) and fact.who.token == waiting.token
    place = connector_of(fact.place)
    same_token = bool(waiting.token) and fact.who.token == waiting.token
    return same_token or place is None or (waiting.connector_id is not None and place == waiting.connector_id)


def _is_taken(state: RemoteStartState, place: int | None, charge_point: ChargePoint) -> bool | None:
    """None: not known. Without a place: whether any connector is that runs no transaction."""
    if place is not None:
        known = place <= MAX_CONNECTOR and state.known >> place & 1
        return bool(state.taken >> place & 1) if known else None
    charging = 0
    for transaction in charge_point.transactions.values():
        connector = connector_of(transaction.place)
        if connector is not None and connector <= MAX_CONNECTOR:
            charging |= 1 << connector
    return bool(state.taken & ~charging) if state.known else None


def _plan(state: RemoteStartState) -> None:
    state.wake_at = min((waiting.due for waiting in state.waiting or ()), default=None)
