"""What goes into each table comes out of it, once, however often it is sent; and an older store becomes this one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.store.client import Role, Store, connect
from proxy.store.rowbinary import compile_encoder
from proxy.store.schema.ddl import single_node, with_engine
from proxy.store.schema.migrations import all_migrations
from proxy.tables import KEYS, MERGED, ONE_ROW_A_BATCH, TABLES

AT = 4_000_000_000_123_456_000
APPENDED = [table for table in TABLES if table not in ONE_ROW_A_BATCH]


def full(kind: str, number: int) -> Any:
    """A value that is hard for this type, another one in each column."""
    name, _, inner = kind.partition("(")
    match name:
        case "Nullable":
            return full(inner[:-1], number)
        case "Array":
            return [full(inner[:-1], number), full(inner[:-1], number + 1)]
        case "Tuple":
            return tuple(full(part, number) for part in inner[:-1].split(", "))
        case "DateTime64":
            return AT + 1000 * number
        case "Float64":
            return -1234.0625 * number
        case "String" | "LowCardinality":
            return f"größer {number}\t\0"
    return 1 if name in ("Int8", "Enum8", "UInt8") else number if name == "UInt16" else 2**31 + number


def empty(kind: str) -> Any:
    match kind.partition("(")[0]:
        case "Nullable":
            return None
        case "Array":
            return []
        case "DateTime64":
            return AT
        case "String" | "LowCardinality":
            return ""
        case "Enum8":
            return 1
    return 0


@pytest.mark.parametrize("table", TABLES)
def test_every_column_comes_back_as_it_went_in(writer: Store, reader: Store, table: str) -> None:
    kinds = TABLES[table]
    rows = [
        {column: full(kind, number) for number, (column, kind) in enumerate(kinds.items())}
        | {"batch": 2**63},
        {column: empty(kind) for column, kind in kinds.items()} | {"batch": 2**63 + 1},
    ]
    given = [tuple(row.values()) for row in rows]
    writer.insert(table, given, f"every column of {table}")
    ours = f"batch IN ({2**63}, {2**63 + 1})"
    sql = f"SELECT * FROM all_{table} WHERE {ours} ORDER BY batch"
    assert reader.query(sql, format="RowBinary") == compile_encoder(kinds)(given)
    writer.query(f"DELETE FROM all_{table} WHERE {ours}")


@pytest.mark.parametrize("table", APPENDED)
def test_append_only_rows_are_there_once_and_have_a_key_each(
    writer: Store, reader: Store, row: Any, table: str
) -> None:
    for batch in (1, 2, 1, 2, 2):
        number = {"gaps": "gap_no", "frames": "frame_no"}.get(table, "item_no")
        rows = [row(table, journal="once", batch=batch, **{number: 100 * batch + n}) for n in range(50)]
        writer.insert(table, rows, f"once:{batch}:{table}")
    keys = ", ".join(KEYS[table])
    found = reader.query(
        f"SELECT count(), uniqExact({keys}) FROM {table} WHERE journal = 'once'", format="TSV"
    )
    assert found == b"100\t100\n"


def merged(store: Store, charge_point: str) -> dict[str, Any]:
    found = store.query("SELECT * FROM charge_points WHERE charge_point = {c:String}", {"c": charge_point})
    answer: dict[str, Any] = json.loads(found)
    return answer


@pytest.mark.parametrize("how", ["as it is", "merged", "merged in between"])
def test_a_passport_is_what_was_said_last(writer: Store, reader: Store, row: Any, how: str) -> None:
    """The engine's anyLast skips NULL and keeps the order of inserts through every merge."""
    said: list[dict[str, Any]] = [
        {"vendor": "Old", "boot_at": AT, "connectors": ["1"], "heartbeat_interval": 300},
        {"connectors": ["2", "1"]},
        {"vendor": "New", "boot_at": AT, "model": "M"},
        {"heartbeat_interval": 60},
        {"connectors": ["1.2"]},
    ]
    for batch, values in enumerate(said, 1):
        for _ in range(2):
            when = {"first_at": AT + batch * 1000, "last_at": AT + batch * 1000, "batch": batch}
            given = row("charge_points", charge_point=how, **when, **values)
            writer.insert("charge_points", [given], f"{how}:{batch}")
        if how == "merged in between" or (how == "merged" and batch == len(said)):
            writer.query("OPTIMIZE TABLE all_charge_points FINAL")
    found = merged(reader, how)
    assert (found["vendor"], found["model"], found["serial"]) == ("New", "M", None)
    assert (found["heartbeat_interval"], found["connectors"]) == (60, ["1", "1.2", "2"])
    assert (found["first_at"][-6:], found["last_at"][-6:], found["batch"]) == ("123457", "123461", 5)


def test_sent_again_in_the_middle_nothing_goes_back(writer: Store, reader: Store, row: Any) -> None:
    """A recorder that begins again sends batches that the store has, and those after them."""
    for batch in (1, 2, 3, 2, 3, 4):
        when = {"boot_at": AT, "first_at": AT, "last_at": AT, "batch": batch}
        given = row("charge_points", charge_point="again", vendor=f"v{batch}", **when)
        writer.insert("charge_points", [given], f"again:{batch}")
    writer.query("OPTIMIZE TABLE all_charge_points FINAL")
    assert merged(reader, "again")["vendor"] == "v4"


def test_of_two_journals_the_newest_word_counts(writer: Store, reader: Store, row: Any) -> None:
    """Batch numbers of one journal say nothing about another's."""
    said = [("a", 900, "old", AT), ("b", 1, "new", AT + 10**9), ("a", 901, None, AT + 2 * 10**9)]
    for journal, batch, vendor, at in said:
        values = {"charge_point": "moved", "journal": journal, "batch": batch, "vendor": vendor}
        given = row("charge_points", **values, boot_at=vendor and at, first_at=at, last_at=at)
        writer.insert("charge_points", [given], f"{journal}:{batch}")
    sql = (
        "SELECT journal, max(batch) FROM all_charge_points WHERE charge_point = 'moved' GROUP BY 1 ORDER BY 1"
    )
    assert reader.query(sql, format="TSV") == b"a\t901\nb\t1\n"
    assert merged(reader, "moved")["vendor"] == "new"
    assert (
        reader.query("SELECT count() FROM charge_points WHERE charge_point = 'moved'", format="TSV") == b"1\n"
    )


def test_a_configuration_key_is_what_was_told_or_set_last(writer: Store, reader: Store, row: Any) -> None:
    said: list[dict[str, Any]] = [
        {"value": "10", "mutability": "R", "told_at": AT},
        {"value": "20", "changed_at": AT + 10**9, "changed_by": "CSMS", "change_status": "Accepted"},
        {"change_status": "Rejected"},
    ]
    for batch, values in enumerate(said):
        when = {"first_at": AT + batch * 10**9, "last_at": AT + batch * 10**9, "batch": batch}
        given = row("configuration", charge_point="set", key="Interval", **when, **values)
        writer.insert("configuration", [given], f"set:{batch}")
    found = json.loads(reader.query("SELECT * FROM configuration WHERE charge_point = 'set'"))
    assert (found["value"], found["mutability"], found["changed_by"]) == ("20", "R", "CSMS")
    assert (found["told_at"], found["changed_at"]) == (
        "2096-10-02 07:06:40.123456",
        "2096-10-02 07:06:41.123456",
    )
    assert found["change_status"] == "Rejected"


# an older store


@pytest.fixture
def older(data_dir: Path) -> Iterator[Store]:
    """A store as the version before left it: four migrations, and rows."""
    store = connect("embedded", data_dir, Role.WRITER)
    store.query("CREATE TABLE migrations (number UInt32, name String, applied_at DateTime64(6, 'UTC')) "
                "ENGINE = MergeTree ORDER BY number")  # fmt: skip
    for migration in all_migrations()[:4]:
        for statement in migration.statements:
            store.query(with_engine(statement, single_node))
        store.query(f"INSERT INTO migrations VALUES ({migration.number}, '{migration.name}', 1)")
    store.query(
        "INSERT INTO all_frames (at, frame_no, direction, kind, connection_id, payload) SELECT "
        "toDateTime64('2096-10-02 00:00:00', 6, 'UTC'), number, 1, 1, 'older', 'x' FROM numbers(1000)"
    )
    yield store
    store.leave()


def test_an_older_store_becomes_this_one_and_keeps_its_rows(older: Store, row: Any) -> None:
    older.migrate()
    older.migrate()
    older.insert("frames", [row("frames", connection_id="newer", frame_no=1)], "newer")
    sql = "SELECT connection_id, count(), any(rule), max(answers) FROM frames GROUP BY 1 ORDER BY 1"
    assert older.query(sql, format="TSV") == b"newer\t1\t\t0\nolder\t1000\t\t0\n"
    assert older.query("SELECT sum(frames) FROM fleet_minutes", format="TSV") == b"1\n"


def test_merged_tables_name_only_columns_they_have() -> None:
    for table, functions in MERGED.items():
        assert set(functions) <= set(TABLES[table]) - set(KEYS[table])
