"""Families as Prometheus reads them, by prometheus_client: the text format 0.0.4, OpenMetrics 1.0 where asked for.

Pure: no files, no clock. A page is never refused because of one series, since figures and label values come from files
and from peers: one whose figures cannot be (negative counts, no numbers) is left out, of two that look the same the
later one counts, and a NUL in a label, for which Prometheus refuses the whole page, becomes U+FFFD.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import samples
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Shown
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from proxy.counters import Exemplar, Family, Series
from proxy.metrics import Kind, Metric

TEXT: Final = CONTENT_TYPE_PLAIN_0_0_4
EXEMPLAR_CHARACTERS: Final = 128
"""OpenMetrics 1.0: of all names and values of an exemplar's labels."""
_MOST_COUNT: Final = 2**64
_LATEST: Final = 2.0**33
"""Unix seconds (the year 2242): a later moment is none."""
_BROKEN: Final = re.compile("[\0\ud800-\udfff]")
"""What no page can hold: NUL, and half a surrogate pair, from a file's name."""
_NEEDS_ESCAPE: Final = re.compile(r'[\\\n"]').search
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


class _Given(Collector):
    """prometheus_client asks a collector; this one has been asked already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Shown]:
        for family in self._families:
            if found := _sound_ones(family):
                yield _FORMS[family.metric.kind](family.metric, found)


def page(families: Iterable[Family], accept: str) -> tuple[bytes, str]:
    """The body and its content type, by the request's `Accept`. Families without a series are left out."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is no number
        encode, content_type = generate_latest, TEXT
    return encode(_Given(families)), content_type


# what can be shown


def clean(value: str) -> str:
    return _BROKEN.sub("\N{REPLACEMENT CHARACTER}", value) if _BROKEN.search(value) else value


def _sound_ones(family: Family) -> dict[tuple[str, ...], Series]:
    metric = family.metric
    sound = (series for series in family.series if _sound(metric, series))
    return {tuple(map(clean, series.labels)): series for series in sound}


def _sound(metric: Metric, series: Series) -> bool:
    """Does it have the metric's shape, and figures that can be?"""
    if len(series.labels) != len(metric.labels) or not math.isfinite(series.value):
        return False
    if metric.kind is Kind.GAUGE:
        return True
    bins = len(metric.buckets) + 1 if metric.kind is Kind.HISTOGRAM else 0
    counted = not bins or (min(series.bins, default=-1) >= 0 and sum(series.bins) < _MOST_COUNT)
    return series.value >= 0 and len(series.bins) == bins and counted


# one kind each

Found = dict[tuple[str, ...], Series]


def _counter(metric: Metric, found: Found) -> Shown:
    shown = CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
    for labels, series in found.items():
        shown.add_metric(labels, series.value)
    return shown


def _gauge(metric: Metric, found: Found) -> Shown:
    shown = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, series in found.items():
        shown.add_metric(labels, series.value)
    return shown


def _histogram(metric: Metric, found: Found) -> Shown:
    limits = [*map(floatToGoString, metric.buckets), "+Inf"]
    shown = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, series in found.items():
        dots = {exemplar.bucket: dot for exemplar in series.exemplars if (dot := _exemplar(exemplar))}
        counts = enumerate(zip(limits, accumulate(series.bins), strict=True))
        bins = [(*bar, dots[place]) if place in dots else bar for place, bar in counts]
        shown.add_metric(labels, bins, series.value)
    return shown


_FORMS: Final = {Kind.COUNTER: _counter, Kind.GAUGE: _gauge, Kind.HISTOGRAM: _histogram}


def _exemplar(exemplar: Exemplar) -> samples.Exemplar | None:
    """None for one that OpenMetrics would not take."""
    told = {"connection_id": exemplar.connection_id, "message_id": exemplar.message_id}
    labels = {name: clean(value) for name, value in told.items() if value}
    if sum(len(name) + len(value) for name, value in labels.items()) > EXEMPLAR_CHARACTERS:
        return None
    if not (0 <= exemplar.value < math.inf and 0 <= exemplar.at < _LATEST):
        return None
    return samples.Exemplar(labels, exemplar.value, exemplar.at)


# by hand, for a page of tens of thousands of lines (`charge_points.py`): a tenth of the time


def encoded(lines: Iterable[str]) -> bytes:
    """Never fails: half a surrogate pair becomes a question mark."""
    return "".join(lines).encode("utf-8", "replace")


def escaped(value: str) -> str:
    """A label's value as it stands between the quotes."""
    value = clean(value)
    return value.translate(_ESCAPES) if _NEEDS_ESCAPE(value) else value


def labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """`a="1",b="2"`."""
    return ",".join([f'{name}="{escaped(value)}"' for name, value in zip(names, values, strict=True)])


def head(metric: Metric) -> str:
    """The lines about a family, before its series: their help, their type."""
    text = metric.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {metric.name} {text}\n# TYPE {metric.name} {metric.kind.value}\n"
