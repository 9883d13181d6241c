"""Debian's clickhouse-server 18.16: an old server, but a real one, of the native protocol and of wrong passwords.

It lacks what our schema is made of (DateTime64, codecs, tokens, formatRow), so it is for the way there: connections,
blocks, refusals, a server that is killed. `/usr/sbin` comes from `tests/packages.sh`.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from clickhouse_driver import Client

USER: Final = "ocpptap"
PASSWORD: Final = "s3cret:with/odd@characters"
READERS: Final = {"reader": 0, "fixed": 1, "free": 2}
"""Users of the same password: name -> `readonly` in their profile."""
DATABASE: Final = "taps"
_START_SECONDS: Final = 30.0

_CONFIG: Final = """<yandex>
<logger><level>warning</level><log>{path}/log</log><errorlog>{path}/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host>
<tcp_port>{port}</tcp_port>
<path>{path}/data/</path><tmp_path>{path}/tmp/</tmp_path><format_schema_path>{path}/schemas/</format_schema_path>
<users_config>{path}/users.xml</users_config>
<default_profile>ocpptap</default_profile><default_database>default</default_database>
<mark_cache_size>5368709</mark_cache_size><timezone>UTC</timezone>
</yandex>
"""
_USER: Final = """<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks>
<profile>{name}</profile><quota>default</quota></{name}>"""
_USERS: Final = """<yandex>
<profiles>{profiles}</profiles><quotas><default></default></quotas><users>{users}</users>
</yandex>
"""


def free_port() -> int:
    """A TCP port that nobody listens on, below those that the kernel gives to outgoing connections: it stays free
    while the server is down."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class DebianServer:
    """A server on ports and data of its own; `kill` and `start` again find both as they were."""

    def __init__(self, path: Path) -> None:
        self.port = free_port()
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        names = {USER: 0, **READERS}
        profiles = "".join(f"<{name}><readonly>{value}</readonly></{name}>" for name, value in names.items())
        users = "".join(_USER.format(name=name, password=PASSWORD) for name in names)
        (path / "users.xml").write_text(_USERS.format(profiles=profiles, users=users))
        (path / "config.xml").write_text(_CONFIG.format(path=path, port=self.port))

    def start(self) -> None:
        """Returns when the server answers."""
        self.kill()
        command = ["clickhouse-server", f"--config-file={self._path}/config.xml"]
        with (self._path / "stderr").open("ab") as stderr:
            self._process = subprocess.Popen(command, stdout=stderr, stderr=stderr, cwd=self._path)
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._path / "stderr").read_text()[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def signal(self, number: int) -> None:
        """SIGSTOP: it accepts (the kernel does), and never answers."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows, by a client of the driver's own."""
        with Client("127.0.0.1", port=self.port, user=USER, password=PASSWORD) as client:
            rows: list[tuple[Any, ...]] = client.execute(sql)
            return rows

    def _answers(self) -> bool:
        try:
            return self.ask("SELECT 1") == [(1,)]
        except Exception:
            return False


@contextlib.contextmanager
def debian_server(path: Path) -> Iterator[DebianServer]:
    """A running server with the database `taps`; the test is skipped where the package is not installed."""
    if shutil.which("clickhouse-server") is None:
        pytest.skip("no clickhouse-server here: sh tests/packages.sh installs it (root, apt)")
    server = DebianServer(path)
    try:
        server.start()
        server.ask(f"CREATE DATABASE {DATABASE}")
        yield server
    finally:
        server.kill()


class Relay:
    """A port before the server; keeps what clients sent. `limit`: after so many bytes it calls `at_limit`, once."""

    def __init__(self, port: int) -> None:
        self.sent = bytearray()
        self.limit = 0
        self.at_limit: Callable[[], None] = lambda: None
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for way in ((client, server, self._note), (server, client, lambda data: None)):
                    threading.Thread(target=self._copy, args=way, daemon=True).start()
        except OSError:
            return

    def _copy(self, source: socket.socket, target: socket.socket, note: Callable[[bytes], None]) -> None:
        try:
            while data := source.recv(1 << 14):
                note(data)
                target.sendall(data)
        except OSError:
            pass
        finally:
            for one in (source, target):  # a close alone would not wake who reads there
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _note(self, data: bytes) -> None:
        self.sent += data
        if self.limit and len(self.sent) > self.limit:
            self.limit = 0
            self.at_limit()
