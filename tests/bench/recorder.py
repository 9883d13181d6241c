"""`make bench-recorder`: what the recorder costs per frame of the stated mix, stage by stage and with its store; what
understanding costs per message.

`python -m tests.bench.recorder [--quick] [--frames N] [--rounds N]`. A quick run keeps no evidence.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.mix import Mix, Shape, write
from tests.bench.recorder_store import BatchCost, Stored, batch_cost, embedded, stored
from tests.bench.recorder_tables import NOTES, Figures, stillness, tables
from tests.bench.stages import checkpoint_ms, left_out, sampled
from tests.bench.stages_alone import Alone, alone
from tests.bench.stages_inputs import Inputs
from tests.bench.stages_messages import costs
from tests.bench.unit import rounds, say, show
from tests.evidence import keep

SMALL: Final = 60_000
"""Frames of the runs beside the main ones."""
DENSITIES: Final = (500, 2_000, 5_000, 38_000)
BATCHES: Final = ((1_000, 60), (5_000, 20), (20_000, 8))


@dataclass(frozen=True)
class Options:
    frames: int
    rounds: int
    small: int
    quick: int


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="ocpptap-bench-") as scratch:
        figures = measure(options, Path(scratch))
    shown, notes = (
        tables(figures),
        [figures.mix.line(), figures.stages.line, figures.stored.line, stillness(figures), *NOTES],
    )
    show(shown, notes)
    if not options.quick:
        keep("recorder", "The recorder, per frame", "make bench-recorder", shown, notes, raw=raw(figures))
    exact = all(one.exact and not one.gaps for one in figures.stored.kept)
    return 0 if exact and not any(one.failures for one in figures.stages.kept) else 1


def raw(figures: Figures) -> dict[str, list[dict[str, Any]]]:
    """Of each round, for the JSON."""
    return {
        "stages": [asdict(one) for one in figures.stages.kept],
        "stored": [asdict(one) for one in figures.stored.kept],
        "alone": [asdict(one) for one in figures.alone],
        "messages": [{name: asdict(cost) for name, cost in run.items()} for run in figures.messages.kept],
    }


def _options(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recorder", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="half a minute, one round, no evidence kept")
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=0)
    asked = parser.parse_args(arguments)
    frames, times, small = (60_000, 1, 20_000) if asked.quick else (300_000, 3, SMALL)
    return Options(asked.frames or frames, asked.rounds or times, small, int(asked.quick))


def measure(options: Options, scratch: Path) -> Figures:
    say(f"writing a journal of {options.frames:,} frames")
    with _journal(scratch, Shape(options.frames)) as (data, mix):
        stages = rounds("the loop, null sink", options.rounds, lambda: sampled(data, mix.frames))
        checkpoint = checkpoint_ms(data)
        lives = rounds("the process, embedded store", options.rounds, lambda: _life(data, mix, scratch))
    with _journal(scratch, Shape(options.small)) as (data, mix_small):
        inputs = Inputs(data, mix_small.frames)
        each = [_alone(inputs, number) for number in range(options.rounds)]
        kinds = rounds("each kind of message", options.rounds, costs)
        less = rounds("left out", options.rounds, lambda: left_out(data, mix_small.frames))
    densities = [] if options.quick else [_density(options, per_second, scratch) for per_second in DENSITIES]
    batches = _batches(inputs, scratch, 10 if options.quick else 1)
    return Figures(mix, stages, each, kinds, less, checkpoint, lives, densities, batches)


@contextmanager
def _journal(scratch: Path, shape: Shape) -> Iterator[tuple[Path, Mix]]:
    with tempfile.TemporaryDirectory(dir=scratch) as data:
        yield Path(data), write(shape, Path(data))


def _alone(inputs: Inputs, number: int) -> Alone:
    say(f"each stage alone: round {number + 1}")
    return alone(inputs)


def _life(data: Path, mix: Mix, scratch: Path) -> Stored:
    return stored(data / "journal", mix, scratch / "life")


def _density(options: Options, per_second: int, scratch: Path) -> tuple[Mix, Stored]:
    say(f"{per_second:,} frames a second of the journal's clock")
    with _journal(scratch, Shape(options.small, per_second=per_second)) as (data, mix):
        return mix, _life(data, mix, scratch)


def _batches(inputs: Inputs, scratch: Path, divided: int) -> list[tuple[int, BatchCost]]:
    rows = [row for batch in inputs.batches["frames"] for row in batch]
    found = []
    with tempfile.TemporaryDirectory(dir=scratch) as data, embedded(Path(data)) as (store, pid):
        for size, times in BATCHES:
            say(f"batches of {size:,} rows")
            found.append((size, batch_cost(store, pid, rows, min(size, len(rows)), max(2, times // divided))))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
