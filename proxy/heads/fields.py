"""A head's outer form: where it ends, and its fields read tolerantly from any bytes, never raising.

Nothing here judges: request.py and response.py do. Every expression is linear in the head's length.
Names are compared without case and without the blanks a careless peer leaves before the colon.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

HEAD_LIMIT: Final = 16384
"""Longest head, bytes, with its blank line."""
HEADERS_LIMIT: Final = 100

OWS: Final = b" \t"
"""Optional white space (RFC 9110 5.6.3)."""
Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""(name, value) as sent, the value without the white space around it."""

_LINE_END: Final = re.compile(rb"\r?\n(?![ \t])")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")


def end_of_head(data: bytes | bytearray, start: int = 0) -> int:
    """The index behind the blank line, or -1. `start`: so many bytes were searched before, in vain.

    A blank line is an LF behind an LF, with or without a CR between, so that a head of bare LFs ends too
    and can be refused at once instead of at the deadline.
    """
    begin = max(0, start - 2)
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := data.find(mark, begin)) >= 0]
    return min(ends, default=-1)


def fields(head: bytes) -> Headers:
    """The fields behind the start line. A folded line is one; without a colon it is a name without value."""
    return tuple(_field(line) for line in _LINE_END.split(head)[1:] if line)


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, (_FOLD.sub(b" ", value) if b"\n" in value else value).strip(OWS)


def values(headers: Headers, name_lower: bytes) -> list[bytes]:
    """All values of one field, in order."""
    shortest = len(name_lower)
    return [
        value for name, value in headers if len(name) >= shortest and name.strip(OWS).lower() == name_lower
    ]


def first(headers: Headers, name_lower: bytes) -> bytes | None:
    return next(iter(values(headers, name_lower)), None)


def elements(headers: Headers, name_lower: bytes) -> list[bytes]:
    """The members of a list field over all its lines, without the empty ones (RFC 9110 5.6.1)."""
    joined = b",".join(values(headers, name_lower))
    return [element for part in joined.split(b",") if (element := part.strip(OWS))]


def tokens(headers: Headers, name_lower: bytes) -> list[bytes]:
    """The members of a list field whose members are compared without case (Connection, Upgrade)."""
    return [element.lower() for element in elements(headers, name_lower)]
