"""What the peers say, as texts and as wire bytes: functions of ids alone, so that anybody can make them again.

A stream is (charge point, connection, direction). It goes turn by turn, in lockstep: a charge point says turn n of its
stream when it has all of turn n-1 of the CSMS's, the CSMS says turn n when it has the charge point's. So the order of
everything in a stream, answers and pongs too, is known before it is said.
"""

from __future__ import annotations

import json
import random
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from proxy.names import Direction

UP, DOWN = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
_LETTERS: Final = {UP: "u", DOWN: "d"}
_WAYS: Final = {letter: way for way, letter in _LETTERS.items()}
_CSMS_CALLS_EVERY: Final = 3
_LARGE_EVERY: Final = 512
"""One text in so many is larger than a read."""
_MOST: Final = 200
_LARGE: Final = 70_000
_ALPHABET: Final = 'abcdefghijlmnoqrstuvwxyz      0123456789äß€🔌"\\\t{}[],:'
"""Without k and p no text names a pin, a key, a token or a password by chance, which would be masked."""
_PADDING: Final = "".join(random.Random(1).choices(_ALPHABET, k=100_000))
_OWN_ID: Final = re.compile(r"CP(\d+)-(\d+)-([ud])-(\d+)-(\d+) ")
_TEXT, _CONTINUED, _PING, _PONG = 1, 0, 9, 10
_FIN, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80


@dataclass(frozen=True)
class Flavour:
    """How a charge point's connections look. `calls`: of the charge point in one turn."""

    name: str
    extension: str = ""
    fragments: int = 1
    ping_every: int = 0
    calls: int = 1

    @property
    def takeover(self) -> bool:
        return "no_context_takeover" not in self.extension


_DEFLATE: Final = "permessage-deflate"
FLAVOURS: Final = (
    Flavour("plain"),
    Flavour("fragmented", fragments=3, ping_every=5),
    Flavour("compressed", _DEFLATE),
    Flavour("compressed, fragmented", _DEFLATE, fragments=2, ping_every=7),
    Flavour("bursts", ping_every=3, calls=4),
    Flavour("compressed, no takeover", f"{_DEFLATE}; server_no_context_takeover; client_no_context_takeover"),
)


@dataclass(frozen=True, order=True)
class StreamId:
    charge_point: int
    connection: int
    direction: Direction

    def __str__(self) -> str:
        return f"{name_of(self.charge_point)}-{self.connection}-{_LETTERS[self.direction]}"

    @property
    def other(self) -> StreamId:
        return StreamId(self.charge_point, self.connection, self.direction.other)

    @property
    def flavour(self) -> Flavour:
        return FLAVOURS[self.charge_point % len(FLAVOURS)]


def name_of(charge_point: int) -> str:
    return f"CP{charge_point:02d}"


# --- texts


def texts(stream: StreamId, turn: int) -> tuple[str, ...]:
    """The messages of one turn, in order."""
    calls = _calls(stream, turn)
    answered = turn - 1 if stream.direction is UP else turn
    results = _calls(stream.other, answered) if answered >= 0 else ()
    said = [[3, call, {"status": "Accepted"}] for call in results]
    said += [[2, call, "DataTransfer", {"vendorId": "oracle"}] for call in calls]
    return tuple(_said(stream, turn, slot, message) for slot, message in enumerate(said))


def _calls(stream: StreamId, turn: int) -> tuple[str, ...]:
    """The ids of the calls that are in this turn."""
    if stream.direction is UP:
        return tuple(f"{stream}-{turn}-c{number}" for number in range(stream.flavour.calls))
    return (f"{stream}-{turn}-c0",) if turn % _CSMS_CALLS_EVERY == 2 else ()


def _said(stream: StreamId, turn: int, slot: int, message: list[Any]) -> str:
    own = f"{stream}-{turn}-{slot} "
    chance = zlib.crc32(own.encode())
    size = _LARGE if chance % _LARGE_EVERY == 0 else chance % _MOST
    start = (chance >> 8) % (len(_PADDING) - size)
    message[-1]["data"] = own + _PADDING[start : start + size]
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def all_texts(stream: StreamId) -> Iterator[str]:
    """Everything that the stream would ever say."""
    turn = 0
    while True:
        yield from texts(stream, turn)
        turn += 1


def claimed(text: str) -> tuple[StreamId, int, int] | None:
    """(stream, turn, slot) that a text says to be; None: it is none of ours."""
    found = _OWN_ID.search(text)
    if found is None:
        return None
    charge_point, connection, letter, turn, slot = found.groups()
    return StreamId(int(charge_point), int(connection), _WAYS[letter]), int(turn), int(slot)


def made_again(text: str) -> str:
    """The text as it must have been said, by its own claim; '': nobody can have said such a thing."""
    claim = claimed(text)
    if claim is None:
        return ""
    stream, turn, slot = claim
    said = texts(stream, turn)
    return said[slot] if slot < len(said) else ""


# --- wire bytes


@dataclass(frozen=True)
class Turn:
    """`ends`: behind which byte each text is complete."""

    data: bytes
    ends: tuple[int, ...]


class Wire:
    """The bytes of a stream, turn after turn: compression remembers what was said before."""

    def __init__(self, stream: StreamId) -> None:
        self.stream = stream
        self.flavour = stream.flavour
        self._turn = 0
        self._compressor = _compressor()

    def next(self) -> Turn:
        turn, self._turn = self._turn, self._turn + 1
        data, ends = bytearray(b"".join(self._pongs(turn))), []
        for number, text in enumerate(texts(self.stream, turn)):
            between = self._ping(turn) if number == 0 else b""
            data += self._message(text.encode(), between)
            ends.append(len(data))
        return Turn(bytes(data), tuple(ends))

    def _message(self, payload: bytes, between: bytes) -> bytes:
        """One message in its fragments; `between` goes behind the first of several, else before it all."""
        bits = 0
        if self.flavour.extension:
            payload, bits = self._compressed(payload), _COMPRESSED
        count = self.flavour.fragments
        size = len(payload) // count + 1
        pieces = [payload[start : start + size] for start in range(0, count * size, size)]
        frames = [
            self._frame((_CONTINUED if number else _TEXT | bits) | _FIN * (number == count - 1), piece)
            for number, piece in enumerate(pieces)
        ]
        frames.insert(1 if count > 1 else 0, between)
        return b"".join(frames)

    def _compressed(self, payload: bytes) -> bytes:
        compressor = self._compressor if self.flavour.takeover else _compressor()
        return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def _ping(self, turn: int) -> bytes:
        return self._frame(_PING | _FIN, _ping_payload(self.stream, turn)) if self._pings(turn) else b""

    def _pings(self, turn: int) -> bool:
        return bool(self.flavour.ping_every) and turn >= 0 and turn % self.flavour.ping_every == 0

    def _pongs(self, turn: int) -> Iterator[bytes]:
        answered = turn - 1 if self.stream.direction is UP else turn
        if self._pings(answered):
            yield self._frame(_PONG | _FIN, _ping_payload(self.stream.other, answered))

    def _frame(self, first: int, payload: bytes) -> bytes:
        size = len(payload)
        mask_bit = _MASKED if self.stream.direction is UP else 0
        if size < 126:
            head = bytes((first, mask_bit | size))
        elif size < 1 << 16:
            head = struct.pack(">BBH", first, mask_bit | 126, size)
        else:
            head = struct.pack(">BBQ", first, mask_bit | 127, size)
        return head + _masked(payload) if mask_bit else head + payload


def _masked(payload: bytes) -> bytes:
    """Behind its key, which is a function of the payload."""
    size = len(payload)
    key = zlib.crc32(payload, 77).to_bytes(4, "big")
    keys = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(keys, "little")
    return key + masked.to_bytes(size, "little")


def _ping_payload(stream: StreamId, turn: int) -> bytes:
    return f"{stream}-{turn}".encode()


def _compressor() -> zlib._Compress:
    return zlib.compressobj(level=1, wbits=-15, memLevel=5)
