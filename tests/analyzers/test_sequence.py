"""sequence: TX-07, holes, repetitions and disorder in the events of a 2.x transaction."""

from __future__ import annotations

import msgspec
import pytest

from analyzers import sequence
from analyzers.base import ChargePoint
from analyzers.sequence import MAX_MISSING, Sequence
from proxy.names import Direction
from proxy.ocpp import facts
from tests.analyzers.conftest import Story
from tests.analyzers.test_transaction import Wire, moment

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
PLACE = facts.Place(1, 1)
KINDS = {"start": facts.TransactionStarted, "update": facts.TransactionUpdated, "end": facts.TransactionEnded}


@pytest.fixture
def story() -> Story:
    return event(Story(Sequence()), "start", 0)


def event(
    story: Story, kind: str, seq_no: int | None, told: float | None = None, offline: bool | None = None
) -> Story:
    made = moment(story.now if told is None else told)
    fact = KINDS[kind](*story.where(), "tx-1", PLACE, told=made, seq_no=seq_no, offline=offline)
    story.runner.fact(fact)
    return story


def updates(story: Story, *numbers: int, offline: bool | None = None) -> Story:
    """One every 10 s."""
    for number in numbers:
        event(story.at(story.now + 10), "update", number, offline=offline)
    return story


def test_in_order_is_fine(story: Story) -> None:
    assert event(updates(story, *range(1, 200)), "end", 200).wait(5000).told() == []


def test_a_hole_is_told_after_ten_minutes(story: Story) -> None:
    updates(story, 1, 2, 4).wait(629)
    assert story.told() == []
    [finding] = story.wait(631).findings()
    assert (finding.rule, finding.severity.label, finding.observed) == ("TX-07", "warning", "3")
    assert finding.connector_id == 1
    assert event(story.at(700), "end", 5).told() == ["TX-07 warning, cleared"]


def test_a_hole_is_told_at_the_end(story: Story) -> None:
    assert event(updates(story, 1, 3), "end", 4).told() == ["TX-07 warning, cleared"]


def test_the_end_itself_may_show_the_hole(story: Story) -> None:
    assert event(updates(story, 1), "end", 5).findings()[0].observed == "2, 3, 4"


def test_what_comes_in_time_is_disorder_only(story: Story) -> None:
    updates(story, 1, 3, 2, 4).wait(2000)
    assert story.told() == ["TX-07 info, cleared"]


def test_what_comes_late_ends_it(story: Story) -> None:
    updates(updates(story, 1, 3).wait(1000), 2)
    assert story.told() == ["TX-07 warning, cleared", "TX-07 info, cleared"]


def test_dropped_while_offline_is_an_info(story: Story) -> None:
    """2.x E04: when memory is low, Updated events may be dropped."""
    updates(story, 1, 3, 5, offline=True)
    assert event(story, "end", 6, offline=True).told() == []
    assert story.wait(2000).told() == ["TX-07 info, cleared"]


def test_two_events_with_one_number(story: Story) -> None:
    assert updates(story, 1, 1).told() == ["TX-07 warning, cleared"]


def test_one_event_said_twice(story: Story) -> None:
    event(event(story, "update", 1, told=5), "update", 1, told=5)
    assert story.told() == ["TX-07 info, cleared"]


def test_any_first_number_is_fine() -> None:
    story = event(Story(Sequence()), "start", 41)
    assert event(updates(story, 42), "end", 43).told() == []


def test_one_met_in_the_middle() -> None:
    story = updates(Story(Sequence()), 7, 8)
    assert event(updates(story, 3), "end", 9).told() == []


def test_lost_bytes_may_have_held_them(story: Story) -> None:
    updates(story, 1, 3).tell(facts.BytesLost, CP, 100)
    assert event(updates(story, 9, 10), "end", 11).told() == []


def test_but_not_those_of_the_csms(story: Story) -> None:
    updates(story, 1).tell(facts.BytesLost, CSMS, 100)
    assert event(updates(story, 3), "end", 4).told() == ["TX-07 warning, cleared"]


def test_without_numbers_nothing_is_known() -> None:
    story = event(Story(Sequence()), "start", None)
    assert event(event(story, "update", None), "end", None).told() == []


def test_the_end_of_a_capture_is_no_hole(story: Story) -> None:
    assert updates(story, 1, 3).tell(facts.CaptureEnded).wait(5000).told() == []


def test_a_leap_is_counted_within_a_bound(story: Story) -> None:
    state, point = Sequence().new_state(), ChargePoint("CP_1")
    for number in (0, 4_000_000_000):
        fact = facts.TransactionUpdated("CP_1", "c1", 1, 0, 0, "tx-1", seq_no=number)
        Sequence().step(state, fact, point)
    assert state.runs is not None
    assert (len(state.runs[0].missing), state.runs[0].lost) == (MAX_MISSING, 3_999_999_999 - MAX_MISSING)
    assert len(msgspec.msgpack.encode(state)) < 1000


def test_how_long_to_wait_is_a_setting() -> None:
    story = event(Story(Sequence(gap_seconds=60)), "start", 0)
    assert updates(story, 1, 3).wait(90).told() == ["TX-07 warning"]


def test_tx_07_in_201() -> None:
    wire = Wire(Sequence(), "2.0.1").event(0, "Started", "a", 0).event(10, "Updated", "a", 1)
    assert wire.event(20, "Ended", "a", 2).told() == []
    wire.event(30, "Started", "b", 0).event(40, "Updated", "b", 2)
    assert wire.event(50, "Ended", "b", 3).told() == ["TX-07 warning, cleared"]


def test_16_has_no_numbers() -> None:
    assert Wire(Sequence()).start(0, 7).meter(10, 7, 100).stop(20, 7).told() == []


def test_its_sentences_are_those_of_the_docstring() -> None:
    for numbers in ((1, 2, 4), (1, 2, 2), (1, 2, 4, 3)):
        story = updates(event(Story(Sequence()), "start", 0), *numbers).wait(2000)
        assert story.findings()[-1].message in (sequence.__doc__ or "")
    again = event(Story(Sequence()), "start", 1)
    event(event(again, "update", 2, told=5), "update", 2, told=5)
    assert again.findings()[-1].message in (sequence.__doc__ or "")
