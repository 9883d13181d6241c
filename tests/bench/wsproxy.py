"""A plain proxy as one would write it with `websockets`: it ends the protocol on both sides and passes messages on.
Nothing is kept. On uvloop, without compression and pings of its own, so that it does the least it can.

    python -m tests.bench.wsproxy PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

BACKLOG = 4096
OCPP = [Subprotocol("ocpp1.6")]


async def pass_on(
    source: ClientConnection | ServerConnection, to: ClientConnection | ServerConnection
) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in source:
            await to.send(message)
    await to.close()


async def main(port: int, upstream: int) -> None:
    async def proxy(front: ServerConnection) -> None:
        assert front.request is not None
        url = f"ws://127.0.0.1:{upstream}{front.request.path}"
        async with (
            connect(url, subprotocols=OCPP, compression=None, ping_interval=None, proxy=None) as back,
            asyncio.TaskGroup() as both,
        ):
            both.create_task(pass_on(front, back))
            both.create_task(pass_on(back, front))

    async with serve(
        proxy, "127.0.0.1", port, subprotocols=OCPP, compression=None, ping_interval=None, backlog=BACKLOG
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(*map(int, sys.argv[1:])))
