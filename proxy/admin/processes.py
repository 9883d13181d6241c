"""Memory and descriptors of our processes, from /proc. Knows pids; a process that has gone has no figures.

The parts' pids are the supervisor's word, the supervisor is our parent. The embedded store is nobody's child: it is
the process whose current directory is the store's (proxy/store/__main__.py), looked for when it is not where it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from proxy.admin.own import family
from proxy.admin.status import Status
from proxy.counters import Family, Series

PROC: Final = Path("/proc")
_STORE: Final = b"\0proxy.store\0"
_COMMAND_BYTES: Final = 4096


def resident_bytes(process: Path) -> int | None:
    """statm's second word is in pages (proc_pid_statm(5)). None: gone."""
    try:
        return int((process / "statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def open_descriptors(process: Path) -> int | None:
    """Since Linux 6.2 the directory's size is their number; to count 20,000 entries takes 50 ms. None: gone."""
    directory = process / "fd"
    try:
        return directory.stat().st_size or len(os.listdir(directory))
    except OSError:
        return None


class Processes:
    """A look at all of them. `data`: the directory whose embedded store is ours; None: there is no such store."""

    def __init__(self, status: Status, data: Path | None, proc: Path = PROC) -> None:
        self._status, self._proc = status, proc
        self._store_directory = str(data.resolve() / "clickhouse") if data else ""
        self._store = 0

    def look(self) -> list[Family]:
        processes = {name: self._proc / str(pid) for name, pid in self._pids().items() if pid > 0}
        return [
            _each("ocpptap_part_resident_memory_bytes", processes, resident_bytes),
            _each("ocpptap_part_open_descriptors", processes, open_descriptors),
        ]

    def _pids(self) -> dict[str, int]:
        parts = {part.name: part.pid for part in self._status.parts}
        return parts | {"admin": os.getpid(), "supervisor": os.getppid(), "store": self._store_pid()}

    def _store_pid(self) -> int:
        if self._store_directory and not self._is_store(self._store):
            self._store = next(filter(self._is_store, self._running()), 0)
        return self._store

    def _running(self) -> Iterator[int]:
        try:
            names = os.listdir(self._proc)
        except OSError:
            return
        yield from (int(name) for name in names if name.isascii() and name.isdigit())

    def _is_store(self, pid: int) -> bool:
        process = self._proc / str(pid)
        try:
            return os.readlink(process / "cwd") == self._store_directory and _STORE in _command(process)
        except OSError:  # gone, or another user's
            return False


def _each(name: str, processes: Mapping[str, Path], figure: Callable[[Path], int | None]) -> Family:
    found = ((part, figure(process)) for part, process in processes.items())
    return family(name, (Series((part,), value) for part, value in found if value is not None))


def _command(process: Path) -> bytes:
    with (process / "cmdline").open("rb") as file:
        return file.read(_COMMAND_BYTES)
