"""Power failure at every moment, in every legal way: what was synced is there, nothing is invented, reading goes on."""

from __future__ import annotations

import pytest

from tests.journal.crash import pending, states
from tests.journal.disk import Disk, Op
from tests.journal.world import DIRECTORY, Worker, World, payloads


class Story:
    """A worker's doings; after each step it is known which payloads the disk must not lose any more."""

    def __init__(self) -> None:
        self.world = World()
        self.worker: Worker = self.world.worker()
        self.said: list[bytes] = []
        self.safe: list[tuple[int, int]] = []
        """(length of the log, number of payloads that are on the disk since then)"""

    def say(self) -> None:
        payload, before = b"payload %d" % self.world.clock.mono, self.worker.journal.gap_bytes
        self.worker.say(payload)
        if self.worker.journal.gap_bytes == before:
            self.said.append(payload)

    def turn(self) -> None:
        written = len(self.said)
        self.worker.keeper.turn()
        self.safe.append((len(self.world.disk.log), written))

    def leave(self) -> None:
        self.worker.leave()
        self.safe.append((len(self.world.disk.log), len(self.said)))

    def must_survive(self, moment: int) -> int:
        return max((written for at, written in self.safe if at <= moment), default=0)


def rolling() -> Story:
    story = Story()
    story.say()
    story.turn()
    story.say()
    story.say()
    story.turn()
    story.world.clock.advance(4000)
    story.say()
    story.say()
    story.turn()
    story.say()
    story.leave()
    return story


def failing() -> Story:
    """A write fails half way; then one and its segment's last block; each time it goes on in the next segment."""
    story = Story()
    story.say()
    story.turn()
    story.say()
    story.world.disk.short_writes = [30]
    story.world.disk.fail("pwrite", 28, times=1)
    story.say()
    story.world.disk.fail("pwrite", 5, times=2)
    story.say()
    story.turn()
    story.say()
    story.leave()
    assert story.worker.journal.failures == 1
    return story


def recovered(disk: Disk, run: int) -> list[bytes]:
    """Start as `ocpptap run` does, write on, read all; twice."""
    disk.directories.add(DIRECTORY)
    world = World(disk)
    assert world.run > run
    worker = world.worker()
    worker.say(b"after")
    worker.leave()
    items = world.read()
    assert items == world.read()
    return payloads(items)


def is_known(disk: Disk, must_survive: int, known: set[int]) -> bool:
    """Whether an equal disk was tried already; remembers it."""
    files = ((path, inode.size, bytes(inode.data)) for path, inode in sorted(disk.entries.items()))
    fingerprint = hash((must_survive, *files))
    new = fingerprint not in known
    known.add(fingerprint)
    return not new


@pytest.mark.parametrize("make", [rolling, failing])
def test_what_was_synced_survives_and_nothing_is_invented(make: type[Story]) -> None:
    story = make()
    log = story.world.disk.log
    first = next(index for index, op in enumerate(log) if ".journal" in op.path)
    seen: set[tuple[bytes, ...]] = set()
    known: set[int] = set()
    for moment in range(first, len(log) + 1):
        must_survive = story.must_survive(moment)
        for disk in states(log[:moment]):
            if is_known(disk, must_survive, known):
                continue
            *found, last = recovered(disk, story.world.run)
            assert last == b"after"
            assert found == [payload for payload in story.said if payload in found]
            assert found[:must_survive] == story.said[:must_survive]
            seen.add(tuple(found))
    assert len(seen) > len(story.said)


def test_the_enumeration_itself() -> None:
    write = Op("write", 1, 0, b"ab")
    log = [Op("create", 1, path="/x"), write, Op("sync", 1)]
    assert pending(log) == [0]
    assert pending([*log, Op("sync_directory")]) == []
    assert pending([*log, write]) == [0, 3]
    assert len(list(states([*log, write]))) == 4 + 1
