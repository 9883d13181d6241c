"""What the admin part can be told. Imports nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AdminSettings:
    """`listen`: an address other than loopback needs `token` (asked for as `Authorization: Bearer ...`).

    `hosts`: names a request may ask for beside the loopback's; others are refused (DNS rebinding).
    """

    listen: str = "127.0.0.1:9180"
    token: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class AdminProcess:
    """One life of the process: the listener is an inherited descriptor, `capacity` the connection limit."""

    data: str
    listener: int
    admin: AdminSettings = AdminSettings()
    capacity: int = 0
    version: str = ""
    nice: int = 10
    log_format: str = "text"
    log_level: str = "info"
    life: int = 1
