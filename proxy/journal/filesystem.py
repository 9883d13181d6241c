"""The only door to the disk: every file call of the journal goes through `FileSystem`.

So a test can enumerate the states a crash may leave, and inject faults. Methods raise OSError as the kernel does.
Directories are 0700, files 0600: the journal holds what passed, secrets too.
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import Protocol

import msgspec

_READ_FLAGS = (
    os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
)  # non-blocking: a FIFO that lies about must not hang us
_CREATE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Status(msgspec.Struct, frozen=True):
    size: int
    modified_at: int
    """ns UTC"""


class Space(msgspec.Struct, frozen=True):
    free: int
    total: int


class FileSystem(Protocol):
    def open(self, path: str) -> int: ...
    def create(self, path: str) -> int: ...
    def close(self, fd: int) -> None: ...
    def allocate(self, fd: int, size: int) -> None: ...
    def truncate(self, fd: int, size: int) -> None: ...
    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> int: ...
    def pread(self, fd: int, size: int, offset: int) -> bytes: ...
    def fsync(self, fd: int) -> None: ...
    def fdatasync(self, fd: int) -> None: ...
    def size(self, fd: int) -> int: ...
    def linked(self, fd: int) -> bool: ...
    def lock(self, fd: int) -> bool: ...
    def unlock(self, fd: int) -> None: ...
    def locked(self, fd: int) -> bool: ...
    def rename(self, old: str, new: str) -> None: ...
    def unlink(self, path: str) -> None: ...
    def listdir(self, path: str) -> list[str]: ...
    def status(self, path: str) -> Status: ...
    def make_directory(self, path: str) -> None: ...
    def fsync_directory(self, path: str) -> None: ...
    def space(self, path: str) -> Space: ...


class RealFileSystem:
    """The kernel's. One instance may be used by several threads."""

    def open(self, path: str) -> int:
        return os.open(path, _READ_FLAGS)

    def create(self, path: str) -> int:
        """Makes a new file; an existing one is an error."""
        return os.open(path, _CREATE_FLAGS, 0o600)

    def close(self, fd: int) -> None:
        os.close(fd)

    def allocate(self, fd: int, size: int) -> None:
        os.posix_fallocate(fd, 0, size)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        return os.pread(fd, size, offset)

    def fsync(self, fd: int) -> None:
        os.fsync(fd)

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def linked(self, fd: int) -> bool:
        """Whether the file still has a name."""
        return os.fstat(fd).st_nlink > 0

    def lock(self, fd: int) -> bool:
        """Takes the writer's lock; False: somebody holds it."""
        return _try_flock(fd, fcntl.LOCK_EX)

    def unlock(self, fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)

    def locked(self, fd: int) -> bool:
        """Whether a writer holds the lock. `fd` must be an open of its own: flock belongs to the open file."""
        if not _try_flock(fd, fcntl.LOCK_SH):
            return True
        fcntl.flock(fd, fcntl.LOCK_UN)
        return False

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def listdir(self, path: str) -> list[str]:
        return os.listdir(path)

    def status(self, path: str) -> Status:
        found = os.stat(path, follow_symlinks=False)
        return Status(found.st_size if stat.S_ISREG(found.st_mode) else 0, found.st_mtime_ns)

    def make_directory(self, path: str) -> None:
        os.makedirs(path, mode=0o700, exist_ok=True)

    def fsync_directory(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def space(self, path: str) -> Space:
        found = os.statvfs(path)
        return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def _try_flock(fd: int, operation: int) -> bool:
    try:
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
