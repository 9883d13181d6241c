"""The states a crash may leave of a disk, in the manner of ALICE: from the log of what was done.

Whatever was synced is there. Of the rest any subset may be: writes of data, sizes, names. The last write may be torn.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from tests.journal.disk import Disk, Inode, Op

_NAMES = frozenset({"create", "rename", "unlink"})
_CONTENT = frozenset({"write", "allocate", "truncate"})
_MOST_PENDING = 5
"""Of more pending operations than this the oldest are taken as done: 2^n states are enough."""


def pending(log: Sequence[Op]) -> list[int]:
    """Indexes of the operations that no sync covers."""
    open_names: list[int] = []
    open_content: dict[int, list[int]] = {}
    for index, op in enumerate(log):
        if op.kind in _NAMES:
            open_names.append(index)
        elif op.kind in _CONTENT:
            open_content.setdefault(op.inode, []).append(index)
        elif op.kind == "sync":
            open_content.pop(op.inode, None)
        else:
            open_names = []
    return sorted(open_names + [index for indexes in open_content.values() for index in indexes])


def states(log: Sequence[Op]) -> Iterator[Disk]:
    """All disks that a power failure directly after this log may leave."""
    undecided = pending(log)[-_MOST_PENDING:]
    for size in range(len(undecided) + 1):
        for lost in itertools.combinations(undecided, size):
            yield disk_after(log, frozenset(lost))
    if log and log[-1].kind == "write":
        yield from _torn(log, undecided)


def _torn(log: Sequence[Op], undecided: list[int]) -> Iterator[Disk]:
    last = log[-1]
    for length in range(1, len(last.data)):
        head = Op("write", last.inode, last.offset, last.data[:length])
        yield disk_after([*log[:-1], head], frozenset())
        if length % 8 == 0:
            tail = Op("write", last.inode, last.offset + length, last.data[length:])
            yield disk_after([*log[:-1], tail], frozenset())
            yield disk_after([*log[:-1], head], frozenset(undecided[:-1]))


def disk_after(log: Sequence[Op], lost: frozenset[int]) -> Disk:
    disk = Disk()
    inodes: dict[int, Inode] = {}
    for index, op in enumerate(log):
        if index not in lost:
            _apply(disk, inodes, op)
    return disk


def _apply(disk: Disk, inodes: dict[int, Inode], op: Op) -> None:
    inode = inodes.setdefault(op.inode, Inode())
    if op.kind == "create":
        disk.entries[op.path] = inode
    elif op.kind == "write":
        inode.write(op.offset, op.data)
    elif op.kind == "allocate":
        inode.size = max(inode.size, op.offset)
    elif op.kind == "truncate":
        inode.truncate(op.offset)
    elif op.kind == "rename":
        moved = disk.entries.pop(op.path, None)
        if moved is not None:
            disk.entries[op.new_path] = moved
    elif op.kind == "unlink":
        disk.entries.pop(op.path, None)
