"""`python -m tests.store_faults`: 10,000 inserts into a store that fails at random, 100 recorders and 10 stores killed.

Over HTTP and over the native protocol; every row of every table is compared with a recorder that nothing disturbed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.evidence import Cell, Table, keep
from tests.store_faults.campaign import (
    AT_FAILPOINTS,
    KINDS,
    MOST_STORE_KILLS,
    RANDOM,
    Campaign,
    Outcome,
    Plan,
    to_stderr,
)

_MOST_TOLD: Final = 40
_MEMORY: Final = Path("/dev/shm")
_NAMES: Final = {"http": "http:// (clickhouse-connect)", "native": "clickhouse:// (clickhouse-driver)"}


def main(arguments: list[str]) -> int:
    asked = _arguments(arguments)
    to_stderr(f"seed {asked.seed}: again with --seed {asked.seed}")
    kinds = [kind for kind in KINDS if asked.kind in (kind, "both")]
    with ThreadPoolExecutor(len(kinds)) as pool:  # their work is done in processes
        outcomes = list(pool.map(lambda kind: _outcome(asked, kind), kinds))
    tables = [_summary(outcomes), _faults(outcomes), _kills(outcomes), _rows(outcomes)]
    wrong = [f"{outcome.plan.kind}: {words}" for outcome in outcomes for words in outcome.wrong]
    _print(tables, wrong)
    if asked.evidence and not wrong:
        keep(
            "store-faults",
            "A store that fails",
            f"python -m tests.store_faults {asked.said}",
            tables,
            _notes(asked),
        )
    return 1 if wrong else 0


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.store_faults", description=__doc__)
    parser.add_argument("--inserts", type=int, default=10_000, help="of each kind")
    parser.add_argument("--kills", type=int, default=100, help="of the recorder; ten of the store, too")
    parser.add_argument("--rate", type=float, default=0.15, help="of inserts that meet a fault, 0.05 to 0.3")
    parser.add_argument("--kind", choices=(*KINDS, "both"), default="both")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("OCPPTAP_SEED", "0")))
    parser.add_argument("--evidence", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args(arguments)
    asked.said = f"--inserts {asked.inserts} --kills {asked.kills}"
    asked.seed = asked.seed or int.from_bytes(os.urandom(4), "big")
    return asked


def _outcome(asked: argparse.Namespace, kind: str) -> Outcome:
    """In memory where that can be: it is processes that die here, not disks. What was wrong stays."""
    where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"ocpptap-store-faults-{kind}-", dir=where))
    dying = min(MOST_STORE_KILLS, asked.kills)
    plan = Plan(kind, asked.inserts, asked.kills, dying, asked.rate, asked.seed)
    outcome = Campaign(folder, plan, lambda words: to_stderr(f"{kind}: {words}")).run()
    if outcome.wrong:
        to_stderr(f"{kind}: data and log are kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


# --- tables


def _summary(outcomes: Sequence[Outcome]) -> Table:
    rows: list[Sequence[Cell]] = [
        ("inserts that counted", *(one.inserts for one in outcomes)),
        ("inserts sent", *(one.asked for one in outcomes)),
        ("… of which met a fault", *(sum(one.met.values()) for one in outcomes)),
        ("… of which were sent again", *(one.resent for one in outcomes)),
        ("recorders killed", *(one.kills.total() for one in outcomes)),
        ("stores killed", *(one.store_kills for one in outcomes)),
        ("sessions verified, both streams compared by SHA-256", *(one.sessions for one in outcomes)),
        ("bytes in those streams", *(one.stream_bytes for one in outcomes)),
        ("rows", *(sum(one.rows.values()) for one in outcomes)),
        ("… and in quarantine, because the store refuses them", *(one.quarantined for one in outcomes)),
        ("doubled", *(one.doubled for one in outcomes)),
        ("lost", *(one.lost for one in outcomes)),
        ("other differences from an undisturbed recorder", *(len(one.wrong) for one in outcomes)),
        ("seconds", *(round(one.seconds) for one in outcomes)),
    ]
    return Table("Exactly once", _columns(outcomes), rows)


def _faults(outcomes: Sequence[Outcome]) -> Table:
    kinds = sorted({kind for one in outcomes for kind in one.met})
    rows: list[Sequence[Cell]] = [(kind, *(one.met.get(kind, "-") for one in outcomes)) for kind in kinds]
    return Table(
        "Faults that inserts met", _columns(outcomes), rows, "A dash: there is no such fault on that way."
    )


def _kills(outcomes: Sequence[Outcome]) -> Table:
    rows: list[Sequence[Cell]] = [
        (place, *(one.kills[place] for one in outcomes)) for place in (RANDOM, *AT_FAILPOINTS)
    ]
    return Table("Recorders killed, by place", _columns(outcomes), rows)


def _rows(outcomes: Sequence[Outcome]) -> Table:
    tables = Counter[str]()
    for one in outcomes:
        tables.update(one.rows)
    rows: list[Sequence[Cell]] = [(table, *(one.rows[table] for one in outcomes)) for table in tables]
    return Table("Rows, the same as an undisturbed recorder's", _columns(outcomes), rows)


def _columns(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    return "", *(_NAMES[one.plan.kind] for one in outcomes)


def _notes(asked: argparse.Namespace) -> list[str]:
    return [
        f"seed {asked.seed}; {asked.rate:.0%} of the inserts met a fault",
        "The server is the embedded engine (ClickHouse 26.9) behind its HTTP interface, or behind the test suite's "
        "bridge of the native protocol. The rollups were made again from frames and were the same.",
    ]


def _print(tables: Sequence[Table], wrong: Sequence[str]) -> None:
    for table in tables:
        print(f"\n{table.title}")
        for row in (table.columns, *table.rows):
            print("  ".join(map(str, row)))
    print("\n".join(wrong[:_MOST_TOLD]) or "nothing is wrong")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
