"""The journal in the relay's event loop: blocks, rolling, failing and beginning anew."""

from __future__ import annotations

import errno

import pytest

from proxy.journal import missing
from proxy.journal.format import End, Kind
from proxy.journal.items import Block, Damage, Item, LifeEnded
from proxy.journal.settings import OnFailure
from tests.journal.world import (
    FROM_CHARGE_POINT,
    FROM_CSMS,
    WALL,
    Worker,
    World,
    closed,
    data,
    gaps,
    opened,
    payloads,
    read_on,
    records,
)

FULL_DISK = errno.ENOSPC


def segments_used(items: list[Item]) -> list[int]:
    return sorted({item.segment for item in items if isinstance(item, Block)})


def ends(items: list[Item]) -> list[int]:
    return [record[1] for record in records(items, Kind.END)]


def break_disk(world: World, worker: Worker) -> None:
    """The segment cannot be written (but for its reserve), nor another one prepared."""
    worker.say(b"", connection=99)
    world.disk.fail("pwrite", FULL_DISK, times=1)
    world.disk.fail("allocate", FULL_DISK)


def repair(world: World, worker: Worker) -> None:
    world.disk.heal()
    world.clock.advance(5)
    worker.keeper.turn()


def test_one_append_is_one_block(world: World) -> None:
    worker = world.worker()
    worker.append(data(b"a"), data(b"b", offset=1), data(b"c", 2, 7, FROM_CSMS))
    worker.leave()
    (block, *_) = world.read()
    assert isinstance(block, Block)
    assert block.records == [data(b"a"), data(b"b", offset=1), data(b"c", 2, 7, FROM_CSMS)]
    assert block.at == WALL + block.mono
    assert (block.run, block.worker, block.life, block.segment, block.offset) == (1, 0, 1, 1, 64)


def test_a_mark_a_second(world: World) -> None:
    worker = world.worker()
    for _ in range(6):
        world.clock.advance(0.5)
        worker.journal.mark()
    assert len(records(world.read(), Kind.MARK)) == 4


def test_a_block_that_does_not_fit_rolls_the_segment(world: World) -> None:
    worker = world.worker()
    for n in range(10):
        worker.say(bytes([n]) * 60_000)
        worker.keeper.turn()
    worker.leave()
    items = world.read()
    assert segments_used(items) == [1, 2, 3]
    assert len(payloads(items)) == 10
    assert ends(items) == [End.ROLLED, End.ROLLED, End.FINISHED]


def test_a_segment_is_left_after_an_hour(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.keeper.turn()
    world.clock.advance(3599)
    worker.say(b"b")
    world.clock.advance(2)
    worker.say(b"c")
    worker.leave()
    assert [(i.segment, payloads([i])) for i in world.read() if isinstance(i, Block) and payloads([i])] == [
        (1, [b"a"]), (1, [b"b"]), (2, [b"c"])
    ]  # fmt: skip


def test_an_hour_old_segment_is_kept_while_none_is_ready(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    world.clock.advance(4000)
    worker.say(b"b")
    assert worker.journal.journalling
    worker.keeper.turn()
    world.clock.advance(2)
    worker.say(b"c")
    worker.leave()
    assert segments_used(world.read()) == [1, 2]


def test_an_append_that_is_too_long_for_one_block_becomes_several(world: World) -> None:
    worker = world.worker(segment_bytes=8 * 1024**2)
    worker.append(*(data(bytes(60_000), offset=60_000 * n) for n in range(100)))
    worker.leave()
    items = world.read()
    assert [record[3] for record in records(items)] == [60_000 * n for n in range(100)]
    assert segments_used(items) == [1]


def test_a_short_write_is_completed(world: World) -> None:
    worker = world.worker()
    world.disk.short_writes = [1, 10, 5]
    worker.say(b"whole")
    assert payloads(world.read()) == [b"whole"]


@pytest.mark.parametrize("taken", [[0, 0], [5, 0], [5, 40, 0]])
def test_a_write_that_cannot_be_completed_ends_the_segment(world: World, taken: list[int]) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.keeper.turn()
    world.disk.short_writes = taken
    worker.say(b"b")
    worker.leave()
    items = world.read()
    assert payloads(items) == [b"a", b"b"]
    assert ends(items) == [End.ROLLED, End.FINISHED]
    assert not [item for item in items if isinstance(item, Damage)]
    assert worker.journal.gap_bytes == 0


def test_failure_is_said_at_once_and_the_lock_given_back(world: World) -> None:
    worker, other, reader = world.worker(0), world.worker(1), world.reader()
    break_disk(world, worker)
    worker.say(b"lost")
    other.say(b"goes on")
    items = read_on(reader)
    ((connection, direction, offset, said),) = gaps(items)
    assert (connection, direction, offset) == (0, 0, 0)
    assert said.reason == "stopped: ENOSPC: No space left on device"
    assert said.since_at > WALL
    assert ends(items) == [End.FAILED]
    assert payloads(items) == [b"", b"goes on"]
    assert not worker.journal.journalling
    assert worker.journal.accepting


def test_traffic_is_refused_where_the_operator_wants_that(world: World) -> None:
    worker = world.worker(on_failure=OnFailure.REFUSE)
    accepting = [worker.journal.accepting]
    worker.say(b"a")
    accepting.append(worker.journal.accepting)
    world.disk.fail("pwrite", FULL_DISK)
    worker.say(b"b")
    accepting.append(worker.journal.accepting)
    assert accepting == [False, True, False]


def test_exact_gaps_are_said_when_a_segment_is_ready_again(world: World) -> None:
    worker = world.worker()
    worker.append(opened(1), opened(2), opened(3))
    break_disk(world, worker)
    worker.append(data(b"12345", 1, 100), data(b"123", 1, 50, FROM_CSMS))
    worker.append(data(b"678", 1, 105), data(b"z", 2, 7))
    worker.append(closed(2), opened(4), data(b"new", 4, 0))
    assert worker.journal.gap_bytes == 5 + 3 + 3 + 1 + 3
    repair(world, worker)
    worker.say(b"after", 1, 108)
    worker.leave()
    items = world.read()
    assert [(*gap[:3], gap[3].until) for gap in gaps(items)[1:]] == [
        (1, FROM_CHARGE_POINT, 100, 108),
        (1, FROM_CSMS, 50, 53),
        (2, FROM_CHARGE_POINT, 7, 8),
        (4, FROM_CHARGE_POINT, 0, 3),
    ]
    assert {gap[3].reason for gap in gaps(items)[1:]} == {"missed: ENOSPC: No space left on device"}
    order = [(record[0], record[2]) for record in records(items)[5:]]
    assert order == [
        (Kind.GAP, 1), (Kind.GAP, 1), (Kind.GAP, 2), (Kind.CLOSE, 2), (Kind.OPEN, 4), (Kind.GAP, 4), (Kind.DATA, 1)
    ]  # fmt: skip


def test_what_came_and_went_is_told_without_heads(world: World) -> None:
    worker = world.worker()
    break_disk(world, worker)
    worker.append(opened(7, b"open with long heads"), data(b"abc", 7), closed(7, b"bye"))
    repair(world, worker)
    worker.journal.mark()
    _, _, gap, *told = records(world.read())
    assert gap[0] == Kind.OPEN
    assert gap[4] == b"open"
    assert [(record[0], record[4]) for record in told][1:] == [(Kind.CLOSE, b"bye")]


def test_of_too_many_that_came_and_went_only_the_count_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing, "MAX_UNSEEN", 2)
    worker = world.worker()
    break_disk(world, worker)
    for connection in range(10, 15):
        worker.append(opened(connection), data(b"abc", connection), closed(connection))
    worker.append((Kind.REFUSED, 0, 0, 0, b"refused"), (Kind.MARK, 0, 0, 0, b""))
    repair(world, worker)
    worker.journal.mark()
    *_, (connection, direction, offset, said) = gaps(world.read())
    assert (connection, direction, offset, said.until, said.connections) == (0, 0, 0, 9, 4)
    assert said.reason.startswith("unseen: ")
    assert {record[2] for record in records(world.read(), Kind.CLOSE)} == {10, 11}


def test_heads_are_dropped_once_much_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing, "KEPT_BYTES", 25)
    worker = world.worker()
    break_disk(world, worker)
    worker.append(opened(1, b"a head of 20 bytes.."), opened(2, b"a head of 20 bytes.."))
    repair(world, worker)
    worker.journal.mark()
    assert [r[4] for r in records(world.read(), Kind.OPEN)] == [b"a head of 20 bytes..", b"a he"]


def test_much_that_was_missed_is_said_in_several_blocks(world: World) -> None:
    worker = world.worker()
    break_disk(world, worker)
    for connection in range(40):
        worker.append(opened(connection, b"o" * 15_000), data(b"abc", connection))
    repair(world, worker)
    worker.journal.mark()
    worker.keeper.turn()
    worker.journal.mark()
    worker.say(b"after")
    items = world.read()
    assert sum(1 for gap in gaps(items) if gap[1]) >= 17
    while worker.journal._missing:
        repair(world, worker)
        worker.journal.mark()
    items = world.read()
    told = [gap[0] for gap in gaps(items) if gap[1] and gap[0] < 40 and gap[3].until - gap[2] == 3]
    assert sorted(told) == list(range(40))
    assert [record[2] for record in records(items, Kind.OPEN)] == list(range(40))


def test_a_second_failure_while_the_first_is_told_loses_nothing(world: World) -> None:
    worker = world.worker()
    break_disk(world, worker)
    worker.say(b"lost", 1, 10)
    repair(world, worker)
    world.disk.fail("pwrite", FULL_DISK, times=1)
    worker.say(b"lost too", 1, 14)
    assert worker.journal.failures == 2
    repair(world, worker)
    worker.say(b"after", 1, 22)
    assert [(g[0], g[2], g[3].until) for g in gaps(world.read()) if g[1]] == [(1, 10, 22)]


def test_where_not_even_the_end_can_be_written_readers_wait(world: World) -> None:
    worker, other, reader = world.worker(0), world.worker(1), world.reader()
    worker.say(b"a")
    other.say(b"b")
    other.say(b"c")
    world.disk.fail("pwrite", 5)
    worker.say(b"lost", 1, 1)
    assert payloads(read_on(reader)) == [b"a"]
    repair(world, worker)
    worker.say(b"d", 1, 5)
    other.say(b"e")
    live = read_on(reader)
    assert payloads(live) == [b"b", b"c", b"d"]
    assert [(g[0], g[2], g[3].until) for g in gaps(live)] == [(1, 1, 5)]
    worker.leave()
    other.leave()
    assert worker.process.open_files == 0


def test_killed_while_failing_the_workers_gap_stands(world: World) -> None:
    worker = world.worker()
    break_disk(world, worker)
    worker.say(b"lost")
    worker.kill()
    world.disk.heal()
    world.worker().leave()  # a life without a word
    again = world.worker()
    again.say(b"next life")
    again.leave()
    items = world.read()
    assert [gap[3].reason.partition(":")[0] for gap in gaps(items)] == ["stopped"]
    assert [item.life for item in items if isinstance(item, LifeEnded)] == [1, 3]


def test_a_worker_that_never_had_a_segment_tells_all_once_it_has(world: World) -> None:
    world.disk.fail("create", errno.EROFS)
    worker = world.worker()
    worker.append(opened(1), data(b"abc"))
    assert worker.journal.problem == "EROFS: Read-only file system"
    repair(world, worker)
    worker.say(b"d", 1, 3)
    kinds = [record[0] for record in records(world.read())]
    assert kinds == [Kind.OPEN, Kind.GAP, Kind.DATA]


def test_leaving_while_failing_says_what_can_be_said(world: World) -> None:
    worker = world.worker()
    break_disk(world, worker)
    worker.say(b"lost", 1, 10)
    repair(world, worker)
    worker.leave()
    items = world.read()
    assert [(g[0], g[2], g[3].until) for g in gaps(items) if g[1]] == [(1, 10, 14)]
    assert ends(items) == [End.FAILED, End.FINISHED]
    worker.say(b"too late")
    assert worker.journal.problem == "closed"
    assert not worker.journal.journalling


def test_counters(world: World) -> None:
    worker = world.worker()
    worker.append(data(b"a"), data(b"b"))
    worker.append(data(b"c"))
    journal = worker.journal
    assert (journal.appended_blocks, journal.appended_records) == (2, 3)
    assert journal.appended_bytes == 2 * 32 + 3 * 21
