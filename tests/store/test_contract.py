"""What a store is, whatever it is made of: embedded, over HTTP, over the native protocol, or the server named by
`OCPPTAP_TEST_CLICKHOUSE`: exactly once, questions, refusals, the way there.

What a server is here: the engine's own HTTP interface behind a port, and a native protocol over it (bridge.py).
The bytes of rows and answers are in test_contract_bytes.py, ocpptap's own questions in test_contract_forensics.py.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from proxy.names import Direction
from proxy.store.client import Role, RowsRefused, Store, StoreError, connect
from proxy.tables import TABLES
from tests.store.conftest import AT, KINDS, PLACES, Place, RowMaker

DAY = 86_400 * 10**9
OURS = [kind for kind in KINDS if kind != "server"]
"""Those whose connections a test can cut."""


@pytest.fixture
def writer(place: Place) -> Iterator[Store]:
    with place.client(Role.WRITER) as store:
        yield store


@pytest.fixture
def reader(place: Place) -> Iterator[Store]:
    with place.client(Role.READER) as store:
        yield store


def one(store: Store, sql: str, **params: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(store.query(sql, params))
    return found


def count(store: Store, connection_id: str) -> tuple[int, int]:
    sql = "SELECT count() AS n, uniqExact(frame_no) AS keys FROM frames WHERE connection_id = {c:String}"
    found = one(store, sql, c=connection_id)
    return int(found["n"]), int(found["keys"])


def frames(row: RowMaker, connection_id: str, numbers: range, **values: Any) -> list[tuple[Any, ...]]:
    return [row("frames", connection_id=connection_id, frame_no=n, **values) for n in numbers]


# the schema


def test_migrating_again_changes_nothing(writer: Store) -> None:
    before = writer.query("SELECT * FROM migrations ORDER BY number"), writer.query("SHOW TABLES")
    writer.migrate()
    assert (writer.query("SELECT * FROM migrations ORDER BY number"), writer.query("SHOW TABLES")) == before
    assert before[1].count(b"\n") > len(TABLES)


# once


ROLLUPS = {
    "fleet_minutes": "SELECT sum(frames) AS n FROM fleet_minutes WHERE action = {name:String}",
    "charge_point_hours": "SELECT sum(frames_from_csms) AS n FROM charge_point_hours "
    "WHERE charge_point = {name:String}",
}


def test_the_same_token_is_once_in_the_table_and_its_rollups(
    writer: Store, reader: Store, row: RowMaker
) -> None:
    values = {"action": "token", "charge_point": "token", "direction": Direction.FROM_CSMS}
    first, second = (frames(row, "token", numbers, **values) for numbers in (range(500), range(500, 700)))
    for rows, token in ((first, "u:1"), (first, "u:1"), (second, "u:2"), (first, "u:1"), (second, "u:2")):
        writer.insert("frames", rows, f"{token}:frames")
    assert count(reader, "token") == (700, 700)
    assert {table: int(one(reader, sql, name="token")["n"]) for table, sql in ROLLUPS.items()} == {
        "fleet_minutes": 700,
        "charge_point_hours": 700,
    }


def test_equal_rows_with_another_token_are_other_rows(writer: Store, reader: Store, row: RowMaker) -> None:
    for token in ("first", "second"):
        writer.insert("frames", frames(row, "equal", range(3)), token)
    assert count(reader, "equal") == (6, 3)


def test_other_rows_with_the_same_token_are_not_taken(writer: Store, reader: Store, row: RowMaker) -> None:
    """The token decides, not what is in the rows."""
    for numbers in (range(3), range(3, 9)):
        writer.insert("frames", frames(row, "decides", numbers), "decides")
    assert count(reader, "decides") == (3, 3)


def test_a_batch_over_three_days_is_once(writer: Store, reader: Store, row: RowMaker) -> None:
    rows = [row("frames", connection_id="days", frame_no=n, at=AT + n * DAY) for n in range(3)]
    for _ in range(2):
        writer.insert("frames", rows, "days")
    assert count(reader, "days") == (3, 3)


def test_a_long_batch_is_one_block_and_once(
    place: Place, writer: Store, reader: Store, row: RowMaker
) -> None:
    """More rows than a block of the engine has if nobody says more."""
    (template,) = [row("gaps", connection_id="long")]
    number = list(TABLES["gaps"]).index("gap_no")
    rows = [(*template[:number], n, *template[number + 1 :]) for n in range(70_000)]
    for _ in range(2):
        writer.insert("gaps", rows, "long")
    sql = "SELECT count() AS n, uniqExact(gap_no) AS keys FROM gaps WHERE connection_id = 'long'"
    assert {name: int(n) for name, n in one(reader, sql).items()} == {"n": 70_000, "keys": 70_000}
    if place.bridge:
        assert [insert.blocks for insert in place.bridge.inserts][-2:] == [(70_000,)] * 2


def test_no_rows_are_no_error(writer: Store, reader: Store) -> None:
    before = reader.query("SELECT count() FROM all_statuses", format="TSV")
    writer.insert("statuses", [], "nothing")
    assert reader.query("SELECT count() FROM all_statuses", format="TSV") == before


def test_a_view_shows_live_rows_in_their_newest_version(writer: Store, reader: Store, row: RowMaker) -> None:
    for batch, state, source in ((1, 1, ""), (2, 2, ""), (3, 2, "import")):
        values = {"connection_id": "view", "batch": batch, "state": state, "source": source}
        writer.insert("connections", [row("connections", **values)], f"view:{batch}")
    which = "WHERE connection_id = 'view'"
    shown = reader.query(f"SELECT state FROM connections {which}", format="TSV")
    kept = reader.query(f"SELECT count() FROM all_connections {which}", format="TSV")
    assert (shown, kept) == (b"closed\n", b"3\n")


# questions


@pytest.mark.parametrize(
    "value",
    [
        "a\tb\nc",
        "\\",
        "\\N",
        "it's",
        "ü\0z\r",
        "'); DROP TABLE x --",
        "",
        "\\t\\'",
        "x" * 20_000,
        "%s {y:String}",
    ],
)
def test_a_parameter_arrives_as_it_is(reader: Store, value: str) -> None:
    assert one(reader, "SELECT {x:String} AS x", x=value) == {"x": value}


@pytest.mark.parametrize("words", [["it's"], ["a\\b", "\\"], ["\t", "ü", "", "', '"], []])
def test_an_array_arrives_as_it_is(reader: Store, words: list[str]) -> None:
    quoted = ["'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in words]
    assert one(reader, "SELECT {x:Array(String)} AS x", x=f"[{', '.join(quoted)}]") == {"x": words}


def test_what_looks_like_a_parameter_of_the_client_s_is_text(reader: Store) -> None:
    assert one(reader, "SELECT '%(x)s %s 100%' AS x, {y:UInt8} % 4 AS y", y="6") == {
        "x": "%(x)s %s 100%",
        "y": 2,
    }


def test_a_large_answer_comes_in_pieces(reader: Store) -> None:
    pieces = list(reader.stream("SELECT toString(number) FROM numbers(300000)", format="TSV"))
    assert len(pieces) > 1
    assert b"".join(pieces).split() == [b"%d" % n for n in range(300_000)]


def test_an_answer_left_unread_does_no_harm(reader: Store) -> None:
    left = reader.stream("SELECT number FROM numbers(300000)", format="TSV")
    next(left)
    assert reader.query("SELECT 1", format="TSV") == b"1\n"
    assert reader.query("SELECT 2", format="TSV") == b"2\n"


def test_a_statement_may_begin_and_end_with_anything(reader: Store) -> None:
    for sql in ("\n  SELECT 1 AS a\n", "SELECT 1 AS a;", "SELECT 1 AS a -- one", "/* one */ SELECT 1 AS a"):
        assert one(reader, sql) == {"a": 1}


def test_a_table_can_be_filled_from_another(writer: Store, reader: Store, row: RowMaker) -> None:
    writer.insert("gaps", [row("gaps", connection_id="from", gap_no=n) for n in range(5)], "from")
    columns = ", ".join(f"`{column}`" for column in TABLES["gaps"])
    chosen = columns.replace("`connection_id`", "{name:String}")
    answer = writer.query(
        f"INSERT INTO all_gaps ({columns}) SELECT {chosen} FROM all_gaps WHERE connection_id = 'from'",
        {"name": "to"},
    )
    assert answer == b""
    assert int(one(reader, "SELECT count() AS n FROM gaps WHERE connection_id = 'to'")["n"]) == 5


# refusals


@pytest.mark.parametrize(
    ("sql", "message", "code"),
    [
        ("SELECT nope FROM frames", "Unknown expression identifier `nope`", 47),
        ("SELECT FROM WHERE", "Syntax error", 62),
        ("SELECT 1 FROM nowhere", "nowhere", 60),
        ("SELECT {x:String}", "Substitution `x` is not set", 456),
        ("SELECT throwIf(1, 'a\nb')", "a b", 395),
        ("SELECT {x:UInt8}", "x", None),
    ],
)
def test_an_error_is_one_clear_line(reader: Store, sql: str, message: str, code: int | None) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        list(reader.stream(sql, {"x": "no number"} if "UInt8" in sql else {}))
    text = str(caught.value)
    assert not [sign for sign in ("\n", "DB::Exception", "Stack trace", "version 2") if sign in text]
    assert code in (caught.value.code, None)
    assert reader.query("SELECT 1", format="TSV") == b"1\n"


def test_an_error_comes_before_the_first_piece(reader: Store) -> None:
    with pytest.raises(StoreError, match="nope"):
        reader.stream("SELECT nope")


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 2**64},
        {"batch": -1},
        {"mask": "one"},
        {"opcode": 256},
        {"batch": None},
        {"payload": 7},
        {"at": 2**80},
    ],
)
def test_a_value_that_does_not_fit_is_the_row_s_fault(
    writer: Store, reader: Store, row: RowMaker, wrong: dict[str, Any]
) -> None:
    """And none of the batch is taken."""
    name = f"misfit {wrong}"
    rows = frames(row, name, range(3))
    with pytest.raises(RowsRefused) as caught:
        writer.insert("frames", [*rows, row("frames", connection_id=name, **wrong)], name)
    assert "\n" not in str(caught.value)
    assert count(reader, name) == (0, 0)
    writer.insert("frames", rows, name)
    assert count(reader, name) == (3, 3)


def test_a_row_too_short_is_the_row_s_fault(writer: Store, reader: Store, row: RowMaker) -> None:
    (whole,) = frames(row, "short", range(1))
    for wrong in (whole[:-1], (*whole, 1), ()):
        with pytest.raises(RowsRefused):
            writer.insert("frames", [whole, wrong], "short")
    assert count(reader, "short") == (0, 0)


def test_a_violated_constraint_is_the_row_s_fault(
    place: Place, writer: Store, reader: Store, row: RowMaker
) -> None:
    """By a statement: the embedded engine tells an insert's errors that come after parsing to nobody."""
    writer.query("ALTER TABLE all_authorizations ADD CONSTRAINT no_poison CHECK connection_id != 'poison'")
    try:
        with pytest.raises(RowsRefused, match="no_poison") as caught:
            writer.query("INSERT INTO all_authorizations (connection_id) SELECT 'poison'")
        assert caught.value.code == 469
        writer.insert("authorizations", [row("authorizations", connection_id="constraint")], "constraint")
    finally:
        writer.query("ALTER TABLE all_authorizations DROP CONSTRAINT no_poison")
    sql = "SELECT connection_id AS c FROM authorizations WHERE connection_id IN ('poison', 'constraint')"
    assert one(reader, sql) == {"c": "constraint"}


def test_a_missing_column_is_not_the_rows_fault(writer: Store, row: RowMaker) -> None:
    """Somebody changed the schema: the rows are good, and stay."""
    writer.query("ALTER TABLE all_faults RENAME COLUMN vendor_codes TO codes_of_vendor")
    try:
        with pytest.raises(StoreError, match="vendor_codes") as caught:
            writer.insert("faults", [row("faults")], "renamed")
        assert not isinstance(caught.value, RowsRefused)
    finally:
        writer.query("ALTER TABLE all_faults RENAME COLUMN codes_of_vendor TO vendor_codes")
    writer.insert("faults", [row("faults")], "renamed")


CHANGES = (
    "CREATE TABLE no (a UInt8) ENGINE = Memory",
    "INSERT INTO all_gaps (batch) SELECT 1",
    "ALTER TABLE all_gaps DELETE WHERE 1",
    "DROP TABLE all_gaps",
)


def test_a_reader_may_not_write(place: Place, reader: Store, writer: Store, row: RowMaker) -> None:
    with pytest.raises(StoreError) as caught:
        reader.insert("frames", frames(row, "no", range(1)), "no")
    assert not isinstance(caught.value, RowsRefused)
    for sql in CHANGES if place.kind != "http" else ():  # the engine's HTTP takes settings for questions only
        with pytest.raises(StoreError):
            reader.query(sql)
    assert count(writer, "no") == (0, 0)


# the way there


def test_closed_it_connects_again(writer: Store, reader: Store, row: RowMaker) -> None:
    for n in range(2):
        writer.close()
        reader.close()
        writer.insert("frames", frames(row, "closed", range(n, n + 1)), f"closed:{n}")
        assert count(reader, "closed") == (n + 1, n + 1)
    reader.close()
    reader.close()


@pytest.mark.parametrize("kind", OURS)
def test_a_connection_that_broke_between_two_statements_is_made_anew(
    place_of: Callable[[str], Place], row: RowMaker, kind: str
) -> None:
    """The first statement after it may fail, or not; the one after that does not, and nothing is twice."""
    place = place_of(kind)
    with place.client(Role.WRITER) as writer, place.client(Role.READER) as reader:
        for n in range(2):
            writer.insert("frames", frames(row, "cut", range(2 * n, 2 * n + 1)), f"cut:{n}")
            assert reader.query("SELECT 1", format="TSV") == b"1\n"
            place.cut()
            rows = frames(row, "cut", range(2 * n + 1, 2 * n + 2))
            at_second(partial(writer.insert, "frames", rows, f"cut:{n}:again"))
            at_second(partial(reader.query, "SELECT 1"))
        assert count(reader, "cut") == (4, 4)


def at_second(attempt: Callable[[], object]) -> None:
    """At once, or when it is asked again."""
    try:
        attempt()
    except RowsRefused:
        raise
    except StoreError:
        attempt()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind in ("native", "server")])
def test_a_wrong_password_is_one_line_without_it(place_of: Callable[[str], Place], kind: str) -> None:
    place = place_of(kind)
    scheme, _, rest = place.url.partition("://")
    url = f"{scheme}://recorder:Zaunk0enig@{rest.rpartition('@')[2]}"
    with place._replace(url=url).client(Role.READER) as store, pytest.raises(StoreError) as caught:
        store.query("SELECT 1")
    assert "Authentication failed" in str(caught.value)
    assert not {sign for sign in ("\n", "Zaunk0enig") if sign in str(caught.value)}


@pytest.mark.parametrize("scheme", ["http", "clickhouse"])
def test_nobody_there_is_one_line_and_not_before_the_first_statement(
    tmp_path: Path, row: RowMaker, scheme: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = connect(f"{scheme}://user:Zaunk0enig@127.0.0.1:{port}/db", tmp_path, Role.WRITER)
    for attempt in (
        lambda: store.query("SELECT 1"),
        lambda: store.insert("gaps", [row("gaps")], "x"),
        store.migrate,
    ):
        with pytest.raises(StoreError, match=f"127.0.0.1:{port}") as caught:
            attempt()
        assert not isinstance(caught.value, RowsRefused)
        assert not {sign for sign in ("\n", "Zaunk0enig") if sign in str(caught.value)}


@pytest.mark.parametrize("kind", [kind for kind in OURS if kind != "embedded"])
def test_migrate_makes_the_database(kind: str, tmp_path: Path) -> None:
    with PLACES[kind](tmp_path) as place:
        with contextlib.closing(connect("embedded", tmp_path, Role.WRITER)) as owner:
            owner.query("DROP DATABASE ocpptap SYNC")
        with place.client(Role.WRITER) as store:
            store.migrate()
            assert store.query("SELECT count() FROM all_frames", format="TSV") == b"0\n"
