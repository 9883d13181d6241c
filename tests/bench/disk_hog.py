"""Another process on the journal's disk: writes 80 MB a second and calls fsync each second, until its stdin ends.

`python -m tests.bench.disk_hog DIRECTORY`; then says, in JSON, what it did.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Final

_PIECE: Final = os.urandom(4_000_000)
_PIECES_PER_SECOND: Final = 20
_WRAP: Final = 100
"""Pieces until it begins at the file's start again."""


def main(directory: str) -> None:
    path = Path(directory) / "hog"
    syncs: list[float] = []
    began, number = time.monotonic(), 0
    with path.open("wb", buffering=0) as file:
        while not _ended(began + number / _PIECES_PER_SECOND):
            if number % _WRAP == 0:
                file.seek(0)
            file.write(_PIECE)
            number += 1
            if number % _PIECES_PER_SECOND == 0:
                syncs.append(_sync(file.fileno()))
    seconds = time.monotonic() - began
    path.unlink()
    print(json.dumps({"mb_per_second": number * 4 / seconds, "slowest_fsync_ms": max(syncs, default=0.0)}))


def _ended(due: float) -> bool:
    """Wait until `due`, or for the end of stdin."""
    return bool(select.select([0], [], [], max(0.0, due - time.monotonic()))[0])


def _sync(descriptor: int) -> float:
    began = time.monotonic()
    os.fsync(descriptor)
    return (time.monotonic() - began) * 1e3


if __name__ == "__main__":
    main(sys.argv[1])
