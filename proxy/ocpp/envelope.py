"""The OCPP-J envelope: one WebSocket message in, one value out (OCPP-J 1.6 §4.2; 2.1 Part 4 §4.2).

Never raises and drops nothing: what is no message of type 2-6 is `Unparsed`, with its id and type number where
they can be read. Tolerant where real peers are: a payload may be missing or of any type, and so may a CALLERROR's
description and details; an id that is no string, or an unknown number of elements, is not guessed at.
`reason` is one of a bounded set of words: a peer cannot invent one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import orjson

MAX_NAME: Final = 255
"""Characters kept of ids, actions and error codes; the standard allows 36 for ids."""
MAX_DESCRIPTION: Final = 255


class Call(msgspec.Struct, frozen=True, gc=False):
    """Type 2. `text` is the whole message, as given: what waits for its answer keeps that, not the payload."""

    message_id: str
    action: str
    payload: Any = None
    text: bytes = b""


class CallResult(msgspec.Struct, frozen=True, gc=False):
    """Type 3."""

    message_id: str
    payload: Any = None


class CallError(msgspec.Struct, frozen=True, gc=False):
    """Type 4."""

    message_id: str
    code: str
    description: str = ""
    details: Any = None


class CallResultError(msgspec.Struct, frozen=True, gc=False):
    """Type 5 (2.1): the sender of a CALL could not use the CALLRESULT it got."""

    message_id: str
    code: str
    description: str = ""
    details: Any = None


class Send(msgspec.Struct, frozen=True, gc=False):
    """Type 6 (2.1): a message that must not be answered."""

    message_id: str
    action: str
    payload: Any = None


class Unparsed(msgspec.Struct, frozen=True, gc=False):
    """No message. `message_id` '' and `message_type` 0: not readable (the number must fit a byte)."""

    reason: str
    message_id: str = ""
    message_type: int = 0


Message = Call | CallResult | CallError | CallResultError | Send | Unparsed


def decode(text: bytes) -> Message:
    """The message that `text` is."""
    try:
        array = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Unparsed(_why(text, str(error)))
    if not isinstance(array, list):
        return Unparsed("not an array")
    # Plain `int` only: JSON's true would pass for 1, and 2.0 is no type number.
    reader = _READERS.get(array[0]) if array and type(array[0]) is int else None
    if reader is None or len(array) < 2 or type(array[1]) is not str:
        return _unparsed(array)
    return reader(array, text)


def _call(array: list[Any], text: bytes) -> Message:
    if not 3 <= len(array) <= 4:
        return _odd("wrong number of elements", array)
    if type(array[2]) is not str:
        return _odd("action is not a string", array)
    return Call(array[1][:MAX_NAME], array[2][:MAX_NAME], array[3] if len(array) == 4 else None, text)


def _send(array: list[Any], text: bytes) -> Message:
    call = _call(array, b"")
    return Send(call.message_id, call.action, call.payload) if isinstance(call, Call) else call


def _result(array: list[Any], text: bytes) -> Message:
    if len(array) > 3:
        return _odd("wrong number of elements", array)
    return CallResult(array[1][:MAX_NAME], array[2] if len(array) == 3 else None)


def _error_as(kind: type[CallError] | type[CallResultError]) -> Callable[[list[Any], bytes], Message]:
    def read(array: list[Any], text: bytes) -> Message:
        if not 3 <= len(array) <= 5:
            return _odd("wrong number of elements", array)
        if type(array[2]) is not str:
            return _odd("error code is not a string", array)
        description = array[3] if len(array) > 3 else ""
        described = description[:MAX_DESCRIPTION] if type(description) is str else ""
        return kind(array[1][:MAX_NAME], array[2][:MAX_NAME], described, array[4] if len(array) > 4 else None)

    return read


_READERS: Final[dict[int, Callable[[list[Any], bytes], Message]]] = {
    2: _call,
    3: _result,
    4: _error_as(CallError),
    5: _error_as(CallResultError),
    6: _send,
}

_JSON_ERRORS: Final = (
    ("zero-length", "empty"),
    ("UTF-8 byte order mark", "byte order mark"),
    ("not valid UTF-8", "not UTF-8"),
    ("depth limit", "nested too deep"),
)
"""What orjson says -> our word; anything else is "not JSON"."""


def _why(text: bytes, error: str) -> str:
    for said, word in _JSON_ERRORS:
        if said in error:
            return word
    return "empty" if not text.strip() else "not JSON"


def _unparsed(array: list[Any]) -> Unparsed:
    """Why an array is no message, from left to right."""
    if not array:
        return Unparsed("empty array")
    if type(array[0]) is not int:
        return _odd("message type is not a number", array)
    if array[0] not in _READERS:
        return _odd("unknown message type", array)
    if len(array) < 2:
        return _odd("wrong number of elements", array)
    return _odd("message id is not a string", array)


def _odd(reason: str, array: list[Any]) -> Unparsed:
    return Unparsed(reason, _readable_id(array), _readable_type(array[0]))


def _readable_id(array: list[Any]) -> str:
    found = array[1] if len(array) > 1 else ""
    if type(found) is int:
        found = str(found)
    return found[:MAX_NAME] if type(found) is str else ""


def _readable_type(found: Any) -> int:
    """The type number, also from a string of digits as some peers send it."""
    if type(found) is str and len(found) <= 3 and found.isascii() and found.isdigit():
        found = int(found)
    return found if type(found) is int and 0 <= found <= 255 else 0
