"""What a connection's messages mean: envelope, joined calls, facts for the analyzers, and each frame's `Meaning`.

A shell around `proxy.ocpp`: decode, correlate, ask the version's reader, hand the facts to the listener.
In safe mode the listener is `None`: frames stay bytes, and nothing here can fail on them.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from proxy.heads.connection import Closed, Opened
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.correlate import Answer, Correlator, CorrelatorState, Duplicate, Objection, Orphan, Unanswered
from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError, Send, Unparsed, decode
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.ocpp.versions import payload_of, readers
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.identity import Identity
from proxy.pipeline.rows import NO_MEANING, UNJUDGED, UNPARSEABLE, Meaning

_MOST_LATENCY_US: Final = 2**32 - 1
# Looking a member up on its enum costs more than what it is for.
_FROM_CHARGE_POINT: Final = Direction.FROM_CHARGE_POINT
_MESSAGE: Final = LifeKind.MESSAGE
_PING: Final = LifeKind.PING


class Listener(Protocol):
    """Who wants to know: the runner of the analyzers."""

    def fact(self, fact: Fact) -> None: ...

    def alive(self, where: Where, kind: LifeKind) -> None: ...


class Boot(msgspec.Struct, frozen=True):
    """What the last answered BootNotification of this connection said."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""


class ConversationState(msgspec.Struct, frozen=True):
    """For the checkpoint."""

    version: str
    correlator: CorrelatorState
    boot: Boot


class Conversation:
    """`news`: something in the connection's own row has changed; whoever writes that row sets it back."""

    __slots__ = (
        "_correlator",
        "_identity",
        "_listener",
        "_readers",
        "_time",
        "_version",
        "boot",
        "news",
    )

    def __init__(
        self, identity: Identity, version: str, time: ObservedClock, listener: Listener | None
    ) -> None:
        self._identity = identity
        self._version = version
        self._time = time
        self._listener = listener
        self._readers = readers(version)
        self._correlator = Correlator(self._readers.keys())
        self.boot = Boot()
        self.news = False

    def _where(self, frame_no: int) -> Where:
        who, time = self._identity, self._time
        return Where(who.charge_point, who.connection_id, frame_no, time.at, time.clock)

    # the connection

    def opened(self, opened: Opened) -> None:
        self._tell(facts.ConnectionOpened(*self._where(0), self._version, opened.remote_address))

    def closed(self, closed: Closed, frame_no: int) -> None:
        where = self._where(frame_no)
        for call in self._correlator.close(self._time.clock):
            self._tell(_unanswered(where, call))
        self._tell(facts.ConnectionClosed(*where, closed.closed_by, closed.how))

    def bytes_lost(self, direction: Direction, size: int, frame_no: int) -> None:
        self._tell(facts.BytesLost(*self._where(frame_no), direction, size))

    def sight_lost(self, frame_no: int) -> None:
        """Nobody knows what passes from here on, until something is seen again."""
        self._tell(facts.SightLost(*self._where(frame_no)))

    def ping(self, direction: Direction, frame_no: int) -> None:
        """A control frame: the link lives."""
        self._alive(direction, _PING, frame_no)

    def alive(self, direction: Direction, frame_no: int) -> None:
        """Bytes that may be a message: the peer lives."""
        self._alive(direction, _MESSAGE, frame_no)

    def _alive(self, direction: Direction, kind: LifeKind, frame_no: int) -> None:
        if self._listener is not None and direction is _FROM_CHARGE_POINT:
            self._listener.alive(self._where(frame_no), kind)

    # messages

    def unreadable(self, direction: Direction, reason: str, frame_no: int) -> Meaning:
        """A message nobody can read; why."""
        self.alive(direction, frame_no)
        return self.unread(direction, reason, frame_no)

    def unread(self, direction: Direction, reason: str, frame_no: int) -> Meaning:
        """A message that was not read, and nobody spoke just now; why."""
        if self._listener is None:
            return NO_MEANING
        self._tell(facts.Unparseable(*self._where(frame_no), direction, reason))
        return Meaning(verdict=UNPARSEABLE)

    def message(self, direction: Direction, text: bytes, frame_no: int) -> Meaning:
        """A whole text message; what it says."""
        listener = self._listener
        if listener is None:
            return NO_MEANING
        where = self._where(frame_no)
        if direction is _FROM_CHARGE_POINT:
            listener.alive(where, _MESSAGE)
        message = decode(text)
        meaning: Meaning = _READ[type(message)](self, direction, message, where)
        return meaning

    def _call(self, direction: Direction, call: Call, where: Where) -> Meaning:
        for lost in self._correlator.call(direction, call, where.at, where.clock, where.frame_no):
            self._tell(_unanswered(where, lost))
        self._tell(facts.CallSent(*where, direction, call.action, call.message_id))
        return Meaning(2, UNJUDGED, 0, call.message_id, call.action)

    def _send(self, direction: Direction, send: Send, where: Where) -> Meaning:
        return Meaning(6, UNJUDGED, 0, send.message_id, send.action)

    def _unparsed(self, direction: Direction, message: Unparsed, where: Where) -> Meaning:
        self._tell(facts.Unparseable(*where, direction, message.reason))
        return Meaning(message.message_type, UNPARSEABLE, 0, message.message_id)

    def _result(self, direction: Direction, result: CallResult, where: Where) -> Meaning:
        verdict = self._correlator.reply(direction, result, where.clock)
        if not isinstance(verdict, Answer):
            return self._strange(where, verdict, 3, result.message_id)
        self._answered(where, verdict, "")
        self._read(where, verdict, result)
        return _joined(verdict, 3)

    def _error(self, direction: Direction, error: CallError, where: Where) -> Meaning:
        verdict = self._correlator.reply(direction, error, where.clock)
        if not isinstance(verdict, Answer):
            return self._strange(where, verdict, 4, error.message_id, error.code)
        self._answered(where, verdict, error.code)
        return _joined(verdict, 4)

    def _result_error(self, direction: Direction, error: CallResultError, where: Where) -> Meaning:
        verdict = self._correlator.reply(direction, error, where.clock)
        if isinstance(verdict, Answer):  # a type 5 never answers a call
            return Meaning(5, UNJUDGED, 0, error.message_id)
        return self._strange(where, verdict, 5, error.message_id, error.code)

    def _answered(self, where: Where, answer: Answer, code: str) -> None:
        call = answer.call
        fact = facts.CallAnswered(
            *where, call.direction, call.action, call.message_id, answer.latency_ns, code
        )
        self._tell(fact)

    def _strange(
        self,
        where: Where,
        verdict: Duplicate | Objection | Orphan,
        kind: int,
        message_id: str,
        code: str = "",
    ) -> Meaning:
        """A reply that answers nothing: said again, objecting to an answer, or to an unknown call."""
        action = ""
        if isinstance(verdict, Orphan):
            self._tell(facts.ReplyOrphaned(*where, verdict.direction, message_id))
        elif isinstance(verdict, Duplicate):
            action = verdict.action
            self._tell(facts.ReplyDuplicated(*where, verdict.direction, action, message_id))
        else:
            action = verdict.action
            self._tell(facts.AnswerRejected(*where, verdict.direction, action, message_id, code))
        return Meaning(kind, UNJUDGED, 0, message_id, action)

    def _read(self, where: Where, answer: Answer, result: CallResult) -> None:
        """What the call and its answer say together."""
        reader = self._readers.get(answer.call.action)
        if reader is None:
            return
        for fact in reader(where, payload_of(answer.call.text), result.payload):
            if isinstance(fact, facts.Booted):
                self.boot = Boot(fact.vendor, fact.model, fact.firmware)
                self.news = True
            self._tell(fact)

    # the listener

    def _tell(self, fact: Fact) -> None:
        if self._listener is not None:
            self._listener.fact(fact)

    # checkpoint

    def state(self) -> ConversationState:
        return ConversationState(self._version, self._correlator.snapshot(), self.boot)

    def resume(self, state: ConversationState) -> None:
        self._correlator = Correlator.restore(state.correlator, self._readers.keys())
        self.boot = state.boot


def _joined(answer: Answer, kind: int) -> Meaning:
    call = answer.call
    latency_us = min(answer.latency_ns // 1000, _MOST_LATENCY_US)
    return Meaning(kind, UNJUDGED, 0, call.message_id, call.action, latency_us)


def _unanswered(where: Where, lost: Unanswered) -> Fact:
    call = lost.call
    return facts.CallUnanswered(
        *where, call.direction, call.action, call.message_id, lost.waited_ns, lost.reason
    )


_READ: Final[dict[type, Any]] = {
    Call: Conversation._call,
    CallResult: Conversation._result,
    CallError: Conversation._error,
    CallResultError: Conversation._result_error,
    Send: Conversation._send,
    Unparsed: Conversation._unparsed,
}
