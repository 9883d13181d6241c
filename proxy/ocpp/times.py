"""Times that peers tell (RFC 3339, as OCPP wants them), read without guessing.

Theory: "2026-11-21T12:00:00Z", fractions and offsets allowed (1.6 errata 3.10). Practice: no zone (quirk 37), local
time labelled Z (79), numbers, "1970-01-01" before the clock is set. A time without a zone is no moment: its text is
kept. Whether a readable time is right is an analyzer's business.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from proxy.ocpp.facts.base import UNTOLD, Moment
from proxy.ocpp.tolerant import identifier

MAX_TEXT: Final = 64
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400
_read: Final = datetime.fromisoformat
_MOST: Final = 2**63


def moment(value: Any) -> Moment:
    """The moment that a payload's member tells; UNTOLD when there is none."""
    if value is None:
        return UNTOLD
    ns = nanoseconds(value)
    return Moment(None, identifier(value)[:MAX_TEXT]) if ns is None else Moment(ns)


def nanoseconds(value: Any) -> int | None:
    """ns UTC since 1970, to the microsecond; None when `value` is no time with a zone, or one before 1970."""
    if type(value) is not str or len(value) > MAX_TEXT:
        return None
    try:
        told = _read(value if value[-1:] == "Z" else value.strip().upper())
    except ValueError:
        return None
    if told.tzinfo is None:
        return None
    since = told - _EPOCH
    ns = (since.days * _DAY + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    return ns if 0 <= ns < _MOST else None
