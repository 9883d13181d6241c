"""Messages without their secrets: what goes on from here (facts, findings, rows) is what these functions give.

Knows the shape of messages; what is secret `secrets.py` says. Nothing here raises, and nothing is changed in place.
A message of an action that most traffic is made of costs some 0.2 us: three looks for a byte, and one at the names of
its members. Any other is searched for a secret's sign, then walked: at most 100,000 values, 32 deep. What lies deeper
is masked whole, and so is the payload of a message that is larger, or in which a member stands twice.
A masked message is written anew from what is left, so that no escape, repetition or blank of the original survives.
"""

from __future__ import annotations

import json
from typing import Any, Final, TypeVar

import msgspec
import orjson

from proxy.ocpp.envelope import Call, CallError, CallResult, CallResultError, Send, Unparsed
from proxy.ocpp.secrets import (
    ECHOING,
    MASK,
    SECRET_PLACES,
    SECRETIVE,
    is_secret,
    mask_url,
    mentions_secret,
    names_secret,
    scan,
    suspicious,
    word,
)

MOST_VALUES: Final = 100_000
MOST_DEPTH: Final = 32
MASKED_TEXT: Final = MASK.encode()
"""Stands for a text that is masked whole."""
_MARK: Final = f'"{MASK}"'.encode()

ASKED: Final = frozenset({"DataTransfer"})
"""Actions whose CALL's text must be at hand when it is answered: only it says that a secret was asked for."""

_NAMING: Final = frozenset(
    {
        "key", "name", "variable", "variablename", "keyname", "messageid", "configurationkey", "parameter",
        "parametername", "param", "property", "setting", "option", "field", "attribute",
    }
)  # fmt: skip
"""Members whose value may be the name of what stands beside it."""
_NAME_LISTS: Final = frozenset({"key", "keys", "unknownkey", "unknownkeys", "names", "variables"})
"""Lists of names: no values stand between them."""
_PLAIN: Final = _NAMING | frozenset(
    {
        "attributestatus", "attributetype", "cause", "cleared", "component", "connectorid", "constant", "datatype",
        "eventid", "eventnotificationtype", "evse", "id", "instance", "maxlimit", "minlimit", "mutability",
        "persistent", "readonly", "reasoncode", "severity", "status", "supportsmonitoring", "timestamp",
        "transaction", "transactionid", "trigger", "type", "unit", "variablecharacteristics",
        "variablemonitoringid", "vendorid",
    }
)  # fmt: skip
"""What may stand beside a secret's name and is no secret; everything else there is one."""

_AT, _QUESTION_MARK, _BACKSLASH = b"@?\\"
_HARMLESS: Final = frozenset(
    {
        "Authorize", "BootNotification", "CancelReservation", "ChangeAvailability", "ClearCache",
        "ClearChargingProfile", "CostUpdated", "Heartbeat", "MeterValues", "NotifyChargingLimit",
        "NotifyEVChargingNeeds", "NotifyEVChargingSchedule", "RemoteStartTransaction", "RemoteStopTransaction",
        "RequestStartTransaction", "RequestStopTransaction", "ReserveNow", "Reset", "SetChargingProfile",
        "StartTransaction", "StatusNotification", "StopTransaction", "TransactionEvent", "TriggerMessage",
        "UnlockConnector",
    }
)  # fmt: skip
"""Actions that most traffic is made of. No rule is about them."""
_HARMLESS_MEMBERS: Final = frozenset(
    {
        "cableMaxCurrent", "chargePointModel", "chargePointSerialNumber", "chargePointVendor", "chargingPriority",
        "chargingProfile", "chargingProfileId", "chargingProfilePurpose", "chargingSchedule", "chargingStation",
        "connectorId", "connectorStatus", "costDetails", "csChargingProfiles", "currentTime", "errorCode",
        "eventType", "evse", "evseId", "evseSleep", "expiryDate", "firmwareVersion", "iccid", "id", "idTag",
        "idTagInfo", "idToken", "idTokenInfo", "imsi", "info", "interval", "meterSerialNumber", "meterStart",
        "meterStop", "meterType", "meterValue", "numberOfPhasesUsed", "offline", "operationalStatus",
        "parentIdTag", "preconditioningStatus", "reason", "remoteStartId", "requestedMessage", "reservationId",
        "seqNo", "stackLevel", "status", "timestamp", "totalCost", "transactionData", "transactionId",
        "transactionInfo", "triggerReason", "type", "vendorErrorCode", "vendorId",
    }
)  # fmt: skip
"""What calls and answers of these actions are made of, none of it a secret; but for `info`, which is free text."""

Spoken = TypeVar("Spoken", bound=Call | Send | CallResult)
Failed = TypeVar("Failed", bound=CallError | CallResultError)


def cleared(message: Spoken, text: bytes, action: str, call: bytes = b"") -> tuple[Spoken, bytes]:
    """`message` without secrets, and the text to be stored in place of `text`: b"" when it held none.

    `action`: of the CALL that a CALLRESULT answers, "" when it is unknown. `call`: that CALL's text as it was kept
    (cleared), b"" when it was not: who asked for a secret by name gets one that has none.
    """
    if (
        action in _HARMLESS
        and _AT not in text
        and _QUESTION_MARK not in text
        and _BACKSLASH not in text
        and type(message.payload) is dict
        and _HARMLESS_MEMBERS.issuperset(message.payload)
        and not message.payload.get("info")
    ):
        return message, b""
    return _cleared(message, text, action, _MARK in call)


def _cleared(message: Spoken, text: bytes, action: str, held_secret: bool) -> tuple[Spoken, bytes]:
    kind = 3 if isinstance(message, CallResult) else 2
    echo = _echo(kind, action, held_secret)
    if not echo and not suspicious(text):
        return message, b""
    payload = MASK if _says_twice(text) else masked(kind, action, message.payload, echo)
    names = _clean_names(message)
    if payload is None and not names:
        return message, b""
    changes = names if payload is None else names | {"payload": payload}
    changed = msgspec.structs.replace(message, **changes)
    stored = _text_of(changed)
    return (msgspec.structs.replace(changed, text=stored) if isinstance(changed, Call) else changed), stored


def _echo(kind: int, action: str, held_secret: bool) -> frozenset[str]:
    """Members of an answer that may quote what was asked, though no name of a secret stands there."""
    if kind != 3:
        return _NOTHING
    found = {ECHOING[action]} if action in ECHOING else set()
    return frozenset(found | {"data", "additionalinfo"}) if held_secret else frozenset(found)


_NOTHING: Final[frozenset[str]] = frozenset()


def _clean_names(message: Call | Send | CallResult) -> dict[str, str]:
    """Ids and actions are a peer's words as well, but replies are joined by them: they lose passwords of URLs only."""
    told = {"message_id": message.message_id}
    if not isinstance(message, CallResult):
        told["action"] = message.action
    return {field: clean for field, said in told.items() if (clean := mask_url(said)) != said}


def _text_of(message: Call | Send | CallResult) -> bytes:
    if isinstance(message, CallResult):
        return _written([3, message.message_id, message.payload])
    return _written(
        [2 if isinstance(message, Call) else 6, message.message_id, message.action, message.payload]
    )


def cleared_error(message: Failed, text: bytes, action: str) -> tuple[Failed, bytes]:
    """The same for an error. What it says about a call that may have held a secret, or an unknown one, is masked."""
    quoting = not action or action in SECRETIVE
    if not quoting and not suspicious(text):
        return message, b""
    description, details = message.description, message.details
    if _says_twice(text):
        details = MASK
    else:
        details = _Walk(_NOTHING).blank(details, MOST_DEPTH) if quoting else _walked(details, _NOTHING)
    description = (MASK if description else "") if quoting else clean_text(description)
    code, message_id = clean_text(message.code), mask_url(message.message_id)
    changed = type(message)(message_id, code, description, details)
    if changed == message:
        return message, b""
    kind = 4 if isinstance(message, CallError) else 5
    return changed, _written([kind, message_id, code, description, details])


def cleared_unparsed(message: Unparsed, text: bytes) -> tuple[Unparsed, bytes]:
    """Text that nobody can read and that names a secret is masked whole."""
    if not scan(text):
        return message, b""
    return msgspec.structs.replace(message, message_id=clean_text(message.message_id)), MASKED_TEXT


def cleared_unread(text: bytes) -> bytes:
    """The text to be stored of a message that is not looked at: b"" when nothing in it is suspicious."""
    return MASKED_TEXT if suspicious(text) and scan(text) else b""


def masked(message_type: int, action: str, payload: Any, echo: frozenset[str] = _NOTHING) -> Any:
    """`payload` without secrets, or None when it holds none. `message_type`: of the message; `action`: of its call."""
    found = _walked(payload, echo | _echo(message_type, action, held_secret=False))
    return None if found is payload else found


def clean_text(text: str) -> str:
    """A single string without secrets."""
    walked = _walked(text, _NOTHING)
    return walked if isinstance(walked, str) else MASK


def _walked(value: Any, secret: frozenset[str]) -> Any:
    """`value` itself when nothing in it is secret."""
    walk = _Walk(secret)
    found = walk.value(value, "", MOST_DEPTH)
    return found if walk.left >= 0 else MASK


def _written(array: list[Any]) -> bytes:
    try:
        return orjson.dumps(array)
    except (orjson.JSONEncodeError, RecursionError):
        return MASKED_TEXT


def _says_twice(text: bytes | str) -> bool:
    """Does a member stand twice in one object? Parsers disagree on which counts, and one of them may be secret."""
    twice = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal twice
        twice = twice or len(pairs) != len(dict(pairs))

    try:
        json.loads(text, object_pairs_hook=look, parse_int=_any_number, parse_float=_any_number)
    except (ValueError, RecursionError):
        return True
    return twice


def _any_number(digits: str) -> int:
    return 0


class _Walk:
    """One look at all of a payload. `left`: values that may still be looked at; below 0: it was too large."""

    __slots__ = ("left", "secret")

    def __init__(self, secret: frozenset[str]) -> None:
        self.left = MOST_VALUES
        self.secret = secret

    def value(self, value: Any, parent: str, depth: int) -> Any:
        """`parent`: the word of the member that holds it. Gives the same object when nothing changes."""
        self.left -= 1
        if self.left < 0:
            return MASK
        if type(value) is str:
            return self._text(value, depth)
        if type(value) is dict:
            return self._object(value, parent, depth) if depth else MASK
        if type(value) is list:
            return self._array(value, parent, depth) if depth else MASK
        return value

    def blank(self, value: Any, depth: int) -> Any:
        """Beside a secret's name: every value is secret, but for the members that never are."""
        self.left -= 1
        if self.left < 0 or (type(value) in (dict, list) and not depth):
            return MASK
        if type(value) is dict:
            return {
                self._text(key, depth): self._beside(word(key), held, depth) for key, held in value.items()
            }
        if type(value) is list:
            return [self.blank(held, depth - 1) for held in value]
        return MASK if _holds(value) else value

    def _beside(self, name: str, held: Any, depth: int) -> Any:
        """A member that stands beside a secret's name."""
        return self.value(held, name, depth - 1) if name in _PLAIN else self.blank(held, depth - 1)

    def _object(self, value: dict[str, Any], parent: str, depth: int) -> Any:
        words = [word(key) for key in value]
        named = any(map(_is_named_secret, words, value.values()))
        found, same = {}, True
        for (key, held), name in zip(value.items(), words, strict=True):
            if (
                (parent, name) in SECRET_PLACES
                or name in self.secret
                or (name not in _PLAIN and is_secret(name))
            ):
                new = MASK if _holds(held) else held
            else:
                new = self._beside(name, held, depth) if named else self.value(held, name, depth - 1)
            clean = self._text(key, depth)
            same = same and new is held and clean is key
            found[clean] = new
        return value if same else found

    def _array(self, value: list[Any], parent: str, depth: int) -> Any:
        if parent not in _NAME_LISTS and any(type(held) is str and _is_secret_name(held) for held in value):
            return [
                held if type(held) is str and _is_secret_name(held) else self.blank(held, depth - 1)
                for held in value
            ]
        found = [self.value(held, parent, depth - 1) for held in value]
        return value if all(new is old for new, old in zip(found, value, strict=True)) else found

    def _text(self, text: str, depth: int) -> str:
        if text[:1] in _OPENING and text[-1:] in _CLOSING and depth:
            return self._nested(text, depth)
        clean = mask_url(text)
        if mentions_secret(clean):
            return MASK
        return text if clean == text else clean

    def _nested(self, text: str, depth: int) -> str:
        """JSON inside a string, as DataTransfer often has it."""
        try:
            inner = orjson.loads(text)
        except orjson.JSONDecodeError:
            clean = mask_url(text)
            return MASK if scan(clean.encode("utf-8", "replace")) or mentions_secret(clean) else clean
        if suspicious(text.encode()) and _says_twice(text):
            return MASK
        found = self.value(inner, "", depth - 1)
        return text if found is inner else _written(found).decode()


_OPENING: Final = frozenset('{["')
_CLOSING: Final = frozenset('}]"')


def _holds(value: Any) -> bool:
    """Is there anything to be kept secret?"""
    return value is not None and value is not True and value is not False and value != ""


def _is_secret_name(text: str) -> bool:
    return names_secret(text) and not mentions_secret(text)


def _is_named_secret(name: str, held: Any) -> bool:
    """Does the member of this name say that what stands beside it is a secret?"""
    if name not in _NAMING:
        return False
    if type(held) is dict:
        held = held.get("name")
    return type(held) is str and names_secret(held)
