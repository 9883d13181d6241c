"""`make crash-states`: 100,000 states that a power failure may leave, each started again on; then the deep model.

    python -m tests.journal [--states 100000] [--seed 1] [--processes 2] [--examples 500]

Two processes; each judges one story after the other and says what it came to. Ends with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.evidence import Table, keep
from tests.journal.crash import KINDS
from tests.journal.stories import WRITTEN
from tests.journal.test_model import DEEP, JournalModel
from tests.journal.verdict import PROBLEMS, SECOND_CRASH, Search, Tally, explore, one_story


def main() -> int:
    options = _options()
    began = time.monotonic()
    tally, stories = _explored(options)
    examples = _model(options.examples)
    took = time.monotonic() - began
    columns = ["kind of crash", "states", *PROBLEMS, "un-synced payloads not there", "damage said"]
    rows = [[kind, *_row(tally, kind)] for kind in (*KINDS, SECOND_CRASH)]
    table = Table("Crash states", columns, [*rows, ["all", *_totals(rows)]])
    notes = [
        f"{stories} stories drawn from seed {options.seed} on and {len(WRITTEN)} written ones: one to three workers, "
        "rolls, ENOSPC, EIO, failed fsyncs, short writes, kills, checkpoints, deletions; distinct disks are counted.",
        "Each state: the next run starts, writes and is read; all is read twice, once resumed, and behind checkpoints.",
        f"The model of the journal against a list: {examples} examples of up to 60 steps. {took:.0f} s in all.",
    ]
    keep("crash-states", "Journal: states after a crash", "make crash-states", [table], notes)
    _print(table, tally.first)
    return 1 if tally.first else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.journal")
    parser.add_argument("--states", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--examples", type=int, default=DEEP.max_examples)
    return parser.parse_args()


def _explored(options: argparse.Namespace) -> tuple[Tally, int]:
    """Stories until there are enough states; how many were drawn."""
    tally, stories = Tally(), 0
    for name, tell in WRITTEN.items():
        explore(tell(), name, Search(), tally, random.Random(options.seed))
    with get_context("spawn").Pool(options.processes) as pool:
        for stories, found in enumerate(pool.imap(one_story, _seeds(options.seed)), 1):
            tally += found
            print(f"\r{stories} stories, {tally.total:,} states", end="", file=sys.stderr, flush=True)
            if tally.total >= options.states:
                break
        pool.terminate()
    print(file=sys.stderr)
    return tally, stories


def _seeds(first: int) -> Iterator[int]:
    """As many as are ever wanted: the pool takes them all at once."""
    return iter(range(first, first + 2000))


def _model(examples: int) -> int:
    print(f"the model: {examples} examples", file=sys.stderr, flush=True)
    run_state_machine_as_test(JournalModel, settings=settings(DEEP, max_examples=examples))
    return examples


def _row(tally: Tally, kind: str) -> list[int]:
    problems = [tally.problems[kind, problem] for problem in PROBLEMS]
    return [tally.states[kind], *problems, tally.missing[kind], tally.said[kind]]


def _totals(rows: list[list[str | int]]) -> list[int]:
    return [sum(int(row[column]) for row in rows) for column in range(1, len(rows[0]))]


def _print(table: Table, first: list[str]) -> None:
    width = max(len(str(row[0])) for row in table.rows)
    for column, name in enumerate(table.columns[1:], 1):
        print(f"({column}) {name}")
    for row in table.rows:
        print(str(row[0]).ljust(width), *(f"{cell:>9}" for cell in row[1:]))
    for line in first:
        print(line)


if __name__ == "__main__":
    sys.exit(main())
