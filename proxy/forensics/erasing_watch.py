"""Waiting until a store has changed the rows that it was told to change, however long it takes.

A store acknowledges a mutation at once and rewrites its parts afterwards: on a large table for longer than any client
waits for an answer. So it is asked again and again what is left of it; on a cluster each replica is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from proxy.forensics.erasing_where import stored
from proxy.forensics.find import rows
from proxy.store.client import Store, StoreError
from proxy.store.parameters import quoted

MOST_SECONDS: Final = 86_400.0
_SHARE: Final = 0.1
_SHORTEST: Final = 0.03
_LONGEST: Final = 2.0
"""A pause is a tenth of the time that it has taken so far, seconds."""
_DENIED: Final = 497
_LEFT: Final = """
SELECT count() AS count, max(latest_fail_reason) AS why FROM {of_it}
WHERE database = {{database:String}} AND NOT is_done AND table IN ({tables})
"""
Watch = Callable[[Iterable[str]], None]
"""Told of tables, comes back when they are as they were told to be."""


def watched(store: Store, cluster: str) -> Watch | None:
    """None: the user may not ask what is left. Raises StoreError."""
    try:
        (known,) = rows(store, "SELECT currentDatabase() AS name")
        _left(store, cluster, known["name"], [])
    except StoreError as error:
        if error.code == _DENIED:
            return None
        raise
    return lambda tables: _wait(store, cluster, known["name"], sorted(tables))


def _wait(store: Store, cluster: str, database: str, tables: list[str]) -> None:
    begun = time.monotonic()
    while left := _left(store, cluster, database, tables):
        taken = time.monotonic() - begun
        if taken > MOST_SECONDS:
            raise StoreError(f"the store is still at it after a day: {left} changes are left")
        time.sleep(min(max(_SHARE * taken, _SHORTEST), _LONGEST))


def _left(store: Store, cluster: str, database: str, tables: list[str]) -> int:
    """How many changes; StoreError for one that the store cannot do."""
    of_it = f"clusterAllReplicas({quoted(cluster)}, system.mutations)" if cluster else "system.mutations"
    names = ", ".join(quoted(stored(table, cluster)) for table in tables) or "''"
    (found,) = rows(store, _LEFT.format(of_it=of_it, tables=names), database=database)
    if found["why"]:
        raise StoreError(f"the store cannot erase: {found['why'].splitlines()[0]}")
    return int(found["count"])
