"""A server's HTTP port as it disturbs in life: in front of an engine, it may say something else than the engine would.

Whole requests and whole answers, uncompressed on the way to the engine; one thread a connection.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from proxy.store.embedded.layout import connect_socket, store_directory
from proxy.store.interface import Role

_ANSWER_SECONDS: Final = 60.0
_HEADERS: Final = (
    "Content-Type",
    "X-ClickHouse-Exception-Code",
    "X-ClickHouse-Format",
    "X-ClickHouse-Timezone",
)
_PASSED_ON: Final = ("Content-Encoding", "X-ClickHouse-Format", "Content-Type")
INSERT: Final = "insert_deduplication_token="
"""In the target of every insert of ours."""


@dataclass(frozen=True)
class Answer:
    """`code`: ClickHouse's; 0: none."""

    status: int
    body: bytes
    code: int = 0


@dataclass(frozen=True)
class Disturbance:
    """`instead`: what the server says to this target (None: what the engine says). `altered`: words of an answer that
    become others, of the same length."""

    instead: Callable[[str], Answer | None] = lambda target: None
    altered: tuple[bytes, bytes] = (b"", b"")


CALM: Final = Disturbance()


def to_all(answer: Answer) -> Disturbance:
    return Disturbance(lambda target: answer)


def to_inserts(answer: Answer) -> Disturbance:
    return Disturbance(lambda target: answer if INSERT in target else None)


class Doorman:
    """`disturbance` may be set at any time."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.disturbance = CALM
        self.port = 0

    @contextlib.contextmanager
    def opened(self) -> Iterator[Doorman]:
        """Listens on a loopback port meanwhile."""
        doorman = self

        class Handler(_Handler):
            house = doorman

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()

    def answer(self, target: str, headers: dict[str, str], body: bytes) -> tuple[Answer, dict[str, str]]:
        """To one request; and the headers that matter to a client."""
        if said := self.disturbance.instead(target):
            return said, {"X-ClickHouse-Exception-Code": str(said.code)} if said.code else {}
        line = _Line(self.data_dir)
        with contextlib.closing(line):
            line.request("POST", target, body, headers)
            response = line.getresponse()
            found = {name: response.headers[name] for name in _HEADERS if name in response.headers}
            before, after = self.disturbance.altered
            data = response.read()
            return Answer(response.status, data.replace(before, after) if before else data), found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    house: Doorman

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
        try:
            answer, found = self.house.answer(self.path, headers, body)
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # as a server that dies
            return
        self.send_response(answer.status)
        for name, value in {**found, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests say what matters."""


class _Line(http.client.HTTPConnection):
    def __init__(self, data_dir: Path) -> None:
        super().__init__("store", timeout=_ANSWER_SECONDS)
        self._directory = store_directory(data_dir)

    def connect(self) -> None:
        self.sock = connect_socket(self._directory, Role.WRITER, _ANSWER_SECONDS)
