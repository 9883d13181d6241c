"""Transaction: one that never stops, a stop of one that nobody started, two at one place.

Fires when: another transaction starts at a connector (1.6) or EVSE (2.x) while one is open there (TX-01, a warning;
    10 minutes later when the start came out of a queue); a charge point boots with an open transaction and within 10
    minutes neither ends it nor says anything more of it (a warning if the connector has become Available, else info);
    one is open for 24 h (info) and from then on not heard of until 72 h (a warning). A transaction stops that nobody
    started (TX-02, a warning). The older one goes on after the younger began, by the charge point's own clock (TX-04,
    critical). A transaction runs when the capture ends (TX-01 as an info).
Does not fire when: the start is the older one said again (TX-05's business), or its end may have passed unseen. TX-02
    needs proof that the transaction cannot predate us: a boot was seen, after it every connector was Available with
    nothing running, and the stop was made at least 5 minutes later. A stop said again, and the ids "", 0 and -1 (1.6
    errata: the id never came), are no unknown ones. Without device times nothing overlaps.
Clause: OCPP 1.6 §3.7, §4.8, §4.10; 2.x E01.FR.08, E01.FR.14, E06, E07.
Says:
    CP_1: transaction 7 did not stop before transaction 8 began at the same place.
    CP_1: transaction 7 is open for 86400 s (limit 86400 s).
    CP_1: transaction 7 was left open by a boot 600 s ago.
    CP_1: transaction 7 runs for 100 s, open at the end of the capture.
    CP_1 stopped transaction 9, which nobody started.
    CP_1: transaction 7 went on 60 s after transaction 8 had begun at the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar, Final

import msgspec

from analyzers.base import (
    MAX_OPEN_TRANSACTIONS,
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Evidence,
    OpenTransaction,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    seconds,
)
from proxy.ocpp.facts import (
    Availability,
    Booted,
    BytesLost,
    CaptureEnded,
    Fact,
    MeterSampled,
    SightLost,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

MAX_CONNECTOR: Final = 63  # statuses are kept as bits; those of further connectors are not
MAX_ENDED: Final = 16
_DIGEST: Final = 6  # bytes kept of an id that has ended

OPEN: Final = Rule("TX-01", Severity.WARNING, "OCPP 1.6 §4.8, §4.10; 2.x E06, E07", "{charge_point}: {what}.")
UNKNOWN: Final = Rule(
    "TX-02",
    Severity.WARNING,
    "OCPP 1.6 §3.7, §4.10; 2.x E01, E06",
    "{charge_point} stopped transaction {what}, which nobody started.",
)
OVERLAPPING: Final = Rule(
    "TX-04", Severity.CRITICAL, "OCPP 1.6 §4.8; 2.x E01.FR.14", "{charge_point}: {what} at the same place."
)
_AVAILABLE: Final = Availability.AVAILABLE
_NO_IDS: Final = frozenset({"", "0", "-1"})
Changes = Sequence[Change]
Running = OpenTransaction
Sign = MeterSampled | TransactionUpdated

_DAY, _BOOT, _QUEUED, _LONG = 0, 1, 2, 3
"""What a transaction is watched for: its age, a boot, a start out of a queue, no sign of it after a day."""
_NEVER: Final = -1
_PROOF: Final = (Severity.INFO, Severity.WARNING)


class Watch(msgspec.Struct, array_like=True, gc=False):
    """A transaction that we saw start, and nothing was lost since. It is judged at `due` (ns of `clock`).

    `by`: the younger one at its place. `idle`: 1 when its connector said Available since. `said`: severity told."""

    transaction_id: str
    due: int
    why: int = _DAY
    by: str = ""
    idle: int = 0
    said: int = 0


class TransactionState(State):
    """`listening`: 1 when more of a transaction would change anything. `ended`: digests of the last ids that ended.

    `known`, `idle`: connectors as bits, that told a status since the boot, and that were Available last. `free_since`,
    `free_at`: since when (`clock`, `at`, ns) every transaction must have been seen to start; -1: not so. `booted`: 1.
    """

    watches: tuple[Watch, ...] = ()
    listening: int = 0
    ended: bytes = b""
    booted: int = 0
    known: int = 0
    idle: int = 0
    free_since: int = -1
    free_at: int = 0


@dataclass(frozen=True)
class Transaction(Analyzer[TransactionState]):
    """Ages by the pipeline's clock, overlap by the charge point's own."""

    name: ClassVar[str] = "transaction"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        TransactionUpdated,
        TransactionStarted,
        TransactionEnded,
        StatusChanged,
        Booted,
        BytesLost,
        SightLost,
        CaptureEnded,
    )
    rules: ClassVar[tuple[Rule, ...]] = (OPEN, UNKNOWN, OVERLAPPING)

    queue_seconds: int = 600
    queued_after_seconds: int = 120
    long_seconds: int = 86_400
    longest_seconds: int = 259_200
    known_after_seconds: int = 300
    overlap_seconds: int = 10

    def new_state(self) -> TransactionState:
        return TransactionState()

    def step(self, state: TransactionState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is MeterSampled or type(fact) is TransactionUpdated:
            if not state.listening:
                return NOTHING  # nearly always
            return self._heard(state, fact, charge_point)
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    # TX-01, TX-04: what begins and goes on

    def _started(self, state: TransactionState, fact: TransactionStarted, point: ChargePoint) -> Changes:
        started = point.transactions.get(fact.transaction_id)
        if started is None:
            return NOTHING
        if _watch_of(state, fact.transaction_id) is None:
            watch = Watch(started.transaction_id, fact.clock + self.long_seconds * SECOND)
            state.watches = (*state.watches, watch)[-MAX_OPEN_TRANSACTIONS:]
            self._plan(state)
        others = _others(point, started) if len(point.transactions) > 1 else []
        return [change for other in others for change in self._second(state, fact, other, started)]

    def _second(
        self, state: TransactionState, fact: TransactionStarted, other: Running, started: Running
    ) -> Changes:
        """Two are open at one place. Out of a queue, starts and stops may come in any order: wait for the rest."""
        older, younger = (started, other) if _before(started, other) else (other, started)
        watch = _watch_of(state, older.transaction_id)
        if watch is None or watch.said > Severity.INFO:
            return NOTHING
        watch.by, state.listening = younger.transaction_id, 1
        late = fact.told.ns is not None and fact.at - fact.told.ns > self.queued_after_seconds * SECOND
        if late or fact.offline is True or older is started:
            watch.why, watch.due = _QUEUED, fact.clock + self.queue_seconds * SECOND
            self._plan(state)
            return NOTHING
        return self._not_stopped(watch, older, ((fact.connection_id, fact.frame_no),))

    def _heard(self, state: TransactionState, fact: Sign, point: ChargePoint) -> Changes:
        """It still runs: no boot has ended it, nor is it forgotten. And if it should have stopped, it overlaps."""
        watch = _watch_of(state, fact.transaction_id)
        transaction = point.transactions.get(fact.transaction_id)
        if watch is None or transaction is None:
            return NOTHING
        if watch.why in (_BOOT, _LONG):
            day = transaction.clock + self.long_seconds * SECOND
            watch.why, watch.due = _DAY, day if day > fact.clock else _NEVER
            self._plan(state)
        return self._overlaps(watch, fact, transaction, point)

    def _overlaps(
        self, watch: Watch, fact: Sign | TransactionEnded, older: Running, point: ChargePoint
    ) -> list[Change]:
        """Not a start without a stop, but two at once: proven by the device's times alone."""
        younger = point.transactions.get(watch.by) if watch.by else None
        if younger is None or younger.told_ns is None or fact.told.ns is None:
            return []
        after = fact.told.ns - younger.told_ns
        if after <= self.overlap_seconds * SECOND or watch.said >= Severity.CRITICAL:
            return []
        watch.said, watch.why, watch.due = int(Severity.CRITICAL), _DAY, _NEVER
        connector, name, late = connector_of(older.place), older.transaction_id, seconds(after)
        what = f"transaction {name} went on {late} after transaction {watch.by} had begun"
        both = ((older.connection_id, older.frame_no), (fact.connection_id, fact.frame_no))
        raised = Raised(OVERLAPPING, late, "one at a time", what, "", connector, name, evidence=both)
        return [Cleared(OPEN, connector_id=connector, transaction_id=name), raised]

    def _ended(self, state: TransactionState, fact: TransactionEnded, point: ChargePoint) -> Changes:
        name = fact.transaction_id
        ended = point.transactions.get(name)
        if ended is None:
            return self._unknown(state, fact, point)
        changes: list[Change] = []
        watch = _watch_of(state, name)
        if watch is not None:
            changes = self._overlaps(watch, fact, ended, point) if watch.by else []
            changes += _over(watch, ended)
            state.watches = tuple(other for other in state.watches if other is not watch)
            self._plan(state)
        state.ended = (state.ended + _digest(name))[-MAX_ENDED * _DIGEST :]
        return changes

    def _booted(self, state: TransactionState, fact: Booted, point: ChargePoint) -> Changes:
        state.booted = 1
        for watch in state.watches:
            if watch.said <= Severity.INFO and watch.why != _QUEUED:
                watch.why, watch.idle = _BOOT, 0
                watch.due = fact.clock + self.queue_seconds * SECOND
        self._plan(state)
        return NOTHING

    def _lost(self, state: TransactionState, fact: BytesLost | SightLost, point: ChargePoint) -> Changes:
        """What is open may have ended, and another begun. What was said ends with it."""
        changes: list[Change] = []
        for watch in state.watches:
            transaction = point.transactions.get(watch.transaction_id)
            changes += [] if transaction is None else _over(watch, transaction)
        state.watches, state.listening = (), 0
        state.free_since, state.known, state.idle, state.booted = -1, 0, 0, 0
        return changes

    def _capture_ended(self, state: TransactionState, fact: CaptureEnded, point: ChargePoint) -> Changes:
        """Nobody knows how it goes on: no violation, now or later."""
        changes: list[Change] = []
        for name, transaction in point.transactions.items():
            watch = _watch_of(state, name) or Watch(name, _NEVER)
            text = f"runs for {seconds(fact.clock - transaction.clock)}, open at the end of the capture"
            changes += [_raised(transaction, Severity.INFO, text)] if watch.said <= Severity.INFO else []
        state.watches, state.wake_at = (), None
        return changes

    # TX-02: what must have been seen to start

    def _unknown(self, state: TransactionState, fact: TransactionEnded, point: ChargePoint) -> Changes:
        """Or it began before us, was said before, or was forgotten."""
        name, told = fact.transaction_id, fact.told.ns
        settled = fact.clock - state.free_since >= self.known_after_seconds * SECOND
        if state.free_since < 0 or not settled or told is None or told <= state.free_at:
            return NOTHING
        full = len(point.transactions) >= MAX_OPEN_TRANSACTIONS
        if full or name in _NO_IDS or _has_ended(state, name):
            return NOTHING
        state.ended = (state.ended + _digest(name))[-MAX_ENDED * _DIGEST :]
        place, evidence = connector_of(fact.place), ((fact.connection_id, fact.frame_no),)
        raised = Raised(UNKNOWN, "no start", "one start", name, "", place, name, evidence=evidence)
        return [raised, Cleared(UNKNOWN, connector_id=place, transaction_id=name)]

    def _status(self, state: TransactionState, fact: StatusChanged, point: ChargePoint) -> Changes:
        connector = connector_of(fact.place)
        if not connector or connector > MAX_CONNECTOR:
            return NOTHING
        bit, idle = 1 << connector, fact.availability is _AVAILABLE
        if not state.known & bit and not idle:
            state.free_since = -1  # what may run there began unseen
        state.known |= bit
        state.idle = state.idle | bit if idle else state.idle & ~bit
        if idle and state.listening:
            for watch in state.watches:
                transaction = point.transactions.get(watch.transaction_id)
                if transaction is not None and connector_of(transaction.place) == connector:
                    watch.idle = 1  # what a boot left open there does not run
        if state.free_since < 0 and state.booted and state.known == state.idle and not point.transactions:
            state.free_since, state.free_at = fact.clock, fact.at
        return NOTHING

    def _plan(self, state: TransactionState) -> None:
        earliest, state.listening = None, 0
        for watch in state.watches:
            if watch.due != _NEVER and (earliest is None or watch.due < earliest):
                earliest = watch.due
            if watch.why != _DAY or watch.by:
                state.listening = 1
        state.wake_at = earliest

    def wake(self, state: TransactionState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for watch in state.watches:
            transaction = charge_point.transactions.get(watch.transaction_id)
            if watch.due != _NEVER and watch.due <= now:
                watch.due = _NEVER
                changes += [] if transaction is None else self._judge(watch, transaction, now)
        self._plan(state)
        return changes

    def _judge(self, watch: Watch, transaction: Running, now: int) -> list[Change]:
        """It was not heard of, or a day is over."""
        if watch.why == _QUEUED:
            return self._not_stopped(watch, transaction)
        if watch.why == _BOOT:
            text = f"was left open by a boot {seconds(self.queue_seconds * SECOND)} ago"
            return self._say(watch, transaction, _PROOF[watch.idle], text)
        long = int(watch.why == _LONG)
        limit = seconds((self.long_seconds, self.longest_seconds)[long] * SECOND)
        if not long:
            watch.why, watch.due = _LONG, transaction.clock + self.longest_seconds * SECOND
        text = f"is open for {seconds(now - transaction.clock)} (limit {limit})"
        return self._say(watch, transaction, _PROOF[long], text)

    def _not_stopped(self, watch: Watch, older: Running, evidence: Evidence = ()) -> list[Change]:
        watch.why, watch.due = _DAY, _NEVER
        text = f"did not stop before transaction {watch.by} began at the same place"
        return self._say(watch, older, Severity.WARNING, text, evidence)

    def _say(
        self,
        watch: Watch,
        transaction: Running,
        severity: Severity,
        text: str,
        evidence: Evidence = (),
    ) -> list[Change]:
        """Once per transaction and severity."""
        if severity <= watch.said:
            return []
        watch.said = int(severity)
        return [_raised(transaction, severity, text, evidence)]


_HANDLERS: Final[Mapping[type[Fact], Callable[..., Changes]]] = {
    TransactionStarted: Transaction._started,
    TransactionEnded: Transaction._ended,
    StatusChanged: Transaction._status,
    Booted: Transaction._booted,
    BytesLost: Transaction._lost,
    SightLost: Transaction._lost,
    CaptureEnded: Transaction._capture_ended,
}


def _raised(transaction: Running, severity: Severity, text: str, evidence: Evidence = ()) -> Raised:
    name, place = transaction.transaction_id, connector_of(transaction.place)
    limit, proof = (
        "a stop before the next start",
        ((transaction.connection_id, transaction.frame_no), *evidence),
    )
    return Raised(OPEN, text, limit, f"transaction {name} {text}", "", place, name, severity, proof)


def _over(watch: Watch, transaction: Running) -> list[Change]:
    """What was said of it ends."""
    place, name, rules = connector_of(transaction.place), transaction.transaction_id, (OPEN, OVERLAPPING)
    return [Cleared(rule, connector_id=place, transaction_id=name) for rule in rules] if watch.said else []


def _watch_of(state: TransactionState, transaction_id: str) -> Watch | None:
    for watch in state.watches:
        if watch.transaction_id == transaction_id:
            return watch
    return None


def _others(point: ChargePoint, started: Running) -> list[Running]:
    """Open ones at the same place, unless it is this start said again: 1.6, answered with another id (TX-05)."""
    place, mine = connector_of(started.place), (started.told_ns, started.meter_start_wh)
    return [
        other
        for other in point.transactions.values()
        if place
        and other is not started
        and connector_of(other.place) == place
        and (None in mine or (other.told_ns, other.meter_start_wh) != mine)
    ]


def _before(started: Running, other: Running) -> bool:
    """The one that comes now began earlier, by the device's clock."""
    return started.told_ns is not None and other.told_ns is not None and started.told_ns < other.told_ns


def _digest(transaction_id: str) -> bytes:
    return blake2b(transaction_id.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


def _has_ended(state: TransactionState, transaction_id: str) -> bool:
    ended = state.ended
    return _digest(transaction_id) in [ended[at : at + _DIGEST] for at in range(0, len(ended), _DIGEST)]
