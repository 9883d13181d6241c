"""Many cheap peers: charge points that come back whenever they are cut off, and their CSMS, in a thread of their own.

They know no WebSocket: they say and compare the bytes of script.py.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from dataclasses import dataclass
from typing import Final, cast

import uvloop

from tests.kills.oracle import Ear, Mouth, Oracle
from tests.kills.script import DOWN, UP, StreamId, name_of

_REQUEST: Final = (
    "GET /ocpp/{name}?connection={connection} HTTP/1.1\r\nHost: csms.example\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: ocpp1.6\r\n{extensions}\r\n"
)
_ANSWER: Final = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ocpp1.6\r\n{extensions}\r\n"
)
_END: Final = b"\r\n\r\n"
_AGAIN_SECONDS: Final = 0.03
_SPLIT_EVERY: Final = 13
"""One turn in so many is said in two pieces, with a pause in the middle of a frame."""
_STOP_SECONDS: Final = 10.0


def _extensions(stream: StreamId) -> str:
    extension = stream.flavour.extension
    return f"Sec-WebSocket-Extensions: {extension}\r\n" if extension else ""


@dataclass(frozen=True)
class Accepted:
    """One handshake; seconds of the wall clock."""

    began: float
    done: float


class Fleet:
    """`pace`: seconds that a charge point waits before each turn."""

    def __init__(self, oracle: Oracle, relay_port: int, size: int, pace: float) -> None:
        self.oracle = oracle
        self.relay_port = relay_port
        self.pace = pace
        self.accepted: list[Accepted] = []
        self.cuts = 0
        """Connections that ended although nobody here wanted it."""
        self.open = 0
        self.leaving = False
        self.csms_port = 0
        self._size = size
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet", daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._listening.wait(_STOP_SECONDS)

    def stop(self) -> None:
        """Everybody finishes the turn it is in and hangs up."""
        self._loop.call_soon_threadsafe(self._leave)
        self._thread.join(2 * _STOP_SECONDS)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._live())

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = asyncio.Event()
        csms_ends: set[CsmsEnd] = set()
        server = await self._loop.create_server(lambda: CsmsEnd(self.oracle, csms_ends), "127.0.0.1", 0)
        self.csms_port = server.sockets[0].getsockname()[1]
        self._listening.set()
        points = [ChargePoint(self, number) for number in range(self._size)]
        tasks = [self._loop.create_task(point.live()) for point in points]
        await self._left.wait()
        _, hanging = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        for task in hanging:
            task.cancel()
        server.close()
        gone = [end.abort() for end in tuple(csms_ends)]
        await asyncio.gather(*gone)

    def _leave(self) -> None:
        self.leaving = True
        self._left.set()


class ChargePoint:
    """Connects, talks, connects again."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self._fleet = fleet
        self._number = number
        self._random = random.Random(number)

    async def live(self) -> None:
        connection = 0
        while not self._fleet.leaving:
            connection += 1
            await self._connect(StreamId(self._number, connection, UP))
            await asyncio.sleep(_AGAIN_SECONDS * self._random.random())

    async def _connect(self, stream: StreamId) -> None:
        loop, port = asyncio.get_running_loop(), self._fleet.relay_port
        end = ChargePointEnd(self._fleet, stream, loop)
        try:
            transport, _ = await loop.create_connection(lambda: end, "127.0.0.1", port)
        except OSError:
            return
        try:
            await end.ended
        finally:
            transport.abort()


class ChargePointEnd(asyncio.Protocol):
    def __init__(self, fleet: Fleet, stream: StreamId, loop: asyncio.AbstractEventLoop) -> None:
        self._fleet = fleet
        self._stream = stream
        self._loop = loop
        self._began = time.time()
        self._head = b""
        self._talking = False
        self._turn = 0
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        name, connection = name_of(self._stream.charge_point), self._stream.connection
        head = _REQUEST.format(name=name, connection=connection, extensions=_extensions(self._stream))
        self._transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        if not self._talking:
            data = self._handshake(data)
        if self._talking and data:
            for _ in range(self._ear.take(data)):
                self._loop.call_later(self._fleet.pace, self._speak)

    def _handshake(self, data: bytes) -> bytes:
        """What follows the head of the answer."""
        self._head += data
        head, end, rest = self._head.partition(_END)
        if end and b" 101 " in head[:16]:
            self._fleet.accepted.append(Accepted(self._began, time.time()))
            self._fleet.open += 1
            self._talking = True
            self._mouth = Mouth(self._fleet.oracle, self._stream)
            self._ear = Ear(self._fleet.oracle, self._stream.other)
            self._speak()
        elif end:
            self._transport.close()
        return rest

    def _speak(self) -> None:
        if self._transport.is_closing():
            return
        if self._fleet.leaving:
            self._transport.close()
            return
        data, self._turn = self._mouth.next(), self._turn + 1
        split = len(data) // 2 if self._turn % _SPLIT_EVERY == 0 else len(data)
        self._transport.write(data[:split])
        if split < len(data):
            self._loop.call_later(self._fleet.pace, self._say_the_rest, data[split:])

    def _say_the_rest(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self._talking:
            self._fleet.open -= 1
            self._fleet.cuts += not self._fleet.leaving
        if not self.ended.done():
            self.ended.set_result(None)


class CsmsEnd(asyncio.Protocol):
    """Answers each turn with a turn."""

    def __init__(self, oracle: Oracle, all_ends: set[CsmsEnd]) -> None:
        self._oracle = oracle
        self._all_ends = all_ends
        self._head = b""
        self._ear: Ear | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._all_ends.add(self)
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, error: Exception | None) -> None:
        self._all_ends.discard(self)
        self._gone.set_result(None)

    def abort(self) -> asyncio.Future[None]:
        """Done when it is gone."""
        self._transport.abort()
        return self._gone

    def data_received(self, data: bytes) -> None:
        if self._ear is None:
            data = self._handshake(data)
        if self._ear is not None and data:
            for _ in range(self._ear.take(data)):
                self._transport.write(self._mouth.next())

    def _handshake(self, data: bytes) -> bytes:
        self._head += data
        head, end, rest = self._head.partition(_END)
        if not end:
            return b""
        target = head.split(b" ", 2)[1].decode()
        name, _, connection = target.removeprefix("/ocpp/CP").partition("?connection=")
        stream = StreamId(int(name), int(connection), UP)
        self._ear = Ear(self._oracle, stream)
        self._mouth = Mouth(self._oracle, StreamId(stream.charge_point, stream.connection, DOWN))
        self._transport.write(_ANSWER.format(extensions=_extensions(stream)).encode())
        return rest
