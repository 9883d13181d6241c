"""2.x: network profiles, firmware, logs, certificates, security, customer information."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    CertificateDeleted,
    CertificateInstalled,
    CertificateSigned,
    CertificateSigningRequested,
    CertificatesListed,
    CertificateStatusTold,
    CustomerInformationRequested,
    EvCertificateTold,
    Fact,
    FirmwareProgress,
    FirmwarePublishProgress,
    FirmwarePublishRequested,
    FirmwareUpdateRequested,
    LogUploadProgress,
    LogUploadRequested,
    Moment,
    NetworkProfileSet,
    ReportPartReceived,
    ReportRequested,
    SecurityEvent,
)
from proxy.ocpp.times import moment
from proxy.ocpp.v20.device import READINGS
from tests.ocpp.v2 import BOTH, WHERE, answered, every_fact_of, said

pytestmark = pytest.mark.parametrize("version", BOTH)
NOON, EVENING = "2026-05-01T12:00:00Z", "2026-05-01T18:00:00Z"
OK = {"status": "Accepted"}


def test_set_network_profile(version: str) -> None:
    data = {
        "ocppVersion": "OCPP20",
        "ocppTransport": "JSON",
        "ocppCsmsUrl": "wss://csms.example/ocpp",
        "messageTimeout": 30,
        "securityProfile": 2,
        "ocppInterface": "Wireless0",
        "vpn": {"password": "***"},
    }
    call = {"configurationSlot": 1, "connectionData": data}
    assert answered(version, "SetNetworkProfile", call, {"status": "Rejected"}) == [
        NetworkProfileSet(
            *WHERE,
            slot=1,
            url="wss://csms.example/ocpp",
            security_profile=2,
            interface="Wireless0",
            version="OCPP20",
            status="Rejected",
        )
    ]


@pytest.mark.parametrize(("certificate", "signed"), [("-----BEGIN", True), (None, False), ("", False)])
def test_update_firmware(version: str, certificate: str | None, signed: bool) -> None:
    firmware = {
        "location": "https://fw.example/1.bin",
        "retrieveDateTime": NOON,
        "installDateTime": EVENING,
        "signingCertificate": certificate,
    }
    assert answered(version, "UpdateFirmware", {"requestId": 4, "firmware": firmware}, OK) == [
        FirmwareUpdateRequested(
            *WHERE,
            location="https://fw.example/1.bin",
            request_id=4,
            retrieve_at=moment(NOON),
            install_at=moment(EVENING),
            signed=signed,
            status="Accepted",
        )
    ]


def test_firmware_status(version: str) -> None:
    assert said(version, "FirmwareStatusNotification", {"status": "Installing", "requestId": 4}) == [
        FirmwareProgress(*WHERE, status="Installing", request_id=4)
    ]


def test_publish_firmware(version: str) -> None:
    call = {"location": "https://fw.example/2.bin", "checksum": "c0ffee", "requestId": 5}
    assert answered(version, "PublishFirmware", call, OK) == [
        FirmwarePublishRequested(
            *WHERE,
            action="PublishFirmware",
            location="https://fw.example/2.bin",
            checksum="c0ffee",
            request_id=5,
            status="Accepted",
        )
    ]


def test_unpublish_firmware(version: str) -> None:
    assert answered(version, "UnpublishFirmware", {"checksum": "c0ffee"}, {"status": "NoFirmware"}) == [
        FirmwarePublishRequested(
            *WHERE,
            action="UnpublishFirmware",
            location="",
            checksum="c0ffee",
            request_id=None,
            status="NoFirmware",
        )
    ]


def test_publish_firmware_status(version: str) -> None:
    call = {"status": "Published", "location": ["http://lc/2.bin", "ftp://lc/2.bin"], "requestId": 5}
    assert said(version, "PublishFirmwareStatusNotification", call) == [
        FirmwarePublishProgress(
            *WHERE, status="Published", request_id=5, locations=("http://lc/2.bin", "ftp://lc/2.bin")
        )
    ]


def test_get_log(version: str) -> None:
    call = {"log": {"remoteLocation": "sftp://logs.example/"}, "logType": "SecurityLog", "requestId": 6}
    answer = {"status": "AcceptedCanceled", "filename": "sec.log"}
    assert answered(version, "GetLog", call, answer) == [
        LogUploadRequested(
            *WHERE,
            kind="SecurityLog",
            location="sftp://logs.example/",
            request_id=6,
            file_name="sec.log",
            status="AcceptedCanceled",
        )
    ]


def test_log_status(version: str) -> None:
    assert said(version, "LogStatusNotification", {"status": "Uploaded", "requestId": 6}) == [
        LogUploadProgress(*WHERE, status="Uploaded", request_id=6)
    ]


@pytest.mark.parametrize(
    ("time", "told"),
    [(NOON, moment(NOON)), ("2026-05-01 12:00", Moment(None, "2026-05-01 12:00"))],
)
def test_security_event(version: str, time: str, told: Moment) -> None:
    """A time without a zone is not guessed at (quirk 37)."""
    call = {"type": "TamperDetectionActivated", "timestamp": time, "techInfo": "lid"}
    assert said(version, "SecurityEventNotification", call) == [
        SecurityEvent(*WHERE, kind="TamperDetectionActivated", info="lid", told=told)
    ]


def test_install_certificate(version: str) -> None:
    call = {"certificateType": "CSMSRootCertificate", "certificate": "-----BEGIN"}
    assert answered(version, "InstallCertificate", call, {"status": "Failed"}) == [
        CertificateInstalled(*WHERE, kind="CSMSRootCertificate", status="Failed")
    ]


def test_delete_certificate(version: str) -> None:
    call = {"certificateHashData": {"hashAlgorithm": "SHA256", "serialNumber": "0a1b"}}
    assert answered(version, "DeleteCertificate", call, {"status": "NotFound"}) == [
        CertificateDeleted(*WHERE, serial="0a1b", status="NotFound")
    ]


def test_installed_certificates(version: str) -> None:
    chains = [{"certificateType": "V2GCertificateChain"}, {"certificateType": "CSMSRootCertificate"}]
    answer = {"status": "Accepted", "certificateHashDataChain": chains}
    assert answered(version, "GetInstalledCertificateIds", {}, answer) == [
        CertificatesListed(*WHERE, kinds=("V2GCertificateChain", "CSMSRootCertificate"), status="Accepted")
    ]


def test_sign_certificate(version: str) -> None:
    call = {"csr": "-----BEGIN", "certificateType": "V2GCertificate", "requestId": 3}
    assert answered(version, "SignCertificate", call, OK) == [
        CertificateSigningRequested(*WHERE, kind="V2GCertificate", request_id=3, status="Accepted")
    ]


def test_certificate_signed(version: str) -> None:
    call = {"certificateChain": "-----BEGIN", "certificateType": "V2GCertificate", "requestId": 3}
    assert answered(version, "CertificateSigned", call, {"status": "Rejected"}) == [
        CertificateSigned(*WHERE, kind="V2GCertificate", request_id=3, status="Rejected")
    ]


@pytest.mark.parametrize(("answer", "statuses"), [(OK, ("Accepted",)), ({}, ()), (None, ())])
def test_certificate_status(version: str, answer: object, statuses: tuple[str, ...]) -> None:
    assert answered(version, "GetCertificateStatus", {"ocspRequestData": {}}, answer) == [
        CertificateStatusTold(*WHERE, statuses=statuses)
    ]


def test_ev_certificate(version: str) -> None:
    call = {"iso15118SchemaVersion": "urn:iso:15118:2:2013", "action": "Update", "exiRequest": "gA"}
    assert answered(version, "Get15118EVCertificate", call, {"status": "Failed", "exiResponse": "gB"}) == [
        EvCertificateTold(*WHERE, request="Update", status="Failed")
    ]


@pytest.mark.parametrize(
    ("report", "clear", "what"),
    [(True, True, "report clear"), (True, False, "report"), (False, True, "clear")],
)
def test_customer_information(version: str, report: bool, clear: bool, what: str) -> None:
    call = {"requestId": 9, "report": report, "clear": clear, "customerIdentifier": "somebody"}
    assert answered(version, "CustomerInformation", call, OK) == [
        CustomerInformationRequested(*WHERE, request_id=9, report=report, clear=clear, status="Accepted"),
        ReportRequested(*WHERE, action="CustomerInformation", request_id=9, what=what, status="Accepted"),
    ]


@pytest.mark.parametrize(("tbc", "more"), [(True, True), ("true", True), (False, False), (None, False)])
def test_notify_customer_information(version: str, tbc: object, more: bool) -> None:
    call = {"data": "x", "tbc": tbc, "seqNo": 2, "generatedAt": NOON, "requestId": 9}
    assert said(version, "NotifyCustomerInformation", call) == [
        ReportPartReceived(
            *WHERE,
            action="NotifyCustomerInformation",
            request_id=9,
            seq_no=2,
            more=more,
            entries=1,
            told=moment(NOON),
        )
    ]


@pytest.mark.parametrize("action", ["UpdateFirmware", "SetNetworkProfile", "GetLog", "CustomerInformation"])
def test_a_command_whose_call_was_not_kept_says_nothing(version: str, action: str) -> None:
    assert answered(version, action, None, OK) == []


@pytest.mark.parametrize("action", ["Firmware", "Log", "PublishFirmware"])
def test_a_progress_without_a_status_says_nothing(version: str, action: str) -> None:
    assert said(version, f"{action}StatusNotification", {"requestId": 4}) == []


@pytest.mark.parametrize("payload", [None, [], "x", 7])
def test_a_notice_that_is_no_object_says_nothing(version: str, payload: object) -> None:
    assert said(version, "SecurityEventNotification", payload) == []


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(version: str, data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(version, READINGS, data))
