"""Who answers whom on one connection: key is (direction of the CALL, message id) (OCPP-J 1.6 §4.1; 2.1 Part 4 §4.1).

- Both directions may use the same id, and their CALLs may cross: correlation is by id, never by adjacency.
- A reply on another connection is never joined: a Correlator belongs to one connection.
- Nothing times out here; how long is too long is an analyzer's business.
- Bounded: 1,000 waiting calls per direction (the oldest is given up), 16 KiB of text kept per waiting call and
  256 KiB per direction (beyond: the call waits without its text), the last 64 answered ids per direction.
- Latency is measured on the pipeline's `clock` (ns, only grows), never negative.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError

MAX_WAITING: Final = 1000
MAX_TEXT: Final = 16 * 1024
MAX_TEXT_WAITING: Final = 256 * 1024
MAX_ANSWERED: Final = 64

Reply = CallResult | CallError | CallResultError


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A CALL without an answer yet. `text` is b"" when nobody will ask for it, or it is too long to keep."""

    direction: Direction
    message_id: str
    action: str
    text: bytes
    at: int
    clock: int
    frame_no: int


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """A call that was given up. `reason`: "connection closed", "message id used again" or "too many waiting"."""

    call: Waiting
    reason: str
    waited_ns: int


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The reply belongs to `call`."""

    call: Waiting
    latency_ns: int


class Duplicate(msgspec.Struct, frozen=True, gc=False):
    """The call with this id has been answered before."""

    direction: Direction
    action: str


class Objection(msgspec.Struct, frozen=True, gc=False):
    """The sender of a CALL does not accept its CALLRESULT: type 5, or type 4 as some peers do before 2.1."""

    direction: Direction
    action: str


class Orphan(msgspec.Struct, frozen=True, gc=False):
    """No call with this id is known. `direction` is where its CALL would have come from."""

    direction: Direction


Verdict = Answer | Duplicate | Objection | Orphan


class CorrelatorState(msgspec.Struct, frozen=True):
    """Snapshot of a Correlator: waiting calls in the order they were sent, answered ids oldest first."""

    waiting: list[Waiting]
    answered: list[tuple[Direction, str, str]]


class Correlator:
    """Joins calls and replies of one connection. `asked`: the actions whose CALL is read again at its answer."""

    def __init__(self, asked: Collection[str] = ()) -> None:
        self.asked = asked
        self._waiting: dict[Direction, dict[str, Waiting]] = {direction: {} for direction in DIRECTIONS}
        self._answered: dict[Direction, dict[str, str]] = {direction: {} for direction in DIRECTIONS}
        self._kept: dict[Direction, int] = dict.fromkeys(DIRECTIONS, 0)

    @property
    def waiting(self) -> int:
        """Calls of both directions without an answer."""
        return sum(map(len, self._waiting.values()))

    def call(
        self, direction: Direction, call: Call, at: int, clock: int, frame_no: int
    ) -> Sequence[Unanswered]:
        """`call` waits from now on; the calls that are given up for it."""
        waiting = self._waiting[direction]
        given_up: Sequence[Unanswered] = ()
        if call.message_id in waiting:
            given_up = (self._give_up(direction, call.message_id, "message id used again", clock),)
        elif len(waiting) >= MAX_WAITING:
            given_up = (self._give_up(direction, next(iter(waiting)), "too many waiting", clock),)
        text = self._text_to_keep(direction, call)
        self._kept[direction] += len(text)
        waiting[call.message_id] = Waiting(direction, call.message_id, call.action, text, at, clock, frame_no)
        return given_up

    def _text_to_keep(self, direction: Direction, call: Call) -> bytes:
        wanted = call.action in self.asked and len(call.text) <= MAX_TEXT
        return call.text if wanted and self._kept[direction] + len(call.text) <= MAX_TEXT_WAITING else b""

    def _give_up(self, direction: Direction, message_id: str, reason: str, clock: int) -> Unanswered:
        call = self._take(direction, message_id)
        return Unanswered(call, reason, max(0, clock - call.clock))

    def _take(self, direction: Direction, message_id: str) -> Waiting:
        call = self._waiting[direction].pop(message_id)
        self._kept[direction] -= len(call.text)
        return call

    def reply(self, direction: Direction, reply: Reply, clock: int) -> Verdict:
        """What `reply`, sent by `direction`, belongs to."""
        asker = direction.other
        if not isinstance(reply, CallResultError) and reply.message_id in self._waiting[asker]:
            call = self._take(asker, reply.message_id)
            self._remember(asker, call)
            return Answer(call, max(0, clock - call.clock))
        return self._without_call(direction, reply)

    def _without_call(self, direction: Direction, reply: Reply) -> Verdict:
        asker = direction.other
        own, others = self._answered[direction], self._answered[asker]
        if not isinstance(reply, CallResult) and reply.message_id in own:
            return Objection(direction, own[reply.message_id])
        if not isinstance(reply, CallResultError) and reply.message_id in others:
            return Duplicate(asker, others[reply.message_id])
        return Orphan(direction if isinstance(reply, CallResultError) else asker)

    def _remember(self, direction: Direction, call: Waiting) -> None:
        answered = self._answered[direction]
        answered.pop(call.message_id, None)
        if len(answered) >= MAX_ANSWERED:
            del answered[next(iter(answered))]
        answered[call.message_id] = call.action

    def close(self, clock: int) -> list[Unanswered]:
        """The connection ended: whatever waits is unanswered, in the order it was sent."""
        left = [call for waiting in self._waiting.values() for call in waiting.values()]
        left.sort(key=lambda call: call.frame_no)
        self._waiting = {direction: {} for direction in DIRECTIONS}
        self._kept = dict.fromkeys(DIRECTIONS, 0)
        return [Unanswered(call, "connection closed", max(0, clock - call.clock)) for call in left]

    def snapshot(self) -> CorrelatorState:
        waiting = [call for calls in self._waiting.values() for call in calls.values()]
        answered = [
            (direction, message_id, action)
            for direction, calls in self._answered.items()
            for message_id, action in calls.items()
        ]
        return CorrelatorState(waiting, answered)

    @classmethod
    def restore(cls, state: CorrelatorState, asked: Collection[str] = ()) -> Correlator:
        correlator = cls(asked)
        for call in state.waiting:
            correlator._waiting[call.direction][call.message_id] = call
            correlator._kept[call.direction] += len(call.text)
        for direction, message_id, action in state.answered:
            correlator._answered[direction][message_id] = action
        return correlator
