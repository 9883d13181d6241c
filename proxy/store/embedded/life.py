"""The life of the embedded store's process: serve two sockets, end when nobody is left (DESIGN 6).

A client is an open connection, also an idle one. Ten seconds after the last has gone, or at once when the
last one asks for it, the sockets are unlinked, who is queued is still served, and then the process ends:
a client that came in at the last moment has its answer, is hung up on, and starts the next process.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import Final

from aiohttp import web

from proxy.store.embedded.engine import Engine
from proxy.store.embedded.layout import listen_socket, unlink_socket
from proxy.store.embedded.server import application
from proxy.store.interface import Role

IDLE_SECONDS: Final = 10.0
LOOK_EVERY_SECONDS: Final = 0.1
QUEUED_SECONDS: Final = 0.2
"""Long enough for connections that were queued at the unlinking to be accepted and to ask."""
FINISH_SECONDS: Final = 60.0
"""What runs at the end may take as long as its client waits for it."""
_LOOKS: Final = 10
_NEVER_SECONDS: Final = 10 * 365 * 86400.0
"""An idle client is a client: the server never closes a connection for being idle."""


async def live(ready: Callable[[], None]) -> None:
    """The process's whole life, in the store's directory, which is the current one (it may be renamed)."""
    engine = Engine()
    house = House(engine, Path("."))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, house.end)
    await house.serve(ready)
    engine.close()


class House:
    """The sockets in `directory` and the clients that came in by them."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self._directory = directory
        self._asked_to_end = asyncio.Event()
        self._runners = {role: self._runner(engine, role) for role in Role}

    async def serve(self, ready: Callable[[], None]) -> None:
        """Until the last client has gone; `ready` is called when the first may come."""
        sockets = {role: listen_socket(self._directory, role) for role in Role}
        for role, runner in self._runners.items():
            await runner.setup()
            await web.SockSite(runner, sockets[role]).start()
        ready()
        await self._until_idle()
        for role in Role:
            unlink_socket(self._directory, role)
        await asyncio.sleep(QUEUED_SECONDS)
        await self._close(sockets)

    def clients(self) -> int:
        """Who is connected; not whose question still runs though nobody waits for its answer."""
        servers = [runner.server for runner in self._runners.values() if runner.server]
        return sum(client.transport is not None for server in servers for client in server.connections)

    def end(self) -> None:
        """Now: who is connected is answered and hung up on."""
        self._asked_to_end.set()

    async def _end_if_last(self) -> bool:
        for _ in range(_LOOKS):  # a client that has just hung up may still be counted
            if self.clients() <= 1:
                self.end()
                return True
            await asyncio.sleep(LOOK_EVERY_SECONDS / _LOOKS)
        return False

    def _runner(self, engine: Engine, role: Role) -> web.AppRunner:
        return web.AppRunner(
            application(engine, role, self._end_if_last),
            access_log=None,
            handle_signals=False,
            keepalive_timeout=_NEVER_SECONDS,
            shutdown_timeout=FINISH_SECONDS,
            max_line_size=1 << 16,
            max_field_size=1 << 16,
        )

    async def _until_idle(self) -> None:
        idle = 0.0
        while idle < IDLE_SECONDS and not self._asked_to_end.is_set():
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            idle = 0.0 if self.clients() else idle + LOOK_EVERY_SECONDS

    async def _close(self, sockets: dict[Role, socket]) -> None:
        for runner in self._runners.values():
            await runner.cleanup()
        for sock in sockets.values():
            sock.close()
