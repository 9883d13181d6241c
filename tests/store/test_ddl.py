"""The schema's statements for one node and for a cluster: compared with the golden files, parsed by the engine."""

from __future__ import annotations

import re

import pytest

from proxy.store.client import Store
from proxy.store.deployment import SINGLE, Deployment
from proxy.store.schema.ddl import create_database, single_node, statements, stored, with_engine
from proxy.store.schema.migrations import all_migrations, plan
from proxy.tables import ROLLUPS, TABLES
from tests.store.golden.__main__ import PAGES, page, written

CLUSTER = Deployment(cluster="production")
TIERED = Deployment(
    cluster="eu-1", storage_policy="it's", cold_volume="cold", cold_after_days=9, keep_days={"gaps": 0}
)
ENTIRE = plan(None, CLUSTER)


@pytest.mark.parametrize("name", PAGES)
def test_the_whole_schema_is_the_golden_file(name: str) -> None:
    """`python -m tests.store.golden` writes them anew: look at the difference."""
    assert page(name).read_text("utf-8") == written(name)


def parsed(store: Store, sql: str) -> bool:
    return bool(store.query(f"EXPLAIN AST {sql}", format="TSV"))


@pytest.mark.parametrize("deployment", [SINGLE, CLUSTER, TIERED])
def test_the_engine_can_parse_all_of_it(writer: Store, deployment: Deployment) -> None:
    assert all(parsed(writer, statement) for statement in plan(None, deployment))


def test_on_one_node_statements_are_as_written() -> None:
    """But for what a table remembers of tokens where a server makes it a replicated one."""
    remembers = ", replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
    for migration in all_migrations():
        expected = [with_engine(statement, single_node) for statement in migration.statements]
        made = statements(migration.statements, SINGLE)
        assert [statement.replace(remembers, "") for statement in made] == expected
        assert all(
            (remembers in statement) == ("non_replicated_deduplication" in statement) for statement in made
        )


def test_nothing_is_left_for_one_node_of_a_cluster() -> None:
    for statement in ENTIRE:
        assert "INSERT INTO migrations" in statement or " ON CLUSTER 'production'" in statement
        assert "non_replicated" not in statement
        assert "{engine" not in statement
        assert not re.search(r"ENGINE = (?!Replicated|Distributed)", statement)


@pytest.mark.parametrize("table", [*TABLES, *ROLLUPS])
def test_rows_lie_in_shards_behind_a_table_over_them(table: str) -> None:
    made = {match[1]: text for text in ENTIRE if (match := re.search(r"EXISTS (\w+) ON CLUSTER", text))}
    rows, front = made[stored(table, CLUSTER)], made[f"all_{table}"]
    assert "MergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}'" in rows
    assert "replicated_deduplication_window_seconds = 604800" in rows
    assert f"AS ocpptap.shard_{table} ENGINE = Distributed('production', 'ocpptap', 'shard_{table}'" in front
    assert ("cityHash64(charge_point)" in front) == ("`charge_point`" in rows)


def test_what_has_no_shards_is_the_same_on_all_nodes() -> None:
    made = [text for text in ENTIRE if "/clickhouse/tables/all/" in text]
    assert [re.search(r"EXISTS (\w+) ON", text)[1] for text in made][:2] == ["migrations", "imports"]  # type: ignore[index]
    assert all("'{shard}-{replica}'" in text for text in made)


def test_rollups_are_filled_on_the_shard_that_got_the_rows() -> None:
    views = [text for text in ENTIRE if "CREATE MATERIALIZED VIEW" in text]
    assert len(views) == len(ROLLUPS)
    for view in views:
        assert " TO shard_" in view
        assert "FROM shard_frames" in view
        assert "all_" not in view


def test_columns_are_added_behind_the_front_first() -> None:
    altered = [text.partition(" ON")[0] for text in ENTIRE if "ADD COLUMN" in text and "_frames" in text]
    assert [text.rpartition("ALTER TABLE ")[2] for text in altered] == ["shard_frames", "all_frames"]


def test_a_statement_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValueError, match="no shape for a cluster: 'RENAME TABLE"):
        statements(["-- why\nRENAME TABLE all_frames TO all_pictures"], CLUSTER)


def test_a_view_does_not_keep_the_settings_it_was_sent_with(writer: Store) -> None:
    """Whoever reads it with readonly = 1 may not change settings."""
    suffix = statements(["CREATE VIEW IF NOT EXISTS one AS SELECT 1 AS a"], CLUSTER)[0]
    writer.query(suffix.replace(" ON CLUSTER 'production'", ""))
    assert b"SETTINGS" not in writer.query("SHOW CREATE VIEW one", format="TSV")
    writer.query("DROP VIEW one")


def test_new_tables_take_the_policy_of_the_operator() -> None:
    made = statements(
        ["CREATE TABLE IF NOT EXISTS bare (a UInt8) ENGINE = {engine:MergeTree}\nORDER BY a"], TIERED
    )
    assert r"SETTINGS storage_policy = 'it\'s'" in made[0]
    tables = [text for text in plan(None, TIERED) if "MergeTree(" in text]
    assert all(text.count("storage_policy = ") == 1 for text in tables)


def test_the_database_is_made_on_all_nodes() -> None:
    assert create_database(Deployment(database="here")) == "CREATE DATABASE IF NOT EXISTS here"
    assert create_database(CLUSTER).startswith(
        "CREATE DATABASE IF NOT EXISTS ocpptap ON CLUSTER 'production'\n"
    )
