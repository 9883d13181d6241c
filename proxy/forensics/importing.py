"""`ocpptap import`: a trace file into the store, as connections of its own.

What an import is called (`source`) is the SHA-256 of the file's bytes, and everything else follows from the file: ids,
batches, tokens. So a file that is in the store already changes nothing, and one that was cut off is continued. The
file is read twice: what it holds at all, and then line by line, in flat memory. The table `imports` says what began and
what is complete. Our own jsonl goes in as it stands; other records go through the pipeline.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from proxy.failpoints import failpoint
from proxy.forensics.find import rows
from proxy.forensics.imports.feeding import Census, Feeding
from proxy.forensics.imports.lines import Lines
from proxy.forensics.imports.pieces import Piece, Pieces
from proxy.forensics.imports.rows import line_of
from proxy.forensics.traces import Record, Unreadable, lines, record_of
from proxy.pipeline.batch import Batch
from proxy.pipeline.runner import Runner
from proxy.store.client import Store
from proxy.tables import INSERT_ORDER

_CHUNK: Final = 1 << 20
_SHOWN: Final = 3
Seen = Callable[[int], None]
"""Told of so many bytes of the file as they are read; it is read twice."""


class NothingInIt(ValueError):
    """No line of the file can be imported: one line."""


class Imported(msgspec.Struct):
    """What an import did. `was_there`: all of it was in the store already. `unreadable`: the first few lines that are
    no records; `skipped`: how many there are."""

    source: str
    was_there: int = 0
    sessions: int = 0
    rows: int = 0
    skipped: int = 0
    unreadable: list[Unreadable] = []

    def miss(self, line: Unreadable) -> None:
        self.skipped += 1
        if len(self.unreadable) < _SHOWN:
            self.unreadable = [*self.unreadable, line]


class Contents(msgspec.Struct):
    """What a file holds: our own lines, of these sessions, or records."""

    ours: int = 0
    records: int = 0
    sessions: dict[str, None] = {}
    census: Census = msgspec.field(default_factory=Census)
    wrong: list[Unreadable] = []


def import_file(
    store: Store, path: Path, runner: Callable[[], Runner], key: bytes, version: str, seen: Seen
) -> Imported:
    """Put `path` into `store`, which is a writer's. Raises OSError, ValueError (NothingInIt), StoreError."""
    source = _sha256(path)
    known = _known(store, source)
    if known.get("ended"):
        return Imported(source, 1, known["sessions"], known["rows"], known["unreadable"])
    contents = _contents(path, seen)
    if not (contents.ours or contents.records):
        why = f": line {contents.wrong[0].line}: {contents.wrong[0].why}" if contents.wrong else ""
        raise NothingInIt(f"there is no record in it{why}")
    imported = Imported(source)
    if not known:
        _note(store, path, imported, version, "NULL")
    reading = _reading(path, source, contents, runner, key, seen)
    _insert(store, source, reading.batches, imported, _stored(store, source) if known else {})
    imported.sessions = reading.sessions()
    if _sha256(path) != source:
        raise ValueError("it was changed while it was read: import it again when it is complete")
    _note(store, path, imported, version, "now64(6, 'UTC')")
    return imported


class Reading(msgspec.Struct, frozen=True):
    """A file's batches, and how many sessions they hold in the end."""

    batches: Iterator[Batch | Unreadable]
    sessions: Callable[[], int]


def _reading(
    path: Path, source: str, contents: Contents, runner: Callable[[], Runner], key: bytes, seen: Seen
) -> Reading:
    if contents.ours:
        ours = Lines(source, contents.sessions)
        return Reading(ours.read(lines(path, seen)), lambda: len(contents.sessions))
    feeding = Feeding(source, runner(), contents.census, key)
    return Reading(feeding.read(_records(path, seen)), lambda: feeding.sessions)


def _records(path: Path, seen: Seen) -> Iterator[Record | Unreadable]:
    for number, line in lines(path, seen):
        found = line if isinstance(line, Unreadable) else record_of(number, line)
        if found is not None:
            yield found


def _contents(path: Path, seen: Seen) -> Contents:
    """The first time through the file."""
    contents = Contents()
    for number, line in lines(path, seen):
        if isinstance(line, Unreadable):
            continue
        try:
            told = line_of(line)
        except ValueError:
            _take(contents, record_of(number, line))
            continue
        contents.ours += 1
        if told.table == "connections":
            contents.sessions[told.session] = None
    return contents


def _take(contents: Contents, record: Record | Unreadable | None) -> None:
    if isinstance(record, Record):
        contents.records += 1
        contents.census.take(record)
    elif record is not None and not contents.wrong:
        contents.wrong = [record]


def _insert(
    store: Store, source: str, read: Iterable[Batch | Unreadable], imported: Imported, stored: dict[str, int]
) -> None:
    """What is stored already, by table, is passed over."""
    pieces = Pieces()
    for batch in read:
        if isinstance(batch, Unreadable):
            imported.miss(batch)
            continue
        for piece in pieces.of(batch):
            imported.rows += len(piece.rows)
            if piece.number > stored.get(piece.table, 0):
                _put(store, source, piece)


def _put(store: Store, source: str, piece: Piece) -> None:
    failpoint("before-import")
    store.insert(piece.table, piece.rows, piece.token(source))
    failpoint("after-import")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# the table `imports`

_KNOWN: Final = """
SELECT countIf(ended_at IS NOT NULL) AS ended, max(imports.sessions) AS sessions, max(imports.rows) AS rows,
  max(imports.unreadable) AS unreadable
FROM imports WHERE source = {source:String} HAVING count() > 0
"""
_NOTE: Final = """
INSERT INTO imports SELECT {{source:String}}, {{name:String}}, {{version:String}}, now64(6, 'UTC'), {ended},
  {{sessions:UInt64}}, {{rows:UInt64}}, {{unreadable:UInt64}}
"""


def _known(store: Store, source: str) -> dict[str, int]:
    """What the store says of this import; nothing: it never began."""
    found = rows(store, _KNOWN, source=source)
    return {name: int(value) for name, value in found[0].items()} if found else {}


def _note(store: Store, path: Path, imported: Imported, version: str, ended: str) -> None:
    params = {
        "source": imported.source,
        "name": path.name.encode("utf-8", "backslashreplace").decode(),
        "version": version,
        "sessions": str(imported.sessions),
        "rows": str(imported.rows),
        "unreadable": str(imported.skipped),
    }
    store.query(_NOTE.format(ended=ended), params)


_OURS: Final = {"gaps": "AND kind != 'erased'"}
"""What `ocpptap erase` wrote is no piece, though it bears a piece's number; one too many is dropped by its token."""


def _stored(store: Store, source: str) -> dict[str, int]:
    """Table -> the last piece that is there."""
    asked = " UNION ALL ".join(
        f"SELECT '{table}' AS name, max(batch) AS last FROM all_{table} "
        f"WHERE source = {{source:String}} {_OURS.get(table, '')}"
        for table in INSERT_ORDER
    )
    return {row["name"]: int(row["last"]) for row in rows(store, asked, source=source)}
