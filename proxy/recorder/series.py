"""The recorder's series as they stand: what the pipeline counted, what a look at it shows, what the store took.

Gives every metric of `metrics.RECORDER`, and no other. What is counted stands in the checkpoint (`tally`, the runner's
`counts`); the rest is of this life, and `figures.py` goes on from what an earlier one published. A look at all charge
points is taken every 10 s.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from proxy.counters import Exemplar, Series
from proxy.metrics import CLOSE_CODES, CURRENTS, INITIATORS, OTHER, TRANSACTION_OUTCOMES
from proxy.names import DIRECTIONS
from proxy.pipeline.census import Gauges, census
from proxy.pipeline.counting import Counting, Last
from proxy.pipeline.runner_state import Counts
from proxy.pipeline.tally import MOST, OVERFLOW, TYPES, Tally
from proxy.pipeline.words import AUTHORIZATIONS, LABELS, MAX_WORD, STOP_REASONS
from proxy.recorder.inserter import Inserter
from proxy.recorder.recorder import Recorder
from proxy.tables import INSERT_ORDER

LOOK_SECONDS: Final = 10.0
_NS: Final = 1e9
_MILLI: Final = 1e3
Values = dict[str, list[Series]]

_FROM_THE_BEGINNING: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "ocpptap_connections_closed_total": tuple(product(INITIATORS, CLOSE_CODES)),
    OVERFLOW: tuple((metric,) for metric in MOST),
    "ocpptap_transactions_total": tuple(product(TRANSACTION_OUTCOMES, (*STOP_REASONS.values(), OTHER))),
    "ocpptap_authorizations_total": tuple((status,) for status in (*AUTHORIZATIONS.values(), OTHER)),
}
"""Few and known beforehand: they are 0 before the first is counted, so that a rate sees the first."""


class Looks:
    """The series of `recorder`, each time it is called."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._gauges: Values = {}
        self._due = 0.0
        self._reached = 0

    def __call__(self) -> Values:
        recorder = self._recorder
        runner = recorder.pipeline.understanding.runner
        return {
            **tallied(recorder.pipeline.batcher.tally, recorder.pipeline.counting),
            **_analyzed(runner.counts if runner is not None else Counts()),
            **self._looked(),
            **_stored(recorder.inserter),
            **_own(recorder, self._behind_seconds()),
        }

    def _behind_seconds(self) -> float:
        """How old the newest moment is that is recorded and stored. Where nothing passes and nothing waits, it is now:
        the first frame after a quiet night is not a night behind."""
        recorder = self._recorder
        stored_at, idle = recorder.inserter.stored_at, recorder.inserter.idle
        if idle and not recorder.journal.lag_bytes:
            self._reached = recorder.pipeline.time.at
            return 0.0
        newest = max(stored_at, self._reached)
        return max(0.0, time.time() - newest / _NS) if newest else 0.0

    def hurry(self) -> None:
        """Look anew at once."""
        self._due = 0.0

    def _looked(self) -> Values:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + LOOK_SECONDS
            self._gauges = _gauges(census(self._recorder.pipeline))
        return self._gauges


def tallied(tally: Tally, counting: Counting | None = None) -> Values:
    """The pipeline's counts as series; with exemplars when `counting` has kept some."""
    frames, sizes = [], []
    for labels, (count, size) in _frames(tally):
        frames.append(Series(labels, float(count)))
        sizes.append(Series(labels, float(size)))
    counted = {name: dict.fromkeys(labels, 0) for name, labels in _FROM_THE_BEGINNING.items()}
    for name, counts in tally.counts.items():
        counted[name] = counted.get(name, {}) | counts
    return {
        "ocpptap_frames_total": frames,
        "ocpptap_frame_bytes_total": sizes,
        "ocpptap_call_duration_seconds": list(_calls(tally, counting)),
        "ocpptap_upstream_connect_seconds": [
            _histogram((upstream,), bins) for upstream, bins in tally.connects.items()
        ],
        "ocpptap_energy_delivered_watthours_total": [
            Series((kind,), tally.milliwatt_hours.get(kind, 0) / _MILLI) for kind in CURRENTS
        ],
        **_gauges(counted),
    }


def _frames(tally: Tally) -> Iterator[tuple[tuple[str, str, str], list[int]]]:
    for direction in DIRECTIONS:
        for word, cells in zip(TYPES, tally.frames[direction], strict=True):
            for action, cell in cells.items():
                yield (LABELS[direction], word, action), cell


def _calls(tally: Tally, counting: Counting | None) -> Iterator[Series]:
    for direction in DIRECTIONS:
        for action, bins in tally.calls[direction].items():
            last: Last = [] if counting is None else counting.last_calls(direction, action)
            yield _histogram((LABELS[direction], action), bins, tuple(_exemplars(last)))


def _histogram(labels: tuple[str, ...], bins: Sequence[int], exemplars: tuple[Exemplar, ...] = ()) -> Series:
    """`bins`: the counts, then the sum in ns."""
    return Series(labels, bins[-1] / _NS, tuple(bins[:-1]), exemplars)


def _exemplars(last: Last) -> Iterator[Exemplar]:
    for bucket, fact in enumerate(last):
        if fact is not None:
            seconds, at = fact.latency_ns / _NS, fact.at / _NS
            yield Exemplar(bucket, seconds, at, fact.connection_id, _short(fact.message_id))


def _short(told: str) -> str:
    """An exemplar's labels have 128 characters in all (OpenMetrics 1.0): a longer message id is left out."""
    return told if len(told) <= MAX_WORD and told.isprintable() else ""


def _gauges(counts: Gauges) -> Values:
    return {
        name: [Series(labels, float(count)) for labels, count in series.items()]
        for name, series in counts.items()
    }


def _analyzed(counts: Counts) -> Values:
    opened = ((key.rpartition(" "), count) for key, count in counts.opened.items())
    return {
        "ocpptap_findings_total": [
            Series((rule, severity), float(count)) for (rule, _, severity), count in opened
        ],
        "ocpptap_analyzer_errors_total": [
            Series((name,), float(count)) for name, count in counts.failures.items()
        ],
    }


def _stored(inserter: Inserter) -> Values:
    last = [Series((), inserter.last_success)] if inserter.last_success else []
    now = time.time()
    return {
        "ocpptap_store_rows_total": [
            Series((table,), float(count)) for table, count in inserter.rows.items()
        ],
        "ocpptap_store_queue_rows": [Series((), float(inserter.waiting_rows))],
        "ocpptap_store_last_success_timestamp_seconds": last,
        "ocpptap_store_table_lag_seconds": [
            Series((table,), inserter.lag_seconds(table, now)) for table in INSERT_ORDER
        ],
        "ocpptap_store_table_last_success_timestamp_seconds": [
            Series((table,), when) for table, when in tuple(inserter.succeeded.items())
        ],
        "ocpptap_quarantined_rows_total": [
            Series((table,), float(count)) for table, count in inserter.quarantined.items()
        ],
        "ocpptap_store_up": [Series((), 0.0 if inserter.last_error else 1.0)],
        "ocpptap_store_errors_total": [Series((), float(inserter.failures))],
        "ocpptap_store_insert_seconds": [Series((), inserter.insert_seconds, tuple(inserter.insert_bins))],
    }


def _own(recorder: Recorder, behind_seconds: float) -> Values:
    """How far behind it is, and what it costs."""
    spent = recorder.sampling.seconds
    return {
        "ocpptap_recorder_lag_bytes": [Series((), float(recorder.journal.lag_bytes))],
        "ocpptap_recorder_lag_seconds": [Series((), behind_seconds)],
        "ocpptap_recorder_safe_mode": [Series((), float(recorder.pipeline.understanding.safe))],
        "ocpptap_recorder_cpu_seconds_total": [Series((), time.process_time())],
        "ocpptap_analyzer_seconds_total": [Series((name,), seconds) for name, seconds in spent.items()],
    }
