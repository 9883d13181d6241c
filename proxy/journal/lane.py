"""One worker's stream within one run: life after life, segment after segment, read ahead by a bounded amount.

A life is over when nobody holds a lock on it and no further segment of it is listed (the caller lists the directory
*after* the lock was seen free), unless its last block is END(failed): then it may yet come back, and it is over only
when a later life of this worker, or a later run, is there. Its LifeEnded then comes directly before that life's first
block: the same place, whether read live or later.
What is not a block (damage, a failed life's end) waits in `_aside` and goes directly before the next block, hence is
ordered and dated (`mono`) by that block's time; live, everybody waits for that block as well.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from proxy.journal.filesystem import FileSystem
from proxy.journal.format import HEADER_BYTES, Decoded, End
from proxy.journal.items import Block, Damage, DamageKind, Item, LanePosition, LifeEnded, Skipped
from proxy.journal.listing import Listing, file_size
from proxy.journal.reader import SegmentReader, TryLater, Vanished, open_segment

READ_AHEAD_BYTES: Final = 2 * 1024**2
END_OF_RUN: Final = 1 << 63
"""Later than any time of the run: in the place of its time, of an item that comes last."""
_ITEM_COST: Final = 200


class LaneState(enum.Enum):
    FULL = enum.auto()
    """Read ahead far enough; more may be there."""
    LIVE = enum.auto()
    """All is read; a writer holds the lock of the segment."""
    QUIET = enum.auto()
    """All is read; no segment that is listed is left, nobody writes."""


class Lane:
    """Hands out (place in time, item, size, position behind it), in the worker's order; the place never goes back."""

    def __init__(
        self,
        fs: FileSystem,
        directory: str,
        uuid: bytes,
        run: int,
        position: LanePosition,
        report: Callable[[Skipped], None],
    ) -> None:
        self._fs = fs
        self._directory = directory
        self._uuid = uuid
        self._run = run
        self._report = report
        self._reader: SegmentReader | None = None
        self._queue: deque[tuple[int, Item, int, LanePosition]] = deque()
        self._aside: list[tuple[Damage | LifeEnded, LanePosition]] = []
        self.worker = position.worker
        self.position = position
        """Behind the last item handed out. The fields below: behind what is read."""
        self._life = position.life
        self._segment = position.segment
        self._offset = position.offset
        self._at = position.at
        self._mono = position.mono
        self._began = position.began
        self._failed = position.failed
        self._deferred = False
        """Aside waits the end of a life that failed."""
        self._cut_at = 0
        """Where the segment left last stops without END, if it does."""
        self._supposed: Item | None = None
        """Of what waits aside: that an end is missing, which only the life's next block makes certain."""
        self.queued_bytes = 0
        self.state = LaneState.QUIET

    def key(self) -> tuple[int, int] | None:
        """The earliest (mono, worker) the next item can have; None: no next item is to be expected."""
        if self._queue:
            return self._queue[0][0], self.worker
        return None if self.state is LaneState.QUIET else (self._mono, self.worker)

    def __bool__(self) -> bool:
        return bool(self._queue)

    def take(self) -> tuple[Item, int]:
        """The next item and its size."""
        _, item, size, self.position = self._queue.popleft()
        self.queued_bytes -= size
        return item, size

    def fill(self, listing: Listing) -> None:
        """Read on until enough is read ahead, or there is nothing more for now."""
        try:
            self.state = self._fill(listing)
        except TryLater:
            self.state = LaneState.LIVE
        except Vanished:
            self.state = LaneState.QUIET  # the next listing is another one, and we are asked again

    def _fill(self, listing: Listing) -> LaneState:
        while self.queued_bytes < READ_AHEAD_BYTES:
            if self._reader is None and not self._next_segment(listing):
                return LaneState.QUIET
            if self._reader is not None and not self._read(self._reader):
                return LaneState.LIVE
        return LaneState.FULL

    def conclude(self, run_after: int | None) -> None:
        """Call when the lane was quiet before the directory was listed, and nothing new was listed.

        `run_after`: the next run, if this one is over.
        """
        self._suppose_nothing()
        if self._began and not self._failed:
            self._end_life(self._life + 1, 0)
        elif run_after is not None:
            if self._began or (self._aside and not self._deferred):
                self._end_life(self._life + 1, 0)
            self._flush_aside(END_OF_RUN)
        elif not self._began and not self._deferred:
            self._flush_aside(self._mono)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def unread_bytes(self, listing: Listing) -> int:
        """At most so much is not handed out yet; segments that are not yet read count with the size of their file."""
        if self.state is not LaneState.FULL:
            return self.queued_bytes
        here = self._reader.size - self._reader.offset if self._reader else 0
        names = listing.segments(
            self._run, self.worker, self._life, self._segment + (self._reader is not None)
        )
        later = sum(file_size(self._fs, self._directory, name) for name in names)
        return self.queued_bytes + max(0, here) + later

    def _next_segment(self, listing: Listing) -> bool:
        """Open the next one that is listed; True: there was one."""
        name = listing.next(self._run, self.worker, self._life, self._segment)
        if name is None:
            return False
        if name.life != self._life:
            self._suppose_nothing()
            self._end_life(name.life, name.number)
        else:
            self._miss_until(name.number)
        self._cut_at = 0
        self._segment = name.number
        opened = open_segment(self._fs, self._directory, name, self._uuid, self._offset)
        if isinstance(opened, Skipped):
            self._report(opened)
            self._leave_segment()
        else:
            self._enter_segment(opened)
        return True

    def _miss_until(self, number: int) -> None:
        """What should be before this segment of the life and is not: the end of the last one, and whole ones.

        The end is missed only if a block follows: before its first one a segment is ready, and the last may go on.
        """
        last = self._segment - 1
        if self._cut_at:
            self._lost((last, self._cut_at), 0, DamageKind.MISSING, (self._segment, 0))
            self._supposed = self._aside[-1][0]
        if 0 < self._segment < number:
            self._lost((self._segment, 0), 0, DamageKind.MISSING, (number, 0))
            self._offset = 0

    def _suppose_nothing(self) -> None:
        """The life has no further block."""
        self._aside = [entry for entry in self._aside if entry[0] is not self._supposed]
        self._cut_at = 0

    def _enter_segment(self, reader: SegmentReader) -> None:
        self._reader = reader
        if self._offset == 0 and reader.header is None:
            self._lost((self._segment, 0), HEADER_BYTES, DamageKind.DAMAGE, (self._segment, HEADER_BYTES))
        if not self._began and reader.header is not None:
            self._mono = max(self._mono, reader.header.mono)
            self._at = self._at or reader.header.at

    def _leave_segment(self) -> None:
        self.close()
        self._segment += 1
        self._offset = 0

    def _read(self, reader: SegmentReader) -> bool:
        """One step in the segment; False: no more for now."""
        blocks = reader.blocks()
        for block in blocks:
            self._push_block(block)
            if block.end:
                self._leave_segment()
                return True
        return bool(blocks) or self._read_tail(reader)

    def _read_tail(self, reader: SegmentReader) -> bool:
        if not reader.observed_free:
            return reader.abandoned()
        cut_at, lost = reader.offset, reader.search()
        if lost is not None and not lost.torn:
            self._lost(
                (self._segment, lost.offset), lost.size, DamageKind.DAMAGE, (self._segment, reader.offset)
            )
            return True
        if lost is not None:
            self._lost((self._segment, lost.offset), lost.size, DamageKind.TORN, (self._segment + 1, 0))
        elif reader.size > HEADER_BYTES:  # an abandoned one is no larger
            self._cut_at = cut_at
        self._leave_segment()
        return True

    def _push_block(self, block: Decoded) -> None:
        self._at, self._mono = block.at, max(self._mono, block.mono)
        self._began, self._failed = True, block.end == End.FAILED
        self._supposed = None
        self._aside = [(_dated(item, block.at), place) for item, place in self._aside]
        self._flush_aside(self._mono)
        behind = (self._segment + 1, 0) if block.end else (self._segment, block.next_offset)
        place = (self._run, self.worker, self._life, self._segment, block.offset)
        item = Block(*place, block.at, self._mono, block.records)
        self._push(self._mono, item, block.next_offset - block.offset, self._here(*behind))

    def _push(self, place: int, item: Item, size: int, behind: LanePosition) -> None:
        size += _ITEM_COST
        self._queue.append((place, item, size, behind))
        self.queued_bytes += size

    def _flush_aside(self, place: int) -> None:
        for item, behind in self._aside:
            self._push(place, msgspec.structs.replace(item, mono=self._mono), 0, behind)
        self._aside.clear()
        self._deferred = False

    def _lost(self, place: tuple[int, int], size: int, kind: DamageKind, behind: tuple[int, int]) -> None:
        where = (self._run, self.worker, self._life, *place, size, kind)
        self._aside.append((Damage(*where, self._at, 0), self._here(*behind)))

    def _end_life(self, next_life: int, next_segment: int) -> None:
        """The present life is over; the next one begins, as far as we know."""
        ended = LifeEnded(self._run, self.worker, self._life, self._at, 0)
        began, self._began = self._began, False
        failed, self._failed = self._failed, False
        if began:
            behind = LanePosition(self.worker, self._life + 1, at=self._at, mono=self._mono)
            self._aside.append((ended, behind))
        self._deferred = self._deferred or failed
        if not self._deferred:
            self._flush_aside(self._mono)
        self._life, self._segment, self._offset = next_life, next_segment, 0

    def _here(self, segment: int, offset: int) -> LanePosition:
        place = (self.worker, self._life, segment, offset)
        return LanePosition(*place, self._at, self._mono, self._began, self._failed)


def _dated(item: Damage | LifeEnded, at: int) -> Damage | LifeEnded:
    """Damage before a stream's first block has no time of its own: it takes that block's."""
    return item if item.at else msgspec.structs.replace(item, at=at)
