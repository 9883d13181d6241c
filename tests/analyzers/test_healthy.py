"""Healthy traffic gives nothing above info (DESIGN 7), whichever analyzers there are."""

from __future__ import annotations

from proxy.names import Direction
from proxy.ocpp import facts
from tests.analyzers.conftest import Story


def hour(story: Story, number: int) -> None:
    """Heartbeats each 300 s, a burst of meter values, one command; a reconnect without a boot (legal)."""
    start = number * 3600
    for second in range(start, start + 3600, 300):
        story.at(second).message().call().at(second + 0.2).answer(after=0.2).tell(facts.HeartbeatSeen)
    for second in range(start + 3301, start + 3560, 10):
        story.at(second).message().call("MeterValues").at(second + 2).answer(2, "MeterValues")
    story.at(start + 3570).call("TriggerMessage", Direction.FROM_CSMS)
    story.at(start + 3572).message().answer(2, "TriggerMessage", Direction.FROM_CSMS)
    story.at(start + 3590).closed().on(f"c{number + 2}").at(start + 3595).opened()


def test_a_healthy_day(story: Story) -> None:
    story.at(0).opened().message().interval(300).tell(facts.Booted, "", "", "", "", "Accepted", 300)
    for number in range(26):
        hour(story, number)
    assert story.told() == []


def test_a_healthy_charge_point_seen_from_the_middle_with_a_long_interval(story: Story) -> None:
    for second in range(0, 100_000, 3600):
        story.wait(second).message().call().at(second + 0.2).answer(after=0.2).tell(facts.HeartbeatSeen)
    assert {told.split()[1].rstrip(",") for told in story.told()} == {"info"}
