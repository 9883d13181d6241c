"""Where an export goes: files that have their names only when all of it is written, or stdout.

A file is written as `<name>.part` and renamed at the end; what is left undone leaves none. A name that ends in `.zst`
is compressed (Zstandard), and so is what is written beside it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from backports import zstd

from proxy.forensics.export.material import NoFile, Outputs

PART: Final = ".part"
ZST: Final = ".zst"
STDOUT: Final = "-"


class Files:
    """Files beside each other: `name`, and `name` with a suffix."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._plain = name.removesuffix(ZST)
        self._zst = name[len(self._plain) :]
        self._open: list[tuple[Path, BinaryIO, Any]] = []

    def open(self, suffix: str = "") -> BinaryIO:
        """Raises OSError."""
        path = Path(self._plain + suffix + self._zst)
        file = open(f"{path}{PART}", "wb")  # noqa: SIM115 -- closed by `commit` or `discard`
        written = cast(BinaryIO, zstd.ZstdFile(file, "w")) if self._zst else file
        self._open.append((path, file, written))
        return written

    @property
    def paths(self) -> list[Path]:
        """What was opened so far."""
        return [path for path, _, _ in self._open]

    def commit(self) -> None:
        """Everything is written: the files get their names. Raises OSError."""
        for path, file, written in self._open:
            if written is not file:
                written.close()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(f"{path}{PART}", path)

    def discard(self) -> None:
        """It was not: nothing is left."""
        for path, file, _ in self._open:
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                os.unlink(f"{path}{PART}")


class Stdout:
    """One stream; nothing can stand beside it."""

    name = ""

    def open(self, suffix: str = "") -> BinaryIO:
        """Raises NoFile."""
        if suffix:
            raise NoFile("this needs files: name one with --output")
        return sys.stdout.buffer


@contextlib.contextmanager
def outputs_of(name: str) -> Iterator[Outputs]:
    """What `--output` names. A file is there when this ends well, else none is. Raises OSError."""
    if name in ("", STDOUT):
        yield Stdout()
        return
    files = Files(name)
    try:
        yield files
        files.commit()
    except BaseException:
        files.discard()
        raise
