"""Spoiled files: each loss stays local, and is said."""

from __future__ import annotations

import errno
import itertools

import msgspec
import pytest

from proxy.journal import format
from proxy.journal.format import BLOCK_MAGIC, HEADER_BYTES, SegmentName
from proxy.journal.items import Block, Damage, DamageKind, Item, LifeEnded
from tests.journal.crash import as_log, changes, disk_after
from tests.journal.disk import Disk, Inode, Process
from tests.journal.stories import SmallWorld, Story
from tests.journal.world import DIRECTORY, World, data, payloads, read_on, resumed

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


_LARGEST_BLOCK = 104


def three_segments() -> World:
    """Of two workers: one rolls and leaves, one is killed; the zeros behind its last block are still there."""
    story = Story()
    story.begin(0)
    story.say(0)
    story.turn(0)
    story.hours_pass()
    story.say(0)
    story.begin(1)
    story.say(1)
    story.say(0, size=40)
    story.leave(0)
    story.say(1, size=40)
    story.say(1)
    story.kill(1)
    return story.world


def segments(disk: Disk) -> list[Inode]:
    return [inode for path, inode in sorted(disk.entries.items()) if path.endswith(".journal")]


def copy_of(disk: Disk) -> Disk:
    return disk_after(changes(as_log(disk)), ())


def blocks(items: list[Item]) -> list[Block]:
    """But for `mono`, which is where the stream has come to: the damage of an earlier block may change that."""
    return [msgspec.structs.replace(item, mono=0) for item in items if isinstance(item, Block)]


def read_after_start(disk: Disk) -> list[Item]:
    """The next run begins and writes; all that there is to read of the one before."""
    world = SmallWorld(disk)
    worker = world.worker()
    worker.say(b"after")
    worker.leave()
    items = world.read()
    assert payloads(items)[-1] == b"after"
    assert world.read() == items
    return [item for item in items if item.run < world.run]


def test_a_flipped_bit_anywhere_in_three_segments_costs_one_block_at_most_and_is_said() -> None:
    world = three_segments()
    whole = read_after_start(copy_of(world.disk))
    assert [len(inode.data) > HEADER_BYTES for inode in segments(world.disk)] == [True] * 3
    lost_blocks = 0
    for number, inode in enumerate(segments(world.disk)):
        for index in range(min(inode.size, len(inode.data) + 100)):
            disk = copy_of(world.disk)
            flipped = segments(disk)[number]
            flipped.write(index, bytes([flipped.read(1, index)[0] ^ 1 << index % 8]))
            items = read_after_start(disk)
            lost = [block for block in blocks(whole) if block not in blocks(items)]
            assert blocks(items) == [block for block in blocks(whole) if block not in lost]
            assert _is_said(lost, losses(items), index, len(inode.data)), (number, index)
            assert [life.worker for life in items if isinstance(life, LifeEnded)] == [0, 1]
            lost_blocks += len(lost)
    assert lost_blocks > 500


def _is_said(lost: list[Block], said: list[tuple[DamageKind, int]], index: int, written: int) -> bool:
    """A header costs itself alone, a block itself; what is flipped behind the last block is a torn tail."""
    if index < HEADER_BYTES:
        return not lost and said == [(DamageKind.DAMAGE, HEADER_BYTES)]
    if lost:
        return len(lost) == 1 and len(said) == 1 and 0 < said[0][1] <= _LARGEST_BLOCK
    return said == [] or (index >= written and [kind for kind, _ in said] == [DamageKind.TORN])


@pytest.mark.parametrize("name", ["uuid", "run"])
def test_a_flipped_bit_of_the_journals_own_numbers_costs_nothing(name: str) -> None:
    world = three_segments()
    whole = read_after_start(copy_of(world.disk))
    for index, bit in itertools.product(range(len(world.disk.file(f"/{name}").data)), range(8)):
        disk = copy_of(world.disk)
        disk.file(f"/{name}").data[index] ^= 1 << bit
        assert read_after_start(disk) == whole, (index, bit)


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


def test_an_end_that_never_reached_the_disk_is_missed_once_another_segment_follows(world: World) -> None:
    """The power failed between the sync of the new segment and that of the old one's last blocks."""
    worker = world.worker()
    worker.say(b"on the disk")
    worker.keeper.turn()
    worker.say(b"not yet")
    world.clock.advance(4000)
    worker.say(b"in the next")
    worker.kill()
    inode = world.disk.file(SEGMENT)
    cut_at = offsets(world.read())[1]
    inode.write(cut_at, bytes(len(inode.data) - cut_at))
    items = world.read()
    assert payloads(items) == [b"on the disk", b"in the next"]
    assert losses(items) == [(DamageKind.MISSING, 0)]
    assert [(item.segment, item.offset) for item in items if isinstance(item, Damage)] == [(1, cut_at)]


def test_the_torn_bytes_of_a_write_that_failed_vanish_under_the_last_block(world: World) -> None:
    worker = world.worker()
    worker.say(b"a")
    worker.keeper.turn()
    world.disk.short_writes = [30]
    world.disk.fail("pwrite", errno.ENOSPC, times=1)
    worker.say(b"b")
    assert world.disk.faults["pwrite"]() == 0, "it was reached"
    worker.leave()
    items = world.read()
    assert payloads(items) == [b"a", b"b"]
    assert losses(items) == []


def test_a_killed_worker_that_had_another_segment_ready_misses_nothing(world: World) -> None:
    worker = world.worker()
    worker.say(b"said")
    worker.keeper.turn()
    worker.kill()
    assert len(segments(world.disk)) == 2
    assert losses(world.read()) == []


@pytest.mark.parametrize("method", ["create", "allocate", "fsync", "rename", "fsync_directory"])
def test_a_segment_that_could_not_be_prepared_is_not_missed(world: World, method: str) -> None:
    worker = world.worker()
    worker.say(b"a")
    world.disk.fail(method, errno.EIO, times=1)
    worker.keeper.turn()
    assert "EIO" in worker.handover.shortage
    world.clock.advance(4000)
    worker.keeper.turn()
    worker.say(b"b")
    worker.leave()
    items = world.read()
    assert payloads(items) == [b"a", b"b"]
    assert losses(items) == []


def test_damage_after_a_life_that_failed_has_its_time_whoever_resumes_where(world: World) -> None:
    failing = world.worker()
    failing.say(b"said")
    world.disk.fail("pwrite", errno.EIO, times=1)
    failing.say(b"lost")
    failing.kill()
    torn = world.worker()
    torn.say(b"torn")
    torn.kill()
    del segments(world.disk)[1].data[HEADER_BYTES + 1 :]
    world.next_run()
    later = world.worker()
    later.say(b"later")
    later.leave()
    items = world.read()
    assert losses(items) == [(DamageKind.TORN, 1)]
    for cut in range(len(items)):
        reader = world.reader()
        first = [item for _ in range(cut) for item in reader.poll(1)]
        assert first + read_on(resumed(world, reader)) == items


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
