"""The journal's figures as tables, and the recommendation that follows from them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.bench.journal_runs import (
    CHUNK_BYTES,
    READ_US,
    Burst,
    ByThread,
    Commits,
    Hog,
    Inline,
    Nothing,
    Spread,
)
from tests.bench.unit import Rounds
from tests.evidence import Cell, Table

PER_SECOND: Final = 20_000
COMPUTING_US: Final = 15
GOAL_US: Final = 300
MOST_ADDED_US: Final = 15.0
"""What the median message may wait longer for being journalled (reference/line.md, A)."""
MOST_ADDED_CPU_US: Final = 5.0
IDLE, BUSY = "otherwise idle", "busy with the next turn's reads"
QUIET, BESIDE = "quiet disk", "80 MB/s + fsync beside it"
INLINE, BY_THREAD = "pwrite inline", "by a thread"
WAYS: Final[Mapping[str, type[Nothing]]] = {"no journal": Nothing, INLINE: Inline, BY_THREAD: ByThread}
Scene = tuple[int, str]
"""(chunks a turn, what else the loop does)"""
SCENES: Final[tuple[Scene, ...]] = tuple((chunks, load) for chunks in (1, 160) for load in (IDLE, BUSY))
Ways = dict[str, Commits]


@dataclass
class Figures:
    """All that was measured."""

    bursts: dict[int, Rounds[Burst]] = field(default_factory=dict)
    computing: dict[str, Rounds[Spread]] = field(default_factory=dict)
    quiet: dict[int, Rounds[Spread]] = field(default_factory=dict)
    disturbed: dict[int, Rounds[Spread]] = field(default_factory=dict)
    hog: Hog = field(default_factory=Hog)
    ways: dict[Scene, Rounds[Ways]] = field(default_factory=dict)


def tables(figures: Figures) -> list[Table]:
    return [_bursts(figures), _pace(figures), _ways(figures)]


def _bursts(figures: Figures) -> Table:
    rows = [_burst(per_commit, found) for per_commit, found in figures.bursts.items()]
    record = ("CPU ns per record: best", "median", "best, in yardsticks")
    columns = ("records a commit", *record, "µs per commit", "MB/s", "commit p99.9, µs: best")
    note = f"{CHUNK_BYTES}-byte chunks, as fast as they can be appended; CPU of the appending thread; the keeper syncs."
    return Table("Journal at full speed", columns, rows, note)


def _burst(per_commit: int, found: Rounds[Burst]) -> list[Cell]:
    return [
        per_commit,
        round(found.best(lambda one: one.cpu_ns)),
        round(found.median(lambda one: one.cpu_ns)),
        round(found.in_units(lambda one: one.cpu_ns), 3),
        round(found.best(lambda one: one.wall_ns) * per_commit / 1e3, 2),
        f"{max(one.bytes_per_second for one in found.kept) / 1e6:,.0f}",
        round(found.best(lambda one: one.commits.p999)),
    ]


def _pace(figures: Figures) -> Table:
    rows: list[list[Cell]] = []
    for disk, runs in ((QUIET, figures.quiet), (BESIDE, figures.disturbed)):
        rows += [_spread(f"append, {size} a commit, {disk}", found) for size, found in runs.items()]
    for disk, found in figures.computing.items():
        rows.append(_spread(f"no append: {COMPUTING_US} µs of computing, {disk}", found))
    each = ("p50: best", "median", "p99: best", "median", "p99.9: best", "median", "worst")
    note = (
        f"{PER_SECOND:,} messages a second in a uvloop loop; the keeper syncs every 100 ms; segments of 16 MiB, so it "
        f"rolls. The other process wrote {figures.hog.mb_per_second:.0f} MB/s, its slowest fsync took "
        f"{figures.hog.slowest_fsync_ms:.0f} ms. Goal: p99.9 at most {GOAL_US} µs. The lines without append are what "
        f"this machine does to anybody."
    )
    return Table("Journal at a pace: duration of append, µs", ("", "commits", *each), rows, note)


def _spread(name: str, found: Rounds[Spread]) -> list[Cell]:
    figures: tuple[Callable[[Spread], float], ...] = (
        lambda one: one.p50,
        lambda one: one.p99,
        lambda one: one.p999,
    )
    cells: list[Cell] = [name, sum(one.count for one in found.kept)]
    for figure in figures:
        cells += [round(found.best(figure), 1), round(found.median(figure), 1)]
    return [*cells, round(max(one.worst for one in found.kept))]


def _ways(figures: Figures) -> Table:
    rows = [_way(scene, name, found) for scene, found in figures.ways.items() for name in WAYS]
    waited = ("waited, µs: p50", "p99", "p99.9")
    columns = ("chunks a turn", "the loop is", "way", "CPU µs a turn: best", "median", *waited)
    note = (
        f"CPU of all threads, with what the driver costs (no journal). waited: from a turn's first chunk to its "
        f"forwarding, median of the rounds. Busy: {READ_US} µs of reads for each chunk of the next turn, each with a "
        f"system call during which the interpreter's lock is free, as in libuv."
    )
    return Table('journal.append = "thread"? What a commit costs', columns, rows, note)


def _way(scene: Scene, name: str, found: Rounds[Ways]) -> list[Cell]:
    def median(figure: Callable[[Commits], float]) -> float:
        return round(found.median(lambda one: figure(one[name])), 1)

    cpu = [round(found.best(lambda one: one[name].cpu_us), 1), median(lambda one: one.cpu_us)]
    waited = [median(lambda one: one.waited.p50), median(lambda one: one.waited.p99)]
    return [*scene, name, *cpu, *waited, median(lambda one: one.waited.p999)]


def notes(figures: Figures) -> list[str]:
    lines: set[str] = set()
    for runs in (figures.bursts, figures.quiet, figures.disturbed, figures.ways):
        found: Iterable[Rounds[Any]] = runs.values()
        lines |= {one.line for one in found if one.dropped}
    return [
        recommendation(figures.ways),
        *(sorted(lines) or ["No round was dropped: the yardstick never moved by more than 10 %."]),
    ]


def recommendation(ways: Mapping[Scene, Rounds[Ways]]) -> str:
    """One sentence, and the figures it rests on."""
    one, many = _added(ways[1, BUSY]), _added(ways[160, BUSY])
    cheap = one.cpu_us <= MOST_ADDED_CPU_US and one.p50 <= MOST_ADDED_US
    advice = "could be offered" if cheap else "is not worth having as the normal way"
    return (
        f'journal.append = "thread" {advice}: beside pwrite inline, the loop busy with reads, it costs '
        f"{one.cpu_us:+.0f} µs of CPU a turn and {one.p50:+.0f} µs of waiting (p99 {one.p99:+.0f}) with one chunk a "
        f"turn, {many.cpu_us:+.0f} µs and {many.p50:+.0f} µs (p99 {many.p99:+.0f}) with 160."
    )


@dataclass(frozen=True)
class _Added:
    """What the thread costs more than inline, µs, median of the rounds."""

    cpu_us: float
    p50: float
    p99: float


def _added(found: Rounds[Ways]) -> _Added:
    def difference(figure: Callable[[Commits], float]) -> float:
        return statistics.median(figure(one[BY_THREAD]) - figure(one[INLINE]) for one in found.kept)

    p50, p99 = difference(lambda one: one.waited.p50), difference(lambda one: one.waited.p99)
    return _Added(difference(lambda one: one.cpu_us), p50, p99)
