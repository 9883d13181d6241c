"""What a simulator process says: JSON lines for programs, progress on stderr for a terminal; its signals.

SIGTERM and SIGINT end it in order, a second one at once; SIGUSR1 asks for a summary in between.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

Report = Callable[[], dict[str, Any]]
Progress = Callable[[], str]


class Console:
    """One process's output."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._start = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def line(self, report: dict[str, Any]) -> None:
        self.clear()
        print(json.dumps(report, separators=(",", ":")), file=self._out, flush=True)

    def progress(self, text: str) -> None:
        if self._terminal:
            seconds = time.monotonic() - self._start
            print(f"\r\x1b[2K{seconds:5.0f} s  {text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)


async def serve_until_signal(
    console: Console, ready: str, report: Report, progress: Progress, seconds: float | None = None
) -> None:
    """Until the first SIGTERM or SIGINT, or for so many seconds. Says `ready` when the signals are heard."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, lambda: console.line(report()))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    console.line({"event": "ready", "part": report()["part"], "url": ready})
    end_at = time.monotonic() + seconds if seconds is not None else None
    while not ended.is_set() and (end_at is None or time.monotonic() < end_at):
        console.progress(progress())
        await _wait(ended, min(1.0, end_at - time.monotonic()) if end_at is not None else 1.0)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)  # a second one is Python's business: at once


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), max(0.0, seconds))
    except TimeoutError:
        return
