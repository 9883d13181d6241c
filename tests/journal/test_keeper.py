"""The sync thread's turns: syncing, preparing, limits, what it does when the disk does not."""

from __future__ import annotations

import errno
import threading

import pytest

from proxy.journal.filesystem import Space
from proxy.journal.format import RESERVE_BYTES, SegmentName
from proxy.journal.handover import Handover
from proxy.journal.items import Damage, LifeEnded
from proxy.journal.keeper import Keeper, KeeperThread
from tests.journal.disk import Process
from tests.journal.world import DIRECTORY, World, gaps, payloads


def files(world: World) -> list[str]:
    return sorted(path[-16:-8] for path in world.disk.entries if ".journal" in path)


def syncs(world: World) -> int:
    return sum(op.kind == "sync" for op in world.disk.log)


def test_one_segment_is_ready_before_it_is_needed(world: World) -> None:
    worker = world.worker()
    assert files(world) == ["00000001"]
    worker.say(b"a")
    worker.keeper.turn()
    worker.keeper.turn()
    assert files(world) == ["00000001", "00000002"]
    assert len(worker.handover.ready) == 1


def test_a_segment_gets_its_name_when_it_is_whole_on_the_disk_and_locked(world: World) -> None:
    world.worker()
    kinds = [op.kind for op in world.disk.log][-6:]
    assert kinds == ["create", "allocate", "write", "sync", "rename", "sync_directory"]
    assert world.disk.file("1.journal").locked_by is not None


def test_what_is_written_is_synced_once(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.keeper.turn()
    before = syncs(world)
    worker.keeper.turn()
    assert syncs(world) == before
    worker.say(b"b")
    worker.keeper.turn()
    assert syncs(world) == before + 1


def test_a_segment_that_was_left_is_shrunk_synced_and_closed(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.keeper.turn()
    world.clock.advance(4000)
    worker.say(b"b")
    inode = world.disk.file("1.journal")
    worker.keeper.turn()
    assert inode.locked_by is None
    assert inode.size < 300
    assert worker.process.open_files == 2


def test_who_waits_for_the_disk_is_called_after_the_sync(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.journal.synced(lambda: None)
    assert worker.handover.wake.is_set()
    assert worker.called == []
    worker.keeper.turn()
    assert len(worker.called) == 1


def test_who_waits_is_let_go_when_the_journal_fails(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.journal.synced(lambda: None)
    world.disk.fail("pwrite", errno.ENOSPC)
    worker.say(b"lost")
    assert len(worker.called) == 1
    worker.journal.synced(lambda: None)
    assert len(worker.called) == 2


@pytest.mark.parametrize("method", ["fdatasync"])
def test_a_failed_fsync_is_never_tried_again_on_the_same_file(world: World, method: str) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.journal.synced(lambda: None)
    world.disk.fail(method, errno.EIO, times=1)
    worker.keeper.turn()
    before = syncs(world)
    worker.keeper.turn()
    assert syncs(world) == before
    assert worker.called == []
    worker.say(b"b")
    worker.keeper.turn()
    assert len(worker.called) == 0 or syncs(world) > before
    worker.keeper.turn()
    assert len(worker.called) == 1
    worker.leave()
    items = world.read()
    assert payloads(items) == [b"a", b"b"]
    ((connection, direction, offset, said),) = gaps(items)
    assert (connection, direction) == (0, 0)
    name = SegmentName(1, 0, 1, 1)
    assert said.reason == f"unsynced: {name} {offset}-{said.until} EIO: Input/output error"
    assert worker.keeper.sync_failures == 1


def test_a_failed_fsync_without_a_ready_segment_is_failure(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    world.disk.fail("fdatasync", errno.EIO, times=1)
    world.disk.fail("allocate", errno.ENOSPC)
    worker.keeper.turn()
    worker.say(b"lost")
    assert worker.journal.problem == "EIO: Input/output error"
    world.disk.heal()
    world.clock.advance(5)
    worker.keeper.turn()
    worker.say(b"b")
    worker.leave()
    reasons = [gap[3].reason.partition(":")[0] for gap in gaps(world.read())]
    assert reasons == ["stopped", "unsynced", "missed"]


def test_a_segment_whose_last_sync_fails_is_said_in_the_next(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.keeper.turn()
    world.clock.advance(4000)
    worker.say(b"b")
    worker.handover.current = None  # so that the first sync of this turn is the old segment's
    world.disk.fail("fdatasync", errno.EIO, times=1)
    worker.keeper.turn()
    worker.say(b"c")
    worker.leave()
    assert [gap[3].reason.partition(":")[0] for gap in gaps(world.read())] == ["unsynced"]


def test_a_segment_whose_name_is_gone_is_left(world: World) -> None:
    worker = world.worker()
    worker.say(b"gone")
    Process(world.disk).unlink(f"{DIRECTORY}/{SegmentName(1, 0, 1, 1)}")
    worker.keeper.turn()
    worker.say(b"here")
    worker.leave()
    items = world.read()
    assert payloads(items) == [b"here"]
    assert "its file was removed" in gaps(items)[0][3].reason


def test_a_directory_that_was_removed_is_made_again(world: World) -> None:
    worker = world.worker()
    worker.say(b"gone")
    world.disk.directories.clear()
    worker.keeper.turn()
    assert len(worker.handover.ready) == 1


@pytest.mark.parametrize(
    "method", ["create", "allocate", "pwrite", "fsync", "rename", "fsync_directory", "listdir"]
)
def test_a_segment_that_cannot_be_prepared_is_tried_again_with_pauses(world: World, method: str) -> None:
    worker = world.worker()
    worker.say(b"a")
    world.disk.fail(method, errno.EIO)
    worker.keeper.turn()
    tried = len(world.disk.log)
    worker.keeper.turn()
    assert len(world.disk.log) == tried
    assert worker.handover.shortage == "EIO: Input/output error"
    world.disk.heal()
    world.clock.advance(2)
    worker.keeper.turn()
    assert len(worker.handover.ready) == 1
    assert worker.handover.shortage == ""
    worker.leave()
    items = world.read()
    assert payloads(items) == [b"a"]
    assert not [item for item in items if isinstance(item, Damage)]
    assert isinstance(items[-1], LifeEnded)
    assert not [path for path in world.disk.entries if path.endswith(".preparing")]


def test_the_pauses_grow_to_two_seconds(world: World) -> None:
    world.disk.fail("allocate", errno.ENOSPC)
    worker, tries = world.worker(), 0
    for _ in range(100):
        before = len(world.disk.log)
        worker.keeper.turn()
        tries += len(world.disk.log) > before
        world.clock.advance(0.1)
    assert 6 <= tries <= 12


def test_max_bytes_is_kept(world: World) -> None:
    size = world.settings.segment_bytes
    worker = world.worker(max_bytes=2 * size)
    while worker.journal.failures == 0:
        worker.say(bytes(50_000))
        worker.keeper.turn()
    assert f"max_bytes ({2 * size})" in worker.journal.problem
    assert worker.keeper.directory_bytes > size
    assert sum(inode.size for path, inode in world.disk.entries.items()) <= 2 * size


def test_enough_of_the_disk_is_left_free(world: World) -> None:
    world.disk.space = Space(free=110, total=1000)
    worker = world.worker()
    worker.say(b"lost")
    assert worker.journal.problem == "less than 10 % of the disk is free"
    world.disk.space = Space(free=1 << 30, total=1 << 31)
    world.clock.advance(2)
    worker.keeper.turn()
    worker.say(b"a")
    assert worker.journal.journalling


def test_a_full_segment_names_why_there_is_no_next(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    world.disk.space = Space(free=0, total=1000)
    worker.keeper.turn()
    while worker.journal.journalling:
        worker.say(bytes(50_000))
    assert worker.journal.problem == "less than 10 % of the disk is free"
    assert gaps(world.read())[0][3].reason == "stopped: less than 10 % of the disk is free"


def test_the_reserve_is_for_the_last_words_alone(world: World) -> None:
    worker = world.worker()
    segment = worker.handover.ready[0]
    while worker.journal.failures == 0:
        worker.say(bytes(8))
    assert worker.journal.problem == "segment full"
    assert segment.size - RESERVE_BYTES < segment.position < segment.size


def test_numbers_go_on_when_a_life_is_begun_twice(world: World) -> None:
    first = world.worker()
    first.say(b"a")
    first.keeper.turn()
    first.kill()
    world._lives[0] = 0
    second = world.worker()
    second.say(b"b")
    second.leave()
    assert payloads(world.read()) == [b"a", b"b"]


def test_a_lock_somebody_else_holds_is_no_segment_of_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Process, "lock", lambda self, fd: False)
    assert "EAGAIN" in world.worker().handover.shortage


def test_a_header_that_is_not_written_whole_is_no_segment(world: World) -> None:
    world.disk.short_writes = [10]
    assert "ENOSPC" in world.worker().handover.shortage


def test_a_file_that_vanishes_while_sizes_are_summed_counts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: Process, path: str) -> None:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Process, "status", gone)
    assert len(world.worker().handover.ready) == 1


def test_the_thread_is_only_a_loop_around_the_turns() -> None:
    turned, closed, handover = threading.Event(), threading.Event(), Handover()

    class Turns(Keeper):
        def __init__(self) -> None: ...

        def turn(self) -> None:
            turned.set()

        def close(self) -> None:
            closed.set()

    thread = KeeperThread(Turns(), handover, 1000)
    thread.start()
    handover.wake.set()
    assert turned.wait(5)
    assert thread.stop(5)
    assert closed.is_set()


def test_a_mistake_in_a_turn_is_said_and_the_thread_goes_on() -> None:
    tried, handover = threading.Semaphore(0), Handover()

    class Turns(Keeper):
        def __init__(self) -> None: ...

        def turn(self) -> None:
            tried.release()
            raise ZeroDivisionError("a mistake")

        def close(self) -> None: ...

    thread = KeeperThread(Turns(), handover, 0.001)
    thread.start()
    assert tried.acquire(timeout=5)
    assert tried.acquire(timeout=5)
    assert thread.stop(5)
    assert "a mistake" in handover.shortage


def test_callbacks_of_a_closed_loop_are_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(callback: object) -> None:
        raise RuntimeError("Event loop is closed")

    worker = world.worker()
    worker.say(b"a")
    worker.journal.synced(lambda: None)
    monkeypatch.setattr(worker.keeper, "_call_soon", closed)
    worker.keeper.turn()
    assert len(worker.handover.ready) == 1
