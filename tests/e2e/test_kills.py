"""Any part may be killed in the middle of traffic: nothing a peer received is lost, doubled or altered (R2, R4)."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.running import Running, ask, running, until
from tests.e2e.traffic import ChargePoint, Oracle, echoing_csms, more_answers, talking

TEXTS = """
SELECT direction, if(text != '', text, payload) FROM frames
WHERE opcode IN (0, 1) AND message_type > 0 AND charge_point LIKE 'CP%'
"""


def stored(data: Path) -> list[tuple[str, str]]:
    lines = ask(data, TEXTS).splitlines()
    pairs = (line.replace("\\\\", "\\").split("\t") for line in lines)
    return [(way, text) for way, text in pairs]


def everything_is_recorded(data: Path, oracle: Oracle) -> bool:
    texts = set(stored(data))
    return all((way, text) in texts for way, received in oracle.received.items() for text in received)


class Counted:
    """Looks at the metrics now and then; no counter may go back, whoever dies."""

    def __init__(self) -> None:
        self.went_back: list[str] = []
        self._seen: dict[str, float] = {}

    def look(self, run: Running) -> None:
        until(run.admin_answers)
        now = {name: value for name, value in run.metrics().items() if "_total" in name}
        self.went_back += [name for name, value in self._seen.items() if now.get(name, value) < value]
        self._seen |= now


def charge_points(oracle: Oracle, run: Running) -> list[ChargePoint]:
    return [ChargePoint(oracle, run.url, f"CP{n}", "deflate" if n == 2 else None) for n in range(3)]


@pytest.mark.parametrize("part", ["recorder", "store", "admin"])
async def test_killing_what_stands_behind_the_journal_closes_no_connection(part: str, tmp_path: Path) -> None:
    oracle = Oracle()
    async with echoing_csms(oracle) as port:
        with running(tmp_path / "data", f"ws://127.0.0.1:{port}") as run:
            until(lambda: bool(run.pids("store")))
            points = charge_points(oracle, run)
            counted = Counted()
            async with talking(points):
                await more_answers(points, 50)
                for _ in range(2):
                    before = run.pids(part)
                    await asyncio.to_thread(counted.look, run)
                    run.kill(part)
                    await more_answers(points, 50)
                    await asyncio.to_thread(run.restarted, part, before)
                await more_answers(points, 20)
                await asyncio.to_thread(counted.look, run)
            assert counted.went_back == []
            assert [point.connections for point in points] == [1, 1, 1]
        assert oracle.differences(stored(run.data)) == []


async def test_killing_a_relay_worker_loses_no_frame_that_a_peer_received(tmp_path: Path) -> None:
    oracle = Oracle()
    async with echoing_csms(oracle) as port:
        with running(tmp_path / "data", f"ws://127.0.0.1:{port}") as run:
            points, counted = charge_points(oracle, run), Counted()
            async with talking(points):
                for _ in range(3):
                    await more_answers(points, 40)
                    await asyncio.to_thread(counted.look, run)
                    run.kill("relay")
                await more_answers(points, 40)
                await asyncio.to_thread(counted.look, run)
            assert counted.went_back == []
            assert min(point.connections for point in points) == 4
        assert oracle.differences(stored(run.data)) == []
        assert ask(run.data, "SELECT count() > 0 FROM connections WHERE closed_reason = 'relay_lost'") == "1"


async def test_killing_the_supervisor_ends_all_and_the_next_run_goes_on(tmp_path: Path) -> None:
    oracle, data = Oracle(), tmp_path / "data"
    async with echoing_csms(oracle) as port:
        first = Running(data, f"ws://127.0.0.1:{port}")
        points = charge_points(oracle, first)
        async with talking(points):
            await more_answers(points, 60)
            await asyncio.to_thread(first.die)
        with running(data, f"ws://127.0.0.1:{port}") as second:
            points = charge_points(oracle, second)
            for point in points:
                point._calls = 1_000_000
            async with talking(points):
                await more_answers(points, 60)
        assert oracle.differences(stored(data)) == []


async def test_a_stopped_worker_holds_nobody_for_long(tmp_path: Path) -> None:
    """SIGSTOP: its watermark stands still until the supervisor gives it up; then the other's rows arrive."""
    oracle = Oracle()
    async with echoing_csms(oracle) as port:
        upstream = f"ws://127.0.0.1:{port}"
        with running(tmp_path / "data", upstream, "--workers", "2", "--config", str(quick(tmp_path))) as run:
            stopped = run.pids("relay")[0]
            points = charge_points(oracle, run)
            async with talking(points):
                await more_answers(points, 40)
                os.kill(stopped, signal.SIGSTOP)
                await asyncio.to_thread(until, lambda: stopped not in run.pids("relay"))
                await more_answers(points, 20)
            await asyncio.to_thread(until, lambda: everything_is_recorded(run.data, oracle))
        assert oracle.differences(stored(run.data)) == []


def quick(folder: Path) -> Path:
    """A configuration in which a worker without a beat is given up after two seconds."""
    file = folder / "quick.toml"
    file.write_text("[supervisor]\nbeat_limit_seconds = 2.0\n")
    return file
