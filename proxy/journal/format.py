"""What stands in a segment file, and nothing else: pure encode and decode.

    segment  header 64 | block | block | ... | zeros (preallocated; a zero where a magic should be: not yet written)
    header   magic 8, format version u32, journal uuid 16, run, worker, life, number u32, wall ns, mono ns i64, crc32
    block    magic 4, length u32 (of the records), crc32 u32, count u32, wall ns i64, mono ns i64 | records
    record   length u32, kind u8, flags u8, 2 zero bytes, connection u32, stream offset u64 | payload

Little-endian. Blocks start at 8-byte boundaries. A block's CRC covers (uuid, its file offset, all that follows the
CRC), so neither another journal's bytes nor bytes at another place ever count as a block. A future version keeps the
header's layout. The last RESERVE_BYTES of a segment are for END and the worker's GAP alone: they always find room.
"""

from __future__ import annotations

import enum
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from proxy.names import MAX_CHUNK

VERSION: Final = 1
HEADER_BYTES: Final = 64
HEAD_BYTES: Final = 32
RESERVE_BYTES: Final = 4096
MAX_BLOCK_BYTES: Final = 2 * 1024**2
"""Head and records; a longer append becomes several blocks."""

_SEGMENT_MAGIC: Final = b"ocpptap\n"
BLOCK_MAGIC: Final = b"\xabJB\xb1"
_HEADER: Final = struct.Struct("<8sI16sIIIIqqI")
_HEAD: Final = struct.Struct("<4sIIIqq")
_RECORD: Final = struct.Struct("<IBBxxIQ")
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_CRC_AT: Final = 8
_COVERED_FROM: Final = 12
_EMPTY_HEAD: Final = bytes(HEAD_BYTES)

Record = tuple[int, int, int, int, bytes]
"""(kind, flags, connection, stream offset, payload)"""


class Kind(enum.IntEnum):
    OPEN = 1
    REFUSED = 2
    DATA = 3
    CLOSE = 4
    GAP = 5
    MARK = 6
    END = 7


class End(enum.IntEnum):
    """END.flags. rolled: the life goes on in the next segment. failed: nothing is journalled until another segment
    of this life appears. finished: the worker left in good order."""

    ROLLED = 1
    FAILED = 2
    FINISHED = 3


STOPPED: Final = "stopped"
UNSYNCED: Final = "unsynced"
UNSEEN: Final = "unseen"
MISSED: Final = "missed"
"""First word of a GAP's reason (a colon and the cause follow). Of the whole worker (connection 0): stopped (nothing is
journalled from here on), unsynced (a segment's range may not survive a power failure; record offset..until are file
offsets), unseen (so many connections and bytes went by unlisted). Of one direction: missed."""


class SegmentName(msgspec.Struct, frozen=True, order=True):
    """Whose segment it is; the order of the fields is the order of segments within one worker's stream."""

    run: int
    worker: int
    life: int
    number: int

    def __str__(self) -> str:
        return f"p0-{self.run:08d}-{self.worker:04d}-{self.life:08d}-{self.number:08d}.journal"


_NAME: Final = re.compile(r"p0-(\d{8,10})-(\d{4,10})-(\d{8,10})-(\d{8,10})\.journal")
PREPARING: Final = ".preparing"
"""Suffix of a segment that has not got its name yet."""


def parse_name(file_name: str) -> SegmentName | None:
    found = _NAME.fullmatch(file_name)
    return SegmentName(*map(int, found.groups())) if found else None


class Header(msgspec.Struct, frozen=True, gc=False):
    version: int
    uuid: bytes
    name: SegmentName
    at: int
    mono: int


def encode_header(uuid: bytes, name: SegmentName, at: int, mono: int) -> bytes:
    fields = (_SEGMENT_MAGIC, VERSION, uuid, name.run, name.worker, name.life, name.number, at, mono)
    return _with_crc(_HEADER.pack(*fields, 0))


def _with_crc(header: bytes) -> bytes:
    return header[:-4] + _U32.pack(zlib.crc32(header[:-4]))


def decode_header(data: bytes) -> Header | None:
    """None: not a header, or a damaged one."""
    if len(data) < HEADER_BYTES or data[:8] != _SEGMENT_MAGIC or _with_crc(data[:64]) != data[:64]:
        return None
    _, version, uuid, run, worker, life, number, at, mono, _ = _HEADER.unpack_from(data)
    return Header(version, uuid, SegmentName(run, worker, life, number), at, mono)


def crc_seed(uuid: bytes) -> int:
    """What every block's CRC of one journal starts from."""
    return zlib.crc32(uuid)


def aligned(offset: int) -> int:
    return offset + 7 & ~7


Parts = list[bytes]
"""A block on its way: an empty head, then each record's head and its payload."""
record_head: Final = _RECORD.pack
"""(length of the payload, kind, flags, connection, stream offset) -> bytes"""


def begin_block() -> Parts:
    return [_EMPTY_HEAD]


def parts_of(records: Iterable[Record]) -> Parts:
    parts = begin_block()
    for kind, flags, connection, offset, payload in records:
        length = len(payload)
        assert length <= MAX_CHUNK, "a larger read becomes several records"
        parts += (record_head(length, kind, flags, connection, offset), payload)
    return parts


def records_of(parts: Parts) -> Iterator[Record]:
    for index in range(1, len(parts), 2):
        _, kind, flags, connection, offset = _RECORD.unpack(parts[index])
        yield kind, flags, connection, offset, parts[index + 1]


def halves(parts: Parts) -> tuple[Parts, Parts]:
    """Two blocks with half the records each."""
    middle = 1 + (len(parts) // 4) * 2
    return parts[:middle], [_EMPTY_HEAD, *parts[middle:]]


def encode_block(records: Iterable[Record], at: int, mono: int) -> bytearray:
    """One block but for its CRC, which depends on the place: see `seal`."""
    return join_block(parts_of(records), at, mono)


def join_block(parts: Parts, at: int, mono: int) -> bytearray:
    block = bytearray().join(parts)
    _HEAD.pack_into(block, 0, BLOCK_MAGIC, len(block) - HEAD_BYTES, 0, len(parts) >> 1, at, mono)
    return block


def seal(block: bytearray, seed: int, offset: int) -> None:
    """Write the CRC that makes the block valid at this file offset of this journal, and nowhere else."""
    start = zlib.crc32(_U64.pack(offset), seed)
    _U32.pack_into(block, _CRC_AT, zlib.crc32(memoryview(block)[_COVERED_FROM:], start))


def block_bytes(data: bytes, start: int) -> int:
    """Length of the block (head and records) that may stand at `start`, by its head alone; 0: there is none."""
    if len(data) - start < HEAD_BYTES or data[start : start + 4] != BLOCK_MAGIC:
        return 0
    length: int = _U32.unpack_from(data, start + 4)[0]
    return HEAD_BYTES + length if length <= MAX_BLOCK_BYTES - HEAD_BYTES else 0


class Decoded(msgspec.Struct, frozen=True, gc=False):
    offset: int
    at: int
    mono: int
    records: list[Record]
    next_offset: int
    """File offset where the next block starts."""

    @property
    def end(self) -> int:
        """END.flags if the block ends its segment, else 0."""
        if not self.records or self.records[-1][0] != Kind.END:
            return 0
        return self.records[-1][1]


def decode_block(data: bytes, start: int, size: int, seed: int, offset: int) -> Decoded | None:
    """The block of `size` bytes at `data[start]`, which was read from file `offset`; None: it is not valid."""
    _, _, crc, count, at, mono = _HEAD.unpack_from(data, start)
    end = start + size
    covered = memoryview(data)[start + _COVERED_FROM : end]
    if zlib.crc32(covered, zlib.crc32(_U64.pack(offset), seed)) != crc:
        return None
    records = _decode_records(data, start + HEAD_BYTES, end)
    if records is None or len(records) != count:
        return None
    return Decoded(offset, at, mono, records, aligned(offset + size))


def _decode_records(data: bytes, position: int, end: int) -> list[Record] | None:
    records: list[Record] = []
    unpack = _RECORD.unpack_from
    while position < end:
        if end - position < _RECORD.size:
            return None
        length, kind, flags, connection, offset = unpack(data, position)
        position += _RECORD.size
        records.append((kind, flags, connection, offset, data[position : position + length]))
        position += length
    return records if position == end else None
