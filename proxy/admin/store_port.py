"""`--store-port`: the embedded store's reader socket as a port of the loopback, for tools that speak ClickHouse's HTTP.

The first request's head is read here, for who asks whom (guard.py's rules: Host, token); then bytes are copied, both
ways, until one side has no more. What a reader may ask is the store's own rule. Knows no SQL.
The token comes in whatever way ClickHouse's clients send a password; the user's name does not matter.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import socket
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import parse_qsl

from proxy.admin.guard import host_of, is_loopback

HEAD_SECONDS: Final = 10.0
HEAD_BYTES: Final = 64 * 1024
"""A question may stand in the request's first line."""
MOST_CONNECTIONS: Final = 64
_PIECE_BYTES: Final = 1 << 16
Dial = Callable[[], socket.socket]
"""A connection to the reader socket; OSError: there is no store."""


class StorePort:
    """Serves `listener` from `start` to `close`; `token`: '' = whoever is on this machine."""

    def __init__(self, listener: socket.socket, token: str, dial: Dial) -> None:
        self._listener = listener
        self._token = token
        self._dial = dial
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, sock=self._listener, limit=HEAD_BYTES)

    async def close(self) -> None:
        """Nobody new; who is there is cut off."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accepted(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(near, back)
        except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
            pass  # no request came, or a side is gone
        finally:
            self._open.discard(task)
            back.close()

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await near.readuntil(b"\r\n\r\n")
        refusal = refused(head, self._token)
        if not refusal and len(self._open) > MOST_CONNECTIONS:
            refusal = answer(503, f"{MOST_CONNECTIONS} connections are open already")
        if refusal:
            back.write(refusal)
            await back.drain()
            return
        try:
            far, forth = await asyncio.open_connection(sock=self._dial())
        except OSError:
            back.write(answer(503, "the store does not run"))
            await back.drain()
            return
        with contextlib.closing(forth):
            forth.write(head)
            await _copied_both_ways((near, forth), (far, back))


async def _copied_both_ways(*ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    copies = [asyncio.ensure_future(_copied(*way)) for way in ways]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


async def _copied(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_PIECE_BYTES):
        target.write(data)
        await target.drain()


def refused(head: bytes, token: str) -> bytes:
    """The answer to a request that must not go on; b'' for one that may."""
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [
        (name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
    ]
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1 or not is_loopback(host_of(hosts[0])):
        return answer(403, "unknown Host: this port is for 127.0.0.1 and localhost")
    wanted = token.encode()
    if token and not any(hmac.compare_digest(given, wanted) for given in _given(first, headers)):
        return answer(
            401, "needs admin.token, as the password", 'WWW-Authenticate: Basic realm="ocpptap"\r\n'
        )
    return b""


def _given(first: str, headers: list[tuple[str, str]]) -> Iterator[bytes]:
    """Every password in the request."""
    target = first.split(" ")[1:2]
    for name, value in parse_qsl("".join(target).partition("?")[2]):
        if name == "password":
            yield value.encode("utf-8", "surrogateescape")
    for name, value in headers:
        scheme, _, rest = value.partition(" ")
        if name == "x-clickhouse-key":
            yield value.encode("latin-1")
        elif name == "authorization" and scheme.lower() == "bearer":
            yield rest.strip().encode("latin-1")
        elif name == "authorization" and scheme.lower() == "basic":
            with contextlib.suppress(binascii.Error, ValueError):
                yield base64.b64decode(rest, validate=True).partition(b":")[2]


def answer(status: int, why: str, header: str = "") -> bytes:
    """A whole response that ends the connection."""
    body = f"{why}\n"
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n{header}Content-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


_REASONS: Final = {401: "Unauthorized", 403: "Forbidden", 503: "Service Unavailable"}
