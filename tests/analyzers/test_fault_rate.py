"""fault_rate: FT-05; rises of a cohort, and what is no rise."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import fault_rate
from analyzers.fault_rate import MAX_CODES, MAX_COHORTS, FaultRate, FaultRateState
from proxy.names import Direction
from proxy.ocpp import facts
from tests.analyzers.fleet import HOUR, Fleet, Messages

DAY = 24 * HOUR


def fleet(size: int = 24, **settings: Any) -> Fleet:
    """So many of one cohort have booted."""
    story = Fleet(FaultRate(**settings))
    for number in range(size):
        boot(story.as_(f"CP_{number}").at(1))
    return story


def boot(story: Fleet, firmware: str = "1.2.0") -> Fleet:
    story.tell(facts.Booted, "ACME", "Wall", firmware)
    return story


def faults(story: Fleet, since: float, number: int, code: str = "GroundFailure", first: int = 0) -> Fleet:
    """So many of them report it, a second apart."""
    for index in range(first, first + number):
        story.as_(f"CP_{index}").at(since + index).tell(facts.FaultReported, facts.NOWHERE, code)
    return story


def state_of(story: Fleet) -> FaultRateState:
    state = story.runner.fleet.states[0]
    assert isinstance(state, FaultRateState)
    return state


def test_twelve_of_24_within_an_hour() -> None:
    story = faults(fleet().skip(3 * DAY), 3 * DAY + 60, 12)
    assert story.told() == []
    [finding] = story.skip(3 * DAY + HOUR).findings()
    assert (finding.rule, finding.severity.label, finding.charge_point) == ("FT-05", "critical", "")
    assert finding.observed == "12 of 24 charge points in 1 h"
    assert len(finding.evidence) == 10


def test_ten_are_not_enough() -> None:
    assert faults(fleet().skip(3 * DAY), 3 * DAY + 60, 10).skip(3 * DAY + HOUR).told() == []


def test_below_a_share_of_the_cohort_it_is_a_warning() -> None:
    assert faults(fleet(70).skip(3 * DAY), 3 * DAY + 60, 12).skip(3 * DAY + HOUR).told() == ["FT-05 warning"]


def test_in_the_first_day_it_is_an_info() -> None:
    assert faults(fleet().skip(6 * HOUR), 6 * HOUR + 60, 20).skip(7 * HOUR).told() == ["FT-05 info"]
    story = fleet(learning_hours=1.0).skip(6 * HOUR)
    assert faults(story, 6 * HOUR + 60, 20).skip(7 * HOUR).told() == ["FT-05 critical"]


def test_a_cohort_below_20_is_never_judged() -> None:
    assert faults(fleet(19).skip(3 * DAY), 3 * DAY + 60, 19).skip(3 * DAY + HOUR).told() == []
    small = fleet(19, cohort_charge_points=19).skip(3 * DAY)
    assert faults(small, 3 * DAY + 60, 19).skip(3 * DAY + HOUR).told() == ["FT-05 critical"]


def test_four_bad_units_are_not_the_cohort() -> None:
    story = fleet().skip(3 * DAY)
    for hour in range(8):
        faults(story, 3 * DAY + hour * HOUR + 60, 4)
    assert story.skip(4 * DAY).told() == []
    story = fleet(contributors=4).skip(3 * DAY)
    for hour in range(8):
        faults(story, 3 * DAY + hour * HOUR + 60, 4)
    assert story.skip(3 * DAY + 8 * HOUR).told() == ["FT-05 warning"]


def test_one_unit_that_repeats_itself_counts_once_an_hour() -> None:
    story = fleet().skip(3 * DAY)
    for second in range(100):
        faults(story, 3 * DAY + 60 + second, 1)
    assert story.skip(4 * DAY).told() == []


def test_what_is_usual_is_no_rise() -> None:
    """Three an hour for days; then five are not much more, twelve are."""
    story = fleet()
    for hour in range(96):
        faults(story, hour * HOUR + 60, 3, first=hour % 20)
    assert faults(story, 96 * HOUR + 60, 5).skip(97 * HOUR).told() == []
    for hour in range(97, 100):
        faults(story, hour * HOUR + 60, 12)
    assert story.skip(100 * HOUR).told() == ["FT-05 critical"]


def test_a_fleet_that_grows_is_no_rise() -> None:
    story = fleet(40)
    for hour in range(96):
        faults(story, hour * HOUR + 60, 4, first=4 * (hour % 10))
    for number in range(40, 120):
        boot(story.as_(f"CP_{number}").at(96 * HOUR))
    for hour in range(96, 110):
        faults(story, hour * HOUR + 60, 12, first=12 * (hour % 10))
    assert story.skip(110 * HOUR).told() == []
    assert all(code.usual.score < 3.5 for code in state_of(story).codes.values())


def test_another_code_or_firmware_does_not_add_up() -> None:
    story = fleet(48).skip(DAY)
    for number in range(24, 48):
        boot(story.as_(f"CP_{number}").at(DAY), "2.0.0")
    story.skip(3 * DAY)
    faults(story, 3 * DAY + 60, 6)
    faults(story, 3 * DAY + 60, 6, first=24)
    faults(story, 3 * DAY + 60, 6, code="HighTemperature")
    assert story.skip(4 * DAY).told() == []


def test_a_cohort_is_left_for_another() -> None:
    story = fleet(24)
    boot(story.as_("CP_0").at(10), "2.0.0")
    assert [(cohort.words, cohort.connected) for cohort in state_of(story).cohorts.values()] == [
        ("ACME Wall 1.2.0", 23),
        ("ACME Wall 2.0.0", 1),
    ]


def test_only_connected_hours_count() -> None:
    story = fleet(1)
    story.as_("CP_0").at(1801).tell(facts.ConnectionClosed).skip(HOUR)
    [cohort] = state_of(story).cohorts.values()
    assert (cohort.connected, round(cohort.watched, 3)) == (0, 0.5)


def test_the_next_sign_of_life_brings_it_back() -> None:
    """One of two connections was closed."""
    story = fleet(1)
    story.at(30).message()
    story.at(60).tell(facts.ConnectionClosed)
    assert [cohort.connected for cohort in state_of(story).cohorts.values()] == [0]
    story.at(61).message()
    assert [cohort.connected for cohort in state_of(story).cohorts.values()] == [1]


def test_a_day_without_more_than_usual_clears_it() -> None:
    story = faults(fleet().skip(3 * DAY), 3 * DAY + 60, 12)
    assert story.skip(4 * DAY).told() == ["FT-05 critical"]
    assert story.skip(4 * DAY + 2 * HOUR).told() == ["FT-05 critical, cleared"]


def test_whose_model_is_not_known_is_not_judged() -> None:
    story = Fleet(FaultRate())
    for number in range(40):
        story.as_(f"CP_{number}").at(1).message()
    assert faults(story.skip(3 * DAY), 3 * DAY + 60, 40).skip(4 * DAY).told() == []
    assert state_of(story).cohorts == {}


def test_it_is_bounded() -> None:
    story = faults(fleet(30).skip(3 * DAY), 3 * DAY + 60, 12).skip(3 * DAY + HOUR)
    for number in range(2 * MAX_COHORTS):
        boot(story.as_("CP_29").at(4 * DAY - 60), f"firmware {number}")
    for number in range(2 * MAX_CODES):
        faults(story, 4 * DAY - 60, 1, code=f"Code {number}")
    state = state_of(story)
    assert (len(state.cohorts), len(state.numbers), len(state.codes)) == (MAX_COHORTS, MAX_COHORTS, MAX_CODES)
    assert story.told() == ["FT-05 critical, cleared"]


BOOTS = {
    "1.6": {"chargePointVendor": "ACME", "chargePointModel": "Wall", "firmwareVersion": "1.2.0"},
    "2.0.1": {
        "reason": "PowerUp",
        "chargingStation": {"vendorName": "ACME", "model": "Wall", "firmwareVersion": "1.2.0"},
    },
}
TIME = "2026-11-20T10:00:00Z"
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "1.6": ("StatusNotification", {"connectorId": 1, "errorCode": "GroundFailure", "status": "Faulted"}),
    "2.0.1": (
        "NotifyEvent",
        {
            "generatedAt": TIME,
            "seqNo": 0,
            "eventData": [
                {
                    "eventId": 1,
                    "timestamp": TIME,
                    "trigger": "Alerting",
                    "actualValue": "true",
                    "eventNotificationType": "HardWiredMonitor",
                    "techCode": "GroundFailure",
                    "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
                    "variable": {"name": "Problem"},
                }
            ],
        },
    ),
}


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("number", "told"), [(12, ["FT-05 critical"]), (10, [])])
def test_in_whole_messages(version: str, number: int, told: list[str]) -> None:
    messages = Messages(version, FaultRate())
    for index in range(24):
        answer = {"currentTime": TIME, "interval": 300, "status": "Accepted"}
        boot = "BootNotification"
        messages.call(index, f"CP_{index}", Direction.FROM_CHARGE_POINT, boot, BOOTS[version], answer)
    action, asked = FAULTS[version]
    for index in range(number):
        messages.call(2 * DAY + index, f"CP_{index}", Direction.FROM_CHARGE_POINT, action, asked, {})
    messages.capture.passes(messages.at(2 * DAY + HOUR))
    assert messages.told() == told


def test_its_sentence_is_that_of_the_docstring() -> None:
    [finding] = faults(fleet().skip(3 * DAY), 3 * DAY + 60, 12).skip(3 * DAY + HOUR).findings()
    assert finding.message in (fault_rate.__doc__ or "")
