"""What is said instead of what was recorded: ids that the target issued, other id tags, other times, other message
ids. Pure.

By place in the message (`places`), never by searching its text. A message in which nothing changes goes out with its
recorded bytes. Learned of one charge point over all its connections, for a transaction outlives one: at most 10,000
ids of a kind, then the oldest is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.replay.paths import Change, Place, edited, values
from proxy.forensics.replay.places import (
    ANSWERS,
    CALLS,
    ID_TAGS,
    ISSUED,
    NAMED_IN_TURN,
    NOW,
    TIMES,
    USED,
    Message,
)
from proxy.forensics.replay.spoken import CALL, ERROR, RESULT, RESULT_ERROR, SEND, Spoken, payload_of
from proxy.ocpp.times import nanoseconds

_MOST: Final = 10_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PAYLOAD: Final = {CALL: "3", SEND: "3", RESULT: "2"}
_ID: Final = ("1",)
Id = tuple[str, str | int]
"""A kind of id, a recorded value."""


class Wishes(msgspec.Struct, frozen=True):
    """What the operator wants changed. `shift`: microseconds to add to each time; None: times stay as recorded."""

    id_tags: Mapping[str, str] = {}
    shift: int | None = None


NO_WISHES: Final = Wishes()


class Turns:
    """Which one of its kind an id is, in the order in which they are first met: 0, 1, 2. At most 10,000 of a kind."""

    def __init__(self) -> None:
        self._turns: dict[Id, int] = {}
        self._counts: dict[str, int] = {}

    def turn(self, kind: str, value: str | int) -> int | None:
        """None: beyond what is remembered."""
        found = self._turns.get((kind, value))
        count = self._counts.get(kind, 0)
        if found is None and count < _MOST:
            found = self._turns[kind, value] = count
            self._counts[kind] = count + 1
        return found

    def known(self, name: Id) -> int | None:
        return self._turns.get(name)


class Learned:
    """The ids that the other side uses in place of the recorded ones."""

    def __init__(self) -> None:
        self._new: dict[Id, bytes] = {}
        self._recorded_turns = Turns()
        self._new_turns = Turns()
        self._in_turn: dict[tuple[str, int], bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._new or self._in_turn)

    def from_pair(self, message: Message, recorded: Any, new: Any) -> None:
        """Two payloads of the same message."""
        for kind, where in ISSUED.get(message, ()):
            for before, after in zip(values(recorded, where), values(new, where), strict=False):
                if _is_id(before) and _is_id(after) and before != after:
                    self._remember((kind, before), after)
                elif _is_id(before):
                    self._new.pop((kind, before), None)

    def _remember(self, recorded: Id, new: str | int) -> None:
        if len(self._new) >= _MOST and recorded not in self._new:
            del self._new[next(iter(self._new))]
        self._new[recorded] = orjson.dumps(new)

    def recorded_in_turn(self, message: Message, payload: Any) -> None:
        """The recording names an id of its own."""
        for kind, value in _named(message, payload):
            self._recorded_turns.turn(kind, value)

    def new_in_turn(self, message: Message, payload: Any) -> None:
        """The peer names one."""
        for kind, value in _named(message, payload):
            turn = self._new_turns.turn(kind, value)
            if turn is not None:
                self._in_turn[kind, turn] = orjson.dumps(value)

    def substitute(self, kind: str, raw: bytes) -> bytes:
        """The JSON of an id -> what stands for it now."""
        value = orjson.loads(raw)
        if not _is_id(value):
            return raw
        turn = self._recorded_turns.known((kind, value))
        new = self._new.get((kind, value)) if turn is None else self._in_turn.get((kind, turn))
        return raw if new is None or orjson.loads(new) == value else new


def _is_id(value: Any) -> bool:
    return type(value) in (str, int)


def _named(message: Message, payload: Any) -> list[Id]:
    found = NAMED_IN_TURN.get(message, ())
    return [(kind, value) for kind, where in found for value in values(payload, where) if _is_id(value)]


def message_of(said: Spoken, action: str) -> Message:
    """The key into the tables. `action`: an answer's call's."""
    return said.direction, ANSWERS if said.is_answer else CALLS, action


class Rewriter:
    """`rewritten`: the text that is sent in place of a recorded one."""

    def __init__(self, learned: Learned, wishes: Wishes = NO_WISHES) -> None:
        self._learned = learned
        self._wishes = wishes
        self._tags = {tag: orjson.dumps(new) for tag, new in wishes.id_tags.items()}

    def rewritten(self, said: Spoken, action: str, message_id: bytes = b"", now: int = 0) -> bytes:
        """`action`: an answer's call's. `message_id`: JSON of another id than the recorded one; b"" the recorded one.
        `now`: microseconds UTC."""
        text = said.text
        if said.kind in _PAYLOAD:
            for where, change in self._changes(message_of(said, action), now):
                text = edited(text, (_PAYLOAD[said.kind], *where), change)
        if message_id and said.kind in _WITH_ID:
            text = edited(
                text, _ID, lambda old: old if orjson.loads(old) == orjson.loads(message_id) else message_id
            )
        return text

    def _changes(self, message: Message, now: int) -> list[tuple[Place, Change]]:
        found: list[tuple[Place, Change]] = []
        if self._learned:
            found += [(where, self._id(kind)) for kind, where in USED.get(message, ())]
        if self._tags:
            found += [(where, self._tag) for where in ID_TAGS.get(message, ())]
        if self._wishes.shift is not None:
            found += [(where, self._time) for where in TIMES.get(message, ())]
            found += [(NOW[message], _present(now))] if message in NOW else []
        return found

    def _id(self, kind: str) -> Change:
        return lambda raw: self._learned.substitute(kind, raw)

    def _tag(self, raw: bytes) -> bytes:
        value = orjson.loads(raw)
        return self._tags.get(value, raw) if isinstance(value, str) else raw

    def _time(self, raw: bytes) -> bytes:
        """What is no time with a zone stays as it is."""
        told = nanoseconds(orjson.loads(raw))
        if told is None or self._wishes.shift is None:
            return raw
        return orjson.dumps(iso(told // 1000 + self._wishes.shift))


_WITH_ID: Final = frozenset({CALL, SEND, RESULT, ERROR, RESULT_ERROR})


def _present(now: int) -> Change:
    return lambda raw: orjson.dumps(iso(now))


def iso(at: int) -> str:
    """Microseconds UTC as OCPP writes a time: milliseconds, Z."""
    moment = _EPOCH + timedelta(microseconds=at)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def learn_answer(learned: Learned, call: Spoken, recorded: bytes, new: bytes) -> None:
    """From the target's answer to a call of ours."""
    message = (call.direction.other, ANSWERS, call.action)
    if message in ISSUED:
        learned.from_pair(message, payload_of(recorded), payload_of(new))


def learn_call(learned: Learned, recorded: Spoken, new: bytes) -> None:
    """From a call of the other side, and the recorded one that it stands for."""
    message = (recorded.direction, CALLS, recorded.action)
    if message in ISSUED:
        learned.from_pair(message, payload_of(recorded.text), payload_of(new))
