"""The words every part shares: directions, ids, batch numbers, limits (DESIGN 5, 6, 8).

A leaf: imports nothing of ours, everyone may import it.
"""

from __future__ import annotations

import enum
import hashlib
import struct
from typing import Final

MAX_CHUNK: Final = 64 * 1024
"""Largest payload of one journal record, bytes; a larger read becomes several records."""
MAX_PART: Final = 1024 * 1024
"""Largest payload of one `frames` row, bytes; a larger frame becomes several rows of kind `part`."""

_SECOND_BITS: Final = 12
_RUN_BITS: Final = 44
_CONNECTION_KEY: Final = struct.Struct("<16sIIIQ")


class Direction(enum.IntEnum):
    """Who sent it; named by the sender. The number is what the journal and the store hold."""

    FROM_CHARGE_POINT = 1
    FROM_CSMS = 2

    @property
    def other(self) -> Direction:
        return _OTHER[self]

    @property
    def label(self) -> str:
        """The word used in tables, metrics and on the command line."""
        return self.name.lower()


_OTHER: Final = {
    Direction.FROM_CHARGE_POINT: Direction.FROM_CSMS,
    Direction.FROM_CSMS: Direction.FROM_CHARGE_POINT,
}
DIRECTIONS: Final = tuple(Direction)


def connection_id(journal: bytes, run: int, worker: int, life: int, number: int) -> str:
    """16 hex digits that name one connection for ever.

    `journal` is the journal's uuid (16 bytes); `number` counts the connections of one worker's life.
    """
    key = _CONNECTION_KEY.pack(journal, run, worker, life, number)
    return hashlib.blake2b(key, digest_size=8).hexdigest()


def batch_number(run: int, second: int, part: int) -> int:
    """The batch of `run`, whole `second` of the monotonic clock, `part` within it; grows with the stream."""
    return run << _RUN_BITS | second << _SECOND_BITS | part


def batch_parts(batch: int) -> tuple[int, int, int]:
    """(run, second, part) of a batch number."""
    second = batch >> _SECOND_BITS & (1 << (_RUN_BITS - _SECOND_BITS)) - 1
    return batch >> _RUN_BITS, second, batch & (1 << _SECOND_BITS) - 1
