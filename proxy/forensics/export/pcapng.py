"""`pcapng`: sessions for Wireshark (draft-ietf-opsawg-pcapng; docs/EXPORT.md).

What was recorded is in it as it passed: the heads (credentials are masked there), and every WebSocket frame with its
mask key, each at its time. The TCP connection around it is made up (`packets.py`), between the addresses that the relay
saw of the charge point and of the CSMS. Comments of packets say what is not as it passed: a hole in the stream is one
in the sequence numbers; a masked row is framed anew around what is stored of it. Nothing is encrypted, whatever the
legs were: port 443 becomes 80, that Wireshark may read it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from itertools import chain, islice
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

import msgspec

from proxy.forensics.export.material import Material, OtherRow, Outputs, Seen, Summary
from proxy.forensics.export.order import Ended, Row, batches, merged
from proxy.forensics.export.packets import CLIENT, Connection, Endpoint, endpoint
from proxy.forensics.export.tiles import Gaps, Tile, Tiler, gaps_of, size_of, why_of, wire_of
from proxy.forensics.tape import FRAME, PART, Frame, Head
from proxy.log import printable
from proxy.names import DIRECTIONS, Direction
from proxy.wire.frames import wire_bytes

SUFFIX: Final = ".pcapng"
SERVER: Final = CLIENT.other
_AT_ONCE: Final = 1_000
_NOWHERE: Final = Endpoint(bytes((192, 0, 2, 1)), 49_152)
_NOWHERE_ELSE: Final = Endpoint(bytes((192, 0, 2, 2)), 80)
"""RFC 5737: addresses for documentation, where none was recorded."""
_DEFAULT_PORTS: Final = {"wss": 443, "https": 443}
_TLS_PORT: Final = 443
_HTTP_PORT: Final = 80
_MADE_UP: Final = "made up: no head was recorded"
_LONGEST_COMMENT: Final = 2_000

# blocks

_BYTE_ORDER: Final = 0x1A2B3C4D
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_ETHERNET: Final = 1
_COMMENT, _END_OF_OPTIONS = 1, 0
_APPLICATION: Final = 4
_NAME, _RESOLUTION = 2, 9
_MICROSECONDS: Final = b"\6"
_PACKET_HEAD: Final = struct.Struct("<IIIII")
_OPTION: Final = struct.Struct("<HH")
_LENGTH: Final = struct.Struct("<I")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = _LENGTH.pack(len(body) + 12)
    return _LENGTH.pack(kind) + length + body + length


def _options(*several: tuple[int, bytes]) -> bytes:
    written = [_OPTION.pack(code, len(value)) + _padded(value) for code, value in several if value]
    return b"".join([*written, _OPTION.pack(_END_OF_OPTIONS, 0)]) if written else b""


def _text(text: str) -> bytes:
    return text[:_LONGEST_COMMENT].encode("utf-8", "backslashreplace")


def beginning(comment: str) -> bytes:
    """The section's header, and its one interface."""
    told = _options((_COMMENT, _text(comment)), (_APPLICATION, _text(f"ocpptap {version('ocpptap')}")))
    section = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + told
    interface = struct.pack("<HHI", _ETHERNET, 0, 0) + _options(
        (_NAME, b"ocpptap"), (_RESOLUTION, _MICROSECONDS)
    )
    return _block(_SECTION, section) + _block(_INTERFACE, interface)


def packet(at: int, data: bytes, comment: str = "") -> bytes:
    """`at`: microseconds UTC."""
    head = _PACKET_HEAD.pack(0, at >> 32, at & 0xFFFFFFFF, len(data), len(data))
    return _block(_PACKET, head + _padded(data) + _options((_COMMENT, _text(comment))))


# the format


def write(materials: Iterable[Material], outputs: Outputs, seen: Seen) -> Summary:
    """A `Writer`."""
    file, several = outputs.open(), iter(materials)
    first = list(islice(several, 2))
    file.write(beginning(_about([material.head for material in first])))
    capture = _Capture(file)
    frames = 0
    for lines in batches(merged(map(capture.expects, chain(first, several))), _AT_ONCE):
        for row, head in lines:
            capture.take(row, head)
        news = sum(type(row) is Frame for row, _ in lines)
        frames += news
        seen(news)
    capture.end()
    return Summary(capture.sessions, frames, notes=capture.notes)


def _about(heads: list[Head]) -> str:
    which = "several sessions: the comment of the first packet of each says which"
    if len(heads) == 1:
        which = _name(heads[0])
    return (
        f"{which}. Made by ocpptap {version('ocpptap')}: what passed, and when, is as it was recorded; "
        "Ethernet, IP and TCP around it are made up."
    )


def _name(head: Head) -> str:
    words = f"session {head.original_id} of {printable(head.charge_point)}"
    return f"{words}, imported" if head.source else words


class _Capture:
    """All sessions of one file, those that are open. `notes`: what the operator must know."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._expected: dict[str, Gaps] = {}
        self._open: dict[str, _Conversation] = {}
        self.sessions = 0
        self.masked = 0
        self.holes = 0

    def expects(self, material: Material) -> Material:
        """It is about to begin."""
        self._expected[material.head.connection_id] = gaps_of(material.others)
        return material

    def take(self, row: Row, head: Head) -> None:
        """A session begins with its `connections` row; of one that was refused nothing else is told."""
        conversation = self._open.get(head.connection_id)
        if type(row) is OtherRow and row.table == "connections":
            self._begin(head, row.row)
        elif conversation is not None:
            _TAKE[type(row)](conversation, row)
        if type(row) is Ended or head.state == "refused":
            self._forget(head)

    def end(self) -> None:
        """Sessions that are open still."""
        for conversation in list(self._open.values()):
            conversation.rest()
            self._forget(conversation.head)

    @property
    def notes(self) -> tuple[str, ...]:
        kinds = {"holes in the streams": self.holes, "masked frames, framed anew": self.masked}
        told = [f"{number:,} {kind}" for kind, number in kinds.items() if number]
        return (f"comments of packets say what is not as it passed: {', '.join(told)}",) if told else ()

    def _begin(self, head: Head, known: dict[str, Any]) -> None:
        gaps = self._expected.pop(head.connection_id, {})
        used = {conversation.ports for conversation in self._open.values()}
        conversation = self._open[head.connection_id] = _Conversation(self._file, head, known, gaps, used)
        self.sessions += 1
        conversation.opened()

    def _forget(self, head: Head) -> None:
        conversation = self._open.pop(head.connection_id, None)
        if conversation is not None:
            self.masked += conversation.masked
            self.holes += conversation.holes


Ports = tuple[Endpoint, Endpoint]


class _Conversation:
    """One session's packets. `known`: its `connections` row."""

    def __init__(
        self, file: BinaryIO, head: Head, known: dict[str, Any], gaps: Gaps, used: set[Ports]
    ) -> None:
        self.head = head
        self.masked = 0
        self.holes = 0
        self.ports = ports_of(head, known, used)
        self._file = file
        self._known = known
        self._tcp = Connection(*self.ports, zlib.crc32(head.connection_id.encode()))
        self._tiler = Tiler(gaps)
        self._told: list[str] = []

    def opened(self) -> None:
        """From the connect to the answer."""
        head, at = self.head, self.head.at
        began = at - int(self._known.get("handshake_us") or 0)
        self._told = [_name(head)]
        self._packets(began, self._tcp.opens())
        request, response = heads_of(head)
        self._says(began, CLIENT, request, "" if head.request_head else _MADE_UP)
        self._says(at, SERVER, response, "" if head.response_head else _MADE_UP)
        if head.state == "refused":
            self._end(at, f"refused with {self._known.get('status')}")

    def frame(self, frame: Frame) -> None:
        self._tiles(self._tiler.add(frame))

    def other(self, row: OtherRow) -> None:
        """Of what is no message only gaps without bytes are told: time in which nobody saw anything."""
        if row.table == "gaps" and not row.row["bytes"]:
            self._told.append(f"gap: {why_of(row.row['kind'], row.row['reason'])}")

    def rest(self) -> None:
        """No row comes any more."""
        self._tiles(self._tiler.rest())

    def closed(self, ended: Ended) -> None:
        self.rest()
        for direction in DIRECTIONS:
            missing = int(self._known.get(f"bytes_{direction.label}") or 0) - self._tiler.reached(direction)
            if missing > 0:
                self._hole(
                    direction, missing, self._tiler.reached(direction), "behind the last row that is there"
                )
        self._end(ended.at, "closed")

    def _tiles(self, tiles: Iterator[Tile]) -> None:
        for tile in tiles:
            frame = tile.frame
            if tile.missing:
                self._hole(frame.direction, tile.missing, tile.since, tile.why)
            if tile.overlaps:
                self._told.append(f"frame_no {frame.frame_no} left out: what stands there came already")
            elif frame.redacted:
                self.masked += 1
                masked = f"frame_no {frame.frame_no} is masked: it was {size_of(frame):,} bytes long"
                self._says(frame.at, frame.direction, reframed(frame), masked)
            else:
                self._says(frame.at, frame.direction, wire_of(frame))

    def _hole(self, direction: Direction, size: int, since: int, why: str) -> None:
        self.holes += 1
        self._tcp.skips(direction, size)
        self._told.append(f"{size:,} bytes {direction.label} are missing from offset {since:,} on: {why}")

    def _end(self, at: int, how: str) -> None:
        head = self.head
        by = f" by the {head.closed_by.replace('_', ' ')}" if head.closed_by else ""
        manner = f" ({head.closed_how})" if head.closed_how else ""
        reason = f": {head.closed_reason}" if head.closed_reason else ""
        self._told.append(how + by + manner + reason)
        self._packets(
            at, _ENDS.get(head.closed_how, _broken)(self._tcp, _CLOSERS.get(head.closed_by, SERVER))
        )

    def _says(self, at: int, direction: Direction, data: bytes, comment: str = "") -> None:
        if comment and data:
            self._told.append(comment)
        self._packets(at, self._tcp.says(direction, data))

    def _packets(self, at: int, packets: Iterable[bytes]) -> None:
        """What there is to tell stands on the first."""
        for data in packets:
            told, self._told = self._told, []
            self._file.write(packet(at, data, printable("; ".join(told))))


_TAKE: Final[dict[type, Callable[[_Conversation, Any], None]]] = {
    Frame: _Conversation.frame,
    OtherRow: _Conversation.other,
    Ended: _Conversation.closed,
}
_CLOSERS: Final = {direction.label.removeprefix("from_"): direction for direction in DIRECTIONS}
"""`closed_by`; what the proxy closed ends as if the CSMS had."""


def _finished(tcp: Connection, closer: Direction) -> list[bytes]:
    return tcp.ends(closer)


def _broken(tcp: Connection, closer: Direction) -> list[bytes]:
    return tcp.breaks(closer)


def _given_up(tcp: Connection, closer: Direction) -> list[bytes]:
    """It was `closer` that did not answer."""
    return tcp.breaks(closer.other)


_ENDS: Final = {"fin": _finished, "": _finished, "timeout": _given_up}
"""`closed_how`; anything else is a reset."""


def reframed(frame: Frame) -> bytes:
    """A masked row as a frame that holds what is stored of it. Only of whole frames the size changes.

    What is stored is plain text: no bit of an extension stands on it (RFC 6455 5.2).
    """
    if frame.kind != FRAME:
        plain = (
            bytes((frame.header[0] & 0x8F,)) + frame.header[1:]
            if frame.kind == PART and frame.header
            else b""
        )
        return wire_bytes(plain, frame.mask, bool(frame.masked), frame.payload)
    stored = frame.payload or frame.text
    header = bytes((frame.fin << 7 | frame.opcode, frame.masked << 7 | min(len(stored), 126)))
    if len(stored) >= 1 << 16:
        header = header[:1] + bytes((frame.masked << 7 | 127,)) + len(stored).to_bytes(8, "big")
    elif len(stored) > 125:
        header += len(stored).to_bytes(2, "big")
    return wire_bytes(header, frame.mask, bool(frame.masked), stored)


def heads_of(head: Head) -> tuple[bytes, bytes]:
    """As they are stored; of a session that has none, the least that makes it one of WebSocket (RFC 6455 4)."""
    if head.state == "refused":
        return head.request_head, head.response_head
    protocol = f"Sec-WebSocket-Protocol: {printable(head.subprotocol)}\r\n" if head.subprotocol else ""
    upgrade = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{protocol}"
    target = printable(head.target or "/").replace(" ", "%20")
    request = f"GET {target} HTTP/1.1\r\nHost: csms\r\nSec-WebSocket-Version: 13\r\n{upgrade}\r\n"
    response = f"HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n"
    return head.request_head or request.encode(), head.response_head or response.encode()


def ports_of(head: Head, known: dict[str, Any], used: set[Ports]) -> Ports:
    """(charge point, CSMS), such that no other session in `used` has both."""
    client = endpoint(head.remote_address) or _NOWHERE
    server = endpoint(str(known.get("upstream_address") or "")) or _of_url(head.upstream)
    if server.port == _TLS_PORT:
        server = msgspec.structs.replace(server, port=_HTTP_PORT)
    while (client, server) in used:
        client = msgspec.structs.replace(client, port=client.port % 65_535 + 1)
    return client, server


def _of_url(url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, _HTTP_PORT)
    except ValueError:
        return _NOWHERE_ELSE
    return endpoint(f"{parts.hostname}:{port}") or msgspec.structs.replace(_NOWHERE_ELSE, port=port)
