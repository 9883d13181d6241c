"""A file of our own jsonl as batches of rows: verbatim but for source, connection_id and batch. Pure.

A session's first line is its `connections` row; a line of a session without one, and whatever follows when a session
begins a second time (two exports in one file), is said and left out: no row may stand in the store twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from proxy.forensics.imports.pieces import DAY
from proxy.forensics.imports.rows import READABLE, Line, Place, imported_id, line_of, row_of, size_of
from proxy.forensics.traces import Unreadable
from proxy.pipeline.batch import Batch, Batcher
from proxy.tables import ONE_ROW_A_BATCH

_MOST_OTHERS: Final = 20_000
"""Rows of other tables than `frames` that wait together."""
_RUN: Final = 1
SECOND: Final = 1_000_000_000

Read = Batch | Unreadable


class Lines:
    """`sessions`: the ids of all sessions that the file has."""

    def __init__(self, source: str, sessions: Iterable[str]) -> None:
        self._source = source
        self._known = {session: imported_id(source, session) for session in sessions}
        self._begun: set[str] = set()
        self._twice: set[str] = set()
        self._batcher = Batcher()
        self._others = 0
        self.rows = 0

    def read(self, lines: Iterable[tuple[int, bytes | Unreadable]]) -> Iterator[Read]:
        """Batches as they are complete, and the lines that are none."""
        for number, data in lines:
            if isinstance(data, Unreadable):
                yield data
                continue
            try:
                self._take(line_of(data))
            except ValueError as error:
                yield Unreadable(number, str(error))
            if self._batcher.ready:
                yield from self._taken()
        self._batcher.cut()
        yield from self._taken()

    def _taken(self) -> list[Batch]:
        ready = list(self._batcher.ready)
        self._batcher.ready.clear()
        return ready

    def _take(self, line: Line) -> None:
        """Raises ValueError: it cannot be read."""
        if line.table is None:
            return  # the session's last: what it says stands in `connections`
        if line.table not in READABLE:
            raise ValueError(f"there is no table {line.table[:40]!r}")
        self._check_session(line)
        row = row_of(line, Place(self._source, self._known[line.session], self._known))
        self._enter(row[0])
        self._put(line, row)
        self.rows += 1

    def _check_session(self, line: Line) -> None:
        if line.table == "connections":
            if line.session in self._begun:
                self._twice.add(line.session)
            self._begun.add(line.session)
        if line.session not in self._begun:
            raise ValueError(f"session {line.session[:40]!r} has no connections line above this one")
        if line.session in self._twice:
            raise ValueError(f"session {line.session[:40]!r} is in this file twice: import each by itself")

    def _enter(self, at: int) -> None:
        """Another day begins another batch."""
        day = at // DAY
        if self._batcher.enters(_RUN, day * SECOND):
            self._batcher.begin(_RUN, day * SECOND)
            self._others = 0
        self._batcher.at = at

    def _put(self, line: Line, row: tuple[object, ...]) -> None:
        table = line.table or ""
        if table == "frames":
            self._batcher.frame(row, size_of(row))
            return
        if table in ONE_ROW_A_BATCH:
            self._batcher.version(table, row)
        else:
            self._batcher.add(table, [row])
        self._others += 1
        if self._others >= _MOST_OTHERS:
            self._others = 0
            self._batcher.next_part()
