"""Every metric's name, and the two files they travel in (DESIGN 9: a leaf).

One table per writer. RELAY: u64 slots in one memory-mapped file per relay worker, so that the hot path is
`view[INDEX] += n` (37 ns against 400 of a client object) and nothing is lost when a worker is killed.
RECORDER: a small JSON file, replaced each second. Admin reads both and asks nobody.
Rules: a slot has one writing thread; counters never go back (a successor goes on where the dead worker
was); gauges begin at 0 with each life, and are such that the sum over all workers means something.
Names: prefix `ocpptap_`, base units, bounded label values, never an id.
"""

from __future__ import annotations

import contextlib
import enum
import mmap
import os
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import msgspec


class Kind(enum.Enum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One row of the table. `series`: all label values of a slot metric; the recorder's come as they come.

    `unit` is what one count of a slot stands for: times are counted in whole nanoseconds.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    series: tuple[tuple[str, ...], ...] = ((),)
    buckets: tuple[float, ...] = ()
    unit: float = 1

    @property
    def width(self) -> int:
        """Slots of one series: a histogram has one per bucket, one for +Inf, one for the sum."""
        return len(self.buckets) + 2 if self.kind is Kind.HISTOGRAM else 1


DIRECTIONS: Final = ("from_charge_point", "from_csms")
INITIATORS: Final = ("charge_point", "csms", "proxy")
OTHER: Final = "other"
NANOSECOND: Final = 1e-9

CLIENT_REASONS: Final = ("gone", "timeout", "tls", "capacity", "journal", "draining", OTHER)
"""Why the charge point's leg of a handshake failed."""
# fmt: off
HEAD_REASONS: Final = (
    "proxy_protocol", "head_too_long", "head_unfinished", "bytes_behind_head", "control_byte", "bare_lf", "bare_cr",
    "request_line", "http_version", "head_method", "method", "target_form", "too_many_headers", "folded_line",
    "header_line", "header_name", "two_hosts", "content_length", "transfer_encoding", "upgrade", "connection",
    "dot_segment", "encoded_separator", "encoded_nul", "fragment", "empty_identity", "identity_too_long", "no_route",
    "bad_head",
)
# fmt: on
"""The rule of proxy/heads that refused a head; a leaf cannot import it, a test compares. Else `bad_head`."""
UPSTREAM_REASONS: Final = (
    "resolve",
    "connect",
    "connect_timeout",
    "tls",
    "tls_timeout",
    "head",
    "head_timeout",
    "gone",
    "busy",
    "status_3xx",
    "status_4xx",
    "status_5xx",
    OTHER,
)
"""Why the CSMS's side failed; `status_…`: it answered, and not with 101."""

APPEND_BUCKETS: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
INSERT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_FAILURES: Final = (
    *product(("charge_point",), (*HEAD_REASONS, *CLIENT_REASONS)),
    *product(("csms",), UPSTREAM_REASONS),
)

RELAY: Final = (
    Metric("ocpptap_connections", Kind.GAUGE, "Charge points connected through the proxy now."),
    Metric("ocpptap_handshakes", Kind.GAUGE, "Connections accepted whose handshake is not finished."),
    Metric("ocpptap_connections_opened_total", Kind.COUNTER, "Tunnels opened: the CSMS answered 101."),
    Metric(
        "ocpptap_connections_closed_total",
        Kind.COUNTER,
        "Tunnels closed, by who ended them.",
        ("initiator",),
        tuple((who,) for who in INITIATORS),
    ),
    Metric(
        "ocpptap_handshake_failures_total",
        Kind.COUNTER,
        "Handshakes that did not become a tunnel, by the leg that failed and why.",
        ("side", "reason"),
        _FAILURES,
    ),
    Metric(
        "ocpptap_relayed_bytes_total",
        Kind.COUNTER,
        "Bytes passed on after the heads.",
        ("direction",),
        tuple((direction,) for direction in DIRECTIONS),
    ),
    Metric(
        "ocpptap_journal_append_seconds",
        Kind.HISTOGRAM,
        "Time one append to the journal took; what the journal adds to a message.",
        buckets=APPEND_BUCKETS,
        unit=NANOSECOND,
    ),
    Metric("ocpptap_journal_bytes_total", Kind.COUNTER, "Bytes appended to the journal."),
    Metric("ocpptap_journal_writers", Kind.GAUGE, "Relay workers whose journal takes bytes."),
    Metric("ocpptap_journal_gaps_total", Kind.COUNTER, "Times the journal stopped taking bytes."),
    Metric("ocpptap_journal_gap_bytes_total", Kind.COUNTER, "Bytes relayed that the journal did not take."),
)

RECORDER: Final = (
    Metric(
        "ocpptap_frames_total",
        Kind.COUNTER,
        "Frames recorded; type is the WebSocket or OCPP-J message type.",
        ("direction", "type"),
    ),
    Metric("ocpptap_frame_bytes_total", Kind.COUNTER, "Payload bytes of frames recorded.", ("direction",)),
    Metric("ocpptap_gaps_total", Kind.COUNTER, "Gaps recorded: what was not seen.", ("kind",)),
    Metric("ocpptap_gap_bytes_total", Kind.COUNTER, "Bytes known to be missing from the record.", ("kind",)),
    Metric("ocpptap_findings_total", Kind.COUNTER, "Findings opened.", ("analyzer", "rule", "severity")),
    Metric("ocpptap_analyzer_errors_total", Kind.COUNTER, "Failures inside an analyzer.", ("analyzer",)),
    Metric("ocpptap_rows_total", Kind.COUNTER, "Rows acknowledged by the store.", ("table",)),
    Metric("ocpptap_recorder_lag_bytes", Kind.GAUGE, "Journal bytes not yet recorded."),
    Metric("ocpptap_recorder_lag_seconds", Kind.GAUGE, "Age of the newest moment that is recorded."),
    Metric(
        "ocpptap_recorder_safe_mode",
        Kind.GAUGE,
        "1 while the recorder writes frames only, after three deaths.",
    ),
    Metric("ocpptap_store_up", Kind.GAUGE, "1 while the store takes rows."),
    Metric("ocpptap_store_errors_total", Kind.COUNTER, "Inserts that failed and were tried again."),
    Metric("ocpptap_store_insert_seconds", Kind.HISTOGRAM, "Time one insert took.", buckets=INSERT_BUCKETS),
)

ADMIN: Final = (
    Metric("ocpptap_build_info", Kind.GAUGE, "Always 1; the version that runs.", ("version", "python")),
    Metric("ocpptap_connections_limit", Kind.GAUGE, "Connections the descriptor limit leaves room for."),
    Metric("ocpptap_part_up", Kind.GAUGE, "1 while the process of that name is up and beats.", ("part",)),
    Metric("ocpptap_part_starts_total", Kind.COUNTER, "Times the process was started.", ("part",)),
)
"""What admin knows by itself or from the supervisor."""

TABLE: Final = (*RELAY, *RECORDER, *ADMIN)
"""All there is; the documentation, dashboards and alerts may name no other."""


def _layout(metrics: Sequence[Metric]) -> dict[tuple[str, ...], int]:
    """(name, label values...) -> first slot. Slot 0 holds the table's fingerprint."""
    places: dict[tuple[str, ...], int] = {}
    at = 1
    for metric in metrics:
        for values in metric.series:
            places[metric.name, *values] = at
            at += metric.width
    return places


INDEX: Final[Mapping[tuple[str, ...], int]] = _layout(RELAY)
SLOT_COUNT: Final = 1 + sum(metric.width * len(metric.series) for metric in RELAY)
_FINGERPRINT: Final = zlib.crc32(repr(sorted(INDEX.items())).encode()) | 1 << 32
_GAUGES: Final = tuple(INDEX[metric.name,] for metric in RELAY if metric.kind is Kind.GAUGE)

CONNECTIONS: Final = INDEX["ocpptap_connections",]
HANDSHAKES: Final = INDEX["ocpptap_handshakes",]
CONNECTIONS_OPENED: Final = INDEX["ocpptap_connections_opened_total",]
CLOSED_BY: Final[Mapping[str, int]] = {
    who: INDEX["ocpptap_connections_closed_total", who] for who in INITIATORS
}
BYTES_FROM_CHARGE_POINT: Final = INDEX["ocpptap_relayed_bytes_total", "from_charge_point"]
BYTES_FROM_CSMS: Final = INDEX["ocpptap_relayed_bytes_total", "from_csms"]
APPEND_SECONDS: Final = INDEX["ocpptap_journal_append_seconds",]
JOURNAL_BYTES: Final = INDEX["ocpptap_journal_bytes_total",]
JOURNAL_WRITERS: Final = INDEX["ocpptap_journal_writers",]
JOURNAL_GAPS: Final = INDEX["ocpptap_journal_gaps_total",]
JOURNAL_GAP_BYTES: Final = INDEX["ocpptap_journal_gap_bytes_total",]

_APPEND_LIMITS_NS: Final = tuple(round(limit / NANOSECOND) for limit in APPEND_BUCKETS)
_APPEND_SUM: Final = APPEND_SECONDS + len(APPEND_BUCKETS) + 1


def handshake_failure(side: str, reason: str) -> int:
    """The slot of one failed handshake; `side`: charge_point or csms; an unknown reason is `other`."""
    place = INDEX.get(("ocpptap_handshake_failures_total", side, reason))
    return INDEX["ocpptap_handshake_failures_total", side, OTHER] if place is None else place


def observe_append(view: memoryview, nanoseconds: int) -> None:
    """One append into the histogram."""
    view[APPEND_SECONDS + bisect_left(_APPEND_LIMITS_NS, nanoseconds)] += 1
    view[_APPEND_SUM] += nanoseconds


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


class Series(msgspec.Struct, frozen=True):
    """One series: a value; for a histogram its sum, with one count per bucket and one for +Inf."""

    labels: tuple[str, ...]
    value: float
    bins: tuple[int, ...] = ()


class Published(msgspec.Struct, frozen=True):
    """What the recorder says once a second; `batch` is the one reached, `at` its newest moment, ns."""

    batch: int
    at: int
    series: dict[str, list[Series]]


def recorder_path(data: Path) -> Path:
    return data / "metrics" / "recorder.json"


def publish(path: Path, published: Published) -> None:
    """Replace the file, or leave the old one: a full disk must not end the recorder."""
    new = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(published))
        new.replace(path)


def read_published(path: Path) -> Published | None:
    """None when there is none, or one that cannot be understood."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Published)
    except (OSError, ValueError):
        return None


# --- what admin shows


class Family(msgspec.Struct, frozen=True):
    """One metric with its values."""

    metric: Metric
    series: list[Series]


def read(data: Path) -> list[Family]:
    """All metrics of a data directory: the relay's summed over its workers, then the recorder's."""
    workers = [values for path in _slot_files(data) if (values := read_slots(path)) is not None]
    published = read_published(recorder_path(data))
    found = published.series if published else {}
    return [*_relay_families(workers), *_recorder_families(found)]


def _relay_families(workers: Sequence[Sequence[int]]) -> Iterator[Family]:
    if not workers:
        return
    totals = [sum(column) for column in zip(*workers, strict=True)]
    for metric in RELAY:
        yield Family(metric, [_slot_series(metric, values, totals) for values in metric.series])


def _slot_series(metric: Metric, values: tuple[str, ...], totals: Sequence[int]) -> Series:
    first = INDEX[metric.name, *values]
    last = first + metric.width - 1
    return Series(values, totals[last] * metric.unit, tuple(totals[first:last]))


def _recorder_families(found: Mapping[str, Iterable[Series]]) -> Iterator[Family]:
    for metric in RECORDER:
        fitting = [series for series in found.get(metric.name, ()) if _fits(metric, series)]
        if fitting:
            yield Family(metric, fitting)


def _fits(metric: Metric, series: Series) -> bool:
    bins = len(metric.buckets) + 1 if metric.kind is Kind.HISTOGRAM else 0
    return len(series.labels) == len(metric.labels) and len(series.bins) == bins
