"""A conversation on a WebSocket connection, whichever end of it is ours. I/O: the socket and the clock.

Texts go in as they come, what is to be said goes out in order, the conversation is told when its time has come. No
decision is made here. A peer that does not take what it is sent for 30 s counts as gone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from proxy.forensics.replay.conversation import Conversation

MAX_MESSAGE: Final = 64 << 20
CLOSE_SECONDS: Final = 5.0
PING_SECONDS: Final = 30.0
_SEND_SECONDS: Final = 30.0
STALLED: Final = "the peer takes nothing any more"


class Line:
    """`run` until the conversation is over, or the connection."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._listening: asyncio.Timeout | None = None
        self._nudged = False

    def nudge(self) -> None:
        """There are more steps: the conversation is to look at them."""
        self._nudged = True
        if self._listening is not None:
            self._listening.reschedule(asyncio.get_running_loop().time())

    async def run(self, connection: Connection, began: int, over: Callable[[], bool]) -> str:
        """Why the connection ended before `over`; "": it did not. `began`: when the recorded one did (us UTC)."""
        loop = asyncio.get_running_loop()
        self._conversation.start(loop.time(), time.time_ns() // 1000, began)
        try:
            await self._send(connection)
            while not over():
                text = await self._next(connection)
                if text is None:
                    self._conversation.tick(loop.time())
                else:
                    self._conversation.heard(text, loop.time())
                await self._send(connection)
        except ConnectionClosed as closed:
            return why_closed(closed)
        except TimeoutError:
            connection.transport.abort()
            return STALLED
        return ""

    async def _next(self, connection: Connection) -> bytes | None:
        """The peer's next text; None: the conversation is to look at the clock."""
        if self._nudged:
            self._nudged = False
            return None
        deadline = self._conversation.deadline
        try:
            async with asyncio.timeout_at(None if math.isinf(deadline) else deadline) as self._listening:
                return await connection.recv(decode=False)
        except TimeoutError:
            self._nudged = False
            return None
        finally:
            self._listening = None

    async def _send(self, connection: Connection) -> None:
        texts = self._conversation.take()
        if not texts:
            return
        async with asyncio.timeout(_SEND_SECONDS):
            for text in texts:
                await connection.send(text, text=True)


def why_closed(closed: ConnectionClosed) -> str:
    """As the peer told it, in words; peers' reasons are cut by the protocol."""
    if closed.rcvd is None:
        return "lost without a close frame"
    reason = f" {closed.rcvd.reason!r}" if closed.rcvd.reason else ""
    return f"closed by the peer: {closed.rcvd.code}{reason}"
