"""The least a uvloop proxy can do: the heads pass as they are, then bytes from one transport to the other; nothing is
looked at, nothing kept. Measured beside the relay as uvloop's own limit.

    python -m tests.bench.bytepump PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

BACKLOG = 4096


class Pump(asyncio.Protocol):
    """One socket of a pair; what comes before the other one is connected is held."""

    __slots__ = ("_held", "other", "transport")

    def __init__(self, other: Pump | None = None) -> None:
        self._held = b""
        self.other = other
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is not None and other.transport is not None:
            other.transport.write(data)
        else:
            self._held += data

    def release(self) -> None:
        held, self._held = self._held, b""
        if held:
            self.data_received(held)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()
        self.other = self.transport = None

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class Front(Pump):
    """The accepted one: dials."""

    __slots__ = ("_dialling",)
    upstream = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._dialling = asyncio.get_running_loop().create_task(self._dial())

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        _, back = await loop.create_connection(lambda: Pump(self), "127.0.0.1", self.upstream)
        if self.transport is None and back.transport is not None:  # the client left meanwhile
            back.transport.close()
            return
        self.other = back
        self.release()


async def main(port: int, upstream: int) -> None:
    Front.upstream = upstream
    server = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
