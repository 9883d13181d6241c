"""All that is known of a session beside its frames: every table that names its connection, and what was found in it.

Rows come in the order of time, table by table merged, in pages: what is large is not held. Values are what `OtherRow`
says; the questions are made once from `proxy.tables` (`columns.py`). In an imported session the ids of sessions are
those of the import; here they become those under which they were recorded.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from proxy.forensics.export.columns import BEFORE, FOUND, OTHERS, READINGS, Reading
from proxy.forensics.export.material import OtherRow
from proxy.forensics.find import rows
from proxy.forensics.tape import Head
from proxy.store.client import Store, StoreError

_PAGE_ROWS: Final = 5_000
_TOO_LARGE: Final = "Limit for result"
_AT_ONCE: Final = 500
"""Ids that are asked for together."""

_NAMING: Final = """
SELECT DISTINCT connection_id AS id FROM all_{}
WHERE charge_point IN {{charge_points:Array(String)}} AND source = {{source:String}}
  AND connection_id IN {{ids:Array(String)}}
"""
_PROVING: Final = """
SELECT DISTINCT arrayJoin(evidence.1) AS id FROM all_findings
WHERE source = {source:String} AND hasAny(evidence.1, {ids:Array(String)})
  AND (charge_point = '' OR charge_point IN {charge_points:Array(String)})
"""
_KNOWN: Final = {table: _PROVING if table == FOUND else _NAMING.format(table) for table in OTHERS}


def known_of(store: Store, heads: Sequence[Head]) -> dict[str, frozenset[str]]:
    """Which tables know these sessions of one source: id -> tables."""
    found: dict[str, set[str]] = {head.connection_id: set() for head in heads}
    params = together(heads)
    for table, question in _KNOWN.items():
        for row in rows(store, question, **params):
            found.get(row["id"], set()).add(table)
    return {connection: frozenset(tables) for connection, tables in found.items()}


def together(heads: Sequence[Head]) -> dict[str, str]:
    """Sessions of one source as parameters."""
    return {
        "charge_points": _array({head.charge_point for head in heads}),
        "source": heads[0].source,
        "ids": _array({head.connection_id for head in heads}),
    }


def _array(words: Collection[str]) -> str:
    quoted = ("'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in sorted(words))
    return f"[{', '.join(quoted)}]"


class Others:
    """The other rows of one session, from `since` to `until` (microseconds UTC), out of `tables`. `selected`: the ids
    of all sessions that are read with it, so that a finding of several of them comes once."""

    def __init__(
        self,
        store: Store,
        head: Head,
        since: int,
        until: int,
        tables: Collection[str] = OTHERS,
        selected: Collection[str] = (),
        limit: int = _PAGE_ROWS,
    ) -> None:
        self._store = store
        self._head = head
        self._tables = tuple(table for table in OTHERS if table in tables and table != BEFORE)
        self._selected = selected
        self._limit = limit
        self._originals = Originals(store, head.source)
        self._since = since
        self._params = {
            "connection": head.connection_id,
            "charge_point": head.charge_point,
            "source": head.source,
            "until": str(until),
        }

    def __iter__(self) -> Iterator[OtherRow]:
        tables = [self._ranked(READINGS[table]) for table in self._tables]
        yield from (row for _, _, row in self._ranked(READINGS[BEFORE]))
        for _, _, row in heapq.merge(*tables, key=lambda ranked: ranked[:2]):
            yield row

    def _ranked(self, reading: Reading) -> Iterator[tuple[int, int, OtherRow]]:
        for told in self._told(reading):
            row = self._row(reading, told[3:-1])
            yield told[0], reading.rank, OtherRow(reading.table, told[0], row, bool(told[-1]))

    def _row(self, reading: Reading, told: tuple[Any, ...]) -> dict[str, Any]:
        values = list(told)
        for place, make in reading.made:
            values[place] = make(values[place])
        return self._originals.of(reading.table, dict(zip(reading.columns, values, strict=True)))

    def _told(self, reading: Reading) -> Iterator[tuple[Any, ...]]:
        """Rows as they are answered, page by page; a page that is too large for an answer is halved."""
        place, limit, full = reading.first_place, self._limit, True
        while full:
            try:
                answer = self._page(reading, place, limit)
            except StoreError as error:
                if limit == 1 or _TOO_LARGE not in str(error):
                    raise
                limit //= 2
                continue
            found = reading.decoder.decode_lines(answer)
            yield from (told for told in found if reading.table != FOUND or self._is_ours(reading, told))
            full = len(found) == limit
            place = found[-1] if found else place

    def _page(self, reading: Reading, place: tuple[Any, ...], limit: int) -> bytes:
        at, first, second = place[:3]
        params = self._params | {
            "since": str(max(at, self._since)),
            "after": str(at),
            "first": str(first),
            "second": str(second),
            "limit": str(limit),
        }
        return self._store.query(reading.question, params, "JSONCompactEachRow")

    def _is_ours(self, reading: Reading, told: tuple[Any, ...]) -> bool:
        """A finding stands with the first of its sessions that is read."""
        evidence = told[3 + reading.columns.index("evidence")]
        first = next((connection for connection, _ in evidence if connection in self._selected), "")
        return first in ("", self._head.connection_id)


_ORIGINALS: Final = """
SELECT connection_id, any(source_connection_id) AS original FROM all_connections
WHERE source = {source:String} AND connection_id IN {ids:Array(String)} GROUP BY connection_id
"""


class Originals:
    """What sessions of an import were called where they were recorded; of others, their own ids.

    Bounded: what is known of more than 10,000 sessions is forgotten.
    """

    MOST: Final = 10_000

    def __init__(self, store: Store, source: str) -> None:
        self._store = store
        self._source = source
        self._known: dict[str, str] = {}

    def of(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        """`row` with the ids in it as they were."""
        if not self._source:
            return row
        if table == FOUND:
            known = self._learnt({connection for connection, _ in row["evidence"]})
            return row | {"evidence": [(known[connection], number) for connection, number in row["evidence"]]}
        ended = row.get("end_connection_id")
        return row | {"end_connection_id": self._learnt({ended})[ended]} if ended else row

    def _learnt(self, ids: set[str]) -> dict[str, str]:
        if len(self._known) > self.MOST:
            self._known = {}
        unknown = sorted(ids - self._known.keys())
        for begin in range(0, len(unknown), _AT_ONCE):
            asked = unknown[begin : begin + _AT_ONCE]
            found = rows(self._store, _ORIGINALS, source=self._source, ids=_array(asked))
            self._known |= {connection: connection for connection in asked}
            self._known |= {row["connection_id"]: row["original"] for row in found if row["original"]}
        return self._known
