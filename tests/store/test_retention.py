"""What the operator says about retention becomes the store's rule, and no more than that; old partitions go, the rest
stays. On the real engine; its one storage policy has one volume, `default`, which stands for a cold one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.client import Role, Store, StoreError, connect
from proxy.store.deployment import SINGLE, Deployment
from proxy.store.schema.migrations import plan, upgrade
from proxy.store.schema.retention import Kept, as_made, changes, kept
from proxy.tables import EXPIRY, TABLES

COLD: dict[str, Any] = {"cold_volume": "default", "cold_after_days": 20}


@pytest.fixture
def store(data_dir: Path) -> Iterator[Store]:
    found = connect("embedded", data_dir, Role.WRITER)
    found.migrate()
    yield found
    found.leave()


def told(store: Store, table: str) -> Kept:
    sql = f"SELECT storage_policy, engine_full FROM system.tables WHERE name = 'all_{table}'"
    policy, _, engine = store.query(sql, format="TSVRaw").decode().strip().partition("\t")
    return kept(engine, policy)


@pytest.mark.parametrize("table", [*EXPIRY, "charge_points"])
def test_without_a_word_tables_stay_as_migrations_made_them(reader: Store, table: str) -> None:
    assert told(reader, table) == as_made(table, SINGLE)


def test_rules_come_back_from_the_store_as_they_were_said(store: Store) -> None:
    said = Deployment(keep_days={"frames": 30, "gaps": 0, "statuses": 15, "fleet_minutes": 8000}, **COLD)
    assert upgrade(store, said).retention
    assert told(store, "frames") == Kept(30, ("default", 20))
    assert told(store, "gaps") == Kept(0, ("default", 20))
    assert told(store, "statuses") == Kept(15, None)
    assert told(store, "fleet_minutes") == Kept(8000, ("default", 20))
    assert told(store, "configuration") == Kept()
    assert (plan(store, said), upgrade(store, said).retention) == ([], [])


def test_who_says_nothing_changes_nothing(store: Store) -> None:
    """`ocpptap import` without the configuration of `ocpptap run` must not shorten what that one keeps."""
    upgrade(store, Deployment(keep_days={"frames": 1000}, **COLD))
    assert upgrade(store, SINGLE).retention == []
    assert (
        upgrade(store, Deployment(keep_days={"gaps": 500})).retention[0].startswith("ALTER TABLE all_gaps ")
    )
    assert told(store, "frames") == Kept(1000, ("default", 20))


AGED = """
INSERT INTO all_frames (at, direction, kind, connection_id, source)
SELECT toDateTime64(now() - INTERVAL {age} DAY, 6, 'UTC'), 1, 1, '{name}', '{source}' FROM numbers(10)
"""


def left(store: Store) -> list[str]:
    return (
        store.query("SELECT DISTINCT connection_id FROM all_frames ORDER BY 1", format="TSV").decode().split()
    )


def test_for_ever_leaves_no_rule_and_so_does_what_would_end_after_2106(store: Store) -> None:
    upgrade(store, Deployment(keep_days={"frames": 0, "meter_values": 36_500}))
    assert told(store, "frames") == told(store, "meter_values") == Kept()
    assert plan(store, Deployment(keep_days={"frames": 0, "meter_values": 36_500})) == []


def test_old_partitions_go_and_imported_rows_stay(store: Store) -> None:
    for name, age, source in (("old", 60, ""), ("imported", 61, "trace"), ("young", 1, "")):
        store.query(AGED.format(name=name, age=age, source=source))
    upgrade(store, Deployment(keep_days={"frames": 0}, **COLD))
    upgrade(store, Deployment(keep_days={"frames": 70}))
    store.query("OPTIMIZE TABLE all_frames FINAL")
    assert left(store) == ["imported", "old", "young"]
    upgrade(store, Deployment(keep_days={"frames": 30}))
    store.query("OPTIMIZE TABLE all_frames FINAL")
    assert left(store) == ["imported", "young"]


def test_a_policy_that_the_server_does_not_have_is_one_line(writer: Store) -> None:
    with pytest.raises(StoreError, match=r"tiered.*\Z") as refused:
        upgrade(writer, Deployment(storage_policy="tiered"))
    assert "\n" not in str(refused.value)


def test_disks_come_before_the_rules_that_name_them() -> None:
    said = Deployment(storage_policy="tiered", cold_volume="c'old", cold_after_days=7)
    first, second = changes("frames", as_made("frames", SINGLE), said)
    assert first == "ALTER TABLE all_frames MODIFY SETTING storage_policy = 'tiered'"
    assert r"INTERVAL 90 DAY" in second
    assert r"addDays(toDateTime(at), 7) TO VOLUME 'c\'old'" in second
    assert changes("charge_points", Kept(), said) == [first.replace("frames", "charge_points")]


def test_on_a_cluster_it_is_the_shards_rule() -> None:
    said = Deployment(cluster="eu", keep_days={"frames": 7})
    [statement] = changes("frames", as_made("frames", said), said)
    assert statement.startswith("ALTER TABLE shard_frames ON CLUSTER 'eu' MODIFY TTL if(source = ''")


def test_a_rule_that_is_not_ours_stays_unless_the_table_is_named() -> None:
    theirs = kept(
        "MergeTree ORDER BY at TTL at + toIntervalMonth(3) SETTINGS index_granularity = 8192", "default"
    )
    assert theirs == Kept(None)
    assert changes("frames", theirs, Deployment(**COLD)) == []
    assert len(changes("frames", theirs, Deployment(keep_days={"frames": 90}))) == 1


@given(st.text(max_size=200))
def test_whatever_the_store_answers_can_be_read(engine: str) -> None:
    assert kept(f"MergeTree ORDER BY at TTL {engine}", "default").policy == "default"


@given(
    st.sampled_from(list(TABLES)),
    st.dictionaries(st.sampled_from(list(EXPIRY)), st.integers(0, 36_500)),
    st.booleans(),
)
def test_what_is_done_is_what_was_said(table: str, days: dict[str, int], cold: bool) -> None:
    """Applied in thought, nothing is left to do."""
    said = Deployment(keep_days=days, **(COLD if cold else {}))
    found = as_made(table, SINGLE)
    for statement in changes(table, found, said):
        found = kept("MergeTree ORDER BY at " + statement.partition(" MODIFY ")[2], "default")
    assert changes(table, found, said) == []
