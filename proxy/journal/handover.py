"""All that the event loop and the keeper thread of one worker share.

Each queue has one giving and one taking side, and only operations that are atomic in CPython are used (deque append
and popleft, attribute assignment), so the event loop never waits for a lock that the thread holds during an fsync.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import msgspec

from proxy.journal.format import SegmentName
from proxy.journal.segment import WritableSegment


class Unsynced(msgspec.Struct, frozen=True):
    """A range of a segment whose fsync failed: readable now, perhaps not after a power failure."""

    name: SegmentName
    start: int
    end: int
    reason: str


class Handover:
    def __init__(self) -> None:
        self.wake = threading.Event()
        """Set: the keeper has something to do before its time."""
        self.ready: deque[WritableSegment] = deque()
        """keeper -> writer: prepared segments, one at most."""
        self.current: WritableSegment | None = None
        """Set by the writer alone."""
        self.kept: deque[WritableSegment] = deque()
        """Set by the writer alone: segments it cannot end; still locked, to be synced, not to be closed."""
        self.retired: deque[WritableSegment] = deque()
        """writer -> keeper: ended segments, to be synced, shrunk and closed."""
        self.unsynced: deque[Unsynced] = deque()
        """keeper -> writer. One per segment at most, hence bounded by the segments."""
        self.waiting: deque[Callable[[], None]] = deque()
        """writer -> keeper: to be called once what is written now is on the disk."""
        self.shortage = "no segment was ever ready"
        """keeper -> writer: why no segment is ready."""

    def take(self) -> WritableSegment | None:
        """The prepared segment, if there is one; the keeper is told to prepare another."""
        if not self.ready:
            return None
        segment = self.ready.popleft()
        self.wake.set()
        return segment

    def retire(self, segment: WritableSegment) -> None:
        self.retired.append(segment)
        self.wake.set()
