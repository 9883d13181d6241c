"""Battery: what a car's state of charge says cannot be so, or does not fit the energy.

Fires when: a state of charge is below 0 %, above 100 %, or no number (BT-01); it fell by 2 points or more, in two
    readings, while at least 0.5 kWh were imported (BT-03); it stands still below 99 % although 3 kWh, 2.5 % of the
    capacity implied so far, twice the most energy one step took, and 5 minutes have passed (BT-04); 10 points took
    energy of a battery below 8 kWh (a warning) or above 300 kWh (info up to 700 kWh: a truck), a second 10 points took
    35 % more or less than the first, or a fifth more or less than Display.BatteryEnergyCapacity (info) (BT-05).
Does not fire when: the first state of charge is 0 (the handshake), or it falls to 0 once; power or energy flows back
    (V2X); it falls from 98 % or more (a BMS calibrates there); its capacity is not known and less than 7.5 kWh have
    passed (a truck counts in coarse steps); the register is another one, falls or leaps; samples are late, without a
    readable time, or of no transaction (BT-01 needs none of these). A repeated Transaction.Begin is not read.
Clause: OCPP 1.6 §7.31 (SoC); 2.x Part 2 §3.59 (SoC, Display.PresentSOC), quirk 77.
Says:
    CP_1: the state of charge is 255 (limit 0 to 100 %).
    CP_1: the state of charge fell from 60 % to 55 % although 1.2 kWh were charged (limit 2 points).
    CP_1: the state of charge stands at 50 % since 8.4 kWh (limit 7.5 kWh).
    CP_1: energy and state of charge imply a battery of 3.1 kWh (limit 8 kWh to 300 kWh).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    number,
)
from proxy.ocpp.facts import Fact, MeterSampled, TransactionEnded, TransactionStarted
from proxy.ocpp.meter import MAIN_POWER, OTHER_POWER, ContextClass, Family, Role, Sample

MAX_TRACKS: Final = 16
"""Cars followed per charge point; the one met first is forgotten for a 17th."""
MAX_ODD: Final = 16
"""Connectors with an impossible reading."""
LEAP: Final = 100_000.0
"""Wh that no car takes from one reading to the next: another register, or none."""

RANGE: Final = Rule(
    "BT-01",
    Severity.WARNING,
    "OCPP 1.6 §7.31; 2.x Part 2 §3.59",
    "{charge_point}: the state of charge is {observed} (limit {limit}).",
)
FALLS: Final = Rule(
    "BT-03",
    Severity.WARNING,
    "OCPP 1.6 §7.31; 2.x Part 2 §3.59",
    "{charge_point}: the state of charge fell {observed} (limit {limit}).",
)
STUCK: Final = Rule(
    "BT-04",
    Severity.WARNING,
    "OCPP 1.6 §7.31; 2.x Part 2 §3.59",
    "{charge_point}: the state of charge stands at {what} since {observed} (limit {limit}).",
)
CAPACITY: Final = Rule(
    "BT-05",
    Severity.WARNING,
    "OCPP 1.6 §7.31; 2.x Part 2 §3.59",
    "{charge_point}: energy and state of charge imply a battery of {observed} (limit {limit}).",
)
_ENERGY: Final = Role.ENERGY
_OTHER: Final = Role.OTHER
_POWER: Final = Role.POWER
_EXPORT: Final = Role.POWER_EXPORT
_BEGIN: Final = ContextClass.BEGIN
_WATT_HOURS: Final = Family.ENERGY
_OUTLET: Final = "Outlet"
_POWERS: Final = MAIN_POWER | OTHER_POWER
MOST: Final = 1e12  # Wh; no meter counts further
_DISPLAY_SOC: Final = "Display.PresentSOC"
_DISPLAY_CAPACITY: Final = "Display.BatteryEnergyCapacity"


class Track(msgspec.Struct, gc=False):
    """A car: percent and Wh. `told`: ns of the device's last sample. `energy`: the register's last value, -1: none.

    `soc` since `soc_told` and `soc_energy`; `step`: the most energy one step took. `top`, `top_energy`: where it was
    highest; `low`: readings well below that in a row; `lost`: the last was a sudden 0. `block_soc` (-1: none) and
    `block_energy`: where the block of 10 points began; `capacity`: of the last one, 0: none yet.
    """

    connector: int
    transaction_id: str
    location: str
    told: int
    energy: float
    soc: float
    soc_told: int
    soc_energy: float
    top: float
    top_energy: float
    step: float = 0.0
    low: int = 0
    lost: bool = False
    block_soc: float = -1.0
    block_energy: float = -1.0
    capacity: float = 0.0
    open: bool = False


class BatteryState(State):
    """`odd`: connectors whose last reading was impossible."""

    tracks: tuple[Track, ...] = ()
    odd: list[int] | None = None


@dataclass(frozen=True)
class Battery(Analyzer[BatteryState]):
    """Energies are of Energy.Active.Import.Register, times the device's."""

    name: ClassVar[str] = "battery"
    wants: ClassVar[tuple[type[Fact], ...]] = (MeterSampled, TransactionStarted, TransactionEnded)
    rules: ClassVar[tuple[Rule, ...]] = (RANGE, FALLS, STUCK, CAPACITY)

    fall_points: float = 2.0
    fall_watt_hours: float = 500.0
    calibrating_percent: float = 98.0
    stuck_watt_hours: float = 3000.0
    stuck_unknown_watt_hours: float = 7500.0
    stuck_capacity_percent: float = 2.5
    stuck_seconds: int = 300
    full_percent: float = 99.0
    block_points: float = 10.0
    smallest_kilowatt_hours: float = 8.0
    largest_kilowatt_hours: float = 300.0
    largest_truck_kilowatt_hours: float = 700.0
    drift_percent: float = 35.0
    display_percent: float = 20.0

    def new_state(self) -> BatteryState:
        return BatteryState()

    def step(self, state: BatteryState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """Hot: most charge points never tell a state of charge."""
        if type(fact) is not MeterSampled:
            return _borders(state, fact, charge_point)
        soc = fact.charge
        if soc is None:
            soc = _displayed(fact.samples) if charge_point.version == "2.1" else None
            if soc is None and not state.tracks:
                return NOTHING
        changes: Sequence[Change] = NOTHING
        value = None if soc is None else soc.value
        if soc is not None and (state.odd is not None or value is None or not 0.0 <= value <= 100.0):
            changes = _judge_range(state, soc, fact, charge_point)
            value = value if _is_percent(value) else None
        transaction_id, told = fact.transaction_id, fact.told.ns
        if not transaction_id:
            running = charge_point.transaction_at(fact.place)
            transaction_id = "" if running is None else running.transaction_id
        if told is None or not transaction_id:
            return changes
        for track in state.tracks:
            if track.transaction_id == transaction_id:
                more = self._read(track, fact, told, value)
                return [*changes, *more] if more else changes
        if value is None or value <= 0.0:
            return changes
        return [*changes, *_begin(state, fact, charge_point, transaction_id, value)]

    def _read(self, track: Track, fact: MeterSampled, told: int, soc: float | None) -> Sequence[Change]:
        if told <= track.told:
            return NOTHING
        track.told = told
        energy, flows_back = _energy_of(fact, track.location)
        if flows_back or (energy >= 0.0 and track.energy >= 0.0 and not 0.0 <= energy - track.energy <= LEAP):
            return _anew(track, told, energy, track.soc if soc is None else soc)
        if energy >= 0.0:
            if track.energy < 0.0:
                track.soc_energy = track.top_energy = energy
            track.energy = energy
        if soc is None or track.energy < 0.0:
            return NOTHING
        if soc == track.soc == track.top and track.energy - track.soc_energy < self.stuck_watt_hours:
            track.lost, track.low = False, 0
            return NOTHING  # nearly always
        lost, track.lost = track.lost, soc == 0.0 < track.soc
        if track.lost and not lost:
            return NOTHING  # a car that loses its data for a moment is not falling
        moves = self._stands(track, fact) if soc == track.soc else self._changed(track, fact, soc)
        if track.top - soc < self.fall_points:
            track.low = 0
            return moves
        return [*moves, *self._fallen(track, fact)]

    # it stands, it moves, it falls

    def _stands(self, track: Track, fact: MeterSampled) -> Sequence[Change]:
        since = track.energy - track.soc_energy
        if since < self.stuck_watt_hours or track.soc >= self.full_percent:
            return NOTHING
        limit = max(
            self.stuck_watt_hours, 2.0 * track.step, self.stuck_capacity_percent / 100 * track.capacity
        )
        if not track.capacity:
            limit = max(limit, self.stuck_unknown_watt_hours)
        if since < limit or track.told - track.soc_told < self.stuck_seconds * SECOND:
            return NOTHING
        return [_raised(STUCK, track, fact, _kwh(since), _kwh(limit), number(track.soc, "%"))]

    def _changed(self, track: Track, fact: MeterSampled, soc: float) -> Sequence[Change]:
        changes: list[Change] = [_cleared(STUCK, track)] if track.open else []
        rises, track.step = soc > track.soc, max(track.step, track.energy - track.soc_energy)
        track.soc, track.soc_told, track.soc_energy = soc, track.told, track.energy
        if not rises:
            track.block_soc = -1.0
            return changes
        if soc >= track.top:
            changes += [_cleared(FALLS, track)] if track.open else []
            track.top, track.top_energy = soc, track.energy
        return [*changes, *self._block(track, fact)]

    def _fallen(self, track: Track, fact: MeterSampled) -> Sequence[Change]:
        """Two readings in a row, and from there on a further fall is another one."""
        charged, track.low = track.energy - track.top_energy, track.low + 1
        if track.top >= self.calibrating_percent or track.low < 2 or charged < self.fall_watt_hours:
            track.low = min(track.low, 2)
            return NOTHING
        fell = (
            f"from {number(track.top, '%')} to {number(track.soc, '%')} although {_kwh(charged)} were charged"
        )
        track.top, track.top_energy, track.low = track.soc, track.energy, 0
        return [_raised(FALLS, track, fact, fell, number(self.fall_points, "points"))]

    # the capacity that is implied

    def _block(self, track: Track, fact: MeterSampled) -> Sequence[Change]:
        """A block begins where the state of charge has just changed: there it is exact."""
        points = track.soc - track.block_soc
        if track.block_soc < 0.0:
            track.block_soc, track.block_energy = track.soc, track.energy
            return NOTHING
        if points < self.block_points:
            return NOTHING
        before, implied = track.capacity, (track.energy - track.block_energy) / points * 100.0
        track.block_soc, track.block_energy, track.capacity = track.soc, track.energy, implied
        told = next((s.value for s in fact.samples if s.kind.measurand == _DISPLAY_CAPACITY), None)
        smallest, largest = self.smallest_kilowatt_hours * 1000.0, self.largest_kilowatt_hours * 1000.0
        blur = 200.0 / points  # percent: either end is rounded to a point
        if not smallest <= implied <= largest:
            truck = largest < implied <= self.largest_truck_kilowatt_hours * 1000.0
            severity, limit = (
                Severity.INFO if truck else Severity.WARNING,
                f"{_kwh(smallest)} to {_kwh(largest)}",
            )
        elif before and abs(implied / before - 1.0) > self.drift_percent / 100.0:
            severity, limit = Severity.INFO, f"{self.drift_percent:g} % off the {_kwh(before)} of just before"
        elif told and told > 0.0 and abs(implied / told - 1.0) > (self.display_percent + blur) / 100.0:
            severity, limit = (
                Severity.INFO,
                f"{self.display_percent:g} % off the {_kwh(told)} that the car tells",
            )
        else:
            return [_cleared(CAPACITY, track)] if track.open else NOTHING
        return [_raised(CAPACITY, track, fact, _kwh(implied), limit, severity=severity)]


# tracks


def _borders(state: BatteryState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
    """Where a transaction begins or ends, the car may be another one."""
    if not isinstance(fact, TransactionStarted | TransactionEnded) or not state.tracks:
        return NOTHING
    connector, tracks = connector_of(charge_point.place_of(fact.place, fact.transaction_id)), state.tracks
    gone = [t for t in tracks if t.connector == connector or t.transaction_id == fact.transaction_id]
    if gone:
        state.tracks = tuple([track for track in tracks if track not in gone])
    return _ended(gone)


def _begin(
    state: BatteryState, fact: MeterSampled, charge_point: ChargePoint, transaction_id: str, soc: float
) -> Sequence[Change]:
    """A car is met, at its first state of charge above 0."""
    connector = connector_of(charge_point.place_of(fact.place, fact.transaction_id)) or 0
    told = fact.told.ns or 0
    known = charge_point.transactions.get(transaction_id)
    transaction_id = transaction_id if known is None else known.transaction_id  # one string for all
    locations = [sample.kind.location for sample in fact.samples if sample.kind.role is _ENERGY]
    location = locations[0] if locations and "Outlet" not in locations else "Outlet"
    energy, _ = _energy_of(fact, location)
    track = Track(
        connector, transaction_id, location, told, energy, soc, told, energy, top=soc, top_energy=energy
    )
    tracks = (*state.tracks, track)
    state.tracks = tracks[-MAX_TRACKS:]
    return _ended(tracks[:-MAX_TRACKS])


def _anew(track: Track, told: int, energy: float, soc: float) -> Sequence[Change]:
    """What was said so far proves nothing about what comes; findings stay until the transaction ends."""
    track.energy = track.soc_energy = track.top_energy = energy
    track.soc = track.top = soc
    track.soc_told, track.low, track.block_soc = told, 0, -1.0
    return NOTHING


def _ended(gone: Iterable[Track]) -> list[Change]:
    return [_cleared(rule, track) for track in gone if track.open for rule in (FALLS, STUCK, CAPACITY)]


def _cleared(rule: Rule, track: Track) -> Cleared:
    return Cleared(rule, connector_id=track.connector, transaction_id=track.transaction_id)


# samples


def _is_percent(value: float | None) -> bool:
    return value is not None and 0.0 <= value <= 100.0


def _displayed(samples: Sequence[Sample]) -> Sample | None:
    """2.1: what the car shows its driver."""
    for sample in samples:
        if sample.kind.role is _OTHER and sample.kind.measurand == _DISPLAY_SOC:
            return sample
    return None


def _judge_range(
    state: BatteryState, soc: Sample, fact: MeterSampled, charge_point: ChargePoint
) -> Sequence[Change]:
    """Nothing told, or signed data, is no wrong number."""
    value = soc.value
    connector = connector_of(charge_point.place_of(fact.place, fact.transaction_id)) or 0
    if _is_percent(value):
        if state.odd is None or connector not in state.odd:
            return NOTHING
        state.odd = [odd for odd in state.odd if odd != connector] or None
        return [Cleared(RANGE, connector_id=connector)]
    if value is None and (soc.kind.signed or soc.told.strip().lower() in ("", "null", "none")):
        return NOTHING
    odd = [known for known in state.odd or () if known != connector] + [connector]
    state.odd = odd[-MAX_ODD:]
    observed = repr(soc.told[:20]) if value is None else number(value, "%")
    where = ((fact.connection_id, fact.frame_no),)
    raised = Raised(RANGE, observed, "0 to 100 %", connector_id=connector, evidence=where)
    return [raised, *[Cleared(RANGE, connector_id=known) for known in odd[:-MAX_ODD]]]


def _energy_of(fact: MeterSampled, location: str) -> tuple[float, bool]:
    """Wh of the whole register there, -1: not told; and whether power flows back. Hot: nearly always both are main."""
    if fact.energy is not None and location == _OUTLET and not fact.others & _POWERS:
        value, power = fact.energy.value, None if fact.power is None else fact.power.value
        if value is not None and 0.0 <= value <= MOST:
            return value, power is not None and power < 0.0
    energy, flows_back = -1.0, False
    for sample in fact.samples:
        kind = sample.kind
        role, value = kind.role, sample.value
        if role is _ENERGY:
            whole = not kind.phase and kind.location == location and kind.context_class is not _BEGIN
            if (
                whole
                and energy < 0.0
                and kind.family is _WATT_HOURS
                and value is not None
                and 0.0 <= value <= MOST
            ):
                energy = value
        elif value and ((role is _POWER and value < 0.0) or (role is _EXPORT and value > 0.0)):
            flows_back = True
    return energy, flows_back


def _kwh(watt_hours: float) -> str:
    return number(round(watt_hours / 1000.0, 2), "kWh")


def _raised(
    rule: Rule,
    track: Track,
    fact: MeterSampled,
    observed: str,
    limit: str,
    what: str = "",
    severity: Severity | None = None,
) -> Raised:
    track.open = True
    frames = ((fact.connection_id, fact.frame_no),)
    return Raised(rule, observed, limit, what, "", track.connector, track.transaction_id, severity, frames)
