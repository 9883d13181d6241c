"""Who may send what, ids, error codes, signed messages, and the quirks of real peers (reference: quirks C.2)."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.names import DIRECTIONS
from proxy.ocpp.conformance import OK, Judgement, Verdict, judge
from proxy.ocpp.conformance.standards import ALL, BOTH_WAYS, SINCE_20
from tests.ocpp.conformance.payloads import AT, CP, CSMS, FILES, call, payload_of, result, sampled, the_judge


def violation(judgement: Judgement) -> tuple[str, str]:
    assert judgement.verdict is Verdict.VIOLATION, judgement
    assert judgement.clause
    return judgement.rule, judgement.pointer


@pytest.mark.parametrize("version", ["", "1.2", "1.5", "2.0", "3.0", "x" * 1000])
def test_a_version_without_official_schema_is_not_judged(version: str) -> None:
    assert judge(version) is None


def test_a_judge_is_kept() -> None:
    assert judge("1.6") is judge("1.6")


@pytest.mark.parametrize("file", [file for file in FILES if not file.sends], ids=repr)
def test_the_wrong_side_is_told(file: Any) -> None:
    payload, asked = payload_of(file.schema, whole=False), the_judge(file.version)
    other = file.sender.other
    judgement = (
        asked.result(other, file.action, payload)
        if file.answers
        else asked.call(other, file.action, payload, "1")
    )
    if file.action in BOTH_WAYS:
        assert judgement == OK
    else:
        assert violation(judgement) == ("wrong direction", "")


# Of the CSMS, as the standards' chapters have them; the tables in `standards` list the other side.
CSMS_16 = """
CancelReservation CertificateSigned ChangeAvailability ChangeConfiguration ClearCache ClearChargingProfile DataTransfer
DeleteCertificate ExtendedTriggerMessage GetCompositeSchedule GetConfiguration GetDiagnostics GetInstalledCertificateIds
GetLocalListVersion GetLog InstallCertificate RemoteStartTransaction RemoteStopTransaction ReserveNow Reset
SendLocalList SetChargingProfile SignedUpdateFirmware TriggerMessage UnlockConnector UpdateFirmware
"""
CSMS_201 = """
CancelReservation CertificateSigned ChangeAvailability ClearCache ClearChargingProfile ClearDisplayMessage
ClearVariableMonitoring CostUpdated CustomerInformation DataTransfer DeleteCertificate GetBaseReport GetChargingProfiles
GetCompositeSchedule GetDisplayMessages GetInstalledCertificateIds GetLocalListVersion GetLog GetMonitoringReport
GetReport GetTransactionStatus GetVariables InstallCertificate PublishFirmware RequestStartTransaction
RequestStopTransaction ReserveNow Reset SendLocalList SetChargingProfile SetDisplayMessage SetMonitoringBase
SetMonitoringLevel SetNetworkProfile SetVariableMonitoring SetVariables TriggerMessage UnlockConnector UnpublishFirmware
UpdateFirmware
"""
CSMS_21 = f"""
{CSMS_201} AdjustPeriodicEventStream AFRRSignal ChangeTransactionTariff ClearDERControl ClearTariffs
ClosePeriodicEventStream GetDERControl GetPeriodicEventStream GetTariffs NotifyAllowedEnergyTransfer
NotifyWebPaymentStarted RequestBatterySwap SetDefaultTariff SetDERControl UpdateDynamicSchedule UsePriorityCharging
"""


@pytest.mark.parametrize(("version", "words"), [("1.6", CSMS_16), ("2.0.1", CSMS_201), ("2.1", CSMS_21)])
def test_what_the_csms_may_send(version: str, words: str) -> None:
    asked = the_judge(version)
    told = {action: asked.call(CSMS, action, {}, "1").rule for action in asked.actions}
    assert {action for action, rule in told.items() if rule != "wrong direction"} == set(words.split())


@pytest.mark.parametrize("version", ALL)
@pytest.mark.parametrize("action", ["", "heartbeat", "Heartbeats", "x" * 100_000, "\ud800"])
def test_an_unknown_action(version: str, action: str) -> None:
    for direction in DIRECTIONS:
        assert violation(the_judge(version).call(direction, action, {}, "1")) == ("unknown action", "")
        assert violation(the_judge(version).result(direction, action, {})) == ("unknown action", "")
        assert violation(the_judge(version).send(direction, action, {}, "1")) == ("unknown action", "")


def test_what_goes_both_ways() -> None:
    for sender in DIRECTIONS:
        assert call("ClosePeriodicEventStream", {"id": 1}, version="2.1", sender=sender) == OK
        assert call("DataTransfer", {"vendorId": "acme"}, sender=sender) == OK


def test_an_action_of_another_version_is_unknown() -> None:
    assert violation(call("StartTransaction", {}, version="2.0.1")) == ("unknown action", "")
    assert violation(call("TransactionEvent", {})) == ("unknown action", "")


def test_the_security_extension_belongs_to_16() -> None:
    event = {"type": "SettingSystemTime", "timestamp": AT}
    assert call("SecurityEventNotification", event) == OK
    assert violation(call("GetLog", {}, sender=CP)) == ("wrong direction", "")


@pytest.mark.parametrize(
    ("message_id", "good"), [("", False), ("-1", True), ("x" * 36, True), ("x" * 37, False)]
)
def test_a_message_id_has_36_characters(message_id: str, good: bool) -> None:
    for version in ALL:
        asked = the_judge(version)
        for judgement in (
            asked.call(CP, "Heartbeat", {}, message_id),
            asked.call(CP, "Heartbeat", {}, message_id),  # with its schema at hand
            asked.error(4, "GenericError", "", {}, message_id),
        ):
            assert judgement == OK if good else violation(judgement) == ("message id", "")


STREAM = {"id": 1, "pending": 0, "basetime": AT, "data": [{"t": 0, "v": "1"}]}


def test_a_send_belongs_to_21() -> None:
    asked = the_judge("2.1")
    assert asked.send(CP, "NotifyPeriodicEventStream", STREAM, "1") == OK
    assert violation(asked.send(CP, "NotifyPeriodicEventStream", {**STREAM, "data": []}, "1")) == (
        "min items",
        "/data",
    )
    assert violation(asked.send(CSMS, "NotifyPeriodicEventStream", STREAM, "1")) == ("wrong direction", "")
    assert violation(the_judge("1.6").send(CP, "Heartbeat", {}, "1")) == ("message type", "")


def test_only_a_send_may_be_sent_and_nobody_answers_it() -> None:
    asked = the_judge("2.1")
    assert violation(asked.send(CP, "Heartbeat", {}, "1")) == ("message type", "")
    assert violation(asked.call(CP, "NotifyPeriodicEventStream", STREAM, "1")) == ("message type", "")
    assert violation(asked.result(CP, "NotifyPeriodicEventStream", {})) == ("message type", "")


JWS = {"payload": "e30", "protected": "e30", "signature": "c2ln"}


@pytest.mark.parametrize("version", SINCE_20)
def test_a_signed_message_is_a_jws(version: str) -> None:
    for _ in range(2):
        assert call("Heartbeat-Signed", JWS, version=version) == OK
        assert violation(call("Heartbeat-Signed", {}, version=version))[0] == "required"
        assert violation(call("Nothing-Signed", JWS, version=version)) == ("unknown action", "")
        assert violation(call("Reset-Signed", JWS, version=version)) == ("wrong direction", "")


def test_a_signed_call_may_be_answered_plainly() -> None:
    assert result("Heartbeat-Signed", JWS, version="2.0.1") == OK
    assert result("Heartbeat-Signed", {"currentTime": AT}, version="2.0.1") == OK
    assert violation(result("Heartbeat-Signed", {}, version="2.0.1")) == ("required", "/currentTime")
    assert the_judge("2.1").send(CP, "NotifyPeriodicEventStream-Signed", JWS, "1") == OK


def test_16_has_no_signed_messages() -> None:
    assert violation(call("Heartbeat-Signed", JWS)) == ("unknown action", "")


# types 4 and 5


@pytest.mark.parametrize("version", ALL)
def test_an_error(version: str) -> None:
    asked = the_judge(version)
    assert asked.error(4, "NotImplemented", "no such thing", {"hint": 1}, "1") == OK
    assert violation(asked.error(4, "Error", "", {}, "1")) == ("error code", "")
    assert violation(asked.error(4, "", "", {}, "1")) == ("error code", "")
    assert violation(asked.error(4, "GenericError", "x" * 256, {}, "1")) == ("max length", "")
    assert violation(asked.error(4, "GenericError", "", [], "1")) == ("type", "")


def test_codes_of_2x_are_none_of_16() -> None:
    for code in ("RpcFrameworkError", "MessageTypeNotSupported"):
        assert violation(the_judge("1.6").error(4, code, "", {}, "1")) == ("error code", "")
        assert the_judge("2.0.1").error(4, code, "", {}, "1") == OK


@pytest.mark.parametrize(("version", "good"), [("1.6", False), ("2.0.1", False), ("2.1", True)])
def test_an_objection_belongs_to_21(version: str, good: bool) -> None:
    judgement = the_judge(version).error(5, "FormatViolation", "", {}, "1")
    assert judgement == OK if good else violation(judgement) == ("message type", "")


@pytest.mark.parametrize("kind", [0, 2, 3, 6, 255])
def test_no_other_type_is_an_error(kind: int) -> None:
    assert violation(the_judge("2.1").error(kind, "GenericError", "", {}, "1")) == ("message type", "")


# quirks

SAMPLE = "/meterValue/0/sampledValue"
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "Wall"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.mark.parametrize(
    ("quirk", "action", "payload", "rule", "where"),
    [
        (30, "MeterValues", {**sampled(), "meterValue": {"timestamp": AT}}, "type", "/meterValue"),
        (31, "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": []}]},
         "min items", SAMPLE),
        (33, "MeterValues", sampled(value=0.0), "type", SAMPLE + "/0/value"),
        (33, "MeterValues", sampled(value=10), "type", SAMPLE + "/0/value"),
        (34, "MeterValues", {"connectorId": 1, "values": []}, "required", "/meterValue"),
        (35, "BootNotification", {**BOOT, "chargeBoxSerialNumber": "1" * 26}, "max length",
         "/chargeBoxSerialNumber"),
        (35, "BootNotification", {**BOOT, "chargePointModel": "1" * 21}, "max length", "/chargePointModel"),
        (35, "StatusNotification", {**STATUS, "info": "1" * 51}, "max length", "/info"),
        (36, "StatusNotification", {**STATUS, "errorCode": "Error"}, "enum", "/errorCode"),
        (36, "MeterValues", sampled(context="Sample"), "enum", SAMPLE + "/0/context"),
        (75, "MeterValues", sampled(phase="L4"), "enum", SAMPLE + "/0/phase"),
    ],
)  # fmt: skip
def test_a_quirk_that_is_a_violation(quirk: int, action: str, payload: Any, rule: str, where: str) -> None:
    assert violation(call(action, payload)) == (rule, where)


@pytest.mark.parametrize(
    ("quirk", "action", "payload"),
    [
        (28, "Authorize", {"idTag": "A\x00B"}),
        (29, "Authorize", {"idTag": "0123456789ABCDEF\x10\x0e"}),
        (32, "MeterValues", sampled(value="")),
        (41, "StatusNotification", {**STATUS, "info": "null"}),
        (46, "StatusNotification", {**STATUS, "info": '{"reason":"faults","cpv":0}'}),
        (53, "StatusNotification", {**STATUS, "status": "Faulted"}),
        (53, "StatusNotification", {**STATUS, "status": "Finishing", "timestamp": "2020-01-01T00:00:00Z"}),
        (75, "MeterValues", sampled(phase="N", measurand="Current.Import", unit="A")),
        (81, "MeterValues", sampled(format="SignedData", value='OCMF|{"FV":"1.0"}|{}')),
    ],
)
def test_a_quirk_that_no_schema_minds(quirk: int, action: str, payload: Any) -> None:
    assert call(action, payload) == OK


def test_a_configuration_value_that_is_a_number() -> None:
    """Quirk 33."""
    answer = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": 60}]}
    assert violation(result("GetConfiguration", answer, asked_by=CSMS)) == (
        "type",
        "/configurationKey/0/value",
    )


@pytest.mark.parametrize("unit", ["w", "Power"])
def test_a_charging_rate_unit_that_is_none(unit: str) -> None:
    """Quirk 36."""
    payload = {"connectorId": 1, "duration": 60, "chargingRateUnit": unit}
    assert violation(call("GetCompositeSchedule", payload, sender=CSMS)) == ("enum", "/chargingRateUnit")


def test_a_request_echoed_as_its_answer() -> None:
    """Quirk 47."""
    assert violation(result("BootNotification", BOOT)) == ("additional property", "/chargePointModel")


def test_an_id_tag_with_garbage_behind_it() -> None:
    """Quirk 29: two bytes more than the standard allows."""
    assert violation(call("Authorize", {"idTag": "x" * 20 + "\x10\x0e"})) == ("max length", "/idTag")
