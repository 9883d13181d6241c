"""The embedded store on a port: real tools ask it, strangers do not, and it holds nobody's connection for ever."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from proxy.admin import store_port
from proxy.admin.store_port import StorePort, refused
from proxy.store.client import Role, connect, dial_reader

TOKEN = "a long random word"
HEAD = b"GET /?query=SELECT+1 HTTP/1.1\r\nHost: 127.0.0.1:8123\r\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("data")
    store = connect("embedded", directory, Role.WRITER)
    store.migrate()
    yield directory
    store.leave()


@contextlib.asynccontextmanager
async def serving(data: Path, token: str = TOKEN) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = StorePort(listener, token, lambda: dial_reader(data))
    await port.start()
    yield listener.getsockname()[1]
    await port.close()


async def answer_to(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.closing(writer):
        writer.write(request)
        return await reader.read(4096)


def asked_by_clickhouse_connect(port: int) -> list[object]:
    with clickhouse_connect.get_client(
        host="127.0.0.1", port=port, username="me", password=TOKEN, database="ocpptap"
    ) as client:
        counted = client.query("SELECT count() FROM frames").result_rows
        with pytest.raises(DatabaseError, match="readers may only"):
            client.command("DROP TABLE all_frames")
        return list(counted)


async def test_a_real_client_asks_and_may_only_ask(data: Path) -> None:
    async with serving(data) as port:
        assert await asyncio.to_thread(asked_by_clickhouse_connect, port) == [(0,)]


async def test_one_connection_has_many_questions(data: Path) -> None:
    question = HEAD + b"X-ClickHouse-Key: " + TOKEN.encode() + b"\r\n\r\n"
    async with serving(data) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(question)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(2) == b"1\n"
        writer.close()


@pytest.mark.parametrize(
    "line",
    [
        b"Authorization: Bearer " + TOKEN.encode(),
        b"Authorization: Basic " + base64.b64encode(b"whoever:" + TOKEN.encode()),
        b"X-ClickHouse-Key: " + TOKEN.encode(),
    ],
)
def test_the_token_comes_as_clients_send_a_password(line: bytes) -> None:
    assert refused(HEAD + line + b"\r\n\r\n", TOKEN) == b""
    assert refused(HEAD + line + b"x\r\n\r\n", TOKEN).startswith(b"HTTP/1.1 401")


def test_the_token_may_stand_in_the_address() -> None:
    head = b"POST /?password=a+long%20random+word HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert refused(head, TOKEN) == b""
    assert refused(HEAD + b"\r\n", "") == b""


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (HEAD + b"\r\n", b"401"),
        (HEAD + b"Authorization: Basic !!!\r\n\r\n", b"401"),
        (
            b"GET / HTTP/1.1\r\nHost: evil.example\r\nX-ClickHouse-Key: " + TOKEN.encode() + b"\r\n\r\n",
            b"403",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", b"403"),
        (b"\xff\r\n\r\n", b"403"),
    ],
)
async def test_strangers_get_a_line(data: Path, head: bytes, status: bytes) -> None:
    async with serving(data) as port:
        answer = await answer_to(port, head)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert TOKEN.encode() not in answer


async def test_without_a_store_it_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, "") as port:
        answer = await answer_to(port, HEAD + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"the store does not run" in answer


async def test_who_says_nothing_is_hung_up_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_port, "HEAD_SECONDS", 0.05)
    async with serving(data) as port:
        assert await answer_to(port, b"GET / HT") == b""


async def test_more_than_a_few_are_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_port, "MOST_CONNECTIONS", 1)
    async with serving(data, "") as port:
        first, held = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(held):
            held.write(HEAD + b"\r\n")
            assert (await first.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
            answer = await answer_to(port, HEAD + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"1 connections are open already" in answer
