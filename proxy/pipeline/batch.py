"""Rows gathered into batches whose bounds are functions of the stream alone (DESIGN 5).

A batch is (run, whole second of the monotonic clock, part): it is cut when the stream enters another second,
and within a second after exactly 20,000 frame rows or at the row that reaches 32 MiB of payload. The same journal
therefore always gives the same batches, also in safe mode, which has no rows but frames, connections and gaps; and a
batch sent again carries its old token. What the other tables get within those bounds is bounded by the payload.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from proxy.names import batch_number
from proxy.pipeline.tally import Tally
from proxy.tables import INSERT_ORDER, KEYS, MERGED, ONE_ROW_A_BATCH, TABLES

Row = tuple[Any, ...]
MAX_FRAME_ROWS: Final = 20_000
MAX_PAYLOAD: Final = 32 * 1024 * 1024
SECOND: Final = 1_000_000_000

_KEY_COLUMNS: Final = {
    table: tuple(list(TABLES[table]).index(column) for column in KEYS[table]) for table in ONE_ROW_A_BATCH
}
_MERGE_COLUMNS: Final = {
    table: tuple(functions.get(column, "") for column in TABLES[table]) for table, functions in MERGED.items()
}
_APPENDED: Final = tuple(table for table in INSERT_ORDER if table not in ONE_ROW_A_BATCH)


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What goes to the store together: rows per table. `at`: the moment (ns UTC) up to which it tells."""

    number: int
    at: int
    rows: dict[str, list[Row]]


class Batcher:
    """Collects rows; `ready` holds the batches that are complete, oldest first. `tally`: what was counted so far."""

    def __init__(self, tally: Tally | None = None) -> None:
        self.ready: list[Batch] = []
        self.tally = tally or Tally()
        self.number = 0
        self.at = 0
        self._where = (-1, -1)
        self._part = 0
        self._payload = 0
        self._rows: dict[str, list[Row]] = {table: [] for table in _APPENDED}
        self._frames = self._rows["frames"]
        self._versions: dict[str, dict[Row, Row]] = {table: {} for table in ONE_ROW_A_BATCH}

    @property
    def place(self) -> tuple[int, int, int]:
        """(run, second, part) of the batch in hand: a recorder that goes on here must go on with these numbers."""
        return (*self._where, self._part)

    def resume(self, place: tuple[int, int, int]) -> None:
        run, second, self._part = place
        self._where = (run, second)
        self.number = batch_number(*place) if run >= 0 else 0

    def enters(self, run: int, mono: int) -> bool:
        """Would a block of this moment belong to another second than the rows in hand?"""
        return self._where != (run, mono // SECOND)

    def begin(self, run: int, mono: int) -> None:
        """Cut what is in hand and begin the second of `mono`."""
        self.cut()
        self._where = (run, mono // SECOND)
        self._part = 0
        self.number = batch_number(run, mono // SECOND, 0)

    def cut(self) -> None:
        """Complete the batch in hand; without rows there is no batch."""
        rows = {table: self._take(table) for table in INSERT_ORDER}
        if any(rows.values()):
            self.ready.append(
                Batch(self.number, self.at, {table: found for table, found in rows.items() if found})
            )
        self._payload = 0
        self._frames = self._rows["frames"]

    def _take(self, table: str) -> list[Row]:
        if table in ONE_ROW_A_BATCH:
            found = list(self._versions[table].values())
            self._versions[table] = {}
            return found
        rows, self._rows[table] = self._rows[table], []
        return rows

    def frame(self, row: Row, payload: int) -> None:
        """Add one `frames` row of so many payload bytes."""
        self._frames.append(row)
        self._payload += payload
        if len(self._frames) >= MAX_FRAME_ROWS or self._payload >= MAX_PAYLOAD:
            self.next_part()

    def add(self, table: str, rows: list[Row]) -> None:
        """Add rows of an append-only table, made for the batch in hand: they go into it together."""
        self._rows[table] += rows

    def next_part(self) -> None:
        """Complete the batch in hand in the middle of its second."""
        self.cut()
        self._part += 1
        run, second = self._where
        self.number = batch_number(run, second, self._part)

    def gap(self, row: Row) -> None:
        """Add one `gaps` row."""
        self.add("gaps", [row])

    @property
    def gaps(self) -> int:
        """Gap rows in hand: the next one's number within its batch."""
        return len(self._rows["gaps"])

    def version(self, table: str, row: Row) -> None:
        """Add a row of a table that has one per key and batch: the last one wins, or (`MERGED`) they become one."""
        key = tuple([row[column] for column in _KEY_COLUMNS[table]])
        known = self._versions[table]
        earlier = known.get(key)
        if earlier is None:
            known[key] = row
        else:
            known[key] = row if table not in MERGED else _together(table, earlier, row)


def _together(table: str, earlier: Row, later: Row) -> Row:
    """Two partial rows of one key as one, as the store would put them together."""
    functions = _MERGE_COLUMNS[table]
    return tuple([_JOIN[how](*pair) for how, *pair in zip(functions, earlier, later, strict=True)])


def _newest(earlier: Any, later: Any) -> Any:
    return earlier if later is None else later


def _union(earlier: list[str], later: list[str]) -> list[str]:
    if len(earlier) >= _MOST_WORDS:
        return earlier
    return earlier + [word for word in later if word not in earlier]


_MOST_WORDS: Final = 1000
_JOIN: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "": _newest,
    "min": min,
    "max": max,
    f"groupUniqArrayArray({_MOST_WORDS})": _union,
}
