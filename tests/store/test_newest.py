"""The newest batch that a store is sure to have; the arithmetic over shards is done by the real engine."""

from __future__ import annotations

import pytest

from proxy.store.client import Store
from proxy.store.newest import BATCHES_A_SECOND, FARTHEST_BEHIND, newest_batch_sql, over_shards

RUN = 1 << 44
NOW = 3 * RUN + 50_000 * BATCHES_A_SECOND
MINUTE = 60 * BATCHES_A_SECOND


def newest(store: Store, rows: list[tuple[int, int]], shards: int = 3) -> int:
    """`rows`: (shard, batch)."""
    values = ", ".join(f"({shard}, {batch})" for shard, batch in rows)
    table = (
        f"values('shard UInt32, batch UInt64', {values})"
        if rows
        else "(SELECT 1 AS shard, 1 AS batch WHERE 0)"
    )
    grouped = f"SELECT shard, max(batch) AS newest FROM {table} GROUP BY shard"
    return int(store.query(over_shards(grouped, f"(SELECT {shards})"), format="TSV"))


def test_the_least_of_the_shards_counts(reader: Store) -> None:
    rows = [(1, NOW), (1, NOW - 1), (2, NOW - MINUTE), (3, NOW - 5)]
    assert newest(reader, rows) == NOW - MINUTE


@pytest.mark.parametrize("quiet", [[], [(3, 1)], [(3, RUN + 77)]])
def test_a_quiet_or_empty_shard_costs_a_quarter_of_an_hour_at_most(
    reader: Store, quiet: list[tuple[int, int]]
) -> None:
    assert newest(reader, [(1, NOW), (2, NOW - 5), *quiet]) == NOW - FARTHEST_BEHIND


def test_the_first_batch_on_one_shard_only(reader: Store) -> None:
    assert newest(reader, [(1, 5 * BATCHES_A_SECOND)]) == 0
    assert newest(reader, [(1, 7), (2, 7), (3, 7)]) == 7


def test_no_rows_are_no_batch(reader: Store) -> None:
    assert newest(reader, []) == 0


def test_batch_numbers_fill_64_bits(reader: Store) -> None:
    most = 2**64 - 1
    assert newest(reader, [(1, most), (2, most), (3, most)]) == most


@pytest.mark.parametrize("cluster", ["", "production"])
def test_the_engine_can_parse_the_question(writer: Store, cluster: str) -> None:
    sql = newest_batch_sql("frames", cluster)
    assert writer.query(f"EXPLAIN AST {sql}", {"journal": "00"}, "TSV")
    assert ("_shard_num" in sql) == bool(cluster)
