"""Calls joined with their answers, pings folded: the order of a session for people."""

from __future__ import annotations

import msgspec

from proxy.forensics.timeline import Exchange, Pings, Row, Said, folded, joined, whole

BLANK = Row(
    frame_no=0,
    at="",
    direction="from_charge_point",
    kind="frame",
    opcode=1,
    fin=True,
    message_type=0,
    message_id="",
    action="",
    answers=0,
    latency_us=None,
    verdict="ok",
    rule="",
    pointer="",
    clause="",
    redacted=False,
    truncated=False,
    size=0,
    text="",
)


def call(number: int, action: str = "Heartbeat") -> Row:
    return msgspec.structs.replace(BLANK, frame_no=number, message_type=2, action=action)


def answer(number: int, answers: int) -> Row:
    return msgspec.structs.replace(
        BLANK, frame_no=number, message_type=3, answers=answers, direction="from_csms"
    )


def control(number: int, opcode: int) -> Row:
    return msgspec.structs.replace(BLANK, frame_no=number, opcode=opcode)


def piece(number: int, opcode: int = 0, *, fin: bool = False, direction: str = "from_charge_point") -> Row:
    """A fragment of a message that nobody read, of ten bytes."""
    return msgspec.structs.replace(
        BLANK, frame_no=number, opcode=opcode, fin=fin, direction=direction, verdict="", size=10
    )


def counted(rows: list[Row]) -> list[tuple[int, int, int]]:
    return [(row.frame_no, row.fragments, row.size) for row in whole(rows)]


def test_of_a_fragmented_message_the_last_row_stands_for_all() -> None:
    rows = [piece(1, 1), control(2, 9), piece(3), piece(4, fin=True), call(5)]
    assert counted(rows) == [(2, 1, 0), (4, 3, 30), (5, 1, 0)]


def test_a_message_that_was_read_knows_its_size() -> None:
    last = msgspec.structs.replace(piece(2, fin=True), message_type=2, verdict="ok", size=20)
    assert counted([piece(1, 1), last]) == [(2, 2, 20)]


def test_fragments_of_both_directions_do_not_mix() -> None:
    rows = [piece(1, 1), piece(2, 1, direction="from_csms"), piece(3, fin=True)]
    assert counted([*rows, piece(4, fin=True, direction="from_csms")]) == [(3, 2, 20), (4, 2, 20)]


def test_fragments_without_an_end_are_not_lost() -> None:
    assert counted([piece(1, 1), piece(2), call(3)]) == [(3, 1, 0), (2, 2, 20)]


def test_a_continuation_without_a_beginning_stands_as_it_is() -> None:
    assert counted([piece(1, fin=True)]) == [(1, 1, 10)]


def test_an_answer_stands_with_its_call_even_when_calls_cross() -> None:
    events = list(joined([call(1), call(2, "Reset"), answer(3, 2), answer(4, 1)]))
    assert events == [Exchange(call(1), answer(4, 1)), Exchange(call(2, "Reset"), answer(3, 2))]


def test_a_call_without_an_answer_says_so_and_holds_nobody_up_for_ever() -> None:
    events = list(joined([call(1), *(control(number, 9) for number in range(2, 9))], most_held=3))
    assert isinstance(events[0], Exchange)
    assert events[0].answer is None
    assert len(events) == 8


def test_an_answer_that_comes_too_late_stands_where_it_came() -> None:
    rows = [call(1), *(control(number, 9) for number in range(2, 9)), answer(9, 1)]
    assert list(joined(rows, most_held=3))[-1] == Said(answer(9, 1), late=True)


def test_an_orphan_stands_alone() -> None:
    assert list(joined([answer(1, 0)])) == [Said(answer(1, 0))]


def test_a_run_of_pings_is_one_event() -> None:
    rows = [call(1), answer(2, 1), control(3, 9), control(4, 10), control(5, 9), call(6), answer(7, 6)]
    events = list(folded(joined(rows)))
    assert [type(event) for event in events] == [Exchange, Pings, Exchange]
    assert events[1] == Pings(control(3, 9), control(5, 9), 2, 1)


def test_close_frames_are_no_pings() -> None:
    assert [type(event) for event in folded(joined([control(1, 9), control(2, 8)]))] == [Pings, Said]
