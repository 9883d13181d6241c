"""The sync thread's work, one `turn` at a time: bring what is written to the disk, prepare segments, keep limits.

All that can take long is done here, never in the event loop. A failed fsync is never retried on the same file (the
kernel may have marked the lost pages clean): the segment is left, the range is said. A segment that cannot be prepared
is tried again with a growing pause, so that recovery needs nobody.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Final

from proxy.failpoints import failpoint
from proxy.journal.filesystem import FileSystem
from proxy.journal.format import HEADER_BYTES, PREPARING, SegmentName, crc_seed, encode_header, parse_name
from proxy.journal.handover import Handover, Unsynced
from proxy.journal.segment import WritableSegment, reason_of
from proxy.journal.settings import JournalSettings

_FIRST_PAUSE_NS: Final = 100_000_000
_LONGEST_PAUSE_NS: Final = 2_000_000_000


class Keeper:
    """`name` names run, worker and life (its number is not used). `call_soon` must be safe to call from a thread."""

    def __init__(
        self,
        fs: FileSystem,
        directory: str,
        uuid: bytes,
        name: SegmentName,
        settings: JournalSettings,
        handover: Handover,
        now: Callable[[], tuple[int, int]],
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._fs = fs
        self._directory = directory
        self._uuid = uuid
        self._name = name
        self._settings = settings
        self._handover = handover
        self._now = now
        self._call_soon = call_soon
        self._number = 0
        """The last number taken."""
        self._pause_ns = 0
        self._not_before = 0
        self.sync_failures = 0
        self.directory_bytes = 0
        """What the journal takes on the disk, as of the last segment prepared or refused."""

    def turn(self) -> None:
        """Never raises."""
        waiting = self._take_waiting()
        if self._sync():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                for callback in waiting:
                    self._call_soon(callback)
        else:  # what they wait for is in a segment that will be left: the next turn's sync covers what says so
            self._handover.waiting.extendleft(reversed(waiting))
        if not self._handover.ready and self._now()[1] >= self._not_before:
            self._prepare()

    def close(self) -> None:
        """After the journal's close: everything to the disk, every lock free, the unused segment removed."""
        self.turn_without_preparing()
        while self._handover.ready:
            unused = self._handover.ready.popleft()
            with contextlib.suppress(OSError):
                self._fs.unlink(f"{self._directory}/{unused.name}")
            self._fs.close(unused.fd)

    def turn_without_preparing(self) -> None:
        self._not_before = 1 << 63
        self.turn()

    def _take_waiting(self) -> list[Callable[[], None]]:
        waiting: list[Callable[[], None]] = []
        while self._handover.waiting:
            waiting.append(self._handover.waiting.popleft())
        return waiting

    def _sync(self) -> bool:
        """True: all that was written when this began is on the disk."""
        current = self._handover.current
        complete = all([self._sync_segment(kept) for kept in tuple(self._handover.kept)])
        complete = (current is None or self._sync_segment(current)) and complete
        while self._handover.retired:
            complete = self._retire(self._handover.retired.popleft()) and complete
        return complete

    def _sync_segment(self, segment: WritableSegment) -> bool:
        end = segment.position
        if segment.broken:
            return False
        try:
            if not self._fs.linked(segment.fd):
                self._break(segment, end, "its file was removed")
                return False
            if end > segment.synced:
                failpoint("before-sync")
                self._fs.fdatasync(segment.fd)
                failpoint("after-sync")
                segment.synced = end
        except OSError as error:
            self._break(segment, end, reason_of(error))
        return not segment.broken

    def _break(self, segment: WritableSegment, end: int, reason: str) -> None:
        self.sync_failures += 1
        segment.broken = reason
        self._handover.unsynced.append(Unsynced(segment.name, segment.synced, end, reason))

    def _retire(self, segment: WritableSegment) -> bool:
        """Give back the preallocated rest, bring the file to the disk, close it (which frees its lock)."""
        if not segment.broken:
            with contextlib.suppress(OSError):
                self._fs.truncate(segment.fd, segment.position)
            self._sync_segment(segment)
        with contextlib.suppress(OSError):
            self._fs.close(segment.fd)
        return not segment.broken

    def _prepare(self) -> None:
        shortage = self._try_prepare()
        self._handover.shortage = shortage
        if not shortage:
            self._pause_ns = 0
            return
        self._pause_ns = min(max(2 * self._pause_ns, _FIRST_PAUSE_NS), _LONGEST_PAUSE_NS)
        self._not_before = self._now()[1] + self._pause_ns

    def _try_prepare(self) -> str:
        """Makes a segment ready; else says why not."""
        try:
            self._fs.make_directory(self._directory)
            shortage = self._limit_reached()
            if not shortage:
                self._handover.ready.append(self._new_segment())
            return shortage
        except OSError as error:
            return reason_of(error)

    def _limit_reached(self) -> str:
        names = self._fs.listdir(self._directory)
        self._number = max(self._number, self._last_number(names))
        self.directory_bytes = sum(self._size(name) for name in names)
        if self.directory_bytes + self._settings.segment_bytes > self._settings.max_bytes:
            return f"the journal has reached max_bytes ({self._settings.max_bytes})"
        space = self._fs.space(self._directory)
        if (space.free - self._settings.segment_bytes) * 100 < space.total * self._settings.min_free_percent:
            return f"less than {self._settings.min_free_percent} % of the disk is free"
        return ""

    def _last_number(self, names: list[str]) -> int:
        """Of this life: numbers never come twice, even if a life is begun twice by mistake."""
        parsed = (parse_name(name.removesuffix(PREPARING)) for name in names)
        mine = self._name
        of_life = (mine.run, mine.worker, mine.life)
        return max((n.number for n in parsed if n and (n.run, n.worker, n.life) == of_life), default=0)

    def _size(self, name: str) -> int:
        try:
            return self._fs.status(f"{self._directory}/{name}").size
        except OSError:
            return 0

    def _new_segment(self) -> WritableSegment:
        name = SegmentName(self._name.run, self._name.worker, self._name.life, self._number + 1)
        path = f"{self._directory}/{name}"
        fd = self._fs.create(path + PREPARING)
        self._number += 1
        try:
            self._fill_in(fd, path, name)
        except OSError:
            self._abandon(fd, path + PREPARING)
            raise
        return WritableSegment(self._fs, fd, name, self._settings.segment_bytes, crc_seed(self._uuid))

    def _fill_in(self, fd: int, path: str, name: SegmentName) -> None:
        """Complete and on the disk before it gets its name: readers never see half a segment, nor an unlocked one."""
        if not self._fs.lock(fd):
            raise BlockingIOError(11, "somebody holds the lock of a new segment")
        self._fs.allocate(fd, self._settings.segment_bytes)
        header = encode_header(self._uuid, name, *self._now())
        if self._fs.pwrite(fd, header, 0) != HEADER_BYTES:
            raise OSError(28, "short write of a segment header")
        self._fs.fsync(fd)
        failpoint("before-rename")
        self._fs.rename(path + PREPARING, path)
        failpoint("after-rename")
        self._fs.fsync_directory(self._directory)

    def _abandon(self, fd: int, temporary: str) -> None:
        """A segment that already has its name stays, empty and small: a reader may have it open, its number is gone.

        Otherwise the next one gets the number: a number left out would be read as a segment that is missing.
        """
        with contextlib.suppress(OSError):
            self._fs.unlink(temporary)
            self._number -= 1
        with contextlib.suppress(OSError):
            self._fs.truncate(fd, HEADER_BYTES)
        with contextlib.suppress(OSError):
            self._fs.close(fd)


class KeeperThread:
    """Runs a keeper's turns every `interval_seconds`, and at once when it is woken."""

    def __init__(self, keeper: Keeper, handover: Handover, interval_seconds: float) -> None:
        self._keeper = keeper
        self._handover = handover
        self._interval_seconds = interval_seconds
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="journal-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Call after the journal's close. False: the disk hangs, and not all may have reached it."""
        self._stopping = True
        self._handover.wake.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            self._handover.wake.wait(self._interval_seconds)
            self._handover.wake.clear()
            self._turn()
        self._keeper.close()

    def _turn(self) -> None:
        """A mistake of ours must not end journalling for good: it is said when a segment is short, and tried again."""
        try:
            self._keeper.turn()
        except Exception as error:
            self._handover.shortage = f"keeper: {error!r}"[:200]
