"""One side of a recorded connection, played again: steps, what the peer says, and time go in; texts come out. Pure.

Whoever has the socket calls `start`, `heard`, `tick`, `lost` and in the end `finish`, each with the time (seconds that
only grow), sends what `take` gives, and calls `tick` again at `deadline` at the latest. Nothing of it raises, whatever
the peer says.

Calls of the peer are answered with the recorded answers of the same action, in order, the last one again and again; an
action whose answers the recording lacks gets a CALLERROR NotImplemented. What differs goes to the `Judge`.

Bounded where a session still goes on (`Manner.queued`): so many texts wait, further ones are dropped and counted; 1,000
answers and calls of an action are remembered. Always: 10,000 sent calls without an answer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import orjson

from proxy.forensics.replay import manner as words
from proxy.forensics.replay.answers import Books, Calls
from proxy.forensics.replay.diff import Kind
from proxy.forensics.replay.judging import LATE_CALL, NOT_REACHED, UNCOMPARED, Exchange, Judge
from proxy.forensics.replay.manner import Manner
from proxy.forensics.replay.places import CALLS, NAMED_IN_TURN
from proxy.forensics.replay.script import Answered, Hear, Reply, Say, Step
from proxy.forensics.replay.spoken import CALL, SEND, Spoken, payload_of, whole_id
from proxy.forensics.replay.substitution import Learned, Rewriter, learn_call
from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError, Send, Unparsed, decode

_AT_ONCE: Final = 500
"""Microseconds: who goes on so soon does not wait for anything."""
_DONE: Final = 0.0
_MOST_UNANSWERED: Final = 10_000
_MOST_OF_AN_ACTION: Final = 1_000
_US: Final = 1_000_000
_TIMED: Final = frozenset({"Heartbeat", "MeterValues", "NotifyPeriodicEventStream"})
"""Their sender's clock decides when these come, and how many: they are not waited for."""


class Conversation:
    """`deadline`: when `tick` is due at the latest. `done`: nothing is left to be said or waited for."""

    def __init__(self, manner: Manner, judge: Judge, learned: Learned) -> None:
        most = _MOST_OF_AN_ACTION if manner.queued else None
        self.deadline = math.inf
        self.judge = judge
        self._manner = manner
        self._learned = learned
        self._rewriter = Rewriter(learned, manner.wishes)
        self._steps: deque[Step] = deque()
        self._queued = 0
        self._dropped: set[int] = set()
        self._more = True
        self._exchanges: dict[int, Exchange] = {}
        self._waiting: dict[str, Exchange] = {}
        self._ids: dict[str, bytes] = {}
        self._calls = Calls(most)
        self._books = Books(most)
        self._owed: dict[int, tuple[bytes, str]] = {}
        self._asked: deque[tuple[float, bytes, str]] = deque()
        self._out: list[bytes] = []
        self._blocked_at = math.nan
        self._replied: tuple[float, int] | None = None
        self._begin: tuple[float, int, int] | None = None

    # the script

    def add(self, step: Step) -> None:
        """The next one: before `start`, or while the session goes on; then `tick` is due."""
        _ADD[type(step)](self, step)

    def complete(self) -> None:
        """No more steps will come."""
        self._more = False

    def _add_say(self, step: Say) -> None:
        if self._manner.queued and self._queued >= self._manner.queued:
            self.judge.note(words.DROPPED)
            if len(self._dropped) < _MOST_UNANSWERED:
                self._dropped.add(step.said.place)
            return
        self._queued += 1
        self._steps.append(step)

    def _add_answered(self, step: Answered) -> None:
        if step.call.place in self._dropped:
            self._dropped.remove(step.call.place)
        else:
            self._steps.append(step)

    def _add_reply(self, step: Reply) -> None:
        self._books.add(step)
        if self._waits_for_calls:
            self._steps.append(step)

    def _add_hear(self, step: Hear) -> None:
        call = step.call
        message = (call.direction, CALLS, call.action)
        if message in NAMED_IN_TURN:
            self._learned.recorded_in_turn(message, payload_of(call.text))
        self.judge.expected(call)
        before_its_time = self._calls.expect(call)
        if before_its_time is not None:
            self._match(call, before_its_time)
        elif self._waits_for_calls and call.action not in _TIMED:
            self._steps.append(step)

    @property
    def _waits_for_calls(self) -> bool:
        return self._manner.call_seconds > 0

    @property
    def done(self) -> bool:
        return not (self._steps or self._more or self._out or self._asked)

    # what happens

    def start(self, now: float, wall: int, began: int) -> None:
        """The connection stands. `wall`: now, `began`: when the recorded one did, both microseconds UTC. After `lost`:
        it goes on where it was."""
        if self._begin is None:
            self._begin = (now, wall, began)
        self._advance(now)

    def tick(self, now: float) -> None:
        """Time has passed, or there are more steps."""
        self._advance(now)

    def heard(self, text: bytes, now: float) -> None:
        """The peer said a text."""
        message = decode(text)
        _HEARD[type(message)](self, message, text, now)
        self._advance(now)

    def take(self) -> list[bytes]:
        """What is to be sent, in order."""
        out, self._out = self._out, []
        return out

    def lost(self) -> None:
        """The connection ended though there is more to come: no answer comes to what was asked, and what was owed has
        nobody to go to."""
        for exchange in self._waiting.values():
            exchange.lost = True
        self._waiting.clear()
        self._owed.clear()
        self._asked.clear()
        self._out.clear()

    # its end

    def finish(self) -> None:
        """It is over, once: what has not come by now is missing."""
        not_reached = self._abandon_steps()
        for exchange in self._exchanges.values():
            if exchange.answer is None:
                self.judge.missing(exchange)
            else:
                self.judge.compare(exchange)
        for call in self._calls.missing():
            if call.place in not_reached:
                self.judge.note(NOT_REACHED)
            else:
                self.judge.missing_call(call)
        self.judge.uncounted(Kind.MISSING_CALL, self._calls.forgotten_missing)
        self._finish_unexpected()

    def abandon(self) -> None:
        """It was stopped from outside, once: what has not come is not missing."""
        self._abandon_steps()
        for exchange in self._exchanges.values():
            if exchange.answer is not None:
                self.judge.compare(exchange)
        self._finish_unexpected()

    def _abandon_steps(self) -> set[int]:
        """The places of the calls that were never waited for."""
        for step in self._steps:
            exchange = self._exchanges.get(step.call.place) if isinstance(step, Answered) else None
            if exchange is not None and isinstance(step, Answered):
                exchange.recorded = step.answer
        self.judge.note(words.NOT_SENT, sum(isinstance(step, Say) for step in self._steps))
        return {step.call.place for step in self._steps if isinstance(step, Hear)}

    def _finish_unexpected(self) -> None:
        for call in self._calls.unexpected():
            self.judge.unexpected_call(call)
        self.judge.uncounted(Kind.UNEXPECTED_CALL, self._calls.forgotten_unexpected)
        self._steps.clear()
        self._exchanges.clear()

    # what the peer says

    def _on_answer(self, message: CallResult | CallError, text: bytes, now: float) -> None:
        exchange = self._waiting.pop(message.message_id, None)
        if exchange is None:
            self.judge.note(words.STRAY)
            return
        exchange.answer, exchange.text, exchange.seconds = message, text, now - exchange.sent_at
        if exchange.late:
            del self._exchanges[exchange.call.place]
            self.judge.compare(exchange)

    def _on_call(self, message: Call | Send, text: bytes, now: float) -> None:
        peer = self._manner.mine.other
        self._learned.new_in_turn((peer, CALLS, message.action), message.payload)
        kind = CALL if isinstance(message, Call) else SEND
        call = Spoken(0, 0, peer, kind, message.message_id, message.action, text)
        recorded = self._calls.came(call)
        if recorded is not None:
            self._match(recorded, call)
        if kind == CALL:
            self._asked_for(recorded, whole_id(text), message.action, now)

    def _match(self, recorded: Spoken, new: Spoken) -> None:
        learn_call(self._learned, recorded, new.text)
        self.judge.came(recorded, [LATE_CALL] if self._calls.is_late(recorded) else [])

    def _asked_for(self, recorded: Spoken | None, message_id: bytes, action: str, now: float) -> None:
        """An answer is owed: at its place, or at once; or when there is one. What was not answered then is not now."""
        if recorded is not None and self._waits_for_calls:
            if self._books.has_place(recorded):
                self._owed[recorded.place] = (message_id, action)
            else:
                self.judge.note(words.SILENT)
        elif self._books.has(action) or not self._manner.patience:
            self._reply(message_id, action, now)
        else:
            self._asked.append((now + self._manner.patience, message_id, action))

    def _on_objection(self, message: CallResultError, text: bytes, now: float) -> None:
        self.judge.note(words.OBJECTIONS)

    def _on_nonsense(self, message: Unparsed, text: bytes, now: float) -> None:
        self.judge.note(words.NO_MESSAGES)

    # what we say

    def _advance(self, now: float) -> None:
        """As far as it goes: until a step has to wait."""
        self.deadline = math.inf
        steps = self._steps
        while steps:
            step = steps[0]
            until = _TAKE[type(step)](self, step, now)
            if until > now:
                self.deadline = until
                break
            steps.popleft()
            self._blocked_at = math.nan
        if self._owed:
            self._reply_to_owed(now)
        if self._asked:
            self._reply_to_asked(now)

    def _reply_to_owed(self, now: float) -> None:
        """Whatever their place: nobody is kept waiting."""
        for message_id, action in self._owed.values():
            self._reply(message_id, action, now)
        self._owed.clear()

    def _reply_to_asked(self, now: float) -> None:
        for _ in range(len(self._asked)):
            until, message_id, action = self._asked.popleft()
            if until <= now or not self._more or self._books.has(action):
                self._reply(message_id, action, now)
            else:
                self._asked.append((until, message_id, action))
                self.deadline = min(self.deadline, until)

    def _take_say(self, step: Say, now: float) -> float:
        said = step.said
        due = max(self._recorded_time(said), self._end_of_breath(said))
        if due > now:
            return due
        self._queued -= 1
        self._replied = None
        fresh = self._fresh_id(said)
        self._out.append(self._rewriter.rewritten(said, said.action, fresh, self._wall(now)))
        self.judge.said()
        if said.kind == CALL:
            self._sent(said, orjson.loads(fresh) if fresh else said.message_id, now)
        return _DONE

    def _sent(self, call: Spoken, key: str, now: float) -> None:
        if len(self._exchanges) >= _MOST_UNANSWERED:
            self._forget(next(iter(self._exchanges.values())))
        exchange = self._exchanges[call.place] = Exchange(call, key, now)
        self._waiting[key] = exchange
        self.judge.sent(call)

    def _forget(self, exchange: Exchange) -> None:
        del self._exchanges[exchange.call.place]
        if self._waiting.get(exchange.key) is exchange:
            del self._waiting[exchange.key]
        self.judge.note(UNCOMPARED)

    def _fresh_id(self, said: Spoken) -> bytes:
        """As JSON; b"": the recorded one stays. A CALLRESULTERROR has that of the call it is about."""
        if self._manner.new_id is None:
            return b""
        if said.kind in (CALL, SEND):
            if len(self._ids) >= _MOST_UNANSWERED:
                del self._ids[next(iter(self._ids))]
            self._ids[said.message_id] = orjson.dumps(self._manner.new_id())
        return self._ids.get(said.message_id, b"")

    def _recorded_time(self, said: Spoken) -> float:
        if math.isinf(self._manner.speed) or self._begin is None:
            return _DONE
        begin, _, began = self._begin
        return begin + (said.at - began) / _US / self._manner.speed

    def _end_of_breath(self, said: Spoken) -> float:
        if self._replied is None:
            return _DONE
        at, recorded = self._replied
        return at + self._manner.breath if said.at - recorded > _AT_ONCE else _DONE

    def _wall(self, now: float) -> int:
        begin, wall, _ = self._begin or (now, 0, 0)
        return wall + round((now - begin) * _US)

    def _take_answered(self, step: Answered, now: float) -> float:
        exchange = self._exchanges.get(step.call.place)
        if exchange is None:
            return _DONE  # it was never sent, or is forgotten
        exchange.recorded = step.answer
        if exchange.answer is None and not exchange.lost:
            until = exchange.sent_at + min(step.seconds, self._manner.answer_seconds)
            exchange.late = until <= now
            return until
        del self._exchanges[step.call.place]
        if exchange.answer is None:
            self.judge.missing(exchange)
        else:
            self.judge.compare(exchange)
        return _DONE

    def _take_hear(self, step: Hear, now: float) -> float:
        if self._calls.has_come(step.call):
            return _DONE
        if math.isnan(self._blocked_at):
            self._blocked_at = now
        until = self._blocked_at + self._manner.call_seconds
        if until <= now:
            self._calls.give_up(step.call)
        return until

    def _take_reply(self, step: Reply, now: float) -> float:
        """The place where it was answered. The call is not here yet: then whenever it comes."""
        owed = self._owed.pop(step.call.place, None)
        if owed is not None:
            self._reply(*owed, now)
        return _DONE

    def _reply(self, message_id: bytes, action: str, now: float) -> None:
        answer = self._books.next(action)
        if answer is None:
            self.judge.note(words.LACKING)
            self._out.append(
                b'[4,%b,"NotImplemented","the recording has no answer to this action",{}]' % message_id
            )
        else:
            self._out.append(self._rewriter.rewritten(answer, action, message_id, self._wall(now)))
        self._replied = (now, answer.at if answer else 0)


_ADD: Final[dict[type, Callable[[Conversation, Any], None]]] = {
    Say: Conversation._add_say,
    Answered: Conversation._add_answered,
    Hear: Conversation._add_hear,
    Reply: Conversation._add_reply,
}
_TAKE: Final[dict[type, Callable[[Conversation, Any, float], float]]] = {
    Say: Conversation._take_say,
    Answered: Conversation._take_answered,
    Hear: Conversation._take_hear,
    Reply: Conversation._take_reply,
}
"""-> until when the step has to wait; not later than now: it is done."""
_HEARD: Final[dict[type, Callable[[Conversation, Any, bytes, float], None]]] = {
    CallResult: Conversation._on_answer,
    CallError: Conversation._on_answer,
    Call: Conversation._on_call,
    Send: Conversation._on_call,
    CallResultError: Conversation._on_objection,
    Unparsed: Conversation._on_nonsense,
}
