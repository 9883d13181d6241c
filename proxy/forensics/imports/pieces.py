"""Rows of an import as pieces that the store takes whole or not at all. Pure.

A piece is of one table and one day (of its rows' `at`), 20,000 rows at most: so it becomes one part of the table.
Pieces are numbered in the order in which they come, and a row's `batch` is its piece's number: a function of the file
alone. So `max(batch)` of a table says which of its pieces are there, and an import that was cut off goes on behind it.
A gap's number within its batch is given anew, like its batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Final

import msgspec

from proxy.pipeline.batch import Batch, Row
from proxy.tables import INSERT_ORDER, TABLES

MOST_ROWS: Final = 20_000
DAY: Final = 86_400 * 1_000_000_000
"""ns"""
_BATCH: Final = {table: list(columns).index("batch") for table, columns in TABLES.items()}
_AT: Final = {table: list(columns).index("at") for table, columns in TABLES.items() if "at" in columns}
_GAP_NO: Final = list(TABLES["gaps"]).index("gap_no")


class Piece(msgspec.Struct, frozen=True, gc=False):
    """`day`: since 1970, `place`: among the pieces of its table and day, from 0. `number`: the batch of its rows."""

    table: str
    day: int
    place: int
    number: int
    rows: list[Row]

    def token(self, source: str) -> str:
        """What the store knows it by."""
        return f"{source}:{self.table}:{self.day}:{self.place}"


class Pieces:
    """Counts what it has cut."""

    def __init__(self) -> None:
        self._places: Counter[tuple[str, int]] = Counter()
        self._number = 0

    def of(self, batch: Batch) -> Iterator[Piece]:
        """The batch's rows, table by table in the order in which they are inserted."""
        stream_day = batch.at // DAY
        for table in INSERT_ORDER:
            rows = batch.rows.get(table, [])
            for day, of_day in groupby(_sorted(table, rows), key=lambda row: _day(table, row, stream_day)):
                yield from self._cut(table, day, list(of_day))

    def _cut(self, table: str, day: int, rows: list[Row]) -> Iterator[Piece]:
        for begin in range(0, len(rows), MOST_ROWS):
            self._number += 1
            place = self._places[table, day]
            self._places[table, day] += 1
            numbered = _numbered(table, rows[begin : begin + MOST_ROWS], self._number)
            yield Piece(table, day, place, self._number, numbered)


def _sorted(table: str, rows: list[Row]) -> list[Row]:
    """By day; rows of a day stay as they came."""
    at = _AT.get(table)
    return rows if at is None else sorted(rows, key=lambda row: int(row[at] // DAY))


def _day(table: str, row: Row, stream_day: int) -> int:
    at = _AT.get(table)
    return stream_day if at is None else int(row[at] // DAY)


def _numbered(table: str, rows: list[Row], number: int) -> list[Row]:
    """As rows of batch `number`."""
    at = _BATCH[table]
    changed = [(*row[:at], number, *row[at + 1 :]) for row in rows]
    if table != "gaps":
        return changed
    return [(*row[:_GAP_NO], place, *row[_GAP_NO + 1 :]) for place, row in enumerate(changed)]
