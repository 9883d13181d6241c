"""idle_timeout: CN-05, and closes that have nothing to do with being idle."""

from __future__ import annotations

import pytest

from analyzers import idle_timeout
from analyzers.base import SECOND
from analyzers.idle_timeout import IdleTimeout
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

DAY = 86_400
BEAT = b'[2,"1","Heartbeat",{}]'


@pytest.fixture
def story() -> Story:
    return Story(IdleTimeout())


def close(story: Story, *idle: float | None, by: str = "csms", how: str = "fin") -> Story:
    """One connection after the other, closed so long after its last frame."""
    for seconds in idle:
        moment = story.now + 200
        nanoseconds = None if seconds is None else int(seconds * SECOND)
        story.wait(moment).on(f"c{moment:.0f}").tell(facts.ConnectionClosed, by, how, nanoseconds)
    return story


def test_five_closes_after_the_same_time(story: Story) -> None:
    assert close(story, 60, 60, 60.1, 60).told() == []
    [finding] = close(story, 59.9).findings()
    assert (finding.rule, finding.severity.label) == ("CN-05", "warning")
    assert finding.observed == "60 s after the last frame, 5 times in a row"
    assert finding.limit == "5 times within 2 s"
    assert len(finding.evidence) == 5


def test_times_that_differ_by_seconds_are_no_time_out(story: Story) -> None:
    assert close(story, 60, 64, 60, 64, 60, 64, 60).told() == []


def test_one_of_another_kind_begins_anew(story: Story) -> None:
    assert close(story, 60, 60, 60, 60, 3, 60, 60, 60, 60).told() == []


def test_another_side_begins_anew(story: Story) -> None:
    assert close(close(story, 60, 60, 60), 60, 60, 60, by="charge_point").told() == []


def test_the_charge_points_side_is_an_info(story: Story) -> None:
    """It may be meant; or something in front of us closes what is idle."""
    assert close(story, *[120] * 5, by="charge_point").told() == ["CN-05 info"]


def test_closing_after_the_last_word_is_no_time_out(story: Story) -> None:
    assert close(story, *[0.2] * 20).told() == []


def test_tcp_found_out_that_nobody_is_there(story: Story) -> None:
    """The constant is our keep-alive's."""
    assert close(story, *[90] * 20, by="charge_point", how="timeout").told() == []


def test_when_the_last_frame_was_is_not_known(story: Story) -> None:
    assert close(story, *[None] * 20).told() == []


def test_it_goes_on_as_one_finding(story: Story) -> None:
    [finding] = close(story, *[60] * 12).findings()
    assert (finding.count, finding.observed) == (8, "60 s after the last frame, 12 times in a row")


def test_a_close_after_another_time_clears_it(story: Story) -> None:
    assert close(story, *[60] * 5, 300).told() == ["CN-05 warning, cleared"]


def test_a_day_without_one_clears_it(story: Story) -> None:
    close(story, *[60] * 5)
    assert story.at(story.now + DAY - 1).wait(story.now).told() == ["CN-05 warning"]
    assert story.wait(story.now + 1).told() == ["CN-05 warning, cleared"]


def test_its_thresholds_are_settings() -> None:
    assert close(Story(IdleTimeout(closes=3)), 60, 60, 60).told() == ["CN-05 warning"]
    assert close(Story(IdleTimeout(spread_seconds=4.0)), 60, 64, 60, 64, 60).told() == ["CN-05 warning"]
    assert close(Story(IdleTimeout(least_idle_seconds=61)), *[60] * 9).told() == []


def captured(version: str, idle: list[int]) -> list[str]:
    capture = Capture(Runner([IdleTimeout()]))
    for number, seconds in enumerate(idle):
        at = EPOCH + number * 1000 * SECOND
        capture.opened(at, "CP_1", version)
        capture.said(at + SECOND, "CP_1", Direction.FROM_CHARGE_POINT, BEAT)
        capture.pinged(at + 9 * SECOND, "CP_1", Direction.FROM_CSMS)
        capture.closed(at + (9 + seconds) * SECOND, "CP_1", "csms")
    return [finding.message for finding in capture.runner.findings()]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_from_whole_captures(version: str) -> None:
    [message] = captured(version, [60, 60, 60, 60, 60])
    assert message in (idle_timeout.__doc__ or "")
    assert captured(version, [60, 75, 60, 80, 60, 70]) == []
