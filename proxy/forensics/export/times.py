"""Moments in microseconds UTC, as trace files have them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from proxy.ocpp.times import nanoseconds

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLION: Final = 1_000_000
_LENGTH: Final = len("2026-11-20T13:00:00.123456Z")


def iso(at: int) -> str:
    """ISO 8601 UTC with microseconds."""
    second, micros = divmod(at, _MILLION)
    return f"{_second(second)}.{micros:06d}Z"


@lru_cache(4096)
def _second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]


def micros(text: str) -> int:
    """What `iso` wrote, or any ISO 8601 with a zone. Raises ValueError."""
    if len(text) == _LENGTH and text[19] == "." and text[-1] == "Z" and text[20:26].isdecimal():
        return _since_epoch(text[:19]) * _MILLION + int(text[20:26])
    told = nanoseconds(text)
    if told is None:
        raise ValueError(f"{text[:40]!r} is not a time")
    return told // 1000


@lru_cache(4096)
def _since_epoch(second: str) -> int:
    return (datetime.fromisoformat(second).replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
