"""Two workers' journals are one stream: in order, complete, and the same when recorded again from scratch."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from proxy import counters
from proxy.metrics import RELAY, Kind
from tests.e2e.running import Running, ask, running, until
from tests.e2e.test_kills import charge_points, everything_is_recorded, quick, stored
from tests.e2e.traffic import ChargePoint, Oracle, echoing_csms, more_answers, talking
from tests.recorder.process import digests, record_all


def opened_by(run: Running, worker: int) -> int:
    slots = counters.read_slots(counters.slots_path(run.data, worker))
    return 0 if slots is None else slots[counters.opened("plain", "1.6")]


def counted(run: Running) -> dict[tuple[str, ...], tuple[float, ...]]:
    """What both relay workers have counted up to now, without what only stands now."""
    families = [family for family in counters.read(run.data) if family.metric in RELAY]
    return {
        (family.metric.name, *series.labels): (series.value, *series.bins)
        for family in families
        if family.metric.kind is not Kind.GAUGE
        for series in family.series
    }


def nothing_went_back(before: dict[tuple[str, ...], tuple[float, ...]], run: Running) -> bool:
    now = counted(run)
    return all(was <= now[series][place] for series in before for place, was in enumerate(before[series]))


async def reconnect_until_both_workers_served(oracle: Oracle, run: Running) -> None:
    """The kernel chooses the worker; so a charge point connects anew until both counters have moved."""
    for attempt in range(200):
        point = ChargePoint(oracle, run.url, "CP_roaming")
        point._calls = 1000 * attempt
        async with talking([point]):
            await more_answers([point], 1)
        if opened_by(run, 0) and opened_by(run, 1):
            return
    raise AssertionError("one worker never got a connection")


async def test_what_two_workers_journal_is_recorded_the_same_from_scratch(tmp_path: Path) -> None:
    oracle = Oracle()
    async with echoing_csms(oracle) as port:
        upstream = f"ws://127.0.0.1:{port}"
        with running(tmp_path / "data", upstream, "--workers", "2", "--config", str(quick(tmp_path))) as run:
            await reconnect_until_both_workers_served(oracle, run)
            points = charge_points(oracle, run)
            async with talking(points):
                await more_answers(points, 30)
                run.kill("recorder")
                await more_answers(points, 30)
                before = counted(run)
                run.kill("relay")
                await more_answers(points, 30)
                assert nothing_went_back(before, run)
            assert {("ocpptap_relay_cpu_seconds_total", worker) for worker in "01"} <= set(before)
            await asyncio.to_thread(until, lambda: everything_is_recorded(run.data, oracle))
    assert oracle.differences(stored(tmp_path / "data")) == []
    scratch = tmp_path / "scratch"
    shutil.copytree(tmp_path / "data" / "journal", scratch / "journal")
    record_all(scratch)
    assert digests(scratch) == digests(tmp_path / "data")
    assert ask(scratch, "SELECT uniqExact(worker) FROM connections") == "2"
