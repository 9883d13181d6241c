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
from proxy.ocpp.meter import ContextClass, Family, Role

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


class Port(msgspec.Struct, array_like=True, gc=False):
    """One place. `watched`: the transaction there whose samples have shown no energy yet; `charged`: the one whose
    samples have. `first_wh`: its first sample. `fruitless`: transactions without energy in a row."""

    connector_id: int | None
    watched: str = ""
    charged: str = ""
    first_wh: float | None = None
    fruitless: int = 0


class NoEnergyState(State):
    ports: list[Port] = msgspec.field(default_factory=list)


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
        connector_id = connector_of(fact.place)
        if connector_id is None:
            return NOTHING
        port, changes = self._port_at(state, connector_id)
        port.watched, port.charged, port.first_wh = fact.transaction_id, "", None
        return changes

    def _sampled(self, state: NoEnergyState, fact: MeterSampled) -> Sequence[Change]:
        """Hot: once per element, but only until the transaction has shown energy."""
        transaction_id = fact.transaction_id
        if transaction_id:
            for port in state.ports:
                if port.watched == transaction_id:
                    if self._charges(port, fact):
                        port.watched, port.charged = "", transaction_id
                    break
        return NOTHING

    def _charges(self, port: Port, fact: MeterSampled) -> bool:
        """Power, or a register of the whole that is not what it was first: of several in one element the first."""
        wh = None
        for sample in fact.samples:
            kind, value = sample.kind, sample.value
            if value is None or kind.context_class is not _RUNNING:
                continue
            if kind.role is _POWER:
                if value > _MIN_POWER_W and kind.family is _WATTS:
                    return True
            elif wh is None and kind.role is _ENERGY and not kind.phase and kind.family is _WATT_HOURS:
                wh = value
        if wh is not None and port.first_wh is None:
            port.first_wh = wh
        return wh is not None and wh - (port.first_wh or 0.0) >= self.min_energy_wh

    def _ended(
        self, state: NoEnergyState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        transaction = charge_point.transactions.get(fact.transaction_id)
        connector_id = None if transaction is None else connector_of(transaction.place)
        if transaction is None or connector_id is None:
            return NOTHING
        port, changes = self._port_at(state, connector_id)
        if fact.transaction_id == port.charged:
            changes = [*changes, *self._charged(port)]
        elif transaction.meter_start_wh is not None and fact.meter_stop_wh is not None:
            wh = fact.meter_stop_wh - transaction.meter_start_wh
            changes = [*changes, *self._measured(port, fact, transaction, wh)]
        if fact.transaction_id in (port.watched, port.charged):
            port.watched, port.charged, port.first_wh = "", "", None
        return changes

    def _measured(
        self, port: Port, fact: TransactionEnded, transaction: OpenTransaction, wh: float
    ) -> Sequence[Change]:
        if wh >= self.min_energy_wh:
            return self._charged(port)
        passed = _passed(transaction, fact)
        is_too_short = passed < self.min_duration_seconds * SECOND
        if wh <= -self.min_energy_wh or is_too_short or fact.reason.lower() == _DEAUTHORIZED:
            return NOTHING
        has_meter = bool(fact.meter_stop_wh) or bool(transaction.meter_start_wh) or port.first_wh is not None
        if has_meter:
            port.fruitless = min(port.fruitless + 1, MAX_COUNTED)
        observed = f"{number(max(wh, 0.0), 'Wh')} in {seconds(passed)}"
        return self._said(port, fact, transaction, observed)

    def _said(
        self, port: Port, fact: TransactionEnded, transaction: OpenTransaction, observed: str
    ) -> Sequence[Change]:
        """From three on it is one finding; before, each is one of its own and over at once."""
        in_a_row, where = port.fruitless >= self.warning_in_a_row, _words(transaction.place)
        key, transaction_id = (_ROW, "") if in_a_row else ("", fact.transaction_id)
        raised = Raised(
            NO_ENERGY,
            observed,
            number(self.min_energy_wh, "Wh"),
            f"the last {port.fruitless} transactions on {where}" if in_a_row else f"a transaction on {where}",
            key,
            port.connector_id,
            transaction_id,
            Severity.WARNING if in_a_row else None,
            ((transaction.connection_id, transaction.frame_no), (fact.connection_id, fact.frame_no)),
        )
        if in_a_row:
            return [raised]
        return [raised, Cleared(NO_ENERGY, connector_id=port.connector_id, transaction_id=transaction_id)]

    def _charged(self, port: Port) -> Sequence[Change]:
        """The row is broken."""
        in_a_row, port.fruitless = port.fruitless >= self.warning_in_a_row, 0
        return [Cleared(NO_ENERGY, key=_ROW, connector_id=port.connector_id)] if in_a_row else NOTHING

    def _lost(
        self, state: NoEnergyState, fact: BytesLost | SightLost, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """A transaction with energy may have run: a row that is no finding yet begins anew."""
        if isinstance(fact, BytesLost) and fact.direction is not Direction.FROM_CHARGE_POINT:
            return NOTHING
        for port in state.ports:
            if port.fruitless < self.warning_in_a_row:
                port.fruitless = 0
        return NOTHING

    def _port_at(self, state: NoEnergyState, connector_id: int) -> tuple[Port, Sequence[Change]]:
        """The one of this place, and the finding of the one that had to go for it."""
        for port in state.ports:
            if port.connector_id == connector_id:
                return port, NOTHING
        changes: Sequence[Change] = NOTHING
        if len(state.ports) >= MAX_PORTS:
            changes = self._charged(state.ports.pop(0))
        port = Port(connector_id)
        state.ports.append(port)
        return port, changes


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[NoEnergy, NoEnergyState, Any, ChargePoint], Sequence[Change]]]
] = {
    TransactionStarted: NoEnergy._started,
    TransactionEnded: NoEnergy._ended,
    BytesLost: NoEnergy._lost,
    SightLost: NoEnergy._lost,
}


def _passed(transaction: OpenTransaction, fact: TransactionEnded) -> int:
    """ns that it ran."""
    if transaction.told_ns is None or fact.told.ns is None or fact.told.ns < transaction.told_ns:
        return fact.clock - transaction.clock
    return fact.told.ns - transaction.told_ns


def _words(place: Place) -> str:
    return f"connector {place.connector_id}" if place.evse_id is None else f"EVSE {place.evse_id}"
