"""The yardstick of the recorder's and the journal's bench (orjson reads a MeterValues of 750 bytes), and its rounds.

The host flips between a fast and a slow regime: a round before and after which the yardstick differs by more than 10 %
is dropped and counted, and another one is tried.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import orjson

from tests.bench.payloads import REPORT, V16, Station
from tests.evidence import Cell, Table

MOST_MOVED: Final = 0.10
_READS: Final = 2_000
_MORE_ROUNDS: Final = 2
T = TypeVar("T")


def _meter_values() -> bytes:
    station = Station(1, V16, booted=True, charging=True, at="2027-01-15T08:00:00.000Z")
    _, action, said, _ = station.says(REPORT)
    text = orjson.dumps([2, "1000001", action, said])
    return text + b" " * (750 - len(text))


TEXT: Final = _meter_values()


def unit(times: int = 10) -> float:
    """ns for one read; best of `times`."""
    return min(_once() for _ in range(times))


def _once() -> float:
    began = time.thread_time_ns()
    for _ in range(_READS):
        orjson.loads(TEXT)
    return (time.thread_time_ns() - began) / _READS


@dataclass(frozen=True)
class Rounds(Generic[T]):
    """`kept` and the yardstick (ns) of each; `dropped` of how many were run."""

    kept: list[T]
    units: list[float]
    dropped: int

    def best(self, figure: Callable[[T], float]) -> float:
        return min(map(figure, self.kept))

    def median(self, figure: Callable[[T], float]) -> float:
        return statistics.median(map(figure, self.kept))

    def in_units(self, nanoseconds: Callable[[T], float]) -> float:
        """The best round's figure as a multiple of that round's yardstick."""
        return min(nanoseconds(one) / unit for one, unit in zip(self.kept, self.units, strict=True))

    @property
    def line(self) -> str:
        """How far the rounds can be trusted."""
        shown = f"yardstick {min(self.units):.0f} to {max(self.units):.0f} ns"
        if self.dropped < 0:
            return f"ALL ROUNDS MOVED by more than 10 % and are kept for want of better ones; {shown}"
        return f"{len(self.kept)} rounds kept, {self.dropped} dropped because the yardstick moved; {shown}"


def rounds(name: str, times: int, work: Callable[[], T]) -> Rounds[T]:
    """`times` good rounds of `work`, of two more at most. If none is good, all are kept, and `dropped` is -1."""
    good: list[tuple[T, float]] = []
    moved: list[tuple[T, float]] = []
    while len(good) < times and len(good) + len(moved) < times + _MORE_ROUNDS:
        say(f"{name}: round {len(good) + len(moved) + 1}")
        before = unit()
        one, after = work(), unit()
        (moved if abs(after / before - 1) > MOST_MOVED else good).append((one, (before + after) / 2))
    chosen = good or moved
    dropped = len(moved) if good else -1
    return Rounds([one for one, _ in chosen], [found for _, found in chosen], dropped)


def say(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def show(tables: Sequence[Table], notes: Sequence[str]) -> None:
    """On stdout, aligned."""
    for table in tables:
        cells = [list(table.columns), *([_text(cell) for cell in row] for row in table.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        print(f"\n{table.title}")
        for row in cells:
            print(
                "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            )
        print(f"  ({table.note})" if table.note else "", end="\n" if table.note else "")
    print("\n" + "\n".join(f"- {note}" for note in notes))


def _text(cell: Cell) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) and abs(cell) < 1000 else str(cell)
