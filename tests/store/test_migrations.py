"""The schema is what `proxy/tables.py` says, migrating twice changes nothing, a newer schema is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from proxy.store.client import Role, Store, StoreError, connect
from proxy.store.deployment import SINGLE, Deployment
from proxy.store.schema.ddl import with_engine
from proxy.store.schema.migrations import all_migrations, migrate, pending, plan, upgrade
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


class Asked:
    """A store that notes what it is asked, and may give answers of its own."""

    def __init__(
        self, store: Store | None = None, answers: Mapping[str, bytes | StoreError] | None = None
    ) -> None:
        self._store = store
        self._answers = answers or {}
        self.statements: list[str] = []

    def query(self, sql: str, params: Mapping[str, str] | None = None, format: str = "JSONEachRow") -> bytes:
        self.statements.append(sql)
        for words, answer in self._answers.items():
            if words in sql:
                if isinstance(answer, StoreError):
                    raise answer
                return answer
        assert self._store is not None, sql
        return self._store.query(sql, params or {}, format)


def asked_to_migrate(store: Asked, deployment: Deployment = SINGLE) -> list[str]:
    migrate(store, deployment)  # type: ignore[arg-type]
    return store.statements


def test_a_store_that_is_up_to_date_is_asked_one_question(writer: Store) -> None:
    assert asked_to_migrate(Asked(writer)) == ["SELECT version(), max(number) FROM ocpptap.migrations"]
    said = Deployment(keep_days={"frames": 90})
    assert len(asked_to_migrate(Asked(writer), said)) == 2


@pytest.fixture
def empty(data_dir: Path) -> Iterator[Store]:
    store = connect("embedded", data_dir, Role.WRITER)
    yield store
    store.leave()


SAID = Deployment(keep_days={"frames": 30, "gaps": 0}, cold_volume="default", cold_after_days=5)


def without_comment(statement: str) -> str:
    return re.sub(r"\A-- \d{4}_\w+\n", "", statement)


def test_the_plan_is_what_is_sent_but_for_the_lock(empty: Store) -> None:
    store = Asked(empty)
    planned = plan(empty, SAID)
    sent = asked_to_migrate(store, SAID)
    changing = [sql for sql in sent if not sql.startswith("SELECT") and "migration_lock" not in sql]
    assert changing == list(map(without_comment, planned)) == list(map(without_comment, plan(None, SAID)))
    assert sent[-1].startswith("DROP TABLE IF EXISTS migration_lock")
    assert plan(empty, SAID) == []


def test_the_plan_of_a_store_in_the_middle(empty: Store) -> None:
    migrate(empty)
    empty.query("ALTER TABLE migrations DELETE WHERE number >= 18 SETTINGS mutations_sync = 1")
    said = Deployment(keep_days={"gaps": 30, "frames": 7})
    planned = plan(empty, said)
    assert planned[0].startswith("-- 0018_kept_for_uptime\n")
    store = Asked(empty)
    sent = asked_to_migrate(store, said)
    assert [sql for sql in sent if sql.startswith("ALTER TABLE all_gaps")][-1] == planned[-1]
    assert upgrade(empty, said).retention == []


def test_the_plan_only_reads(reader: Store) -> None:
    assert plan(reader) == []


def test_too_old_a_server_is_not_touched() -> None:
    missing = StoreError("there is no such table", 60)
    for old in (
        Asked(answers={"max(number)": b"23.8.1\t3\n"}),
        Asked(answers={"max(number)": missing, "SELECT version()": b"18.16.1\n"}),
    ):
        with pytest.raises(StoreError, match=r"at least 24\.8 is needed"):
            asked_to_migrate(old)
        assert all(sql.startswith("SELECT") for sql in old.statements)


def test_a_server_that_cannot_be_asked_without_its_database_gets_one_first() -> None:
    """Over the native protocol each statement names the connection's database."""
    missing = StoreError("Database ocpptap does not exist", 81)
    versions = iter([missing, StoreError("the way to the store broke")])
    store = Asked(answers={"max(number)": missing, "CREATE DATABASE": b""})

    def query(sql: str, params: Mapping[str, str] | None = None, format: str = "") -> bytes:
        if sql == "SELECT version()":
            raise next(versions)
        return Asked.query(store, sql, params, format)

    store.query = query  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="the way to the store broke"):
        asked_to_migrate(store)
    assert store.statements[-1] == "CREATE DATABASE IF NOT EXISTS ocpptap"


def test_what_stops_a_look_is_told() -> None:
    refused = Asked(answers={"max(number)": StoreError("not enough privileges", 497)})
    with pytest.raises(StoreError, match="not enough privileges"):
        asked_to_migrate(refused)


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
