"""A real Prometheus scrapes both pages: what it says is what counts, exemplars included."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientError, ClientSession

from proxy import counters, metrics
from proxy.counters import ChargePointFigures, Exemplar, Published, Series
from tests.admin.full import list_charge_points, record_everything

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus (Debian) is not installed"
)
WAIT_SECONDS = 20.0
HOSTILE = 'a"b\\c\n\0}# {x="'
"""A vendor's name with everything that could break a page."""


class Prometheus:
    def __init__(self, session: ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def ask(self, api: str, **parameters: str) -> list[Any]:
        """Its answer; [] while there is none."""
        try:
            async with self._session.get(f"{self._url}/api/v1/{api}?{urlencode(parameters)}") as response:
                found = (await response.json())["data"]
        except (ClientError, KeyError):
            return []
        return list(found["result"] if isinstance(found, dict) else found)

    async def until(self, api: str, **parameters: str) -> list[Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := await self.ask(api, **parameters)):
            assert time.monotonic() < deadline, f"nothing about {parameters}"
            await asyncio.sleep(0.05)
        return found

    async def value(self, query: str) -> float:
        [found] = await self.until("query", query=query)
        return float(found["value"][1])


def configuration(target: str) -> str:
    def job(name: str, path: str) -> dict[str, Any]:
        return {"job_name": name, "metrics_path": path, "static_configs": [{"targets": [target]}]}

    jobs = [job("fleet", "/metrics"), job("charge points", "/metrics/charge-points")]
    return json.dumps(
        {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, "scrape_configs": jobs}
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
async def watched(start: Any) -> Any:
    """An admin whose data directory is full, and full of what peers may send."""
    admin = await start(charge_points=("*",))
    record_everything(admin)
    call = Exemplar(3, 0.04, time.time(), "0123456789abcdef", HOSTILE)
    bins = tuple(range(len(metrics.CALL_BUCKETS) + 1))
    series = {
        "ocpptap_faults_total": [Series((HOSTILE, HOSTILE, HOSTILE), 3.0)],
        "ocpptap_call_duration_seconds": [Series(("from_csms", "Reset"), 2.5, bins, (call,))],
    }
    counters.publish(counters.recorder_path(admin.data), Published(1, 1, series))
    list_charge_points(admin, ChargePointFigures(HOSTILE, True, time.time(), [("1", 2)], vendor=HOSTILE))
    return admin


@pytest.fixture
async def prometheus(watched: Any, tmp_path: Path) -> AsyncIterator[Prometheus]:
    (tmp_path / "prometheus.yml").write_text(configuration(watched.url.removeprefix("http://")))
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    async with ClientSession() as session:
        yield Prometheus(session, f"http://{address}")
    process.kill()
    await process.wait()


async def test_prometheus_takes_both_pages_whole(prometheus: Prometheus) -> None:
    for job, metric in (("fleet", "ocpptap_build_info"), ("charge points", "ocpptap_cp_info")):
        assert await prometheus.value(f'up{{job="{job}"}} and on(job) scrape_samples_scraped > 0') == 1
        assert await prometheus.value(metric) == 1
    assert await prometheus.value("sum(ocpptap_faults_total)") == 3
    [fault] = await prometheus.until("query", query="ocpptap_faults_total")
    assert fault["metric"]["vendor"] == HOSTILE.replace("\0", "\ufffd")
    window = {"start": str(time.time() - 600), "end": str(time.time() + 600)}
    [found] = await prometheus.until(
        "query_exemplars", query="ocpptap_call_duration_seconds_bucket", **window
    )
    assert found["exemplars"][0]["labels"]["connection_id"] == "0123456789abcdef"
    assert found["seriesLabels"]["le"] == "0.05"
