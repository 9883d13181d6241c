from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics

from proxy import counters, metrics
from proxy.admin.status import Configured, PartStatus
from proxy.counters import Published, Series, Slots
from tests.admin.full import (
    OPEN_METRICS,
    needs_promtool,
    promtool,
    record_everything,
    samples,
)


def types(page: str) -> set[str]:
    return {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}


async def test_every_metric_of_the_table_is_there_and_no_other(admin: Any) -> None:
    record_everything(admin)
    assert types(await admin.page("/metrics")) == {metric.name for metric in metrics.TABLE}


async def test_without_any_file_admin_tells_what_it_knows(admin: Any) -> None:
    admin.says(relay_0="up", recorder="late")
    found = samples(await admin.page("/metrics"))
    assert found["ocpptap_part_up", ("relay-0",)] == 1
    assert found["ocpptap_part_up", ("recorder",)] == 0
    assert found["ocpptap_connections_limit", ()] == 100
    assert found["ocpptap_metrics_series_dropped_total", ()] == 0


async def test_the_build_says_which_it_is(admin: Any) -> None:
    page = await admin.page("/metrics")
    assert re.search(r'ocpptap_build_info{python="3[.\d]+\w*",revision="abc",version="1.2.3"} 1.0\n', page)


async def test_memory_and_descriptors_of_every_process_that_lives(admin: Any) -> None:
    admin.status.parts = (PartStatus("recorder", "recorder", "down", 2, 0),)
    found = samples(await admin.page("/metrics"))
    for part in ("admin", "supervisor"):
        assert found["ocpptap_part_resident_memory_bytes", (part,)] > 1_000_000
        assert found["ocpptap_part_open_descriptors", (part,)] > 2
    assert ("ocpptap_part_open_descriptors", ("recorder",)) not in found


@pytest.mark.parametrize("taken_over", [True, False])
async def test_the_last_reload(admin: Any, taken_over: bool) -> None:
    admin.status.configured = Configured(1.75e9, taken_over)
    found = samples(await admin.page("/metrics"))
    assert found["ocpptap_config_reload_success", ()] == taken_over
    assert found["ocpptap_config_reload_timestamp_seconds", ()] == 1.75e9


async def test_of_a_configuration_nobody_spoke_of_nothing_is_said(admin: Any) -> None:
    assert "config_reload" not in await admin.page("/metrics")


async def test_the_disk_of_the_data_directory(admin: Any) -> None:
    (admin.data / "journal").mkdir()
    (admin.data / "journal" / "p0-00000001-0000-00000001-00000001.journal").write_bytes(b"x" * 1000)
    found = samples(await admin.page("/metrics"))
    assert found["ocpptap_journal_disk_bytes", ()] == 1000
    assert 0 < found["ocpptap_data_free_bytes", ()] < found["ocpptap_data_size_bytes", ()]


async def test_the_fleets_uptime_as_it_was_computed_last(admin: Any) -> None:
    found = samples(await admin.page("/metrics"))
    assert found["ocpptap_fleet_uptime_ratio", ("strict", "24h")] == 0.75


async def test_counts_of_all_workers_and_of_the_recorder(admin: Any) -> None:
    for worker in (0, 1):
        Slots.open(counters.slots_path(admin.data, worker)).add(counters.BYTES_FROM_CSMS, 10)
    frames = {"ocpptap_frames_total": [Series(("from_csms", "call", "Reset"), 7)]}
    counters.publish(counters.recorder_path(admin.data), Published(1, 1, frames))
    found = samples(await admin.page("/metrics"))
    assert found["ocpptap_relayed_bytes_total", ("from_csms",)] == 20
    assert found["ocpptap_frames_total", ("from_csms", "call", "Reset")] == 7


async def test_append_times_are_cumulative_and_in_seconds(admin: Any) -> None:
    slots = Slots.open(counters.slots_path(admin.data, 0))
    for nanoseconds in (40_000, 60_000, 10**9):
        counters.observe_append(slots.view, nanoseconds)
    found = samples(await admin.page("/metrics"))
    buckets = [
        found["ocpptap_journal_append_seconds_bucket", (limit,)]
        for limit in ("5e-05", "0.0001", "0.25", "+Inf")
    ]
    assert buckets == [1, 2, 2, 3]
    assert found["ocpptap_journal_append_seconds_sum", ()] == pytest.approx(1.0001)


async def test_openmetrics_where_it_is_asked_for(admin: Any) -> None:
    record_everything(admin)
    response = await admin.ask("/metrics", Accept=OPEN_METRICS)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = open_metrics(await response.text())  # type: ignore[no-untyped-call]
    assert {family.name for family in families} == {
        metric.name.removesuffix("_total") for metric in metrics.TABLE
    }


async def test_an_exemplar_leads_from_a_bucket_to_its_call(admin: Any) -> None:
    record_everything(admin)
    page = await admin.page("/metrics", Accept=OPEN_METRICS)
    families = open_metrics(page)  # type: ignore[no-untyped-call]
    found = [sample.exemplar for family in families for sample in family.samples if sample.exemplar]
    assert len(found) == sum(metric.kind is metrics.Kind.HISTOGRAM for metric in metrics.RECORDER)
    assert found[0].labels == {"connection_id": "0123456789abcdef", "message_id": 'say "7"\n'}
    assert (found[0].value, float(found[0].timestamp)) == (0.04, 1.8e9)


async def test_the_text_format_knows_no_exemplars(admin: Any) -> None:
    record_everything(admin)
    assert "0123456789abcdef" not in await admin.page("/metrics")


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "text/html, */*;q=0.1", ";;,,"])
async def test_text_else(admin: Any, accept: str) -> None:
    response = await admin.ask("/metrics", Accept=accept)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@needs_promtool
async def test_promtool_finds_nothing_to_say(admin: Any) -> None:
    record_everything(admin)
    assert await promtool(await admin.page("/metrics"), "check", "metrics") == (0, "")


@needs_promtool
async def test_prometheus_own_parser_reads_openmetrics(admin: Any, tmp_path: Path) -> None:
    """promtool takes a page as history, so each sample gets a moment; the rest is as Prometheus scrapes it."""
    record_everything(admin)
    page = await admin.page("/metrics", Accept=OPEN_METRICS)
    dated = re.sub(
        r"^(ocpptap_\w+(?:{(?:[^\"}]|\"(?:\\.|[^\"\\])*\")*})? \S+)", r"\1 1800000000", page, flags=re.M
    )
    (tmp_path / "page").write_text(dated)
    command = ("tsdb", "create-blocks-from", "openmetrics", str(tmp_path / "page"), str(tmp_path / "blocks"))
    code, said = await promtool("", *command)
    assert code == 0, said
