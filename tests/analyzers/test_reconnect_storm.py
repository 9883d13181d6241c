"""reconnect_storm: CN-02; what is a storm, and what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import reconnect_storm
from analyzers.reconnect_storm import MAX_UPSTREAMS, ReconnectStorm
from analyzers.stats import MAX_SAMPLE, Distinct
from proxy.names import Direction
from proxy.ocpp import facts
from tests.analyzers.fleet import Fleet, Messages


def fleet(size: int = 0, **settings: Any) -> Fleet:
    """So many charge points have connected and spoken in the first second."""
    story = Fleet(ReconnectStorm(**settings))
    for number in range(size):
        story.as_(f"CP_{number}").at(0).tell(facts.ConnectionOpened, "1.6", "", "csms:443").message()
    return story


def again(story: Fleet, since: float, number: int, upstream: str = "csms:443", first: int = 0) -> Fleet:
    """So many of them connect again, within 5 s."""
    for index in range(first, first + number):
        story.as_(f"CP_{index}").at(since + 5 * (index - first) / number)
        story.tell(facts.ConnectionOpened, "1.6", "", upstream).message()
    return story


def test_twenty_at_once_are_a_storm() -> None:
    assert again(fleet(100), 1000, 19).skip(1100).told() == []
    [finding] = again(fleet(100), 1000, 20).skip(1040).findings()
    assert (finding.rule, finding.severity.label, finding.cleared_at) == ("CN-02", "critical", None)
    assert (finding.observed, finding.limit) == ("20 charge points in 10 s", "20 in 10 s")
    assert len(finding.evidence) == 10


def test_a_minute_of_calm_clears_it() -> None:
    story = again(fleet(100), 1000, 50)
    assert story.skip(1060).told() == ["CN-02 critical"]
    assert story.skip(1080).told() == ["CN-02 critical, cleared"]


def test_a_storm_is_one_finding_and_tells_its_worst_bucket() -> None:
    story = fleet(200)
    for number, size in enumerate((30, 150, 40)):
        again(story, 1000 + 10 * number, size)
    [finding] = story.skip(1040).findings()
    assert (finding.count, finding.observed) == (1, "150 charge points in 10 s")


def test_everybody_connects_for_the_first_time() -> None:
    assert fleet(500).skip(100).told() == []


def test_one_charge_point_over_and_over_is_no_storm() -> None:
    story = fleet(100)
    for number in range(100):
        again(story, 1000 + number / 20, 1)
    assert story.skip(1100).told() == []


def test_in_a_large_fleet_twenty_are_few() -> None:
    """0.2 % of 2000 per second are 40 in 10 s; the fleet is counted within 8 %."""
    assert again(fleet(2000), 1000, 30).skip(1100).told() == []
    assert again(fleet(2000), 1000, 60).skip(1040).told() == ["CN-02 critical"]


def test_after_our_own_restart_they_come_back() -> None:
    story = fleet(100)
    for number in range(100):
        story.as_(f"CP_{number}").at(990).tell(facts.ConnectionClosed, "proxy", "fin")
    assert again(story, 1000, 100).skip(1100).told() == []
    assert again(story, 2000, 100).skip(2040).told() == ["CN-02 critical"]


def test_what_is_usual_is_no_storm() -> None:
    """For hours 19 of them reconnect in every bucket; 22 are not much more."""
    story = fleet(100)
    for bucket in range(1000):
        again(story, 10 * bucket + 10, 19)
    assert again(story, 10_010, 22).skip(10_100).told() == []


def test_the_thresholds_are_settings() -> None:
    assert again(fleet(100, charge_points=30), 1000, 29).skip(1100).told() == []
    assert again(fleet(100, charge_points=5, score=3.0), 1000, 5).skip(1040).told() == ["CN-02 critical"]
    assert again(fleet(100, score=100.0), 1000, 50).skip(1040).told() == []


def test_each_upstream_is_its_own() -> None:
    story = again(fleet(100), 1000, 15)
    assert again(story, 1000, 15, "other:443", first=20).skip(1100).told() == []


def test_of_17_upstreams_the_first_is_forgotten_and_cleared() -> None:
    story = again(fleet(100), 1000, 50).skip(1020)
    for number in range(MAX_UPSTREAMS):
        again(story, 1021, 1, f"csms{number}")
    assert story.told() == ["CN-02 critical, cleared"]


def test_known_names_are_counted_exactly_then_nearly() -> None:
    known = Distinct()
    for number in range(MAX_SAMPLE):
        known.add(f"CP_{number}")
        known.add(f"CP_{number}")
    assert known.count == MAX_SAMPLE
    for number in range(20_000):
        known.add(f"CP_{number}")
    assert 16_000 < known.count < 24_000
    assert len(known.hashes) <= MAX_SAMPLE


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("size", "told"), [(20, ["CN-02 critical"]), (19, [])])
def test_in_whole_messages(version: str, size: int, told: list[str]) -> None:
    messages = Messages(version, ReconnectStorm())
    for second in (0, 1000):
        for number in range(size):
            messages.opened(second + number / 10, f"CP_{number}")
            answer = {"currentTime": "2026-11-20T10:00:00Z"}
            messages.call(
                second + number / 10 + 0.01,
                f"CP_{number}",
                Direction.FROM_CHARGE_POINT,
                "Heartbeat",
                {},
                answer,
            )
    messages.capture.passes(messages.at(1020))
    assert messages.told() == told


def test_its_sentence_is_that_of_the_docstring() -> None:
    [finding] = again(fleet(100), 1000, 25).skip(1040).findings()
    assert finding.message in (reconnect_storm.__doc__ or "")
