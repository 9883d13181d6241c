"""What each stage of the recorder gets of one journal: chunks, texts, messages with what they answer, facts, rows.

A message is a text frame: pings and pongs, a quarter of the frames, are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

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

READ_BYTES: Final = 4 * 1024**2
Chunk = tuple[int, Direction, int, bytes, int, int]
"""(connection, direction, offset, payload, at, mono)"""
Text = tuple[int, Direction, bytes, int, int]
"""(connection, direction, a message's text, at, mono)"""


class Heard(NamedTuple):
    """A message as the conversation has it when it asks for verdict, secrets and facts; `call`: what it answers."""

    version: str
    direction: Direction
    text: bytes
    message: Call | CallResult
    call: Waiting | None
    where: Where


class Inputs:
    """What each stage gets of one journal."""

    def __init__(self, data: Path, frames: int) -> None:
        self.data = data
        self.frames = frames
        self.chunks = list(_chunks(data))
        self.texts = list(_texts(self.chunks))
        self.heard = list(_heard(self.texts))
        self.said = _Written(self.texts).said
        self.batches = _batches(data)


class Deaf:
    """A listener that does not care. What fails must not look cheap."""

    def fact(self, fact: Fact) -> None:
        pass

    def alive(self, where: Where, kind: LifeKind) -> None:
        pass

    def failed(self, what: str) -> None:
        raise AssertionError(what)


class _Written(Deaf):
    """Writes down what a listener is told."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self.said: list[Fact | tuple[Where, LifeKind]] = []
        conversing(texts, self)()

    def fact(self, fact: Fact) -> None:
        self.said.append(fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        self.said.append((where, kind))


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
    """The mix has CALLs and their answers only."""
    correlators: dict[int, Correlator] = {}
    for number, (connection, direction, text, at, mono) in enumerate(texts):
        version, message = version_of(connection), decode(text)
        correlator = correlators.setdefault(connection, Correlator(asked(version)))
        assert isinstance(message, Call | CallResult)
        yield heard(correlator, version, direction, text, message, Where("CP", "", number, at, mono))


def heard(
    correlator: Correlator,
    version: str,
    direction: Direction,
    text: bytes,
    message: Call | CallResult,
    where: Where,
) -> Heard:
    """The message, and what it answers; `correlator` has met it."""
    if isinstance(message, Call):
        correlator.call(direction, message, where.at, where.clock, where.frame_no)
        return Heard(version, direction, text, message, None, where)
    found = correlator.reply(direction, message, where.clock)
    assert isinstance(found, Answer)
    return Heard(version, direction, text, message, found.call, where)


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


def conversing(texts: Iterable[Text], listener: Listener) -> Callable[[], None]:
    """Each connection's messages through its conversation; time goes on with each block, as in the pipeline."""
    clock = ObservedClock()
    conversations: dict[int, Conversation] = {}
    todo = []
    for number, (connection, direction, text, at, mono) in enumerate(texts):
        if connection not in conversations:
            who, version = identity(connection, at), version_of(connection)
            conversations[connection] = Conversation(who, version, clock, listener)
        todo.append((conversations[connection].message, direction, text, number, at, mono))

    def work() -> None:
        now = -1
        for message, direction, text, number, at, mono in todo:
            if mono != now:
                now = mono
                clock.advance(1, at, mono)
            message(direction, text, number)

    return work
