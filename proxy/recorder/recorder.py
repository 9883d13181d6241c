"""The recorder's loop: read blocks, feed the pipeline, hand its batches to the inserter, keep checkpoints.

One turn reads what the journals have, at most 4 MiB. Between batches, when it is due, the state of everything is
packed and handed to the inserter behind the batches it follows from: it becomes a file when they are stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

from proxy.heads.connection import Closed, Missed, Opened, Refused, decode
from proxy.journal.format import Kind
from proxy.journal.items import Block, Damage, Item, Positions
from proxy.journal.merge import MergedJournal
from proxy.log import get_logger
from proxy.names import DIRECTIONS, Direction
from proxy.pipeline.batch import Batch
from proxy.pipeline.pipeline import Pipeline
from proxy.recorder.checkpoint import Checkpoint, Checkpoints, Part, pack
from proxy.recorder.inserter import Action, Inserter
from proxy.recorder.sampling import Sampling
from proxy.recorder.settings import RecorderSettings

READ_BYTES: Final = 4 * 1024 * 1024
_COSTS: Final = 20
"""A checkpoint is never made sooner than so many times what the last one took."""
_DIRECTION: Final = {int(direction): direction for direction in DIRECTIONS}
PIPELINE_SCHEMA: Final = 2
TALLY_SCHEMA: Final = 2
RUNNER_SCHEMA: Final = 1
LEDGER_SCHEMA: Final = 1
CONNECTORS_SCHEMA: Final = 1


class Recorder:
    """`keep_alive` is called between blocks and while waiting: beats, orders. It raises to end the recorder.

    `stored_up_to` is told, in the inserter's thread, the older checkpoint's positions (and the settings in force):
    what is behind may go.
    """

    def __init__(
        self,
        settings: RecorderSettings,
        journal: MergedJournal,
        pipeline: Pipeline,
        inserter: Inserter,
        checkpoints: Checkpoints,
        keep_alive: Callable[[], None],
        stored_up_to: Callable[[RecorderSettings, Positions], None],
    ) -> None:
        self.settings = settings
        self.journal = journal
        self.pipeline = pipeline
        self.inserter = inserter
        self.checkpoints = checkpoints
        self.keep_alive = keep_alive
        self.stored_up_to = stored_up_to
        self.batch = 0
        self.generation = 0
        self._log = get_logger()
        self._bytes = 0
        self._batches = 0
        self._due = time.monotonic() + settings.checkpoint_seconds
        self._rested = 0.0
        self._newest: Positions | None = None
        self._older: Positions | None = None
        self.sampling = Sampling(pipeline.understanding.runner)

    def resume(self, checkpoint: Checkpoint, positions: Positions) -> None:
        """Continue where `checkpoint` was made; the pipeline has been given its parts."""
        self.generation = checkpoint.generation
        self.batch = checkpoint.batch
        self._newest = positions

    def turn(self) -> bool:
        """Read and hand on what there is; False when there was nothing.

        When a checkpoint is due blocks are taken one by one, so that its positions are those before the block that
        ends a batch.
        """
        due = self._checkpoint_due()
        before = self.journal.positions() if due else None
        items = self.journal.poll(1 if due else READ_BYTES)
        for item in items:
            self.keep_alive()
            self._take(item, before)
            before = None
        return bool(items)

    def _take(self, item: Item, before: Positions | None) -> None:
        pipeline = self.pipeline
        if pipeline.arrive(item.run, item.mono):
            self._hand_on()
            if before is not None:
                self.checkpoint(before)
        at = (
            item.at if isinstance(item, Block) else max(item.at, pipeline.time.at)
        )  # told late, never back in time
        timed = self.sampling.begins()
        pipeline.mark(item.run, item.worker, item.life, at, item.mono)
        if isinstance(item, Block):
            self._block(item)
        elif isinstance(item, Damage):
            pipeline.damaged(item.kind, f"{item.segment}+{item.offset}", item.bytes)
        else:
            pipeline.life_ended()
        if timed:
            self.sampling.ends()
        self._hand_on()
        if isinstance(item, Block) and item.stops_the_journal:
            self._make_room()

    def _make_room(self) -> None:
        """A worker's journal has stopped, perhaps because it is full: let go of all that is recorded, and at once.

        Nothing may come to end this second by itself. Both generations are made new, because what is deleted must
        be behind the older one.
        """
        self.pipeline.batcher.next_part()
        self._hand_on()
        positions = self.journal.positions()
        self.checkpoint(positions)
        self.checkpoint(positions)

    def _block(self, block: Block) -> None:
        pipeline = self.pipeline
        for kind, flags, connection, offset, payload in block.records:
            if kind == Kind.DATA:
                pipeline.data(connection, _DIRECTION[flags], offset, payload)
                self._bytes += len(payload)
            elif kind in _SAID:
                _SAID[kind](pipeline, flags, connection, offset, payload)

    # batches out

    def _hand_on(self) -> None:
        ready = self.pipeline.batcher.ready
        while ready:
            batch = ready.pop(0)
            self._put(batch)
            self.batch = batch.number
            self._batches += 1

    def _put(self, item: Batch | Action) -> None:
        """Wait for room: the store is slow or away, the journal grows, traffic does not notice."""
        while not self.inserter.put(item, 0.25):
            self.inserter.check()
            self.journal.poll(0)  # takes nothing, but sees how far behind we are
            self.keep_alive()

    def finish(self) -> bool:
        """Every worker of this run is gone: record the rest, cut the last batch, make a checkpoint. False: not yet."""
        self.journal.end_run()
        if self.turn() or not self.journal.finished:
            return False
        self.pipeline.batcher.next_part()
        self._hand_on()
        self.checkpoint(self.journal.positions())
        return True

    # checkpoints

    def _checkpoint_due(self) -> bool:
        settings, now = self.settings, time.monotonic()
        enough = self._bytes >= settings.checkpoint_bytes or self._batches >= settings.checkpoint_batches
        return (enough or now >= self._due) and now >= self._rested

    def checkpoint(self, positions: Positions) -> None:
        """Pack the state between two batches; it is written once everything before it is stored."""
        began = time.monotonic()
        self.generation += 1
        parts = {
            "pipeline": pack(PIPELINE_SCHEMA, self.pipeline.state()),
            "tally": pack(TALLY_SCHEMA, self.pipeline.batcher.tally),
            "ledger": pack(LEDGER_SCHEMA, self.pipeline.ledger.snapshot()),
            "connectors": pack(CONNECTORS_SCHEMA, self.pipeline.connectors),
        }
        runner = self.pipeline.understanding.runner
        if runner is not None:
            parts["runner"] = Part(RUNNER_SCHEMA, runner.snapshot())
        where = msgspec.msgpack.encode(positions)
        uuid = bytes.fromhex(self.pipeline.journal)
        checkpoint = Checkpoint(self.generation, uuid, self.batch, where, parts)
        self._put(lambda: self._save(checkpoint, positions))
        now = time.monotonic()
        self._rested = now + _COSTS * (now - began)
        self._due = now + self.settings.checkpoint_seconds
        self._bytes = self._batches = 0

    def _save(self, checkpoint: Checkpoint, positions: Positions) -> None:
        """In the inserter's thread. A full disk costs a longer replay, nothing else."""
        try:
            self.checkpoints.save(checkpoint)
        except OSError as error:
            self._log.warning("checkpoint_failed", error=str(error))
        else:
            self.checkpoints.reached()
            self._older, self._newest = self._newest, positions
        if self._older is not None:
            self.stored_up_to(self.settings, self._older)


def _opened(pipeline: Pipeline, flags: int, connection: int, offset: int, payload: bytes) -> None:
    pipeline.opened(connection, decode(payload, Opened))


def _closed(pipeline: Pipeline, flags: int, connection: int, offset: int, payload: bytes) -> None:
    pipeline.closed(connection, decode(payload, Closed))


def _refused(pipeline: Pipeline, flags: int, connection: int, offset: int, payload: bytes) -> None:
    pipeline.refused(connection, decode(payload, Refused))


def _missed(pipeline: Pipeline, flags: int, connection: int, offset: int, payload: bytes) -> None:
    direction = Direction(flags) if flags else None
    pipeline.missed(connection, direction, offset, decode(payload, Missed))


_SAID: Final[dict[int, Callable[[Pipeline, int, int, int, bytes], None]]] = {
    Kind.OPEN: _opened,
    Kind.CLOSE: _closed,
    Kind.REFUSED: _refused,
    Kind.GAP: _missed,
}
"""The records that say something, but for DATA; a MARK or END is said by its block's time alone."""
