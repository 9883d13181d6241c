"""The turn queue: what one turn of the event loop brought, journalled as one block, then passed on in order.

The only place where the relay meets the journal. Rules (DESIGN 4):
- the first entry of a turn schedules `commit`; a turn that holds `turn_bytes` is committed at once;
- records are appended before anything is passed on or done; chunks and deeds keep their order;
- a journal that refuses traffic (`on_failure = "refuse"`) is asked after each append: then nothing is passed on.
With `durability = "sync"` the steps of a turn wait, after the append, until its block is on the disk.

A turn is almost always one run of chunks and nothing else. So a chunk is one tuple in one list, and all that is to be
done with it is done in two loops over that list; as a Fact and a Deed each it would cost about twice as much of our
own time (`python -m tests.bench.turn`). The leg itself puts it there while there is `room`: see
tunnel.Leg.data_received.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

from proxy import counters
from proxy.failpoints import failpoint
from proxy.journal.format import Kind, Parts, begin_block, record_head
from proxy.names import DIRECTIONS, MAX_CHUNK, Direction

if TYPE_CHECKING:
    from proxy.relay.tunnel import Leg

Chunk = tuple["Leg", int, bytes]
"""(the leg that brought it, its offset in that leg's stream, bytes as read once)"""
Failed = Callable[[Exception], None]

_DATA: Final = int(Kind.DATA)
_UP: Final = Direction.FROM_CHARGE_POINT


class Journal(Protocol):
    """What the turn needs of proxy/journal."""

    @property
    def accepting(self) -> bool: ...
    def append_parts(self, parts: Parts, /) -> None: ...
    def synced(self, callback: Callable[[], None], /) -> None: ...


class Meter:
    """Bytes seen of one direction, over all connections."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


class Step(Protocol):
    """A piece of a turn: what it adds to the block, and what is done once that is written."""

    def encode(self, parts: Parts) -> None: ...
    def release(self, failed: Failed) -> None: ...
    def drop(self) -> None: ...


class Run:
    """Chunks that follow each other, of a turn that began at `since` (ns of perf_counter)."""

    __slots__ = ("chunks", "since", "view")

    def __init__(self, chunks: list[Chunk], since: int, view: memoryview) -> None:
        self.chunks, self.since, self.view = chunks, since, view

    def encode(self, parts: Parts) -> None:
        add, head = parts.append, record_head
        for leg, offset, data in self.chunks:
            size = len(data)
            if size <= MAX_CHUNK:
                add(head(size, _DATA, leg.direction, leg.number, offset))
                add(data)
            else:
                _add_pieces(parts, leg, offset, data)

    def release(self, failed: Failed) -> None:
        """One connection's failure must not cost another one its bytes.

        What the proxy added to each chunk is counted as an upper bound: as if all of a run had come when their turn
        began and gone when the last one had. A chunk never took longer, and the clock is read twice a run, not twice
        a chunk.
        """
        ups = downs = 0
        for leg, _, data in self.chunks:
            to = leg.other
            if to.shut:  # after its end: seen, not sent
                leg.dropped += len(data)
                continue
            try:
                to.write(data)
            except Exception as error:
                failed(error)
                continue
            if leg.direction is _UP:
                ups += 1
            else:
                downs += 1
        counters.observe_relay(self.view, perf_counter_ns() - self.since, ups, downs)

    def drop(self) -> None:
        for leg, _, data in self.chunks:
            leg.dropped += len(data)


class DurableRun(Run):
    """The legs count what waits for the disk: see tunnel.DurableLeg."""

    def release(self, failed: Failed) -> None:
        super().release(failed)
        for leg, _, data in self.chunks:
            leg.passed_on(len(data))


class Fact:
    """A record that is only journalled."""

    __slots__ = ("connection", "kind", "payload")

    def __init__(self, kind: Kind, connection: int, payload: bytes) -> None:
        self.kind, self.connection, self.payload = kind, connection, payload

    def encode(self, parts: Parts) -> None:
        parts += (record_head(len(self.payload), self.kind, 0, self.connection, 0), self.payload)

    def release(self, failed: Failed) -> None: ...
    def drop(self) -> None: ...


class Deed:
    """Something to do after all before it is journalled and passed on."""

    __slots__ = ("argument", "do")

    def __init__(self, do: Callable[[Any], object], argument: object) -> None:
        self.do, self.argument = do, argument

    def encode(self, parts: Parts) -> None: ...

    def release(self, failed: Failed) -> None:
        try:
            self.do(self.argument)
        except Exception as error:
            failed(error)

    def drop(self) -> None: ...


class Turn:
    """`call_soon` is the loop's; `view` are the counters; `refuse` is called when the journal refuses traffic,
    `failed` with what passing on or a deed raised.

    `room`: bytes the turn still takes before it is committed at once; 0 while none is scheduled. `since`: when the
    newest turn began, ns of perf_counter.
    """

    _run: type[Run] = Run

    def __init__(
        self,
        journal: Journal,
        view: memoryview,
        call_soon: Callable[[Callable[[], None]], object],
        refuse: Callable[[], None],
        failed: Failed,
        turn_bytes: int,
    ) -> None:
        self.journal = journal
        self.view = view
        self._call_soon = call_soon
        self._refuse = refuse
        self._failed = failed
        self._turn_bytes = turn_bytes
        self.room = 0
        self.meters = {direction: Meter() for direction in DIRECTIONS}
        self.chunks: list[Chunk] = []
        self._steps: list[Step] = []
        self._scheduled = False
        self.since = 0

    def chunk(self, leg: Leg, offset: int, data: bytes) -> None:
        """Bytes as read once, when there is no `room`: begin a turn, or commit one that is full."""
        if not self._scheduled:
            self._schedule()
            self.room -= len(data)
        self.chunks.append((leg, offset, data))
        if self.room <= 0:
            self.commit()

    def record(self, kind: Kind, connection: int, payload: bytes) -> None:
        """A connection fact."""
        self._add(Fact(kind, connection, payload))

    def do(self, deed: Callable[[Any], object], argument: object = None) -> None:
        """After all that came before is journalled and passed on."""
        self._add(Deed(deed, argument))

    def _add(self, step: Step) -> None:
        if not self._scheduled:
            self._schedule()
        self._end_run()
        self._steps.append(step)

    def _end_run(self) -> None:
        if self.chunks:
            self._steps.append(self._run(self.chunks, self.since, self.view))
            self.chunks = []

    def _schedule(self) -> None:
        self._scheduled, self.room, self.since = True, self._turn_bytes, perf_counter_ns()
        self._call_soon(self.commit)

    def commit(self) -> None:
        """Journal what the turn brought, then do what is to be done. Finds nothing after an early commit."""
        self._end_run()
        steps, self._steps = self._steps, []
        self._scheduled, self.room = False, 0
        parts = begin_block()
        for step in steps:
            step.encode(parts)
        if len(parts) > 1:
            began = perf_counter_ns()
            self.journal.append_parts(parts)
            counters.observe_append(self.view, perf_counter_ns() - began)
            if not self.journal.accepting:
                self._refuse()  # resets every leg: what is still to be passed on is dropped there
        self._release(steps)

    def _release(self, steps: list[Step]) -> None:
        failpoint("before-forward")
        for step in steps:
            step.release(self._failed)
        failpoint("after-forward")

    def end(self) -> None:
        """The last commit but one: nothing waits any more, what could not be passed on is dropped."""
        self.commit()


class DurableTurn(Turn):
    """Steps wait for the disk, turn by turn, in order. What waits is bounded by the legs: see tunnel.DurableLeg."""

    _run = DurableRun

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._waiting: deque[list[Step]] = deque()

    def _release(self, steps: list[Step]) -> None:
        if steps:
            self._waiting.append(steps)
            self.journal.synced(self._release_next)

    def _release_next(self) -> None:
        if self._waiting:
            super()._release(self._waiting.popleft())

    def end(self) -> None:
        super().end()
        while self._waiting:
            for step in self._waiting.popleft():
                step.drop()


def _add_pieces(parts: Parts, leg: Leg, offset: int, data: bytes) -> None:
    for start in range(0, len(data), MAX_CHUNK):
        piece = data[start : start + MAX_CHUNK]
        parts += (record_head(len(piece), _DATA, leg.direction, leg.number, offset + start), piece)
