"""2.0.1: NotifyEvent: events, faults, statuses.

Every eventData is an event; beside it, it may be a status (AvailabilityState of a connector, an EVSE or the charging
station) and a fault, or the end of one. Knows which variables are faults by their name; where the value does not say,
2.1's severity does. Must not know whether a fault was raised before: a charge point that says false has none, whether
somebody saw it begin or not.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.codes import vendor_codes
from proxy.ocpp.facts import (
    Availability,
    EventReported,
    Fact,
    FaultCleared,
    FaultReported,
    StatusChanged,
    Where,
)
from proxy.ocpp.reading import Reading, Readings, told
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import identifier, integer, items, mapping, small, text, truth, word
from proxy.ocpp.v20.charging import availability_of
from proxy.ocpp.v20.members import place_of
from proxy.ocpp.v20.variables import report_part

MAX_EVENTS: Final = 1000
MOST_SEVERE: Final = 4
"""Danger, hardware failure, system failure, critical, error; from 5 (alert) on nobody has to act (2.1 §2.10)."""

_FAULT_VARIABLES: Final = frozenset(
    {
        "problem",
        "tripped",
        "fault",
        "faulted",
        "overload",
        "batteryovervoltage",
        "batteryundervoltage",
        "batterytemperature",
        "chargingcurrentdeviation",
        "voltagedeviation",
        "chargingsystemerror",
        "chargingsystemincompatibility",
        "chargerconnectorlockfault",
    }
)
"""Booleans of the standard's device model that are true while something is wrong, CHAdeMO's status bits among them, and
the two words that vendors use."""
_AVAILABILITY: Final = "availabilitystate"
_AT_AN_EVSE: Final = frozenset({"connector", "evse"})
_WITH_AVAILABILITY: Final = _AT_AN_EVSE | {"chargingstation"}


class _Fault(enum.Enum):
    """What an event says about a fault."""

    NOTHING = enum.auto()
    REPORTED = enum.auto()
    CLEARED = enum.auto()


def _notify_event(where: Where, call: Any) -> list[Fact]:
    """The part comes last: then all that it tells has been told."""
    events = items(call.get("eventData"))
    facts: list[Fact] = []
    for event in events[:MAX_EVENTS]:
        if type(event) is dict and event:
            facts += _event(where, event)
    return [*facts, report_part(where, call, "NotifyEvent", len(events))]


def _event(where: Where, event: Mapping[str, Any]) -> list[Fact]:
    get = event.get
    component = mapping(get("component"))
    reported = EventReported(
        *where,
        place=place_of(component.get("evse")),
        event_id=integer(get("eventId")),
        component=text(component.get("name")),
        variable=text(mapping(get("variable")).get("name")),
        value=_value(get("actualValue")),
        trigger=text(get("trigger")),
        kind=text(get("eventNotificationType")),
        cause=integer(get("cause")),
        cleared=truth(get("cleared")) is True,
        severity=small(get("severity")),
        tech_code=text(get("techCode")),
        tech_info=text(get("techInfo")),
        transaction_id=identifier(get("transactionId")),
        told=moment(get("timestamp")),
    )
    if word(reported.variable) != _AVAILABILITY:
        return [reported, *_fault(where, reported, Availability.UNKNOWN)]
    availability = availability_of(reported.value)
    return [reported, *_status(where, reported, availability), *_fault(where, reported, availability)]


def _value(value: Any) -> str:
    """A value as text; JSON's booleans are written as the device model writes them (quirk 33)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value)


def _status(where: Where, event: EventReported, availability: Availability) -> list[Fact]:
    """Whose status it is has to be said: one of a connector nobody names would read as the whole charge point's."""
    component = word(event.component)
    if component not in _WITH_AVAILABILITY or not event.value:
        return []
    if event.place.evse_id is None and component in _AT_AN_EVSE:
        return []
    changed = StatusChanged(
        *where,
        place=event.place,
        status=event.value,
        availability=availability,
        told=event.told,
        source="NotifyEvent",
    )
    return [changed]


def _fault(where: Where, event: EventReported, availability: Availability) -> list[Fact]:
    """The code is the techCode, or else "Component.Variable"."""
    fault = _fault_of(event, availability)
    if fault is _Fault.NOTHING:
        return []
    codes = vendor_codes(event.tech_code)
    code = event.tech_code if codes else ".".join(filter(None, (event.component, event.variable)))
    if fault is _Fault.CLEARED and not code:
        return []  # without a code it would be the end of every fault of the place
    if fault is _Fault.CLEARED:
        cleared = FaultCleared(
            *where,
            place=event.place,
            code=code,
            component=event.component,
            variable=event.variable,
            told=event.told,
        )
        return [cleared]
    reported = FaultReported(
        *where,
        place=event.place,
        code=code,
        vendor_codes=codes,
        info=event.tech_info,
        status=event.value if availability is Availability.FAULTED else "",
        severity=event.severity,
        component=event.component,
        variable=event.variable,
        transaction_id=event.transaction_id,
        told=event.told,
    )
    return [reported]


def _fault_of(event: EventReported, availability: Availability) -> _Fault:
    """`cleared` is said on purpose and goes first; then the value; then the severity."""
    severe = event.severity is not None and event.severity <= MOST_SEVERE
    is_fault = word(event.variable) in _FAULT_VARIABLES
    if event.cleared:
        told = severe or is_fault or availability is not Availability.UNKNOWN
        return _Fault.CLEARED if told else _Fault.NOTHING
    if availability is not Availability.UNKNOWN:
        return _Fault.REPORTED if availability is Availability.FAULTED else _Fault.CLEARED
    wrong = truth(event.value) if is_fault else None
    if wrong is not None:
        return _Fault.REPORTED if wrong else _Fault.CLEARED
    return _Fault.REPORTED if severe else _Fault.NOTHING


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {"NotifyEvent": Reading(said=told(_notify_event))},
}
