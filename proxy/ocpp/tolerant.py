"""Reading payloads as peers really send them: numbers as strings, missing or wrong types. Nothing here raises.

`None` means "says nothing readable"; unknown is not wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MAX_TEXT: Final = 500
"""Characters kept of a string from a payload."""
MAX_SECONDS: Final = 10 * 366 * 86_400
_NOTHING: Final[Mapping[str, Any]] = {}


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def items(value: Any) -> list[Any]:
    """`value` if it is a JSON array; a single object counts as an array of one (Huawei and others)."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """A string, or a number as one (OpenEVSE sends configuration values as numbers); else ''."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(value)


def seconds(value: Any) -> int | None:
    """A whole number of seconds from 0 to ten years, also when it comes as "300", 300.0 or " 300 "."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = _number(value.strip())
    if isinstance(value, int | float) and 0 <= value <= MAX_SECONDS:
        return int(value)
    return None


def _number(digits: str) -> float | None:
    try:
        return float(digits) if len(digits) <= 20 else None
    except ValueError:
        return None


def word(value: Any) -> str:
    """A name for comparing: the standard's CiStrings ignore case."""
    return text(value).strip().lower()
