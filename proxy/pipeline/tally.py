"""What the pipeline counts: plain integers, part of the checkpoint, so that a replay counts nothing twice."""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.names import DIRECTIONS, Direction

TYPES: Final = (
    "call",
    "result",
    "error",
    "result_error",
    "send",
    "close",
    "ping",
    "pong",
    "fragment",
    "invalid",
)
"""Label `type` of `ocpptap_frames_total`. fragment: a frame of a message that ends in a later one.
invalid: no OCPP-J message could be read from it."""
_CALL: Final = 2
_CONTROL: Final = {8: 5, 9: 6, 10: 7}
_FRAGMENT: Final = 8
_INVALID: Final = 9


class Tally(msgspec.Struct):
    """Snapshot = itself."""

    frames: list[list[int]] = msgspec.field(default_factory=lambda: [[0] * len(TYPES) for _ in DIRECTIONS])
    bytes: list[int] = msgspec.field(default_factory=lambda: [0] * len(DIRECTIONS))
    gaps: dict[str, int] = msgspec.field(default_factory=dict)
    gap_bytes: dict[str, int] = msgspec.field(default_factory=dict)

    def frame(
        self, direction: Direction, opcode: int, message_type: int, unparseable: int, size: int
    ) -> None:
        """Count one whole frame."""
        if message_type and not unparseable:
            kind = message_type - _CALL
        elif unparseable:
            kind = _INVALID
        else:
            kind = _CONTROL.get(opcode, _FRAGMENT)
        self.frames[direction - 1][kind] += 1
        self.bytes[direction - 1] += size

    def gap(self, kind: str, size: int) -> None:
        self.gaps[kind] = self.gaps.get(kind, 0) + 1
        self.gap_bytes[kind] = self.gap_bytes.get(kind, 0) + size
