"""OCPP 2.0.1 and 2.1: NotifyEvent -> events, statuses, faults."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    NOWHERE,
    Availability,
    EventReported,
    Fact,
    FaultCleared,
    FaultReported,
    Moment,
    Place,
    ReportPartReceived,
    StatusChanged,
)
from proxy.ocpp.v20.events import MAX_EVENTS, READINGS
from tests.ocpp.v2 import BOTH, DEEP, WHERE, every_fact_of, said

NOON = "2026-03-01T12:00:00Z"
AT_NOON = Moment(1_772_366_400_000_000_000)
SECOND = Place(2, 1)


AT_SECOND = {"id": 2, "connectorId": 1}


def event(
    component: str, variable: str, value: object, evse: object = AT_SECOND, **more: object
) -> dict[str, object]:
    """One eventData, at connector 1 of EVSE 2."""
    return {
        "eventId": 11,
        "timestamp": NOON,
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": component, "evse": evse},
        "variable": {"name": variable},
        **more,
    }


def notify(*events: object, version: str = "2.1", **more: object) -> list[Fact]:
    """The facts of a NotifyEvent but for the part itself."""
    *facts, part = said(version, "NotifyEvent", {"seqNo": 0, "eventData": list(events), **more})
    assert isinstance(part, ReportPartReceived)
    return facts


def beside(*events: object) -> list[Fact]:
    """What is told beside the event itself."""
    return [fact for fact in notify(*events) if not isinstance(fact, EventReported)]


@pytest.mark.parametrize("version", BOTH)
def test_every_event_is_told_with_all_it_says(version: str) -> None:
    told = event(
        "Reader",
        "Temperature",
        "71.5",
        trigger="Alerting",
        eventNotificationType="CustomMonitor",
        cause=10,
        techCode="T-4",
        techInfo="hot",
        transactionId="tx-7",
        severity=6,
    )
    assert notify(told, version=version) == [
        EventReported(
            *WHERE,
            place=SECOND,
            event_id=11,
            component="Reader",
            variable="Temperature",
            value="71.5",
            trigger="Alerting",
            kind="CustomMonitor",
            cause=10,
            cleared=False,
            severity=6,
            tech_code="T-4",
            tech_info="hot",
            transaction_id="tx-7",
            told=AT_NOON,
        )
    ]


@pytest.mark.parametrize("version", BOTH)
def test_the_part_comes_last(version: str) -> None:
    events = [event("Reader", "Tries", "1"), event("Reader", "Tries", "2")]
    call = {"seqNo": 4, "tbc": True, "generatedAt": NOON, "eventData": events}
    assert said(version, "NotifyEvent", call)[2:] == [
        ReportPartReceived(
            *WHERE, action="NotifyEvent", request_id=None, seq_no=4, more=True, entries=2, told=AT_NOON
        )
    ]


def test_events_beyond_the_bound_are_counted_only() -> None:
    [*facts, part] = said("2.1", "NotifyEvent", {"eventData": [event("Reader", "Tries", "1")] * 2000})
    assert len(facts) == MAX_EVENTS
    assert isinstance(part, ReportPartReceived)
    assert (part.entries, part.more, part.seq_no) == (2000, False, None)


# status


@pytest.mark.parametrize(
    ("component", "evse", "place"),
    [
        ("Connector", {"id": 2, "connectorId": 1}, SECOND),
        ("EVSE", {"id": 2}, Place(2, None)),
        ("ChargingStation", None, NOWHERE),
    ],
)
def test_an_availability_state_is_a_status(component: str, evse: object, place: Place) -> None:
    told = event(component, "AvailabilityState", "Occupied", evse)
    changed = StatusChanged(
        *WHERE,
        place=place,
        status="Occupied",
        availability=Availability.OCCUPIED,
        told=AT_NOON,
        source="NotifyEvent",
        error_code="",
        info="",
        vendor_id="",
        vendor_error_code="",
    )
    code, name = f"{component}.AvailabilityState", "AvailabilityState"
    assert beside(told) == [
        changed,
        FaultCleared(*WHERE, place=place, code=code, component=component, variable=name, told=AT_NOON),
    ]


def test_a_connector_that_is_not_named_is_not_the_whole_charge_point() -> None:
    told = event("Connector", "AvailabilityState", "Available", evse=None)
    assert [type(fact) for fact in beside(told)] == [FaultCleared]


def test_a_faulted_connector_is_a_status_and_a_fault() -> None:
    changed, fault = beside(event("Connector", "AvailabilityState", "Faulted", techCode="CX004,CX001"))
    assert isinstance(changed, StatusChanged)
    assert changed.availability is Availability.FAULTED
    assert fault == FaultReported(
        *WHERE,
        place=SECOND,
        code="CX004,CX001",
        vendor_id="",
        vendor_codes=("CX004", "CX001"),
        info="",
        status="Faulted",
        severity=None,
        component="Connector",
        variable="AvailabilityState",
        transaction_id="",
        told=AT_NOON,
    )


def test_a_word_that_no_standard_has_is_neither_fault_nor_its_end() -> None:
    [changed] = beside(event("Connector", "AvailabilityState", "Sleeping"))
    assert isinstance(changed, StatusChanged)
    assert (changed.status, changed.availability) == ("Sleeping", Availability.UNKNOWN)


def test_an_availability_state_without_a_value_is_no_status() -> None:
    assert beside(event("Connector", "AvailabilityState", "")) == []


# faults


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("variable", ["Problem", "Tripped", "Fault", "Overload", "problem"])
@pytest.mark.parametrize("value", ["true", "True", True])
def test_a_boolean_that_is_true_while_something_is_wrong(version: str, variable: str, value: object) -> None:
    told = event("GroundFaultDetector", variable, value, techInfo="30 mA", transactionId="tx-7", severity=7)
    [_, fault] = notify(told, version=version)
    assert fault == FaultReported(
        *WHERE,
        place=SECOND,
        code=f"GroundFaultDetector.{variable}",
        vendor_id="",
        vendor_codes=(),
        info="30 mA",
        status="",
        severity=7,
        component="GroundFaultDetector",
        variable=variable,
        transaction_id="tx-7",
        told=AT_NOON,
    )


@pytest.mark.parametrize(
    "told",
    [
        event("Fan", "Problem", "false"),
        event("Fan", "Problem", False, severity=2),
        event("Fan", "Problem", "true", cleared=True),
        event("Fan", "Problem", "soon", cleared="true"),
    ],
)
def test_false_or_cleared_is_the_end_of_a_fault(told: dict[str, object]) -> None:
    assert beside(told) == [
        FaultCleared(
            *WHERE, place=SECOND, code="Fan.Problem", component="Fan", variable="Problem", told=AT_NOON
        )
    ]


@pytest.mark.parametrize(
    ("severity", "more", "expected"),
    [
        (0, {}, FaultReported),
        (4, {}, FaultReported),
        ("4", {}, FaultReported),
        (4, {"cleared": True}, FaultCleared),
        (5, {}, None),
        (9, {"cleared": True}, None),
        (None, {}, None),
        (-1, {}, None),
    ],
)
def test_a_severity_up_to_error_is_a_fault(
    severity: object, more: dict[str, object], expected: type[Fact] | None
) -> None:
    facts = beside(event("Fan", "FanSpeed", "0", severity=severity, **more))
    assert [type(fact) for fact in facts] == ([] if expected is None else [expected])


def test_a_fault_variable_without_a_readable_value_is_one_by_severity_only() -> None:
    assert beside(event("Fan", "Problem", "soon")) == []
    assert [type(fact) for fact in beside(event("Fan", "Problem", "soon", severity=1))] == [FaultReported]


def test_the_number_of_a_tripped_monitor_is_no_fault() -> None:
    assert beside(event("Fan", "FanSpeed", "0", cleared=True)) == []


def test_a_tech_code_that_says_null_is_none() -> None:
    [fault] = beside(event("Fan", "Problem", "true", techCode="null"))
    assert isinstance(fault, FaultReported)
    assert (fault.code, fault.vendor_codes) == ("Fan.Problem", ())


def test_the_end_of_a_fault_without_a_name_is_not_the_end_of_all() -> None:
    assert beside({"severity": 1, "cleared": True}) == []
    [fault] = beside({"severity": 1})
    assert isinstance(fault, FaultReported)
    assert (fault.code, fault.place) == ("", NOWHERE)


# anything


@pytest.mark.parametrize("call", [None, [], "x", 7, DEEP])
def test_a_call_that_is_no_object_says_nothing(call: Any) -> None:
    assert said("2.1", "NotifyEvent", call) == []


def test_one_event_that_is_no_array_and_entries_that_are_none() -> None:
    assert len(said("2.1", "NotifyEvent", {"eventData": event("Fan", "Problem", "true")})) == 3
    assert notify(None, 7, [], {}) == []


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(BOTH), st.data())
def test_any_payload_gives_facts_and_never_an_exception(version: str, data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(version, READINGS, data))
