"""The recorder's stages alone: each public function over inputs made beforehand, CPU µs per frame or per message.

A check on the sampled figures (stages.py): the caches are warmer here, and nothing else runs between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from proxy.journal.filesystem import RealFileSystem
from proxy.journal.merge import MergedJournal
from proxy.ocpp.conformance.silent import judging
from proxy.ocpp.correlate import Correlator
from proxy.ocpp.envelope import Call, decode
from proxy.ocpp.facts import Fact, Where
from proxy.ocpp.redaction import cleared
from proxy.ocpp.versions import asked, payload_of, readings
from proxy.pipeline.batch import SECOND, Batcher
from proxy.pipeline.books import Books
from proxy.pipeline.ledger import WANTS, Ledger
from proxy.pipeline.runner import Runner
from proxy.recorder.analysis import analyzers
from proxy.store.rowbinary import compile_encoder
from proxy.tables import TABLES
from proxy.wire.frames import FrameReader
from tests.bench.stages import collecting_as_the_recorder
from tests.bench.stages_inputs import READ_BYTES, Deaf, Heard, Inputs, conversing, version_of
from tests.recorder.journals import JOURNAL

Work = Callable[[], None]
Step = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments."""


@dataclass(frozen=True)
class Alone:
    """One run of each, µs per frame."""

    measured: Mapping[str, float]
    frames: int
    messages: int

    @property
    def stages(self) -> dict[str, float]:
        """All that was measured. facts: the conversation without envelope, correlate, validate and redact."""
        found = dict(self.measured)
        parts = sum(found[name] for name in ("envelope", "correlate", "validate", "redact"))
        tables = sum(found[name] for name in ("books", "ledger", "ledger's rows"))
        return found | {"facts": found["conversation"] - parts, "tables": tables}

    def per_message(self, name: str) -> float:
        return self.stages[name] * self.frames / self.messages

    @property
    def understood(self) -> float:
        """µs per message: facts, validation and correlation: the conversation but for JSON and secrets."""
        return sum(map(self.per_message, ("facts", "validate", "correlate")))

    @property
    def without_json(self) -> float:
        """µs per message: the same with redaction: the conversation but for JSON."""
        return self.per_message("conversation") - self.per_message("envelope")


def alone(inputs: Inputs) -> Alone:
    """Each once."""
    found = {name: _measured(made(inputs)) / inputs.frames * 1e6 for name, made in _MADE.items()}
    return Alone(found, inputs.frames, len(inputs.texts))


def together(runs: Sequence[Alone], how: Callable[[Iterable[float]], float]) -> Alone:
    """`how` (min, median) of each figure over all runs, so that what is a difference is one of like with like."""
    found = {name: how([one.measured[name] for one in runs]) for name in _MADE}
    return Alone(found, runs[0].frames, runs[0].messages)


def _measured(work: Work) -> float:
    """CPU seconds."""
    with collecting_as_the_recorder():
        began = time.thread_time()
        work()
        return time.thread_time() - began


def each(steps: list[Step]) -> Work:
    def work() -> None:
        for function, arguments in steps:
            function(*arguments)

    return work


# steps of one message


def correlated(correlator: Correlator, one: Heard) -> Step:
    where = one.where
    if isinstance(one.message, Call):
        return correlator.call, (one.direction, one.message, where.at, where.clock, where.frame_no)
    return correlator.reply, (one.direction, one.message, where.clock)


def validated(one: Heard) -> Step:
    judge, message, call = judging(one.version), one.message, one.call
    if isinstance(message, Call):
        return judge.call, (one.direction, message.action, message.payload, message.message_id)
    assert call is not None
    return judge.result, (call.direction, call.action, message.payload)


def redacted(one: Heard) -> Step:
    if isinstance(one.message, Call):
        return cleared, (one.message, one.text, one.message.action)
    assert one.call is not None
    return cleared, (one.message, one.text, one.call.action, one.call.text)


def read(one: Heard) -> list[Step]:
    """What the version's table says; a message that nobody reads is no step."""
    message, call = one.message, one.call
    if isinstance(message, Call):
        reading = readings(one.version)[one.direction].get(message.action)
        return (
            [] if reading is None or reading.said is None else [(reading.said, (one.where, message.payload))]
        )
    assert call is not None
    reading = readings(one.version)[call.direction].get(call.action)
    if reading is None or reading.answered is None or (reading.skip_empty and not message.payload):
        return []
    return [(_answered, (reading.answered, one.where, call.text, message.payload))]


def _answered(reader: Callable[..., Any], where: Where, call: bytes, payload: Any) -> None:
    reader(where, payload_of(call), payload)


# stages


def _prepared_read(inputs: Inputs) -> Work:
    def work() -> None:
        journal = MergedJournal(RealFileSystem(), str(inputs.data / "journal"))
        while journal.poll(READ_BYTES):
            pass
        journal.close()

    return work


def _prepared_frames(inputs: Inputs) -> Work:
    lanes = {(chunk[0], chunk[1]): FrameReader(chunk[1]) for chunk in inputs.chunks}
    return each([(lanes[chunk[0], chunk[1]].feed, (chunk[3], chunk[2])) for chunk in inputs.chunks])


def _prepared_envelope(inputs: Inputs) -> Work:
    texts = [text[2] for text in inputs.texts]

    def work() -> None:
        for text in texts:
            decode(text)

    return work


def _prepared_correlate(inputs: Inputs) -> Work:
    correlators = {text[0]: Correlator(asked(version_of(text[0]))) for text in inputs.texts}
    whose = [correlators[text[0]] for text in inputs.texts]
    return each([correlated(correlator, one) for correlator, one in zip(whose, inputs.heard, strict=True)])


def _prepared_validate(inputs: Inputs) -> Work:
    return each(list(map(validated, inputs.heard)))


def _prepared_redact(inputs: Inputs) -> Work:
    return each(list(map(redacted, inputs.heard)))


def _prepared_readers(inputs: Inputs) -> Work:
    return each([step for one in inputs.heard for step in read(one)])


def _seconds(facts: Iterable[Fact], batcher: Batcher) -> Iterator[Step | Fact]:
    """The facts, and before the first of each second the step that begins its batch."""
    second = -1
    for fact in facts:
        if fact.clock // SECOND != second:
            second = fact.clock // SECOND
            yield batcher.begin, (1, fact.clock)
        yield fact


def _for_tables(inputs: Inputs, *kinds: type[Fact]) -> list[Fact]:
    return [fact for fact in inputs.said if isinstance(fact, Fact) and type(fact) in kinds]


def _prepared_books(inputs: Inputs) -> Work:
    batcher = Batcher()
    books = Books(batcher, JOURNAL.hex())
    found = _seconds(_for_tables(inputs, *Books.WANTS), batcher)
    return each([(books.fact, (one,)) if isinstance(one, Fact) else one for one in found])


def _prepared_ledger(inputs: Inputs) -> Work:
    ledger = Ledger()
    return each([(ledger.fact, (fact,)) for fact in _for_tables(inputs, *WANTS)])


def _prepared_ledger_rows(inputs: Inputs) -> Work:
    """The rows that the ledger asks for, written down; those of one transaction and batch become one."""
    batcher, ledger = Batcher(), Ledger()
    books = Books(batcher, JOURNAL.hex())
    steps: list[Step] = []
    for one in _seconds(_for_tables(inputs, *WANTS), batcher):
        if isinstance(one, Fact):
            steps += [(books.transaction, (row,)) for row in ledger.fact(one)]
        else:
            steps.append(one)
    return each(steps)


def _prepared_analyzers(inputs: Inputs) -> Work:
    """Without the pings, which only say that a charge point is alive."""
    runner = Runner(analyzers({}))

    def work() -> None:
        for said in inputs.said:
            if isinstance(said, Fact):
                runner.fact(said)
            else:
                runner.alive(*said)

    return work


def _prepared_insert(inputs: Inputs) -> Work:
    encoders = {table: compile_encoder(TABLES[table]) for table in inputs.batches}
    return each([(encoders[table], (rows,)) for table, found in inputs.batches.items() for rows in found])


_MADE: Final[dict[str, Callable[[Inputs], Work]]] = {
    "read": _prepared_read,
    "frames": _prepared_frames,
    "envelope": _prepared_envelope,
    "correlate": _prepared_correlate,
    "validate": _prepared_validate,
    "redact": _prepared_redact,
    "readers": _prepared_readers,
    "conversation": lambda inputs: conversing(inputs.texts, Deaf()),
    "books": _prepared_books,
    "ledger": _prepared_ledger,
    "ledger's rows": _prepared_ledger_rows,
    "analyzers": _prepared_analyzers,
    "insert": _prepared_insert,
}
"""Whatever changes by being used is made anew for each run."""
