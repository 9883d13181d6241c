"""The real recorder process on its lifeline, over a data directory whose journals are there already."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from proxy.counters import read_published, recorder_path
from proxy.store.client import Role, StoreError, connect

PATIENCE_SECONDS = 60.0


class RecorderProcess:
    def __init__(self, data: Path, **settings: Any) -> None:
        self.data = data
        self._line, theirs = socket.socketpair()
        with theirs:
            argv = [sys.executable, "-m", "proxy.recorder"]
            self._process = subprocess.Popen(argv, stdin=theirs.fileno(), stderr=subprocess.DEVNULL)
        self._line.sendall(json.dumps({"data": str(data), "life": 1, **settings}).encode() + b"\n")

    def drain(self) -> int:
        """Let it record everything and end; its exit code."""
        self._line.sendall(b'{"order":"drain"}\n')
        code = self._process.wait(PATIENCE_SECONDS)
        self._line.close()
        return code

    def stop(self) -> None:
        """End it at once, as it is told to."""
        self._line.sendall(b'{"order":"stop"}\n')
        assert self._process.wait(PATIENCE_SECONDS) == 0
        self._line.close()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._line.close()

    def wait_for_batch(self, beyond: int) -> int:
        """Until a batch beyond `beyond` was published; its number."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            published = read_published(recorder_path(self.data))
            if published is not None and published.batch > beyond:
                return published.batch
            time.sleep(0.02)
        raise AssertionError("the recorder publishes nothing")


def record_all(data: Path, **settings: Any) -> None:
    assert RecorderProcess(data, **settings).drain() == 0


def ask(data: Path, sql: str) -> str:
    """The answer of the data directory's own store, as text."""
    store = connect("embedded", data, Role.READER)
    try:
        return store.query(sql, {}, "TabSeparated").decode(errors="replace").strip()
    finally:
        store.close()


def change(data: Path, sql: str) -> None:
    """What a forger who owns the table can do."""
    store = connect("embedded", data, Role.WRITER)
    try:
        store.query(sql, {}, "TabSeparated")
    finally:
        store.close()


DIGESTS = (
    "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM all_frames",
    "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM all_connections FINAL",
    "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM all_gaps",
    "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM all_findings FINAL",
)


def digests(data: Path) -> list[str]:
    """One line a table: equal lines, equal rows."""
    return [ask(data, sql) for sql in DIGESTS]


__all__ = ["RecorderProcess", "StoreError", "ask", "change", "digests", "record_all"]
