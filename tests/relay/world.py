"""A real relay worker between raw sockets: a charge point, a CSMS, and the journal read back."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import msgspec

from proxy import counters
from proxy.heads.connection import Closed, Opened, Refused, decode
from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import Kind, Record
from proxy.journal.identity import journal_uuid, next_run
from proxy.journal.items import Block, LifeEnded
from proxy.journal.merge import MergedJournal
from proxy.metrics import RELAY, Metric
from proxy.names import Direction
from proxy.relay.settings import Deadlines, Limits, Listener, RelaySettings, RouteSettings

PATIENCE_SECONDS = 3.0
CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS

REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: proxy:9000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n%s\r\n"
)
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


def request(target: str | bytes, extra: bytes = b"") -> bytes:
    return REQUEST % (target if isinstance(target, bytes) else target.encode(), extra)


def until(true: Callable[[], Any], what: str = "") -> Any:
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := true()):
        assert time.monotonic() < end, f"waited in vain {what}"
        time.sleep(0.005)
    return found


class Peer:
    """One end of a connection, as raw as it gets."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = b""
        sock.settimeout(PATIENCE_SECONDS)

    def send(self, data: bytes) -> None:
        if data:  # sendall of nothing would hear of a RST too
            self.sock.sendall(data)

    def read_head(self) -> bytes:
        """Byte for byte, so that nothing behind the head is taken."""
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(1)
            assert byte, f"it ended within the head: {self.head!r}"
            self.head += byte
        return self.head

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.sock.recv(min(count - len(data), 1 << 20))
            assert piece, f"it ended after {len(data)} of {count} bytes"
            data += piece
        return data

    def rest(self) -> tuple[bytes, str]:
        """All that comes until the end, and how that came: fin or rst."""
        data = b""
        try:
            while piece := self.sock.recv(1 << 20):
                data += piece
        except ConnectionResetError:
            return data, "rst"
        return data, "fin"

    def hears_nothing(self, seconds: float = 0.05) -> bool:
        self.sock.settimeout(seconds)
        try:
            return not self.sock.recv(1, socket.MSG_PEEK) and False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(PATIENCE_SECONDS)

    def fin(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def rst(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()


class Csms:
    """A listening socket whose connections the test answers itself."""

    def __init__(self, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.listener = socket.create_server((host, 0), backlog=128)
        self.listener.settimeout(PATIENCE_SECONDS)
        self.port = self.listener.getsockname()[1]
        self.context = context
        self.accepted = 0
        self.peers: list[Peer] = []

    @property
    def url(self) -> str:
        return f"{'wss' if self.context else 'ws'}://localhost:{self.port}"

    def accept(self) -> Peer:
        sock, _ = self.listener.accept()
        if self.context:
            sock = self.context.wrap_socket(sock, server_side=True)
        self.accepted += 1
        peer = Peer(sock)
        self.peers.append(peer)
        return peer

    def request(self) -> Peer:
        """The next one, its head read."""
        peer = self.accept()
        peer.read_head()
        return peer

    def nobody_comes(self, seconds: float = 0.1) -> bool:
        self.listener.settimeout(seconds)
        try:
            self.listener.accept()[0].close()
        except TimeoutError:
            return True
        finally:
            self.listener.settimeout(PATIENCE_SECONDS)
        return False

    def close(self) -> None:
        self.listener.close()
        for peer in self.peers:
            peer.close()


@dataclass
class Story:
    """What the journal holds of one connection."""

    number: int
    opened: Opened | None = None
    closed: Closed | None = None
    refused: list[Refused] = field(default_factory=list)
    streams: dict[int, bytes] = field(default_factory=lambda: {CP: b"", CSMS: b""})
    kinds: list[str] = field(default_factory=list)

    def add(self, record: Record) -> None:
        kind, flags, _, offset, payload = record
        self.kinds.append(Kind(kind).name)
        if kind == Kind.OPEN:
            self.opened = decode(payload, Opened)
        elif kind == Kind.CLOSE:
            self.closed = decode(payload, Closed)
        elif kind == Kind.REFUSED:
            self.refused.append(decode(payload, Refused))
        elif kind == Kind.DATA:
            assert offset == len(self.streams[flags]), "offsets tile the stream"
            self.streams[flags] += payload

    @property
    def charge_point(self) -> str:
        named = [self.opened] if self.opened else self.refused
        return named[0].charge_point if named and named[0] else ""


class Proxy:
    """`python -m proxy.relay`, with a lifeline and listeners of ours: a plain one, and one for TLS."""

    def __init__(self, folder: Path, settings: RelaySettings) -> None:
        self.folder = folder
        count = 2 if settings.tls.certificate else 1
        self.listeners = [self.listen() for _ in range(count)]
        self.port = self.listeners[0].getsockname()[1]
        self.tls_port = self.listeners[-1].getsockname()[1]
        fs = RealFileSystem()
        journal_uuid(fs, f"{folder}/journal")
        self.settings = replace(
            settings,
            data=str(folder),
            run=next_run(fs, f"{folder}/journal"),
            listeners=tuple(
                Listener(sock.fileno(), tls=bool(index)) for index, sock in enumerate(self.listeners)
            ),
        )
        self.line, theirs = socket.socketpair()
        self.line.settimeout(PATIENCE_SECONDS)
        with theirs, (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy.relay"],
                stdin=theirs.fileno(),
                stderr=log,
                pass_fds=[sock.fileno() for sock in self.listeners],
            )
        for listener in self.listeners:
            listener.close()
        self.line.sendall(msgspec.json.encode(self.settings) + b"\n")

    def listen(self) -> socket.socket:
        return socket.create_server(("127.0.0.1", 0), backlog=512)

    def ready(self) -> Self:
        heard = b""
        while b"R" not in heard:
            piece = self.line.recv(100)
            if not piece:
                self.end()
                raise AssertionError(self.log)
            heard += piece
        return self

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def lines(self, word: str) -> list[str]:
        return [line for line in self.log.splitlines() if word in line]

    def order(self, **order: Any) -> None:
        self.line.sendall(json.dumps(order).encode() + b"\n")

    def call(self, data: bytes = b"") -> Peer:
        peer = Peer(socket.create_connection(("127.0.0.1", self.port)))
        try:
            peer.send(data)
        except OSError:
            peer.close()
            raise
        return peer

    def call_tls(self, context: ssl.SSLContext, data: bytes = b"") -> Peer:
        """Raises ssl.SSLError."""
        sock = socket.create_connection(("127.0.0.1", self.tls_port))
        try:
            peer = Peer(context.wrap_socket(sock, server_hostname="localhost"))
        except OSError:
            sock.close()
            raise
        peer.send(data)
        return peer

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def counter(self, name: str, *labels: str) -> int:
        """Of all series whose labels begin so."""
        return sum(self._slots()[slot] for slot in _places(name, labels))

    def observations(self, name: str, *labels: str) -> int:
        """How many a histogram has."""
        bins = len(_metric(name).buckets) + 1
        return sum(sum(self._slots()[slot : slot + bins]) for slot in _places(name, labels))

    def _slots(self) -> list[int]:
        values = counters.read_slots(counters.slots_path(self.folder, 0))
        assert values is not None
        return values

    @property
    def rss_bytes(self) -> int:
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    # --- the journal

    def records(self) -> list[Record]:
        journal = MergedJournal(RealFileSystem(), f"{self.folder}/journal")
        found: list[Record] = []
        try:
            while items := journal.poll(1 << 24):
                for item in items:
                    assert isinstance(item, Block | LifeEnded), item
                    if isinstance(item, Block) and item.run == self.settings.run:
                        found += item.records
        finally:
            journal.close()
        return found

    def stories(self) -> dict[int, Story]:
        stories: dict[int, Story] = {}
        for record in self.records():
            if record[0] in (Kind.OPEN, Kind.CLOSE, Kind.DATA, Kind.REFUSED):
                stories.setdefault(record[2], Story(record[2])).add(record)
        return stories

    def story(self, charge_point: str) -> Story:
        """Once it has ended."""

        def ended() -> Story | None:
            for story in reversed(self.stories().values()):
                if story.charge_point == charge_point and (story.closed or story.refused):
                    return story
            return None

        found = until(ended, f"for the end of {charge_point}; the log: {self.log}")
        assert isinstance(found, Story)
        return found

    def end(self) -> None:
        self.line.close()
        if self.process.poll() is None:
            try:
                self.process.wait(3.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _metric(name: str) -> Metric:
    (found,) = (metric for metric in RELAY if metric.name == name)
    return found


def _places(name: str, labels: tuple[str, ...]) -> list[int]:
    series = _metric(name).series
    return [counters.INDEX[name, *values] for values in series if values[: len(labels)] == labels]


def settings_for(*routes: tuple[str, str], **more: Any) -> RelaySettings:
    rows = tuple(RouteSettings(match, upstream) for match, upstream in routes)
    return RelaySettings(data="", run=0, worker=0, routes=rows, **more)


QUICK = Deadlines(linger_seconds=0.3, tls_close_seconds=0.5)


@dataclass
class Wire:
    """An open tunnel with both its ends."""

    charge_point: Peer
    csms: Peer
    name: str


class World:
    """One worker, one CSMS, and as many tunnels as a test wants."""

    def __init__(self, folder: Path, settings: RelaySettings | None = None) -> None:
        self.csms = Csms()
        wanted = settings or settings_for(deadlines=QUICK, limits=Limits(refused_records=1000))
        self.proxy = Proxy(
            folder, replace(wanted, routes=(*wanted.routes, RouteSettings("/", self.csms.url)))
        )
        self.proxy.ready()
        self._count = 0
        self._peers: list[Peer] = []

    def name(self) -> str:
        self._count += 1
        return f"CP_{self._count}"

    def call(self, data: bytes = b"") -> Peer:
        peer = self.proxy.call(data)
        self._peers.append(peer)
        return peer

    def tunnel(self, early: bytes = b"", glued: bytes = b"") -> Wire:
        name = self.name()
        return self.opened(self.call(request(f"/ocpp/{name}") + early), name, self.csms, glued)

    def opened(self, charge_point: Peer, name: str, csms: Csms, glued: bytes = b"") -> Wire:
        peer = csms.request()
        peer.send(SWITCHING + glued)
        assert charge_point.read_head() == SWITCHING
        self._peers.append(charge_point)
        return Wire(charge_point, peer, name)

    def end(self) -> None:
        for peer in self._peers:
            peer.close()
        self.csms.close()
        self.proxy.end()
        assert "unexpectedly" not in self.proxy.log, self.proxy.log
