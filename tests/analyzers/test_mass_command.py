"""mass_command: SE-09; waves of orders, and habits."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import mass_command
from analyzers.mass_command import MassCommand, MassCommandState
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import NOWHERE, Fact
from tests.analyzers.fleet import HOUR, Fleet, Messages

DAY = 24 * HOUR


def fleet(size: int = 50, **settings: Any) -> Fleet:
    """So many charge points have spoken."""
    story = Fleet(MassCommand(**settings))
    for number in range(size):
        story.as_(f"CP_{number}").at(0).message()
    return story


def order(
    story: Fleet,
    since: float,
    number: int,
    *values: Any,
    kind: type[Fact] = facts.ResetRequested,
    every: float = 1,
) -> Fleet:
    for index in range(number):
        story.as_(f"CP_{index}").at(since + every * index).tell(kind, *values)
    return story


def test_21_charge_points_in_5_minutes() -> None:
    assert order(fleet(), 100, 20).told() == []
    [finding] = order(fleet(), 100, 21).findings()
    assert (finding.rule, finding.severity.label, finding.charge_point) == ("SE-09", "warning", "")
    assert (finding.observed, finding.limit) == ("21 charge points in 5 min", "20")
    assert len(finding.evidence) == 10


def test_after_a_week_it_is_critical() -> None:
    assert order(fleet(), 8 * DAY, 21).told() == ["SE-09 critical"]
    assert order(fleet(learning_days=9.0), 8 * DAY, 21).told() == ["SE-09 warning"]


def test_spread_over_a_longer_time_it_is_nothing() -> None:
    assert order(fleet(), 100, 50, every=15).told() == []


def test_one_charge_point_ordered_often_is_nothing() -> None:
    story = fleet()
    for second in range(50):
        order(story, 100 + second, 1)
    assert story.told() == []


def test_20_percent_of_a_large_fleet() -> None:
    assert order(fleet(200), 300, 40).told() == []
    assert order(fleet(200), 300, 41).told() == ["SE-09 warning"]


def test_1000_are_enough_in_any_fleet() -> None:
    assert order(fleet(200, charge_points_most=25), 300, 26).told() == ["SE-09 warning"]


def test_the_thresholds_are_settings() -> None:
    assert order(fleet(charge_points=30), 300, 30).told() == []
    assert order(fleet(200, percent=50.0), 300, 100).told() == []
    assert order(fleet(window_minutes=20), 300, 50, every=30).told() == ["SE-09 warning"]


@pytest.mark.parametrize(
    ("kind", "values", "what", "severity"),
    [
        (facts.ResetRequested, ("Hard",), "Reset", "critical"),
        (facts.UnlockRequested, (), "UnlockConnector", "critical"),
        (facts.RemoteStopRequested, (), "remote stop", "critical"),
        (facts.AvailabilityRequested, (NOWHERE, "Inoperative"), "ChangeAvailability Inoperative", "critical"),
        (facts.CacheCleared, (), "ClearCache", "warning"),
        (facts.LocalListSent, (), "SendLocalList", "warning"),
    ],
)
def test_the_kinds(kind: type[Fact], values: tuple[Any, ...], what: str, severity: str) -> None:
    [finding] = order(fleet(), 8 * DAY, 21, *values, kind=kind).findings()
    assert f"sent {what} to" in finding.message
    assert finding.severity.label == severity


def test_operative_again_is_nothing() -> None:
    assert order(fleet(), 300, 50, NOWHERE, "Operative", kind=facts.AvailabilityRequested).told() == []


def test_kinds_do_not_add_up() -> None:
    story = order(fleet(), 300, 15)
    assert order(story, 300, 15, kind=facts.UnlockRequested).told() == []


def test_it_clears_when_the_window_is_half_empty() -> None:
    story = order(fleet(), 0, 30)
    assert story.skip(310).told() == ["SE-09 warning"]
    assert story.skip(320).told() == ["SE-09 warning, cleared"]
    assert story.findings()[0].observed == "30 charge points in 5 min"


def test_one_wave_is_one_finding() -> None:
    [finding] = order(fleet(), 0, 50).findings()
    assert finding.count == 1


def test_a_nightly_reset_is_a_warning_once() -> None:
    story = fleet()
    for night in range(10):
        order(story, (night + 1) * DAY + 600 * (night % 3), 50).skip((night + 1) * DAY + HOUR)
    assert [told.split()[1] for told in story.told()] == ["warning,"] + 9 * ["info,"]


def test_another_time_of_day_is_no_schedule() -> None:
    story = order(fleet(), DAY, 50).skip(DAY + HOUR)
    order(story, 9 * DAY + 4 * HOUR, 50)
    assert story.told() == ["SE-09 warning, cleared", "SE-09 critical"]


def test_what_is_done_all_the_time_is_a_habit() -> None:
    """Local lists go out to all whenever a card is issued."""
    story = fleet()
    for number in range(5):
        order(story, 7000 * (number + 1), 50, kind=facts.LocalListSent).skip(7000 * (number + 1) + 600)
    assert [told.split()[1] for told in story.told()] == 3 * ["warning,"] + 2 * ["info,"]


def test_a_wave_twice_as_large_is_no_habit() -> None:
    story = order(fleet(100), DAY, 25).skip(DAY + HOUR)
    order(story, 2 * DAY, 40).skip(2 * DAY + HOUR)
    assert order(story, 3 * DAY, 100).told() == [
        "SE-09 warning, cleared",
        "SE-09 info, cleared",
        "SE-09 warning",
    ]


def test_it_is_bounded() -> None:
    story = fleet(0, charge_points_most=50)
    order(story, 0, 5000, every=0)
    state = story.runner.fleet.states[0]
    assert isinstance(state, MassCommandState)
    assert len(state.kinds["Reset"].lately) == 101


RESETS = {"1.6": {"type": "Hard"}, "2.0.1": {"type": "Immediate"}}


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("number", "told"), [(21, ["SE-09 warning"]), (20, [])])
def test_in_whole_messages(version: str, number: int, told: list[str]) -> None:
    messages = Messages(version, MassCommand())
    for index in range(number):
        messages.opened(index, f"CP_{index}")
        messages.call(
            index, f"CP_{index}", Direction.FROM_CSMS, "Reset", RESETS[version], {"status": "Accepted"}
        )
    assert messages.told() == told


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_inoperative_in_whole_messages(version: str) -> None:
    asked = {
        "1.6": {"connectorId": 0, "type": "Inoperative"},
        "2.0.1": {"operationalStatus": "Inoperative"},
    }[version]
    messages = Messages(version, MassCommand())
    for index in range(21):
        answer = {"status": "Accepted"}
        messages.call(index, f"CP_{index}", Direction.FROM_CSMS, "ChangeAvailability", asked, answer)
    assert messages.told() == ["SE-09 warning"]


def test_its_sentence_is_that_of_the_docstring() -> None:
    [finding] = order(fleet(), 0, 21).findings()
    assert finding.message in (mass_command.__doc__ or "")
