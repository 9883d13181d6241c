"""The journal's settings. Imports nothing of ours; `config.py` composes them."""

from __future__ import annotations

import dataclasses
import enum
from typing import Final

MIN_SEGMENT_BYTES: Final = 256 * 1024
"""All that one connection may have missed (its OPEN, two GAPs, its CLOSE) fits into an empty segment of this size."""
_GIB: Final = 1024**3


class Durability(enum.StrEnum):
    """When a chunk may be passed on: once it is written (process death loses nothing), or once it is on the disk."""

    ASYNC = "async"
    SYNC = "sync"


class OnFailure(enum.StrEnum):
    """What becomes of traffic that cannot be journalled: it goes on and the gap is recorded, or it is refused."""

    RELAY = "relay"
    REFUSE = "refuse"


@dataclasses.dataclass(frozen=True, slots=True)
class JournalSettings:
    segment_bytes: int = 64 * 1024**2
    segment_seconds: int = 3600
    sync_ms: int = 100
    durability: Durability = Durability.ASYNC
    max_bytes: int = 20 * _GIB
    min_free_percent: int = 10
    on_failure: OnFailure = OnFailure.RELAY
    retain_seconds: int = 0
    """How long stored segments stay; 0: until the older checkpoint is behind them."""

    def __post_init__(self) -> None:
        rules = {
            f"segment_bytes must be {MIN_SEGMENT_BYTES} or more": self.segment_bytes >= MIN_SEGMENT_BYTES,
            "segment_bytes must be 1 GiB or less": self.segment_bytes <= _GIB,
            "segment_seconds must be 1 or more": self.segment_seconds >= 1,
            "sync_ms must be between 1 and 60000": 1 <= self.sync_ms <= 60_000,
            "max_bytes must hold two segments or more": self.max_bytes >= 2 * self.segment_bytes,
            "min_free_percent must be between 0 and 90": 0 <= self.min_free_percent <= 90,
            "retain_seconds must be 0 or more": self.retain_seconds >= 0,
        }
        for rule, kept in rules.items():
            if not kept:
                raise ValueError(rule)
