"""Refused charging: the CSMS refused an id token, and its transaction draws energy all the same.

Fires when: StartTransaction (1.6) or TransactionEvent (2.x) was answered with another status than Accepted, and from 2
    minutes after that on the transaction's import register has risen by more than 1 kWh, or what MaxEnergyOnInvalidId
    allows: TX-10, a warning, critical from 5 kWh on. Energy that nobody pays for: StopTransactionOnInvalidId is off, or
    does not work.
Does not fire when: the samples are of before the refusal (a queue is delivered late), or tell no time; the token is
    accepted later; the transaction ends; bytes passed unseen (an acceptance may have been among them).
Clause: OCPP 1.6 §4.8, §9.1.27 (StopTransactionOnInvalidId); 2.x C10, E05.
Says:
    CP_1: transaction 7 was refused (Invalid) and has drawn 1.5 kWh since (limit 1 kWh).
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
    number,
)
from proxy.ocpp.facts import (
    Authorized,
    BytesLost,
    ConfigurationChanged,
    ConfigurationTold,
    Fact,
    MeterSampled,
    SightLost,
    TransactionEnded,
)
from proxy.ocpp.meter import ContextClass, Role

MAX_REFUSED: Final = 8
MAX_STATUS: Final = 40
"""Characters of a status that a finding repeats."""
_SOURCES: Final = frozenset({"StartTransaction", "TransactionEvent"})
_KEYS: Final = frozenset({"maxenergyoninvalidid", "txctrlr.maxenergyoninvalidid"})
_ENERGY: Final = Role.ENERGY
_BEGIN: Final = ContextClass.BEGIN

CHARGING: Final = Rule(
    "TX-10",
    Severity.WARNING,
    "OCPP 1.6 §4.8, §9.1.27; 2.x C10, E05",
    "{charge_point}: transaction {what} and has drawn {observed} since (limit {limit}).",
)


class Refused(msgspec.Struct, array_like=True, gc=False):
    """A transaction whose token was refused at `at` (ns UTC) and `clock`. `base_wh` of `location`: the first register
    after that, -1: none yet. `said`: the severity that is told."""

    transaction_id: str
    connector_id: int | None
    status: str
    at: int
    clock: int
    connection_id: str
    frame_no: int
    base_wh: float = -1.0
    location: str = ""
    said: int = 0


class RefusedChargingState(State):
    """`allowed_wh`: MaxEnergyOnInvalidId, as last told."""

    refused: list[Refused] | None = None
    allowed_wh: int = 0


@dataclass(frozen=True)
class RefusedCharging(Analyzer[RefusedChargingState]):
    """The charge point may finish what it does: `grace_seconds`."""

    name: ClassVar[str] = "refused_charging"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        Authorized,
        TransactionEnded,
        ConfigurationTold,
        ConfigurationChanged,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (CHARGING,)

    warning_kwh: float = 1.0
    critical_kwh: float = 5.0
    grace_seconds: int = 120

    def new_state(self) -> RefusedChargingState:
        return RefusedChargingState()

    def step(self, state: RefusedChargingState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is MeterSampled:
            if state.refused is None:
                return NOTHING  # nearly always
            return self._sampled(state, fact)
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    def _authorized(
        self, state: RefusedChargingState, fact: Authorized, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """Only while it runs: what its end is answered with changes nothing."""
        name, status = fact.transaction_id, fact.status.strip()
        transaction = charge_point.transactions.get(name)
        if fact.source not in _SOURCES or not status or transaction is None:
            return NOTHING
        if status.lower() == "accepted":
            return _drop(state, name)
        if _refused_of(state, name) is None:
            place = connector_of(charge_point.place_of(fact.place, name))
            refused = Refused(
                name, place, status[:MAX_STATUS], fact.at, fact.clock, fact.connection_id, fact.frame_no
            )
            state.refused = [*(state.refused or ()), refused][-MAX_REFUSED:]
        return NOTHING

    def _sampled(self, state: RefusedChargingState, fact: MeterSampled) -> Sequence[Change]:
        refused = _refused_of(state, fact.transaction_id)
        if refused is None or fact.told.ns is None or fact.told.ns < refused.at:
            return NOTHING
        for sample in fact.samples:
            kind, value = sample.kind, sample.value
            if kind.role is not _ENERGY or kind.phase or kind.context_class is _BEGIN or value is None:
                continue
            if refused.base_wh < 0:
                refused.base_wh, refused.location = max(value, 0.0), kind.location
            elif kind.location == refused.location:
                return self._drawn(state, refused, fact, value - refused.base_wh)
        return NOTHING

    def _drawn(
        self, state: RefusedChargingState, refused: Refused, fact: MeterSampled, drawn_wh: float
    ) -> Sequence[Change]:
        limit = max(self.warning_kwh * 1000, state.allowed_wh)
        if drawn_wh <= limit or fact.clock - refused.clock < self.grace_seconds * SECOND:
            return NOTHING
        much = drawn_wh >= max(self.critical_kwh * 1000, limit)
        severity = Severity.CRITICAL if much else Severity.WARNING
        if severity <= refused.said:
            return NOTHING
        times, refused.said = 0 if refused.said else 1, int(severity)
        raised = Raised(
            CHARGING,
            observed=number(drawn_wh / 1000, "kWh"),
            limit=number(limit / 1000, "kWh"),
            what=f"{refused.transaction_id} was refused ({refused.status})",
            connector_id=refused.connector_id,
            transaction_id=refused.transaction_id,
            severity=severity,
            evidence=((refused.connection_id, refused.frame_no), (fact.connection_id, fact.frame_no)),
            times=times,
        )
        return [raised]

    def _ended(
        self, state: RefusedChargingState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        return NOTHING if state.refused is None else _drop(state, fact.transaction_id)

    def _configured(
        self,
        state: RefusedChargingState,
        fact: ConfigurationTold | ConfigurationChanged,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        if fact.key.lower() in _KEYS:
            rejected = type(fact) is ConfigurationChanged and fact.status.strip().lower() != "accepted"
            value = (fact.value or "").strip()[:9]
            if not rejected and value.isascii() and value.isdigit():
                state.allowed_wh = int(value)
        return NOTHING

    def _lost(
        self, state: RefusedChargingState, fact: BytesLost | SightLost, charge_point: ChargePoint
    ) -> Sequence[Change]:
        changes = [_cleared(refused) for refused in state.refused or () if refused.said]
        state.refused = None
        return changes


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[RefusedCharging, RefusedChargingState, Any, ChargePoint], Sequence[Change]]]
] = {
    Authorized: RefusedCharging._authorized,
    TransactionEnded: RefusedCharging._ended,
    ConfigurationTold: RefusedCharging._configured,
    ConfigurationChanged: RefusedCharging._configured,
    BytesLost: RefusedCharging._lost,
    SightLost: RefusedCharging._lost,
}


def _refused_of(state: RefusedChargingState, transaction_id: str) -> Refused | None:
    for refused in state.refused or ():
        if refused.transaction_id == transaction_id:
            return refused
    return None


def _drop(state: RefusedChargingState, transaction_id: str) -> Sequence[Change]:
    refused = _refused_of(state, transaction_id)
    if refused is None or state.refused is None:
        return NOTHING
    state.refused = [other for other in state.refused if other is not refused] or None
    return [_cleared(refused)] if refused.said else NOTHING


def _cleared(refused: Refused) -> Cleared:
    return Cleared(CHARGING, connector_id=refused.connector_id, transaction_id=refused.transaction_id)
