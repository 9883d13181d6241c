"""What the samples of one transaction come to: energy, state of charge, the highest power.

Knows samples and their order; must not know which transaction they belong to, nor that there are others. Only what
lies at its two ends is kept, so that an hour of samples is as small as two.

- The order is the device's, so that late ones (offline, transactionData) find their place; a value without a readable
  time is the newest.
- One register is followed, not a mix: without phase, at the outlet if it is told there, and of several in one element
  the first (kWh beside Wh). L1 + L2 + L3 stands in for it when an element has all three.
- Transaction.Begin is a begin and never news, however often it is told (quirk 73); Transaction.End is an end.
- A 0 that jumps to more than 100 kWh was a placeholder, no begin (quirk 69, MT-03).
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from proxy.ocpp.facts import MeterSampled
from proxy.ocpp.meter import ENERGY_REGISTER, ContextClass, Family, Kind, Sample
from proxy.pipeline.transaction import ENDED, Basis, State

PLACEHOLDER_JUMP_WH: Final = 100_000.0
"""No transaction gets so far between two samples."""
_AHEAD: Final = 60 * 1_000_000_000
"""ns by which a device's clock may be ahead of ours before its times count as not come yet."""
_OUTLET: Final = "Outlet"
_UPSTREAM: Final = "Upstream"  # 2.1: the grid side of the whole station
_BEGIN: Final = ContextClass.BEGIN
_RUNNING: Final = ContextClass.RUNNING
_ENERGY: Final = Family.ENERGY
_WATTS: Final = Family.POWER

_REGISTER, _INTERVAL, _POWER, _SOC = 1, 2, 3, 4
_PARTS: Final = {
    ENERGY_REGISTER: _REGISTER,
    "Energy.Active.Import.Interval": _INTERVAL,
    "Power.Active.Import": _POWER,
    "SoC": _SOC,
    "Display.PresentSOC": _SOC,
}
"""Measurand -> what it is to a transaction; the others are nothing to it."""
_part_of: Final = _PARTS.get  # looked up once: it is asked for each sample
_PHASES: Final = {"L1": 0, "L2": 1, "L3": 2, "L1-N": 0, "L2-N": 1, "L3-N": 2}
_FAMILIES: Final = {ENERGY_REGISTER: _ENERGY, "Power.Active.Import": _WATTS}
"""What is told by phase too."""
_Thirds = dict[tuple[str, str, str], tuple[Kind, list[float | None]]]
"""(measurand, context, location) -> the kind of one of them, and the three phases."""


class Span(msgspec.Struct, array_like=True, gc=False):
    """The first and the last value by the device's time (ns; 0 not told). `last` None: there was only one."""

    first_at: int
    first: float
    last_at: int
    last: float | None = None


class Register(msgspec.Struct, array_like=True, gc=False):
    """One register at one location. `begin`, `end`: what was told as the transaction's own (Wh)."""

    location: str
    begin: float | None = None
    end: float | None = None
    running: Span | None = None


class Intervals(msgspec.Struct, array_like=True, gc=False):
    """Wh, and the times (ns) between which they were summed; `total` None: something between them was told late, and
    nobody knows whether it was told before."""

    total: float | None
    first_at: int
    last_at: int


class Metered(msgspec.Struct, array_like=True, gc=False):
    """`phases`: the sums of three phases as one register. `power_location`: where `power_w` was measured."""

    register: Register | None = None
    phases: Register | None = None
    intervals: Intervals | None = None
    soc: Span | None = None
    power_w: float | None = None
    power_location: str = ""


def take(metered: Metered, fact: MeterSampled, state: State) -> None:
    """Samples at the transaction's own place. Hot: once per meterValue element."""
    thirds: _Thirds | None = None
    contexts = 0
    for sample in fact.samples:
        kind = sample.kind
        part = _part_of(kind.measurand)
        if part is None or (value := sample.value) is None:
            continue
        if kind.phase:
            thirds = _third(thirds, kind, value)
        elif part == _REGISTER:
            contexts |= _first_of(metered, kind, contexts, fact, value)
        elif part == _POWER:
            if kind.family is _WATTS:
                _power(metered, kind.location, value)
        elif part == _SOC:
            _soc(metered, kind, fact, value)
        else:
            _interval(metered, sample, fact, state)
    if thirds is not None:
        _three_phases(metered, thirds, fact)


def _first_of(metered: Metered, kind: Kind, contexts: int, fact: MeterSampled, value: float) -> int:
    """Follow the register, unless the element told it already; the bit of the context that it told."""
    context, register = kind.context_class, metered.register
    bit = 1 if context is _RUNNING else 2 if context is _BEGIN else 4
    if kind.family is not _ENERGY:
        return 0
    if register is None or register.location != kind.location:
        register = _register(register, kind.location)
        if register is None:
            return 0
        metered.register = register
    elif contexts & bit:
        return 0
    if context is _RUNNING and (span := register.running) is not None:
        _follow(span, fact, value)
    else:
        _read(register, context, fact, value)
    return bit


def energy(metered: Metered, start: float | None, stop: float | None) -> tuple[float | None, Basis]:
    """(Wh, what it is made of). `start`, `stop`: the transaction's own registers, which count for most."""
    if start is not None and stop is not None and _is_believable(start, stop, metered):
        wh = _difference(start, stop)
        if wh is not None:
            return wh, "meter"
    for register in (metered.register, metered.phases):
        wh = None if register is None else _passed(register)
        if wh is not None:
            return wh, "samples"
    if metered.intervals is not None and metered.intervals.total is not None:
        return round(metered.intervals.total, 3), "interval"
    return None, ""


def _register(known: Register | None, location: str) -> Register | None:
    """The register to follow: the outlet's rather than another; None: not this one."""
    if known is not None and known.location == location:
        return known
    if location == _UPSTREAM or (known is not None and location != _OUTLET):
        return None
    return Register(location)


def _read(register: Register, context: ContextClass, fact: MeterSampled, value: float) -> None:
    if context is _RUNNING:
        register.running = _followed(register.running, fact, value)
    elif context is not _BEGIN:
        register.end = value
    elif register.begin is None:
        register.begin = value


def _followed(span: Span | None, fact: MeterSampled, value: float) -> Span:
    if span is None:
        at = fact.told.ns or 0
        return Span(at, value, at)
    _follow(span, fact, value)
    return span


def _follow(span: Span, fact: MeterSampled, value: float) -> None:
    """`value` was told: at its place in the span."""
    at = fact.told.ns
    if at is None:
        span.last = value
    elif at > span.last_at:
        if span.first or span.last or value <= PLACEHOLDER_JUMP_WH:
            span.last = value
        else:
            span.first_at, span.first, span.last = at, value, None
        span.last_at = at
    elif at < span.last_at:
        _follow_late(span, at, fact.at, value)


def _follow_late(span: Span, at: int, now: int, value: float) -> None:
    if span.last_at > now + _AHEAD >= at:  # the device's clock was set back
        span.first_at = min(span.first_at, at)
        span.last_at, span.last = at, value
    elif at < span.first_at:
        span.last = span.first if span.last is None else span.last
        span.first_at, span.first = at, value


def _soc(metered: Metered, kind: Kind, fact: MeterSampled, value: float) -> None:
    """Percent; what is no percentage says nothing."""
    if 0.0 <= value <= 100.0 and (kind.context_class is not _BEGIN or metered.soc is None):
        metered.soc = _followed(metered.soc, fact, value)


def _power(metered: Metered, location: str, value: float) -> None:
    """The highest; the outlet's rather than another's."""
    known = metered.power_w
    if location == _UPSTREAM:
        return
    if known is None or (location == _OUTLET and metered.power_location != _OUTLET):
        metered.power_w, metered.power_location = value, location
    elif value > known and location == metered.power_location:
        metered.power_w = value


def _interval(metered: Metered, sample: Sample, fact: MeterSampled, state: State) -> None:
    kind, wh, at = sample.kind, sample.value, fact.told.ns
    if wh is None or kind.family is not _ENERGY or kind.location != _OUTLET or kind.context_class is _BEGIN:
        return
    known = metered.intervals
    if known is None:
        metered.intervals = Intervals(wh, at or 0, at or 0)
    elif at is None or at > known.last_at or at < known.first_at:
        known.total = None if known.total is None else known.total + wh
        known.first_at = min(known.first_at, at or known.first_at)
        known.last_at = max(known.last_at, at or 0)
    elif known.first_at < at < known.last_at and state != ENDED:  # a stop tells all of them once more
        known.total = None


def _third(thirds: _Thirds | None, kind: Kind, value: float) -> _Thirds | None:
    """Of two that say the same, the first counts."""
    phase = _PHASES.get(kind.phase)
    if phase is None or kind.family is not _FAMILIES.get(kind.measurand):
        return thirds
    thirds = {} if thirds is None else thirds
    key = kind.measurand, kind.context, kind.location
    found = thirds.get(key)
    if found is None:
        found = thirds[key] = kind, [None, None, None]
    if found[1][phase] is None:
        found[1][phase] = value
    return thirds


def _three_phases(metered: Metered, thirds: _Thirds, fact: MeterSampled) -> None:
    """The sums of what one element tells of all three phases."""
    for kind, (one, two, three) in thirds.values():
        if one is None or two is None or three is None or not math.isfinite(one + two + three):
            continue
        total = round(one + two + three, 6)
        if kind.family is _WATTS:
            if (metered.power_w is None or total > metered.power_w) and not _has_total_power(fact):
                _power(metered, kind.location, total)
        elif (register := _register(metered.phases, kind.location)) is not None:
            metered.phases = register
            _read(register, kind.context_class, fact, total)


def _has_total_power(fact: MeterSampled) -> bool:
    return any(
        _PARTS.get(sample.kind.measurand) == _POWER and not sample.kind.phase for sample in fact.samples
    )


def _is_believable(start: float, stop: float, metered: Metered) -> bool:
    """A start of 0 is no start (quirk 71, MT-03) when the samples are far above it, or move while the stop is 0 too."""
    register = metered.register
    if start != 0.0 or register is None or register.running is None:
        return True
    running = register.running
    return running.first <= PLACEHOLDER_JUMP_WH and (stop != 0.0 or not running.last)


def _passed(register: Register) -> float | None:
    """Wh from the first to the last that was told; the transaction's own begin and end where they fit the others."""
    running, begin, end = register.running, register.begin, register.end
    if running is None:
        return None if begin is None or end is None else _difference(begin, end)
    first, last = running.first, running.last
    newest = first if last is None else last
    is_placeholder = begin == 0.0 and first > PLACEHOLDER_JUMP_WH
    if begin is not None and begin <= first and not is_placeholder:
        first, last = begin, newest
    if end is not None and end >= newest:
        last = end
    return None if last is None else _difference(first, last)


def _difference(start: float, stop: float) -> float | None:
    """None when it fell: then it says nothing about energy."""
    return round(stop - start, 3) if 0.0 <= stop - start < math.inf else None
