"""duplicate_identity: CN-07, and connections that are merely replaced."""

from __future__ import annotations

import msgspec
import pytest

from analyzers import duplicate_identity
from analyzers.base import SECOND
from analyzers.duplicate_identity import MAX_LINES, DuplicateIdentity
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import LifeKind, Where
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

HERE, THERE = "10.0.0.7:40001", "10.0.0.9:40002"


@pytest.fixture
def story() -> Story:
    return opened(Story(DuplicateIdentity()).at(0), "c1", HERE).message()


def opened(story: Story, connection: str, address: str) -> Story:
    return story.on(connection).tell(facts.ConnectionOpened, "1.6", address)


def by_turns(story: Story, until: float, *connections: str) -> Story:
    """A message of each, every 5 s."""
    while story.now < until:
        story.wait(story.now + 5)
        for connection in connections:
            story.on(connection).message()
    return story


def test_both_keep_sending_from_different_addresses(story: Story) -> None:
    by_turns(opened(story.wait(100), "c2", THERE), 150, "c1", "c2")
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.count) == ("CN-07", "critical", 1)
    assert finding.observed == "2 connections open"
    assert {connection for connection, _ in finding.evidence} == {"c1", "c2"}


def test_from_the_same_address_it_is_a_warning(story: Story) -> None:
    """Two behind one router, or one that opened twice."""
    by_turns(opened(story.wait(100), "c2", "10.0.0.7:50000"), 150, "c1", "c2")
    assert story.told() == ["CN-07 warning"]


def test_an_address_that_is_not_known_is_no_other_one(story: Story) -> None:
    assert by_turns(opened(story.wait(100), "c2", ""), 150, "c1", "c2").told() == ["CN-07 warning"]


@pytest.mark.parametrize("address", [HERE, THERE])
def test_the_old_one_is_half_open(story: Story, address: str) -> None:
    """Quirk 11; on a mobile network with another address."""
    assert opened(story.wait(100), "c2", address).wait(109).told() == []
    assert by_turns(story, 600, "c2").told() == ["CN-07 info"]


def test_the_old_one_is_closed_in_time(story: Story) -> None:
    opened(story.wait(100), "c2", THERE).wait(109).on("c1").closed()
    assert by_turns(story, 600, "c2").told() == []


def test_what_was_on_its_way_does_not_count(story: Story) -> None:
    opened(story.wait(100), "c2", THERE)
    for connection in ("c1", "c2", "c1", "c2", "c1", "c2"):
        story.on(connection).tell(facts.LifeSeen)  # somebody else has asked
    assert by_turns(story, 600, "c2").told() == ["CN-07 info"]


def test_a_last_word_of_the_old_one_proves_nothing(story: Story) -> None:
    by_turns(opened(story.wait(100), "c2", THERE), 200, "c2")
    by_turns(story.on("c1").message(), 300, "c2")
    assert story.told() == ["CN-07 info"]


def test_pings_are_sent_by_somebody(story: Story) -> None:
    opened(story.wait(100), "c2", THERE)
    for moment in range(120, 200, 10):
        story.wait(moment).on("c1").ping().on("c2").ping()
    assert story.told() == ["CN-07 critical"]


@pytest.mark.parametrize("left", ["c1", "c2"])
def test_it_is_over_when_one_is_left(story: Story, left: str) -> None:
    by_turns(opened(story.wait(100), "c2", THERE), 150, "c1", "c2").on(left).closed()
    assert story.told() == ["CN-07 critical, cleared"]


def test_who_says_nothing_for_an_hour_is_dead(story: Story) -> None:
    by_turns(opened(story.wait(100), "c2", THERE), 3650, "c2")
    assert story.told() == ["CN-07 info"]
    assert by_turns(story, 3800, "c2").told() == ["CN-07 info, cleared"]


def test_lost_from_sight_it_may_be_closed(story: Story) -> None:
    story.wait(50).tell(facts.SightLost)
    assert by_turns(opened(story.wait(100), "c2", THERE), 300, "c2").told() == []


def test_one_that_was_open_before_the_recording(story: Story) -> None:
    late = Story(DuplicateIdentity()).at(0).message()
    by_turns(opened(late.wait(100), "c2", THERE), 150, "c1", "c2")
    assert late.told() == ["CN-07 warning"]


def test_one_after_the_other_is_healthy(story: Story) -> None:
    for number in range(2, 30):
        story.wait(number * 100).closed()
        opened(story, f"c{number}", THERE).message()
    assert story.told() == []


def test_with_one_connection_it_asks_for_nothing(story: Story) -> None:
    """No call per message while all is well."""
    story.message()
    before = story.runner.counts.steps
    for second in range(1, 1000):
        story.at(second).message()
    assert story.runner.counts.steps == before


def test_when_two_talk_much_it_listens_within_a_bound(story: Story) -> None:
    opened(story.wait(100), "c2", THERE).wait(115)
    before = story.runner.counts.steps
    for _ in range(5000):
        story.on("c1").message().on("c2").message()
    assert story.runner.counts.steps - before < 300


def test_its_settings() -> None:
    patient = opened(Story(DuplicateIdentity(grace_seconds=100)).at(0), "c1", HERE)
    assert opened(patient, "c2", THERE).wait(99).told() == []
    many = opened(Story(DuplicateIdentity(turns=50)).at(0), "c1", HERE)
    assert by_turns(opened(many, "c2", THERE), 60, "c1", "c2").told() == ["CN-07 info"]


def test_it_watches_within_a_bound(story: Story) -> None:
    state = DuplicateIdentity().new_state()
    for number in range(100):
        where = Where("CP_1", f"c{number}", 0, EPOCH, number)
        DuplicateIdentity().step(
            state, facts.ConnectionOpened(*where), story.runner.points["CP_1"].charge_point
        )
    assert len(state.lines) == MAX_LINES
    assert len(msgspec.msgpack.encode(state)) < 1000


def captured(version: str, replies: str) -> list[str]:
    """The old connection says nothing ("") or goes on beside a new one; frames as the relay sees them."""
    runner = Runner([DuplicateIdentity()])
    capture = Capture(runner)
    old = capture.opened(EPOCH, "CP_1", version, HERE)
    capture.said(EPOCH + SECOND, "CP_1", Direction.FROM_CHARGE_POINT, b'[2,"1","Heartbeat",{}]')
    capture.opened(EPOCH + 10 * SECOND, "CP_1", version, THERE)
    for second in range(30, 90, 10):
        at = EPOCH + second * SECOND
        message = b'[2,"%d","Heartbeat",{}]' % second
        capture.said(at, "CP_1", Direction.FROM_CHARGE_POINT, message)
        if replies:
            runner.alive(Where("CP_1", old, second, at, second * SECOND), LifeKind.MESSAGE)
    return [finding.severity.label for finding in runner.findings()]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_from_whole_captures(version: str) -> None:
    assert captured(version, "goes on") == ["critical"]
    assert captured(version, "") == ["info"]


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    doc = duplicate_identity.__doc__ or ""
    assert opened(story, "c2", THERE).wait(20).findings()[0].message in doc
    assert by_turns(story, 60, "c1", "c2").findings()[0].message in doc
