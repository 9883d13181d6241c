"""The store against the oracle: nothing that a peer received is lost, nothing is doubled, altered or invented.

Rows come in insert order, so what is new since the last look is what stands in newer batches. Reading is incremental;
a ledger that begins anew reads all of it again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from proxy.store.interface import NO_PARAMS
from proxy.tables import KEYS
from tests.kills.backlog import NAME as BACKLOG
from tests.kills.oracle import Oracle
from tests.kills.script import StreamId, all_texts, claimed, made_again, name_of

_PAGE_BYTES: Final = 32 * 1024 * 1024
_MOST_TOLD: Final = 20
_MINE: Final = f"NOT startsWith(charge_point, '{BACKLOG}')"
_SIZES: Final = """
SELECT batch, sum(length(payload) + length(text) + 100) FROM frames
WHERE batch > {after:UInt64} AND batch <= {last:UInt64} AND {mine} GROUP BY batch ORDER BY batch
""".replace("{mine}", _MINE)
_ROWS: Final = """
SELECT connection_id, charge_point, direction, if(text != '', text, payload) FROM frames
WHERE batch BETWEEN {first:UInt64} AND {last:UInt64} AND kind = 'frame' AND fin = 1 AND opcode < 8 AND {mine}
ORDER BY connection_id, frame_no
""".replace("{mine}", _MINE)
_NEWEST: Final = "SELECT max(batch) FROM frames"
_BEFORE_NEWEST: Final = "SELECT max(batch) FROM frames WHERE batch < (SELECT max(batch) FROM frames)"
EXPLAINED: Final = ("unobserved", "torn")
"""Gaps that a killed relay worker explains: time without marks, and the bytes of a write that it was killed in (which
nobody received)."""


@dataclass
class Stream:
    """How far one stream is read; `session`: its connection in the store."""

    texts: Iterator[str]
    session: str
    stored: int = 0


@dataclass
class Tally:
    """What is wrong, by kind; `told`: the first ones in words."""

    counts: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def add(self, kind: str, words: str, count: int = 1) -> None:
        self.counts[kind] += count
        if len(self.told) < _MOST_TOLD:
            self.told.append(f"{kind}: {words[:200]}")


class Asked(Protocol):
    """What a ledger needs of a store."""

    def query(
        self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow"
    ) -> bytes: ...


class Ledger:
    def __init__(self, store: Asked, oracle: Oracle) -> None:
        self.store = store
        self.oracle = oracle
        self.streams: dict[StreamId, Stream] = {}
        self.tally = Tally()
        self.rows = 0
        self.explained: Counter[str] = Counter()
        self._read_up_to = 0

    def read(self) -> None:
        """While somebody inserts: the newest batch may be there in part."""
        self._read(int(self._ask(_BEFORE_NEWEST) or 0))

    def read_all(self) -> None:
        """When nobody inserts any more."""
        self._read(int(self._ask(_NEWEST) or 0))

    def missing(self, received: dict[StreamId, int]) -> dict[StreamId, int]:
        """How many of the texts that were received by then are not read yet."""
        found = {
            stream: count - (self.streams[stream].stored if stream in self.streams else 0)
            for stream, count in received.items()
        }
        return {stream: count for stream, count in found.items() if count > 0}

    def _read(self, newest: int) -> None:
        for first, last in self._pages(newest):
            answer = self.store.query(_ROWS, {"first": str(first), "last": str(last)}, "JSONCompactEachRow")
            for line in answer.splitlines():
                self._row(*json.loads(line.decode(errors="replace")))
        self._read_up_to = max(self._read_up_to, newest)

    def _pages(self, newest: int) -> Iterator[tuple[int, int]]:
        first = last = size = 0
        params = {"after": str(self._read_up_to), "last": str(newest)}
        for line in self.store.query(_SIZES, params, "TabSeparated").splitlines():
            batch, more = map(int, line.split())
            if size and size + more > _PAGE_BYTES:
                yield first, last
                size = 0
            first = first if size else batch
            last, size = batch, size + more
        if size:
            yield first, last

    def _row(self, session: str, charge_point: str, direction: str, text: str) -> None:
        self.rows += 1
        claim = claimed(text)
        stream = self._stream(claim[0], session, charge_point, direction) if claim else None
        if stream is None or claim is None:
            self.tally.add("invented", text)
            return
        if next(stream.texts) == text:
            stream.stored += 1
            if stream.stored > self.oracle.books[claim[0]].sent:
                self.tally.add("invented", f"stored before it was said: {text}")
            return
        self._deviates(claim[0], stream, text)

    def _stream(self, name: StreamId, session: str, charge_point: str, direction: str) -> Stream | None:
        """None: nobody said so in this connection and direction."""
        if name not in self.oracle.books or (charge_point, direction) != _of(name):
            return None
        stream = self.streams.setdefault(name, Stream(all_texts(name), session))
        return stream if stream.session == session else None

    def _deviates(self, name: StreamId, stream: Stream, text: str) -> None:
        """Not what had to come next: say what it is, and go on behind it."""
        if made_again(text) != text:
            self.tally.add("altered", text)
            stream.stored += 1
            return
        place = _number(name, text)
        if place < stream.stored:
            self.tally.add("doubled", text)
        else:
            lost = place - stream.stored
            self.tally.add("lost", f"{lost} of {name} before {text}", lost)
        stream.stored = max(stream.stored, place + 1)
        stream.texts = all_texts(name)
        for _ in range(stream.stored):
            next(stream.texts)

    def _ask(self, sql: str) -> str:
        return self.store.query(sql, {}, "TabSeparated").decode().strip()

    # the whole store

    def judge(self) -> None:
        """What no reading of texts shows: keys that are there twice, gaps that nothing explains."""
        for table, key in KEYS.items():
            shown = self._ask(f"SELECT count(), uniqExact({', '.join(key)}) FROM {_listed(table)}")
            count, unique = map(int, shown.split())
            if count != unique:
                self.tally.add("doubled", f"{count - unique} keys of {table}", count - unique)
        gaps = self._ask("SELECT kind, at, bytes, connection_id, reason FROM gaps").splitlines()
        for line in gaps:
            if line.split("\t")[0] not in EXPLAINED:
                self.tally.add("gaps", line)
        self.explained = Counter(line.split("\t")[0] for line in gaps) & Counter(
            dict.fromkeys(EXPLAINED, 1 << 62)
        )


def _listed(table: str) -> str:
    """frames and gaps are append-only, so their base table must be free of doubles; the others' newest versions."""
    return f"all_{table} WHERE source = ''" if table in ("frames", "gaps") else table


def _of(name: StreamId) -> tuple[str, str]:
    return name_of(name.charge_point), name.direction.label


def _number(name: StreamId, text: str) -> int:
    """Which one of its stream a text is."""
    return next(number for number, said in enumerate(all_texts(name)) if said == text)
