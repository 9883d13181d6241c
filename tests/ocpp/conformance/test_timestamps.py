"""Which timestamps are read (RFC 3339; quirks 37, 79): by the version's own members."""

from __future__ import annotations

import pytest

from proxy.ocpp.conformance import OK, Judgement, Verdict
from tests.ocpp.conformance.payloads import AT, CSMS, call, event, result, sampled, stopped

GOOD = [
    "2024-01-01T00:00:00Z",
    "2024-02-29T23:59:59.999Z",
    "2024-01-01T00:00:00.1234567890123Z",
    "2024-01-01T00:00:00+01:00",
    "2024-01-01T00:00:00.5-11:30",
    "2024-01-01T00:00:00-00:00",
    "2024-01-01t00:00:00z",
    "2016-12-31T23:59:60Z",
    "2000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
]
BAD = [
    "2024-01-01T00:00:00",
    "2024-01-01 00:00:00Z",
    "2024-01-01T00:00Z",
    "2024-01-01",
    "2024-01-01T00:00:00+0100",
    "2024-01-01T00:00:00+01",
    "2024-01-01T00:00:00.Z",
    "2024-01-01T00:00:00,5Z",
    "2024-01-01T00:00:00+24:00",
    "2024-01-01T24:00:00Z",
    "2024-13-01T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "2024-01-01T00:00:00Z ",
    "24-1-1T0:0:0Z",
    "\uff12024-01-01T00:00:00Z",
    "1970-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999Z",
    "0000-00-00T00:00:00Z",
    "0",
    "",
    "now",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_good_one(text: str) -> None:
    assert call("StopTransaction", stopped(timestamp=text)) == OK
    assert call("TransactionEvent", event(timestamp=text), version="2.0.1") == OK
    assert call("TransactionEvent", event(timestamp=text), version="2.1") == OK


@pytest.mark.parametrize("text", BAD)
def test_a_bad_one(text: str) -> None:
    expected = Judgement(Verdict.VIOLATION, "timestamp", "/timestamp", "RFC 3339 §5.6; quirks 37, 79")
    assert call("StopTransaction", stopped(timestamp=text)) == expected
    assert call("TransactionEvent", event(timestamp=text), version="2.0.1") == expected
    assert call("TransactionEvent", event(timestamp=text), version="2.1") == expected


def test_one_that_is_no_string() -> None:
    judgement = call("StopTransaction", stopped(timestamp=1_700_000_000))
    assert (judgement.verdict, judgement.rule) == (Verdict.VIOLATION, "type")


def test_the_one_of_a_later_report_is_found() -> None:
    reports = sampled()
    bad = {**sampled()["meterValue"][0], "timestamp": "2024-01-01T00:00:00"}
    judgement = call("MeterValues", {**reports, "meterValue": [*reports["meterValue"], bad]})
    assert (judgement.rule, judgement.pointer) == ("timestamp", "/meterValue/1/timestamp")


def test_the_csms_is_judged_by_its_own() -> None:
    assert result("Heartbeat", {"currentTime": "2024-01-01T00:00:00+01:00"}) == OK
    judgement = result("Heartbeat", {"currentTime": "2024-01-01 00:00:00"})
    assert (judgement.verdict, judgement.pointer) == (Verdict.VIOLATION, "/currentTime")


def test_no_schedule_begins_at_zero() -> None:
    """Quirk 32, Heidelberg Amperfied."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
    }
    payload = {"connectorId": 1, "csChargingProfiles": {**profile, "chargingSchedule": schedule}}
    assert call("SetChargingProfile", payload, sender=CSMS) == OK
    schedule["startSchedule"] = "0"
    judgement = call("SetChargingProfile", payload, sender=CSMS)
    assert judgement.pointer == "/csChargingProfiles/chargingSchedule/startSchedule"
    assert judgement.rule == "timestamp"


def test_a_location_may_be_any_text() -> None:
    """The schema says uri, the standard anyURI."""
    for text in ("ftp://user:pw@host/a b", "", "c:\\x"):
        assert call("GetDiagnostics", {"location": text, "startTime": AT}, sender=CSMS) == OK
