"""Idle load: power flows at a connector where nothing is charging.

Fires when: every reading of Power.Active.Import at a free connector is above 100 W for 5 minutes (MT-13): a welded
    contactor, or somebody takes energy without paying. The next reading at or below 100 W, or the next transaction,
    clears it.
Does not fire when: it is not known that the connector is free: a transaction was seen to end there, or its status said
    Available, and nothing since then says otherwise (another status than Finishing, a transaction, bytes that passed
    unseen). So energy that is given away without transactions, and a StartTransaction that waits for its answer, are
    none. Readings of before that moment, late, without a readable time, over an hour apart, of the main meter
    (connector 0), or anywhere but at the outlet (a cabinet's own supply) do not count.
Clause: OCPP 1.6 §7.31 (Power.Active.Import), §4.9; 2.x Part 2 §3.59, J02.FR.17.
Says:
    CP_1: 2300 W flow at a connector without a transaction, for 300 s (limit 100 W for 300 s).
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
    seconds,
)
from proxy.names import Direction
from proxy.ocpp.facts import (
    Availability,
    BytesLost,
    ConnectionOpened,
    Fact,
    MeterSampled,
    SightLost,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from proxy.ocpp.meter import ContextClass, Family, Role, Sample

MAX_CONNECTORS: Final = 32
"""Free ones remembered per charge point; the one free for longest is forgotten for a 33rd."""
LONGEST_GAP: Final = 3600 * SECOND
"""ns between two readings of one load; beyond it, nobody knows."""

LOADED: Final = Rule(
    "MT-13",
    Severity.WARNING,
    "OCPP 1.6 §7.31, §4.9; 2.x Part 2 §3.59, J02.FR.17",
    "{charge_point}: {what} flow at a connector without a transaction, for {observed} (limit {limit}).",
)
_POWER: Final = Role.POWER
_WATTS: Final = Family.POWER
_RUNNING: Final = ContextClass.RUNNING
_AVAILABLE: Final = Availability.AVAILABLE
_FROM_CSMS: Final = Direction.FROM_CSMS
_NO_START: Final = -1


class Load(msgspec.Struct, gc=False):
    """Power at a free connector, from `since` to `told`, ns of the device."""

    connector: int
    since: int
    told: int
    connection_id: str
    frame_no: int
    raised: bool = False


class Free(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A connector, and since when: ns of the device, -1: not readable."""

    connector: int
    since: int


class IdleLoadState(State):
    free: tuple[Free, ...] = ()
    loads: list[Load] | None = None


@dataclass(frozen=True)
class IdleLoad(Analyzer[IdleLoadState]):
    """Durations are the device's."""

    name: ClassVar[str] = "idle_load"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        MeterSampled,
        StatusChanged,
        TransactionStarted,
        TransactionUpdated,
        TransactionEnded,
        ConnectionOpened,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (LOADED,)

    limit_watts: float = 100.0
    limit_seconds: int = 300

    def new_state(self) -> IdleLoadState:
        return IdleLoadState()

    def step(self, state: IdleLoadState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is not MeterSampled:
            return _HANDLERS[type(fact)](self, state, fact, charge_point)
        if fact.transaction_id or fact.told.ns is None or not state.free:
            return NOTHING
        connector = connector_of(fact.place)
        since = next((free.since for free in state.free if free.connector == connector), None)
        if since is None or connector is None or fact.told.ns <= since:
            return NOTHING
        watts = fact.power.value if fact.power is not None else _power_of(fact.samples)
        if watts is None:
            return NOTHING
        if watts > self.limit_watts:
            return self._loaded(state, fact, connector, fact.told.ns, watts)
        return _forget(state, connector)

    def _loaded(
        self, state: IdleLoadState, fact: MeterSampled, connector: int, told: int, watts: float
    ) -> Sequence[Change]:
        load = next((load for load in state.loads or () if load.connector == connector), None)
        if load is None:
            started = Load(connector, told, told, fact.connection_id, fact.frame_no)
            state.loads = [*(state.loads or ()), started]
            return NOTHING
        if told <= load.told:
            return NOTHING
        if told - load.told > LONGEST_GAP:
            load.since, load.connection_id, load.frame_no = told, fact.connection_id, fact.frame_no
        load.told = told
        if told - load.since < self.limit_seconds * SECOND:
            return NOTHING
        times, load.raised = (0 if load.raised else 1), True
        return [self._raised(load, fact, watts, times)]

    def _raised(self, load: Load, fact: MeterSampled, watts: float, times: int) -> Raised:
        return Raised(
            LOADED,
            seconds(load.told - load.since),
            f"{number(self.limit_watts, 'W')} for {seconds(self.limit_seconds * SECOND)}",
            number(watts, "W"),
            connector_id=load.connector,
            evidence=((load.connection_id, load.frame_no), (fact.connection_id, fact.frame_no)),
            times=times,
        )

    # free or not

    def _status(
        self, state: IdleLoadState, fact: StatusChanged, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """Available said again frees nothing anew; Finishing is what follows a transaction, car still there."""
        connector = connector_of(fact.place)
        if not connector or fact.status.lower() == "finishing":
            return NOTHING
        if fact.availability is not _AVAILABLE:
            return _busy(state, connector)
        if _is_free(state, connector) or charge_point.transaction_at(fact.place) is not None:
            return NOTHING
        return _free(state, connector, fact.told.ns)

    def _runs(
        self,
        state: IdleLoadState,
        fact: TransactionStarted | TransactionUpdated,
        charge_point: ChargePoint,
    ) -> Sequence[Change]:
        if not state.free:
            return NOTHING
        connector = connector_of(charge_point.place_of(fact.place, fact.transaction_id))
        return NOTHING if connector is None else _busy(state, connector)

    def _ended(
        self, state: IdleLoadState, fact: TransactionEnded, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """Another one may still run there."""
        place = charge_point.place_of(fact.place, fact.transaction_id)
        connector, running = connector_of(place), charge_point.transaction_at(place)
        if not connector or (running is not None and running.transaction_id != fact.transaction_id):
            return NOTHING
        return _free(state, connector, fact.told.ns)

    def _unseen(self, state: IdleLoadState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """A transaction may have begun; what only the CSMS said, or a new connection says, begins none."""
        if isinstance(fact, BytesLost) and fact.direction is _FROM_CSMS:
            return NOTHING
        state.free = ()
        gone, state.loads = state.loads or (), None
        return [_cleared(load) for load in gone if load.raised]

    def _opened(
        self, state: IdleLoadState, fact: ConnectionOpened, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """What began offline is still in its queue: a status or the end of a transaction says it anew."""
        return self._unseen(state, fact, charge_point)


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[IdleLoad, IdleLoadState, Any, ChargePoint], Sequence[Change]]]
] = {
    StatusChanged: IdleLoad._status,
    TransactionStarted: IdleLoad._runs,
    TransactionUpdated: IdleLoad._runs,
    TransactionEnded: IdleLoad._ended,
    ConnectionOpened: IdleLoad._opened,
    BytesLost: IdleLoad._unseen,
    SightLost: IdleLoad._unseen,
}


def _is_free(state: IdleLoadState, connector: int) -> bool:
    return any(free.connector == connector for free in state.free)


def _free(state: IdleLoadState, connector: int, told: int | None) -> Sequence[Change]:
    others = [free for free in state.free if free.connector != connector]
    state.free = (*others[-MAX_CONNECTORS + 1 :], Free(connector, _NO_START if told is None else told))
    dropped = others[: -MAX_CONNECTORS + 1]
    return [change for free in dropped for change in _forget(state, free.connector)] if dropped else NOTHING


def _busy(state: IdleLoadState, connector: int) -> Sequence[Change]:
    others = tuple([free for free in state.free if free.connector != connector])
    if len(others) == len(state.free):
        return NOTHING
    state.free = others
    return _forget(state, connector)


def _forget(state: IdleLoadState, connector: int) -> Sequence[Change]:
    if state.loads is None:
        return NOTHING
    gone = [load for load in state.loads or () if load.connector == connector]
    state.loads = [load for load in state.loads or () if load.connector != connector] or None
    return [_cleared(load) for load in gone if load.raised]


def _cleared(load: Load) -> Cleared:
    return Cleared(LOADED, seconds(load.told - load.since), connector_id=load.connector)


def _power_of(samples: Sequence[Sample]) -> float | None:
    """W at the outlet: the whole if it is told, else the phases together; None: not told."""
    phases: dict[str, float] = {}
    for sample in samples:
        kind = sample.kind
        if kind.role is not _POWER or kind.family is not _WATTS or kind.location != "Outlet":
            continue
        if sample.value is None or kind.context_class is not _RUNNING:
            continue
        if not kind.phase:
            return sample.value
        phases[kind.phase] = sample.value
    return sum(phases.values()) if phases else None
