"""Each row of the errata by a message, and what is beside it and stays a violation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from proxy.ocpp.conformance import OK, Judgement, Verdict
from proxy.ocpp.conformance.errata import AMENDMENTS, CALL_ERROR, ERRATA, PREDICATES, Erratum
from proxy.ocpp.conformance.standards import SINCE_20
from proxy.ocpp.conformance.verdict import RULES
from tests.ocpp.conformance.payloads import AT, CSMS, call, event, result, sampled, stopped, the_judge

DOCS = Path(__file__).parents[3] / "docs" / "CONFORMANCE.md"


def booted(interval: Any) -> Judgement:
    return result("BootNotification", {"status": "Accepted", "currentTime": AT, "interval": interval})


def in_stop(**sample: Any) -> dict[str, Any]:
    values = {"timestamp": AT, "sampledValue": [{"value": "1", **sample}]}
    return stopped(transactionData=[values])


def diagnostics(**members: Any) -> Judgement:
    return call("GetDiagnostics", {"location": "ftp://x", **members}, sender=CSMS)


def update(**members: Any) -> Judgement:
    return call("UpdateFirmware", {"location": "x", "retrieveDate": AT, **members}, sender=CSMS)


def error(version: str, code: str, details: Any = None) -> Judgement:
    return the_judge(version).error(4, code, "", {} if details is None else details, "m1")


def costs(kind: str) -> dict[str, Any]:
    period = {"startPeriod": AT, "dimensions": [{"type": kind, "volume": 1}]}
    price = {"currency": "EUR", "typeOfCost": "NormalCost", "total": {}}
    usage = {"energy": 1, "chargingTime": 1, "idleTime": 1}
    return event(costDetails={"totalCost": price, "totalUsage": usage, "chargingPeriods": [period]})


def erratum(judgement: Judgement) -> tuple[str, str, str]:
    assert judgement.verdict is Verdict.ERRATUM, judgement
    return judgement.rule, judgement.pointer, judgement.clause


def test_interval_and_retries_were_numbers_once() -> None:
    assert erratum(booted(300.0)) == ("type", "/interval", "1.6-J errata 2.3, 2.4")
    assert erratum(diagnostics(retries=3.0, retryInterval=60)) == (
        "type",
        "/retries",
        "1.6-J errata 2.3, 2.4",
    )
    assert erratum(update(retryInterval=60.0)) == ("type", "/retryInterval", "1.6-J errata 2.3, 2.4")


@pytest.mark.parametrize("interval", [300.5, "300", None, True, float("nan"), float("inf")])
def test_another_interval_is_a_violation(interval: Any) -> None:
    assert booted(interval).verdict is Verdict.VIOLATION


def test_no_other_integer_was_a_number() -> None:
    assert call("StopTransaction", stopped(meterStop=100.0)).verdict is Verdict.VIOLATION


@pytest.mark.parametrize("unit", ["Celsius", "Celcius", "K", "Fahrenheit"])
def test_both_spellings_of_celsius_are_in_the_schemas(unit: str) -> None:
    assert call("MeterValues", sampled(unit=unit, measurand="Temperature")) == OK
    assert call("StopTransaction", in_stop(unit=unit, measurand="Temperature")) == OK


def test_the_third_spelling_of_celsius() -> None:
    where = "/meterValue/0/sampledValue/0/unit"
    assert erratum(call("MeterValues", sampled(unit="C"))) == ("enum", where, "quirk 38")
    assert erratum(call("StopTransaction", in_stop(unit="C")))[2] == "quirk 38"


def test_hertz_is_missing_from_one_schema() -> None:
    assert call("MeterValues", sampled(unit="Hertz")) == OK
    assert erratum(call("StopTransaction", in_stop(unit="Hertz")))[2] == "1.6 errata 3.84"
    assert call("StopTransaction", in_stop(unit="hertz")).verdict is Verdict.VIOLATION


@pytest.mark.parametrize("number", [-1, 1, 2**31 - 1])
def test_a_transaction_id_may_be_minus_one(number: int) -> None:
    assert call("StopTransaction", stopped(transactionId=number)) == OK


@pytest.mark.parametrize("number", [0, 2**31, 2**63 - 1, 10**30, -2, -(2**40)])
def test_transaction_ids_of_the_field(number: int) -> None:
    assert erratum(call("StopTransaction", stopped(transactionId=number))) == (
        "range",
        "/transactionId",
        "quirk 59",
    )
    answer = {"transactionId": number, "idTagInfo": {"status": "Invalid"}}
    assert erratum(result("StartTransaction", answer))[1] == "/transactionId"
    assert erratum(call("RemoteStopTransaction", {"transactionId": number}, sender=CSMS))


@pytest.mark.parametrize("number", ["7", 7.5, None, True, 7.0])
def test_a_transaction_id_that_is_no_integer_is_a_violation(number: Any) -> None:
    assert call("StopTransaction", stopped(transactionId=number)).verdict is Verdict.VIOLATION


def test_a_payload_without_members_may_be_null_in_16() -> None:
    assert erratum(call("Heartbeat", None)) == ("type", "", "OCPP-J 1.6 §4.2")
    assert erratum(result("MeterValues", None))
    assert call("Authorize", None).verdict is Verdict.VIOLATION
    assert call("Heartbeat", None, version="2.0.1").verdict is Verdict.VIOLATION


def test_error_details_may_be_null_in_16() -> None:
    assert erratum(the_judge("1.6").error(4, "GenericError", "", None, "m1"))[2] == "OCPP-J 1.6 §4.2"
    assert the_judge("2.1").error(4, "GenericError", "", None, "m1").verdict is Verdict.VIOLATION
    assert error("1.6", "GenericError", "none").verdict is Verdict.VIOLATION


def test_the_list_of_certificates_may_be_empty() -> None:
    answer = {"status": "NotFound", "certificateHashData": []}
    judgement = result("GetInstalledCertificateIds", answer, asked_by=CSMS)
    assert erratum(judgement)[:2] == ("min items", "/certificateHashData")


@pytest.mark.parametrize("code", ["FormationViolation", "OccurenceConstraintViolation"])
def test_error_codes_as_16_spells_them(code: str) -> None:
    assert error("1.6", code) == OK
    assert erratum(error("2.0.1", code)) == erratum(error("2.1", code)) == ("error code", "", "quirk 39")


@pytest.mark.parametrize(
    ("code", "clause"),
    [("OccurrenceConstraintViolation", "1.6-J errata 5.1"), ("FormatViolation", "1.6-J errata 5.2")],
)
def test_error_codes_as_2x_spells_them(code: str, clause: str) -> None:
    assert error("2.0.1", code) == error("2.1", code) == OK
    assert erratum(error("1.6", code)) == ("error code", "", clause)


@pytest.mark.parametrize("version", SINCE_20)
@pytest.mark.parametrize(
    ("member", "rule", "where"),
    [
        ({"evse": None}, "type", "/evse"),
        ({"evse": {}}, "required", "/evse/id"),
        ({"meterValue": []}, "min items", "/meterValue"),
        ({"idToken": ""}, "type", "/idToken"),
        ({"transactionInfo": {"transactionId": "t", "stoppedReason": ""}}, "enum", "/transactionInfo/stoppedReason"),
        ({"reservationId": None}, "type", "/reservationId"),
    ],
)  # fmt: skip
def test_an_empty_optional_member_of_2x(version: str, member: dict[str, Any], rule: str, where: str) -> None:
    judgement = call("TransactionEvent", event(**member), version=version)
    assert erratum(judgement) == (rule, where, "OCPP 2.x Part 4 §4.2")


def test_an_empty_required_member_is_a_violation() -> None:
    members: list[dict[str, Any]] = [{"transactionInfo": {}}, {"transactionInfo": None}, {"eventType": ""}]
    for member in members:
        assert call("TransactionEvent", event(**member), version="2.0.1").verdict is Verdict.VIOLATION


def test_an_empty_optional_member_of_16_is_a_violation() -> None:
    assert call("StopTransaction", stopped(idTag=None)).verdict is Verdict.VIOLATION


def test_idle_time_as_it_should_be_spelled() -> None:
    assert call("TransactionEvent", costs("IdleTIme"), version="2.1") == OK
    where = "/costDetails/chargingPeriods/0/dimensions/0/type"
    assert erratum(call("TransactionEvent", costs("IdleTime"), version="2.1"))[:2] == ("enum", where)


def test_a_stop_needs_no_reason() -> None:
    assert call("StopTransaction", stopped()) == OK


def test_a_stop_needs_samples_in_its_data() -> None:
    judgement = call("StopTransaction", stopped(transactionData=[{"timestamp": AT, "sampledValue": []}]))
    assert judgement == Judgement(
        Verdict.VIOLATION, "min items", "/transactionData/0/sampledValue", "OCPP 1.6 edition 2 §7.33"
    )


def test_one_violation_among_errata_decides() -> None:
    judgement = call("StopTransaction", {**in_stop(unit="C"), "transactionId": 0, "zzz": 1})
    assert (judgement.verdict, judgement.pointer) == (Verdict.VIOLATION, "/zzz")


def test_of_several_errata_the_first_by_pointer_decides() -> None:
    judgement = call("StopTransaction", {"transactionId": 0, **in_stop(unit="C"), "meterStop": 1})
    assert erratum(judgement)[1] == "/transactionData/0/sampledValue/0/unit"


@pytest.mark.parametrize("row", ERRATA, ids=lambda row: f"{row.message}-{row.value}")
def test_a_row_is_whole_and_in_the_docs(row: Erratum) -> None:
    assert row.value in PREDICATES
    assert row.rule in RULES | {"*"}
    assert row.sentence.endswith(".")
    text = DOCS.read_text("utf-8")
    assert row.clause in text
    assert row.sentence in text


def test_every_amendment_is_in_the_docs() -> None:
    text = DOCS.read_text("utf-8")
    assert [row.sentence for row in AMENDMENTS if row.sentence not in text] == []


def test_no_row_names_a_message_that_is_not_there() -> None:
    names = {CALL_ERROR, "*"}
    for row in ERRATA:
        for version in row.versions:
            names |= {action + end for action in the_judge(version).actions for end in ("", "Response")}
    assert {row.message for row in ERRATA} <= names
