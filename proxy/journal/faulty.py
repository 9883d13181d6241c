"""The disk that fails on demand: every file call first comes by the failpoint disk-<its name> (proxy/failpoints.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from proxy.failpoints import ARMED, DISK, failpoint
from proxy.journal.filesystem import FileSystem, RealFileSystem


class FaultyFileSystem:
    """The kernel's file calls behind failpoints."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(RealFileSystem(), name)

        def come_by(*arguments: Any) -> Any:
            failpoint(DISK + name)
            return call(*arguments)

        self.__dict__[name] = come_by
        return come_by


def file_system() -> FileSystem:
    """The kernel's, or the faulty one when a disk failpoint was set before the start."""
    faulty = ARMED is not None and ARMED.name.startswith(DISK)
    return cast(FileSystem, FaultyFileSystem()) if faulty else RealFileSystem()
