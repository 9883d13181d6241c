"""1.6: configuration, firmware, logs, certificates, security (the security whitepaper, edition 2, included).

Knows the members of these payloads; values come without secrets ("***"). Must not know what a key means, but for
HeartbeatInterval. A value that cannot be read is not told, a key without a name is none, a progress without a status
says nothing. 1.6 answers UpdateFirmware and GetDiagnostics without a status: the fact says that it was asked for.
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
    ConfigurationChanged,
    ConfigurationTold,
    ConfigurationUnknown,
    Fact,
    FirmwareProgress,
    FirmwareUpdateRequested,
    HeartbeatIntervalSet,
    LogUploadProgress,
    LogUploadRequested,
    SecurityEvent,
    Where,
)
from proxy.ocpp.reading import Reading, Readings, kept
from proxy.ocpp.tolerant import identifier, integer, items, mapping, seconds, text, truth, word
from proxy.ocpp.v16.charging import told, when

MAX_KEYS: Final = 10_000
"""Per message; real charge points have some hundred."""
MAX_CERTIFICATES: Final = 1000

_MUTABILITIES: Final = {True: "ReadOnly", False: "ReadWrite", None: ""}


def _change_configuration(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Only Accepted is in force now: RebootRequired and the rest are not (1.6 §5.3)."""
    asked, status = mapping(call), text(mapping(answer).get("status"))
    key, value = text(asked.get("key")), asked.get("value")
    if not key:
        return []
    source = "ChangeConfiguration"
    changed = ConfigurationChanged(*where, key=key, value=_value(value) or "", status=status, source=source)
    return [changed, *(_interval(where, key, value, source) if word(status) == "accepted" else [])]


def _get_configuration(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Every key that was told, every key that is unknown, then the Heartbeat interval when it is among them."""
    said, source = mapping(answer), "GetConfiguration"
    facts: list[Fact] = []
    interval: list[Fact] = []
    for entry in items(said.get("configurationKey"))[:MAX_KEYS]:
        asked = mapping(entry)
        key, value = text(asked.get("key")), asked.get("value")
        if key:
            mutability = _MUTABILITIES[truth(asked.get("readonly"))]
            facts.append(
                ConfigurationTold(*where, key=key, value=_value(value), mutability=mutability, source=source)
            )
            interval = _interval(where, key, value, source) or interval
    unknown = [text(key) for key in items(said.get("unknownKey"))[:MAX_KEYS]]
    facts += [ConfigurationUnknown(*where, key=key, source=source) for key in unknown if key]
    return facts + interval


def _value(value: Any) -> str | None:
    """A configuration value as text, numbers and booleans too (quirk 33); None: not said."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) if isinstance(value, str | int | float) else None


def _interval(where: Where, key: str, value: Any, source: str) -> list[Fact]:
    """Keys are CiStrings: HeartBeatInterval, as the standard itself writes it once, is the same key."""
    interval = seconds(value) if word(key) == "heartbeatinterval" else None
    return [] if interval is None else [HeartbeatIntervalSet(*where, seconds=interval, source=source)]


def _update_firmware(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    requested = FirmwareUpdateRequested(
        *where,
        location=text(asked.get("location")),
        retrieve_at=when(asked.get("retrieveDate")),
    )
    return [requested]


def _signed_update_firmware(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    firmware = mapping(asked.get("firmware"))
    requested = FirmwareUpdateRequested(
        *where,
        location=text(firmware.get("location")),
        request_id=integer(asked.get("requestId")),
        retrieve_at=when(firmware.get("retrieveDateTime")),
        install_at=when(firmware.get("installDateTime")),
        signed=told(firmware.get("signingCertificate")) != "",
        status=text(mapping(answer).get("status")),
    )
    return [requested]


def _firmware_status(where: Where, call: Any) -> list[Fact]:
    """FirmwareStatusNotification and SignedFirmwareStatusNotification; only the latter may tell a request."""
    said = mapping(call)
    status = told(said.get("status"))
    if not status:
        return []
    return [FirmwareProgress(*where, status=status, request_id=integer(said.get("requestId")))]


def _get_diagnostics(where: Where, call: Any, answer: Any) -> list[Fact]:
    """An answer without a file name: there are no diagnostics to upload (1.6 §6.26)."""
    requested = LogUploadRequested(
        *where,
        kind="Diagnostics",
        location=text(mapping(call).get("location")),
        file_name=told(mapping(answer).get("fileName")),
    )
    return [requested]


def _get_log(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked, said = mapping(call), mapping(answer)
    requested = LogUploadRequested(
        *where,
        kind=text(asked.get("logType")),
        location=text(mapping(asked.get("log")).get("remoteLocation")),
        request_id=integer(asked.get("requestId")),
        file_name=told(said.get("filename")),
        status=text(said.get("status")),
    )
    return [requested]


def _log_status(where: Where, call: Any) -> list[Fact]:
    """DiagnosticsStatusNotification and LogStatusNotification; only the latter may tell a request."""
    said = mapping(call)
    status = told(said.get("status"))
    if not status:
        return []
    return [LogUploadProgress(*where, status=status, request_id=integer(said.get("requestId")))]


def _security_event(where: Where, call: Any) -> list[Fact]:
    said = mapping(call)
    if not said:
        return []
    event = SecurityEvent(
        *where,
        kind=text(said.get("type")),
        info=told(said.get("techInfo")),
        told=when(said.get("timestamp")),
    )
    return [event]


def _install_certificate(where: Where, call: Any, answer: Any) -> list[Fact]:
    kind, status = text(mapping(call).get("certificateType")), text(mapping(answer).get("status"))
    return [CertificateInstalled(*where, kind=kind, status=status)]


def _delete_certificate(where: Where, call: Any, answer: Any) -> list[Fact]:
    serial = identifier(mapping(mapping(call).get("certificateHashData")).get("serialNumber"))
    return [CertificateDeleted(*where, serial=serial, status=text(mapping(answer).get("status")))]


def _get_installed_certificate_ids(where: Where, call: Any, answer: Any) -> list[Fact]:
    """1.6 asks for one kind of certificate, hence all that are found are of it."""
    said = mapping(answer)
    kind, found = text(mapping(call).get("certificateType")), items(said.get("certificateHashData"))
    kinds = (kind,) * min(len(found), MAX_CERTIFICATES)
    return [CertificatesListed(*where, kinds=kinds, status=text(said.get("status")))]


def _sign_certificate(where: Where, call: Any, answer: Any) -> list[Fact]:
    """The charge point's own certificate: 1.6 has no other kind, and no word for it."""
    return [CertificateSigningRequested(*where, status=text(mapping(answer).get("status")))]


def _certificate_signed(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [CertificateSigned(*where, status=text(mapping(answer).get("status")))]


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "DiagnosticsStatusNotification": Reading(said=_log_status),
        "FirmwareStatusNotification": Reading(said=_firmware_status),
        "LogStatusNotification": Reading(said=_log_status),
        "SecurityEventNotification": Reading(said=_security_event),
        "SignCertificate": Reading(answered=kept(_sign_certificate)),
        "SignedFirmwareStatusNotification": Reading(said=_firmware_status),
    },
    Direction.FROM_CSMS: {
        "CertificateSigned": Reading(answered=kept(_certificate_signed)),
        "ChangeConfiguration": Reading(answered=kept(_change_configuration)),
        "DeleteCertificate": Reading(answered=kept(_delete_certificate)),
        "GetConfiguration": Reading(answered=_get_configuration),
        "GetDiagnostics": Reading(answered=kept(_get_diagnostics)),
        "GetInstalledCertificateIds": Reading(answered=_get_installed_certificate_ids),
        "GetLog": Reading(answered=kept(_get_log)),
        "InstallCertificate": Reading(answered=kept(_install_certificate)),
        "SignedUpdateFirmware": Reading(answered=kept(_signed_update_firmware)),
        "UpdateFirmware": Reading(answered=kept(_update_firmware)),
    },
}
