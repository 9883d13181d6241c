"""The real recorder process over a prepared journal, into the embedded store: CPU and memory of both, counts exact.

CPU is the kernel's count for a process (all its threads), from the moment the recorder is ready to its end.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.names import batch_number
from proxy.store.client import Role, Store, connect
from tests.bench.mix import Mix
from tests.recorder.process import RecorderProcess, ask

PATIENCE_SECONDS: Final = 600.0
"""Longer than the slowest life (thin traffic) takes on a busy machine."""
_TICK: Final = os.sysconf("SC_CLK_TCK")
_LOOK_SECONDS: Final = 0.05
_QUIET_SECONDS: Final = 1.0
_ALL: Final = (
    "count(), uniqExact(connection_id, frame_no), countIf(verdict = 'unparseable'), countIf(kind != 'frame')"
)
_COUNTS: Final = (
    f"SELECT {_ALL} FROM frames",
    "SELECT count() FROM gaps",
    "SELECT arrayStringConcat(arrayConcat([toString(count())], arraySort(groupUniqArray(rule))), ' ') FROM findings",
)


_SIZES: Final = (
    "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts "
    "WHERE active AND startsWith(table, 'all_') GROUP BY table ORDER BY table"
)


@dataclass(frozen=True)
class Kept:
    """What the store holds of a table once its merges rest; bytes on disk, compressed, with its index."""

    rows: int
    size: int


@dataclass(frozen=True)
class Stored:
    """One recorder's life. CPU in µs per frame, memory in MiB at its highest. `tables`: by name, rollups as well."""

    recorder: float
    inserter: float
    store: float
    store_with_merges: float
    wall: float
    recorder_mib: float
    store_mib: float
    frames: int
    odd: int
    gaps: int
    findings: str
    tables: dict[str, Kept]

    @property
    def exact(self) -> bool:
        return not self.odd


class WatchedRecorder(RecorderProcess):
    """A recorder process whose CPU and memory are looked at while it works."""

    def __init__(self, data: Path) -> None:
        keep = {"retain_seconds": 86_400}
        super().__init__(data, drain_seconds=PATIENCE_SECONDS, journal=keep)
        self.pid = self._process.pid
        self.inserter_seconds = 0.0
        self.mib = 0.0

    def wait_until_ready(self) -> None:
        self._line.settimeout(PATIENCE_SECONDS)
        while b"R" not in (said := self._line.recv(100)):
            if not said:
                raise AssertionError("the recorder ended before it was ready")

    def drain_watched(self) -> float:
        """Let it record everything and end; its CPU seconds."""
        self._line.sendall(b'{"order":"drain"}\n')
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._ended():
            assert time.monotonic() < deadline, "the recorder does not come to an end"
            self._look()
            time.sleep(_LOOK_SECONDS)
        seconds = cpu_seconds(self.pid)  # of a zombie: all of its life
        assert self._process.wait() == 0, "the recorder died"
        self._line.close()
        return seconds

    def _ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _look(self) -> None:
        self.mib = peak_mib(self.pid) or self.mib
        others = [thread for thread in os.listdir(f"/proc/{self.pid}/task") if thread != str(self.pid)]
        seconds = sum(_thread_seconds(self.pid, thread) for thread in others)
        self.inserter_seconds = max(seconds, self.inserter_seconds)


def _thread_seconds(pid: int, thread: str) -> float:
    try:
        return int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def peak_mib(pid: int) -> float:
    """0: it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _store_of(data: Path) -> int:
    """The process that owns this directory's store, told by its command line."""
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"proxy.store" in line and os.fsencode(data) in line:
            return int(entry.name)
    raise AssertionError(f"no store process of {data}")


@contextmanager
def embedded(data: Path) -> Iterator[tuple[Store, int]]:
    """A migrated embedded store, and its process, which is gone afterwards."""
    store = connect("embedded", data, Role.WRITER)
    pid = _store_of(data)
    try:
        store.migrate()
        yield store, pid
    finally:
        store.leave()
        deadline = time.monotonic() + 30
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)


def stored(journal: Path, mix: Mix, data: Path) -> Stored:
    """One life over this journal (its files are linked, not copied) into a store of its own in `data`."""
    shutil.copytree(journal, data / "journal", copy_function=os.link)
    try:
        with embedded(data) as (store, pid):
            return _recorded(mix, data, store, pid)
    finally:
        shutil.rmtree(data)


def _recorded(mix: Mix, data: Path, store: Store, pid: int) -> Stored:
    recorder = WatchedRecorder(data)
    try:
        recorder.wait_until_ready()
        mine, theirs, began = cpu_seconds(recorder.pid), cpu_seconds(pid), time.monotonic()
        seconds = recorder.drain_watched() - mine
    except BaseException:
        recorder.kill()
        raise
    wall, acknowledged = time.monotonic() - began, cpu_seconds(pid) - theirs
    settled = _settled(pid) - theirs
    frame = 1e6 / mix.frames
    counts = [ask(data, sql).split("\t") for sql in _COUNTS]
    (count, unique, unparsed, others), (gaps,), (findings,) = counts
    tails = 2 * mix.shape.charge_points
    wrong = [int(count) - mix.frames - tails, int(unique) - int(count), int(unparsed), int(others) - tails]
    return Stored(
        seconds * frame,
        recorder.inserter_seconds * frame,
        acknowledged * frame,
        settled * frame,
        wall,
        recorder.mib,
        peak_mib(pid),
        int(count) - tails,
        sum(map(abs, wrong)),
        int(gaps),
        findings,
        _sizes(store),
    )


def _sizes(store: Store) -> dict[str, Kept]:
    lines = store.query(_SIZES, {}, "TabSeparated").decode().splitlines()
    found = (line.split("\t") for line in lines)
    return {table.removeprefix("all_"): Kept(int(rows), int(size)) for table, rows, size in found}


def _settled(pid: int) -> float:
    """CPU seconds once the merging behind the inserts has come to rest."""
    deadline = time.monotonic() + 15
    seconds, since = cpu_seconds(pid), time.monotonic()
    while time.monotonic() - since < _QUIET_SECONDS and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        now = cpu_seconds(pid)
        if now - seconds > 0.02:
            seconds, since = now, time.monotonic()
    return cpu_seconds(pid)


# a batch


@dataclass(frozen=True)
class BatchCost:
    """Per batch: ms until it is acknowledged; CPU µs per row of the client's thread and of the store."""

    milliseconds: list[float]
    client: float
    store: float


def batch_cost(store: Store, pid: int, rows: list[tuple[Any, ...]], size: int, times: int) -> BatchCost:
    """Insert `times` batches of `size` rows of `frames`, as the inserter's thread does."""
    milliseconds = []
    store_began, client_began = cpu_seconds(pid), time.thread_time()
    for number in range(times):
        start = number * size % (len(rows) - size + 1)
        began = time.perf_counter()
        token = f"bench:{batch_number(1, size, number)}:frames"
        store.insert("frames", rows[start : start + size], token)
        milliseconds.append((time.perf_counter() - began) * 1e3)
    micro = 1e6 / (times * size)
    return BatchCost(
        milliseconds,
        (time.thread_time() - client_began) * micro,
        (cpu_seconds(pid) - store_began) * micro,
    )
