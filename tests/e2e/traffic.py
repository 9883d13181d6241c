"""Peers that know what they sent and received: the oracle outside (reliability: kill tests).

Every text is unique and says whose it is, so each one that a peer received must be in the store exactly once, and
nothing may be there that nobody sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

OCPP16 = Subprotocol("ocpp1.6")


@dataclass
class Oracle:
    """Texts by direction: sent by a peer, and received by the other."""

    sent: dict[str, set[str]] = field(
        default_factory=lambda: {"from_charge_point": set(), "from_csms": set()}
    )
    received: dict[str, set[str]] = field(
        default_factory=lambda: {"from_charge_point": set(), "from_csms": set()}
    )
    connections: int = 0

    def differences(self, stored: list[tuple[str, str]]) -> list[str]:
        """What is lost, doubled or invented in `stored`, pairs of (direction, text)."""
        seen: dict[tuple[str, str], int] = {}
        for pair in stored:
            seen[pair] = seen.get(pair, 0) + 1
        lost = [
            f"lost {text}"
            for way, texts in self.received.items()
            for text in texts
            if (way, text) not in seen
        ]
        doubled = [f"doubled {text}" for (_, text), count in seen.items() if count > 1]
        invented = [f"invented {text}" for way, text in seen if text not in self.sent[way]]
        return lost + doubled + invented


@contextlib.asynccontextmanager
async def echoing_csms(oracle: Oracle) -> AsyncIterator[int]:
    """Answers each call; its port."""

    async def answer(socket: ServerConnection) -> None:
        oracle.connections += 1
        with contextlib.suppress(WebSocketException):
            async for text in socket:
                oracle.received["from_charge_point"].add(str(text))
                reply = json.dumps([3, json.loads(text)[1], {"to": json.loads(text)[1]}])
                oracle.sent["from_csms"].add(reply)
                await socket.send(reply)

    async with serve(answer, "127.0.0.1", 0, subprotocols=[OCPP16]) as server:
        yield int(next(iter(server.sockets)).getsockname()[1])


class ChargePoint:
    """Calls as fast as it is answered, and connects again when it is cut off, until it is told to stop."""

    def __init__(self, oracle: Oracle, url: str, name: str, compression: str | None = None) -> None:
        self.oracle = oracle
        self.url = f"{url}/ocpp/{name}"
        self.name = name
        self.compression = compression
        self.answers = 0
        self.connections = 0
        self._calls = 0
        self._stopped = asyncio.Event()
        self._answered = asyncio.Condition()

    async def live(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                await self._one_connection()
            await asyncio.sleep(0.02)

    async def _one_connection(self) -> None:
        options: Any = {"subprotocols": [OCPP16], "compression": self.compression, "ping_interval": None}
        async with connect(self.url, **options) as socket:
            self.connections += 1
            while not self._stopped.is_set():
                self._calls += 1
                text = json.dumps(
                    [2, f"{self.name}-{self._calls}", "Heartbeat", {"pad": "x" * (self._calls % 90)}]
                )
                self.oracle.sent["from_charge_point"].add(text)
                await socket.send([text[:7], text[7:]] if self._calls % 5 == 0 else text)
                reply = await socket.recv()
                self.oracle.received["from_csms"].add(str(reply))
                self.answers += 1
                async with self._answered:
                    self._answered.notify_all()
                await asyncio.sleep(0.002)

    async def reached(self, answers: int) -> None:
        """Until it has had so many answers in all."""
        async with self._answered:
            await self._answered.wait_for(lambda: self.answers >= answers)

    def stop(self) -> None:
        self._stopped.set()


@contextlib.asynccontextmanager
async def talking(charge_points: list[ChargePoint]) -> AsyncIterator[None]:
    """They all live meanwhile, and have ended in good order afterwards."""
    tasks = [asyncio.ensure_future(charge_point.live()) for charge_point in charge_points]
    try:
        yield
    finally:
        for charge_point in charge_points:
            charge_point.stop()
        await asyncio.wait(tasks, timeout=10)
        for task in tasks:
            task.cancel()


async def more_answers(charge_points: list[ChargePoint], count: int) -> None:
    """Until each has had `count` more answers."""
    wanted = [charge_point.answers + count for charge_point in charge_points]
    async with asyncio.timeout(40):
        for charge_point, goal in zip(charge_points, wanted, strict=True):
            await charge_point.reached(goal)
