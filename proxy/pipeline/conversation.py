"""What a connection's messages mean: envelope, joined calls, verdicts, facts, and each frame's `Meaning`.

A shell around `proxy.ocpp`: decode, judge, clear of secrets, correlate, ask the version's readers, hand the facts to
the listener. The verdict is on the message as it came; what goes on from here (the calls that wait, facts, `Meaning`)
is the message without its secrets.
In safe mode the listener is `None`: frames stay bytes, and nothing here can fail on them; a text that looks as if it
held a secret is masked whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from proxy.heads.connection import Closed, Opened, security_profile
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.conformance.silent import judging
from proxy.ocpp.conformance.verdict import Judgement, Verdict
from proxy.ocpp.correlate import Answer, Correlator, CorrelatorState, Duplicate, Objection, Orphan, Unanswered
from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError, Send, Unparsed, decode
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.ocpp.redaction import cleared, cleared_error, cleared_unparsed, cleared_unread
from proxy.ocpp.reports import Reports, ReportsState
from proxy.ocpp.versions import asked, payload_of, readings, spoken
from proxy.pipeline.clock import ObservedClock
from proxy.pipeline.identity import Identity
from proxy.pipeline.rows import NO_MEANING, UNJUDGED, UNPARSEABLE, Meaning

_WHERE: Final = tuple.__new__  # half of what the class's own constructor costs, once per message
_MOST_LATENCY_US: Final = 2**32 - 1
# Looking a member up on its enum costs more than what it is for.
_FROM_CHARGE_POINT: Final = Direction.FROM_CHARGE_POINT
_MESSAGE: Final = LifeKind.MESSAGE
_PING: Final = LifeKind.PING
_GUESSED: Final = frozenset({"", "2"})
_WORDS: Final = {Verdict.ERRATUM: "erratum", Verdict.VIOLATION: "violation"}


class Listener(Protocol):
    """Who wants to know: tables and analyzers."""

    def fact(self, fact: Fact) -> None: ...

    def alive(self, where: Where, kind: LifeKind) -> None: ...

    def failed(self, what: str) -> None: ...


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
    reports: ReportsState
    last_clock: int = -1


class Conversation:
    """`news`: something in the connection's own row has changed; whoever writes that row sets it back.

    `version`: as negotiated, else as messages have told it so far (`versions.spoken`).
    """

    __slots__ = (
        "_correlator",
        "_identity",
        "_judge",
        "_last_clock",
        "_listener",
        "_readings",
        "_reports",
        "_tell",
        "_time",
        "_version",
        "boot",
        "news",
    )

    def __init__(
        self, identity: Identity, version: str, time: ObservedClock, listener: Listener | None
    ) -> None:
        self._identity = identity
        self._time = time
        self._listener = listener
        self._tell: Callable[[Fact], None] = _nobody if listener is None else listener.fact
        self._correlator = Correlator()
        self._reports = Reports()
        self.boot = Boot()
        self.news = False
        self._last_clock = -1
        self.speak(version)

    def speak(self, version: str) -> None:
        """Messages are of this version from here on."""
        self._version = version
        self._readings = readings(version)
        self._judge = judging(version)
        self._correlator.asked = asked(version)

    def _where(self, frame_no: int) -> Where:
        who, time = self._identity, self._time
        return _WHERE(Where, (who.charge_point, who.connection_id, frame_no, time.at, time.clock))

    # the connection

    def opened(self, opened: Opened) -> None:
        told = (self._version, opened.remote_address, opened.upstream, security_profile(opened))
        self._tell(facts.ConnectionOpened(*self._where(0), *told))

    def closed(self, closed: Closed, frame_no: int) -> None:
        where = self._where(frame_no)
        for call in self._correlator.close(self._time.clock):
            self._tell(_unanswered(where, call))
        idle_ns = None if self._last_clock < 0 else self._time.clock - self._last_clock
        self._tell(facts.ConnectionClosed(*where, closed.closed_by, closed.how, idle_ns))

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
        self._last_clock = self._time.clock
        if self._listener is not None and direction is _FROM_CHARGE_POINT:
            self._listener.alive(self._where(frame_no), kind)

    @property
    def waiting(self) -> tuple[int, ...]:
        """Calls without an answer, in the order of DIRECTIONS: who sent them."""
        return self._correlator.waiting_of

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
        return Meaning(verdict=UNPARSEABLE, rule=reason)

    def message(self, direction: Direction, text: bytes, frame_no: int) -> Meaning:
        """A whole text message; what it says. `Meaning.text` is what to store instead, if it holds a secret."""
        listener = self._listener
        if listener is None:
            return _unread(text)
        who, time = self._identity, self._time
        where: Where = _WHERE(Where, (who.charge_point, who.connection_id, frame_no, time.at, time.clock))
        self._last_clock = time.clock
        if direction is _FROM_CHARGE_POINT:
            listener.alive(where, _MESSAGE)
        message = decode(text)
        meaning: Meaning = _READ[type(message)](self, direction, message, text, where)
        return meaning

    def _call(self, direction: Direction, call: Call, text: bytes, where: Where) -> Meaning:
        if self._version in _GUESSED:
            self._guess(call)
        judgement = self._judge.call(direction, call.action, call.payload, call.message_id)
        call, stored = cleared(call, text, call.action)
        for lost in self._correlator.call(direction, call, where.at, where.clock, where.frame_no):
            self._tell(_unanswered(where, lost))
        self._tell(facts.CallSent(*where, direction, call.action, call.message_id))
        meaning = Meaning(2, judgement.verdict, 0, call.message_id, call.action, None, stored, bool(stored))
        if judgement.rule:
            meaning = self._judged(where, direction, meaning, judgement)
        self._said(where, direction, call)
        return meaning

    def _guess(self, call: Call | Send) -> None:
        """No subprotocol was agreed: a message may tell the version, or tell it closer."""
        version = spoken(call.action, call.payload)
        if version and version != self._version and (not self._version or version != "1.6"):
            self.speak(version)

    def _send(self, direction: Direction, send: Send, text: bytes, where: Where) -> Meaning:
        if self._version in _GUESSED:
            self._guess(send)
        judgement = self._judge.send(direction, send.action, send.payload, send.message_id)
        send, stored = cleared(send, text, send.action)
        meaning = Meaning(6, judgement.verdict, 0, send.message_id, send.action, None, stored, bool(stored))
        meaning = self._judged(where, direction, meaning, judgement)
        self._said(where, direction, send)
        return meaning

    def _unparsed(self, direction: Direction, message: Unparsed, text: bytes, where: Where) -> Meaning:
        message, stored = cleared_unparsed(message, text)
        self._tell(facts.Unparseable(*where, direction, message.reason))
        kind, message_id = message.message_type, message.message_id
        return Meaning(kind, UNPARSEABLE, 0, message_id, "", None, stored, bool(stored), rule=message.reason)

    def _result(self, direction: Direction, result: CallResult, text: bytes, where: Where) -> Meaning:
        found = self._correlator.reply(direction, result, where.clock)
        if not isinstance(found, Answer):
            result, stored = cleared(result, text, "")
            return self._strange(where, found, 3, result.message_id, "", stored)
        call = found.call
        judgement = self._judge.result(call.direction, call.action, result.payload)
        result, stored = cleared(result, text, call.action, call.text)
        self._tell(_answered(where, found, ""))
        meaning = _joined(found, 3, judgement.verdict, stored)
        if judgement.rule:
            meaning = self._judged(where, direction, meaning, judgement)
        self._read(where, found, result)
        return meaning

    def _error(self, direction: Direction, error: CallError, text: bytes, where: Where) -> Meaning:
        found = self._correlator.reply(direction, error, where.clock)
        judgement = self._judged_error(4, error)
        if isinstance(found, Answer):
            error, stored = cleared_error(error, text, found.call.action)
            self._tell(_answered(where, found, error.code))
            self._tell(_erred(where, found, error.code))
            meaning = _joined(found, 4, judgement.verdict, stored)
        else:
            error, stored = cleared_error(error, text, "")
            meaning = self._strange(where, found, 4, error.message_id, error.code, stored)
        return self._judged(where, direction, meaning, judgement)

    def _result_error(
        self, direction: Direction, error: CallResultError, text: bytes, where: Where
    ) -> Meaning:
        found = self._correlator.reply(direction, error, where.clock)
        judgement = self._judged_error(5, error)
        error, stored = cleared_error(error, text, "")
        if isinstance(found, Answer):  # a type 5 never answers a call
            meaning = Meaning(5, UNJUDGED, 0, error.message_id, "", None, stored, bool(stored))
        else:
            meaning = self._strange(where, found, 5, error.message_id, error.code, stored)
        return self._judged(where, direction, meaning, judgement)

    def _strange(
        self,
        where: Where,
        verdict: Duplicate | Objection | Orphan,
        kind: int,
        message_id: str,
        code: str,
        stored: bytes,
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
        return Meaning(kind, UNJUDGED, 0, message_id, action, None, stored, bool(stored))

    # verdicts

    def _judged_error(self, kind: int, error: CallError | CallResultError) -> Judgement:
        return self._judge.error(kind, error.code, error.description, error.details, error.message_id)

    def _judged(self, where: Where, direction: Direction, meaning: Meaning, judgement: Judgement) -> Meaning:
        """`meaning` with its verdict, and why if it is not as it should be, which is a fact as well."""
        word = _WORDS.get(judgement.verdict)
        if word is None:
            return msgspec.structs.replace(meaning, verdict=judgement.verdict)
        rule, pointer, clause = judgement.rule, judgement.pointer, judgement.clause
        self._tell(
            facts.ConformanceBroken(
                *where, direction, meaning.action, meaning.message_type, word, rule, pointer, clause
            )
        )
        return msgspec.structs.replace(
            meaning, verdict=judgement.verdict, rule=rule, pointer=pointer, clause=clause
        )

    # facts

    def _said(self, where: Where, direction: Direction, message: Call | Send) -> None:
        """What the message says by itself."""
        reading = self._readings[direction].get(message.action)
        if reading is not None and reading.said is not None:
            self._hear(message.action, reading.said, where, message.payload)

    def _read(self, where: Where, answer: Answer, result: CallResult) -> None:
        """What the call and its answer say together."""
        call = answer.call
        reading = self._readings[call.direction].get(call.action)
        if reading is None or reading.answered is None or (reading.skip_empty and not result.payload):
            return
        self._hear(call.action, reading.answered, where, payload_of(call.text), result.payload)

    def _hear(self, action: str, read: Callable[..., Iterable[Fact]], where: Where, *payloads: Any) -> None:
        """A reader that fails on a message costs its facts, no more: bytes and rows do not depend on it."""
        try:
            found = read(where, *payloads)
        except Exception:
            if self._listener is not None:
                self._listener.failed(f"reader {self._version} {action}")
            return
        for fact in found:
            self._tell(fact)
            if type(fact) in _SPECIAL:
                self._note(fact)

    def _note(self, fact: Fact) -> None:
        """What the conversation itself remembers."""
        if isinstance(fact, facts.Booted):
            self.boot = Boot(fact.vendor, fact.model, fact.firmware)
            self.news = True
        elif isinstance(fact, facts.ReportPartReceived):
            complete = self._reports.part(fact)
            if complete is not None:
                self._tell(complete)

    # checkpoint

    def state(self) -> ConversationState:
        return ConversationState(
            self._version, self._correlator.snapshot(), self.boot, self._reports.snapshot(), self._last_clock
        )

    def resume(self, state: ConversationState) -> None:
        self._correlator = Correlator.restore(state.correlator)
        self._reports = Reports.restore(state.reports)
        self.boot = state.boot
        self._last_clock = state.last_clock
        self.speak(state.version)


def _nobody(fact: Fact) -> None:
    """In safe mode facts are not heard."""


_SPECIAL: Final = frozenset({facts.Booted, facts.ReportPartReceived})


def _unread(text: bytes) -> Meaning:
    stored = cleared_unread(text)
    return Meaning(text=stored, redacted=1) if stored else NO_MEANING


def _joined(answer: Answer, kind: int, verdict: int, stored: bytes) -> Meaning:
    call = answer.call
    latency_us = min(answer.latency_ns // 1000, _MOST_LATENCY_US)
    return Meaning(
        kind, verdict, 0, call.message_id, call.action, latency_us, stored, bool(stored), call.frame_no
    )


def _answered(where: Where, answer: Answer, code: str) -> Fact:
    call = answer.call
    return facts.CallAnswered(*where, call.direction, call.action, call.message_id, answer.latency_ns, code)


def _erred(where: Where, answer: Answer, code: str) -> Fact:
    call = answer.call
    return facts.CallErred(*where, call.direction, call.action, call.message_id, code)


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
