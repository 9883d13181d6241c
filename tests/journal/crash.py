"""The states a crash may leave of a disk, in the manner of ALICE: from the log of what was done.

What a sync covered is there. Of the rest any part may be: data of writes (torn at each sector, short ones at each
byte), sizes, and directory entries, each on its own and in any order; of a rename the new name alone, or both. What was
dirty when a sync *failed* no later sync covers: the kernel may have marked the lost pages clean.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from tests.journal.disk import Disk, Inode, Op

NOTHING_LOST: Final = "nothing lost (kill -9)"
WRITES_LOST: Final = "un-synced writes lost"
NAMES_LOST: Final = "directory entries lost or out of order"
BOTH_LOST: Final = "writes and entries lost"
TORN: Final = "write torn at a byte or sector"
KINDS: Final = (NOTHING_LOST, WRITES_LOST, NAMES_LOST, BOTH_LOST, TORN)

_NAMES: Final = frozenset({"create", "link", "drop"})
_CONTENT: Final = frozenset({"write", "allocate", "truncate"})
_MOST_PENDING: Final = 5
"""Of more pending changes than this all subsets of the youngest are tried, and samples of the rest."""
_EVERY_BYTE: Final = 256
_SECTOR: Final = 512


@dataclasses.dataclass(frozen=True, slots=True)
class Crash:
    kind: str
    disk: Disk


def changes(log: Sequence[Op]) -> list[Op]:
    """The log in single changes that a crash may lose one by one; each file has a number of its own.

    A rename is a `link` of the new name and a `drop` of the old one; a write beyond the end sets the size first.
    """
    found: list[Op] = []
    numbers: dict[int, int] = {}
    named: dict[str, int] = {}
    sizes: dict[int, int] = {}
    for op in log:
        if op.kind == "create":
            named[op.path] = numbers[op.inode] = len(found) + 1
        number = numbers.get(op.inode, 0)
        end = op.offset + len(op.data)
        if op.kind in ("rename", "link"):
            named[op.new_path] = named[op.path]
            found.append(Op("link", named[op.path], new_path=op.new_path))
        if op.kind in ("rename", "unlink"):
            found.append(Op("drop", path=op.path))
        if op.kind == "write" and end > sizes.get(number, 0):
            found.append(Op("allocate", number, end))
        if op.kind in _CONTENT:
            sizes[number] = op.offset if op.kind == "truncate" else max(sizes.get(number, 0), end)
        if op.kind not in ("rename", "link", "unlink"):
            found.append(Op(op.kind, number, op.offset, op.data, op.path))
    return found


def pending(done: Sequence[Op]) -> list[int]:
    """Indexes of the changes that no sync covers."""
    names: list[int] = []
    content: dict[int, list[int]] = {}
    never: list[int] = []
    for index, op in enumerate(done):
        if op.kind in _NAMES:
            names.append(index)
        elif op.kind in _CONTENT:
            content.setdefault(op.inode, []).append(index)
        elif op.kind == "sync":
            content.pop(op.inode, None)
        elif op.kind == "sync_failed":
            never += content.pop(op.inode, [])
        else:
            names = []
    return sorted(names + never + [index for indexes in content.values() for index in indexes])


def states(log: Sequence[Op], chance: random.Random | None = None, samples: int = 0) -> Iterator[Crash]:
    """Disks that a power failure directly after this log may leave.

    All subsets of the youngest changes and all ways to tear the last write; `chance` picks so many `samples` more.
    """
    done = changes(log)
    undecided = pending(done)
    youngest = undecided[-_MOST_PENDING:]
    for size in range(len(youngest) + 1):
        for lost in itertools.combinations(youngest, size):
            yield from _with_lost(done, frozenset(lost))
    if done and done[-1].kind == "write":
        yield from _torn(done, len(done) - 1, undecided)
    if chance is not None and undecided:
        yield from _sampled(done, undecided, chance, samples)


def _sampled(
    done: Sequence[Op], undecided: list[int], chance: random.Random, samples: int
) -> Iterator[Crash]:
    writes = [index for index in undecided if done[index].kind == "write"]
    for _ in range(samples):
        lost = frozenset(chance.sample(undecided, chance.randint(1, len(undecided))))
        yield from _with_lost(done, lost)
        if writes:
            torn = chance.choice(writes)
            lost = frozenset(chance.sample(undecided, chance.randint(0, len(undecided) // 2))) - {torn}
            yield from _torn_so(done, torn, _some_sectors(done[torn], chance), lost)


def power_failure(log: Sequence[Op], chance: random.Random) -> Disk:
    """One of the disks it may leave."""
    done = changes(log)
    undecided = pending(done)
    sampled = _sampled(done, undecided, chance, 5) if undecided else ()
    crashes: list[Crash] = [*_with_lost(done, ()), *sampled]
    return chance.choice(crashes).disk


def _with_lost(done: Sequence[Op], lost: Collection[int]) -> Iterator[Crash]:
    if _is_legal(done, lost):
        yield Crash(_kind(done, lost), disk_after(done, lost))


def _is_legal(done: Sequence[Op], lost: Collection[int]) -> bool:
    """A rename never leaves neither name: an old name stays where the new one is lost."""
    return all(index + 1 in lost for index in lost if done[index].kind == "link")


def _kind(done: Sequence[Op], lost: Collection[int]) -> str:
    names = any(done[index].kind in _NAMES for index in lost)
    content = any(done[index].kind in _CONTENT for index in lost)
    return {(False, False): NOTHING_LOST, (True, False): NAMES_LOST, (False, True): WRITES_LOST}.get(
        (names, content), BOTH_LOST
    )


def _torn(done: Sequence[Op], index: int, undecided: list[int]) -> Iterator[Crash]:
    """The write's head alone, its tail alone, all but one sector; the others all there, or lost like it."""
    op = done[index]
    others = frozenset(i for i in undecided if i != index and done[i].kind == "write")
    for cut in _cuts(op):
        head, tail = _piece(op, 0, cut), _piece(op, cut, len(op.data))
        yield from _torn_so(done, index, [head], frozenset())
        if cut % 8 == 0 or len(op.data) > _EVERY_BYTE:
            yield from _torn_so(done, index, [tail], frozenset())
            yield from _torn_so(done, index, [head], others)
    sectors = _sectors(op)
    for missing in range(len(sectors) if len(sectors) > 2 else 0):
        yield from _torn_so(done, index, sectors[:missing] + sectors[missing + 1 :], frozenset())


def _torn_so(done: Sequence[Op], index: int, pieces: list[Op], lost: frozenset[int]) -> Iterator[Crash]:
    if _is_legal(done, lost):
        yield Crash(TORN, disk_after(done, lost, {index: pieces}))


def _cuts(op: Op) -> list[int]:
    """Where a write may tear, as lengths of its head."""
    if len(op.data) <= _EVERY_BYTE:
        return list(range(1, len(op.data)))
    first = _SECTOR - op.offset % _SECTOR
    return list(range(first, len(op.data), _SECTOR))


def _sectors(op: Op) -> list[Op]:
    first = _SECTOR - op.offset % _SECTOR
    edges = [0, *range(first, len(op.data), _SECTOR), len(op.data)]
    return [_piece(op, start, end) for start, end in itertools.pairwise(edges)]


def _some_sectors(op: Op, chance: random.Random) -> list[Op]:
    """A short write: its head; a longer one: any of its sectors."""
    if len(op.data) <= _EVERY_BYTE:
        return [_piece(op, 0, chance.randint(0, len(op.data)))]
    return [sector for sector in _sectors(op) if chance.random() < 0.5]


def _piece(op: Op, start: int, end: int) -> Op:
    return Op("write", op.inode, op.offset + start, op.data[start:end])


def disk_after(done: Sequence[Op], lost: Collection[int], torn: Mapping[int, list[Op]] | None = None) -> Disk:
    disk = Disk()
    files: dict[int, Inode] = {}
    for index, op in enumerate(done):
        if index in lost:
            if op.kind == "create":
                files[op.inode] = Inode()  # its content may be there, for another name
            continue
        for piece in (torn or {}).get(index, (op,)):
            _apply(disk, files, piece)
    return disk


def _apply(disk: Disk, files: dict[int, Inode], op: Op) -> None:
    if op.kind == "create":
        disk.entries[op.path] = files[op.inode] = Inode()
    elif op.kind == "write":
        files[op.inode].write(op.offset, op.data)
    elif op.kind == "allocate":
        files[op.inode].size = max(files[op.inode].size, op.offset)
    elif op.kind == "truncate":
        files[op.inode].truncate(op.offset)
    elif op.kind == "link":
        disk.entries[op.new_path] = files[op.inode]
    elif op.kind == "drop":
        disk.entries.pop(op.path, None)


def as_log(disk: Disk) -> list[Op]:
    """What was done to get this disk, all of it synced: a second life begins with it."""
    log: list[Op] = []
    names: dict[int, str] = {}
    for path, inode in disk.entries.items():
        number = id(inode)
        if number in names:
            log.append(Op("link", path=names[number], new_path=path))
            continue
        names[number] = path
        log.append(Op("create", number, path=path))
        log.append(Op("allocate", number, inode.size))
        log.append(Op("write", number, 0, bytes(inode.data)))
        log.append(Op("sync", number))
    return [*log, Op("sync_directory")]


def fingerprint(disk: Disk) -> int:
    """Equal for equal disks, and in every process."""
    found = hashlib.blake2b(digest_size=8)
    for path, inode in sorted(disk.entries.items()):
        found.update(b"%s %d %d " % (path.encode(), inode.size, len(inode.data)))
        found.update(inode.data)
    return int.from_bytes(found.digest())
