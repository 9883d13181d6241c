"""What the recorder publishes once a second for `/metrics`, and how its counters never go back (issue: admin).

Counters live in the pipeline's state and are checkpointed, so a replay counts nothing twice. After a restart
nothing is published until the batch of the last published file is passed again. If the checkpoints were lost, the
replay may begin later than the counting did: what is then missing is added from that file.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from proxy import counters
from proxy.counters import Published, Series
from proxy.names import DIRECTIONS, batch_parts
from proxy.pipeline.runner_state import Counts
from proxy.pipeline.tally import TYPES, Tally
from proxy.recorder.inserter import Inserter
from proxy.recorder.recorder import Recorder

_COUNTERS: Final = frozenset(
    metric.name for metric in counters.RECORDER if metric.kind is not counters.Kind.GAUGE
)
_NS: Final = 1e9
Values = dict[str, list[Series]]


def tallied(tally: Tally) -> Values:
    """The pipeline's counts as series."""
    frames = [
        Series((direction.label, word), float(count))
        for direction in DIRECTIONS
        for word, count in zip(TYPES, tally.frames[direction - 1], strict=True)
    ]
    return {
        "ocpptap_frames_total": frames,
        "ocpptap_frame_bytes_total": [
            Series((direction.label,), float(tally.bytes[direction - 1])) for direction in DIRECTIONS
        ],
        "ocpptap_gaps_total": [Series((kind,), float(count)) for kind, count in tally.gaps.items()],
        "ocpptap_gap_bytes_total": [Series((kind,), float(size)) for kind, size in tally.gap_bytes.items()],
    }


def _analyzed(counts: Counts) -> Values:
    return {
        "ocpptap_findings_total": [
            Series(tuple(key.split(" ")), float(count)) for key, count in counts.opened.items()
        ],
        "ocpptap_analyzer_errors_total": [
            Series((name,), float(count)) for name, count in counts.failures.items()
        ],
    }


def _stored(inserter: Inserter) -> Values:
    return {
        "ocpptap_rows_total": [Series((table,), float(count)) for table, count in inserter.rows.items()],
        "ocpptap_store_up": [Series((), 0.0 if inserter.last_error else 1.0)],
        "ocpptap_store_errors_total": [Series((), float(inserter.failures))],
        "ocpptap_store_insert_seconds": [Series((), inserter.insert_seconds, tuple(inserter.insert_bins))],
    }


def current(recorder: Recorder) -> Values:
    """All series of the recorder, as they stand."""
    runner = recorder.pipeline.understanding.runner
    lag, stored_at = recorder.journal.lag_bytes, recorder.inserter.stored_at
    behind = bool(stored_at) and (lag > 0 or not recorder.inserter.idle)
    age = max(0.0, time.time() - stored_at / _NS) if behind else 0.0
    return {
        **tallied(recorder.pipeline.batcher.tally),
        **_analyzed(runner.counts if runner is not None else Counts()),
        **_stored(recorder.inserter),
        "ocpptap_recorder_lag_bytes": [Series((), float(lag))],
        "ocpptap_recorder_lag_seconds": [Series((), age)],
        "ocpptap_recorder_safe_mode": [Series((), 1.0 if runner is None else 0.0)],
    }


class Figures:
    """Publishes; `base` is what an earlier life counted and this one cannot count again."""

    def __init__(self, data: Path) -> None:
        self._path = counters.recorder_path(data)
        self._last = counters.read_published(self._path)
        self._base: dict[tuple[str, tuple[str, ...]], Series] = {}
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
        known = {(name, series.labels): series for name in values for series in values[name]}
        for key, base in self._base.items():
            known[key] = _sum(known.get(key), base)
        raised: Values = {}
        for (name, _), series in known.items():
            raised.setdefault(name, []).append(series)
        return raised


def _missing(before: Values, now: Values) -> dict[tuple[str, tuple[str, ...]], Series]:
    """By how much each counter stands below what was published."""
    known = {(name, series.labels): series for name in now for series in now[name]}
    missing = {}
    for name in _COUNTERS & before.keys():
        for series in before[name]:
            counted = known.get((name, series.labels))
            rest = _difference(series, counted)
            if rest.value > 0:
                missing[name, series.labels] = rest
    return missing


def _difference(before: Series, now: Series | None) -> Series:
    if now is None:
        return before
    bins = tuple(max(0, old - new) for old, new in zip(before.bins, now.bins, strict=False))
    return Series(before.labels, before.value - now.value, bins)


def _sum(one: Series | None, base: Series) -> Series:
    if one is None:
        return base
    bins = tuple(a + b for a, b in zip(one.bins, base.bins, strict=False)) or one.bins
    return Series(one.labels, one.value + base.value, bins)
