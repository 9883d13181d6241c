"""The bridge is a server of the native protocol: clickhouse-driver's own client finds nothing strange in it."""

from __future__ import annotations

import datetime
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from uuid import UUID

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException
from clickhouse_driver.util.escape import escape_chars_map
from hypothesis import given
from hypothesis import strategies as st

from tests.store.bridge import Bridge
from tests.store.native_format import Block, Column, Input, NotKnown, blocks, read_columns, written_columns
from tests.store.native_packets import TIMEZONE, VERSION, field_text

USERS: Final = {"default": "", "recorder": "geheim"}
UTC = datetime.UTC
COLUMNS = "n UInt64, word LowCardinality(String), at DateTime64(6, 'UTC'), value Nullable(Float64)"
TABLE = f"bridged ({COLUMNS}, pairs Array(Tuple(String, UInt64)))"
ROWS = [
    (1, "a", datetime.datetime(2030, 1, 2, 3, 4, 5, 678_901, UTC), None, [("x", 1), ("y", 2**64 - 1)]),
    (2, "", datetime.datetime(1970, 1, 1, tzinfo=UTC), 0.1, []),
    (2**64 - 1, "a", datetime.datetime(2100, 1, 1, tzinfo=UTC), -1e300, [("", 0)]),
]


@pytest.fixture(scope="module")
def bridge(store_dir: Path) -> Iterator[Bridge]:
    with Bridge(store_dir, USERS) as bridge:
        yield bridge


@pytest.fixture
def client(bridge: Bridge) -> Iterator[Client]:
    yield from connected(bridge)


def connected(bridge: Bridge, **settings: Any) -> Iterator[Client]:
    own = {"server_side_params": True, **settings.pop("settings", {})}
    client = Client("127.0.0.1", bridge.port, "ocpptap", "recorder", "geheim", settings=own, **settings)
    yield client
    client.disconnect()


def checksum(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=16).digest(), "big")


@pytest.fixture
def squeezed(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client that compresses; where its checksum's package is missing, both sides use another checksum."""
    if importlib.util.find_spec("clickhouse_cityhash") is None:
        module = ModuleType("clickhouse_cityhash.cityhash")
        module.__dict__["CityHash128"] = checksum
        monkeypatch.setitem(sys.modules, "clickhouse_cityhash", ModuleType("clickhouse_cityhash"))
        monkeypatch.setitem(sys.modules, "clickhouse_cityhash.cityhash", module)
        for name in ("compression.base", "compression.lz4", "streams.compressed"):
            monkeypatch.delitem(sys.modules, f"clickhouse_driver.{name}", raising=False)
    yield from connected(bridge, compression="lz4")


# who comes in


def test_it_says_who_it_is(client: Client, bridge: Bridge) -> None:
    client.connection.connect()
    told = client.connection.server_info
    assert (told.version_tuple(), told.timezone) == (VERSION, TIMEZONE)
    assert bridge.logins[-1] == ("recorder", "geheim", "ocpptap")
    assert client.connection.ping()


@pytest.mark.parametrize(
    ("user", "password", "database", "code"),
    [("recorder", "wrong", "ocpptap", 516), ("nobody", "", "ocpptap", 516), ("default", "", "nowhere", 81)],
)
def test_who_may_not_come_in_is_told_so(
    bridge: Bridge, user: str, password: str, database: str, code: int
) -> None:
    with pytest.raises(ServerException) as caught:
        Client("127.0.0.1", bridge.port, database, user, password).execute("SELECT 1")
    assert caught.value.code == code


# questions


ANSWERS: dict[str, Any] = {
    "1, -1, 18446744073709551615, 1.5, true": (1, -1, 2**64 - 1, 1.5, True),
    "'a', toFixedString('ab', 3), toLowCardinality('y'), toLowCardinality(toNullable('z'))": ("a", "ab", "y", "z"),
    "NULL, toNullable(3), [NULL, 1], [toLowCardinality('b')], []": (None, 3, [None, 1], ["b"], []),
    "(1, 'x'), [('y', 2)], map('k', 1), CAST((1, 'b') AS Tuple(n UInt8, s String))": (
        (1, "x"), [("y", 2)], {"k": 1}, (1, "b"),
    ),
    "CAST('x' AS Enum8('x' = 1)), toDecimal64(1.5, 2), toDate('2026-01-02')": (
        "x", Decimal("1.5"), datetime.date(2026, 1, 2),
    ),
    "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')": (UUID("61f0c404-5cb3-11e7-907b-a6006ad3dba0"),),
    "toDateTime64('2026-01-02 03:04:05.678901', 6, 'UTC')": (datetime.datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC),),
}  # fmt: skip


@pytest.mark.parametrize("columns", ANSWERS)
def test_a_value_of_each_type_arrives(client: Client, columns: str) -> None:
    assert client.execute(f"SELECT {columns}") == [ANSWERS[columns]]


def test_a_long_answer_comes_in_blocks(client: Client) -> None:
    numbers = client.execute_iter("SELECT number, toString(number) FROM numbers(200000)")
    assert all(row == (n, str(n)) for n, row in enumerate(numbers))


def test_no_rows_have_columns_too(client: Client) -> None:
    answer = client.execute("SELECT 1 AS a, 'x' AS b WHERE 0", with_column_types=True)
    assert answer == ([], [("a", "UInt8"), ("b", "String")])


@pytest.mark.parametrize("value", ["a'\\\tb\n\0ü", "", "'); DROP TABLE x --", "\\N"])
def test_a_parameter_arrives_as_it_is(client: Client, value: str) -> None:
    assert client.execute("SELECT {x:String}", {"x": value}) == [(value,)]


def test_an_answer_that_nobody_wants_any_more_ends(client: Client) -> None:
    numbers = client.execute_iter("SELECT number FROM numbers(1000000)", settings={"max_block_size": 1000})
    next(numbers)
    client.cancel()
    assert client.execute("SELECT 1") == [(1,)]


def test_an_error_is_told_and_the_connection_goes_on(client: Client, bridge: Bridge) -> None:
    client.execute("SELECT 1")
    logins, connection = len(bridge.logins), client.connection
    for sql, answer in (("SELECT nope", 47), ("SELECT FROM WHERE", 62), ("SELECT 1", None)):
        connection.send_query(sql)
        connection.send_external_tables(None)
        exception = connection.receive_packet().exception
        assert (exception and exception.code) == answer
    assert len(bridge.logins) == logins


def test_what_it_cannot_do_it_refuses(client: Client) -> None:
    for sql in ("SET max_threads = 1", "USE default", "SELECT sumState(1)"):
        with pytest.raises(ServerException) as caught:
            client.execute(sql)
        assert caught.value.code == 48


def test_readonly_is_respected(client: Client) -> None:
    for sql in ("CREATE TABLE no (a UInt8) ENGINE = Memory", "DROP TABLE all_gaps"):
        with pytest.raises(ServerException) as caught:
            client.execute(sql, settings={"readonly": 1})
        assert caught.value.code == 164
    assert client.execute("SELECT 1", settings={"readonly": 1, "max_threads": 1}) == [(1,)]


# inserts


@pytest.fixture
def table(client: Client) -> str:
    client.execute("DROP TABLE IF EXISTS bridged")
    client.execute(
        f"CREATE TABLE {TABLE} ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100"
    )
    return "bridged"


def test_rows_come_back_as_they_went_in(client: Client, table: str) -> None:
    assert client.execute(f"INSERT INTO {table} VALUES", ROWS) == 3
    assert client.execute(f"SELECT * FROM {table} ORDER BY n") == ROWS


def test_compressed_too(squeezed: Client, table: str) -> None:
    squeezed.execute(f"INSERT INTO {table} VALUES", ROWS)
    assert squeezed.execute(f"SELECT * FROM {table} ORDER BY n") == ROWS
    assert len(squeezed.execute("SELECT number FROM numbers(100000)")) == 100_000


def test_a_token_is_taken_once_and_noted(client: Client, bridge: Bridge, table: str) -> None:
    for _ in range(2):
        client.execute(
            f"INSERT INTO {table} (word, n) VALUES",
            [("b", n) for n in range(5)],
            settings={"insert_deduplication_token": "it's", "insert_block_size": 2},
        )
    assert client.execute(f"SELECT count() FROM {table}") == [(5,)]
    assert bridge.inserts[-1].settings == {"insert_deduplication_token": "it's"}
    assert bridge.inserts[-1].blocks == (2, 2, 1)


def test_an_insert_that_is_refused_says_why(client: Client, table: str) -> None:
    for sql, code in ((f"INSERT INTO {table} (nope) VALUES", 16), ("INSERT INTO nowhere VALUES", 60)):
        with pytest.raises(ServerException) as caught:
            client.execute(sql, [(1,)])
        assert caught.value.code == code
    assert client.execute(f"SELECT count() FROM {table}") == [(0,)]


def test_it_can_hang_up(client: Client, bridge: Bridge) -> None:
    client.execute("SELECT 1")
    bridge.hang_up()
    with pytest.raises(EOFError):
        client.connection.receive_packet()


# the format


@pytest.mark.parametrize(
    "kind",
    [
        "AggregateFunction(sum, UInt64)",
        "Variant(String, UInt8)",
        "Array(Nope)",
        "",
        "(",
        "Nullable",
        "Decimal(99, 1)",
    ],
)
def test_a_type_that_it_does_not_know_is_said_to_be_unknown(kind: str) -> None:
    native = written_columns(Block((Column(b"a", kind.encode(), bytes(64)),), 1), b"")
    with pytest.raises(NotKnown):
        list(blocks(native))


@given(st.binary(max_size=200))
def test_noise_is_refused_or_ends(noise: bytes) -> None:
    try:
        read = list(blocks(noise))
    except (NotKnown, EOFError):
        return
    assert sum(len(column.data) for block in read for column in block.columns) <= len(noise)


@given(st.text())
def test_a_parameter_s_dump_is_read_back(text: str) -> None:
    dump = "".join(escape_chars_map.get(sign, sign) for sign in text)
    assert field_text(f"'{dump}'") == text


def test_a_long_text_is_read_however_it_is_cut() -> None:
    block = Block((Column(b"a", b"Array(String)", (2).to_bytes(8, "little") + b"\x03abc\0"),), 1)
    data = written_columns(block, b"")
    source = Input(iter([*(bytes([byte]) for byte in data), b""]).__next__)
    assert read_columns(source, 0) == block
    assert source.at_end()
