"""Months of the calendar, UTC, as numbers: a month is 12 x year + (0 ... 11). Pure."""

from __future__ import annotations

import datetime
import re
from typing import Final

_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_FIRST, _LAST = 1972, 2260
"""Years of which two before and one behind can still be written by the engine."""
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


def month_of(text: str) -> int:
    """A month as YYYY-MM. ValueError: one line."""
    found = _MONTH.fullmatch(text)
    if found is None or not _FIRST <= int(found[1]) <= _LAST:
        raise ValueError(f"{text!r} is not a month; write it like 2026-10")
    return 12 * int(found[1]) + int(found[2]) - 1


def name_of(month: int) -> str:
    return f"{month // 12:04}-{month % 12 + 1:02}"


def begin_of(month: int) -> int:
    """Its first moment, microseconds UTC."""
    return (datetime.datetime(month // 12, month % 12 + 1, 1) - _EPOCH) // _MICROSECOND
