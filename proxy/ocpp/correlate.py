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


class _Side:
    """The calls of one direction. `kept`: bytes of text that wait with them."""

    __slots__ = ("answered", "kept", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[str, Waiting] = {}
        self.answered: dict[str, str] = {}
        self.kept = 0


class Correlator:
    """Joins calls and replies of one connection. `asked`: the actions whose CALL is read again at its answer."""

    __slots__ = ("_asked_by", "_sides", "asked")

    def __init__(self, asked: Collection[str] = ()) -> None:
        self.asked = asked
        self._sides = {direction: _Side() for direction in DIRECTIONS}
        self._asked_by = {direction: self._sides[direction.other] for direction in DIRECTIONS}

    @property
    def waiting(self) -> int:
        """Calls of both directions without an answer."""
        return sum(len(side.waiting) for side in self._sides.values())

    @property
    def waiting_of(self) -> tuple[int, ...]:
        """The same, by who sent them, in the order of DIRECTIONS."""
        return tuple([len(side.waiting) for side in self._sides.values()])

    def call(
        self, direction: Direction, call: Call, at: int, clock: int, frame_no: int
    ) -> Sequence[Unanswered]:
        """`call` waits from now on; the calls that are given up for it."""
        side, message_id, text = self._sides[direction], call.message_id, call.text
        given_up: Sequence[Unanswered] = ()
        if message_id in side.waiting:
            given_up = (_give_up(side, message_id, "message id used again", clock),)
        elif len(side.waiting) >= MAX_WAITING:
            given_up = (_give_up(side, next(iter(side.waiting)), "too many waiting", clock),)
        if call.action not in self.asked or len(text) > MAX_TEXT or side.kept + len(text) > MAX_TEXT_WAITING:
            text = b""
        side.kept += len(text)
        side.waiting[message_id] = Waiting(direction, message_id, call.action, text, at, clock, frame_no)
        return given_up

    def reply(self, direction: Direction, reply: Reply, clock: int) -> Verdict:
        """What `reply`, sent by `direction`, belongs to."""
        side, message_id = self._asked_by[direction], reply.message_id
        if message_id not in side.waiting or isinstance(reply, CallResultError):
            return self._without_call(direction, reply)
        call = _take(side, message_id)
        answered = side.answered
        answered.pop(message_id, None)
        if len(answered) >= MAX_ANSWERED:
            del answered[next(iter(answered))]
        answered[message_id] = call.action
        return Answer(call, max(0, clock - call.clock))

    def _without_call(self, direction: Direction, reply: Reply) -> Verdict:
        asker = direction.other
        own, others = self._sides[direction].answered, self._sides[asker].answered
        if not isinstance(reply, CallResult) and reply.message_id in own:
            return Objection(direction, own[reply.message_id])
        if not isinstance(reply, CallResultError) and reply.message_id in others:
            return Duplicate(asker, others[reply.message_id])
        return Orphan(direction if isinstance(reply, CallResultError) else asker)

    def close(self, clock: int) -> list[Unanswered]:
        """The connection ended: whatever waits is unanswered, in the order it was sent."""
        left = [call for side in self._sides.values() for call in side.waiting.values()]
        left.sort(key=lambda call: call.frame_no)
        for side in self._sides.values():
            side.waiting = {}
            side.kept = 0
        return [Unanswered(call, "connection closed", max(0, clock - call.clock)) for call in left]

    def snapshot(self) -> CorrelatorState:
        waiting = [call for side in self._sides.values() for call in side.waiting.values()]
        answered = [
            (direction, message_id, action)
            for direction, side in self._sides.items()
            for message_id, action in side.answered.items()
        ]
        return CorrelatorState(waiting, answered)

    @classmethod
    def restore(cls, state: CorrelatorState, asked: Collection[str] = ()) -> Correlator:
        correlator = cls(asked)
        for call in state.waiting:
            side = correlator._sides[call.direction]
            side.waiting[call.message_id] = call
            side.kept += len(call.text)
        for direction, message_id, action in state.answered:
            correlator._sides[direction].answered[message_id] = action
        return correlator


def _take(side: _Side, message_id: str) -> Waiting:
    call = side.waiting.pop(message_id)
    side.kept -= len(call.text)
    return call


def _give_up(side: _Side, message_id: str, reason: str, clock: int) -> Unanswered:
    call = _take(side, message_id)
    return Unanswered(call, reason, max(0, clock - call.clock))
