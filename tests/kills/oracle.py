"""The oracle outside: how much of each stream was said and how much of it the other peer has received.

Texts are functions of their ids (script.py), and a peer compares every byte it receives with what must come: so a
number for each stream is enough to know everything exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.kills.script import StreamId, Wire


@dataclass
class Book:
    """Of one stream: whole texts and bytes that were said, and that the other peer received."""

    sent: int = 0
    received: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0


@dataclass
class Oracle:
    books: dict[StreamId, Book] = field(default_factory=dict)
    altered: list[str] = field(default_factory=list)
    """What a peer received that the other one did not say there."""
    received: int = 0
    sent: int = 0

    def snapshot(self) -> dict[StreamId, int]:
        """How many texts of each stream are received by now: so many must be in the store soon."""
        return {stream: book.received for stream, book in list(self.books.items()) if book.received}


class Mouth:
    """The saying half of a peer."""

    def __init__(self, oracle: Oracle, stream: StreamId) -> None:
        self._oracle = oracle
        self._wire = Wire(stream)
        self._book = oracle.books.setdefault(stream, Book())

    def next(self) -> bytes:
        """The next turn; it counts as said from now on."""
        turn = self._wire.next()
        self._book.sent += len(turn.ends)
        self._book.sent_bytes += len(turn.data)
        self._oracle.sent += len(turn.ends)
        return turn.data


class Ear:
    """The receiving half of a peer: makes again what must come and compares."""

    def __init__(self, oracle: Oracle, stream: StreamId) -> None:
        self._oracle = oracle
        self._stream = stream
        self._wire = Wire(stream)
        self._book = oracle.books.setdefault(stream, Book())
        self._coming = bytearray()
        self._made = 0
        self._text_ends: list[int] = []
        self._turn_ends: list[int] = []

    def take(self, data: bytes) -> int:
        """How many turns these bytes complete."""
        while len(self._coming) < len(data):
            self._make()
        if not self._coming.startswith(data):
            self._oracle.altered.append(f"{self._stream} at byte {self._book.received_bytes}: {data[:80]!r}")
        del self._coming[: len(data)]
        self._book.received_bytes += len(data)
        whole = self._passed(self._text_ends)
        self._book.received += whole
        self._oracle.received += whole
        return self._passed(self._turn_ends)

    def _make(self) -> None:
        turn = self._wire.next()
        self._text_ends += [self._made + end for end in turn.ends]
        self._made += len(turn.data)
        self._turn_ends.append(self._made)
        self._coming += turn.data

    def _passed(self, ends: list[int]) -> int:
        passed = sum(end <= self._book.received_bytes for end in ends)
        del ends[:passed]
        return passed
