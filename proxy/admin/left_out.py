"""How many charge points /metrics/charge-points left out, scrape by scrape: a counter that outlives admin."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_DIGITS: Final = 20


def left_out_path(data: Path) -> Path:
    return data / "metrics" / "left-out"


class LeftOut:
    """`total` goes on where the last admin stood; without a place for the file it begins at 0 with each admin."""

    def __init__(self, data: Path) -> None:
        self._path = left_out_path(data)
        self.total = _read(self._path)

    def add(self, count: int) -> None:
        """One scrape's. Nothing is written when none is left out."""
        if count <= 0:
            return
        self.total += count
        new = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(b"%d" % self.total)
            new.replace(self._path)


def _read(path: Path) -> int:
    try:
        with path.open("rb") as file:
            written = file.read(_DIGITS + 1)
    except OSError:
        return 0
    return int(written) if written.isdigit() and len(written) <= _DIGITS else 0
