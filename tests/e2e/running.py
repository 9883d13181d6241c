"""`ocpptap run` as an operator starts it: a process of its own, real sockets, the store on disk."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from proxy.forensics.verify import Verdict, verify
from proxy.store.client import Role, StoreError, connect

PATIENCE_SECONDS = 40.0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(what: Callable[[], bool], why: str = "it never came true") -> None:
    """Wait for something another process does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.02)


class Running:
    """One `ocpptap run`. `kill` and friends speak of its parts by name."""

    def __init__(self, data: Path, upstream: str, *arguments: str) -> None:
        self.data = data
        self.port, self.admin_port = free_port(), free_port()
        argv = [sys.executable, "-m", "proxy", "run", "--upstream", upstream, "--data", str(data)]
        argv += ["--listen", f"127.0.0.1:{self.port}", "--admin", f"127.0.0.1:{self.admin_port}"]
        argv += ["--drain-seconds", "0.2", *arguments]
        self.log = data.parent / f"{data.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=log)
        try:
            self.ready_line = self._ready()
        except BaseException:
            self.stop()
            raise

    def _ready(self) -> str:
        out = self.process.stdout
        assert out is not None
        assert select.select([out], [], [], PATIENCE_SECONDS)[0], "not ready in time"
        line = out.readline().decode().strip()
        assert line.startswith("ready: "), self.log.read_text()
        return line

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    # parts

    def pids(self, part: str) -> list[int]:
        """Processes of `part` (relay, recorder, admin, supervisor, store) that belong to this run."""
        if part == "supervisor":
            return [self.process.pid]
        if part == "store":
            return [pid for pid, argv in _processes() if _is(argv, "store") and str(self.data) in argv]
        mine = _children(self.process.pid)
        return [pid for pid, argv in _processes() if pid in mine and _is(argv, part)]

    def kill(self, part: str, number: int = signal.SIGKILL) -> None:
        for pid in self.pids(part):
            os.kill(pid, number)

    def restarted(self, part: str, before: list[int]) -> None:
        """Wait until other processes of `part` live."""
        until(lambda: bool(set(self.pids(part)) - set(before)), f"{part} was not restarted")

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def admin_answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.status("/livez") == 200
        return False

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return int(error.code)

    # its end

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_SECONDS)
        finally:
            self._close()

    def die(self) -> None:
        """The supervisor is killed; its children end by themselves."""
        children = _children(self.process.pid)
        self.process.kill()
        self.process.wait()
        until(lambda: not any(_alive(pid) for pid in children), "children outlived their supervisor")
        self._close()

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


def _is(argv: list[str], part: str) -> bool:
    return f"proxy.{part}" in argv


def _processes() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")


def _children(parent: int) -> set[int]:
    with contextlib.suppress(OSError):
        return {int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
    return set()


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def ask(data: Path, sql: str) -> str:
    """What `ocpptap query` would answer; '' while the store is not there yet."""
    store = connect("embedded", data, Role.READER)
    try:
        return store.query(sql, {}, "TabSeparated").decode(errors="replace").strip()
    except StoreError:
        return ""
    finally:
        store.close()


@contextlib.contextmanager
def running(data: Path, upstream: str, *arguments: str) -> Iterator[Running]:
    run = Running(data, upstream, *arguments)
    try:
        yield run
    finally:
        run.stop()


def closed_session(data: Path, charge_point: str) -> str:
    """The id of its one connection, once the close of it is in the store."""
    sql = f"SELECT connection_id FROM connections WHERE charge_point = '{charge_point}' AND state = 'closed'"
    until(lambda: bool(ask(data, sql)), f"{charge_point} never closed in the store")
    return ask(data, sql)


def verdict_of(data: Path, session: str) -> Verdict:
    """What `ocpptap verify` would say."""
    store = connect("embedded", data, Role.READER)
    try:
        return verify(store, session)
    finally:
        store.close()


def peak_bytes(pid: int) -> int:
    """The most memory that the process ever had (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
