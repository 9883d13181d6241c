"""Values in SQL and beside it: string literals, and what `{name:Type}` stands for. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
_LITERAL: Final = re.compile(r"\{\s*(\w+)\s*:\s*(?:Array|Tuple|Map|Nested)\b", re.IGNORECASE)


def quoted(text: str) -> str:
    """`text` as a string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fields(sql: str, params: Mapping[str, str]) -> dict[str, str]:
    """`params` as a store takes them: fields of TabSeparated; an array's text is a literal already, and is not
    unescaped once more."""
    literals = set(_LITERAL.findall(sql))
    return {name: value if name in literals else value.translate(_ESCAPES) for name, value in params.items()}


def arguments(sql: str, params: Mapping[str, str]) -> dict[str, str]:
    """The same under the names that they have in a request of the HTTP interface."""
    return {f"param_{name}": field for name, field in fields(sql, params).items()}
