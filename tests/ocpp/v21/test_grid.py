"""2.1: DER control and frequency restoration."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
)
from proxy.ocpp.times import moment
from proxy.ocpp.v21.grid import READINGS
from tests.ocpp import v2
from tests.ocpp.v2 import WHERE, every_fact_of

NOON = "2026-05-01T12:00:00Z"


def test_set_der_control() -> None:
    call = {"isDefault": False, "controlId": "der-2", "controlType": "Gradients", "gradient": {"priority": 0}}
    answer = {"status": "Accepted", "supersededIds": ["der-1"]}
    assert v2.answered("2.1", "SetDERControl", call, answer) == [
        DerControlSet(
            *WHERE,
            control_id="der-2",
            kind="Gradients",
            is_default=False,
            superseded=("der-1",),
            status="Accepted",
        )
    ]


def test_clear_der_controls() -> None:
    call = {"isDefault": True, "controlType": "VoltVar", "controlId": "der-2"}
    assert v2.answered("2.1", "ClearDERControl", call, {"status": "NotFound"}) == [
        DerControlsCleared(*WHERE, control_id="der-2", kind="VoltVar", is_default=True, status="NotFound")
    ]


def test_all_controls_are_only_cleared_when_the_call_was_kept() -> None:
    assert v2.answered("2.1", "ClearDERControl", None, {"status": "Accepted"}) == []


def test_get_der_controls() -> None:
    call = {"requestId": 6, "controlType": "VoltVar", "controlId": "der-2"}
    assert v2.answered("2.1", "GetDERControl", call, {"status": "Accepted"}) == [
        ReportRequested(*WHERE, action="GetDERControl", request_id=6, what="VoltVar der-2", status="Accepted")
    ]


def test_reported_der_controls() -> None:
    call = {
        "requestId": 6,
        "tbc": True,
        "curve": [{"id": "der-2", "isDefault": True, "isSuperseded": False, "curve": {"priority": 0}}],
        "gradient": [{"id": "der-3", "gradient": {"priority": 1}}],
    }
    curve, gradient, part = v2.said("2.1", "ReportDERControl", call)
    assert curve == DerControlReported(
        *WHERE, control_id="der-2", kind="curve", is_default=True, is_superseded=False, request_id=6
    )
    assert gradient == DerControlReported(
        *WHERE, control_id="der-3", kind="gradient", is_default=None, is_superseded=None, request_id=6
    )
    assert part == ReportPartReceived(
        *WHERE, action="ReportDERControl", request_id=6, seq_no=None, more=True, entries=2
    )


@pytest.mark.parametrize("started", [True, False])
def test_der_control_starts_and_stops(started: bool) -> None:
    call = {"controlId": "der-2", "started": started, "timestamp": NOON, "supersededIds": ["der-1"]}
    assert v2.said("2.1", "NotifyDERStartStop", call) == [
        DerControlSwitched(
            *WHERE, control_id="der-2", started=started, superseded=("der-1",), told=moment(NOON)
        )
    ]


@pytest.mark.parametrize(("told", "ended"), [(True, True), (False, False), (None, False)])
def test_der_alarm(told: object, ended: bool) -> None:
    call = {
        "controlType": "HVMustTrip",
        "gridEventFault": "OverVoltage",
        "alarmEnded": told,
        "timestamp": NOON,
        "extraInfo": "feeder 3",
    }
    assert v2.said("2.1", "NotifyDERAlarm", call) == [
        DerAlarmRaised(
            *WHERE, kind="HVMustTrip", fault="OverVoltage", ended=ended, info="feeder 3", told=moment(NOON)
        )
    ]


def test_afrr_signal() -> None:
    assert v2.answered("2.1", "AFRRSignal", {"timestamp": NOON, "signal": -40}, {"status": "Rejected"}) == [
        AfrrSignalled(*WHERE, signal=-40, status="Rejected", told=moment(NOON))
    ]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of("2.1", READINGS, data))
