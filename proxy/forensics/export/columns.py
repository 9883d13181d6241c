"""How the rows of each table but `frames` are asked for, and what is made of the answer: from `proxy.tables`. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from proxy.forensics.export.material import BINARY
from proxy.forensics.export.times import iso
from proxy.forensics.tape import FIRST
from proxy.tables import INSERT_ORDER, ONE_ROW_A_BATCH, TABLES

HIDDEN: Final = frozenset({"batch", "source", "connection_id", "charge_point", "at", "source_connection_id"})
"""Columns that no `OtherRow` has: where a row stands, not what it says."""
_PLACES: Final = {"gaps": frozenset({"gap_no"})}
"""More of them: a gap's number counts within its batch."""
ODD: Final = frozenset({("connections", "target")})
"""Text that may be no UTF-8: then `{"base64": ...}` stands for it."""
FOUND: Final = "findings"
BEFORE: Final = "connections"
"""Its row stands before all others."""
OTHERS: Final = tuple(
    table
    for table in INSERT_ORDER
    if table != "frames" and (table == FOUND or "connection_id" in TABLES[table])
)


def columns_of(table: str) -> dict[str, str]:
    """The columns that a row of `table` has here, and their types."""
    left_out = HIDDEN | _PLACES.get(table, frozenset())
    return {name: kind for name, kind in TABLES[table].items() if name not in left_out}


def _asked(table: str, column: str, kind: str) -> str:
    if (table, column) in BINARY | ODD:
        return f"base64Encode(`{column}`)"
    if "DateTime64" in kind:
        return f"toUnixTimestamp64Micro(`{column}`)"
    return f"toString(`{column}`)" if "Float64" in kind else f"`{column}`"


def _answered(table: str, column: str, kind: str) -> Any:
    """The type of an answer."""
    if (table, column) in BINARY | ODD:
        return bytes
    if "DateTime64" in kind:
        told: Any = int
    elif "Array(Tuple" in kind:
        told = list[tuple[str, int]]
    elif "Array" in kind:
        told = list[str]
    else:
        told = int if "Int" in kind else str
    return told | None if kind.startswith("Nullable") else told


def _number(told: str | None) -> float | str | None:
    """JSON has no infinity."""
    number = None if told is None else float(told)
    return number if number is None or math.isfinite(number) else str(number)


def _moment(told: int | None) -> str | None:
    return None if told is None else iso(told)


def _text(told: bytes) -> str | dict[str, bytes]:
    try:
        return told.decode()
    except UnicodeDecodeError:
        return {"base64": told}


def _made(table: str, column: str, kind: str) -> Callable[[Any], Any] | None:
    if (table, column) in ODD:
        return _text
    if "DateTime64" in kind:
        return _moment
    return _number if "Float64" in kind else None


class Order(msgspec.Struct, frozen=True):
    """`keys`: what rows of one moment are sorted by, (expression, type); `by`: the table's own order, as far as it
    goes, so that no more is read than is asked for."""

    keys: tuple[tuple[str, str], tuple[str, str]]
    by: str


_NO_KEY: Final = ("''", "String")
_BY_ITEM: Final = Order(
    (("frame_no", "UInt64"), ("item_no", "UInt32")), "charge_point, at, connection_id, frame_no, item_no"
)
_ORDERS: Final = {
    "connections": Order((("connection_id", "String"), _NO_KEY), "charge_point, at, connection_id"),
    "gaps": Order((("batch", "UInt64"), ("gap_no", "UInt64")), "charge_point, at, journal, batch, gap_no"),
    "transactions": Order((("key", "String"), _NO_KEY), "charge_point, at, key"),
    "findings": Order((("finding_id", "String"), _NO_KEY), "at, finding_id"),
}


class Reading(msgspec.Struct, frozen=True):
    """How a table is read: what is asked, and what is made of the answer (place, function).

    An answer is the moment, the two keys, the columns, and whether it is no charge point's.
    """

    table: str
    rank: int
    question: str
    decoder: Any
    columns: tuple[str, ...]
    made: tuple[tuple[int, Callable[[Any], Any]], ...]
    first_place: tuple[Any, ...]


_SPAN: Final = """source = {source:String}
  AND at >= fromUnixTimestamp64Micro({since:Int64}) AND at <= fromUnixTimestamp64Micro({until:Int64})"""
_OF_IT: Final = """charge_point = {charge_point:String} AND source = {source:String}
  AND connection_id = {connection:String}"""
_OF_FLEET: Final = """charge_point IN ({charge_point:String}, '') AND has(evidence.1, {connection:String})"""
"""A finding may be of the whole fleet, and a session its evidence."""


def _which(table: str) -> str:
    if table == FOUND:
        return f"{_OF_FLEET} AND {_SPAN}"
    return _OF_IT if table == BEFORE else f"{_OF_IT} AND {_SPAN}"


def _question(table: str, order: Order, asked: str) -> str:
    (first, first_kind), (second, second_kind) = order.keys
    return f"""
SELECT toUnixTimestamp64Micro(at), {first}, {second}, {asked}, charge_point = ''
FROM all_{table} {"FINAL" if table in ONE_ROW_A_BATCH else ""}
WHERE {_which(table)} AND (at, {first}, {second})
  > (fromUnixTimestamp64Micro({{after:Int64}}), {{first:{first_kind}}}, {{second:{second_kind}}})
ORDER BY {order.by} LIMIT {{limit:UInt32}}
"""


def _reading(table: str) -> Reading:
    order = _ORDERS.get(table, _BY_ITEM)
    kinds = [(table, column, kind) for column, kind in columns_of(table).items()]
    keys = [str if kind == "String" else int for _, kind in order.keys]
    answers = tuple[(int, *keys, *(_answered(*kind) for kind in kinds), int)]  # type: ignore[misc, valid-type]
    made = ((place, _made(*kind)) for place, kind in enumerate(kinds))
    return Reading(
        table=table,
        rank=INSERT_ORDER.index(table),
        question=_question(table, order, ", ".join(_asked(*kind) for kind in kinds)),
        decoder=msgspec.json.Decoder(answers, strict=False),
        columns=tuple(column for _, column, _ in kinds),
        made=tuple((place, make) for place, make in made if make is not None),
        first_place=(FIRST - 1, *("" if key is str else 0 for key in keys)),
    )


READINGS: Final = {table: _reading(table) for table in OTHERS}
