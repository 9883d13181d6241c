"""Statements for the native protocol: what is wrapped, what runs as it is, and that the bytes are the format's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.deployment import Deployment
from proxy.store.interface import Role, Store, StoreError
from proxy.store.native.plain import plain
from proxy.store.native.statement import (
    BY_ROW,
    PLAIN,
    Kind,
    Statement,
    parameters,
    statement_of,
    written_header,
)
from proxy.store.schema.migrations import plan
from proxy.store.tokens import without_comments
from tests.store.conftest import Place


def told(sql: str, wanted: str = "JSONEachRow") -> tuple[Kind, str, str]:
    statement = statement_of(sql, wanted)
    return statement.kind, " ".join(statement.sql.split()), statement.format


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT 1", (Kind.ROWS, "SELECT 1", "JSONEachRow")),
        ("select 1 -- one\n;;", (Kind.ROWS, "select 1", "JSONEachRow")),
        ("/* a */ WITH 1 AS x SELECT x", (Kind.ROWS, "WITH 1 AS x SELECT x", "JSONEachRow")),
        ("(SELECT 1) UNION ALL (SELECT 2)", (Kind.ROWS, "(SELECT 1) UNION ALL (SELECT 2)", "JSONEachRow")),
        ("SELECT 1 FORMAT CSV;", (Kind.ROWS, "SELECT 1", "CSV")),
        ("SELECT 1 format CSVWithNames", (Kind.ROWS, "SELECT 1", "CSV")),
        (
            "SELECT 1 FORMAT TSV SETTINGS max_threads = 1",
            (Kind.ROWS, "SELECT 1 SETTINGS max_threads = 1", "TSV"),
        ),
        ("SELECT 'FORMAT CSV'", (Kind.ROWS, "SELECT 'FORMAT CSV'", "JSONEachRow")),
        ("SELECT format FROM formats", (Kind.ROWS, "SELECT format FROM formats", "JSONEachRow")),
        ("SELECT 1 FORMAT Null", (Kind.NOTHING, "SELECT 1", "Null")),
        ("SELECT 1 FORMAT PrettyCompact", (Kind.PRETTY, "SELECT 1", "JSONCompactStringsEachRow")),
        ("SHOW TABLES FORMAT TSV;", (Kind.PLAIN, "SHOW TABLES FORMAT TSV", "TSV")),
        ("INSERT INTO a SELECT 1", (Kind.PLAIN, "INSERT INTO a SELECT 1", "JSONEachRow")),
        (
            "create database if not exists a",
            (Kind.NEW_DATABASE, "create database if not exists a", "JSONEachRow"),
        ),
    ],
)
def test_what_a_statement_is(sql: str, found: tuple[Kind, str, str]) -> None:
    assert told(sql) == found


def test_the_statements_of_a_cluster_go_out_as_they_are() -> None:
    """Without its FORMAT a view would keep the settings behind it for its own."""
    for sql in plan(None, Deployment(cluster="production")):
        assert statement_of(sql, "TSV").sql.split() == without_comments(sql).split()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("", "no statement"),
        (" ; -- nothing", "no statement"),
        ("SELECT 1; DROP TABLE a", "one statement"),
        ("INSERT INTO a VALUES (1)", r"rows come by insert"),
        ("INSERT INTO a FORMAT CSV", r"rows come by insert"),
        ("SELECT “1”", "cannot read the statement"),
        (
            "SELECT 1 FORMAT JSON",
            "format JSON comes over the server's HTTP interface only: use --store https",
        ),
        ("SELECT 1 FORMAT Parquet", "format Parquet comes over"),
        ("SELECT 1 FORMAT MsgPackWithNames", "format MsgPackWithNames comes over"),
    ],
)
def test_what_is_refused(sql: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        statement_of(sql, "JSONEachRow")


@given(st.text(), st.sampled_from(sorted(BY_ROW | {"JSON", "Null", "CSVWithNames"})))
def test_any_text_is_a_statement_or_refused(sql: str, wanted: str) -> None:
    with contextlib.suppress(StoreError):
        assert isinstance(statement_of(sql, wanted), Statement)


def test_parameters_are_fields_or_literals() -> None:
    statement = statement_of("SELECT {x:String}, {a:Array(String)}, '{n:Array(String)}', {n:UInt8}", "TSV")
    given = {"x": "it's\t\\N\0", "a": r"['it\'s\\']", "n": "7", "s": "\ud800"}
    assert {name: str(value) for name, value in parameters(statement, given).items()} == {
        "x": r"it\'s\\t\\\\N\\0",
        "a": r"[\'it\\\'s\\\\\']",
        "n": "7",
        "s": r"\\\\ud800",
    }


def test_a_header_s_names_are_quoted() -> None:
    sql = written_header(statement_of("SELECT 1", "CSVWithNames"), [("a`\\", "Enum8('x' = 1)")])
    assert sql.endswith(r"(SELECT defaultValueOfTypeName('Enum8(\'x\' = 1)') AS `a\`\\`)")


SQL = (
    "SELECT number AS n, concat('a\\t\\'\"\\\\,', toString(number)) AS `it's`, NULL AS z, [1, 2] AS l, ('x', 1) AS t "
    "FROM numbers(30) ORDER BY n % 7, n DESC"
)
HEADED = (
    "TSV",
    "TabSeparatedRaw",
    "CSV",
    "JSONCompactEachRow",
    "JSONCompactStringsEachRow",
    "CustomSeparated",
)


@pytest.fixture(scope="module")
def stores(place_of: Callable[[str], Place]) -> Iterator[tuple[Store, Store]]:
    """One over the native protocol, and the embedded one."""
    with (
        place_of("native").client(Role.READER) as native,
        place_of("embedded").client(Role.READER) as embedded,
    ):
        yield native, embedded


@pytest.mark.parametrize(
    "format",
    sorted({*BY_ROW, *(f"{base}{end}" for base in HEADED for end in ("WithNames", "WithNamesAndTypes"))}),
)
def test_the_bytes_are_the_format_s(stores: tuple[Store, Store], format: str) -> None:
    flat = SQL.replace(", [1, 2] AS l, ('x', 1) AS t", "")  # RawBLOB knows no tuples
    for sql in (flat if format == "RawBLOB" else SQL, "SELECT 1 AS a WHERE a > 1"):
        native, embedded = (store.query(sql, format=format) for store in stores)
        assert native == embedded


def test_a_statement_s_own_format_wins(stores: tuple[Store, Store]) -> None:
    assert stores[0].query("SELECT 1 AS a FORMAT CSVWithNames", format="TSV") == b'"a"\n1\n'


def test_pretty_is_drawn_with_the_names(stores: tuple[Store, Store]) -> None:
    drawn = stores[0].query("SELECT 7 AS n, 'a\x1b' AS s", format="PrettyCompact").decode()
    assert drawn.splitlines()[:2] == ["   ┌─n─┬─s─────┐", r"1. │ 7 │ a\x1B │"]


ROWS = [(b"a\t'\"/", 7, None), ("ü".encode(), 2**64 - 1, b"x")]
COLUMNS = [("name", "String"), ("n", "UInt64"), ("z", "Nullable(String)")]


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        (
            "JSONEachRow",
            '{"name":"a\\t\'\\"\\/","n":7,"z":null}\n{"name":"ü","n":18446744073709551615,"z":"x"}\n',
        ),
        ("JSONCompactEachRow", '["a\\t\'\\"\\/", 7, null]\n["ü", 18446744073709551615, "x"]\n'),
        ("TSV", "a\\t\\'\"/\t7\t\\N\nü\t18446744073709551615\tx\n"),
        ("CSV", '"a\t\'""/",7,\\N\n"ü",18446744073709551615,"x"\n'),
    ],
)
def test_plain_rows_are_written_here(format: str, expected: str) -> None:
    assert format in PLAIN
    assert plain(format, COLUMNS, ROWS) == expected.encode()


def test_plain_rows_in_another_format_are_refused_and_none_are_nothing() -> None:
    assert plain("Parquet", [], []) == b""
    with pytest.raises(StoreError, match="format Parquet is for SELECT"):
        plain("Parquet", COLUMNS, ROWS)
