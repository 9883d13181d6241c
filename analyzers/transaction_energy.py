"""Transaction energy: the registers told at a transaction's borders, held against each other and its samples.

Fires when: a transaction stops with a lower register than it started with (MT-10, critical: it is what is billed); the
    start is above a sample of the transaction, or the stop below its last one, by more than 100 Wh and the sample's
    last told digit (MT-11, a warning); the next transaction starts more than 0.5 kWh above where the last one at this
    place stopped, or more than 100 Wh below (MT-12, a warning; info if the register began anew).
Does not fire when: samples are of another register (a session's beside a lifetime's, a thousandth, less than half),
    late, of after the stop, or not at the outlet; the register starts anew with each transaction, or from 0; another
    place of the charge point shares the meter; a start or stop is late (offline); the stop before was not to be
    believed, or something passed unseen since. A difference of 10 Wh is rounding.
Clause: OCPP 1.6 §6.45, §6.49, §7.31, errata 3.9; 2.0.1 and 2.1 J02.FR.16, J02.FR.17.
Says:
    CP_1: the transaction on connector 1 stopped with less than it started with: 0.02 kWh, it started with 5 kWh.
    CP_1: the transaction on connector 1 stopped with 9 kWh, but a sample was 9.5 kWh (limit 100 Wh).
    CP_1: the transaction on connector 1 starts 0.7 kWh above the last one's stop (limit 500 Wh).
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
    SightLost,
    TransactionEnded,
    TransactionStarted,
)
from proxy.ocpp.registers import Habit, habit_of, learnt, step_of

MAX_METERS: Final = 64
"""Places remembered per charge point; the one added first is forgotten for a 65th."""

LESS_THAN_STARTED: Final = Rule(
    "MT-10",
    Severity.CRITICAL,
    "OCPP 1.6 §6.49, §7.31; 2.x J02.FR.16",
    "{charge_point}: the transaction on {what} stopped with less than it started with: {observed}, "
    "it started with {limit}.",
)
UNLIKE_SAMPLES: Final = Rule(
    "MT-11",
    Severity.WARNING,
    "OCPP 1.6 §6.45, §6.49, §7.31; 2.x J02.FR.16",
    "{charge_point}: the transaction on {what} {observed} (limit {limit}).",
)
MISSING: Final = Rule(
    "MT-12",
    Severity.WARNING,
    "OCPP 1.6 errata 3.9; 2.x J02.FR.17",
    "{charge_point}: the transaction on {what} starts {observed} the last one's stop (limit {limit}).",
)
_AHEAD: Final = 60 * SECOND
"""ns by which a device's clock may be ahead of ours before its times count as not come yet."""
_OTHER_SCALE: Final = 100.0
"""A register does not get so many times higher between two transactions: that is another unit, or another register."""


class Meter(msgspec.Struct, array_like=True, gc=False):
    """What was told last at one place. A transaction runs: its last sample, as the least that it may stand for.
    None runs (`transaction_id` ""): the stop of the last one. `wh` None: not known, or not to be believed.

    `moment`: the device's time of it, ns. `votes`: see registers.learnt. `start`: of the transaction that runs;
    `low`: a sample below it, and its frame.
    """

    connector_id: int | None
    transaction_id: str = ""
    wh: float | None = None
    moment: int | None = None
    connection_id: str = ""
    frame_no: int = 0
    votes: int = 0
    low: tuple[float, str, int] | None = None
    start: float | None = None


class TransactionEnergyState(State):
    meters: tuple[Meter, ...] = ()


@dataclass(frozen=True)
class TransactionEnergy(Analyzer[TransactionEnergyState]):
    """All in Wh. `rounding_wh`: for MT-10; `mismatch_wh`: for MT-11 and a start below the last stop."""

    name: ClassVar[str] = "transaction_energy"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        TransactionStarted,
        TransactionEnded,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (LESS_THAN_STARTED, UNLIKE_SAMPLES, MISSING)

    rounding_wh: float = 10.0
    mismatch_wh: float = 100.0
    missing_wh: float = 500.0

    def new_state(self) -> TransactionEnergyState:
        return TransactionEnergyState()

    def step(self, state: TransactionEnergyState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is MeterSampled:  # nearly always
            return self._sampled(state, fact, charge_point)
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    # samples

    def _sampled(
        self, state: TransactionEnergyState, fact: MeterSampled, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """Hot: once per element. Of several registers in one element the first counts."""
        energy, transaction_id = fact.energy, fact.transaction_id
        if energy is None or not transaction_id:
            return NOTHING
        for meter in state.meters:
            if meter.transaction_id == transaction_id:
                break
        else:
            return NOTHING  # its start was not seen
        value, start, moment, known = energy.value, meter.start, fact.told.ns, meter.moment
        if not value:
            return NOTHING  # 0 may stand for no value (MT-03)
        if start is not None and value < start - self.mismatch_wh:
            self._below_start(meter, fact, value + step_of(energy), start, charge_point)
        if known is None or moment is None or moment >= known or not _is_late(meter, moment, fact.at):
            meter.wh = value if energy.kind.plain else value - step_of(energy)
            meter.moment = moment
            meter.connection_id, meter.frame_no = fact.connection_id, fact.frame_no
        return NOTHING

    def _below_start(
        self, meter: Meter, fact: MeterSampled, most: float, start: float, charge_point: ChargePoint
    ) -> None:
        """Remember the first that is; less than half is another register, or another unit (quirks 67, 70)."""
        transaction = charge_point.transactions.get(fact.transaction_id)
        if transaction is None or meter.low is not None:
            return
        told, began = fact.told.ns, transaction.told_ns
        is_of_before = told is not None and began is not None and told < began
        if not is_of_before and start / 2 < most < start - self.mismatch_wh:
            meter.low = most, fact.connection_id, fact.frame_no

    # the start

    def _started(
        self, state: TransactionEnergyState, fact: TransactionStarted, charge_point: ChargePoint
    ) -> Sequence[Change]:
        place = connector_of(fact.place)
        if place is None:
            return NOTHING
        meter = _meter_at(state, place)
        if not meter.transaction_id and _is_late(meter, fact.told.ns, fact.at):
            return NOTHING  # one of before the last: what is known is newer
        changes = self._since_stop(state, meter, fact, charge_point)
        meter.transaction_id = fact.transaction_id
        meter.start = fact.meter_start_wh
        meter.wh = meter.moment = meter.low = None
        return changes

    def _since_stop(
        self,
        state: TransactionEnergyState,
        meter: Meter,
        fact: TransactionStarted,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        start, stop = fact.meter_start_wh, meter.wh
        if meter.transaction_id or start is None or stop is None:
            return NOTHING
        habit = habit_of(meter.votes)
        meter.votes = learnt(meter.votes, stop, start)
        if Habit.PER_TRANSACTION in (habit, habit_of(meter.votes)) or not start:
            return NOTHING
        distance = start - stop
        if distance < -self.mismatch_wh:
            return self._below_stop(meter, fact, -distance, habit)
        is_other = start > _OTHER_SCALE * stop or _is_shared(state, meter, start, charge_point)
        if distance <= self.missing_wh or is_other:
            return NOTHING
        limit = number(self.missing_wh, "Wh")
        return once(_missing(meter, fact, f"{kwh(distance)} above", limit, Severity.WARNING))

    def _below_stop(
        self, meter: Meter, fact: TransactionStarted, distance: float, habit: Habit
    ) -> Sequence[Change]:
        """A register that is less than half of what it was began anew: only if it never did is it worth a line."""
        severity, limit = Severity.WARNING, number(self.mismatch_wh, "Wh")
        if (fact.meter_start_wh or 0.0) < (meter.wh or 0.0) / 2:
            if habit is not Habit.LIFETIME:
                return NOTHING
            severity = Severity.INFO
        return once(_missing(meter, fact, f"{kwh(distance)} below", limit, severity))

    # the stop

    def _ended(
        self, state: TransactionEnergyState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        transaction = charge_point.transactions.get(fact.transaction_id)
        place = connector_of(fact.place if transaction is None else transaction.place)
        if transaction is None or place is None:
            return _forget_stops(state, place)
        meter = _meter_at(state, place)
        is_mine = meter.transaction_id == fact.transaction_id
        if meter.transaction_id and not is_mine:
            return NOTHING  # another one has started there since
        if not is_mine and _is_late(meter, fact.told.ns, fact.at):
            return NOTHING
        changes, stop = self._judge(meter, fact, transaction)
        meter.transaction_id, meter.low, meter.start = "", None, None
        meter.wh, meter.moment = stop or None, fact.told.ns
        meter.connection_id, meter.frame_no = fact.connection_id, fact.frame_no
        return changes

    def _judge(
        self, meter: Meter, fact: TransactionEnded, transaction: OpenTransaction
    ) -> tuple[Sequence[Change], float | None]:
        """The findings, and the stop if the next start may be held against it."""
        start, stop = transaction.meter_start_wh, fact.meter_stop_wh
        if stop is None:
            return NOTHING, None
        if start is not None and start - stop > self.rounding_wh:
            return once(_less(transaction, fact, start, stop)), None
        last = self._last_above(meter, fact, stop)
        if last is not None:
            observed = f"stopped with {kwh(stop)}, but a sample was {kwh(last)}"
            frame = (meter.connection_id, meter.frame_no)
            return once(self._unlike(transaction, fact, observed, frame)), None
        if start is None or meter.low is None or not _is_one_register(meter, start, stop):
            return NOTHING, stop
        low, connection_id, frame_no = meter.low
        observed = f"started with {kwh(start)}, but a sample was {kwh(low)}"
        return once(self._unlike(transaction, fact, observed, (connection_id, frame_no))), stop

    def _last_above(self, meter: Meter, fact: TransactionEnded, stop: float) -> float | None:
        """The last sample of before the stop, if it is above it; above twice as much is another register."""
        last, moment = meter.wh, fact.told.ns
        if not meter.transaction_id or last is None or not stop + self.mismatch_wh < last <= 2 * stop:
            return None
        is_of_after = moment is not None and meter.moment is not None and meter.moment > moment
        return None if is_of_after else last

    def _unlike(
        self, transaction: OpenTransaction, fact: TransactionEnded, observed: str, frame: tuple[str, int]
    ) -> Raised:
        return Raised(
            UNLIKE_SAMPLES,
            observed,
            number(self.mismatch_wh, "Wh"),
            place_words(transaction.place),
            connector_id=connector_of(transaction.place),
            transaction_id=fact.transaction_id,
            evidence=(_begin(transaction), frame, (fact.connection_id, fact.frame_no)),
        )

    # what passed unseen

    def _lost(
        self, state: TransactionEnergyState, fact: BytesLost | SightLost, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """A transaction may have run since the last stop."""
        if isinstance(fact, BytesLost) and fact.direction is not Direction.FROM_CHARGE_POINT:
            return NOTHING
        return _forget_stops(state, None)


_HANDLERS: Final[
    Mapping[
        type[Fact], Callable[[TransactionEnergy, TransactionEnergyState, Any, ChargePoint], Sequence[Change]]
    ]
] = {
    TransactionStarted: TransactionEnergy._started,
    TransactionEnded: TransactionEnergy._ended,
    BytesLost: TransactionEnergy._lost,
    SightLost: TransactionEnergy._lost,
}


def _meter_at(state: TransactionEnergyState, connector_id: int) -> Meter:
    for meter in state.meters:
        if meter.connector_id == connector_id:
            return meter
    meter = Meter(connector_id)
    state.meters = (*state.meters[-MAX_METERS + 1 :], meter)
    return meter


def _is_late(meter: Meter, told_ns: int | None, at: int) -> bool:
    """Older than what is known, unless that comes from a clock that was ahead of ours."""
    known = meter.moment
    return told_ns is not None and known is not None and told_ns < known <= at + _AHEAD


def _forget_stops(state: TransactionEnergyState, connector_id: int | None) -> Sequence[Change]:
    """None: of every place, since nobody knows which."""
    for meter in state.meters:
        if not meter.transaction_id and connector_id in (None, meter.connector_id):
            meter.wh = meter.moment = None
    return NOTHING


def _is_shared(state: TransactionEnergyState, meter: Meter, start: float, charge_point: ChargePoint) -> bool:
    """Another place told a register between the stop and this start: one meter for both, which went on there."""
    stop = meter.wh or 0.0
    told = [other.wh for other in state.meters if other is not meter]
    told += [
        transaction.meter_start_wh
        for transaction in charge_point.transactions.values()
        if connector_of(transaction.place) != meter.connector_id
    ]
    return any(wh is not None and stop < wh <= start for wh in told)


def _is_one_register(meter: Meter, start: float, stop: float) -> bool:
    """Whether the samples are of the register of start and stop, not of a session's that began at 0 (quirk 70)."""
    last = meter.wh
    return last is None or abs(last - stop) <= abs(last - (stop - start))


def _missing(meter: Meter, fact: TransactionStarted, observed: str, limit: str, severity: Severity) -> Raised:
    return Raised(
        MISSING,
        observed,
        limit,
        place_words(fact.place),
        connector_id=meter.connector_id,
        transaction_id=fact.transaction_id,
        severity=severity,
        evidence=((meter.connection_id, meter.frame_no), (fact.connection_id, fact.frame_no)),
    )


def _less(transaction: OpenTransaction, fact: TransactionEnded, start: float, stop: float) -> Raised:
    return Raised(
        LESS_THAN_STARTED,
        kwh(stop),
        kwh(start),
        place_words(transaction.place),
        connector_id=connector_of(transaction.place),
        transaction_id=fact.transaction_id,
        evidence=(_begin(transaction), (fact.connection_id, fact.frame_no)),
    )


def _begin(transaction: OpenTransaction) -> tuple[str, int]:
    return transaction.connection_id, transaction.frame_no
