"""What the recorder publishes once a second for `/metrics`, and how its counters never go back (issue: admin).

Most counters live in the pipeline's state and are checkpointed, so a replay counts nothing twice. After a restart
nothing is published until the batch of the last published file is passed again. If the checkpoints were lost, the
replay may begin later than the counting did: what is then missing is added from that file. What is of one life only
(CPU time) is added to what that file had.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from proxy import counters, metrics
from proxy.counters import Published, Series
from proxy.names import batch_parts
from proxy.recorder.series import Values

_COUNTERS: Final = frozenset(
    metric.name for metric in metrics.RECORDER if metric.kind is not metrics.Kind.GAUGE
)
OF_A_LIFE: Final = frozenset(
    {
        "ocpptap_recorder_cpu_seconds_total",
        "ocpptap_analyzer_seconds_total",
        "ocpptap_quarantined_rows_total",
    }
)
"""Counters that begin at 0 with each life, and count nothing again in a replay: both lives' work was done."""
_STANDING: Final = frozenset(
    {"ocpptap_store_last_success_timestamp_seconds", "ocpptap_store_table_last_success_timestamp_seconds"}
)
"""Gauges that stay as they were told until they are told anew."""
Base = dict[str, dict[tuple[str, ...], Series]]
"""By metric and labels."""


class Figures:
    """Publishes; `base` is what an earlier life counted and this one cannot count again."""

    def __init__(self, data: Path) -> None:
        self._path = counters.recorder_path(data)
        self._last = counters.read_published(self._path)
        self._base: Base = {}
        self._due = 0.0

    @property
    def due(self) -> bool:
        """Is it time? Once a second."""
        return time.monotonic() >= self._due

    def publish(self, batch: int, at: int, values: Values) -> None:
        """Write the file, but not before the last file's batch is passed.

        `batch`: the one whose rows are in hand, and counted in `values`.
        """
        if self._last is not None:
            same_journal = (
                batch_parts(batch)[0] >= batch_parts(self._last.batch)[0]
            )  # else its runs begin anew
            if batch <= self._last.batch and same_journal:
                return
            self._base = _missing(self._last.series, values)
            self._last = None
        self._due = time.monotonic() + 1.0
        counters.publish(self._path, Published(batch, at, self._raised(values)))

    def hurry(self) -> None:
        """Due at once: the last word of a recorder that ends."""
        self._due = 0.0

    def _raised(self, values: Values) -> Values:
        """With the base; without one (a first life, or nothing was lost) as they are."""
        raised = dict(values)
        for name, bases in self._base.items():
            known = {series.labels: series for series in values.get(name, ())}
            for labels, base in bases.items():
                known[labels] = _together(name, known.get(labels), base)
            raised[name] = list(known.values())
        return raised


def _missing(before: Values, now: Values) -> Base:
    """By how much each counter stands below what was published, and what is to stand until it is told anew."""
    missing: Base = {}
    for name in (_COUNTERS | _STANDING) & before.keys():
        known = {series.labels: series for series in now.get(name, ())}
        for series in before[name]:
            whole = name in OF_A_LIFE or name in _STANDING
            rest = series if whole else _difference(series, known.get(series.labels))
            if rest.value > 0 or any(rest.bins):
                missing.setdefault(name, {})[series.labels] = rest
    return missing


def _difference(before: Series, now: Series | None) -> Series:
    """Without exemplars: those are of the past."""
    if now is None:
        return Series(before.labels, before.value, before.bins)
    bins = tuple(max(0, old - new) for old, new in zip(before.bins, now.bins, strict=False))
    return Series(before.labels, max(0.0, before.value - now.value), bins)


def _together(name: str, one: Series | None, base: Series) -> Series:
    if one is None or name in _STANDING:
        return one or base
    bins = tuple(a + b for a, b in zip(one.bins, base.bins, strict=False)) or one.bins
    return Series(one.labels, one.value + base.value, bins, one.exemplars)
