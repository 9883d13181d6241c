"""fault: FT-01 and FT-02. The same fault is chattering when it comes 5 times within 3600 s."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers import fault
from analyzers.base import SECOND, ChargePoint
from analyzers.fault import MAX_TROUBLES, Fault
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Availability, Place
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

FIRST, WHOLE, EVSE_1, EVSE_2 = Place(None, 1), Place(None, 0), Place(1, 1), Place(2, 1)


@pytest.fixture
def story() -> Story:
    return Story(Fault())


def reports(
    story: Story, code: str, status: str = "Faulted", place: Place = FIRST, vendor: str = ""
) -> Story:
    codes = (vendor,) if vendor else ()
    return story.tell(facts.FaultReported, place, code, "", codes, "", status)


def recovers(story: Story, place: Place = FIRST) -> Story:
    return story.tell(facts.FaultCleared, place)


def says(story: Story, word: str, place: Place = FIRST, error_code: str = "") -> Story:
    availability = Availability[word.upper()]
    return story.tell(facts.StatusChanged, place, word, availability, facts.UNTOLD, "x", error_code)


def event(story: Story, component: str, variable: str, place: Place, severity: int | None = None) -> Story:
    code = f"{component}.{variable}"
    return story.tell(facts.FaultReported, place, code, "", (), "", "", severity, component, variable)


def event_over(story: Story, component: str, variable: str, place: Place) -> Story:
    return story.tell(facts.FaultCleared, place, f"{component}.{variable}", component, variable)


@pytest.mark.parametrize(
    ("code", "status", "severity"),
    [
        ("GroundFailure", "Faulted", "critical"),
        ("groundfailure", "faulted", "critical"),
        ("ConnectorLockFailure", "Faulted", "critical"),
        ("HighTemperature", "Charging", "warning"),
        ("InternalError", "Faulted", "warning"),
        ("WeakSignal", "Available", "info"),
        ("OtherError", "Preparing", "info"),
        ("EVCommunicationError", "SuspendedEV", "info"),
    ],
)
def test_how_bad_a_code_is(story: Story, code: str, status: str, severity: str) -> None:
    assert reports(story, code, status).told() == [f"FT-01 {severity}"]


def test_a_vendor_code_of_chargex_counts_like_its_code(story: Story) -> None:
    [finding] = reports(story, "OtherError", vendor="CX002").findings()
    assert (finding.severity.label, finding.observed) == ("critical", "OtherError CX002, status Faulted")


def test_which_codes_are_critical_is_a_setting() -> None:
    story = Story(Fault(critical_codes=("F017",)))
    reports(reports(story, "OtherError", vendor="F017"), "GroundFailure")
    assert story.told() == ["FT-01 critical", "FT-01 warning"]


def test_no_error_ends_every_fault_of_the_connector(story: Story) -> None:
    reports(reports(story.at(0), "GroundFailure"), "InternalError")
    [first, second] = recovers(story.at(300)).findings()
    assert first.cleared_at == second.cleared_at == EPOCH + 300 * SECOND
    assert first.observed == "lasted 300 s"


def test_no_error_of_another_connector_ends_nothing(story: Story) -> None:
    recovers(reports(story, "GroundFailure"), Place(None, 2))
    assert story.told() == ["FT-01 critical"]


def test_told_again_is_nothing_new(story: Story) -> None:
    for second in range(0, 7200, 60):
        reports(story.wait(second), "GroundFailure")
    [finding] = story.findings()
    assert (finding.count, finding.cleared_at) == (1, None)


def test_a_warning_that_becomes_faulted_is_the_same_fault_and_worse(story: Story) -> None:
    [finding] = reports(reports(story, "HighTemperature", "Charging"), "HighTemperature").findings()
    assert (finding.severity.label, finding.count) == ("critical", 1)


def test_faulted_without_a_code_is_a_warning_after_10_s(story: Story) -> None:
    assert says(story.at(0), "Faulted", error_code="NoError").wait(9).told() == []
    assert story.wait(10).told() == ["FT-01 warning"]
    assert says(story, "Available").told() == ["FT-01 warning, cleared"]


def test_a_code_in_time_explains_faulted(story: Story) -> None:
    """2.x: the status and the event that says why come in either order."""
    says(story.at(0), "Faulted", EVSE_1)
    event(story.at(5), "GroundFaultProtector", "Tripped", EVSE_1)
    says(story, "Faulted", EVSE_1).wait(100)
    assert story.told() == ["FT-01 warning"]


def test_a_fault_of_the_whole_charge_point_explains_it_too(story: Story) -> None:
    event(says(story.at(0), "Faulted", EVSE_1), "Controller", "Problem", facts.NOWHERE)
    assert story.wait(100).told() == ["FT-01 warning"]


def test_a_fault_of_another_evse_explains_nothing(story: Story) -> None:
    event(says(story.at(0), "Faulted", EVSE_1), "Outlet", "Problem", EVSE_2)
    assert story.wait(100).told() == ["FT-01 warning", "FT-01 warning"]


def test_a_note_explains_nothing(story: Story) -> None:
    reports(says(story.at(0), "Faulted", WHOLE), "WeakSignal", "Available", WHOLE)
    assert story.wait(100).told() == ["FT-01 info", "FT-01 warning"]


def test_a_code_that_comes_late_takes_over(story: Story) -> None:
    event(says(story.at(0), "Faulted", EVSE_1).wait(20), "Outlet", "Tripped", EVSE_1)
    assert story.told() == ["FT-01 warning, cleared", "FT-01 warning"]


def test_faulted_for_a_moment_is_nothing(story: Story) -> None:
    says(says(story.at(0), "Faulted").at(5), "Available").wait(100)
    assert story.told() == []


@pytest.mark.parametrize(
    ("severity", "told"), [(0, "critical"), (3, "critical"), (4, "warning"), (8, "info")]
)
def test_an_events_severity_decides(story: Story, severity: int, told: str) -> None:
    assert event(story, "Outlet", "Problem", EVSE_1, severity).told() == [f"FT-01 {told}"]


def test_an_event_is_over_for_its_variable_alone(story: Story) -> None:
    event(event(story, "Outlet", "Problem", EVSE_1), "Outlet", "Tripped", EVSE_1)
    assert event_over(story, "Outlet", "Problem", EVSE_1).told() == [
        "FT-01 warning, cleared",
        "FT-01 warning",
    ]


def test_a_fault_with_a_tech_code_is_over_without_it(story: Story) -> None:
    story.tell(facts.FaultReported, EVSE_1, "CX002", "", ("CX002",), "", "", None, "Outlet", "Problem")
    assert event_over(story, "Outlet", "Problem", EVSE_1).told() == ["FT-01 critical, cleared"]


def test_another_tech_code_that_is_over_is_another_fault(story: Story) -> None:
    story.tell(facts.FaultReported, EVSE_1, "CX002", "", ("CX002",), "", "", None, "Outlet", "Problem")
    story.tell(facts.FaultCleared, EVSE_1, "CX004", "Outlet", "Problem")
    assert story.told() == ["FT-01 critical"]


@pytest.mark.parametrize(
    ("reason", "told"),
    [("PowerUp", "FT-01 warning, cleared"), ("Triggered", "FT-01 warning"), ("", "FT-01 warning")],
)
def test_a_real_boot_ends_what_events_told(story: Story, reason: str, told: str) -> None:
    event(story, "Outlet", "Problem", EVSE_1)
    assert story.tell(facts.Booted, "", "", "", "", "Accepted", 60, reason).told() == [told]


def toggle(story: Story, times: int, every: int, code: str = "InternalError") -> Story:
    for number in range(times):
        recovers(reports(story.wait(number * every), code).at(number * every + every / 4))
    return story


def test_the_fifth_time_within_an_hour_is_chattering(story: Story) -> None:
    assert toggle(story, 4, 600).told() == ["FT-01 warning, cleared"] * 4
    toggle(chattering := Story(Fault()), 5, 600)
    assert chattering.told() == ["FT-01 warning, cleared"] * 4 + ["FT-02 warning"]


def test_five_times_in_more_than_an_hour_are_not(story: Story) -> None:
    assert "FT-02 warning" not in toggle(story, 8, 901).told()


def test_while_it_chatters_its_toggles_are_counted_not_raised(story: Story) -> None:
    toggle(story, 20, 600)
    found = story.findings()
    assert [finding.rule for finding in found] == ["FT-01"] * 4 + ["FT-02"]
    assert found[-1].count == 16


def test_chattering_is_over_after_a_quiet_hour(story: Story) -> None:
    assert toggle(story, 5, 600).wait(2400 + 3599).told()[-1] == "FT-02 warning"
    assert story.wait(2400 + 3600).told()[-1] == "FT-02 warning, cleared"


def test_a_fault_that_stays_is_a_fault_again(story: Story) -> None:
    reports(toggle(story, 4, 600).wait(2400), "InternalError").wait(6000)
    assert story.told()[-2:] == ["FT-02 warning, cleared", "FT-01 warning"]


def test_another_fault_does_not_chatter_with_it(story: Story) -> None:
    for number in range(4):
        recovers(
            reports(reports(story.wait(number * 600), "InternalError"), "WeakSignal").at(number * 600 + 9)
        )
    assert not any(told.startswith("FT-02") for told in story.told())


def test_chattering_is_as_bad_as_the_fault(story: Story) -> None:
    assert toggle(story, 5, 60, "GroundFailure").told()[-1] == "FT-02 critical"


def test_how_often_is_a_setting() -> None:
    assert toggle(Story(Fault(toggles=3)), 3, 600).told()[-1] == "FT-02 warning"
    assert "FT-02 warning" not in toggle(Story(Fault(toggle_window_seconds=600)), 5, 600).told()


def test_beyond_16_faults_the_oldest_is_given_up(story: Story) -> None:
    for number in range(MAX_TROUBLES + 1):
        reports(story.at(number), f"Code{number}")
    assert story.told() == ["FT-01 warning, cleared"] + ["FT-01 warning"] * MAX_TROUBLES


def test_a_healthy_status_keeps_nothing() -> None:
    state = Fault().new_state()
    fact = facts.StatusChanged("CP_1", "c1", 1, 0, 0, FIRST, "Available", Availability.AVAILABLE)
    Fault().step(state, fact, ChargePoint("CP_1"))
    assert state == Fault().new_state()


def heard(version: str, *messages: tuple[float, str, dict[str, Any]]) -> list[str]:
    capture = Capture(Runner([Fault()]))
    for number, (second, action, payload) in enumerate(messages):
        text = json.dumps([2, f"{number}", action, payload]).encode()
        capture.said(EPOCH + int(second * SECOND), "CP_1", Direction.FROM_CHARGE_POINT, text, version)
    return [
        f"{finding.rule} {finding.severity.label}{', cleared' if finding.cleared_at else ''}"
        for finding in capture.runner.findings()
    ]


def status_16(status: str, code: str) -> dict[str, Any]:
    return {"connectorId": 1, "status": status, "errorCode": code}


def notify(value: str, **more: Any) -> dict[str, Any]:
    component = {"name": "GroundFaultProtector", "evse": {"id": 1}}
    event = {
        "component": component,
        "variable": {"name": "Tripped"},
        "actualValue": value,
        "trigger": "Alerting",
    }
    return {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [event | more]}


def test_it_hears_status_notifications_of_16() -> None:
    ground, fine = status_16("Faulted", "GroundFailure"), status_16("Available", "NoError")
    assert heard("1.6", (0, "StatusNotification", ground)) == ["FT-01 critical"]
    assert heard("1.6", (0, "StatusNotification", fine), (20, "StatusNotification", fine)) == []
    both = (0, "StatusNotification", ground), (60, "StatusNotification", fine)
    assert heard("1.6", *both) == ["FT-01 critical, cleared"]


def test_it_hears_events_of_201() -> None:
    assert heard("2.0.1", (0, "NotifyEvent", notify("true"))) == ["FT-01 warning"]
    assert heard("2.0.1", (0, "NotifyEvent", notify("false"))) == []
    over = notify("true", cleared=True)
    assert heard("2.0.1", (0, "NotifyEvent", notify("true")), (9, "NotifyEvent", over)) == [
        "FT-01 warning, cleared"
    ]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_it_hears_chattering(version: str) -> None:
    action = "StatusNotification" if version == "1.6" else "NotifyEvent"
    bad = status_16("Faulted", "InternalError") if version == "1.6" else notify("true")
    good = status_16("Available", "NoError") if version == "1.6" else notify("false")
    toggles = [(300.0 * number, action, bad if number % 2 == 0 else good) for number in range(10)]
    assert "FT-02 warning" in heard(version, *toggles)
    assert "FT-02 warning" not in heard(version, *toggles[2:])


def test_a_status_and_its_availability_state_are_one_fault_in_201() -> None:
    component = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
    event = {"component": component, "variable": {"name": "AvailabilityState"}, "actualValue": "Faulted"}
    status = {
        "evseId": 1,
        "connectorId": 1,
        "connectorStatus": "Faulted",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    told = {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [event]}
    later = (1, "StatusNotification", status), (20, "Heartbeat", dict[str, Any]())
    assert heard("2.0.1", (0, "NotifyEvent", told), *later) == ["FT-01 warning"]


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    reports(reports(story, "GroundFailure"), "WeakSignal", "Available", WHOLE)
    event(story, "GroundFaultProtector", "Tripped", EVSE_1)
    says(story, "Faulted", EVSE_2).wait(20)
    chattering = toggle(Story(Fault()), 5, 600).findings()[-1:]
    found = [*story.findings(), *chattering]
    assert len(found) == 5
    for finding in found:
        assert finding.message in (fault.__doc__ or "")
