"""Impossible status: what a connector says cannot be, by the standard's table or by its transactions.

Fires when: 1.6: a connector goes from one status to another that the table of §4.9 does not allow, the whole charge
    point says a connector's status, or EVCommunicationError comes with a status that it does not go with (FT-08, info);
    a connector says Charging for 2 min and no transaction runs there (a warning). A connector says Available for 2 min
    while a transaction runs there (1.6 a warning, 2.x info: there a transaction may begin before the cable is in).
Does not fire when: a status is told again, is the first of its connection or after a boot, or is dated before the known
    one (quirk 53); Preparing goes to Finishing (erratum 3.20); the transaction was met in the middle, began on another
    connection, or was told late (an offline queue); frames passed unseen. Charging is only judged once the connector
    was idle, or a transaction began, on this connection.
Clause: OCPP 1.6 §4.9, §7.6, §7.7 and errata 3.20; 2.0.1 and 2.1 G01, E02.
Says:
    CP_1: connector 1 went from Available to Finishing, the standard has no such change.
    CP_1: the charge point says Charging, which only a connector can.
    CP_1: connector 1 says Charging with EVCommunicationError, they do not go together.
    CP_1: connector 1 has said Charging for 120 s (limit 120 s), but no transaction runs there.
    CP_1: connector 1 has said Available for 120 s (limit 120 s), but a transaction runs there.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    OpenTransaction,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    is_older,
    once,
    place_words,
    seconds,
)
from proxy.ocpp.facts import (
    Booted,
    BytesLost,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    Place,
    SightLost,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
)

MAX_SPOTS: Final = 32
"""Connectors watched per charge point; the one that is known for longest is forgotten for a 33rd."""

IMPOSSIBLE: Final = Rule(
    "FT-08",
    Severity.INFO,
    "OCPP 1.6 §4.9, §7.6, §7.7; 2.x G01, E02",
    "{charge_point}: {what}.",
)

_AVAILABLE: Final = "available"
_CHARGING: Final = "charging"
_IDLE: Final = frozenset({"available", "preparing", "reserved"})
_OF_THE_WHOLE: Final = frozenset({"available", "unavailable", "faulted"})
_WITH_EV_ERROR: Final = frozenset({"preparing", "suspendedev", "suspendedevse", "finishing"})
_ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    known: frozenset(words.split())
    for known, words in {
        "available": "preparing charging suspendedev suspendedevse reserved unavailable faulted",
        "preparing": "available charging suspendedev suspendedevse finishing faulted",
        "charging": "available suspendedev suspendedevse finishing unavailable faulted",
        "suspendedev": "available charging suspendedevse finishing unavailable faulted",
        "suspendedevse": "available charging suspendedev finishing unavailable faulted",
        "finishing": "available preparing unavailable faulted",
        "reserved": "available preparing unavailable faulted",
        "unavailable": "available preparing charging suspendedev suspendedevse faulted",
        "faulted": "available preparing charging suspendedev suspendedevse finishing reserved unavailable",
    }.items()
}
"""The 53 changes of 1.6 §4.9, in lower case. MinimumStatusDuration may leave statuses out between two that are told:
therefore what is not here is worth a line and no more."""
_TOLD: Final = (
    "Available Preparing Charging SuspendedEV SuspendedEVSE Finishing Reserved Unavailable Faulted Occupied"
)
_NAMES: Final[Mapping[str, str]] = {name.lower(): name for name in _TOLD.split()}
_WORDS: Final[Mapping[str, str]] = {name: word for word, name in _NAMES.items()}


class Sure(enum.IntEnum):
    """Whether it is known what runs at a connector. EXCUSED: something does whose id nobody told."""

    NOT = 0
    KNOWN = 1
    EXCUSED = 2


_KNOWN: Final = Sure.KNOWN


class Spot(msgspec.Struct, gc=False):
    """A connector and its status of this connection; "" is a word of no standard. `since`, `due`: ns of `clock`.

    `due`: when the status and the transactions are compared, -1: nothing to compare. `sure`: whether a transaction
    runs there is known. `told`: transaction of the open finding ("": of Charging without one), None: none is open.
    """

    evse_id: int | None
    connector_id: int | None
    status: str
    since: int
    told_ns: int | None
    connection_id: str
    frame_no: int
    due: int = -1
    sure: Sure = Sure.NOT
    told: str | None = None

    @property
    def connector(self) -> int | None:
        """What `connector_of` gives for a place."""
        return self.connector_id if self.evse_id is None else self.evse_id


class ImpossibleStatusState(State):
    """`spots`: the one known for longest first."""

    spots: tuple[Spot, ...] = ()


@dataclass(frozen=True)
class ImpossibleStatus(Analyzer[ImpossibleStatusState]):
    name: ClassVar[str] = "impossible_status"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        StatusChanged,
        TransactionStarted,
        TransactionEnded,
        ConnectionOpened,
        ConnectionClosed,
        BytesLost,
        SightLost,
        Booted,
    )
    rules: ClassVar[tuple[Rule, ...]] = (IMPOSSIBLE,)

    contradiction_seconds: int = 120
    late_seconds: int = 120

    def new_state(self) -> ImpossibleStatusState:
        return ImpossibleStatusState()

    def step(self, state: ImpossibleStatusState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        changes = _HANDLERS[type(fact)](self, state, fact, charge_point)
        state.wake_at = _earliest(state)
        return changes

    # statuses

    def _status(
        self, state: ImpossibleStatusState, fact: StatusChanged, charge_point: ChargePoint
    ) -> Sequence[Change]:
        word = _WORDS.get(fact.status) or _word(fact.status)
        spot = _find(state, fact)
        if spot is not None and (spot.status == word or is_older(fact.told.ns, spot.told_ns)):
            return NOTHING
        changes = _over(spot, fact.clock)
        if _is_16(fact.place.evse_id, charge_point):
            changes += _judge(fact, word, spot)
        if spot is None:
            spot = _new(fact)
            changes += _over(state.spots[0], fact.clock) if len(state.spots) == MAX_SPOTS else []
            state.spots = (*state.spots, spot)[-MAX_SPOTS:]
        spot.status, spot.since, spot.told_ns, spot.frame_no = word, fact.clock, fact.told.ns, fact.frame_no
        if word in _IDLE:
            spot.sure = _KNOWN
        self._watch(state, spot, fact, charge_point)
        return changes

    def _watch(self, state: ImpossibleStatusState, spot: Spot, fact: Fact, charge_point: ChargePoint) -> None:
        """Only where status and transactions contradict each other now is there something to wait for."""
        spot.due = -1
        if spot.status == _CHARGING and spot.connector:
            if spot.sure is _KNOWN and self._running(state, spot, charge_point) is None:
                spot.due = fact.clock + self.contradiction_seconds * SECOND
        elif spot.status == _AVAILABLE:
            transaction = self._running(state, spot, charge_point)
            if transaction is not None and self._is_live(transaction, spot, fact):
                spot.due = fact.clock + self.contradiction_seconds * SECOND

    def _running(
        self, state: ImpossibleStatusState, spot: Spot, charge_point: ChargePoint, ended: str | None = None
    ) -> OpenTransaction | None:
        """The newest at this connector. Of one that names only its EVSE it is not known at which connector it is."""
        found = None
        for transaction in charge_point.transactions.values():
            place = transaction.place
            if place.evse_id != spot.evse_id or transaction.transaction_id == ended:
                continue
            if place.connector_id == spot.connector_id or (
                spot.evse_id is not None
                and None in (place.connector_id, spot.connector_id)
                and sum(other.evse_id == spot.evse_id for other in state.spots) == 1
            ):
                found = transaction
        return found

    def _is_live(self, transaction: OpenTransaction, spot: Spot, fact: Fact) -> bool:
        """Seen from its start, on this connection, and not out of a queue."""
        if not transaction.seen_from_start or transaction.connection_id != spot.connection_id:
            return False
        began = transaction.clock + fact.at - fact.clock
        return transaction.told_ns is None or transaction.told_ns >= began - self.late_seconds * SECOND

    # transactions

    def _started(
        self, state: ImpossibleStatusState, fact: TransactionStarted, charge_point: ChargePoint
    ) -> Sequence[Change]:
        changes: list[Change] = []
        for spot in _here(state, fact.connection_id, fact.place):
            if spot.status == _CHARGING:
                changes += _over(spot, fact.clock)
            if not fact.transaction_id:
                spot.sure = Sure.EXCUSED
            elif spot.sure is not Sure.EXCUSED:
                spot.sure = _KNOWN
            self._watch(state, spot, fact, charge_point)
        return changes

    def _ended(
        self, state: ImpossibleStatusState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        transaction = charge_point.transactions.get(fact.transaction_id)
        if transaction is None:
            return NOTHING
        changes: list[Change] = []
        for spot in _here(state, transaction.connection_id, transaction.place):
            if spot.told == fact.transaction_id:
                changes += _over(spot, fact.clock)
            self._left(state, spot, fact, charge_point)
        return changes

    def _left(
        self, state: ImpossibleStatusState, spot: Spot, fact: TransactionEnded, charge_point: ChargePoint
    ) -> None:
        spot.due = -1
        if spot.status != _CHARGING or spot.sure is not _KNOWN:
            return
        if self._running(state, spot, charge_point, ended=fact.transaction_id) is None:
            spot.due = fact.clock + self.contradiction_seconds * SECOND

    # what nobody knows

    def _forget(
        self, state: ImpossibleStatusState, fact: Fact, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """Of a new connection nothing is known, of a closed, damaged or rebooted one no more."""
        every = isinstance(fact, ConnectionOpened | Booted)
        changes: list[Change] = []
        left = []
        for spot in state.spots:
            if every or spot.connection_id == fact.connection_id:
                changes += _over(spot, fact.clock)
            else:
                left.append(spot)
        state.spots = tuple(left)
        return changes

    # time

    def wake(self, state: ImpossibleStatusState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for spot in state.spots:
            if 0 <= spot.due <= now:
                spot.due = -1
                changes += self._contradicts(state, spot, now, charge_point)
        state.wake_at = _earliest(state)
        return changes

    def _contradicts(
        self, state: ImpossibleStatusState, spot: Spot, now: int, charge_point: ChargePoint
    ) -> list[Change]:
        transaction = self._running(state, spot, charge_point)
        if (spot.status == _CHARGING) is (transaction is not None):
            return []
        spot.told = "" if transaction is None else transaction.transaction_id
        frames = [(spot.connection_id, spot.frame_no)]
        if transaction is not None:
            frames.append((transaction.connection_id, transaction.frame_no))
        passed, limit = seconds(now - spot.since), seconds(self.contradiction_seconds * SECOND)
        there = "no transaction runs there" if transaction is None else "a transaction runs there"
        where = place_words(Place(spot.evse_id, spot.connector_id))
        raised = Raised(
            IMPOSSIBLE,
            passed,
            limit,
            f"{where} has said {_NAMES[spot.status]} for {passed} (limit {limit}), but {there}",
            _key(spot),
            spot.connector,
            spot.told,
            Severity.WARNING if _is_16(spot.evse_id, charge_point) else Severity.INFO,
            tuple(frames),
        )
        return [raised]


_HANDLERS: Final[Mapping[type[Fact], Callable[..., Sequence[Change]]]] = {
    StatusChanged: ImpossibleStatus._status,
    TransactionStarted: ImpossibleStatus._started,
    TransactionEnded: ImpossibleStatus._ended,
    ConnectionOpened: ImpossibleStatus._forget,
    ConnectionClosed: ImpossibleStatus._forget,
    BytesLost: ImpossibleStatus._forget,
    SightLost: ImpossibleStatus._forget,
    Booted: ImpossibleStatus._forget,
}


def _word(status: str) -> str:
    """In lower case, as the tables know it (the very string: thousands keep one); "" is a word of no standard."""
    return _WORDS.get(_NAMES.get(status.strip().lower(), ""), "")


def _judge(fact: StatusChanged, word: str, spot: Spot | None) -> list[Change]:
    """What one StatusNotification of 1.6 says by itself, and after the last one."""
    where, status = place_words(fact.place), _NAMES.get(word, "")
    changes: list[Change] = []
    if word and fact.place.connector_id == 0 and word not in _OF_THE_WHOLE:
        changes += _seen_once(fact, spot, f"{where} says {status}", ", which only a connector can")
    if word and fact.error_code == "EVCommunicationError" and word not in _WITH_EV_ERROR:
        said = f"{where} says {status} with EVCommunicationError"
        changes += _seen_once(fact, spot, said, ", they do not go together")
    if word and spot is not None and spot.status and word not in _ALLOWED.get(spot.status, _NAMES):
        said = f"{where} went from {_NAMES[spot.status]} to {status}"
        changes += _seen_once(fact, spot, said, ", the standard has no such change")
    return changes


def _seen_once(fact: StatusChanged, spot: Spot | None, said: str, why: str) -> Sequence[Change]:
    before = () if spot is None else ((spot.connection_id, spot.frame_no),)
    connector = connector_of(fact.place)
    evidence = (*before, (fact.connection_id, fact.frame_no))
    return once(Raised(IMPOSSIBLE, said, "OCPP 1.6 §4.9", said + why, said, connector, evidence=evidence))


def _over(spot: Spot | None, now: int) -> list[Change]:
    """The contradiction is."""
    if spot is None or spot.told is None:
        return []
    told, spot.told = spot.told, None
    return [Cleared(IMPOSSIBLE, seconds(now - spot.since), _key(spot), spot.connector, told)]


def _find(state: ImpossibleStatusState, fact: StatusChanged) -> Spot | None:
    place = fact.place
    for spot in state.spots:
        if (
            spot.connector_id == place.connector_id
            and spot.evse_id == place.evse_id
            and spot.connection_id == fact.connection_id
        ):
            return spot
    return None


def _new(fact: StatusChanged) -> Spot:
    return Spot(
        fact.place.evse_id, fact.place.connector_id, "", fact.clock, None, fact.connection_id, fact.frame_no
    )


def _here(state: ImpossibleStatusState, connection_id: str, place: Place) -> Iterable[Spot]:
    """2.x: those of the EVSE, as a transaction's connector may not be told."""
    connector = connector_of(place)
    for spot in state.spots:
        if spot.connection_id == connection_id and spot.connector == connector:
            yield spot


def _earliest(state: ImpossibleStatusState) -> int | None:
    return min([spot.due for spot in state.spots if spot.due >= 0], default=None)


def _is_16(evse_id: int | None, charge_point: ChargePoint) -> bool:
    return evse_id is None and not charge_point.version.startswith("2")


def _key(spot: Spot) -> str:
    return f"{spot.connector_id} {spot.status}"
