"""/metrics: one collector that reads the counter files at each scrape (DESIGN 10: no client objects)."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from proxy import counters
from proxy.admin.settings import AdminProcess
from proxy.admin.status import Status
from proxy.counters import Family, Kind, Series

_ADMIN: Final = {metric.name: metric for metric in counters.ADMIN}


class Files(Collector):
    """What the relay and the recorder wrote, and what the supervisor said."""

    def __init__(self, process: AdminProcess, status: Status) -> None:
        self._process = process
        self._status = status

    def collect(self) -> Iterator[Metric]:
        for family in (*self._own(), *counters.read(Path(self._process.data))):
            yield _FORMS[family.metric.kind](family)

    def _own(self) -> Iterator[Family]:
        version = (self._process.version, platform.python_version())
        yield Family(_ADMIN["ocpptap_build_info"], [Series(version, 1)])
        yield Family(_ADMIN["ocpptap_connections_limit"], [Series((), self._process.capacity)])
        up = [Series((part.name,), part.state == "up") for part in self._status.parts]
        yield Family(_ADMIN["ocpptap_part_up"], up)
        starts = [Series((part.name,), part.starts) for part in self._status.parts]
        yield Family(_ADMIN["ocpptap_part_starts_total"], starts)


def _counter(family: Family) -> Metric:
    metric = family.metric
    shown = CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
    for series in family.series:
        shown.add_metric(series.labels, series.value)
    return shown


def _gauge(family: Family) -> Metric:
    shown = GaugeMetricFamily(family.metric.name, family.metric.help, labels=family.metric.labels)
    for series in family.series:
        shown.add_metric(series.labels, series.value)
    return shown


def _histogram(family: Family) -> Metric:
    metric = family.metric
    limits = [*map(floatToGoString, metric.buckets), "+Inf"]
    shown = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for series in family.series:
        bins = list(zip(limits, accumulate(series.bins), strict=True))
        shown.add_metric(series.labels, bins, series.value)
    return shown


_FORMS: Final = {Kind.COUNTER: _counter, Kind.GAUGE: _gauge, Kind.HISTOGRAM: _histogram}


def exposition(files: Files, accept: str) -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics where asked for, else the text format 0.0.4."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no number
        encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    return encode(files), content_type
