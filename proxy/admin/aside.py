"""Looking at what may hang (a disk, another process's memory) in a thread of its own: admin's beat goes on."""

from __future__ import annotations

import asyncio
import enum
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from proxy import log

T = TypeVar("T")
PATIENCE_SECONDS: Final = 2.0
"""Below the 10 s that Prometheus waits for a page."""


class Late(enum.Enum):
    """What is known while a look takes too long, or failed."""

    LAST = "what was seen last"
    NOTHING = "nothing: old figures would look like an idle system"


class Aside(Generic[T]):
    """One look at a time; those who ask meanwhile share it. The thread is a daemon: one that hangs holds up no end."""

    def __init__(self, name: str, look: Callable[[], T], late: Late, nothing: T) -> None:
        self._name, self._look, self._late = name, look, late
        self._known = self._nothing = nothing
        self._running: Future[T | Exception] | None = None
        self._said = log.RateLimit(burst=1)

    async def look(self, patience_seconds: float = PATIENCE_SECONDS) -> T:
        """What is there now; what `late` says if that takes longer than `patience_seconds`. Never raises."""
        running = self._running = self._running or self._begin()
        finished, _ = await asyncio.wait({asyncio.wrap_future(running)}, timeout=patience_seconds)
        if not finished:
            return self._without("does not answer")
        if self._running is running:
            self._running = None
        found = running.result()
        if isinstance(found, Exception):
            return self._without(repr(found))
        self._known = found
        return found

    def _begin(self) -> Future[T | Exception]:
        answer: Future[T | Exception] = Future()
        threading.Thread(target=self._run, args=(answer,), name=self._name, daemon=True).start()
        return answer

    def _run(self, answer: Future[T | Exception]) -> None:
        try:
            answer.set_result(self._look())
        except Exception as error:  # whatever lies in a file, it costs no page
            answer.set_result(error)

    def _without(self, why: str) -> T:
        left_out = self._said.allow(self._name, why, time.monotonic())
        if left_out is not None:
            log.get_logger().warning("no figures", of=self._name, why=why, left_out=left_out)
        return self._known if self._late is Late.LAST else self._nothing
