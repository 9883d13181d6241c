"""1.6: what configuration, firmware, logs, certificates and security messages say."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    UNTOLD,
    CertificateDeleted,
    CertificateInstalled,
    CertificateSigned,
    CertificateSigningRequested,
    CertificatesListed,
    ConfigurationChanged,
    ConfigurationTold,
    ConfigurationUnknown,
    Fact,
    FirmwareProgress,
    FirmwareUpdateRequested,
    HeartbeatIntervalSet,
    LogUploadProgress,
    LogUploadRequested,
    Moment,
    SecurityEvent,
)
from proxy.ocpp.v16.device import MAX_CERTIFICATES, MAX_KEYS, READINGS
from tests.ocpp.v16.messages import (
    NOON,
    NOON_NS,
    STRANGE,
    WHERE,
    answered,
    every_fact_filled_with,
    every_fact_of,
    said,
)

AT_NOON = Moment(NOON_NS)
URL = "https://firmware.example/wall-1.3.bin"


def intervals(facts: list[Fact]) -> list[tuple[int, str]]:
    return [(fact.seconds, fact.source) for fact in facts if isinstance(fact, HeartbeatIntervalSet)]


def changed(key: object, value: object, status: object = "Accepted") -> list[Fact]:
    return answered("ChangeConfiguration", {"key": key, "value": value}, {"status": status})


def test_a_changed_key() -> None:
    assert changed("MeterValueSampleInterval", "60", "RebootRequired") == [
        ConfigurationChanged(
            *WHERE,
            key="MeterValueSampleInterval",
            value="60",
            status="RebootRequired",
            source="ChangeConfiguration",
        )
    ]


def test_an_accepted_heartbeat_interval_is_in_force() -> None:
    assert changed("HeartbeatInterval", "60") == [
        ConfigurationChanged(
            *WHERE, key="HeartbeatInterval", value="60", status="Accepted", source="ChangeConfiguration"
        ),
        HeartbeatIntervalSet(*WHERE, seconds=60, source="ChangeConfiguration"),
    ]


@pytest.mark.parametrize(
    ("key", "value", "status", "expected"),
    [
        ("HeartBeatInterval", 60, "Accepted", [(60, "ChangeConfiguration")]),
        ("HeartbeatInterval", 60, "accepted", [(60, "ChangeConfiguration")]),
        ("HeartbeatInterval", "0", "Accepted", [(0, "ChangeConfiguration")]),
        ("HeartbeatInterval", "60", "Rejected", []),
        ("HeartbeatInterval", "60", "RebootRequired", []),
        ("HeartbeatInterval", "60", None, []),
        ("HeartbeatInterval", "soon", "Accepted", []),
        ("MeterValueSampleInterval", "60", "Accepted", []),
    ],
)
def test_what_sets_the_interval(
    key: object, value: object, status: object, expected: list[tuple[int, str]]
) -> None:
    """1.6 §5.3; keys ignore case; 0 is the CSMS's own word (quirk 80)."""
    assert intervals(changed(key, value, status)) == expected


@pytest.mark.parametrize("key", [None, "", [], {}, True])
def test_a_key_without_a_name_was_not_changed(key: object) -> None:
    assert changed(key, "60") == []


def test_a_change_whose_call_was_not_kept_is_not_told() -> None:
    assert answered("ChangeConfiguration", None, {"status": "Accepted"}) == []


@pytest.mark.parametrize(
    ("told", "value"), [("x", "x"), (10, "10"), (0.5, "0.5"), (True, "true"), (None, None), ([], None)]
)
def test_the_value_of_a_key_is_text_or_untold(told: object, value: str | None) -> None:
    """Quirk 33: numbers where strings are due."""
    answer = {"configurationKey": [{"key": "K", "readonly": True, "value": told}]}
    expected = ConfigurationTold(
        *WHERE, key="K", value=value, mutability="ReadOnly", source="GetConfiguration"
    )
    assert answered("GetConfiguration", {}, answer) == [expected]


@pytest.mark.parametrize(
    ("told", "mutability"),
    [(True, "ReadOnly"), (False, "ReadWrite"), ("false", "ReadWrite"), (None, ""), (1, "")],
)
def test_whether_a_key_may_be_changed(told: object, mutability: str) -> None:
    [fact] = answered("GetConfiguration", {}, {"configurationKey": [{"key": "K", "readonly": told}]})
    assert fact == ConfigurationTold(*WHERE, key="K", mutability=mutability, source="GetConfiguration")


def test_known_keys_unknown_keys_and_the_interval() -> None:
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "900"},
        {"readonly": False, "value": "nameless"},
        "noise",
    ]
    answer = {"configurationKey": keys, "unknownKey": ["Colour", None, ""]}
    assert answered("GetConfiguration", {"key": ["HeartbeatInterval", "Colour"]}, answer) == [
        ConfigurationTold(
            *WHERE, key="HeartbeatInterval", value="900", mutability="ReadWrite", source="GetConfiguration"
        ),
        ConfigurationUnknown(*WHERE, key="Colour", source="GetConfiguration"),
        HeartbeatIntervalSet(*WHERE, seconds=900, source="GetConfiguration"),
    ]


def test_a_get_configuration_sent_back_says_nothing() -> None:
    """Quirk 47."""
    assert answered("GetConfiguration", {"key": ["X"]}, {"key": ["X"]}) == []


def test_a_configuration_is_read_up_to_its_bound() -> None:
    keys = [{"key": f"K{n}", "readonly": True} for n in range(MAX_KEYS + 5)]
    answer = {"configurationKey": keys, "unknownKey": ["U"] * (MAX_KEYS + 5)}
    assert len(answered("GetConfiguration", {}, answer)) == 2 * MAX_KEYS


def test_an_update_is_asked_for_without_a_status() -> None:
    call = {"location": URL, "retrieveDate": NOON, "retries": 3}
    assert answered("UpdateFirmware", call, {}) == [
        FirmwareUpdateRequested(
            *WHERE,
            location=URL,
            request_id=None,
            retrieve_at=AT_NOON,
            install_at=UNTOLD,
            signed=False,
            status="",
        )
    ]


def test_a_signed_update() -> None:
    firmware = {
        "location": URL,
        "retrieveDateTime": NOON,
        "installDateTime": "2026-11-21T13:00:00Z",
        "signingCertificate": "-----BEGIN CERTIFICATE-----",
        "signature": "c2ln",
    }
    call = {"requestId": 12, "firmware": firmware}
    assert answered("SignedUpdateFirmware", call, {"status": "InvalidCertificate"}) == [
        FirmwareUpdateRequested(
            *WHERE,
            location=URL,
            request_id=12,
            retrieve_at=AT_NOON,
            install_at=Moment(NOON_NS + 3_600_000_000_000),
            signed=True,
            status="InvalidCertificate",
        )
    ]


def test_an_update_without_a_certificate_is_not_signed_whatever_its_action_says() -> None:
    [bare] = answered("SignedUpdateFirmware", {"firmware": {"location": URL}}, {"status": "Accepted"})
    assert bare == FirmwareUpdateRequested(*WHERE, location=URL, signed=False, status="Accepted")
    assert answered("SignedUpdateFirmware", None, {"status": "Accepted"}) == []


@pytest.mark.parametrize("action", ["FirmwareStatusNotification", "SignedFirmwareStatusNotification"])
def test_how_far_an_update_is(action: str) -> None:
    assert said(action, {"status": "Installed"}) == [FirmwareProgress(*WHERE, status="Installed")]
    assert said(action, {"status": "InvalidSignature", "requestId": 12}) == [
        FirmwareProgress(*WHERE, status="InvalidSignature", request_id=12)
    ]


def test_diagnostics_are_asked_for() -> None:
    call = {"location": "ftp://logs.example/in", "startTime": NOON}
    assert answered("GetDiagnostics", call, {"fileName": "wall.zip"}) == [
        LogUploadRequested(
            *WHERE,
            kind="Diagnostics",
            location="ftp://logs.example/in",
            request_id=None,
            file_name="wall.zip",
            status="",
        )
    ]


@pytest.mark.parametrize("answer", [None, {}, {"fileName": "null"}, {"fileName": None}])
def test_there_may_be_no_diagnostics(answer: object) -> None:
    """1.6 §6.26; quirk 41."""
    [requested] = answered("GetDiagnostics", {}, answer)
    assert requested == LogUploadRequested(*WHERE, kind="Diagnostics", file_name="")


def test_a_log_is_asked_for() -> None:
    call = {"logType": "SecurityLog", "requestId": 3, "log": {"remoteLocation": "https://logs.example/in"}}
    assert answered("GetLog", call, {"status": "AcceptedCanceled", "filename": "sec.log"}) == [
        LogUploadRequested(
            *WHERE,
            kind="SecurityLog",
            location="https://logs.example/in",
            request_id=3,
            file_name="sec.log",
            status="AcceptedCanceled",
        )
    ]


def test_how_far_an_upload_is() -> None:
    assert said("DiagnosticsStatusNotification", {"status": "Uploading"}) == [
        LogUploadProgress(*WHERE, status="Uploading", request_id=None)
    ]
    assert said("LogStatusNotification", {"status": "UploadFailure", "requestId": 3}) == [
        LogUploadProgress(*WHERE, status="UploadFailure", request_id=3)
    ]


@pytest.mark.parametrize(
    "action",
    [
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "LogStatusNotification",
        "SignedFirmwareStatusNotification",
    ],
)
@pytest.mark.parametrize(
    "payload", [None, {}, {"status": None}, {"status": "null"}, {"requestId": 3}, ["Idle"]]
)
def test_a_progress_without_a_status_says_nothing(action: str, payload: object) -> None:
    assert said(action, payload) == []


def test_a_security_event() -> None:
    payload = {"type": "TamperDetectionActivated", "timestamp": NOON, "techInfo": "lid open"}
    assert said("SecurityEventNotification", payload) == [
        SecurityEvent(*WHERE, kind="TamperDetectionActivated", info="lid open", told=AT_NOON)
    ]
    assert said("SecurityEventNotification", []) == []


def test_a_root_certificate_is_installed() -> None:
    call = {"certificateType": "CentralSystemRootCertificate", "certificate": "-----BEGIN CERTIFICATE-----"}
    assert answered("InstallCertificate", call, {"status": "Failed"}) == [
        CertificateInstalled(*WHERE, kind="CentralSystemRootCertificate", status="Failed")
    ]


@pytest.mark.parametrize(("told", "serial"), [("00FA", "00FA"), (4711, "4711"), (None, "")])
def test_a_certificate_is_deleted(told: object, serial: str) -> None:
    call = {"certificateHashData": {"hashAlgorithm": "SHA256", "serialNumber": told}}
    assert answered("DeleteCertificate", call, {"status": "NotFound"}) == [
        CertificateDeleted(*WHERE, serial=serial, status="NotFound")
    ]


@pytest.mark.parametrize(
    ("found", "count"), [([{}, {}], 2), ({}, 1), ([], 0), (None, 0), ([{}] * 2000, MAX_CERTIFICATES)]
)
def test_installed_certificates_are_of_the_kind_asked_for(found: object, count: int) -> None:
    answer = {"status": "Accepted", "certificateHashData": found}
    kind = "ManufacturerRootCertificate"
    assert answered("GetInstalledCertificateIds", {"certificateType": kind}, answer) == [
        CertificatesListed(*WHERE, kinds=(kind,) * count, status="Accepted")
    ]


def test_the_charge_point_asks_for_a_certificate_and_gets_it() -> None:
    assert answered("SignCertificate", {"csr": "-----BEGIN"}, {"status": "Accepted"}) == [
        CertificateSigningRequested(*WHERE, kind="", request_id=None, status="Accepted")
    ]
    assert answered("CertificateSigned", {"certificateChain": "-----BEGIN"}, {"status": "Rejected"}) == [
        CertificateSigned(*WHERE, kind="", request_id=None, status="Rejected")
    ]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: str(type(value)))
def test_any_value_in_every_member_gives_facts(value: object) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_filled_with(READINGS, value))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(READINGS, data))
