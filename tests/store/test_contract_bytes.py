"""Every byte of rows and answers: the embedded store gives back what it was given, the others what it gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from proxy.store.client import Role, Store
from proxy.store.rowbinary import compile_encoder
from proxy.tables import INSERT_ORDER, TABLES
from tests.store.conftest import AT, Place, RowMaker

ALL_BYTES = bytes(range(256))


@pytest.fixture
def reader(place: Place) -> Iterator[Store]:
    with place.client(Role.READER) as store:
        yield store


def _value(kind: str, number: int) -> Any:
    """A value of a column, another one for each column of a table."""
    name, _, rest = kind.partition("(")
    simple: dict[str, Any] = {
        "Enum8": number % 2 + 1,
        "DateTime64": AT + number * 1_000_000_001_000,
        "Nullable": lambda: _value(rest[:-1], number),
        "Array": lambda: [_value(rest[:-1], number)],
        "Tuple": (f"a'b\\{number}", 2**63 + number),
        "Float64": number / 7,
        "Int8": -number,
    }
    found = simple.get(name, number * 3 + 1 if "Int" in name else f"{number}\tü\n\"'\\ {{}}, ,")
    return found() if callable(found) else found


def _empty(kind: str, number: int) -> Any:
    name = kind.partition("(")[0]
    empty: dict[str, Any] = {"Enum8": 1, "DateTime64": AT, "Nullable": None, "Array": [], "Tuple": ("", 0)}
    return empty.get(name, 0 if "Int" in name or "Float" in name else "")


def _extreme(kind: str, number: int) -> Any:
    name, _, rest = kind.partition("(")
    bits = int(name.lstrip("UInt") or 0) if "Int" in name else 0
    if name == "Nullable":
        return _extreme(rest[:-1], number) if "DateTime64" not in rest else -1_234_567_891_011_000
    if name == "Float64":
        return (math.inf, math.nan, -0.0, 1e300, 5e-324, 1 / 3, 123456789012345680.0)[number % 7]
    if bits:
        return 2**bits - 1 if name[0] == "U" else -(2 ** (bits - 1))
    return _value(kind, number) if name in ("Enum8", "DateTime64", "Array", "Tuple") else ALL_BYTES * 2


def _rows(table: str) -> list[tuple[Any, ...]]:
    """One with a value of its own in each column, an empty one, one of extremes; `batch` tells them apart."""
    rows = []
    for batch, make in ((5, _value), (6, _empty), (2**64 - 1, _extreme)):
        cells = {column: make(kind, n) for n, (column, kind) in enumerate(TABLES[table].items(), 1)}
        rows.append(tuple((cells | {"batch": batch, "source": "contract"}).values()))
    return rows


@pytest.fixture(scope="session")
def every_column(place: Place) -> Place:
    with place.client(Role.WRITER) as store:
        for table in INSERT_ORDER:
            store.insert(table, _rows(table), f"contract:{table}")
    return place


@pytest.mark.parametrize("table", INSERT_ORDER)
def test_the_embedded_store_gives_each_column_back(place_of: Any, table: str) -> None:
    """Exactly as it went in; so it may be what the others are compared with."""
    columns = ", ".join(f"`{column}`" for column in TABLES[table])
    sql = f"SELECT {columns} FROM all_{table} WHERE source = 'round' ORDER BY batch"
    where = list(TABLES[table]).index("source")
    rows = [(*row[:where], "round", *row[where + 1 :]) for row in _rows(table)]
    with place_of("embedded").client(Role.WRITER) as store:
        store.insert(table, rows, f"round:{table}")
        assert store.query(sql, format="RowBinary") == compile_encoder(TABLES[table])(rows)


@pytest.fixture(scope="session")
def every_column_embedded(place_of: Callable[[str], Place], embedded: Store) -> Store:
    with place_of("embedded").client(Role.WRITER) as store:
        for table in INSERT_ORDER:
            store.insert(table, _rows(table), f"contract:{table}")
    return embedded


FORMATS = ("JSONEachRow", "JSONCompactEachRow", "TabSeparated", "CSV")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("table", INSERT_ORDER)
def test_each_column_comes_back_as_from_the_embedded_store(
    every_column: Place, every_column_embedded: Store, reader: Store, table: str, format: str
) -> None:
    sql = f"SELECT * FROM all_{table} WHERE source = 'contract' ORDER BY batch"
    expected = every_column_embedded.query(sql, format=format)
    assert expected.count(b"\n") >= 3
    assert reader.query(sql, format=format) == expected


ANSWERS = (
    "SELECT 1 AS a, -1 AS b, 18446744073709551615 AS c, toInt64(-9223372036854775808) AS d, 1.5 AS e",
    "SELECT 0.1 + 0.2 AS a, toFloat32(0.1) AS b, 1e21 AS c, 1e-7 AS d, nan AS e, -inf AS f, -0. AS g, 100000. AS h",
    "SELECT 'a\\tb\\nc\\0\\'\"\\\\/\\x7f\\x01' AS a, unhex('fffe80') AS b, 'ü€😀\u2028' AS c, '' AS d, '<&>' AS e",
    "SELECT NULL AS a, toNullable(1) AS b, CAST(NULL AS Nullable(String)) AS c, true AS d, '\\\\N' AS e",
    "SELECT [1, 2] AS a, ['x\\'', '\"'] AS b, [] AS c, [[1], []] AS d, [NULL, 1] AS e, [toLowCardinality('x')] AS f",
    "SELECT (1, 'a') AS a, CAST((1, 'b') AS Tuple(n UInt8, s String)) AS b, [('x', 1)] AS c",
    "SELECT map('k\"', 1, 'l', 2) AS a, map(toUInt64(1), toUInt64(2)) AS b",
    "SELECT toDateTime64('2026-01-02 03:04:05.678901', 6, 'UTC') AS a, toDateTime('2026-01-02 03:04:05', 'UTC') AS b",
    "SELECT toDate('2026-01-02') AS a, toDateTime64('1925-01-01 00:00:00.5', 6, 'UTC') AS b, [toDate(1)] AS c",
    "SELECT CAST('a' AS Enum8('a' = 1, 'b' = -2)) AS a, toLowCardinality(toNullable('x')) AS b",
    "SELECT toFixedString('a', 3) AS a, toIntervalDay(3) AS b, toInt128(-5) AS c",
    "SELECT toDecimal64(1.50, 3) AS a, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS b, toIPv4('1.2.3.4') AS c",
    "SELECT number AS n, toString(number) AS s FROM numbers(1000) ORDER BY n % 7, n DESC",
    "SELECT number FROM numbers(10) WHERE number > 10",
    "SELECT {x:String} AS x, {n:UInt64} AS n, {a:Array(String)} AS a, {t:DateTime64(6, 'UTC')} AS t",
    "WITH 3 AS three SELECT three, count() AS c, max(number) AS m FROM numbers(0)",
)
OTHER_ANSWERS = ("EXISTS TABLE all_frames", "DESCRIBE TABLE all_findings", "SHOW TABLES LIKE 'all_f%'")
PARAMS = {"x": "a\tb", "n": "7", "a": "['x', 'y z', 'ü', '']", "t": "2026-01-02 03:04:05.678901"}


CASES = [(sql, format) for sql in ANSWERS for format in FORMATS]
CASES += [(sql, format) for sql in OTHER_ANSWERS for format in FORMATS if format != "CSV"]
"""Over the native protocol CSV is for SELECT."""


@pytest.mark.parametrize(("sql", "format"), CASES)
def test_an_answer_has_the_embedded_store_s_bytes(
    reader: Store, embedded: Store, sql: str, format: str
) -> None:
    params = PARAMS if "{x:" in sql else {}
    assert reader.query(sql, params, format) == embedded.query(sql, params, format)


PAYLOADS: list[Any] = [ALL_BYTES * 4096, b"", b"\0", "ü€😀".encode(), b"\xff\xfe", "a\ud800b", "\udfff"]


def test_payloads_are_stored_byte_by_byte(place: Place, reader: Store, row: RowMaker) -> None:
    given = [
        row("frames", connection_id="bytes", frame_no=n, payload=data) for n, data in enumerate(PAYLOADS)
    ]
    with place.client(Role.WRITER) as writer:
        writer.insert("frames", given, "bytes")
    sql = "SELECT hex(payload) FROM frames WHERE connection_id = 'bytes' ORDER BY frame_no"
    stored = [bytes.fromhex(line.decode()) for line in reader.query(sql, format="TSV").splitlines()]
    given_bytes = [
        data if isinstance(data, bytes) else data.encode("utf-8", "backslashreplace") for data in PAYLOADS
    ]
    assert stored == given_bytes
