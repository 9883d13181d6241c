"""The recorder's figures as tables."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tests.bench.mix import Mix
from tests.bench.recorder_store import BatchCost, Stored
from tests.bench.stages import STAGES, Does, Sampled
from tests.bench.stages_alone import Alone, together
from tests.bench.stages_messages import Cost, best
from tests.bench.unit import Rounds
from tests.evidence import Cell, Table

UNDERSTOOD_US: Final = 6.0
"""Facts, validation and correlation, per message; issue 4."""
UNDERSTOOD_UNITS: Final = 4.0
VALIDATED_US: Final = 2.0
FRAMES_PER_CORE: Final = 40_000
NOTES: Final = (
    "CPU, not time: other work shares the machine, and the recorder runs at nice 10. frames/s per core = 1 / CPU per "
    "frame. A yardstick is one `orjson.loads` of a 750-byte MeterValues.",
    "The frames are the same bytes as in the evidence of commit 4a76e49, which had no schema validation, "
    "redaction or tables of facts. Rows are chained by SHA-256; runner, checkpoints and process are the real ones.",
    "Only the embedded store can be measured: clickhouse:// and https:// are not built.",
    "Stages, sampled: whose code runs, 1,000 times a second of the same run; they add up to the total. Alone: the "
    "stage's public function over inputs made beforehand, best of the rounds. facts: conversation and readers. "
    "tables: the rows that facts become, and the ledger of transactions. rows: those of frames. rest: dispatch, clock, "
    "batch bounds, the loop. chain: SHA-256 over each row's wire bytes.",
    "A message is a text frame; pings and pongs are none. The conversation is: JSON, verdict, secrets, correlation, "
    "facts; its listener is deaf.",
)
T = TypeVar("T")


@dataclass(frozen=True)
class Figures:
    """All that was measured."""

    mix: Mix
    stages: Rounds[Sampled]
    alone: list[Alone]
    messages: Rounds[dict[str, Cost]]
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
    made = [
        _goals(figures),
        _whole(figures),
        _stages(figures),
        _understood(figures),
        _kinds(figures),
        _left_out(figures),
        _stored(figures),
        _batches(figures),
        _counts(figures),
    ]
    return [*made, _densities(figures)] if figures.densities else made


def _goals(figures: Figures) -> Table:
    one = together(figures.alone, min)
    unit = one.unit / 1e3
    frames = 1e6 / figures.stored.best(lambda life: life.recorder)
    rows = [
        _goal("facts + validation + correlation, µs per message", UNDERSTOOD_US, one.understood),
        _goal("the same in yardsticks", UNDERSTOOD_UNITS, one.understood / unit),
        _goal("validation alone, µs per message", VALIDATED_US, one.per_message("validate")),
        _least("recorder with the embedded store, frames/s per core", FRAMES_PER_CORE, frames),
    ]
    return Table("Figures to reach, best", ("figure", "wanted", "measured", "reached"), rows)


def _goal(name: str, most: float, found: float) -> list[Cell]:
    return [name, f"<= {most:g}", round(found, 2), "yes" if found <= most else "NO"]


def _least(name: str, least: float, found: float) -> list[Cell]:
    return [name, f">= {least:,}", f"{found:,.0f}", "yes" if found >= least else "NO"]


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
    alone = together(figures.alone, min).stages
    rows = [_stage(stage, runs, best, alone, unit) for stage in STAGES]
    total = round(runs.median(lambda one: one.total), 2)
    rows.append(["total of the loop", round(best.total, 2), "100%", total, "", 1e3 * best.total / unit])
    inserter, times = lives.best(lambda one: one.inserter), lives.in_units(lambda one: 1e3 * one.inserter)
    median = round(lives.median(lambda one: one.inserter), 2)
    rows.append(["insert", round(inserter, 2), "", median, _or_nothing(alone, "insert"), times])
    note = (
        f"insert is the inserter's thread, measured in the recorder process (alone: RowBinary only, all "
        f"tables). Of the total {best.collecting:.2f} µs are the garbage collector's, inside whichever stage allocates."
    )
    columns = ("stage, µs per frame", "best round", "share", "median", "alone", "best, in yardsticks")
    return Table("Recorder's stages", columns, rows, note)


def _stage(
    stage: str, runs: Rounds[Sampled], best: Sampled, alone: dict[str, float], unit: float
) -> list[Cell]:
    found = best.stages[stage]
    median = round(runs.median(lambda one: one.stages[stage]), 2)
    share = f"{found / best.total:.0%}"
    return [stage, round(found, 2), share, median, _or_nothing(alone, stage), 1e3 * found / unit]


def _or_nothing(alone: dict[str, float], stage: str) -> Cell:
    return round(alone[stage], 2) if stage in alone else ""


def _understood(figures: Figures) -> Table:
    """Per message; what is told of the loop by sampling stands beside it."""
    low, middle = together(figures.alone, min), together(figures.alone, statistics.median)
    unit = low.unit / 1e3
    rows = [_part(name, figures, (get(low), get(middle)), unit, stages) for name, get, stages in _PARTS]
    note = (
        f"Each over the messages of the mix, {low.messages / low.frames:.2f} a frame. The parts of the conversation: "
        f"its whole minus what is measured alone. Sampled: the same work in the recorder's loop, "
        f"best round. Books, ledger and its rows follow from the facts and are not in the conversation."
    )
    columns = (
        "CPU, µs per message",
        "best",
        "median",
        "best, in yardsticks",
        "sampled",
        "µs per frame, best",
    )
    return Table("What understanding a message costs", columns, rows, note)


def _part(
    name: str, figures: Figures, found: tuple[float, float], unit: float, stages: tuple[str, ...]
) -> list[Cell]:
    low, middle = found
    share = figures.alone[0].messages / figures.alone[0].frames
    run = min(figures.stages.kept, key=lambda one: one.total)
    sampled: Cell = round(sum(run.stages[stage] for stage in stages) / share, 2) if stages else ""
    return [name, round(low, 2), round(middle, 2), round(low / unit, 2), sampled, round(low * share, 2)]


def _each(stage: str) -> Callable[[Alone], float]:
    return lambda one: one.per_message(stage)


_PARTS: Final[tuple[tuple[str, Callable[[Alone], float], tuple[str, ...]], ...]] = (
    (
        "the conversation",
        _each("conversation"),
        ("envelope", "facts", "validate", "correlate", "redact"),
    ),
    ("of it: envelope (JSON)", _each("envelope"), ("envelope",)),
    (
        "without JSON",
        lambda one: one.without_json,
        ("facts", "validate", "correlate", "redact"),
    ),
    (
        "facts + validation + correlation",
        lambda one: one.understood,
        ("facts", "validate", "correlate"),
    ),
    ("of it: validation", _each("validate"), ("validate",)),
    ("of it: correlation", _each("correlate"), ("correlate",)),
    ("of it: facts, the conversation's own work", lambda one: _facts(one), ()),
    ("of it: facts, readers", _each("readers"), ()),
    ("redaction", _each("redact"), ("redact",)),
    ("books", _each("books"), ()),
    ("ledger", _each("ledger"), ()),
    ("the ledger's rows", _each("ledger's rows"), ()),
    ("books, ledger and its rows", _each("tables"), ("tables",)),
)


def _facts(one: Alone) -> float:
    return one.per_message("facts") - one.per_message("readers")


def _kinds(figures: Figures) -> Table:
    unit = min(figures.messages.units) / 1e3
    rows: list[list[Cell]] = [
        [
            name,
            one.size,
            round(one.conversation, 2),
            round(one.without_json, 2),
            round(one.without_json / unit, 2),
            *(
                round(part, 2)
                for part in (one.envelope, one.correlate, one.validate, one.redact, one.readers)
            ),
        ]
        for name, one in best(figures.messages.kept).items()
    ]
    parts = ("envelope", "correlate", "validate", "redact", "readers")
    columns = ("µs per message, best", "bytes", "conversation", "without JSON", "in yardsticks", *parts)
    note = "Batches of 40 of one kind on one connection, which is kinder to the caches than the mix."
    return Table("By kind of message", columns, rows, note)


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


def _stored(figures: Figures) -> Table:
    """What the recorder sends, from a run into the null sink; what the store then holds, of the last life."""
    sent, kept, frames = figures.stages.kept[-1].rows, figures.stored.kept[-1].tables, figures.mix.frames
    rows: list[list[Cell]] = [
        [
            table,
            sent.get(table, ""),
            f"{sent[table] / frames:.3f}" if table in sent else "",
            one.rows,
            round(one.size / one.rows, 1),
            f"{one.size / frames:.2f}",
        ]
        for table, one in sorted(kept.items(), key=lambda pair: -pair[1].size)
        if one.rows
    ]
    size = sum(one.size for one in kept.values())
    rows.append(
        ["all", sum(sent.values()), f"{sum(sent.values()) / frames:.3f}", "", "", f"{size / frames:.2f}"]
    )
    columns = (
        "table",
        "rows sent",
        "rows per frame",
        "rows in the store",
        "bytes per row",
        "bytes per frame",
    )
    note = (
        f"Bytes on disk once merges rest (compressed, with index); a frame is {figures.mix.wire_bytes / frames:.0f} "
        f"bytes on the wire. Tables without rows sent are filled by the store. frames: two tail rows a connection more."
    )
    return Table("Rows and bytes in the store", columns, rows, note)


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
