"""`python -m tests.bench.metrics [--quick]`: what a scrape costs, through a running `python -m proxy.admin`.

The data directory is that of a fleet of 10,000 charge points with every family full: 40 actions both ways, 200 kinds of
fault, two relay workers, three routes. So many series a fleet does not reach: no CSMS sends what charge points send.
A quick run keeps no evidence.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from analyzers import ALL
from proxy import counters, metrics
from proxy.counters import ChargePointFigures, Exemplar, Listed, Published, Series, Slots
from proxy.metrics import Kind, Metric
from proxy.pipeline.tally import TYPES
from proxy.pipeline.words import AUTHORIZATIONS, STOP_REASONS
from proxy.tables import TABLES
from tests.bench.unit import say, show
from tests.evidence import Table, keep

SERIES_LIMIT: Final = 4_000
SCRAPE_LIMIT_MS: Final = 50.0
LISTED: Final = 5_000
LISTED_LIMIT_MS: Final = 100.0
OPEN_METRICS: Final = "application/openmetrics-text;version=1.0.0"
_ACTIONS: Final = tuple(f"SomeLongerAction{number}" for number in range(40))
_WITH_ACTION: Final = ("call", "result", "error")
_RULES: Final = tuple((rule.id, rule.severity.label) for kind in ALL for rule in kind.rules)
_ANALYZERS: Final = tuple((kind.name,) for kind in ALL)
_CALLS: Final = tuple(product(metrics.DIRECTIONS, _ACTIONS))
_FRAMES: Final = (
    *product(metrics.DIRECTIONS, _WITH_ACTION, _ACTIONS),
    *product(metrics.DIRECTIONS, (word for word in TYPES if word not in _WITH_ACTION), ("",)),
)
FULL: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "ocpptap_frames_total": _FRAMES,
    "ocpptap_frame_bytes_total": _FRAMES,
    "ocpptap_connections_closed_total": tuple(product(metrics.INITIATORS, metrics.CLOSE_CODES)),
    "ocpptap_upstream_connect_seconds": tuple((f"csms-{number}.example:443",) for number in range(3)),
    "ocpptap_call_duration_seconds": _CALLS,
    "ocpptap_calls_in_flight": tuple((direction,) for direction in metrics.DIRECTIONS),
    "ocpptap_calls_unanswered_total": _CALLS,
    "ocpptap_call_errors_total": tuple((*call, code) for call in _CALLS for code in ("Timeout", "other")),
    "ocpptap_schema_violations_total": tuple(
        (*call, version) for call in _CALLS for version in ("1.6", "2.0.1")
    ),
    "ocpptap_charge_points": tuple((state,) for state in metrics.CHARGE_POINT_STATES),
    "ocpptap_connectors": tuple((status,) for status in metrics.CONNECTOR_STATUSES),
    "ocpptap_transactions_active": tuple((kind,) for kind in metrics.CURRENTS),
    "ocpptap_transactions_total": tuple(product(metrics.TRANSACTION_OUTCOMES, STOP_REASONS)),
    "ocpptap_energy_delivered_watthours_total": tuple((kind,) for kind in metrics.CURRENTS),
    "ocpptap_authorizations_total": tuple((status,) for status in AUTHORIZATIONS),
    "ocpptap_faults_total": tuple((f"Vendor {n % 10}", f"Model {n % 40}", f"Code{n}") for n in range(200)),
    "ocpptap_findings_total": _RULES,
    "ocpptap_findings_open": _RULES,
    "ocpptap_gaps_total": tuple((f"kind{number}",) for number in range(8)),
    "ocpptap_gap_bytes_total": tuple((f"kind{number}",) for number in range(8)),
    "ocpptap_analyzer_seconds_total": _ANALYZERS,
    "ocpptap_analyzer_errors_total": _ANALYZERS,
    "ocpptap_analyzer_state_entries": _ANALYZERS,
    "ocpptap_store_rows_total": tuple((name,) for name in TABLES),
    "ocpptap_store_table_lag_seconds": tuple((name,) for name in TABLES),
    "ocpptap_store_table_last_success_timestamp_seconds": tuple((name,) for name in TABLES),
    "ocpptap_quarantined_rows_total": tuple((name,) for name in TABLES),
    "ocpptap_label_overflow_total": tuple((metric.name,) for metric in metrics.RECORDER if metric.most),
}
"""Label values of the recorder's families; one that is not named has no labels."""


def series_of(metric: Metric, labels: tuple[str, ...]) -> Series:
    if metric.kind is not Kind.HISTOGRAM:
        return Series(labels, 123_456_789.0)
    bins = tuple(range(1_000, 1_000 + len(metric.buckets) + 1))
    exemplars = [
        Exemplar(bucket, 0.123, time.time(), "0123456789abcdef", "1000001") for bucket in range(len(bins))
    ]
    return Series(
        labels, 123_456.789, bins, tuple(exemplars) if metric.name == "ocpptap_call_duration_seconds" else ()
    )


def fill(data: Path) -> None:
    """What relay and recorder would have written."""
    for worker in (0, 1):
        slots = Slots.open(counters.slots_path(data, worker))
        for index in range(1, counters.SLOT_COUNT):
            slots.set(index, index * 1_000_003)
        slots.close()
    series = {
        metric.name: [series_of(metric, labels) for labels in FULL.get(metric.name, ((),))]
        for metric in metrics.RECORDER
    }
    counters.publish(counters.recorder_path(data), Published(1, 1, series))
    listed = [
        ChargePointFigures(
            f"DE*ABC*E{number:06d}", True, time.time(), [("1", 2), ("2", 0)],
            dict.fromkeys(("info", "warning", "critical"), 0), "Vendor", "Model 7", "1.2.3", "Hamburg",
        )
        for number in range(LISTED)
    ]  # fmt: skip
    counters.publish_listed(counters.listed_path(data), Listed(0, listed))


@contextmanager
def admin(data: Path) -> Iterator[tuple[int, int]]:
    """(its port, its pid)."""
    line, theirs = socket.socketpair()
    with line, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "proxy.admin"]
        process = subprocess.Popen(command, stdin=theirs.fileno(), pass_fds=[listener.fileno()])
        settings = {
            "data": str(data),
            "listener": listener.fileno(),
            "nice": 0,
            "admin": {"charge_points": ["*"]},
        }
        line.sendall(json.dumps(settings).encode() + b"\n")
        line.recv(1)
        parts = [
            {"name": name, "part": name.partition("-")[0], "state": "up", "starts": 1, "pid": process.pid}
            for name in ("relay-0", "relay-1", "recorder", "admin")
        ]
        line.sendall(json.dumps({"order": "status", "parts": parts}).encode() + b"\n")
        yield listener.getsockname()[1], process.pid
        line.shutdown(socket.SHUT_RDWR)
        process.wait(10)


@dataclass(frozen=True)
class Scrapes:
    """One page, many times: ms from the request to its last byte, ms of admin's CPU for one."""

    page: bytes
    times_ms: list[float]
    cpu_ms: float

    @property
    def series(self) -> int:
        return sum(not line.startswith(b"#") for line in self.page.splitlines())

    @property
    def row(self) -> list[str | int | float]:
        ordered = sorted(self.times_ms)
        worst = ordered[int(len(ordered) * 0.95)]
        return [self.series, len(self.page) // 1024, statistics.median(ordered), worst, self.cpu_ms]


def scrape(port: int, pid: int, path: str, accept: str, times: int) -> Scrapes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    found, began = [], _cpu_seconds(pid)
    for _ in range(times):
        start = time.perf_counter()
        connection.request("GET", path, headers={"Accept": accept})
        page = connection.getresponse().read()
        found.append((time.perf_counter() - start) * 1e3)
    spent = _cpu_seconds(pid) - began
    connection.close()
    return Scrapes(page, found, spent / times * 1e3)


def _cpu_seconds(pid: int) -> float:
    """Of all its threads, those that ended too; in ticks of 10 ms (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.metrics", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 scrapes instead of 200, no evidence kept")
    times = 20 if (quick := parser.parse_args(arguments).quick) else 200
    with tempfile.TemporaryDirectory(prefix="ocpptap-bench-") as scratch:
        fill(Path(scratch))
        with admin(Path(scratch)) as (port, pid):
            say(f"{times} scrapes of each page")
            text = scrape(port, pid, "/metrics", "text/plain", times)
            modern = scrape(port, pid, "/metrics", OPEN_METRICS, times)
            listed = scrape(port, pid, "/metrics/charge-points", "text/plain", max(10, times // 10))
    shown, said = [_table(text, modern, listed)], _notes()
    show(shown, said)
    if not quick:
        command = "python -m tests.bench.metrics"
        keep("metrics", "What a scrape of the metrics costs", command, shown, said)
    slowest = max(statistics.median(text.times_ms), statistics.median(modern.times_ms))
    return 0 if text.series <= SERIES_LIMIT and slowest <= SCRAPE_LIMIT_MS else 1


def _table(text: Scrapes, modern: Scrapes, listed: Scrapes) -> Table:
    columns = ["page", "series", "KiB", "median ms", "95 % ms", "CPU ms"]
    rows = [
        ["/metrics, text 0.0.4", *text.row],
        ["/metrics, OpenMetrics with exemplars", *modern.row],
        [f"/metrics/charge-points of {LISTED}", *listed.row],
    ]
    return Table("A scrape, through the running admin process", columns, rows)


def _notes() -> list[str]:
    return [
        f"Targets: at most {SERIES_LIMIT} series and {SCRAPE_LIMIT_MS:g} ms; {LISTED} charge points in "
        f"{LISTED_LIMIT_MS:g} ms.",
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
