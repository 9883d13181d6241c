"""flapping: CN-01 and CN-03, and who may reconnect. A charge point that connects at 0 and again later."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from analyzers import flapping
from analyzers.base import SECOND
from analyzers.flapping import MAX_CONNECTS, Flapping
from proxy.heads.connection import Refused
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story


@pytest.fixture
def story() -> Story:
    return Story(Flapping())


def connect(story: Story, *moments: float, lasting: float = 40, closed_by: str = "charge_point") -> Story:
    """At each moment a connection that lasts so many seconds."""
    for moment in moments:
        story.wait(moment).on(f"at {moment}").opened()
        story.wait(moment + lasting).tell(facts.ConnectionClosed, closed_by, "fin")
    return story


def refuse(story: Story, *moments: float, by: str = "csms", count: int = 1) -> Story:
    for moment in moments:
        story.wait(moment).tell(facts.HandshakeFailed, 503, by, "status_5xx", "10.0.0.7:1", count)
    return story


# CN-01


def test_four_connections_within_ten_minutes(story: Story) -> None:
    assert connect(story, 0, 60, 120).told() == []
    [finding] = connect(story, 180).findings()
    assert (finding.rule, finding.severity.label) == ("CN-01", "warning")
    assert (finding.observed, finding.limit) == ("4 connections in 180 s", "4 in 600 s")
    assert finding.evidence == (("at 0", 0), ("at 60", 0), ("at 120", 0), ("at 180", 0))


def test_four_in_a_little_more_are_not(story: Story) -> None:
    assert connect(story, 0, 200, 400, 601).told() == []


def test_the_fourth_at_the_end_of_the_ten_minutes_is(story: Story) -> None:
    assert connect(story, 0, 200, 400, 600).told() == ["CN-01 warning"]


def test_going_on_is_the_same_finding(story: Story) -> None:
    [finding] = connect(story, *range(0, 6000, 100)).findings()
    assert (finding.count, finding.observed) == (57, "7 connections in 600 s")


def test_ten_minutes_without_a_connection_clear_it(story: Story) -> None:
    connect(story, 0, 60, 120, 180)
    assert story.wait(779).told() == ["CN-01 warning"]
    assert story.wait(780).told() == ["CN-01 warning, cleared"]


def test_after_a_reset_it_may_connect(story: Story) -> None:
    for moment in range(0, 600, 100):
        story.wait(moment).tell(facts.ResetRequested, "Soft", facts.NOWHERE, "Accepted")
        connect(story, moment + 30)
    assert story.told() == []


def test_a_rejected_reset_excuses_nothing(story: Story) -> None:
    for moment in range(0, 400, 100):
        story.wait(moment).tell(facts.ResetRequested, "Soft", facts.NOWHERE, "Rejected")
        connect(story, moment + 30)
    assert story.told() == ["CN-01 warning"]


def test_one_reset_excuses_one_connection(story: Story) -> None:
    story.at(0).tell(facts.ResetRequested, "Soft", facts.NOWHERE, "Accepted")
    assert connect(story, 10, 60, 120, 180).told() == []
    assert connect(story, 240).told() == ["CN-01 warning"]


def test_a_firmware_update_may_reconnect(story: Story) -> None:
    for moment in (0, 100, 200, 300):
        connect(story.wait(moment).tell(facts.FirmwareProgress, "Installing"), moment + 20)
    assert story.told() == []


def test_what_we_close_is_not_its_fault(story: Story) -> None:
    assert connect(story, *range(0, 600, 50), closed_by="proxy").told() == []


def test_a_probe_in_another_version_is_no_flapping(story: Story) -> None:
    """Quirk 8: FoxESS tries 1.6 for a moment, then speaks 2.0.1."""
    assert connect(connect(story, 0, lasting=1), 2, lasting=300).told() == []


def test_its_threshold_is_a_setting() -> None:
    assert connect(Story(Flapping(connections=3)), 0, 60, 120).told() == ["CN-01 warning"]


def test_it_remembers_within_a_bound() -> None:
    story = connect(Story(Flapping()), *[number / 10 for number in range(1000)], lasting=0.05)
    [finding] = [finding for finding in story.findings() if finding.rule == "CN-01"]
    assert finding.observed == f"{MAX_CONNECTS} connections in 6.3 s"


# CN-03


def test_three_short_connections_without_a_pause(story: Story) -> None:
    assert connect(story, 0, 5, 10, lasting=3).told() == []
    story.wait(15).on("c4").opened()
    hasty = [finding for finding in story.findings() if finding.rule == "CN-03"]
    assert [(finding.severity.label, finding.observed, finding.limit) for finding in hasty] == [
        ("warning", "2 s", "10 s")
    ]


def test_refused_again_and_again_without_a_pause(story: Story) -> None:
    assert refuse(story, 0, 2, 4).told() == []
    assert refuse(story, 6).told() == ["CN-03 warning"]


def test_giving_up_by_itself_is_a_failure_too(story: Story) -> None:
    assert refuse(story, 0, 2, 4, 6, by="charge_point").told() == ["CN-03 warning"]


@pytest.mark.parametrize(
    "moments",
    [
        (0, 1, 2.5, 5, 9, 15, 24),  # grows by half
        (0, 10, 20, 30, 40, 50),  # waits long enough
        (0, 2, 4, 14, 16, 18),  # begins anew
    ],
)
def test_who_backs_off(story: Story, moments: Sequence[float]) -> None:
    assert refuse(story, *moments).told() == []


def test_a_wait_that_is_long_enough_clears_it(story: Story) -> None:
    assert refuse(story, 0, 2, 4, 6).wait(15).told() == ["CN-03 warning"]
    assert story.wait(16).told() == ["CN-03 warning, cleared"]


def test_a_connection_that_holds_clears_it(story: Story) -> None:
    refuse(story, 0, 2, 4).wait(6).on("c9").opened()
    assert story.wait(35).told() == ["CN-03 warning"]
    assert story.wait(36).told() == ["CN-03 warning, cleared"]


def test_what_was_counted_together_has_no_times(story: Story) -> None:
    """Refusals beyond the rate limit come as one record."""
    assert refuse(story, 0, 2, 4, 6, count=30).told() == []


def test_beside_an_open_connection_it_may_be_somebody_else(story: Story) -> None:
    assert refuse(story.at(0).opened(), 2, 4, 6, 8).told() == []


def test_lost_from_sight_nobody_knows_how_long_it_held(story: Story) -> None:
    for moment in (0, 5, 10, 15, 20):
        story.wait(moment).on(f"c{moment}").opened().wait(moment + 3).tell(facts.SightLost)
    assert "CN-03 warning" not in story.told()


def test_lost_from_sight_it_may_try_again(story: Story) -> None:
    assert refuse(story.at(0).opened().tell(facts.SightLost), 2, 4, 6, 8).told() == ["CN-03 warning"]


def test_tries_are_a_setting() -> None:
    assert refuse(Story(Flapping(tries=2)), 0, 2, 4).told() == ["CN-03 warning"]


# whole captures


def captured(version: str, *moments: int, lasting: int) -> list[str]:
    capture = Capture(Runner([Flapping()]))
    for moment in moments:
        capture.opened(EPOCH + moment * SECOND, "CP_1", version, "10.0.0.7:4711")
        capture.closed(EPOCH + (moment + lasting) * SECOND, "CP_1")
    return sorted(finding.rule for finding in capture.runner.findings())


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_from_whole_captures(version: str) -> None:
    assert captured(version, 0, 100, 200, 300, lasting=60) == ["CN-01"]
    assert captured(version, 0, 300, 600, 900, lasting=60) == []
    assert captured(version, 0, 5, 10, 15, lasting=2) == ["CN-01", "CN-03"]


def test_refusals_from_whole_captures() -> None:
    capture = Capture(Runner([Flapping()]))
    for moment in (0, 3, 6, 9):
        refused = Refused("CP_1", remote_address="10.0.0.7:1", status=401, refused_by="csms")
        capture.refused(EPOCH + moment * SECOND, refused)
    assert [finding.rule for finding in capture.runner.findings()] == ["CN-03"]


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    connect(story, 0, 60, 120, 180)
    for told in (story, refuse(Story(Flapping()), 0, 2, 4, 6)):
        assert told.findings()[0].message in (flapping.__doc__ or "")
