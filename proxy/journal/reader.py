"""Reads one segment, whoever writes it meanwhile.

While its lock is held, everything behind the last valid block is "not yet". Once the lock was *observed* free, one more
read takes what was written before that; what is left then is searched at 8-byte steps for the next valid block. Found:
damage. Not found: torn tail, counted up to its last byte that is not zero.
A damaged header costs itself alone: the file's name and the journal's uuid suffice to check the blocks.
"""

from __future__ import annotations

import errno
from typing import Final

import msgspec

from proxy.journal.filesystem import FileSystem
from proxy.journal.format import (
    BLOCK_MAGIC,
    HEAD_BYTES,
    HEADER_BYTES,
    VERSION,
    Decoded,
    Header,
    SegmentName,
    block_bytes,
    crc_seed,
    decode_block,
    decode_header,
)
from proxy.journal.items import Skipped
from proxy.journal.segment import reason_of

_CHUNK_BYTES: Final = 1024 * 1024
_ZEROS: Final = bytes(_CHUNK_BYTES)
_PEEK_BYTES: Final = 4096
_PAGE_BYTES: Final = 4096
_UNREADABLE: Final = b"\xff"
"""Stands for bytes the disk does not give: not zero, so they count; never a block."""
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR})


class TryLater(Exception):
    """This process is short of something; the segment itself may be in order."""


class Vanished(Exception):
    """The file was listed, and is gone."""


class Lost(msgspec.Struct, frozen=True):
    """`size` bytes from `offset` are no blocks. `torn`: nothing valid follows."""

    offset: int
    size: int
    torn: bool


class SegmentReader:
    """`offset`: the file offset of the next block. `header` None: damaged."""

    def __init__(self, fs: FileSystem, fd: int, name: SegmentName, uuid: bytes, offset: int) -> None:
        self._fs = fs
        self._fd = fd
        self._seed = crc_seed(uuid)
        self.name = name
        self.offset = max(offset, HEADER_BYTES)
        self.size = fs.size(fd)
        self.header: Header | None = decode_header(self._pread(HEADER_BYTES, 0))
        self.observed_free = False

    def close(self) -> None:
        self._fs.close(self._fd)

    def abandoned(self) -> bool:
        """Whether the writer has let go of it. When this first says so, `blocks` must be asked once more."""
        if not self.observed_free:
            self.observed_free = not self._fs.locked(self._fd)
            self.size = self._fs.size(self._fd)
        return self.observed_free

    def blocks(self) -> list[Decoded]:
        """The next valid blocks, about a MiB of them; none: nothing valid stands at `offset` now."""
        head = self._pread(_PEEK_BYTES, self.offset)
        size = block_bytes(head, 0)
        if size == 0:
            return []
        data = self._pread(max(size, _CHUNK_BYTES), self.offset)
        found, base = [], self.offset
        while block := self._block(data, self.offset - base):
            found.append(block)
            self.offset = block.next_offset
        return found

    def _block(self, data: bytes, start: int) -> Decoded | None:
        size = block_bytes(data, start)
        if size == 0 or start + size > len(data):
            return None
        return decode_block(data, start, size, self._seed, self.offset)

    def search(self) -> Lost | None:
        """Go to the next valid block of an abandoned segment, or to its end; None: only zeros were left."""
        start, position, last_byte = self.offset, self.offset, 0
        while data := self._pread(_CHUNK_BYTES, position):
            found = self._first_block(data, position)
            if found is not None:
                self.offset = found
                return Lost(start, found - start, False)
            used = 0 if data == _ZEROS[: len(data)] else len(data.rstrip(b"\0"))
            last_byte = position + used if used else last_byte
            position += len(data) & ~7 or len(data)
        self.offset = max(position, start)
        return Lost(start, last_byte - start, True) if last_byte else None

    def _first_block(self, data: bytes, base: int) -> int | None:
        at = data.find(BLOCK_MAGIC)
        while at >= 0:
            if (base + at) % 8 == 0 and self._valid_at(base + at):
                return base + at
            at = data.find(BLOCK_MAGIC, at + 1)
        return None

    def _valid_at(self, offset: int) -> bool:
        size = block_bytes(self._pread(HEAD_BYTES, offset), 0)
        data = self._pread(size, offset) if size else b""
        return (
            bool(size) and len(data) == size and decode_block(data, 0, size, self._seed, offset) is not None
        )

    def _pread(self, size: int, offset: int) -> bytes:
        try:
            return self._fs.pread(self._fd, size, offset)
        except OSError:
            end = min(offset + size, self.size)
            return b"".join(
                self._page(max(at, offset), end) for at in range(offset & -_PAGE_BYTES, end, _PAGE_BYTES)
            )

    def _page(self, start: int, end: int) -> bytes:
        """A page's share in a range that could not be read as a whole."""
        wanted = min(end, (start & -_PAGE_BYTES) + _PAGE_BYTES) - start
        try:
            return self._fs.pread(self._fd, wanted, start)
        except OSError:
            return _UNREADABLE * wanted


def open_segment(
    fs: FileSystem, directory: str, name: SegmentName, uuid: bytes, offset: int
) -> SegmentReader | Skipped:
    """Raises TryLater, Vanished."""
    try:
        fd = fs.open(f"{directory}/{name}")
    except OSError as error:
        return _refusal(name, error)
    reader = SegmentReader(fs, fd, name, uuid, offset)
    reason = _why_not(reader, uuid)
    if reason:
        reader.close()
        return Skipped(str(name), reason)
    return reader


def _refusal(name: SegmentName, error: OSError) -> Skipped:
    if error.errno == errno.ENOENT:
        raise Vanished(str(name))
    if error.errno in _PASSING:
        raise TryLater(reason_of(error))
    return Skipped(str(name), f"unreadable: {reason_of(error)}")


def _why_not(reader: SegmentReader, uuid: bytes) -> str:
    header = reader.header
    if reader.size < HEADER_BYTES:
        return "too short"
    if header is None:
        return ""
    if header.version != VERSION:
        return f"format version {header.version}"
    if header.uuid != uuid:
        return "of another journal"
    return "" if header.name == reader.name else "not what its name says"
