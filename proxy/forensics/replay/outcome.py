"""What came of a replay: every difference, and by action how many calls there were, how many differ, how long answers
took then and now. Pure.

Bounded: 10,000 differences are kept, all are counted; 1,000 actions; latencies are counted in steps of one percent.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

import msgspec

from proxy.forensics.replay.diff import Change, Kind
from proxy.forensics.replay.spoken import Spoken
from proxy.names import Direction

MOST_DIFFERENCES: Final = 10_000
MOST_ACTIONS: Final = 1_000
_OTHERS: Final = "(others)"
_STEP: Final = math.log(1.01)
_LEAST: Final = 1e-6


class Difference(msgspec.Struct, frozen=True):
    """`at`: microseconds UTC, when it was recorded (0: it was not). `sender`: of the call; None: about the connection.
    `path`: where in the answer. `recorded`, `new`: JSON or words, "" where there is nothing."""

    kind: Kind
    charge_point: str
    session: str = ""
    place: int = 0
    at: int = 0
    sender: Direction | None = None
    action: str = ""
    message_id: str = ""
    path: str = ""
    recorded: str = ""
    new: str = ""


class Latencies:
    """Seconds, to one percent."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0

    def add(self, seconds: float) -> None:
        self._counts[round(math.log(max(_LEAST, seconds)) / _STEP)] += 1
        self.count += 1

    def quantile(self, share: float) -> float | None:
        """Seconds; the nearest rank. None: there are none."""
        wanted = math.ceil(share * self.count)
        seen = 0
        for step in sorted(self._counts):
            seen += self._counts[step]
            if seen >= wanted:
                return math.exp(step * _STEP)
        return None


class Tally:
    """Calls of one action from one side. `calls`: sent by the replayed side, or expected from the other."""

    def __init__(self) -> None:
        self.calls = 0
        self.compared = 0
        self.differing = 0
        self.recorded = Latencies()
        self.new = Latencies()


class Outcome:
    """Of all conversations of a replay together."""

    def __init__(self) -> None:
        self.differences: list[Difference] = []
        self.kinds: Counter[Kind] = Counter()
        self.actions: dict[tuple[Direction, str], Tally] = {}
        self.left_out: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.charge_points = 0
        self.connections = 0
        self.sent = 0

    @property
    def count(self) -> int:
        """Differences, also those that are not kept."""
        return self.kinds.total()

    @property
    def same(self) -> bool:
        return not self.count

    @property
    def calls(self) -> int:
        return sum(tally.calls for tally in self.actions.values())

    @property
    def compared(self) -> int:
        return sum(tally.compared for tally in self.actions.values())

    @property
    def differing(self) -> int:
        return sum(tally.differing for tally in self.actions.values())

    def of(self, sender: Direction, action: str) -> Tally:
        """Actions come from peers: beyond 1,000 they are counted together."""
        key = (sender, action)
        tally = self.actions.get(key)
        if tally is None:
            if len(self.actions) >= MOST_ACTIONS:
                key = (sender, _OTHERS)
            tally = self.actions.setdefault(key, Tally())
        return tally

    def differs(self, difference: Difference) -> None:
        self.kinds[difference.kind] += 1
        if len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(difference)

    def note(self, what: str, count: int = 1) -> None:
        self.notes[what] += count


class Who(msgspec.Struct, frozen=True):
    """Whose conversation it is."""

    charge_point: str
    session: str = ""

    def difference(self, change: Change, call: Spoken) -> Difference:
        """About the answer to a recorded call, or the call itself."""
        return Difference(
            change.kind,
            self.charge_point,
            self.session,
            call.place,
            call.at,
            call.direction,
            call.action,
            call.message_id,
            change.path,
            change.recorded,
            change.new,
        )
