"""Rows turned into the columns that clickhouse-driver sends: one converter per table, made from its column types.

Pure. Knows what the driver does with a value (it packs integers as they are, and writes `bytes` without looking), and
that it looks at a value only while it writes to the socket. So every value is checked here, before the server has
heard of the insert: what comes out can be sent. Given and sent: DateTime64(6) integer nanoseconds UTC -> microseconds;
Enum8 its number; strings as bytes or str (a lone surrogate becomes a backslash escape, as in rowbinary.py).
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

from proxy.store.interface import RowsRefused

Row = tuple[Any, ...]
Column = Sequence[Any]
Converter = Callable[[Column], Column]
Columns = Callable[[Sequence[Row]], list[Column]]

_TYPECODES: Final = {
    "Int8": "b",
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
    "Int64": "q",
    "Float64": "d",
}
_MOMENT: Final = "q"
_ENUM_NUMBER: Final = re.compile(r"'((?:[^'\\]|\\.)*)' = (-?\d+)")
_COMPOSED: Final = re.compile(r"(Nullable|Array|Tuple|LowCardinality)\((.*)\)\Z", re.DOTALL)
_SEQUENCES: Final = frozenset({list, tuple})


def compile_columns(columns: Mapping[str, str]) -> Columns:
    """The function that makes columns of the rows of a table with these columns (name -> ClickHouse type)."""
    converters = [_converter(kind) for kind in columns.values()]

    def convert(rows: Sequence[Row]) -> list[Column]:
        given = zip(*rows, strict=True)
        return [converter(column) for converter, column in zip(converters, given, strict=True)]

    return convert


def columns_of(convert: Columns, rows: Sequence[Row]) -> list[Column]:
    """The rows' columns; RowsRefused if one of them cannot be a row of this table."""
    try:
        return convert(rows)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise RowsRefused(f"a value does not fit its column: {error}") from None


def _converter(kind: str) -> Converter:
    base = kind.partition("(")[0]
    if base in _TYPECODES:
        return _numbers(_TYPECODES[base])
    if base == "DateTime64":
        return _moments
    if base == "Enum8":
        return _enum(kind)
    if kind == "String":
        return _strings
    if match := _COMPOSED.match(kind):
        return _COMPOSERS[match[1]](match[2])
    raise ValueError(f"no native column for {kind}")


def _numbers(typecode: str) -> Converter:
    def convert(column: Column) -> Column:
        array(typecode, column)  # raises for what does not fit
        return column

    return convert


def _moments(column: Column) -> Column:
    micros = [moment // 1000 for moment in column]
    array(_MOMENT, micros)
    return micros


def _enum(kind: str) -> Converter:
    """Plain numbers: of a member of a Python enum the driver would take the name."""
    known = frozenset(int(number) for _, number in _ENUM_NUMBER.findall(kind))

    def convert(column: Column) -> Column:
        if unknown := set(column) - known:
            raise ValueError(f"no number of {kind[:80]}: {sorted(map(repr, unknown))[0][:80]}")
        numbers = {value: int(value) for value in set(column)}
        return [numbers[value] for value in column]

    return convert


def _strings(column: Column) -> Column:
    return [value if type(value) is bytes else _bytes(value) for value in column]


def _bytes(value: str | bytes | bytearray | memoryview) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"{type(value).__name__} is no string")


def _words(inner: str) -> Converter:
    """LowCardinality: values that come again and again are converted once."""
    if inner != "String":
        raise ValueError(f"no native column for LowCardinality({inner})")

    def convert(column: Column) -> Column:
        known = {word: _bytes(word) for word in set(column)}
        return [known[word] for word in column]

    return convert


def _nullable(inner: str) -> Converter:
    converter = _converter(inner)

    def convert(column: Column) -> Column:
        missing = column.count(None)
        if missing == len(column):
            return column
        if not missing:
            return converter(column)
        told = iter(converter([value for value in column if value is not None]))
        return [None if value is None else next(told) for value in column]

    return convert


def _array(inner: str) -> Converter:
    converter = _converter(inner)

    def convert(column: Column) -> Column:
        if not set(map(type, column)) <= _SEQUENCES:
            raise TypeError("a value of an Array column is no list")
        flat = list(chain.from_iterable(column))
        if not flat:
            return column
        items = iter(converter(flat))
        return [list(islice(items, len(value))) for value in column]

    return convert


def _tuple(inner: str) -> Converter:
    converters = [_converter(kind) for kind in inner.split(", ")]

    def convert(column: Column) -> Column:
        parts = zip(*column, strict=True)
        return list(zip(*[each(part) for each, part in zip(converters, parts, strict=True)], strict=True))

    return convert


_COMPOSERS: Final[dict[str, Callable[[str], Converter]]] = {
    "Nullable": _nullable,
    "Array": _array,
    "Tuple": _tuple,
    "LowCardinality": _words,
}
