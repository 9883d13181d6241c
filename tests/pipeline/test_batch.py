"""Where a batch ends, and what becomes of rows of one key within it."""

from __future__ import annotations

from typing import Any

from proxy.pipeline.batch import MAX_FRAME_ROWS, Batcher, Row
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


def test_other_tables_rows_do_not_move_the_bound_of_frames() -> None:
    batcher = begun()
    for number in range(MAX_FRAME_ROWS):
        batcher.add("statuses", [(number,)])
        batcher.frame((), 0)
    assert [len(batch.rows["frames"]) for batch in batcher.ready] == [MAX_FRAME_ROWS]
    assert len(batcher.ready[0].rows["statuses"]) == MAX_FRAME_ROWS


def test_no_number_of_other_rows_ends_a_batch() -> None:
    """Else safe mode, which has none, would cut the frames elsewhere, and a token would come with other rows."""
    batcher = begun()
    batcher.add("meter_values", [()] * 300_000)
    batcher.frame((), 0)
    assert batcher.ready == []


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
