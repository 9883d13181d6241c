"""Text of peers in HTML: nothing of it is markup, nothing of it is invisible, JSON stands in lines. Pure."""

from __future__ import annotations

import html
import re
from typing import Final

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|"', re.DOTALL)
_OPEN: Final = frozenset("{[")
_CLOSE: Final = frozenset("}]")
_MOST_DEPTH: Final = 40
_WIDE: Final = 96
"""Columns up to which an object or a list of plain values stays on its line."""
_SHORT: Final = re.compile(
    r'\{[^{}\[\]"]*(?:"(?:[^"\\]|\\.)*"[^{}\[\]"]*)*\}|\[[^{}\[\]"]*(?:"(?:[^"\\]|\\.)*"[^{}\[\]"]*)*\]'
)


def shown(text: str) -> str:
    """What cannot be seen, or turns the writing round, by its number; the rest as it is."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else f"⟨U+{ord(letter):04X}⟩" for letter in text
    )


def escaped(text: object) -> str:
    """For the text and for attributes of a page."""
    return html.escape(shown(str(text)), quote=True)


def cut(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def indented(text: str) -> str:
    """JSON in lines, each token as it was written; anything else as it is."""
    if text[:1] not in _OPEN:
        return text
    lines: list[str] = []
    line, depth, at = "", 0, 0
    for found in _PIECE.finditer(text):
        if found.start() < at:
            continue
        piece, at = found[0], found.end()
        if piece in _OPEN:
            short = _SHORT.match(text, found.start())
            if short is not None and len(short[0]) + len(line) + 2 * depth <= _WIDE:
                line, at = line + _spaced(short[0]), short.end()
                continue
            lines.append(_line(line + piece, depth))
            line, depth = "", depth + 1
        elif piece in _CLOSE:
            if line:
                lines.append(_line(line, depth))
            line, depth = piece, max(0, depth - 1)
        elif piece == ",":
            lines.append(_line(line + ",", depth))
            line = ""
        else:
            line += ": " if piece == ":" else piece
    return "\n".join([*lines, _line(line, depth)] if line else lines)


def _line(text: str, depth: int) -> str:
    return "  " * min(depth, _MOST_DEPTH) + text


def _spaced(text: str) -> str:
    """On one line, a blank behind each comma and colon."""
    pieces = (found[0] for found in _PIECE.finditer(text))
    return "".join(f"{piece} " if piece in (",", ":") else piece for piece in pieces)
