"""ClickHouse RowBinary, encoding only: one function per table, compiled from its column types (tables.py).

A row costs one `Struct.pack` for the fixed-width columns it begins with, then a short expression per column; words
that stand side by side (LowCardinality, small numbers, places) and come together again and again cost one look-up
together. Given and stored: DateTime64(6) integer nanoseconds UTC -> microseconds; Enum8 its number; strings as bytes or
str (what has no UTF-8 form, a lone surrogate, is stored as a backslash escape); Nullable None -> NULL.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from proxy.store.interface import RowsRefused

Row = tuple[Any, ...]
Encoder = Callable[[Sequence[Row]], bytes]

_FIXED: Final = {
    "Int8": "b",
    "UInt8": "B",
    "UInt16": "H",
    "UInt32": "I",
    "UInt64": "Q",
    "Int64": "q",
    "Float64": "d",
    "DateTime64": "q",
    "Enum8": "b",
}
_NARROW: Final = frozenset({"Int8", "UInt8", "Enum8"})
_NULLABLE: Final = re.compile(r"Nullable\((.*)\)\Z", re.DOTALL)
_ARRAY: Final = re.compile(r"Array\((.*)\)\Z", re.DOTALL)
_TUPLE: Final = re.compile(r"Tuple\((.*)\)\Z", re.DOTALL)
_REPEATING: Final = frozenset({"connection_id", "transaction_id", "header"})
"""String columns whose values come again and again, as those of LowCardinality columns do."""
_PLACES: Final = frozenset({"evse_id", "connector_id"})
_MANY: Final = frozenset({"connection_id", "charge_point", "header"})
"""A look-up of their own: together with others they would be more than are remembered."""
_OF_A_MESSAGE: Final = ("told_at", "told_text", "transaction_id", "connection_id", "charge_point")
"""All rows of a message share these; a table that ends with them has many rows a message (meter values)."""
_WORTH_A_RUN: Final = 3
"""Columns: to make their tuple costs as much as two look-ups."""
_AT_ONCE: Final = 256
"""Rows whose pieces are joined together: they are still in the processor's cache."""
_REMEMBERED: Final = 8192
_LONGEST_REMEMBERED: Final = 256
_SHORT_LENGTHS: Final = 4096


def leb128(number: int) -> bytes:
    """An unsigned integer, seven bits a byte, lowest first (RowBinary's length of a string or an array)."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_LENGTHS: Final = tuple(leb128(length) for length in range(_SHORT_LENGTHS))


def string(value: str | bytes) -> bytes:
    """Length and bytes."""
    if type(value) is bytes:
        data = value
    elif type(value) is str and value.isascii():
        data = value.encode()
    else:
        data = _utf8(value)
    length = len(data)
    return (_LENGTHS[length] if length < _SHORT_LENGTHS else leb128(length)) + data


def _utf8(value: str | bytes) -> bytes:
    return value.encode("utf-8", "backslashreplace") if isinstance(value, str) else bytes(memoryview(value))


class Words(dict[Any, bytes]):
    """Remembers the encoding of values that repeat; full, it forgets all and begins again."""

    def __init__(self, encode: Callable[[Any], bytes] = string) -> None:
        self._encode = encode

    def __missing__(self, value: Any) -> bytes:
        encoded = self._encode(value)
        if len(encoded) <= _LONGEST_REMEMBERED:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[value] = encoded
        return encoded


def compile_encoder(columns: Mapping[str, str]) -> Encoder:
    """The encoder of a table with these columns (name -> ClickHouse type), in this order."""
    kinds = list(columns.values())
    leading = next((i for i, kind in enumerate(kinds) if _base(kind) not in _FIXED), len(kinds))
    names = [f"c{i}" for i in range(len(kinds))]
    scope: dict[str, Any] = {"string": string, "words": Words(), "leb128": leb128, "Words": Words}
    pieces = []
    if leading:
        scope["pack"] = struct.Struct("<" + "".join(_FIXED[_base(kind)] for kind in kinds[:leading])).pack
        pieces.append(f"pack({', '.join(map(_number, names[:leading], kinds[:leading]))})")
    later = list(zip(names, columns, kinds, strict=True))[leading:]
    for together, group in groupby(later, lambda column: _repeats_with_others(column[1], column[2])):
        run = list(group)
        worth_it = together and len(run) >= _WORTH_A_RUN
        pieces += [_run(run, scope)] if worth_it else [_alone(*column, scope) for column in run]
    once = ""
    if tuple(columns)[-len(_OF_A_MESSAGE) :] == _OF_A_MESSAGE:
        once, pieces = _once(names, pieces)
    source = _SOURCE.format(names=", ".join(names), once=once, pieces=", ".join(pieces), at_once=_AT_ONCE)
    exec(source, scope)
    encoder: Encoder = scope["encode"]
    return encoder


def encoded(encode: Encoder, rows: Sequence[Row]) -> bytes:
    """The rows' bytes; RowsRefused if one of them cannot be a row of this table."""
    try:
        return encode(rows)
    except (struct.error, TypeError, ValueError, OverflowError, IndexError, AttributeError) as error:
        raise RowsRefused(f"a value does not fit its column: {error}") from None


_SOURCE: Final = """
def encode(rows):
    out = []
    last = None
    for start in range(0, len(rows), {at_once}):
        part = []
        add = part.extend
        for {names}, in rows[start : start + {at_once}]:
            {once}
            add(({pieces},))
        out.append(b"".join(part))
    return b"".join(out)
"""


_ONCE: Final = """
            this = ({names},)
            if this != last:
                last = this
                same = b"".join(({pieces},))
"""


def _once(names: list[str], pieces: list[str]) -> tuple[str, list[str]]:
    """What encodes the last columns where they differ from the row before's, and the pieces of a row then."""
    count = len(_OF_A_MESSAGE)
    once = _ONCE.format(names=", ".join(names[-count:]), pieces=", ".join(pieces[-count:]))
    return once, [*pieces[:-count], "same"]


def _repeats_with_others(column: str, kind: str) -> bool:
    if column in _MANY:
        return False
    return kind == "LowCardinality(String)" or kind in _NARROW or _base(kind) == "Enum8" or column in _PLACES


def _run(columns: list[tuple[str, str, str]], scope: dict[str, Any]) -> str:
    """One look-up for columns whose values come together."""
    names = ", ".join(name for name, _, _ in columns)
    parts = " + ".join(_expression(name, kind, scope) for name, _, kind in columns)
    run = f"run_{columns[0][0]}"
    exec(f"def {run}_of(values):\n    {names} = values\n    return {parts}\n{run} = Words({run}_of)", scope)
    return f"{run}[{names}]"


def _alone(name: str, column: str, kind: str, scope: dict[str, Any]) -> str:
    return f"words[{name}]" if column in _REPEATING else _expression(name, kind, scope)


def _base(kind: str) -> str:
    return kind.partition("(")[0]


def _number(name: str, kind: str) -> str:
    return f"{name} // 1000" if _base(kind) == "DateTime64" else name


def _expression(name: str, kind: str, scope: dict[str, Any]) -> str:
    """Python source that encodes the value `name` of type `kind`; helpers go into `scope`."""
    if kind == "String":
        return f"(string({name}) if {name} else b'\\0')"
    if kind == "LowCardinality(String)":
        return f"words[{name}]"
    if _base(kind) in _FIXED:
        packer = f"pack_{_base(kind)}"
        scope[packer] = struct.Struct("<" + _FIXED[_base(kind)]).pack
        return f"{packer}({_number(name, kind)})"
    return _composed(name, kind, scope)


def _composed(name: str, kind: str, scope: dict[str, Any]) -> str:
    if inner := _NULLABLE.match(kind):
        return f"(b'\\1' if {name} is None else {_not_null(name, inner[1], scope)})"
    if inner := _ARRAY.match(kind):
        item = name + "i"
        each = _expression(item, inner[1], scope)
        return f"(leb128(len({name})) + b''.join([{each} for {item} in {name}]))"
    if inner := _TUPLE.match(kind):
        parts = [_expression(f"{name}[{i}]", part, scope) for i, part in enumerate(inner[1].split(", "))]
        return f"({' + '.join(parts)})"
    raise ValueError(f"no RowBinary encoding for {kind}")


def _not_null(name: str, kind: str, scope: dict[str, Any]) -> str:
    """A value that might have been NULL: a zero byte, then itself."""
    if _base(kind) not in _FIXED:
        return f"b'\\0' + {_expression(name, kind, scope)}"
    packer = f"pack_told_{_base(kind)}"
    scope[packer] = struct.Struct("<B" + _FIXED[_base(kind)]).pack
    return f"{packer}(0, {_number(name, kind)})"
