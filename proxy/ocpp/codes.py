"""Error codes that vendors pack into one string (1.6 vendorErrorCode, 2.x techCode), as a list.

Knows how lists are written in the field: EVgo's MREC joins codes with commas, others with semicolons, bars or spaces.
Knows no code's meaning. A string is taken apart only where it cannot be prose: "Fan stopped" is one code.
"""

from __future__ import annotations

import re
from typing import Final

MAX_CODES: Final = 32
MAX_CODE: Final = 100
MAX_READ: Final = 500
"""Characters read of the string."""
_NOTHING: Final = frozenset({"", "null", "none", "nil", "n/a", "-"})
"""What peers write where there is no code (quirk 41)."""
_SEPARATOR: Final = re.compile(r"[,;|\r\n\t]")
_WITH_DIGIT: Final = re.compile(r"\S*[0-9]\S*(?: +\S*[0-9]\S*)+")
_JSON: Final = ("{", "[")


def vendor_codes(text: str) -> tuple[str, ...]:
    """The codes of the string, each once, in order; () when it holds none.

    A JSON object (EN+, quirk 46) or a bit field ("0x00010004") stays one code. Spaces part codes only when each of
    the parts has a digit ("CX001 CX004").
    """
    text = text[:MAX_READ].strip()
    if text.startswith(_JSON):
        return (text[:MAX_CODE],)
    found = [part.strip() for part in _SEPARATOR.split(text)]
    codes = [code for part in found for code in (part.split() if _WITH_DIGIT.fullmatch(part) else [part])]
    known = dict.fromkeys(code[:MAX_CODE] for code in codes if code.lower() not in _NOTHING)
    return tuple(known)[:MAX_CODES]
