"""Puts a worker's journal together: writer, keeper, thread. What the relay calls once at its start."""

from __future__ import annotations

import time
from collections.abc import Callable

from proxy.journal.faulty import file_system
from proxy.journal.format import SegmentName
from proxy.journal.handover import Handover
from proxy.journal.keeper import Keeper, KeeperThread
from proxy.journal.missing import Encoders
from proxy.journal.settings import JournalSettings
from proxy.journal.writer import Journal


def clock() -> tuple[int, int]:
    """(wall ns UTC, monotonic ns): the monotonic clock is the machine's, one for all workers."""
    return time.time_ns(), time.monotonic_ns()


def open_journal(
    directory: str,
    uuid: bytes,
    run: int,
    worker: int,
    life: int,
    settings: JournalSettings,
    encoders: Encoders,
    call_soon_threadsafe: Callable[[Callable[[], None]], object],
) -> tuple[Journal, KeeperThread]:
    """The first segment is ready when this returns, unless the disk refuses: then the journal begins failing.

    At the end: `journal.close()`, then `thread.stop(seconds)`.
    """
    handover, name = Handover(), SegmentName(run, worker, life, 0)
    fs = file_system()
    keeper = Keeper(fs, directory, uuid, name, settings, handover, clock, call_soon_threadsafe)
    keeper.turn()
    journal = Journal(handover, settings, encoders, clock, call_soon_threadsafe)
    journal.mark()
    thread = KeeperThread(keeper, handover, settings.sync_ms / 1000)
    thread.start()
    return journal, thread
