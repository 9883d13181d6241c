"""Counts: WebSocket frames from the bytes of a connection, OCPP messages from their text.

The demo compares these numbers with what the store holds, so they are defined on the wire:
- A frame *sent* is a complete RFC 6455 frame (5.2), data or control, close frames and answers to pings
  included, whose bytes this peer handed to its socket. A frame *received* is one whose last byte arrived.
- The bytes themselves are counted, behind the opening handshake; the library's view of them plays no part.
  Nothing behind a handshake that did not end in 101 is a frame.
- Hence for each direction: received by one peer <= passed between them <= sent by the other, and all three
  are equal where connections ended with a closing handshake. `lost` counts those that did not.
- A message is one OCPP-J text handed to or taken from the library: calls under their action, answers as
  CALLRESULT or CALLERROR, the rest as `unparsed`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

OPCODES: Final = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
ANSWERS: Final = {3: "CALLRESULT", 4: "CALLERROR"}
_MAX_NAMES: Final = 256  # actions beyond that are counted together; a peer may invent any number
_HEAD_LIMIT: Final = 64 * 1024
_HEADS: Final = (b"GET ", b"HTTP/1.1 101")


def frame_size(data: bytes | bytearray) -> int:
    """Bytes of the frame that `data` begins with, 0 while its header is incomplete (RFC 6455 5.2)."""
    if len(data) < 2:
        return 0
    short = data[1] & 0x7F
    extended = {126: 2, 127: 8}.get(short, 0)
    if len(data) < 2 + extended:
        return 0
    length = int.from_bytes(data[2 : 2 + extended], "big") if extended else short
    return 2 + extended + (data[1] >> 7) * 4 + length


class Tally:
    """Counts the frames of one direction of one connection; `feed` takes its bytes as they come.

    Holds at most one unfinished frame: the peers accept messages of up to 1 MiB.
    """

    def __init__(self) -> None:
        self.frames: Counter[str] = Counter()
        self._pending = bytearray()
        self._in_head = True
        self._refused = False

    def feed(self, data: bytes) -> None:
        if self._refused:
            return
        self._pending += data
        if self._in_head:
            self._skip_head()
        while not self._in_head and self._take_frame():
            pass

    def book(self, account: Counter[str]) -> None:
        """From here on count into `account`, what was counted so far included."""
        account.update(self.frames)
        self.frames = account

    def _skip_head(self) -> None:
        end = self._pending.find(b"\r\n\r\n")
        too_long = end < 0 and len(self._pending) > _HEAD_LIMIT
        self._refused = too_long or (end >= 0 and not self._pending.startswith(_HEADS))
        if self._refused:
            self._pending.clear()
        elif end >= 0:
            self._in_head = False
            del self._pending[: end + 4]

    def _take_frame(self) -> bool:
        size = frame_size(self._pending)
        if not size or len(self._pending) < size:
            return False
        self.frames[OPCODES.get(self._pending[0] & 0x0F, "reserved")] += 1
        del self._pending[:size]
        return True


def message_name(text: str) -> str:
    """What a message is counted as: its action, CALLRESULT, CALLERROR or unparsed."""
    try:
        message = json.loads(text)
        name = message[2] if message[0] == 2 else ANSWERS[message[0]]
        return name if isinstance(name, str) else "unparsed"
    except (ValueError, TypeError, LookupError, RecursionError):
        return "unparsed"


def count_message(counter: Counter[str], text: str) -> None:
    name = message_name(text)
    counter[name if name in counter or len(counter) < _MAX_NAMES else "(others)"] += 1


def _frames(counter: Counter[str]) -> dict[str, int]:
    return {**dict(sorted(counter.items())), "total": counter.total()}


@dataclass
class Account:
    """All that one side counted for one charge point, over all its connections."""

    ocpp: str
    faults: tuple[str, ...] = ()
    connections: int = 0
    compressed: int = 0  # of them, with permessage-deflate
    lost: int = 0  # ended without a closing handshake
    refused: int = 0  # attempts that did not become a connection
    refusal: str = ""  # the last one's reason
    swallowed: int = 0  # answers a fault held back
    transactions: int = 0
    errors: int = 0  # answers this side could not accept: must stay 0 between correct peers
    frames_sent: Counter[str] = field(default_factory=Counter)
    frames_received: Counter[str] = field(default_factory=Counter)
    messages_sent: Counter[str] = field(default_factory=Counter)
    messages_received: Counter[str] = field(default_factory=Counter)

    def refuse(self, error: Exception) -> None:
        self.refused += 1
        self.refusal = (str(error) or type(error).__name__).splitlines()[0][:200]

    def as_dict(self) -> dict[str, Any]:
        return {
            "ocpp": self.ocpp,
            "faults": list(self.faults),
            "connections": self.connections,
            "compressed": self.compressed,
            "lost": self.lost,
            "refused": self.refused,
            "refusal": self.refusal,
            "swallowed": self.swallowed,
            "transactions": self.transactions,
            "errors": self.errors,
            "frames": {"sent": _frames(self.frames_sent), "received": _frames(self.frames_received)},
            "messages": {
                "sent": dict(sorted(self.messages_sent.items())),
                "received": dict(sorted(self.messages_received.items())),
            },
        }


def message_count(accounts: Iterable[Account]) -> int:
    return sum(a.messages_sent.total() + a.messages_received.total() for a in accounts)


_TOTALS: Final = ("connections", "compressed", "lost", "refused", "swallowed", "transactions", "errors")


def summary(part: str, seed: int, accounts: dict[str, Account]) -> dict[str, Any]:
    """The JSON summary: per charge point, and the totals."""
    sent: Counter[str] = Counter()
    received: Counter[str] = Counter()
    for account in accounts.values():
        sent.update(account.frames_sent)
        received.update(account.frames_received)
    totals: dict[str, Any] = {name: sum(getattr(a, name) for a in accounts.values()) for name in _TOTALS}
    totals["frames"] = {"sent": _frames(sent), "received": _frames(received)}
    return {
        "event": "summary",
        "part": part,
        "seed": seed,
        "total": totals,
        "charge_points": {name: account.as_dict() for name, account in sorted(accounts.items())},
    }
