"""Where a batch ends, and what becomes of rows of one key within it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.names import batch_parts
from proxy.pipeline.batch import MAX_FRAME_ROWS, MAX_ROWS, Batcher, Row
from proxy.tables import INSERT_ORDER, MERGED, ONE_ROW_A_BATCH, TABLES

SECOND = 10**9


def begun() -> Batcher:
    batcher = Batcher()
    batcher.begin(1, 5 * SECOND)
    return batcher


def row(table: str, **values: Any) -> Row:
    blank: dict[str, Any] = {
        column: [] if kind.startswith("Array") else None for column, kind in TABLES[table].items()
    }
    return tuple((blank | values).values())


def passport(at: int, **values: Any) -> Row:
    known = {"first_at": at, "last_at": at, "batch": 1, "charge_point": "CP_1", "journal": "j", "source": ""}
    return row("charge_points", **(known | values))


def named(table: str, found: Row) -> dict[str, Any]:
    return dict(zip(TABLES[table], found, strict=True))


def test_a_batch_holds_every_table_in_insert_order() -> None:
    batcher = begun()
    for table in reversed(INSERT_ORDER):
        if table in ONE_ROW_A_BATCH:
            batcher.version(table, row(table))
        else:
            batcher.add(table, [row(table)])
    batcher.cut()
    assert tuple(batcher.ready[0].rows) == INSERT_ORDER


@pytest.mark.parametrize("table", ["meter_values", "gaps"])
def test_a_batch_ends_at_the_rows_that_reach_its_bound(table: str) -> None:
    batcher = begun()
    for _ in range(MAX_ROWS // 1000 - 1):
        batcher.add(table, [()] * 1000)
    batcher.add(table, [()] * 999)
    assert batcher.ready == []
    batcher.add(table, [()] * 7)
    assert [len(batch.rows[table]) for batch in batcher.ready] == [MAX_ROWS + 6]
    assert batch_parts(batcher.number) == (1, 5, 1)


def test_rows_of_all_tables_count_together() -> None:
    batcher = begun()
    batcher.add("meter_values", [()] * (MAX_ROWS - 3))
    batcher.version("charge_points", passport(1))
    batcher.version("charge_points", passport(2))  # the same row again
    batcher.frame((), 10)
    assert batcher.ready == []
    batcher.frame((), 10)
    assert {table: len(rows) for table, rows in batcher.ready[0].rows.items()} == {
        "frames": 2, "meter_values": MAX_ROWS - 3, "charge_points": 1,
    }  # fmt: skip


def test_other_tables_rows_do_not_move_the_bound_of_frames() -> None:
    batcher = begun()
    for number in range(MAX_FRAME_ROWS):
        batcher.add("statuses", [(number,)])
        batcher.frame((), 0)
    assert [len(batch.rows["frames"]) for batch in batcher.ready] == [MAX_FRAME_ROWS]
    assert len(batcher.ready[0].rows["statuses"]) == MAX_FRAME_ROWS


def test_the_next_batch_counts_from_nothing() -> None:
    batcher = begun()
    for second in range(3):
        for count in (MAX_ROWS // 2, MAX_ROWS // 2 - 1):
            batcher.add("faults", [()] * count)
        batcher.begin(1, (6 + second) * SECOND)
    assert [len(batch.rows["faults"]) for batch in batcher.ready] == [MAX_ROWS - 1] * 3
    assert [batch_parts(batch.number) for batch in batcher.ready] == [(1, 5, 0), (1, 6, 0), (1, 7, 0)]


def test_partial_rows_of_a_key_become_one() -> None:
    batcher = begun()
    batcher.version("charge_points", passport(5, vendor="V", connectors=["2"]))
    batcher.version("charge_points", passport(7, vendor=None, model="M", connectors=["1", "2"]))
    batcher.version("charge_points", passport(6, vendor="W", heartbeat_interval=0))
    batcher.version("charge_points", passport(6, charge_point="CP_2"))
    batcher.cut()
    first, second = (named("charge_points", found) for found in batcher.ready[0].rows["charge_points"])
    assert (first["first_at"], first["last_at"], first["vendor"], first["model"]) == (5, 7, "W", "M")
    assert (first["connectors"], first["heartbeat_interval"], first["serial"]) == (["2", "1"], 0, None)
    assert (second["charge_point"], second["vendor"]) == ("CP_2", None)


def test_another_batch_begins_with_nothing_said() -> None:
    batcher = begun()
    batcher.version("charge_points", passport(5, vendor="V"))
    batcher.cut()
    batcher.version("charge_points", passport(6, model="M"))
    batcher.cut()
    assert named("charge_points", batcher.ready[1].rows["charge_points"][0])["vendor"] is None


def test_a_charge_point_with_a_million_connectors_has_a_bounded_row() -> None:
    batcher = begun()
    for start in range(0, 3000, 100):
        words = [str(number) for number in range(start, start + 100)]
        batcher.version("charge_points", passport(5, connectors=words))
    batcher.cut()
    assert len(named("charge_points", batcher.ready[0].rows["charge_points"][0])["connectors"]) == 1000


def test_of_versions_the_last_wins_and_is_not_put_together() -> None:
    assert "transactions" not in MERGED
    batcher = begun()
    for reason in ("Local", None):
        batcher.version("transactions", row("transactions", key="k", source="", reason=reason))
    batcher.cut()
    (found,) = batcher.ready[0].rows["transactions"]
    assert named("transactions", found)["reason"] is None
