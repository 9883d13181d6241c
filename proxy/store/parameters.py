"""Values of `{name:Type}` as ClickHouse's HTTP interface takes them: fields of TabSeparated, or literals. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})
_LITERAL: Final = re.compile(r"\{\s*(\w+)\s*:\s*(?:Array|Tuple|Map|Nested)\b", re.IGNORECASE)


def fields(sql: str, params: Mapping[str, str]) -> dict[str, str]:
    """`params` under the names that they have in a request. An array's text is its literal already, and is not
    unescaped once more."""
    literals = set(_LITERAL.findall(sql))
    return {
        f"param_{name}": value if name in literals else value.translate(ESCAPES)
        for name, value in params.items()
    }
