"""What each stage of the recorder costs: µs of its thread per frame, over a prepared journal, with a sink that keeps
nothing.

The total is the recorder's own loop, as its process puts it together. Its parts are told in three ways:
- *sampled*: 1,000 times a second of the same run, whose code runs? (the innermost function of ours, by its file).
  These parts add up to the total, and need no hook in the code. Each is right to about 3 % of the total at worst.
  The interpreter looks for signals at calls, so some of a caller's time is told as its callee's.
- *alone*: the stage's public function over its inputs, made beforehand (stages_alone.py).
- *left out*: what the run costs less with no analyzer on, and in safe mode.
`python -m tests.bench.stages [FRAMES]` prints the functions that cost most (cProfile).
"""

from __future__ import annotations

import cProfile
import enum
import gc
import pstats
import signal
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

from proxy.journal.filesystem import RealFileSystem
from proxy.journal.merge import MergedJournal
from proxy.lifeline import Lifeline
from proxy.pipeline.batch import Row
from proxy.pipeline.selection import Selection
from proxy.recorder.__main__ import _GC_THRESHOLDS
from proxy.recorder.checkpoint import Checkpoints
from proxy.recorder.inserter import Inserter
from proxy.recorder.leash import Leash
from proxy.recorder.recorder import Recorder
from proxy.recorder.settings import RecorderSettings
from proxy.recorder.start import Stored, make_pipeline
from tests.bench.mix import Shape, write
from tests.recorder.journals import JOURNAL

STAGES: Final = (
    "read",
    "frames",
    "envelope",
    "correlate",
    "facts",
    "validate",
    "redact",
    "tables",
    "counting",
    "analyzers",
    "chain",
    "rows",
    "rest",
)
"""facts: the conversation and the versions' readers. tables: the rows that facts become, and the ledger. counting: what
the metrics take of frames and facts. rows: those of `frames`. rest: dispatch, the clock, the batch's bounds, the loop
between the stages."""
_ROOT: Final = str(Path(__file__).parents[2]) + "/"
_STAGE_OF: Final[tuple[tuple[str, str], ...]] = (
    ("proxy/wire/frames.py:wire_bytes", "chain"),
    ("proxy/pipeline/lane.py:bind", "chain"),
    ("proxy/pipeline/chain.py", "chain"),
    ("proxy/journal/", "read"),
    ("proxy/wire/", "frames"),
    ("proxy/ocpp/envelope.py", "envelope"),
    ("proxy/ocpp/correlate.py", "correlate"),
    ("proxy/ocpp/conformance/", "validate"),
    ("proxy/ocpp/redaction.py", "redact"),
    ("proxy/ocpp/secrets.py", "redact"),
    ("proxy/ocpp/registers.py", "tables"),
    ("proxy/ocpp/", "facts"),
    ("proxy/pipeline/conversation.py", "facts"),
    *(
        (f"proxy/pipeline/{name}.py", "counting")
        for name in ("counting", "tally", "words", "connectors", "charged")
    ),
    ("proxy/pipeline/connection.py:_count", "counting"),
    *(
        (f"proxy/pipeline/{name}.py", "tables")
        for name in (
            "desk",
            "book_rows",
            "books",
            "ledger",
            "account",
            "metered",
            "running",
            "watch",
            "transaction",
        )
    ),
    *(
        (f"proxy/pipeline/batch.py:{word}", "tables")
        for word in ("add", "version", "_together", "_newest", "_union")
    ),
    ("proxy/pipeline/rows.py:row_of", "tables"),
    ("analyzers/", "analyzers"),
    ("proxy/pipeline/runner", "analyzers"),
    ("proxy/pipeline/open_findings.py", "analyzers"),
    ("proxy/pipeline/understanding.py", "analyzers"),
    *((f"proxy/pipeline/connection.py:_{word}", "rows") for word in ("emit", "held_row", "row", "rel")),
    *((f"proxy/pipeline/lane.py:{word}", "rows") for word in ("holds", "release")),
    *((f"proxy/pipeline/{name}.py", "rows") for name in ("rows", "batch", "describe", "gaps")),
    ("proxy/", "rest"),
    ("tests/", "rest"),
)
"""The first that a function's file:name begins with. A function of nobody's belongs to whoever called it."""


class NullSink:
    """A store that takes everything at once and keeps nothing but how many rows it was."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()

    def insert(self, table: str, rows: list[Row], token: str) -> None:
        self.rows[table] += len(rows)

    def close(self) -> None:
        pass

    def leave(self) -> None:
        pass


class KeepingSink(NullSink):
    """Keeps all rows, by table."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: dict[str, list[list[Row]]] = defaultdict(list)

    def insert(self, table: str, rows: list[Row], token: str) -> None:
        super().insert(table, rows, token)
        self.batches[table].append(rows)


class Does(enum.Enum):
    EVERYTHING = "everything on"
    NO_ANALYZERS = "no analyzer on"
    FRAMES_ONLY = "safe mode: frames, connections and gaps only"


_SAFE_SINCE: Final = {Does.FRAMES_ONLY: "run 1 its beginning"}


@contextmanager
def recorder_over(
    data: Path, sink: NullSink | None = None, does: Does = Does.EVERYTHING
) -> Iterator[Recorder]:
    """A real Recorder, put together as its process does it (proxy/recorder/__main__.py)."""
    ours, theirs = socket.socketpair()
    lifeline = Lifeline(theirs.detach())
    with ours, tempfile.TemporaryDirectory(dir=data) as kept:
        settings = RecorderSettings(str(data))
        pipeline = make_pipeline(JOURNAL, settings, None, Stored({}, {}), _SAFE_SINCE.get(does, ""), b"")
        if does is Does.NO_ANALYZERS:
            pipeline.understanding.use(Selection(()))
        inserter = Inserter(lambda: sink or NullSink(), JOURNAL, {})
        journal = MergedJournal(RealFileSystem(), str(data / "journal"))
        leash = Leash(lifeline, settings.drain_seconds)
        checkpoints = Checkpoints(Path(kept), b"")
        recorder = Recorder(settings, journal, pipeline, inserter, checkpoints, leash, lambda *_: None)
        inserter.start()
        try:
            with collecting_as_the_recorder():
                yield recorder
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)  # the watchdog over the analyzers
            inserter.give_up()
            journal.close()
            lifeline.close()


@contextmanager
def collecting_as_the_recorder() -> Iterator[None]:
    """The garbage collector as the recorder's process sets it; what is there already is left out of it."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def record(recorder: Recorder) -> float:
    """Take in all there is; CPU seconds of this thread."""
    began = time.thread_time()
    while recorder.turn():
        pass
    took = time.thread_time() - began
    recorder.finish()
    while not recorder.inserter.idle:
        time.sleep(0.01)
    return took


# sampled


class Sampler:
    """Counts the stage whose code runs, 1,000 times a second of this thread's life."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._known: dict[CodeType, str] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        before = signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _look(self, number: int, frame: FrameType | None) -> None:
        stage = ""
        while frame is not None and not stage:
            code = frame.f_code
            known = self._known.get(code)
            stage = self._known.setdefault(code, _stage_of(code)) if known is None else known
            frame = frame.f_back
        self.counts[stage or "rest"] += 1


def _stage_of(code: CodeType) -> str:
    place = f"{code.co_filename.removeprefix(_ROOT)}:{code.co_name}"
    return next((stage for prefix, stage in _STAGE_OF if place.startswith(prefix)), "")


class Collections:
    """CPU seconds in the garbage collector, and how often it ran."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.times = 0
        self._began = 0.0

    @contextmanager
    def watched(self) -> Iterator[None]:
        gc.callbacks.append(self._see)
        try:
            yield
        finally:
            gc.callbacks.remove(self._see)

    def _see(self, phase: str, _: Mapping[str, int]) -> None:
        now = time.thread_time()
        if phase == "start":
            self._began = now
        else:
            self.seconds += now - self._began
            self.times += 1


@dataclass(frozen=True)
class Sampled:
    """One run, µs per frame. `rows`: what went to the store, by table. `failures`: what failed on a fact."""

    total: float
    stages: Mapping[str, float]
    collecting: float
    frames: int
    gaps: int
    findings: int
    failures: int
    rows: Mapping[str, int]


def sampled(data: Path, frames: int) -> Sampled:
    """One run of the recorder's loop, its stages told by sampling."""
    sampler, collections, sink = Sampler(), Collections(), NullSink()
    with recorder_over(data, sink) as recorder:
        with sampler.running(), collections.watched():
            seconds = record(recorder)
        tally, runner = recorder.pipeline.batcher.tally, recorder.pipeline.understanding.runner
        assert runner is not None
        total = seconds / frames * 1e6
        seen = sampler.counts.total()
        return Sampled(
            total,
            {stage: total * sampler.counts[stage] / seen for stage in STAGES},
            collections.seconds / frames * 1e6,
            tally.whole_frames,
            sum(tally.counts.get("ocpptap_gaps_total", {}).values()),
            sum(runner.counts.opened.values()),
            sum(runner.counts.failures.values()),
            dict(sink.rows),
        )


def checkpoint_ms(data: Path) -> tuple[float, float]:
    """(ms to pack, KiB) of a checkpoint in the middle of the stream, all connections open."""
    with recorder_over(data) as recorder:
        for _ in range(3):
            recorder.turn()
        began = time.thread_time()
        recorder.checkpoint(recorder.journal.positions())
        took = time.thread_time() - began
        while not recorder.inserter.idle:
            time.sleep(0.01)
        kept = recorder.checkpoints.directory / "checkpoint-b"
        return took * 1e3, kept.stat().st_size / 1024


# the most expensive functions


def profile(data: Path, most: int = 40) -> None:
    with recorder_over(data) as recorder:
        signal.setitimer(signal.ITIMER_REAL, 0)
        profiler = cProfile.Profile()
        profiler.runcall(record, recorder)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(most)


def left_out(data: Path, frames: int) -> dict[Does, float]:
    """One run of each, µs per frame."""
    found = {}
    for does in Does:
        with recorder_over(data, does=does) as recorder:
            found[does] = record(recorder) / frames * 1e6
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ocpptap-bench-") as directory:
        print(write(Shape(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000), Path(directory)).line())
        profile(Path(directory))
