"""Unanswered call: a CALL that nobody answered, that was answered late, or that did not wait for its turn.

Fires when: a charge point's CALL has no answer after 30 s, a CSMS's CALL after 60 s (PR-01, a warning); an answer,
    CALLRESULT or CALLERROR, takes more than 10 s (PR-02, info): one finding per charge point, direction and action,
    with a count; a later call of that action that is answered in time, or the end of a connection, clears it. An answer
    belongs to no CALL (PR-04, info). Somebody sends a CALL while an earlier one of less than 10 s waits (PR-07, once
    per connection and direction): a warning in 2.x, which forbids it, info in 1.6, which advises against it. A CALL
    still waits when the capture ends (PR-01 as an info). Many charge points whose CSMS is mute are one finding
    (PR-01-GROUP).
Does not fire when: the connection closed first, the id was used again for a retry, or bytes of the connection passed
    unseen: then nobody knows. CALLs of before the recording, SEND messages (2.1), and calls beyond 64 waiting per
    charge point (the oldest is not judged) are not waited for. PR-04 is silent for 60 s after a connection's begin,
    after lost bytes and after a message that could not be read, whose answer it may be, and about the id "-1" (2.x:
    "I could not read your id"). PR-07 is silent when the earlier CALL's sender may have given it up.
Clause: OCPP-J 1.6 §4.1.1, §4.2; 2.0.1 and 2.1 Part 4 §4.1.1, §4.1.2, §4.2.
Says:
    CP_1: the CSMS did not answer its Heartbeat within 30 s.
    CP_1: it did not answer the CSMS's Reset within 60 s.
    CP_1: the CSMS answered its Heartbeat only after 12 s (limit 10 s).
    CP_1: it answered the CSMS's Reset only after 10.5 s (limit 10 s).
    CP_1: its Heartbeat had no answer for 3 s, open at the end of the capture.
    CP_1: it answered a CALL that the CSMS never sent (message id 9).
    CP_1: it sent MeterValues 1 s after Heartbeat, which had no answer yet.
    upstream csms.example: 7 of 9 charge points get no answer (limit 5 charge points and 20 % within 60 s).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

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
    CaptureEnded,
    ConnectionClosed,
    ConnectionOpened,
    Fact,
    ReplyDuplicated,
    ReplyOrphaned,
    SightLost,
    Unparseable,
)

MAX_WAITING: Final = 64
MAX_ACTIONS: Final = 64
"""Actions with an open finding, per rule; all of OCPP 2.1 has fewer per direction. The oldest is cleared for a 65th."""
MAX_CONCURRENT: Final = 16
"""(connection, direction) with an open PR-07; the oldest is forgotten."""
MAX_ID: Final = 36
"""Characters of a message id that a finding repeats: as many as the standards allow."""

_CLAUSE: Final = "OCPP-J 1.6 §4.1.1; 2.x Part 4 §4.1.1"
CSMS_MUTE: Final = Rule(
    "PR-01-GROUP",
    Severity.CRITICAL,
    _CLAUSE,
    "{what}: {observed} get no answer (limit {limit}).",
)
CSMS_SILENT: Final = Rule(
    "PR-01", Severity.WARNING, _CLAUSE, "{charge_point}: {what} within {limit}.", group=CSMS_MUTE
)
UNANSWERED: Final = Rule("PR-01", Severity.WARNING, _CLAUSE, "{charge_point}: {what} within {limit}.")
"""The charge point's own silence, which says nothing of others: no group."""
UNFINISHED: Final = Rule(
    "PR-01",
    Severity.INFO,
    _CLAUSE,
    "{charge_point}: {what} had no answer for {observed}, open at the end of the capture.",
)
LATE: Final = Rule(
    "PR-02", Severity.INFO, _CLAUSE, "{charge_point}: {what} only after {observed} (limit {limit})."
)
ORPHAN: Final = Rule(
    "PR-04",
    Severity.INFO,
    "OCPP-J 1.6 §4.1.1, §4.2.2; 2.x Part 4 §4.1, §4.2.2",
    "{charge_point}: {what} ({observed}).",
)
CONCURRENT: Final = Rule(
    "PR-07", Severity.WARNING, _CLAUSE, "{charge_point}: {what}, which had no answer yet."
)

_CSMS: Final = Direction.FROM_CSMS
_RULES: Final = {Direction.FROM_CHARGE_POINT: CSMS_SILENT, Direction.FROM_CSMS: UNANSWERED}
_NOT_ANSWERED: Final = {
    Direction.FROM_CHARGE_POINT: "the CSMS did not answer its {}",
    Direction.FROM_CSMS: "it did not answer the CSMS's {}",
}
_ANSWERED: Final = {
    Direction.FROM_CHARGE_POINT: "the CSMS answered its {}",
    Direction.FROM_CSMS: "it answered the CSMS's {}",
}
_CALL_OF: Final = {Direction.FROM_CHARGE_POINT: "its {}", Direction.FROM_CSMS: "the CSMS's {}"}
_STRANGE: Final = {
    Direction.FROM_CHARGE_POINT: "the CSMS answered a CALL that it never sent",
    Direction.FROM_CSMS: "it answered a CALL that the CSMS never sent",
}
_SENT: Final = {
    Direction.FROM_CHARGE_POINT: "it sent {} {} after {}",
    Direction.FROM_CSMS: "the CSMS sent {} {} after {}",
}
_NO_ID: Final = frozenset({"", "-1"})  # where the answered id could not be read (2.x Part 4 §4.2.3)


class UnansweredCallState(State):
    """`waiting` in the order of sending, whole as they were: made anew, each would cost as much as all else here.
    `unanswered` and `late`: keys with an open finding, oldest first.

    `concurrent`: (connection, direction) with an open one. `connection`: the newest, whose CALLs are all known since
    `whole_since` (ns of `clock`). None: none so far, which is how nearly all charge points stay.
    """

    waiting: tuple[CallSent, ...] = ()
    unanswered: list[str] | None = None
    late: list[str] | None = None
    concurrent: list[tuple[str, Direction]] | None = None
    connection: str = ""
    whole_since: int = 0


@dataclass(frozen=True)
class UnansweredCall(Analyzer[UnansweredCallState]):
    """`late_seconds` is for both directions; an answer after the longer limit is late, too. `patience_seconds`: for so
    long nobody gives up a CALL, in either direction. `settling_seconds`: after a connection's begin or lost bytes."""

    name: ClassVar[str] = "unanswered_call"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        CallSent,
        CallAnswered,
        CallUnanswered,
        ReplyOrphaned,
        ReplyDuplicated,
        Unparseable,
        ConnectionOpened,
        ConnectionClosed,
        BytesLost,
        SightLost,
        CaptureEnded,
    )
    rules: ClassVar[tuple[Rule, ...]] = (CSMS_SILENT, LATE, ORPHAN, CONCURRENT)

    charge_point_call_seconds: int = 30
    csms_call_seconds: int = 60
    late_seconds: int = 10
    patience_seconds: int = 10
    settling_seconds: int = 60

    def new_state(self) -> UnansweredCallState:
        return UnansweredCallState()

    def step(self, state: UnansweredCallState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        """Hot: every CALL and every answer comes here, and nearly always nothing else waits.

        An answer leaves the moment to wake as it is: one wake per limit costs less than one moved per CALL.
        """
        if type(fact) is CallSent:
            changes = self._beside(state, fact, charge_point) if state.waiting else NOTHING
            state.waiting = (*state.waiting, fact) if state.waiting else (fact,)
            if state.wake_at is None:
                state.wake_at = fact.clock + self._soonest
            return changes
        if type(fact) is CallAnswered:
            return self._answered(state, fact)
        return _HANDLERS[type(fact)](self, state, fact)

    # what happened

    def _beside(
        self, state: UnansweredCallState, fact: CallSent, charge_point: ChargePoint
    ) -> Sequence[Change]:
        """Others wait. One with the same id is tried again; one of the same sender should have been awaited."""
        _take(state, fact)
        if len(state.waiting) >= MAX_WAITING:
            state.waiting = state.waiting[1:]
        since = fact.clock - self.patience_seconds * SECOND
        for pending in state.waiting:
            if (
                pending.clock > since
                and pending.direction is fact.direction
                and pending.connection_id == fact.connection_id
            ):
                return self._concurrent(state, fact, pending, charge_point)
        return NOTHING

    def _concurrent(
        self, state: UnansweredCallState, fact: CallSent, earlier: CallSent, charge_point: ChargePoint
    ) -> Sequence[Change]:
        place = (fact.connection_id, fact.direction)
        told = state.concurrent or []
        if place in told:
            return NOTHING
        state.concurrent = [*told, place][-MAX_CONCURRENT:]
        after, limit, key = seconds(fact.clock - earlier.clock), "one CALL at a time", fact.direction.label
        what = _SENT[fact.direction].format(fact.action, after, earlier.action)
        severity = Severity.WARNING if charge_point.version.startswith("2") else Severity.INFO
        both = ((earlier.connection_id, earlier.frame_no), (fact.connection_id, fact.frame_no))
        return [Raised(CONCURRENT, after, limit, what, key, severity=severity, evidence=both)]

    def _answered(self, state: UnansweredCallState, fact: CallAnswered) -> Sequence[Change]:
        pending = _take(state, fact)
        soon = fact.latency_ns <= self.late_seconds * SECOND
        if soon and not state.unanswered and not state.late:
            return NOTHING  # nearly always
        key = _key(fact.direction, fact.action)
        in_time = fact.latency_ns <= self._limit(fact.direction)
        changes = _clear(state.unanswered, key, _RULES[fact.direction]) if in_time else []
        if soon:
            return [*changes, *_clear(state.late, key, LATE)]
        state.late, noted = _note(state.late, key, LATE)
        return [*changes, *noted, self._late(fact, key, pending)]

    def _given_up(self, state: UnansweredCallState, fact: CallUnanswered) -> Sequence[Change]:
        _take(state, fact)
        return NOTHING

    def _orphaned(
        self, state: UnansweredCallState, fact: ReplyOrphaned | ReplyDuplicated
    ) -> Sequence[Change]:
        """Proof needs a connection whose every CALL is known. It is over as soon as it has happened."""
        settled = fact.clock - state.whole_since >= self.settling_seconds * SECOND
        if fact.connection_id != state.connection or fact.message_id in _NO_ID or not settled:
            return NOTHING
        key, observed = fact.direction.label, f"message id {fact.message_id[:MAX_ID]}"
        what, evidence = _STRANGE[fact.direction], ((fact.connection_id, fact.frame_no),)
        raised = Raised(ORPHAN, observed, "an answer to a CALL", what, key, evidence=evidence)
        return [raised, Cleared(ORPHAN, key=key)]

    def _opened(self, state: UnansweredCallState, fact: ConnectionOpened) -> Sequence[Change]:
        state.connection, state.whole_since = fact.connection_id, fact.clock
        return NOTHING

    def _unread(self, state: UnansweredCallState, fact: Unparseable) -> Sequence[Change]:
        """It may have been a CALL, and be answered."""
        if fact.connection_id == state.connection:
            state.whole_since = fact.clock
        return NOTHING

    def _lost(self, state: UnansweredCallState, fact: BytesLost | SightLost) -> Sequence[Change]:
        """Whether this connection's calls were, or will be, answered cannot be seen."""
        _forget(state, fact.connection_id)
        if fact.connection_id == state.connection:
            state.whole_since = fact.clock
        return NOTHING

    def _closed(self, state: UnansweredCallState, fact: ConnectionClosed) -> Sequence[Change]:
        """Nobody waits any more: what was said of this connection is over."""
        _forget(state, fact.connection_id)
        changes: list[Change] = [Cleared(_rule_of(key), key=key) for key in state.unanswered or ()]
        changes += [Cleared(LATE, key=key) for key in state.late or ()]
        state.unanswered = state.late = None
        mine = [place for place in state.concurrent or () if place[0] == fact.connection_id]
        if state.concurrent and mine:
            state.concurrent = [place for place in state.concurrent if place not in mine] or None
            changes += [Cleared(CONCURRENT, key=direction.label) for _, direction in mine]
        return changes

    def _capture_ended(self, state: UnansweredCallState, fact: CaptureEnded) -> Sequence[Change]:
        """Nobody knows how it went on: no violation, now or later."""
        mine = [pending for pending in state.waiting if pending.connection_id == fact.connection_id]
        _forget(state, fact.connection_id)
        return [self._unfinished(pending, fact.clock) for pending in mine]

    # waiting

    def wake(self, state: UnansweredCallState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        overdue = [pending for pending in state.waiting if self._due(pending) <= now]
        if overdue:
            state.waiting = tuple(pending for pending in state.waiting if self._due(pending) > now)
        state.wake_at = min(map(self._due, state.waiting), default=None)
        changes: list[Change] = []
        for pending in overdue:
            rule = _RULES[pending.direction]
            state.unanswered, noted = _note(state.unanswered, _key_of(pending), rule)
            changes += [*noted, self._overdue(pending, now)]
        return changes

    def _due(self, pending: CallSent) -> int:
        return pending.clock + self._limit(pending.direction)

    def _limit(self, direction: Direction) -> int:
        return (self.csms_call_seconds if direction is _CSMS else self.charge_point_call_seconds) * SECOND

    @property
    def _soonest(self) -> int:
        """ns after which the first of the CALLs that wait, of whichever direction, can be overdue."""
        return min(self.csms_call_seconds, self.charge_point_call_seconds) * SECOND

    # what is said

    def _overdue(self, pending: CallSent, now: int) -> Raised:
        observed, limit = seconds(now - pending.clock), seconds(self._limit(pending.direction))
        what = _NOT_ANSWERED[pending.direction].format(pending.action)
        rule, evidence = _RULES[pending.direction], ((pending.connection_id, pending.frame_no),)
        return Raised(
            rule,
            f"no answer for {observed}",
            limit,
            what,
            _key_of(pending),
            evidence=evidence,
        )

    def _unfinished(self, pending: CallSent, now: int) -> Raised:
        observed, limit = seconds(now - pending.clock), seconds(self._limit(pending.direction))
        what, key = (
            _CALL_OF[pending.direction].format(pending.action),
            f"{_key_of(pending)} at the end",
        )
        evidence = ((pending.connection_id, pending.frame_no),)
        return Raised(UNFINISHED, observed, limit, what, key, evidence=evidence)

    def _late(self, fact: CallAnswered, key: str, pending: CallSent | None) -> Raised:
        call = () if pending is None else ((pending.connection_id, pending.frame_no),)
        evidence = (*call, (fact.connection_id, fact.frame_no))
        observed, limit = seconds(fact.latency_ns), seconds(self.late_seconds * SECOND)
        what = _ANSWERED[fact.direction].format(fact.action)
        return Raised(LATE, observed, limit, what, key, evidence=evidence)


_HANDLERS: Final[Mapping[type[Fact], Callable[..., Sequence[Change]]]] = {
    CallUnanswered: UnansweredCall._given_up,
    ReplyOrphaned: UnansweredCall._orphaned,
    ReplyDuplicated: UnansweredCall._orphaned,
    Unparseable: UnansweredCall._unread,
    ConnectionOpened: UnansweredCall._opened,
    ConnectionClosed: UnansweredCall._closed,
    BytesLost: UnansweredCall._lost,
    SightLost: UnansweredCall._lost,
    CaptureEnded: UnansweredCall._capture_ended,
}


def _key(direction: Direction, action: str) -> str:
    return f"{direction.label} {action}"


def _key_of(call: CallSent) -> str:
    return _key(call.direction, call.action)


def _rule_of(key: str) -> Rule:
    """Which of the two of PR-01 a key of `_key` is about: only one of them counts in a group."""
    return UNANSWERED if key.startswith(_CSMS.label) else CSMS_SILENT


def _take(state: UnansweredCallState, fact: CallSent | CallAnswered | CallUnanswered) -> CallSent | None:
    """The call with this fact's id waits no longer."""
    for pending in state.waiting:
        if (
            pending.message_id == fact.message_id
            and pending.direction is fact.direction
            and pending.connection_id == fact.connection_id
        ):
            others = len(state.waiting) > 1
            state.waiting = tuple(one for one in state.waiting if one is not pending) if others else ()
            return pending
    return None


def _forget(state: UnansweredCallState, connection_id: str) -> None:
    state.waiting = tuple(pending for pending in state.waiting if pending.connection_id != connection_id)


def _clear(keys: list[str] | None, key: str, rule: Rule) -> list[Change]:
    if not keys or key not in keys:
        return []
    keys.remove(key)
    return [Cleared(rule, key=key)]


def _note(keys: list[str] | None, key: str, rule: Rule) -> tuple[list[str], list[Change]]:
    """Remember that `key` has an open finding."""
    keys = [] if keys is None else keys
    if key in keys:
        return keys, []
    keys.append(key)
    if len(keys) <= MAX_ACTIONS:
        return keys, []
    gone = keys.pop(0)
    return keys, [Cleared(rule if rule is LATE else _rule_of(gone), key=gone)]
