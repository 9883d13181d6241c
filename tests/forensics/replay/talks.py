"""Recordings in a few words, and a conversation played by hand: what the peer says and time go in, texts come out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from proxy.forensics.replay.conversation import Conversation
from proxy.forensics.replay.diff import DEFAULT_IGNORED, ignoring
from proxy.forensics.replay.judging import Judge
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.outcome import Outcome, Who
from proxy.forensics.replay.recording import Recording
from proxy.forensics.replay.script import script
from proxy.forensics.replay.spoken import Spoken, spoken
from proxy.forensics.replay.substitution import Learned
from proxy.names import Direction

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
BEGIN = 1_800_000_000_000_000
"""us UTC"""
SECOND = 1_000_000
Said = tuple[Direction, Any]
"""Who, and the message: a list, or bytes as they are."""


def text_of(message: Any) -> bytes:
    return message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()


def told(*said: Said, step: float = 0.1) -> list[Spoken]:
    """One message each `step` seconds, places from 1."""
    return [
        spoken(place, BEGIN + round(place * step * SECOND), direction, text_of(message))
        for place, (direction, message) in enumerate(said, 1)
    ]


def recording(*said: Said, step: float = 0.1, **more: Any) -> Recording:
    found = told(*said, step=step)
    ended = found[-1].at if found else BEGIN
    values = {"charge_point": "CP_1", "session": "5e55", "version": "1.6", "began": BEGIN, "ended": ended}
    return Recording(**{**values, "spoken": found, **more})


def call(number: int, action: str, payload: Any = None) -> list[Any]:
    return [2, f"m{number}", action, {} if payload is None else payload]


def result(number: int, payload: Any = None) -> list[Any]:
    return [3, f"m{number}", {} if payload is None else payload]


def exchange(number: int, action: str, payload: Any = None, answer: Any = None) -> list[Said]:
    """A call of the charge point and its answer."""
    return [(CP, call(number, action, payload)), (CSMS, result(number, answer))]


class Played:
    """A conversation on a clock that only the test moves."""

    def __init__(self, recorded: Recording, outcome: Outcome | None = None, **manner: Any) -> None:
        self.now = 1_000.0
        self.outcome = outcome or Outcome()
        ignore: Sequence[str] = manner.pop("ignore", DEFAULT_IGNORED)
        self.learned: Learned = manner.pop("learned", None) or Learned()
        self.manner = Manner(**{"mine": CP, "breath": 0.0, **manner})
        judge = Judge(
            Who(recorded.charge_point, recorded.session), self.outcome, ignoring(tuple(ignore)), self.learned
        )
        self.conversation = Conversation(self.manner, judge, self.learned)
        for step in script(recorded, self.manner.mine):
            self.conversation.add(step)
        self.conversation.complete()
        self.conversation.start(self.now, BEGIN + 3_600 * SECOND, recorded.began)

    def said(self) -> list[Any]:
        """What was said since the last look."""
        return [json.loads(text) for text in self.raw()]

    def raw(self) -> list[bytes]:
        return self.conversation.take()

    def hears(self, *messages: Any, after: float = 0.01) -> list[Any]:
        """What the peer says, and what is said to that."""
        for message in messages:
            self.now += after
            self.conversation.heard(text_of(message), self.now)
        return self.said()

    def waits(self, seconds: float) -> list[Any]:
        self.now += seconds
        self.conversation.tick(self.now)
        return self.said()

    def finds(self) -> list[tuple[str, str, str, str, str]]:
        """Over: (kind, action, path, recorded, new) of each difference."""
        self.conversation.finish()
        return [(d.kind.value, d.action, d.path, d.recorded, d.new) for d in self.outcome.differences]
