"""How rows are inserted, the same for every client: the statement's head, and the settings that make a batch one block
which the store takes once (storage.md 4 and 6); and with which settings a cluster is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from proxy.store.interface import RowsRefused, StoreError
from proxy.tables import TABLES

_ONCE: Final = {
    "async_insert": "0",
    "insert_deduplicate": "1",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "max_insert_block_size": "1048576",
}
"""A batch is one block (at most 200,000 rows), and the rollups that the store makes of it are filled once too."""
_ON_A_CLUSTER: Final = {"insert_distributed_sync": "1"}
"""An acknowledged batch is on its shards, not in a queue on the way there."""
_READING: Final = {"output_format_json_quote_64bit_integers": "0"}
"""Numbers are numbers: servers before 25.8 put those of 64 bits between quotes."""
_READING_A_CLUSTER: Final = {"distributed_product_mode": "global"}
"""A subquery over all shards inside a question over all shards is asked once, and its answer sent to them."""


def insert_head(table: str) -> str:
    """`INSERT INTO all_<table> (columns in the order of proxy.tables)`."""
    columns = ", ".join(f"`{column}`" for column in TABLES[table])
    return f"INSERT INTO all_{table} ({columns})"


def insert_settings(token: str, cluster: str = "", quorum: str = "") -> dict[str, str]:
    """The settings of one insert. `quorum`: replicas that must have it ('' = one)."""
    settings = {**_ONCE, "insert_deduplication_token": token}
    if cluster:
        settings |= _ON_A_CLUSTER
    if quorum:
        settings["insert_quorum"] = quorum
    return settings


@contextmanager
def taken_whole(cluster: str) -> Iterator[None]:
    """On a cluster a server's refusal does not mean that no shard has taken its part: it is no RowsRefused there, for
    the same rows under other tokens would be there twice. What is refused before it is sent is one everywhere."""
    try:
        yield
    except RowsRefused as error:
        if cluster and error.code:
            raise StoreError(str(error), error.code) from None
        raise


def reading_settings(cluster: str = "") -> dict[str, str]:
    """The settings of a question."""
    return _READING | _READING_A_CLUSTER if cluster else dict(_READING)
