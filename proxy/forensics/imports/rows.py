"""A line of our own jsonl as a row of its table, checked column by column. Pure.

A column that a line lacks is empty (an older ocpptap wrote it), one that the table lacks is passed over (a newer one).
Whatever the store could not hold is a ValueError that says what.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec

from proxy.forensics.export.columns import ODD, OTHERS, columns_of
from proxy.forensics.export.jsonl import FrameRow, UInt8, UInt16, UInt32, UInt64
from proxy.forensics.export.material import BINARY
from proxy.forensics.export.times import micros
from proxy.names import DIRECTIONS
from proxy.pipeline.batch import Row
from proxy.tables import FRAME_KINDS, TABLES, VERDICTS

_MOST: Final = 2**64 - 1
_LAST: Final = 9_223_372_036_854_775
"""Microseconds: what nanoseconds in 63 bits can hold."""
_HEX: Final = re.compile(r"([0-9a-f]{2})*", re.ASCII)
_DIRECTIONS: Final = {direction.label: int(direction) for direction in DIRECTIONS}


def imported_id(source: str, original: str) -> str:
    """What a session is called in this store that was called `original` where it was recorded."""
    return hashlib.blake2b(source.encode() + original.encode("utf-8", "replace"), digest_size=8).hexdigest()


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of our jsonl, its row unread."""

    at: str
    session: str
    row: msgspec.Raw
    table: str | None = None
    event: str = ""
    charge_point: str = ""
    raw: str | None = None


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a line's row stands. `known`: id of a session where it was recorded -> here, for those of the file."""

    source: str
    connection_id: str
    known: dict[str, str]


_LINE: Final = msgspec.json.Decoder(Line)
_FRAME: Final = msgspec.json.Decoder(FrameRow)


def line_of(data: bytes) -> Line:
    """Raises ValueError: it is none."""
    try:
        return _LINE.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def row_of(line: Line, place: Place) -> Row:
    """The row of `line.table`, a table of `READABLE`. Raises ValueError."""
    at = _at(line.at)
    try:
        if line.table == "frames":
            return _frame_row(_FRAME.decode(line.row), line, at, place)
        return _other_row(_WRITINGS[line.table or ""], line, at, place)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{line.table}: {error}") from None


def size_of(row: Row) -> int:
    """Bytes of payload in a row of `frames`."""
    return len(row[_PAYLOAD]) + len(row[_TEXT])


def _at(text: str) -> int:
    """Nanoseconds."""
    at = micros(text)
    if not 0 <= at <= _LAST:
        raise ValueError(f"{text} is beyond what a column can hold")
    return at * 1000


# frames

_PAYLOAD: Final = list(TABLES["frames"]).index("payload")
_TEXT: Final = list(TABLES["frames"]).index("text")


def _frame_row(row: FrameRow, line: Line, at: int, place: Place) -> Row:
    """By position, in the order of tables.py["frames"]. Hot."""
    if row.frame_no > _MOST or row.stream_offset > _MOST or row.answers > _MOST:
        raise ValueError("frames: a number is beyond what a column can hold")
    payload, text = _bytes_of(row, line.raw)
    return (
        at,
        0,
        row.frame_no,
        row.stream_offset,
        row.answers,
        row.mask,
        row.check,
        _DIRECTIONS[row.direction],
        FRAME_KINDS[row.kind],
        row.opcode,
        row.fin,
        row.rsv,
        row.masked,
        row.message_type,
        VERDICTS[row.verdict],
        row.truncated,
        row.redacted,
        place.connection_id,
        line.charge_point,
        row.header,
        payload,
        text,
        row.message_id,
        row.action,
        row.latency_us,
        row.keyed_digest,
        row.link,
        row.pointer,
        row.rule,
        row.clause,
        row.journal,
        place.source,
    )


def _bytes_of(row: FrameRow, raw: str | None) -> tuple[bytes, bytes]:
    """`payload` and `text`: the one that is left out is what `raw` says."""
    payload = b"" if row.payload is msgspec.UNSET else row.payload
    text = b"" if row.text is msgspec.UNSET else row.text
    if raw is not None and row.payload is msgspec.UNSET:
        return raw.encode(), text
    if raw is not None and row.text is msgspec.UNSET:
        return payload, raw.encode()
    return payload, text


# all others


class _Odd(msgspec.Struct, frozen=True):
    base64: bytes


class Writing(msgspec.Struct, frozen=True):
    """How a table's lines become rows: the columns of a line in the table's order, and what is made of their values."""

    table: str
    decoder: Any
    columns: tuple[str, ...]
    made: tuple[tuple[str, Callable[[Any], Any]], ...]
    blank: dict[str, Any]


_WHOLE: Final[dict[str, Any]] = {
    "Int8": Annotated[int, msgspec.Meta(ge=-(2**7), le=2**7 - 1)],
    "UInt8": UInt8,
    "UInt16": UInt16,
    "UInt32": UInt32,
    "UInt64": UInt64,
    "Int64": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
}


def _words(kind: str) -> dict[str, int]:
    """Of an enumeration: word -> number."""
    pairs = (pair.split(" = ") for pair in kind[len("Enum8(") : -1].split(", "))
    return {word[1:-1]: int(number) for word, number in pairs}


def _inner(kind: str) -> str:
    return kind[len("Nullable(") : -1] if kind.startswith("Nullable(") else kind


def _given(table: str, column: str, kind: str) -> tuple[Any, Any]:
    """The type that a line has, and what stands for a value that it lacks."""
    if (table, column) in BINARY:
        return bytes, b""
    if (table, column) in ODD:
        return str | _Odd, ""
    inner = _inner(kind)
    told, blank = _plain(inner)
    return (told | None, None) if inner != kind else (told, blank)


def _plain(kind: str) -> tuple[Any, Any]:
    if kind in _WHOLE:
        return _WHOLE[kind], 0
    if kind.startswith("Enum8"):
        words = tuple(_words(kind))
        return Literal[words], words[0]
    if kind.startswith("Array(Tuple"):
        return list[tuple[str, UInt64]], msgspec.UNSET
    if kind.startswith("Array"):
        return list[str], msgspec.UNSET
    return (float | str, 0.0) if kind == "Float64" else (str, "")


def _made(table: str, column: str, kind: str) -> Callable[[Any], Any] | None:
    inner = _inner(kind)
    if (table, column) in ODD:
        return lambda value: value.base64 if isinstance(value, _Odd) else value
    if inner.startswith("Enum8"):
        return _words(inner).__getitem__
    if "DateTime64" in inner:
        return lambda value: _at(value) if value else (None if value is None else 0)
    if inner == "Float64":
        return lambda value: None if value is None else float(value)
    if column == "journal":
        return _hexadecimal
    return _bounded if inner == "UInt64" else None


def _hexadecimal(value: str) -> str:
    """A journal's uuid: chains begin with its bytes."""
    if not _HEX.fullmatch(value):
        raise ValueError(f"journal {value[:40]!r} is not hexadecimal")
    return value


def _bounded(value: int) -> int:
    if value > _MOST:
        raise ValueError(f"{value} is beyond what a column can hold")
    return value


def _writing(table: str) -> Writing:
    columns = columns_of(table)
    fields = []
    for column, kind in columns.items():
        told, blank = _given(table, column, kind)
        default = msgspec.field(default_factory=list) if blank is msgspec.UNSET else blank
        fields.append((column, told, default))
    made = ((column, _made(table, column, kind)) for column, kind in columns.items())
    return Writing(
        table=table,
        decoder=msgspec.json.Decoder(msgspec.defstruct(f"{table.title()}Row", fields, frozen=True)),
        columns=tuple(columns),
        made=tuple((column, make) for column, make in made if make is not None),
        blank={column: 0 for column in TABLES[table] if column not in columns},
    )


_WRITINGS: Final = {table: _writing(table) for table in OTHERS}
READABLE: Final = frozenset({"frames", *OTHERS})


def _other_row(writing: Writing, line: Line, at: int, place: Place) -> Row:
    values = msgspec.structs.asdict(writing.decoder.decode(line.row))
    for column, make in writing.made:
        values[column] = make(values[column])
    stands = {
        "at": at,
        "connection_id": place.connection_id,
        "source_connection_id": line.session,
        "charge_point": line.charge_point,
        "source": place.source,
    }
    known = writing.blank | values | stands
    if writing.table == "findings":
        known["evidence"] = [
            (place.known.get(connection, connection), _bounded(number))
            for connection, number in values["evidence"]
        ]
    elif "end_connection_id" in known:
        known["end_connection_id"] = place.known.get(known["end_connection_id"], known["end_connection_id"])
    return tuple([known[column] for column in TABLES[writing.table]])
