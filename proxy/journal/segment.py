"""One segment in the writer's hands: write blocks in sequence, end it, lock and unlock it. Never raises on writing.

The event loop writes; the keeper thread syncs, shrinks and closes. Only the keeper closes the descriptor.
"""

from __future__ import annotations

import errno
import os

from proxy.journal.filesystem import FileSystem
from proxy.journal.format import HEADER_BYTES, RESERVE_BYTES, Record, SegmentName, aligned, encode_block, seal

FULL = "segment full"


class WritableSegment:
    def __init__(self, fs: FileSystem, fd: int, name: SegmentName, size: int, seed: int) -> None:
        self._fs = fs
        self._seed = seed
        self.fd = fd
        self.name = name
        self.size = size
        self.position = HEADER_BYTES
        """Where the next block goes; all before it is written."""
        self.synced = 0
        """Up to here the keeper has brought it to the disk."""
        self.broken = ""
        """Why it must be left: a failed fsync (which is never retried), or its name is gone."""
        self.problem = ""
        """Why the last write did not succeed."""

    def write(self, block: bytearray) -> bool:
        """Append one encoded block; False: it is not in the journal, `problem` says why."""
        return self._write(block, self.size - RESERVE_BYTES)

    def finish(self, records: list[Record], at: int, mono: int) -> bool:
        """Append the last block, which alone may use the reserve; the torn bytes of a failed write vanish under it."""
        return self._write(encode_block(records, at, mono), self.size)

    def unlock(self) -> None:
        self._fs.unlock(self.fd)

    def _write(self, block: bytearray, limit: int) -> bool:
        position = self.position
        if position + len(block) > limit:
            self.problem = FULL
            return False
        seal(block, self._seed, position)
        try:
            complete = self._fs.pwrite(self.fd, block, position) == len(block) or self._complete(block)
        except OSError as error:
            self.problem = reason_of(error)
            return False
        if complete:
            self.position = aligned(position + len(block))
        return complete

    def _complete(self, block: bytearray) -> bool:
        """After a short write: once more from the start (the kernel does not say what happened to the rest)."""
        done = 0
        with memoryview(block) as view:
            while done < len(block):
                written = self._fs.pwrite(self.fd, view[done:], self.position + done)
                if written <= 0:
                    self.problem = "short write"
                    return False
                done += written
        return True


def reason_of(error: OSError) -> str:
    """One bounded word and sentence: "ENOSPC: No space left on device"."""
    number = error.errno or 0
    return f"{errno.errorcode.get(number, 'error')}: {os.strerror(number) if number else error}"[:200]
