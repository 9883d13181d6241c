"""The header of a frame (RFC 6455 5.2), read strictly: every rule an observer can check on it is a row here.

`read_header` gives a Header, None (more bytes are needed) or the violation's name. Each rule looks at the
fewest bytes it needs, in order, so that the verdict is the same however the bytes arrive.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.heads.extensions import Deflate
from proxy.names import Direction

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
DATA_OPCODES: Final = (CONTINUATION, TEXT, BINARY)
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
CONTROL_OPCODES: Final = (CLOSE, PING, PONG)
KEY_SIZE: Final = 4

_FORMS: Final = {126: (4, 126), 127: (10, 65536)}
"""The 7-bit length that announces a longer one: size of the header without key, smallest length for it."""


class Header(msgspec.Struct, frozen=True, gc=False):
    """`size` counts the header without the masking key; `begin` with it."""

    fin: bool
    rsv: int
    opcode: int
    masked: bool
    size: int
    begin: int
    length: int


class Rules(msgspec.Struct, frozen=True, gc=False):
    """What the first and the second byte may be in one direction: "" or the violation's name, per value."""

    first: tuple[str, ...]
    second: tuple[str, ...]


def _first_byte(value: int, rsv1_opcodes: tuple[int, ...]) -> str:
    opcode = value & 15
    if opcode not in DATA_OPCODES and opcode not in CONTROL_OPCODES:
        return "reserved opcode"
    if value & 0x30 or (value & 0x40 and opcode not in rsv1_opcodes):
        return "reserved bit set"
    if opcode in CONTROL_OPCODES and not value & 0x80:
        return "fragmented control frame"
    return ""


def _second_byte(value: int, direction: Direction) -> str:
    if direction is Direction.FROM_CHARGE_POINT:
        return "" if value & 0x80 else "unmasked frame of a client"
    return "masked frame of a server" if value & 0x80 else ""


def _rules(direction: Direction, rsv1_opcodes: tuple[int, ...]) -> Rules:
    return Rules(
        tuple(_first_byte(value, rsv1_opcodes) for value in range(256)),
        tuple(_second_byte(value, direction) for value in range(256)),
    )


_PLAIN: Final = {direction: _rules(direction, ()) for direction in Direction}
# RFC 7692 6: the "Per-Message Compressed" bit stands on the first frame of a data message only.
_DEFLATED: Final = {direction: _rules(direction, (TEXT, BINARY)) for direction in Direction}


def rules_of(direction: Direction, deflate: Deflate | None) -> Rules:
    return (_PLAIN if deflate is None else _DEFLATED)[direction]


def read_header(data: bytes, at: int, rules: Rules) -> Header | str | None:
    """The header that begins at `data[at]`."""
    if len(data) - at < 2:
        return None
    first, second = data[at], data[at + 1]
    form = second & 127
    if violation := rules.first[first] or rules.second[second]:
        return violation
    if form > 125 and first & 8:
        return "control frame over 125 bytes"
    if form < 126:
        return _header(first, second, 2, form)
    return _long_header(data, at, first, second)


def _long_header(data: bytes, at: int, first: int, second: int) -> Header | str | None:
    size, least = _FORMS[second & 127]
    if len(data) - at < size:
        return None
    length = int.from_bytes(data[at + 2 : at + size], "big")
    if length < least:
        return "length not in its shortest form"
    if length >> 63:
        return "length of 2^63 or more"
    return _header(first, second, size, length)


def _header(first: int, second: int, size: int, length: int) -> Header:
    masked = second > 127
    begin = size + KEY_SIZE if masked else size
    return Header(first > 127, first >> 4 & 7, first & 15, masked, size, begin, length)
