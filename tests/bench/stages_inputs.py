"""What each stage of the recorder gets of one journal: chunks, texts, messages with what they answer, facts, rows.

A message is a text frame: pings and pongs, a quarter of the frames, are none. What a stage works on is made shortly
before, a few dozen messages at a time, so that it lies in the caches as it does in the recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import Kind
from proxy.journal.items import Block
from proxy.journal.merge import MergedJournal
from proxy.names import Direction, connection_id
from proxy.ocpp.correlate import Answer, Correlator, Waiting
from proxy.ocpp.envelope import Call, CallResult, decode
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.ocpp.versions import asked
from proxy.pipeline.batch import Row
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.conversation import Conversation, Listener
from proxy.pipeline.identity import Identity
from proxy.wire.frames import Frame, FrameReader
from proxy.wire.header import TEXT
from tests.bench.payloads import V16, V20
from tests.bench.stages import KeepingSink, record, recorder_over
from tests.recorder.journals import JOURNAL

T = TypeVar("T")
READ_BYTES: Final = 4 * 1024**2
Chunk = tuple[int, Direction, int, bytes, int, int]
"""(connection, direction, offset, payload, at, mono)"""
Text = tuple[int, Direction, bytes, int, int]
"""(connection, direction, a message's text, at, mono)"""


Step = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""
Works = Iterator[Callable[[], None]]
"""Each is done as soon as it is given; only the doing is measured, not what it takes to give it."""
AT_A_TIME: Final = 40
"""Messages of one work."""


class Heard(NamedTuple):
    """A message where the conversation asks for verdict, secrets and facts. `call`: the one that it answers."""

    connection: int
    version: str
    direction: Direction
    text: bytes
    call: Waiting | None
    where: Where

    def decoded(self) -> Call | CallResult:
        """The mix has no others."""
        message = decode(self.text)
        assert isinstance(message, Call | CallResult)
        return message


class Inputs:
    """What each stage gets of one journal."""

    def __init__(self, data: Path, frames: int) -> None:
        self.data = data
        self.frames = frames
        self.chunks = list(_chunks(data))
        self.texts = list(_texts(self.chunks))
        self.heard = list(_heard(self.texts))
        self.batches = _batches(data)


class Deaf:
    """A listener that does not care. What fails must not look cheap."""

    def fact(self, fact: Fact) -> None:
        pass

    def alive(self, where: Where, kind: LifeKind) -> None:
        pass

    def failed(self, what: str) -> None:
        raise AssertionError(what)


class Written(Deaf):
    """Writes down what a listener is told."""

    def __init__(self) -> None:
        self._said: list[Fact | tuple[Where, LifeKind]] = []

    def fact(self, fact: Fact) -> None:
        self._said.append(fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        self._said.append((where, kind))

    def taken(self) -> list[Fact | tuple[Where, LifeKind]]:
        """What was written since the last time."""
        said, self._said = self._said, []
        return said


def in_parts(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[start : start + AT_A_TIME] for start in range(0, len(things), AT_A_TIME))


def each(steps: Iterable[Step]) -> Callable[[], None]:
    """One after the other. That costs some 30 ns a step."""
    todo = list(steps)

    def work() -> None:
        for function, arguments in todo:
            function(*arguments)

    return work


def _chunks(data: Path) -> Iterable[Chunk]:
    journal = MergedJournal(RealFileSystem(), str(data / "journal"))
    while items := journal.poll(READ_BYTES):
        for item in items:
            if isinstance(item, Block):
                for kind, flags, connection, offset, payload in item.records:
                    if kind == Kind.DATA:
                        yield connection, Direction(flags), offset, payload, item.at, item.mono
    journal.close()


def _texts(chunks: Iterable[Chunk]) -> Iterable[Text]:
    lanes: dict[tuple[int, Direction], FrameReader] = {}
    for connection, direction, offset, payload, at, mono in chunks:
        lane = lanes.setdefault((connection, direction), FrameReader(direction))
        for piece in lane.feed(payload, offset):
            if isinstance(piece, Frame) and piece.opcode == TEXT:
                yield connection, direction, piece.payload, at, mono


def _heard(texts: Iterable[Text]) -> Iterator[Heard]:
    correlators: dict[int, Correlator] = {}
    for number, (connection, direction, text, at, mono) in enumerate(texts):
        version = version_of(connection)
        correlator = correlators.setdefault(connection, Correlator(asked(version)))
        where = Where("CP", "", number, at, mono)
        yield joined(correlator, Heard(connection, version, direction, text, None, where))


def joined(correlator: Correlator, one: Heard) -> Heard:
    """With what it answers; `correlator` has met it."""
    message, where = one.decoded(), one.where
    if isinstance(message, Call):
        correlator.call(one.direction, message, where.at, where.clock, where.frame_no)
        return one
    found = correlator.reply(one.direction, message, where.clock)
    assert isinstance(found, Answer)
    return one._replace(call=found.call)


def _batches(data: Path) -> dict[str, list[list[Row]]]:
    sink = KeepingSink()
    with recorder_over(data, sink) as recorder:
        record(recorder)
    return sink.batches


def version_of(connection: int) -> str:
    return (V16, V20)[connection % 2]


def identity(connection: int, at: int) -> Identity:
    name = connection_id(JOURNAL, 1, 0, 1, connection)
    return Identity(JOURNAL.hex(), name, f"CP_{connection:05d}", at, 1, 0, connection, "")


def conversing(texts: Sequence[Text], listener: Listener) -> Works:
    """Each connection's messages through its conversation; time goes on with each block, as in the pipeline."""
    clock, now, number = ObservedClock(), -1, 0
    conversations: dict[int, Conversation] = {}
    for part in in_parts(texts):
        steps: list[Step] = []
        for connection, direction, text, at, mono in part:
            if connection not in conversations:
                who, version = identity(connection, at), version_of(connection)
                conversations[connection] = Conversation(who, version, clock, listener)
            if mono != now:
                now = mono
                steps.append((clock.advance, (1, at, mono)))
            steps.append((conversations[connection].message, (direction, text, number)))
            number += 1
        yield each(steps)
