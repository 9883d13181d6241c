"""Rows that the store refuses, kept in files: `<data>/quarantine/<journal>-<batch>-<table>.jsonl` (0600 in 0700).

- One JSON object a line: at (when it was set aside), table, batch, row (its position within the table's rows of the
  batch), token, reason, code (ClickHouse's), values (column -> value; bytes as {"hex": ...}). They are the rows as the
  table would have got them: secrets are masked already.
- Beside it `.refused`: the spans (`first-last`) that were refused as a whole. A later life sends their halves, never
  them: it must not matter whether the store would take them by then.
- Lines are appended and synced; a row is there once. A line that is cut at the end was never acknowledged: it goes.
- Bounded. Full: `QuarantineFull`, and the inserter waits: evidence is not thrown away.

Knows no store. Belongs to the inserter's thread.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.failpoints import failpoint
from proxy.names import MAX_PART
from proxy.pipeline.batch import Row
from proxy.recorder.bisection import Span
from proxy.tables import FRAME_KINDS, TABLES

DIRECTORY: Final = "quarantine"
MOST_BYTES: Final = 1 << 30
"""Of the directory."""
MOST_ROWS: Final = 10_000
"""Of one batch."""
LONGEST_REASON: Final = 1000
GAP_KIND: Final = "quarantined"
GAP_NUMBERS: Final = 1 << 63
"""`gap_no` of these gaps begins here: no other gap of a batch has such a number."""
_KEY_SIZE: Final = 4
_TAIL: Final = 4 * MAX_PART


class QuarantineFull(OSError):
    """A limit is reached; one line that says which."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Whose rows: the journal (hex), the batch and the table."""

    journal: str
    batch: int
    table: str

    @property
    def token(self) -> str:
        return f"{self.journal}:{self.batch}:{self.table}"


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A row that the store refused alone: its position, the token it was sent with, the store's words and code."""

    position: int
    token: str
    reason: str
    code: int


class Quarantine:
    def __init__(self, directory: Path, most_bytes: int = MOST_BYTES, most_rows: int = MOST_ROWS) -> None:
        self.directory = directory
        self._most_bytes = most_bytes
        self._most_rows = most_rows
        self._bytes: int | None = None
        self._batch = ("", -1)
        self._known: set[tuple[str, int]] = set()
        """Tables and positions of that batch's rows."""

    def spans(self, place: Place) -> set[Span]:
        """What was refused as a whole. Raises OSError."""
        return {span for line in _lines(self._path(place, ".refused")) if (span := _span(line))}

    def rows(self, place: Place) -> dict[int, Refused]:
        """What was set aside. Raises OSError."""
        told = map(_told, _lines(self.path(place)))
        return {one.position: one for one in told if one is not None}

    def halve(self, place: Place, span: Span) -> None:
        """Remember, before a half of it is sent, that `span` was refused. Raises OSError."""
        self._append(self._path(place, ".refused"), b"%d-%d\n" % span)

    def add(self, place: Place, refused: Refused, row: Row) -> bool:
        """Keep one row for good; False: it is kept already. Raises OSError."""
        known = self._of_batch(place)
        if (place.table, refused.position) in known:
            return False
        if len(known) >= self._most_rows:
            raise QuarantineFull(f"the quarantine has {len(known)} rows of batch {place.batch}, its most")
        failpoint("before-quarantine")
        self._append(self.path(place), _line(place, refused, row))
        failpoint("after-quarantine")
        known.add((place.table, refused.position))
        return True

    def path(self, place: Place) -> Path:
        """The file that its rows are in."""
        return self._path(place, ".jsonl")

    def _path(self, place: Place, kind: str) -> Path:
        return self.directory / f"{place.journal}-{place.batch}-{place.table}{kind}"

    def _of_batch(self, place: Place) -> set[tuple[str, int]]:
        if self._batch != (place.journal, place.batch):
            places = [Place(place.journal, place.batch, table) for table in TABLES]
            self._known = {(one.table, position) for one in places for position in self.rows(one)}
            self._batch = (place.journal, place.batch)
        return self._known

    def _append(self, path: Path, line: bytes) -> None:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self._make_sure_of_room(len(line))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            _cut_tail(file.fileno())
            if file.write(line) != len(line):
                raise OSError("the disk took a part of a line")
            os.fsync(file.fileno())
        self._bytes = (self._bytes or 0) + len(line)
        _sync_directory(self.directory)

    def _make_sure_of_room(self, size: int) -> None:
        """Somebody may have made room since the directory was measured."""
        if self._bytes is None or self._bytes + size > self._most_bytes:
            self._bytes = sum(entry.stat().st_size for entry in os.scandir(self.directory))
        if self._bytes + size > self._most_bytes:
            raise QuarantineFull(f"the quarantine has {self._bytes} bytes: {self._most_bytes} are its most")


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines; of a file that is not there none."""
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except FileNotFoundError:
        return


def _cut_tail(descriptor: int) -> None:
    """Behind the last whole line: what a death or a full disk left."""
    end = os.fstat(descriptor).st_size
    keep = end
    while keep and os.pread(descriptor, 1, keep - 1) != b"\n":
        begin = max(0, keep - _TAIL)
        keep = begin + os.pread(descriptor, keep - begin, begin).rfind(b"\n") + 1
    if keep < end:
        os.ftruncate(descriptor, keep)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _span(line: bytes) -> Span | None:
    first, _, last = line.strip().partition(b"-")
    if not (first.isdigit() and last.isdigit()):
        return None
    return (int(first), int(last)) if int(first) < int(last) else None


def _told(line: bytes) -> Refused | None:
    try:
        told = json.loads(line)
        return Refused(int(told["row"]), str(told["token"]), str(told["reason"]), int(told["code"]))
    except (ValueError, KeyError, TypeError):
        return None


def _line(place: Place, refused: Refused, row: Row) -> bytes:
    values = dict(zip(TABLES[place.table], map(_plain, row), strict=False))
    told = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "table": place.table,
        "batch": place.batch,
        "row": refused.position,
        "token": refused.token,
        "reason": refused.reason,
        "code": refused.code,
        "values": values,
    }
    return json.dumps(told).encode() + b"\n"


def _plain(value: Any) -> Any:
    """As JSON has it, and nothing lost: bytes in hex, other things that JSON has no form for in words."""
    if isinstance(value, bytes | bytearray):
        return {"hex": value.hex()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return {"told": repr(value)}


def gap_of(row: Row, batch: int, position: int, reason: str) -> Row:
    """The `gaps` row that stands for a `frames` row which the store does not take (R5)."""
    frame = dict(zip(TABLES["frames"], row, strict=True))
    gap = {
        "until_at": frame["at"],
        "batch": batch,
        "gap_no": GAP_NUMBERS + position,
        "bytes": _wire_size(frame),
        "kind": GAP_KIND,
        "reason": reason,
    }
    return tuple((frame | gap)[column] for column in TABLES["gaps"])


def _wire_size(frame: dict[str, Any]) -> int:
    """Bytes on the wire: header, masking key, payload. A masked row has none of its payload's bytes, but of a whole
    frame the header tells how many they were (RFC 6455 5.2)."""
    header: bytes = frame["header"]
    key = _KEY_SIZE if frame["masked"] and header else 0
    payload = len(frame["payload"])
    if frame["redacted"] and frame["kind"] == FRAME_KINDS["frame"] and len(header) > 1:
        short = header[1] & 127
        payload = short if short < 126 else int.from_bytes(header[2:], "big")
    return len(header) + key + payload
