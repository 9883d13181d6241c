"""One WebSocket connection as the simulated peers use it: counted, and open to faults.

`CountedClient` and `CountedServer` feed every byte past a tally (tally.py). `Link` is what the `ocpp` package
takes for its connection: `send` and `recv` of texts; the faults of its charge point decide what becomes of
them.
Keepalive pings of the library are off: who pings, and who is silent, is decided here.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection

from proxy.simulator.tally import Account, Tally, count_message

if TYPE_CHECKING:
    from proxy.simulator.faults import Fault

LOGGER: Final = logging.getLogger("ocpptap.simulator")
LOGGER.addHandler(logging.NullHandler())  # bad peers are this package's purpose: they are counted, not logged

MAX_MESSAGE: Final = 1024 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
_PINGS_UNANSWERED: Final = 16
_QUIET_SECONDS: Final = 0.25
_ANSWER_SECONDS: Final = 30.0


class Counted(Connection):
    """A connection whose bytes pass a tally in each direction."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sent = Tally()
        self.received = Tally()
        super().__init__(*args, **kwargs)

    def send_data(self) -> None:
        # The library writes out here, and only here, what its core has queued: whole heads and frames.
        for data in self.protocol.writes:
            self.sent.feed(data)
        super().send_data()

    def data_received(self, data: bytes) -> None:
        self.received.feed(data)
        super().data_received(data)


class CountedClient(Counted, ClientConnection):
    """The charge point's end."""


class CountedServer(Counted, ServerConnection):
    """The CSMS's end."""


class Link:
    """`send`/`recv` for the `ocpp` package, with the counting and the faults of one charge point."""

    def __init__(self, connection: Counted, account: Account, faults: Sequence[Fault]) -> None:
        self._connection = connection
        self.account = account
        self._faults = faults
        self._talking = asyncio.Event()
        self._talking.set()
        self._waiting = False  # for an answer; the ocpp package has at most one call under way
        self._active_at = 0.0
        self._closing = False
        account.connections += 1
        account.compressed += bool(connection.protocol.extensions)
        connection.sent.book(account.frames_sent)
        connection.received.book(account.frames_received)

    async def recv(self) -> str | bytes:
        message = await self._connection.recv()
        text = message if isinstance(message, str) else message.decode(errors="replace")
        count_message(self.account.messages_received, text)
        self._active_at = time.monotonic()
        self._waiting &= not text.startswith(("[3,", "[4,"))
        return message

    async def send(self, text: str) -> None:
        if any(fault.swallows(text) for fault in self._faults):
            self.account.swallowed += 1
            return
        await self._talking.wait()
        self._waiting |= text.startswith("[2,")
        await self.put(text)

    async def put(self, text: str) -> None:
        """Send a text as it is, valid OCPP or not; a fault may split it into frames."""
        await self._talking.wait()
        self._active_at = time.monotonic()
        splitter = next((fault for fault in self._faults if fault.splits), None)
        if splitter is None:
            await self._connection.send(text)
        else:
            await self._connection.send(splitter.pieces(text, self._connection), text=True)
        count_message(self.account.messages_sent, text)

    async def ping(self) -> None:
        """RFC 6455 5.5.2. Pongs are not waited for: a charge point may be silent for long."""
        await self._talking.wait()
        if len(self._connection.pending_pings) < _PINGS_UNANSWERED:
            await self._connection.ping()

    def hush(self) -> None:
        """Say nothing more and read nothing more, pings included; the socket stays."""
        self._talking.clear()
        self._connection.transport.pause_reading()

    def speak(self) -> None:
        self._connection.transport.resume_reading()
        self._talking.set()

    async def reset(self) -> None:
        """End by RST, but only when nothing is under way: then both sides' counts still agree."""
        self._talking.clear()
        give_up_at = time.monotonic() + _ANSWER_SECONDS
        while self._busy() and time.monotonic() < give_up_at:  # noqa: ASYNC110 (silence is no event)
            await asyncio.sleep(_QUIET_SECONDS / 5)
        if not self._closing:
            self.abort()

    def _busy(self) -> bool:
        return self._waiting or time.monotonic() - self._active_at < _QUIET_SECONDS

    def abort(self) -> None:
        """RST at once (SO_LINGER with no time)."""
        raw: socket.socket | None = self._connection.transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._connection.transport.abort()

    async def close(self, code: int = 1000) -> None:
        """The closing handshake (RFC 6455 7.1.2); does nothing on a closed connection."""
        self._closing = True
        self._talking.set()
        await self._connection.close(code)

    def ended(self) -> None:
        """The connection is gone: was it closed properly?"""
        protocol = self._connection.protocol
        if protocol.close_sent is None or protocol.close_rcvd is None:
            self.account.lost += 1
