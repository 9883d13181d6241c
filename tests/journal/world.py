"""A small world for the journal's tests: one disk, one clock, workers that live and die, a reader.

Time is data: the clock moves by 1 us at each look and by what a test says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec

from proxy.heads.connection import Missed
from proxy.journal import identity
from proxy.journal.format import Kind, Record, SegmentName
from proxy.journal.handover import Handover
from proxy.journal.items import Block, Item, Positions
from proxy.journal.keeper import Keeper
from proxy.journal.merge import MergedJournal
from proxy.journal.missing import Encoders
from proxy.journal.settings import MIN_SEGMENT_BYTES, JournalSettings
from proxy.journal.writer import Journal
from tests.journal.disk import Disk, Interrupted, Process

DIRECTORY = "/data/journal"
SECOND = 1_000_000_000
WALL = 1_700_000_000 * SECOND
FROM_CHARGE_POINT, FROM_CSMS = 1, 2
ALL = 1 << 40


def missed(reason: str, until: int, since_at: int, connections: int) -> bytes:
    return msgspec.msgpack.encode(Missed(reason, until, since_at, connections))


ENCODERS = Encoders(missed=missed, abridged=lambda payload: payload[:4])


def data(payload: bytes, connection: int = 1, offset: int = 0, direction: int = FROM_CHARGE_POINT) -> Record:
    return (Kind.DATA, direction, connection, offset, payload)


def opened(connection: int, payload: bytes = b"open") -> Record:
    return (Kind.OPEN, 0, connection, 0, payload)


def closed(connection: int, payload: bytes = b"closed") -> Record:
    return (Kind.CLOSE, 0, connection, 0, payload)


class Clock:
    def __init__(self) -> None:
        self.mono = 1000 * SECOND
        self.meanwhile: Callable[[], None] | None = None
        """What others do directly after the next look at the clock."""

    def __call__(self) -> tuple[int, int]:
        self.mono += 1000
        moment = WALL + self.mono, self.mono
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return moment

    def advance(self, seconds: float) -> None:
        self.mono += round(seconds * SECOND)


class Worker:
    """One life of one relay worker; its keeper's turns are made by the test."""

    def __init__(self, world: World, worker: int, life: int, settings: JournalSettings) -> None:
        self.process = Process(world.disk)
        self.handover = Handover()
        self.called: list[Callable[[], None]] = []
        name = SegmentName(world.run, worker, life, 0)
        shared: Any = (settings, self.handover, world.clock, self.called.append)
        self.keeper = Keeper(self.process, DIRECTORY, world.uuid, name, *shared)
        self.keeper.turn()
        self.journal = Journal(self.handover, settings, ENCODERS, world.clock, self.called.append)

    def append(self, *records: Record) -> None:
        self.journal.append(records)

    def say(self, payload: bytes, connection: int = 1, offset: int = 0) -> None:
        self.append(data(payload, connection, offset))

    def kill(self) -> None:
        self.process.kill()

    def leave(self) -> None:
        self.journal.close()
        self.keeper.close()


class World:
    def __init__(self, disk: Disk | None = None, **settings: Any) -> None:
        self.disk = disk or Disk()
        self.clock = Clock()
        self.settings = JournalSettings(segment_bytes=MIN_SEGMENT_BYTES, **settings)
        self.uuid = b""
        self.run = 0
        self._lives: dict[int, int] = {}
        self.next_run()

    def next_run(self) -> None:
        fs = Process(self.disk)
        self.uuid = identity.journal_uuid(fs, DIRECTORY)
        self.run = identity.next_run(fs, DIRECTORY)
        self._lives = {}

    def worker(self, worker: int = 0, **settings: Any) -> Worker:
        """A new life of this worker."""
        self._lives[worker] = self._lives.get(worker, 0) + 1
        return Worker(self, worker, self._lives[worker], dataclasses.replace(self.settings, **settings))

    def reader(self, positions: Positions | None = None) -> MergedJournal:
        return MergedJournal(Interrupted(self.disk), DIRECTORY, positions)

    def read(self) -> list[Item]:
        """All that can be read now, from scratch."""
        return read_on(self.reader())


def read_on(reader: MergedJournal, limit_bytes: int = ALL) -> list[Item]:
    items: list[Item] = []
    while more := reader.poll(limit_bytes):
        items += more
    return items


def resumed(world: World, reader: MergedJournal) -> MergedJournal:
    """Another reader that goes on where this one stands, by way of a checkpoint."""
    stored = msgspec.msgpack.encode(reader.positions())
    reader.close()
    return world.reader(msgspec.msgpack.decode(stored, type=Positions))


def records(items: list[Item], *kinds: int) -> list[Record]:
    """The records of these kinds (all but MARK and END when none is named), in order."""
    wanted = kinds or (Kind.OPEN, Kind.REFUSED, Kind.DATA, Kind.CLOSE, Kind.GAP)
    return [r for item in items if isinstance(item, Block) for r in item.records if r[0] in wanted]


def payloads(items: list[Item]) -> list[bytes]:
    return [record[4] for record in records(items, Kind.DATA)]


def gaps(items: list[Item]) -> list[tuple[int, int, int, Missed]]:
    """(connection, direction, offset, what was missed) of each GAP."""
    found = records(items, Kind.GAP)
    return [(c, flags, offset, msgspec.msgpack.decode(p, type=Missed)) for _, flags, c, offset, p in found]
