"""A disk in memory: processes that hold files and locks on it, faults on demand, and a log of all that was done.

`Disk` is what survives; `Process` is one process's `FileSystem` on it, and `kill` takes its descriptors and locks away.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import msgspec

from proxy.journal.filesystem import Space, Status


class Inode:
    """A file; what was never written, but allocated, is zeros."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.size = 0
        self.links = 0
        self.modified_at = 0
        self.locked_by: int | None = None
        self.unreadable: range = range(0)

    def write(self, offset: int, data: bytes) -> None:
        self.data.extend(bytes(max(0, offset - len(self.data))))
        self.data[offset : offset + len(data)] = data
        self.size = max(self.size, len(self.data))

    def truncate(self, size: int) -> None:
        del self.data[size:]
        self.size = size

    def read(self, size: int, offset: int) -> bytes:
        found = bytes(self.data[offset : min(offset + size, self.size)])
        return found + bytes(max(0, min(size, self.size - offset) - len(found)))


class Op(msgspec.Struct, frozen=True):
    """One change of the disk. `kind`: create, write, allocate, truncate, sync, sync_failed, rename, unlink,
    sync_directory."""

    kind: str
    inode: int = 0
    offset: int = 0
    data: bytes = b""
    path: str = ""
    new_path: str = ""


class Disk:
    def __init__(self) -> None:
        self.entries: dict[str, Inode] = {}
        self.directories: set[str] = set()
        self.log: list[Op] = []
        self.faults: dict[str, Callable[[], int]] = {}
        """method -> gives the errno to fail with, or 0"""
        self.short_writes: list[int] = []
        """How many bytes each of the next writes takes."""
        self.meanwhile: list[Callable[[], None]] = []
        """What others do at the next pauses."""
        self.space = Space(free=1 << 40, total=1 << 40)
        self.now_ns = 0
        self._next_fd = 100

    def fail(self, method: str, number: int, times: int = 1 << 30) -> None:
        left = [times]

        def fault() -> int:
            left[0] -= 1
            return number if left[0] >= 0 else 0

        self.faults[method] = fault

    def heal(self) -> None:
        self.faults.clear()

    def file(self, name: str) -> Inode:
        """The one file whose path ends so."""
        (found,) = (inode for path, inode in self.entries.items() if path.endswith(name))
        return found

    def pause(self) -> None:
        """A moment in which others act: see `Interrupted`."""
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def new_fd(self) -> int:
        self._next_fd += 1
        return self._next_fd


class Process:
    """One process's view of the disk: a `FileSystem`."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._files: dict[int, Inode] = {}

    @property
    def open_files(self) -> int:
        return len(self._files)

    def kill(self) -> None:
        for fd in list(self._files):
            self._drop(fd)

    def _drop(self, fd: int) -> None:
        inode = self._files.pop(fd)
        if inode.locked_by == fd:
            inode.locked_by = None

    def _may_fail(self, method: str) -> None:
        number = self.disk.faults.get(method, int)()
        if number:
            raise OSError(number, os.strerror(number))

    def _hold(self, inode: Inode) -> int:
        fd = self.disk.new_fd()
        self._files[fd] = inode
        return fd

    def _log(self, kind: str, fd: int = 0, offset: int = 0, data: bytes = b"") -> None:
        self.disk.log.append(Op(kind, id(self._files[fd]) if fd else 0, offset, data))

    def open(self, path: str) -> int:
        self._may_fail("open")
        if path not in self.disk.entries:
            raise FileNotFoundError(errno.ENOENT, path)
        return self._hold(self.disk.entries[path])

    def create(self, path: str) -> int:
        self._may_fail("create")
        if path in self.disk.entries:
            raise FileExistsError(errno.EEXIST, path)
        if os.path.dirname(path) not in self.disk.directories:
            raise FileNotFoundError(errno.ENOENT, path)
        inode = self.disk.entries[path] = Inode()
        inode.links = 1
        self.disk.log.append(Op("create", id(inode), path=path))
        return self._hold(inode)

    def close(self, fd: int) -> None:
        self._drop(fd)

    def allocate(self, fd: int, size: int) -> None:
        self._may_fail("allocate")
        self._files[fd].size = max(size, self._files[fd].size)
        self._log("allocate", fd, size)

    def truncate(self, fd: int, size: int) -> None:
        self._may_fail("truncate")
        self._files[fd].truncate(size)
        self._log("truncate", fd, size)

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> int:
        if self.disk.short_writes:
            data = data[: self.disk.short_writes.pop(0)]
        else:
            self._may_fail("pwrite")
        inode = self._files[fd]
        inode.write(offset, bytes(data))
        inode.modified_at = self.disk.now_ns
        self._log("write", fd, offset, bytes(data))
        return len(data)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        self._may_fail("pread")
        inode = self._files[fd]
        if inode.unreadable and offset < inode.unreadable.stop and offset + size > inode.unreadable.start:
            raise OSError(errno.EIO, "bad sector")
        return inode.read(size, offset)

    def fsync(self, fd: int) -> None:
        self._sync("fsync", fd)

    def fdatasync(self, fd: int) -> None:
        self._sync("fdatasync", fd)

    def _sync(self, method: str, fd: int) -> None:
        try:
            self._may_fail(method)
        except OSError:
            self._log("sync_failed", fd)
            raise
        self._log("sync", fd)

    def size(self, fd: int) -> int:
        return self._files[fd].size

    def linked(self, fd: int) -> bool:
        return self._files[fd].links > 0

    def lock(self, fd: int) -> bool:
        inode = self._files[fd]
        if inode.locked_by not in (None, fd):
            return False
        inode.locked_by = fd
        return True

    def unlock(self, fd: int) -> None:
        if self._files[fd].locked_by == fd:
            self._files[fd].locked_by = None

    def locked(self, fd: int) -> bool:
        return self._files[fd].locked_by not in (None, fd)

    def rename(self, old: str, new: str) -> None:
        self._may_fail("rename")
        if old not in self.disk.entries:
            raise FileNotFoundError(errno.ENOENT, old)
        self.disk.entries[new] = self.disk.entries.pop(old)
        self.disk.log.append(Op("rename", path=old, new_path=new))

    def unlink(self, path: str) -> None:
        self._may_fail("unlink")
        if path not in self.disk.entries:
            raise FileNotFoundError(errno.ENOENT, path)
        self.disk.entries.pop(path).links = 0
        self.disk.log.append(Op("unlink", path=path))

    def listdir(self, path: str) -> list[str]:
        self._may_fail("listdir")
        if path not in self.disk.directories:
            raise FileNotFoundError(errno.ENOENT, path)
        prefix = f"{path}/"
        return [name.removeprefix(prefix) for name in self.disk.entries if name.startswith(prefix)]

    def status(self, path: str) -> Status:
        if path not in self.disk.entries:
            raise FileNotFoundError(errno.ENOENT, path)
        inode = self.disk.entries[path]
        return Status(inode.size, inode.modified_at)

    def make_directory(self, path: str) -> None:
        self._may_fail("make_directory")
        self.disk.directories.add(path)

    def fsync_directory(self, path: str) -> None:
        self._may_fail("fsync_directory")
        self.disk.log.append(Op("sync_directory", path=path))

    def space(self, path: str) -> Space:
        return self.disk.space


class Interrupted(Process):
    """A reader's view: others act between its calls."""

    def open(self, path: str) -> int:
        self.disk.pause()
        return super().open(path)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        self.disk.pause()
        return super().pread(fd, size, offset)

    def locked(self, fd: int) -> bool:
        self.disk.pause()
        found = super().locked(fd)
        self.disk.pause()
        return found

    def listdir(self, path: str) -> list[str]:
        self.disk.pause()
        found = super().listdir(path)
        self.disk.pause()
        return found
