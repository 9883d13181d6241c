"""Transaction id: one that names two transactions.

Fires when: a CSMS answers a StartTransaction with an id that another charge point of the same upstream has active, or
    the same charge point for another start (TX-03, critical: two sessions are billed as one). 2.x: a charge point
    starts a transaction whose id it ended before (TX-03, a warning).
Does not fire when: the start is said again (same connector, time and meter: a retry); the start was refused; the id is
    0 or -1, which some CSMSs give to all they refuse; bytes passed unseen since, or the old transaction ran before us.
    2.x: without device times, or when the start is not after the old end (a queue said twice).
Clause: OCPP 1.6 §4.8, §6.46; 2.x E01.FR.08.
Says:
    CP_1 was given transaction id 7, which CP_2 has active.
    CP_1 was given transaction id 7, which it has active itself.
    CP_1 was given transaction id tx-1, which it ended before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    MAX_OPEN_TRANSACTIONS,
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
    connector_of,
)
from proxy.ocpp.facts import BytesLost, Fact, SightLost, TransactionEnded, TransactionStarted

MAX_ACTIVE: Final = 200_000
"""Ids of the fleet; beyond that new ones are not remembered."""
MAX_OF_ONE: Final = MAX_OPEN_TRANSACTIONS - 1
"""Of one charge point: whose runner forgets transactions for new ones, has its further ids forgotten here, too."""
MAX_POINTS: Final = 200_000
MAX_ENDED: Final = 24
"""Ended ids remembered per charge point (2.x)."""
_DIGEST: Final = 6
_ENTRY: Final = _DIGEST + 5
"""Bytes: a digest of the id, and the end in seconds since 1970."""
_LATEST: Final = 1 << 39
_NO_IDS: Final = frozenset({"", "0", "-1"})

TWICE: Final = Rule(
    "TX-03",
    Severity.CRITICAL,
    "OCPP 1.6 §4.8, §6.46; 2.x E01.FR.08",
    "{charge_point} was given transaction id {what}.",
)


class Active(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An id in use (1.6): whose, and which start it was the answer to."""

    charge_point: str
    connector_id: int | None
    told_ns: int | None
    meter_start_wh: float | None
    connection_id: str
    frame_no: int


class TransactionIdState(State):
    """`active`: by upstream, by id; `known`: how many that are. `ended`: 2.x, per charge point the last entries, one
    behind the other."""

    active: dict[str, dict[str, Active]] = msgspec.field(default_factory=dict)
    known: int = 0
    ended: dict[str, bytes] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class TransactionId(FleetAnalyzer[TransactionIdState]):
    """An upstream is one CSMS: ids of different ones may be equal."""

    name: ClassVar[str] = "transaction_id"
    wants: ClassVar[tuple[type[Fact], ...]] = (TransactionStarted, TransactionEnded, BytesLost, SightLost)
    rules: ClassVar[tuple[Rule, ...]] = (TWICE,)

    reuse_after_seconds: int = 1

    def new_state(self) -> TransactionIdState:
        return TransactionIdState()

    def step(self, state: TransactionIdState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    def _started(
        self, state: TransactionIdState, fact: TransactionStarted, charge_point: ChargePoint
    ) -> Sequence[Change]:
        if fact.transaction_id in _NO_IDS:
            return NOTHING
        if charge_point.version.startswith("2"):
            return self._reused(state, fact)
        if fact.status.strip().lower() != "accepted":
            return NOTHING
        return self._issued(state, fact, charge_point)

    def _issued(
        self, state: TransactionIdState, fact: TransactionStarted, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """1.6: the CSMS gave the id."""
        name = fact.transaction_id
        before = state.active.get(charge_point.upstream, {}).get(name)
        now = Active(
            fact.charge_point,
            connector_of(fact.place),
            fact.told.ns,
            fact.meter_start_wh,
            fact.connection_id,
            fact.frame_no,
        )
        if before is None:
            if name in charge_point.transactions and len(charge_point.transactions) <= MAX_OF_ONE:
                _remember(state, charge_point.upstream, name, now)
            return NOTHING
        return NOTHING if _is_retry(before, now) else [self._twice(fact, before, now)]

    def _twice(self, fact: TransactionStarted, before: Active, now: Active) -> Raised:
        own = before.charge_point == now.charge_point
        who = "it has active itself" if own else f"{before.charge_point} has active"
        return Raised(
            TWICE,
            observed=f"active at {before.charge_point}",
            limit="one transaction per id",
            what=f"{fact.transaction_id}, which {who}",
            transaction_id=fact.transaction_id,
            evidence=((before.connection_id, before.frame_no), (now.connection_id, now.frame_no)),
            charge_point=now.charge_point,
        )

    def _reused(self, state: TransactionIdState, fact: TransactionStarted) -> Sequence[Change]:
        """2.x: the charge point gave the id; never again, even after a reboot."""
        entries = state.ended.get(fact.charge_point)
        if entries is None or fact.told.ns is None:
            return NOTHING
        ended = _ended_at(entries, fact.transaction_id)
        if ended is None or fact.told.ns // SECOND <= ended + self.reuse_after_seconds:
            return NOTHING
        raised = Raised(
            TWICE,
            observed=f"ended {fact.told.ns // SECOND - ended} s before",
            limit="one transaction per id",
            what=f"{fact.transaction_id}, which it ended before",
            transaction_id=fact.transaction_id,
            severity=Severity.WARNING,
            evidence=((fact.connection_id, fact.frame_no),),
            charge_point=fact.charge_point,
        )
        return [raised, _cleared(fact.charge_point, fact.transaction_id)]

    def _ended(
        self, state: TransactionIdState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        if charge_point.version.startswith("2"):
            _remember_end(state, fact)
            return NOTHING
        _forget(state, charge_point, fact.transaction_id)
        return [_cleared(fact.charge_point, fact.transaction_id)]

    def _lost(
        self, state: TransactionIdState, fact: BytesLost | SightLost, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """What is active may have ended."""
        for name in charge_point.transactions:
            _forget(state, charge_point, name)
        return [_cleared(fact.charge_point, name) for name in charge_point.transactions]


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[TransactionId, TransactionIdState, Any, ChargePoint], Sequence[Change]]]
] = {
    TransactionStarted: TransactionId._started,
    TransactionEnded: TransactionId._ended,
    BytesLost: TransactionId._lost,
    SightLost: TransactionId._lost,
}


def _cleared(charge_point: str, transaction_id: str) -> Cleared:
    return Cleared(TWICE, transaction_id=transaction_id, charge_point=charge_point)


def _is_retry(before: Active, now: Active) -> bool:
    """The same start, said again, and rightly answered with the same id (1.6 §3.7.1). Without a time nobody knows."""
    if before.charge_point != now.charge_point:
        return False
    untold = before.told_ns is None or now.told_ns is None
    return untold or (before.connector_id, before.told_ns) == (now.connector_id, now.told_ns)


def _remember(state: TransactionIdState, upstream: str, name: str, active: Active) -> None:
    if state.known < MAX_ACTIVE:
        state.active.setdefault(upstream, {})[name] = active
        state.known += 1


def _forget(state: TransactionIdState, charge_point: ChargePoint, name: str) -> None:
    """If it is this charge point's."""
    of_upstream = state.active.get(charge_point.upstream, {})
    active = of_upstream.get(name)
    if active is None or active.charge_point != charge_point.name:
        return
    del of_upstream[name]
    state.known -= 1
    if not of_upstream:
        del state.active[charge_point.upstream]


def _digest(transaction_id: str) -> bytes:
    return blake2b(transaction_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


def _remember_end(state: TransactionIdState, fact: TransactionEnded) -> None:
    full = len(state.ended) >= MAX_POINTS and fact.charge_point not in state.ended
    if full or fact.told.ns is None or fact.transaction_id in _NO_IDS:
        return
    second = max(0, min(fact.told.ns // SECOND, _LATEST))
    entry = _digest(fact.transaction_id) + second.to_bytes(_ENTRY - _DIGEST, "big")
    state.ended[fact.charge_point] = (state.ended.get(fact.charge_point, b"") + entry)[-MAX_ENDED * _ENTRY :]


def _ended_at(entries: bytes, transaction_id: str) -> int | None:
    """Seconds since 1970; None: it has not ended lately."""
    digest, found = _digest(transaction_id), None
    for index in range(0, len(entries), _ENTRY):
        if entries[index : index + _DIGEST] == digest:
            found = int.from_bytes(entries[index + _DIGEST : index + _ENTRY], "big")
    return found
