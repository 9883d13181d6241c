"""The table of metrics keeps the rules that make it fit for a scrape (those of Prometheus itself promtool checks)."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from proxy import metrics
from proxy.metrics import CHARGE_POINTS, RELAY, TABLE, Kind, Metric

EVERYTHING = (*TABLE, *CHARGE_POINTS)
each = pytest.mark.parametrize("metric", EVERYTHING, ids=lambda metric: metric.name)
IDS = ("charge_point", "connector", "connection_id", "message_id", "transaction_id", "id_token", "address")
UNITS = ("seconds", "bytes", "watthours", "ratio", "rows", "info")
"""Plain counts have no unit in their name."""
KEPT_STATUSES = (
    "Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Occupied", "Reserved",
    "Unavailable", "Faulted", "other", "offline",
)  # fmt: skip
"""As of the first release. The place is the figure that people's alerts compare with."""


def base(metric: Metric) -> str:
    return metric.name.removesuffix("_total")


@each
def test_the_name_says_prefix_unit_and_whether_it_counts(metric: Metric) -> None:
    assert re.fullmatch(r"ocpptap(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER)


@each
def test_the_unit_stands_at_the_end(metric: Metric) -> None:
    words = base(metric).split("_")
    assert not set(words[:-1]) & set(UNITS) or words[-1] in UNITS


@pytest.mark.parametrize("word", ["milliseconds", "ms", "kilobytes", "kwh", "percent", "minutes", "hours"])
def test_units_are_base_units(word: str) -> None:
    assert not [metric.name for metric in EVERYTHING if word in metric.name.split("_")]


@each
def test_the_help_is_one_sentence_or_more_on_one_line(metric: Metric) -> None:
    assert re.fullmatch(r"[A-Z0-9][^\n]+\.", metric.help)


@each
def test_labels_are_words_and_none_is_reserved(metric: Metric) -> None:
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in metric.labels)
    assert not set(metric.labels) & {"le", "quantile", "job", "instance"}
    assert len(set(metric.labels)) == len(metric.labels)


@each
def test_no_label_is_an_id_but_on_the_charge_points_page(metric: Metric) -> None:
    assert ("charge_point" in metric.labels) is (metric in CHARGE_POINTS)
    assert metric in CHARGE_POINTS or not set(metric.labels) & set(IDS)


@each
def test_buckets_rise_and_only_histograms_have_them(metric: Metric) -> None:
    assert all(low < high for low, high in pairwise((0.0, *metric.buckets)))
    assert bool(metric.buckets) is (metric.kind is Kind.HISTOGRAM)


@each
def test_what_peers_make_up_is_capped(metric: Metric) -> None:
    made_up = {"vendor", "model", "firmware", "upstream"} & set(metric.labels)
    assert metric in CHARGE_POINTS or bool(metric.most) is bool(made_up)


def test_each_name_is_used_once_openmetrics_names_too() -> None:
    """In OpenMetrics a counter `x_total` belongs to a family `x`, a histogram `x` has samples `x_count`."""
    ends = {
        Kind.COUNTER: ("", "_total"),
        Kind.GAUGE: ("",),
        Kind.HISTOGRAM: ("", "_bucket", "_count", "_sum"),
    }
    names = [base(metric) + end for metric in EVERYTHING for end in ends[metric.kind]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("metric", RELAY, ids=lambda metric: metric.name)
def test_the_series_of_a_slot_are_all_of_its_labels(metric: Metric) -> None:
    labels = [label for label in metric.labels if label != metric.worker_label]
    assert all(len(values) == len(labels) for values in metric.series)
    assert len(set(metric.series)) == len(metric.series)
    assert not metric.worker_label or metric.worker_label in metric.labels


def test_the_numbers_of_the_statuses_stay() -> None:
    assert metrics.CONNECTOR_STATUSES[: len(KEPT_STATUSES)] == KEPT_STATUSES


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_every_metric_has_one_writer(metric: Metric) -> None:
    writers = (metrics.RELAY, metrics.RECORDER, metrics.ADMIN)
    assert sum(metric in table for table in writers) == 1
