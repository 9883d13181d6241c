"""What the recorder can be told. Imports nothing of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RecorderSettings:
    """`analyzers`: settings per analyzer name. `sites`: patterns of charge points by site. `store`, `journal`: the
    settings of those parts.

    A checkpoint is made between batches, after the first of seconds, bytes of journal and batches, but never sooner
    than 20 x the time the last one took. `charge_points`: patterns of those whose own figures are published, at most
    `charge_point_limit` of them.
    """

    data: str = "ocpptap-data"
    store: dict[str, Any] = field(default_factory=dict)
    run: int = 0
    checkpoint_seconds: float = 30.0
    checkpoint_bytes: int = 256 * 1024 * 1024
    checkpoint_batches: int = 1000
    drain_seconds: float = 30.0
    journal: dict[str, Any] = field(default_factory=dict)
    analyzers: dict[str, dict[str, Any]] = field(default_factory=dict)
    sites: dict[str, list[str]] = field(default_factory=dict)
    charge_points: tuple[str, ...] = ()
    charge_point_limit: int = 5000
    log_format: str = "text"
    log_level: str = "info"
