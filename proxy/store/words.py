"""What ClickHouse says when it refuses, in one line for people: whichever way it came. Pure."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 600
_PREFIX: Final = re.compile(r"Code: \d{1,9}\. (?:DB::(?:Net)?Exception: )?|DB::(?:Net)?Exception: ")
_VERSION: Final = re.compile(r" ?\(version [^()]{,80}(?:\([^()]{,80}\))?\)")
_STACK: Final = re.compile(r"[.,]? ?Stack trace\b.*")


def one_line(text: str) -> str:
    """Without codes, nesting, versions, stack traces and what cannot be printed."""
    text = " ".join(text.split())
    return cut(_PREFIX.sub("", _VERSION.sub("", _STACK.sub("", text))).strip(), LONGEST)


def cut(line: str, length: int) -> str:
    """At most `length` characters of it, each of which can be printed."""
    printable = "".join(c if c.isprintable() else "?" for c in line[:length])
    return printable if len(line) <= length else printable + " ..."
