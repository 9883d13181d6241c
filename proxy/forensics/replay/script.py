"""What the replayed side says, in order, and what it waits for. Pure.

A recording is turned into steps that stand in the order in which things happened:

    Say       a call, a SEND, or a text that is no OCPP message: it is sent when it is the first one left
    Answered  here the other side's answer had come: what follows waits for the new one
    Hear      here the other side made a call: what follows waits for it
    Reply     here ours was answered by us; an answer is sent as soon as the call is here, this is its place

So calls that were sent one upon the other are sent so again, and a call that followed upon something the other side
said follows upon it again. A call without a recorded answer is waited for as long as the recorded side waited: until it
said the next thing.

`Scribe` works message by message, for sessions that still go on; `script` knows the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from proxy.forensics.replay.recording import Recording
from proxy.forensics.replay.spoken import CALL, RESULT_ERROR, SEND, Joiner, Spoken
from proxy.names import Direction

ORPHANS = "answers to no call"
_US = 1_000_000


class Say(msgspec.Struct, frozen=True, gc=False):
    said: Spoken


class Answered(msgspec.Struct, frozen=True, gc=False):
    """`answer` None: there was none; it is waited for `seconds` at most."""

    call: Spoken
    answer: Spoken | None = None
    seconds: float = float("inf")


class Hear(msgspec.Struct, frozen=True, gc=False):
    call: Spoken


class Reply(msgspec.Struct, frozen=True, gc=False):
    call: Spoken
    answer: Spoken


Step = Say | Answered | Hear | Reply


class Scribe:
    """`mine`: whom the replay stands for. `left_out`: what of it cannot be said."""

    def __init__(self, mine: Direction, left_out: Counter[str]) -> None:
        self._mine = mine
        self._left_out = left_out
        self._joiner = Joiner()

    def step(self, said: Spoken) -> Step | None:
        """What a message makes of itself; None: nothing, it is counted."""
        call = self._joiner.call_of(said)
        if said.direction is self._mine:
            return self._ours(said, call)
        return self._theirs(said, call)

    def _ours(self, said: Spoken, call: Spoken | None) -> Step | None:
        if not said.is_answer:
            return Say(said)
        if call is None:
            self._left_out[ORPHANS] += 1
            return None
        return Reply(call, said)

    def _theirs(self, said: Spoken, call: Spoken | None) -> Step | None:
        """What else the other side said is not waited for: an answer to no call, a text that is no message."""
        if said.kind in (CALL, SEND):
            return Hear(said)
        return None if call is None or said.kind == RESULT_ERROR else Answered(call, said)


def script(recording: Recording, mine: Direction) -> Iterator[Step]:
    """All of a recording. What cannot be said is counted in `recording.left_out`."""
    scribe = Scribe(mine, recording.left_out)
    steps = [step for said in recording.spoken if (step := scribe.step(said)) is not None]
    answered = {step.call.place for step in steps if isinstance(step, Answered)}
    open_ones: list[Spoken] = []
    for step in steps:
        if isinstance(step, Say):
            yield from _waited(open_ones, step.said.at)
            open_ones = []
            if step.said.kind == CALL and step.said.place not in answered:
                open_ones.append(step.said)
        yield step
    yield from _waited(open_ones, recording.ended)


def _waited(calls: list[Spoken], until: int) -> Iterator[Answered]:
    """Calls that nobody answered, and how long that was waited for."""
    for call in calls:
        yield Answered(call, None, max(0, until - call.at) / _US)
