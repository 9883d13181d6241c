"""The cluster's tables, views and questions as the engine runs them, on one node without Keeper (one_node.py): what a
Distributed table does to them. That replicas copy, and that nodes wait for each other, is not shown here."""

from __future__ import annotations

import pytest

from proxy.store.deployment import Deployment
from proxy.store.insertion import insert_settings
from proxy.store.newest import newest_batch_sql
from proxy.store.schema.migrations import plan
from proxy.store.schema.retention import Kept, changes, kept
from proxy.tables import ROLLUPS, TABLES
from tests.store.one_node import SHARDS, alone, answers

HERE = Deployment(
    cluster="production",
    storage_policy="tiered",
    cold_volume="cold",
    cold_after_days=9,
    keep_days={"gaps": 0},
)
DDL = [alone(statement) for statement in plan(None, HERE)]
COLUMNS = "at, batch, direction, kind, frame_no, connection_id, charge_point, message_type, answers, payload, journal"


def insert(table: str, columns: str, token: str, select: str) -> str:
    settings = ", ".join(
        f"{name} = '{value}'" for name, value in insert_settings(token, "production").items()
    )
    return f"INSERT INTO all_{table} ({columns}) SETTINGS {settings} SELECT {select}"


def batch(number: int) -> str:
    """Five calls and their answers."""
    rows = (
        f"now64(6, 'UTC'), {number}, 1, 1, number + 1, 'c', 'CP-1', 2 + number % 2, number % 2 * number, 'x', 'ab' "
        "FROM numbers(10)"
    )
    return insert("frames", COLUMNS, f"ab:{number}", rows)


def connection(number: int) -> str:
    columns = "at, last_at, batch, state, connection_id, charge_point, journal"
    moment = "toDateTime64('2096-10-02 00:00:00', 6, 'UTC')"
    return insert(
        "connections", columns, f"ab:{number}", f"{moment}, {moment}, {number}, {number}, 'c', 'CP-1', 'ab'"
    )


IN_ANOTHER = (
    "SELECT count() FROM all_frames WHERE connection_id IN (SELECT connection_id FROM all_connections)"
)
QUESTIONS = {
    "rows": "SELECT count() FROM shard_frames",
    "seen": "SELECT count() FROM frames",
    "minutes": "SELECT sum(frames) FROM shard_fleet_minutes",
    "hours": "SELECT sum(calls) FROM shard_charge_point_hours",
    "connections": "SELECT state FROM connections",
    "messages": "SELECT count(), countIf(answer_type = 3) FROM messages WHERE charge_point = 'CP-1'",
    "newest": newest_batch_sql("frames", "production").replace("{journal:String}", "'ab'"),
    "newest of none": newest_batch_sql("gaps", "production").replace("{journal:String}", "'ab'"),
    "in another": IN_ANOTHER,
    "in another, global": f"{IN_ANOTHER} SETTINGS distributed_product_mode = 'global'",
    **{
        f"kept {table}": "SELECT storage_policy, engine_full FROM system.tables "
        f"WHERE name = 'shard_{table}' FORMAT TSVRaw"
        for table in (*TABLES, *ROLLUPS)
    },
}
INSERTS = [batch(5000), batch(5000), batch(9096), connection(1), connection(2), connection(2)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Statement (or question's name) -> answer."""
    asked = [*DDL, *INSERTS, *QUESTIONS.values()]
    found = answers(tmp_path_factory.mktemp("cluster") / "engine", asked)
    return dict(zip([*DDL, *INSERTS, *QUESTIONS], found, strict=True))


def test_all_of_the_clusters_schema_can_be_made(told: dict[str, str]) -> None:
    assert {statement: told[statement] for statement in [*DDL, *INSERTS]} == dict.fromkeys(
        [*DDL, *INSERTS], ""
    )


def test_a_batch_sent_again_is_once_on_its_shard_and_in_rollups(told: dict[str, str]) -> None:
    assert (told["rows"], told["seen"]) == ("20\n", f"{20 * SHARDS}\n")
    assert (told["minutes"], told["hours"]) == ("20\n", "10\n")


def test_views_work_over_all_shards(told: dict[str, str]) -> None:
    assert told["connections"] == "closed\n" * SHARDS
    assert told["messages"].startswith(f"{10 * SHARDS}\t")


def test_each_shard_is_asked_for_its_newest_batch(told: dict[str, str]) -> None:
    assert (told["newest"], told["newest of none"]) == ("9096\n", "0\n")


def test_a_table_in_another_ones_question_needs_a_setting(told: dict[str, str]) -> None:
    """Whoever asks a cluster of several shards sets `distributed_product_mode = 'global'`."""
    assert "Code: 288" in told["in another"]
    assert told["in another, global"] == f"{20 * SHARDS}\n"


@pytest.mark.parametrize("table", [*TABLES, *ROLLUPS])
def test_cold_rows_move_and_nothing_is_left_to_change(told: dict[str, str], table: str) -> None:
    policy, _, engine = told[f"kept {table}"].strip().partition("\t")
    found = kept(engine, policy)
    assert changes(table, found, HERE) == []
    assert (found.policy, bool(found.cold)) == ("tiered", table not in ("charge_points", "configuration"))
    assert table != "gaps" or found == Kept(0, ("cold", 9), "tiered")
