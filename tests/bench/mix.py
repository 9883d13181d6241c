"""The stated traffic of the recorder's bench, written as real journal segments of a worker that has ended.

Half the connections 1.6, half 2.0.1; 28 % of the frames are pings and pongs; of the calls 79 % are reports of six
samples, 10 % Heartbeats, 7 % StatusNotifications; each call is answered but for 0.1 % of the frames; 2 % of the frames
come in two chunks. The same Shape gives the same bytes. `python -m tests.bench.mix DIRECTORY [FRAMES]` writes one.
"""

from __future__ import annotations

import heapq
import random
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import orjson

from proxy.heads.connection import Closed, Flow, Opened, encode
from proxy.journal.format import End, Kind, Record
from proxy.wire.masking import apply_mask
from tests.bench.payloads import FROM_CSMS, REPORT, SHARES, V16, V20, Station
from tests.recorder.journals import BEGIN, CP, CSMS, SECOND, Segment

PING_SHARE: Final = 0.28
UNANSWERED_SHARE: Final = 0.001
SPLIT_SHARE: Final = 0.02
_SEGMENT_WIRE_BYTES: Final = 56 * 1024**2
"""Of frames in one segment: with heads, less than 64 MiB."""
_MOST_LATENCY: Final = 300
"""Frames of others between a call and its answer."""
_CALLS_PER_FRAME: Final = (1 - PING_SHARE) / 2
_KINDS: Final = tuple(kind for kind, share in SHARES.items() for _ in range(share))
_PROTOCOL: Final = {V16: b"ocpp1.6", V20: b"ocpp2.0.1"}
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A
_REQUEST: Final = (
    b"GET /ocpp/%s HTTP/1.1\r\nHost: csms.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: %s\r\nAuthorization: Basic (24 bytes)\r\n\r\n"
)
_RESPONSE: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: %s\r\n\r\n"
)
Wire = tuple[int, int, bytes]
"""(connection, direction, a frame's bytes)"""


@dataclass(frozen=True)
class Shape:
    """`per_second`: frames per second of the journal's clock, which decides how large batches are; `per_block`:
    records in one turn of the relay's event loop."""

    frames: int
    charge_points: int = 500
    per_second: int = 19_000
    per_block: int = 16
    seed: int = 1


@dataclass
class Mix:
    """What a journal holds."""

    shape: Shape
    pings: int = 0
    calls: int = 0
    reports: int = 0
    unanswered: int = 0
    split: int = 0
    blocks: int = 0
    wire_bytes: int = 0
    journal_bytes: int = 0

    @property
    def frames(self) -> int:
        return self.shape.frames

    def line(self) -> str:
        """In words, for a table's note."""
        shape, frames = self.shape, self.frames
        return (
            f"{frames:,} frames of {shape.charge_points} charge points (half 1.6, half 2.0.1), "
            f"{self.wire_bytes / frames:.0f} bytes each: {self.pings / frames:.1%} ping/pong, "
            f"{self.reports / frames:.1%} reports of six samples, {self.calls / frames:.1%} calls, "
            f"{self.unanswered / frames:.2%} unanswered, {self.split / frames:.1%} in two chunks; "
            f"{frames / self.blocks:.1f} frames a block, {shape.per_second:,} a second"
        )


class Traffic:
    """The frames in the order in which they pass. One call of a charge point waits at a time."""

    def __init__(self, mix: Mix) -> None:
        self.mix = mix
        self.random = random.Random(mix.shape.seed)
        numbers = range(1, mix.shape.charge_points + 1)
        self.stations = [Station(number, (V16, V20)[number % 2]) for number in numbers]
        self._due: list[tuple[int, int, Wire]] = []
        self._serial = 0
        self._latency = max(1, min(_MOST_LATENCY, mix.shape.charge_points // 2))

    def frames(self) -> Iterator[Wire]:
        """Exactly as many as the shape says; the last ones are the answers that were still out."""
        begun = 0
        for index in range(self.mix.shape.frames):
            room = self.mix.shape.frames - index - len(self._due)
            if self._due and (self._due[0][0] <= index or room == 0):
                yield heapq.heappop(self._due)[2]
                continue
            station = self.stations[begun % len(self.stations)]
            begun += 1
            yield self._begin(station, index) if room > 1 else self._lone_pong(station)

    def _begin(self, station: Station, index: int) -> Wire:
        if station.booted and self.random.random() < PING_SHARE:
            return self._ping(station, index)
        return self._call(station, index)

    def _lone_pong(self, station: Station) -> Wire:
        """No room for an answer; a pong that nobody asked for is legal."""
        self.mix.pings += 1
        return station.number, CSMS, _wire(_PONG, b"", None)

    def _ping(self, station: Station, index: int) -> Wire:
        self.mix.pings += 2
        body = self._four_bytes()
        self._later(index, (station.number, CSMS, _wire(_PONG, body, None)))
        return station.number, CP, _wire(_PING, body, self._four_bytes())

    def _call(self, station: Station, index: int) -> Wire:
        kind = _KINDS[self.random.randrange(len(_KINDS))]
        lost = station.booted and self.random.random() < UNANSWERED_SHARE / _CALLS_PER_FRAME
        asker, other = (CSMS, CP) if station.booted and kind in FROM_CSMS else (CP, CSMS)
        message_id = self._message_id(station)
        station.at = _clock_of(index // self.mix.shape.per_second)
        made, action, said, answer = station.says(kind)
        self.mix.calls += 1
        self.mix.reports += made == REPORT
        self.mix.unanswered += lost
        if not lost:
            self._later(index, self._message(station, other, [3, message_id, answer]))
        return self._message(station, asker, [2, message_id, action, said])

    def _later(self, index: int, wire: Wire) -> None:
        self._serial += 1
        heapq.heappush(self._due, (index + self.random.randint(1, self._latency), self._serial, wire))

    def _message(self, station: Station, direction: int, message: list[object]) -> Wire:
        key = self._four_bytes() if direction == CP else None
        return station.number, direction, _wire(_TEXT, orjson.dumps(message), key)

    def _message_id(self, station: Station) -> str:
        self._serial += 1
        if station.version == V16:
            return str(1_000_000 + self._serial)
        return str(uuid.UUID(int=self.random.getrandbits(128)))

    def _four_bytes(self) -> bytes:
        return self.random.getrandbits(32).to_bytes(4, "big")


def _wire(first: int, payload: bytes, key: bytes | None) -> bytes:
    """A final frame; with a key it is a charge point's."""
    length = len(payload)
    bit = 0 if key is None else 0x80
    head = (
        bytes((first, bit | length))
        if length < 126
        else bytes((first, bit | 126)) + length.to_bytes(2, "big")
    )
    return head + payload if key is None else head + key + apply_mask(payload, key)


@lru_cache(1)
def _clock_of(second: int) -> str:
    moment = datetime.fromtimestamp(BEGIN // SECOND + second, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Writer:
    """Blocks of one worker, one segment after the other."""

    def __init__(self, mix: Mix, data: Path) -> None:
        self.mix = mix
        self.data = data
        self.offsets: dict[tuple[int, int], int] = {}
        self.segment = Segment()
        self.seconds = 0.0
        self._records: list[Record] = []
        self._marked = 0
        self._roll_at = _SEGMENT_WIRE_BYTES

    def open(self, station: Station) -> None:
        protocol = _PROTOCOL[station.version]
        name = station.name.encode()
        opened = Opened(
            station.name,
            b"/ocpp/" + name,
            f"10.0.{station.number >> 8}.{station.number & 255}:40000",
            "csms",
            "10.1.0.1:443",
            _REQUEST % (name, protocol),
            _RESPONSE % protocol,
            dial_us=800,
            handshake_us=4000,
        )
        self.record((int(Kind.OPEN), 0, station.number, 0, encode(opened)))

    def chunk(self, connection: int, direction: int, data: bytes) -> None:
        offset = self.offsets.get((connection, direction), 0)
        self.offsets[connection, direction] = offset + len(data)
        self.record((int(Kind.DATA), direction, connection, offset, data))

    def close(self, station: Station) -> None:
        sizes = [self.offsets.get((station.number, direction), 0) for direction in (CP, CSMS)]
        up, down = (Flow(size, size) for size in sizes)
        self.record(
            (int(Kind.CLOSE), 0, station.number, 0, encode(Closed("charge_point", "fin", "", up, down)))
        )

    def record(self, record: Record) -> None:
        self._records.append(record)
        if len(self._records) >= self.mix.shape.per_block:
            self.turn()

    def turn(self) -> None:
        """The event loop's turn ends here: one block."""
        if not self._records:
            return
        self.segment.block(self.seconds, *self._records)
        self.mix.blocks += 1
        self._records.clear()
        if self.seconds >= self._marked + 1:
            self._marked = int(self.seconds)
            self.segment.mark(self.seconds)
        if self.mix.wire_bytes > self._roll_at:
            self._leave(End.ROLLED)
            self._roll_at += _SEGMENT_WIRE_BYTES
            self.segment = Segment(number=self.segment.name.number + 1)

    def end(self) -> None:
        self.turn()
        self._leave(End.FINISHED)

    def _leave(self, how: End) -> None:
        self.segment.ends(self.seconds, how)
        self.mix.journal_bytes += self.segment.save(self.data).stat().st_size


def write(shape: Shape, data: Path) -> Mix:
    """A journal of this shape under `data`/journal."""
    mix = Mix(shape)
    traffic, writer = Traffic(mix), _Writer(mix, data)
    for station in traffic.stations:
        writer.open(station)
    split = random.Random(shape.seed + 1)
    for index, (connection, direction, wire) in enumerate(traffic.frames()):
        writer.seconds = 1 + index / shape.per_second
        mix.wire_bytes += len(wire)
        if len(wire) > 1 and split.random() < SPLIT_SHARE:
            mix.split += 1
            cut = split.randrange(1, len(wire))
            writer.chunk(connection, direction, wire[:cut])
            writer.turn()  # a frame's rest comes with another turn
            wire = wire[cut:]
        writer.chunk(connection, direction, wire)
    for station in traffic.stations:
        writer.close(station)
    writer.end()
    return mix


if __name__ == "__main__":
    frames = int(sys.argv[2]) if len(sys.argv) > 2 else 400_000
    print(write(Shape(frames), Path(sys.argv[1])).line())
