"""2.0.1: network profiles, firmware, logs, certificates, security, customer information.

Read for 2.1 too, which adds members (requestId of certificates) and words. Certificates, signing requests, EXI data and
who a customer is are not kept: the frame holds them. A progress without a status says nothing.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.names import Direction
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
    NetworkProfileSet,
    ReportPartReceived,
    ReportRequested,
    SecurityEvent,
    Where,
)
from proxy.ocpp.reading import Reading, Readings, kept, told
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import integer, items, mapping, small, text, truth, words
from proxy.ocpp.v20.members import status_of

MAX_CERTIFICATES: Final = 1000
MAX_LOCATIONS: Final = 100


def _set_network_profile(where: Where, call: Any, answer: Any) -> list[Fact]:
    data = mapping(call.get("connectionData"))
    return [
        NetworkProfileSet(
            *where,
            slot=integer(call.get("configurationSlot")),
            url=text(data.get("ocppCsmsUrl")),
            security_profile=small(data.get("securityProfile")),
            interface=text(data.get("ocppInterface")),
            version=text(data.get("ocppVersion")),
            status=status_of(answer),
        )
    ]


def _update_firmware(where: Where, call: Any, answer: Any) -> list[Fact]:
    firmware = mapping(call.get("firmware"))
    return [
        FirmwareUpdateRequested(
            *where,
            location=text(firmware.get("location")),
            request_id=integer(call.get("requestId")),
            retrieve_at=moment(firmware.get("retrieveDateTime")),
            install_at=moment(firmware.get("installDateTime")),
            signed=bool(firmware.get("signingCertificate")),
            status=status_of(answer),
        )
    ]


def _firmware_status(where: Where, call: Any) -> list[Fact]:
    status, request_id = text(call.get("status")), integer(call.get("requestId"))
    return [FirmwareProgress(*where, status=status, request_id=request_id)] if status else []


def _publish_firmware(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        FirmwarePublishRequested(
            *where,
            action="PublishFirmware",
            location=text(call.get("location")),
            checksum=text(call.get("checksum")),
            request_id=integer(call.get("requestId")),
            status=status_of(answer),
        )
    ]


def _unpublish_firmware(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        FirmwarePublishRequested(
            *where,
            action="UnpublishFirmware",
            checksum=text(call.get("checksum")),
            status=status_of(answer),
        )
    ]


def _publish_firmware_status(where: Where, call: Any) -> list[Fact]:
    progress = FirmwarePublishProgress(
        *where,
        status=text(call.get("status")),
        request_id=integer(call.get("requestId")),
        locations=words(call.get("location"), MAX_LOCATIONS),
    )
    return [progress] if progress.status else []


def _get_log(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        LogUploadRequested(
            *where,
            kind=text(call.get("logType")),
            location=text(mapping(call.get("log")).get("remoteLocation")),
            request_id=integer(call.get("requestId")),
            file_name=text(mapping(answer).get("filename")),
            status=status_of(answer),
        )
    ]


def _log_status(where: Where, call: Any) -> list[Fact]:
    status, request_id = text(call.get("status")), integer(call.get("requestId"))
    return [LogUploadProgress(*where, status=status, request_id=request_id)] if status else []


def _security_event(where: Where, call: Any) -> list[Fact]:
    return [
        SecurityEvent(
            *where,
            kind=text(call.get("type")),
            info=text(call.get("techInfo")),
            told=moment(call.get("timestamp")),
        )
    ]


def _install_certificate(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [CertificateInstalled(*where, kind=text(call.get("certificateType")), status=status_of(answer))]


def _delete_certificate(where: Where, call: Any, answer: Any) -> list[Fact]:
    which = mapping(call.get("certificateHashData"))
    return [CertificateDeleted(*where, serial=text(which.get("serialNumber")), status=status_of(answer))]


def _installed_certificates(where: Where, call: Any, answer: Any) -> list[Fact]:
    """The answer says it all; one kind per chain (a V2G chain with its sub-CAs is one certificate found)."""
    found = items(mapping(answer).get("certificateHashDataChain"))[:MAX_CERTIFICATES]
    kinds = tuple([text(mapping(chain).get("certificateType")) for chain in found])
    return [CertificatesListed(*where, kinds=kinds, status=status_of(answer))]


def _sign_certificate(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        CertificateSigningRequested(
            *where,
            kind=text(call.get("certificateType")),
            request_id=integer(call.get("requestId")),
            status=status_of(answer),
        )
    ]


def _certificate_signed(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        CertificateSigned(
            *where,
            kind=text(call.get("certificateType")),
            request_id=integer(call.get("requestId")),
            status=status_of(answer),
        )
    ]


def _certificate_status(where: Where, call: Any, answer: Any) -> list[Fact]:
    status = status_of(answer)
    return [CertificateStatusTold(*where, statuses=(status,) if status else ())]


def _ev_certificate(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [EvCertificateTold(*where, request=text(call.get("action")), status=status_of(answer))]


def _customer_information(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Parts follow, whatever was asked for: also when nothing is found or all is only cleared (N09, N10)."""
    request_id, status = integer(call.get("requestId")), status_of(answer)
    report, clear = truth(call.get("report")), truth(call.get("clear"))
    asked = [name for name, wanted in (("report", report), ("clear", clear)) if wanted]
    return [
        CustomerInformationRequested(
            *where, request_id=request_id, report=report, clear=clear, status=status
        ),
        ReportRequested(
            *where,
            action="CustomerInformation",
            request_id=request_id,
            what=" ".join(asked),
            status=status,
        ),
    ]


def _notify_customer_information(where: Where, call: Any) -> list[Fact]:
    """Its data is one text cut into pieces: a part tells one thing, or nothing."""
    return [
        ReportPartReceived(
            *where,
            action="NotifyCustomerInformation",
            request_id=integer(call.get("requestId")),
            seq_no=integer(call.get("seqNo")),
            more=truth(call.get("tbc")) is True,
            entries=1 if text(call.get("data")) else 0,
            told=moment(call.get("generatedAt")),
        )
    ]


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "FirmwareStatusNotification": Reading(said=told(_firmware_status)),
        "Get15118EVCertificate": Reading(answered=kept(_ev_certificate)),
        "GetCertificateStatus": Reading(answered=_certificate_status),
        "LogStatusNotification": Reading(said=told(_log_status)),
        "NotifyCustomerInformation": Reading(said=told(_notify_customer_information)),
        "PublishFirmwareStatusNotification": Reading(said=told(_publish_firmware_status)),
        "SecurityEventNotification": Reading(said=told(_security_event)),
        "SignCertificate": Reading(answered=kept(_sign_certificate)),
    },
    Direction.FROM_CSMS: {
        "CertificateSigned": Reading(answered=kept(_certificate_signed)),
        "CustomerInformation": Reading(answered=kept(_customer_information)),
        "DeleteCertificate": Reading(answered=kept(_delete_certificate)),
        "GetInstalledCertificateIds": Reading(answered=_installed_certificates),
        "GetLog": Reading(answered=kept(_get_log)),
        "InstallCertificate": Reading(answered=kept(_install_certificate)),
        "PublishFirmware": Reading(answered=kept(_publish_firmware)),
        "SetNetworkProfile": Reading(answered=kept(_set_network_profile)),
        "UnpublishFirmware": Reading(answered=kept(_unpublish_firmware)),
        "UpdateFirmware": Reading(answered=kept(_update_firmware)),
    },
}
