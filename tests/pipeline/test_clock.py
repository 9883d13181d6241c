from __future__ import annotations

from proxy.pipeline.clock import ObservedClock, Unobserved

SECOND = 10**9


def test_marks_a_second_apart_move_the_clock_as_they_say() -> None:
    clock = ObservedClock()
    for second in range(4):
        assert clock.advance(1, second * SECOND, second * SECOND) is None
    assert clock.clock == 3 * SECOND


def test_time_nobody_observed_counts_two_seconds_at_most() -> None:
    clock = ObservedClock()
    clock.advance(1, 100, 0)
    assert clock.advance(1, 100 + 60 * SECOND, 60 * SECOND) == Unobserved(100, 100 + 60 * SECOND)
    assert clock.clock == 2 * SECOND


def test_a_monotonic_clock_that_stands_or_goes_back_moves_nothing() -> None:
    clock = ObservedClock()
    clock.advance(1, 0, 5 * SECOND)
    assert clock.advance(1, 0, 4 * SECOND) is None
    assert clock.clock == 0


def test_between_runs_the_wall_clock_tells_the_distance() -> None:
    clock = ObservedClock()
    clock.advance(1, 0, 500 * SECOND)
    assert clock.advance(2, SECOND, 3) is None
    assert clock.advance(3, 0, 1) is None, "a wall clock that goes back is no distance"
    assert clock.clock == SECOND
