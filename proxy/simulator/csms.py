"""A simulated CSMS: one port, OCPP 1.6, 2.0.1 and 2.1 by subprotocol, permessage-deflate when offered.

The charge point is the last segment of the path. The version is the first one the charge point offers that we
speak; with none in common the handshake is completed without the header and the connection closed (1.6J 3.4).
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TextIO
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from proxy.simulator.clock import Clock
from proxy.simulator.console import Console, serve_until_signal
from proxy.simulator.csms2 import CsmsSession21, CsmsSession201
from proxy.simulator.csms16 import CsmsSession16
from proxy.simulator.csms_session import Asking, CsmsSession, Desk, transaction_numbers
from proxy.simulator.faults import CSMS_FAULTS, check
from proxy.simulator.link import LOGGER, MAX_MESSAGE, CountedServer, Link
from proxy.simulator.scenario import Command
from proxy.simulator.session import SUBPROTOCOLS
from proxy.simulator.tally import Account, message_count, summary

_SESSIONS: Final[dict[str, type[CsmsSession]]] = {
    "1.6": CsmsSession16,
    "2.0.1": CsmsSession201,
    "2.1": CsmsSession21,
}
_MAX_ACCOUNTS: Final = 100_000
_OTHERS: Final = "(others)"  # charge points beyond that are counted together
_NO_COMMON_VERSION: Final = 1002
_CLOSE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class CsmsSettings:
    """`listen` is host:port, port 0 for any free one."""

    listen: str = "127.0.0.1:0"
    seed: int = 0
    heartbeat_seconds: int = 5
    faults: tuple[str, ...] = ()
    asking: Asking = Asking.AT_RANDOM


def address_of(listen: str) -> tuple[str, int]:
    """host and port; ValueError with one line."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"not an address: {listen!r} (host:port is wanted)")
    return host.strip("[]"), int(port)


def choose_version(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((name for name in offered if name in SUBPROTOCOLS), None)


class Csms:
    """`async with Csms(settings) as csms:` serves on `csms.url`; leaving closes every connection properly."""

    def __init__(self, settings: CsmsSettings, clock: Clock | None = None) -> None:
        check(settings.faults, CSMS_FAULTS)
        self.settings = settings
        self._clock = clock or Clock()
        self.accounts: dict[str, Account] = {}
        self.url = ""
        self._sessions: dict[str, CsmsSession] = {}
        self._numbers = transaction_numbers(self._clock.at())
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> int:
        """Begin to listen; the port. OSError when that cannot be."""
        host, port = address_of(self.settings.listen)
        self._server = await serve(
            self._serve,
            host or None,
            port,
            select_subprotocol=choose_version,
            ping_interval=None,
            close_timeout=_CLOSE_SECONDS,
            max_size=MAX_MESSAGE,
            logger=LOGGER,
            server_header="ocpptap-simulator",
            create_connection=CountedServer,
        )
        port = int(next(iter(self._server.sockets)).getsockname()[1])
        self.url = f"ws://{host or '127.0.0.1'}:{port}"
        return port

    async def close(self) -> None:
        """Stop listening; a closing handshake (1001) on every open connection."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def ask(self, identity: str, command: Command) -> None:
        """Ask a connected charge point one thing and wait for its answer; KeyError when it is not connected."""
        await self._sessions[identity].put(command)

    def summary(self) -> dict[str, Any]:
        return summary("csms", self.settings.seed, self.accounts)

    def progress(self) -> str:
        return f"{len(self.accounts)} charge points, {message_count(self.accounts.values())} messages"

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, CountedServer)
        assert connection.request is not None
        if connection.subprotocol is None:
            await connection.close(_NO_COMMON_VERSION, "no OCPP version in common")
            return
        identity = unquote(urlsplit(connection.request.path).path.rstrip("/").rpartition("/")[2])
        await self._converse(identity, SUBPROTOCOLS[connection.subprotocol], connection)

    async def _converse(self, identity: str, version: str, connection: CountedServer) -> None:
        account = self._account(identity, version)
        rng = random.Random(f"{self.settings.seed}/csms/{identity}/{account.connections}")
        link = Link(connection, account, [CSMS_FAULTS[name](rng) for name in self.settings.faults])
        settings = self.settings
        desk = Desk(settings.heartbeat_seconds, settings.asking, self._clock, self._numbers, account, rng)
        session = self._sessions[identity] = _SESSIONS[version](identity, link, desk)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(session.start())
                group.create_task(session.converse())
        except* ConnectionClosed:
            pass
        finally:
            session.end()
            link.ended()
            if self._sessions.get(identity) is session:
                del self._sessions[identity]

    def _account(self, identity: str, version: str) -> Account:
        full = len(self.accounts) >= _MAX_ACCOUNTS
        name = _OTHERS if full and identity not in self.accounts else identity
        return self.accounts.setdefault(name, Account(version, self.settings.faults))


async def _run(csms: Csms, console: Console) -> None:
    async with csms:
        await serve_until_signal(console, csms.url, csms.summary, csms.progress)
    console.line(csms.summary())


def run(
    listen: str,
    seed: int = 0,
    heartbeat_seconds: int = 5,
    faults: tuple[str, ...] = (),
    summary_to: TextIO | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. JSON lines: `ready`, and `summary` on SIGUSR1 and at the end."""
    csms = Csms(CsmsSettings(listen, seed, heartbeat_seconds, check(faults, CSMS_FAULTS)))
    asyncio.run(_run(csms, Console(summary_to or sys.stdout)))
