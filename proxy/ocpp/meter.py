"""Meter values as every version tells them: sampledValue arrays -> samples in base units, the original kept.

A sample is a number and its `Kind`: everything about it that repeats from message to message. Kinds are interned, so
that analyzers and tables convert no unit and compare no string twice. Base units: Wh, varh, VAh, W, var, VA, A, V,
Celsius, Percent, Hz, rpm, s. Defaults are the standard's (1.6 §7.30 ff, 2.x §2.46): measurand
Energy.Active.Import.Register, context Sample.Periodic, location Outlet, and the measurand's own unit where none is
told: for energy Wh, so kWh sent without a unit reads a thousand times too small, and only an analyzer can tell.
"""

from __future__ import annotations

import enum
import functools
import math
from typing import Any, Final

import msgspec

from proxy.ocpp.tolerant import items, mapping, number, text

MAX_SAMPLES: Final = 256
"""Per meterValue element; a message's further ones are not read."""
MAX_ELEMENTS: Final = 10_000
"""Per message: transactionData of a week at one a minute."""
MAX_WORD: Final = 64
MAX_VALUE: Final = 500
_MOST_KINDS: Final = 4096

ENERGY_REGISTER: Final = "Energy.Active.Import.Register"


class ContextClass(enum.IntEnum):
    """What a context means for a register: Transaction.Begin may be said again with every message (quirk 73)."""

    RUNNING = 1
    BEGIN = 2
    END = 3


class Family(enum.StrEnum):
    """What a unit measures; the value is the base unit."""

    ENERGY = "Wh"
    REACTIVE_ENERGY = "varh"
    APPARENT_ENERGY = "VAh"
    POWER = "W"
    REACTIVE_POWER = "var"
    APPARENT_POWER = "VA"
    CURRENT = "A"
    VOLTAGE = "V"
    TEMPERATURE = "Celsius"
    PERCENT = "Percent"
    FREQUENCY = "Hz"
    SPEED = "rpm"
    TIME = "s"
    NONE = ""


class Role(enum.IntEnum):
    """What analyzers ask a sample for, so that they compare no words. OTHER: whatever else is measured."""

    OTHER = 0
    ENERGY = 1
    """Energy.Active.Import.Register, any phase and location."""
    POWER = 2
    """Power.Active.Import."""
    POWER_EXPORT = 3
    POWER_OFFERED = 4
    CURRENT = 5
    """Current.Import."""
    CURRENT_OFFERED = 6
    VOLTAGE = 7
    STATE_OF_CHARGE = 8
    TEMPERATURE = 9
    FREQUENCY = 10
    ENERGY_EXPORT = 11


_ROLES: Final = {
    ENERGY_REGISTER: Role.ENERGY,
    "Energy.Active.Export.Register": Role.ENERGY_EXPORT,
    "Power.Active.Import": Role.POWER,
    "Power.Active.Export": Role.POWER_EXPORT,
    "Power.Offered": Role.POWER_OFFERED,
    "Current.Import": Role.CURRENT,
    "Current.Offered": Role.CURRENT_OFFERED,
    "Voltage": Role.VOLTAGE,
    "SoC": Role.STATE_OF_CHARGE,
    "Temperature": Role.TEMPERATURE,
    "Frequency": Role.FREQUENCY,
}


MAIN_ENERGY: Final = 1
"""The energy register of the whole (no phase), at the outlet, running, in a unit of Wh."""
MAIN_POWER: Final = 2
"""The active import of the whole, at the outlet, running, in a unit of W."""
CHARGE: Final = 4
"""The state of charge."""
OTHER_ENERGY: Final = 8
"""An energy register of a phase, another location, context or unit."""
OTHER_POWER: Final = 16
"""Such an active import, and any export."""
VOLTAGE: Final = 32
"""At the outlet."""
INLET_VOLTAGE: Final = 64


_OTHER_PARTS: Final = {
    Role.STATE_OF_CHARGE: CHARGE,
    Role.ENERGY: OTHER_ENERGY,
    Role.POWER: OTHER_POWER,
    Role.POWER_EXPORT: OTHER_POWER,
}


class Kind(msgspec.Struct, frozen=True, gc=False):
    """What is measured, where and when. The words are as told, or the standard's default.

    `unit`: as told, "" when untold. base value = told value * `scale` + `offset`. `signed`: 1.6 format SignedData,
    which is no number. `plain`: a value is a number in the base unit as it stands. `part`: what MeterSampled has
    it as (MAIN_ENERGY to INLET_VOLTAGE, 0: nothing). `register`: one text for all kinds that go on from each other.
    """

    measurand: str
    phase: str
    location: str
    context: str
    context_class: ContextClass
    family: Family
    unit: str
    multiplier: int
    scale: float
    offset: float
    signed: bool
    plain: bool
    role: Role
    part: int
    register: str


class Signature(msgspec.Struct, frozen=True, gc=False):
    """2.x signedMeterValue: what legal metrology wants to be there (Eichrecht). The signed data stays in the frame."""

    method: str = ""
    encoding: str = ""
    public_key: str = ""
    size: int = 0


class Sample(msgspec.Struct, frozen=True, gc=False):
    """`value` in the base unit of its kind, None: not a number. `told`: the value as it came, a signed one cut;
    "" for a JSON number that `value` is."""

    kind: Kind
    value: float | None
    told: str
    signature: Signature | None = None


_UNITS: Final[dict[str, tuple[Family, float, float]]] = {
    "wh": (Family.ENERGY, 1.0, 0.0),
    "kwh": (Family.ENERGY, 1000.0, 0.0),
    "mwh": (Family.ENERGY, 1e6, 0.0),
    "varh": (Family.REACTIVE_ENERGY, 1.0, 0.0),
    "kvarh": (Family.REACTIVE_ENERGY, 1000.0, 0.0),
    "vah": (Family.APPARENT_ENERGY, 1.0, 0.0),
    "kvah": (Family.APPARENT_ENERGY, 1000.0, 0.0),
    "w": (Family.POWER, 1.0, 0.0),
    "kw": (Family.POWER, 1000.0, 0.0),
    "mw": (Family.POWER, 1e6, 0.0),
    "var": (Family.REACTIVE_POWER, 1.0, 0.0),
    "kvar": (Family.REACTIVE_POWER, 1000.0, 0.0),
    "va": (Family.APPARENT_POWER, 1.0, 0.0),
    "kva": (Family.APPARENT_POWER, 1000.0, 0.0),
    "a": (Family.CURRENT, 1.0, 0.0),
    "ma": (Family.CURRENT, 0.001, 0.0),
    "v": (Family.VOLTAGE, 1.0, 0.0),
    "kv": (Family.VOLTAGE, 1000.0, 0.0),
    "celsius": (Family.TEMPERATURE, 1.0, 0.0),
    "celcius": (Family.TEMPERATURE, 1.0, 0.0),
    "c": (Family.TEMPERATURE, 1.0, 0.0),
    "fahrenheit": (Family.TEMPERATURE, 5 / 9, -160 / 9),
    "k": (Family.TEMPERATURE, 1.0, -273.15),
    "percent": (Family.PERCENT, 1.0, 0.0),
    "%": (Family.PERCENT, 1.0, 0.0),
    "hz": (Family.FREQUENCY, 1.0, 0.0),
    "hertz": (Family.FREQUENCY, 1.0, 0.0),
    "rpm": (Family.SPEED, 1.0, 0.0),
    "s": (Family.TIME, 1.0, 0.0),
}
"""By the unit in lower case. "Celcius" is in 1.6's own schema, "C" and "%" in the field (quirk 38). "mw" and "mwh" are
mega: no charge point counts milliwatts, and OCPP knows neither."""

_DEFAULTS: Final = (
    ("Energy.Reactive", Family.REACTIVE_ENERGY),
    ("Energy.Apparent", Family.APPARENT_ENERGY),
    ("Energy", Family.ENERGY),
    ("Power.Factor", Family.NONE),
    ("Power.Reactive", Family.REACTIVE_POWER),
    ("Power", Family.POWER),
    ("Current", Family.CURRENT),
    ("Voltage", Family.VOLTAGE),
    ("Temperature", Family.TEMPERATURE),
    ("SoC", Family.PERCENT),
    ("Frequency", Family.FREQUENCY),
    ("RPM", Family.SPEED),
    ("Display.RemainingTime", Family.TIME),
    ("Display.BatteryEnergyCapacity", Family.ENERGY),
    ("Display.ChargingComplete", Family.NONE),
    ("Display.InletHot", Family.NONE),
    ("Display", Family.PERCENT),
)
"""Measurand's beginning -> family of its default unit."""

_NUMBERS: Final = frozenset({int, float})
_CONTEXTS: Final = {"Transaction.Begin": ContextClass.BEGIN, "Transaction.End": ContextClass.END}


def elements(value: Any) -> list[Any]:
    """The elements of a meterValue member; one object counts as an array of one (Huawei, quirk 30)."""
    return items(value)[:MAX_ELEMENTS]


def samples(meter_value: Any) -> tuple[Sample, ...]:
    """The samples of one element of a meterValue array."""
    found = meter_value.get("sampledValue") if type(meter_value) is dict else None
    if type(found) is not list or len(found) > MAX_SAMPLES:
        found = items(found)[:MAX_SAMPLES]
    return tuple([_sample(entry) for entry in found if type(entry) is dict and entry])


def _sample(entry: dict[str, Any]) -> Sample:
    """Most of a fleet's bytes come through here: nearly always two look-ups and a number (`make bench-recorder`)."""
    get = entry.get
    unit, multiplier = get("unit"), 0
    if unit is None and type(measure := get("unitOfMeasure")) is dict:
        unit, multiplier = measure.get("unit"), measure.get("multiplier", 0)
    words = (get("measurand"), get("phase"), get("location"), get("context"), unit, multiplier, get("format"))
    try:
        kind = _KINDS[words]
    except (TypeError, ValueError):
        kind = _cleaned(words)
    told = get("value")
    value = number(told)
    if value is not None and not kind.plain:
        value = _in_base_unit(kind, value)
    if type(told) is float and kind.plain:
        told = ""  # a number that stands for itself needs no text beside it
    elif type(told) is not str or len(told) > MAX_VALUE:
        told = _odd_text(told, kind)
    signed = get("signedMeterValue")
    return Sample(kind, value, told, None if signed is None else _signature(mapping(signed)))


def _odd_text(told: Any, kind: Kind) -> str:
    """What is no string, or a long one."""
    return "" if kind.plain and type(told) in _NUMBERS else text(told)[:MAX_VALUE]


def _in_base_unit(kind: Kind, told: float) -> float | None:
    if kind.signed:
        return None
    value = told * kind.scale + kind.offset
    return value if math.isfinite(value) else None


def _signature(signed: Any) -> Signature:
    return Signature(
        text(signed.get("signingMethod"))[:MAX_WORD],
        text(signed.get("encodingMethod"))[:MAX_WORD],
        text(signed.get("publicKey")),
        len(text(signed.get("signedMeterData"))),
    )


Words = tuple[Any, ...]
"""measurand, phase, location, context, unit, multiplier, format: as told, None what is left out."""


class _Kinds(dict[Words, Kind]):
    """Every kind met so far, once. Full, it forgets all and begins again: kinds are equal by value, too."""

    def __missing__(self, told: Words) -> Kind:
        kind = kind_of(*told)
        if len(self) >= _MOST_KINDS:
            self.clear()
        self[told] = kind
        return kind


_KINDS: Final = _Kinds()


def _cleaned(told: Words) -> Kind:
    """The kind of words of wrong types, or too long."""
    words = [text(word)[:MAX_WORD] or None for word in told]
    return _KINDS[(*words[:5], _multiplier(told[5]), words[6])]


def kind_of(
    measurand: str | None,
    phase: str | None,
    location: str | None,
    context: str | None,
    unit: str | None,
    multiplier: int,
    form: str | None,
) -> Kind:
    """The kind of these words. Raises ValueError for a word that is too long or no string: those are not remembered."""
    for word in (measurand, phase, location, context, unit, form):
        if word is not None and (type(word) is not str or len(word) > MAX_WORD):
            raise ValueError("not a word")
    if type(multiplier) is not int or abs(multiplier) > 30:
        raise ValueError("not a multiplier")
    measurand = measurand or ENERGY_REGISTER
    family, scale, offset = _unit_of(measurand, unit or "")
    scale *= 10.0**multiplier
    context = context or "Sample.Periodic"
    context_class = _CONTEXTS.get(context, ContextClass.RUNNING)
    phase, location, role = phase or "", location or "Outlet", _ROLES.get(measurand, Role.OTHER)
    signed = form == "SignedData"
    return Kind(
        measurand,
        phase,
        location,
        context,
        context_class,
        family,
        unit or "",
        multiplier,
        scale,
        offset,
        signed,
        scale == 1.0 and not offset and not signed,
        role,
        _part_of(role, phase, location, context_class, family),
        _register_of(measurand, phase, location, context_class, family),
    )


def _part_of(role: Role, phase: str, location: str, context_class: ContextClass, family: Family) -> int:
    is_main = not phase and location == "Outlet" and context_class is ContextClass.RUNNING
    if is_main and role is Role.ENERGY and family is Family.ENERGY:
        return MAIN_ENERGY
    if is_main and role is Role.POWER and family is Family.POWER:
        return MAIN_POWER
    if role is Role.VOLTAGE:
        return {"Outlet": VOLTAGE, "Inlet": INLET_VOLTAGE}.get(location, 0)
    return _OTHER_PARTS.get(role, 0)


@functools.lru_cache(_MOST_KINDS)
def _register_of(
    measurand: str, phase: str, location: str, context_class: ContextClass, family: Family
) -> str:
    """Context class, measurand, phase, location, family; remembered so that all who keep it share the text."""
    return f"{context_class + 0} {measurand} {phase} {location} {family.value}"


def _unit_of(measurand: str, unit: str) -> tuple[Family, float, float]:
    known = _UNITS.get(unit.strip().lower())
    if known is not None:
        return known
    if unit:
        return Family.NONE, 1.0, 0.0
    for beginning, family in _DEFAULTS:
        if measurand.startswith(beginning):
            return family, 1.0, 0.0
    return Family.NONE, 1.0, 0.0


def _multiplier(value: Any) -> int:
    """10 to this power; nothing is wider than from quecto to quetta."""
    told = number(value)
    return int(told) if told is not None and abs(told) <= 30 else 0
