"""Spoiled files: each loss stays local, and is said."""

from __future__ import annotations

import pytest

from proxy.journal import format
from proxy.journal.format import BLOCK_MAGIC, HEADER_BYTES, SegmentName
from proxy.journal.items import Block, Damage, DamageKind, Item, LifeEnded
from tests.journal.disk import Inode, Process
from tests.journal.world import DIRECTORY, World, data, payloads, read_on

SEGMENT = "00000001.journal"
SAID = [b"first", b"second, a little longer", b"third"]


def losses(items: list[Item]) -> list[tuple[DamageKind, int]]:
    return [(item.kind, item.bytes) for item in items if isinstance(item, Damage)]


def three_blocks(world: World) -> Inode:
    worker = world.worker()
    for payload in SAID:
        worker.say(payload)
    worker.leave()
    return world.disk.file(SEGMENT)


def offsets(items: list[Item]) -> list[int]:
    return [item.offset for item in items if isinstance(item, Block)]


def test_a_flipped_bit_anywhere_costs_one_block_at_most_and_is_said(world: World) -> None:
    inode = three_blocks(world)
    whole = world.read()
    starts = offsets(whole)
    for index in range(len(inode.data)):
        inode.data[index] ^= 1 << index % 8
        items = world.read()
        kept = [block for block in items if isinstance(block, Block)]
        assert kept == [block for block in whole if block in kept]
        assert len(kept) >= len(starts) - 1
        assert bool(losses(items)) == (index < HEADER_BYTES or len(kept) < len(starts)), index
        assert isinstance(items[-1], LifeEnded)
        assert world.read() == items
        inode.data[index] ^= 1 << index % 8


def test_what_is_between_two_good_blocks_is_damage_of_that_many_bytes(world: World) -> None:
    inode = three_blocks(world)
    start, behind = offsets(world.read())[1:3]
    inode.data[start:behind] = b"\xee" * (behind - start)
    items = world.read()
    assert payloads(items) == [SAID[0], SAID[2]]
    (damage,) = (item for item in items if isinstance(item, Damage))
    assert (damage.kind, damage.offset, damage.bytes) == (DamageKind.DAMAGE, start, behind - start)
    before, _, behind_it = items[:3]
    assert isinstance(before, Block)
    assert (damage.at, damage.mono) == (before.at, behind_it.mono)
    assert isinstance(items[1], Damage)


def test_a_long_stretch_of_false_heads_is_searched_through(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.append(*(3 * [data(BLOCK_MAGIC * 15_000)]))
    worker.say(b"b")
    worker.leave()
    inode = world.disk.file(SEGMENT)
    inode.data[offsets(world.read())[1]] ^= 1
    items = world.read()
    assert payloads(items) == [b"a", b"b"]
    assert losses(items) == [(DamageKind.DAMAGE, 180_096)]


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_torn_tail_is_counted(world: World, cut: int) -> None:
    worker = world.worker()
    worker.say(b"whole")
    worker.say(b"torn off")
    worker.kill()
    inode = world.disk.file(SEGMENT)
    start = offsets(world.read())[1]
    inode.data[start + cut :] = b""
    items = world.read()
    assert payloads(items) == [b"whole"]
    last_byte = len(bytes(inode.data).rstrip(b"\0"))
    assert losses(items) == [(DamageKind.TORN, last_byte - start)]


def test_a_tail_that_is_not_finished_is_waited_for_while_the_worker_lives(world: World) -> None:
    worker, reader = world.worker(), world.reader()
    worker.say(b"whole")
    worker.say(b"in flight")
    inode = world.disk.file(SEGMENT)
    late = inode.data[-5:]
    inode.data[-5:] = bytes(5)
    items = read_on(reader)
    assert payloads(items) == [b"whole"]
    assert losses(items) == []
    inode.data[-5:] = late
    assert payloads(read_on(reader)) == [b"in flight"]


def test_nothing_behind_the_end_is_read(world: World) -> None:
    inode = three_blocks(world)
    inode.write(len(inode.data), b"left over from a write that failed")
    assert losses(world.read()) == []


def test_pages_the_disk_does_not_give_are_damage(world: World) -> None:
    worker = world.worker()
    for n in range(6):
        worker.say(b"%d" % n * 3000)
    worker.leave()
    world.disk.file(SEGMENT).unreadable = range(8192, 12288)
    items = world.read()
    assert [payload[:1] for payload in payloads(items)] == [b"0", b"1", b"4", b"5"]
    assert [kind for kind, _ in losses(items)] == [DamageKind.DAMAGE]


def test_an_unreadable_tail_is_torn(world: World) -> None:
    inode = three_blocks(world)
    inode.unreadable = range(HEADER_BYTES, 1 << 30)
    items = world.read()
    assert payloads(items) == []
    assert losses(items)[0][0] is DamageKind.TORN


def test_a_damaged_header_costs_itself_alone(world: World) -> None:
    inode = three_blocks(world)
    inode.data[:HEADER_BYTES] = bytes(HEADER_BYTES)
    items = world.read()
    assert payloads(items) == SAID
    assert losses(items) == [(DamageKind.DAMAGE, HEADER_BYTES)]


def test_damage_while_the_worker_lives_is_told_when_the_segment_is_left(world: World) -> None:
    worker, other, reader = world.worker(0), world.worker(1), world.reader()
    for payload in SAID:
        worker.say(payload)
    inode = world.disk.file("0000-00000001-" + SEGMENT)
    inode.data[inode.data.index(SAID[1])] ^= 1
    other.say(b"other")
    live = read_on(reader)
    assert payloads(live) == [SAID[0]]
    worker.leave()
    other.leave()
    live += read_on(reader)
    assert payloads(live) == [SAID[0], SAID[2], b"other"]
    assert live == world.read()


REPLACED = {
    "of another journal": format.encode_header(bytes(16), SegmentName(1, 0, 1, 1), 1, 2),
    "format version 2": None,
    "not what its name says": "copy",
    "too short": b"x",
}


@pytest.mark.parametrize("reason", REPLACED)
def test_a_segment_that_is_not_ours_is_skipped_and_said(world: World, reason: str) -> None:
    worker = world.worker()
    worker.say(b"stale")
    worker.leave()
    inode = world.disk.file(SEGMENT)
    worker = world.worker()
    worker.say(b"good")
    worker.leave()
    _replace_header(world, inode, reason)
    reader = world.reader()
    assert payloads(read_on(reader)) == [b"good"]
    assert [skipped.reason for skipped in reader.skipped()] == [reason]


def _replace_header(world: World, inode: Inode, reason: str) -> None:
    name = SegmentName(1, 0, 1, 1)
    if reason == "too short":
        inode.truncate(10)
    elif reason == "of another journal":
        inode.write(0, format.encode_header(bytes(16), name, 1, 2))
    elif reason == "format version 2":
        future = bytearray(format.encode_header(world.uuid, name, 1, 2))
        future[8] = 2
        inode.write(0, format._with_crc(bytes(future)))
    else:
        inode.write(0, format.encode_header(world.uuid, SegmentName(1, 0, 9, 1), 1, 2))


def test_a_file_without_permission_is_skipped_and_said(world: World) -> None:
    three_blocks(world)
    reader = world.reader()
    reader.poll(1)
    world.disk.fail("open", 13)
    again = world.reader()
    again._uuid = world.uuid
    again._begin_run(0)
    assert read_on(again) == []
    assert "EACCES" in again.skipped()[0].reason
    assert Process(world.disk).listdir(DIRECTORY)
