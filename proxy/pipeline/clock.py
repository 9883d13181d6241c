"""Time as the stream tells it: no part of the pipeline asks a clock (DESIGN 5).

`at` is the relay's wall clock, ns UTC: for people. `clock`, ns, only grows: for durations and waiting. It
advances by the monotonic distance between neighbouring blocks, but by at most 2 s: workers write a mark each
second, so a longer distance means that nobody observed, and time nobody observed does not count.
"""

from __future__ import annotations

from typing import Final

import msgspec

LONGEST_STEP: Final = 2_000_000_000
"""ns; twice the distance of two marks."""


class Unobserved(msgspec.Struct, frozen=True, gc=False):
    """Nobody observed between these two moments (`at`, ns UTC)."""

    since_at: int
    until_at: int


class ObservedClock(msgspec.Struct):
    """Snapshot = itself (a msgspec value)."""

    run: int = -1
    mono: int = 0
    at: int = 0
    clock: int = 0

    def advance(self, run: int, at: int, mono: int) -> Unobserved | None:
        """Time has come to (`run`, `mono`); says so when part of the way went unobserved."""
        distance = self._distance(run, at, mono)
        unobserved = Unobserved(self.at, at) if distance > LONGEST_STEP else None
        self.clock += min(distance, LONGEST_STEP)
        self.run, self.mono, self.at = (
            run,
            mono,
            at or self.at,
        )  # damage before a first block has no wall time
        return unobserved

    def _distance(self, run: int, at: int, mono: int) -> int:
        if run == self.run:
            return max(0, mono - self.mono)
        if self.run < 0:
            return 0
        return (
            max(0, at - self.at) if at else 0
        )  # another run may be another boot: only the wall clock spans both
