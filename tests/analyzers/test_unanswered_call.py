"""unanswered_call: PR-01, PR-02, PR-04 and PR-07, and when nobody can know."""

from __future__ import annotations

import pytest

from analyzers import unanswered_call
from analyzers.base import SECOND
from analyzers.unanswered_call import MAX_ACTIONS, MAX_WAITING, UnansweredCall
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story
from tests.analyzers.test_transaction import Wire

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


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
    story.at(0).call().at(20).call("MeterValues").wait(50).call("Authorize").wait(51).answer(1, "Authorize")
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
    found = [finding for finding in story.wait(31).findings() if finding.rule == "PR-01"]
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
    story.at(300).opened().at(400).tell(facts.ReplyOrphaned, CSMS, "9")
    story.at(500).call("Heartbeat").at(501).call("MeterValues")
    story.at(502).answer(1, "MeterValues").at(503).tell(facts.CaptureEnded)
    found = story.findings()
    assert len(found) == 7
    for finding in found:
        assert finding.message in (unanswered_call.__doc__ or "")


def test_a_close_ends_what_was_said(story: Story) -> None:
    story.at(0).call().wait(40).call(message_id="2").wait(55).answer(15, message_id="2").closed()
    assert story.told() == ["PR-01 warning, cleared", "PR-02 info, cleared"]


def test_what_waits_at_the_end_of_a_capture_is_open(story: Story) -> None:
    story.at(0).call().at(29).tell(facts.CaptureEnded).wait(500)
    assert story.told() == ["PR-01 info"]
    assert story.findings()[0].message.endswith("open at the end of the capture.")


def test_an_answer_behind_a_gap_is_dated_behind_it() -> None:
    """An hour that nobody observed: the wall clock goes on, `clock` does not."""
    runner = Runner([UnansweredCall()])
    hour = 3600 * SECOND
    runner.fact(facts.CallSent("CP_1", "c1", 1, EPOCH, 0, CP, "Heartbeat", "1"))
    runner.fact(facts.CallAnswered("CP_1", "c1", 2, EPOCH, 1, CP, "Heartbeat", "1", 1))
    runner.fact(facts.CallSent("CP_1", "c1", 3, EPOCH + hour, SECOND, CP, "Heartbeat", "2"))
    runner.mark(EPOCH + 2 * hour, 100 * SECOND)
    [finding] = runner.findings()
    assert finding.at == EPOCH + hour + 30 * SECOND


# PR-04


def orphan(story: Story, message_id: str = "9", direction: Direction = CSMS) -> Story:
    return story.tell(facts.ReplyOrphaned, direction, message_id)


def test_an_answer_to_no_call(story: Story) -> None:
    [finding] = orphan(story.at(0).opened().at(100)).findings()
    assert (finding.rule, finding.severity.label) == ("PR-04", "info")
    assert (finding.evidence, finding.cleared_at) == ((("c1", 2),), finding.at)


def test_its_call_may_be_of_before_the_capture(story: Story) -> None:
    assert orphan(story.at(0).opened().at(59)).told() == []
    assert orphan(Story(UnansweredCall()).at(100)).told() == []


@pytest.mark.parametrize("message_id", ["", "-1"])
def test_an_id_that_could_not_be_read(story: Story, message_id: str) -> None:
    assert orphan(story.at(0).opened().at(100), message_id).told() == []


def test_its_call_may_not_have_been_readable(story: Story) -> None:
    story.at(0).opened().at(100).tell(facts.Unparseable, CSMS, "not JSON")
    assert orphan(story.at(101)).told() == []


@pytest.mark.parametrize(("kind", "values"), [(facts.BytesLost, (CSMS, 1)), (facts.SightLost, ())])
def test_its_call_may_have_been_lost(
    story: Story, kind: type[facts.Fact], values: tuple[object, ...]
) -> None:
    story.at(0).opened().at(100).tell(kind, *values)
    assert orphan(story.at(101)).told() == []


def test_many_of_them_are_one(story: Story) -> None:
    story.at(0).opened()
    for second in range(100, 200, 10):
        orphan(story.at(second), str(second))
    assert [finding.count for finding in story.findings()] == [10]


# PR-07


def version(story: Story, name: str) -> Story:
    return story.at(0).tell(facts.ConnectionOpened, name)


@pytest.mark.parametrize(("name", "told"), [("2.0.1", "warning"), ("2.1", "warning"), ("1.6", "info")])
def test_a_call_while_another_waits(story: Story, name: str, told: str) -> None:
    version(story, name).at(10).call("Heartbeat").at(11).call("MeterValues")
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label) == ("PR-07", told)
    assert finding.evidence == (("c1", 2), ("c1", 3))


def test_calls_of_both_sides_may_cross(story: Story) -> None:
    assert version(story, "2.0.1").at(10).call("Heartbeat").at(11).call("Reset", CSMS).told() == []


def test_one_after_the_answer_is_fine(story: Story) -> None:
    version(story, "2.0.1").at(10).call().at(11).answer(1).call("MeterValues")
    assert story.told() == []


def test_another_connections_call_is_another_matter(story: Story) -> None:
    assert version(story, "2.0.1").at(10).call().on("c2").call("MeterValues").told() == []


def test_who_waited_long_enough_has_given_up(story: Story) -> None:
    assert version(story, "2.0.1").at(10).call().at(20).call("MeterValues").told() == []


def test_a_retry_is_not_beside_itself(story: Story) -> None:
    assert version(story, "2.0.1").at(10).call().at(11).call().told() == []


def test_what_was_lost_may_have_been_the_answer(story: Story) -> None:
    version(story, "2.0.1").at(10).call().tell(facts.BytesLost, CSMS, 1).at(11).call("MeterValues")
    assert story.told() == []


def test_once_per_connection_and_direction(story: Story) -> None:
    version(story, "2.0.1").at(10)
    for number in range(5):
        story.call(message_id=str(number))
    assert [finding.count for finding in story.findings()] == [1]
    assert story.at(11).closed().told() == ["PR-07 warning, cleared"]


def test_how_patient_a_caller_is_is_a_setting() -> None:
    story = version(Story(UnansweredCall(patience_seconds=1)), "2.0.1")
    assert story.at(10).call().at(11).call("MeterValues").told() == []


# groups and whole messages


@pytest.mark.parametrize(("direction", "groups"), [(CP, 1), (CSMS, 0)])
def test_a_mute_csms_is_one_finding(direction: Direction, groups: int) -> None:
    """Charge points that are mute each have a finding of their own."""
    runner = Runner([UnansweredCall()])
    for number in range(9):
        name = f"CP_{number}"
        runner.fact(facts.ConnectionOpened(name, name, 0, EPOCH, 0, "1.6", "", "csms.example"))
    for number in range(7):
        name = f"CP_{number}"
        runner.fact(facts.CallSent(name, name, 1, EPOCH, 0, direction, "Heartbeat", "1"))
    runner.mark(EPOCH + 100 * SECOND, 100 * SECOND)
    found = runner.findings()
    of_group = [finding for finding in found if finding.rule == "PR-01-GROUP"]
    assert len(of_group) == groups
    assert sum(bool(finding.muted_by) for finding in found) == 7 * groups
    for finding in of_group:
        assert finding.severity.label == "critical"
        assert finding.observed == "7 of 9 charge points"
        assert finding.message in (unanswered_call.__doc__ or "")


@pytest.mark.parametrize(("name", "severity"), [("1.6", "info"), ("2.0.1", "warning")])
def test_whole_messages(name: str, severity: str) -> None:
    wire = Wire(UnansweredCall(), name).call(0, "Heartbeat", {}, {"currentTime": "2024-05-06T07:08:09Z"})
    at, said = EPOCH + 100 * SECOND, wire.capture.said
    assert wire.told() == []
    said(at, "CP_1", CP, b'[2,"a","Heartbeat",{}]')
    said(at + SECOND, "CP_1", CP, b'[2,"b","Heartbeat",{}]')
    said(at + 12 * SECOND, "CP_1", CSMS, b'[3,"a",{"currentTime":"2024-05-06T07:08:09Z"}]')
    said(at + 13 * SECOND, "CP_1", CSMS, b'[3,"nobody",{}]')
    told = [f"PR-07 {severity}", "PR-02 info", "PR-04 info, cleared", "PR-01 warning"]
    assert wire.wait(200).told() == told
