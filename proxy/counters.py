"""The two files in which metrics travel (DESIGN 9: a leaf; what they mean stands in `metrics.py`).

RELAY: u64 slots in one memory-mapped file per relay worker, so that the hot path is `view[INDEX] += n` (37 ns against
400 of a client object) and nothing is lost when a worker is killed. RECORDER: a small file, replaced each second.
Admin reads both and asks nobody. Rules: a slot has one writing thread; counters never go back (a successor goes on
where the dead worker was); gauges begin at 0 with each life, and are such that the sum over all workers means
something.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import time
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from proxy.metrics import (
    APPEND_BUCKETS,
    LAG_BUCKETS,
    NANOSECOND,
    OTHER,
    RECORDER,
    RELAY,
    RELAY_BUCKETS,
    Kind,
    Metric,
)


def _layout(metrics: Sequence[Metric]) -> dict[tuple[str, ...], int]:
    """(name, label values...) -> first slot. Slot 0 holds the table's fingerprint: what a slot means."""
    places: dict[tuple[str, ...], int] = {}
    at = 1
    for metric in metrics:
        for values in metric.series:
            places[metric.name, *values] = at
            at += metric.width
    return places


INDEX: Final[Mapping[tuple[str, ...], int]] = _layout(RELAY)
SLOT_COUNT: Final = 1 + sum(metric.width * len(metric.series) for metric in RELAY)
_MEANING: Final = tuple((metric.name, metric.series, metric.buckets, metric.unit) for metric in RELAY)
_FINGERPRINT: Final = zlib.crc32(repr(_MEANING).encode()) | 1 << 32
_GAUGES: Final = tuple(
    INDEX[metric.name, *values] for metric in RELAY if metric.kind is Kind.GAUGE for values in metric.series
)

HANDSHAKES: Final = INDEX["ocpptap_handshakes",]
BYTES_FROM_CHARGE_POINT: Final = INDEX["ocpptap_relayed_bytes_total", "from_charge_point"]
BYTES_FROM_CSMS: Final = INDEX["ocpptap_relayed_bytes_total", "from_csms"]
APPEND_SECONDS: Final = INDEX["ocpptap_journal_append_seconds",]
JOURNAL_BYTES: Final = INDEX["ocpptap_journal_bytes_total",]
JOURNAL_WRITERS: Final = INDEX["ocpptap_journal_writers",]
JOURNAL_GAPS: Final = INDEX["ocpptap_journal_gaps_total",]
JOURNAL_GAP_BYTES: Final = INDEX["ocpptap_journal_gap_bytes_total",]
RELAY_CPU: Final = INDEX["ocpptap_relay_cpu_seconds_total",]


def _limits_ns(buckets: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(limit / NANOSECOND) for limit in buckets)


_APPEND_LIMITS: Final = _limits_ns(APPEND_BUCKETS)
_APPEND_SUM: Final = APPEND_SECONDS + len(APPEND_BUCKETS) + 1
_RELAY_LIMITS: Final = _limits_ns(RELAY_BUCKETS)
_UP: Final = INDEX["ocpptap_relay_seconds", "from_charge_point"]
_DOWN: Final = INDEX["ocpptap_relay_seconds", "from_csms"]
_UP_SUM: Final = _UP + len(RELAY_BUCKETS) + 1
_DOWN_SUM: Final = _DOWN + len(RELAY_BUCKETS) + 1
_LAG: Final = INDEX["ocpptap_loop_lag_seconds",]
_LAG_LIMITS: Final = _limits_ns(LAG_BUCKETS)
_LAG_SUM: Final = _LAG + len(LAG_BUCKETS) + 1
_SLOT_MASK: Final = (1 << 64) - 1


def connected(version: str, profile: int) -> int:
    """The gauge of those with this OCPP version ("" or unknown: other) and security profile."""
    place = INDEX.get(("ocpptap_connections", version, str(profile)))
    return INDEX["ocpptap_connections", OTHER, str(profile)] if place is None else place


def opened(listener: str, version: str) -> int:
    """The counter of tunnels opened; `listener`: plain or tls."""
    place = INDEX.get(("ocpptap_connections_opened_total", listener, version))
    return INDEX["ocpptap_connections_opened_total", listener, OTHER] if place is None else place


def handshake_failure(side: str, reason: str) -> int:
    """The slot of one failed handshake; `side`: charge_point or csms; an unknown reason is `other`."""
    place = INDEX.get(("ocpptap_handshake_failures_total", side, reason))
    return INDEX["ocpptap_handshake_failures_total", side, OTHER] if place is None else place


def observe_append(view: memoryview, nanoseconds: int) -> None:
    """One append into the histogram."""
    view[APPEND_SECONDS + bisect_left(_APPEND_LIMITS, nanoseconds)] += 1
    view[_APPEND_SUM] += nanoseconds


def observe_relay(view: memoryview, nanoseconds: int, from_charge_point: int, from_csms: int) -> None:
    """So many chunks of each direction that were here no longer than this.

    With `durability = "sync"` these sums may pass 2**64 within years: they begin anew then, as a counter may.
    """
    bucket = bisect_left(_RELAY_LIMITS, nanoseconds)
    if from_charge_point:
        view[_UP + bucket] += from_charge_point
        view[_UP_SUM] = (view[_UP_SUM] + nanoseconds * from_charge_point) & _SLOT_MASK
    if from_csms:
        view[_DOWN + bucket] += from_csms
        view[_DOWN_SUM] = (view[_DOWN_SUM] + nanoseconds * from_csms) & _SLOT_MASK


def observe_lag(view: memoryview, nanoseconds: int) -> None:
    """By how much the event loop was late once."""
    view[_LAG + bisect_left(_LAG_LIMITS, nanoseconds)] += 1
    view[_LAG_SUM] += nanoseconds


# --- the relay's slots


def slots_path(data: Path, worker: int) -> Path:
    return data / "metrics" / f"relay-{worker}.slots"


class Slots:
    """One worker's counters. `view[INDEX] += n` is the hot path; one writing thread per slot.

    When the file cannot be made or used (full disk), memory stands in: traffic goes on, uncounted to the
    outside. The file is allocated in full, because a write into a hole of a full disk is a SIGBUS.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self.view: memoryview = memoryview(memory).cast("Q")
        if self.view[0] != _FINGERPRINT:
            self._clear()
        for index in _GAUGES:
            self.view[index] = 0

    @classmethod
    def open(cls, path: Path) -> Slots:
        """Go on with the predecessor's counts, or begin. Never raises for want of a file."""
        try:
            return cls(_mapped(path))
        except OSError:
            return cls(mmap.mmap(-1, SLOT_COUNT * 8))

    def _clear(self) -> None:
        for index in range(1, SLOT_COUNT):
            self.view[index] = 0
        self.view[0] = _FINGERPRINT

    def add(self, index: int, count: int = 1) -> None:
        self.view[index] += count

    def set(self, index: int, value: int) -> None:
        self.view[index] = value

    def close(self) -> None:
        self.view.release()
        self._memory.close()


def _mapped(path: Path) -> mmap.mmap:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, SLOT_COUNT * 8)
        return mmap.mmap(descriptor, SLOT_COUNT * 8)
    finally:
        os.close(descriptor)


def _slot_files(data: Path) -> list[Path]:
    return sorted((data / "metrics").glob("relay-*.slots"))


def reset_gauges(data: Path) -> None:
    """At the start of a run: a worker that was killed, or is no longer wanted, left its gauges standing."""
    for path in _slot_files(data):
        Slots.open(path).close()


def read_slots(path: Path) -> list[int] | None:
    """All slots, or None when there is no such file or it has another table's layout."""
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), SLOT_COUNT * 8, prot=mmap.PROT_READ) as memory,
            memoryview(memory) as raw,
            raw.cast("Q") as view,
        ):
            values = view.tolist()
    except (OSError, ValueError):
        return None
    return values if values[0] == _FINGERPRINT else None


# --- the recorder's file


class Exemplar(msgspec.Struct, frozen=True, array_like=True):
    """One observation that fell into bucket number `bucket`: seconds, when (Unix seconds), and the call it was."""

    bucket: int
    value: float
    at: float
    connection_id: str
    message_id: str


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One series: a value; for a histogram its sum, with one count per bucket and one for +Inf, and of some buckets
    the last observation."""

    labels: tuple[str, ...]
    value: float
    bins: tuple[int, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()


class Published(msgspec.Struct, frozen=True):
    """What the recorder says once a second; `batch` is the one reached, `at` its newest moment, ns."""

    batch: int
    at: int
    series: dict[str, list[Series]]


_File = TypeVar("_File")


def recorder_path(data: Path) -> Path:
    return data / "metrics" / "recorder.json"


def publish(path: Path, published: Published) -> None:
    """Replace the file, or leave the old one: a full disk must not end the recorder."""
    _replace(path, published)


def read_published(path: Path) -> Published | None:
    """None when there is none, or one that cannot be understood."""
    return _read(path, Published)


# --- the charge points' own figures, which the recorder writes only when somebody asked for them


class ChargePointFigures(msgspec.Struct, frozen=True):
    """One charge point as it stands. `seen_at`: when it was last heard of (Unix seconds). `connectors`: ("1", or of
    2.x "2.1"; place of its status in `metrics.CONNECTOR_STATUSES`). `findings`: how many are open, by severity."""

    charge_point: str
    connected: bool
    seen_at: float
    connectors: list[tuple[str, int]] = []
    findings: dict[str, int] = {}
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    site: str = ""


class Listed(msgspec.Struct, frozen=True):
    """By name; `left_out`: how many more were asked for than the limit lets through."""

    left_out: int
    charge_points: list[ChargePointFigures]


def listed_path(data: Path) -> Path:
    return data / "metrics" / "charge-points.json"


def publish_listed(path: Path, listed: Listed) -> None:
    """Replace the file, or leave the old one."""
    _replace(path, listed)


def read_listed(path: Path) -> Listed | None:
    """None when there is none, or one that cannot be understood."""
    return _read(path, Listed)


def _replace(path: Path, value: Published | Listed) -> None:
    new = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(value))
        new.replace(path)


def _read(path: Path, kind: type[_File]) -> _File | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, ValueError, RecursionError):
        return None


# --- what admin shows


class Family(msgspec.Struct, frozen=True):
    """One metric with its values."""

    metric: Metric
    series: list[Series]


def read(data: Path) -> list[Family]:
    """All metrics of a data directory: the relay's, over all its workers, then the recorder's."""
    files = ((path.stem.removeprefix("relay-"), read_slots(path)) for path in _slot_files(data))
    workers = {worker: values for worker, values in files if values is not None}
    return [*_relay_families(workers), *_recorder_families(_found(recorder_path(data)))]


STALE_SECONDS: Final = 15.0
_BEHIND: Final = "ocpptap_recorder_lag_seconds"
_STANDS: Final = frozenset(
    {
        "ocpptap_store_last_success_timestamp_seconds",
        *(metric.name for metric in RECORDER if metric.kind is not Kind.GAUGE),
    }
)
"""What a recorder that is gone has said, and is still so."""


def _found(path: Path) -> Mapping[str, list[Series]]:
    """A file that nobody replaces any more says what was counted, and nothing of what is now: that would look like an
    idle, healthy fleet. How far behind the record is, is known without the recorder."""
    published = read_published(path)
    try:
        now, written = time.time(), path.stat().st_mtime
    except OSError:
        return {}
    if published is None:
        return {}
    if now - written <= STALE_SECONDS:
        return published.series
    standing = {name: series for name, series in published.series.items() if name in _STANDS}
    return standing | {_BEHIND: [Series((), max(0.0, now - published.at / 1e9))]}


def _relay_families(workers: Mapping[str, Sequence[int]]) -> Iterator[Family]:
    if not workers:
        return
    totals = [sum(column) for column in zip(*workers.values(), strict=True)]
    for metric in RELAY:
        if metric.worker_label:
            yield Family(
                metric, [_slot_series(metric, (), slots, (name,)) for name, slots in workers.items()]
            )
        else:
            yield Family(metric, [_slot_series(metric, values, totals, values) for values in metric.series])


def _slot_series(
    metric: Metric, values: tuple[str, ...], slots: Sequence[int], labels: tuple[str, ...]
) -> Series:
    first = INDEX[metric.name, *values]
    last = first + metric.width - 1
    return Series(labels, slots[last] * metric.unit, tuple(slots[first:last]))


def _recorder_families(found: Mapping[str, Iterable[Series]]) -> Iterator[Family]:
    for metric in RECORDER:
        fitting = [series for series in found.get(metric.name, ()) if _fits(metric, series)]
        if fitting:
            yield Family(metric, fitting)


def _fits(metric: Metric, series: Series) -> bool:
    bins = len(metric.buckets) + 1 if metric.kind is Kind.HISTOGRAM else 0
    return len(series.labels) == len(metric.labels) and len(series.bins) == bins
