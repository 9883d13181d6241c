"""2.0.1: the device model: variables, reports, monitors.

Knows how a variable is named on the wire and as a key, and which entry of an answer belongs to which entry of the CALL:
the one at the same position, unless it names another variable. Values come without secrets ("***"). Must not know what
a variable means, but for OCPPCommCtrlr.HeartbeatInterval. Whether a report is whole is told by `ocpp/reports.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from proxy.names import Direction
from proxy.ocpp.facts import (
    ConfigurationChanged,
    ConfigurationTold,
    ConfigurationUnknown,
    Fact,
    HeartbeatIntervalSet,
    MonitoringLevelSet,
    MonitorsCleared,
    MonitorsSet,
    ReportPartReceived,
    ReportRequested,
    Where,
)
from proxy.ocpp.reading import Reading, Readings, kept, told
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import MAX_TEXT, integer, items, mapping, seconds, small, text, truth, word, words
from proxy.ocpp.v20.members import place_of, status_of

MAX_VARIABLES: Final = 10_000
"""Per message; a full inventory has some thousand, over many messages."""
MAX_ATTRIBUTES: Final = 4
MAX_MONITORS: Final = 1000
MAX_NAME: Final = 100
"""Characters of a name or instance in a key; the standard allows 50."""
_MOST_WANTED: Final = 16

_HEARTBEAT_INTERVAL: Final = "ocppcommctrlr.heartbeatinterval"
_ACTUAL: Final = frozenset({"", "actual"})
_UNKNOWN: Final = frozenset({"unknowncomponent", "unknownvariable"})
_REFUSED: Final = frozenset({"rejected", "notsupportedattributetype"})


class Variable(NamedTuple):
    """One attribute of a variable. `key` "": no variable is named."""

    key: str
    component: str
    variable: str


def variable_key(entry: Any, attribute_type: Any = None) -> str:
    """The key of ConfigurationTold for an object with the members component and variable.

    "Component[instance]#evse.connector.Variable[instance]", ":Target" after it for another attribute than Actual; what
    is not told is left out. "" when it does not name both.
    """
    told = mapping(entry)
    component, variable = component_key(told.get("component")), _name(mapping(told.get("variable")))
    if not component or not variable:
        return ""
    attribute = text(attribute_type)[:MAX_NAME]
    return f"{component}.{variable}" + ("" if word(attribute) in _ACTUAL else f":{attribute}")


def component_key(component: Any) -> str:
    """The component's part of the key."""
    told = mapping(component)
    name, evse = _name(told), told.get("evse")
    if not name or not evse:
        return name
    place = place_of(evse)
    numbers = [place.evse_id] if place.connector_id is None else [place.evse_id, place.connector_id]
    return f"{name}#{'.'.join('' if number is None else str(number) for number in numbers)}"


def _name(told: Mapping[str, Any]) -> str:
    name, instance = text(told.get("name"))[:MAX_NAME], text(told.get("instance"))[:MAX_NAME]
    return f"{name}[{instance}]" if name and instance else name


def _variable_of(entry: Any, attribute_type: Any) -> Variable:
    told = mapping(entry)
    component, variable = (text(mapping(told.get(part)).get("name")) for part in ("component", "variable"))
    return Variable(variable_key(told, attribute_type), component, variable)


def report_part(where: Where, call: Mapping[str, Any], action: str, entries: int) -> ReportPartReceived:
    """A part of a report, as NotifyReport, NotifyMonitoringReport and NotifyEvent all tell it."""
    return ReportPartReceived(
        *where,
        action=action,
        request_id=integer(call.get("requestId")),
        seq_no=small(call.get("seqNo")),
        more=truth(call.get("tbc")) is True,
        entries=entries,
        told=moment(call.get("generatedAt")),
    )


def _set_variables(where: Where, call: Any, answer: Any) -> list[Fact]:
    """The value stands in the CALL, whether it is in force in the answer: only Accepted is (B05.FR.11)."""
    entries = [mapping(entry) for entry in items(call.get("setVariableData"))[:MAX_VARIABLES]]
    asked = [_variable_of(entry, entry.get("attributeType")) for entry in entries]
    results = items(mapping(answer).get("setVariableResult"))[:MAX_VARIABLES]
    statuses = _statuses([variable.key for variable in asked], results, "attributeStatus")
    facts: list[Fact] = []
    interval: list[Fact] = []
    for entry, variable, status in zip(entries, asked, statuses, strict=True):
        value = _value(entry.get("attributeValue"))
        if variable.key:
            facts.append(
                ConfigurationChanged(
                    *where,
                    key=variable.key,
                    value=value or "",
                    status=status,
                    source="SetVariables",
                    component=variable.component,
                    variable=variable.variable,
                )
            )
        if word(status) == "accepted":
            interval = _interval(where, variable, value, "SetVariables") or interval
    return facts + interval


def _statuses(keys: Sequence[str], results: Sequence[Any], member: str) -> list[str]:
    """The status of each key: from the result at its position, or, where that names another, from the last that names
    it; "" when there is none."""
    given = [
        (
            variable_key(result, mapping(result).get("attributeType")).lower(),
            text(mapping(result).get(member)),
        )
        for result in results
    ]
    by_key = dict(given)
    return [
        given[position][1]
        if position < len(given) and given[position][0] in ("", key)
        else by_key.get(key, "")
        for position, key in enumerate(key.lower() for key in keys)
    ]


def _get_variables(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Rejected (it may not be read) and NotSupportedAttributeType tell that there is no value to be had."""
    facts: list[Fact] = []
    interval: list[Fact] = []
    for result in items(mapping(answer).get("getVariableResult"))[:MAX_VARIABLES]:
        entry = mapping(result)
        variable, status = (
            _variable_of(entry, entry.get("attributeType")),
            word(entry.get("attributeStatus")),
        )
        value = None if status in _REFUSED else _value(entry.get("attributeValue"))
        if not variable.key or (not status and value is None):
            continue
        if status in _UNKNOWN:
            facts.append(ConfigurationUnknown(*where, key=variable.key, source="GetVariables"))
            continue
        facts.append(_told(where, variable, value, "GetVariables"))
        interval = _interval(where, variable, value, "GetVariables") or interval
    return facts + interval


def _notify_report(where: Where, call: Any) -> list[Fact]:
    """Every attribute of every variable, the Heartbeat interval when it is among them, and that a part came."""
    entries = items(call.get("reportData"))
    facts: list[Fact] = []
    interval: list[Fact] = []
    for entry in entries[:MAX_VARIABLES]:
        attributes = items(mapping(entry).get("variableAttribute"))[:MAX_ATTRIBUTES]
        for attribute in map(mapping, attributes[: MAX_VARIABLES - len(facts)]):
            variable = _variable_of(entry, attribute.get("type"))
            if variable.key:
                value, mutability = _value(attribute.get("value")), text(attribute.get("mutability"))
                facts.append(_told(where, variable, value, "NotifyReport", mutability))
                interval = _interval(where, variable, value, "NotifyReport") or interval
    return [*facts, *interval, report_part(where, call, "NotifyReport", len(entries))]


def _told(
    where: Where, variable: Variable, value: str | None, source: str, mutability: str = ""
) -> ConfigurationTold:
    return ConfigurationTold(
        *where,
        key=variable.key,
        value=value,
        mutability=mutability,
        source=source,
        component=variable.component,
        variable=variable.variable,
    )


def _value(value: Any) -> str | None:
    """A value as text, numbers and booleans too (quirk 33); None: not said."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) if isinstance(value, str | int | float) else None


def _interval(where: Where, variable: Variable, value: str | None, source: str) -> list[Fact]:
    """Names are compared without case."""
    interval = seconds(value) if variable.key.lower() == _HEARTBEAT_INTERVAL else None
    return [] if interval is None else [HeartbeatIntervalSet(*where, seconds=interval, source=source)]


def _report_requested(action: str, what: Callable[[Mapping[str, Any]], str]) -> Reading:
    def read(where: Where, call: Any, answer: Any) -> list[Fact]:
        request_id = integer(call.get("requestId"))
        return [ReportRequested(*where, action, request_id, what(call), status_of(answer))]

    return Reading(answered=kept(read))


def _base(call: Mapping[str, Any]) -> str:
    return text(call.get("reportBase"))


def _wanted(criteria: str) -> Callable[[Mapping[str, Any]], str]:
    """The criteria, or else the components and variables asked for, as far as they fit."""

    def what(call: Mapping[str, Any]) -> str:
        told = [word for word in words(call.get(criteria), _MOST_WANTED) if word]
        entries = [] if told else items(call.get("componentVariable"))[:_MOST_WANTED]
        keys = [variable_key(entry) or component_key(mapping(entry).get("component")) for entry in entries]
        return ", ".join(told or [key for key in keys if key])[:MAX_TEXT]

    return what


def _notify_monitoring_report(where: Where, call: Any) -> list[Fact]:
    return [report_part(where, call, "NotifyMonitoringReport", len(items(call.get("monitor"))))]


def _set_variable_monitoring(where: Where, call: Any, answer: Any) -> list[Fact]:
    keys = [variable_key(entry) for entry in items(call.get("setMonitoringData"))[:MAX_MONITORS]]
    results = items(mapping(answer).get("setMonitoringResult"))[:MAX_MONITORS]
    return [MonitorsSet(*where, keys=tuple(keys), statuses=tuple(_statuses(keys, results, "status")))]


def _clear_variable_monitoring(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Ids as asked for; what was not answered has the status ""."""
    asked = call.get("id")
    told = [integer(entry) for entry in (asked if isinstance(asked, list) else [asked])[:MAX_MONITORS]]
    ids = [monitor_id for monitor_id in told if monitor_id is not None]
    results = map(mapping, items(mapping(answer).get("clearMonitoringResult"))[:MAX_MONITORS])
    statuses = {integer(result.get("id")): text(result.get("status")) for result in results}
    return [MonitorsCleared(*where, tuple(ids), tuple(statuses.get(monitor_id, "") for monitor_id in ids))]


def _set_monitoring_base(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [MonitoringLevelSet(*where, base=text(call.get("monitoringBase")), status=status_of(answer))]


def _set_monitoring_level(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [MonitoringLevelSet(*where, severity=small(call.get("severity")), status=status_of(answer))]


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "NotifyMonitoringReport": Reading(said=told(_notify_monitoring_report)),
        "NotifyReport": Reading(said=told(_notify_report)),
    },
    Direction.FROM_CSMS: {
        "ClearVariableMonitoring": Reading(answered=kept(_clear_variable_monitoring)),
        "GetBaseReport": _report_requested("GetBaseReport", _base),
        "GetMonitoringReport": _report_requested("GetMonitoringReport", _wanted("monitoringCriteria")),
        "GetReport": _report_requested("GetReport", _wanted("componentCriteria")),
        "GetVariables": Reading(answered=_get_variables),
        "SetMonitoringBase": Reading(answered=kept(_set_monitoring_base)),
        "SetMonitoringLevel": Reading(answered=kept(_set_monitoring_level)),
        "SetVariableMonitoring": Reading(answered=kept(_set_variable_monitoring)),
        "SetVariables": Reading(answered=kept(_set_variables)),
    },
}
