"""Order, watermark, lives, runs and resuming of the merged stream."""

from __future__ import annotations

import errno

import pytest

from proxy.journal.format import End, Kind, SegmentName
from proxy.journal.items import Block, Damage, DamageKind, Item, LifeEnded
from proxy.journal.listing import file_size
from tests.journal.disk import Process
from tests.journal.world import DIRECTORY, SECOND, World, payloads, read_on, resumed


def ends(items: list[Item]) -> list[tuple[int, int]]:
    return [(item.worker, item.life) for item in items if isinstance(item, LifeEnded)]


def story(items: list[Item]) -> list[bytes | str]:
    """Payloads and ends of lives, in order."""
    told: list[bytes | str] = []
    for item in items:
        if isinstance(item, LifeEnded):
            told.append(f"end {item.worker}.{item.life}")
        else:
            told += payloads([item])
    return told


def test_one_worker_is_read_while_it_writes(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    worker.say(b"a")
    assert payloads(reader.poll(1000)) == [b"a"]
    worker.say(b"b")
    assert payloads(reader.poll(1000)) == [b"b"]
    assert reader.poll(1000) == []
    assert not reader.finished


def test_nothing_is_there_before_the_journal_is(world: World) -> None:
    world.disk.entries.clear()
    reader = world.reader()
    assert reader.poll(1000) == []
    assert reader.finished
    assert reader.uuid is None
    assert reader.lag_bytes == 0


def test_two_workers_are_merged_by_time(world: World) -> None:
    one, two = world.worker(0), world.worker(1)
    for n in range(6):
        (one, two)[n % 2].say(b"%d" % n)
    one.leave()
    two.leave()
    assert payloads(world.read()) == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_a_worker_that_says_nothing_holds_the_others(world: World) -> None:
    """Like one that is stopped by SIGSTOP: it may yet have something older to say."""
    one, two, reader = world.worker(0), world.worker(1), world.reader()
    one.say(b"1")
    two.say(b"2")
    one.say(b"3")
    one.say(b"4")
    assert payloads(read_on(reader)) == [b"1", b"2"]
    two.journal.mark()
    assert payloads(read_on(reader)) == [b"3", b"4"]


def test_a_worker_that_is_dead_holds_nobody(world: World) -> None:
    one, two, reader = world.worker(0), world.worker(1), world.reader()
    one.say(b"1")
    two.say(b"2")
    one.say(b"3")
    two.kill()
    assert story(read_on(reader)) == [b"1", b"2", "end 1.1", b"3"]


def test_a_worker_that_has_only_begun_holds_what_is_younger(world: World) -> None:
    one = world.worker(0)
    one.say(b"1")
    two, reader = world.worker(1), world.reader()
    one.say(b"2")
    assert payloads(read_on(reader)) == [b"1"]
    two.say(b"3")
    assert payloads(read_on(reader)) == [b"2"]


def test_a_segment_that_appears_between_reading_and_listing_is_waited_for(world: World) -> None:
    one, reader = world.worker(0), world.reader()
    one.say(b"1")
    assert payloads(reader.poll(1)) == [b"1"]
    two = world.worker(1)
    two.say(b"2")
    one.say(b"3")
    one.say(b"4")
    assert payloads(read_on(reader)) == [b"2"]


def test_lives_of_one_worker_follow_each_other(world: World) -> None:
    first = world.worker()
    first.say(b"1")
    first.kill()
    second = world.worker()
    second.say(b"2")
    second.leave()
    items = world.read()
    assert story(items) == [b"1", "end 0.1", b"2", "end 0.2"]
    last = next(item for item in items if isinstance(item, Block) and payloads([item]) == [b"1"])
    end = next(item for item in items if isinstance(item, LifeEnded))
    assert (end.at, end.mono) == (last.at, last.mono)


def test_a_run_begins_when_the_one_before_is_over(world: World) -> None:
    old = world.worker()
    old.say(b"1")
    world.next_run()
    new, reader = world.worker(), world.reader()
    new.say(b"2")
    assert story(read_on(reader)) == [b"1"]
    old.kill()
    assert story(read_on(reader)) == ["end 0.1", b"2"]


def test_the_monotonic_clock_may_begin_anew_with_a_run(world: World) -> None:
    world.worker().say(b"1")
    world.next_run()
    world.clock.mono = 5
    worker = world.worker()
    worker.say(b"2")
    world.disk.entries = dict(world.disk.entries)
    for inode in world.disk.entries.values():
        inode.locked_by = None
    assert story(world.read())[:3] == [b"1", "end 0.1", b"2"]


def test_a_failed_life_is_over_when_the_next_one_speaks(world: World) -> None:
    """Others went on meanwhile: its end comes where the next life begins, live and from scratch."""
    one, two, reader = world.worker(0), world.worker(1), world.reader()
    one.say(b"1")
    world.disk.fail("pwrite", 28, times=1)
    one.say(b"lost")
    two.say(b"2")
    two.say(b"3")
    live = read_on(reader)
    assert story(live) == [b"1", b"2", b"3"]
    one.kill()
    live += read_on(reader)
    again = world.worker(0)
    two.say(b"4")
    again.say(b"5")
    two.say(b"6")
    live += read_on(reader)
    assert story(live) == [b"1", b"2", b"3", b"4", "end 0.1", b"5"]
    again.leave()
    two.leave()
    live += read_on(reader)
    assert live == world.read()
    (end,) = (item for item in live if isinstance(item, LifeEnded) and item.life == 1 and item.worker == 0)
    (failed,) = (i for i in live if isinstance(i, Block) and i.records[-1][:2] == (Kind.END, End.FAILED))
    (next_one,) = (item for item in live if payloads([item]) == [b"5"])
    assert (end.at, end.mono) == (failed.at, next_one.mono)


def test_a_failed_life_is_over_when_a_later_run_is_there(world: World) -> None:
    one, two, reader = world.worker(0), world.worker(1), world.reader()
    one.say(b"1")
    world.disk.fail("pwrite", 28, times=1)
    one.say(b"lost")
    one.kill()
    two.say(b"2")
    two.leave()
    live = read_on(reader)
    assert story(live) == [b"1", b"2", "end 1.1"]
    assert reader.finished
    world.next_run()
    world.worker().say(b"3")
    live += read_on(reader)
    assert story(live)[3:] == ["end 0.1", b"3"]
    assert live[-2].mono == max(item.mono for item in live if item.run == 1)
    assert live == world.read()


def test_a_failed_life_that_comes_back_is_not_over(world: World) -> None:
    one, reader = world.worker(), world.reader()
    one.say(b"0")
    world.disk.fail("pwrite", 28, times=1)
    one.say(b"lost")
    assert ends(read_on(reader)) == []
    one.keeper.turn()
    one.say(b"1")
    one.leave()
    assert ends(read_on(reader)) == [(0, 1)]


def test_it_can_be_polled_in_any_pieces_and_resumed_anywhere(world: World) -> None:
    for life in range(3):
        workers = [world.worker(0), world.worker(1)]
        for n in range(8):
            workers[n % 2].say(b"%d.%d" % (life, n))
            world.clock.advance(2000)
            workers[n % 2].keeper.turn()
        workers[0].kill()
        workers[1].leave()
    whole, reader, pieces = world.read(), world.reader(), list[Item]()
    while piece := reader.poll(1):
        pieces += piece
        reader = resumed(world, reader)
    assert pieces == whole
    assert len(ends(whole)) == 6
    assert payloads(whole) == [b"%d.%d" % (life, n) for life in range(3) for n in range(8)]


def test_more_than_is_read_ahead_comes_in_several_polls(world: World) -> None:
    worker = world.worker()
    for n in range(100):
        worker.append(*(3 * [(Kind.DATA, 1, 1, n, bytes([n]) * 40_000)]))
        worker.keeper.turn()
    worker.leave()
    reader = world.reader()
    first = reader.poll(1 << 40)
    assert 2_000_000 < sum(map(len, payloads(first))) < 4_000_000
    assert reader.lag_bytes > 5_000_000
    rest = read_on(reader, 300_000)
    assert len(payloads(first + rest)) == 300
    assert reader.lag_bytes == 0


def test_a_missing_segment_is_said(world: World) -> None:
    worker = world.worker()
    for n in range(3):
        worker.say(b"%d" % n)
        world.clock.advance(4000)
        worker.keeper.turn()
    worker.leave()
    Process(world.disk).unlink(f"{DIRECTORY}/p0-00000001-0000-00000001-00000002.journal")
    items = world.read()
    assert payloads(items) == [b"0", b"2"]
    (damage,) = (item for item in items if isinstance(item, Damage))
    assert (damage.kind, damage.segment, damage.bytes) == (DamageKind.MISSING, 2, 0)


def test_a_segment_that_vanishes_after_it_was_listed_is_no_end_of_life(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    worker.say(b"1")
    assert payloads(read_on(reader)) == [b"1"]
    worker.leave()  # removes the prepared segment that the reader has seen in its list
    assert ends(read_on(reader)) == [(0, 1)]
    assert reader.skipped() == []


@pytest.mark.parametrize("method", ["listdir", "open", "pread"])
def test_a_directory_that_cannot_be_read_for_a_while_ends_no_life(world: World, method: str) -> None:
    worker, reader = world.worker(), world.reader()
    worker.say(b"1")
    world.disk.fail(method, 24)
    assert reader.poll(1000) == []
    world.disk.heal()
    assert payloads(reader.poll(1000)) == [b"1"]


def test_files_that_are_not_ours_are_skipped_and_said_once(world: World) -> None:
    worker = world.worker()
    worker.say(b"1")
    worker.leave()
    fs = Process(world.disk)
    for n, content in enumerate([b"", b"short", b"x" * 100]):
        fs.pwrite(fs.create(f"{DIRECTORY}/p0-00000001-000{n + 1}-00000001-00000001.journal"), content, 0)
    fs.create(f"{DIRECTORY}/notes.txt")
    reader = world.reader()
    assert payloads(read_on(reader)) == [b"1"]
    assert {skipped.reason for skipped in reader.skipped()} == {"too short"}
    assert read_on(reader) == []
    assert reader.skipped() == []


def test_marks_and_ends_are_blocks(world: World) -> None:
    worker = world.worker()
    worker.journal.mark()
    worker.journal.mark()
    world.clock.advance(1)
    worker.journal.mark()
    worker.leave()
    kinds = [r[:2] for item in world.read() if isinstance(item, Block) for r in item.records]
    assert kinds == [(Kind.MARK, 0), (Kind.MARK, 0), (Kind.END, End.FINISHED)]


def test_time_never_goes_back_within_a_worker(world: World) -> None:
    worker = world.worker()
    worker.say(b"1")
    world.clock.mono -= SECOND
    worker.say(b"2")
    worker.leave()
    monos = [item.mono for item in world.read() if isinstance(item, Block)]
    assert monos == sorted(monos)


def test_an_open_that_this_process_cannot_afford_is_tried_again(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    reader.poll(1)
    worker.say(b"1")
    again = resumed(world, reader)
    again.poll(1)
    worker.keeper.turn()
    world.clock.advance(4000)
    worker.say(b"2")
    world.disk.fail("open", errno.EMFILE)
    assert payloads(read_on(again)) == []
    assert not again.finished
    assert again.skipped() == []
    world.disk.heal()
    assert payloads(read_on(again)) == [b"2"]


def test_the_lag_counts_later_runs_too(world: World) -> None:
    old = world.worker()
    old.say(bytes(100))
    world.next_run()
    new = world.worker()
    new.say(bytes(200))
    new.leave()
    reader = world.reader()
    read_on(reader)
    finished = [reader.finished]
    assert 250 < reader.lag_bytes < 500
    old.kill()
    read_on(reader)
    finished.append(reader.finished)
    assert finished == [False, True]
    assert reader.lag_bytes == 0


def test_a_segment_that_is_gone_counts_nothing(world: World) -> None:
    name = SegmentName(1, 9, 1, 1)
    assert file_size(Process(world.disk), DIRECTORY, name) == 0


def test_resumed_at_a_segment_that_is_gone_it_goes_on_with_the_next(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    worker.say(b"1")
    reader.poll(1)
    worker.keeper.turn()
    world.clock.advance(4000)
    worker.say(b"2")
    worker.leave()
    Process(world.disk).unlink(f"{DIRECTORY}/{SegmentName(1, 0, 1, 1)}")
    items = read_on(resumed(world, reader))
    assert payloads(items) == [b"2"]
    assert isinstance(items[0], Damage)
    reader.close()
