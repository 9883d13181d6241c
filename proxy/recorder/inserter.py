"""The thread that sends batches to the store, in order, each until it is acknowledged (DESIGN 5, R4).

What it is given is worked off strictly in order: so a checkpoint handed over behind a batch is written only when
the store has everything before it. Sending a batch again is harmless: its token is the same and so are its rows.
When its queue is full the recorder waits (the journal grows; traffic does not notice). What is no error of the store
or of the way to it ends the thread, and with it the recorder (`broken`): so that safe mode can help.

A piece that the store refuses for its rows (`RowsRefused`, which means: none of them is stored) goes in halves, each
with a token of its own, until single rows are refused. Those go into quarantine, and of `frames` a gap tells of each;
the rest goes on (`bisection.py`, `quarantine.py`).
"""

from __future__ import annotations

import contextlib
import queue
import random
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from proxy.failpoints import failpoint
from proxy.log import get_logger
from proxy.metrics import INSERT_BUCKETS
from proxy.pipeline.batch import Batch, Row
from proxy.recorder.bisection import Bisection, Span
from proxy.recorder.quarantine import (
    GAP_KIND,
    GAP_NUMBERS,
    LONGEST_REASON,
    Place,
    Quarantine,
    Refused,
    gap_of,
)
from proxy.store.interface import RowsRefused, StoreError
from proxy.tables import INSERT_ORDER

MOST_WAITING: Final = 4
"""Batches; each at most 20,000 frame rows and 32 MiB of payload, with the rows that follow from them."""
MOST_ROWS: Final = 200_000
"""Of one insert; a batch of meter values may have more."""
_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 5.0
_SAY_AGAIN_SECONDS: Final = 60.0
Action = Callable[[], None]


class Sink(Protocol):
    """What the inserter needs of a store; `insert` raises StoreError or OSError when it is not sure."""

    def insert(self, table: str, rows: list[Row], token: str) -> None: ...

    def close(self) -> None: ...

    def leave(self) -> None: ...


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Rows that the store takes as one block. `first`: the place of the first one among the batch's."""

    place: Place
    token: str
    first: int
    rows: list[Row]

    @property
    def whole(self) -> Span:
        return self.first, self.first + len(self.rows) - 1

    def part(self, span: Span) -> tuple[list[Row], str]:
        """The rows of `span`, and their token: the same ones in each life."""
        if span == self.whole:
            return self.rows, self.token
        first, last = span
        return self.rows[first - self.first : last + 1 - self.first], f"{self.place.token}:{first}-{last}"


class _Way:
    """A piece on its way, as far as it has come."""

    def __init__(self, piece: Piece, quarantine: Quarantine | None) -> None:
        self.piece = piece
        self.bisection = Bisection(piece.whole, quarantine.spans(piece.place) if quarantine else ())
        self.aside: Mapping[int, Refused] = quarantine.rows(piece.place) if quarantine else {}
        """Set aside in an earlier life; they stay there, whatever the store would say of them now."""

    def refused(self) -> Refused | None:
        """A row to be set aside before anything else is sent."""
        bad, span = self.bisection.bad, self.bisection.next
        if bad is not None:
            position, error = bad
            _, token = self.piece.part((position, position))
            return Refused(position, token, str(error)[:LONGEST_REASON], error.code)
        return self.aside.get(span[0]) if span is not None and span[0] == span[1] else None

    def set_aside(self) -> None:
        """What `refused` said is done."""
        if self.bisection.bad is not None:
            self.bisection.set_aside()
        else:
            self.bisection.skip()


class Inserter:
    """`put` from the recorder's loop; `stop` ends the thread once the queue is empty or at once.

    Without a quarantine a refused row is waited for, as a store is that is away.
    """

    def __init__(
        self,
        connect: Callable[[], Sink],
        journal: bytes,
        stored: dict[str, int],
        quarantine: Quarantine | None = None,
    ) -> None:
        self._connect = connect
        self._journal = journal.hex()
        self._quarantine = quarantine
        self.stored = stored
        self.failures = 0
        self._say_again = 0.0
        self.last_error = ""
        self.broken: Exception | None = None
        self.stored_at = 0
        """Up to this moment (`at`, ns) everything is in the store; 0: there was nothing yet."""
        self.last_success = 0.0
        """When the store acknowledged rows last (Unix seconds); 0: not in this life."""
        self._taken = 0
        self._done = 0
        self._handed: deque[Batch] = deque()
        """Those that are not stored yet; with the one for which there is no room, a few more than the queue's."""
        self._offered: Batch | None = None
        """The one for which there was no room."""
        self.rows = dict.fromkeys(INSERT_ORDER, 0)
        self.quarantined = dict.fromkeys(INSERT_ORDER, 0)
        """Rows that this life set aside."""
        self.succeeded: dict[str, float] = {}
        """When the store acknowledged rows of a table last (Unix seconds), as far as it did in this life."""
        self.insert_seconds = 0.0
        self.insert_bins = [0] * (len(INSERT_BUCKETS) + 1)
        self._sink: Sink | None = None
        self._pause = _SHORTEST_PAUSE
        self._said = Place(self._journal, -1, "")
        self._queue: queue.Queue[Batch | Action] = queue.Queue(MOST_WAITING)
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._work, name="inserter", daemon=True)
        self._log = get_logger()

    def start(self) -> None:
        self._thread.start()

    def put(self, item: Batch | Action, wait_seconds: float) -> bool:
        """Hand over a batch, or an action to do once everything before it is stored. False: no room yet."""
        if isinstance(item, Batch):
            self.stored_at = self.stored_at or item.at  # before it there was nothing to store
            if item is not self._offered:
                self._handed.append(item)
            self._offered = item
        try:
            self._queue.put(item, timeout=wait_seconds)
        except queue.Full:
            return False
        self._offered = None
        self._taken += _rows_of(item)
        return True

    def lag_seconds(self, table: str, now: float) -> float:
        """Age (`now`: Unix seconds) of the oldest batch whose rows of this table wait; 0: none waits."""
        waiting = (
            batch
            for batch in tuple(self._handed)
            if self.stored.get(table, -1) < batch.number and table in batch.rows
        )
        oldest = next(waiting, None)
        return 0.0 if oldest is None else max(0.0, now - oldest.at / 1e9)

    @property
    def waiting_rows(self) -> int:
        """Rows that were handed over and are not stored; a batch counts until all of it is."""
        return max(0, self._taken - self._done)

    @property
    def idle(self) -> bool:
        """Is everything that was handed over done?"""
        return self._queue.unfinished_tasks == 0

    def check(self) -> None:
        """Raises what ended the thread, if it has ended."""
        if self.broken is not None:
            raise self.broken

    def give_up(self) -> None:
        """End now: what is not yet acknowledged will be sent again at the next start."""
        self._given_up.set()
        self._thread.join(timeout=2.0)

    def _work(self) -> None:
        try:
            while not self._given_up.is_set():
                self._next()
        except Exception as error:
            self.broken = error
        if self._sink is not None:
            self._sink.leave()

    def _next(self) -> None:
        try:
            item = self._queue.get(timeout=0.2)
        except queue.Empty:
            return
        self._do(item)
        self._done += _rows_of(item)
        self._queue.task_done()

    def _do(self, item: Batch | Action) -> None:
        if not isinstance(item, Batch):
            item()
            return
        for table in INSERT_ORDER:
            rows = item.rows.get(table)
            if rows and item.number >= self.stored.get(table, 0):
                self._until_stored(Place(self._journal, item.number, table), rows)
        if not self._given_up.is_set():
            self.stored_at = item.at
            self._handed.popleft()

    def _until_stored(self, place: Place, rows: list[Row]) -> None:
        """In pieces that the store takes as one block each; a piece has a token of its own."""
        for begin in range(0, len(rows), MOST_ROWS):
            token = f"{place.token}:{begin}" if begin else place.token
            self._piece(Piece(place, token, begin, rows[begin : begin + MOST_ROWS]))
        if not self._given_up.is_set():
            self.stored[place.table] = place.batch

    def _piece(self, piece: Piece) -> None:
        """Until each of its rows is stored or in quarantine, or given up."""
        self._pause = _SHORTEST_PAUSE
        way: _Way | None = None
        while not self._given_up.is_set() and (way is None or not way.bisection.done):
            try:
                way = way or _Way(piece, self._quarantine)
                self._step(way)
            except (StoreError, OSError) as error:
                self._failed(error)
                self._given_up.wait(self._pause * random.uniform(0.5, 1.5))
                self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _step(self, way: _Way) -> None:
        """One row into quarantine, or one insert."""
        refused = way.refused()
        if refused is not None:
            self._set_aside(way.piece, refused)
            way.set_aside()
        elif (span := way.bisection.next) is not None:
            try:
                self._timed_insert(way.piece.place.table, *way.piece.part(span))
            except RowsRefused as error:
                self._refused(way, span, error)
            else:
                way.bisection.took()

    def _refused(self, way: _Way, span: Span, error: RowsRefused) -> None:
        """Halves next, or a row is held; StoreError when the reason is not the rows."""
        self._drop()
        if self._quarantine is None:
            raise error
        if span[0] < span[1]:
            self._quarantine.halve(way.piece.place, span)
        way.bisection.refused(error)
        if way.bisection.hopeless:
            way.bisection.again()
            raise StoreError(f"{way.piece.place.table}: not one row is taken: {error}", error.code)

    def _set_aside(self, piece: Piece, refused: Refused) -> None:
        """Into the file first: the gap promises that it is there."""
        place, row = piece.place, piece.rows[refused.position - piece.first]
        if self._quarantine is not None and self._quarantine.add(place, refused, row):
            self.quarantined[place.table] += 1
            self._say_quarantined(self._quarantine, place, refused)
        if place.table == "frames":
            gaps = Place(place.journal, place.batch, "gaps")
            gap = gap_of(row, place.batch, refused.position, refused.reason)
            token = f"{gaps.token}:{GAP_KIND}:{refused.position}"
            self._piece(Piece(gaps, token, GAP_NUMBERS + refused.position, [gap]))

    def _say_quarantined(self, quarantine: Quarantine, place: Place, refused: Refused) -> None:
        """Once for each file: it has the others."""
        if self._said != place:
            self._said = place
            file = str(quarantine.path(place))
            self._log.warning("rows_quarantined", file=file, row=refused.position, reason=refused.reason)

    def _timed_insert(self, table: str, rows: list[Row], token: str) -> None:
        if self._sink is None:
            self._sink = self._connect()
        began = time.monotonic()
        failpoint("before-insert")
        self._sink.insert(table, rows, token)
        failpoint("after-insert")
        took = time.monotonic() - began
        self.last_success = self.succeeded[table] = time.time()
        self.insert_seconds += took
        self.insert_bins[bisect_left(INSERT_BUCKETS, took)] += 1
        self.rows[table] += len(rows)
        self._pause = _SHORTEST_PAUSE
        self.last_error = ""

    def _failed(self, error: Exception) -> None:
        self._drop()
        self.failures += 1
        if str(error) != self.last_error or time.monotonic() > self._say_again:
            self.last_error = str(error)
            self._say_again = time.monotonic() + _SAY_AGAIN_SECONDS
            self._log.warning("store_insert_failed", error=self.last_error, failures=self.failures)

    def _drop(self) -> None:
        """After an error nobody knows what is still on the line."""
        sink, self._sink = self._sink, None
        if sink is not None:
            with contextlib.suppress(StoreError, OSError):
                sink.close()


def _rows_of(item: Batch | Action) -> int:
    return sum(map(len, item.rows.values())) if isinstance(item, Batch) else 0
