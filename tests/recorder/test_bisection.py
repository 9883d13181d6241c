"""Which rows go next when the store refuses some of them; told by a table that knows which ones are bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.recorder.bisection import MOST_HELD, PLACES, ROUNDS, Bisection, Span, halves
from proxy.store.interface import RowsRefused

POSITIONS = st.integers(0, 199)
SIZES = st.integers(1, 200)


def refusal() -> RowsRefused:
    return RowsRefused("that is no row", 469)


def answered(bisection: Bisection, bad: set[int]) -> bool | None:
    """One answer of a table that takes no piece with a bad row in it; None: nothing is to be sent now."""
    span = bisection.next
    if span is None or bisection.bad is not None:
        return None
    if bad.isdisjoint(range(span[0], span[1] + 1)):
        bisection.took()
        return True
    bisection.refused(refusal())
    return False


def worked_off(bisection: Bisection, bad: set[int]) -> tuple[list[Span], list[int]]:
    """The spans that were stored, and the rows that were set aside."""
    stored, aside = [], []
    while not bisection.done:
        span = bisection.next
        if bisection.hopeless:
            bisection.again()
        elif bisection.bad is not None:
            aside.append(bisection.bad[0])
            bisection.set_aside()
        elif answered(bisection, bad) and span is not None:
            stored.append(span)
    return stored, aside


def rows(spans: list[Span]) -> list[int]:
    """In order; those that were refused before one was taken come behind it."""
    return sorted(row for first, last in spans for row in range(first, last + 1))


def hopeless(size: int, bad: set[int]) -> bool:
    """So many are bad that the table looks as if it took nothing, wherever one begins."""
    bisection = Bisection((0, size - 1))
    for _ in range(PLACES):
        while not bisection.hopeless:
            if answered(bisection, bad) is not False:
                return False
        bisection.again()
    return size >= MOST_HELD


@given(SIZES, st.sets(POSITIONS))
def test_all_but_the_bad_rows_are_stored_once(size: int, bad: set[int]) -> None:
    if not hopeless(size, bad):
        stored, aside = worked_off(Bisection((0, size - 1)), bad)
        assert rows(stored) == [row for row in range(size) if row not in bad]
        assert sorted(aside) == sorted(row for row in bad if row < size)


@pytest.mark.parametrize("good", [range(500, 1000), range(300, 400), range(940, 1000)])
def test_many_bad_rows_in_front_do_not_hide_the_good_ones(good: range) -> None:
    bad = set(range(1000)) - set(good)
    stored, aside = worked_off(Bisection((0, 999)), bad)
    assert (rows(stored), sorted(aside)) == ([*good], sorted(bad))


def test_of_a_table_that_takes_nothing_for_hours_most_goes_in_large_pieces_afterwards() -> None:
    bisection, everything = Bisection((0, 19_999)), set(range(20_000))
    for _ in range(1000):
        while not bisection.hopeless:
            answered(bisection, everything)
        bisection.again()
    stored, _ = worked_off(bisection, set())
    assert len(stored) < 2 * PLACES * MOST_HELD


@given(SIZES, st.sets(POSITIONS), st.integers(1, 30))
def test_another_life_sends_the_same_spans(size: int, bad: set[int], answers: int) -> None:
    """It knows what was refused as a whole, and need not be refused it again: here it would be taken."""
    first = Bisection((0, size - 1))
    stored: set[Span] = set()
    halved: set[Span] = set()
    for _ in range(answers):
        if (span := first.next) is None or first.hopeless or first.bad is not None:
            break
        (stored if answered(first, bad) else halved).add(span)
    mended = worked_off(Bisection((0, size - 1), {span for span in halved if span[0] < span[1]}), set())
    assert stored <= set(mended[0])
    assert rows(mended[0]) == list(range(size))


@given(SIZES)
def test_halves_are_a_row_apart_at_most(size: int) -> None:
    if size > 1:
        (first, end), (begin, last) = halves((0, size - 1))
        assert (first, begin, last) == (0, end + 1, size - 1)
        assert (end - first) - (last - begin) in (0, 1)


def test_a_table_that_takes_nothing_is_no_fault_of_the_rows() -> None:
    bisection, everything = Bisection((0, 999)), set(range(1000))
    for _ in range(PLACES + 1):
        refused = 0
        while not bisection.hopeless:
            refused += answered(bisection, everything) is False
        assert bisection.bad is None
        bisection.again()
    assert refused == MOST_HELD, "it is not refused as a whole again"


def test_rows_in_front_are_bad_if_they_are_refused_again_after_one_was_taken() -> None:
    bisection, bad = Bisection((0, 999)), set(range(MOST_HELD - 1))
    while answered(bisection, bad) is not True:
        assert bisection.bad is None
    assert (bisection.bad, bisection.next) == (None, (0, 0))
    stored, aside = worked_off(bisection, {7})
    assert (rows(stored)[:15], aside) == ([*range(7), *range(8, 15), 16], [7])


def test_of_a_few_rows_all_must_be_refused_again_and_again() -> None:
    bisection, rounds = Bisection((3, 4)), 1
    while answered(bisection, {3, 4}) is not None:
        if bisection.hopeless:
            bisection.again()
            rounds += 1
    assert rounds == ROUNDS
    assert worked_off(bisection, {3, 4}) == ([], [3, 4])
