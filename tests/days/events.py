"""What can be seen of a charge point's day: connections, whole messages, pings, refused handshakes.

Plain values with times; knows JSON and nothing of OCPP. `at`: ns UTC, as the relay's clock shows it. `line`: which of
a charge point's connections, when it has two at a time. Messages are edited as lists and written down as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from proxy.names import Direction

SECOND: Final = 1_000_000_000
"""ns."""
CP: Final = Direction.FROM_CHARGE_POINT
CSMS: Final = Direction.FROM_CSMS


class Opened(NamedTuple):
    """`security_profile`: what its heads show; None not known."""

    at: int
    charge_point: str
    version: str
    remote_address: str
    upstream: str
    security_profile: int | None = None
    line: int = 0


class Said(NamedTuple):
    """A whole message."""

    at: int
    charge_point: str
    direction: Direction
    text: bytes
    line: int = 0


class Pinged(NamedTuple):
    """A ping or a pong."""

    at: int
    charge_point: str
    direction: Direction
    line: int = 0


class Closed(NamedTuple):
    """`closed_by`: charge_point, csms, proxy; `how`: fin, rst, timeout, error."""

    at: int
    charge_point: str
    closed_by: str
    how: str
    line: int = 0


class Refused(NamedTuple):
    """A handshake that ended without a tunnel."""

    at: int
    charge_point: str
    status: int
    reason: str
    remote_address: str
    refused_by: str = "csms"
    upstream: str = ""


Event = Opened | Said | Pinged | Closed | Refused
Day = list[Event]
"""Of one charge point, in the order of time."""


class Ask(NamedTuple):
    """A CALL and its CALLRESULT's payload. `error`: a CALLERROR's code instead."""

    action: str
    payload: dict[str, Any]
    answer: dict[str, Any]
    error: str = ""


def text_of(message: Any) -> bytes:
    return msgspec.json.encode(message)


def message_of(said: Said) -> list[Any]:
    """The message as a list; [] when it is none."""
    try:
        message = msgspec.json.decode(said.text)
    except msgspec.DecodeError:
        return []
    return message if isinstance(message, list) else []


def answer_text(ask: Ask, message_id: str) -> bytes:
    if ask.error:
        return text_of([4, message_id, ask.error, "", {}])
    return text_of([3, message_id, ask.answer])


def in_order(events: Iterable[Event]) -> Day:
    """By time; what was said first stays first."""
    return sorted(events, key=lambda event: event.at)
