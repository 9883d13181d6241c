"""Which columns a fact fills: one small function per kind of fact, by column name. Pure; knows no batch and no number.

`books.py` adds what all rows have (when, whose, which frame). A column that a fact does not speak of stays empty. What
does not fit its column (a connector id of 2^40) is unknown, never an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, Moment, Place
from proxy.pipeline.transaction import Transaction
from proxy.tables import FAULT_STATES, FIRMWARE_EVENTS, TABLES

Columns = dict[str, Any]
_MOST_32: Final = 2**32 - 1
_MOST_63: Final = 2**63

_CRITICAL: Final = """
    FirmwareUpdated SettingSystemTime StartupOfTheDevice ResetOrReboot SecurityLogWasCleared MemoryExhaustion
    TamperDetectionActivated InvalidFirmwareSignature InvalidFirmwareSigningCertificate InvalidCsmsCertificate
    InvalidChargingStationCertificate DiscardedRenewedClientCertificate InvalidTLSVersion InvalidTLSCipherSuite
    MaintenanceLoginAccepted MaintenanceLoginFailed
"""
CRITICAL_EVENTS: Final = frozenset(_CRITICAL.split())
"""2.1 appendix 1 v2.0, "Critical: Yes". 1.6's own names (...CentralSystem...) are not critical there."""
IN_FORCE: Final = "Accepted"
AFTER_REBOOT: Final = "RebootRequired"
CSMS: Final = "CSMS"


def small(value: int | None) -> int | None:
    """`value` if it fits 32 bits without a sign."""
    return value if value is not None and 0 <= value <= _MOST_32 else None


def whole(value: int | None) -> int | None:
    """`value` if it fits 64 bits."""
    return value if value is not None and -_MOST_63 <= value < _MOST_63 else None


def _place(place: Place) -> Columns:
    return {"evse_id": small(place.evse_id), "connector_id": small(place.connector_id)}


def _moment(name: str, moment: Moment) -> Columns:
    return {f"{name}_at": whole(moment.ns), f"{name}_text": moment.text}


# rows of append-only tables


def _status(fact: facts.StatusChanged) -> Columns:
    return {
        "availability": int(fact.availability),
        "status": fact.status,
        "error_code": fact.error_code,
        "info": fact.info,
        "vendor_id": fact.vendor_id,
        "vendor_error_code": fact.vendor_error_code,
        "action": fact.source,
        **_moment("told", fact.told),
        **_place(fact.place),
    }


def _fault(fact: facts.FaultReported) -> Columns:
    severity = fact.severity
    return {
        "state": FAULT_STATES["raised"],
        "code": fact.code,
        "vendor_id": fact.vendor_id,
        "vendor_codes": fact.vendor_codes,
        "info": fact.info,
        "status": fact.status,
        "severity": severity if severity is not None and 0 <= severity <= 255 else None,
        "component": fact.component,
        "variable": fact.variable,
        "transaction_id": fact.transaction_id,
        **_moment("told", fact.told),
        **_place(fact.place),
    }


def _fault_cleared(fact: facts.FaultCleared) -> Columns:
    return {
        "state": FAULT_STATES["cleared"],
        "code": fact.code,
        "component": fact.component,
        "variable": fact.variable,
        **_moment("told", fact.told),
        **_place(fact.place),
    }


def _authorization(fact: facts.Authorized) -> Columns:
    return {
        "id_token": fact.who.token,
        "id_token_kind": fact.who.kind,
        "status": fact.status,
        "action": fact.source,
        "parent": fact.parent,
        "transaction_id": fact.transaction_id,
        "certificate_status": fact.certificate_status,
        **_moment("expires", fact.expires),
        **_place(fact.place),
    }


def _update_requested(fact: facts.FirmwareUpdateRequested) -> Columns:
    return {
        "event": FIRMWARE_EVENTS["update_requested"],
        "signed": int(fact.signed),
        "status": fact.status,
        "location": fact.location,
        "request_id": whole(fact.request_id),
        **_moment("retrieve", fact.retrieve_at),
        **_moment("install", fact.install_at),
    }


def _update_progress(fact: facts.FirmwareProgress) -> Columns:
    return _progress("update_progress", fact.status, fact.request_id)


def _progress(event: str, status: str, request_id: int | None) -> Columns:
    return {"event": FIRMWARE_EVENTS[event], "status": status, "request_id": whole(request_id)}


def _publish_requested(fact: facts.FirmwarePublishRequested) -> Columns:
    asked = _progress("publish_requested", fact.status, fact.request_id)
    return asked | {"location": fact.location, "kind": fact.action}


def _publish_progress(fact: facts.FirmwarePublishProgress) -> Columns:
    progress = _progress("publish_progress", fact.status, fact.request_id)
    return progress | {"location": " ".join(fact.locations)}


def _log_requested(fact: facts.LogUploadRequested) -> Columns:
    asked = _progress("log_requested", fact.status, fact.request_id)
    return asked | {"location": fact.location, "kind": fact.kind, "file_name": fact.file_name}


def _log_progress(fact: facts.LogUploadProgress) -> Columns:
    return _progress("log_progress", fact.status, fact.request_id)


def _security_event(fact: facts.SecurityEvent) -> Columns:
    return {
        "critical": int(fact.kind in CRITICAL_EVENTS),
        "kind": fact.kind,
        "info": fact.info,
        **_moment("told", fact.told),
    }


ITEMS: Final[Mapping[type[Fact], tuple[str, Callable[[Any], Columns]]]] = {
    facts.StatusChanged: ("statuses", _status),
    facts.FaultReported: ("faults", _fault),
    facts.FaultCleared: ("faults", _fault_cleared),
    facts.Authorized: ("authorizations", _authorization),
    facts.FirmwareUpdateRequested: ("firmware", _update_requested),
    facts.FirmwareProgress: ("firmware", _update_progress),
    facts.FirmwarePublishRequested: ("firmware", _publish_requested),
    facts.FirmwarePublishProgress: ("firmware", _publish_progress),
    facts.LogUploadRequested: ("firmware", _log_requested),
    facts.LogUploadProgress: ("firmware", _log_progress),
    facts.SecurityEvent: ("security_events", _security_event),
}
"""Fact -> the append-only table that it is one row of, and how. `meter_values`: `books.py`, for it has many rows."""


# partial rows: None = this fact does not say


def _booted(fact: facts.Booted) -> Columns:
    return {
        "vendor": fact.vendor or None,
        "model": fact.model or None,
        "serial": fact.serial or None,
        "firmware": fact.firmware or None,
        "boot_status": fact.status or None,
        "boot_reason": fact.reason or None,
        "boot_at": fact.at,
        "iccid": fact.iccid or None,
        "imsi": fact.imsi or None,
        "meter_type": fact.meter_type or None,
        "meter_serial": fact.meter_serial or None,
    }


def _opened(fact: facts.ConnectionOpened) -> Columns:
    return {
        "connected_at": fact.at,
        "ocpp_version": fact.ocpp_version or None,
        "remote_address": fact.remote_address or None,
    }


def _closed(fact: facts.ConnectionClosed) -> Columns:
    return {"disconnected_at": fact.at}


def _interval(fact: facts.HeartbeatIntervalSet) -> Columns:
    return {"heartbeat_interval": small(fact.seconds)}


def connector(place: Place) -> str:
    """A place that is a connector (or an EVSE) as a word: "1", "1.2"; "" for the whole charge point."""
    evse, connector = small(place.evse_id), small(place.connector_id)
    if evse and connector:
        return f"{evse}.{connector}"
    return str(evse or connector or "")


def _configuration_told(fact: facts.ConfigurationTold) -> Columns:
    """Without a value the key is known, and what its value was last said to be stays."""
    told = {"key": fact.key, "mutability": fact.mutability or None}
    return told if fact.value is None else told | {"value": fact.value, "told_at": fact.at}


def _configuration_changed(fact: facts.ConfigurationChanged) -> Columns:
    """Accepted is in force; RebootRequired is set, but the value is told by the charge point when it is in force."""
    asked = {"key": fact.key, "change_status": fact.status or None}
    if fact.status not in (IN_FORCE, AFTER_REBOOT):
        return asked
    changed = asked | {"changed_at": fact.at, "changed_by": CSMS}
    return changed | {"value": fact.value} if fact.status == IN_FORCE else changed


PARTS: Final[Mapping[type[Fact], tuple[str, Callable[[Any], Columns]]]] = {
    facts.Booted: ("charge_points", _booted),
    facts.ConnectionOpened: ("charge_points", _opened),
    facts.ConnectionClosed: ("charge_points", _closed),
    facts.HeartbeatIntervalSet: ("charge_points", _interval),
    facts.ConfigurationTold: ("configuration", _configuration_told),
    facts.ConfigurationChanged: ("configuration", _configuration_changed),
}
"""Fact -> the merged table that it is a partial row of, and how."""


def _empty(kind: str) -> Any:
    """What stands in a column of this type that nothing is said about."""
    if kind.startswith("Nullable"):
        return None
    if kind.startswith("Array"):
        return []
    return "" if "String" in kind else 0


BLANK: Final = {
    table: {column: _empty(kind) for column, kind in columns.items()} for table, columns in TABLES.items()
}


# transactions

_SAME: Final = tuple(name for name in Transaction.__struct_fields__ if name in TABLES["transactions"])
"""Fields that are columns as they are, but for what must fit."""


def transaction_columns(transaction: Transaction) -> Columns:
    """Everything but batch, journal and source."""
    told = {name: getattr(transaction, name) for name in _SAME}
    fitted = {
        name: whole(told[name]) for name in ("remote_start_id", "reservation_id", "seq_first", "seq_last")
    }
    place = {"evse_id": small(transaction.evse_id), "connector_id": small(transaction.connector_id)}
    numbers = {"outcome": int(transaction.outcome), "offline": int(transaction.offline)}
    return {
        **told,
        **fitted,
        **place,
        **numbers,
        **_moment("started", transaction.started),
        **_moment("stopped", transaction.stopped),
    }
