"""The HTTP client against a ClickHouse engine behind a TCP port: exactly once, whatever happens on the way."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.httputil import all_managers

from proxy.store.address import parse
from proxy.store.deployment import Deployment
from proxy.store.insertion import insert_settings
from proxy.store.interface import Role, RowsRefused, StoreError
from proxy.store.web.client import WebStore, protection
from proxy.store.web.pool import PIECE_BYTES, in_pieces
from tests.store.fault_proxy import FaultProxy
from tests.store.front import to_store
from tests.store.over_http import CANARY, ROLLUP, Recorded, count, frames, store_at


@pytest.fixture(scope="module")
def server(store_dir: Path) -> Iterator[int]:
    with FaultProxy(to_store(store_dir)) as proxy:
        yield proxy.port


@pytest.fixture
def web(server: int) -> Iterator[WebStore]:
    store = store_at(server)
    yield store
    store.close()


@pytest.fixture
def recorded(store_dir: Path) -> Iterator[Recorded]:
    with Recorded(to_store(store_dir)) as proxy:
        yield proxy


# what a store does


@pytest.mark.parametrize("compression", ["lz4", "none"])
def test_rows_come_back_as_they_went_in(server: int, row: Any, compression: str) -> None:
    web = store_at(server, options=f"compression={compression}")
    payload = bytes(range(256)) * 12_000
    web.insert(
        "frames",
        frames(row, f"exact {compression}", range(1), payload=payload, mask=2**32 - 1),
        f"exact {compression}",
    )
    sql = "SELECT mask, payload FROM frames WHERE connection_id = {c:String}"
    stored = web.query(sql, {"c": f"exact {compression}"}, format="RowBinary")
    web.close()
    assert stored.startswith(b"\xff\xff\xff\xff")
    assert stored.endswith(payload)


def test_the_same_token_twice_is_once(web: WebStore, row: Any) -> None:
    rows = frames(row, "web token", range(500))
    for token in ("w:1", "w:1", "w:2"):
        web.insert("frames", rows if token == "w:1" else frames(row, "web token", range(500, 700)), token)
    web.insert("frames", rows, "w:1")
    assert count(web, "web token") == (700, 700)
    assert web.query(ROLLUP, {"c": "web token"}, format="TSV") == b"700\n"


def test_no_rows_and_no_statement_ask_nothing(recorded: Recorded) -> None:
    store_at(recorded.port).insert("frames", [], "nothing")
    store_at(recorded.port, options="insert_quorum=2").leave()
    assert recorded.connections == 0
    assert recorded.heads == []


def test_a_row_that_does_not_fit_is_the_rows_fault(web: WebStore, row: Any) -> None:
    with pytest.raises(RowsRefused, match="does not fit"):
        web.insert("frames", frames(row, "big", range(1), mask=2**40), "big")


@pytest.mark.parametrize(
    "value", ["a\tb\nc", "\\", "\\N", "it's", "ü\0z", "100 %s%", "'); DROP TABLE x --", ""]
)
def test_parameters_arrive_as_they_are(web: WebStore, value: str) -> None:
    sql = "SELECT {x:String} AS x, 'a' LIKE '%a' AS like, {a:Array(String)}[2] AS second"
    found = json.loads(web.query(sql, {"x": value, "a": "['1','2']"}))
    assert found == {"x": value, "like": 1, "second": "2"}


def test_a_format_clause_wins(web: WebStore) -> None:
    assert web.query("SELECT 1 AS x FORMAT CSVWithNames", format="TSV") == b'"x"\n1\n'


def test_a_large_answer_comes_in_pieces(web: WebStore) -> None:
    pieces = list(web.stream("SELECT toString(number) FROM numbers(300000)", format="TSV"))
    assert len(pieces) > 3
    assert b"".join(pieces).split() == [b"%d" % n for n in range(300_000)]


def test_an_answer_left_unread_is_dropped_not_cut_short(web: WebStore) -> None:
    left = web.stream("SELECT number FROM numbers(300000)", format="TSV")
    next(left)
    assert web.query("SELECT 1", format="TSV") == b"1\n"
    with pytest.raises(StoreError, match="was dropped"):
        list(left)


@pytest.mark.parametrize(
    ("sql", "message", "code"),
    [
        ("SELECT nope FROM frames", r"^Unknown expression identifier `nope`.*\(UNKNOWN_IDENTIFIER\)", 47),
        ("SELECT * FROM nowhere", "nowhere", 60),
        ("SELECT {x:String}", "Substitution `x` is not set", 456),
        ("SELECT 1 FORMAT Nonsense", "unknown format 'Nonsense'", 73),
    ],
)
def test_an_error_is_one_clear_line(web: WebStore, sql: str, message: str, code: int) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        web.query(sql)
    assert caught.value.code == code
    assert not re.search(r"\n|DB::Exception|version \d|http", str(caught.value))
    assert web.query("SELECT 1", format="TSV") == b"1\n"


def test_a_text_without_utf_8_is_an_error_too(web: WebStore) -> None:
    for sql, value in (("SELECT '\udcff'", ""), ("SELECT {x:String}", "\udcff")):
        with pytest.raises(StoreError, match="surrogates not allowed"):
            web.query(sql, {"x": value})


def test_a_reader_is_read_only(server: int, row: Any) -> None:
    reader = store_at(server, Role.READER)
    assert reader.query("SELECT getSetting('readonly')", format="TSV") == b"1\n"
    with pytest.raises(StoreError, match="readonly mode"):
        reader.insert("frames", frames(row, "reader", range(1)), "reader")
    assert count(reader, "reader") == (0, 0)
    reader.close()


def test_a_reader_whose_profile_is_read_only_changes_no_setting(store_dir: Path) -> None:
    with FaultProxy(to_store(store_dir, Role.READER)) as proxy:  # refuses every setting
        reader = store_at(proxy.port, Role.READER)
        assert reader.query("SELECT 1", format="TSV") == b"1\n"
        reader.close()


@pytest.mark.parametrize(("profile", "sent"), [("0", {"readonly": "1"}), ("1", {}), ("2", {})])
def test_a_profile_goes_before_our_protection(profile: str, sent: dict[str, str]) -> None:
    assert protection(Role.READER, profile) == sent
    assert protection(Role.WRITER, profile) == {}


def test_migrate_brings_the_whole_schema(data_dir: Path) -> None:
    from proxy.store.client import connect

    keeper = connect("embedded", data_dir, Role.WRITER)
    with FaultProxy(to_store(data_dir)) as proxy:
        web = store_at(proxy.port)
        web.migrate()
        web.migrate()
        assert count(web, "none yet") == (0, 0)
        web.close()
    keeper.leave()


# what is sent


def test_an_insert_says_all_that_makes_it_once(recorded: Recorded, row: Any) -> None:
    address = parse(f"http://watcher:{CANARY}@127.0.0.1:{recorded.port}/ocpptap")
    web = WebStore(address, Role.WRITER)
    web.insert("frames", frames(row, "sent", range(3)), "a&b=c/ü")
    assert recorded.arguments().items() >= (insert_settings("a&b=c/ü") | {"wait_end_of_query": "1"}).items()
    assert recorded.arguments()["database"] == "ocpptap"
    assert "Content-Encoding: gzip" in recorded.heads[-1]
    assert CANARY not in "".join(recorded.heads)
    web.close()


def test_cluster_and_quorum_are_sent(recorded: Recorded, row: Any) -> None:
    address = parse(f"http://127.0.0.1:{recorded.port}/ocpptap?insert_quorum=auto&compression=none")
    web = WebStore(address, Role.WRITER, Deployment(cluster="fleet"))
    web.insert("frames", frames(row, "cluster", range(1)), "cluster")
    sent = recorded.arguments()
    assert (sent["insert_quorum"], sent["insert_distributed_sync"]) == ("auto", "1")
    assert "Content-Encoding" not in recorded.heads[-1]
    web.close()


def test_one_connection_serves_all_statements(store_dir: Path, row: Any) -> None:
    dialled = []

    def dial() -> socket.socket:
        dialled.append(to_store(store_dir)())
        return dialled[-1]

    with FaultProxy(dial) as proxy:
        web = store_at(proxy.port)
        for number in range(3):
            web.insert("frames", frames(row, "kept", range(number, number + 1)), f"kept:{number}")
            assert count(web, "kept") == (number + 1, number + 1)
        web.close()
    assert len(dialled) == 1


def test_a_database_is_made_without_being_there(recorded: Recorded) -> None:
    web = store_at(recorded.port)
    web.query("CREATE DATABASE IF NOT EXISTS ocpptap")
    assert "database" not in recorded.arguments()
    web.query("SELECT 1")
    assert recorded.arguments()["database"] == "ocpptap"
    web.close()


def test_no_more_than_a_piece_is_sent_in_the_time_to_connect() -> None:
    body = bytes(range(256)) * 3000
    request: dict[str, Any] = {"body": body, "headers": {"X": "y"}}
    in_pieces(request)
    pieces = [bytes(piece) for piece in request["body"]]
    assert (b"".join(pieces), max(map(len, pieces))) == (body, PIECE_BYTES)
    assert request["headers"] == {"X": "y", "Content-Length": "768000"}


def test_a_large_body_has_its_length(recorded: Recorded, row: Any) -> None:
    web = store_at(recorded.port, options="compression=none")
    web.insert("frames", frames(row, "long", range(3), payload=b"x" * 400_000), "long")
    assert len(re.findall(r"Content-Length: 12\d{5}\r\n", recorded.heads[-1])) == 1
    assert count(web, "long") == (3, 3)
    web.close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(
    monkeypatch: pytest.MonkeyPatch, server: int, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    web = store_at(server)
    assert web.query("SELECT 1", format="TSV") == b"1\n"
    web.close()


def test_the_library_keeps_no_pool_of_ours(server: int) -> None:
    before = len(all_managers)
    for _ in range(5):
        web = store_at(server)
        web.query("SELECT 1")
        web.close()
    assert len(all_managers) == before
