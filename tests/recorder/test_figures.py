"""No counter goes back or doubles when the recorder dies (issue: supervisor and admin)."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy import counters
from proxy.counters import Series
from proxy.recorder.figures import Figures, Values

NAME = "ocpptap_rows_total"


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
