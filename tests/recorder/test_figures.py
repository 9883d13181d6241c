"""No counter goes back or doubles when the recorder dies (issue: supervisor and admin)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy import counters
from proxy.counters import Exemplar, Series
from proxy.recorder.figures import Figures
from proxy.recorder.series import Values

NAME = "ocpptap_store_rows_total"


def rows(count: float) -> Values:
    return {NAME: [Series(("frames",), count)]}


def shown(data: Path) -> float:
    published = counters.read_published(counters.recorder_path(data))
    assert published is not None
    return published.series[NAME][0].value


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A recorder published 100 rows at batch 50, and died."""
    Figures(tmp_path).publish(50, 0, rows(100))
    return tmp_path


def test_after_a_restart_nothing_is_shown_until_the_old_batch_is_passed(data: Path) -> None:
    figures = Figures(data)
    figures.publish(49, 0, rows(3))
    assert shown(data) == 100


def test_a_replay_that_counts_again_does_not_double(data: Path) -> None:
    Figures(data).publish(51, 0, rows(104))
    assert shown(data) == 104


def test_the_batch_that_was_in_hand_must_be_over(data: Path) -> None:
    """Batch 50 was counted in part when the file was written: what is short of it now is still to come."""
    figures = Figures(data)
    figures.publish(50, 0, rows(80))
    figures.publish(51, 0, rows(112))
    assert shown(data) == 112


def test_what_cannot_be_counted_again_is_added(data: Path) -> None:
    figures = Figures(data)
    figures.publish(51, 0, rows(30))
    assert shown(data) == 100
    figures.publish(52, 0, rows(37))
    assert shown(data) == 107


def test_a_series_that_does_not_come_back_is_still_shown(data: Path) -> None:
    Figures(data).publish(51, 0, {NAME: [Series(("gaps",), 1.0)]})
    published = counters.read_published(counters.recorder_path(data))
    assert published is not None
    assert {series.labels[0]: series.value for series in published.series[NAME]} == {
        "gaps": 1.0,
        "frames": 100.0,
    }


def test_figures_are_due_once_a_second(tmp_path: Path) -> None:
    figures = Figures(tmp_path)
    answers = [figures.due]
    figures.publish(1, 0, rows(1))
    answers.append(figures.due)
    figures.hurry()
    answers.append(figures.due)
    assert answers == [True, False, True]


# histograms, and what is of one life only


CALLS = "ocpptap_call_duration_seconds"
CPU = "ocpptap_recorder_cpu_seconds_total"
STORED = "ocpptap_store_last_success_timestamp_seconds"
LABELS = ("from_csms", "Reset")


def calls(total: float, *bins: int, exemplars: tuple[Exemplar, ...] = ()) -> Values:
    return {CALLS: [Series(LABELS, total, bins, exemplars)]}


def lives(data: Path, name: str, *published: tuple[int, Values]) -> Series | None:
    """What is shown of `name` when the last life has published that; each is a life of its own but the last two."""
    for batch, values in published[:-1]:
        Figures(data).publish(batch, 0, values)
    batch, values = published[-1]
    Figures(data).publish(batch, 0, values)
    found = counters.read_published(counters.recorder_path(data))
    assert found is not None
    return next(iter(found.series.get(name, [])), None)


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        (calls(3.0, 2, 1, 0), calls(3.0, 2, 1, 0)),
        (calls(7.0, 2, 2, 1), calls(7.0, 2, 2, 1)),
        (calls(0.5, 1, 0, 0), calls(3.0, 2, 1, 0)),
        (calls(9.0, 0, 0, 2), calls(9.0, 2, 1, 2)),
        ({}, calls(3.0, 2, 1, 0)),
    ],
)
def test_no_bucket_of_a_histogram_goes_back(tmp_path: Path, after: Values, shown: Values) -> None:
    found = lives(tmp_path, CALLS, (50, calls(3.0, 2, 1, 0)), (51, after))
    assert found == shown[CALLS][0]


def test_an_exemplar_is_of_this_life(tmp_path: Path) -> None:
    old, new = (Exemplar(0, 0.1, at, "c", "m") for at in (1.0, 2.0))
    found = lives(
        tmp_path, CALLS, (50, calls(3.0, 2, exemplars=(old,))), (51, calls(0.1, 1, exemplars=(new,)))
    )
    assert found == Series(LABELS, 3.0, (2,), (new,))


def test_cpu_time_of_both_lives_was_spent(tmp_path: Path) -> None:
    cpu = [{CPU: [Series((), seconds)]} for seconds in (100.0, 20.0, 7.0)]
    found = lives(tmp_path, CPU, (50, cpu[0]), (51, cpu[1]), (52, cpu[2]))
    assert found == Series((), 127.0)


def test_when_the_store_took_rows_last_stands_until_it_takes_some(tmp_path: Path) -> None:
    before: Values = {STORED: [Series((), 1000.0)]}
    assert lives(tmp_path, STORED, (50, before), (51, {STORED: []})) == Series((), 1000.0)
    assert lives(tmp_path, STORED, (52, {STORED: [Series((), 900.0)]})) == Series((), 900.0)


def test_other_gauges_are_as_they_are(tmp_path: Path) -> None:
    lag = "ocpptap_recorder_lag_bytes"
    before: Values = {lag: [Series((), 1000.0)]}
    assert lives(tmp_path, lag, (50, before), (51, {lag: [Series((), 1.0)]})) == Series((), 1.0)


NAMES = st.sampled_from([CALLS, NAME, CPU])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.dictionaries(
            st.tuples(NAMES, st.sampled_from(["a", "b"])),
            st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_nothing_goes_back_whatever_a_life_remembers(
    tmp_path: Path, told: list[dict[tuple[str, str], tuple[int, int, int]]]
) -> None:
    shown: dict[tuple[str, str], Series] = {}
    counters.recorder_path(tmp_path).unlink(missing_ok=True)
    for batch, life in enumerate(told):
        values: Values = {}
        for (name, label), (value, *bins) in life.items():
            values.setdefault(name, []).append(Series((label,), float(value), tuple(bins)))
        Figures(tmp_path).publish(batch, 0, values)
        published = counters.read_published(counters.recorder_path(tmp_path))
        assert published is not None
        now = {(name, one.labels[0]): one for name, found in published.series.items() for one in found}
        for key, before in shown.items():
            if key not in now:
                assert not before.value  # nothing was ever counted
                assert not any(before.bins)
                continue
            assert now[key].value >= before.value
            assert all(one >= other for one, other in zip(now[key].bins, before.bins, strict=True))
        shown = now
