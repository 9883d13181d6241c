"""The turn queue: what one turn of the event loop brought, journalled as one block, then passed on in order.

The only place where the relay meets the journal. Rules (DESIGN 4):
- the first entry of a turn schedules `commit`; a turn that holds `turn_bytes` is committed at once;
- records are appended before any deed is done; deeds (pass bytes on, pass FIN on, reset) keep their order;
- a journal that refuses traffic (`on_failure = "refuse"`) is asked after each append: then nothing is passed on.
With `durability = "sync"` the deeds of a turn wait until its block is on the disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, Final, Protocol

from proxy import counters
from proxy.failpoints import failpoint
from proxy.journal.format import Kind, Record
from proxy.names import MAX_CHUNK, Direction

Deed = tuple[Callable[[Any], object], Any]

_DATA: Final = int(Kind.DATA)


class Journal(Protocol):
    """What the turn needs of proxy/journal."""

    @property
    def accepting(self) -> bool: ...
    def append(self, records: list[Record], /) -> None: ...
    def synced(self, callback: Callable[[], None], /) -> None: ...


class Turn:
    """`call_soon` is the loop's; `view` are the counters; `refuse` is called when the journal refuses traffic,
    `failed` with what a deed raised."""

    def __init__(
        self,
        journal: Journal,
        view: memoryview,
        call_soon: Callable[[Callable[[], None]], object],
        refuse: Callable[[], None],
        failed: Callable[[Exception], None],
        turn_bytes: int,
    ) -> None:
        self.journal = journal
        self.view = view
        self._call_soon = call_soon
        self._refuse = refuse
        self._failed = failed
        self._turn_bytes = turn_bytes
        self._records: list[Record] = []
        self._deeds: list[Deed] = []
        self._scheduled = False
        self._sizes = [0, 0, 0]  # by direction; 0 is nobody

    def chunk(
        self,
        direction: int,
        connection: int,
        offset: int,
        data: bytes,
        forward: Callable[[bytes], None],
    ) -> None:
        """Bytes as read once: to be journalled, then given to `forward`. The hot path."""
        if not self._scheduled:
            self._schedule()
        size = len(data)
        if size <= MAX_CHUNK:
            self._records.append((_DATA, direction, connection, offset, data))
        else:
            self._records += _pieces(direction, connection, offset, data)
        self._deeds.append((forward, data))
        sizes = self._sizes
        sizes[direction] += size
        if sizes[1] + sizes[2] >= self._turn_bytes:
            self.commit()

    def record(self, kind: Kind, connection: int, payload: bytes) -> None:
        """A connection fact."""
        if not self._scheduled:
            self._schedule()
        self._records.append((int(kind), 0, connection, 0, payload))

    def do(self, deed: Callable[[Any], object], argument: object) -> None:
        """After all that came before is journalled and passed on."""
        if not self._scheduled:
            self._schedule()
        self._deeds.append((deed, argument))

    def _schedule(self) -> None:
        self._scheduled = True
        self._call_soon(self.commit)

    def commit(self) -> None:
        """Journal what the turn brought, then do what is to be done. Finds nothing after an early commit."""
        records, deeds, sizes = self._records, self._deeds, self._sizes
        self._records, self._deeds, self._sizes = [], [], [0, 0, 0]
        self._scheduled = False
        if records:
            began = perf_counter_ns()
            self.journal.append(records)
            counters.observe_append(self.view, perf_counter_ns() - began)
            if not self.journal.accepting:
                self._refuse()  # resets every leg: what the deeds still want to pass on is dropped there
            self.view[counters.BYTES_FROM_CHARGE_POINT] += sizes[Direction.FROM_CHARGE_POINT]
            self.view[counters.BYTES_FROM_CSMS] += sizes[Direction.FROM_CSMS]
        self._release(deeds)

    def _release(self, deeds: list[Deed]) -> None:
        """One connection's failure must not cost another one its bytes."""
        failpoint("before-forward")
        for deed, argument in deeds:
            try:
                deed(argument)
            except Exception as error:
                self._failed(error)
        failpoint("after-forward")


class DurableTurn(Turn):
    """Deeds wait for the disk, turn by turn, in order. What waits is bounded by the legs: see tunnel.DurableLeg."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._waiting: deque[list[Deed]] = deque()

    def _release(self, deeds: list[Deed]) -> None:
        if deeds:
            self._waiting.append(deeds)
            self.journal.synced(self._release_next)

    def _release_next(self) -> None:
        super()._release(self._waiting.popleft())


def _pieces(direction: int, connection: int, offset: int, data: bytes) -> list[Record]:
    starts = range(0, len(data), MAX_CHUNK)
    return [
        (_DATA, direction, connection, offset + start, data[start : start + MAX_CHUNK]) for start in starts
    ]
