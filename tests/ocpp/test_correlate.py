"""Correlator: who answers whom, what is given up, and that it stays small."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.names import Direction
from proxy.ocpp.correlate import (
    MAX_ANSWERED,
    MAX_TEXT,
    MAX_TEXT_WAITING,
    MAX_WAITING,
    Answer,
    Correlator,
    CorrelatorState,
    Duplicate,
    Objection,
    Orphan,
    Reply,
)
from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError

POINT, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


def ask(
    correlator: Correlator, direction: Direction, message_id: str, clock: int = 0, action: str = "Heartbeat"
) -> list[str]:
    """Send a call; the reasons for which others were given up."""
    call = Call(message_id, action, None, b"text")
    return [
        f"{lost.call.message_id}: {lost.reason}" for lost in correlator.call(direction, call, 1, clock, clock)
    ]


def test_an_answer_carries_its_call_and_latency() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1", clock=100)
    answer = correlator.reply(CSMS, CallResult("1"), clock=350)
    assert isinstance(answer, Answer)
    assert (answer.call.action, answer.call.direction, answer.latency_ns) == ("Heartbeat", POINT, 250)


def test_a_callerror_answers_too() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1")
    assert isinstance(correlator.reply(CSMS, CallError("1", "NotSupported"), 1), Answer)


def test_latency_is_never_negative() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1", clock=100)
    answer = correlator.reply(CSMS, CallResult("1"), clock=50)
    assert isinstance(answer, Answer)
    assert answer.latency_ns == 0


def test_both_directions_may_use_the_same_id_and_cross() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1", action="Heartbeat")
    ask(correlator, CSMS, "1", action="Reset")
    first, second = correlator.reply(POINT, CallResult("1"), 1), correlator.reply(CSMS, CallResult("1"), 1)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.call.action, second.call.action) == ("Reset", "Heartbeat")


def test_pipelined_calls_are_answered_in_any_order() -> None:
    correlator = Correlator()
    for message_id in "abc":
        ask(correlator, POINT, message_id)
    assert all(isinstance(correlator.reply(CSMS, CallResult(i), 1), Answer) for i in "cab")
    assert correlator.waiting == 0


def test_a_second_answer_is_a_duplicate() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1")
    correlator.reply(CSMS, CallResult("1"), 1)
    assert correlator.reply(CSMS, CallResult("1"), 2) == Duplicate(POINT, "Heartbeat")


@pytest.mark.parametrize("reply", [CallResult("2"), CallError("-1", "FormationViolation"), CallResult("")])
def test_a_reply_to_nothing_is_an_orphan(reply: Reply) -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1")
    assert correlator.reply(CSMS, reply, 1) == Orphan(POINT)
    assert correlator.waiting == 1


def test_a_peer_cannot_answer_its_own_call() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1")
    assert correlator.reply(POINT, CallResult("1"), 1) == Orphan(CSMS)


@pytest.mark.parametrize("error", [CallResultError("1", "FormatViolation"), CallError("1", "GenericError")])
def test_the_caller_objects_to_the_answer(error: Reply) -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1")
    correlator.reply(CSMS, CallResult("1"), 1)
    assert correlator.reply(POINT, error, 2) == Objection(POINT, "Heartbeat")


def test_a_result_error_answers_no_call() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1")
    assert correlator.reply(CSMS, CallResultError("1", "FormatViolation"), 1) == Orphan(CSMS)
    assert correlator.waiting == 1


def test_an_id_used_again_while_it_waits_is_a_retry() -> None:
    correlator = Correlator()
    ask(correlator, POINT, "1", clock=0)
    assert ask(correlator, POINT, "1", clock=5) == ["1: message id used again"]
    answer = correlator.reply(CSMS, CallResult("1"), clock=7)
    assert isinstance(answer, Answer)
    assert answer.latency_ns == 2


def test_an_id_used_again_after_its_answer_waits_again() -> None:
    correlator = Correlator()
    for _ in range(3):
        assert ask(correlator, POINT, "1") == []
        assert isinstance(correlator.reply(CSMS, CallResult("1"), 1), Answer)


def test_the_oldest_of_1001_waiting_calls_is_given_up() -> None:
    correlator = Correlator()
    for number in range(MAX_WAITING):
        assert ask(correlator, POINT, str(number)) == []
    assert ask(correlator, POINT, "one more") == ["0: too many waiting"]
    assert correlator.waiting == MAX_WAITING


def test_the_65th_answered_id_drives_out_the_first() -> None:
    correlator = Correlator()
    for number in range(MAX_ANSWERED + 1):
        ask(correlator, POINT, str(number))
        correlator.reply(CSMS, CallResult(str(number)), 1)
    assert correlator.reply(CSMS, CallResult("0"), 2) == Orphan(POINT)
    assert correlator.reply(CSMS, CallResult("1"), 2) == Duplicate(POINT, "Heartbeat")


def test_at_the_close_all_waiting_calls_are_unanswered_in_order() -> None:
    correlator = Correlator()
    ask(correlator, CSMS, "a", clock=10)
    ask(correlator, POINT, "b", clock=5)
    left = correlator.close(clock=30)
    assert [(lost.call.message_id, lost.reason, lost.waited_ns) for lost in left] == [
        ("b", "connection closed", 25),
        ("a", "connection closed", 20),
    ]
    assert correlator.close(clock=40) == []


def kept(correlator: Correlator) -> list[bytes]:
    return [waiting.text for waiting in correlator.snapshot().waiting]


def test_the_text_of_a_call_is_kept_only_when_it_will_be_asked_for() -> None:
    correlator = Correlator(asked={"BootNotification"})
    ask(correlator, POINT, "1", action="BootNotification")
    ask(correlator, POINT, "2", action="MeterValues")
    assert kept(correlator) == [b"text", b""]


def test_the_text_kept_is_bounded() -> None:
    correlator = Correlator(asked={"Boot"})
    correlator.call(POINT, Call("long", "Boot", None, b"x" * (MAX_TEXT + 1)), 1, 1, 1)
    for number in range(100):
        correlator.call(POINT, Call(str(number), "Boot", None, b"x" * MAX_TEXT), 1, 1, 1)
    assert sum(map(len, kept(correlator))) == MAX_TEXT_WAITING
    correlator.reply(CSMS, CallResult("0"), 1)
    correlator.call(POINT, Call("again", "Boot", None, b"x" * MAX_TEXT), 1, 1, 1)
    assert sum(map(len, kept(correlator))) == MAX_TEXT_WAITING


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([POINT, CSMS]),
        st.sampled_from(["call", "result", "error", "result error", "close"]),
        st.sampled_from("abcd"),
    ),
    max_size=40,
)


def play(correlator: Correlator, events: list[tuple[Direction, str, str]]) -> list[object]:
    said: list[object] = []
    for clock, (direction, kind, message_id) in enumerate(events):
        replies: dict[str, Reply] = {
            "result": CallResult(message_id),
            "error": CallError(message_id, "GenericError"),
            "result error": CallResultError(message_id, "GenericError"),
        }
        if kind == "call":
            said.append(correlator.call(direction, Call(message_id, "Act", None, b"t"), clock, clock, clock))
        elif kind == "close":
            said.append(correlator.close(clock))
        else:
            said.append(correlator.reply(direction, replies[kind], clock))
    return said


@settings(deadline=None, max_examples=60)
@given(EVENTS, EVENTS)
def test_snapshot_and_restore_change_nothing(
    before: list[tuple[Direction, str, str]], after: list[tuple[Direction, str, str]]
) -> None:
    correlator = Correlator({"Act"})
    play(correlator, before)
    data = msgspec.msgpack.encode(correlator.snapshot())
    restored = Correlator.restore(msgspec.msgpack.decode(data, type=CorrelatorState), {"Act"})
    assert play(restored, after) == play(correlator, after)
    assert restored.snapshot() == correlator.snapshot()


@settings(deadline=None, max_examples=60)
@given(EVENTS)
def test_every_call_comes_out_exactly_once(events: list[tuple[Direction, str, str]]) -> None:
    correlator = Correlator()
    said = play(correlator, events)
    calls = sum(kind == "call" for _, kind, _ in events)
    answered = sum(isinstance(item, Answer) for item in said)
    given_up = sum(len(item) for item in said if isinstance(item, list | tuple))
    assert calls == answered + given_up + correlator.waiting
