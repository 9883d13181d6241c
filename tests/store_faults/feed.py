"""Traffic as data: the real journal writer on a clock of ours, and the oracle of what it was given.

Time is what the blocks say, so a second of traffic costs some milliseconds. All charge points talk at once: coherent
charging (tests/bench/payloads) mixed with every action of the versions' examples, so that each second brings rows to
most tables. The same seed gives the same bytes. What was journalled of each stream is kept as its size and SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from proxy.heads.connection import Closed, Flow, Missed, Opened, encode
from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import Kind, Record, SegmentName
from proxy.journal.handover import Handover
from proxy.journal.identity import journal_uuid, next_run
from proxy.journal.keeper import Keeper
from proxy.journal.settings import JournalSettings
from proxy.journal.writer import Journal
from proxy.names import DIRECTIONS, Direction, connection_id
from proxy.relay.facts import ENCODERS
from proxy.wire.masking import apply_mask
from tests.bench.payloads import FROM_CSMS, SHARES, V16, V20, Station
from tests.recorder.journals import ANSWER, BEGIN, CP, CSMS, SECOND

SETTINGS: Final = JournalSettings(segment_bytes=4 * 1024**2, min_free_percent=0)
_EXAMPLES: Final = Path(__file__).parents[1] / "ocpp" / "examples"
_QUARTERS: Final = 4
_KINDS: Final = tuple(kind for kind, share in SHARES.items() for _ in range(share))
_BURST_EVERY: Final = 60
"""Seconds; a burst is so many exchanges of each charge point in one second:"""
_BURST: Final = 25
_UNOBSERVED_EVERY: Final = 97
"""Seconds; then the clock jumps by four, which nobody saw."""
_TEXT, _CONTINUED, _PING, _PONG, _FIN = 1, 0, 9, 10, 0x80
_TOLD: Final = frozenset({"SetNetworkProfile"})
"""Left out: a secret is masked, and a masked stream has no SHA-256 to compare."""
Sent = tuple[Direction, bytes]


@dataclass
class Stream:
    """What the journal was given of one direction of one connection."""

    size: int = 0
    missed: int = 0
    """Bytes that a GAP record stands for."""
    digest: Any = field(default_factory=hashlib.sha256)

    def take(self, data: bytes) -> int:
        """The offset of `data` in the stream."""
        offset = self.size + self.missed
        self.size += len(data)
        self.digest.update(data)
        return offset


class Feed:
    """One worker's life. `second` writes one more second of traffic, `end` closes everything in good order."""

    def __init__(self, directory: Path, seed: int, charge_points: int = 12) -> None:
        self.seconds = 0
        self.frames = 0
        self.streams: dict[tuple[str, Direction], Stream] = {}
        """By connection id."""
        files = RealFileSystem()
        self._uuid = journal_uuid(files, str(directory))
        self._run = next_run(files, str(directory))
        self._mono = SECOND
        self._connections = 0
        self._random = random.Random(f"feed {seed}")
        handover, name = Handover(), SegmentName(self._run, 0, 1, 0)
        self._keeper = Keeper(
            files, str(directory), self._uuid, name, SETTINGS, handover, self._now, lambda call: call()
        )
        self._keeper.turn()
        self._journal = Journal(handover, SETTINGS, ENCODERS, self._now, lambda call: call())
        stations = [Station(number, (V16, V20)[number % 2]) for number in range(1, charge_points + 1)]
        self._talks = [self._connect(station) for station in stations]

    @property
    def clock_second(self) -> int:
        """Of its monotonic clock."""
        return self._mono // SECOND

    def second(self) -> None:
        """Four blocks; calls are answered a quarter later."""
        self.seconds += 1
        self._mono += SECOND * (5 if self.seconds % _UNOBSERVED_EVERY == 0 else 1)
        self._journal.mark()
        times = _BURST if self.seconds % _BURST_EVERY == 0 else 1
        for quarter in range(_QUARTERS):
            self._mono += SECOND // 10
            records = [record for talk in self._talks for record in self._turn(talk, quarter, times)]
            if records:
                self._journal.append(records)
        self._mono -= self._mono % SECOND
        self._keeper.turn()
        self._reconnect()

    def end(self) -> None:
        """Everybody hangs up; the worker leaves."""
        for talk in self._talks:
            self._hang_up(talk)
        self._journal.close()
        self._keeper.close()
        assert not self._journal.gap_bytes, "the disk was too slow for the journal"

    def _now(self) -> tuple[int, int]:
        return BEGIN + self._mono, self._mono

    def _connect(self, station: Station) -> Talk:
        self._connections += 1
        station.booted = False
        talk = Talk(station, self._connections, self._random)
        name = talk.name.encode()
        protocol = ANSWER if station.version == V16 else ANSWER.replace(b"ocpp1.6", b"ocpp2.0.1")
        request = b"GET /ocpp/%s HTTP/1.1\r\nHost: csms\r\nUpgrade: websocket\r\n\r\n" % name
        opened = Opened(
            talk.name, b"/ocpp/" + name, "10.0.0.7:4711", "csms", "10.1.0.1:443", request, protocol
        )
        self._journal.append([(int(Kind.OPEN), 0, talk.number, 0, encode(opened))])
        for direction in DIRECTIONS:
            self.streams[self._session(talk), direction] = Stream()
        return talk

    def _session(self, talk: Talk) -> str:
        return connection_id(self._uuid, self._run, 0, 1, talk.number)

    def _reconnect(self) -> None:
        """One charge point in so many seconds hangs up and comes again."""
        if self.seconds % 3 == 0:
            place = self._random.randrange(len(self._talks))
            self._hang_up(self._talks[place])
            self._talks[place] = self._connect(self._talks[place].station)

    def _hang_up(self, talk: Talk) -> None:
        self._journal.append([self._data(talk, *sent) for sent in talk.rest()])
        streams = (self.streams[self._session(talk), direction] for direction in DIRECTIONS)
        up, down = (Flow(stream.size, stream.size) for stream in streams)
        closed = Closed("charge_point", "fin", "", up, down)
        self._journal.append([(int(Kind.CLOSE), 0, talk.number, 0, encode(closed))])

    def _turn(self, talk: Talk, quarter: int, times: int) -> Iterator[Record]:
        for direction, data in talk.turn(quarter, times, _clock_of(self._mono)):
            if talk.whole(direction) and self._random.random() < 0.002:
                yield self._missed(talk, direction, data)
            else:
                yield self._data(talk, direction, data)

    def _data(self, talk: Talk, direction: Direction, data: bytes) -> Record:
        self.frames += 1
        offset = self.streams[self._session(talk), direction].take(data)
        return int(Kind.DATA), int(direction), talk.number, offset, data

    def _missed(self, talk: Talk, direction: Direction, data: bytes) -> Record:
        """As after a failing disk: these bytes passed, and are not here."""
        stream = self.streams[self._session(talk), direction]
        offset = stream.size + stream.missed
        stream.missed += len(data)
        told = encode(Missed("missed on purpose", stream.size + stream.missed, BEGIN + self._mono))
        return int(Kind.GAP), int(direction), talk.number, offset, told


class Talk:
    """One connection: what both sides say, turn by turn."""

    def __init__(self, station: Station, number: int, chance: random.Random) -> None:
        self.station = station
        self.number = number
        self._random = chance
        self._calls = 0
        self._later: list[Sent] = []
        self._held: list[Sent] = []
        """The second half of a frame: before anything else of its direction."""

    @property
    def name(self) -> str:
        return self.station.name

    def whole(self, direction: Direction) -> bool:
        """Is no frame of this direction begun and not ended?"""
        return all(held != direction for held, _ in self._held)

    def turn(self, quarter: int, times: int, clock: str) -> list[Sent]:
        """What passes in this quarter of a second: answers to the last one, then (in one quarter of four) calls."""
        said, self._held = self._held, []
        later, self._later = self._later, []
        said += later
        if quarter == self.number % _QUARTERS:
            self.station.at = clock
            for _ in range(times):
                said += self._speak()
        return self._cut(said)

    def rest(self) -> list[Sent]:
        """What was begun."""
        held, self._held = self._held, []
        return held

    def _cut(self, said: list[Sent]) -> list[Sent]:
        """Now and then the last frame arrives in two pieces, the second one a quarter later."""
        if said and len(said[-1][1]) > 1 and self._random.random() < 0.05:
            direction, data = said.pop()
            middle = self._random.randrange(1, len(data))
            self._held.append((direction, data[middle:]))
            said.append((direction, data[:middle]))
        return said

    def _speak(self) -> Iterator[Sent]:
        if self.station.booted and self._random.random() < 0.15:
            body = self._key()
            self._later.append((CSMS, self._frame(CSMS, _PONG | _FIN, body)))
            yield CP, self._frame(CP, _PING | _FIN, body)
            return
        asker, action, call, answer = self._exchange()
        self._calls += 1
        told = f"{self.number}-{self._calls}"
        yield asker, self._message(asker, [2, told, action, call])
        if self._random.random() < 0.99:
            self._later.append((asker.other, self._message(asker.other, [3, told, answer])))

    def _exchange(self) -> tuple[Direction, str, Any, Any]:
        if self.station.booted and self._random.random() < 0.5:
            return self._random.choice(EXAMPLES[self.station.version])
        kind = self._random.choice(_KINDS)
        asker = CSMS if self.station.booted and kind in FROM_CSMS else CP
        _, action, call, answer = self.station.says(kind)
        return asker, action, call, answer

    def _message(self, direction: Direction, message: list[Any]) -> bytes:
        payload = json.dumps(message, ensure_ascii=False).encode()
        if self._random.random() < 0.03:
            middle = len(payload) // 2
            first = self._frame(direction, _TEXT, payload[:middle])
            return first + self._frame(direction, _CONTINUED | _FIN, payload[middle:])
        return self._frame(direction, _TEXT | _FIN, payload)

    def _frame(self, direction: Direction, first: int, payload: bytes) -> bytes:
        size, masked = len(payload), 0x80 if direction is CP else 0
        short = (
            bytes((first, masked | size))
            if size < 126
            else bytes((first, masked | 126)) + size.to_bytes(2, "big")
        )
        if not masked:
            return short + payload
        key = self._key()
        return short + key + apply_mask(payload, key)

    def _key(self) -> bytes:
        return self._random.randbytes(4)


def _clock_of(mono: int) -> str:
    moment = datetime.fromtimestamp((BEGIN + mono) // SECOND, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _examples(version: str) -> list[tuple[Direction, str, Any, Any]]:
    """(who asks, action, call, answer) of every action of the version."""
    known = json.loads((_EXAMPLES / f"{version}.json").read_text())
    found = []
    for action, example in known.items():
        asker = CSMS if example["sender"] == "csms" else CP
        for said in (example, *example.get("more", ())):
            if action not in _TOLD:
                found.append((asker, action, said["call"], said.get("answer", {})))
    return found


EXAMPLES: Final = {V16: _examples("1.6"), V20: _examples("2.0.1")}
