"""The thread that sends batches to the store, in order, each until it is acknowledged (DESIGN 5, R4).

What it is given is worked off strictly in order: so a checkpoint handed over behind a batch is written only when
the store has everything before it. Sending a batch again is harmless: its token is the same and so are its rows.
When its queue is full the recorder waits (the journal grows; traffic does not notice). What is no error of the store
or of the way to it ends the thread, and with it the recorder (`broken`): so that safe mode can help.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from typing import Final, Protocol

from proxy.failpoints import failpoint
from proxy.log import get_logger
from proxy.metrics import INSERT_BUCKETS
from proxy.pipeline.batch import Batch, Row
from proxy.store.interface import StoreError
from proxy.tables import INSERT_ORDER

MOST_WAITING: Final = 4
"""Batches; each at most 20,000 frame rows and 32 MiB of payload, with the rows that follow from them."""
MOST_ROWS: Final = 200_000
"""Of one insert; a batch of meter values may have more."""
_LONGEST_PAUSE: Final = 5.0
_SAY_AGAIN_SECONDS: Final = 60.0
Action = Callable[[], None]


class Sink(Protocol):
    """What the inserter needs of a store; `insert` raises StoreError or OSError when it is not sure."""

    def insert(self, table: str, rows: list[Row], token: str) -> None: ...

    def leave(self) -> None: ...


class Inserter:
    """`put` from the recorder's loop; `stop` ends the thread once the queue is empty or at once."""

    def __init__(self, connect: Callable[[], Sink], journal: bytes, stored: dict[str, int]) -> None:
        self._connect = connect
        self._journal = journal.hex()
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
        self.rows = dict.fromkeys(INSERT_ORDER, 0)
        self.insert_seconds = 0.0
        self.insert_bins = [0] * (len(INSERT_BUCKETS) + 1)
        self._sink: Sink | None = None
        self._queue: queue.Queue[Batch | Action] = queue.Queue(MOST_WAITING)
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._work, name="inserter", daemon=True)
        self._log = get_logger()

    def start(self) -> None:
        self._thread.start()

    def put(self, item: Batch | Action, wait_seconds: float) -> bool:
        """Hand over a batch, or an action to do once everything before it is stored. False: no room yet."""
        if not self.stored_at and isinstance(item, Batch):
            self.stored_at = item.at  # before it there was nothing to store
        try:
            self._queue.put(item, timeout=wait_seconds)
        except queue.Full:
            return False
        self._taken += _rows_of(item)
        return True

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
                self._until_stored(table, rows, item.number)
        self.stored_at = item.at

    def _until_stored(self, table: str, rows: list[Row], number: int) -> None:
        """In pieces that the store takes as one block each; a piece has a token of its own."""
        token = f"{self._journal}:{number}:{table}"
        for begin in range(0, len(rows), MOST_ROWS):
            self._piece(table, rows[begin : begin + MOST_ROWS], f"{token}:{begin}" if begin else token)
        if not self._given_up.is_set():
            self.stored[table] = number

    def _piece(self, table: str, rows: list[Row], token: str) -> None:
        """Until it is stored, or given up."""
        pause = 0.05
        while not self._given_up.is_set():
            try:
                if self._sink is None:
                    self._sink = self._connect()
                self._timed_insert(self._sink, table, rows, token)
            except (StoreError, OSError) as error:
                self._failed(error)
                self._given_up.wait(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            self.last_error = ""
            return

    def _timed_insert(self, sink: Sink, table: str, rows: list[Row], token: str) -> None:
        began = time.monotonic()
        failpoint("before-insert")
        sink.insert(table, rows, token)
        failpoint("after-insert")
        took = time.monotonic() - began
        self.last_success = time.time()
        self.insert_seconds += took
        self.insert_bins[bisect_left(INSERT_BUCKETS, took)] += 1
        self.rows[table] += len(rows)

    def _failed(self, error: Exception) -> None:
        self._sink = None
        self.failures += 1
        if str(error) != self.last_error or time.monotonic() > self._say_again:
            self.last_error = str(error)
            self._say_again = time.monotonic() + _SAY_AGAIN_SECONDS
            self._log.warning("store_insert_failed", error=self.last_error, failures=self.failures)


def _rows_of(item: Batch | Action) -> int:
    return sum(map(len, item.rows.values())) if isinstance(item, Batch) else 0
