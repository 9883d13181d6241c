"""`<data>/key`: 32 random bytes, made once, readable by the owner only (DESIGN 6).

Under it stand the digests that masked rows bind to their chains, and the seal of the checkpoints. It never leaves the
data directory, and nothing is derived from it that could be read elsewhere. Without it the digests of rows already
stored can no longer be made again, and the recorder goes on from the beginning of the journal.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from proxy.log import get_logger
from proxy.recorder.checkpoint import write_durably

KEY_SIZE: Final = 32


class KeyUnusable(Exception):
    """One line that says which file, what is wrong with it, and what to do."""


def load_key(path: Path) -> bytes:
    """The key at `path`; made when there is no file. Raises KeyUnusable."""
    try:
        return _read(path)
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise KeyUnusable(f"cannot read {path}: {error.strerror}: restore it, or its permissions") from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        key = file.read(KEY_SIZE + 1)
    if len(key) != KEY_SIZE:
        raise KeyUnusable(
            f"{path} is damaged (not {KEY_SIZE} bytes): restore it from a copy, or remove it and the recorder makes "
            "another (masked rows of sessions that are open now can then not be verified)"
        )
    return key


def _make(path: Path) -> bytes:
    key = os.urandom(KEY_SIZE)
    try:
        write_durably(path, key)
    except OSError as error:
        raise KeyUnusable(f"cannot write {path}: {error.strerror}") from error
    get_logger().info("key_made", path=str(path))
    return key
