"""Two generations of checkpoint files: where reading goes on, and what was known there (DESIGN 5).

A file is magic, a nonce, then MessagePack sealed with ChaCha20-Poly1305 (RFC 8439): half a message that waits for
its end, or the window of a compressed stream, may hold a secret. The key is made of the data directory's. A file that
is damaged, or sealed under another key, is no checkpoint. Its parts are encoded on their own, each with its schema
number: a part that cannot be read is dropped to "unknown", which costs findings or names, never rows.
Written as tmp + fsync + rename + fsync of the directory; the newest readable one counts.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import threading
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from proxy.failpoints import failpoint

_MAGIC: Final = b"ocpptap checkpoint 2\n"
_NONCE_SIZE: Final = 12
"""Random: two of them meet once in 2^48 checkpoints."""
_NAMES: Final = ("checkpoint-a", "checkpoint-b")
T = TypeVar("T")


class Part(msgspec.Struct, frozen=True):
    """One part's state under its schema number."""

    schema: int
    data: bytes


class Checkpoint(msgspec.Struct, frozen=True):
    """`generation` grows by one; `batch` is the number of the last batch before it."""

    generation: int
    journal: bytes
    batch: int
    positions: bytes
    parts: dict[str, Part]


def pack(schema: int, value: object) -> Part:
    return Part(schema, msgspec.msgpack.encode(value))


def unpack(part: Part | None, schema: int, kind: type[T]) -> T | None:
    """The part's state, or None when it is missing, of another schema, or unreadable."""
    if part is None or part.schema != schema:
        return None
    try:
        return msgspec.msgpack.decode(part.data, type=kind)
    except msgspec.MsgspecError:
        return None


class Checkpoints:
    """The checkpoint files of one data directory. `key`: that of `<data>/key`."""

    def __init__(self, directory: Path, key: bytes) -> None:
        self.directory = directory
        self._seal = ChaCha20Poly1305(hmac.digest(key, _MAGIC, "sha256"))
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self._deaths_lock = threading.Lock()
        """A checkpoint is reached in the inserter's thread; the main one may end meanwhile."""

    def load(self, journal: bytes) -> list[Checkpoint]:
        """The readable checkpoints of this journal, newest first."""
        found = [
            checkpoint for name in _NAMES if (checkpoint := self._read(self.directory / name)) is not None
        ]
        mine = [checkpoint for checkpoint in found if checkpoint.journal == journal]
        return sorted(mine, key=lambda checkpoint: -checkpoint.generation)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the older generation. Raises OSError; the newer generation is untouched then."""
        nonce = os.urandom(_NONCE_SIZE)
        body = self._seal.encrypt(nonce, msgspec.msgpack.encode(checkpoint), _MAGIC)
        parts = (_MAGIC, nonce, body)  # not joined: the body may have 100 MiB
        target = self.directory / _NAMES[checkpoint.generation % 2]
        failpoint("before-checkpoint")
        write_durably(target, *parts)
        failpoint("after-checkpoint")

    def _read(self, path: Path) -> Checkpoint | None:
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if not data.startswith(_MAGIC):
            return None
        begin = len(_MAGIC) + _NONCE_SIZE
        try:
            body = self._seal.decrypt(data[len(_MAGIC) : begin], data[begin:], _MAGIC)
            return msgspec.msgpack.decode(body, type=Checkpoint)
        except (InvalidTag, ValueError):  # msgspec's errors are ValueErrors; so is a nonce that was cut
            return None

    # deaths: how often the recorder began without reaching a checkpoint

    def begin(self) -> int:
        """Count this start as a death until it is known better; the deaths before it."""
        with self._deaths_lock:
            deaths = self._deaths()
            self._note(deaths + 1)
        return deaths

    def left(self, deaths: int) -> None:
        """This life ended as it was told to: no death. `deaths`: what `begin` said."""
        with self._deaths_lock:
            if self._deaths() == deaths + 1:
                self._note(deaths)

    def reached(self) -> None:
        """A checkpoint was made: earlier deaths are forgotten."""
        with self._deaths_lock:
            if self._deaths():
                self._note(0)

    def _note(self, deaths: int) -> None:
        with contextlib.suppress(OSError):  # a full disk must not keep the recorder from making room
            write_durably(self.directory / "deaths", str(deaths).encode())

    def _deaths(self) -> int:
        try:
            return int((self.directory / "deaths").read_text())
        except (OSError, ValueError):
            return 0


def write_durably(path: Path, *parts: bytes) -> None:
    tmp = path.with_name(path.name + ".tmp")
    descriptor = os.open(tmp, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        tmp.rename(path)
    finally:
        tmp.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
