"""1.6: what commands, charging profiles, reservations, the local list and DataTransfer say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.names import Direction
from proxy.ocpp.facts import (
    NOWHERE,
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
    Moment,
    Named,
    Place,
    Profile,
    RemoteStartRequested,
    RemoteStopRequested,
    ReservationCancelled,
    ReservationMade,
    ResetRequested,
    UnlockRequested,
)
from proxy.ocpp.v16 import READINGS as ALL
from proxy.ocpp.v16.control import READINGS
from tests.ocpp.v16.messages import (
    DEEP,
    NOON,
    NOON_NS,
    STRANGE,
    WHERE,
    actions,
    answered,
    every_fact_filled_with,
    every_fact_of,
)

AT_NOON = Moment(NOON_NS)
PERIODS = [{"startPeriod": 0, "limit": 16.0, "numberPhases": 3}, {"startPeriod": 600, "limit": 6}]
SCHEDULE = {
    "chargingRateUnit": "A",
    "duration": 3600,
    "startSchedule": NOON,
    "chargingSchedulePeriod": PERIODS,
}
PROFILE = {
    "chargingProfileId": 4,
    "transactionId": 77,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
    "validFrom": NOON,
    "validTo": "2026-11-21T13:00:00Z",
    "chargingSchedule": SCHEDULE,
}
READ = Profile(
    profile_id=4,
    stack_level=1,
    purpose="TxProfile",
    kind="Absolute",
    recurrency="",
    transaction_id="77",
    unit="A",
    start=AT_NOON,
    duration_seconds=3600,
    valid_from=AT_NOON,
    valid_to=Moment(NOON_NS + 3_600_000_000_000),
    periods=((0, 16.0, 3), (600, 6.0, None)),
    schedules=1,
)


def test_every_action_of_the_standard_is_read_and_no_other() -> None:
    """The security extension included; DataTransfer goes both ways."""
    found = [action for table in ALL.values() for action in table]
    assert set(found) == actions()
    assert sorted({action for action in found if found.count(action) > 1}) == ["DataTransfer"]


def test_a_remote_start() -> None:
    call = {"connectorId": 2, "idTag": "04AABB"}
    assert answered("RemoteStartTransaction", call, {"status": "Accepted"}) == [
        RemoteStartRequested(
            *WHERE,
            who=Named("04AABB"),
            place=Place(None, 2),
            remote_start_id=None,
            status="Accepted",
            transaction_id="",
        )
    ]


def test_a_remote_start_may_carry_a_profile() -> None:
    call = {"connectorId": 2, "idTag": "04AABB", "chargingProfile": PROFILE}
    assert answered("RemoteStartTransaction", call, {"status": "Rejected"}) == [
        RemoteStartRequested(*WHERE, who=Named("04AABB"), place=Place(None, 2), status="Rejected"),
        ChargingProfileSet(
            *WHERE, place=Place(None, 2), profile=READ, status="Rejected", source="RemoteStartTransaction"
        ),
    ]


@pytest.mark.parametrize("profile", [None, {}, [], "none", 7])
def test_a_remote_start_without_a_readable_profile_sets_none(profile: object) -> None:
    call = {"idTag": "04AABB", "chargingProfile": profile}
    assert answered("RemoteStartTransaction", call, {"status": "Accepted"}) == [
        RemoteStartRequested(*WHERE, who=Named("04AABB"), place=NOWHERE, status="Accepted")
    ]


@pytest.mark.parametrize(
    ("told", "known"),
    [(77, "77"), (0, "0"), (-1, "-1"), (9223372036854775807, "9223372036854775807"), ("a", "a"), (None, "")],
)
def test_a_remote_stop(told: object, known: str) -> None:
    """Quirk 59."""
    assert answered("RemoteStopTransaction", {"transactionId": told}, {"status": "Accepted"}) == [
        RemoteStopRequested(*WHERE, transaction_id=known, status="Accepted")
    ]


def test_a_reset() -> None:
    assert answered("Reset", {"type": "Hard"}, {"status": "Accepted"}) == [
        ResetRequested(*WHERE, kind="Hard", place=NOWHERE, status="Accepted")
    ]


def test_a_connector_is_unlocked() -> None:
    assert answered("UnlockConnector", {"connectorId": 1}, {"status": "UnlockFailed"}) == [
        UnlockRequested(*WHERE, place=Place(None, 1), status="UnlockFailed")
    ]


def test_a_connector_is_taken_out_of_service() -> None:
    call = {"connectorId": 0, "type": "Inoperative"}
    assert answered("ChangeAvailability", call, {"status": "Scheduled"}) == [
        AvailabilityRequested(*WHERE, place=Place(None, 0), kind="Inoperative", status="Scheduled")
    ]


@pytest.mark.parametrize("action", ["TriggerMessage", "ExtendedTriggerMessage"])
def test_a_message_is_triggered(action: str) -> None:
    call = {"requestedMessage": "MeterValues", "connectorId": 1}
    assert answered(action, call, {"status": "NotImplemented"}) == [
        MessageTriggered(*WHERE, message="MeterValues", place=Place(None, 1), status="NotImplemented")
    ]


@pytest.mark.parametrize("call", [None, {}])
def test_the_cache_is_cleared(call: object) -> None:
    assert answered("ClearCache", call, {"status": "Accepted"}) == [CacheCleared(*WHERE, status="Accepted")]


def test_a_local_list_is_sent() -> None:
    entries = [{"idTag": "04AABB", "idTagInfo": {"status": "Accepted"}}, {"idTag": "04CCDD"}]
    call = {"listVersion": 9, "updateType": "Differential", "localAuthorizationList": entries}
    assert answered("SendLocalList", call, {"status": "VersionMismatch"}) == [
        LocalListSent(*WHERE, version=9, kind="Differential", entries=2, status="VersionMismatch")
    ]


def test_a_full_list_of_nobody_has_no_entries() -> None:
    call = {"listVersion": 1, "updateType": "Full"}
    assert answered("SendLocalList", call, {"status": "Accepted"}) == [
        LocalListSent(*WHERE, version=1, kind="Full", entries=0, status="Accepted")
    ]


def test_of_a_list_that_was_not_kept_nobody_counts_the_entries() -> None:
    assert answered("SendLocalList", None, {"status": "Accepted"}) == []


@pytest.mark.parametrize(("told", "version"), [(9, 9), (0, 0), (-1, -1), ("9", 9)])
def test_the_version_of_the_local_list(told: object, version: int) -> None:
    """1.6 §5.10: -1 is no list at all."""
    assert answered("GetLocalListVersion", {}, {"listVersion": told}) == [
        LocalListVersionTold(*WHERE, version=version)
    ]


@pytest.mark.parametrize("answer", [None, {}, {"listVersion": "new"}])
def test_an_unreadable_version_is_not_told(answer: object) -> None:
    assert answered("GetLocalListVersion", {}, answer) == []


def test_a_reservation() -> None:
    call = {"connectorId": 1, "expiryDate": NOON, "idTag": "04AABB", "reservationId": 5}
    assert answered("ReserveNow", call, {"status": "Occupied"}) == [
        ReservationMade(
            *WHERE,
            reservation_id=5,
            place=Place(None, 1),
            who=Named("04AABB"),
            expires=AT_NOON,
            status="Occupied",
        )
    ]


def test_a_reservation_is_cancelled() -> None:
    assert answered("CancelReservation", {"reservationId": -5}, {"status": "Rejected"}) == [
        ReservationCancelled(*WHERE, reservation_id=-5, status="Rejected")
    ]


def test_a_profile_is_set() -> None:
    call = {"connectorId": 1, "csChargingProfiles": PROFILE}
    assert answered("SetChargingProfile", call, {"status": "Accepted"}) == [
        ChargingProfileSet(
            *WHERE, place=Place(None, 1), profile=READ, status="Accepted", source="SetChargingProfile"
        )
    ]


def test_a_profile_as_two_vendors_write_it() -> None:
    """Quirks 32 (startSchedule "0") and 36 (unit "Power")."""
    schedule = {**SCHEDULE, "startSchedule": "0", "chargingRateUnit": "Power"}
    call = {"csChargingProfiles": {"chargingSchedule": schedule}}
    [fact] = answered("SetChargingProfile", call, {"status": "Accepted"})
    assert isinstance(fact, ChargingProfileSet)
    assert (fact.profile.unit, fact.profile.start) == ("W", Moment(None, "0"))


def test_profiles_are_cleared() -> None:
    call = {"id": 4, "connectorId": 0, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 2}
    assert answered("ClearChargingProfile", call, {"status": "Unknown"}) == [
        ChargingProfilesCleared(
            *WHERE,
            profile_id=4,
            place=Place(None, 0),
            purpose="TxDefaultProfile",
            stack_level=2,
            status="Unknown",
        )
    ]
    assert answered("ClearChargingProfile", {}, {"status": "Accepted"}) == [
        ChargingProfilesCleared(*WHERE, status="Accepted")
    ]


def composite(answer: object) -> CompositeScheduleTold:
    [fact] = answered("GetCompositeSchedule", {"connectorId": 1, "duration": 3600}, answer)
    assert isinstance(fact, CompositeScheduleTold)
    return fact


def test_a_composite_schedule_counts_from_its_start() -> None:
    """1.6 §6.22."""
    schedule = {**SCHEDULE, "startSchedule": "2026-11-21T11:00:00Z"}
    answer = {"status": "Accepted", "connectorId": 2, "scheduleStart": NOON, "chargingSchedule": schedule}
    assert composite(answer) == CompositeScheduleTold(
        *WHERE,
        place=Place(None, 2),
        schedule=Profile(
            unit="A", start=AT_NOON, duration_seconds=3600, periods=((0, 16.0, 3), (600, 6.0, None))
        ),
        status="Accepted",
    )


def test_without_a_start_beside_it_the_schedules_own_counts() -> None:
    told = composite({"status": "Accepted", "chargingSchedule": SCHEDULE})
    assert (told.place, told.schedule.start) == (Place(None, 1), AT_NOON)


def test_a_refused_composite_schedule_has_no_periods() -> None:
    told = composite({"status": "Rejected"})
    assert (told.place, told.status) == (Place(None, 1), "Rejected")
    assert (told.schedule.periods, told.schedule.unit, told.schedule.schedules) == ((), "", 0)


@pytest.mark.parametrize("sender", [Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS])
def test_data_of_a_vendor_goes_both_ways(sender: Direction) -> None:
    call = {"vendorId": "acme.example", "messageId": "tariff", "data": "abcé"}
    assert answered("DataTransfer", call, {"status": "UnknownMessageId"}, sender) == [
        DataTransferred(
            *WHERE,
            direction=sender,
            vendor_id="acme.example",
            message_id="tariff",
            status="UnknownMessageId",
            size=4,
        )
    ]


@pytest.mark.parametrize(
    ("data", "size"),
    [(None, 0), ("", 0), ({"a": "é"}, 9), ([1, 2], 5), (7, 1), ("x" * 70_000, 70_000), (DEEP, 0)],
)
def test_how_much_a_vendor_sent(data: object, size: int) -> None:
    call = {"vendorId": "acme.example", "messageId": "null", "data": data}
    [fact] = answered("DataTransfer", call, {"status": "Accepted"}, Direction.FROM_CSMS)
    assert fact == DataTransferred(
        *WHERE, direction=Direction.FROM_CSMS, vendor_id="acme.example", status="Accepted", size=size
    )


def test_of_data_that_was_not_kept_nobody_knows_the_size() -> None:
    assert answered("DataTransfer", None, {"status": "Accepted"}, Direction.FROM_CSMS) == []


@pytest.mark.parametrize(
    ("action", "call"),
    [("Reset", {"type": "Soft"}), ("UnlockConnector", {"connectorId": 1}), ("RemoteStopTransaction", {})],
)
def test_a_command_sent_back_has_no_status(action: str, call: object) -> None:
    """Quirk 47."""
    [fact] = answered(action, call, call)
    assert isinstance(fact, ResetRequested | UnlockRequested | RemoteStopRequested)
    assert fact.status == ""


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: str(type(value)))
def test_any_value_in_every_member_gives_facts(value: object) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_filled_with(READINGS, value))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(READINGS, data))
