"""Which time each segment file covers: for whoever must know what may still hold bytes of that time. Reads only.

A segment's header says when it was made, which is before its first block; the file system says when it was last
written. Both are this machine's wall clock, which may have been set: the earlier is the begin, the later the end. A
header that cannot be read makes the begin unknown (0), a writer that still lives the end: such a segment covers more
than it holds, never less.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.journal.filesystem import FileSystem
from proxy.journal.format import HEADER_BYTES, SegmentName, decode_header
from proxy.journal.listing import Listing

ENDLESS: Final = 2**63 - 1


class Extent(msgspec.Struct, frozen=True):
    """ns UTC, both ends included."""

    file: str
    since: int
    until: int


def extents(fs: FileSystem, directory: str) -> list[Extent]:
    """Of every segment there is, in stream order; none where there is no journal. Raises OSError."""
    try:
        names = Listing(fs.listdir(directory)).all()
    except FileNotFoundError:
        return []
    found = (_extent(fs, directory, name) for name in names)
    return [extent for extent in found if extent is not None]


def _extent(fs: FileSystem, directory: str, name: SegmentName) -> Extent | None:
    """None: it was deleted meanwhile."""
    path = f"{directory}/{name}"
    try:
        fd = fs.open(path)
    except FileNotFoundError:
        return None
    try:
        header = decode_header(fs.pread(fd, HEADER_BYTES, 0))
        written = ENDLESS if fs.locked(fd) else fs.status(path).modified_at
    except FileNotFoundError:
        return None
    finally:
        fs.close(fd)
    made = header.at if header is not None else 0
    return Extent(str(name), min(made, written), max(made, written))
