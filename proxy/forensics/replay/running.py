"""A replay from its begin to its end: signals end it, whoever shows progress is told of it. I/O: the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import uvloop

from proxy.forensics.replay.as_charge_point import AT_ONCE, Player
from proxy.forensics.replay.as_csms import Stage
from proxy.forensics.replay.dialling import Target
from proxy.forensics.replay.feed import Feed
from proxy.forensics.replay.follow import Follower
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome
from proxy.forensics.replay.paths import Ignored
from proxy.forensics.replay.recording import Recording

STOPPED: Final = "stopped by a signal: what was not reached is not compared"
_PROGRESS_SECONDS: Final = 0.2
T = TypeVar("T")
Seen = Callable[[int], None]
"""Told of so many more messages as they are sent."""


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def as_charge_point(
    recordings: Sequence[Recording],
    target: Target,
    manner: Manner,
    ignored: Ignored,
    outcome: Outcome,
    seen: Seen,
    at_once: int = AT_ONCE,
) -> float:
    """Plays them all; the seconds that it took."""
    player = Player(target, manner, ignored, outcome, at_once)
    begin = time.monotonic()
    async with _watched(outcome, seen):
        await _stoppable(player.play(recordings), outcome)
    return time.monotonic() - begin


async def as_csms(
    recordings: Sequence[Recording],
    address: tuple[str, int],
    manner: Manner,
    ignored: Ignored,
    outcome: Outcome,
    ready: Callable[[int], None],
) -> float:
    """Serves until all was played, or a signal. `ready` is told the port. Raises OSError."""
    stage = Stage(recordings, manner, ignored, outcome)
    server = await stage.serve(*address)
    begin = time.monotonic()

    async def played() -> None:
        ready(int(next(iter(server.sockets)).getsockname()[1]))
        await stage.over()

    await _stoppable(played(), outcome)
    stage.stop()
    server.close()
    await server.wait_closed()
    stage.finish()
    return time.monotonic() - begin


async def following(
    feed: Feed,
    target: Target,
    manner: Manner,
    ignored: Ignored,
    outcome: Outcome,
    ready: Callable[[], None],
    at_once: int = AT_ONCE,
) -> float:
    """Until a signal. Raises StoreError."""
    player = Player(target, manner, ignored, outcome, at_once)
    begin = time.monotonic()

    async def followed() -> None:
        ready()
        await Follower(feed, player, outcome, at_once).follow()

    await _stoppable(followed(), None)
    return time.monotonic() - begin


async def _stoppable(work: Coroutine[Any, Any, None], outcome: Outcome | None) -> None:
    """Until it is done, or a signal, which is heeded from the first step of the work on; then `outcome` says so, where
    that cuts something off."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if outcome is not None:
            outcome.note(STOPPED)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def _watched(outcome: Outcome, seen: Seen) -> Any:
    """Tells `seen` of progress five times a second."""
    task = asyncio.ensure_future(_watch(outcome, seen))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(outcome: Outcome, seen: Seen) -> None:
    told = 0
    try:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            seen(outcome.sent - told)
            told = outcome.sent
    finally:
        seen(outcome.sent - told)
