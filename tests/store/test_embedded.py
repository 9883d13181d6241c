"""The embedded store through its client: exactly once, views, parameters, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.store.client import Role, RowsRefused, Store, StoreError, connect

COUNT = "SELECT count() AS n, uniqExact(frame_no, stream_offset) AS keys FROM frames WHERE connection_id = {c:String}"


def count(store: Store, connection_id: str) -> tuple[int, int]:
    found = json.loads(store.query(COUNT, {"c": connection_id}))
    return found["n"], found["keys"]


def frames(row: Any, connection_id: str, numbers: range, **values: Any) -> list[tuple[Any, ...]]:
    return [row("frames", connection_id=connection_id, frame_no=n, **values) for n in numbers]


def test_rows_come_back_as_they_went_in(writer: Store, reader: Store, row: Any) -> None:
    payload = bytes(range(256)) * 5000
    given = row(
        "frames", connection_id="exact", payload=payload, mask=2**32 - 1, stream_offset=2**63, latency_us=7
    )
    writer.insert("frames", [given], "exact")
    sql = "SELECT mask, stream_offset, latency_us, payload FROM frames WHERE connection_id = 'exact'"
    stored = reader.query(sql, format="RowBinary")
    assert stored[:17] == b"\xff\xff\xff\xff" + (2**63).to_bytes(8, "little") + b"\x00\x07\x00\x00\x00"
    assert stored[17:].endswith(payload)


def test_no_rows_are_no_error(writer: Store, reader: Store) -> None:
    before = reader.query("SELECT count() FROM all_gaps", format="TSV")
    writer.insert("gaps", [], "nothing")
    assert reader.query("SELECT count() FROM all_gaps", format="TSV") == before


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nope FROM frames", r"Unknown expression identifier `nope`.*\(UNKNOWN_IDENTIFIER\)"),
        ("SELECT FROM WHERE", "Syntax error"),
        ("SELECT {x:String}", "Substitution `x` is not set"),
        ("SELECT throwIf(1, 'a\nb')", "a b: "),
        ("SELECT 1 FORMAT Nonsense", "unknown format 'Nonsense'"),
        ("SELECT 1 FORMAT DataFrame", "unknown format 'DataFrame'"),
        ("", "no statement"),
    ],
)
def test_an_error_is_one_clear_line(reader: Store, sql: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        reader.query(sql)
    text = str(caught.value)
    assert "\n" not in text
    assert "DB::Exception" not in text
    assert "version 26" not in text
    assert reader.query("SELECT 1", format="TSV") == b"1\n"


def test_half_a_row_inserts_nothing(writer: Store, reader: Store, row: Any) -> None:
    good = frames(row, "half", range(100))
    writer.insert("frames", good, "half")
    before = count(reader, "half")
    with pytest.raises(StoreError, match="Cannot read all data"):
        writer._ask({"query": "INSERT INTO all_frames FORMAT RowBinary"}, b"\1\2\3")  # type: ignore[attr-defined]
    assert count(reader, "half") == before


def test_the_reader_socket_takes_no_rows(reader: Store, row: Any) -> None:
    with pytest.raises(StoreError, match="readers may not INSERT"):
        reader.insert("frames", frames(row, "no", range(1)), "no")


def test_what_is_no_store_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^--store is none of: embedded, "):
        connect("nonsense", tmp_path, Role.READER)


def test_a_value_that_does_not_fit_is_the_rows_fault(writer: Store, row: Any) -> None:
    with pytest.raises(RowsRefused, match="does not fit"):
        writer.insert("frames", [row("frames", mask=2**32)], "too much")
    assert writer.query("SELECT 1", format="TSV") == b"1\n"


def test_an_error_has_the_code_of_clickhouse(reader: Store) -> None:
    with pytest.raises(StoreError) as caught:
        reader.query("SELECT * FROM nowhere")
    assert caught.value.code == 60


def test_what_fails_behind_the_parser_is_an_error(data_dir: Path, row: Any) -> None:
    """The engine's own streaming insert says nothing then, and stores nothing."""
    store = connect("embedded", data_dir, Role.WRITER)
    store.migrate()
    store.query("ALTER TABLE all_gaps ADD CONSTRAINT no_poison CHECK reason != 'poison'")
    with pytest.raises(RowsRefused, match="no_poison") as caught:
        store.insert("gaps", [row("gaps", reason="poison")], "poison")
    assert caught.value.code == 469
    store.query(
        "ALTER TABLE all_gaps MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000000"
    )
    with pytest.raises(StoreError) as caught_too:
        store.insert("gaps", [row("gaps")], "no room")
    assert (type(caught_too.value), caught_too.value.code) == (StoreError, 243)
    store.leave()
