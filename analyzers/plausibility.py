"""Plausibility: what a meter says of energy and power cannot be so.

Fires when: a register rises faster than 1.25 x 400 kW allow since it last moved (MT-04); over at least 1 kWh and 10
    samples, twice in a row, energy and the integral of power differ by more than 5 % (samples up to 60 s apart) or
    15 % (up to 300 s, and wherever a state of charge shows direct current) (MT-05); the two, or two readings of one
    register, differ by a factor of 1000, or in 2.x by the multiplier told (MT-06).
Does not fire when: samples come late, twice, or without a readable time (nothing is judged by our clock); the context
    is Transaction.Begin, which may be said again with every message (quirk 73); a second register stands in the same
    message (the first location met is followed, kWh beside Wh is one register); a register stands still and then makes
    up for it; a register leaves 0 (a session's begin, or MT-03), falls (MT-01), or is rounded to its unit; power is
    not told, is measured elsewhere than energy, or is more than 300 s old; the connector is 0 (the main meter).
Clause: OCPP 1.6 §7.30, §7.31, errata 3.9; 2.x J02.FR.16, Part 2 §2.46; quirks 67, 68, 75.
Says:
    CP_1: the energy register rose by 80 kWh within 60 s (possible are at most 500 kW).
    CP_1: 3.6 kWh were metered, but the power adds up to 1.2 kWh; one of them seems to add up three phases or to count
        one of three (limit 5 %).
    CP_1: units seem to be mixed up: energy read 12345 Wh, then 12.4 Wh.
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
    Cleared,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    kwh,
    number,
    seconds,
)
from analyzers.stats import common_step
from proxy.ocpp.facts import Fact, MeterSampled, TransactionEnded, TransactionStarted
from proxy.ocpp.meter import MAIN_ENERGY, OTHER_ENERGY, OTHER_POWER, ContextClass, Family, Role, Sample

MAX_TRACKS: Final = 16
"""Connectors followed per charge point; the one met first is forgotten for a 17th."""
LARGEST: Final = 1e12  # Wh and W; no meter counts further, and products stay finite
LEAST_RISE: Final = 100.0
"""Wh that a register may rise in no time: device times are whole seconds, and 400 kW make 111 Wh in one."""

SPIKE: Final = Rule(
    "MT-04",
    Severity.WARNING,
    "OCPP 1.6 §7.31; 2.x J02.FR.16",
    "{charge_point}: the energy register rose by {observed} (possible are at most {limit}).",
)
DISAGREES: Final = Rule(
    "MT-05",
    Severity.WARNING,
    "OCPP 1.6 §7.31; 2.x Part 2 §2.46",
    "{charge_point}: {observed}; {what} (limit {limit}).",
)
UNITS: Final = Rule(
    "MT-06",
    Severity.WARNING,
    "OCPP 1.6 §7.30, §7.45; 2.x Part 2 §2.46 (unitOfMeasure)",
    "{charge_point}: units seem to be mixed up: {observed}.",
)
Changes = Sequence[Change]
_HOUR: Final = 3600 * SECOND
_USUAL_RISE: Final = 2.0 * LEAST_RISE  # no need to reckon whether it is too fast
_ENERGY: Final = Role.ENERGY
_POWER: Final = Role.POWER
_BEGIN: Final = ContextClass.BEGIN
_RUNNING: Final = ContextClass.RUNNING
_PERIODIC: Final = "Sample.Periodic"
_OUTLET: Final = "Outlet"
_REGISTERS: Final = MAIN_ENERGY | OTHER_ENERGY
_THREE: Final = {"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"}
_HINTS: Final = (
    (1.6, 1.87, "a factor of 1.73 hints at line voltages taken for phase voltages"),
    (2.8, 3.2, "one of them seems to add up three phases or to count one of three"),
)


class Track(msgspec.Struct, gc=False):
    """A connector's register. `told`: ns of the device's last sample, `moved`: when its value was new. Energies in Wh.

    `low`: readings below it in a row. `power`: W with the last sample, -1: none. The window, since the sample of
    `window_told` and `window_energy`: `area` in W ns over `steps` steps. `bad`: windows in a row that disagreed.
    `location`, `context`: of the register. `open`: there may be an open finding."""

    connector: int
    transaction_id: str
    connection_id: str
    frame_no: int
    told: int
    moved: int
    energy: float
    power: float
    location: str
    context: str
    window_told: int
    window_energy: float
    area: float = 0.0
    steps: int = 0
    low: int = 0
    late: int = 0
    bad: int = 0
    open: bool = False


class PlausibilityState(State):
    tracks: tuple[Track, ...] = ()


@dataclass(frozen=True)
class Plausibility(Analyzer[PlausibilityState]):
    """`max_power_kilowatts`: of one connector; the rule allows a quarter more. Times are the device's."""

    name: ClassVar[str] = "plausibility"
    wants: ClassVar[tuple[type[Fact], ...]] = (MeterSampled, TransactionStarted, TransactionEnded)
    rules: ClassVar[tuple[Rule, ...]] = (SPIKE, DISAGREES, UNITS)

    max_power_kilowatts: int = 400
    window_watt_hours: int = 1000
    window_samples: int = 10
    windows: int = 2
    dense_seconds: int = 60
    sparse_seconds: int = 300
    dense_percent: float = 5.0
    sparse_percent: float = 15.0
    factor_percent: float = 10.0

    def new_state(self) -> PlausibilityState:
        return PlausibilityState()

    def step(self, state: PlausibilityState, fact: Fact, charge_point: ChargePoint) -> Changes:
        """Hot: nearly always the main register and power are what is followed."""
        if type(fact) is not MeterSampled:
            return _borders(state, fact, charge_point)
        place, told, one = fact.place, fact.told.ns, fact.transaction_id
        connector = place.connector_id if place.evse_id is None else place.evse_id
        for track in state.tracks:
            if track.connector == connector or (connector is None and track.transaction_id == one):
                break
        else:
            return _begin(state, fact, charge_point)
        if told is not None and one and one != track.transaction_id:
            return _begin(state, fact, charge_point)
        if told is None or told == track.told:
            return NOTHING  # said twice it is nothing new
        register, power = fact.energy, fact.power
        if register is None or track.location != _OUTLET:
            register = _find(fact, track.location)
        if register is None:
            return NOTHING
        context = register.kind.context
        if context != track.context and context != _PERIODIC:
            return NOTHING  # another context may be another register (quirk 70)
        watts = _power_of(fact, track.location) if power is None or track.location != _OUTLET else power.value
        if watts is None or not 0.0 <= watts <= LARGEST:
            watts = _watts(watts)
        energy = register.value
        if energy is None or not 0.0 <= energy <= LARGEST:
            return NOTHING
        if context != track.context:
            track.context = context
            _move(track, fact, told, energy, watts)
            return NOTHING
        return self._read(track, fact, told, energy, watts, register.kind.scale)

    # one reading after another

    def _read(
        self, track: Track, fact: MeterSampled, told: int, energy: float, watts: float, scale: float
    ) -> Changes:
        """Hot: nearly always in order, a little higher, and no window ends with it. `scale`: Wh of the unit."""
        passed = told - track.told
        if passed < 0:
            track.late += 1
            if track.late >= 3:  # late it is nothing new; so often, the device's clock was set back
                _move(track, fact, told, energy, watts)
            return NOTHING
        rise = energy - track.energy
        if not 0.0 <= rise <= _USUAL_RISE:
            unit = max(scale, LEAST_RISE)
            if rise < -unit:
                return self._fallen(track, fact, told, energy, watts)
            most = self.max_power_kilowatts * 1250.0 * (told - track.moved) + 2.0 * unit * _HOUR
            if rise * _HOUR > most and track.energy > 0.0:
                return self._spiked(track, fact, told, energy, watts)
        changes: Changes = NOTHING
        if track.open and not track.low:
            changes = [_cleared(SPIKE, track)]
        before, track.power, track.told = track.power, watts, told
        track.connection_id, track.frame_no = fact.connection_id, fact.frame_no
        if track.low or track.late:
            track.low = track.late = 0
        if rise > 0.0:
            track.energy, track.moved = energy, told
        if watts < 0.0 or before < 0.0 or passed > self.sparse_seconds * SECOND:
            _restart(track)
            return changes
        track.area += (before + watts) * 0.5 * passed
        track.steps += 1
        if track.steps < self.window_samples:
            return changes
        weighed = self._weigh(track, fact, scale)
        return [*changes, *weighed] if weighed else changes

    def _fallen(self, track: Track, fact: MeterSampled, told: int, energy: float, watts: float) -> Changes:
        """A register that falls is MT-01's; here it is followed once it stays there, and 0 is never believed."""
        changes: Changes = NOTHING
        if track.energy >= 1000.0 and self._is_factor(energy / track.energy, 0.001):
            changes = [_raised(UNITS, track, fact, _two_readings(track, energy))]
        low = track.low + (energy > 0.0)
        if low >= 2:
            _move(track, fact, told, energy, watts)
        else:
            track.told, track.power, track.low = told, -1.0, low
            _restart(track)
        return changes

    def _spiked(self, track: Track, fact: MeterSampled, told: int, energy: float, watts: float) -> Changes:
        rise, passed = energy - track.energy, told - track.moved
        known = min(watts, track.power) >= 0.0
        expected = (watts + track.power) / 2.0 * passed / _HOUR if known else 0.0
        if self._is_factor(energy / track.energy, 1000.0):
            change = _raised(UNITS, track, fact, _two_readings(track, energy))
        elif 0.0 < 500.0 * expected <= rise <= 2000.0 * expected:
            change = _raised(UNITS, track, fact, _two_sums(rise, expected))
        else:
            limit = number(self.max_power_kilowatts * 1.25, "kW")
            change = _raised(SPIKE, track, fact, f"{kwh(rise)} within {seconds(passed)}", limit)
        _move(track, fact, told, energy, watts)
        return [change]

    # energy beside power

    def _weigh(self, track: Track, fact: MeterSampled, scale: float) -> Changes:
        """The window is long enough when both its energy and its resolution let it be judged."""
        metered, summed = track.energy - track.window_energy, track.area / _HOUR
        if metered >= self.window_watt_hours and abs(metered - summed) <= self.dense_percent / 100.0 * summed:
            return _agrees(track)  # nearly always
        if max(metered, summed) < self.window_watt_hours:
            return NOTHING
        unit = common_step((track.window_energy, track.energy), min(1.0, scale))
        if (metered < 5.0 * unit and summed < 10_000.0) or max(metered, summed) < 20.0 * unit:
            return NOTHING
        percent = self._percent(track, fact)
        if abs(metered - summed) <= percent / 100.0 * summed + 2.0 * unit:
            return _agrees(track)
        _restart(track)
        ratio = metered / summed if summed > 0.0 else 0.0
        factor = max(ratio, 1.0 / ratio) if ratio > 0.0 else 0.0
        if self._is_unit(ratio, unit / metered if metered else 0.0, fact):
            track.bad = 0
            return [_raised(UNITS, track, fact, _two_sums(metered, summed))]
        track.bad = min(track.bad + 1, self.windows)
        if track.bad < self.windows:
            return NOTHING
        hint = next((hint for low, high, hint in _HINTS if low <= factor <= high), "one of them is wrong")
        return [_raised(DISAGREES, track, fact, _two_sums(metered, summed), f"{percent:g} %", hint)]

    def _percent(self, track: Track, fact: MeterSampled) -> float:
        """A direct current's energy may be metered before the rectifier, which takes its share."""
        mean = (track.told - track.window_told) / track.steps
        direct = fact.charge is not None
        dense = mean <= 1.1 * self.dense_seconds * SECOND and not direct
        return self.dense_percent if dense else self.sparse_percent

    def _is_unit(self, ratio: float, coarse: float, fact: MeterSampled) -> bool:
        told = {sample.kind.multiplier for sample in fact.samples if sample.kind.role in (_ENERGY, _POWER)}
        powers = {3, -3, *told, *(-power for power in told)} - {0}
        return any(self._is_factor(ratio, 10.0**power, coarse) for power in powers)

    def _is_factor(self, ratio: float, factor: float, coarse: float = 0.0) -> bool:
        return abs(ratio / factor - 1.0) <= self.factor_percent / 100.0 + coarse


def _borders(state: PlausibilityState, fact: Fact, charge_point: ChargePoint) -> Changes:
    """Where a transaction begins or ends, its register may begin anew (quirk 70)."""
    if not state.tracks or not isinstance(fact, TransactionStarted | TransactionEnded):
        return NOTHING
    place = charge_point.place_of(fact.place, fact.transaction_id)
    return _forget(state, connector_of(place), fact.transaction_id)


def _begin(state: PlausibilityState, fact: MeterSampled, charge_point: ChargePoint) -> Changes:
    """A register is met: the outlet's where there are more."""
    told, register = fact.told.ns, fact.energy or _find(fact, _OUTLET) or _find(fact, "")
    if register is None or told is None:
        return NOTHING
    energy, location, context = register.value, register.kind.location, register.kind.context
    connector = connector_of(charge_point.place_of(fact.place, fact.transaction_id))
    if energy is None or not 0.0 <= energy <= LARGEST or not connector:
        return NOTHING
    changes = _forget(state, connector, "")
    if len(state.tracks) >= MAX_TRACKS:
        changes += _forget(state, state.tracks[0].connector, "")
    known = charge_point.transactions.get(fact.transaction_id)
    transaction_id = fact.transaction_id if known is None else known.transaction_id  # one string for all
    power, where = _watts(_power_of(fact, location)), (fact.connection_id, fact.frame_no)
    track = Track(
        connector, transaction_id, *where, told, told, energy, power, location, context, told, energy
    )
    state.tracks = (*state.tracks, track)
    return changes


def _forget(state: PlausibilityState, connector: int | None, transaction_id: str) -> list[Change]:
    """What is followed there, or of this transaction ("": of none)."""
    one, tracks = transaction_id or None, state.tracks
    gone = [track for track in tracks if track.connector == connector or track.transaction_id == one]
    if gone:
        state.tracks = tuple([track for track in tracks if track not in gone])
    return [_cleared(rule, track) for track in gone if track.open for rule in (SPIKE, DISAGREES, UNITS)]


def _move(track: Track, fact: MeterSampled, told: int, energy: float, watts: float) -> None:
    """The register is followed from here on."""
    track.told = track.moved = told
    track.energy, track.power = energy, watts
    track.low = track.late = 0
    track.connection_id, track.frame_no = fact.connection_id, fact.frame_no
    _restart(track)


def _agrees(track: Track) -> Changes:
    track.bad = 0
    _restart(track)
    return [_cleared(DISAGREES, track), _cleared(UNITS, track)] if track.open else NOTHING


def _restart(track: Track) -> None:
    """A new window begins with the last sample."""
    track.window_told, track.window_energy = track.told, track.energy
    track.area, track.steps = 0.0, 0


def _find(fact: MeterSampled, location: str) -> Sample | None:
    """The first whole register there (any location: "") that is a number."""
    if not fact.others & _REGISTERS:
        return None  # beside the main one, which is known
    for sample in fact.samples:
        kind = sample.kind
        if kind.role is not _ENERGY or kind.phase or kind.context_class is not _RUNNING:
            continue
        if kind.family is Family.ENERGY and sample.value is not None and location in ("", kind.location):
            return sample
    return None


def _power_of(fact: MeterSampled, location: str) -> float | None:
    """W: the whole if it is told, else all three phases together; None: neither. What flows back counts as 0."""
    if fact.power is not None and location == _OUTLET:
        return fact.power.value
    if not fact.others & OTHER_POWER:
        return None
    phases: dict[str, float] = {}
    for sample in fact.samples:
        kind = sample.kind
        is_power = kind.role is _POWER and kind.family is Family.POWER
        if not is_power or kind.location != location or kind.context_class is _BEGIN:
            continue
        if not kind.phase:
            return sample.value
        if kind.phase in _THREE:
            phases.setdefault(kind.phase, _watts(sample.value))
    return sum(phases.values()) if len(phases) == 3 and min(phases.values()) >= 0.0 else None


def _watts(value: float | None) -> float:
    """-1: not told."""
    return -1.0 if value is None or value > LARGEST else max(0.0, value)


def _raised(
    rule: Rule, track: Track, fact: MeterSampled, observed: str, limit: str = "", what: str = ""
) -> Raised:
    frames = dict.fromkeys(((track.connection_id, track.frame_no), (fact.connection_id, fact.frame_no)))
    track.open = True
    return Raised(rule, observed, limit, what, "", track.connector, track.transaction_id, None, tuple(frames))


def _cleared(rule: Rule, track: Track) -> Cleared:
    return Cleared(rule, connector_id=track.connector, transaction_id=track.transaction_id)


def _two_readings(track: Track, energy: float) -> str:
    return f"energy read {number(track.energy, 'Wh')}, then {number(energy, 'Wh')}"


def _two_sums(metered: float, summed: float) -> str:
    return f"{kwh(metered)} were metered, but the power adds up to {kwh(summed)}"
