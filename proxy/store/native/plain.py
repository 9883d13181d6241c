"""The few rows of SHOW, DESCRIBE, EXPLAIN, EXISTS, ... over the native protocol, written here: no server wraps them.

Pure. Such rows hold words and numbers; whatever else a server might put in (a date, a list) becomes its text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from proxy.store.interface import StoreError
from proxy.store.native.pretty import MOST_ROWS, drawn
from proxy.store.native.statement import PLAIN

_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f", "'": "\\'"}
)
"""As in ClickHouse's TabSeparated."""
Columns = Sequence[tuple[str, str]]
Rows = Sequence[Sequence[Any]]


def plain(format: str, columns: Columns, rows: Iterable[Sequence[Any]]) -> bytes:
    """The rows (strings as bytes) in one of the formats of `PLAIN`; no rows are no bytes, whatever the format."""
    told = [[_value(value) for value in row] for row in rows]
    if not told:
        return b""
    if format not in PLAIN:
        names = ", ".join(sorted(set(PLAIN.values())))
        raise StoreError(
            f"format {format} is for SELECT; over clickhouse:// this statement's rows come as {names}"
        )
    return _WRITERS[PLAIN[format]](columns, told)


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _objects(columns: Columns, rows: Rows) -> bytes:
    names = [_json(name) for name, _ in columns]
    return _lines(
        b"{" + b",".join(name + b":" + _json(value) for name, value in zip(names, row, strict=True)) + b"}"
        for row in rows
    )


def _arrays(columns: Columns, rows: Rows) -> bytes:
    return _lines(b"[" + b", ".join(map(_json, row)) + b"]" for row in rows)


def _json(value: Any) -> bytes:
    """As ClickHouse writes it, which escapes slashes."""
    return msgspec.json.encode(value).replace(b"/", b"\\/")


def _fields(columns: Columns, rows: Rows) -> bytes:
    return _lines("\t".join(map(_field, row)).encode() for row in rows)


def _field(value: Any) -> str:
    return "\\N" if value is None else str(value).translate(_ESCAPES)


def _commas(columns: Columns, rows: Rows) -> bytes:
    return _lines(",".join(map(_quoted, row)).encode() for row in rows)


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return "\\N" if value is None else str(value)


def _table(columns: Columns, rows: Rows) -> bytes:
    return drawn([name for name, _ in columns], [kind for _, kind in columns], rows[: MOST_ROWS + 1])


def _lines(lines: Iterable[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


_WRITERS: Final[dict[str, Callable[[Columns, Rows], bytes]]] = {
    "JSONEachRow": _objects,
    "JSONCompactEachRow": _arrays,
    "TabSeparated": _fields,
    "CSV": _commas,
    "PrettyCompact": _table,
}
