"""`python -m tests.bench.journal [--quick] [--rounds N]`: the journal alone, and whether a thread should append.

A quick run keeps no evidence.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.bench.journal_runs import Spread, burst, commits, computing, disk_hog, paced
from tests.bench.journal_tables import (
    BESIDE,
    BUSY,
    COMPUTING_US,
    PER_SECOND,
    QUIET,
    SCENES,
    WAYS,
    Figures,
    Scene,
    Ways,
    notes,
    tables,
)
from tests.bench.unit import Rounds, rounds, say, show
from tests.evidence import keep

BURSTS: Final = {1: 150_000, 16: 60_000, 160: 10_000}
"""Records a commit -> commits."""
PACED: Final = (20, 1)
"""Records a commit."""


@dataclass(frozen=True)
class Options:
    """`scale`: of the lengths of all runs."""

    rounds: int
    scale: float


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.journal", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of everything, one round, no evidence kept"
    )
    parser.add_argument("--rounds", type=int, default=0)
    asked = parser.parse_args(arguments)
    options = Options(asked.rounds or (1 if asked.quick else 3), 0.1 if asked.quick else 1.0)
    with tempfile.TemporaryDirectory(prefix="ocpptap-bench-") as scratch:
        figures = measure(options, Path(scratch))
    shown, said = tables(figures), notes(figures)
    show(shown, said)
    if not asked.quick:
        keep("journal", "The journal alone", "python -m tests.bench.journal", shown, said, raw=_raw(figures))
    return 0


def measure(options: Options, scratch: Path) -> Figures:
    figures, seconds = Figures(), 6.0 * options.scale
    for per_commit, count in BURSTS.items():
        work = partial(burst, scratch, per_commit, int(count * options.scale))
        figures.bursts[per_commit] = rounds(f"{per_commit} a commit", options.rounds, work)
    idle = partial(computing, COMPUTING_US, PER_SECOND // PACED[0], seconds)
    figures.computing[QUIET] = rounds("no append", options.rounds, idle)
    figures.quiet = _paced(options, "paced", scratch, seconds)
    with disk_hog(scratch) as figures.hog:
        figures.disturbed = _paced(options, "paced, another process writes 80 MB/s", scratch, seconds)
        figures.computing[BESIDE] = rounds("no append, but the other process", options.rounds, idle)
    for scene in SCENES:
        say(f"{scene[0]} chunks a turn, the loop {scene[1]}")
        figures.ways[scene] = rounds("ways", options.rounds, partial(_ways, scene, scratch, seconds / 3))
    return figures


def _paced(options: Options, name: str, scratch: Path, seconds: float) -> dict[int, Rounds[Spread]]:
    found = {}
    for per_commit in PACED:
        work = partial(paced, scratch, per_commit, PER_SECOND, seconds)
        found[per_commit] = rounds(f"{name}, {per_commit} a commit", options.rounds, work)
    return found


def _ways(scene: Scene, scratch: Path, seconds: float) -> Ways:
    """All of them in one round."""
    chunks, load = scene
    reads = chunks if load == BUSY else 0
    return {name: commits(scratch, way, chunks, reads, seconds) for name, way in WAYS.items()}


def _raw(figures: Figures) -> dict[str, Any]:
    """All rounds, for the JSON."""
    kinds: dict[str, dict[int, Rounds[Any]]] = {
        "bursts": {**figures.bursts},
        "quiet": {**figures.quiet},
        "disturbed": {**figures.disturbed},
    }
    raw: dict[str, Any] = {
        kind: {str(size): [asdict(one) for one in found.kept] for size, found in runs.items()}
        for kind, runs in kinds.items()
    }
    raw["ways"] = {
        f"{chunks} a turn, {load}": [{name: asdict(way) for name, way in one.items()} for one in found.kept]
        for (chunks, load), found in figures.ways.items()
    }
    return raw


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
