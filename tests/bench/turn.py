"""Why the turn has runs: our own time per message, ns, of a run of chunks, and of a Fact and a Deed for each chunk.

`python -m tests.bench.turn`. The real legs, turn and journal; transports that write nothing; 160 messages of 208 bytes
a turn, as when a worker is busy. Both ways in turn, best of all: other work only adds.
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


def measure(turns: int) -> dict[str, float]:
    """ns per message by way."""
    soon: list[Callable[[], None]] = []
    best = dict.fromkeys(WAYS, float("inf"))
    with tempfile.TemporaryDirectory() as folder, busy_turn(Path(folder), soon) as (turn, legs):
        for _ in range(turns):
            for name, way in WAYS.items():
                best[name] = min(best[name], _one_turn(turn, legs, way, soon))
    return best


def _one_turn(turn: Turn, legs: list[Leg], way: Way, soon: list[Callable[[], None]]) -> float:
    began = time.thread_time_ns()
    for leg in legs:
        way(turn, leg, CHUNK)
    while soon:
        soon.pop(0)()
    return (time.thread_time_ns() - began) / len(legs)


def main() -> int:
    for name, nanoseconds in measure(500).items():
        print(f"{name:24} {nanoseconds:6.0f} ns a message")
    return 0


if __name__ == "__main__":
    sys.exit(main())
