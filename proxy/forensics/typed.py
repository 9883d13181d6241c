"""What an operator types (a glob, a moment) as the engine wants it. Pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Final

EARLIEST: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
LATEST: Final = datetime.datetime(2262, 1, 1, tzinfo=datetime.UTC)
"""What the engine's DateTime64 holds for sure; what lies beyond is cut to it."""

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)


def moment(text: str, default: datetime.datetime) -> str:
    """ISO 8601 `text` as a DateTime64(6, 'UTC') is written; UTC unless it says otherwise. ValueError: one line."""
    try:
        found = _parsed(text) if text else default
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time; write it like 2026-11-20T13:00:00Z") from None
    return f"{min(max(found, EARLIEST), LATEST):%Y-%m-%d %H:%M:%S.%f}"


def _parsed(text: str) -> datetime.datetime:
    """The shape is checked first: `fromisoformat` also takes weeks, days of the year and half a time."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    found = datetime.datetime.fromisoformat(text)
    return found.astimezone(datetime.UTC) if found.tzinfo else found.replace(tzinfo=datetime.UTC)


_TOKEN: Final = re.compile(r"\*+|\?|\[(?P<not>!?+)(?P<set>.[^\]]*)\]|.", re.DOTALL)
_RANGE: Final = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_NO_CHARACTER: Final = r"[^\x{0}-\x{10FFFF}]"


def glob(pattern: str) -> str:
    """`pattern` (* ? [seq] [!seq], as fnmatch has them) as a regular expression of RE2, ClickHouse's `match`.

    RE2 has neither look-ahead nor atomic groups, which `fnmatch.translate` makes use of. What is not a letter or
    a digit goes as its number, so that no character needs thought.
    """
    return rf"(?s)\A{''.join(map(_translated, _TOKEN.finditer(pattern)))}\z"


def _translated(token: re.Match[str]) -> str:
    text = token[0]
    if token["set"] is not None:
        return _set(token["set"], token["not"])
    if text == "?":
        return "."
    return ".*" if text[0] == "*" else _literal(text)


def _set(characters: str, negation: str) -> str:
    ranges = "".join(_ranges(characters))
    if not ranges:  # [z-a]: an empty range is dropped; what is left contains nothing
        return "." if negation else _NO_CHARACTER
    return f"[{'^' if negation else ''}{ranges}]"


def _ranges(characters: str) -> Iterator[str]:
    for first, last, alone in (found.groups() for found in _RANGE.finditer(characters)):
        if alone is not None:
            yield _number(alone)
        elif first <= last:
            yield f"{_number(first)}-{_number(last)}"


def _literal(character: str) -> str:
    return character if character.isascii() and character.isalnum() else _number(character)


def _number(character: str) -> str:
    return rf"\x{{{ord(character):X}}}"
