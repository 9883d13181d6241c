"""All fixtures, and the quirks that are none, each with its reason."""

from __future__ import annotations

from typing import Final

from tests.quirks import (
    c1_connection,
    c1_websocket,
    c2_frames,
    c2_replies,
    c3_sessions,
    c3_transactions,
    c4_measures,
    c4_meters,
)
from tests.quirks.model import Quirk

CHAPTERS: Final[dict[str, tuple[Quirk, ...]]] = {
    "Connection and handshake": (*c1_connection.C1, *c1_websocket.C1),
    "Frames and JSON": (*c2_frames.C2, *c2_replies.C2),
    "Sessions and state": (*c3_sessions.C3, *c3_transactions.C3),
    "Meter, battery, time": (*c4_meters.C4, *c4_measures.C4),
}
QUIRKS: Final = tuple(
    sorted((quirk for chapter in CHAPTERS.values() for quirk in chapter), key=lambda quirk: quirk.number)
)
NUMBERS: Final = range(1, 82)
"""1 to 24, 25 to 48, 49 to 66, 67 to 81: one range per chapter."""

NO_TRAFFIC: Final[dict[int, str]] = {
    18: "TLS versions, ciphers and certificate chains are the listener's and the dial's: tests/relay/test_tls.py.",
    23: "Leaks on reconnect show in churn, not in bytes: tests/faults/test_load.py lets whole fleets come back.",
    24: "500 lines at once are load, not a message: tests/faults/test_load.py, `make bench`.",
    66: "A rigid test tool: the relay adds nothing, which test_relay.py proves for every fixture here.",
}
"""Number -> why no fixture, and what holds instead."""


def name(quirk: Quirk) -> str:
    """For the names of tests."""
    return f"{quirk.number}-{quirk.title[:60]}"
