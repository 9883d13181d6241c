"""What a recorder asks a real store before it begins: each table's newest batch of this journal's live rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.recorder.settings import RecorderSettings
from proxy.recorder.start import _newest_batch, ask_store
from proxy.store.client import Role, Store, connect
from proxy.tables import INSERT_ORDER, TABLES

OURS, OTHER = b"\1" * 16, b"\2" * 16
AT = 4_000_000_000_000_000_000
_EMPTY: dict[str, Any] = {"Nullable": None, "Array": [], "Enum8": 1, "DateTime64": AT}

NAMES = {"connections": ["connection_id"], "transactions": ["key"], "findings": ["finding_id"]}
"""No two journals share these; but both may know the same charge point."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = connect("embedded", tmp_path, Role.WRITER)
    found.migrate()
    yield found
    found.leave()


def row(table: str, **values: Any) -> tuple[Any, ...]:
    blank = {
        column: _EMPTY.get(kind.partition("(")[0], "" if "String" in kind else 0)
        for column, kind in TABLES[table].items()
    }
    return tuple((blank | values).values())


def test_the_newest_batch_of_each_table_is_this_journals(store: Store, tmp_path: Path) -> None:
    """Another journal may write to the same tables, of the same charge points, and count from one as well."""
    said = [(OURS, 7, ""), (OURS, 5, ""), (OTHER, 900, ""), (OURS, 800, "import")]
    for place, table in enumerate(INSERT_ORDER):
        for journal, batch, source in said:
            values = {"journal": journal.hex(), "batch": batch + place, "source": source}
            values |= dict.fromkeys(NAMES.get(table, ()), journal.hex())
            store.insert(table, [row(table, **values)], f"{journal.hex()}:{batch}:{table}:{source}")
        store.query(f"OPTIMIZE TABLE all_{table} FINAL")
    batches = ask_store(RecorderSettings(data=str(tmp_path)), OURS).batches
    assert batches == {table: 7 + place for place, table in enumerate(INSERT_ORDER)}


def test_a_new_store_has_no_batch(store: Store, tmp_path: Path) -> None:
    assert ask_store(RecorderSettings(data=str(tmp_path)), OURS).batches == dict.fromkeys(TABLES, 0)


@pytest.mark.parametrize("cluster", ["", "eu"])
def test_of_a_cluster_each_shard_is_asked(cluster: str) -> None:
    """A real one is not to be had here: the question is `tests/store/test_newest.py`'s."""
    asked: list[str] = []

    class Shards:
        def query(self, sql: str, params: dict[str, str], format: str) -> bytes:
            asked.append(sql)
            return b"17\n"

    assert _newest_batch(Shards(), "frames", OURS, cluster) == 17  # type: ignore[arg-type]
    assert ("_shard_num" in asked[0]) == bool(cluster)
