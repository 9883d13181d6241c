"""OCPP 1.6 payloads -> facts: one function per action, called when its CALL was answered by a CALLRESULT.

A function gets both payloads as they are (any JSON value, None when unknown) and never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from proxy.ocpp.facts import Booted, Fact, HeartbeatIntervalSet, HeartbeatSeen, Where
from proxy.ocpp.tolerant import items, mapping, seconds, text, word

Reader = Callable[[Where, Any, Any], list[Fact]]
"""(where, CALL payload, CALLRESULT payload) -> facts."""


def _boot_notification(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked, said = mapping(call), mapping(answer)
    serial = text(asked.get("chargePointSerialNumber")) or text(asked.get("chargeBoxSerialNumber"))
    booted = Booted(
        *where,
        vendor=text(asked.get("chargePointVendor")),
        model=text(asked.get("chargePointModel")),
        firmware=text(asked.get("firmwareVersion")),
        serial=serial,
        status=text(said.get("status")),
        interval_seconds=seconds(said.get("interval")),
    )
    return [booted, *interval_of(booted, where)]


def interval_of(booted: Booted, where: Where) -> list[Fact]:
    """The interval is the Heartbeat's only when the boot was accepted, else the time to the next try (1.6 §4.2)."""
    if booted.status != "Accepted" or booted.interval_seconds is None:
        return []
    return [HeartbeatIntervalSet(*where, seconds=booted.interval_seconds, source="BootNotification")]


def heartbeat(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [HeartbeatSeen(*where)]


def _change_configuration(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Only Accepted is in force now: RebootRequired and the rest are not (1.6 §5.3)."""
    asked, said = mapping(call), mapping(answer)
    if text(said.get("status")) != "Accepted":
        return []
    return _interval(where, asked, "ChangeConfiguration")


def _get_configuration(where: Where, call: Any, answer: Any) -> list[Fact]:
    facts: list[Fact] = []
    for entry in items(mapping(answer).get("configurationKey")):
        facts += _interval(where, mapping(entry), "GetConfiguration")
    return facts[-1:]


def _interval(where: Where, entry: Mapping[str, Any], source: str) -> list[Fact]:
    """Keys are CiStrings: HeartBeatInterval, as the standard itself writes it once, is the same key."""
    value = seconds(entry.get("value")) if word(entry.get("key")) == "heartbeatinterval" else None
    return [] if value is None else [HeartbeatIntervalSet(*where, seconds=value, source=source)]


READERS: Final[Mapping[str, Reader]] = {
    "BootNotification": _boot_notification,
    "ChangeConfiguration": _change_configuration,
    "GetConfiguration": _get_configuration,
    "Heartbeat": heartbeat,
}
