"""2.1: DER control and frequency restoration (blocks R and Q).

A control's curve or setpoint stands in the frame; the facts say which control it is and what became of it.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.facts import (
    AfrrSignalled,
    DerAlarmRaised,
    DerControlReported,
    DerControlsCleared,
    DerControlSet,
    DerControlSwitched,
    Fact,
    ReportPartReceived,
    ReportRequested,
    Where,
)
from proxy.ocpp.reading import Reading, Readings, kept, told
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import identifier, integer, items, mapping, text, truth, words
from proxy.ocpp.v20.members import status_of

MAX_CONTROLS: Final = 100
"""Of one kind in one message; the standard allows 24."""

_REPORTED: Final = (
    "curve",
    "enterService",
    "fixedPFAbsorb",
    "fixedPFInject",
    "fixedVar",
    "freqDroop",
    "gradient",
    "limitMaxDischarge",
)
"""The members of ReportDERControl that hold controls."""


def _set_control(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        DerControlSet(
            *where,
            control_id=identifier(call.get("controlId")),
            kind=text(call.get("controlType")),
            is_default=truth(call.get("isDefault")),
            superseded=words(mapping(answer).get("supersededIds"), MAX_CONTROLS),
            status=status_of(answer),
        )
    ]


def _clear_control(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        DerControlsCleared(
            *where,
            control_id=identifier(call.get("controlId")),
            kind=text(call.get("controlType")),
            is_default=truth(call.get("isDefault")),
            status=status_of(answer),
        )
    ]


def _get_control(where: Where, call: Any, answer: Any) -> list[Fact]:
    wanted = [text(call.get(member)) for member in ("controlType", "controlId")]
    return [
        ReportRequested(
            *where,
            action="GetDERControl",
            request_id=integer(call.get("requestId")),
            what=" ".join(filter(None, wanted)),
            status=status_of(answer),
        )
    ]


def _report_control(where: Where, call: Any) -> list[Fact]:
    """Parts have no seqNo. enterService and gradient do not say whether they are default or superseded."""
    request_id = integer(call.get("requestId"))
    found = [(kind, mapping(entry)) for kind in _REPORTED for entry in items(call.get(kind))[:MAX_CONTROLS]]
    reported = [
        DerControlReported(
            *where,
            control_id=identifier(entry.get("id")),
            kind=kind,
            is_default=truth(entry.get("isDefault")),
            is_superseded=truth(entry.get("isSuperseded")),
            request_id=request_id,
        )
        for kind, entry in found
    ]
    part = ReportPartReceived(
        *where,
        action="ReportDERControl",
        request_id=request_id,
        more=truth(call.get("tbc")) is True,
        entries=len(found),
    )
    return [*reported, part]


def _start_stop(where: Where, call: Any) -> list[Fact]:
    return [
        DerControlSwitched(
            *where,
            control_id=identifier(call.get("controlId")),
            started=truth(call.get("started")),
            superseded=words(call.get("supersededIds"), MAX_CONTROLS),
            told=moment(call.get("timestamp")),
        )
    ]


def _alarm(where: Where, call: Any) -> list[Fact]:
    """alarmEnded left out: the alarm begins (R05)."""
    return [
        DerAlarmRaised(
            *where,
            kind=text(call.get("controlType")),
            fault=text(call.get("gridEventFault")),
            ended=truth(call.get("alarmEnded")) is True,
            info=text(call.get("extraInfo")),
            told=moment(call.get("timestamp")),
        )
    ]


def _afrr(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        AfrrSignalled(
            *where,
            signal=integer(call.get("signal")),
            status=status_of(answer),
            told=moment(call.get("timestamp")),
        )
    ]


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "NotifyDERAlarm": Reading(said=told(_alarm)),
        "NotifyDERStartStop": Reading(said=told(_start_stop)),
        "ReportDERControl": Reading(said=told(_report_control)),
    },
    Direction.FROM_CSMS: {
        "AFRRSignal": Reading(answered=kept(_afrr)),
        "ClearDERControl": Reading(answered=kept(_clear_control)),
        "GetDERControl": Reading(answered=kept(_get_control)),
        "SetDERControl": Reading(answered=kept(_set_control)),
    },
}
