"""Where the embedded store lives in a data directory, and how its sockets are reached.

    <data>/clickhouse/store.lock   flock: held by the one process that owns the engine
    <data>/clickhouse/writer       Unix socket, 0600: everything
    <data>/clickhouse/reader       Unix socket, 0600: SELECT and its like (rights.py)
    <data>/clickhouse/store.log    what the process had to say since its last start
    <data>/clickhouse/db           the engine's own files

AF_UNIX paths end at 107 bytes, data directories do not: both sides bind and connect through
`/proc/self/fd/<descriptor of the directory>/<name>`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from proxy.store.interface import Role

VERSION_HEADER: Final = "X-Ocpptap-Version"
DATABASE_DIRECTORY: Final = "db"
LOCK: Final = "store.lock"
LOG: Final = "store.log"
TRY_AGAIN: Final = 75
"""Exit code of the launcher: another process has the lock, or ours was killed (sysexits' EX_TEMPFAIL)."""


def store_directory(data_dir: Path) -> Path:
    """The embedded store's directory in `data_dir`."""
    return data_dir / "clickhouse"


def our_version() -> str:
    """The version in the greeting; clients and store of different versions do not talk."""
    try:
        return version("ocpptap")
    except PackageNotFoundError:
        return "0"


@contextlib.contextmanager
def _short_address(directory: Path, role: Role) -> Iterator[str]:
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{role.value}"
    finally:
        os.close(descriptor)


def connect_socket(directory: Path, role: Role, timeout_seconds: float) -> socket.socket:
    """A connection to the store in `directory`; OSError if nobody listens there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_seconds)
    try:
        with _short_address(directory, role) as address:
            sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def listen_socket(directory: Path, role: Role) -> socket.socket:
    """The listening socket of `role`, for the owner of the lock only: a stale one is removed."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unlink_socket(directory, role)
    before = os.umask(0o177)
    try:
        with _short_address(directory, role) as address:
            sock.bind(address)
    finally:
        os.umask(before)
    sock.listen(128)
    return sock


def unlink_socket(directory: Path, role: Role) -> None:
    """Nobody new comes in by this socket; who is queued stays queued. The directory may be gone."""
    with contextlib.suppress(OSError):
        (directory / role.value).unlink()


def take_lock(directory: Path) -> int | None:
    """The descriptor that holds the store's lock, or None while another process has it."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
