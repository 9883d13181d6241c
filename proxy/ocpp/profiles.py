"""Charging profiles and schedules as every version spells them -> `Profile`.

1.6: chargingProfileId, chargingSchedule one object. 2.x: id, chargingSchedule an array. 2.1: limit optional, setpoint
beside it, kind Dynamic. Theory: the unit is W or A, startSchedule a time. Practice: "Power" (Huawei, quirk 36),
startSchedule "0" (Heidelberg, quirk 32: no moment, its text is kept). `text` goes before `moment`, because an array
nested a thousand deep has no text that Python can make. A period whose start cannot be read is left out:
what it limits, and when, is unknown.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from proxy.ocpp.facts import Profile
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import identifier, integer, items, mapping, number, seconds, small, text, word

MAX_PERIODS: Final = 256
"""Of one schedule; the standards allow 1,024 (2.x), a day in quarters of an hour needs 96."""

_UNITS: Final = {"w": "W", "power": "W", "a": "A", "current": "A"}
"""Power and Current are the words of the key ChargingScheduleAllowedChargingRateUnit (1.6 §9.4.2)."""


def profile_of(value: Any) -> Profile:
    """A whole charging profile: csChargingProfiles (1.6), chargingProfile (1.6 remote start, 2.x)."""
    told = mapping(value)
    numbered = told.get("chargingProfileId")
    return msgspec.structs.replace(
        schedule_of(told.get("chargingSchedule")),
        profile_id=integer(told.get("id") if numbered is None else numbered),
        stack_level=integer(told.get("stackLevel")),
        purpose=text(told.get("chargingProfilePurpose")),
        kind=text(told.get("chargingProfileKind")),
        recurrency=text(told.get("recurrencyKind")),
        transaction_id=identifier(told.get("transactionId")),
        valid_from=moment(text(told.get("validFrom"))),
        valid_to=moment(text(told.get("validTo"))),
    )


def schedule_of(value: Any) -> Profile:
    """A chargingSchedule alone, or the first of an array of them; also 2.x CompositeSchedule (scheduleStart)."""
    schedules = items(value)
    first = mapping(schedules[0] if schedules else None)
    start = first.get("startSchedule")
    unit = text(first.get("chargingRateUnit"))
    periods = [
        (begin, entry)
        for entry in map(mapping, items(first.get("chargingSchedulePeriod"))[:MAX_PERIODS])
        if (begin := seconds(entry.get("startPeriod"))) is not None
    ]
    return Profile(
        unit=_UNITS.get(word(unit), unit),
        start=moment(text(first.get("scheduleStart") if start is None else start)),
        duration_seconds=seconds(first.get("duration")),
        periods=tuple(
            [(begin, number(e.get("limit")), small(e.get("numberPhases"))) for begin, e in periods]
        ),
        setpoints=_setpoints([number(entry.get("setpoint")) for _, entry in periods]),
        schedules=len(schedules),
    )


def _setpoints(told: list[float | None]) -> tuple[float | None, ...]:
    """One per period, or none at all where no period has one (every version before 2.1)."""
    return () if all(setpoint is None for setpoint in told) else tuple(told)
