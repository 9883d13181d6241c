"""Packets of ClickHouse's native protocol as its server sees them, at the revision clickhouse-driver 0.2.11 speaks.

Knows their bytes, both ways; knows no socket and no engine. What comes too short, or is not for this file (an older
client, OpenTelemetry), is an EOFError: the server hangs up.
"""

from __future__ import annotations

import enum
import re
import struct
from typing import Any, Final, NamedTuple

from clickhouse_driver.defines import CLIENT_REVISION
from clickhouse_driver.protocol import ServerPacketTypes

from proxy.store.rowbinary import leb128, string
from tests.store.native_format import Block, Input, read_columns, written_columns

REVISION: Final = CLIENT_REVISION
"""Of the server; both sides speak the lower of theirs, so this is what the driver speaks to any server of today."""
VERSION: Final = (26, 9, 1)
TIMEZONE: Final = "UTC"
_STACK: Final = (
    "0. DB::Exception::Exception(DB::Exception::MessageMasked&&, int, bool) @ 0x0000000010f2a3\n1. ..."
)
"""A server sends one with each exception; no client of ours may show it."""
_BLOCK_INFO: Final = b"\1\0\2\xff\xff\xff\xff\0"
_UNESCAPED: Final = {"b": "\b", "f": "\f", "r": "\r", "n": "\n", "t": "\t", "0": "\0", "a": "\a", "v": "\v"}


class Wire(enum.Enum):
    """How a connection's blocks are written; the value is the query packet's."""

    PLAIN = 0
    LZ4 = 1


class Login(NamedTuple):
    """What a hello says."""

    user: str
    password: str
    database: str


class Statement(NamedTuple):
    """What a query packet says; `parameters` as an HTTP request would have them."""

    sql: str
    settings: dict[str, str]
    parameters: dict[str, str]
    wire: Wire


class Insert(NamedTuple):
    """A statement whose data came: rows of each block, in their order."""

    sql: str
    settings: dict[str, str]
    blocks: tuple[int, ...]


# in


def read_login(source: Input) -> Login:
    """A hello's, after its packet type."""
    source.text()  # the client's name
    source.number(), source.number()
    if source.number() < REVISION:
        raise EOFError
    database, user, password = (source.text().decode() for _ in range(3))
    return Login(user, password, database)


def read_statement(source: Input) -> Statement:
    """A query's, after its packet type."""
    source.text()  # query id
    _skip_client_info(source)
    settings = _settings(source)
    source.text()  # no secret: a client, not another server
    source.number()  # the stage to process to: complete
    wire = Wire(min(1, source.number()))
    sql = source.text().decode()
    return Statement(sql, settings, _settings(source), wire)


def _skip_client_info(source: Input) -> None:
    if source.byte():
        source.skip_texts(3)
        source.skip(8 + 1)  # when it began; by TCP
        source.skip_texts(3)
        source.number(), source.number(), source.number()
        source.text()  # quota key
        source.number(), source.number()
        if source.byte():
            raise EOFError
        source.number(), source.number(), source.number()


def _settings(source: Input) -> dict[str, str]:
    found = {}
    while name := source.text().decode():
        source.byte()  # important, custom
        found[name] = source.text().decode()
    return found


def read_block(source: Input, wire: Wire) -> Block:
    """A data packet's, after its packet type."""
    source.text()  # an external table's name
    if wire is Wire.LZ4:
        source = Input(_stream("CompressedBlockInputStream", source, None).read_block)
    while field := source.number():
        source.skip({1: 1, 2: 4}[field])
    return read_columns(source, 1)


def field_text(dump: str) -> str | None:
    """A parameter's value as the protocol has it, a quoted string; None if it is none."""
    if len(dump) < 2 or dump[0] != "'" or dump[-1] != "'":
        return None
    return re.sub(r"\\(.)", lambda found: _UNESCAPED.get(found[1], found[1]), dump[1:-1], flags=re.DOTALL)


# out

PONG: Final = leb128(ServerPacketTypes.PONG)
END_OF_STREAM: Final = leb128(ServerPacketTypes.END_OF_STREAM)
TABLE_COLUMNS: Final = (
    leb128(ServerPacketTypes.TABLE_COLUMNS) + string("") + string("columns format version: 1\n")
)
PROFILE_EVENTS: Final = leb128(ServerPacketTypes.PROFILE_EVENTS) + string("") + _BLOCK_INFO + b"\0\0"
"""After each block of an insert; never compressed; tells nothing."""


def hello() -> bytes:
    """The server's: no rules for passwords, no nonce."""
    major, minor, patch = VERSION
    head = leb128(ServerPacketTypes.HELLO) + string("ClickHouse") + leb128(major) + leb128(minor)
    return (
        head + leb128(REVISION) + string(TIMEZONE) + string("bridge") + leb128(patch) + leb128(0) + bytes(8)
    )


def data(block: Block, wire: Wire) -> bytes:
    """A block."""
    body = _BLOCK_INFO + written_columns(block, b"\0")
    return leb128(ServerPacketTypes.DATA) + string("") + (_squeezed(body) if wire is Wire.LZ4 else body)


def progress(size: int) -> bytes:
    """So many bytes were read; and a profile of nothing."""
    head = leb128(ServerPacketTypes.PROGRESS) + leb128(0) + leb128(size) + bytes(5)
    return head + leb128(ServerPacketTypes.PROFILE_INFO) + bytes(6)


def exception(message: str, code: int) -> bytes:
    """As a server tells it, with a stack trace."""
    head = leb128(ServerPacketTypes.EXCEPTION) + struct.pack("<i", code) + string("DB::Exception")
    return head + string(f"DB::Exception: {message}") + string(_STACK) + b"\0"


class _Out:
    """Collects what clickhouse-driver's writer of compressed blocks writes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.parts.append(data)

    def flush(self) -> None:
        """Nothing is held back."""


def _squeezed(body: bytes) -> bytes:
    """In one LZ4 frame, with its checksum."""
    from clickhouse_driver.compression import get_compressor_cls

    out = _Out()
    stream = _stream("CompressedBlockOutputStream", get_compressor_cls("lz4"), 1 << 20, out, None)
    stream.fout.write(body)
    stream.finalize()
    return b"".join(out.parts)


def _stream(name: str, *arguments: Any) -> Any:
    """clickhouse-driver's, which can be imported only where its checksum's package is (clickhouse-cityhash)."""
    from clickhouse_driver.streams import compressed

    return getattr(compressed, name)(*arguments)
