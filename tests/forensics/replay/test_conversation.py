from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.replay import judging
from proxy.forensics.replay import manner as words
from proxy.forensics.replay.diff import Kind
from proxy.forensics.replay.script import Scribe
from tests.forensics.replay.talks import CP, CSMS, Played, Said, call, exchange, recording, result

BOOT = exchange(1, "BootNotification", {"a": 1}, {"status": "Accepted", "currentTime": "then"})
ACCEPTED = {"status": "Accepted"}
ASKED: list[Said] = [(CSMS, call(9, "Reset", {"type": "Soft"})), (CP, result(9, ACCEPTED))]


def test_the_next_call_goes_when_the_answer_is_here() -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat")))
    assert played.said() == [call(1, "BootNotification", {"a": 1})]
    assert played.waits(10) == []
    assert played.hears(result(1, ACCEPTED)) == [call(2, "Heartbeat")]
    assert (played.hears(result(2)), played.conversation.done) == ([], True)


def test_the_same_answers_are_no_difference() -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat", {}, {"currentTime": "then"})))
    played.hears(result(1, {"status": "Accepted", "currentTime": "now"}), result(2, {"currentTime": "now"}))
    assert (played.finds(), played.outcome.compared, played.outcome.sent) == ([], 2, 2)


def test_another_answer_is_one_difference() -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat")))
    played.hears(result(1, {"status": "Rejected"}), result(2))
    assert played.finds() == [("value", "BootNotification", "$.status", '"Accepted"', '"Rejected"')]
    assert played.outcome.differing == 1


def test_calls_that_were_sent_together_are_sent_together() -> None:
    together = [(CP, call(1, "A")), (CP, call(2, "B")), (CSMS, result(2)), (CSMS, result(1))]
    played = Played(recording(*together, *exchange(3, "C")))
    assert played.said() == [call(1, "A"), call(2, "B")]
    assert (played.hears(result(1)), played.hears(result(2))) == ([], [call(3, "C")])


def test_an_answer_that_does_not_come_is_a_difference_and_the_replay_goes_on() -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat")))
    played.said()
    assert (played.waits(29), played.conversation.deadline) == ([], 1_030.0)
    assert played.waits(1) == [call(2, "Heartbeat")]
    played.hears(result(2))
    assert [found[:2] for found in played.finds()] == [("missing answer", "BootNotification")]


def test_an_answer_that_comes_after_that_is_late_and_compared() -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat")), answer_seconds=5)
    played.waits(5)
    played.hears(result(1, {"status": "Rejected"}), result(2))
    assert [found[:3] for found in played.finds()] == [
        ("late", "BootNotification", ""),
        ("value", "BootNotification", "$.status"),
    ]
    assert (played.outcome.differing, played.outcome.compared) == (1, 2)


def test_what_the_csms_asks_is_answered_as_it_was() -> None:
    played = Played(recording(*ASKED, *exchange(1, "Heartbeat")))
    assert played.said() == []
    assert played.hears([2, "new", "Reset", {"type": "Soft"}]) == [[3, "new", ACCEPTED], call(1, "Heartbeat")]
    assert (played.hears(result(1)), played.finds()) == ([], [])


def test_a_call_that_does_not_come_is_waited_for_and_missing() -> None:
    played = Played(recording(*ASKED, *exchange(1, "Heartbeat")))
    assert (played.waits(29.9), played.waits(0.2)) == ([], [call(1, "Heartbeat")])
    played.hears(result(1))
    assert played.finds() == [("missing call", "Reset", "", '{"type":"Soft"}', "")]


def test_a_call_that_comes_after_that_is_late_and_answered() -> None:
    played = Played(recording(*ASKED, *exchange(1, "Heartbeat")))
    played.waits(31)
    assert played.hears([2, "x", "Reset", {}]) == [[3, "x", ACCEPTED]]
    played.hears(result(1))
    assert [found[:2] for found in played.finds()] == [("late", "Reset")]


def test_a_call_of_an_unknown_action_is_not_implemented_and_unexpected() -> None:
    played = Played(recording(*BOOT))
    played.said()
    answer = played.hears([2, "x", "ClearCache", {"b": 2}])
    assert [one[:3] for one in answer] == [[4, "x", "NotImplemented"]]
    played.hears(result(1, ACCEPTED))
    assert played.finds() == [("unexpected call", "ClearCache", "", "", '{"b":2}')]
    assert played.outcome.notes[words.LACKING] == 1


def test_recorded_answers_come_in_their_order_and_the_last_one_again() -> None:
    two = [
        (CSMS, call(8, "Reset")),
        (CP, result(8, {"n": 1})),
        (CSMS, call(9, "Reset")),
        (CP, result(9, {"n": 2})),
    ]
    played = Played(recording(*two, *BOOT))
    asked = [played.hears([2, name, "Reset", {}])[:1] for name in "abc"]
    assert asked == [[[3, "a", {"n": 1}]], [[3, "b", {"n": 2}]], [[3, "c", {"n": 2}]]]


def test_a_recorded_error_is_answered_as_one() -> None:
    error = [4, "m9", "NotSupported", "no", {"x": 1}]
    played = Played(recording((CSMS, call(9, "Reset")), (CP, error)))
    assert played.hears([2, "n", "Reset", {}]) == [[4, "n", "NotSupported", "no", {"x": 1}]]


def test_what_was_not_answered_then_is_not_answered_now() -> None:
    played = Played(recording((CSMS, call(9, "Reset")), *exchange(1, "Heartbeat")))
    assert played.hears([2, "n", "Reset", {}]) == [call(1, "Heartbeat")]
    assert played.outcome.notes[words.SILENT] == 1


def test_an_answer_keeps_its_place_among_what_is_said() -> None:
    """The charge point had said something more before it answered."""
    one, other = [6, "s1", "NotifyPeriodicEventStream", {}], [6, "s2", "NotifyPeriodicEventStream", {}]
    played = Played(recording((CSMS, call(9, "Reset")), (CP, one), (CP, result(9, ACCEPTED)), (CP, other)))
    assert played.hears(call(9, "Reset")) == [one, result(9, ACCEPTED), other]


def test_nobody_is_kept_waiting_for_an_answer() -> None:
    said = [(CSMS, call(9, "Reset")), *exchange(1, "A"), (CP, result(9, ACCEPTED))]
    played = Played(recording(*said))
    assert played.hears(call(9, "Reset")) == [call(1, "A"), result(9, ACCEPTED)]


def test_a_pause_behind_an_answer_where_there_was_one() -> None:
    played = Played(recording(*ASKED, *exchange(1, "Heartbeat"), step=2.0), breath=0.1)
    assert played.hears(call(9, "Reset")) == [result(9, ACCEPTED)]
    assert (played.waits(0.09), played.waits(0.02)) == ([], [call(1, "Heartbeat")])


def test_no_pause_where_there_was_none() -> None:
    played = Played(recording(*ASKED, *exchange(1, "Heartbeat"), step=0.0001), breath=0.1)
    assert played.hears(call(9, "Reset")) == [result(9, ACCEPTED), call(1, "Heartbeat")]


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 0.3), (10.0, 0.03)])
def test_at_recorded_times_nothing_is_said_before_its_time(speed: float, seconds: float) -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat")), speed=speed)
    assert (played.said(), played.waits(0.1 / speed)) == ([], [call(1, "BootNotification", {"a": 1})])
    assert played.hears(result(1, ACCEPTED), after=0) == []
    assert played.conversation.deadline == pytest.approx(1_000 + seconds)
    assert played.waits(0.21 / speed) == [call(2, "Heartbeat")]


def test_heartbeats_of_the_other_side_are_not_waited_for() -> None:
    beats = [said for number in range(3) for said in exchange(number, "Heartbeat")]
    played = Played(recording(*beats, *ASKED), mine=CSMS, call_seconds=math.inf)
    assert played.said() == [call(9, "Reset", {"type": "Soft"})]


def test_as_csms_a_call_waits_for_its_place_without_end() -> None:
    played = Played(recording(*BOOT, *ASKED), mine=CSMS, call_seconds=math.inf)
    assert (played.said(), played.waits(100_000)) == ([], [])
    answer = result(1, {"status": "Accepted", "currentTime": "then"})
    assert played.hears(call(1, "BootNotification")) == [answer, call(9, "Reset", {"type": "Soft"})]
    played.hears(result(9, {"status": "Rejected"}))
    assert played.finds() == [("value", "Reset", "$.status", '"Accepted"', '"Rejected"')]


def test_ids_that_the_target_issues_are_used_in_what_follows() -> None:
    start = exchange(1, "StartTransaction", {}, {"transactionId": 7})
    stop = exchange(2, "StopTransaction", {"transactionId": 7})
    played = Played(recording(*start, *stop))
    assert played.hears(result(1, {"transactionId": 70})) == [
        call(1, "StartTransaction"),
        call(2, "StopTransaction", {"transactionId": 70}),
    ]
    played.hears(result(2))
    assert played.finds() == []


def test_what_was_never_asked_is_told_as_recorded() -> None:
    stop = call(2, "StopTransaction", {"transactionId": 7})
    assert Played(recording((CP, stop))).said() == [stop]


def test_a_transaction_goes_on_over_connections() -> None:
    first = Played(recording(*exchange(1, "StartTransaction", {}, {"transactionId": 7})))
    first.hears(result(1, {"transactionId": 70}))
    stop = recording((CP, call(2, "StopTransaction", {"transactionId": 7})))
    assert Played(stop, learned=first.learned).said() == [call(2, "StopTransaction", {"transactionId": 70})]


def test_fresh_message_ids() -> None:
    names = iter("abc")
    objection = (CP, [5, "m1", "FormatViolation", "", {}])
    played = Played(recording(*exchange(1, "A"), objection), new_id=lambda: next(names))
    assert played.said() == [[2, "a", "A", {}]]
    assert played.hears([3, "a", {}]) == [[5, "a", "FormatViolation", "", {}]]
    assert played.finds() == []


def test_malformed_texts_go_out_as_they_were() -> None:
    played = Played(recording((CP, b'[2,"x","Heartb'), (CP, b"\xc3\xa9 [["), *exchange(1, "Heartbeat")))
    assert played.raw() == [b'[2,"x","Heartb', b"\xc3\xa9 [[", b'[2,"m1","Heartbeat",{}]']


def test_a_call_without_a_recorded_answer_is_not_compared() -> None:
    played = Played(recording((CP, call(1, "A")), *exchange(2, "B"), step=1.0))
    assert played.said() == [call(1, "A")]
    assert played.hears(result(1)) == [call(2, "B")]
    played.hears(result(2))
    assert (played.finds(), played.outcome.notes[judging.UNCOMPARED]) == ([], 1)


def test_and_waited_for_no_longer_than_it_was() -> None:
    played = Played(recording((CP, call(1, "A")), *exchange(2, "B"), step=1.0))
    assert (played.said(), played.waits(0.9), played.waits(0.2)) == ([call(1, "A")], [], [call(2, "B")])
    played.hears(result(2))
    assert played.finds() == []


def test_when_the_connection_is_lost_the_session_goes_on_with_the_next_one() -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat")))
    played.said()
    played.conversation.lost()
    played.conversation.start(played.now + 1, 0, 0)
    assert played.said() == [call(2, "Heartbeat")]
    played.hears(result(2))
    assert [found[:2] for found in played.finds()] == [("missing answer", "BootNotification")]


def test_an_answer_from_another_connection_is_none() -> None:
    played = Played(recording(*BOOT, *exchange(2, "Heartbeat")))
    played.said()
    played.conversation.lost()
    played.hears(result(1, ACCEPTED))
    assert played.outcome.notes == {words.STRAY: 1}


def test_what_was_not_reached_is_not_missing() -> None:
    played = Played(recording(*BOOT, *ASKED, *exchange(2, "Heartbeat")))
    played.said()
    assert [found[:2] for found in played.finds()] == [("missing answer", "BootNotification")]
    assert played.outcome.notes == {words.NOT_SENT: 1, judging.NOT_REACHED: 1}


def test_stopped_from_outside_nothing_is_missing() -> None:
    played = Played(recording(*BOOT, *ASKED))
    played.said()
    played.conversation.abandon()
    assert played.outcome.same


def test_an_ignored_action_never_differs() -> None:
    played = Played(
        recording(*BOOT, *ASKED), ignore=("BootNotification:", "Reset:", "Extra:"), answer_seconds=1
    )
    played.hears([2, "e", "Extra", {}])
    played.waits(1)
    played.hears(result(1, {"status": "Rejected"}))
    played.waits(31)
    assert played.finds() == []


@pytest.mark.parametrize(
    ("message", "note"),
    [
        (b"no json", words.NO_MESSAGES),
        (b"[7]", words.NO_MESSAGES),
        ([3, "nobody", {}], words.STRAY),
        ([4, "-1", "RpcFrameworkError", "", {}], words.STRAY),
        ([5, "m9", "FormatViolation", "", {}], words.OBJECTIONS),
    ],
)
def test_what_belongs_to_nothing_is_counted(message: Any, note: str) -> None:
    played = Played(recording(*BOOT))
    played.hears(message)
    assert played.outcome.notes == Counter({note: 1})


def test_a_long_message_id_is_answered_whole() -> None:
    played = Played(recording(*ASKED))
    assert played.hears([2, "i" * 1_000, "Reset", {}]) == [[3, "i" * 1_000, ACCEPTED]]


# a session that still goes on


def following(**more: Any) -> tuple[Played, Scribe]:
    played = Played(recording(), call_seconds=0.0, patience=5.0, queued=3, **more)
    played.conversation._more = True
    return played, Scribe(CP, Counter())


def passes(played: Played, scribe: Scribe, *said: Said) -> list[Any]:
    for one in recording(*said).spoken:
        step = scribe.step(one)
        if step is not None:
            played.conversation.add(step)
    return played.waits(0)


def test_live_messages_are_said_as_they_come() -> None:
    played, scribe = following()
    assert passes(played, scribe, (CP, call(1, "A"))) == [call(1, "A")]
    assert played.hears(result(1, ACCEPTED)) == []
    assert played.outcome.compared == 0
    assert passes(played, scribe, (CP, call(1, "A")), (CSMS, result(1, ACCEPTED))) == [call(1, "A")]
    assert played.hears(result(1, {"status": "Other"})) == []
    assert (played.outcome.compared, played.outcome.kinds) == (1, {Kind.VALUE: 1})


def test_a_slow_target_loses_messages_and_they_are_counted() -> None:
    played, scribe = following()
    first = [*exchange(1, "A")]
    passes(played, scribe, *first)
    several = [said for number in range(2, 9) for said in exchange(number, "B")]
    assert passes(played, scribe, *several) == []
    assert played.outcome.notes[words.DROPPED] == 4
    said = played.hears(*(result(number) for number in range(1, 5)))
    assert [message[1] for message in said] == ["m2", "m3", "m4"]
    played.conversation.complete()
    assert (played.conversation.done, played.finds()) == (True, [])


def test_however_long_it_lasts_little_is_kept() -> None:
    played, scribe = following()
    for number in range(500):
        passes(played, scribe, *exchange(number, "A"), *ASKED)
    assert len(played.conversation._steps) < 10
    assert played.outcome.notes[words.DROPPED] > 490


def test_a_call_of_the_target_waits_for_the_live_answer() -> None:
    played, scribe = following()
    assert (played.hears([2, "t", "Reset", {}]), played.conversation.deadline) == ([], 1_005.01)
    assert passes(played, scribe, *ASKED) == [[3, "t", ACCEPTED]]
    assert played.finds() == []


def test_but_not_for_ever() -> None:
    played, _ = following()
    played.hears([2, "t", "Reset", {}])
    assert [message[:3] for message in played.waits(5)] == [[4, "t", "NotImplemented"]]


# whatever is said


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([CP, CSMS]),
        st.sampled_from([2, 3, 4, 5, 6, 7]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["A", "B", "StartTransaction", "Heartbeat"]),
    ),
    max_size=14,
)


def made(kind: int, name: str, action: str) -> list[Any]:
    if kind in (2, 6):
        return [kind, name, action, {"transactionId": 1}]
    return [3, name, {"transactionId": 2}] if kind == 3 else [kind, name, "InternalError", "", {}]


@given(MESSAGES, MESSAGES)
def test_every_conversation_comes_to_its_end(then: Any, now: Any) -> None:
    """Whatever was recorded, whatever is said now: it never raises, and in so much time it is over."""
    played = Played(recording(*((who, made(*rest)) for who, *rest in then)))
    for _, *rest in now:
        played.hears(made(*rest))
    for _ in range(len(then) + 1):
        played.waits(31)
    assert played.conversation.done
    played.finds()
    json.dumps([found.new for found in played.outcome.differences])


@given(MESSAGES)
def test_a_recording_played_against_itself_is_the_same(then: Any) -> None:
    """The other side says what it said, when it said it: nothing differs, and everything of ours is said again."""
    recorded = recording(*((who, made(*rest)) for who, *rest in then))
    ours = [one.text for one in recorded.spoken if one.direction is CP]
    played = Played(recorded)
    said = played.raw()
    for one in recorded.spoken:
        if one.direction is CSMS:
            played.now += 0.001
            played.conversation.heard(one.text, played.now)
        played.now += 31 if one.direction is CP and one.kind == 2 else 0
        played.conversation.tick(played.now)
        said += played.raw()
    assert set(said) <= set(ours)
