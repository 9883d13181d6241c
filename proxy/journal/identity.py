"""Who a journal is: its uuid, made once, and the number of the next run. Both are on the disk before they are used.

Only `ocpptap run` calls these, under the lock of the data directory; readers call `read_uuid`.
A lost or garbled file is made good from the segments' headers and names: old segments must stay readable, and a run
number must never come twice.
"""

from __future__ import annotations

import contextlib
import uuid
import zlib
from typing import Final

from proxy.journal.filesystem import FileSystem
from proxy.journal.format import HEADER_BYTES, SegmentName, decode_header, parse_name

_UUID: Final = "uuid"
_RUN: Final = "run"


def read_uuid(fs: FileSystem, directory: str) -> bytes | None:
    """None: this directory has none (yet), or not any more: a flipped bit must not make it another journal."""
    text, _, crc = _read(fs, f"{directory}/{_UUID}").strip().partition(" ")
    try:
        value = bytes.fromhex(text)
    except ValueError:
        return None
    return value if len(value) == 16 and crc in ("", _crc(text)) else None


def _crc(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def journal_uuid(fs: FileSystem, directory: str) -> bytes:
    """The journal's uuid; makes directory and uuid when there are none."""
    fs.make_directory(directory)
    known = read_uuid(fs, directory)
    if known is not None:
        return known
    made = _uuid_of_newest_segment(fs, directory) or uuid.uuid4().bytes
    _replace(fs, directory, _UUID, f"{made.hex()} {_crc(made.hex())}")
    return made


def next_run(fs: FileSystem, directory: str) -> int:
    """Takes the next run number: above the last one taken and above every segment's."""
    text = _read(fs, f"{directory}/{_RUN}").strip()
    last = int(text) if text.isascii() and text.isdigit() else 0
    run = max([last, *(name.run for name in _names(fs, directory))]) + 1
    _replace(fs, directory, _RUN, str(run))
    return run


def _names(fs: FileSystem, directory: str) -> list[SegmentName]:
    names = map(parse_name, fs.listdir(directory))
    return sorted(name for name in names if name is not None)


def _uuid_of_newest_segment(fs: FileSystem, directory: str) -> bytes | None:
    for name in reversed(_names(fs, directory)):
        header = None
        with contextlib.suppress(OSError):
            header = decode_header(_read_bytes(fs, f"{directory}/{name}"))
        if header is not None and header.name == name:
            return header.uuid
    return None


def _read(fs: FileSystem, path: str) -> str:
    return _read_bytes(fs, path).decode("ascii", "replace")


def _read_bytes(fs: FileSystem, path: str) -> bytes:
    """The first bytes of a file; nothing when there is none. Another error is an error: nothing is made anew then."""
    try:
        fd = fs.open(path)
    except FileNotFoundError:
        return b""
    try:
        return fs.pread(fd, HEADER_BYTES, 0)
    finally:
        fs.close(fd)


def _replace(fs: FileSystem, directory: str, name: str, text: str) -> None:
    """tmp, fsync, rename, fsync of the directory: after a power failure the old or the new text stands, whole."""
    path, temporary = f"{directory}/{name}", f"{directory}/{name}.tmp"
    if f"{name}.tmp" in fs.listdir(directory):
        fs.unlink(temporary)
    fd = fs.create(temporary)
    try:
        data = f"{text}\n".encode()
        if fs.pwrite(fd, data, 0) != len(data):
            raise OSError(f"short write to {temporary}")
        fs.fsync(fd)
    finally:
        fs.close(fd)
    fs.rename(temporary, path)
    fs.fsync_directory(directory)
