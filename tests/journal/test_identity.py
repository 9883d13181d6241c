"""The journal's uuid and the run numbers: made once, taken once, whatever happened to the files."""

from __future__ import annotations

import errno

import pytest

from proxy.journal import identity
from tests.journal.disk import Disk, Process
from tests.journal.world import DIRECTORY, World, payloads


def spoil(world: World, name: str, content: bytes) -> None:
    inode = world.disk.file(name)
    inode.truncate(0)
    inode.write(0, content)


def test_the_uuid_is_made_once() -> None:
    fs = Process(Disk())
    made = identity.journal_uuid(fs, DIRECTORY)
    assert len(made) == 16
    assert identity.journal_uuid(fs, DIRECTORY) == made
    assert identity.read_uuid(fs, DIRECTORY) == made
    assert fs.open_files == 0


def test_a_directory_without_a_journal_has_no_uuid() -> None:
    assert identity.read_uuid(Process(Disk()), DIRECTORY) is None


@pytest.mark.parametrize("content", [b"", b"garbage\xff", b"abcd\n"])
def test_a_garbled_uuid_is_found_again_in_the_segments(world: World, content: bytes) -> None:
    world.worker().say(b"a")
    spoil(world, "journal/uuid", content)
    assert identity.journal_uuid(Process(world.disk), DIRECTORY) == world.uuid


def test_a_spoiled_segment_gives_no_uuid(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.keeper.turn()
    world.disk.file("2.journal").data[20] ^= 1
    spoil(world, "journal/uuid", b"")
    assert identity.journal_uuid(Process(world.disk), DIRECTORY) == world.uuid


def test_runs_are_numbered_and_on_the_disk_before_they_are_used() -> None:
    disk = Disk()
    fs = Process(disk)
    identity.journal_uuid(fs, DIRECTORY)
    assert [identity.next_run(fs, DIRECTORY) for _ in range(3)] == [1, 2, 3]
    assert [op.kind for op in disk.log][-4:] == ["write", "sync", "rename", "sync_directory"]


@pytest.mark.parametrize("content", [b"", b"x", "\u0663".encode()])
def test_a_run_number_never_comes_twice(world: World, content: bytes) -> None:
    world.next_run()
    world.next_run()
    world.worker().say(b"a")
    spoil(world, "journal/run", content)
    assert identity.next_run(Process(world.disk), DIRECTORY) == 4


@pytest.mark.parametrize("bit", range(8))
def test_when_nothing_tells_the_last_run_another_journal_begins(world: World, bit: int) -> None:
    """Else the store would take its batches for those it has."""
    world.next_run()
    world.disk.file("journal/run").data[0] ^= 1 << bit
    fs = Process(world.disk)
    identity.next_run(fs, DIRECTORY)
    assert identity.journal_uuid(fs, DIRECTORY) != world.uuid


def test_what_a_crash_left_is_no_obstacle(world: World) -> None:
    Process(world.disk).create(f"{DIRECTORY}/run.tmp")
    world.next_run()
    assert world.run == 2


@pytest.mark.parametrize("method", ["open", "pread", "pwrite", "fsync", "rename"])
def test_a_disk_that_fails_is_an_error_and_makes_nothing_anew(world: World, method: str) -> None:
    fs = Process(world.disk)
    world.disk.fail(method, errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        identity.next_run(fs, DIRECTORY)
    assert fs.open_files == 0
    world.disk.heal()
    assert identity.journal_uuid(fs, DIRECTORY) == world.uuid


def test_a_number_that_is_not_written_whole_is_an_error(world: World) -> None:
    world.disk.short_writes = [0]
    with pytest.raises(OSError, match="short write"):
        identity.next_run(Process(world.disk), DIRECTORY)


def test_a_reader_waits_for_a_uuid_it_cannot_read(world: World) -> None:
    world.worker().say(b"a")
    reader = world.reader()
    world.disk.fail("open", errno.EMFILE)
    assert reader.poll(1000) == []
    world.disk.heal()
    assert payloads(reader.poll(1000)) == [b"a"]
