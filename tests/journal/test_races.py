"""Others act at every moment between a reader's calls: the order that comes out is the order in which it was said."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable
from functools import partial

import pytest

from proxy.journal.items import Item
from tests.journal.world import Worker, World, payloads, read_on

PAUSES = range(16)


class Scene:
    """Worker 0 writes; `deed` is done at the reader's n-th pause."""

    def __init__(self) -> None:
        self.world = World()
        self.one = self.world.worker(0)
        self.workers: list[Worker] = [self.one]
        self.said: list[bytes] = []
        self.say(self.one)

    def say(self, worker: Worker) -> None:
        before = worker.journal.gap_bytes
        text = b"%d" % len(self.said)
        worker.say(text)
        if worker.journal.gap_bytes == before:
            self.said.append(text)

    def begin(self, number: int) -> Worker:
        self.workers.append(self.world.worker(number))
        return self.workers[-1]

    def read(self, deeds: dict[int, Callable[[Scene], None]]) -> list[Item]:
        reader = self.world.reader()
        self.world.disk.meanwhile = [
            partial(deeds.get(pause, _rest), self) for pause in range(max(deeds) + 1)
        ]
        live = read_on(reader)
        self.world.disk.meanwhile = []
        live += read_on(reader)
        for worker in self.workers:
            worker.leave()
        live += read_on(reader)
        assert live == self.world.read()
        return live


def _rest(scene: Scene) -> None: ...


def another_worker_begins(scene: Scene) -> None:
    other = scene.begin(len(scene.workers))
    scene.say(other)
    for worker in scene.workers:
        scene.say(worker)
    scene.say(scene.one)


def the_segment_is_rolled(scene: Scene) -> None:
    scene.one.keeper.turn()
    scene.world.clock.advance(4000)
    scene.say(scene.one)
    scene.one.keeper.turn()
    scene.say(scene.one)


def the_worker_dies_and_the_next_begins(scene: Scene) -> None:
    scene.say(scene.one)
    scene.workers.remove(scene.one)
    scene.one.kill()
    next_one = scene.begin(0)
    scene.say(next_one)
    other = scene.begin(1)
    scene.say(other)
    scene.say(next_one)


def the_worker_fails_and_another_goes_on(scene: Scene) -> None:
    other = scene.begin(1)
    scene.world.disk.fail("pwrite", errno.ENOSPC, times=1)
    scene.say(scene.one)
    scene.say(other)
    scene.one.keeper.turn()
    scene.say(scene.one)
    scene.say(other)


def the_worker_fails_dies_and_the_next_begins(scene: Scene) -> None:
    other = scene.begin(1)
    scene.world.disk.fail("pwrite", errno.ENOSPC, times=1)
    scene.say(scene.one)
    scene.say(other)
    scene.workers.remove(scene.one)
    scene.one.kill()
    scene.say(scene.begin(0))
    scene.say(other)


@pytest.mark.parametrize(
    "deed",
    [
        another_worker_begins,
        the_segment_is_rolled,
        the_worker_dies_and_the_next_begins,
        the_worker_fails_and_another_goes_on,
        the_worker_fails_dies_and_the_next_begins,
    ],
)
def test_what_happens_while_it_is_read_changes_nothing(deed: Callable[[Scene], None]) -> None:
    for pause in PAUSES:
        scene = Scene()
        assert payloads(scene.read({pause: deed})) == scene.said


def test_worker_after_worker_begins_while_it_is_read() -> None:
    for first, second in itertools.combinations(PAUSES, 2):
        scene = Scene()
        deeds: dict[int, Callable[[Scene], None]] = {
            first: another_worker_begins,
            second: another_worker_begins,
        }
        assert payloads(scene.read(deeds)) == scene.said


def test_a_block_is_younger_than_the_segment_it_goes_into(world: World) -> None:
    """The keeper makes a segment ready after a failing worker has looked at the clock."""
    one, other, reader = world.worker(0), world.worker(1), world.reader()
    one.say(b"1")
    other.say(b"2")
    world.disk.fail("pwrite", errno.ENOSPC, times=1)
    one.journal.mark()
    live = read_on(reader)

    def meanwhile() -> None:
        other.say(b"3")
        other.say(b"4")
        live.extend(read_on(reader))
        one.keeper.turn()

    world.clock.meanwhile = meanwhile
    one.say(b"5", offset=4)
    one.leave()
    other.leave()
    live += read_on(reader)
    assert payloads(live) == [b"1", b"2", b"3", b"4", b"5"]
    assert live == world.read()
