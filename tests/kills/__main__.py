"""`make kill`: a thousand kills under traffic, then a start on 2 GiB of backlog; tables for eyes and evidence."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from proxy.failpoints import PLACES
from tests.evidence import Cell, Table, keep
from tests.kills.backlog import Backlog, make_backlog
from tests.kills.campaign import RANDOM, Campaign, NeverReached, Start
from tests.kills.ledger import EXPLAINED
from tests.kills.plan import many

CHECK_EVERY: Final = 25
"""Kills between two checks of the store."""
ACCEPTING_SECONDS: Final = 2.0
ACCEPTING_ON_BACKLOG_SECONDS: Final = 5.0
_GIB: Final = 1 << 30
_BACKLOG_PATIENCE_SECONDS: Final = 900.0
_KINDS: Final = ("lost", "doubled", "altered", "invented", "gaps")


def main() -> int:
    asked = _arguments()
    print(f"seed {asked.seed}: again with --seed {asked.seed}", file=sys.stderr)
    tables: list[Table] = []
    faults: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="ocpptap-kills-"))
    if asked.kills:
        tables, faults = _kill(folder / "kills", asked.kills, asked.seed)
    if asked.backlog_gib and not faults:
        table, faults = _backlog(folder / "backlog", asked.backlog_gib, asked.seed)
        tables.append(table)
    faults += [f"data and log are kept in {folder}"] if faults else []
    _print(tables, faults)
    if asked.evidence:
        notes = [f"seed {asked.seed}", *faults]
        keep("kills", "Kills", f"python -m tests.kills --kills {asked.kills}", tables, notes)
    if not faults:
        shutil.rmtree(folder)
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("OCPPTAP_SEED", "0")))
    parser.add_argument("--backlog-gib", type=float, default=2.0, help="0: without this phase")
    parser.add_argument("--evidence", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()
    asked.seed = asked.seed or int.from_bytes(os.urandom(4), "big")
    return asked


def _kill(folder: Path, kills: int, seed: int) -> tuple[list[Table], list[str]]:
    folder.mkdir()
    began = time.monotonic()
    with contextlib.closing(Campaign(folder, seed)) as campaign:
        checks, never = _lives(campaign, kills, seed)
        campaign.finish()
        took = time.monotonic() - began
        tables = [_by_part(campaign), _by_place(campaign), _texts(campaign, checks + 1)]
        return [*tables, _restarts(campaign, took)], never + campaign.faults


def _lives(campaign: Campaign, kills: int, seed: int) -> tuple[int, list[str]]:
    """How many checks there were, and what was never reached. It ends at the first thing that is wrong."""
    checks, checked_at = 0, 0
    for plan in many(seed, kills):
        try:
            campaign.live(plan)
        except NeverReached as never:
            return checks, [str(never)]
        if len(campaign.kills) - checked_at >= CHECK_EVERY:
            campaign.check()
            checks, checked_at = checks + 1, len(campaign.kills)
        campaign.fall()
        _say(campaign, kills)
        if campaign.faults:
            break
    return checks, []


def _say(campaign: Campaign, kills: int) -> None:
    done, texts = len(campaign.kills), campaign.oracle.received
    print(f"{done}/{kills} kills, {texts} texts, faults: {len(campaign.faults)}", file=sys.stderr, flush=True)


def _backlog(folder: Path, gib: float, seed: int) -> tuple[Table, list[str]]:
    folder.mkdir()
    with contextlib.closing(Campaign(folder, seed)) as campaign:
        print(f"writing {gib:g} GiB of backlog", file=sys.stderr)
        backlog = make_backlog(campaign.place.data, int(gib * _GIB))
        start, began = campaign.begin(), time.monotonic()
        print("recording it", file=sys.stderr)
        faults = (
            [] if campaign.recorded(backlog, _BACKLOG_PATIENCE_SECONDS) else ["the backlog was not recorded"]
        )
        took = time.monotonic() - began
        campaign.finish()
        return _start_table(backlog, start, took), faults + campaign.faults


# --- tables


def _by_part(campaign: Campaign) -> Table:
    by_chance = Counter(kill.part for kill in campaign.kills if kill.place == RANDOM)
    at_places = Counter(kill.part for kill in campaign.kills if kill.place != RANDOM)
    parts = ("relay", "recorder", "store", "admin", "supervisor")
    rows: list[Sequence[Cell]] = [(part, by_chance[part], at_places[part]) for part in parts]
    rows.append(("together", by_chance.total(), at_places.total()))
    return Table("Kills by part", ("part", "at random moments", "at failpoints"), rows)


def _by_place(campaign: Campaign) -> Table:
    reached = Counter(kill.place for kill in campaign.kills)
    rows = [(place, reached[place]) for place in PLACES]
    return Table("Kills at failpoints", ("place", "reached and killed there"), rows)


def _texts(campaign: Campaign, checks: int) -> Table:
    """`altered` is also what a peer received that was not said."""
    counts = campaign.ledger.tally.counts + Counter(altered=len(campaign.oracle.altered))
    rows: list[Sequence[Cell]] = [
        ("messages sent", campaign.oracle.sent),
        ("messages received by a peer", campaign.oracle.received),
        ("messages in the store", campaign.ledger.rows),
        ("connections", len(campaign.fleet.accepted)),
        *((kind, counts[kind]) for kind in _KINDS),
        ("sessions verified and compared byte by byte", campaign.sampled),
        ("… of which wrong", len(campaign.sample_faults)),
        ("connections closed by a kill behind the journal", len(campaign.closed_without_cause)),
        ("counters that went back", len(campaign.went_back)),
        ("connections that never close", counts["open"]),
        *((f"gaps that a death explains: {kind}", campaign.ledger.explained[kind]) for kind in EXPLAINED),
        ("checks of the store", checks),
    ]
    return Table("What became of the messages", ("", "count"), rows)


def _restarts(campaign: Campaign, took: float) -> Table:
    rows: list[Sequence[Cell]] = []
    for words, seconds in _by_death(campaign).items():
        held = f"{sum(found <= ACCEPTING_SECONDS for found in seconds)} of {len(seconds)}"
        rows.append((words, len(seconds), statistics.median(seconds), max(seconds), held))
    columns = ("killed", "times", "p50 s", "max s", f"≤ {ACCEPTING_SECONDS:g} s")
    note = f"From the kill to the next connection accepted (its 101). {len(campaign.kills)} kills took {took:.0f} s."
    return Table("Restart to accepting", columns, rows, note)


def _by_death(campaign: Campaign) -> dict[str, list[float]]:
    """The supervisor's pause before a worker's next life doubles from death to death in one run."""
    found: dict[str, list[float]] = {}
    death = 0
    for kill, seconds in sorted(campaign.restarts, key=lambda pair: pair[0].at):
        death = 0 if kill.part == "supervisor" else death + 1
        words = f"relay worker, death {death} in its run" if death else "whole run"
        found.setdefault(words, []).append(seconds)
    return dict(sorted(found.items()))


def _start_table(backlog: Backlog, start: Start, took: float) -> Table:
    held = "yes" if start.accepted <= ACCEPTING_ON_BACKLOG_SECONDS else "no"
    rows: list[Sequence[Cell]] = [
        ("backlog, bytes", backlog.bytes),
        ("backlog, messages", 2 * backlog.exchanges),
        ("start to ready line, s", start.ready),
        ("start to first connection accepted, s", start.accepted),
        (f"≤ {ACCEPTING_ON_BACKLOG_SECONDS:g} s", held),
        ("all of it recorded after, s", took),
    ]
    return Table("Start on a backlog", ("", "figure"), rows)


def _print(tables: Sequence[Table], faults: Sequence[str]) -> None:
    for table in tables:
        print(
            f"\n{table.title}\n"
            + "\n".join("  ".join(map(_cell, row)) for row in (table.columns, *table.rows))
        )
        print(table.note)
    print("\n".join(faults) or "no fault")


def _cell(cell: Cell) -> str:
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


if __name__ == "__main__":
    sys.exit(main())
