"""The recorder's stages alone: each public function over inputs made beforehand, CPU µs per frame.

A check on the sampled figures (stages.py): the caches are warmer here, and nothing else runs between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import Kind
from proxy.journal.items import Block
from proxy.journal.merge import MergedJournal
from proxy.names import Direction, connection_id
from proxy.ocpp.correlate import Correlator
from proxy.ocpp.envelope import Call, CallResult, decode
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.ocpp.versions import readers
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.conversation import Conversation
from proxy.pipeline.identity import Identity
from proxy.pipeline.runner import Runner
from proxy.recorder.analysis import analyzers
from proxy.store.rowbinary import compile_encoder
from proxy.tables import TABLES
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


class Inputs:
    """What each stage gets of one journal."""

    def __init__(self, data: Path, frames: int) -> None:
        self.data = data
        self.frames = frames
        self.chunks = list(_chunks(data))
        self.texts = list(_texts(self.chunks))
        self.said = _Written(self.texts).said
        self.batches = _batches(data)


class _Written:
    """Writes down what a runner is told."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self.said: list[Fact | tuple[Where, LifeKind]] = []
        _converse(texts, self)

    def fact(self, fact: Fact) -> None:
        self.said.append(fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        self.said.append((where, kind))


class _Deaf:
    def fact(self, fact: Fact) -> None:
        pass

    def alive(self, where: Where, kind: LifeKind) -> None:
        pass


def alone(inputs: Inputs) -> dict[str, float]:
    """One run of each, µs per frame. facts: the whole conversation without envelope and correlate."""
    frame, conversation = _per_frame(inputs), _prepared_conversation(inputs)
    found = {
        "read": frame(_prepared_read(inputs)),
        "frames": frame(_prepared_frames(inputs)),
        "envelope": frame(_prepared_envelope(inputs)),
        "correlate": frame(_prepared_correlate(inputs)),
        "analyzers": frame(_prepared_analyzers(inputs)),
        "insert": frame(_prepared_insert(inputs)),
    }
    return found | {"facts": frame(conversation) - found["envelope"] - found["correlate"]}


def _per_frame(inputs: Inputs) -> Callable[[Callable[[], None]], float]:
    def measure(work: Callable[[], None]) -> float:
        began = time.thread_time()
        work()
        return (time.thread_time() - began) / inputs.frames * 1e6

    return measure


# inputs


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


def _batches(data: Path) -> list[list[tuple[Any, ...]]]:
    sink = KeepingSink()
    with recorder_over(data, sink) as recorder:
        record(recorder)
    return sink.batches


def _version(connection: int) -> str:
    return (V16, V20)[connection % 2]


def _converse(texts: Iterable[Text], listener: Any) -> None:
    """Through the connections' conversations."""
    clock = ObservedClock()
    conversations: dict[int, Conversation] = {}
    for number, (connection, direction, text, at, mono) in enumerate(texts):
        conversation = conversations.get(connection)
        if conversation is None:
            who = _identity(connection, at)
            conversation = conversations[connection] = Conversation(
                who, _version(connection), clock, listener
            )
        clock.advance(1, at, mono)
        conversation.message(direction, text, number)


def _identity(connection: int, at: int) -> Identity:
    name = connection_id(JOURNAL, 1, 0, 1, connection)
    return Identity(JOURNAL.hex(), name, f"CP_{connection:05d}", at, 1, 0, connection, "")


# stages


def _prepared_read(inputs: Inputs) -> Callable[[], None]:
    def work() -> None:
        journal = MergedJournal(RealFileSystem(), str(inputs.data / "journal"))
        while journal.poll(READ_BYTES):
            pass
        journal.close()

    return work


def _prepared_frames(inputs: Inputs) -> Callable[[], None]:
    lanes = {(chunk[0], chunk[1]): FrameReader(chunk[1]) for chunk in inputs.chunks}
    fed = [(lanes[chunk[0], chunk[1]].feed, chunk[3], chunk[2]) for chunk in inputs.chunks]

    def work() -> None:
        for feed, payload, offset in fed:
            feed(payload, offset)

    return work


def _prepared_envelope(inputs: Inputs) -> Callable[[], None]:
    texts = [text[2] for text in inputs.texts]

    def work() -> None:
        for text in texts:
            decode(text)

    return work


def _prepared_correlate(inputs: Inputs) -> Callable[[], None]:
    correlators = {text[0]: Correlator(readers(_version(text[0])).keys()) for text in inputs.texts}
    todo: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
    for number, (connection, direction, text, at, mono) in enumerate(inputs.texts):
        correlator, message = correlators[connection], decode(text)
        if isinstance(message, Call):
            todo.append((correlator.call, (direction, message, at, mono, number)))
        elif isinstance(message, CallResult):
            todo.append((correlator.reply, (direction, message, mono)))

    def work() -> None:
        for function, arguments in todo:
            function(*arguments)

    return work


def _prepared_conversation(inputs: Inputs) -> Callable[[], None]:
    return lambda: _converse(inputs.texts, _Deaf())


def _prepared_analyzers(inputs: Inputs) -> Callable[[], None]:
    """Without the pings, which only say that a charge point is alive."""
    runner = Runner(analyzers({}))

    def work() -> None:
        for said in inputs.said:
            if isinstance(said, Fact):
                runner.fact(said)
            else:
                runner.alive(*said)

    return work


def _prepared_insert(inputs: Inputs) -> Callable[[], None]:
    encode = compile_encoder(TABLES["frames"])

    def work() -> None:
        for batch in inputs.batches:
            encode(batch)

    return work
