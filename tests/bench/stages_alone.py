"""The recorder's stages alone: each public function over inputs made beforehand, CPU µs per frame or per message.

A check on the sampled figures (stages.py): the caches are warmer here, and nothing else runs between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from proxy.journal.filesystem import RealFileSystem
from proxy.journal.merge import MergedJournal
from proxy.ocpp.conformance.silent import judging
from proxy.ocpp.correlate import Correlator
from proxy.ocpp.envelope import Call, decode
from proxy.ocpp.facts import Fact, Where
from proxy.ocpp.redaction import cleared
from proxy.ocpp.versions import asked, payload_of, readings
from proxy.pipeline.batch import Batcher, Row
from proxy.pipeline.books import Books
from proxy.pipeline.counting import Counting
from proxy.pipeline.ledger import WANTS, Ledger
from proxy.pipeline.rows import FRAME
from proxy.pipeline.runner import Runner
from proxy.pipeline.tally import Tally
from proxy.recorder.analysis import selection
from proxy.store.rowbinary import compile_encoder
from proxy.tables import TABLES
from proxy.wire.frames import FrameReader
from tests.bench.stages import collecting_as_the_recorder
from tests.bench.stages_inputs import (
    READ_BYTES,
    Deaf,
    Heard,
    Inputs,
    Step,
    Works,
    Written,
    conversing,
    each,
    in_parts,
    version_of,
)
from tests.bench.unit import MOST_MOVED, unit
from tests.recorder.journals import JOURNAL

_COLUMNS: Final = list(TABLES["frames"])
_KIND, _PAYLOAD = _COLUMNS.index("kind"), _COLUMNS.index("payload")
_COUNTED: Final = tuple(
    _COLUMNS.index(name) for name in ("direction", "opcode", "message_type", "verdict", "action")
)
"""What `Tally.frame` is told, but for the size."""
_TRIES: Final = 3
_LOOKS: Final = 3


@dataclass(frozen=True)
class Alone:
    """One run of each, µs per frame. `unit`: the least yardstick beside any of them, ns."""

    measured: Mapping[str, float]
    unit: float
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
    """Each once; so much time passes from the first to the last that each has its own yardstick."""
    found = {name: _steadily(partial(made, inputs)) for name, made in _MADE.items()}
    costs = {name: seconds / inputs.frames * 1e6 for name, (seconds, _) in found.items()}
    return Alone(costs, min(beside for _, beside in found.values()), inputs.frames, len(inputs.texts))


def _steadily(made: Callable[[], Works]) -> tuple[float, float]:
    """(CPU seconds, yardstick in ns) of the first of three tries in which the yardstick stood still, else the last."""
    for _ in range(_TRIES):
        before = unit(_LOOKS)
        seconds, after = measured(made()), unit(_LOOKS)
        if abs(after / before - 1) <= MOST_MOVED:
            break
    return seconds, min(before, after)


def together(runs: Sequence[Alone], how: Callable[[Iterable[float]], float]) -> Alone:
    """`how` (min, median) of each figure over all runs, so that what is a difference is one of like with like."""
    found = {name: how([one.measured[name] for one in runs]) for name in _MADE}
    return Alone(found, min(one.unit for one in runs), runs[0].frames, runs[0].messages)


def measured(works: Works) -> float:
    """CPU seconds."""
    seconds = 0
    with collecting_as_the_recorder():
        for work in works:
            began = time.thread_time_ns()
            work()
            seconds += time.thread_time_ns() - began
    return seconds / 1e9


# steps of one message


def correlated(correlator: Correlator, one: Heard) -> Step:
    message, where = one.decoded(), one.where
    if isinstance(message, Call):
        return correlator.call, (one.direction, message, where.at, where.clock, where.frame_no)
    return correlator.reply, (one.direction, message, where.clock)


def validated(one: Heard) -> Step:
    judge, message, call = judging(one.version), one.decoded(), one.call
    if isinstance(message, Call):
        return judge.call, (one.direction, message.action, message.payload, message.message_id)
    assert call is not None
    return judge.result, (call.direction, call.action, message.payload)


def redacted(one: Heard) -> Step:
    message = one.decoded()
    if isinstance(message, Call):
        return cleared, (message, one.text, message.action)
    assert one.call is not None
    return cleared, (message, one.text, one.call.action, one.call.text)


def read(one: Heard) -> list[Step]:
    """What the version's table says; a message that nobody reads is no step."""
    message, call = one.decoded(), one.call
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


def _read(inputs: Inputs) -> Works:
    def work() -> None:
        journal = MergedJournal(RealFileSystem(), str(inputs.data / "journal"))
        while journal.poll(READ_BYTES):
            pass
        journal.close()

    yield work


def _frames(inputs: Inputs) -> Works:
    lanes = {(chunk[0], chunk[1]): FrameReader(chunk[1]) for chunk in inputs.chunks}
    for part in in_parts(inputs.chunks):
        yield each([(lanes[chunk[0], chunk[1]].feed, (chunk[3], chunk[2])) for chunk in part])


def _envelope(inputs: Inputs) -> Works:
    for part in in_parts(inputs.texts):
        yield each([(decode, (text[2],)) for text in part])


def _correlate(inputs: Inputs) -> Works:
    known = {text[0]: Correlator(asked(version_of(text[0]))) for text in inputs.texts}
    for part in in_parts(inputs.heard):
        yield each([correlated(known[one.connection], one) for one in part])


def _validate(inputs: Inputs) -> Works:
    for part in in_parts(inputs.heard):
        yield each([validated(one) for one in part])


def _redact(inputs: Inputs) -> Works:
    for part in in_parts(inputs.heard):
        yield each([redacted(one) for one in part])


def _readers(inputs: Inputs) -> Works:
    for part in in_parts(inputs.heard):
        yield each([step for one in part for step in read(one)])


def _conversation(inputs: Inputs) -> Works:
    return conversing(inputs.texts, Deaf())


def _facts(inputs: Inputs, batcher: Batcher, kinds: Collection[type[Fact]]) -> Iterator[list[Fact]]:
    """Those that a table wants, a part at a time; the batch in hand is of their second."""
    written = Written()
    for work in conversing(inputs.texts, written):
        work()
        found = [one for one in written.taken() if isinstance(one, Fact) and type(one) in kinds]
        if found and batcher.enters(1, found[0].clock):
            batcher.begin(1, found[0].clock)
            batcher.ready.clear()
        yield found


def _books(inputs: Inputs) -> Works:
    batcher = Batcher()
    books = Books(batcher, JOURNAL.hex())
    for facts in _facts(inputs, batcher, frozenset(Books.WANTS)):
        yield each([(books.fact, (fact,)) for fact in facts])


def _ledger(inputs: Inputs) -> Works:
    ledger = Ledger()
    for facts in _facts(inputs, Batcher(), frozenset(WANTS)):
        yield each([(ledger.fact, (fact,)) for fact in facts])


def _ledger_rows(inputs: Inputs) -> Works:
    """The rows that the ledger asks for, written down; those of one transaction and batch become one."""
    batcher, ledger = Batcher(), Ledger()
    books = Books(batcher, JOURNAL.hex())
    for facts in _facts(inputs, batcher, frozenset(WANTS)):
        yield each([(books.transaction, (row,)) for fact in facts for row in ledger.fact(fact)])


def _analyzers(inputs: Inputs) -> Works:
    """Without the pings, which only say that a charge point is alive."""
    runner, written = Runner(selection({}).analyzers), Written()
    for work in conversing(inputs.texts, written):
        work()
        said = written.taken()
        yield each([(runner.fact, (one,)) if isinstance(one, Fact) else (runner.alive, one) for one in said])


def _count(inputs: Inputs) -> Works:
    """Each frame, and each fact that counts as something."""
    tally = Tally()
    counted = Counting(tally, Runner(())).counted
    for part in in_parts([row for batch in inputs.batches["frames"] for row in batch if row[_KIND] == FRAME]):
        yield each([(tally.frame, _told(row)) for row in part])
    for facts in _facts(inputs, Batcher(), frozenset(counted)):
        yield each([(counted[type(fact)], (fact,)) for fact in facts])


def _told(row: Row) -> tuple[Any, ...]:
    return (*[row[column] for column in _COUNTED], len(row[_PAYLOAD]))


def _insert(inputs: Inputs) -> Works:
    for table, found in inputs.batches.items():
        yield each([(compile_encoder(TABLES[table]), (rows,)) for rows in found])


_MADE: Final[dict[str, Callable[[Inputs], Works]]] = {
    "read": _read,
    "frames": _frames,
    "envelope": _envelope,
    "correlate": _correlate,
    "validate": _validate,
    "redact": _redact,
    "readers": _readers,
    "conversation": _conversation,
    "books": _books,
    "ledger": _ledger,
    "ledger's rows": _ledger_rows,
    "counting": _count,
    "analyzers": _analyzers,
    "insert": _insert,
}
"""Whatever changes by being used is made anew for each run."""
