"""A pipeline fed like the recorder feeds it, and words to speak about what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from analyzers import ALL
from proxy.heads.connection import Closed, Flow, Opened
from proxy.names import Direction
from proxy.pipeline.budget import MOST_WAITING
from proxy.pipeline.ledger import Ledger
from proxy.pipeline.pipeline import Pipeline, PipelineState
from proxy.pipeline.runner import Runner
from proxy.pipeline.understanding import Understanding
from proxy.tables import TABLES

JOURNAL = bytes(range(16))
SECOND = 1_000_000_000
BEGIN = 1_800_000_000 * SECOND
CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: ocpp%s\r\n%s\r\n"
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"

Step = Callable[[Pipeline], None]
T = TypeVar("T")


class Tape:
    """Blocks of one worker, as the merged journal gives them: (seconds, steps)."""

    def __init__(self) -> None:
        self.blocks: list[tuple[float, list[Step]]] = []
        self.offsets = {CP: 0, CSMS: 0}

    def at(self, seconds: float, *steps: Step) -> Tape:
        self.blocks.append((seconds, list(steps)))
        return self

    def says(self, seconds: float, direction: Direction, data: bytes, number: int = 1) -> Tape:
        offset = self.offsets[direction]
        self.offsets[direction] += len(data)
        return self.at(seconds, lambda pipeline: pipeline.data(number, direction, offset, data))

    def opens(
        self, seconds: float = 0.0, extension: bytes = b"", number: int = 1, version: str = "1.6"
    ) -> Tape:
        head = ANSWER % (version.encode(), extension)
        opened = Opened("CP_1", b"/ocpp/CP_1", "10.0.0.1:4711", "ws://csms", response_head=head)
        return self.at(seconds, lambda pipeline: pipeline.opened(number, opened))

    def closes(self, seconds: float, number: int = 1) -> Tape:
        up, down = (Flow(self.offsets[direction], self.offsets[direction]) for direction in (CP, CSMS))
        closed = Closed("charge_point", "fin", "", up, down)
        return self.at(seconds, lambda pipeline: pipeline.closed(number, closed))


class Result:
    """Everything a tape became."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        self.batches: list[int] = []

    def take(self, pipeline: Pipeline) -> None:
        for batch in pipeline.batcher.ready:
            self.batches.append(batch.number)
            for table, rows in batch.rows.items():
                self.rows[table] += [dict(zip(TABLES[table], row, strict=True)) for row in rows]
        pipeline.batcher.ready.clear()

    @property
    def frames(self) -> list[dict[str, Any]]:
        return sorted(self.rows["frames"], key=lambda row: (row["connection_id"], row["frame_no"]))

    def newest(self, table: str, key: str) -> list[dict[str, Any]]:
        return list({row[key]: row for row in self.rows[table]}.values())


def new_pipeline(most_waiting: int = MOST_WAITING, key: bytes = b"") -> Pipeline:
    understanding = Understanding(Runner([kind() for kind in ALL]))
    return Pipeline(JOURNAL, understanding, most_waiting=most_waiting, key=key)


def copied(value: T) -> T:
    """As a checkpoint would give it back."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value))


def resumed(pipeline: Pipeline) -> Pipeline:
    """Another process, continuing from a checkpoint of `pipeline`."""
    runner = pipeline.understanding.runner
    assert runner is not None
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(pipeline.state()), type=PipelineState)
    understanding = Understanding(Runner.restore([kind() for kind in ALL], runner.snapshot()))
    other = Pipeline(
        JOURNAL,
        understanding,
        most_waiting=pipeline.budget.most,
        ledger=Ledger.restore(copied(pipeline.ledger.snapshot())),
        connectors=copied(pipeline.connectors),
        tally=copied(pipeline.batcher.tally),
    )
    other.resume(state)
    return other


def play(tape: Tape, pipeline: Pipeline, resume_at: Iterable[int] = ()) -> Result:
    """Feed `tape`; `resume_at`: cuts (counted) after which another process goes on from a checkpoint."""
    result, cuts, resume = Result(), 0, set(resume_at)
    for seconds, steps in tape.blocks:
        mono = round(seconds * SECOND)
        if pipeline.arrive(1, mono):
            result.take(pipeline)
            cuts += 1
            if cuts in resume:
                pipeline = resumed(pipeline)
                pipeline.arrive(1, mono)
        pipeline.mark(1, 0, 1, BEGIN + mono, mono)
        for step in steps:
            step(pipeline)
    pipeline.batcher.cut()
    result.take(pipeline)
    return result
