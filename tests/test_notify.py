"""sd_notify over a real socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.notify import notify

Manager = Callable[[str], socket.socket]


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """Listens at an address, as the variable writes it."""
    opened: list[socket.socket] = []

    def listen(address: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        opened.append(listener)
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        return listener

    yield listen
    for listener in opened:
        listener.close()


def test_states_are_lines_of_one_message(manager: Manager, tmp_path: Path) -> None:
    listener = manager(str(tmp_path / "notify"))
    notify("READY=1", "STATUS=läuft \udcff")
    notify("WATCHDOG=1")
    assert listener.recv(100).decode() == "READY=1\nSTATUS=läuft ?"
    assert listener.recv(100) == b"WATCHDOG=1"


def test_an_abstract_address(manager: Manager) -> None:
    listener = manager(f"@ocpptap-test-{os.getpid()}")
    notify("STOPPING=1")
    assert listener.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    "address", ["", "/nobody/is/here", "@nobody", "vsock:2:1234", "/" + "x" * 200, "@\0"[:1]]
)
def test_without_a_listener_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    before = open_descriptors()
    notify("READY=1")
    assert open_descriptors() == before


def open_descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


def test_nobody_who_reads_stops_nobody(manager: Manager, tmp_path: Path) -> None:
    """Its queue is full after some ten messages (net.unix.max_dgram_qlen)."""
    listener = manager(str(tmp_path / "notify"))
    for _ in range(10_000):
        notify("WATCHDOG=1")
    assert listener.recv(100) == b"WATCHDOG=1"


def test_without_a_manager_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    opened: list[object] = []
    monkeypatch.setattr(socket, "socket", lambda *kind: opened.append(kind))
    notify("READY=1")
    assert opened == []


def test_it_loads_the_standard_library_alone() -> None:
    code = "import proxy.notify, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"msgspec", "structlog", "asyncio", "logging"}.isdisjoint(loaded)
