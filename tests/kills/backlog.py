"""A journal full of what nobody has recorded yet, as a worker leaves it that was killed: the start on top of it."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.heads.connection import Opened, encode
from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import (
    End,
    Kind,
    Record,
    SegmentName,
    aligned,
    crc_seed,
    encode_block,
    encode_header,
    seal,
)
from proxy.journal.identity import journal_uuid, next_run
from proxy.names import Direction
from tests.kills.script import DOWN, UP

NAME: Final = "BACKLOG"
CONNECTIONS: Final = 8
_SEGMENT_BYTES: Final = 64 * 1024 * 1024
_EXCHANGES: Final = 64
"""In one block: calls of 4 KiB with their answers."""
_PAD: Final = b"x" * 4000
_BLOCK_NS: Final = 20_000_000
_ANSWER: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)
_CALL: Final = b'[2,"%d","DataTransfer",{"vendorId":"backlog","data":"%s"}]'
_RESULT: Final = b'[3,"%d",{"status":"Accepted"}]'


class Backlog:
    """`exchanges`: calls in the journal, each with its answer."""

    def __init__(self) -> None:
        self.exchanges = 0
        self.bytes = 0
        self._offsets = {(number, way): 0 for number in range(1, CONNECTIONS + 1) for way in (UP, DOWN)}

    def blocks(self) -> Iterator[list[Record]]:
        """The connections open, then talk for ever."""
        yield [(Kind.OPEN, 0, number, 0, _opened(number)) for number in range(1, CONNECTIONS + 1)]
        while True:
            for number in range(1, CONNECTIONS + 1):
                yield [record for _ in range(_EXCHANGES) for record in self._exchange(number)]

    def _exchange(self, number: int) -> tuple[Record, Record]:
        self.exchanges += 1
        call, result = _CALL % (self.exchanges, _PAD), _RESULT % self.exchanges
        said = struct.pack(">BBHI", 0x81, 0xFE, len(call), 0) + call  # masked with zeros
        return self._data(UP, number, said), self._data(DOWN, number, bytes((0x81, len(result))) + result)

    def _data(self, way: Direction, number: int, data: bytes) -> Record:
        offset = self._offsets[number, way]
        self._offsets[number, way] = offset + len(data)
        return int(Kind.DATA), way, number, offset, data


def _opened(number: int) -> bytes:
    name = f"{NAME}{number}"
    return encode(Opened(name, b"/ocpp/" + name.encode(), "127.0.0.1:1", response_head=_ANSWER))


def make_backlog(data: Path, size: int) -> Backlog:
    """Writes `size` bytes of segments, or a little more, into the journal of a new data directory."""
    directory = data / "journal"
    directory.mkdir(mode=0o700, parents=True)
    uuid = journal_uuid(RealFileSystem(), str(directory))
    run = next_run(RealFileSystem(), str(directory))
    backlog, number = Backlog(), 0
    blocks, moment = backlog.blocks(), time.time_ns()
    while backlog.bytes < size:
        number += 1
        name = SegmentName(run, 0, 1, number)
        segment = bytearray(encode_header(uuid, name, moment, moment))
        limit = min(_SEGMENT_BYTES, size - backlog.bytes)
        while len(segment) < limit:
            moment = _put(segment, next(blocks), uuid, moment)
        if backlog.bytes + len(segment) < size:  # the last one ends without END: its worker was killed
            moment = _put(segment, [(Kind.END, End.ROLLED, 0, 0, b"")], uuid, moment)
        (directory / str(name)).write_bytes(segment)
        backlog.bytes += len(segment)
    return backlog


def _put(segment: bytearray, records: list[Record], uuid: bytes, moment: int) -> int:
    """The monotonic clock goes with the other one here."""
    block = encode_block(records, moment, moment)
    seal(block, crc_seed(uuid), len(segment))
    segment += block
    segment += bytes(aligned(len(segment)) - len(segment))
    return moment + _BLOCK_NS
