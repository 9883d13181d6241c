"""Register: an energy register that falls, begins anew, or shows 0 in place of its value.

Fires when: Energy.Active.Import.Register of one place, phase and location is lower than it was, by more than its last
    told digit and 10 Wh (MT-01): critical within a transaction, else a warning if it is known for a lifetime register,
    else info. It falls by 1 kWh or more to below 1 % (MT-02, info: a reset, or a counter that rolled over). It shows
    exactly 0 after more than 100 kWh and is back where it was faster than 1 MW could charge it, or a transaction begins
    with 0 and its register is above 100 kWh at once and at its end (MT-03): critical within a transaction.
Does not fire when: a sample is late or told again (order is the device's time); Transaction.Begin is repeated with
    each message; two locations, phases or units stand in one message (each is a register of its own; of two alike the
    first is followed); the difference is rounding; the register starts anew with each transaction, or may do so because
    its habit is not known yet. What passed unseen is forgotten: the next number is a first one.
Clause: OCPP 1.6 §7.31 (MeterValues, Energy.Active.Import.Register), errata 3.9; 2.0.1 and 2.1 J02.FR.16.
Says:
    CP_1: the energy register of connector 1 went back by 1.2 kWh, from 16 kWh to 14.8 kWh (limit 10 Wh).
    CP_1: the energy register of connector 1 began anew: from 16000 kWh to 0.12 kWh.
    CP_1: the energy register of connector 1 showed 0 in place of its value: then 16000.1 kWh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Evidence,
    OpenTransaction,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    kwh,
    number,
    once,
    place_words,
)
from proxy.names import Direction
from proxy.ocpp.facts import (
    BytesLost,
    Fact,
    MeterSampled,
    Place,
    SightLost,
    TransactionEnded,
    TransactionStarted,
)
from proxy.ocpp.meter import MAIN_ENERGY, OTHER_ENERGY, ContextClass, Family, Kind, Role, Sample
from proxy.ocpp.registers import Habit, Head, Reading, Registers, Went

MAX_SUSPECTS: Final = 32
"""Transactions that began with 0 and are watched until they end; the oldest goes for a 33rd."""

WENT_BACK: Final = Rule(
    "MT-01",
    Severity.CRITICAL,
    "OCPP 1.6 §7.31; 2.x J02.FR.16",
    "{charge_point}: the energy register of {what} went back by {observed} (limit {limit}).",
)
BEGAN_ANEW: Final = Rule(
    "MT-02",
    Severity.INFO,
    "OCPP 1.6 §7.31, errata 3.9; 2.x J02.FR.16",
    "{charge_point}: the energy register of {what} began anew: {observed}.",
)
PLACEHOLDER: Final = Rule(
    "MT-03",
    Severity.CRITICAL,
    "OCPP 1.6 §7.31; 2.x J02.FR.16",
    "{charge_point}: the energy register of {what} showed 0 in place of its value: {observed}.",
)
# looking a member up on its enum costs more than the comparison
_ENERGY: Final = Role.ENERGY
_RUNNING: Final = ContextClass.RUNNING
_WATT_HOURS: Final = Family.ENERGY
_REGISTERS: Final = MAIN_ENERGY | OTHER_ENERGY
_SAYS_NOTHING: Final = frozenset({Went.REPEATED, Went.LATE, Went.NOT_A_NUMBER})
_FELL: Final = frozenset({Went.WENT_BACK, Went.RESET})
_FULL: Final = (2.0**31, 2.0**32, *[10.0**digits for digits in range(6, 13)])
"""Wh at which counters begin anew."""
_NEARLY_FULL: Final = 0.999
_HOUR: Final = 3600.0


class Suspect(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A transaction that told 0 as its begin while its register was far above it, and the frame that shows this."""

    transaction_id: str
    connection_id: str
    frame_no: int


class RegisterState(State):
    """`suspects` None: none, as nearly always."""

    registers: Registers = msgspec.field(default_factory=Registers)
    suspects: list[Suspect] | None = None


@dataclass(frozen=True)
class Register(Analyzer[RegisterState]):
    """`placeholder_above_wh`, `most_power_w`: what no register reaches between two samples, nor so fast."""

    name: ClassVar[str] = "register"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        TransactionStarted,
        TransactionEnded,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (WENT_BACK, BEGAN_ANEW, PLACEHOLDER)

    tolerance_wh: float = 10.0
    placeholder_above_wh: float = 100_000.0
    most_power_w: float = 1_000_000.0

    def new_state(self) -> RegisterState:
        return RegisterState()

    def step(self, state: RegisterState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """Hot: nearly always one register, which goes on."""
        if type(fact) is MeterSampled:
            energy, others, place = fact.energy, fact.others & _REGISTERS, fact.place
            if energy is None and not others:
                return NOTHING
            if place.connector_id is None and place.evse_id is None:
                place = charge_point.place_of(place, fact.transaction_id)
            if energy is not None and not others and state.registers.goes_on(place, energy, fact.told):
                return NOTHING
            return self._sampled(state, fact, place, charge_point)
        if isinstance(fact, TransactionStarted):
            state.registers.began(fact.place)
            return NOTHING
        if isinstance(fact, TransactionEnded):
            return self._ended(state, fact, charge_point)
        if isinstance(fact, SightLost) or (
            isinstance(fact, BytesLost) and fact.direction is Direction.FROM_CHARGE_POINT
        ):
            state.registers.followed = ()
        return NOTHING

    def _sampled(
        self, state: RegisterState, fact: MeterSampled, place: Place, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """One finding at most: phases that fall together are one trouble."""
        changes: Sequence[Change] = NOTHING
        others = fact.others & _REGISTERS  # else it is known that the only one does not go on
        if place.connector_id is None and place.evse_id is None:
            return NOTHING  # whose meter it is, nobody said
        for sample in fact.samples:
            kind = sample.kind
            is_followed = kind.role is _ENERGY and kind.context_class is _RUNNING
            if not is_followed or kind.family is not _WATT_HOURS:
                continue
            if others and state.registers.goes_on(place, sample, fact.told):
                continue
            reading = state.registers.reading(place, sample, fact.told, fact.at)
            if reading.went not in _SAYS_NOTHING and not changes:
                changes = self._unusual(state, fact, place, sample, reading, charge_point)
        return changes

    # what a number says

    def _unusual(
        self,
        state: RegisterState,
        fact: MeterSampled,
        place: Place,
        sample: Sample,
        reading: Reading,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        transaction = _transaction_of(fact, place, charge_point)
        head, value = reading.head, sample.value or 0.0
        if head is None or reading.since_stop is not None:
            self._suspect(state, fact, value, reading, transaction)
        if head is None:
            return NOTHING
        what, within = _words(place, sample.kind), _is_within(transaction, head, reading)
        if reading.went in _FELL:
            raised = self._fell(head, value, reading, within)
        else:
            raised = self._rose(head, value, reading, within)
        if raised is None:
            return NOTHING
        begin: Evidence = () if transaction is None else ((transaction.connection_id, transaction.frame_no),)
        raised = msgspec.structs.replace(
            raised,
            what=what,
            connector_id=connector_of(place),
            transaction_id=fact.transaction_id if transaction is None else transaction.transaction_id,
            evidence=(*begin, (fact.connection_id, fact.frame_no)),
        )
        return once(raised)

    def _fell(self, head: Head, value: float, reading: Reading, within: bool | None) -> Raised | None:
        """A fall; `within` a transaction that began before both numbers, None: nobody knows."""
        if value == 0.0 and head.value > self.placeholder_above_wh:
            return None  # the next number shows whether 0 was a placeholder or a new beginning
        fallen = head.value - value
        if not _is_a_fall(reading, within) or fallen <= self.tolerance_wh:
            return None
        told = f"from {kwh(head.value)} to {kwh(value)}"
        if reading.went is Went.RESET:
            return _began_anew(head.value, told)
        limit = number(max(self.tolerance_wh, head.step), "Wh")
        return Raised(WENT_BACK, f"{kwh(fallen)}, {told}", limit, severity=_severity(reading, within))

    def _rose(self, head: Head, value: float, reading: Reading, within: bool | None) -> Raised | None:
        """From a 0 that it fell to: back where it was, or on from there."""
        before = head.fell_from
        if head.value != 0.0 or value <= 0.0 or before is None or before <= self.placeholder_above_wh:
            return None
        if value >= before and self._is_too_fast(value, reading.seconds or 0.0):
            severity = Severity.CRITICAL if within else Severity.WARNING
            return Raised(PLACEHOLDER, f"then {kwh(value)}", kwh(before), severity=severity)
        if reading.habit is Habit.PER_TRANSACTION:
            return None
        return _began_anew(before, f"from {kwh(before)} to 0 and on to {kwh(value)}")

    def _is_too_fast(self, wh: float, seconds: float) -> bool:
        return wh > self.placeholder_above_wh and wh * _HOUR > self.most_power_w * seconds

    # a begin of 0

    def _suspect(
        self,
        state: RegisterState,
        fact: MeterSampled,
        value: float,
        reading: Reading,
        transaction: OpenTransaction | None,
    ) -> None:
        """The first number of a transaction that told 0 as its begin: does it go on from far above?"""
        if transaction is None or transaction.meter_start_wh != 0.0:
            return
        before = None if reading.since_stop is None else value - reading.since_stop
        goes_on = before is not None and self.placeholder_above_wh < before <= value
        if goes_on or self._is_too_fast(value, _passed(transaction, fact)):
            suspect = Suspect(transaction.transaction_id, fact.connection_id, fact.frame_no)
            state.suspects = [*(state.suspects or ()), suspect][-MAX_SUSPECTS:]

    def _ended(
        self, state: RegisterState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """Energy is charged for from begin to end: only an end that is far above 0 too makes the begin wrong."""
        shown = _taken(state, fact.transaction_id)
        transaction = charge_point.transactions.get(fact.transaction_id)
        if transaction is None or transaction.meter_start_wh != 0.0:
            return NOTHING
        stop = fact.meter_stop_wh
        if stop is None:
            severity = Severity.WARNING
        elif stop > self.placeholder_above_wh:
            severity = Severity.CRITICAL
        else:
            return NOTHING
        if not shown and not self._is_too_fast(stop or 0.0, _passed(transaction, fact)):
            return NOTHING
        end = "not told" if stop is None else kwh(stop)
        raised = Raised(
            PLACEHOLDER,
            f"the transaction's begin is 0, its end {end}",
            kwh(self.placeholder_above_wh),
            _words(transaction.place, None),
            connector_id=connector_of(transaction.place),
            transaction_id=fact.transaction_id,
            severity=severity,
            evidence=(
                (transaction.connection_id, transaction.frame_no),
                *shown,
                (fact.connection_id, fact.frame_no),
            ),
        )
        return once(raised)


def _transaction_of(fact: MeterSampled, place: Place, charge_point: ChargePoint) -> OpenTransaction | None:
    """The one it names; one that names none is about what runs there."""
    if fact.transaction_id:
        return charge_point.transactions.get(fact.transaction_id)
    return charge_point.transaction_at(place)


def _is_within(transaction: OpenTransaction | None, head: Head, reading: Reading) -> bool | None:
    """Whether both numbers are of this transaction; None: it may have begun between them."""
    if transaction is None:
        return False
    if reading.since_stop is not None:
        return None
    if transaction.told_ns is None or head.told_ns is None:
        return transaction.seen_from_start or None
    return head.told_ns >= transaction.told_ns or None


def _is_a_fall(reading: Reading, within: bool | None) -> bool:
    """Within a transaction no register may fall; elsewhere it may start anew, unless it is known never to do so."""
    if within or reading.habit is Habit.LIFETIME:
        return True
    return reading.habit is Habit.UNKNOWN and reading.since_stop is None


def _severity(reading: Reading, within: bool | None) -> Severity:
    if within:
        return Severity.CRITICAL
    return Severity.WARNING if reading.habit is Habit.LIFETIME else Severity.INFO


def _began_anew(before: float, told: str) -> Raised:
    rolled = any(_NEARLY_FULL * full <= before <= full for full in _FULL)
    told = f"{told}, a counter that was full" if rolled else told
    return Raised(BEGAN_ANEW, told, "below 1 %, by 1 kWh or more")


def _passed(transaction: OpenTransaction, fact: MeterSampled | TransactionEnded) -> float:
    """Seconds since its begin, by the device's time; by ours when one of them has none."""
    if transaction.told_ns is None or fact.told.ns is None:
        return (fact.clock - transaction.clock) / SECOND
    return max(0, fact.told.ns - transaction.told_ns) / SECOND


def _taken(state: RegisterState, transaction_id: str) -> Evidence:
    """The frame that made this transaction a suspect; it is none any more."""
    if state.suspects is None:
        return ()
    mine = [suspect for suspect in state.suspects if suspect.transaction_id == transaction_id]
    state.suspects = [suspect for suspect in state.suspects if suspect not in mine] or None
    return tuple([(suspect.connection_id, suspect.frame_no) for suspect in mine])


def _words(place: Place, kind: Kind | None) -> str:
    """ "connector 1", "EVSE 1, L1, Inlet"."""
    where = place_words(place)
    if kind is None:
        return where
    location = "" if kind.location == "Outlet" else kind.location
    return ", ".join(filter(None, (where, kind.phase, location)))
