"""2.x: commands, charging profiles, reservations, local list, display, costs, DataTransfer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.facts import (
    NOBODY,
    NOWHERE,
    AvailabilityRequested,
    CacheCleared,
    ChargingLimitChanged,
    ChargingProfileReported,
    ChargingProfilesCleared,
    ChargingProfileSet,
    ChargingScheduleAnnounced,
    CompositeScheduleTold,
    CostTold,
    DataTransferred,
    DisplayMessageCleared,
    DisplayMessageSet,
    Fact,
    LocalListSent,
    LocalListVersionTold,
    MessageTriggered,
    Named,
    Place,
    Profile,
    RemoteStartRequested,
    RemoteStopRequested,
    ReportPartReceived,
    ReportRequested,
    ReservationCancelled,
    ReservationEnded,
    ReservationMade,
    ResetRequested,
    UnlockRequested,
)
from proxy.ocpp.times import moment
from proxy.ocpp.v20.control import READINGS
from tests.ocpp.v2 import BOTH, WHERE, answered, every_fact_of, said

pytestmark = pytest.mark.parametrize("version", BOTH)
NOON = "2026-05-01T12:00:00Z"
OK = {"status": "Accepted"}
TOKEN = {"idToken": "04A1B2", "type": "ISO14443"}
SCHEDULE = {
    "id": 1,
    "startSchedule": NOON,
    "duration": 600,
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16, "numberPhases": 3}],
}
LIMITED = Profile(unit="A", start=moment(NOON), duration_seconds=600, periods=((0, 16.0, 3),))
PROFILE = {
    "id": 5,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
    "transactionId": "tx-7",
    "chargingSchedule": [SCHEDULE],
}
PROFILED = Profile(
    profile_id=5,
    stack_level=1,
    purpose="TxProfile",
    kind="Absolute",
    transaction_id="tx-7",
    unit="A",
    start=moment(NOON),
    duration_seconds=600,
    periods=((0, 16.0, 3),),
)


def test_remote_start(version: str) -> None:
    call = {"evseId": 2, "idToken": TOKEN, "remoteStartId": 31}
    answer = {"status": "Accepted", "transactionId": "tx-7"}
    assert answered(version, "RequestStartTransaction", call, answer) == [
        RemoteStartRequested(
            *WHERE,
            who=Named("04A1B2", "ISO14443"),
            place=Place(2),
            remote_start_id=31,
            status="Accepted",
            transaction_id="tx-7",
        )
    ]


def test_a_profile_inside_a_remote_start_is_set_with_it(version: str) -> None:
    call = {"idToken": TOKEN, "remoteStartId": 31, "chargingProfile": PROFILE}
    started, limited = answered(version, "RequestStartTransaction", call, {"status": "Rejected"})
    assert isinstance(started, RemoteStartRequested)
    assert limited == ChargingProfileSet(
        *WHERE, place=NOWHERE, profile=PROFILED, status="Rejected", source="RequestStartTransaction"
    )


@pytest.mark.parametrize("transaction_id", ["tx-7", "-1", "0", "9223372036854775807"])
def test_remote_stop(version: str, transaction_id: str) -> None:
    """Ids of 2.x are strings, whatever they look like (quirk 59)."""
    assert answered(version, "RequestStopTransaction", {"transactionId": transaction_id}, OK) == [
        RemoteStopRequested(*WHERE, transaction_id=transaction_id, status="Accepted")
    ]


@pytest.mark.parametrize(("more", "place"), [({"evseId": 2}, Place(2)), ({}, NOWHERE)])
def test_reset(version: str, more: dict[str, int], place: Place) -> None:
    call = {"type": "ImmediateAndResume", **more}
    assert answered(version, "Reset", call, {"status": "Scheduled"}) == [
        ResetRequested(*WHERE, kind="ImmediateAndResume", place=place, status="Scheduled")
    ]


def test_unlock(version: str) -> None:
    call = {"evseId": 2, "connectorId": 1}
    assert answered(version, "UnlockConnector", call, {"status": "UnlockFailed"}) == [
        UnlockRequested(*WHERE, place=Place(2, 1), status="UnlockFailed")
    ]


@pytest.mark.parametrize(
    ("evse", "place"), [({"id": 2, "connectorId": 1}, Place(2, 1)), ({"id": 0}, Place(0)), (None, NOWHERE)]
)
def test_change_availability(version: str, evse: object, place: Place) -> None:
    call = {"evse": evse, "operationalStatus": "Inoperative"}
    assert answered(version, "ChangeAvailability", call, {"status": "Scheduled"}) == [
        AvailabilityRequested(*WHERE, place=place, kind="Inoperative", status="Scheduled")
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"requestedMessage": "MeterValues"}, "MeterValues"),
        ({"requestedMessage": "CustomTrigger", "customTrigger": "FanTest"}, "FanTest"),
        ({"requestedMessage": "CustomTrigger"}, "CustomTrigger"),
    ],
)
def test_trigger(version: str, more: dict[str, str], message: str) -> None:
    call = {"evse": {"id": 2}, **more}
    assert answered(version, "TriggerMessage", call, {"status": "NotImplemented"}) == [
        MessageTriggered(*WHERE, message=message, place=Place(2), status="NotImplemented")
    ]


def test_clear_cache(version: str) -> None:
    assert answered(version, "ClearCache", {}, OK) == [CacheCleared(*WHERE, status="Accepted")]


def test_send_local_list(version: str) -> None:
    call = {"versionNumber": 12, "updateType": "Full", "localAuthorizationList": [{"idToken": TOKEN}] * 3}
    assert answered(version, "SendLocalList", call, {"status": "VersionMismatch"}) == [
        LocalListSent(*WHERE, version=12, kind="Full", entries=3, status="VersionMismatch")
    ]


def test_local_list_version(version: str) -> None:
    assert answered(version, "GetLocalListVersion", {}, {"versionNumber": 12}) == [
        LocalListVersionTold(*WHERE, version=12)
    ]
    assert answered(version, "GetLocalListVersion", {}, {}) == []


@pytest.mark.parametrize(
    ("id_token", "who"), [(TOKEN, Named("04A1B2", "ISO14443")), ("04A1B2", Named("04A1B2")), (None, NOBODY)]
)
def test_reserve_now(version: str, id_token: object, who: Named) -> None:
    call = {"id": 44, "expiryDateTime": NOON, "idToken": id_token, "evseId": 1}
    assert answered(version, "ReserveNow", call, {"status": "Occupied"}) == [
        ReservationMade(
            *WHERE, reservation_id=44, place=Place(1), who=who, expires=moment(NOON), status="Occupied"
        )
    ]


def test_cancel_reservation(version: str) -> None:
    assert answered(version, "CancelReservation", {"reservationId": 44}, {"status": "Rejected"}) == [
        ReservationCancelled(*WHERE, reservation_id=44, status="Rejected")
    ]


def test_reservation_ended(version: str) -> None:
    call = {"reservationId": 44, "reservationUpdateStatus": "NoTransaction"}
    assert said(version, "ReservationStatusUpdate", call) == [
        ReservationEnded(*WHERE, reservation_id=44, status="NoTransaction")
    ]


def test_no_reservation_ends_without_an_id(version: str) -> None:
    assert said(version, "ReservationStatusUpdate", {"reservationUpdateStatus": "Expired"}) == []


def test_set_charging_profile(version: str) -> None:
    call = {"evseId": 2, "chargingProfile": PROFILE}
    assert answered(version, "SetChargingProfile", call, OK) == [
        ChargingProfileSet(
            *WHERE, place=Place(2), profile=PROFILED, status="Accepted", source="SetChargingProfile"
        )
    ]


def test_clear_charging_profiles(version: str) -> None:
    criteria = {"evseId": 2, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 3}
    call = {"chargingProfileId": 5, "chargingProfileCriteria": criteria}
    assert answered(version, "ClearChargingProfile", call, {"status": "Unknown"}) == [
        ChargingProfilesCleared(
            *WHERE,
            profile_id=5,
            place=Place(2),
            purpose="TxDefaultProfile",
            stack_level=3,
            status="Unknown",
        )
    ]


def test_get_charging_profiles(version: str) -> None:
    call = {"requestId": 8, "chargingProfile": {"chargingProfilePurpose": "TxProfile"}}
    assert answered(version, "GetChargingProfiles", call, {"status": "NoProfiles"}) == [
        ReportRequested(
            *WHERE, action="GetChargingProfiles", request_id=8, what="TxProfile", status="NoProfiles"
        )
    ]


def test_report_charging_profiles(version: str) -> None:
    call = {
        "requestId": 8,
        "chargingLimitSource": "CSO",
        "chargingProfile": [PROFILE, PROFILE],
        "tbc": True,
        "evseId": 2,
    }
    reported = ChargingProfileReported(
        *WHERE, place=Place(2), profile=PROFILED, limit_source="CSO", request_id=8
    )
    part = ReportPartReceived(
        *WHERE, action="ReportChargingProfiles", request_id=8, seq_no=None, more=True, entries=2
    )
    assert said(version, "ReportChargingProfiles", call) == [reported, reported, part]


def test_composite_schedule(version: str) -> None:
    schedule = {**SCHEDULE, "scheduleStart": NOON, "startSchedule": None, "evseId": 2}
    answer = {"status": "Accepted", "schedule": schedule}
    assert answered(version, "GetCompositeSchedule", {"duration": 600, "evseId": 2}, answer) == [
        CompositeScheduleTold(*WHERE, place=Place(2), schedule=LIMITED, status="Accepted")
    ]


def test_composite_schedule_tells_its_evse_itself_when_the_call_was_not_kept(version: str) -> None:
    [told] = answered(version, "GetCompositeSchedule", None, {"schedule": {"evseId": 0}})
    assert told == CompositeScheduleTold(*WHERE, place=Place(0), schedule=Profile(), status="")


def test_charging_limit(version: str) -> None:
    limit = {"chargingLimitSource": "SO", "isGridCritical": True}
    call = {"evseId": 2, "chargingLimit": limit, "chargingSchedule": [SCHEDULE]}
    assert said(version, "NotifyChargingLimit", call) == [
        ChargingLimitChanged(
            *WHERE, place=Place(2), source="SO", cleared=False, grid_critical=True, schedule=LIMITED
        )
    ]


def test_charging_limit_without_a_schedule(version: str) -> None:
    [told] = said(version, "NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "EMS"}})
    assert told == ChargingLimitChanged(*WHERE, source="EMS", grid_critical=None, schedule=None)


def test_cleared_charging_limit(version: str) -> None:
    assert said(version, "ClearedChargingLimit", {"chargingLimitSource": "SO", "evseId": 2}) == [
        ChargingLimitChanged(
            *WHERE, place=Place(2), source="SO", cleared=True, grid_critical=None, schedule=None
        )
    ]


def test_ev_charging_schedule(version: str) -> None:
    call = {"timeBase": NOON, "evseId": 2, "chargingSchedule": SCHEDULE}
    assert answered(version, "NotifyEVChargingSchedule", call, {"status": "Rejected"}) == [
        ChargingScheduleAnnounced(
            *WHERE, place=Place(2), schedule=LIMITED, status="Rejected", told=moment(NOON)
        )
    ]


def test_set_display_message(version: str) -> None:
    message = {"id": 3, "priority": "InFront", "state": "Idle", "message": {"content": "Hello"}}
    assert answered(version, "SetDisplayMessage", {"message": message}, OK) == [
        DisplayMessageSet(*WHERE, message_id=3, priority="InFront", state="Idle", status="Accepted")
    ]


def test_clear_display_message(version: str) -> None:
    assert answered(version, "ClearDisplayMessage", {"id": 3}, {"status": "Unknown"}) == [
        DisplayMessageCleared(*WHERE, message_id=3, status="Unknown")
    ]


def test_get_display_messages(version: str) -> None:
    call = {"requestId": 10, "priority": "InFront", "state": "Idle"}
    assert answered(version, "GetDisplayMessages", call, OK) == [
        ReportRequested(
            *WHERE, action="GetDisplayMessages", request_id=10, what="InFront Idle", status="Accepted"
        )
    ]


def test_notify_display_messages(version: str) -> None:
    call = {"requestId": 10, "tbc": True, "messageInfo": [{"id": 3}, {"id": 4}]}
    assert said(version, "NotifyDisplayMessages", call) == [
        ReportPartReceived(
            *WHERE, action="NotifyDisplayMessages", request_id=10, seq_no=None, more=True, entries=2
        )
    ]


def test_cost_updated(version: str) -> None:
    assert said(version, "CostUpdated", {"totalCost": "3.15", "transactionId": "tx-7"}) == [
        CostTold(
            *WHERE,
            transaction_id="tx-7",
            total=3.15,
            currency="",
            direction=Direction.FROM_CSMS,
            source="CostUpdated",
        )
    ]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    ("data", "size"),
    [("hello", 5), ({"a": [1, 2]}, 11), (None, 0), (False, 5), ("\u00e4\u00e4", 2), ({"a": "\ud800"}, 0)],
)
def test_data_transfer(version: str, direction: Direction, data: object, size: int) -> None:
    call = {"vendorId": "com.example", "messageId": "Hi", "data": data}
    answer = {"status": "UnknownMessageId"}
    assert answered(version, "DataTransfer", call, answer, direction) == [
        DataTransferred(
            *WHERE,
            direction=direction,
            vendor_id="com.example",
            message_id="Hi",
            status="UnknownMessageId",
            size=size,
        )
    ]


@pytest.mark.parametrize("action", ["ClearChargingProfile", "Reset", "ChangeAvailability", "SendLocalList"])
def test_a_command_whose_call_was_not_kept_says_nothing(version: str, action: str) -> None:
    """What is left out of these means any, all, the whole charge point: it would be a false statement."""
    assert answered(version, action, None, OK) == []


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(version: str, data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(version, READINGS, data))
