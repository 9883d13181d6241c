"""A data directory in which every metric has a series, and how a page is read."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE, STDOUT
from typing import Any, Final

import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families as plain_text

from proxy import counters, metrics
from proxy.admin.status import Configured, PartStatus
from proxy.counters import ChargePointFigures, Exemplar, Listed, Published, Series, Slots
from proxy.metrics import Kind, Metric

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
Samples = dict[tuple[str, tuple[str, ...]], float]
CP1 = ChargePointFigures(
    "CP1", True, 1.8e9, [("1", 0), ("2.1", 9)], {"critical": 2}, 'Say "hi"', "M\\1", "1\n2", "Hamburg"
)
CP2 = ChargePointFigures("CP2", False, 0.0)
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed"
)


def series_of(metric: Metric, values: tuple[str, ...]) -> Series:
    if metric.kind is not Kind.HISTOGRAM:
        return Series(values, 2.5)
    bins = tuple(range(len(metric.buckets) + 1))
    return Series(values, 2.5, bins, (Exemplar(3, 0.04, 1.8e9, "0123456789abcdef", 'say "7"\n'),))


def record_everything(admin: Any) -> None:
    """Each metric of the table gets a series."""
    slots = Slots.open(counters.slots_path(admin.data, 0))
    for index in range(1, counters.SLOT_COUNT):
        slots.set(index, index)
    series = {
        metric.name: [series_of(metric, tuple(f'a "{label}"\n\\' for label in metric.labels))]
        for metric in metrics.RECORDER
    }
    counters.publish(counters.recorder_path(admin.data), Published(1, 1, series))
    list_charge_points(admin, CP1, CP2)
    certificate = admin.data / "listener.pem"
    trustme.CA().issue_cert("proxy.example").cert_chain_pems[0].write_to_path(str(certificate))
    (admin.data / "journal").mkdir()
    admin.status.parts = (PartStatus("relay-0", "relay", "up", 3, os.getpid()),)
    admin.status.configured = Configured(1.8e9, ok=True)
    admin.status.certificates = (("listener", str(certificate)),)


def list_charge_points(admin: Any, *charge_points: ChargePointFigures, left_out: int = 0) -> None:
    counters.publish_listed(counters.listed_path(admin.data), Listed(left_out, list(charge_points)))


def samples(page: str) -> Samples:
    """(name, label values in the table's order) -> value."""
    return {
        (sample.name, _in_order(sample.name, sample.labels)): sample.value
        for family in plain_text(page)
        for sample in family.samples
    }


_LABELS: Final = {metric.name: metric.labels for metric in (*metrics.TABLE, *metrics.CHARGE_POINTS)}


def _in_order(name: str, labels: dict[str, str]) -> tuple[str, ...]:
    base = next((name.removesuffix(end) for end in ("_bucket", "_sum", "_count") if name.endswith(end)), name)
    known = _LABELS.get(name) or _LABELS.get(base, ())
    return tuple(labels[word] for word in (*known, "le") if word in labels)


async def promtool(page: str, *command: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        "promtool", *command, stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await process.communicate(page.encode())
    return process.returncode, said.decode()
