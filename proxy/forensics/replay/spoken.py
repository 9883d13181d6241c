"""What was said: one OCPP message as it was recorded, and the calls joined with their answers. Pure.

The same value comes from rows of the store, from our jsonl and from an Open OCPP Trace. The text is the message; what
else stands here is read from it once (`envelope.decode`), because it is asked for often.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import orjson

from proxy.names import Direction
from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError, Message, Send, decode

UNREADABLE: Final = 0
CALL: Final = 2
RESULT: Final = 3
ERROR: Final = 4
RESULT_ERROR: Final = 5
SEND: Final = 6
_KINDS: Final[dict[type, int]] = {
    Call: CALL,
    CallResult: RESULT,
    CallError: ERROR,
    CallResultError: RESULT_ERROR,
    Send: SEND,
}
_MOST_WAITING: Final = 10_000


class Spoken(msgspec.Struct, frozen=True, gc=False):
    """`place`: where it stands in the recording (the frame's number, the line of a file). `at`: microseconds UTC.
    `kind`: the message type, 0 for what is no OCPP message. `action`: of calls and SENDs. `text` is valid UTF-8."""

    place: int
    at: int
    direction: Direction
    kind: int
    message_id: str
    action: str
    text: bytes

    @property
    def is_answer(self) -> bool:
        return self.kind in (RESULT, ERROR)


def spoken(place: int, at: int, direction: Direction, text: bytes) -> Spoken:
    """What `text` is. `at`: microseconds UTC."""
    message = decode(text)
    action = message.action if isinstance(message, Call | Send) else ""
    return Spoken(
        place, at, direction, _KINDS.get(type(message), UNREADABLE), message.message_id, action, text
    )


def payload_of(text: bytes) -> Any:
    """The payload of a call, a SEND or a CALLRESULT; None: it has none, or is no such message."""
    message = decode(text)
    return message.payload if isinstance(message, Call | Send | CallResult) else None


def whole_id(text: bytes) -> bytes:
    """The message id of a text that `decode` can read, as JSON: also one longer than the id that `decode` keeps."""
    return orjson.dumps(orjson.loads(text)[1])


class Joiner:
    """Which call an answer belongs to: by direction and id, never by nearness (OCPP-J 1.6 4.1).

    An id used again while its call waits: the answer belongs to the newer one. At most 10,000 calls of a direction
    wait; the oldest is given up for one more.
    """

    def __init__(self) -> None:
        self._waiting: dict[Direction, dict[str, Spoken]] = {direction: {} for direction in Direction}

    def call_of(self, said: Spoken) -> Spoken | None:
        """The call that `said` answers; None: it is no answer, or to no known call. Messages come in order."""
        if said.kind == CALL:
            waiting = self._waiting[said.direction]
            waiting.pop(said.message_id, None)
            if len(waiting) >= _MOST_WAITING:
                del waiting[next(iter(waiting))]
            waiting[said.message_id] = said
        elif said.is_answer:
            return self._waiting[said.direction.other].pop(said.message_id, None)
        return None


__all__ = [
    "CALL",
    "ERROR",
    "RESULT",
    "RESULT_ERROR",
    "SEND",
    "UNREADABLE",
    "Joiner",
    "Message",
    "Spoken",
    "spoken",
]
