"""Records of a trace told to the live pipeline, so that frames, facts, transactions and findings come of them. Pure.

Frames are put together around the texts (RFC 6455; the mask key of the charge point's is zero: it is not known). Time
is the largest `at` so far, as in `pipeline.capture`: between two records nothing happened. A connection is opened by
its event or its first record. It is closed by its event; or behind its last record, where records tell their sessions
and another one of that charge point follows; or at the file's end, which is no close: what is open then stays open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from proxy.forensics.imports.pieces import DAY
from proxy.forensics.traces import Record, Unreadable
from proxy.heads.connection import Closed, Opened
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.batch import Batch
from proxy.pipeline.clock import ObservedClock, Unobserved
from proxy.pipeline.connection import Connection, version_of
from proxy.pipeline.conversation import Conversation
from proxy.pipeline.identity import Identity
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.understanding import Understanding

SECOND: Final = 1_000_000_000
_LIFE: Final = (1, 0, 1)
_MOST_RECORDS: Final = 5_000
"""Of a batch: one record may give many rows of other tables."""
_LATEST: Final = 2**63 - 1
_TEXT: Final = 1
_PING: Final = 9
_HEAD: Final = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: ocpp{}\r\n\r\n"
NOTE: Final = "imported from a trace: heads, addresses and mask keys are not known"
ENDS: Final = "the trace ends here"
_REPLACED: Final = "another connection of this charge point opened"
_NO_MORE: Final = "the trace has no more of it"

Key = tuple[str, str]
"""(charge point, session, '' untold)"""


class Census(msgspec.Struct):
    """What is known of a file before it is told: versions and last lines of connections, and who is heard in it."""

    versions: dict[Key, str] = {}
    last: dict[Key, int] = {}
    latest: dict[str, Key] = {}
    heard: dict[str, set[Direction]] = {}

    def take(self, record: Record) -> None:
        key = (record.charge_point, record.session)
        if record.version:
            self.versions.setdefault(key, record.version)
        self.last[key] = record.line
        self.latest[record.charge_point] = key
        self.heard.setdefault(record.charge_point, set()).add(record.direction)


class TraceClock(ObservedClock):
    """Never goes back; all time between two records was observed."""

    def advance(self, run: int, at: int, mono: int) -> Unobserved | None:
        if at > self.at:
            self.clock += at - self.at if self.run >= 0 else 0
            self.at = at
        self.run, self.mono = run, mono
        return None


class TraceConversation(Conversation):
    """What a trace does not tell is not known, rather than missing."""

    def opened(self, opened: Opened) -> None:
        told = (self._version, opened.remote_address, opened.upstream, None)
        self._tell(facts.ConnectionOpened(*self._where(0), *told))

    def closed(self, closed: Closed, frame_no: int) -> None:
        if closed.reason == ENDS:
            self._tell(facts.CaptureEnded(*self._where(frame_no)))
        elif closed.reason != _REPLACED:
            super().closed(closed, frame_no)


class TracePipeline(Pipeline):
    """The live pipeline with those two."""

    def __init__(self, understanding: Understanding, source: str, key: bytes) -> None:
        super().__init__(bytes.fromhex(source)[:16], understanding, source, key=key)
        self.time = TraceClock()

    def _made(self, identity: Identity, opened: Opened) -> Connection:
        conversation = TraceConversation(identity, version_of(opened), self.time, self._desk)
        return Connection(identity, opened, self.time, self.batcher, conversation, self.budget, self._secret)


class Feeding:
    """`source`: the file's SHA-256, hexadecimal. `key`: of the digests of rows that are masked."""

    def __init__(self, source: str, runner: Runner, census: Census, key: bytes) -> None:
        self._pipeline = TracePipeline(Understanding(runner), source, key)
        self._census = census
        self._open: dict[Key, int] = {}
        self._versions: dict[int, str] = {}
        self._records = 0
        self.sessions = 0

    def read(self, records: Iterable[Record | Unreadable]) -> Iterator[Batch | Unreadable]:
        """Batches as they are complete, and the lines that are no records."""
        batcher = self._pipeline.batcher
        for record in records:
            if isinstance(record, Unreadable) or not 0 <= record.at <= _LATEST:
                yield (
                    record
                    if isinstance(record, Unreadable)
                    else Unreadable(record.line, "an impossible time")
                )
                continue
            self._take(record)
            if batcher.ready:
                yield from self._taken()
        for number in sorted(self._open.values()):
            self._pipeline.closed(number, Closed("", "", ENDS))
        batcher.cut()
        yield from self._taken()

    def _taken(self) -> list[Batch]:
        ready = list(self._pipeline.batcher.ready)
        self._pipeline.batcher.ready.clear()
        return ready

    def _take(self, record: Record) -> None:
        self._arrive(record.at)
        key = (record.charge_point, record.session)
        _EVENTS[record.event](self, key, record)
        if self._census.last.get(key) == record.line and self._census.latest[record.charge_point] != key:
            self._close(key, Closed("", "", _NO_MORE))

    def _arrive(self, at: int) -> None:
        """A day is a batch, or several."""
        pipeline = self._pipeline
        at = max(at, pipeline.time.at)
        self._records += 1
        if pipeline.arrive(1, at // DAY * SECOND):
            self._records = 0
        elif self._records >= _MOST_RECORDS:
            pipeline.batcher.next_part()
            self._records = 0
        pipeline.mark(*_LIFE, at, at)

    # what records say

    def _opened(self, key: Key, record: Record) -> None:
        self._close(key, Closed("", "", _REPLACED))
        self._connect(key, record)

    def _connect(self, key: Key, record: Record) -> int:
        version = record.version or self._census.versions.get(key, "")
        address, upstream = (str(record.told.get(name) or "") for name in ("remote_address", "upstream"))
        head = _HEAD.format(version).encode() if version else b""
        self.sessions += 1
        self._open[key] = number = self.sessions
        self._versions[number] = version
        opened = Opened(record.charge_point, b"", address, upstream, response_head=head, notes=(NOTE,))
        self._pipeline.opened(number, opened)
        return number

    def _said(self, key: Key, record: Record) -> None:
        number = self._open.get(key) or self._connect(key, record)
        connection = self._pipeline.streams[_LIFE][number]
        if record.version and record.version != self._versions[number]:
            self._versions[number] = record.version
            connection.conversation.speak(record.version)
        self._unseen(connection, record)
        self._send(connection, record, _TEXT)
        self._unseen(connection, record)

    def _unseen(self, connection: Connection, record: Record) -> None:
        """Of a side that the file does not hold anything may have been said before and after this message."""
        other = record.direction.other
        if other not in self._census.heard[record.charge_point]:
            connection.conversation.bytes_lost(other, 0, connection.frame_no)

    def _pinged(self, key: Key, record: Record) -> None:
        if key in self._open:
            self._send(self._pipeline.streams[_LIFE][self._open[key]], record, _PING)

    def _send(self, connection: Connection, record: Record, opcode: int) -> None:
        data = framed(record.text, opcode, record.direction)
        offset = connection.lanes[record.direction].expected
        self._pipeline.data(connection.identity.number, record.direction, offset, data)

    def _closed(self, key: Key, record: Record) -> None:
        by, how = record.told.get("closed_by") or "charge_point", record.told.get("how") or "fin"
        self._close(key, Closed(str(by), str(how), str(record.told.get("closed_reason") or "")))

    def _close(self, key: Key, closed: Closed) -> None:
        number = self._open.pop(key, 0)
        if number:
            self._pipeline.closed(number, closed)


_EVENTS: Final[dict[str, Any]] = {
    "": Feeding._said,
    "opened": Feeding._opened,
    "closed": Feeding._closed,
    "ping": Feeding._pinged,
}


def framed(payload: bytes, opcode: int, direction: Direction) -> bytes:
    """A whole frame (RFC 6455 5.2)."""
    size, masked = len(payload), direction is Direction.FROM_CHARGE_POINT
    if size < 126:
        length = bytes((size,))
    elif size < 1 << 16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    bit = 0x80 if masked else 0
    return bytes((0x80 | opcode, bit | length[0])) + length[1:] + (bytes(4) if masked else b"") + payload
