"""A table drawn for a terminal, as ClickHouse's PrettyCompact draws one: for servers that send blocks, not formats.

Pure. Values come from charge points: control characters are shown as escapes, so that none of them drives the
terminal or breaks the frame. Bounded: `MOST_ROWS` rows, `LONGEST_VALUE` characters of a value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

MOST_ROWS: Final = 1_000
LONGEST_VALUE: Final = 10_000
_NULL: Final = "ᴺᵁᴸᴸ"
_RIGHT: Final = re.compile(r"(?:Nullable\(|LowCardinality\()*(?:U?Int|Float|Decimal|BFloat)")
_CONTROL: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_ESCAPES: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}


def drawn(names: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """The table; `kinds` are ClickHouse's types: numbers stand on the right. No rows: nothing is drawn.

    Of more than `MOST_ROWS` rows (pass one more to say so) the first are drawn, and a line says it.
    """
    if not rows:
        return b""
    cells = [[_cell(value) for value in row] for row in rows[:MOST_ROWS]]
    heads = [_cell(name) for name in names]
    widths = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
    right = [bool(_RIGHT.match(kind)) for kind in kinds]
    margin = len(str(len(cells))) + 2
    lines = [" " * margin + _rule("┌┬┐", heads, widths, right)]
    for number, row in enumerate(cells, 1):
        inside = " │ ".join(map(_padded, row, widths, right))
        lines.append(f"{number}. ".rjust(margin) + f"│ {inside} │")
    lines.append(" " * margin + _rule("└┴┘", [""] * len(heads), widths, right))
    if len(rows) > MOST_ROWS:
        lines.append(f"The first {MOST_ROWS} rows; --format JSONEachRow gives all.")
    return ("\n".join(lines) + "\n").encode()


def _rule(corners: str, heads: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    spans = []
    for head, width, to_the_right in zip(heads, widths, right, strict=True):
        line = "─" * (width - _width(head))
        spans.append(f"─{line}{head}─" if to_the_right else f"─{head}{line}─")
    return corners[0] + corners[1].join(spans) + corners[2]


def _padded(text: str, width: int, to_the_right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if to_the_right else text + space


def _cell(value: Any) -> str:
    text = _NULL if value is None else str(value)
    cut = text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "⋯"
    return cut if cut.isascii() and cut.isprintable() else "".join(map(_visible, cut))


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _CONTROL:
        return character
    code = ord(character)
    return _ESCAPES.get(character) or (f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}")


def _width(text: str) -> int:
    """Columns of a terminal."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
