"""The plan: the processes of a run. Written by `proxy.app`, read by the supervisor."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Child:
    """One process over all its lives; each one's first line is `settings` with `life` (1, 2, ...) added."""

    name: str
    part: str
    argv: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()  # inherited by each life
    listeners: tuple[int, ...] = ()  # of these; shut down when a drain finds the child dead
    restart_limit_seconds: float = 30.0
    drain_limit_seconds: float = 5.0
    awaited: bool = True  # by the ready line


@dataclass(frozen=True)
class Plan:
    """Children drain part by part, in their order here. `check FD` (SIGHUP) replaces the plan in FD."""

    children: tuple[Child, ...]
    ready_line: str = ""
    check: tuple[str, ...] = ()
    reports_to: str = "admin"  # the part that is told how the others are
    beat_limit_seconds: float = 30.0
    log_format: str = "text"
    log_level: str = "info"
    notes: tuple[str, ...] = ()  # of `check`: what needs a restart
    config: dict[str, Any] = field(default_factory=dict)  # what it was made of, for `check`
