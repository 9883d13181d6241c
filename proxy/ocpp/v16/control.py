"""1.6: commands, charging profiles, reservations, local list, DataTransfer.

Knows what the CSMS asks for and what the charge point answers. Must not know whether it then does so. A command is told
with its answer: `status` "" where that has none that can be read (a peer that sends the call back, quirk 47). The
connector, token or id of a CALL that was not kept (over 16 KiB, see `correlate`) stays untold.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from proxy.names import Direction
from proxy.ocpp.facts import (
    UNTOLD,
    AvailabilityRequested,
    CacheCleared,
    ChargingProfilesCleared,
    ChargingProfileSet,
    CompositeScheduleTold,
    DataTransferred,
    Fact,
    LocalListSent,
    LocalListVersionTold,
    MessageTriggered,
    Named,
    Place,
    RemoteStartRequested,
    RemoteStopRequested,
    ReservationCancelled,
    ReservationMade,
    ResetRequested,
    UnlockRequested,
    Where,
)
from proxy.ocpp.profiles import profile_of, schedule_of
from proxy.ocpp.reading import Reading, Readings, kept
from proxy.ocpp.tolerant import characters, integer, items, mapping, small, text
from proxy.ocpp.v16.charging import identity, told, when


def _place(said: Mapping[str, Any]) -> Place:
    return Place(None, small(said.get("connectorId")))


def _status(answer: Any) -> str:
    return text(mapping(answer).get("status"))


def _remote_start(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked, status = mapping(call), _status(answer)
    place, profile = _place(asked), asked.get("chargingProfile")
    who = Named(identity(asked.get("idTag")))
    facts: list[Fact] = [RemoteStartRequested(*where, who=who, place=place, status=status)]
    if mapping(profile):
        facts.append(
            ChargingProfileSet(
                *where,
                place=place,
                profile=profile_of(profile),
                status=status,
                source="RemoteStartTransaction",
            )
        )
    return facts


def _remote_stop(where: Where, call: Any, answer: Any) -> list[Fact]:
    transaction_id = identity(mapping(call).get("transactionId"))
    return [RemoteStopRequested(*where, transaction_id=transaction_id, status=_status(answer))]


def _reset(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [ResetRequested(*where, kind=text(mapping(call).get("type")), status=_status(answer))]


def _unlock_connector(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [UnlockRequested(*where, place=_place(mapping(call)), status=_status(answer))]


def _change_availability(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    kind = text(asked.get("type"))
    return [AvailabilityRequested(*where, place=_place(asked), kind=kind, status=_status(answer))]


def _trigger_message(where: Where, call: Any, answer: Any) -> list[Fact]:
    """TriggerMessage and the whitepaper's ExtendedTriggerMessage."""
    asked = mapping(call)
    message = text(asked.get("requestedMessage"))
    return [MessageTriggered(*where, message=message, place=_place(asked), status=_status(answer))]


def _clear_cache(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [CacheCleared(*where, status=_status(answer))]


def _send_local_list(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    sent = LocalListSent(
        *where,
        version=integer(asked.get("listVersion")),
        kind=text(asked.get("updateType")),
        entries=len(items(asked.get("localAuthorizationList"))),
        status=_status(answer),
    )
    return [sent]


def _get_local_list_version(where: Where, call: Any, answer: Any) -> list[Fact]:
    """-1: no local list; 0: an empty one (1.6 §5.10)."""
    version = integer(mapping(answer).get("listVersion"))
    return [] if version is None else [LocalListVersionTold(*where, version=version)]


def _reserve_now(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    made = ReservationMade(
        *where,
        reservation_id=integer(asked.get("reservationId")),
        place=_place(asked),
        who=Named(identity(asked.get("idTag"))),
        expires=when(asked.get("expiryDate")),
        status=_status(answer),
    )
    return [made]


def _cancel_reservation(where: Where, call: Any, answer: Any) -> list[Fact]:
    reservation_id = integer(mapping(call).get("reservationId"))
    return [ReservationCancelled(*where, reservation_id=reservation_id, status=_status(answer))]


def _set_charging_profile(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    profile_set = ChargingProfileSet(
        *where,
        place=_place(asked),
        profile=profile_of(asked.get("csChargingProfiles")),
        status=_status(answer),
        source="SetChargingProfile",
    )
    return [profile_set]


def _clear_charging_profile(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    cleared = ChargingProfilesCleared(
        *where,
        profile_id=integer(asked.get("id")),
        place=_place(asked),
        purpose=text(asked.get("chargingProfilePurpose")),
        stack_level=integer(asked.get("stackLevel")),
        status=_status(answer),
    )
    return [cleared]


def _get_composite_schedule(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Periods count from scheduleStart (1.6 §6.22), which stands beside the schedule, not in it."""
    asked, said = mapping(call), mapping(answer)
    schedule = schedule_of(said.get("chargingSchedule"))
    start = when(said.get("scheduleStart"))
    if start != UNTOLD:
        schedule = msgspec.structs.replace(schedule, start=start)
    place = _place(said if "connectorId" in said else asked)
    return [CompositeScheduleTold(*where, place=place, schedule=schedule, status=_status(answer))]


def _data_transfer(direction: Direction, where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    transferred = DataTransferred(
        *where,
        direction=direction,
        vendor_id=text(asked.get("vendorId")),
        message_id=told(asked.get("messageId")),
        status=_status(answer),
        size=characters(asked.get("data")),
    )
    return [transferred]


def _data_from_charge_point(where: Where, call: Any, answer: Any) -> list[Fact]:
    return _data_transfer(Direction.FROM_CHARGE_POINT, where, call, answer)


def _data_from_csms(where: Where, call: Any, answer: Any) -> list[Fact]:
    return _data_transfer(Direction.FROM_CSMS, where, call, answer)


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "DataTransfer": Reading(answered=kept(_data_from_charge_point)),
    },
    Direction.FROM_CSMS: {
        "CancelReservation": Reading(answered=kept(_cancel_reservation)),
        "ChangeAvailability": Reading(answered=kept(_change_availability)),
        "ClearCache": Reading(answered=_clear_cache),
        "ClearChargingProfile": Reading(answered=kept(_clear_charging_profile)),
        "DataTransfer": Reading(answered=kept(_data_from_csms)),
        "ExtendedTriggerMessage": Reading(answered=kept(_trigger_message)),
        "GetCompositeSchedule": Reading(answered=kept(_get_composite_schedule)),
        "GetLocalListVersion": Reading(answered=_get_local_list_version),
        "RemoteStartTransaction": Reading(answered=kept(_remote_start)),
        "RemoteStopTransaction": Reading(answered=kept(_remote_stop)),
        "ReserveNow": Reading(answered=kept(_reserve_now)),
        "Reset": Reading(answered=kept(_reset)),
        "SendLocalList": Reading(answered=kept(_send_local_list)),
        "SetChargingProfile": Reading(answered=kept(_set_charging_profile)),
        "TriggerMessage": Reading(answered=kept(_trigger_message)),
        "UnlockConnector": Reading(answered=kept(_unlock_connector)),
    },
}
