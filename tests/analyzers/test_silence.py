"""silence: HB-01, HB-03, HB-07, and when nothing is raised. Limits: 2 x 100 + 30 = 230 s, 3 x 100 + 30 = 330 s."""

from __future__ import annotations

import pytest

from analyzers import silence
from analyzers.base import SECOND, ChargePoint
from analyzers.silence import Silence
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story
from tests.analyzers.test_transaction import Wire, stamp

DAY = 86_400


@pytest.fixture
def story() -> Story:
    return Story(Silence())


@pytest.fixture
def connected(story: Story) -> Story:
    """A charge point with an interval of 100 s, whose last message was at 10 s."""
    return story.at(0).opened().at(10).interval(100).message()


def test_two_intervals_without_a_message_are_a_warning(connected: Story) -> None:
    assert connected.wait(239).told() == []
    assert connected.wait(240).told() == ["HB-01 warning"]


def test_the_third_makes_it_critical_and_it_is_still_one(connected: Story) -> None:
    [finding] = connected.wait(5000).findings()
    assert (finding.severity.label, finding.count) == ("critical", 1)
    assert (finding.at, finding.last_at) == (EPOCH + 240 * 10**9, EPOCH + 340 * 10**9)
    assert (finding.observed, finding.limit) == ("330 s", "330 s")
    assert finding.evidence == (("c1", 3),)


def test_the_next_message_clears_it(connected: Story) -> None:
    connected.wait(400).at(400.5).message()
    [finding] = connected.findings()
    assert finding.cleared_at == EPOCH + 400_500_000_000
    assert finding.observed == "390.5 s"


def test_a_second_silence_is_a_finding_of_its_own(connected: Story) -> None:
    for second in (400, 600, 800):
        connected.wait(second).message()
    assert connected.wait(1100).told() == ["HB-01 critical, cleared", "HB-01 warning"]


def test_silent_again_soon_after_is_the_same_finding(connected: Story) -> None:
    """Hysteresis of the runner: within 300 s of clearing."""
    [finding] = connected.wait(300).message().wait(550).findings()
    assert (finding.count, finding.cleared_at) == (2, None)


def test_any_message_is_life(connected: Story) -> None:
    for second in range(20, 3000, 200):
        connected.at(second).message()
    assert connected.told() == []


def test_pings_alone_are_an_info(connected: Story) -> None:
    for second in range(20, 1000, 60):
        connected.wait(second).ping()
    assert connected.told() == ["HB-03 info"]
    assert connected.at(1001).message().told() == ["HB-03 info, cleared"]


def test_when_the_pings_stop_too_it_is_silent(connected: Story) -> None:
    for second in range(20, 400, 60):
        connected.wait(second).ping()
    assert connected.wait(400).told() == ["HB-03 info"]
    assert connected.wait(1000).told() == ["HB-03 info, cleared", "HB-01 critical"]


def test_pings_that_come_back_make_it_ping_only(connected: Story) -> None:
    connected.wait(300).ping()
    assert connected.told() == ["HB-01 warning, cleared", "HB-03 info"]
    for second in range(310, 900, 50):
        connected.wait(second).ping()
    assert connected.told() == ["HB-01 warning, cleared", "HB-03 info"]


def test_one_ping_and_nothing_more_is_silence_again(connected: Story) -> None:
    connected.wait(300).ping().wait(2000)
    assert connected.told() == ["HB-01 warning, cleared", "HB-03 info, cleared", "HB-01 critical"]


def test_the_last_close_ends_it(connected: Story) -> None:
    connected.wait(300).closed().wait(5000)
    assert connected.told() == ["HB-01 warning, cleared"]


def test_nobody_is_silent_after_the_close(connected: Story) -> None:
    assert connected.at(20).closed().wait(DAY / 10).told() == []


def test_another_connection_still_open_is_watched(connected: Story) -> None:
    connected.at(20).on("c2").opened().at(30).on("c1").closed().wait(400)
    assert connected.told() == ["HB-01 critical"]


def test_a_reconnect_ends_the_silence_of_a_dead_socket(connected: Story) -> None:
    connected.wait(300).on("c2").opened()
    assert connected.told() == ["HB-01 warning, cleared"]


def test_the_interval_is_remembered_across_connections(connected: Story) -> None:
    connected.at(20).closed().at(50).on("c2").opened().wait(285)
    assert connected.told() == ["HB-01 warning"]


@pytest.mark.parametrize("seconds", [None, 0])
def test_without_an_interval_300_s_are_assumed_for_an_info(story: Story, seconds: int | None) -> None:
    story.at(0).opened()
    if seconds is not None:
        story.interval(seconds)
    assert story.wait(629).told() == []
    assert story.wait(5000).told() == ["HB-01 info"]
    assert story.findings()[0].limit == "630 s, the interval is not known"


def test_a_capture_that_starts_in_the_middle(story: Story) -> None:
    """No opening, no interval, unknown since when: never more than an info."""
    assert story.at(5).message().wait(634).told() == []
    assert story.wait(5000).told() == ["HB-01 info"]


def test_a_shorter_interval_counts_at_once(connected: Story) -> None:
    connected.at(20).message().interval(10)
    assert connected.wait(70).told() == ["HB-01 warning"]


def test_a_longer_interval_counts_at_once(connected: Story) -> None:
    assert connected.at(20).message().interval(1000).wait(2049).told() == []
    assert connected.wait(2050).told() == ["HB-01 warning"]


def booted(story: Story, status: str, interval: int | None) -> Story:
    return story.tell(facts.Booted, "", "", "", "", status, interval)


def test_a_boot_that_is_pending_may_wait_for_its_next_try(connected: Story) -> None:
    booted(connected.at(20).message(), "Pending", 1000)
    assert connected.wait(2049).told() == []
    assert connected.wait(2050).told() == ["HB-01 warning"]


def test_a_rejected_boot_without_an_interval_waits_as_long_as_it_likes(connected: Story) -> None:
    booted(connected.at(20).message(), "Rejected", 0)
    assert connected.wait(5000).told() == ["HB-01 info"]


def test_an_accepted_boot_ends_the_waiting(connected: Story) -> None:
    booted(connected.at(20), "Pending", 1000)
    booted(connected.at(30).message(), "Accepted", 100)
    assert connected.wait(260).told() == ["HB-01 warning"]


def test_bytes_that_passed_unseen_are_life(connected: Story) -> None:
    connected.wait(200).tell(facts.BytesLost, Direction.FROM_CHARGE_POINT, 100)
    assert connected.wait(400).told() == []


def test_bytes_of_the_csms_are_not(connected: Story) -> None:
    connected.wait(200).tell(facts.BytesLost, Direction.FROM_CSMS, 100)
    assert connected.wait(250).told() == ["HB-01 warning"]


def test_who_is_not_seen_is_not_silent(connected: Story) -> None:
    """The journal failed: nothing of the connection comes through, but time goes on."""
    assert connected.at(20).tell(facts.SightLost).wait(1000).told() == []
    assert connected.message().wait(1229).told() == []
    assert connected.wait(1230).told() == ["HB-01 warning"]


def speak(story: Story, until: int) -> Story:
    for second in range(int(story.now) + 100, until, 100):
        story.at(second).message()
    return story


def test_a_day_without_a_heartbeat_is_an_info(connected: Story) -> None:
    speak(connected, DAY + 200)
    assert connected.told() == ["HB-03 info"]
    assert connected.tell(facts.HeartbeatSeen).told() == ["HB-03 info, cleared"]


def test_one_heartbeat_a_day_is_enough(connected: Story) -> None:
    speak(connected, DAY // 2).tell(facts.HeartbeatSeen)
    assert speak(connected, DAY + 200).told() == []


def test_the_day_begins_with_the_connection(connected: Story) -> None:
    speak(connected, DAY // 2).closed().opened()
    assert speak(connected, DAY + 200).told() == []


def test_the_close_ends_a_missing_heartbeat(connected: Story) -> None:
    assert speak(connected, DAY + 200).closed().told() == ["HB-03 info, cleared"]


def test_many_connections_are_remembered_within_a_bound() -> None:
    state = Silence().new_state()
    for number in range(1000):
        fact = facts.ConnectionOpened("CP_1", f"c{number}", 0, 0, number)
        Silence().step(state, fact, ChargePoint("CP_1"))
    assert len(state.connections) == 16


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    story.at(0).opened().interval(300).wait(700)
    pings = Story(Silence()).at(0).opened().interval(300)
    for second in range(0, 700, 60):
        pings.wait(second).ping()
    beats = speak(Story(Silence()).at(0).opened().interval(300), DAY + 200)
    ends = Story(Silence()).at(0).opened().interval(300).at(400).tell(facts.CaptureEnded)
    for told in (story, pings, beats, ends):
        assert told.findings()[0].message in (silence.__doc__ or "")


def test_longer_than_its_interval_at_the_end_of_a_capture_is_open(connected: Story) -> None:
    connected.wait(111).tell(facts.CaptureEnded).wait(5000)
    assert connected.told() == ["HB-01 info"]
    assert connected.findings()[0].evidence == (("c1", 3),)


def test_an_interval_longer_than_the_capture_is_nothing(connected: Story) -> None:
    assert connected.wait(110).tell(facts.CaptureEnded).wait(5000).told() == []


def test_an_unknown_interval_at_the_end_of_a_capture_is_nothing(story: Story) -> None:
    assert story.at(0).opened().wait(600).tell(facts.CaptureEnded).wait(5000).told() == []


def test_what_was_said_before_the_end_stays_as_it_was(connected: Story) -> None:
    connected.wait(300).tell(facts.CaptureEnded).wait(5000)
    assert connected.told() == ["HB-01 warning"]


def depot(interval: int | None, silent: int) -> Runner:
    """Ten charge points of one upstream; the first ones say nothing, the others go on."""
    runner = Runner([Silence()])
    for number in range(10):
        name = f"CP_{number}"
        where = facts.Where(name, name, 1, EPOCH, 0)
        runner.fact(facts.ConnectionOpened(*where, "1.6", "", "csms.example"))
        if interval is not None:
            runner.fact(facts.HeartbeatIntervalSet(*where, interval, "BootNotification"))
    for second in range(50, 700, 50):
        for number in range(silent, 10):
            name, clock = f"CP_{number}", second * SECOND
            runner.alive(facts.Where(name, name, second, EPOCH + clock, clock), facts.LifeKind.MESSAGE)
    runner.mark(EPOCH + 700 * SECOND, 700 * SECOND)
    return runner


def test_a_group_that_falls_silent_is_one_finding() -> None:
    found = depot(100, silent=6).findings()
    [group] = [finding for finding in found if finding.rule == "HB-07"]
    assert (group.severity.label, group.observed) == ("critical", "6 of 10 charge points")
    assert group.message.endswith(
        "charge points fell silent (limit 5 charge points and 20 % within 60 s): power or network."
    )
    assert [finding.muted_by for finding in found if finding.rule == "HB-01"] == [group.finding_id] * 6


def test_four_are_no_group() -> None:
    assert {finding.rule for finding in depot(100, silent=4).findings()} == {"HB-01"}


def test_unknown_intervals_are_no_group() -> None:
    """A recorder that begins sees them all for the first time at one moment."""
    assert {finding.rule for finding in depot(None, silent=10).findings()} == {"HB-01"}


@pytest.mark.parametrize(
    ("version", "booted"),
    [
        ("1.6", {"chargePointVendor": "V", "chargePointModel": "M"}),
        ("2.0.1", {"chargingStation": {"model": "M", "vendorName": "V"}, "reason": "PowerUp"}),
    ],
)
def test_whole_messages(version: str, booted: dict[str, object]) -> None:
    answer = {"status": "Accepted", "interval": 100, "currentTime": stamp(0)}
    wire = Wire(Silence(), version).call(0, "BootNotification", booted, answer)
    assert wire.call(229, "Heartbeat", {}, {"currentTime": stamp(229)}).wait(458).told() == []
    assert wire.wait(460).told() == ["HB-01 warning"]
