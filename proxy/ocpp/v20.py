"""OCPP 2.0, 2.0.1 and (for now) 2.1 payloads -> facts; the same contract as `v16`.

Read here: BootNotification (B01), Heartbeat (G02), SetVariables and GetVariables (B05, B06).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from proxy.ocpp.facts import Booted, Fact, HeartbeatIntervalSet, Where
from proxy.ocpp.tolerant import items, mapping, seconds, text, word
from proxy.ocpp.v16 import Reader, heartbeat, interval_of

_HEARTBEAT_INTERVAL: Final = ("ocppcommctrlr", "heartbeatinterval", "actual")


def _boot_notification(where: Where, call: Any, answer: Any) -> list[Fact]:
    station, said = mapping(mapping(call).get("chargingStation")), mapping(answer)
    booted = Booted(
        *where,
        vendor=text(station.get("vendorName")),
        model=text(station.get("model")),
        firmware=text(station.get("firmwareVersion")),
        serial=text(station.get("serialNumber")),
        status=text(said.get("status")),
        interval_seconds=seconds(said.get("interval")),
    )
    return [booted, *interval_of(booted, where)]


def _set_variables(where: Where, call: Any, answer: Any) -> list[Fact]:
    """The value stands in the CALL, whether it is in force in the answer (B05.FR.11)."""
    if not _accepted(answer, "setVariableResult"):
        return []
    return _interval(where, mapping(call).get("setVariableData"), "SetVariables")


def _get_variables(where: Where, call: Any, answer: Any) -> list[Fact]:
    return _interval(where, _accepted(answer, "getVariableResult"), "GetVariables")


def _accepted(answer: Any, key: str) -> list[Any]:
    """The accepted results about the Heartbeat interval."""
    return [
        result
        for result in items(mapping(answer).get(key))
        if text(mapping(result).get("attributeStatus")) == "Accepted" and _named(result)
    ]


def _interval(where: Where, entries: Any, source: str) -> list[Fact]:
    """The last readable value counts: entries are processed in order."""
    found = [seconds(mapping(entry).get("attributeValue")) for entry in items(entries) if _named(entry)]
    known = [value for value in found if value is not None]
    return [HeartbeatIntervalSet(*where, seconds=known[-1], source=source)] if known else []


def _named(entry: Any) -> bool:
    """Is this about OCPPCommCtrlr.HeartbeatInterval? The attribute's type is Actual when it is not said."""
    entry = mapping(entry)
    component = word(mapping(entry.get("component")).get("name"))
    variable = word(mapping(entry.get("variable")).get("name"))
    return (component, variable, word(entry.get("attributeType")) or "actual") == _HEARTBEAT_INTERVAL


READERS: Final[Mapping[str, Reader]] = {
    "BootNotification": _boot_notification,
    "GetVariables": _get_variables,
    "Heartbeat": heartbeat,
    "SetVariables": _set_variables,
}
