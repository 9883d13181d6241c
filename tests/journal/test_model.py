"""Two workers, a bad disk and a reader that comes and goes, against a plain list.

What was journalled comes out once and in the order it went in, whoever reads whenever; what was not is said exactly.
"""

from __future__ import annotations

import errno
from functools import partial

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.journal.items import Block, Item
from proxy.journal.retention import delete_stored
from tests.journal.disk import Process
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
DEEDS = ["say", "mark", "turn", "kill", "start", "leave"]


class Life(msgspec.Struct):
    """What the model knows of a worker's life: how far each direction of its connection has come."""

    worker: Worker
    key: tuple[int, int, int]
    sent: dict[int, int]
    open: bool = False
    killed_failing: bool = False


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

    def append(self, life: Life, size: int, direction: int) -> None:
        self.said += 1
        payload = b"%08d" % self.said + bytes(size)
        before = life.worker.journal.gap_bytes
        life.worker.append(data(payload, CONNECTION, life.sent[direction], direction))
        life.sent[direction] += len(payload)
        if life.worker.journal.gap_bytes == before:
            self.expected.append(payload)

    @precondition(lambda self: len(self.alive) < 2)
    @rule(number=NUMBERS)
    def start(self, number: int) -> None:
        if number in self.alive:
            return
        worker = self.world.worker(number)
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
            self.alive[number].worker.keeper.turn()

    @rule(seconds=st.sampled_from([0.3, 1, 3, 4000]))
    def advance(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(number=NUMBERS)
    def kill(self, number: int) -> None:
        life = self.alive.pop(number, None)
        if life is not None:
            life.killed_failing = not life.worker.journal.journalling
            life.worker.kill()

    @rule(number=NUMBERS)
    def leave(self, number: int) -> None:
        life = self.alive.pop(number, None)
        if life is not None:
            life.worker.append(closed(CONNECTION))
            life.worker.leave()
            life.killed_failing = life.worker.journal._missing.__bool__()
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
    def heal(self) -> None:
        self.world.disk.heal()
        self.world.disk.short_writes = []

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
        found = payloads(self.delivered)
        assert found == self.expected[: len(found)]

    def teardown(self) -> None:
        self.begin_run()
        self.start(0)
        self.leave(0)
        self.delivered += read_on(self.reader)
        assert payloads(self.delivered) == self.expected
        assert self.delivered == self.world.read()
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
                assert start == end
                end = until
            assert end == sent or life.killed_failing


TestJournalModel = JournalModel.TestCase
TestJournalModel.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
