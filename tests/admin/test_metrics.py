from __future__ import annotations

import asyncio
import shutil
from asyncio.subprocess import PIPE, STDOUT
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from proxy import counters
from proxy.counters import Kind, Published, Series, Slots

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def value_of(metric: counters.Metric, values: tuple[str, ...]) -> Series:
    bins = tuple(range(len(metric.buckets) + 1)) if metric.kind is Kind.HISTOGRAM else ()
    return Series(values, 2.5, bins)


def record_everything(admin: Any) -> None:
    """Each metric of the table gets a series."""
    slots = Slots.open(counters.slots_path(admin.data, 0))
    for index in range(1, counters.SLOT_COUNT):
        slots.set(index, index)
    series = {
        metric.name: [value_of(metric, tuple(f'a "{label}"\n' for label in metric.labels))]
        for metric in counters.RECORDER
    }
    counters.publish(counters.recorder_path(admin.data), Published(1, 1, series))
    admin.says(relay_0="up", recorder="down")


async def samples(admin: Any) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in plain_text(await admin.page("/metrics"))
        for sample in family.samples
    }


async def test_every_metric_of_the_table_is_there_and_no_other(admin: Any) -> None:
    record_everything(admin)
    types = [
        line.split()[2] for line in (await admin.page("/metrics")).splitlines() if line.startswith("# TYPE")
    ]
    assert types == [metric.name for metric in (*counters.ADMIN, *counters.RELAY, *counters.RECORDER)]


async def test_without_any_file_admin_tells_what_it_knows(admin: Any) -> None:
    admin.says(relay_0="up", recorder="late")
    found = await samples(admin)
    assert found["ocpptap_part_up", ("relay-0",)] == 1
    assert found["ocpptap_part_up", ("recorder",)] == 0
    assert found["ocpptap_connections_limit", ()] == 100


async def test_counts_of_all_workers_and_of_the_recorder(admin: Any) -> None:
    for worker in (0, 1):
        Slots.open(counters.slots_path(admin.data, worker)).add(counters.BYTES_FROM_CSMS, 10)
    frames = {"ocpptap_frames_total": [Series(("from_csms", "call"), 7)]}
    counters.publish(counters.recorder_path(admin.data), Published(1, 1, frames))
    found = await samples(admin)
    assert found["ocpptap_relayed_bytes_total", ("from_csms",)] == 20
    assert found["ocpptap_frames_total", ("from_csms", "call")] == 7


async def test_append_times_are_cumulative_and_in_seconds(admin: Any) -> None:
    slots = Slots.open(counters.slots_path(admin.data, 0))
    for nanoseconds in (40_000, 60_000, 10**9):
        counters.observe_append(slots.view, nanoseconds)
    found = await samples(admin)
    buckets = [
        found["ocpptap_journal_append_seconds_bucket", (limit,)]
        for limit in ("5e-05", "0.0001", "0.25", "+Inf")
    ]
    assert buckets == [1, 2, 2, 3]
    assert found["ocpptap_journal_append_seconds_sum", ()] == pytest.approx(1.0001)


async def test_openmetrics_where_it_is_asked_for(admin: Any) -> None:
    record_everything(admin)
    response = await admin.ask("/metrics", Accept=OPEN_METRICS)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    families = open_metrics(await response.text())  # type: ignore[no-untyped-call]
    assert {family.name for family in families} == {
        metric.name.removesuffix("_total") for metric in counters.TABLE
    }


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/plain", "application/openmetrics-text;version=x", ";;,,"]
)
async def test_text_else(admin: Any, accept: str) -> None:
    response = await admin.ask("/metrics", Accept=accept)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith(
        ("text/plain; version=", "application/openmetrics-text")
    )


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
async def test_promtool_finds_nothing_to_say(admin: Any) -> None:
    record_everything(admin)
    page = await admin.page("/metrics")
    promtool = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await promtool.communicate(page.encode())
    assert (promtool.returncode, said) == (0, b"")
