"""The journal by itself, no sockets: real segments on a real disk, with its keeper's thread syncing every 100 ms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

import uvloop

from proxy.journal.format import Kind, Record
from proxy.journal.opening import open_journal
from proxy.journal.settings import JournalSettings
from proxy.journal.writer import Journal
from proxy.relay.facts import ENCODERS
from tests.recorder.journals import JOURNAL

CHUNK_BYTES: Final = 208
_GIB: Final = 1024**3
_LEAVE_SECONDS: Final = 60.0
_TICK_SECONDS: Final = 0.001
READ_US: Final = 5
"""What the relay's event loop spends on one chunk's read and write."""
_HOG: Final = (sys.executable, "-m", "tests.bench.disk_hog")
Append = Callable[[Sequence[Record]], None]


def block(records: int) -> list[Record]:
    """One turn's records, of as many connections."""
    payload = bytes(range(CHUNK_BYTES))
    return [(int(Kind.DATA), 1, number, 4096, payload) for number in range(1, records + 1)]


@contextmanager
def journalling(directory: Path, segment_bytes: int) -> Iterator[Journal]:
    """A worker's journal as the relay opens it. That it never failed is checked at the end."""
    settings = JournalSettings(segment_bytes=segment_bytes)
    with tempfile.TemporaryDirectory(dir=directory) as place:
        journal, keeper = open_journal(
            place, JOURNAL, 1, 0, 1, settings, ENCODERS, lambda callback: callback()
        )
        try:
            yield journal
        finally:
            journal.close()
            assert keeper.stop(_LEAVE_SECONDS), "the disk hangs"
        assert not journal.gap_bytes, (
            "the disk was too slow: not all was journalled, the figures mean nothing"
        )


def percentile(sorted_ns: Sequence[int], share: float) -> float:
    """µs"""
    return sorted_ns[min(len(sorted_ns) - 1, int(share * len(sorted_ns)))] / 1e3


@dataclass(frozen=True)
class Spread:
    """Durations, µs."""

    count: int
    p50: float
    p99: float
    p999: float
    worst: float


def spread(nanoseconds: list[int]) -> Spread:
    nanoseconds.sort()
    p50, p99, p999 = (percentile(nanoseconds, share) for share in (0.5, 0.99, 0.999))
    return Spread(len(nanoseconds), p50, p99, p999, nanoseconds[-1] / 1e3)


# as fast as it can


@dataclass(frozen=True)
class Burst:
    """`cpu_ns`, `wall_ns`: per record, of the appending thread. `commits`: the durations of `append`."""

    cpu_ns: float
    wall_ns: float
    bytes_per_second: float
    commits: Spread


def burst(directory: Path, per_commit: int, commits: int) -> Burst:
    """One segment holds it all: at this speed the keeper could not prepare them in time."""
    records, took = block(per_commit), []
    clock = time.perf_counter_ns
    with journalling(directory, _GIB) as journal:
        cpu, began = time.thread_time_ns(), clock()
        for _ in range(commits):
            start = clock()
            journal.append(records)
            took.append(clock() - start)
        cpu, wall = time.thread_time_ns() - cpu, clock() - began
        written = journal.appended_bytes
    count = commits * per_commit
    return Burst(cpu / count, wall / count, written / wall * 1e9, spread(took))


# paced, in an event loop


def paced(directory: Path, per_commit: int, per_second: int, seconds: float) -> Spread:
    """`append` in a uvloop loop at so many records a second; segments of 16 MiB, so that it rolls."""
    with journalling(directory, 16 * 1024**2) as journal:
        return spread(_at_a_pace(journal.append, block(per_commit), per_second // per_commit, seconds))


def computing(microseconds: float, commits_per_second: int, seconds: float) -> Spread:
    """The same loop with plain computing instead of an append: what the machine alone does to such durations."""
    return spread(_at_a_pace(lambda _: _compute(microseconds), [], commits_per_second, seconds))


def _at_a_pace(append: Append, records: list[Record], commits_per_second: int, seconds: float) -> list[int]:
    took: list[int] = []
    clock = time.perf_counter_ns
    loop = uvloop.new_event_loop()
    began = loop.time()

    def tick() -> None:
        elapsed = loop.time() - began
        for _ in range(int(elapsed * commits_per_second) - len(took)):
            start = clock()
            append(records)
            took.append(clock() - start)
        if elapsed < seconds:
            loop.call_later(_TICK_SECONDS, tick)
        else:
            loop.stop()

    loop.call_soon(tick)
    loop.run_forever()
    loop.close()
    return took


def _compute(microseconds: float) -> None:
    end = time.perf_counter_ns() + round(microseconds * 1000)
    while time.perf_counter_ns() < end:
        pass


@dataclass
class Hog:
    """Filled in at its end."""

    mb_per_second: float = 0.0
    slowest_fsync_ms: float = 0.0


@contextmanager
def disk_hog(directory: Path) -> Iterator[Hog]:
    """Another process writes 80 MB/s to the same disk and syncs each second."""
    hog, command = Hog(), [*_HOG, str(directory)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield hog
    finally:
        said, _ = process.communicate()
    did = json.loads(said)
    hog.mb_per_second, hog.slowest_fsync_ms = did["mb_per_second"], did["slowest_fsync_ms"]


# inline, or by a thread


@dataclass(frozen=True)
class Commits:
    """`cpu_us`: of all the process's threads, per turn. `waited`: from a turn's first chunk to its forwarding."""

    cpu_us: float
    waited: Spread


class Nothing:
    """Forward without a journal: what the driver itself costs."""

    def __init__(self, journal: Journal, loop: uvloop.Loop) -> None:
        self.journal = journal
        self.loop = loop

    def commit(self, records: list[Record], forward: Callable[[], None]) -> None:
        forward()

    def close(self) -> None:
        pass


class Inline(Nothing):
    """As the relay does it: the append returns, then the chunks are forwarded."""

    def commit(self, records: list[Record], forward: Callable[[], None]) -> None:
        self.journal.append(records)
        forward()


class ByThread(Nothing):
    """A thread appends and has the loop forward. The 1 s after which one would forward anyway costs one timer for
    all: not measured."""

    def __init__(self, journal: Journal, loop: uvloop.Loop) -> None:
        super().__init__(journal, loop)
        self._queue: SimpleQueue[tuple[list[Record], Callable[[], None]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="append")
        self._thread.start()

    def commit(self, records: list[Record], forward: Callable[[], None]) -> None:
        self._queue.put((records, forward))

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            records, forward = item
            self.journal.append(records)
            self.loop.call_soon_threadsafe(forward)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()


class _Turns:
    """Turns of `per_turn` chunks, `per_tick` of them every `tick_seconds`, one after the other's forwarding.

    `reads`: when a turn is committed the loop goes on with so many reads of the next turn, as the relay's does; each
    ends in a system call, during which the interpreter's lock is free, as it is in libuv.
    """

    def __init__(self, way: Nothing, per_turn: int, per_tick: int, tick_seconds: float, reads: int) -> None:
        self.way = way
        self.loop = way.loop
        self.records = block(per_turn)
        self.per_tick = per_tick
        self.tick_seconds = tick_seconds
        self.reads = reads
        self.waited: list[int] = []
        self._left = 0
        self._began = 0

    def run(self, seconds: float) -> Commits:
        with open("/dev/zero", "rb", buffering=0) as zero:
            self._zero = zero.fileno()
            self._until = self.loop.time() + seconds
            cpu = time.process_time_ns()
            self.loop.call_soon(self._tick)
            self.loop.run_forever()
            cpu = time.process_time_ns() - cpu
        return Commits(cpu / len(self.waited) / 1e3, spread(self.waited))

    def _tick(self) -> None:
        if self.loop.time() >= self._until:
            self.loop.stop()
            return
        self._left = self.per_tick
        self._turn()

    def _turn(self) -> None:
        self._began = time.perf_counter_ns()
        self.loop.call_soon(self._commit)

    def _commit(self) -> None:
        self.way.commit(self.records, self._forward)
        if self.reads:
            self.loop.call_soon(self._read)

    def _read(self) -> None:
        for _ in range(self.reads):
            _compute(READ_US)
            os.read(self._zero, 1)

    def _forward(self) -> None:
        self.waited.append(time.perf_counter_ns() - self._began)
        self._left -= 1
        if self._left:
            self._turn()
        else:
            self.loop.call_later(self.tick_seconds, self._tick)


PACES: Final = {1: (5, 0.001), 160: (1, 0.002)}
"""Chunks a turn -> (turns a tick, seconds between ticks)."""


def commits(directory: Path, way: type[Nothing], per_turn: int, reads: int, seconds: float) -> Commits:
    """One of the ways to commit, for so long."""
    loop = uvloop.new_event_loop()
    with journalling(directory, 256 * 1024**2) as journal:
        chosen = way(journal, loop)
        try:
            return _Turns(chosen, per_turn, *PACES[per_turn], reads).run(seconds)
        finally:
            chosen.close()
            loop.close()
