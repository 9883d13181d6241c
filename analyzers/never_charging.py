"""Never charging: a connector says that it is available, and whoever tries gets no energy.

Fires when: a connector (2.x: an EVSE) has been usable by its own words for 24 h, and the last 5 start attempts there
    failed (FT-10): info while one driver alone tried, a warning from two drivers on, critical from 10 attempts of two
    drivers on. An attempt is a transaction whose driver the CSMS accepted; it failed when it brought less than 100 Wh
    within at most 30 min, or, where the meter tells nothing, ended within 60 s or for one of the standard's failures.
Does not fire when: the driver was refused, at the start or later (DeAuthorized); the transaction was longer and its
    meter stood still (such meters exist, quirk 71), or its start was not seen. One attempt with energy ends it, and so
    does a status Faulted or Unavailable: then it claims nothing. The 24 h begin with the first status seen.
Clause: OCPP 1.6 §4.9, §4.8; 2.0.1 and 2.1 E01, G01; ChargerHelp 2025 (a third of failures happen on chargers that
    report to be operational).
Says:
    CP_1: connector 1 says it is available, but its last 5 start attempts brought no energy (limit 5).
"""

from __future__ import annotations

import zlib
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
    Evidence,
    OpenTransaction,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
)
from proxy.ocpp.facts import (
    Authorized,
    Availability,
    Fact,
    Outcome,
    Place,
    StatusChanged,
    TransactionEnded,
)

MAX_CONNECTORS: Final = 32
MAX_DRIVERS: Final = 4
"""Different ones remembered: enough to know that it is not one alone."""
MAX_FRAMES: Final = 5

NEVER_CHARGING: Final = Rule(
    "FT-10",
    Severity.WARNING,
    "OCPP 1.6 §4.8, §4.9; 2.x E01, G01",
    "{charge_point}: {what} says it is available, but its last {observed} start attempts brought no energy"
    " (limit {limit}).",
)
_UNKNOWN: Final = Availability.UNKNOWN
_FAULTED: Final = Availability.FAULTED
_UNAVAILABLE: Final = Availability.UNAVAILABLE
_UNUSABLE: Final = frozenset({_FAULTED, _UNAVAILABLE})


class Failed(msgspec.Struct, gc=False):
    """Attempts in a row. `drivers`: theirs. `is_told`: the finding is open."""

    failures: int = 0
    drivers: tuple[int, ...] = ()
    frames: Evidence = ()
    is_told: bool = False


class Tries(msgspec.Struct, gc=False):
    """Of one connector. `usable_since`: ns of `clock`, -1: it is not, or not known. `driver`: of `transaction_id`, who
    may charge now; drivers are told apart by a checksum only. `failed` None: the last attempt did not."""

    connector: int
    is_evse: bool
    usable_since: int = -1
    transaction_id: str = ""
    driver: int = 0
    failed: Failed | None = None


class NeverChargingState(State):
    """In the order in which they were first seen."""

    connectors: tuple[Tries, ...] = ()


@dataclass(frozen=True)
class NeverCharging(Analyzer[NeverChargingState]):
    name: ClassVar[str] = "never_charging"
    wants: ClassVar[tuple[type[Fact], ...]] = (StatusChanged, Authorized, TransactionEnded)
    rules: ClassVar[tuple[Rule, ...]] = (NEVER_CHARGING,)

    usable_hours: int = 24
    attempts: int = 5
    critical_attempts: int = 10
    warning_drivers: int = 2
    success_wh: int = 100
    longest_failure_minutes: int = 30
    short_seconds: int = 60

    def new_state(self) -> NeverChargingState:
        return NeverChargingState()

    def step(self, state: NeverChargingState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    # what happened

    def _status(
        self, state: NeverChargingState, fact: StatusChanged, charge_point: ChargePoint
    ) -> Sequence[Change]:
        if fact.availability in _UNUSABLE:
            return self._unusable(state, fact, charge_point)
        tries = None if fact.availability is _UNKNOWN else _tries_at(state, fact.place)
        if tries is None or tries.usable_since >= 0:
            return NOTHING  # nearly always
        tries.usable_since = fact.clock
        if tries.failed is not None:
            self._plan(state)
        return NOTHING

    def _unusable(
        self, state: NeverChargingState, fact: StatusChanged, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """2.x: the other connector of an EVSE that is in use says Unavailable, which is no trouble of the EVSE."""
        if (
            fact.availability is _UNAVAILABLE
            and fact.place.evse_id
            and charge_point.transaction_at(fact.place)
        ):
            return NOTHING
        whole = not connector_of(fact.place)
        changes: list[Change] = []
        for tries in state.connectors:
            if whole or tries.connector == connector_of(fact.place):
                tries.usable_since = -1
                changes += _over(tries)
        self._plan(state)
        return changes

    def _authorized(
        self, state: NeverChargingState, fact: Authorized, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """A driver may charge: from here on it is an attempt."""
        if fact.status != "Accepted" or fact.transaction_id not in charge_point.transactions:
            return NOTHING
        tries = _tries_at(state, charge_point.place_of(fact.place, fact.transaction_id))
        if tries is not None:
            tries.transaction_id = charge_point.transactions[
                fact.transaction_id
            ].transaction_id  # one string for all
            tries.driver = zlib.crc32(fact.who.token.encode("utf-8", "surrogatepass"))
        return NOTHING

    def _ended(
        self, state: NeverChargingState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        transaction = charge_point.transactions.get(fact.transaction_id)
        if transaction is None:
            return NOTHING
        tries = _tries_at(state, transaction.place)
        if tries is None or tries.transaction_id != fact.transaction_id:
            return NOTHING
        tries.transaction_id = ""
        charged = self._charged(fact, transaction)
        if charged is None:
            return NOTHING
        return self._succeeded(state, tries) if charged else self._failed(state, tries, fact)

    def _charged(self, fact: TransactionEnded, transaction: OpenTransaction) -> bool | None:
        """Whether it brought energy; None: nobody knows, or it is nobody's fault."""
        if not transaction.seen_from_start or fact.reason.strip().lower() == "deauthorized":
            return None
        energy, lasted = _energy(fact, transaction), _lasted(fact, transaction)
        if energy is not None and energy >= self.success_wh:
            return True
        if energy is not None:
            return False if lasted <= self.longest_failure_minutes * 60 * SECOND else None
        if lasted < self.short_seconds * SECOND or fact.outcome is Outcome.FAILURE:
            return False
        return True if fact.outcome is Outcome.SUCCESS else None

    # what follows

    def _succeeded(self, state: NeverChargingState, tries: Tries) -> Sequence[Change]:
        if tries.failed is None:
            return NOTHING
        changes, tries.failed = _over(tries), None
        self._plan(state)
        return changes

    def _failed(self, state: NeverChargingState, tries: Tries, fact: TransactionEnded) -> Sequence[Change]:
        failed = tries.failed = tries.failed or Failed()
        failed.failures += 1
        if tries.driver not in failed.drivers:
            failed.drivers = (*failed.drivers, tries.driver)[-MAX_DRIVERS:]
        failed.frames = (*failed.frames, (fact.connection_id, fact.frame_no))[-MAX_FRAMES:]
        due = self._due(tries)
        self._plan(state)
        return [self._raised(tries, failed)] if due is not None and due <= fact.clock else NOTHING

    def _raised(self, tries: Tries, failed: Failed) -> Raised:
        failed.is_told = True
        return Raised(
            NEVER_CHARGING,
            f"{failed.failures}",
            f"{self.attempts}",
            f"{'EVSE' if tries.is_evse else 'connector'} {tries.connector}",
            connector_id=tries.connector,
            severity=self._severity(failed),
            evidence=failed.frames,
        )

    def _severity(self, failed: Failed) -> Severity:
        if len(failed.drivers) < min(self.warning_drivers, MAX_DRIVERS):
            return Severity.INFO
        return Severity.CRITICAL if failed.failures >= self.critical_attempts else Severity.WARNING

    # time

    def wake(self, state: NeverChargingState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        changes: list[Change] = []
        for tries in state.connectors:
            due, failed = self._due(tries), tries.failed
            if failed is not None and due is not None and due <= now and not failed.is_told:
                changes.append(self._raised(tries, failed))
        self._plan(state)
        return changes

    def _due(self, tries: Tries) -> int | None:
        """When so many failures are a finding."""
        failures = 0 if tries.failed is None else tries.failed.failures
        if failures < self.attempts or tries.usable_since < 0:
            return None
        return tries.usable_since + self.usable_hours * 3600 * SECOND

    def _plan(self, state: NeverChargingState) -> None:
        due = [
            self._due(tries) for tries in state.connectors if tries.failed is None or not tries.failed.is_told
        ]
        state.wake_at = min((moment for moment in due if moment is not None), default=None)


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[NeverCharging, NeverChargingState, Any, ChargePoint], Sequence[Change]]]
] = {
    StatusChanged: NeverCharging._status,
    Authorized: NeverCharging._authorized,
    TransactionEnded: NeverCharging._ended,
}


def _tries_at(state: NeverChargingState, place: Place) -> Tries | None:
    """Those of this connector, new ones where there are none; None: no connector, or one too many."""
    connector = connector_of(place)
    if not connector:
        return None
    for tries in state.connectors:
        if tries.connector == connector:
            return tries
    if len(state.connectors) >= MAX_CONNECTORS:
        return None
    tries = Tries(connector, place.evse_id is not None)
    state.connectors = (*state.connectors, tries)
    return tries


def _over(tries: Tries) -> list[Change]:
    if tries.failed is None or not tries.failed.is_told:
        return []
    tries.failed.is_told = False
    return [Cleared(NEVER_CHARGING, connector_id=tries.connector)]


def _energy(fact: TransactionEnded, transaction: OpenTransaction) -> float | None:
    """Wh; None where the meter says nothing: both 0, or less than before."""
    begin, end = transaction.meter_start_wh, fact.meter_stop_wh
    if begin is None or end is None or end < begin or end == begin == 0:
        return None
    return end - begin


def _lasted(fact: TransactionEnded, transaction: OpenTransaction) -> int:
    """ns; by the device's clock, as a queue tells start and end at once."""
    if fact.told.ns is not None and transaction.told_ns is not None:
        return max(0, fact.told.ns - transaction.told_ns)
    return fact.clock - transaction.clock
