from __future__ import annotations

from collections import Counter
from typing import Any

from proxy.forensics.replay.script import ORPHANS, Answered, Say, Scribe, script
from proxy.names import Direction
from tests.forensics.replay.talks import CP, CSMS, Said, call, exchange, recording, result


def steps(*said: Said, mine: Direction = CP, **more: Any) -> list[str]:
    """`say 1`, `answered 1`, `hear 3`, `reply 3`: the step and the place of the call it is about."""
    found = []
    for step in script(recording(*said, **more), mine):
        place = step.said.place if isinstance(step, Say) else step.call.place
        found.append(f"{type(step).__name__.lower()} {place}")
    return found


def test_calls_wait_for_the_answers_before_them() -> None:
    two = [*exchange(1, "Heartbeat"), *exchange(2, "Heartbeat")]
    assert steps(*two) == ["say 1", "answered 1", "say 3", "answered 3"]


def test_calls_that_were_sent_together_are_sent_together() -> None:
    pipelined = [(CP, call(1, "A")), (CP, call(2, "B")), (CSMS, result(2)), (CSMS, result(1))]
    assert steps(*pipelined) == ["say 1", "say 2", "answered 2", "answered 1"]


def test_what_followed_upon_a_call_of_the_csms_follows_upon_it_again() -> None:
    asked = [(CSMS, call(9, "TriggerMessage")), (CP, result(9)), *exchange(1, "Heartbeat")]
    assert steps(*asked) == ["hear 1", "reply 1", "say 3", "answered 3"]


def test_the_same_conversation_from_the_other_side() -> None:
    said = [*exchange(1, "BootNotification"), (CSMS, call(9, "Reset")), (CP, result(9))]
    assert steps(*said, mine=CSMS) == ["hear 1", "reply 1", "say 3", "answered 3"]


def test_a_call_without_an_answer_is_waited_for_as_long_as_it_was() -> None:
    said = [(CP, call(1, "A")), (CP, call(2, "B"))]
    found = list(script(recording(*said, step=4.0), CP))
    assert [type(step) for step in found] == [Say, Answered, Say, Answered]
    waited = [step for step in found if isinstance(step, Answered)]
    assert [(step.answer, step.seconds) for step in waited] == [(None, 4.0), (None, 0.0)]


def test_an_answer_that_came_much_later_has_its_place_there() -> None:
    said = [(CP, call(1, "A")), *exchange(2, "B"), (CSMS, result(1))]
    assert steps(*said) == ["say 1", "say 2", "answered 2", "answered 1"]


def test_what_is_no_ocpp_message_is_said_and_not_waited_for() -> None:
    said = [(CP, b"[2,broken"), (CSMS, [4, "-1", "RpcFrameworkError", "", {}]), *exchange(1, "A")]
    assert steps(*said) == ["say 1", "say 3", "answered 3"]


def test_sends_are_said_and_those_of_the_other_side_are_waited_for() -> None:
    send = [6, "s", "NotifyPeriodicEventStream", {}]
    assert steps((CP, send)) == ["say 1"]
    assert steps((CP, send), mine=CSMS) == ["hear 1"]


def test_an_objection_is_said_at_its_place() -> None:
    said = [*exchange(1, "A"), (CP, [5, "m1", "FormatViolation", "", {}])]
    assert steps(*said) == ["say 1", "answered 1", "say 3"]
    assert steps(*said, mine=CSMS) == ["hear 1", "reply 1"]


def test_an_answer_to_no_call_is_left_out() -> None:
    left_out: Counter[str] = Counter()
    scribe = Scribe(CP, left_out)
    found = [scribe.step(said) for said in recording((CP, result(1)), (CSMS, result(2))).spoken]
    assert (found, left_out) == ([None, None], {ORPHANS: 1})


def test_both_sides_may_use_the_same_id() -> None:
    crossing = [(CP, call(1, "A")), (CSMS, call(1, "B")), (CP, result(1)), (CSMS, result(1))]
    assert steps(*crossing) == ["say 1", "hear 2", "reply 2", "answered 1"]


def test_an_id_used_again_belongs_to_the_newer_call() -> None:
    said = [(CP, call(1, "A")), (CP, call(1, "A")), (CSMS, result(1))]
    found = list(script(recording(*said), CP))
    answered = [step for step in found if isinstance(step, Answered)]
    assert [(step.call.place, step.answer is None) for step in answered] == [(1, True), (2, False)]
