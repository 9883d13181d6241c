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
    try:
        value = bytes.fromhex(_read_signed(fs, f"{directory}/{_UUID}"))
    except ValueError:
        return None
    return value if len(value) == 16 else None


def journal_uuid(fs: FileSystem, directory: str) -> bytes:
    """The journal's uuid; makes directory and uuid when there are none."""
    fs.make_directory(directory)
    known = read_uuid(fs, directory)
    if known is not None:
        return known
    made = _uuid_of_newest_segment(fs, directory) or uuid.uuid4().bytes
    _replace(fs, directory, _UUID, made.hex())
    return made


def next_run(fs: FileSystem, directory: str) -> int:
    """Takes the next run number: above the last one taken and above every segment's.

    When neither is there to tell, another journal begins: what is stored under a number is not stored again, so
    under the old uuid no number may come twice.
    """
    last, runs = last_run(fs, directory), [name.run for name in _names(fs, directory)]
    if last is None and not runs:
        _replace(fs, directory, _UUID, uuid.uuid4().hex)
    run = max([last or 0, *runs]) + 1
    _replace(fs, directory, _RUN, str(run))
    return run


def last_run(fs: FileSystem, directory: str) -> int | None:
    """The run number taken last. 0: there was none yet. None: it cannot be read any more."""
    if _RUN not in fs.listdir(directory):
        return 0
    text = _read_signed(fs, f"{directory}/{_RUN}")
    return int(text) if text.isascii() and text.isdigit() else None


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


def _crc(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _read_signed(fs: FileSystem, path: str) -> str:
    """What `_replace` wrote; nothing when its CRC says that it is something else. Without a CRC it is believed."""
    text, _, crc = _read_bytes(fs, path).decode("ascii", "replace").strip().partition(" ")
    return text if crc in ("", _crc(text)) else ""


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
    """tmp, fsync, rename, fsync of the directory: after a power failure the old or the new text stands, whole.

    The CRC behind it makes a flipped bit an unreadable text instead of another one.
    """
    path, temporary = f"{directory}/{name}", f"{directory}/{name}.tmp"
    if f"{name}.tmp" in fs.listdir(directory):
        fs.unlink(temporary)
    fd = fs.create(temporary)
    try:
        data = f"{text} {_crc(text)}\n".encode()
        if fs.pwrite(fd, data, 0) != len(data):
            raise OSError(f"short write to {temporary}")
        fs.fsync(fd)
    finally:
        fs.close(fd)
    fs.rename(temporary, path)
    fs.fsync_directory(directory)
