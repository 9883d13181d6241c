"""Voltage: the grid's voltage at a charge point is out of its band.

Fires when: the mean of a phase over 10 minutes (3 readings or more) is outside 90 to 110 % of the nominal voltage: a
    warning, or critical below 85 % or above 110 % (MT-17). One finding per connector and phase; the first 10 minutes
    whose mean is inside again clear it.
Does not fire when: the nominal voltage is not learnt yet (30 readings, all inside the band around 120, 208, 230, 240,
    277, 400 or 480 V, line to line apart from line to neutral); the reading is of direct current, which is the car's
    voltage: a message with a state of charge, or readings without a phase that leave every band; a phase is dead or
    a contactor open (below half the nominal); readings are late, without a readable time, or over 10 minutes apart.
    What was learnt as 208 V and turns out to be 230 V was a weak 230 V.
Clause: EN 50160 §4.2.2 (ANSI C84.1 by setting); OCPP 1.6 §7.31, 2.x Part 2 §3.59 (Voltage).
Says:
    CP_1: the mean voltage of L1 over 10 minutes was 198.4 V (limit 207 V, nominal 230 V).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from proxy.ocpp.facts import Fact, MeterSampled
from proxy.ocpp.meter import INLET_VOLTAGE, VOLTAGE, ContextClass, Family, Kind, Role

MAX_WINDOWS: Final = 24
"""Phases out of their band per charge point; the one that left it first is forgotten for a 25th."""
LEARNT_READINGS: Final = 30
LEAST_READINGS: Final = 3
"""In one window: fewer are no mean."""
NOMINALS: Final = ((164, 120), (213, 208), (236, 230), (256, 240), (338, 277), (440, 400), (540, 480))
"""A mean below the first number is of the second, the nominal voltage. 208 V ends early: a weak 230 V begins there."""
_WEAK: Final = {208.0: 230.0}
"""What a low reading of the second may have been taken for."""

OUT_OF_BAND: Final = Rule(
    "MT-17",
    Severity.WARNING,
    "EN 50160 §4.2.2; OCPP 1.6 §7.31, 2.x Part 2 §3.59",
    "{charge_point}: the mean voltage of {what} was {observed} (limit {limit}).",
)
_VOLTAGE: Final = Role.VOLTAGE
_ANY: Final = VOLTAGE | INLET_VOLTAGE
_BEGIN: Final = ContextClass.BEGIN
_VOLTS: Final = Family.VOLTAGE

_NEUTRAL, _LINE, _PLAIN = 0, 1, 2
_LEVELS: Final[Mapping[str, int]] = {
    "": _PLAIN,
    "L1": _NEUTRAL,
    "L2": _NEUTRAL,
    "L3": _NEUTRAL,
    "L1-N": _NEUTRAL,
    "L2-N": _NEUTRAL,
    "L3-N": _NEUTRAL,
    "L1-L2": _LINE,
    "L2-L3": _LINE,
    "L3-L1": _LINE,
}
"""By phase; N alone is no voltage of the grid."""


class Level(msgspec.Struct, gc=False):
    """What kind of voltage a charge point tells, in V. `nominal` 0: being learnt, from `count` readings that `total`;
    -1: it is none of the grid's. Readings from `low` to `high` need no further look."""

    low: float = 0.0
    high: float = 0.0
    nominal: float = 0.0
    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0


class Window(msgspec.Struct, gc=False):
    """Ten minutes of one phase, from the first reading out of the band. `since`, `told`: ns of the device."""

    connector: int
    phase: str
    level: int
    since: int
    told: int
    count: int
    total: float
    frame: tuple[str, int]
    raised: bool = False


class VoltageState(State):
    """`levels`: by kind of voltage, empty until one is told."""

    levels: list[Level] | None = None
    windows: list[Window] | None = None


@dataclass(frozen=True)
class Voltage(Analyzer[VoltageState]):
    """Percent of the nominal voltage; for ANSI C84.1 set all to 5."""

    name: ClassVar[str] = "voltage"
    wants: ClassVar[tuple[type[Fact], ...]] = (MeterSampled,)
    rules: ClassVar[tuple[Rule, ...]] = (OUT_OF_BAND,)

    window_seconds: int = 600
    low_percent: float = 10.0
    high_percent: float = 10.0
    critical_low_percent: float = 15.0
    critical_high_percent: float = 10.0

    def new_state(self) -> VoltageState:
        return VoltageState()

    def step(self, state: VoltageState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """Hot: nearly always all readings are in their band, and no window is open. A car's are not looked at."""
        if type(fact) is not MeterSampled or not fact.others & (
            _ANY if fact.charge is None else INLET_VOLTAGE
        ):
            return NOTHING
        levels = state.levels
        if levels is None or state.windows is not None:
            return self._look(state, fact, charge_point)
        for sample in fact.samples:
            if sample.kind.role is _VOLTAGE:
                level, value = levels[_LEVELS.get(sample.kind.phase, _PLAIN)], sample.value
                if value is None or not level.low <= value <= level.high:
                    return self._look(state, fact, charge_point)
        return NOTHING

    def _look(self, state: VoltageState, fact: MeterSampled, charge_point: ChargePoint) -> Sequence[Change]:
        """Something is out of its band, or still to be learnt."""
        if fact.told.ns is None:
            return NOTHING
        connector = connector_of(charge_point.place_of(fact.place, fact.transaction_id))
        direct = fact.charge is not None
        changes: list[Change] = []
        for sample in fact.samples:
            kind, value, number = sample.kind, sample.value, _LEVELS.get(sample.kind.phase)
            if kind.role is not _VOLTAGE or value is None or number is None or not _is_of_grid(kind, direct):
                continue
            if state.levels is None:
                state.levels = [Level(), Level(), Level()]
            level = state.levels[number]
            if level.nominal > 0.0:
                changes += self._follow(state, level, number, kind.phase, value, fact, connector or 0)
            elif level.nominal == 0.0:
                self._learn(level, value)
        return changes

    # the nominal voltage

    def _learn(self, level: Level, value: float) -> None:
        """Dead phases teach nothing; a spread wider than the band is no grid."""
        if not 60.0 <= value < 10_000.0:
            return
        level.least = min(level.least or value, value)
        level.most = max(level.most, value)
        level.count += 1
        level.total += value
        if level.count < LEARNT_READINGS:
            return
        mean = level.total / level.count
        nominal = next((nominal for below, nominal in NOMINALS if mean < below), 0)
        self._settle(level, float(nominal) if nominal else -1.0)
        if not level.low <= level.least <= level.most <= level.high:
            self._settle(level, -1.0)

    def _settle(self, level: Level, nominal: float) -> None:
        """-1: any reading is in the band."""
        level.nominal, level.count, level.total = nominal, 0, 0.0
        level.low = nominal * (1.0 - self.low_percent / 100.0) if nominal > 0.0 else -1e300
        level.high = nominal * (1.0 + self.high_percent / 100.0) if nominal > 0.0 else 1e300

    # windows

    def _follow(
        self,
        state: VoltageState,
        level: Level,
        number: int,
        phase: str,
        value: float,
        fact: MeterSampled,
        connector: int,
    ) -> Sequence[Change]:
        if not 0.5 * level.nominal <= value <= 10_000.0 and not (number == _PLAIN and value > 0.0):
            return NOTHING  # a dead phase, an open contactor
        told = fact.told.ns or 0
        for window in state.windows or ():
            if window.phase == phase and window.connector == connector:
                return self._add(state, window, level, told, value, fact)
        if level.low <= value <= level.high:
            return NOTHING
        weak = _WEAK.get(level.nominal)
        if weak is not None and level.high < value <= weak * (1.0 + self.high_percent / 100.0):
            self._settle(level, weak)
            return NOTHING
        if number == _PLAIN and not 0.75 * level.nominal <= value <= 1.25 * level.nominal:
            self._settle(level, -1.0)  # no grid does that: a car's voltage, learnt from one car alone
            return NOTHING
        frame = (fact.connection_id, fact.frame_no)
        windows = [*(state.windows or ()), Window(connector, phase, number, told, told, 1, value, frame)]
        state.windows, dropped = windows[-MAX_WINDOWS:], windows[:-MAX_WINDOWS]
        return [_cleared(window) for window in dropped if window.raised]

    def _add(
        self, state: VoltageState, window: Window, level: Level, told: int, value: float, fact: MeterSampled
    ) -> Sequence[Change]:
        apart = told - window.told
        if apart <= 0:
            return NOTHING
        if apart > self.window_seconds * SECOND:
            _restart(window, told, value, fact)
            return NOTHING
        window.told, window.count, window.total = told, window.count + 1, window.total + value
        if told - window.since < self.window_seconds * SECOND or window.count < LEAST_READINGS:
            return NOTHING
        mean = window.total / window.count
        if level.low <= mean <= level.high:
            state.windows = [other for other in state.windows or () if other is not window] or None
            return [_cleared(window)] if window.raised else NOTHING
        raised = self._raised(window, level, mean, fact)
        window.raised = True
        _restart(window, told, value, fact)
        return [raised]

    def _raised(self, window: Window, level: Level, mean: float, fact: MeterSampled) -> Raised:
        nominal, is_low = level.nominal, mean < level.low
        deepest = nominal * (1.0 - self.critical_low_percent / 100.0)
        highest = nominal * (1.0 + self.critical_high_percent / 100.0)
        phase, minutes = window.phase or "the supply", number(self.window_seconds / 60.0, "minutes")
        limit = number(level.low if is_low else level.high, "V")
        return Raised(
            OUT_OF_BAND,
            number(round(mean, 1), "V"),
            f"{limit}, nominal {number(nominal, 'V')}",
            f"{phase} over {minutes}",
            key=window.phase,
            connector_id=window.connector,
            severity=Severity.WARNING if deepest <= mean <= highest else Severity.CRITICAL,
            evidence=(window.frame, (fact.connection_id, fact.frame_no)),
            times=0 if window.raised else 1,
        )


def _is_of_grid(kind: Kind, direct: bool) -> bool:
    """The inlet is the grid's side; an outlet only of alternating current."""
    if kind.family is not _VOLTS or kind.context_class is _BEGIN:
        return False
    return kind.location == "Inlet" or (kind.location == "Outlet" and not direct)


def _restart(window: Window, told: int, value: float, fact: MeterSampled) -> None:
    window.since = window.told = told
    window.count, window.total = 1, value
    window.frame = (fact.connection_id, fact.frame_no)


def _cleared(window: Window) -> Cleared:
    return Cleared(OUT_OF_BAND, key=window.phase, connector_id=window.connector)
