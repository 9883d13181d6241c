"""The journals of all workers as one stream, ordered by (run, monotonic time of the block, worker, life, position).

Live or from scratch, in any pieces, stopped and resumed anywhere: the same sequence. Why nothing can come too late:
`poll` reads every lane as far as it goes, and lists the directory *after* that, until nothing new is listed. A segment
that is not listed appeared later than all that was read, and its blocks are younger still. A lane that is live but
empty holds the others at its own last block: that is the watermark. A run begins when the one before is read through
and no lock of it is held.
"""

from __future__ import annotations

import contextlib

import msgspec

from proxy.journal.filesystem import FileSystem
from proxy.journal.identity import read_uuid
from proxy.journal.items import Block, Item, Positions, Skipped
from proxy.journal.lane import Lane, LaneState
from proxy.journal.listing import Listing, file_size


class MergedJournal:
    def __init__(self, fs: FileSystem, directory: str, positions: Positions | None = None) -> None:
        self._fs = fs
        self._directory = directory
        self._start = positions or Positions()
        self._run = self._start.run
        self._latest = 0
        """The largest `mono` handed out in this run."""
        self._lanes: dict[int, Lane] = {}
        self._listing = Listing(())
        self._uuid: bytes | None = None
        self._skipped: list[Skipped] = []
        self._said: set[str] = set()
        self._ended = 0

    @property
    def uuid(self) -> bytes | None:
        """The journal's; None: there is none yet."""
        return self._uuid

    def poll(self, limit_bytes: int) -> list[Item]:
        """What can be said for certain now, about `limit_bytes` of it at most (one item at least). Never blocks."""
        items: list[Item] = []
        if not self._known() or not self._gather():
            return items
        budget = self._release(items, limit_bytes)
        while budget > 0 and self._next_run() and self._gather():
            budget = self._release(items, budget)
        return items

    def end_run(self) -> None:
        """The caller knows that nobody will write to the present run again: what waits for its end comes now."""
        self._ended = self._run

    def positions(self) -> Positions:
        """Behind the last item polled; give it to a new MergedJournal to go on."""
        lanes = (self._lanes[worker].position for worker in sorted(self._lanes))
        return Positions(self._run, tuple(lanes)) if self._uuid else self._start

    @property
    def finished(self) -> bool:
        """Nobody writes, and all is polled (as of the last poll)."""
        quiet = all(lane.state is LaneState.QUIET and not lane for lane in self._lanes.values())
        return quiet and self._listing.run_after(self._run) is None

    @property
    def lag_bytes(self) -> int:
        """What is written but not polled, at most (as of the last poll)."""
        lag = sum(lane.unread_bytes(self._listing) for lane in self._lanes.values())
        run = self._listing.run_after(self._run)
        while run is not None:
            lag += sum(file_size(self._fs, self._directory, name) for name in self._listing.of_run(run))
            run = self._listing.run_after(run)
        return lag

    def skipped(self) -> list[Skipped]:
        """Files that cannot be read, each told once."""
        told, self._skipped = self._skipped, []
        return told

    def close(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    def _known(self) -> bool:
        if self._uuid is None:
            with contextlib.suppress(OSError):
                self._uuid = read_uuid(self._fs, self._directory)
            if self._uuid is not None:
                self._begin_run(self._run)
        return self._uuid is not None

    def _gather(self) -> bool:
        """Read all lanes, and list the directory until it shows no change. False: it cannot be listed now."""
        try:
            self._fill()
            while self._list():
                self._fill()
        except OSError:
            return False
        for lane in self._lanes.values():
            if lane.state is LaneState.QUIET:
                lane.conclude(self._run_after())
        return True

    def _run_after(self) -> int | None:
        """The run that follows, whether or not it has begun; None: the present one may go on."""
        if self._ended == self._run > 0:
            return self._run + 1
        return self._listing.run_after(self._run)

    def _fill(self) -> None:
        for lane in self._lanes.values():
            lane.fill(self._listing)

    def _list(self) -> bool:
        """True: it is not as it was."""
        names = frozenset(self._fs.listdir(self._directory))
        if names == self._listing.file_names:
            return False
        self._listing = Listing(names)
        self._said &= names
        for worker in self._listing.workers(self._run):
            self._lane(worker)
        return True

    def _release(self, items: list[Item], budget: int) -> int:
        while budget > 0:
            lane = self._front()
            if lane is None:
                break
            item, size = lane.take()
            items.append(self._in_time(item))
            budget -= size
            if isinstance(item, Block) and item.stops_the_journal:
                return 0  # so that `positions` are those directly behind it
        return budget

    def _in_time(self, item: Item) -> Item:
        """Batches are numbered by time: it must not go back, not even where a clock or a file did."""
        if self._latest <= item.mono:
            self._latest = item.mono
            return item
        return msgspec.structs.replace(item, mono=self._latest)

    def _front(self) -> Lane | None:
        """The lane whose next item is the stream's next; None: it cannot be told yet, or there is nothing."""
        first, first_key = None, None
        for lane in self._lanes.values():
            key = lane.key()
            if key is not None and (first_key is None or key < first_key):
                first, first_key = lane, key
        return first if first else None

    def _next_run(self) -> bool:
        """Go on to the next run, if this one is read through and nobody holds a lock of it."""
        run = self._listing.run_after(self._run)
        if run is None or any(lane or lane.state is not LaneState.QUIET for lane in self._lanes.values()):
            return False
        self._begin_run(run)
        return True

    def _begin_run(self, run: int) -> None:
        self.close()
        self._run = run
        self._latest = 0
        positions = self._start.lanes if run == self._start.run else ()
        self._lanes = {}
        for worker in {lane.worker for lane in positions} | set(self._listing.workers(run)):
            self._lane(worker)

    def _lane(self, worker: int) -> None:
        if worker not in self._lanes:
            start = (self._start if self._run == self._start.run else Positions()).lane(worker)
            source = (self._fs, self._directory, self._uuid or b"")
            self._lanes[worker] = Lane(*source, self._run, start, self._report)
            self._latest = max(self._latest, start.mono)

    def _report(self, skipped: Skipped) -> None:
        if skipped.file not in self._said:
            self._said.add(skipped.file)
            self._skipped.append(skipped)
