"""What may be deleted: what is stored and behind, in order; never anything else."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from proxy.journal.format import SegmentName
from proxy.journal.items import Positions
from proxy.journal.retention import deletable, delete_stored, is_behind
from proxy.journal.settings import JournalSettings
from tests.journal.disk import Process
from tests.journal.world import DIRECTORY, SECOND, Worker, World, read_on

LATER = 1 << 62


def segments(world: World) -> list[str]:
    return sorted(path[-25:-8] for path in world.disk.entries if path.endswith(".journal"))


def delete(world: World, older: Positions, now_ns: int = LATER, **settings: Any) -> list[str]:
    chosen = JournalSettings(**settings) if settings else world.settings
    return [name[-25:-8] for name in delete_stored(Process(world.disk), DIRECTORY, older, chosen, now_ns)]


def hours(world: World, worker: Worker, count: int) -> None:
    """As many segments, one block in each."""
    for _ in range(count):
        worker.say(b"said")
        worker.keeper.turn()
        world.clock.advance(4000)
        world.disk.now_ns = world.clock.mono


def test_what_is_behind_goes_and_what_is_not_stays(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    hours(world, worker, 2)
    read_on(reader)
    older = reader.positions()
    hours(world, worker, 3)
    assert delete(world, older) == ["00000001-00000001"]
    assert delete(world, older) == []
    read_on(reader)
    assert delete(world, reader.positions()) == [f"00000001-0000000{n}" for n in (2, 3, 4)]
    assert segments(world) == ["00000001-00000005", "00000001-00000006"]


def test_nothing_goes_before_anything_is_stored(world: World) -> None:
    hours(world, world.worker(), 3)
    assert delete(world, Positions()) == []


def test_a_dead_lifes_segments_go_the_unused_and_unfinished_too(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    hours(world, worker, 2)
    worker.kill()
    Process(world.disk).create(f"{DIRECTORY}/{SegmentName(1, 0, 1, 9)}.preparing")
    Process(world.disk).create(f"{DIRECTORY}/{SegmentName(1, 0, 2, 1)}.preparing")
    Process(world.disk).create(f"{DIRECTORY}/other.preparing")
    read_on(reader)
    assert len(delete(world, reader.positions())) == 4
    assert segments(world) == []
    assert len([path for path in world.disk.entries if path.endswith(".preparing")]) == 2


def test_a_locked_segment_stays_whatever_the_positions_say(world: World) -> None:
    hours(world, world.worker(), 1)
    assert delete(world, Positions(run=99)) == []


def test_earlier_runs_go_with_all_they_left(world: World) -> None:
    worker = world.worker()
    hours(world, worker, 2)
    worker.kill()
    Process(world.disk).create(f"{DIRECTORY}/{SegmentName(1, 5, 1, 9)}.preparing")
    world.next_run()
    hours(world, world.worker(), 1)
    reader = world.reader()
    read_on(reader)
    delete(world, reader.positions())
    assert segments(world) == ["00000001-00000001", "00000001-00000002"]
    assert not [path for path in world.disk.entries if path.endswith(".preparing")]


def test_stored_segments_are_retained_as_long_as_one_likes(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    hours(world, worker, 4)
    read_on(reader)
    kept_since = world.clock.mono
    gone = delete(world, reader.positions(), kept_since, retain_seconds=2 * 4001)
    assert gone == ["00000001-00000001"]
    assert delete(world, reader.positions(), kept_since + 86400 * SECOND, retain_seconds=8002) != []


def test_but_not_when_the_journal_takes_too_much(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    hours(world, worker, 4)
    read_on(reader)
    size = world.settings.segment_bytes
    tight = {"max_bytes": 2 * size, "segment_bytes": size, "retain_seconds": 1 << 30}
    assert delete(world, reader.positions(), world.clock.mono, **tight) == [
        f"00000001-0000000{n}" for n in (1, 2, 3)
    ]


def test_a_file_that_cannot_be_looked_at_or_deleted_stays(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    hours(world, worker, 2)
    read_on(reader)
    fs, older = Process(world.disk), reader.positions()
    world.disk.fail("open", errno.EACCES)
    assert deletable(fs, DIRECTORY, older, world.settings, LATER) == []
    world.disk.heal()
    world.disk.fail("unlink", errno.EROFS)
    assert delete(world, older) == []
    assert "00000001-00000001" in segments(world)


def test_an_error_of_the_lock_counts_as_locked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Process, fd: int) -> bool:
        raise OSError(errno.ENOLCK, "no locks available")

    hours(world, world.worker(), 1)
    monkeypatch.setattr(Process, "locked", fails)
    assert delete(world, Positions(run=9)) == []


def test_behind_means_wholly_behind(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    hours(world, worker, 1)
    read_on(reader)
    assert not is_behind(SegmentName(1, 0, 1, 1), reader.positions())
    assert not is_behind(SegmentName(1, 7, 1, 1), reader.positions())
    assert is_behind(SegmentName(0, 7, 1, 1), reader.positions())
