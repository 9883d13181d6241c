"""The statistics: their own examples, and what holds whatever is counted."""

from __future__ import annotations

import doctest
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers import stats
from analyzers.stats import BoundedSet, Ewma, LeakyBucket, PoissonCusum, Recent, Welford

numbers = st.floats(-1e6, 1e6)


def test_their_examples() -> None:
    found = doctest.testmod(stats)
    assert (found.failed, found.attempted > 15) == (0, True)


@given(st.lists(numbers, min_size=2, max_size=50))
def test_welford_is_the_mean_and_deviation_of_the_sample(values: list[float]) -> None:
    sample = Welford()
    for value in values:
        sample.add(value)
    assert sample.mean == pytest.approx(statistics.fmean(values), abs=1e-6)
    assert sample.deviation == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-3)


@given(st.lists(numbers, min_size=1, max_size=50), st.floats(0.01, 1))
def test_an_ewma_stays_between_what_it_was_given(values: list[float], weight: float) -> None:
    level = Ewma()
    for value in values:
        level.add(value, weight)
    assert min(values) - 1e-6 <= level.mean <= max(values) + 1e-6
    assert level.variance >= 0


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_a_bucket_never_holds_more_than_was_put_in(clocks: list[int]) -> None:
    bucket = LeakyBucket()
    for clock in clocks:
        bucket.add(clock, span=1000)
    assert bucket.level <= len(clocks) + 1e-9
    assert bucket.at(bucket.falls_to(0.5, 1000), 1000) <= 0.5 + 1e-6


@given(st.lists(st.sampled_from("abcdef"), max_size=60), st.integers(1, 4))
def test_a_bounded_set_and_the_recent_stay_bounded(words: list[str], most: int) -> None:
    seen, recent = BoundedSet(), Recent()
    for clock, word in enumerate(words):
        seen.add(word, most)
        recent.add(clock, word, most)
    assert len(seen.words) == len(set(seen.words)) <= most
    assert len(recent.entries) <= most


def test_a_rise_is_seen_and_a_steady_rate_is_not() -> None:
    steady, rising = (PoissonCusum(events=10.0, exposure=10.0) for _ in range(2))
    assert not any(steady.add(1, exposure=1.0) >= 7.0 for _ in range(1000))
    assert any(rising.add(5, exposure=1.0) >= 7.0 for _ in range(10))
