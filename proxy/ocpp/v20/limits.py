"""2.0.1: charging profiles, composite schedules, limits from outside, what the car will draw.

Read for 2.1 too (kinds, purposes and sources of limits are words there; limits may be left out of a period).
"""

from __future__ import annotations

from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.facts import (
    ChargingLimitChanged,
    ChargingProfileReported,
    ChargingProfilesCleared,
    ChargingProfileSet,
    ChargingScheduleAnnounced,
    CompositeScheduleTold,
    Fact,
    ReportPartReceived,
    ReportRequested,
    Where,
)
from proxy.ocpp.profiles import profile_of, schedule_of
from proxy.ocpp.reading import Reading, Readings, kept, told
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import integer, items, mapping, text, truth
from proxy.ocpp.v20.members import at_evse, status_of

MAX_PROFILES: Final = 1000


def _set_charging_profile(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        ChargingProfileSet(
            *where,
            place=at_evse(call.get("evseId")),
            profile=profile_of(call.get("chargingProfile")),
            status=status_of(answer),
            source="SetChargingProfile",
        )
    ]


def _clear_charging_profile(where: Where, call: Any, answer: Any) -> list[Fact]:
    criteria = mapping(call.get("chargingProfileCriteria"))
    return [
        ChargingProfilesCleared(
            *where,
            profile_id=integer(call.get("chargingProfileId")),
            place=at_evse(criteria.get("evseId")),
            purpose=text(criteria.get("chargingProfilePurpose")),
            stack_level=integer(criteria.get("stackLevel")),
            status=status_of(answer),
        )
    ]


def _get_charging_profiles(where: Where, call: Any, answer: Any) -> list[Fact]:
    wanted = mapping(call.get("chargingProfile"))
    return [
        ReportRequested(
            *where,
            action="GetChargingProfiles",
            request_id=integer(call.get("requestId")),
            what=text(wanted.get("chargingProfilePurpose")),
            status=status_of(answer),
        )
    ]


def _report_charging_profiles(where: Where, call: Any) -> list[Fact]:
    """Parts have no seqNo."""
    profiles = items(call.get("chargingProfile"))
    place, request_id = at_evse(call.get("evseId")), integer(call.get("requestId"))
    source = text(call.get("chargingLimitSource"))
    reported = [
        ChargingProfileReported(
            *where, place=place, profile=profile_of(profile), limit_source=source, request_id=request_id
        )
        for profile in profiles[:MAX_PROFILES]
    ]
    part = ReportPartReceived(
        *where,
        action="ReportChargingProfiles",
        request_id=request_id,
        more=truth(call.get("tbc")) is True,
        entries=len(profiles),
    )
    return [*reported, part]


def _get_composite_schedule(where: Where, call: Any, answer: Any) -> list[Fact]:
    schedule = mapping(answer).get("schedule")
    asked = mapping(call).get("evseId")
    return [
        CompositeScheduleTold(
            *where,
            place=at_evse(mapping(schedule).get("evseId") if asked is None else asked),
            schedule=schedule_of(schedule),
            status=status_of(answer),
        )
    ]


def _notify_charging_limit(where: Where, call: Any) -> list[Fact]:
    limit, schedule = mapping(call.get("chargingLimit")), call.get("chargingSchedule")
    return [
        ChargingLimitChanged(
            *where,
            place=at_evse(call.get("evseId")),
            source=text(limit.get("chargingLimitSource")),
            grid_critical=truth(limit.get("isGridCritical")),
            schedule=schedule_of(schedule) if items(schedule) else None,
        )
    ]


def _cleared_charging_limit(where: Where, call: Any) -> list[Fact]:
    return [
        ChargingLimitChanged(
            *where,
            place=at_evse(call.get("evseId")),
            source=text(call.get("chargingLimitSource")),
            cleared=True,
        )
    ]


def _notify_ev_charging_schedule(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        ChargingScheduleAnnounced(
            *where,
            place=at_evse(call.get("evseId")),
            schedule=schedule_of(call.get("chargingSchedule")),
            status=status_of(answer),
            told=moment(call.get("timeBase")),
        )
    ]


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "ClearedChargingLimit": Reading(said=told(_cleared_charging_limit)),
        "NotifyChargingLimit": Reading(said=told(_notify_charging_limit)),
        "NotifyEVChargingSchedule": Reading(answered=kept(_notify_ev_charging_schedule)),
        "ReportChargingProfiles": Reading(said=told(_report_charging_profiles)),
    },
    Direction.FROM_CSMS: {
        "ClearChargingProfile": Reading(answered=kept(_clear_charging_profile)),
        "GetChargingProfiles": Reading(answered=kept(_get_charging_profiles)),
        "GetCompositeSchedule": Reading(answered=_get_composite_schedule),
        "SetChargingProfile": Reading(answered=kept(_set_charging_profile)),
    },
}
