"""What is measured of whom. The order within a round matters: memory first, on fresh processes; the closed loops last,
because they leave ocpptap's recorder a backlog that it works off for a while."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from itertools import product
from typing import Final

from tests.bench.candidates import DIRECT, NAMES


class Kind(enum.Enum):
    IDLE = "idle"
    OPEN = "open"
    CHURN = "churn"
    CLOSED = "closed"
    ONE_CORE = "one core"


class Transport(enum.Enum):
    """Of the front; the upstream is always plain."""

    PLAIN = "plain"
    TLS = "tls"


@dataclass(frozen=True)
class Scenario:
    name: str
    kind: Kind
    candidates: tuple[str, ...]
    transport: Transport = Transport.PLAIN
    connections: int = 200
    payload: int = 200
    rate: int = 0
    warm: float = 0.3
    seconds: float = 1.2


SLOW: Final = ("websockets", "mitmproxy")
TLS: Final = ("nginx", "haproxy-tcp", "ocpptap", "ocpptap-relay")
FAST: Final = tuple(name for name in NAMES if name not in SLOW)
MAIN: Final = ("nginx", "haproxy-tcp", "ocpptap", "bytepump")
MAIN_TLS: Final = ("nginx", "haproxy-tcp", "ocpptap")
QUICK: Final = ("nginx", "ocpptap", "ocpptap-relay", "bytepump")
QUICK_SCENARIOS: Final = ("closed-200x200", "open-2000", "open-10000", "idle")
BASE: Final = (200, 200)
"""Connections, payload: everyone's; the other combinations are measured of the main candidates."""
SHAPES: Final = tuple(product((200, 2000), (60, 200, 600)))


def _without(names: tuple[str, ...], *left_out: str) -> tuple[str, ...]:
    return tuple(name for name in names if name not in left_out)


def _closed(
    transport: Transport, prefix: str, everyone: tuple[str, ...], main: tuple[str, ...]
) -> list[Scenario]:
    return [
        Scenario(
            f"{prefix}closed-{connections}x{payload}",
            Kind.CLOSED,
            everyone if (connections, payload) == BASE else main,
            transport,
            connections,
            payload,
            seconds=1.2 if (connections, payload) == BASE else 0.9,
        )
        for connections, payload in SHAPES
    ]


def everything() -> tuple[Scenario, ...]:
    proxies = _without(NAMES, DIRECT)
    return (
        Scenario("idle", Kind.IDLE, proxies, connections=2000),
        Scenario("open-2000", Kind.OPEN, NAMES, rate=2000, seconds=2.0),
        Scenario("open-10000", Kind.OPEN, _without(NAMES, "mitmproxy"), rate=10_000, seconds=1.5),
        Scenario("churn", Kind.CHURN, NAMES, seconds=1.0),
        *_closed(Transport.PLAIN, "", NAMES, MAIN),
        Scenario("one-core", Kind.ONE_CORE, _without(FAST, "ocpptap-no-journal")),
        Scenario("tls-idle", Kind.IDLE, TLS, Transport.TLS, connections=2000),
        Scenario("tls-open-2000", Kind.OPEN, TLS, Transport.TLS, rate=2000, seconds=2.0),
        Scenario("tls-churn", Kind.CHURN, TLS, Transport.TLS, connections=64, seconds=1.0),
        *_closed(Transport.TLS, "tls-", TLS, MAIN_TLS),
    )
