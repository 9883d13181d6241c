"""Unanswered call: a CALL that nobody answered, or that was answered late.

Fires when: a charge point's CALL has no answer after 30 s, a CSMS's CALL after 60 s (PR-01, a warning); an answer,
    CALLRESULT or CALLERROR, takes more than 10 s (PR-02, info). One finding per charge point, direction and action,
    with a count; a later call of that action that is answered in time clears it.
Does not fire when: the connection closed first, the id was used again for a retry, or bytes of the connection passed
    unseen: then nobody knows. CALLs of before the recording, SEND messages (2.1), and calls beyond 64 waiting per
    charge point (the oldest is not judged) are not waited for.
Clause: OCPP-J 1.6 §4.1.1, §4.2; 2.0.1 and 2.1 Part 4 §4.1.1, §4.1.2.
Says:
    CP_1: the CSMS did not answer its Heartbeat within 30 s.
    CP_1: it did not answer the CSMS's Reset within 60 s.
    CP_1: the CSMS answered its Heartbeat only after 12 s (limit 10 s).
    CP_1: it answered the CSMS's Reset only after 10.5 s (limit 10 s).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Raised,
    Rule,
    Severity,
    State,
    seconds,
)
from proxy.names import Direction
from proxy.ocpp.facts import (
    BytesLost,
    CallAnswered,
    CallSent,
    CallUnanswered,
    ConnectionClosed,
    Fact,
    SightLost,
)

MAX_WAITING: Final = 64
MAX_ACTIONS: Final = 64
"""Actions with an open finding, per rule; all of OCPP 2.1 has fewer per direction. The oldest is cleared for a 65th."""

UNANSWERED: Final = Rule(
    "PR-01",
    Severity.WARNING,
    "OCPP-J 1.6 §4.1.1; 2.x Part 4 §4.1.1",
    "{charge_point}: {what} within {limit}.",
)
LATE: Final = Rule(
    "PR-02",
    Severity.INFO,
    "OCPP-J 1.6 §4.1.1; 2.x Part 4 §4.1.1",
    "{charge_point}: {what} only after {observed} (limit {limit}).",
)
_CSMS: Final = Direction.FROM_CSMS
_NOT_ANSWERED: Final = {
    Direction.FROM_CHARGE_POINT: "the CSMS did not answer its {}",
    Direction.FROM_CSMS: "it did not answer the CSMS's {}",
}
_ANSWERED: Final = {
    Direction.FROM_CHARGE_POINT: "the CSMS answered its {}",
    Direction.FROM_CSMS: "it answered the CSMS's {}",
}


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A CALL that waits; `clock` is when it was sent."""

    connection_id: str
    direction: Direction
    message_id: str
    action: str
    clock: int
    frame_no: int

    @property
    def key(self) -> str:
        return _key(self.direction, self.action)


class UnansweredCallState(State):
    """`waiting` in the order of sending; `unanswered` and `late`: keys with an open finding, oldest first."""

    waiting: list[Pending] = msgspec.field(default_factory=list)
    unanswered: list[str] = msgspec.field(default_factory=list)
    late: list[str] = msgspec.field(default_factory=list)


@dataclass(frozen=True)
class UnansweredCall(Analyzer[UnansweredCallState]):
    """`late_seconds` is for both directions; an answer after the longer limit is late, too."""

    name: ClassVar[str] = "unanswered_call"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        CallSent,
        CallAnswered,
        CallUnanswered,
        ConnectionClosed,
        BytesLost,
        SightLost,
    )
    rules: ClassVar[tuple[Rule, ...]] = (UNANSWERED, LATE)

    charge_point_call_seconds: int = 30
    csms_call_seconds: int = 60
    late_seconds: int = 10

    def new_state(self) -> UnansweredCallState:
        return UnansweredCallState()

    def step(self, state: UnansweredCallState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact)

    # what happened

    def _sent(self, state: UnansweredCallState, fact: CallSent) -> Sequence[Change]:
        _take(state, fact)
        pending = Pending(
            fact.connection_id, fact.direction, fact.message_id, fact.action, fact.clock, fact.frame_no
        )
        state.waiting.append(pending)
        if len(state.waiting) > MAX_WAITING:
            del state.waiting[0]
        due = self._due(pending)
        state.wake_at = due if state.wake_at is None else min(state.wake_at, due)
        return NOTHING

    def _answered(self, state: UnansweredCallState, fact: CallAnswered) -> Sequence[Change]:
        pending = _take(state, fact)
        soon = fact.latency_ns <= self.late_seconds * SECOND
        if soon and not state.unanswered and not state.late:
            return NOTHING  # nearly always
        key = _key(fact.direction, fact.action)
        in_time = fact.latency_ns <= self._limit(fact.direction)
        changes = _clear(state.unanswered, key, UNANSWERED) if in_time else []
        if soon:
            return [*changes, *_clear(state.late, key, LATE)]
        return [*changes, *_note(state.late, key, LATE), self._late(fact, key, pending)]

    def _given_up(self, state: UnansweredCallState, fact: CallUnanswered) -> Sequence[Change]:
        _take(state, fact)
        return NOTHING

    def _unknown(
        self, state: UnansweredCallState, fact: ConnectionClosed | BytesLost | SightLost
    ) -> Sequence[Change]:
        """Whether this connection's calls were, or will be, answered cannot be seen."""
        state.waiting = [pending for pending in state.waiting if pending.connection_id != fact.connection_id]
        return NOTHING

    # waiting

    def wake(self, state: UnansweredCallState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        overdue = [pending for pending in state.waiting if self._due(pending) <= now]
        state.waiting = [pending for pending in state.waiting if self._due(pending) > now]
        state.wake_at = min(map(self._due, state.waiting), default=None)
        changes: list[Change] = []
        for pending in overdue:
            changes += [*_note(state.unanswered, pending.key, UNANSWERED), self._overdue(pending, now)]
        return changes

    def _due(self, pending: Pending) -> int:
        return pending.clock + self._limit(pending.direction)

    def _limit(self, direction: Direction) -> int:
        return (self.csms_call_seconds if direction is _CSMS else self.charge_point_call_seconds) * SECOND

    # what is said

    def _overdue(self, pending: Pending, now: int) -> Raised:
        return Raised(
            UNANSWERED,
            observed=f"no answer for {seconds(now - pending.clock)}",
            limit=seconds(self._limit(pending.direction)),
            what=_NOT_ANSWERED[pending.direction].format(pending.action),
            key=pending.key,
            evidence=((pending.connection_id, pending.frame_no),),
        )

    def _late(self, fact: CallAnswered, key: str, pending: Pending | None) -> Raised:
        call = () if pending is None else ((pending.connection_id, pending.frame_no),)
        return Raised(
            LATE,
            observed=seconds(fact.latency_ns),
            limit=seconds(self.late_seconds * SECOND),
            what=_ANSWERED[fact.direction].format(fact.action),
            key=key,
            evidence=(*call, (fact.connection_id, fact.frame_no)),
        )


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[UnansweredCall, UnansweredCallState, Any], Sequence[Change]]]
] = {
    CallSent: UnansweredCall._sent,
    CallAnswered: UnansweredCall._answered,
    CallUnanswered: UnansweredCall._given_up,
    ConnectionClosed: UnansweredCall._unknown,
    BytesLost: UnansweredCall._unknown,
    SightLost: UnansweredCall._unknown,
}


def _key(direction: Direction, action: str) -> str:
    return f"{direction.label} {action}"


def _take(state: UnansweredCallState, fact: CallSent | CallAnswered | CallUnanswered) -> Pending | None:
    """The call with this fact's id waits no longer."""
    for index, pending in enumerate(state.waiting):
        if (
            pending.message_id == fact.message_id
            and pending.direction is fact.direction
            and pending.connection_id == fact.connection_id
        ):
            return state.waiting.pop(index)
    return None


def _clear(keys: list[str], key: str, rule: Rule) -> list[Change]:
    if key not in keys:
        return []
    keys.remove(key)
    return [Cleared(rule, key=key)]


def _note(keys: list[str], key: str, rule: Rule) -> list[Change]:
    """Remember that `key` has an open finding."""
    if key in keys:
        return []
    keys.append(key)
    return [Cleared(rule, key=keys.pop(0))] if len(keys) > MAX_ACTIONS else []
