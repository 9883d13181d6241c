"""Why the turn has runs: our own time per message, ns, of a run of chunks, and of a Fact and a Deed for each chunk.

`python -m tests.bench.turn`. The real legs, turn, journal and counters; transports that write nothing; messages of 208
bytes: 160 a turn as when a worker is busy, 16, and 1 as when it is idle. All in turn, best of all: other work only
adds.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from proxy import counters
from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import Kind
from proxy.journal.identity import journal_uuid
from proxy.journal.opening import open_journal
from proxy.journal.settings import JournalSettings
from proxy.names import DIRECTIONS
from proxy.relay.facts import ENCODERS
from proxy.relay.tunnel import Leg, Owner, Tunnel
from proxy.relay.turn import Turn

MESSAGES: Final = 160
A_TURN: Final = (MESSAGES, 16, 1)
CHUNK: Final = b"x" * 208
Way = Callable[[Turn, Leg, bytes], None]


class Nowhere(asyncio.Transport):
    """Takes what it is given."""

    def write(self, data: object) -> None: ...


def as_a_run(turn: Turn, leg: Leg, data: bytes) -> None:
    leg.data_received(data)


def as_fact_and_deed(turn: Turn, leg: Leg, data: bytes) -> None:
    turn.record(Kind.DATA, leg.number, data)
    turn.do(leg.other.write, data)


WAYS: Final[dict[str, Way]] = {"a run of chunks": as_a_run, "a Fact and a Deed each": as_fact_and_deed}


@contextmanager
def busy_turn(folder: Path, soon: list[Callable[[], None]]) -> Iterator[tuple[Turn, list[Leg]]]:
    """A turn over a real journal, and the charge points' legs of as many tunnels as there are messages."""
    uuid = journal_uuid(RealFileSystem(), f"{folder}/journal")
    journal, keeper = open_journal(
        f"{folder}/journal", uuid, 1, 0, 1, JournalSettings(), ENCODERS, soon.append
    )
    slots = counters.Slots.open(counters.slots_path(folder, 0))
    turn = Turn(journal, slots.view, soon.append, lambda: None, _raise, 1 << 20)
    try:
        yield turn, [_leg(turn, number) for number in range(1, MESSAGES + 1)]
    finally:
        journal.close()
        keeper.stop(5.0)


def _raise(error: Exception) -> None:
    raise error


def _leg(turn: Turn, number: int) -> Leg:
    front, back = (Leg(direction, Nowhere(), None, turn, number) for direction in DIRECTIONS)  # type: ignore[arg-type]
    Tunnel(number, "", front, back, cast(Owner, None))
    return front


def measure(rounds: int) -> dict[tuple[str, int], float]:
    """ns per message by way and number of messages a turn."""
    soon: list[Callable[[], None]] = []
    best = {(name, count): float("inf") for name in WAYS for count in A_TURN}
    with tempfile.TemporaryDirectory() as folder, busy_turn(Path(folder), soon) as (turn, legs):
        for _ in range(rounds):
            for (name, count), so_far in best.items():
                best[name, count] = min(so_far, _one_round(turn, legs, WAYS[name], count, soon))
    return best


def _one_round(turn: Turn, legs: list[Leg], way: Way, count: int, soon: list[Callable[[], None]]) -> float:
    """Each leg brings one message, `count` of them a turn."""
    began = time.thread_time_ns()
    for first in range(0, len(legs), count):
        for leg in legs[first : first + count]:
            way(turn, leg, CHUNK)
        while soon:
            soon.pop(0)()
    return (time.thread_time_ns() - began) / len(legs)


def main() -> int:
    for (name, count), nanoseconds in measure(300).items():
        print(f"{name:24} {count:4} a turn {nanoseconds:6.0f} ns a message")
    return 0


if __name__ == "__main__":
    sys.exit(main())
