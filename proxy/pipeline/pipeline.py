"""The pipeline: what the journal says, as methods; what follows from it, as batches of rows (DESIGN 5).

Contract for the caller, per block of the merged stream:
    pipeline.arrive(run, mono)                    # True: a batch was cut; the moment for a checkpoint
    pipeline.mark(run, worker, life, at, mono)    # whose block this is, how far time has come
    pipeline.opened(...) data(...) closed(...)    # its records, in order
    hand on and clear pipeline.batcher.ready
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.heads.connection import Closed, Missed, Opened, Refused
from proxy.names import Direction, connection_id
from proxy.pipeline.batch import Batcher
from proxy.pipeline.books import Books
from proxy.pipeline.budget import MOST_WAITING, Budget
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.connection import DAY, Connection, ConnectionState, version_of
from proxy.pipeline.connectors import Connectors
from proxy.pipeline.conversation import Conversation
from proxy.pipeline.counting import Counting
from proxy.pipeline.describe import closed_row, open_row, refused_row
from proxy.pipeline.desk import Desk
from proxy.pipeline.finding import finding_row
from proxy.pipeline.gaps import write_gap
from proxy.pipeline.identity import Identity
from proxy.pipeline.ledger import Ledger
from proxy.pipeline.tally import Tally
from proxy.pipeline.understanding import Understanding
from proxy.pipeline.words import close_code_label, initiator_label, printable

StreamKey = tuple[int, int, int]
"""(run, worker, life): one worker process's part of the journal; its connections are numbered within it."""

Known = tuple[Identity, Opened]
"""What the store still knows of a connection that the recorder has forgotten."""

_STALE: Final = 1000
"""So many entries of closed connections may stand in the daily heap, beside as many as are open."""


class PipelineState(msgspec.Struct, frozen=True):
    """Everything the rows depend on, for the checkpoint. What analyzers know is the runner's snapshot.

    `blind`: the workers whose journal has stopped, since when (`at`) and why. `place`: of the batch in hand.
    """

    time: ObservedClock
    connections: list[tuple[StreamKey, int, ConnectionState]]
    blind: list[tuple[StreamKey, int, str]]
    place: tuple[int, int, int]


class Pipeline:
    """`source`: '' = live, else the import's SHA-256, a part of every key. `most_waiting`: see `Budget`.

    `key`: see `Connection`. `ledger`, `connectors`, `tally`: what is known and counted so far.
    """

    def __init__(
        self,
        journal: bytes,
        understanding: Understanding,
        source: str = "",
        most_waiting: int = MOST_WAITING,
        key: bytes = b"",
        ledger: Ledger | None = None,
        connectors: Connectors | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.journal = journal.hex()
        self.source = source
        self.forgotten: Mapping[str, Known] = {}
        self.understanding = understanding
        self.time = ObservedClock()
        self.batcher = Batcher(tally)
        self.budget = Budget(most_waiting)
        self.ledger = ledger or Ledger()
        self.connectors = connectors or Connectors()
        self.counting: Counting | None = None
        self._desk = self._made_desk()
        self.streams: dict[StreamKey, dict[int, Connection]] = {}
        self._here: dict[int, Connection] = {}
        self._key: StreamKey = (0, 0, 0)
        self._uuid = journal
        self._secret = key
        self._daily: list[tuple[int, str, StreamKey, int]] = []
        self._blind: dict[StreamKey, tuple[int, str]] = {}

    def _made_desk(self) -> Desk | None:
        """Who hears what is said; in safe mode nobody."""
        runner = self.understanding.runner
        if runner is None:
            return None
        self.counting = Counting(self.batcher.tally, runner)
        books = Books(self.batcher, self.journal, self.source)
        return Desk(runner, books, self.ledger, self.counting, self.connectors)

    # time

    def arrive(self, run: int, mono: int) -> bool:
        """Time has come to `mono`. True: another second began, and the batch in hand was completed."""
        if not self.batcher.enters(run, mono):
            return False
        self.batcher.begin(run, mono)
        return True

    def mark(self, run: int, worker: int, life: int, at: int, mono: int) -> None:
        """Time has come this far; what follows is of this worker's life."""
        self._settle()
        unobserved = self.time.advance(run, at, mono)
        if unobserved is not None:
            self._gap("unobserved", "no worker wrote a mark", unobserved.since_at, unobserved.until_at)
        self._key = (run, worker, life)
        here = self.streams.get(self._key)
        if here is None:
            here = self.streams[self._key] = {}
        self._here = here
        self.batcher.at = self.time.at
        self.understanding.mark(self.time.at, self.time.clock)
        if self._daily and self._daily[0][0] <= self.time.clock:
            self._report_daily()
        if self._key in self._blind and at > self._blind[self._key][0]:
            self._see_again()
        self._collect()

    def _settle(self) -> None:
        """What was said in the last block is over: what ended in it is counted."""
        if self.counting is not None:
            self.counting.settle()

    def _report_daily(self) -> None:
        """A connection that stays open for days gets a fresh row each day."""
        while self._daily and self._daily[0][0] <= self.time.clock:
            _, _, stream, number = heapq.heappop(self._daily)
            connection = self.streams.get(stream, {}).get(number)
            if connection is not None:
                connection.due = self.time.clock + DAY
                self._announce(connection)
                self._remind(connection, stream)

    def _remind(self, connection: Connection, stream: StreamKey) -> None:
        """One entry per open connection; those of closed ones are swept out when they are many."""
        who = connection.identity
        heapq.heappush(self._daily, (connection.due, who.connection_id, stream, who.number))
        if len(self._daily) > _STALE + 2 * sum(map(len, self.streams.values())):
            self._daily = [entry for entry in self._daily if entry[3] in self.streams.get(entry[2], {})]
            heapq.heapify(self._daily)

    # connections

    def opened(self, number: int, opened: Opened) -> None:
        """A tunnel opened. Said again (after a journal failure) for a connection already known: ignored."""
        if number in self._here:
            return
        connection = self._connect(self._identity(number, opened.charge_point), opened)
        connection.conversation.opened(opened)
        if opened.dial_us:
            self.batcher.tally.connected(printable(opened.upstream), 1000 * opened.dial_us)
        self._announce(connection)
        self._collect()

    def _connect(self, identity: Identity, opened: Opened) -> Connection:
        connection = self._here[identity.number] = self._made(identity, opened)
        self._remind(connection, self._key)
        return connection

    def _identity(self, number: int, charge_point: str) -> Identity:
        run, worker, life = self._key
        return Identity(
            journal=self.journal,
            connection_id=connection_id(self._uuid, run, worker, life, number),
            charge_point=charge_point,
            at=self.time.at,
            run=run,
            worker=worker,
            number=number,
            source=self.source,
        )

    def _made(self, identity: Identity, opened: Opened) -> Connection:
        conversation = Conversation(identity, version_of(opened), self.time, self._desk)
        return Connection(identity, opened, self.time, self.batcher, conversation, self.budget, self._secret)

    def refused(self, number: int, refused: Refused) -> None:
        """A handshake ended without a tunnel."""
        identity = self._identity(number, refused.charge_point)
        self.batcher.version("connections", refused_row(identity, refused, self.batcher.number))
        self.understanding.refused(identity.connection_id, refused, self.time)
        self._collect()

    def data(self, number: int, direction: Direction, offset: int, payload: bytes) -> None:
        """Bytes of one direction, from stream offset `offset` (behind the heads) on."""
        connection = self._here.get(number) or self._met_in_the_middle(number)
        connection.data(direction, offset, payload)
        if connection.conversation.news:
            connection.conversation.news = False
            self._announce(connection)
        self._collect()

    def _met_in_the_middle(self, number: int) -> Connection:
        """Its OPEN was never seen, or what was known of it is lost: the store may still say who it is."""
        identity = self._identity(number, "")
        known = self.forgotten.get(identity.connection_id)
        if known is None:
            return self._connect(identity, Opened(charge_point=""))
        connection = self._connect(msgspec.structs.replace(known[0], number=number), known[1])
        connection.forget()
        return connection

    def closed(self, number: int, closed: Closed) -> None:
        """A tunnel ended."""
        connection = self._here.get(number) or self._met_in_the_middle(number)
        del self._here[number]
        self._end(connection, closed)

    def _end(self, connection: Connection, closed: Closed) -> None:
        connection.close(closed)
        ended = (initiator_label(closed.closed_by), close_code_label(connection.close_code))
        self.batcher.tally.add("ocpptap_connections_closed_total", ended)
        self.batcher.version("connections", closed_row(connection, closed, self.batcher.number))
        self._collect()

    def life_ended(self) -> None:
        """This worker's process is gone: its open connections were lost with it, at its last block."""
        here = self.streams.pop(self._key, {})
        self._blind.pop(self._key, None)
        for connection in here.values():
            self._end(connection, Closed("proxy", "error", "relay_lost"))
        self._here = {}

    # what is missing

    def missed(self, number: int, direction: Direction | None, offset: int, missed: Missed) -> None:
        """A GAP record: exact offsets of one connection, or (`direction` None) one of the whole worker."""
        if direction is None:
            _WHOLE_WORKER.get(missed.reason.partition(":")[0], Pipeline._stopped)(self, missed)
            return
        connection = self._here.get(number) or self._met_in_the_middle(number)
        connection.missed(direction, offset, missed.until, "journal", missed.reason)
        self._collect()

    def _stopped(self, missed: Missed) -> None:
        """Nothing of this worker is journalled from here on."""
        self._gap("journal", missed.reason, missed.since_at or self.time.at, self.time.at)
        self._blind[self._key] = (self.time.at, missed.reason)
        self._lose_sight()

    def _see_again(self) -> None:
        """A block of a worker whose journal had stopped: say how long it was blind."""
        since, reason = self._blind.pop(self._key)
        self._gap("journal", f"over: {reason}", since, self.time.at)

    def _unseen(self, missed: Missed) -> None:
        """Connections came and went that nobody listed."""
        reason = f"{missed.reason} ({missed.connections} connections)"
        self._gap("journal", reason, missed.since_at or self.time.at, self.time.at, missed.until)

    def _unsynced(self, missed: Missed) -> None:
        """Every byte can be read, but might not have survived a power failure."""
        self._gap("unsynced", missed.reason, missed.since_at or self.time.at, self.time.at)

    def damaged(self, kind: str, reason: str, size: int) -> None:
        """`size` bytes of a segment are unreadable; which streams they held, the offsets that follow will tell."""
        self._gap(kind, reason, self.time.at, self.time.at, size)
        self._lose_sight()

    def _lose_sight(self) -> None:
        """Of none of this worker's connections is it known what they say now: their silence means nothing."""
        for connection in self._here.values():
            connection.conversation.sight_lost(connection.frame_no)
        self._collect()

    def _gap(self, kind: str, reason: str, since_at: int, until_at: int, size: int = 0) -> None:
        write_gap(
            self.batcher,
            kind=kind,
            reason=reason,
            since_at=since_at,
            until_at=until_at,
            journal=self.journal,
            source=self.source,
            size=size,
        )

    # rows of versioned tables

    def _announce(self, connection: Connection) -> None:
        self.batcher.version("connections", open_row(connection, self.batcher.number))

    def _collect(self) -> None:
        """What the analyzers found becomes rows."""
        for finding in self.understanding.findings(self.time.at):
            self.batcher.version(
                "findings", finding_row(finding, self.batcher.number, self.journal, self.source)
            )

    # checkpoint

    def state(self) -> PipelineState:
        """Call between batches only: rows in hand are not part of it."""
        self._settle()
        connections = [
            (stream, number, connection.state())
            for stream, here in self.streams.items()
            for number, connection in here.items()
        ]
        blind = [(stream, since, reason) for stream, (since, reason) in self._blind.items()]
        return PipelineState(self.time, connections, blind, self.batcher.place)

    def resume(self, state: PipelineState) -> None:
        self.time = state.time
        self.batcher.resume(state.place)
        self._blind = {stream: (since, reason) for stream, since, reason in state.blind}
        for stream, number, known in state.connections:
            connection = self._made(known.identity, known.opened)
            connection.resume(known)
            self.streams.setdefault(stream, {})[number] = connection
            self._remind(connection, stream)


_WHOLE_WORKER: Final = {"unseen": Pipeline._unseen, "unsynced": Pipeline._unsynced}
"""By the first word of the reason (journal/format.py); any other: the journal has stopped."""
