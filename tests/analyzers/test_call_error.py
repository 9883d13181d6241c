"""call_error: PR-08; rates of CALLERRORs, and what is not supported."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import call_error
from analyzers.call_error import MAX_POINTS, MAX_RATES, MAX_UNSUPPORTED, CallError, CallErrorState
from proxy.names import Direction
from proxy.ocpp import facts
from tests.analyzers.fleet import HOUR, Fleet, Messages

CSMS = Direction.FROM_CSMS
CHARGE_POINT = Direction.FROM_CHARGE_POINT


def fleet(**settings: Any) -> Fleet:
    return Fleet(CallError(**settings))


def errors(
    story: Fleet,
    number: int,
    since: float = 0,
    every: float = 60,
    action: str = "MeterValues",
    code: str = "InternalError",
    direction: Direction = CHARGE_POINT,
) -> Fleet:
    for index in range(number):
        story.at(since + every * index)
        story.tell(facts.CallErred, direction, action, str(index), code)
    return story


def state_of(story: Fleet) -> CallErrorState:
    state = story.runner.fleet.states[0]
    assert isinstance(state, CallErrorState)
    return state


def watched(hours: float = 24, **settings: Any) -> Fleet:
    """So long without an error."""
    return fleet(**settings).at(0).tell(facts.LifeSeen).skip(hours * HOUR)


def after_a_day(number: int) -> Fleet:
    return errors(watched(), number, since=24 * HOUR)


def test_eleven_in_an_hour_where_there_were_none() -> None:
    assert after_a_day(10).told() == []
    [finding] = after_a_day(11).findings()
    assert (finding.rule, finding.severity.label, finding.charge_point) == ("PR-08", "warning", "CP_1")
    assert finding.observed == "InternalError 11 times within 1 h"
    assert len(finding.evidence) == 10


def test_now_and_then_is_nothing() -> None:
    assert errors(fleet(), 500, every=HOUR / 2).told() == []


def test_it_tells_the_worst_hour_and_what_it_took() -> None:
    """The second hour begins with one error more, which is not what the operator wants to know."""
    story = errors(errors(fleet(), 60), 5, since=HOUR + 60)
    [finding] = story.findings()
    assert (finding.observed, finding.limit) == ("InternalError 60 times within 1 h", "15 in 1 h")


def test_where_nothing_is_known_fifteen() -> None:
    assert errors(fleet(), 14).told() == []
    assert errors(fleet(), 15).told() == ["PR-08 warning"]


def test_it_goes_on_as_one_finding_and_clears_after_an_hour_without() -> None:
    story = errors(fleet(), 100)
    assert [finding.count for finding in story.findings()] == [86]
    assert story.skip(2 * HOUR - 1).told() == ["PR-08 warning"]
    assert story.skip(3 * HOUR).told() == ["PR-08 warning, cleared"]


def test_other_codes_actions_and_directions_do_not_add_up() -> None:
    story = errors(fleet(), 6)
    errors(story, 6, action="StatusNotification")
    errors(story, 6, code="GenericError")
    assert errors(story, 6, direction=CSMS).told() == []


def test_a_rate_that_doubles() -> None:
    """Six an hour for two days are usual then; sixteen are not."""
    story = errors(fleet(), 300, every=600)
    assert story.told() == []
    assert errors(story, 40, since=180_000, every=220).told() == ["PR-08 warning"]


def test_with_two_errors_nothing_is_said() -> None:
    assert errors(watched(score=0.1), 2, since=24 * HOUR).told() == []
    assert errors(watched(score=0.1), 3, since=24 * HOUR).told() == ["PR-08 warning"]
    assert errors(watched(score=0.1, errors=1), 1, since=24 * HOUR).told() == ["PR-08 warning"]


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
def test_what_is_not_supported_is_an_info_once(code: str) -> None:
    story = errors(fleet(), 100, code=code, action="GetLog", direction=CSMS)
    [finding] = story.findings()
    assert (finding.severity.label, finding.count) == ("info", 1)
    assert finding.cleared_at is not None


def test_once_per_action_and_direction() -> None:
    story = errors(fleet(), 2, code="NotSupported", action="DataTransfer")
    errors(story, 2, code="NotSupported", action="DataTransfer", direction=CSMS)
    errors(story, 2, code="NotImplemented", action="GetLog", direction=CSMS)
    assert story.told() == 3 * ["PR-08 info, cleared"]


def test_answers_without_error_cost_no_state() -> None:
    story = errors(fleet(), 1000, every=1, code="")
    assert state_of(story) == CallErrorState(first=0)
    assert story.told() == []


def test_hours_without_an_error_count_for_what_is_usual() -> None:
    story = errors(errors(fleet(), 1, code=""), 11, since=100 * HOUR)
    assert story.findings()[0].limit == "11 in 1 h"


def test_of_nine_pairs_the_first_is_forgotten_and_cleared() -> None:
    story = errors(fleet(), 15, every=1)
    for number in range(MAX_RATES):
        errors(story, 1, since=20, action=f"Action{number}")
    assert story.told() == ["PR-08 warning, cleared"]


def test_a_pair_without_errors_is_forgotten_after_a_day() -> None:
    story = errors(fleet(), 3).skip(30 * HOUR)
    state = state_of(story)
    assert (state.points["CP_1"].rates, state.wake_at) == ({}, None)


def test_unsupported_actions_are_bounded() -> None:
    story = fleet()
    for number in range(2 * MAX_UNSUPPORTED):
        errors(story, 1, action=f"Action{number}", code="NotSupported")
    assert len(state_of(story).points["CP_1"].unsupported) == MAX_UNSUPPORTED


def test_charge_points_are_bounded() -> None:
    story = errors(fleet(), 15)
    for number in range(MAX_POINTS):
        errors(story.as_(f"CP_{number + 2}"), 1, since=900, code="GenericError")
    assert len(state_of(story).points) == MAX_POINTS
    assert story.told()[0] == "PR-08 warning, cleared"


def everywhere(number: int, names: int) -> Fleet:
    """So many errors in all, at so many charge points in turn, within half an hour."""
    story = fleet()
    for index in range(number):
        story.as_(f"CP_{index % names}")
        if index < names:
            story.at(0).tell(facts.ConnectionOpened, "1.6", "", "csms")
        errors(story, 1, since=index, action="Heartbeat")
    return story


def test_errors_of_many_add_up_at_their_upstream() -> None:
    assert everywhere(14, names=5).told() == []
    assert everywhere(15, names=5).told() == ["PR-08-GROUP warning"]
    [finding] = everywhere(100, names=6).findings()
    assert (finding.charge_point, finding.count) == ("", 86)


def test_four_charge_points_are_not_many() -> None:
    assert everywhere(40, names=4).told() == []
    assert "PR-08-GROUP warning" not in everywhere(100, names=4).told()


def test_the_upstream_clears_after_an_hour_without() -> None:
    assert everywhere(50, names=10).skip(2 * HOUR).told() == ["PR-08-GROUP warning, cleared"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("number", "told"), [(15, ["PR-08 warning"]), (14, [])])
def test_in_whole_messages(version: str, number: int, told: list[str]) -> None:
    messages = Messages(version, CallError())
    for index in range(number):
        messages.call(60 * index, "CP_1", CHARGE_POINT, "Heartbeat", {}, "InternalError")
    assert messages.told() == told


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_not_supported_in_whole_messages(version: str) -> None:
    messages = Messages(version, CallError())
    for index in range(20):
        messages.call(60 * index, "CP_1", CSMS, "ClearCache", {}, "NotSupported")
    assert messages.told() == ["PR-08 info, cleared"]


def test_its_sentences_are_those_of_the_docstring() -> None:
    story = after_a_day(11)
    errors(story, 1, since=25 * HOUR, code="NotSupported", action="GetLog", direction=CSMS)
    for finding in [*story.findings(), *everywhere(15, names=5).findings()]:
        assert finding.message in (call_error.__doc__ or "")
