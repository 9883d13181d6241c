"""ClickHouse's Native format, read without its values: where each column ends. What the bridge passes on.

What it knows: how each type says its length. What it does not: values, sparse columns, types with states of their own
(Variant, Dynamic, JSON, AggregateFunction): a NotKnown. Input that ends too early is an EOFError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from proxy.store.rowbinary import leb128, string

_LONGEST: Final = 512 << 20


class NotKnown(Exception):
    """A type or a way of writing that this file cannot read."""


class Column(NamedTuple):
    """Of a block: `name` and `kind` (its type), values as in the Native format."""

    name: bytes
    kind: bytes
    data: bytes


class Block(NamedTuple):
    columns: tuple[Column, ...] = ()
    rows: int = 0


class Input:
    """Bytes that come piece by piece; `more` gives the next one, b"" is the end."""

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self.data = bytearray()
        self.at = 0

    def need(self, count: int) -> None:
        """Have so many bytes; EOFError if they do not come, or are too many for a test."""
        while len(self.data) - self.at < count:
            piece = self._more()
            if not piece or len(self.data) > _LONGEST:
                raise EOFError
            self.data += piece

    def forget(self) -> None:
        """What was read is not wanted again."""
        del self.data[: self.at]
        self.at = 0

    def at_end(self) -> bool:
        """Has everything been read, and does no more come?"""
        try:
            self.need(1)
        except EOFError:
            return True
        return False

    def skip(self, count: int) -> None:
        if count < 0:
            raise EOFError
        self.need(count)
        self.at += count

    def read(self, count: int) -> bytes:
        self.skip(count)
        return bytes(self.data[self.at - count : self.at])

    def byte(self) -> int:
        self.skip(1)
        return self.data[self.at - 1]

    def word(self) -> int:
        """UInt64."""
        return int.from_bytes(self.read(8), "little")

    def number(self) -> int:
        """LEB128."""
        found = shift = 0
        while (byte := self.byte()) & 0x80:
            found |= (byte & 0x7F) << shift
            shift += 7
        return found | byte << shift

    def text(self) -> bytes:
        return self.read(self.number())

    def skip_texts(self, count: int) -> None:
        for _ in range(count):
            self.skip(self.number())


_WIDTHS: Final = {
    **dict.fromkeys(("UInt8", "Int8", "Bool", "Enum8", "Nothing"), 1),
    **dict.fromkeys(("UInt16", "Int16", "Date", "Enum16"), 2),
    **dict.fromkeys(("UInt32", "Int32", "Float32", "Date32", "DateTime", "IPv4"), 4),
    **dict.fromkeys(("UInt64", "Int64", "Float64", "DateTime64"), 8),
    **dict.fromkeys(("UInt128", "Int128", "UUID", "IPv6"), 16),
}
_KEY_WIDTHS: Final = (1, 2, 4, 8)
_ELEMENT_NAME: Final = re.compile(r"(?:\w+|`[^`]*`) (?=[A-Z])")


@cache
def _parsed(kind: str) -> tuple[str, tuple[str, ...]]:
    """A type's name and its arguments."""
    name, _, rest = kind.partition("(")
    arguments, start, depth, quoted = [], 0, 0, False
    for place, sign in enumerate(rest):
        quoted ^= sign == "'"
        depth += 0 if quoted else (sign == "(") - (sign == ")")
        if not quoted and (depth < 0 or (depth == 0 and sign == ",")):
            arguments.append(rest[start:place].strip())
            start = place + 1
    return name, tuple(arguments)


def _elements(arguments: Iterable[str]) -> list[str]:
    return [_ELEMENT_NAME.sub("", argument, count=1) for argument in arguments]


def _skip_column(source: Input, kind: str, rows: int) -> None:
    try:
        _skip_state(source, kind)
        _skip_values(source, kind, rows)
    except (LookupError, ValueError, StopIteration, RecursionError):
        raise NotKnown(f"type {kind[:100]}") from None


def _skip_state(source: Input, kind: str) -> None:
    """Dictionaries say their version before all values."""
    name, arguments = _parsed(kind)
    if name == "LowCardinality":
        source.skip(8)
    elif name in ("Array", "Nullable", "Tuple", "Map", "SimpleAggregateFunction"):
        for element in _elements(arguments[name == "SimpleAggregateFunction" :]):
            _skip_state(source, element)


def _skip_values(source: Input, kind: str, rows: int) -> None:
    name, arguments = _parsed(kind)
    if name in _WIDTHS:
        source.skip(rows * _WIDTHS[name])
    elif name == "String":
        source.skip_texts(rows)
    elif name in _COMPOSED:
        _COMPOSED[name](source, arguments, rows)
    elif name.startswith("Interval"):
        source.skip(rows * 8)
    else:
        raise NotKnown(f"type {name}")


def _skip_nullable(source: Input, arguments: tuple[str, ...], rows: int) -> None:
    source.skip(rows)
    _skip_values(source, arguments[0], rows)


def _skip_tuple(source: Input, arguments: tuple[str, ...], rows: int) -> None:
    for element in _elements(arguments):
        _skip_values(source, element, rows)


def _skip_array(source: Input, arguments: tuple[str, ...], rows: int) -> None:
    """Ends of the rows' arrays, then all elements; a Map is an array of pairs."""
    source.skip(rows * 8)
    count = int.from_bytes(source.data[source.at - 8 : source.at], "little") if rows else 0
    _skip_tuple(source, arguments, count)


def _skip_dictionary(source: Input, arguments: tuple[str, ...], rows: int) -> None:
    if rows:
        width = _KEY_WIDTHS[source.word() & 3]
        name, inner = _parsed(arguments[0])
        _skip_values(source, inner[0] if name == "Nullable" else arguments[0], source.word())
        source.skip(source.word() * width)


_COMPOSED: Final[dict[str, Callable[[Input, tuple[str, ...], int], None]]] = {
    "Nullable": _skip_nullable,
    "Array": _skip_array,
    "Map": _skip_array,
    "Tuple": _skip_tuple,
    "LowCardinality": _skip_dictionary,
    "SimpleAggregateFunction": lambda source, arguments, rows: _skip_values(source, arguments[-1], rows),
    "FixedString": lambda source, arguments, rows: source.skip(rows * int(arguments[0])),
    "Decimal": lambda source, arguments, rows: source.skip(rows * _decimal_width(int(arguments[0]))),
}


def _decimal_width(digits: int) -> int:
    return next(width for most, width in ((9, 4), (18, 8), (38, 16), (76, 32)) if digits <= most)


def read_columns(source: Input, flagged: int) -> Block:
    """`flagged`: bytes before each column's values that say how they are written (1 in the protocol, 0 over HTTP)."""
    count, rows = source.number(), source.number()
    columns = []
    for _ in range(count):
        name, kind = source.text(), source.text()
        if any(source.read(flagged)):
            raise NotKnown("sparse columns")
        start = source.at
        if rows:
            _skip_column(source, kind.decode("utf-8", "replace"), rows)
        columns.append(Column(name, kind, bytes(source.data[start : source.at])))
    return Block(tuple(columns), rows)


def written_columns(block: Block, flag: bytes) -> bytes:
    parts = [leb128(len(block.columns)), leb128(block.rows)]
    for name, kind, data in block.columns:
        parts += [string(name), string(kind), flag, data]
    return b"".join(parts)


def blocks(native: bytes) -> Iterator[Block]:
    """What the engine answers in FORMAT Native."""
    source = Input(iter((native, b"")).__next__)
    while not source.at_end():
        yield read_columns(source, 0)
