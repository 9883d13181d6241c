"""`make bench-store`: what the store needs and how fast it takes in what it missed, for the tables of docs/STORE.md.

- *kept*: a day of a fleet of each kind through the real pipeline into an embedded store, merged: frames, bytes on disk.
- *caught up*: the real recorder process over a journal as a live fleet writes it, into the embedded store by its Unix
  socket and over TCP by its HTTP interface: how many seconds of journal it takes in in one second.

`python -m tests.bench.store [--quick] [--charge-points N] [--write]`; `--write` puts the tables into the page.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from proxy.tables import EXPIRY
from tests import evidence
from tests.bench.mix import Shape, write
from tests.bench.recorder_store import PATIENCE_SECONDS, WatchedRecorder, cpu_seconds, embedded
from tests.bench.store_days import DAY, LIVES, VERSIONS, Days, kept_of
from tests.bench.unit import say, show
from tests.days.events import SECOND
from tests.evidence import Cell, Table
from tests.recorder.process import RecorderProcess
from tests.store.front import front, to_store

PAGE: Final = evidence.ROOT / "docs" / "STORE.md"
COMMAND: Final = "python -m tests.bench.store --write"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
_FLEETS: Final = ((1_000, 120), (10_000, 60), (100_000, 15))
"""Charge points of the busiest kind, and how many seconds of their journal are caught up with."""
_FRAMES_A_DAY: Final = 6_345
"""Of one of the busiest kind."""
_PER: Final = 1_000
"""Charge points of a line of the sizing table."""
_GIB: Final = 1024**3
_MIB: Final = 1024**2


@dataclass(frozen=True)
class CaughtUp:
    """One recorder's life. CPU in seconds. `exact`: as many frames in the store as the journal has, each once."""

    way: str
    charge_points: int
    frames: int
    journal_seconds: float
    seconds: float
    recorder_cpu: float
    store_cpu: float
    exact: bool

    @property
    def ratio(self) -> float:
        """Seconds of journal in one second."""
        return self.journal_seconds / self.seconds

    @property
    def ratio_by_cpu(self) -> float:
        """The same if recorder and store had a core each to themselves, and a disk that does not wait."""
        return self.journal_seconds / max(self.recorder_cpu, self.store_cpu)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.store", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 charge points a kind, the smallest fleet")
    parser.add_argument("--charge-points", type=int, default=0, metavar="N", help="of each kind  [100]")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/STORE.md")
    asked = parser.parse_args(arguments)
    each = asked.charge_points or (5 if asked.quick else 100)
    days = [_day(number, each) for number in range(len(LIVES) * len(VERSIONS))]
    fleets = _FLEETS[:1] if asked.quick else _FLEETS
    caught = [_caught_up(way, *fleet) for fleet in fleets for way in _WAYS]
    tables = [sizing(days), by_table(days[-2:]), catching_up(caught)]
    show(tables, [_where()])
    if asked.write:
        PAGE.write_text(_filled(PAGE.read_text("utf-8"), tables), "utf-8")
    return 0 if all(one.exact for one in caught) else 1


# what is kept


def _day(number: int, charge_points: int) -> Days:
    life, version = LIVES[number // len(VERSIONS)], VERSIONS[number % len(VERSIONS)]
    say(f"{life.name}, {version}: a day of {charge_points}")
    midnight = time.time_ns() // DAY * DAY
    with tempfile.TemporaryDirectory(prefix="ocpptap-bench-") as data, embedded(Path(data)) as (store, _):
        return kept_of(life, version, charge_points, store, midnight - DAY)


def kept_bytes(days: Days, charge_points: int) -> float:
    """On disk once as many days have passed as each table keeps; what never expires counts as one day's.

    The rollup without charge points does not grow with them.
    """
    times = {table: charge_points / days.charge_points for table in days.tables} | {"fleet_minutes": 1.0}
    return sum(
        kept.size * times[table] * EXPIRY.get(table, ("", 1))[1] for table, kept in days.tables.items()
    )


def frames_bytes(days: Days, charge_points: int, keeps: int) -> float:
    """Of the table `frames` alone, after so many days."""
    return days.tables["frames"].size * keeps * charge_points / days.charge_points


def journal_an_hour(days: Days, charge_points: int) -> float:
    """Bytes that the journal grows by in an hour in which nothing is recorded."""
    return days.journal_bytes / 24 * charge_points / days.charge_points


def sizing(days: Sequence[Days]) -> Table:
    rows: list[list[Cell]] = [
        [
            one.life.name,
            one.version,
            round(one.frames_a_day),
            round(one.wire_bytes / one.frames),
            round(one.bytes_a_frame("frames"), 1),
            round(one.bytes_a_frame(), 1),
            f"{frames_bytes(one, _PER, EXPIRY['frames'][1]) / _GIB:.1f}",
            f"{kept_bytes(one, _PER) / _GIB:.1f}",
            f"{journal_an_hour(one, _PER) / _MIB:.0f}",
        ]
        for one in days
    ]
    columns = (
        "a charge point's day",
        "OCPP",
        "frames a day",
        "bytes per frame on the wire",
        "on disk, in `frames`",
        "in all tables",
        "1,000 charge points, GiB: `frames`, 90 days",
        "everything, as long as each table keeps it",
        "journal, MiB an hour while the store is down",
    )
    note = (
        f"A day of {days[0].charge_points} charge points of each kind, half AC, half DC, every call answered, once "
        "with OPTIMIZE FINAL. `everything`: the defaults (90, 400 and 730 days)."
    )
    return Table("What is kept", columns, rows, note)


def by_table(pair: Sequence[Days]) -> Table:
    """Of the busiest kind, both versions."""
    names = sorted({name for days in pair for name in days.tables}, key=lambda name: -_together(pair, name))
    rows: list[list[Cell]] = [
        [
            name,
            *(_text(cell) for days in pair for cell in _figures(days, name)),
            EXPIRY.get(name, ("", "-"))[1],
        ]
        for name in names
    ]
    each = [
        f"{days.version}: {what}"
        for days in pair
        for what in ("rows per charge point and day", "bytes per row", "bytes per frame")
    ]
    return Table(
        "By table, the busiest kind",
        ("table", *each, "kept for days"),
        rows,
        "Bytes on disk, with the index.",
    )


def _together(pair: Sequence[Days], table: str) -> int:
    return sum(days.tables[table].size for days in pair if table in days.tables)


def _figures(days: Days, table: str) -> tuple[float, float, float]:
    kept = days.tables.get(table)
    if kept is None or not kept.rows:
        return 0.0, 0.0, 0.0
    return kept.rows / days.charge_points, kept.size / kept.rows, kept.size / days.frames


def _text(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


# catching up


class Late(WatchedRecorder):
    """A recorder process that comes late to a journal; `store`: its settings."""

    def __init__(self, data: Path, store: dict[str, Any]) -> None:
        RecorderProcess.__init__(
            self, data, drain_seconds=PATIENCE_SECONDS, journal={"retain_seconds": 86_400}, store=store
        )
        self.pid = self._process.pid
        self.inserter_seconds = self.mib = 0.0

    def catch_up(self) -> tuple[float, float]:
        """Seconds until everything is stored; its CPU seconds in them."""
        try:
            self.wait_until_ready()
            began, before = time.monotonic(), cpu_seconds(self.pid)
            spent = self.drain_watched() - before
        except BaseException:
            self.kill()
            raise
        return time.monotonic() - began, spent


def _by_socket(data: Path) -> tuple[float, float]:
    return Late(data, {"url": "embedded"}).catch_up()


def _by_http(data: Path) -> tuple[float, float]:
    with front(to_store(data)) as port:
        return Late(data, {"url": f"http://127.0.0.1:{port}/ocpptap"}).catch_up()


_WAYS: Final[dict[str, Callable[[Path], tuple[float, float]]]] = {
    "embedded, Unix socket": _by_socket,
    "the same engine, HTTP over TCP": _by_http,
}


def _caught_up(way: str, charge_points: int, seconds: int) -> CaughtUp:
    say(f"{charge_points:,} charge points, {seconds} s behind: {way}")
    per_second = round(charge_points * _FRAMES_A_DAY * SECOND / DAY)
    with tempfile.TemporaryDirectory(prefix="ocpptap-bench-") as scratch:
        data = Path(scratch)
        mix = write(Shape(per_second * seconds, per_second=per_second), data)
        with embedded(data) as (store, pid):
            before = cpu_seconds(pid)
            seconds_taken, spent = _WAYS[way](data)
            store_spent = cpu_seconds(pid) - before
            answer = store.query(
                "SELECT count(), uniqExact(connection_id, frame_no) FROM frames WHERE kind = 'frame'",
                {},
                "TabSeparated",
            )
    exact = answer.split() == [str(mix.frames).encode()] * 2
    return CaughtUp(way, charge_points, mix.frames, seconds, seconds_taken, spent, store_spent, exact)


def catching_up(caught: Sequence[CaughtUp]) -> Table:
    rows: list[list[Cell]] = [
        [
            f"{one.charge_points:,}",
            round(one.frames / one.journal_seconds),
            one.way,
            f"{one.frames:,}",
            f"{one.seconds:.1f}",
            round(one.frames / one.seconds),
            f"{one.ratio:.3g}",
            round(1e6 * one.recorder_cpu / one.frames),
            round(1e6 * one.store_cpu / one.frames),
            f"{one.ratio_by_cpu:.3g}",
            "yes" if one.exact else "NO",
        ]
        for one in caught
    ]
    columns = (
        "charge points of the busiest kind",
        "frames a second, live",
        "store",
        "frames missed",
        "seconds to catch up",
        "frames a second",
        "times the live rate",
        "CPU, µs per frame: recorder",
        "store",
        "times live, by CPU",
        "each once",
    )
    note = (
        "The whole recorder: read, understood, all analyzers, inserted second by second. Of the calls in this mix "
        "79 % are reports of six samples, more than live. An hour without a store is caught up with in 60 min / times. "
        "By CPU: with a core each for recorder and store, as on a machine where nothing else runs."
    )
    return Table("Catching up after the store was down", columns, rows, note)


# the page


def _where() -> str:
    load = os.getloadavg()[2]
    return (
        f"`{COMMAND}`, {datetime.now(UTC):%Y-%m-%d}, {evidence.machine()}. Load average {load:.0f} on "
        f"{os.cpu_count()} cores meanwhile (this bench alone: 1 to 2); work beside it costs seconds, not bytes."
    )


def _filled(page: str, tables: Sequence[Table]) -> str:
    """The page with the tables between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [_where(), "", *(line for table in tables for line in evidence._markdown(asdict(table)))]
    return before + BEGIN + "\n".join(lines) + END + after


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
