"""What each OCPP version fixes beside the schemas: who sends which action, the error codes, the clauses.

Tables only. An action that no row names is the CSMS's; which actions there are, the schema files say.
Not here: 1.5 and older (SOAP; no JSON schema was published) and 2.0 (withdrawn; its schemas are not shipped).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.ocpp.conformance.verdict import (
    ADDITIONAL,
    ERROR_CODE,
    MESSAGE_ID,
    MESSAGE_TYPE,
    TIMESTAMP,
    UNKNOWN_ACTION,
    WRONG_DIRECTION,
)

V16: Final = "1.6"
V201: Final = "2.0.1"
V21: Final = "2.1"
ALL: Final = (V16, V201, V21)
SINCE_20: Final = (V201, V21)

BOTH_WAYS: Final = frozenset({"ClosePeriodicEventStream", "DataTransfer"})
"""ClosePeriodicEventStream (2.1): the station in use case N13, the CSMS where the message is defined; who knows."""
SIGNED: Final = "-Signed"
"""2.x Part 4 §7: the name of a signed message is its action's with this at the end; its payload is a JWS."""

_STATION_16: Final = frozenset(
    {
        "Authorize",
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }
)
SECURITY_16: Final = frozenset(
    {
        "CertificateSigned",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetInstalledCertificateIds",
        "GetLog",
        "InstallCertificate",
        "LogStatusNotification",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "SignedUpdateFirmware",
    }
)
"""Of the security whitepaper; the others are the standard's own."""
_STATION_201: Final = frozenset(
    {
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "StatusNotification",
        "TransactionEvent",
    }
)
_STATION_21: Final = _STATION_201 | {
    "BatterySwap",
    "GetCertificateChainStatus",
    "NotifyDERAlarm",
    "NotifyDERStartStop",
    "NotifyPeriodicEventStream",
    "NotifyPriorityCharging",
    "NotifySettlement",
    "OpenPeriodicEventStream",
    "PullDynamicScheduleUpdate",
    "ReportDERControl",
    "VatNumberValidation",
}

_CODES: Final = frozenset(
    {
        "GenericError",
        "InternalError",
        "NotImplemented",
        "NotSupported",
        "PropertyConstraintViolation",
        "ProtocolError",
        "SecurityError",
        "TypeConstraintViolation",
    }
)
_CODES_16: Final = _CODES | {"FormationViolation", "OccurenceConstraintViolation"}
_CODES_2: Final = _CODES | {
    "FormatViolation",
    "MessageTypeNotSupported",
    "OccurrenceConstraintViolation",
    "RpcFrameworkError",
}


class Standard(msgspec.Struct, frozen=True):
    """`request`: how the file of a CALL's schema ends before `.json`. `sends`: actions of type 6. `signs`: may a
    message be signed? `objects`: is there a message of type 5?"""

    version: str
    folder: str
    request: str
    station: frozenset[str]
    error_codes: frozenset[str]
    clauses: Mapping[str, str]
    sends: frozenset[str] = frozenset()
    signs: bool = True
    objects: bool = False


_TIME: Final = "RFC 3339 §5.6; quirks 37, 79"


def _part4(version: str) -> dict[str, str]:
    return {
        ERROR_CODE: f"OCPP {version} Part 4 §4.2",
        MESSAGE_ID: f"OCPP {version} Part 4 §4.1",
        MESSAGE_TYPE: f"OCPP {version} Part 4 §4.2",
        TIMESTAMP: _TIME,
        UNKNOWN_ACTION: f"OCPP {version} Part 3",
        WRONG_DIRECTION: f"OCPP {version} Part 2",
    }


_CLAUSES_16: Final = {
    ADDITIONAL: "1.6-J errata 3.2",
    ERROR_CODE: "OCPP-J 1.6 §4.2",
    MESSAGE_ID: "OCPP-J 1.6 §4.1",
    MESSAGE_TYPE: "OCPP-J 1.6 §4.2",
    TIMESTAMP: _TIME,
    UNKNOWN_ACTION: "OCPP 1.6 edition 2 §6",
    WRONG_DIRECTION: "OCPP 1.6 edition 2 §4, §5",
}

STANDARDS: Final[Mapping[str, Standard]] = {
    V16: Standard(V16, "v16", "", _STATION_16, _CODES_16, _CLAUSES_16, signs=False),
    V201: Standard(V201, "v201", "Request", _STATION_201, _CODES_2, _part4(V201)),
    V21: Standard(
        V21,
        "v21",
        "Request",
        _STATION_21,
        _CODES_2,
        _part4(V21),
        frozenset({"NotifyPeriodicEventStream"}),
        objects=True,
    ),
}


def message_clause(standard: Standard, actions: frozenset[str], action: str, name: str) -> str:
    """Where the standard defines the message that the schema file `name` describes.

    1.6 §6 lists requests and answers of its own actions in turn by the alphabet: MeterValues.req is 6.31.
    """
    if standard.version != V16:
        return f"OCPP {standard.version} Part 3, {name}"
    kind = "req" if name == action else "conf"
    if action in SECURITY_16:
        return f"OCPP 1.6 security whitepaper edition 2, {action}.{kind}"
    place = sorted(actions - SECURITY_16).index(action)
    return f"OCPP 1.6 edition 2 §6.{2 * place + (1 if kind == 'req' else 2)}"
