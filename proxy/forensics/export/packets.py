"""A TCP connection that carries given bytes, as Ethernet frames (RFC 791, 8200, 9293). Pure; knows no file and no OCPP.

What it makes up: addresses of the link, sequence numbers, segments, acknowledgements. Those say no more than that
everything arrived: one goes with each segment, and one alone after 32 KiB that nobody answered.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from proxy.names import DIRECTIONS, Direction

CLIENT: Final = Direction.FROM_CHARGE_POINT
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_WINDOW: Final = 65_535
_MOST_UNACKNOWLEDGED: Final = 32 << 10
_MOST_SKIPPED: Final = 1 << 30
"""Bytes that a hole counts at most: twice as many would look like a step back."""
_SEQUENCE: Final = 0xFFFFFFFF
_TCP: Final = 6
_MTU: Final = 1500
_TCP_HEADER: Final = struct.Struct(">HHIIBBHHH")
_IPV4_HEADER: Final = struct.Struct(">BBHHHBBH8s")
_IPV6_HEADER: Final = struct.Struct(">IHBB32s")
_IPV4_SIZE: Final = 20
_IPV6_SIZE: Final = 40
_TCP_SIZE: Final = 20
_DO_NOT_FRAGMENT: Final = 0x4000
_HOPS: Final = 64
_MACS: Final = {CLIENT: b"\x02\0\0\0\0\1", CLIENT.other: b"\x02\0\0\0\0\2"}
"""Locally administered."""


class Endpoint(msgspec.Struct, frozen=True):
    """`address`: 4 or 16 bytes."""

    address: bytes
    port: int


def endpoint(text: str) -> Endpoint | None:
    """Of `127.0.0.1:80`, `[::1]:80`; None: that is none."""
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]").partition("%")[0])
        number = int(port)
    except ValueError:
        return None
    return Endpoint(address.packed, number) if 0 < number < 65_536 else None


def _long(address: bytes) -> bytes:
    """RFC 4291 2.5.5.2."""
    return address if len(address) == 16 else bytes(10) + b"\xff\xff" + address


def checksum(data: bytes, seed: int = 0) -> int:
    """RFC 1071: the complement of the sum of all 16-bit words, which is their value modulo 65,535."""
    padded = data if len(data) % 2 == 0 else data + b"\0"
    return -(int.from_bytes(padded, "big") + seed) % _WINDOW


class _End:
    """One end of the connection. `next`: the sequence number of its next byte; `waiting`: of its bytes, how many have
    not been acknowledged."""

    __slots__ = ("addresses", "ethernet", "next", "ports", "seed", "waiting")

    def __init__(self, direction: Direction, own: Endpoint, other: Endpoint, first: int) -> None:
        four = len(own.address) == len(other.address) == 4
        addresses = (own.address, other.address) if four else (_long(own.address), _long(other.address))
        self.addresses = b"".join(addresses)
        self.ports = own.port, other.port
        self.ethernet = _MACS[direction.other] + _MACS[direction] + (b"\x08\x00" if four else b"\x86\xdd")
        self.seed = int.from_bytes(self.addresses, "big") % _WINDOW + _TCP
        self.next = first
        self.waiting = 0


class Connection:
    """Every method gives the packets that it takes. `number`: what the sequence numbers begin with; it must be another
    where the same ports are used again."""

    def __init__(self, client: Endpoint, server: Endpoint, number: int) -> None:
        self._ends = {
            CLIENT: _End(CLIENT, client, server, number & _SEQUENCE),
            CLIENT.other: _End(CLIENT.other, server, client, ~number & _SEQUENCE),
        }
        self._four = len(self._ends[CLIENT].addresses) == 8
        self._mss = _MTU - (_IPV4_SIZE if self._four else _IPV6_SIZE) - _TCP_SIZE

    def opens(self) -> list[bytes]:
        """RFC 9293 3.5: SYN, SYN and ACK, ACK."""
        options = struct.pack(">BBH", 2, 4, self._mss)
        return [
            self._packet(CLIENT, _SYN, b"", options),
            self._packet(CLIENT.other, _SYN | _ACK, b"", options),
            self._packet(CLIENT, _ACK),
        ]

    def says(self, direction: Direction, data: bytes) -> Iterator[bytes]:
        """In segments."""
        for begin in range(0, len(data), self._mss):
            part = data[begin : begin + self._mss]
            last = begin + self._mss >= len(data)
            yield self._packet(direction, _ACK | (_PSH if last else 0), part)
            if self._ends[direction].waiting > _MOST_UNACKNOWLEDGED:
                yield self._packet(direction.other, _ACK)

    def skips(self, direction: Direction, size: int) -> None:
        """So many bytes were not captured."""
        end = self._ends[direction]
        end.next = end.next + min(size, _MOST_SKIPPED) & _SEQUENCE

    def ends(self, direction: Direction) -> list[bytes]:
        """RFC 9293 3.6: `direction` closes first."""
        return [
            self._packet(direction, _FIN | _ACK),
            self._packet(direction.other, _FIN | _ACK),
            self._packet(direction, _ACK),
        ]

    def breaks(self, direction: Direction) -> list[bytes]:
        """`direction` resets it."""
        return [self._packet(direction, _RST | _ACK)]

    def _packet(self, direction: Direction, flags: int, data: bytes = b"", options: bytes = b"") -> bytes:
        own, other = self._ends[direction], self._ends[direction.other]
        number = other.next if flags & _ACK else 0
        segment = self._segment(own, number, flags, options, data)
        own.next = own.next + len(data) + (1 if flags & (_SYN | _FIN) else 0) & _SEQUENCE
        own.waiting += len(data)
        other.waiting = 0
        return own.ethernet + self._ip(own, len(segment)) + segment

    def _segment(self, own: _End, number: int, flags: int, options: bytes, data: bytes) -> bytes:
        size = _TCP_SIZE + len(options)
        fields = *own.ports, own.next, number, size << 2, flags, _WINDOW
        body = options + data
        sum_ = checksum(_TCP_HEADER.pack(*fields, 0, 0) + body, own.seed + size + len(data))
        return _TCP_HEADER.pack(*fields, sum_, 0) + body

    def _ip(self, own: _End, size: int) -> bytes:
        if not self._four:
            return _IPV6_HEADER.pack(6 << 28, size, _TCP, _HOPS, own.addresses)
        fields = 0x45, 0, _IPV4_SIZE + size, 0, _DO_NOT_FRAGMENT, _HOPS, _TCP
        return _IPV4_HEADER.pack(
            *fields, checksum(_IPV4_HEADER.pack(*fields, 0, own.addresses)), own.addresses
        )


__all__ = ["CLIENT", "DIRECTIONS", "Connection", "Endpoint", "checksum", "endpoint"]
