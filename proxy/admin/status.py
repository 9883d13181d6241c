"""What the supervisor last said of the processes, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

State = Literal["up", "late", "starting", "down"]

TRAFFIC: Final = "relay"
"""The part that readiness is about; all others may be down and traffic does not notice (DESIGN 1)."""


class PartStatus(msgspec.Struct, frozen=True):
    name: str
    part: str
    state: State
    starts: int
    pid: int = 0


class Configured(msgspec.Struct, frozen=True):
    """When the configuration in force was read (Unix time), and whether the last attempt to read it anew worked."""

    at: float = 0.0
    ok: bool = True


class Reload(msgspec.Struct, frozen=True):
    """What SIGHUP changes here."""

    certificates: tuple[tuple[str, str], ...] = ()
    log_format: str = "text"
    log_level: str = "info"


class Order(msgspec.Struct, frozen=True):
    """A line on the lifeline. Fields of orders this part has no use for are not read."""

    order: str
    parts: tuple[PartStatus, ...] = ()
    configured: Configured = Configured()
    settings: Reload = Reload()


def parse_order(line: bytes) -> Order:
    """Raises msgspec.MsgspecError: the supervisor is of another version."""
    return msgspec.json.decode(line, type=Order)


class Status:
    """Each value is replaced as a whole: by a status order, `certificates` by settings."""

    def __init__(self, certificates: tuple[tuple[str, str], ...] = ()) -> None:
        self.parts: tuple[PartStatus, ...] = ()
        self.configured = Configured()
        self.certificates = certificates

    def ready(self) -> bool:
        """Every relay worker is up: new charge points are served. The store's state plays no part."""
        traffic = [part for part in self.parts if part.part == TRAFFIC]
        return bool(traffic) and all(part.state == "up" for part in traffic)

    def lines(self) -> Iterable[str]:
        """`relay-0: up`, one line a process."""
        return (f"{part.name}: {part.state}" for part in self.parts)
