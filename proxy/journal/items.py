"""What a reader of the journal gets, in merged order, and where it stands. Values only.

Within a run `mono` never goes back from one item to the next, whatever kind they are.
"""

from __future__ import annotations

import enum

import msgspec

from proxy.journal.format import End, Kind, Record


class Block(msgspec.Struct, frozen=True, gc=False):
    """One block of one worker. `mono` never goes back within a worker. A MARK or END is a block like any other."""

    run: int
    worker: int
    life: int
    segment: int
    offset: int
    at: int
    mono: int
    records: list[Record]

    @property
    def stops_the_journal(self) -> bool:
        """Ends it with END(failed): nothing more of this worker until a segment is ready again."""
        return bool(self.records) and self.records[-1][0] == Kind.END and self.records[-1][1] == End.FAILED


class DamageKind(enum.StrEnum):
    """damage: bytes between valid blocks that are none. torn: the cut tail of a writer that died.
    missing: a whole segment, or the end of one that another follows, is not there; its bytes are not known (0)."""

    DAMAGE = "damage"
    TORN = "torn"
    MISSING = "missing"


class Damage(msgspec.Struct, frozen=True, gc=False):
    """Bytes that cannot be read. `at`: of the worker's last block before; `mono`: where the stream has come to."""

    run: int
    worker: int
    life: int
    segment: int
    offset: int
    bytes: int
    kind: DamageKind
    at: int
    mono: int


class LifeEnded(msgspec.Struct, frozen=True, gc=False):
    """A worker process is gone: all its connections without CLOSE are `relay_lost` at `at`, its last block's time.

    `mono` is that block's too, but for a life that failed: there it is where the stream has come to.
    """

    run: int
    worker: int
    life: int
    at: int
    mono: int


Item = Block | Damage | LifeEnded


class LanePosition(msgspec.Struct, frozen=True, gc=False):
    """Where one worker's stream goes on; all lives below `life` are over. Segment 0: its first one, whichever.

    `at`, `mono`: of the last block delivered. `began`: this life has had blocks. `failed`: the last one ended it
    with END(failed).
    """

    worker: int
    life: int = 0
    segment: int = 0
    offset: int = 0
    at: int = 0
    mono: int = 0
    began: bool = False
    failed: bool = False


class Positions(msgspec.Struct, frozen=True):
    """The next undelivered block of every life: all of earlier runs is delivered. Run 0: from the beginning."""

    run: int = 0
    lanes: tuple[LanePosition, ...] = ()

    def lane(self, worker: int) -> LanePosition:
        for lane in self.lanes:
            if lane.worker == worker:
                return lane
        return LanePosition(worker)


class Skipped(msgspec.Struct, frozen=True):
    """A file of the directory that no stream can be read from: said once, never fatal."""

    file: str
    reason: str
