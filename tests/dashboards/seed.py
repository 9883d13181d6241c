"""Both worlds in real stores: the engine, the migrations, the views and rollups of a production data directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import orjson

from proxy.store.client import Role, Store, connect
from proxy.tables import INSERT_ORDER
from tests.dashboards.world import World, rows_of

ROWS_AT_ONCE: Final = 50_000
Row = Mapping[str, Any]


def seed(data: Path, world: World) -> None:
    """As the recorder does: table after table, batches in their order."""
    rows = rows_of(world)
    store = connect("embedded", data, Role.WRITER)
    try:
        store.migrate()
        for table in INSERT_ORDER:
            found = rows.get(table, [])
            for begin in range(0, len(found), ROWS_AT_ONCE):
                store.insert(table, found[begin : begin + ROWS_AT_ONCE], f"{table}:{begin}")
    finally:
        store.close()


class Stores:
    """A reader of each world. Answers are kept: what is asked twice has not changed."""

    def __init__(self, stores: Mapping[World, Store]) -> None:
        self._stores = stores
        self._known: dict[tuple[World, str], list[Row]] = {}

    def ask(self, world: World, sql: str) -> list[Row]:
        """Raises StoreError with what the engine says."""
        if (world, sql) not in self._known:
            lines = self._stores[world].query(sql).splitlines()
            self._known[world, sql] = [orjson.loads(line) for line in lines]
        return self._known[world, sql]


@contextmanager
def seeded(folder: Path) -> Iterator[Stores]:
    places = {world: folder / world.name.lower() for world in World}
    for place in places.values():
        place.mkdir()
    with ProcessPoolExecutor(len(places), get_context("spawn")) as pool:
        for done in [pool.submit(seed, place, world) for world, place in places.items()]:
            done.result()
    stores = {world: connect("embedded", place, Role.READER) for world, place in places.items()}
    try:
        yield Stores(stores)
    finally:
        for store in stores.values():
            store.leave()
