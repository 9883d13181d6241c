"""The data directory's disk: how full it is, and how much of it the journal takes. Only looks; what cannot be seen has
no series."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from proxy.admin.own import family
from proxy.counters import Family, Series


def look(data: Path) -> list[Family]:
    """Free and whole size as the journal's `min_free_percent` reads them, its bytes as `max_bytes` counts them."""
    return [
        family("ocpptap_data_free_bytes", _seen(lambda: _free(data))),
        family("ocpptap_data_size_bytes", _seen(lambda: _size(data))),
        family("ocpptap_journal_disk_bytes", _seen(lambda: _journal(data / "journal"))),
    ]


def _seen(figure: Callable[[], int]) -> list[Series]:
    try:
        return [Series((), figure())]
    except OSError:
        return []


def _free(data: Path) -> int:
    """Without what is kept for root."""
    found = os.statvfs(data)
    return found.f_bavail * found.f_frsize


def _size(data: Path) -> int:
    found = os.statvfs(data)
    return found.f_blocks * found.f_frsize


def _journal(directory: Path) -> int:
    with os.scandir(directory) as entries:
        return sum(map(_bytes, entries))


def _bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
    except OSError:  # retired meanwhile
        return 0
