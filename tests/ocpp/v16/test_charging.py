"""1.6: what boot, heartbeat, status, authorization, transactions and meter values say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    NOBODY,
    NOWHERE,
    UNTOLD,
    Authorized,
    Availability,
    Booted,
    Fact,
    FaultCleared,
    FaultReported,
    HeartbeatIntervalSet,
    HeartbeatSeen,
    MeterSampled,
    Moment,
    Named,
    Outcome,
    Place,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    meter_sampled,
)
from proxy.ocpp.meter import kind_of, samples
from proxy.ocpp.v16.charging import READINGS
from tests.ocpp.v16.messages import (
    DEEP,
    NOON,
    NOON_NS,
    STRANGE,
    WHERE,
    answered,
    every_fact_filled_with,
    every_fact_of,
    reading,
    said,
)

AT_NOON = Moment(NOON_NS)
BOOT = {
    "chargePointVendor": "Acme",
    "chargePointModel": "Wall",
    "chargePointSerialNumber": "SN-1",
    "chargeBoxSerialNumber": "BOX-1",
    "firmwareVersion": "1.2",
    "iccid": "8931000000000000001",
    "imsi": "204040000000001",
    "meterType": "M3",
    "meterSerialNumber": "MS-9",
}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": NOON}
START = {"connectorId": 2, "idTag": "04AABB", "meterStart": 1200, "timestamp": NOON, "reservationId": 5}
STOP = {"transactionId": 77, "idTag": "04AABB", "meterStop": 9200, "timestamp": NOON, "reason": "Remote"}
ELEMENT = {"timestamp": NOON, "sampledValue": [{"value": "1234"}]}


def of(kind: type[Fact], facts: list[Fact]) -> list[Any]:
    return [fact for fact in facts if type(fact) is kind]


def boot(call: object, answer: object) -> list[Fact]:
    return answered("BootNotification", call, answer)


def test_an_accepted_boot_sets_the_interval() -> None:
    assert boot(BOOT, {"status": "Accepted", "currentTime": NOON, "interval": 300}) == [
        Booted(
            *WHERE,
            vendor="Acme",
            model="Wall",
            firmware="1.2",
            serial="SN-1",
            status="Accepted",
            interval_seconds=300,
            told=AT_NOON,
            iccid="8931000000000000001",
            imsi="204040000000001",
            meter_type="M3",
            meter_serial="MS-9",
        ),
        HeartbeatIntervalSet(*WHERE, seconds=300, source="BootNotification"),
    ]


@pytest.mark.parametrize("status", ["Pending", "Rejected", "", None, 17])
def test_a_boot_not_accepted_sets_no_interval(status: object) -> None:
    facts = boot(BOOT, {"status": status, "interval": 300})
    assert of(HeartbeatIntervalSet, facts) == []
    assert of(Booted, facts)[0].interval_seconds == 300


@pytest.mark.parametrize(("interval", "seconds"), [(0, 0), ("600", 600), (43200.0, 43200)])
def test_an_interval_of_nought_or_of_another_type_is_one(interval: object, seconds: int) -> None:
    facts = boot(BOOT, {"status": "Accepted", "interval": interval})
    assert of(HeartbeatIntervalSet, facts) == [HeartbeatIntervalSet(*WHERE, seconds, "BootNotification")]


def test_the_charge_box_serial_number_is_second_best() -> None:
    assert boot({"chargePointSerialNumber": "null", "chargeBoxSerialNumber": 4711}, None) == [
        Booted(*WHERE, serial="4711")
    ]


def test_a_boot_says_null_for_nothing_and_too_much_for_the_standard() -> None:
    """Quirks 41 and 35."""
    [booted] = boot({"iccid": "null", "imsi": "NULL", "chargePointModel": "long " * 40}, {})
    assert booted == Booted(*WHERE, model="long " * 40)


def test_a_heartbeat_tells_the_clock_of_the_csms() -> None:
    assert answered("Heartbeat", {}, {"currentTime": NOON}) == [HeartbeatSeen(*WHERE, told=AT_NOON)]
    assert answered("Heartbeat", None, {}) == [HeartbeatSeen(*WHERE, told=UNTOLD)]


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-11-21T12:00:00.000Z", AT_NOON),
        ("2026-11-21T13:00:00+01:00", AT_NOON),
        ("1970-01-01T00:00:00Z", Moment(0)),
        ("2026-11-21T12:00:00", Moment(None, "2026-11-21T12:00:00")),
        ("0", Moment(None, "0")),
        (0, Moment(None, "0")),
        ("", UNTOLD),
        ("null", UNTOLD),
        (None, UNTOLD),
        (True, UNTOLD),
        (DEEP, UNTOLD),
    ],
)
def test_times_are_not_guessed_at(told: object, moment: Moment) -> None:
    """Quirks 37 and 79; what cannot be read as a time keeps its text."""
    assert answered("Heartbeat", {}, {"currentTime": told}) == [HeartbeatSeen(*WHERE, told=moment)]


def test_a_status_without_an_error() -> None:
    assert said("StatusNotification", STATUS) == [
        StatusChanged(
            *WHERE,
            place=Place(None, 1),
            status="Available",
            availability=Availability.AVAILABLE,
            told=AT_NOON,
            source="StatusNotification",
            error_code="NoError",
        ),
        FaultCleared(*WHERE, place=Place(None, 1), told=AT_NOON),
    ]


def test_a_fault_with_the_codes_of_its_vendor() -> None:
    payload = {
        "connectorId": 0,
        "errorCode": "OtherError",
        "status": "Faulted",
        "timestamp": NOON,
        "info": "cable",
        "vendorId": "acme.example",
        "vendorErrorCode": "CX001,CX014",
    }
    assert said("StatusNotification", payload) == [
        StatusChanged(
            *WHERE,
            place=Place(None, 0),
            status="Faulted",
            availability=Availability.FAULTED,
            told=AT_NOON,
            source="StatusNotification",
            error_code="OtherError",
            info="cable",
            vendor_id="acme.example",
            vendor_error_code="CX001,CX014",
        ),
        FaultReported(
            *WHERE,
            place=Place(None, 0),
            code="OtherError",
            vendor_id="acme.example",
            vendor_codes=("CX001", "CX014"),
            info="cable",
            status="Faulted",
            told=AT_NOON,
        ),
    ]


@pytest.mark.parametrize(
    ("word", "availability"),
    [
        ("Available", Availability.AVAILABLE),
        ("Preparing", Availability.OCCUPIED),
        ("Charging", Availability.OCCUPIED),
        ("SuspendedEVSE", Availability.OCCUPIED),
        ("SuspendedEV", Availability.OCCUPIED),
        ("Finishing", Availability.OCCUPIED),
        ("Reserved", Availability.RESERVED),
        ("Unavailable", Availability.UNAVAILABLE),
        ("Faulted", Availability.FAULTED),
        ("suspendedEvse", Availability.OCCUPIED),
        ("Occupied", Availability.OCCUPIED),
        ("Sleeping", Availability.UNKNOWN),
    ],
)
def test_what_a_status_means_for_the_next_driver(word: str, availability: Availability) -> None:
    [changed] = of(StatusChanged, said("StatusNotification", {**STATUS, "status": word}))
    assert (changed.status, changed.availability) == (word, availability)


def test_an_error_beside_a_working_status_is_a_warning() -> None:
    """1.6 §4.9: charging is still possible; and a code of no standard (quirk 36) is a code."""
    [fault] = of(FaultReported, said("StatusNotification", {"errorCode": "Error", "status": "Charging"}))
    assert fault == FaultReported(*WHERE, code="Error", status="Charging")


def test_faulted_without_an_error_neither_raises_nor_clears_one() -> None:
    """Quirk 53."""
    facts = said("StatusNotification", {**STATUS, "status": "faulted"})
    assert [type(fact) for fact in facts] == [StatusChanged]


@pytest.mark.parametrize("code", ["", "null", None, [], True])
def test_an_error_code_that_says_nothing_says_nothing(code: object) -> None:
    facts = said("StatusNotification", {**STATUS, "errorCode": code})
    assert [type(fact) for fact in facts] == [StatusChanged]


def test_null_in_words_counts_as_nothing() -> None:
    """Quirk 41."""
    words = {"info": "null", "vendorId": "NULL", "vendorErrorCode": "null", "timestamp": "null"}
    [changed, fault] = said(
        "StatusNotification", {"status": "Faulted", "errorCode": "GroundFailure", **words}
    )
    assert changed == StatusChanged(
        *WHERE,
        status="Faulted",
        availability=Availability.FAULTED,
        source="StatusNotification",
        error_code="GroundFailure",
    )
    assert fault == FaultReported(*WHERE, code="GroundFailure", status="Faulted")


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ("CX001;CX014", ("CX001", "CX014")),
        ('{"reason":"faults","cpv":0}', ('{"reason":"faults","cpv":0}',)),
        ("0x00010004", ("0x00010004",)),
        (4_294_967_295, ("4294967295",)),
        ("", ()),
    ],
)
def test_vendor_codes_are_a_list_objects_and_bit_fields_are_one_code(
    told: object, codes: tuple[str, ...]
) -> None:
    """Quirk 46, EVgo's MREC."""
    [fault] = of(
        FaultReported,
        said("StatusNotification", {"errorCode": "OtherError", "vendorErrorCode": told}),
    )
    assert fault.vendor_codes == codes


def test_an_object_inside_info_stays_text() -> None:
    """Quirk 46."""
    info = '{"reason":"faults","cpv":0}'
    facts = said("StatusNotification", {**STATUS, "errorCode": "OtherError", "info": info})
    assert [of(StatusChanged, facts)[0].info, of(FaultReported, facts)[0].info] == [info, info]


@pytest.mark.parametrize("connector", [None, "", -1, 1.5, "main", []])
def test_a_connector_that_nobody_can_name_is_not_told(connector: object) -> None:
    facts = said("StatusNotification", {**STATUS, "connectorId": connector})
    assert of(StatusChanged, facts)[0].place == of(FaultCleared, facts)[0].place == NOWHERE


@pytest.mark.parametrize("payload", [None, [], {}, "Available", 7])
def test_a_notification_of_nothing_says_nothing(payload: object) -> None:
    for action in ("StatusNotification", "MeterValues", "StopTransaction"):
        assert said(action, payload) == []


def test_the_csms_says_who_may_charge() -> None:
    answer = {"idTagInfo": {"status": "Accepted", "parentIdTag": "GROUP", "expiryDate": NOON}}
    assert answered("Authorize", {"idTag": "04AABB"}, answer) == [
        Authorized(
            *WHERE,
            who=Named("04AABB"),
            status="Accepted",
            source="Authorize",
            parent="GROUP",
            expires=AT_NOON,
        )
    ]


@pytest.mark.parametrize(
    "answer", [None, {}, {"idTag": "04AABB"}, {"idTagInfo": None}, {"idTagInfo": "Accepted"}]
)
def test_without_a_status_nobody_is_authorized_or_refused(answer: object) -> None:
    """Quirk 47: a CSMS that sends the call back has said nothing."""
    assert answered("Authorize", {"idTag": "04AABB"}, answer) == []


def test_a_token_is_kept_as_it_was_told() -> None:
    """Quirk 29: two bytes of garbage behind twenty characters."""
    token = "01234567890123456789\x10\x0e"
    [authorized] = answered("Authorize", {"idTag": token}, {"idTagInfo": {"status": "Invalid"}})
    assert authorized == Authorized(*WHERE, who=Named(token), status="Invalid", source="Authorize")


def test_a_started_transaction_has_the_id_of_the_csms() -> None:
    answer = {"transactionId": 77, "idTagInfo": {"status": "ConcurrentTx", "parentIdTag": "GROUP"}}
    assert answered("StartTransaction", START, answer) == [
        TransactionStarted(
            *WHERE,
            transaction_id="77",
            place=Place(None, 2),
            who=Named("04AABB"),
            meter_start_wh=1200.0,
            told=AT_NOON,
            status="ConcurrentTx",
            reservation_id=5,
        ),
        Authorized(
            *WHERE,
            who=Named("04AABB"),
            status="ConcurrentTx",
            source="StartTransaction",
            parent="GROUP",
            place=Place(None, 2),
            transaction_id="77",
        ),
    ]


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (0, "0"),
        (-1, "-1"),
        (9223372036854775807, "9223372036854775807"),
        ("9223372036854775807", "9223372036854775807"),
        ("tx-7", "tx-7"),
        (7.0, "7"),
        ("", ""),
        ("null", ""),
        (None, ""),
        (True, ""),
        ({}, ""),
    ],
)
def test_transaction_ids_are_text(told: object, known: str) -> None:
    """Quirk 59, in each of the four messages that name one."""
    [started] = answered("StartTransaction", START, {"transactionId": told})
    [ended] = said("StopTransaction", {"transactionId": told})
    [sampled] = said("MeterValues", {"transactionId": told, "meterValue": [ELEMENT]})
    [authorized] = answered("StopTransaction", {"transactionId": told}, {"idTagInfo": {"status": "Accepted"}})
    found = {
        fact.transaction_id for fact in of(TransactionStarted, [started]) + of(TransactionEnded, [ended])
    }
    found |= {fact.transaction_id for fact in of(MeterSampled, [sampled]) + of(Authorized, [authorized])}
    assert found == {known}


def test_a_start_that_the_csms_sent_back_has_no_id() -> None:
    """Quirk 47."""
    assert answered("StartTransaction", START, START) == [
        TransactionStarted(
            *WHERE,
            place=Place(None, 2),
            who=Named("04AABB"),
            meter_start_wh=1200.0,
            told=AT_NOON,
            reservation_id=5,
        )
    ]


@pytest.mark.parametrize(
    ("told", "meter"), [(0, 0.0), ("0", 0.0), (12.5, 12.5), ("", None), (None, None), ("kWh", None)]
)
def test_the_meter_at_the_start_is_a_number_or_untold(told: object, meter: float | None) -> None:
    [started] = answered("StartTransaction", {"meterStart": told}, {})
    assert started == TransactionStarted(*WHERE, meter_start_wh=meter)


def test_neither_a_call_nor_an_answer_starts_nothing() -> None:
    assert answered("StartTransaction", None, None) == []


def test_a_start_whose_call_was_not_kept_still_has_its_id() -> None:
    assert answered("StartTransaction", None, {"transactionId": 77}) == [
        TransactionStarted(*WHERE, transaction_id="77")
    ]


def test_an_ended_transaction() -> None:
    assert said("StopTransaction", STOP) == [
        TransactionEnded(
            *WHERE,
            transaction_id="77",
            who=Named("04AABB"),
            meter_stop_wh=9200.0,
            told=AT_NOON,
            reason="Remote",
            outcome=Outcome.SUCCESS,
        )
    ]


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("EVDisconnected", Outcome.SUCCESS),
        ("Local", Outcome.SUCCESS),
        ("Remote", Outcome.SUCCESS),
        ("UnlockCommand", Outcome.SUCCESS),
        ("DeAuthorized", Outcome.FAILURE),
        ("EmergencyStop", Outcome.FAILURE),
        ("HardReset", Outcome.FAILURE),
        ("Other", Outcome.FAILURE),
        ("PowerLoss", Outcome.FAILURE),
        ("Reboot", Outcome.FAILURE),
        ("SoftReset", Outcome.FAILURE),
        ("powerLoss", Outcome.FAILURE),
        ("Bored", Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
    ],
)
def test_how_a_transaction_ended(reason: str, outcome: Outcome) -> None:
    [ended] = of(TransactionEnded, said("StopTransaction", {**STOP, "reason": reason}))
    assert (ended.reason, ended.outcome) == (reason, outcome)


def test_a_reason_left_out_is_local_one_that_cannot_be_read_is_not() -> None:
    """1.6 §6.49."""
    left_out = TransactionEnded(*WHERE, transaction_id="77", reason="Local", outcome=Outcome.SUCCESS)
    unreadable = TransactionEnded(*WHERE, transaction_id="77", reason="")
    assert said("StopTransaction", {"transactionId": 77}) == [left_out]
    assert said("StopTransaction", {"transactionId": 77, "reason": None}) == [left_out]
    assert said("StopTransaction", {"transactionId": 77, "reason": "null"}) == [left_out]
    assert said("StopTransaction", {"transactionId": 77, "reason": ["Local"]}) == [unreadable]


def test_transaction_data_are_samples_of_the_transaction() -> None:
    data = [ELEMENT, {"timestamp": "2026-11-21T12:00:01Z", "sampledValue": []}]
    facts = said("StopTransaction", {**STOP, "transactionData": data})
    assert facts[1:] == [
        meter_sampled(
            WHERE,
            transaction_id="77",
            told=AT_NOON,
            samples=samples(ELEMENT),
            source="StopTransaction",
        ),
        meter_sampled(
            WHERE,
            transaction_id="77",
            told=Moment(NOON_NS + 1_000_000_000),
            source="StopTransaction",
        ),
    ]


def test_an_answered_stop_may_authorize_and_an_empty_answer_is_not_read() -> None:
    answer = {"idTagInfo": {"status": "Accepted", "expiryDate": NOON, "parentIdTag": "GROUP"}}
    assert answered("StopTransaction", STOP, answer) == [
        Authorized(
            *WHERE,
            who=Named("04AABB"),
            status="Accepted",
            source="StopTransaction",
            parent="GROUP",
            expires=AT_NOON,
            transaction_id="77",
        )
    ]
    assert answered("StopTransaction", STOP, {}) == []
    assert reading("StopTransaction").skip_empty


def test_meter_values_are_one_fact_an_element() -> None:
    power = {
        "timestamp": NOON,
        "sampledValue": [{"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}],
    }
    payload = {"connectorId": 1, "transactionId": 77, "meterValue": [ELEMENT, power]}
    facts = said("MeterValues", payload)
    assert facts == [
        meter_sampled(
            WHERE,
            place=Place(None, 1),
            transaction_id="77",
            told=AT_NOON,
            samples=samples(element),
            source="MeterValues",
        )
        for element in (ELEMENT, power)
    ]
    assert [fact.samples[0].value for fact in of(MeterSampled, facts)] == [1234.0, 7200.0]


def test_meter_values_of_the_whole_charge_point_name_no_transaction() -> None:
    [sampled] = said("MeterValues", {"connectorId": 0, "meterValue": [ELEMENT]})
    assert sampled == meter_sampled(
        WHERE,
        place=Place(None, 0),
        told=AT_NOON,
        samples=samples(ELEMENT),
        source="MeterValues",
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"meterValue": [ELEMENT]},
        {"meterValue": ELEMENT},
        {"meterValue": ["noise", {}, ELEMENT, None]},
        {"values": [ELEMENT]},
        {"values": [{"timestamp": NOON, "values": [{"value": "1234"}]}]},
        {"values": {"timestamp": NOON, "value": {"value": "1234"}}},
        {"meterValue": [{"timestamp": NOON, "sampledValue": {"value": " 1234"}}]},
    ],
)
def test_one_meter_value_in_many_shapes(payload: object) -> None:
    """Quirks 30 (an object for an array) and 34 (1.5's members)."""
    [sampled] = of(MeterSampled, said("MeterValues", payload))
    assert (sampled.told, sampled.source) == (AT_NOON, "MeterValues")
    assert [(sample.kind, sample.value) for sample in sampled.samples] == [
        (sample.kind, sample.value) for sample in samples(ELEMENT)
    ]


def test_a_number_where_a_string_is_due_is_the_same_value() -> None:
    """Quirk 33."""
    element = {"timestamp": NOON, "sampledValue": [{"value": 1234}]}
    [sampled] = of(MeterSampled, said("MeterValues", {"meterValue": [element]}))
    assert [(sample.value, sample.told) for sample in sampled.samples] == [(1234.0, "")]


def test_a_meter_that_measured_nothing_says_so() -> None:
    """Quirk 31."""
    [sampled] = said("MeterValues", {"meterValue": [{"timestamp": NOON, "sampledValue": []}]})
    assert sampled == meter_sampled(WHERE, told=AT_NOON, source="MeterValues")


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"value": "21.5", "measurand": "Temperature", "unit": "Celcius"}, 21.5),
        ({"value": "", "measurand": "Voltage"}, None),
        ({"value": "OCMF|{}|{}", "format": "SignedData"}, None),
        ({"value": 10, "unit": "kWh"}, 10_000.0),
        ({"value": "3", "context": "Whenever"}, 3.0),
    ],
)
def test_values_and_words_as_charge_points_send_them(told: dict[str, Any], value: float | None) -> None:
    """Quirks 32, 33, 36, 38 and 81: the original stays beside the number."""
    [sampled] = of(MeterSampled, said("MeterValues", {"meterValue": [{"sampledValue": [told]}]}))
    [sample] = sampled.samples
    words: list[Any] = [told.get(name) for name in ("measurand", "phase", "location", "context", "unit")]
    assert (sample.kind, sample.value) == (kind_of(*[*words, 0, told.get("format")]), value)
    assert sample.told == str(told["value"])


def test_a_readable_notification_names_nobody_it_does_not_know() -> None:
    [ended] = said("StopTransaction", {"meterStop": 0})
    assert ended == TransactionEnded(
        *WHERE, who=NOBODY, meter_stop_wh=0.0, reason="Local", outcome=Outcome.SUCCESS
    )


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: str(type(value)))
def test_any_value_in_every_member_gives_facts(value: object) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_filled_with(READINGS, value))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(READINGS, data))
