"""Conversations that go on while something fails, and the ledger of them: what passed = what is recorded + the gaps."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tests.e2e.running import Running, ask, until
from tests.e2e.test_failures import Talk, Talks, missing_bytes, nothing_is_doubled
from tests.faults.faults import Failpoint, Row, bounded_peaks, tell

PACE_SECONDS: Final = 0.001
PEERS_WAIT_SECONDS: Final = 120.0
"""Longer than any fault lasts: peers of ours do not give up."""
COARSE_SECONDS: Final = 0.05
"""A file's time is that of the kernel's last tick."""


def conversations(run: Running, talks: Talks, count: int = 3) -> list[Talk]:
    """Through `run`, named CP0, CP1, … Their sockets stay open for as long as nobody closes them."""
    made = [talks.begin(run, f"CP{number}") for number in range(count)]
    for talk in made:
        talk.near.settimeout(PEERS_WAIT_SECONDS)
        talk.far.settimeout(PEERS_WAIT_SECONDS)
    return made


class Chatter:
    """Says a frame each way, one conversation after the other, in a thread. All arrives; else leaving it raises."""

    def __init__(self, talks: Sequence[Talk]) -> None:
        self._talks = talks
        self._answered: list[float] = []
        self._failed: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._talk, name="chatter")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _talk(self) -> None:
        try:
            for talk in itertools.cycle(self._talks):
                if self._stopping.wait(PACE_SECONDS):
                    break
                talk.say()
                self._answered.append(time.time())
        except BaseException as error:
            self._failed = error

    def more(self, count: int) -> None:
        """Until so many more frames have gone each way."""
        wanted = len(self._answered) + count
        until(lambda: len(self._answered) >= wanted or self._failed is not None, "nobody answers any more")

    def answers_while(self, point: Failpoint, seconds: float) -> int:
        """How many came while the fault lasted that began when `point` was reached."""
        began = point.began()
        return sum(began + COARSE_SECONDS < at < began + seconds for at in tuple(self._answered))

    def last_answer(self) -> float:
        """When it came; 0: there was none yet."""
        return self._answered[-1] if self._answered else 0.0

    def longest_pause(self) -> float:
        """Between two answers."""
        return max(later - sooner for sooner, later in itertools.pairwise(self._answered))


_RECORDED: Final = "SELECT sum(length(header) + length(payload) + 4 * masked) FROM all_frames"
_CALLS: Final = "SELECT count() FROM frames WHERE message_id != ''"
_MISSED: Final = "SELECT sum(bytes) FROM gaps WHERE connection_id != '' AND kind = 'journal'"
"""What the journal itself said: a hole that only the recorder noticed is a loss in silence."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Of all conversations of a run. `missing` = bytes that passed less bytes recorded."""

    frames: int
    recorded_frames: int
    missing: int
    gap_bytes: int


def settle(run: Running, talks: Sequence[Talk]) -> Ledger:
    """End them. Each stream must then be, byte for byte, what the store has and what its gaps say; nothing twice."""
    for talk in talks:
        talk.near.settimeout(PEERS_WAIT_SECONDS)
        talk.end()
    said = sum(missing_bytes(run.data, talk) for talk in talks)
    assert nothing_is_doubled(run.data)
    passed = sum(len(talk.up) + len(talk.down) for talk in talks)
    ledger = Ledger(
        frames=sum(2 * talk.frames for talk in talks),
        recorded_frames=int(ask(run.data, _CALLS)),
        missing=passed - int(ask(run.data, _RECORDED)),
        gap_bytes=int(ask(run.data, _MISSED)),
    )
    assert ledger.missing == ledger.gap_bytes == said, ledger
    return ledger


def nothing_is_missing(ledger: Ledger) -> bool:
    return ledger.missing == 0 and ledger.frames == ledger.recorded_frames


def reasons(data: Path, kind: str) -> str:
    """What the gaps of this kind say."""
    return ask(
        data, f"SELECT arrayStringConcat(groupUniqArray(reason), '\n') FROM gaps WHERE kind = '{kind}'"
    )


def tell_ledger(run: Running, ledger: Ledger, fault: str, traffic: str, reached: str) -> None:
    """The row of a fault whose conversations are settled; memory is looked at, and bounded, here."""
    recorded = f"all of {ledger.frames:,} frames, once"
    if ledger.missing:
        recorded = f"{ledger.recorded_frames:,} of {ledger.frames:,} frames, once; the rest is in the gaps"
    gaps = f"{ledger.gap_bytes:,} = {ledger.missing:,}" if ledger.missing else "no gap"
    tell(Row(fault, traffic, recorded, gaps, reached=reached, **bounded_peaks(run)))
