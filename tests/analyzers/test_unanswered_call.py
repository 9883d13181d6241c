"""unanswered_call: PR-01 and PR-02, and when nobody can know."""

from __future__ import annotations

import pytest

from analyzers import unanswered_call
from analyzers.unanswered_call import MAX_ACTIONS, MAX_WAITING, UnansweredCall
from proxy.names import Direction
from proxy.ocpp import facts
from tests.analyzers.conftest import EPOCH, Story

CSMS = Direction.FROM_CSMS


@pytest.fixture
def story() -> Story:
    return Story(UnansweredCall())


def test_the_csms_has_30_seconds(story: Story) -> None:
    assert story.at(0).call().wait(29.9).told() == []
    [finding] = story.wait(35).findings()
    assert (finding.rule, finding.severity.label, finding.at) == ("PR-01", "warning", EPOCH + 30 * 10**9)
    assert (finding.observed, finding.limit, finding.evidence) == ("no answer for 30 s", "30 s", (("c1", 1),))


def test_the_charge_point_has_60_seconds(story: Story) -> None:
    assert story.at(0).call("Reset", CSMS).wait(59.9).told() == []
    assert story.wait(60).told() == ["PR-01 warning"]


def test_an_answer_in_time_is_nothing(story: Story) -> None:
    for second in range(0, 1000, 50):
        story.at(second).call().at(second + 10).answer(after=10)
    assert story.wait(2000).told() == []


def test_a_late_answer_is_an_info(story: Story) -> None:
    story.at(0).call().at(12).answer(after=12)
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label) == ("PR-02", "info")
    assert finding.evidence == (("c1", 1), ("c1", 2))
    story.at(50).call().at(51).answer(after=1)
    assert story.told() == ["PR-02 info, cleared"]


def test_too_late_is_both_and_stays_open(story: Story) -> None:
    """Always slow is one finding each, not one per call."""
    for second in range(0, 1000, 100):
        story.wait(second).call().wait(second + 40).answer(after=40)
    assert story.told() == ["PR-01 warning", "PR-02 info"]
    assert [finding.count for finding in story.findings()] == [10, 10]


def test_a_later_answer_in_time_clears_it(story: Story) -> None:
    story.at(0).call().wait(40).call(message_id="2").wait(41).answer(after=1, message_id="2")
    assert story.told() == ["PR-01 warning, cleared"]


def test_another_action_clears_nothing(story: Story) -> None:
    story.at(0).call().call("MeterValues").wait(40).call("Authorize").wait(41).answer(1, "Authorize")
    assert story.told() == ["PR-01 warning", "PR-01 warning"]


def test_the_same_action_of_both_directions_is_two_things(story: Story) -> None:
    story.at(0).call("DataTransfer").call("DataTransfer", CSMS).wait(70)
    assert story.told() == ["PR-01 warning", "PR-01 warning"]


def test_a_call_whose_connection_closed_is_unknown(story: Story) -> None:
    assert story.at(0).call().at(20).closed().wait(100).told() == []


def test_another_connections_close_changes_nothing(story: Story) -> None:
    story.at(0).call().on("c2").at(20).closed().wait(100)
    assert story.told() == ["PR-01 warning"]


def test_an_answer_may_have_been_among_lost_bytes(story: Story) -> None:
    assert story.at(0).call().at(20).tell(facts.BytesLost, CSMS, 500).wait(100).told() == []


def test_an_answer_may_come_while_nothing_is_seen(story: Story) -> None:
    assert story.at(0).call().at(20).tell(facts.SightLost).wait(100).told() == []


def test_a_retry_with_the_same_id_starts_anew(story: Story) -> None:
    story.at(0).call().at(20).call().wait(45)
    assert story.told() == []
    assert story.wait(50).told() == ["PR-01 warning"]


def test_a_call_given_up_by_the_correlator_is_not_judged(story: Story) -> None:
    story.at(0).call()
    story.at(1).tell(facts.CallUnanswered, Direction.FROM_CHARGE_POINT, "Heartbeat", "Heartbeat", 1, "x")
    assert story.wait(100).told() == []


def test_an_answer_to_a_call_never_seen(story: Story) -> None:
    story.at(12).answer(after=12)
    assert story.findings()[0].evidence == (("c1", 1),)


def test_beyond_64_waiting_the_oldest_is_not_judged(story: Story) -> None:
    for number in range(MAX_WAITING + 1):
        story.at(0).call(f"Action{number}", message_id=str(number))
    found = story.wait(31).findings()
    assert len(found) == MAX_WAITING
    assert not any("Action0 " in finding.message for finding in found)


def test_beyond_64_actions_the_oldest_is_cleared(story: Story) -> None:
    for number in range(MAX_ACTIONS + 1):
        story.at(40 * number).call(f"Action{number}").wait(40 * number + 30)
    told = story.told()
    assert told.count("PR-01 warning, cleared") == 1
    assert told[0] == "PR-01 warning, cleared"


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    story.at(0).call("Heartbeat").call("Reset", CSMS).wait(60)
    story.at(100).call("Heartbeat").wait(112).answer(after=12)
    story.at(200).call("Reset", CSMS).wait(210.5).answer(10.5, "Reset", CSMS)
    found = story.findings()
    assert len(found) == 4
    for finding in found:
        assert finding.message in (unanswered_call.__doc__ or "")
