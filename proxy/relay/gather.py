"""One leg before its tunnel: gathers bytes until somebody has read a head out of them. Bounded; judges nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import cast

from proxy.heads.request import HEAD_LIMIT, end_of_head


def _nobody() -> None:
    """Nobody waits for the peer to leave."""


class Gatherer(asyncio.Protocol):
    """Holds at most `limit` bytes, and what one more read brings; then the peer has to wait.

    `left`: the peer sent FIN, or the connection is lost (`error` says how); `on_left` is called then.
    """

    def __init__(self, sock: socket.socket, limit: int) -> None:
        self.sock = sock
        self.buffer = bytearray()
        self.left = False
        self.gone = False
        self.error: Exception | None = None
        self.on_left: Callable[[], None] = _nobody
        self.transport: asyncio.Transport
        self._limit = limit
        self._paused = False
        self._more: asyncio.Future[None] | None = None

    @property
    def is_tls(self) -> bool:
        return self.transport.get_extra_info("sslcontext") is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class, but in all it does

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if len(self.buffer) >= self._limit and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._leave()
        return not self.is_tls  # aiofastnet closes in any case, and warns about True

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = True
        self.error = error
        self._leave()

    def _leave(self) -> None:
        if not self.left:
            self.left = True
            self.on_left()
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    async def more(self) -> None:
        """Returns when something has changed."""
        if self.left:
            return
        self._more = asyncio.get_running_loop().create_future()
        await self._more

    async def head(self) -> bytes:
        """The next head, taken out of the buffer; b"" when it is too long or the peer left before its end."""
        searched = 0
        while (end := end_of_head(self.buffer, searched)) < 0:
            searched = len(self.buffer)
            if searched > HEAD_LIMIT or self.left:
                return b""
            await self.more()
        return self.take(end) if end <= HEAD_LIMIT else b""

    def take(self, count: int | None = None) -> bytes:
        """The first `count` bytes (all by default); the peer may send on."""
        taken = bytes(self.buffer[:count])
        del self.buffer[: len(taken)]
        self.resume()
        return taken

    def resume(self) -> None:
        if self._paused and not self.left and len(self.buffer) < self._limit:
            self._paused = False
            self.transport.resume_reading()

    def hand_over(self, leg: asyncio.Protocol, buffer_bytes: int) -> None:
        """The tunnel is open: `leg` gets what was held, then hears of the transport itself."""
        if self.gone:
            leg.connection_lost(self.error)
            return
        self.transport.set_write_buffer_limits(high=buffer_bytes)
        self.transport.set_protocol(leg)
        if self.buffer:
            leg.data_received(self.take())
        if self.left:
            leg.eof_received()

    def write(self, data: bytes) -> None:
        if not self.gone:
            self.transport.write(data)

    def close(self) -> None:
        """Flush, then FIN."""
        if not self.gone:
            self.transport.close()

    async def linger(self, seconds: float) -> None:
        """Close after an answer: FIN, then read on for a while, for a close with unread bytes would be a RST that
        destroys the answer on its way (RFC 9112 9.6)."""
        if self.gone or self.is_tls:
            self.close()
            return
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            self.transport.write_eof()
            async with asyncio.timeout(seconds):
                while not self.left:
                    self.take()
                    await self.more()
        self.close()
