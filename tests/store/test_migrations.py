"""The schema is what `proxy/tables.py` says, migrating twice changes nothing, a newer schema is refused."""

from __future__ import annotations

import json
import re

import pytest

from proxy.store.client import Store, StoreError
from proxy.store.migrations import all_migrations, migrate, pending, with_engine
from proxy.tables import KEYS, MERGED, MESSAGES, ONE_ROW_A_BATCH, ROLLUPS, TABLES

HARMLESS_TWICE = (
    r"^CREATE (TABLE|VIEW|MATERIALIZED VIEW) IF NOT EXISTS|^CREATE OR REPLACE VIEW|^ALTER TABLE \w+\n"
    r"(    ADD COLUMN IF NOT EXISTS .*[,]?\n?)+\Z|^ALTER TABLE \w+ MODIFY TTL "
)


def columns(store: Store, table: str) -> dict[str, str]:
    lines = store.query(f"DESCRIBE TABLE {table}", format="JSONEachRow").splitlines()
    return {column["name"]: column["type"] for column in map(json.loads, lines)}


def stored_type(table: str, column: str, kind: str) -> str:
    """In a merged table each column that is no key says how its values become one."""
    if table not in MERGED or column in KEYS[table]:
        return kind
    return f"SimpleAggregateFunction({MERGED[table].get(column, 'anyLast')}, {kind})"


@pytest.mark.parametrize("table", TABLES)
def test_tables_and_views_have_the_columns_of_tables_py(reader: Store, table: str) -> None:
    expected = TABLES[table]
    stored = [(column, stored_type(table, column, kind)) for column, kind in expected.items()]
    assert list(columns(reader, f"all_{table}").items()) == stored
    assert list(columns(reader, table).items()) == list(expected.items())


@pytest.mark.parametrize(("view", "expected"), [*ROLLUPS.items(), ("messages", MESSAGES)])
def test_views_that_the_store_fills_have_the_columns_of_tables_py(
    reader: Store, view: str, expected: dict[str, str]
) -> None:
    assert list(columns(reader, view).items()) == list(expected.items())


def engine_of(table: str) -> str:
    if table in MERGED:
        return "AggregatingMergeTree"
    return "ReplacingMergeTree" if table in ONE_ROW_A_BATCH else "MergeTree"


def described(store: Store, table: str) -> dict[str, str]:
    sql = f"SELECT engine, sorting_key, engine_full FROM system.tables WHERE name = 'all_{table}'"
    found: dict[str, str] = json.loads(store.query(sql))
    return found


@pytest.mark.parametrize("table", [*TABLES, *ROLLUPS])
def test_what_is_stored_survives_and_is_not_stored_twice(reader: Store, table: str) -> None:
    found = described(reader, table)
    for setting in ("fsync_after_insert = 1", "fsync_part_directory = 1", "old_parts_lifetime = 480"):
        assert setting in found["engine_full"]
    assert "non_replicated_deduplication_window = 10000" in found["engine_full"]


@pytest.mark.parametrize("table", TABLES)
def test_engine_and_key(reader: Store, table: str) -> None:
    found = described(reader, table)
    assert found["engine"] == engine_of(table)
    assert set(KEYS[table]) <= set(found["sorting_key"].split(", "))
    assert found["sorting_key"].startswith("charge_point, ")


KEPT_FOR_A_YEAR = {"connections", "gaps", "statuses", "findings"}
"""What uptime is counted from, over twelve months."""


@pytest.mark.parametrize("table", TABLES)
def test_expiry(reader: Store, table: str) -> None:
    found = described(reader, table)
    if table in MERGED:
        assert "TTL" not in found["engine_full"]
        assert "PARTITION" not in found["engine_full"]
        return
    expires = "last_at" if table in ONE_ROW_A_BATCH else "at"
    days = 400 if table in KEPT_FOR_A_YEAR else 90
    assert f"toDateTime({expires}) + toIntervalDay({days})" in found["engine_full"]
    assert found["sorting_key"].startswith("charge_point, at, ")


def test_files_are_numbered_without_a_hole() -> None:
    migrations = all_migrations()
    assert [migration.number for migration in migrations] == list(range(1, len(migrations) + 1))
    for migration in migrations:
        for statement in migration.statements:
            assert re.search(HARMLESS_TWICE, statement, re.MULTILINE), statement


def test_migrating_again_changes_nothing(writer: Store) -> None:
    before = writer.query("SELECT * FROM migrations ORDER BY number", format="TSV")
    assert migrate(writer) == []
    assert writer.query("SELECT * FROM migrations ORDER BY number", format="TSV") == before
    assert before.count(b"\n") == len(all_migrations())


def test_a_migration_cut_off_half_way_runs_again(writer: Store) -> None:
    last = all_migrations()[-1]
    writer.query(f"ALTER TABLE migrations DELETE WHERE number = {last.number} SETTINGS mutations_sync = 1")
    assert migrate(writer) == [last]


def test_a_newer_schema_is_refused_in_one_line(writer: Store) -> None:
    writer.query("INSERT INTO migrations VALUES (9999, 'tomorrow', 0)")
    with pytest.raises(
        StoreError, match=r"^the store's schema is number 9999, this ocpptap knows \d+: use the"
    ):
        writer.migrate()
    writer.query("ALTER TABLE migrations DELETE WHERE number = 9999 SETTINGS mutations_sync = 1")
    writer.migrate()


def test_pending_are_those_above_what_is_applied() -> None:
    known = all_migrations()
    assert pending(0, known) == known
    assert pending(len(known), known) == []


def test_engine_placeholders() -> None:
    def replicated(engine: str, arguments: str) -> str:
        return f"Replicated{engine}({', '.join(filter(None, ['path', arguments]))})"

    assert with_engine("x {engine:MergeTree} y", replicated) == "x ReplicatedMergeTree(path) y"
    both = with_engine("{engine:ReplacingMergeTree(batch)}", replicated)
    assert both == "ReplicatedReplacingMergeTree(path, batch)"
    for migration in all_migrations():
        for statement in migration.statements:
            assert ("CREATE TABLE" in statement) == ("{engine:" in statement)
