"""OCPP 2.0.1 and 2.1: the device model -> facts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    ConfigurationChanged,
    ConfigurationTold,
    ConfigurationUnknown,
    Fact,
    HeartbeatIntervalSet,
    Moment,
    MonitoringLevelSet,
    MonitorsCleared,
    MonitorsSet,
    ReportPartReceived,
    ReportRequested,
)
from proxy.ocpp.v20.variables import MAX_VARIABLES, READINGS, variable_key
from tests.ocpp.v2 import BOTH, WHERE, answered, every_fact_of, said

NOON = "2026-03-01T12:00:00Z"
AT_NOON = Moment(1_772_366_400_000_000_000)


def of(component: str, variable: str, **more: object) -> dict[str, object]:
    """An entry about a variable."""
    return {"component": {"name": component}, "variable": {"name": variable}, **more}


def beat(**more: object) -> dict[str, object]:
    """An entry about the Heartbeat interval."""
    return of("OCPPCommCtrlr", "HeartbeatInterval", **more)


def intervals(facts: list[Fact]) -> list[tuple[int, str]]:
    return [(fact.seconds, fact.source) for fact in facts if isinstance(fact, HeartbeatIntervalSet)]


# keys


@pytest.mark.parametrize(
    ("component", "variable", "attribute", "key"),
    [
        ({"name": "EVSE"}, {"name": "Power"}, None, "EVSE.Power"),
        ({"name": "EVSE", "evse": {"id": 1}}, {"name": "Power"}, "Actual", "EVSE#1.Power"),
        ({"name": "EVSE", "evse": {"id": 1}}, {"name": "Power"}, "MaxSet", "EVSE#1.Power:MaxSet"),
        (
            {"name": "Connector", "instance": "left", "evse": {"id": 1, "connectorId": 2}},
            {"name": "Type", "instance": "b"},
            "actual",
            "Connector[left]#1.2.Type[b]",
        ),
        ({"name": "Connector", "evse": {"connectorId": 2}}, {"name": "Type"}, "", "Connector#.2.Type"),
        ({"name": "EVSE", "evse": "1"}, {"name": "Power"}, 7, "EVSE#.Power:7"),
        ({"name": "EVSE"}, {}, None, ""),
        ({}, {"name": "Power"}, None, ""),
        (None, 7, None, ""),
    ],
)
def test_the_key_of_a_variable(component: object, variable: object, attribute: object, key: str) -> None:
    assert variable_key({"component": component, "variable": variable}, attribute) == key


def test_long_names_make_a_bounded_key() -> None:
    long = {"name": "n" * 400, "instance": "i" * 400}
    assert len(variable_key({"component": long, "variable": long}, "a" * 400)) == 506


# SetVariables


@pytest.mark.parametrize("version", BOTH)
def test_a_variable_is_set(version: str) -> None:
    data = of("TxCtrlr", "EVConnectionTimeOut", attributeValue="90", attributeType="Target")
    result = of("TxCtrlr", "EVConnectionTimeOut", attributeStatus="RebootRequired", attributeType="Target")
    facts = answered(version, "SetVariables", {"setVariableData": [data]}, {"setVariableResult": [result]})
    assert facts == [
        ConfigurationChanged(
            *WHERE,
            key="TxCtrlr.EVConnectionTimeOut:Target",
            value="90",
            status="RebootRequired",
            source="SetVariables",
            component="TxCtrlr",
            variable="EVConnectionTimeOut",
        )
    ]


@pytest.mark.parametrize(
    ("data", "results", "expected"),
    [
        ([beat(attributeValue="60")], [beat(attributeStatus="Accepted")], [60]),
        ([beat(attributeValue=60)], [beat(attributeStatus="accepted")], [60]),
        ([beat(attributeValue="60")], [{"attributeStatus": "Accepted"}], [60]),
        (
            [beat(attributeValue="60"), beat(attributeValue="90")],
            [beat(attributeStatus="Accepted")],
            [90],
        ),
        (
            [beat(attributeValue="60", attributeType="Actual")],
            [beat(attributeStatus="Accepted")],
            [60],
        ),
        (
            [beat(attributeValue="60", attributeType="Target")],
            [beat(attributeStatus="Accepted", attributeType="Target")],
            [],
        ),
        ([beat(attributeValue="60")], [beat(attributeStatus="RebootRequired")], []),
        ([beat(attributeValue="60")], [beat(attributeStatus="Rejected")], []),
        ([beat(attributeValue="60")], [], []),
        ([beat(attributeValue="soon")], [beat(attributeStatus="Accepted")], []),
        (beat(attributeValue="60"), beat(attributeStatus="Accepted"), [60]),
        ([of("EVSE", "Power"), 7, None], [beat(attributeStatus="Accepted")], []),
    ],
)
def test_only_an_accepted_interval_is_in_force(data: object, results: object, expected: list[int]) -> None:
    facts = answered("2.1", "SetVariables", {"setVariableData": data}, {"setVariableResult": results})
    assert intervals(facts) == [(value, "SetVariables") for value in expected]


def test_results_in_another_order_belong_to_whom_they_name() -> None:
    data = [of("A", "x", attributeValue="1"), of("B", "y", attributeValue=True), of("C", "z")]
    results = [of("b", "Y", attributeStatus="Rejected"), of("A", "x", attributeStatus="Accepted")]
    facts = answered("2.0.1", "SetVariables", {"setVariableData": data}, {"setVariableResult": results})
    told = [(f.key, f.value, f.status) for f in facts if isinstance(f, ConfigurationChanged)]
    assert told == [("A.x", "1", "Accepted"), ("B.y", "true", "Rejected"), ("C.z", "", "")]


def test_a_set_whose_call_was_not_kept_says_nothing() -> None:
    assert (
        answered("2.1", "SetVariables", None, {"setVariableResult": [beat(attributeStatus="Accepted")]}) == []
    )


# GetVariables


@pytest.mark.parametrize("version", BOTH)
def test_what_variables_were_told(version: str) -> None:
    results = [
        beat(attributeStatus="Accepted", attributeValue="45"),
        of("SecurityCtrlr", "BasicAuthPassword", attributeStatus="Rejected", attributeValue=""),
        of("X", "Y", attributeStatus="UnknownComponent"),
        of("EVSE", "Y", attributeStatus="UnknownVariable", attributeType="Target"),
    ]
    source = "GetVariables"
    assert answered(version, "GetVariables", None, {"getVariableResult": results}) == [
        ConfigurationTold(
            *WHERE,
            key="OCPPCommCtrlr.HeartbeatInterval",
            value="45",
            mutability="",
            source=source,
            component="OCPPCommCtrlr",
            variable="HeartbeatInterval",
        ),
        ConfigurationTold(
            *WHERE,
            key="SecurityCtrlr.BasicAuthPassword",
            value=None,
            mutability="",
            source=source,
            component="SecurityCtrlr",
            variable="BasicAuthPassword",
        ),
        ConfigurationUnknown(*WHERE, key="X.Y", source=source),
        ConfigurationUnknown(*WHERE, key="EVSE.Y:Target", source=source),
        HeartbeatIntervalSet(*WHERE, seconds=45, source=source),
    ]


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("", ""),
        (0, "0"),
        (10, "10"),
        (0.5, "0.5"),
        (False, "false"),
        (None, None),
        ([], None),
        ("***", "***"),
    ],
)
def test_values_of_other_types(told: object, value: str | None) -> None:
    results = [of("A", "x", attributeStatus="Accepted", attributeValue=told)]
    [fact] = answered("2.1", "GetVariables", {}, {"getVariableResult": results})
    assert isinstance(fact, ConfigurationTold)
    assert fact.value == value


def test_an_entry_without_status_and_value_says_nothing() -> None:
    assert answered("2.1", "GetVariables", {}, {"getVariableResult": [of("A", "x"), {}, 7]}) == []
    assert answered("2.1", "GetVariables", {}, None) == []


# reports


@pytest.mark.parametrize("version", BOTH)
def test_a_part_of_a_report_tells_every_attribute(version: str) -> None:
    attributes = [{"value": "16", "mutability": "ReadWrite"}, {"type": "MaxSet", "value": "32"}]
    interval = [{"value": "300", "mutability": "ReadWrite"}]
    call = {
        "requestId": 5,
        "generatedAt": NOON,
        "seqNo": 1,
        "tbc": True,
        "reportData": [of("EVSE", "Power", variableAttribute=attributes), beat(variableAttribute=interval)],
    }
    source = "NotifyReport"
    names = ("OCPPCommCtrlr", "HeartbeatInterval")
    assert said(version, "NotifyReport", call) == [
        ConfigurationTold(
            *WHERE,
            key="EVSE.Power",
            value="16",
            mutability="ReadWrite",
            source=source,
            component="EVSE",
            variable="Power",
        ),
        ConfigurationTold(*WHERE, "EVSE.Power:MaxSet", "32", "", source, "EVSE", "Power"),
        ConfigurationTold(*WHERE, ".".join(names), "300", "ReadWrite", source, *names),
        HeartbeatIntervalSet(*WHERE, seconds=300, source=source),
        ReportPartReceived(*WHERE, action=source, request_id=5, seq_no=1, more=True, entries=2, told=AT_NOON),
    ]


def test_a_target_is_not_the_interval_in_force() -> None:
    entry = beat(variableAttribute={"type": "Target", "value": "300"})
    assert intervals(said("2.1", "NotifyReport", {"reportData": entry})) == []


def test_an_empty_part_and_one_that_is_too_long() -> None:
    assert said("2.1", "NotifyReport", {"requestId": 5, "seqNo": 0}) == [
        ReportPartReceived(*WHERE, "NotifyReport", 5, 0, False, 0)
    ]
    entry = of("EVSE", "Power", variableAttribute=[{"value": "1"}] * 9)
    [*facts, part] = said("2.1", "NotifyReport", {"reportData": [entry] * 3000})
    assert len(facts) == MAX_VARIABLES
    assert isinstance(part, ReportPartReceived)
    assert part.entries == 3000


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize(
    ("action", "call", "what"),
    [
        ("GetBaseReport", {"reportBase": "FullInventory"}, "FullInventory"),
        ("GetReport", {"componentCriteria": ["Problem", "Active"]}, "Problem, Active"),
        (
            "GetReport",
            {"componentVariable": [{"component": {"name": "EVSE", "evse": {"id": 1}}}, of("A", "x"), {}]},
            "EVSE#1, A.x",
        ),
        ("GetMonitoringReport", {"monitoringCriteria": ["DeltaMonitoring"]}, "DeltaMonitoring"),
        ("GetMonitoringReport", {"componentVariable": [of("A", "x")]}, "A.x"),
        ("GetMonitoringReport", {}, ""),
    ],
)
def test_a_report_is_asked_for(version: str, action: str, call: dict[str, Any], what: str) -> None:
    assert answered(version, action, {"requestId": 5, **call}, {"status": "EmptyResultSet"}) == [
        ReportRequested(*WHERE, action=action, request_id=5, what=what, status="EmptyResultSet")
    ]


@pytest.mark.parametrize("version", BOTH)
def test_a_part_of_the_monitors(version: str) -> None:
    call = {"requestId": "6", "seqNo": 2, "generatedAt": NOON, "monitor": [of("A", "x"), of("B", "y")]}
    assert said(version, "NotifyMonitoringReport", call) == [
        ReportPartReceived(
            *WHERE,
            action="NotifyMonitoringReport",
            request_id=6,
            seq_no=2,
            more=False,
            entries=2,
            told=AT_NOON,
        )
    ]


# monitors


@pytest.mark.parametrize("version", BOTH)
def test_monitors_are_set(version: str) -> None:
    call = {"setMonitoringData": [of("A", "x"), of("B", "y"), of("C", "z")]}
    result = [of("A", "x", status="Accepted", id=1), of("B", "y", status="Rejected")]
    assert answered(version, "SetVariableMonitoring", call, {"setMonitoringResult": result}) == [
        MonitorsSet(*WHERE, keys=("A.x", "B.y", "C.z"), statuses=("Accepted", "Rejected", ""))
    ]


@pytest.mark.parametrize("version", BOTH)
def test_monitors_are_cleared(version: str) -> None:
    result = [{"id": 8, "status": "NotFound"}, {"id": "7", "status": "Accepted"}]
    assert answered(
        version, "ClearVariableMonitoring", {"id": [7, 8, 9]}, {"clearMonitoringResult": result}
    ) == [MonitorsCleared(*WHERE, ids=(7, 8, 9), statuses=("Accepted", "NotFound", ""))]


@pytest.mark.parametrize(
    ("asked", "ids"), [(7, (7,)), ("7", (7,)), ([None, "x", 7], (7,)), (None, ()), ({}, ())]
)
def test_ids_that_are_no_array(asked: object, ids: tuple[int, ...]) -> None:
    [cleared] = answered("2.1", "ClearVariableMonitoring", {"id": asked}, {})
    assert cleared == MonitorsCleared(*WHERE, ids, ("",) * len(ids))


@pytest.mark.parametrize("version", BOTH)
def test_what_is_monitored_and_how_severe_it_must_be(version: str) -> None:
    assert answered(version, "SetMonitoringBase", {"monitoringBase": "All"}, {"status": "Accepted"}) == [
        MonitoringLevelSet(*WHERE, base="All", severity=None, status="Accepted")
    ]
    assert answered(version, "SetMonitoringLevel", {"severity": 4}, {"status": "Rejected"}) == [
        MonitoringLevelSet(*WHERE, base="", severity=4, status="Rejected")
    ]


# anything


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(BOTH), st.data())
def test_any_payload_gives_facts_and_never_an_exception(version: str, data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(version, READINGS, data))
