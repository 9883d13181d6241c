"""Parquet files put one behind the other into one, row group by row group (github.com/apache/parquet-format).

Their pages are copied as they are; only the footer is made anew: the row groups of all, at the places where they stand
now. It is in Thrift's compact protocol, which is read and written here without knowing what most fields mean. Page
indexes are left out, since they hold places of their own. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO, Final

MAGIC: Final = b"PAR1"
_LENGTH: Final = struct.Struct("<I")
_SMALLEST: Final = 12

# Thrift compact protocol: a struct is {field id: (type, value)}, a list (type of its items, items).
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS: Final = (4, 5, 6)
Struct = dict[int, tuple[int, Any]]

# parquet.thrift: the fields that are looked at
_SCHEMA, _ROWS, _GROUPS = 2, 3, 4
_NAME, _CONVERTED, _LOGICAL = 4, 6, 10
_COLUMNS, _GROUP_PLACE, _ORDINAL = 1, 5, 7
_CHUNK_PLACE, _CHUNK = 2, 3
_PAGE_INDEX: Final = (4, 5, 6, 7)
_PLACES: Final = (9, 10, 11, 14)
"""Of a column's chunk: first data page, index page, dictionary page, bloom filter."""
_MOST_ORDINALS: Final = 1 << 15


class Joined:
    """One file out of several of the same schema. `binary`: columns that are bytes, although they say they are text."""

    def __init__(self, file: BinaryIO, binary: frozenset[bytes]) -> None:
        self._file = file
        self._binary = binary
        self._size = 0
        self._rows = 0
        self._groups: list[bytes] = []
        self._footer: Struct = {}

    def add(self, data: bytes) -> int:
        """A whole Parquet file; how many rows it has. Raises ValueError: it is none."""
        if len(data) < _SMALLEST or data[:4] != MAGIC or data[-4:] != MAGIC:
            raise ValueError("the store's answer is no Parquet file")
        end = len(data) - 8 - _LENGTH.unpack(data[-8:-4])[0]
        footer = _Reader(data, end).struct()
        if not self._size:
            self._begin(footer)
        for group in footer[_GROUPS][1][1]:
            self._groups.append(_struct(_moved(group, self._size - len(MAGIC), len(self._groups))))
        self._write(data[len(MAGIC) : end])
        rows = int(footer[_ROWS][1])
        self._rows += rows
        return rows

    def end(self) -> None:
        """Nothing is added any more."""
        footer = self._footer | {_ROWS: (6, self._rows), _GROUPS: (_LIST, (_STRUCT, self._groups))}
        data = _struct(dict(sorted(footer.items())))
        self._write(data + _LENGTH.pack(len(data)) + MAGIC)

    def _begin(self, footer: Struct) -> None:
        self._write(MAGIC)
        kind, (items, schema) = footer[_SCHEMA]
        told = [_without_text(column) if column[_NAME][1] in self._binary else column for column in schema]
        self._footer = footer | {_SCHEMA: (kind, (items, told))}

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._size += len(data)


def _without_text(column: Struct) -> Struct:
    return {number: field for number, field in column.items() if number not in (_CONVERTED, _LOGICAL)}


def _moved(group: Struct, by: int, ordinal: int) -> Struct:
    """A row group whose pages stand `by` bytes further on."""
    kind, (items, chunks) = group[_COLUMNS]
    moved = _shifted(group, (_GROUP_PLACE,), by) | {
        _COLUMNS: (kind, (items, [_chunk(one, by) for one in chunks]))
    }
    if _ORDINAL in group:
        moved |= {_ORDINAL: (4, ordinal)}
        if ordinal >= _MOST_ORDINALS:
            del moved[_ORDINAL]
    return dict(sorted(moved.items()))


def _chunk(chunk: Struct, by: int) -> Struct:
    kept = {number: field for number, field in chunk.items() if number not in _PAGE_INDEX}
    kind, told = kept[_CHUNK]
    return _shifted(kept, (_CHUNK_PLACE,), by) | {_CHUNK: (kind, _shifted(told, _PLACES, by))}


def _shifted(fields: Struct, which: tuple[int, ...], by: int) -> Struct:
    return {
        number: (kind, value + by if number in which and value else value)
        for number, (kind, value) in fields.items()
    }


# Thrift


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def struct(self) -> Struct:
        found: Struct = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            found[number] = kind, kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind)
        return found

    def _value(self, kind: int) -> Any:
        return self._KINDS[kind](self)

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _integer(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _binary(self) -> bytes:
        return self._bytes(self._varint())

    def _bytes(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        size = self._varint() if head >> 4 == 15 else head >> 4
        kind = head & 15
        return kind, [self._value(kind) for _ in range(size)]

    _KINDS: Final[dict[int, Callable[[_Reader], Any]]] = {
        _TRUE: _byte,
        _FALSE: _byte,
        _BYTE: _byte,
        **dict.fromkeys(_INTEGERS, _integer),
        _DOUBLE: lambda self: self._bytes(8),
        _BINARY: _binary,
        _LIST: _list,
        _SET: _list,
        _STRUCT: struct,
    }
    """In a list a truth value is a byte."""


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _integer(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _struct(fields: Struct | bytes) -> bytes:
    """One that is written already stands for itself."""
    if isinstance(fields, bytes):
        return fields
    written, last = [], 0
    for number, (kind, value) in fields.items():
        if kind in (_TRUE, _FALSE):
            kind = _TRUE if value else _FALSE
        step = number - last
        written.append(bytes((step << 4 | kind,)) if 0 < step < 16 else bytes((kind,)) + _integer(number))
        written.append(b"" if kind in (_TRUE, _FALSE) else _WRITERS[kind](value))
        last = number
    return b"".join(written) + b"\0"


def _list(value: tuple[int, list[Any]]) -> bytes:
    kind, items = value
    size = len(items)
    head = bytes((size << 4 | kind,)) if size < 15 else bytes((0xF0 | kind,)) + _varint(size)
    return head + b"".join(map(_WRITERS[kind], items))


def _byte(value: int) -> bytes:
    return bytes((value,))


_WRITERS: Final[dict[int, Callable[[Any], bytes]]] = {
    _TRUE: _byte,
    _FALSE: _byte,
    _BYTE: _byte,
    **dict.fromkeys(_INTEGERS, _integer),
    _DOUBLE: bytes,
    _BINARY: lambda value: _varint(len(value)) + value,
    _LIST: _list,
    _SET: _list,
    _STRUCT: _struct,
}
