"""Journals made by hand: segments of dead workers, block by block."""

from __future__ import annotations

from pathlib import Path

from proxy.heads.connection import Closed, Flow, Opened, encode
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
from proxy.names import Direction
from tests.pipeline.frames import call, frame, result

JOURNAL = bytes(range(16))
SECOND = 1_000_000_000
BEGIN = 1_800_000_000 * SECOND
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


class Segment:
    """A worker's segment in the making; `save` writes it as its dead writer would have left it."""

    def __init__(
        self, run: int = 1, worker: int = 0, life: int = 1, number: int = 0, journal: bytes = JOURNAL
    ) -> None:
        self.journal = journal
        self.name = SegmentName(run, worker, life, number)
        self._data = bytearray(encode_header(journal, self.name, BEGIN, 0))
        self._sent: dict[tuple[int, Direction], int] = {}

    def block(self, seconds: float, *records: Record) -> Segment:
        mono = round(seconds * SECOND)
        block = encode_block(records, BEGIN + mono, mono)
        seal(block, crc_seed(self.journal), len(self._data))
        self._data += block
        self._data += bytes(aligned(len(self._data)) - len(self._data))
        return self

    def opens(self, seconds: float, number: int = 1, charge_point: str = "CP_1") -> Segment:
        opened = Opened(
            charge_point, b"/ocpp/" + charge_point.encode(), "10.0.0.1:4711", response_head=ANSWER
        )
        return self.block(seconds, (Kind.OPEN, 0, number, 0, encode(opened)))

    def says(self, seconds: float, direction: Direction, data: bytes, number: int = 1) -> Segment:
        offset = self._sent.get((number, direction), 0)
        self._sent[number, direction] = offset + len(data)
        return self.block(seconds, (Kind.DATA, direction, number, offset, data))

    def closes(self, seconds: float, number: int = 1) -> Segment:
        up, down = (self._sent.get((number, direction), 0) for direction in (CP, CSMS))
        closed = Closed("charge_point", "fin", "", Flow(up, up), Flow(down, down))
        return self.block(seconds, (Kind.CLOSE, 0, number, 0, encode(closed)))

    def mark(self, seconds: float) -> Segment:
        return self.block(seconds, (Kind.MARK, 0, 0, 0, b""))

    def ends(self, seconds: float, how: End = End.FINISHED) -> Segment:
        return self.block(seconds, (Kind.END, how, 0, 0, b""))

    def save(self, data: Path, tail: bytes = b"") -> Path:
        directory = data / "journal"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "uuid").write_text(self.journal.hex())
        path = directory / str(self.name)
        path.write_bytes(bytes(self._data) + tail + bytes(8192))
        return path


def talk(segment: Segment, exchanges: int, begin: float = 0.0, number: int = 1) -> Segment:
    """Calls and answers, four a second."""
    for turn in range(exchanges):
        at = begin + turn / 4
        segment.says(at + 0.01, CP, frame(call(f"{number}-{turn}", "Heartbeat"), mask=True), number)
        segment.says(at + 0.02, CSMS, frame(result(f"{number}-{turn}"), mask=False), number)
    return segment
