"""2.0.1: commands, charging profiles, reservations, local list, display, costs, DataTransfer.

Read for 2.1 too: it adds words (ImmediateAndResume, NoTransaction) and TriggerMessage's customTrigger. Profiles and
limits stand in `limits`, commands and all else here.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.facts import (
    AvailabilityRequested,
    CacheCleared,
    ChargingProfileSet,
    CostTold,
    DataTransferred,
    DisplayMessageCleared,
    DisplayMessageSet,
    Fact,
    LocalListSent,
    LocalListVersionTold,
    MessageTriggered,
    RemoteStartRequested,
    RemoteStopRequested,
    ReportPartReceived,
    ReportRequested,
    ReservationCancelled,
    ReservationEnded,
    ReservationMade,
    ResetRequested,
    UnlockRequested,
    Where,
)
from proxy.ocpp.profiles import profile_of
from proxy.ocpp.reading import Reading, Readings, kept, merged, told
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import characters, identifier, integer, items, mapping, number, text, truth
from proxy.ocpp.v20 import limits
from proxy.ocpp.v20.members import at_evse, named, place_of, status_of


def _request_start(where: Where, call: Any, answer: Any) -> list[Fact]:
    """A profile inside it is set with the start, hence with its status (F01, F02)."""
    place, status = at_evse(call.get("evseId")), status_of(answer)
    requested = RemoteStartRequested(
        *where,
        who=named(call.get("idToken")),
        place=place,
        remote_start_id=integer(call.get("remoteStartId")),
        status=status,
        transaction_id=identifier(mapping(answer).get("transactionId")),
    )
    profile = call.get("chargingProfile")
    if not mapping(profile):
        return [requested]
    limit = ChargingProfileSet(
        *where, place=place, profile=profile_of(profile), status=status, source="RequestStartTransaction"
    )
    return [requested, limit]


def _request_stop(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        RemoteStopRequested(
            *where, transaction_id=identifier(call.get("transactionId")), status=status_of(answer)
        )
    ]


def _reset(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        ResetRequested(
            *where,
            kind=text(call.get("type")),
            place=at_evse(call.get("evseId")),
            status=status_of(answer),
        )
    ]


def _unlock(where: Where, call: Any, answer: Any) -> list[Fact]:
    place = at_evse(call.get("evseId"), call.get("connectorId"))
    return [UnlockRequested(*where, place=place, status=status_of(answer))]


def _change_availability(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        AvailabilityRequested(
            *where,
            place=place_of(call.get("evse")),
            kind=text(call.get("operationalStatus")),
            status=status_of(answer),
        )
    ]


def _trigger(where: Where, call: Any, answer: Any) -> list[Fact]:
    """2.1: CustomTrigger stands for the vendor's own word beside it (F06)."""
    message = text(call.get("requestedMessage"))
    if message == "CustomTrigger":
        message = text(call.get("customTrigger")) or message
    return [
        MessageTriggered(*where, message=message, place=place_of(call.get("evse")), status=status_of(answer))
    ]


def _clear_cache(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [CacheCleared(*where, status=status_of(answer))]


def _send_local_list(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        LocalListSent(
            *where,
            version=integer(call.get("versionNumber")),
            kind=text(call.get("updateType")),
            entries=len(items(call.get("localAuthorizationList"))),
            status=status_of(answer),
        )
    ]


def _local_list_version(where: Where, call: Any, answer: Any) -> list[Fact]:
    version = integer(mapping(answer).get("versionNumber"))
    return [] if version is None else [LocalListVersionTold(*where, version=version)]


def _reserve(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        ReservationMade(
            *where,
            reservation_id=integer(call.get("id")),
            place=at_evse(call.get("evseId")),
            who=named(call.get("idToken")),
            expires=moment(call.get("expiryDateTime")),
            status=status_of(answer),
        )
    ]


def _cancel_reservation(where: Where, call: Any, answer: Any) -> list[Fact]:
    reservation_id = integer(call.get("reservationId"))
    return [ReservationCancelled(*where, reservation_id=reservation_id, status=status_of(answer))]


def _reservation_status(where: Where, call: Any) -> list[Fact]:
    """Without an id no reservation is known to have ended."""
    reservation_id, status = integer(call.get("reservationId")), text(call.get("reservationUpdateStatus"))
    if reservation_id is None:
        return []
    return [ReservationEnded(*where, reservation_id=reservation_id, status=status)]


def _set_display_message(where: Where, call: Any, answer: Any) -> list[Fact]:
    message = mapping(call.get("message"))
    return [
        DisplayMessageSet(
            *where,
            message_id=integer(message.get("id")),
            priority=text(message.get("priority")),
            state=text(message.get("state")),
            status=status_of(answer),
        )
    ]


def _clear_display_message(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [DisplayMessageCleared(*where, message_id=integer(call.get("id")), status=status_of(answer))]


def _get_display_messages(where: Where, call: Any, answer: Any) -> list[Fact]:
    wanted = [text(call.get(member)) for member in ("priority", "state")]
    return [
        ReportRequested(
            *where,
            action="GetDisplayMessages",
            request_id=integer(call.get("requestId")),
            what=" ".join(filter(None, wanted)),
            status=status_of(answer),
        )
    ]


def _notify_display_messages(where: Where, call: Any) -> list[Fact]:
    """Parts have no seqNo."""
    return [
        ReportPartReceived(
            *where,
            action="NotifyDisplayMessages",
            request_id=integer(call.get("requestId")),
            more=truth(call.get("tbc")) is True,
            entries=len(items(call.get("messageInfo"))),
        )
    ]


def _cost_updated(where: Where, call: Any) -> list[Fact]:
    """What the CSMS says of money is so, whether the charge point answers or not."""
    return [
        CostTold(
            *where,
            transaction_id=identifier(call.get("transactionId")),
            total=number(call.get("totalCost")),
            direction=Direction.FROM_CSMS,
            source="CostUpdated",
        )
    ]


def _data_transfer(direction: Direction, where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        DataTransferred(
            *where,
            direction=direction,
            vendor_id=text(call.get("vendorId")),
            message_id=text(call.get("messageId")),
            status=status_of(answer),
            size=characters(call.get("data")),
        )
    ]


_TRANSFERS: Final = {
    direction: {"DataTransfer": Reading(answered=kept(partial(_data_transfer, direction)))}
    for direction in DIRECTIONS
}
_COMMANDS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "NotifyDisplayMessages": Reading(said=told(_notify_display_messages)),
        "ReservationStatusUpdate": Reading(said=told(_reservation_status)),
    },
    Direction.FROM_CSMS: {
        "CancelReservation": Reading(answered=kept(_cancel_reservation)),
        "ChangeAvailability": Reading(answered=kept(_change_availability)),
        "ClearCache": Reading(answered=_clear_cache),
        "ClearDisplayMessage": Reading(answered=kept(_clear_display_message)),
        "CostUpdated": Reading(said=told(_cost_updated)),
        "GetDisplayMessages": Reading(answered=kept(_get_display_messages)),
        "GetLocalListVersion": Reading(answered=_local_list_version),
        "RequestStartTransaction": Reading(answered=kept(_request_start)),
        "RequestStopTransaction": Reading(answered=kept(_request_stop)),
        "ReserveNow": Reading(answered=kept(_reserve)),
        "Reset": Reading(answered=kept(_reset)),
        "SendLocalList": Reading(answered=kept(_send_local_list)),
        "SetDisplayMessage": Reading(answered=kept(_set_display_message)),
        "TriggerMessage": Reading(answered=kept(_trigger)),
        "UnlockConnector": Reading(answered=kept(_unlock)),
    },
}
READINGS: Final[Readings] = merged(_COMMANDS, _TRANSFERS, limits.READINGS)
