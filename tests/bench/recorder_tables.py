"""The recorder's figures as tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tests.bench.mix import Mix
from tests.bench.recorder_store import BatchCost, Stored
from tests.bench.stages import STAGES, Does, Sampled
from tests.bench.unit import Rounds
from tests.evidence import Cell, Table

NOT_BUILT: Final = "not built"
NOTES: Final = (
    "CPU, not time: other work shares the machine, and the recorder runs at nice 10. frames/s per core = 1 / CPU per "
    "frame. A yardstick is one `orjson.loads` of a 750-byte MeterValues.",
    "Not comparable with the prototype's figures: two analyzers are written (it had 10 and 40), and no schema "
    "validation, redaction or meter_values rows (it made 1.7 a frame); but here rows are chained by SHA-256, and "
    "runner, checkpoints and process are the real ones.",
    "Only the embedded store can be measured: clickhouse:// and https:// are not built.",
    "Stages, sampled: whose code runs, 1,000 times a second of the same run; they add up to the total. Alone: the "
    "stage's public function over inputs made beforehand, best of the rounds. rest: dispatch, clock, batch bounds, "
    "the loop. chain: SHA-256 over each row's wire bytes.",
)
T = TypeVar("T")


@dataclass(frozen=True)
class Figures:
    """All that was measured."""

    mix: Mix
    stages: Rounds[Sampled]
    alone: Rounds[dict[str, float]]
    left_out: Rounds[dict[Does, float]]
    checkpoint: tuple[float, float]
    stored: Rounds[Stored]
    densities: list[tuple[Mix, Stored]]
    batches: list[tuple[int, BatchCost]]


def stillness(figures: Figures) -> str:
    """How much of the machine's unrest the yardstick did not see."""
    totals, units = [one.total for one in figures.stages.kept], figures.stages.units
    return (
        f"The loop's kept rounds differ by {max(totals) / min(totals) - 1:.0%}, their yardsticks by "
        f"{max(units) / min(units) - 1:.0%}: the yardstick sees the host's regime, not what neighbours do to a larger "
        f"program. Compare best with best."
    )


def tables(figures: Figures) -> list[Table]:
    made = [_whole(figures), _stages(figures), _left_out(figures), _batches(figures), _counts(figures)]
    return [*made, _densities(figures)] if figures.densities else made


def _whole(figures: Figures) -> Table:
    loop, lives = figures.stages, figures.stored
    rows = [
        _row("recorder's loop, null sink", loop, lambda one: one.total),
        _row("recorder process, embedded store", lives, lambda one: one.recorder),
        _row("of it: inserter's thread", lives, lambda one: one.inserter),
        _row("store process, until all is acknowledged", lives, lambda one: one.store),
        _row("store process, until its merges rest", lives, lambda one: one.store_with_merges),
    ]
    mine, theirs = (
        max(sizes) for sizes in zip(*((one.recorder_mib, one.store_mib) for one in lives.kept), strict=True)
    )
    pack, size = figures.checkpoint
    note = (
        f"Memory at its highest: recorder {mine:.0f} MiB, store {theirs:.0f} MiB. A checkpoint with "
        f"{figures.mix.shape.charge_points} open connections takes the loop {pack:.0f} ms and is {size:.0f} KiB."
    )
    columns = (
        "CPU, µs per frame",
        "best",
        "median",
        "frames/s per core, best",
        "median",
        "best, in yardsticks",
    )
    return Table("Recorder", columns, rows, note)


def _row(name: str, found: Rounds[T], micro: Callable[[T], float]) -> list[Cell]:
    best, median = found.best(micro), found.median(micro)
    return [
        name,
        round(best, 2),
        round(median, 2),
        f"{1e6 / best:,.0f}",
        f"{1e6 / median:,.0f}",
        round(found.in_units(lambda one: 1e3 * micro(one)), 2),
    ]


def _stages(figures: Figures) -> Table:
    runs, lives = figures.stages, figures.stored
    best, unit = min(zip(runs.kept, runs.units, strict=True), key=lambda pair: pair[0].total)
    alone = {name: min(one[name] for one in figures.alone.kept) for name in figures.alone.kept[0]}
    rows = [_stage(stage, runs, best, alone, unit) for stage in STAGES]
    total = round(runs.median(lambda one: one.total), 2)
    rows.append(["total of the loop", round(best.total, 2), "100%", total, "", 1e3 * best.total / unit])
    inserter, times = lives.best(lambda one: one.inserter), lives.in_units(lambda one: 1e3 * one.inserter)
    median = round(lives.median(lambda one: one.inserter), 2)
    rows.append(["insert", round(inserter, 2), "", median, _or_nothing(alone, "insert"), times])
    note = (
        f"insert is the inserter's thread, measured in the recorder process (alone: RowBinary only). Of the total "
        f"{best.collecting:.2f} µs are the garbage collector's, inside whichever stage allocates."
    )
    columns = ("stage, µs per frame", "best round", "share", "median", "alone", "best, in yardsticks")
    return Table("Recorder's stages", columns, rows, note)


def _stage(
    stage: str, runs: Rounds[Sampled], best: Sampled, alone: dict[str, float], unit: float
) -> list[Cell]:
    found = best.stages[stage]
    if stage == "validate" and not found:
        return [stage, NOT_BUILT, "", "", "", ""]
    median = round(runs.median(lambda one: one.stages[stage]), 2)
    share = f"{found / best.total:.0%}"
    return [stage, round(found, 2), share, median, _or_nothing(alone, stage), 1e3 * found / unit]


def _or_nothing(alone: dict[str, float], stage: str) -> Cell:
    return round(alone[stage], 2) if stage in alone else ""


def _left_out(figures: Figures) -> Table:
    def cost(does: Does) -> Callable[[dict[Does, float]], float]:
        return lambda found: found[does]

    rows = [_row(does.value, figures.left_out, cost(does)) for does in Does]
    columns = (
        "loop, null sink, µs per frame",
        "best",
        "median",
        "frames/s per core, best",
        "median",
        "best, in yardsticks",
    )
    return Table("What analyzers and messages cost", columns, rows)


def _batches(figures: Figures) -> Table:
    rows: list[list[Cell]] = [
        [
            f"{size:,}",
            len(cost.milliseconds),
            round(min(cost.milliseconds), 1),
            round(statistics.median(cost.milliseconds), 1),
            round(max(cost.milliseconds), 1),
            round(cost.client, 2),
            round(cost.store, 2),
        ]
        for size, cost in figures.batches
    ]
    times = ("ms until acknowledged: best", "median", "worst")
    columns = ("rows of frames", "batches", *times, "client's CPU, µs per row", "store's CPU, µs per row")
    return Table("A batch into the embedded store", columns, rows)


def _counts(figures: Figures) -> Table:
    rows: list[list[Cell]] = [
        [one.frames, figures.mix.frames - one.frames, one.odd, one.gaps, one.findings, round(one.wall, 1)]
        for one in figures.stored.kept
    ]
    odd = "rows lost, doubled or unparseable"
    columns = ("frames in the store", "frames missing", odd, "gaps", "findings", "seconds")
    return Table(
        "Counted afterwards", columns, rows, f"{figures.mix.frames:,} frames were written to the journal."
    )


def _densities(figures: Figures) -> Table:
    rows: list[list[Cell]] = [
        [
            f"{mix.shape.per_second:,}",
            mix.frames,
            round(one.recorder, 1),
            round(one.store, 1),
            round(one.store_with_merges, 1),
            one.odd + one.gaps,
            one.findings,
        ]
        for mix, one in figures.densities
    ]
    costs = ("recorder process, µs", "store process, µs", "with merges")
    columns = ("frames a second of the journal", "frames", *costs, "lost, doubled, gaps", "findings")
    note = (
        "One round each. A batch ends with its second or at 20,000 rows, so thin traffic makes small batches."
    )
    return Table("What thin traffic costs per frame", columns, rows, note)
