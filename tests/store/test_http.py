"""The store speaks as much of ClickHouse's HTTP interface as clickhouse-connect and curl need."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from proxy.store.client import Role, Store
from proxy.store.embedded.layout import VERSION_HEADER, connect_socket, our_version, store_directory
from proxy.store.embedded.request import (
    Insert,
    Query,
    params_of,
    settings_of,
    split_format,
    statement_of,
    with_settings,
)


def ask(
    store_dir: Path, role: Role, target: str, body: bytes | None = None, method: str = "POST", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("store")
    connection.sock = connect_socket(store_directory(store_dir), role, 20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, target, body, named)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response, answer


def test_ping_and_greeting(store_dir: Path) -> None:
    for role in Role:
        response, answer = ask(store_dir, role, "/ping", method="GET")
        assert (response.status, answer) == (200, b"Ok.\n")
        assert response.headers[VERSION_HEADER] == our_version()
    assert ask(store_dir, Role.READER, "/", method="GET")[1] == b"Ok.\n"


def test_a_query_in_the_address_in_the_body_or_both(store_dir: Path) -> None:
    whole = "/?" + urlencode({"query": "SELECT 1 + {x:UInt8} FORMAT CSV", "param_x": "2"})
    assert ask(store_dir, Role.READER, whole, method="GET")[1] == b"3\n"
    assert ask(store_dir, Role.READER, "/?default_format=JSONEachRow", b"SELECT 1 AS a")[1] == b'{"a":1}\n'
    assert ask(store_dir, Role.READER, "/?query=SELECT", b"5", X_ClickHouse_Format="CSV")[1] == b"5\n"


def test_headers_of_an_answer(store_dir: Path) -> None:
    response, answer = ask(store_dir, Role.READER, "/?default_format=JSON&query_id=q1", b"SELECT 1")
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert response.headers["X-ClickHouse-Format"] == "JSON"
    assert response.headers["X-ClickHouse-Query-Id"] == "q1"
    assert response.headers["X-ClickHouse-Timezone"] == "UTC"
    assert json.loads(response.headers["X-ClickHouse-Summary"])["result_bytes"] == str(len(answer))


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [(b"SELECT * FROM nowhere", 404, "60"), (b"SELEKT", 403, "497"), (b"SELECT x", 500, "47")],
)
def test_headers_of_an_error(store_dir: Path, sql: bytes, status: int, code: str) -> None:
    response, answer = ask(store_dir, Role.READER, "/", sql)
    assert (response.status, response.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert answer.startswith(f"Code: {code}. DB::Exception: ".encode())


def test_bodies_may_be_compressed(store_dir: Path) -> None:
    body = gzip.compress(b"SELECT number FROM numbers(1000)")
    response, answer = ask(
        store_dir,
        Role.READER,
        "/?enable_http_compression=1",
        body,
        Content_Encoding="gzip",
        Accept_Encoding="gzip",
    )
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer).split()[-1] == b"999"
    response, answer = ask(store_dir, Role.READER, "/", b"x", Content_Encoding="lz4")
    assert (response.status, response.headers["X-ClickHouse-Exception-Code"]) == (500, "36")


def test_the_writer_takes_rows_in_the_body_in_any_format(store_dir: Path, writer: Store) -> None:
    writer.query("CREATE TABLE IF NOT EXISTS any (a UInt8, b String) ENGINE = MergeTree ORDER BY a")
    into = "/?" + urlencode({"query": "INSERT INTO any FORMAT CSV", "insert_deduplication_token": "t'1"})
    for target, body in {
        into: b"1,one\n2,two\n",
        "/?async_insert=0": b'INSERT INTO any (a, b) FORMAT JSONEachRow\n{"a":3,"b":"INSERT"}\n',
        "/": b"INSERT INTO any VALUES (4, 'four')",
        "/?query=INSERT+INTO+any+VALUES": b"(5, 'five')",
    }.items():
        response, answer = ask(store_dir, Role.WRITER, target, body)
        assert (response.status, answer) == (200, b"")
    assert (
        writer.query("SELECT groupArray(a) FROM (SELECT a FROM any ORDER BY a)", format="TSV")
        == b"[1,2,3,4,5]\n"
    )
    assert writer.query("DROP TABLE any") == b""


def test_only_the_writer_socket_ends_the_store(store_dir: Path, reader: Store) -> None:
    assert ask(store_dir, Role.READER, "/end", b"")[0].status == 404
    response, answer = ask(store_dir, Role.WRITER, "/end", b"")
    assert (response.status, json.loads(answer)) == (409, {"ending": False})
    assert reader.query("SELECT 1", format="TSV") == b"1\n"


def test_curl(store_dir: Path, reader: Store) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl here")
    path = str(store_directory(store_dir) / "reader")
    command = [
        curl,
        "-s",
        "--unix-socket",
        path,
        "http://store/",
        "--data-binary",
        "SELECT 1, 'x' FORMAT TSV",
    ]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"1\tx\n"


@pytest.fixture
def tcp_port(store_dir: Path) -> Iterator[int]:
    """A loopback port that copies bytes to the reader socket, as `--store-port` does."""
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        near, _ = listener.accept()
        with near, connect_socket(store_directory(store_dir), Role.READER, 20) as far:
            back = threading.Thread(target=copy, args=(far, near), daemon=True)
            back.start()
            copy(near, far)
            near.close()
            back.join(5)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()
    thread.join(5)


def test_the_real_clickhouse_connect(tcp_port: int) -> None:
    import clickhouse_connect

    client = clickhouse_connect.get_client(host="127.0.0.1", port=tcp_port, database="ocpptap")
    assert client.query("SELECT {a:Array(String)}, 2", parameters={"a": ["x'", "\\"]}).result_rows == [
        (["x'", "\\"], 2)
    ]
    assert client.query("SELECT count() FROM frames WHERE source != ''").result_rows == [(0,)]
    with pytest.raises(clickhouse_connect.driver.exceptions.DatabaseError, match="not for readers"):
        client.query("SELECT * FROM file('/etc/passwd')")
    client.close_connections()
    client.close()


def test_what_a_request_asks_for() -> None:
    assert statement_of({"query": "INSERT INTO t FORMAT CSV"}, None, b"1\n") == Insert(
        "INSERT INTO t", "CSV", b"1\n"
    )
    assert statement_of({}, None, b"insert into t\nformat Native\n\xff") == Insert(
        "insert into t", "Native", b"\xff"
    )
    assert statement_of({"query": "a"}, "CSV", b"b") == Query("a\nb", "CSV")
    assert statement_of({"default_format": "JSON"}, "CSV", b"b") == Query("b", "JSON")
    assert split_format(Query("SELECT 1 FORMAT CSV;", "TSV")) == Query("SELECT 1 ", "CSV")


def test_settings_and_parameters() -> None:
    arguments = {"query": "x", "param_a": "1", "max_threads": "2", "session_id": "s"}
    assert settings_of(arguments) == {"max_threads": "2"}
    assert params_of(arguments) == {"a": "1"}
    assert (
        with_settings("INSERT INTO t", {"token": "it's\\"}) == "INSERT INTO t SETTINGS token = 'it\\'s\\\\'"
    )
    with pytest.raises(ValueError, match="not a setting: 'a b'"):
        settings_of({"a b": "1"})
