"""What the admin part can be told. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AdminSettings:
    """`listen`: an address other than loopback needs `token` (asked for as `Authorization: Bearer ...`).

    `hosts`: names a request may ask for beside the loopback's; others are refused (DNS rebinding).
    `charge_points`: patterns (`DE*`) or sites (`site:NAME`) of those on /metrics/charge-points, at most
    `charge_point_limit` of them; none: there is no such page. `uptime_seconds`: how often the fleet's uptime is
    computed for /metrics; 0: never.
    """

    listen: str = "127.0.0.1:9180"
    token: str = ""
    hosts: tuple[str, ...] = ()
    charge_points: tuple[str, ...] = ()
    charge_point_limit: int = 5000
    uptime_seconds: float = 3600.0

    def __post_init__(self) -> None:
        if self.charge_point_limit < 1:
            raise ValueError("charge_point_limit must be 1 or more")
        if self.uptime_seconds and not 60 <= self.uptime_seconds <= 86_400:
            raise ValueError("uptime_seconds must be 0 (never) or between 60 and 86400")


@dataclass(frozen=True)
class AdminProcess:
    """One life of the process: the listener is an inherited descriptor, `capacity` the connection limit.

    `store`: where to ask for the fleet's uptime; `store_listener`: an inherited descriptor too, -1: no such port.
    `certificates`: (role, file) of those we present.
    """

    data: str
    listener: int
    admin: AdminSettings = AdminSettings()
    capacity: int = 0
    version: str = ""
    revision: str = ""
    store: str = "embedded"
    store_listener: int = -1
    certificates: tuple[tuple[str, str], ...] = ()
    nice: int = 10
    log_format: str = "text"
    log_level: str = "info"
    life: int = 1
