"""A part is stopped in the middle of traffic, not killed (for that: tests/kills). And what others need to ask so."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

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


def charge_points(oracle: Oracle, run: Running) -> list[ChargePoint]:
    return [ChargePoint(oracle, run.url, f"CP{n}", "deflate" if n == 2 else None) for n in range(3)]


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
