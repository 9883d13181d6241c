"""No energy: transactions that ran for a while and charged nothing.

Fires when: a transaction of 2 minutes or more ends with less than 10 Wh above its start and no sample of it showed
    energy or power (MT-09): info for one; one warning per connector from 3 in a row on, until one there does charge.
Does not fire when: start or stop was not told, or the stop is lower (MT-10); a sample rose by 10 Wh or showed more
    than 100 W although start and stop are alike (quirk 71); the CSMS stopped it (DeAuthorized). Where start and stop
    are both 0 and no sample told a register, there may be no meter: that is info, and no step towards three.
Clause: OCPP 1.6 §6.45, §6.49; 2.0.1 and 2.1 J02.FR.16. That nothing was charged breaks no clause.
Says:
    CP_1: a transaction on connector 1 charged no energy: 0 Wh in 1800 s (limit 10 Wh).
    CP_1: the last 3 transactions on connector 1 charged no energy: 0 Wh in 1800 s (limit 10 Wh).
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
    OpenTransaction,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    number,
    seconds,
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
from proxy.ocpp.meter import MAIN_ENERGY, MAIN_POWER, OTHER_ENERGY, OTHER_POWER, ContextClass, Family, Role

MAX_PORTS: Final = 64
"""Places remembered per charge point; the one added first is forgotten for a 65th, and its finding cleared."""
MAX_COUNTED: Final = 1_000_000

NO_ENERGY: Final = Rule(
    "MT-09",
    Severity.INFO,
    "OCPP 1.6 §6.45, §6.49; 2.x J02.FR.16",
    "{charge_point}: {what} charged no energy: {observed} (limit {limit}).",
)
_ROW: Final = "in a row"
_DEAUTHORIZED: Final = "deauthorized"
_MIN_POWER_W: Final = 100.0
# looking a member up on its enum costs more than the comparison
_ENERGY: Final = Role.ENERGY
_POWER: Final = Role.POWER
_RUNNING: Final = ContextClass.RUNNING
_WATT_HOURS: Final = Family.ENERGY
_WATTS: Final = Family.POWER


_OTHERS: Final = MAIN_ENERGY | MAIN_POWER | OTHER_ENERGY | OTHER_POWER


class Watched(msgspec.Struct, array_like=True, gc=False):
    """A transaction whose samples have shown no energy yet. `first_wh`: its first sample."""

    connector_id: int
    transaction_id: str
    first_wh: float | None = None


class NoEnergyState(State):
    """`charged`: transactions whose samples have shown energy. `fruitless`: transactions without, in a row, by
    connector; None: nowhere."""

    watched: tuple[Watched, ...] = ()
    charged: tuple[str, ...] = ()
    fruitless: dict[int, int] | None = None


@dataclass(frozen=True)
class NoEnergy(Analyzer[NoEnergyState]):
    """Durations are the device's where it told both times: what was charged offline is told in a moment."""

    name: ClassVar[str] = "no_energy"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        TransactionStarted,
        TransactionEnded,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (NO_ENERGY,)

    min_energy_wh: float = 10.0
    min_duration_seconds: int = 120
    warning_in_a_row: int = 3

    def new_state(self) -> NoEnergyState:
        return NoEnergyState()

    def step(self, state: NoEnergyState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is MeterSampled:  # nearly always
            return self._sampled(state, fact)
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    def _started(
        self, state: NoEnergyState, fact: TransactionStarted, charge_point: ChargePoint
    ) -> Sequence[Change]:
        connector_id, running = connector_of(fact.place), charge_point.transactions
        if connector_id is None or not fact.transaction_id:
            return NOTHING
        others = [one for one in state.watched if one.connector_id != connector_id]
        state.watched = (*others[-MAX_PORTS + 1 :], Watched(connector_id, fact.transaction_id))
        state.charged = tuple([one for one in state.charged if one in running and one != fact.transaction_id])
        return NOTHING

    def _sampled(self, state: NoEnergyState, fact: MeterSampled) -> Sequence[Change]:
        """Hot: once per element, but only until the transaction has shown energy."""
        for watched in state.watched:
            if watched.transaction_id == fact.transaction_id:
                if self._charges(watched, fact):
                    state.watched = tuple([one for one in state.watched if one is not watched])
                    state.charged = (*state.charged, watched.transaction_id)
                break
        return NOTHING

    def _charges(self, watched: Watched, fact: MeterSampled) -> bool:
        """Power, or a register of the whole that is not what it was first: of several in one element the first."""
        wh = None if fact.energy is None else fact.energy.value
        if fact.power is not None and (fact.power.value or 0.0) > _MIN_POWER_W:
            return True
        if fact.others & _OTHERS:
            for sample in fact.samples:
                kind, value = sample.kind, sample.value
                if value is None or kind.context_class is not _RUNNING:
                    continue
                if kind.role is _POWER:
                    if value > _MIN_POWER_W and kind.family is _WATTS:
                        return True
                elif wh is None and kind.role is _ENERGY and not kind.phase and kind.family is _WATT_HOURS:
                    wh = value
        if wh is not None and watched.first_wh is None:
            watched.first_wh = wh
        return wh is not None and wh - (watched.first_wh or 0.0) >= self.min_energy_wh

    def _ended(
        self, state: NoEnergyState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        transaction = charge_point.transactions.get(fact.transaction_id)
        connector_id = None if transaction is None else connector_of(transaction.place)
        if transaction is None or connector_id is None:
            return NOTHING
        changes: Sequence[Change] = NOTHING
        if fact.transaction_id in state.charged:
            changes = self._charged(state, connector_id)
        elif transaction.meter_start_wh is not None and fact.meter_stop_wh is not None:
            wh = fact.meter_stop_wh - transaction.meter_start_wh
            changes = self._measured(state, connector_id, fact, transaction, wh)
        state.watched = tuple([one for one in state.watched if one.transaction_id != fact.transaction_id])
        state.charged = tuple([one for one in state.charged if one != fact.transaction_id])
        return changes

    def _measured(
        self,
        state: NoEnergyState,
        connector_id: int,
        fact: TransactionEnded,
        transaction: OpenTransaction,
        wh: float,
    ) -> Sequence[Change]:
        if wh >= self.min_energy_wh:
            return self._charged(state, connector_id)
        passed = _passed(transaction, fact)
        is_too_short = passed < self.min_duration_seconds * SECOND
        if wh <= -self.min_energy_wh or is_too_short or fact.reason.lower() == _DEAUTHORIZED:
            return NOTHING
        observed = f"{number(max(wh, 0.0), 'Wh')} in {seconds(passed)}"
        if (
            not fact.meter_stop_wh
            and not transaction.meter_start_wh
            and not _told(state, fact.transaction_id)
        ):
            row = 0 if state.fruitless is None else state.fruitless.get(connector_id, 0)
            return self._said(connector_id, row, fact, transaction, observed)
        changes, row = self._count(state, connector_id)
        return [*changes, *self._said(connector_id, row, fact, transaction, observed)]

    def _count(self, state: NoEnergyState, connector_id: int) -> tuple[Sequence[Change], int]:
        """One more without energy there; the finding of the place that had to go for it, and how many in a row."""
        if state.fruitless is None:
            state.fruitless = {}
        fruitless, changes = state.fruitless, NOTHING
        if connector_id not in fruitless and len(fruitless) >= MAX_PORTS:
            changes = self._charged(state, next(iter(fruitless)))
        row = fruitless[connector_id] = min(fruitless.get(connector_id, 0) + 1, MAX_COUNTED)
        return changes, row

    def _said(
        self,
        connector_id: int,
        row: int,
        fact: TransactionEnded,
        transaction: OpenTransaction,
        observed: str,
    ) -> Sequence[Change]:
        """From three on it is one finding; before, each is one of its own and over at once."""
        in_a_row, where = row >= self.warning_in_a_row, _words(transaction.place)
        key, transaction_id = (_ROW, "") if in_a_row else ("", fact.transaction_id)
        raised = Raised(
            NO_ENERGY,
            observed,
            number(self.min_energy_wh, "Wh"),
            f"the last {row} transactions on {where}" if in_a_row else f"a transaction on {where}",
            key,
            connector_id,
            transaction_id,
            Severity.WARNING if in_a_row else None,
            ((transaction.connection_id, transaction.frame_no), (fact.connection_id, fact.frame_no)),
        )
        if in_a_row:
            return [raised]
        return [raised, Cleared(NO_ENERGY, connector_id=connector_id, transaction_id=transaction_id)]

    def _charged(self, state: NoEnergyState, connector_id: int) -> Sequence[Change]:
        """The row is broken."""
        if state.fruitless is None:
            return NOTHING
        row = state.fruitless.pop(connector_id, 0)
        state.fruitless = state.fruitless or None
        if row < self.warning_in_a_row:
            return NOTHING
        return [Cleared(NO_ENERGY, key=_ROW, connector_id=connector_id)]

    def _lost(
        self, state: NoEnergyState, fact: BytesLost | SightLost, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """A transaction with energy may have run: a row that is no finding yet begins anew."""
        if isinstance(fact, BytesLost) and fact.direction is not Direction.FROM_CHARGE_POINT:
            return NOTHING
        rows = (state.fruitless or {}).items()
        state.fruitless = {one: row for one, row in rows if row >= self.warning_in_a_row} or None
        return NOTHING


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[NoEnergy, NoEnergyState, Any, ChargePoint], Sequence[Change]]]
] = {
    TransactionStarted: NoEnergy._started,
    TransactionEnded: NoEnergy._ended,
    BytesLost: NoEnergy._lost,
    SightLost: NoEnergy._lost,
}


def _told(state: NoEnergyState, transaction_id: str) -> bool:
    """Whether a sample of it has told a register."""
    mine = [one for one in state.watched if one.transaction_id == transaction_id]
    return any(one.first_wh is not None for one in mine)


def _passed(transaction: OpenTransaction, fact: TransactionEnded) -> int:
    """ns that it ran."""
    if transaction.told_ns is None or fact.told.ns is None or fact.told.ns < transaction.told_ns:
        return fact.clock - transaction.clock
    return fact.told.ns - transaction.told_ns


def _words(place: Place) -> str:
    return f"connector {place.connector_id}" if place.evse_id is None else f"EVSE {place.evse_id}"
