"""What the replayed side has to do with the calls of the other side: its recorded answers by action, and which recorded
call a new one stands for. Pure.

`most`: how much is remembered of an action, for sessions that still go on; what is older is forgotten. A recording that
is over is remembered whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from proxy.forensics.replay.script import Reply
from proxy.forensics.replay.spoken import Spoken

_MOST_PLACES = 10_000


class Books:
    """The recorded answers, by action: each once, in order, the last one again and again."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._answers: dict[str, deque[Spoken]] = {}
        self._places: set[int] = set()

    def add(self, step: Reply) -> None:
        self._answers.setdefault(step.call.action, deque(maxlen=self._most)).append(step.answer)
        if self._most is not None and len(self._places) >= _MOST_PLACES:
            self._places.clear()
        self._places.add(step.call.place)

    def has(self, action: str) -> bool:
        return action in self._answers

    def next(self, action: str) -> Spoken | None:
        """None: the recording has none."""
        answers = self._answers.get(action)
        if answers is None:
            return None
        return answers.popleft() if len(answers) > 1 else answers[0]

    def has_place(self, call: Spoken | None) -> bool:
        """Whether the answer to a recorded call has a place in the script."""
        return call is not None and call.place in self._places


class Calls:
    """The n-th call of an action stands for the n-th recorded one."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._recorded: dict[str, deque[Spoken]] = {}
        self._extra: dict[str, deque[Spoken]] = {}
        self._come: set[int] = set()
        self._given_up: set[int] = set()
        self.forgotten_missing = 0
        self.forgotten_unexpected = 0

    def expect(self, call: Spoken) -> Spoken | None:
        """A recorded call; the new one that has come before its time, if there is one."""
        extra = self._extra.get(call.action)
        if extra:
            return extra.popleft()
        waiting = self._recorded.setdefault(call.action, deque())
        if len(waiting) == self._most:
            waiting.popleft()
            self.forgotten_missing += 1
        waiting.append(call)
        return None

    def came(self, call: Spoken) -> Spoken | None:
        """A new call; the recorded one that it stands for."""
        waiting = self._recorded.get(call.action)
        if not waiting:
            extra = self._extra.setdefault(call.action, deque())
            if len(extra) == (self._most or _MOST_PLACES):
                extra.popleft()
                self.forgotten_unexpected += 1
            extra.append(call)
            return None
        recorded = waiting.popleft()
        if self._most is None:
            self._come.add(recorded.place)
        return recorded

    def has_come(self, recorded: Spoken) -> bool:
        return recorded.place in self._come

    def give_up(self, recorded: Spoken) -> None:
        """It is waited for no longer; it may still come."""
        self._given_up.add(recorded.place)

    def is_late(self, recorded: Spoken) -> bool:
        return recorded.place in self._given_up

    def missing(self) -> Iterator[Spoken]:
        for waiting in self._recorded.values():
            yield from waiting

    def unexpected(self) -> Iterator[Spoken]:
        for extra in self._extra.values():
            yield from extra
