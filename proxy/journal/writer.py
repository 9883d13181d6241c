"""The journal as the relay's event loop sees it: `append` before anything is forwarded.

`append` never raises and waits for nothing but one `pwrite`. While no segment can be written (*failing*) it only keeps
what must be said later (missing.py); it begins anew by itself as soon as the keeper has made a segment ready.
Before that, the old segment got its last block: one GAP for the whole worker and END(failed), and its lock is given
back, so that readers go on without us. Where not even that could be written the lock is kept, and readers wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from proxy.failpoints import failpoint
from proxy.journal.format import (
    HEADER_BYTES,
    MAX_BLOCK_BYTES,
    RESERVE_BYTES,
    STOPPED,
    UNSYNCED,
    End,
    Kind,
    Parts,
    Record,
    encode_block,
    halves,
    join_block,
    parts_of,
    records_of,
)
from proxy.journal.handover import Handover
from proxy.journal.missing import Encoders, Missing
from proxy.journal.segment import FULL, WritableSegment
from proxy.journal.settings import JournalSettings, OnFailure

_SECOND_NS: Final = 1_000_000_000
_GROUP_BYTES: Final = 512 * 1024
"""How much of what was missed goes into one block."""
_NEVER: Final = 1 << 63


class Journal:
    """`now` gives (wall ns UTC, monotonic ns). `call_soon` runs a function in the event loop, later."""

    def __init__(
        self,
        handover: Handover,
        settings: JournalSettings,
        encoders: Encoders,
        now: Callable[[], tuple[int, int]],
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._handover = handover
        self._settings = settings
        self._encoders = encoders
        self._now = now
        self._call_soon = call_soon
        self._missing = Missing(encoders)
        self._segment: WritableSegment | None = None
        self._roll_at = _NEVER
        self._largest_block = min(MAX_BLOCK_BYTES, settings.segment_bytes - HEADER_BYTES - RESERVE_BYTES)
        self._second = -1
        self._closed = False
        self.problem = handover.shortage
        """Why it is failing; "" while it journals."""
        self.gap_bytes = 0
        self.appended_bytes = 0
        self.appended_blocks = 0
        self.appended_records = 0
        self.failures = 0

    @property
    def journalling(self) -> bool:
        return self._segment is not None

    @property
    def accepting(self) -> bool:
        """False: failing, and the operator chose to refuse traffic rather than pass it on unrecorded."""
        return self._segment is not None or self._settings.on_failure is OnFailure.RELAY

    def append(self, records: Sequence[Record]) -> None:
        """As `append_parts`, of records not yet encoded."""
        self.append_parts(parts_of(records))

    def append_parts(self, parts: Parts) -> None:
        """One block of these records is written when this returns, or they are noted as missed."""
        wall, mono = self._now()
        if mono >= self._roll_at or self._handover.unsynced:
            self._attend(wall, mono)
        if self._segment is None:
            if not self._begin_anew():
                self._miss(parts, wall)
                return
            wall, mono = self._now()  # later than the segment's appearance: see merge.py
        block = join_block(parts, wall, mono)
        failpoint("before-append")
        if len(block) > self._largest_block:
            for half in halves(parts):
                self.append_parts(half)
        elif self._put(block):
            failpoint("after-append")
            self.appended_bytes += len(block)
            self.appended_blocks += 1
            self.appended_records += len(parts) >> 1
        else:
            self._miss(parts, wall)

    def mark(self) -> None:
        """Call several times a second: says "time has come this far" when the monotonic clock is in a new second."""
        second = self._now()[1] // _SECOND_NS
        if second != self._second:
            self._second = second
            self.append([(Kind.MARK, 0, 0, 0, b"")])

    def synced(self, callback: Callable[[], None]) -> None:
        """`callback` runs in the event loop once all appended so far is on the disk (at once when failing)."""
        if self._segment is None:
            self._call_soon(callback)
            return
        self._handover.waiting.append(callback)
        self._handover.wake.set()

    def close(self) -> None:
        """The worker leaves in good order. The keeper is to be closed next."""
        if self._segment is None and self._missing:
            self._begin_anew()
        segment, self._segment = self._segment, None
        if segment is not None:
            segment.finish([(Kind.END, End.FINISHED, 0, 0, b"")], *self._now())
            self._leave(segment)
        self._give_back_kept()
        self._closed = True
        self.problem = "closed"
        self._roll_at = _NEVER

    def _miss(self, parts: Parts, wall: int) -> None:
        self.gap_bytes += self._missing.note(records_of(parts), wall)

    def _put(self, block: bytearray) -> bool:
        """Write a block, into the next ready segment if need be."""
        while (segment := self._segment) is not None:
            if segment.write(block):
                return True
            self._succeed(segment, segment.problem)
        return False

    def _succeed(self, old: WritableSegment, problem: str) -> None:
        """Go on in the ready segment; there is none: failure."""
        new = self._handover.take()
        if new is None:
            self._fail(old, problem)
            return
        failpoint("before-roll")
        wall, mono = self._now()
        old.finish([(Kind.END, End.ROLLED, 0, 0, b"")], wall, mono)
        self._enter(new, mono)
        self._leave(old)
        failpoint("after-roll")

    def _enter(self, segment: WritableSegment, mono: int) -> None:
        self._segment = self._handover.current = segment
        self._roll_at = mono + self._settings.segment_seconds * _SECOND_NS
        self.problem = ""

    def _leave(self, segment: WritableSegment) -> None:
        if self._handover.current is segment:
            self._handover.current = None
        self._handover.retire(segment)

    def _fail(self, segment: WritableSegment, problem: str) -> None:
        wall, mono = self._now()
        shortage = self._handover.shortage
        self.problem = shortage if problem == FULL and shortage else problem
        self.failures += 1
        said = self._encoders.missed(f"{STOPPED}: {self.problem}", 0, wall, 0)
        last: list[Record] = [(Kind.GAP, 0, 0, 0, said), (Kind.END, End.FAILED, 0, 0, b"")]
        self._segment = self._handover.current = None
        self._roll_at = _NEVER
        if segment.finish(last, wall, mono):
            segment.unlock()
            self._leave(segment)
        else:
            self._handover.kept.append(segment)
        self._release_waiting()

    def _release_waiting(self) -> None:
        """Nothing will be synced for a while: who waits for it is let go."""
        while self._handover.waiting:
            self._call_soon(self._handover.waiting.popleft())

    def _attend(self, wall: int, mono: int) -> None:
        """The rare duties: a range that could not be synced, a segment that is old enough."""
        segment = self._segment
        if segment is not None and segment.broken:
            self._succeed(segment, segment.broken)
        elif segment is not None and mono >= self._roll_at:
            self._roll_at = mono + _SECOND_NS  # if none is ready: ask again then
            if self._handover.ready:
                self._succeed(segment, FULL)
        if self._segment is not None:
            self._say_unsynced(wall, mono)

    def _say_unsynced(self, wall: int, mono: int) -> None:
        while self._handover.unsynced and self._segment is not None:
            lost = self._handover.unsynced[0]
            reason = f"{UNSYNCED}: {lost.name} {lost.start}-{lost.end} {lost.reason}"
            payload = self._encoders.missed(reason, lost.end, wall, 0)
            if self._put(encode_block([(Kind.GAP, 0, 0, lost.start, payload)], wall, mono)):
                self._handover.unsynced.popleft()

    def _begin_anew(self) -> bool:
        """When a segment is ready: enter it, give back what was kept, say what was missed. True: all is said."""
        segment = None if self._closed else self._handover.take()
        if segment is None:
            return False
        cause = self.problem
        wall, mono = self._now()
        self._enter(segment, mono)
        self._give_back_kept()
        self._say_unsynced(wall, mono)
        self._say_missed(cause)
        return self._segment is not None

    def _give_back_kept(self) -> None:
        """Segments whose last block could not be written: their lock may go, for another one is held now."""
        while self._handover.kept:
            segment = self._handover.kept.popleft()
            segment.unlock()
            self._leave(segment)

    def _say_missed(self, cause: str) -> None:
        while self._missing and self._segment is not None:
            records, connections = self._missing.group(min(_GROUP_BYTES, self._largest_block), cause)
            if not connections:
                records = self._missing.unseen(cause)
            if not self._put(encode_block(records, *self._now())):
                return
            self._missing.forget(connections)
            if not connections:
                self._missing.forget_unseen()
