"""The embedded store through its client: exactly once, views, parameters, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxy.store.client import Role, Store, StoreError, connect

COUNT = "SELECT count() AS n, uniqExact(frame_no, stream_offset) AS keys FROM frames WHERE connection_id = {c:String}"


def count(store: Store, connection_id: str) -> tuple[int, int]:
    found = json.loads(store.query(COUNT, {"c": connection_id}))
    return found["n"], found["keys"]


def frames(row: Any, connection_id: str, numbers: range, **values: Any) -> list[tuple[Any, ...]]:
    return [row("frames", connection_id=connection_id, frame_no=n, **values) for n in numbers]


def test_the_same_token_twice_is_once(writer: Store, reader: Store, row: Any) -> None:
    rows = frames(row, "token", range(500))
    writer.insert("frames", rows, "u:1:frames")
    writer.insert("frames", rows, "u:1:frames")
    assert count(reader, "token") == (500, 500)
    writer.insert("frames", frames(row, "token", range(500, 700)), "u:2:frames")
    writer.insert("frames", rows, "u:1:frames")
    assert count(reader, "token") == (700, 700)


def test_equal_rows_with_another_token_are_other_rows(writer: Store, reader: Store, row: Any) -> None:
    for token in ("first", "second"):
        writer.insert("frames", frames(row, "equal", range(3)), token)
    assert count(reader, "equal") == (6, 3)


def test_a_batch_over_three_days_is_once(writer: Store, reader: Store, row: Any) -> None:
    day = 86_400 * 10**9
    rows = [
        row("frames", connection_id="days", frame_no=n, at=4_000_000_000 * 10**9 + n * day) for n in range(3)
    ]
    for _ in range(2):
        writer.insert("frames", rows, "days")
    assert count(reader, "days") == (3, 3)


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


def test_views_show_live_rows_in_their_newest_version(writer: Store, reader: Store, row: Any) -> None:
    versions = [(1, 1, ""), (2, 2, ""), (3, 2, "import")]
    for batch, state, source in versions:
        values = {"connection_id": "view", "batch": batch, "state": state, "source": source}
        writer.insert("connections", [row("connections", **values)], f"view:{batch}")
    assert (
        reader.query("SELECT state FROM connections WHERE connection_id = 'view'", format="TSV")
        == b"closed\n"
    )
    assert (
        reader.query("SELECT count() FROM all_connections WHERE connection_id = 'view'", format="TSV")
        == b"3\n"
    )


def test_no_rows_are_no_error(writer: Store, reader: Store) -> None:
    before = reader.query("SELECT count() FROM all_gaps", format="TSV")
    writer.insert("gaps", [], "nothing")
    assert reader.query("SELECT count() FROM all_gaps", format="TSV") == before


@pytest.mark.parametrize("value", ["a\tb\nc", "\\", "\\N", "it's", "ü\0z", "'); DROP TABLE x --", ""])
def test_parameters_arrive_as_they_are(reader: Store, value: str) -> None:
    assert json.loads(reader.query("SELECT {x:String} AS x", {"x": value})) == {"x": value}


def test_a_large_answer_can_be_read_in_pieces(reader: Store) -> None:
    pieces = list(reader.stream("SELECT toString(number) FROM numbers(300000)", format="TSV"))
    assert len(pieces) > 1
    assert b"".join(pieces).split() == [b"%d" % n for n in range(300_000)]


def test_an_answer_left_unread_does_no_harm(reader: Store) -> None:
    next(iter(reader.stream("SELECT number FROM numbers(300000)", format="TSV")))
    assert reader.query("SELECT 1", format="TSV") == b"1\n"


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


@pytest.mark.parametrize("url", ["clickhouse://host:9000/db", "https://host:8443/db", "nonsense"])
def test_other_stores_are_refused_in_one_line(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError, match=r"^--store "):
        connect(url, tmp_path, Role.READER)
