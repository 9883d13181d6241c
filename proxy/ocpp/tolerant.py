"""Reading payloads as peers really send them: numbers as strings, missing or wrong types. Nothing here raises.

`None` means "says nothing readable"; unknown is not wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import orjson

MAX_TEXT: Final = 500
"""Characters kept of a string from a payload."""
MAX_IDENTIFIER: Final = 255
MAX_DIGITS: Final = 40
MAX_SECONDS: Final = 10 * 366 * 86_400
_MOST: Final = 2**63
_MOST_SMALL: Final = 2**32 - 1
_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]+\s*")
_NUMBERS: Final = frozenset({int, float})
_TRUTHS: Final = {"true": True, "false": False}
_NOTHING: Final[Mapping[str, Any]] = {}


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if type(value) is dict else _NOTHING


def items(value: Any) -> list[Any]:
    """`value` if it is a JSON array; a single object counts as an array of one (Huawei and others)."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, dict) else []


def words(value: Any, most: int = 1000) -> tuple[str, ...]:
    """The strings of a JSON array."""
    return tuple([text(entry) for entry in items(value)[:most]])


def text(value: Any) -> str:
    """A string, or a number as one (OpenEVSE sends configuration values as numbers); else ''."""
    if type(value) is str:
        return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
    return str(value) if type(value) in _NUMBERS else ""


def characters(value: Any) -> int:
    """Length of a text; of any other JSON as its shortest text, 0 where it cannot be written (over 254 levels deep)."""
    if value is None:
        return 0
    try:
        return len(value if type(value) is str else orjson.dumps(value).decode())
    except orjson.JSONEncodeError:
        return 0


def number(value: Any) -> float | None:
    """A finite number, also when it comes as "12.5" or " 12.5 "; a decimal comma is not guessed at."""
    kind = type(value)
    if kind is str:
        if len(value) > MAX_DIGITS or "_" in value:  # Python reads 1_000, JSON and meters do not write it
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    elif kind is int:
        return float(value) if -_MOST <= value <= _MOST else None
    elif kind is not float:
        return None
    return value if isfinite(value) else None


def integer(value: Any) -> int | None:
    """A whole number within 64 bits, also when it comes as "7" or 7.0."""
    if value is None:
        return None
    if type(value) is str and len(value) <= MAX_DIGITS and _WHOLE.fullmatch(value):
        value = int(value)  # not by way of a float, which has 53 bits
    if type(value) is not int:
        told = number(value)
        value = int(told) if told is not None and told == int(told) else _MOST
    return value if -_MOST <= value < _MOST else None


def small(value: Any) -> int | None:
    """A whole number that fits 32 bits without a sign: connector and EVSE ids, slots, counters."""
    if value is None:
        return None
    told = value if type(value) is int else integer(value)
    return told if told is not None and 0 <= told <= _MOST_SMALL else None


def identifier(value: Any) -> str:
    """An id as text, whatever its JSON type: 9223372036854775807, -1 and "tx-7" are all ids (quirk 59)."""
    if type(value) is str:
        return value[:MAX_IDENTIFIER]
    return str(value)[:MAX_IDENTIFIER] if type(value) in (int, float) else ""


def truth(value: Any) -> bool | None:
    """A boolean, also when it comes as "true" or "False"; None: neither."""
    if value is None or type(value) is bool:
        return value
    return _TRUTHS.get(value.strip().lower()) if type(value) is str else None


def seconds(value: Any) -> int | None:
    """A whole number of seconds from 0 to ten years, also when it comes as "300", 300.0 or " 300 "."""
    told = number(value)
    return int(told) if told is not None and 0 <= told <= MAX_SECONDS else None


def word(value: Any) -> str:
    """A name for comparing: the standard's CiStrings ignore case."""
    return text(value).strip().lower()
