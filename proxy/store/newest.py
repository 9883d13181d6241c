"""The question for the newest batch of a journal that the store is sure to have. Pure: SQL only.

One node: its newest. The recorder sends that one and all later ones again; their tokens make it harmless.

A cluster: each shard has its own newest batch, and one that fell back to a replica which lagged has lost some that
were acknowledged; so the least of them counts, 0 if a shard has none. But a shard whose charge points are quiet may be
days behind for no reason, and without a checkpoint everything since would be sent again, more than the shards can
recognise (`replicated_deduplication_window`). Hence at most a quarter of an hour behind the newest of all: a table's
batches are sent one after the other, so up to there all of them were acknowledged by all shards.
"""

from __future__ import annotations

from typing import Final

from proxy.store.parameters import quoted

BATCHES_A_SECOND: Final = 1 << 12
"""Batch numbers that a second takes (DESIGN 5)."""
FARTHEST_BEHIND: Final = 900 * BATCHES_A_SECOND
_ROWS: Final = "FROM all_{table} WHERE source = '' AND journal = {{journal:String}}"
_SHARDS: Final = "(SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = {cluster})"


def newest_batch_sql(table: str, cluster: str = "") -> str:
    """One number: 0 if there is none. Parameter `journal`: its UUID in hexadecimal."""
    rows = _ROWS.format(table=table)
    if not cluster:
        return f"SELECT max(batch) {rows}"
    newest = f"SELECT _shard_num AS shard, max(batch) AS newest {rows} GROUP BY _shard_num"
    return over_shards(newest, _SHARDS.format(cluster=quoted(cluster)))


def over_shards(newest: str, shards: str) -> str:
    """The same from each shard's `newest` and how many `shards` there are."""
    least = f"if(count() < {shards}, 0, min(newest))"
    floor = f"toUInt64(greatest(max(newest), {FARTHEST_BEHIND}) - {FARTHEST_BEHIND})"
    return f"SELECT greatest({least}, {floor}) FROM ({newest})"
