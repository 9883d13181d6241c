"""Which files of the journal may go: what is stored for certain, and what nobody will ever write or read again.

Stored: wholly behind the *older* checkpoint's positions, and no lock held. Such a segment goes at once, or when it has
not been written for `retain_seconds`; oldest first and at once while the journal takes more than its comfortable share
of `max_bytes`, since a segment that is stored must never be why new bytes cannot be journalled. Un-stored segments are
never deleted, whatever the disk says; nor is any file that is not ours.
"""

from __future__ import annotations

import contextlib
from typing import Final

from proxy.failpoints import failpoint
from proxy.journal.filesystem import FileSystem
from proxy.journal.format import PREPARING, SegmentName, parse_name
from proxy.journal.items import Positions
from proxy.journal.listing import Listing, file_size
from proxy.journal.settings import JournalSettings

_COMFORTABLE_PERCENT: Final = 80
_SECOND_NS: Final = 1_000_000_000


def delete_stored(
    fs: FileSystem, directory: str, older: Positions, settings: JournalSettings, now_ns: int
) -> list[str]:
    """Deletes what may go; returns the file names. Never raises: what does not succeed is tried again the next time."""
    gone: list[str] = []
    with contextlib.suppress(OSError):
        for name in deletable(fs, directory, older, settings, now_ns):
            failpoint("before-delete")
            fs.unlink(f"{directory}/{name}")
            failpoint("after-delete")
            gone.append(name)
        if gone:
            fs.fsync_directory(directory)
    return gone


def deletable(
    fs: FileSystem, directory: str, older: Positions, settings: JournalSettings, now_ns: int
) -> list[str]:
    """Oldest first."""
    files = fs.listdir(directory)
    listing = Listing(files)
    excess = _total(fs, directory, listing) - settings.max_bytes * _COMFORTABLE_PERCENT // 100
    keep_since = now_ns - settings.retain_seconds * _SECOND_NS
    chosen: list[str] = []
    for name in listing.all():
        if not is_behind(name, older) or not _abandoned(fs, directory, name):
            continue
        if excess > 0 or _written_at(fs, directory, name) <= keep_since:
            chosen.append(str(name))
            excess -= file_size(fs, directory, name)
    return chosen + [file for file in files if _is_left_over(file, older)]


def is_behind(name: SegmentName, positions: Positions) -> bool:
    """Whether all of this segment is delivered."""
    if name.run != positions.run:
        return name.run < positions.run
    lane = positions.lane(name.worker)
    return (name.life, name.number) < (lane.life, lane.segment)


def _is_left_over(file: str, positions: Positions) -> bool:
    """A segment that a dead worker was still preparing."""
    name = parse_name(file.removesuffix(PREPARING)) if file.endswith(PREPARING) else None
    if name is None:
        return False
    return name.run < positions.run or (
        name.run == positions.run and name.life < positions.lane(name.worker).life
    )


def _abandoned(fs: FileSystem, directory: str, name: SegmentName) -> bool:
    try:
        fd = fs.open(f"{directory}/{name}")
    except OSError:
        return False
    try:
        return not fs.locked(fd)
    except OSError:
        return False
    finally:
        fs.close(fd)


def _written_at(fs: FileSystem, directory: str, name: SegmentName) -> int:
    return fs.status(f"{directory}/{name}").modified_at


def _total(fs: FileSystem, directory: str, listing: Listing) -> int:
    return sum(file_size(fs, directory, name) for name in listing.all())
