"""Two workers, a bad disk, power failures, flipped bits and a reader that comes and goes, against a plain list.

What was journalled comes out once and in the order it went in, whoever reads whenever; what was not is said exactly.
A power failure takes nothing that was synced, a flipped bit its own block at most, a deletion what is stored alone.
"""

from __future__ import annotations

import errno
import random
from functools import partial

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.journal.filesystem import Space
from proxy.journal.format import HEAD_BYTES, SegmentName
from proxy.journal.items import Block, Damage, Item, Positions
from proxy.journal.retention import delete_stored
from tests.journal.crash import as_log, power_failure
from tests.journal.disk import Process
from tests.journal.stories import Lane, is_subsequence, unsynced_ranges
from tests.journal.world import (
    DIRECTORY,
    FROM_CHARGE_POINT,
    FROM_CSMS,
    Worker,
    World,
    closed,
    data,
    gaps,
    opened,
    payloads,
    read_on,
    records,
    resumed,
)

NUMBERS = st.sampled_from([0, 1])
METHODS = st.sampled_from(
    ["pwrite", "allocate", "fsync", "fdatasync", "rename", "fsync_directory", "create", "truncate", "unlink"]
)
CONNECTION = 1
RECORD_BYTES = 20
DEEDS = ["say", "mark", "turn", "kill", "start", "leave"]
ENOUGH, NONE_FREE = Space(free=1 << 40, total=1 << 40), Space(free=0, total=1 << 40)


class Life(msgspec.Struct):
    """What the model knows of a worker's life: how far each direction of its connection has come."""

    worker: Worker
    key: Lane
    sent: dict[int, int]
    open: bool = False
    excused: bool = False
    """Not all of its bytes can be accounted for."""


class Place(msgspec.Struct, frozen=True):
    """Where a payload went: the offset behind its block."""

    lane: Lane
    segment: str
    end: int


class Stored(msgspec.Struct, frozen=True):
    """A checkpoint: where to go on, and how many items were delivered by then."""

    positions: Positions
    items: int


class JournalModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.alive: dict[int, Life] = {}
        self.lives: list[Life] = []
        self.expected: list[bytes] = []
        self.delivered: list[Item] = []
        self.reader = self.world.reader()
        self.said = 0
        self.places: dict[bytes, Place] = {}
        self.safe: set[bytes] = set()
        """On the disk, or said to be unsynced."""
        self.flipped: set[bytes] = set()
        self.stored = [Stored(Positions(), 0)]
        self.deleted: set[bytes] = set()
        """Stored; they may be gone from the journal."""
        self.exact = True
        """Who reads it all again gets the very same items."""

    def append(self, life: Life, size: int, direction: int) -> None:
        self.said += 1
        payload = b"%08d" % self.said + bytes(size)
        before = life.worker.journal.gap_bytes
        life.worker.append(data(payload, CONNECTION, life.sent[direction], direction))
        life.sent[direction] += len(payload)
        if life.worker.journal.gap_bytes == before:
            self.expected.append(payload)
            segment = life.worker.handover.current
            assert segment is not None
            self.places[payload] = Place(life.key, str(segment.name), segment.position)

    @precondition(lambda self: len(self.alive) < 2)
    @rule(number=NUMBERS)
    def start(self, number: int) -> None:
        if number in self.alive:
            return
        worker = self.world.worker(number)
        worker.keeper._call_soon = lambda callback: callback()
        worker.journal._call_soon = lambda callback: None  # let go because it fails: nothing is promised
        key = (self.world.run, number, self.world._lives[number])
        life = Life(worker, key, {FROM_CHARGE_POINT: 0, FROM_CSMS: 0})
        self.alive[number] = life
        self.lives.append(life)

    @rule(number=NUMBERS, size=st.integers(0, 100) | st.just(50_000), direction=st.sampled_from([1, 2]))
    def say(self, number: int, size: int, direction: int) -> None:
        if number not in self.alive:
            return
        life = self.alive[number]
        if not life.open:
            life.worker.append(opened(CONNECTION))
            life.open = True
        self.append(life, size, direction)

    @rule(number=NUMBERS)
    def mark(self, number: int) -> None:
        if number in self.alive:
            self.alive[number].worker.journal.mark()

    @rule(number=NUMBERS)
    def turn(self, number: int) -> None:
        if number in self.alive:
            self.ask(self.alive[number])
            self.alive[number].worker.keeper.turn()

    def ask(self, life: Life) -> None:
        """To be told when what it said by now is on the disk."""
        mine = [payload for payload, place in self.places.items() if place.lane == life.key]
        if life.worker.journal.journalling:
            life.worker.journal.synced(lambda: self.safe.update(mine))

    @rule(seconds=st.sampled_from([0.3, 1, 3, 4000]))
    def advance(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(number=NUMBERS)
    def kill(self, number: int) -> None:
        life = self.alive.pop(number, None)
        if life is not None:
            life.excused = life.excused or not life.worker.journal.journalling
            life.worker.kill()

    @rule(number=NUMBERS)
    def leave(self, number: int) -> None:
        life = self.alive.pop(number, None)
        if life is not None:
            life.worker.append(closed(CONNECTION))
            self.ask(life)
            life.worker.leave()
            life.excused = life.excused or bool(life.worker.journal._missing)
            assert life.worker.process.open_files == 0

    @rule()
    def begin_run(self) -> None:
        for number in list(self.alive):
            self.kill(number)
        self.heal()  # a run does not begin on a disk that fails: `next_run` raises
        self.world.next_run()

    @rule(method=METHODS, times=st.sampled_from([1, 2, 1 << 30]))
    def break_disk(self, method: str, times: int) -> None:
        self.world.disk.fail(method, errno.ENOSPC if method in ("pwrite", "allocate") else errno.EIO, times)

    @rule(lengths=st.lists(st.sampled_from([0, 1, 33, 60]), max_size=3))
    def write_short(self, lengths: list[int]) -> None:
        self.world.disk.short_writes = lengths

    @rule()
    def fill(self) -> None:
        """Somebody else takes what was free of the disk: no further segment until `heal`."""
        self.world.disk.space = NONE_FREE

    @rule()
    def heal(self) -> None:
        self.world.disk.heal()
        self.world.disk.short_writes = []
        self.world.disk.space = ENOUGH

    @rule(seed=st.integers(0, 1 << 16))
    def power_fails(self, seed: int) -> None:
        """Of what was not synced anything may be lost. The recorder goes on at its checkpoint, its rows are safe."""
        for number in list(self.alive):
            self.kill(number)
        self.world.disk = power_failure(self.world.disk.log, random.Random(seed))
        self.world.disk.log = as_log(self.world.disk)
        self.world.next_run()
        self.exact = False
        for life in self.lives:
            life.excused = True
        last = self.stored[-1]
        self.reader = self.world.reader(last.positions)
        del self.delivered[last.items :]
        rows = payloads(self.delivered)
        there = self.what_is_there()
        self.deleted.update(set(rows) - there)
        behind = self.expected.index(rows[-1]) + 1 if rows else 0
        self.expected = rows + [payload for payload in self.expected[behind:] if payload in there]

    def what_is_there(self) -> set[bytes]:
        """All that can be read from scratch: nothing that was promised may be missing."""
        items = self.world.read()
        found = payloads(items)
        assert is_subsequence(found, list(self.places))
        promised = self.safe - self.deleted - self.flipped - set(found)
        unsynced = unsynced_ranges(items)
        for place in (self.places[payload] for payload in promised):
            assert any(place.segment == name and start < place.end <= end for name, start, end in unsynced), (
                place
            )
        return set(found)

    @precondition(lambda self: self.expected)
    @rule(choice=st.integers(0, 1 << 16), bit=st.integers(0, 7))
    def flip(self, choice: int, bit: int) -> None:
        """One bit of a block that is written: anywhere in its two heads, or in the payload."""
        payload = self.expected[choice % len(self.expected)]
        inode = self.world.disk.entries.get(f"{DIRECTORY}/{self.places[payload].segment}")
        at = inode.data.find(payload) if inode is not None else -1
        if inode is None or at < 0 or payload in self.flipped:
            return
        inode.data[at - choice % (HEAD_BYTES + RECORD_BYTES)] ^= 1 << bit
        self.flipped.add(payload)
        self.exact = False
        for life in self.lives:
            life.excused = life.excused or life.key == self.places[payload].lane

    @rule()
    def checkpoint(self) -> None:
        """What is behind the older of two checkpoints is deleted."""
        older, newer = self.stored[-1], Stored(self.reader.positions(), len(self.delivered))
        self.stored.append(newer)
        fs = Process(self.world.disk)
        if delete_stored(fs, DIRECTORY, older.positions, self.world.settings, 1 << 62):
            self.exact = False
        self.deleted.update(payloads(self.delivered[: older.items]))

    @rule(limit=st.sampled_from([1, 300, 100_000, 1 << 40]))
    def poll(self, limit: int) -> None:
        self.delivered += self.reader.poll(limit)

    @rule(
        groups=st.lists(st.lists(st.tuples(st.sampled_from(DEEDS), NUMBERS)), max_size=12),
        limit=st.sampled_from([1, 1 << 40]),
    )
    def poll_while_others_act(self, groups: list[list[tuple[str, int]]], limit: int) -> None:
        self.world.disk.meanwhile = [partial(self.act, group) for group in groups]
        self.poll(limit)
        self.world.disk.meanwhile = []

    def act(self, group: list[tuple[str, int]]) -> None:
        for name, number in group:
            if name == "say":
                self.say(number, 10, FROM_CSMS)
            else:
                getattr(self, name)(number)

    @rule()
    def resume(self) -> None:
        self.reader = resumed(self.world, self.reader)

    @invariant()
    def delivered_is_the_beginning_of_what_was_journalled(self) -> None:
        found = self.whole(payloads(self.delivered))
        assert found == self.whole(self.expected)[: len(found)]

    def whole(self, found: list[bytes]) -> list[bytes]:
        """All but those a bit was flipped of: they may be there or not."""
        return [payload for payload in found if payload not in self.flipped]

    def teardown(self) -> None:
        self.begin_run()
        self.start(0)
        self.leave(0)
        self.delivered += read_on(self.reader)
        assert self.whole(payloads(self.delivered)) == self.whole(self.expected)
        assert not self.exact or self.delivered == self.world.read()
        self.all_that_is_not_stored_is_there()
        times = [(item.run, item.mono) for item in self.delivered]
        assert times == sorted(times)
        assert self.reader.finished
        assert self.reader.lag_bytes == 0
        for life in self.lives:
            self.every_byte_is_accounted_for(life)
        delete_stored(
            Process(self.world.disk), DIRECTORY, self.reader.positions(), self.world.settings, 1 << 62
        )
        assert not [path for path in self.world.disk.entries if ".journal" in path]

    def all_that_is_not_stored_is_there(self) -> None:
        there = self.what_is_there()
        missing = [payload for payload in self.expected if payload not in there | self.deleted]
        assert set(missing) <= self.flipped
        told = {
            str(SegmentName(item.run, item.worker, item.life, item.segment))
            for item in self.delivered + self.world.read()
            if isinstance(item, Damage)
        }
        assert {self.places[payload].segment for payload in missing} <= told

    def every_byte_is_accounted_for(self, life: Life) -> None:
        mine: list[Item] = [
            item
            for item in self.delivered
            if isinstance(item, Block) and (item.run, item.worker, item.life) == life.key
        ]
        for direction, sent in life.sent.items():
            ranges = [(r[3], r[3] + len(r[4])) for r in records(mine) if r[0] == 3 and r[1] == direction] + [
                (offset, m.until) for c, d, offset, m in gaps(mine) if (c, d) == (CONNECTION, direction)
            ]
            end = 0
            for start, until in sorted(ranges):
                assert start == end or life.excused
                end = until
            assert end == sent or life.excused


DEFAULT = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
DEEP = settings(DEFAULT, max_examples=500, stateful_step_count=60, database=None)
"""For `make crash-states`."""

TestJournalModel = JournalModel.TestCase
TestJournalModel.settings = DEFAULT
