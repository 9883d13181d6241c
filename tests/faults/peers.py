"""Cheap raw peers: thousands of connections in one test process, each byte compared with the one that is due.

A `ChargePoint` sends a stream that follows from its number, and expects the same stream back. The CSMS that sends
it back is a process of its own, which a test can stop, kill and start again: `python -m tests.faults.peers PORT`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, cast

import uvloop

from proxy.relay.settings import RelaySettings
from tests.faults.faults import scale
from tests.relay.world import SWITCHING, Proxy, request, settings_for

PATIENCE_SECONDS: Final = scale().pick(40.0, 240.0)
BACKLOG: Final = 4096
BUFFER_BYTES: Final = 16 * 1024
"""Of the test's own sockets, so that what waits, waits in the relay."""
GULP: Final = 16 * 1024
_BLOCK: Final = random.Random(3).randbytes(65_521)
_TWICE: Final = _BLOCK * 2


def stream(number: int, start: int, size: int) -> bytes:
    """Bytes [start, start + size) of the stream of charge point `number`: no two are alike."""
    pieces = []
    while size > 0:
        at = (number * 104_729 + start) % len(_BLOCK)
        pieces.append(_TWICE[at : at + min(size, len(_BLOCK))])
        start += len(pieces[-1])
        size -= len(pieces[-1])
    return b"".join(pieces)


async def until(true: Callable[[], object], what: str, patience: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        await asyncio.sleep(0.01)


def small_buffers(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)


# --- charge points


class ChargePoint(asyncio.Protocol):
    """`status`: of the answer to its handshake. `end`: how the other side left: fin or rst."""

    transport: asyncio.Transport

    def __init__(self, number: int) -> None:
        self.number = number
        self.status = 0
        self.sent = self.received = 0
        self.is_right = True
        self.is_full = False
        self.end = ""
        self._head = b""
        self._goal = 0

    @property
    def name(self) -> str:
        return f"CP_{self.number}"

    @property
    def is_answered(self) -> bool:
        return self.received == self.sent

    # what it hears

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=0)
        self.transport.write(request(f"/ocpp/{self.name}"))

    def data_received(self, data: bytes) -> None:
        if not self.status:
            data = self._answer(data)
        self.is_right = self.is_right and data == stream(self.number, self.received, len(data))
        self.received += len(data)

    def _answer(self, data: bytes) -> bytes:
        """What stands behind the head."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            return b""
        self.status = int(head.split(b" ", 2)[1])
        return rest if self.status == 101 else b""

    def eof_received(self) -> None:
        self.end = self.end or "fin"

    def connection_lost(self, error: Exception | None) -> None:
        self.end = self.end or ("rst" if error else "fin")

    # what it says

    def say(self, size: int) -> None:
        data = stream(self.number, self.sent, size)
        self.sent += size
        self.transport.write(data)

    def fill(self, goal: int) -> None:
        """Send as much as goes, up to `goal` bytes in all, now and whenever there is room again."""
        self._goal = goal
        while not self.is_full and self.sent < self._goal:
            self.say(min(GULP, self._goal - self.sent))

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self.fill(self._goal)

    def stop_reading(self) -> None:
        self.transport.pause_reading()

    def read_on(self) -> None:
        """And say nothing new."""
        self._goal = 0
        self.transport.resume_reading()


async def call(port: int, number: int) -> ChargePoint:
    """Connect and send the head, from a source address of many. Raises OSError."""
    sock = socket.socket()
    sock.setblocking(False)
    small_buffers(sock)
    loop = asyncio.get_running_loop()
    try:
        sock.bind((source_of(number), 0))
        await loop.sock_connect(sock, ("127.0.0.1", port))
        return (await loop.create_connection(lambda: ChargePoint(number), sock=sock))[1]
    except BaseException:
        sock.close()
        raise


def source_of(number: int) -> str:
    return f"127.0.0.{2 + number % 50}"


class Crowd:
    """Charge points at one proxy."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.all: list[ChargePoint] = []

    async def call(self, numbers: Iterable[int]) -> list[ChargePoint]:
        """All at once; they have had an answer, whatever it was, or a close."""
        came = list(await asyncio.gather(*(call(self.port, number) for number in numbers)))
        self.all += came
        await until(lambda: all(one.status or one.end for one in came), "an answer for each")
        return came

    async def open(self, numbers: Iterable[int]) -> list[ChargePoint]:
        came = await self.call(numbers)
        assert {one.status for one in came} == {101}
        return came

    def close(self) -> None:
        for one in self.all:
            one.transport.abort()


@contextlib.asynccontextmanager
async def crowd(port: int) -> AsyncIterator[Crowd]:
    made = Crowd(port)
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)  # the transports close their sockets in the next turn
        await asyncio.sleep(0)


async def talk(charge_points: list[ChargePoint], rounds: int = 3, size: int = 100) -> None:
    """Each says something and gets it back, so often."""
    for _ in range(rounds):
        for one in charge_points:
            one.say(size)
        await until(lambda: all(one.is_answered for one in charge_points), "an answer for each one's bytes")
    assert all(one.is_right for one in charge_points)


def open_ones(charge_points: list[ChargePoint]) -> int:
    return sum(not one.end for one in charge_points)


# --- the CSMS


class Echo(asyncio.Protocol):
    """101, then all that comes, back; it always reads, so that only the way back can be stuck."""

    def __init__(self) -> None:
        self._head = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._is_open:
            self._transport.write(data)
            return
        self._head += data
        self._is_open = b"\r\n\r\n" in self._head
        if self._is_open:
            self._transport.write(SWITCHING + self._head.partition(b"\r\n\r\n")[2])


async def _serve(port: int) -> None:
    with socket.create_server(("127.0.0.1", port), backlog=BACKLOG) as listener:
        small_buffers(listener)
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener, backlog=BACKLOG)
        print(listener.getsockname()[1], flush=True)
        await server.serve_forever()


class EchoCsms:
    """The process. After `kill`, `start` brings it back on the same port."""

    def __init__(self) -> None:
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        argv = [sys.executable, "-m", "tests.faults.peers", str(self.port)]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        with self.process.stdout as out:
            self.port = int(out.readline())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def echo_csms() -> Iterator[EchoCsms]:
    csms = EchoCsms()
    try:
        yield csms
    finally:
        csms.kill()


# --- the relay


class Relay(Proxy):
    """One real worker, with the queue of `ocpptap run`."""

    def __init__(self, folder: Path, settings: RelaySettings, host: str) -> None:
        self.host = host
        super().__init__(folder, settings)

    def listen(self) -> socket.socket:
        return socket.create_server((self.host, 0), backlog=BACKLOG)

    @property
    def memory_bytes(self) -> int:
        """Its own share (Pss), now."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def leave(self) -> None:
        """In good order: whatever is to be told stands in the journal then."""
        self.order(order="stop")
        assert self.process.wait(PATIENCE_SECONDS) == 0


@contextlib.contextmanager
def relay(folder: Path, settings: RelaySettings, host: str = "127.0.0.1") -> Iterator[Relay]:
    made = Relay(folder, settings, host)
    try:
        yield made.ready()
    finally:
        made.end()
        assert "unexpectedly" not in made.log, made.log


@contextlib.contextmanager
def relay_to(folder: Path, csms: EchoCsms, **settings: object) -> Iterator[Relay]:
    with relay(folder, settings_for(("/", csms.url), **settings)) as made:
        yield made


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
