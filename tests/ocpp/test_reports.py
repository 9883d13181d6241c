"""Parts of reports put together."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ocpp.facts import UNTOLD, Moment, ReportCompleted, ReportPartReceived, Where
from proxy.ocpp.reports import MAX_MISSING, MAX_OPEN, MAX_RUNS, Reports, ReportsState

WHERE = Where("CP_1", "c1", 7, 1_000_000_000, 5)
SECOND = 1_000_000_000


def part(seq_no: int | None, more: bool, made: int | None = None, **other: object) -> ReportPartReceived:
    """A part of NotifyReport 5 with two entries, made at `made` seconds."""
    told = UNTOLD if made is None else Moment(made * SECOND)
    named = {"action": "NotifyReport", "request_id": 5, "entries": 2, **other}
    return msgspec.convert(
        {**WHERE._asdict(), "seq_no": seq_no, "more": more, **named, "told": msgspec.to_builtins(told)},
        ReportPartReceived,
    )


def fed(*parts: ReportPartReceived) -> list[ReportCompleted]:
    """What the parts complete."""
    reports = Reports()
    return [done for done in map(reports.part, parts) if done is not None]


def whole(parts: int, *missing: int) -> ReportCompleted:
    return ReportCompleted(*WHERE, "NotifyReport", 5, parts, 2 * parts, missing)


def test_a_report_is_whole_with_its_last_part() -> None:
    done = Reports()
    assert done.part(part(0, True)) is None
    assert done.part(part(1, True)) is None
    assert done.part(part(2, False)) == ReportCompleted(
        *WHERE, action="NotifyReport", request_id=5, parts=3, entries=6, missing=()
    )


def test_the_last_part_dates_the_report() -> None:
    last = msgspec.structs.replace(part(1, False), frame_no=40, at=9, clock=8, connection_id="c1")
    [done] = fed(part(0, True), last)
    assert (done.frame_no, done.at, done.clock) == (40, 9, 8)


@pytest.mark.parametrize(
    ("numbers", "done"),
    [
        ([0], whole(1)),
        ([0, 1, 2], whole(3)),
        ([0, 1, 1, 2], whole(3)),
        ([0, 1, 0, 2], whole(3)),
        ([0, 2, 1, 3], whole(4)),
        ([1, 0, 2], whole(3)),
        ([0, 2], whole(2, 1)),
        ([0, 3, 7], whole(3, 1, 2, 4, 5, 6)),
        ([3, 4, 5], whole(3)),
        ([3, 5], whole(2, 4)),
        ([4], whole(1)),
        ([None, None], whole(2)),
        ([None], whole(1)),
        ([0, None, 3], whole(3)),
        ([0, 1, None], whole(3)),
        ([0, 9, 2], whole(3, 1)),
    ],
)
def test_only_what_surely_did_not_come_is_missing(numbers: list[int | None], done: ReportCompleted) -> None:
    """A duplicate counts once; a report met in the middle begins where it was met; unnumbered parts fill any gap."""
    *first, last = numbers
    assert fed(*[part(number, True) for number in first], part(last, False)) == [done]


def test_many_missing_numbers_are_cut() -> None:
    [done] = fed(part(0, True), part(2**32 - 1, False))
    assert done.missing == tuple(range(1, 1 + MAX_MISSING))


def test_more_gaps_than_are_kept_are_forgotten_not_invented() -> None:
    gaps = [part(2 * number, True) for number in range(3 * MAX_RUNS)]
    [done] = fed(*gaps, part(6 * MAX_RUNS, False))
    assert done.missing == tuple(range(1, 2 * MAX_MISSING, 2))
    reports = Reports()
    for gap in gaps:
        reports.part(gap)
    [(_, _, report)] = reports.snapshot().open
    assert len(report.runs) == MAX_RUNS


# repetitions


def test_a_last_part_that_comes_twice_completes_once() -> None:
    assert fed(part(0, True, 1), part(1, False, 2), part(1, False, 2)) == [whole(2)]
    assert fed(part(0, False, 1), part(0, False, 1)) == [whole(1)]


def test_a_part_after_the_last_one_changes_nothing() -> None:
    parts = part(0, True, 1), part(2, False, 3), part(1, True, 2), part(0, True, 1)
    assert fed(*parts) == [whole(2, 1)]
    reports = Reports()
    for one in parts:
        reports.part(one)
    assert reports.snapshot().open == []


def test_without_generated_at_nothing_is_taken_for_a_repetition() -> None:
    assert fed(part(0, False), part(0, False)) == [whole(1), whole(1)]


def test_the_same_request_id_again_is_a_new_report() -> None:
    once = part(0, True, 1), part(1, False, 2)
    again = part(0, True, 60), part(1, False, 61)
    assert fed(*once, *again) == [whole(2), whole(2)]


def test_a_report_that_begins_again_gives_the_first_one_up() -> None:
    given_up = part(0, True, 1), part(1, True, 2), part(2, True, 3)
    assert fed(*given_up, part(0, True, 60), part(1, False, 61)) == [whole(2)]


def test_a_first_part_made_after_the_others_is_another_report() -> None:
    assert fed(part(3, True, 1), part(4, True, 2), part(0, True, 60), part(1, False, 61)) == [whole(2)]
    assert fed(part(1, True, 2), part(0, True, 1), part(2, False, 3)) == [whole(3)]


def test_events_are_reports_of_their_own() -> None:
    """NotifyEvent has no request id; each may begin at 0, or number on."""
    events: dict[str, Any] = {"action": "NotifyEvent", "request_id": None, "entries": 1}
    single = [part(number, False, 1, **events) for number in (0, 0, 0, 1, 2)]
    assert [(done.parts, done.missing) for done in fed(*single)] == [(1, ())] * 5


# several, and the bound


def test_reports_of_other_requests_and_actions_do_not_mix() -> None:
    other: dict[str, Any] = {"action": "NotifyMonitoringReport"}
    done = fed(
        part(0, True),
        part(0, True, request_id=6),
        part(0, True, **other),
        part(1, False, request_id=6),
        part(1, False),
        part(1, False, **other),
    )
    assert [(one.action, one.request_id, one.parts) for one in done] == [
        ("NotifyReport", 6, 2),
        ("NotifyReport", 5, 2),
        ("NotifyMonitoringReport", 5, 2),
    ]


def test_the_oldest_of_too_many_open_reports_is_given_up() -> None:
    begun = [part(0, True, request_id=number) for number in range(MAX_OPEN + 1)]
    done = fed(*begun, part(1, False, request_id=1), part(1, False, request_id=0))
    assert [(one.request_id, one.parts) for one in done] == [(1, 2), (0, 1)]


def test_a_report_that_begins_again_takes_no_place_of_another() -> None:
    begun = [part(0, True, 1, request_id=number) for number in range(MAX_OPEN)]
    done = fed(*begun, part(0, True, 60, request_id=5), part(1, False, request_id=0))
    assert [(one.request_id, one.parts) for one in done] == [(0, 2)]


def test_what_was_complete_again_is_remembered_longest() -> None:
    reports = Reports()
    for made, number in enumerate([*range(MAX_OPEN), 3, MAX_OPEN]):
        reports.part(part(0, False, made, request_id=number))
    kept = [request for _, request, _ in reports.snapshot().completed]
    assert kept == [1, 2, *range(4, MAX_OPEN), 3, MAX_OPEN]


def test_no_more_reports_are_remembered_than_may_be_open() -> None:
    reports = Reports()
    for number in range(100):
        reports.part(part(0, False, request_id=number))
    assert [request_id for _, request_id, _ in reports.snapshot().completed] == list(range(84, 100))


PARTS = st.lists(
    st.builds(
        part,
        st.none() | st.integers(0, 5),
        st.booleans(),
        st.none() | st.integers(0, 3),
        request_id=st.none() | st.integers(1, 2),
    ),
    max_size=25,
)


@given(PARTS, st.integers(0, 25))
def test_a_cut_anywhere_changes_nothing(parts: list[ReportPartReceived], cut: int) -> None:
    reports = Reports()
    done = [reports.part(one) for one in parts[:cut]]
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(reports.snapshot()), type=ReportsState)
    done += map(Reports.restore(state).part, parts[cut:])
    straight = Reports()
    assert done == [straight.part(one) for one in parts]


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.booleans())
def test_what_came_is_never_missing_and_what_is_missing_never_came(
    order: list[int], lost: set[int], first_lost: bool
) -> None:
    came = [number for number in order if number not in lost and not (first_lost and number == 0)]
    [done] = fed(*[part(number, True, number) for number in came], part(6, False, 6))
    assert set(done.missing) == {number for number in range(min([*came, 6]), 6) if number not in came}
    assert done.parts == len(came) + 1


def test_a_snapshot_is_not_changed_by_what_comes_after() -> None:
    reports = Reports()
    reports.part(part(0, True))
    state = reports.snapshot()
    reports.part(part(1, True))
    assert state.open[0][2].parts == 1
    restored = Reports.restore(state)
    restored.part(part(1, True))
    assert state.open[0][2].parts == 1
