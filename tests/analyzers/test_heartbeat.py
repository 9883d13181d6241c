"""heartbeat: HB-02, and what is no Heartbeat off its interval. The interval is 100 s."""

from __future__ import annotations

import pytest

from analyzers import heartbeat
from analyzers.base import SECOND
from analyzers.heartbeat import Heartbeat
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
ACCEPTED = b'{"currentTime":"2026-11-21T12:00:00Z","interval":100,"status":"Accepted"}'
BOOT = {
    "1.6": b'{"chargePointVendor":"V","chargePointModel":"M"}',
    "2.0.1": b'{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}',
}


def beat(story: Story, *moments: float) -> Story:
    for moment in moments:
        story.at(moment).message().tell(facts.HeartbeatSeen)
    return story


@pytest.fixture
def beating() -> Story:
    return beat(Story(Heartbeat()).at(0).opened().interval(100), 10)


def test_a_heartbeat_much_too_late_is_an_info(beating: Story) -> None:
    [finding] = beat(beating, 160.1).findings()
    assert (finding.rule, finding.severity.label) == ("HB-02", "info")
    assert (finding.observed, finding.limit) == ("150.1 s", "100 s")
    assert finding.evidence == (("c1", 3), ("c1", 5))


def test_off_by_half_is_still_in_time(beating: Story) -> None:
    assert beat(beating, 160, 210, 310).told() == []


def test_a_heartbeat_much_too_early_is_one_too(beating: Story) -> None:
    assert beat(beating, 59).told() == ["HB-02 info"]


def test_the_next_one_in_time_clears_it(beating: Story) -> None:
    assert beat(beating, 170, 270).told() == ["HB-02 info, cleared"]


def test_every_other_one_late_is_one_finding(beating: Story) -> None:
    moment = 10.0
    beating.interval(1000)
    for number in range(41):
        moment += 1900 if number % 2 else 1000
        beat(beating, moment)
    [finding] = beating.findings()
    assert finding.count == 20


def test_anything_said_in_between_makes_it_no_gap(beating: Story) -> None:
    """Many charge points count from their last message, others do not."""
    for moment in range(200, 2000, 200):
        beat(beating.at(moment - 90).message(), moment)
    assert beating.told() == []


def test_another_message_before_the_answer_makes_it_no_gap(beating: Story) -> None:
    beating.at(170).message().message().tell(facts.HeartbeatSeen)
    assert beating.told() == []


def test_pings_may_stand_for_heartbeats(beating: Story) -> None:
    """OCPP-J 1.6 §5.3, quirk 80."""
    for moment in range(310, 3000, 300):
        beat(beating.at(moment - 20).ping(), moment)
    assert beating.told() == []


def test_but_excuse_no_early_one(beating: Story) -> None:
    assert beat(beating.at(20).ping(), 40).told() == ["HB-02 info"]


@pytest.mark.parametrize("interval", [None, 0])
def test_without_an_interval_nothing_is_off(interval: int | None) -> None:
    story = Story(Heartbeat()).at(0).opened()
    if interval is not None:
        story.interval(interval)
    assert beat(story, 10, 11, 500, 501, 9000).told() == []


def test_an_interval_longer_than_the_recording_gives_nothing() -> None:
    story = beat(Story(Heartbeat()).at(0).opened().interval(43_200), 5)
    assert story.wait(500).tell(facts.CaptureEnded).told() == []


def test_another_interval_begins_anew(beating: Story) -> None:
    assert beat(beating.at(20).interval(300), 50, 350).told() == []
    assert beat(beating, 400).told() == ["HB-02 info"]
    assert beat(beating.at(410).interval(60), 470).told() == ["HB-02 info, cleared"]


@pytest.mark.parametrize("lost", [facts.BytesLost, facts.SightLost, facts.ConnectionClosed])
def test_what_was_not_seen_may_have_been_in_between(beating: Story, lost: type[facts.Fact]) -> None:
    assert beat(beating.at(50).tell(lost), 300).told() == []


def test_what_another_connection_lost_does_not_matter(beating: Story) -> None:
    beating.at(50).on("c9").tell(facts.BytesLost).on("c1")
    assert beat(beating, 300).told() == ["HB-02 info"]


def test_a_reconnect_is_no_gap(beating: Story) -> None:
    assert beat(beating.at(100).on("c2").opened(), 250).told() == []


def test_seconds_of_a_slow_link_are_nothing_at_a_short_interval() -> None:
    story = beat(Story(Heartbeat()).at(0).opened().interval(8), 0)
    assert beat(story, 13, 16.1, 29).told() == []
    assert beat(story, 43).told() == ["HB-02 info"]


def test_its_limit_is_a_setting() -> None:
    story = beat(Story(Heartbeat(off_share=0.2)).at(0).opened().interval(100), 10)
    assert beat(story, 131).told() == ["HB-02 info"]


def told_of(version: str, *moments: int) -> list[str]:
    capture = Capture(Runner([Heartbeat()]))

    def exchange(at: int, number: int, call: bytes, answer: bytes) -> None:
        capture.said(EPOCH + at * SECOND, "CP_1", CP, b'[2,"%d",%s]' % (number, call), version)
        capture.said(EPOCH + at * SECOND + SECOND // 5, "CP_1", CSMS, b'[3,"%d",%s]' % (number, answer))

    exchange(0, 0, b'"BootNotification",' + BOOT[version], ACCEPTED)
    for number, moment in enumerate(moments):
        exchange(moment, number + 1, b'"Heartbeat",{}', b'{"currentTime":"2026-11-21T12:00:00Z"}')
    return [finding.rule for finding in capture.runner.findings()]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_from_whole_messages(version: str) -> None:
    assert told_of(version, 100, 200, 460) == ["HB-02"]
    assert told_of(version, 100, 200, 340) == []


def test_its_sentence_is_that_of_the_docstring() -> None:
    story = beat(Story(Heartbeat()).at(0).opened().interval(300), 10, 140)
    assert story.findings()[0].message in (heartbeat.__doc__ or "")
