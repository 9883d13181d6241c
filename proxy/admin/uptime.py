"""The fleet's uptime on /metrics: asked now and then by a process of its own, and forgotten when it is old.

Rules: an error is a line in the log and no figure; figures go away when they are older than two periods; the rule's
window (365 days) is asked once a day, and if that fails the others are asked alone; no process outlives `run`. How the
store is asked stands in `uptime_process.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from proxy import log, metrics
from proxy.admin.own import family
from proxy.admin.settings import AdminProcess
from proxy.admin.uptime_process import MODULE, NOBODY, Answer, Question
from proxy.counters import Family, Series

FIRST_SECONDS: Final = 30.0
"""After admin's start: a restart loop costs nothing."""
AGAIN_SECONDS: Final = 60.0
"""When there was no store to ask."""
LEAVE_SECONDS: Final = 2.0
RUN_SECONDS: Final = 900.0
DAY_SECONDS: Final = 86_400.0
YEAR: Final = "365d"
_SLACK_SECONDS: Final = 60.0


class NoStore(Exception):
    """Nobody is there to be asked."""


class Failed(Exception):
    """One line."""


class FleetUptime:
    """What is known now. `clock`: Unix time."""

    def __init__(self, process: AdminProcess, clock: Callable[[], float] = time.time) -> None:
        self._process = process
        self._clock = clock
        self._period = process.admin.uptime_seconds
        self._windows: dict[str, tuple[float, dict[str, float]]] = {}
        self._charge_points: tuple[float, Mapping[str, float]] = 0.0, {}
        self._year_asked_at = -DAY_SECONDS
        self._limit = log.RateLimit(burst=1, seconds=6 * 3600)

    def families(self) -> list[Family]:
        """Of what is not too old."""
        fresh = {name: told for name, told in self._windows.items() if self._is_fresh(told[0], name)}
        ratios = [
            Series((method, name), ratio)
            for name, (_, methods) in fresh.items()
            for method, ratio in methods.items()
        ]
        moments = [Series((name,), at) for name, (at, _) in fresh.items()]
        named = {"ocpptap_fleet_uptime_ratio": ratios, "ocpptap_fleet_uptime_timestamp_seconds": moments}
        return [family(name, series) for name, series in named.items()] if ratios else []

    def charge_points(self) -> Mapping[str, float]:
        """Charge point -> observed uptime over 24 h; without those of whom nothing is known."""
        at, found = self._charge_points
        return found if self._is_fresh(at) else {}

    async def run(self) -> None:
        """Until it is cancelled."""
        if not self._period:
            return
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            wait = self._period
            try:
                await self.refresh()
            except NoStore:
                wait = min(wait, AGAIN_SECONDS)
            except Failed as error:
                self._complain(str(error))
            await asyncio.sleep(wait)

    async def refresh(self) -> None:
        """Ask once. Raises NoStore, Failed."""
        short = [window for window in metrics.UPTIME_WINDOWS if window != YEAR]
        if self._clock() - self._year_asked_at < DAY_SECONDS - _SLACK_SECONDS:
            return self._learn(await self._ask(short))
        try:
            self._learn(await self._ask(metrics.UPTIME_WINDOWS))
        except Failed as error:
            self._complain(str(error))
            self._learn(await self._ask(short))
        self._year_asked_at = self._clock()

    def _is_fresh(self, at: float, window: str = "") -> bool:
        period = max(self._period, DAY_SECONDS) if window == YEAR else self._period
        return self._clock() - at <= 2 * period

    def _learn(self, answer: Answer) -> None:
        now = self._clock()
        self._windows |= {name: (now, methods) for name, methods in answer.windows.items()}
        self._charge_points = now, answer.charge_points

    def _complain(self, error: str) -> None:
        if (left_out := self._limit.allow("uptime", "", self._clock())) is not None:
            log.get_logger().warning("no uptime for /metrics", error=error, left_out=left_out)

    async def _ask(self, windows: Iterable[str]) -> Answer:
        question = Question(self._process.store, self._process.data, tuple(windows))
        try:
            async with asyncio.timeout(RUN_SECONDS):
                return _understood(*await _asked(msgspec.json.encode(question)))
        except TimeoutError:
            raise Failed(f"took longer than {RUN_SECONDS:.0f} s") from None
        except OSError as error:
            raise Failed(f"cannot start: {error}") from None


async def _asked(question: bytes) -> tuple[int | None, bytes, bytes]:
    """The process's exit code, standard output and standard error. Raises OSError: it cannot start."""
    safe = ("-P",) if sys.flags.safe_path else ()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *safe, "-m", MODULE, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        said, error = await _exchange(process, question)
        return process.returncode, said, error
    finally:
        await _end(process)


async def _exchange(process: Process, question: bytes) -> tuple[bytes, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(question + b"\n")
    said, error = await asyncio.gather(process.stdout.read(), process.stderr.read())
    await process.wait()
    return said, error


async def _end(process: Process) -> None:
    """It leaves when its input ends; who does not is killed. Nothing is left of it."""
    assert process.stdin
    process.stdin.close()
    try:
        async with asyncio.timeout(LEAVE_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _understood(code: int | None, said: bytes, error: bytes) -> Answer:
    if code == NOBODY:
        raise NoStore
    if code:
        lines = error.decode("utf-8", "replace").strip().splitlines()
        raise Failed(lines[-1] if lines else f"the process ended with {code}")
    try:
        return msgspec.json.decode(said, type=Answer)
    except msgspec.MsgspecError as wrong:
        raise Failed(str(wrong)) from None
