"""What workers, the disk and the recorder do until the power fails; what must then be there is known at each step.

A story is told on a disk: an empty one, or what an earlier crash has left of one. Written out, or drawn from a seed.
Segments are small (16 KiB), so that they fill and roll.
"""

from __future__ import annotations

import dataclasses
import errno
import random
import uuid
from collections.abc import Callable
from functools import partial
from typing import Final
from unittest.mock import patch

from proxy.journal.format import UNSYNCED
from proxy.journal.items import Item, Positions
from proxy.journal.retention import delete_stored
from proxy.journal.settings import JournalSettings
from tests.journal.crash import as_log
from tests.journal.disk import Disk, Op, Process
from tests.journal.world import DIRECTORY, Worker, World, data, gaps, payloads, read_on

SMALL_SEGMENT: Final = 16 * 1024
Lane = tuple[int, int, int]
"""(run, worker, life)"""


class SmallSegments(JournalSettings):
    """Smaller than the settings allow."""

    def __post_init__(self) -> None: ...


class SmallWorld(World):
    def __init__(self, disk: Disk | None = None) -> None:
        super().__init__(disk)
        self.settings = SmallSegments(segment_bytes=SMALL_SEGMENT)


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """A payload that `append` took, and where it went: the file offset behind its block."""

    payload: bytes
    lane: Lane
    segment: str
    end: int


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A checkpoint of the recorder's: from `moment` on it is on the disk."""

    moment: int
    positions: Positions
    payloads: frozenset[bytes]
    """What is in the store by then."""


def _first_world() -> SmallWorld:
    """On an empty disk; of a journal that is the same each time, so that a seed gives the same states again."""
    with patch.object(uuid, "uuid4", lambda: uuid.UUID(bytes=bytes(range(1, 17)))):
        return SmallWorld()


def _with_log(disk: Disk) -> Disk:
    disk.log = as_log(disk)
    return disk


class Story:
    """`before`: what is read of the disk it begins on; of that nothing may change any more."""

    def __init__(self, disk: Disk | None = None, before: list[Item] | None = None) -> None:
        self.start = 0 if disk is None else len(as_log(disk))
        """Here the log begins to be this story's own."""
        self.world = _first_world() if disk is None else SmallWorld(_with_log(disk))
        self.before = before or []
        self.began = len(self.log)
        """From here on the run's number is taken."""
        self.alive: dict[int, Worker] = {}
        self.lanes: dict[int, Lane] = {}
        self.said: list[Said] = []
        self.safe: list[tuple[int, frozenset[bytes]]] = []
        """(moment, payloads that are on the disk from then on, or said to be unsynced)"""
        self.stored: list[Stored] = []
        self.deleted: list[tuple[int, frozenset[bytes]]] = []
        """(moment, payloads whose segments may be gone from then on)"""
        self.faultless = True
        self._reader = self.world.reader()
        self._read: list[bytes] = []
        self._count = 0

    @property
    def log(self) -> list[Op]:
        return self.world.disk.log

    def begin(self, number: int = 0) -> None:
        worker = self.alive[number] = self.world.worker(number)
        self.lanes[number] = (self.world.run, number, self.world._lives[number])
        worker.keeper._call_soon = lambda callback: callback()
        worker.journal._call_soon = lambda callback: None  # let go, because nothing is journalled: no promise

    def say(self, number: int = 0, size: int = 0) -> None:
        self._count += 1
        worker, payload = self.alive[number], b"%d:%d " % (self.world.run, self._count) + bytes([65]) * size
        missed = worker.journal.gap_bytes
        worker.append(data(payload, offset=self._count))
        segment = worker.handover.current
        if worker.journal.gap_bytes == missed and segment is not None:
            self.said.append(Said(payload, self.lanes[number], str(segment.name), segment.position))

    def turn(self, number: int = 0) -> None:
        self._ask(number)
        self.alive[number].keeper.turn()

    def leave(self, number: int = 0) -> None:
        self._ask(number)
        self.alive.pop(number).leave()

    def kill(self, number: int = 0) -> None:
        self.alive.pop(number).kill()

    def _ask(self, number: int) -> None:
        """To be told when what is said by now is on the disk."""
        mine = frozenset(said.payload for said in self.said if said.lane == self.lanes[number])
        if self.alive[number].journal.journalling:
            self.alive[number].journal.synced(lambda: self.safe.append((len(self.log), mine)))

    def hours_pass(self) -> None:
        """The segments are old enough: the next block goes into another one."""
        self.world.clock.advance(4000)

    def fail(self, method: str, number: int, times: int = 1) -> None:
        self.faultless = False
        self.world.disk.fail(method, number, times)

    def write_short(self, *lengths: int) -> None:
        self.faultless = False
        self.world.disk.short_writes = list(lengths)

    def heal(self) -> None:
        self.world.disk.heal()
        self.world.disk.short_writes = []
        self.world.clock.advance(3)

    def checkpoint(self) -> None:
        """The recorder stores what there is to read; what is behind its older checkpoint goes."""
        self._read += payloads(read_on(self._reader))
        disk = self.world.disk
        older = self.stored[-1] if self.stored else None
        self.stored.append(Stored(len(self.log), self._reader.positions(), frozenset(self._read)))
        if older is not None:
            self.deleted.append((len(self.log), older.payloads))
            delete_stored(Process(disk), DIRECTORY, older.positions, self.world.settings, 1 << 62)


def at(moment: int, known: list[tuple[int, frozenset[bytes]]]) -> frozenset[bytes]:
    """All that is known by then."""
    return frozenset().union(*(payloads for since, payloads in known if since <= moment))


def unsynced_ranges(items: list[Item]) -> list[tuple[str, int, int]]:
    """(segment, start, end) of what is said to have gone through a failed fsync."""
    reasons = [(gap[3].reason.split(), gap[2], gap[3].until) for gap in gaps(items) if gap[0] == 0]
    return [(words[1], start, end) for words, start, end in reasons if words[0] == f"{UNSYNCED}:"]


def is_subsequence(found: list[bytes], said: list[bytes]) -> bool:
    """Whether all of it was said, once, in this order."""
    there = set(found)
    return found == [payload for payload in said if payload in there]


# written out


def rolling() -> Story:
    story = Story()
    story.begin()
    story.say()
    story.turn()
    story.say()
    story.say()
    story.turn()
    story.hours_pass()
    story.say()
    story.say()
    story.turn()
    story.say()
    story.leave()
    return story


def filling() -> Story:
    """Longer blocks, until the segment is full and another one begins."""
    story = Story()
    story.begin()
    for size in (300, 1500, 5000, 4000, 3000, 700):
        story.say(size=size)
        story.turn()
    story.say(size=900)
    story.kill()
    assert len({said.segment for said in story.said}) == 2
    return story


def failing() -> Story:
    """A write fails half way; then one and its segment's last block; each time it goes on in the next segment."""
    story = Story()
    story.begin()
    story.say()
    story.turn()
    story.say()
    story.write_short(30)
    story.fail("pwrite", errno.ENOSPC)
    story.say()
    story.fail("pwrite", errno.EIO, 2)
    story.say()
    assert story.alive[0].journal.failures == 1
    story.turn()
    story.say()
    story.leave()
    return story


def unsynced() -> Story:
    """An fsync fails: what it should have covered is never safe, and said to be so."""
    story = Story()
    story.begin()
    story.say()
    story.turn()
    story.say()
    story.fail("fdatasync", errno.EIO)
    story.turn()
    story.say()
    story.turn()
    story.turn()
    assert story.alive[0].keeper.sync_failures == 1
    story.say()
    story.leave()
    return story


def refused() -> Story:
    """No segment can be prepared for a while, for one reason after the other."""
    story = Story()
    story.begin()
    story.say()
    story.turn()
    for method in ("fsync_directory", "rename", "fsync", "allocate"):
        story.hours_pass()
        story.say()
        story.fail(method, errno.EIO)
        story.turn()
        story.heal()
        story.turn()
    story.say()
    story.leave()
    return story


def two_workers() -> Story:
    """One is killed and lives again, one rolls; their blocks alternate."""
    story = Story()
    story.begin(0)
    story.begin(1)
    story.say(0)
    story.say(1)
    story.turn(0)
    story.say(0)
    story.turn(1)
    story.kill(0)
    story.say(1)
    story.begin(0)
    story.hours_pass()
    story.say(1)
    story.say(0)
    story.turn(1)
    story.leave(0)
    story.say(1)
    return story


def deleting() -> Story:
    """The recorder keeps up; segment after segment goes."""
    story = Story()
    story.begin(0)
    story.begin(1)
    for _ in range(3):
        story.say(0)
        story.say(1)
        story.turn(0)
        story.turn(1)
        story.hours_pass()
        story.say(0)
        story.checkpoint()
    story.kill(0)
    story.say(1)
    story.checkpoint()
    story.checkpoint()
    assert sum(op.kind == "unlink" for op in story.world.disk.log) >= 4
    return story


def second_life(disk: Disk, before: list[Item]) -> Story:
    """On what a crash has left: the next run begins, writes on, and is cut off as well."""
    story = Story(disk, before)
    story.begin(0)
    story.say(0)
    story.turn(0)
    story.begin(1)
    story.say(1)
    story.say(0)
    return story


WRITTEN: Final[dict[str, Callable[[], Story]]] = {
    story.__name__: story for story in (rolling, filling, failing, unsynced, refused, two_workers, deleting)
}


# drawn from a seed

_FAULTS: Final = (
    ("pwrite", errno.ENOSPC),
    ("pwrite", errno.EIO),
    ("fdatasync", errno.EIO),
    ("allocate", errno.ENOSPC),
    ("fsync", errno.EIO),
    ("rename", errno.EIO),
    ("fsync_directory", errno.EIO),
    ("create", errno.ENOSPC),
    ("truncate", errno.EIO),
    ("unlink", errno.EROFS),
)
_DEEDS: Final = {
    "say": 34,
    "turn": 22,
    "hours_pass": 8,
    "fault": 5,
    "write_short": 3,
    "heal": 4,
    "kill": 4,
    "leave": 2,
    "checkpoint": 7,
}
_SIZES: Final = (0, 0, 0, 20, 60, 150, 600, 2500, 6000)


def drawn(
    chance: random.Random, deeds: int, disk: Disk | None = None, before: list[Item] | None = None
) -> Story:
    """A story of so many deeds by one to three workers."""
    story = Story(disk, before)
    workers = chance.randint(1, 3)
    for name in chance.choices(list(_DEEDS), list(_DEEDS.values()), k=deeds):
        number = chance.randrange(workers)
        if number not in story.alive:
            story.begin(number)
        _deed(story, chance, name, number)()
    return story


def _deed(story: Story, chance: random.Random, name: str, number: int) -> Callable[[], None]:
    deeds: dict[str, Callable[[], None]] = {
        "say": partial(story.say, number, chance.choice(_SIZES)),
        "turn": partial(story.turn, number),
        "fault": partial(story.fail, *chance.choice(_FAULTS), chance.choice((1, 1, 2, 1 << 30))),
        "write_short": partial(story.write_short, *chance.choices((0, 1, 40, 70), k=2)),
        "kill": partial(story.kill, number),
        "leave": partial(story.leave, number),
    }
    return deeds.get(name) or getattr(story, name)
