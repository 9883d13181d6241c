"""One direction's rows, in stream order, as they stand in the store: what a stream is rebuilt from.

Rows come in pages. The sizes are asked for first and the pages cut by them: no answer is larger than the limits
of a reader, whatever the sizes of a session's rows, and a session of any size needs little memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from proxy.forensics.find import Session, rows
from proxy.names import Direction
from proxy.store.client import Store
from proxy.wire.frames import wire_bytes
from proxy.wire.header import KEY_SIZE

RESTARTS: Final = frozenset({"state", "erased", "quarantined"})
"""Kinds of gaps behind which the chain goes on from the gap's link: the recorder forgot the connection, or rows went,
on request or into a file because the store refused them. Without a link it goes on at the next that a row carries."""
_ROW_BYTES: Final = 256
"""What a row takes besides its bytes on the wire."""

_ROWS: Final = """
SELECT frame_no, stream_offset, kind, mask, masked, redacted, check, toString(toDate(at)),
  hex(header), hex(payload), hex(keyed_digest), hex(link)
FROM all_frames
WHERE connection_id = {connection:String} AND source = {source:String} AND direction = {direction:String}
  AND frame_no BETWEEN {first:UInt64} AND {last:UInt64}
ORDER BY frame_no, stream_offset
"""
_SIZES: Final = """
SELECT frame_no, sum(length(header) + length(payload)) FROM all_frames
WHERE connection_id = {connection:String} AND source = {source:String} AND direction = {direction:String}
  AND frame_no > {after:UInt64}
GROUP BY frame_no ORDER BY frame_no LIMIT {limit:UInt32}
"""
_GAPS: Final = """
SELECT stream_offset, bytes, kind, hex(link) AS link, toString(toDate(at)) AS day FROM all_gaps
WHERE connection_id = {connection:String} AND source = {source:String} AND direction = {direction:String}
ORDER BY stream_offset
"""


class Paging(msgspec.Struct, frozen=True):
    """The most that one question asks for: bytes of rows (one row is at most 1 MiB), rows, sizes of rows."""

    size: int = 8 * 1024 * 1024
    rows: int = 5_000
    sizes: int = 100_000


PAGING: Final = Paging()


class StoredRow(msgspec.Struct, frozen=True):
    """A `frames` row as far as the byte stream is concerned.

    `wire`: the row's bytes as they were on the wire, none when it is masked; `size`: how many they were.
    """

    frame_no: int
    offset: int
    kind: str
    redacted: bool
    check: int
    day: str
    wire: bytes
    size: int
    keyed_digest: bytes
    link: bytes


class StoredGap(msgspec.Struct, frozen=True):
    """Bytes [offset, until) of the stream are not in `frames`, and the store says so.

    `link`: where the chain stood, and goes on from. `day`: when they passed (YYYY-MM-DD, UTC).
    """

    offset: int
    until: int
    kind: str
    link: bytes
    day: str = ""


def stored_rows(
    store: Store, session: Session, direction: Direction, paging: Paging = PAGING
) -> Iterator[StoredRow]:
    """Every row of `direction`, by frame number."""
    for first, last in pages(_sizes(store, session, direction, paging), paging):
        params = _which(session, direction) | {"first": str(first), "last": str(last)}
        answer = store.query(_ROWS, params, "TabSeparated")
        yield from (_row(line.split("\t")) for line in answer.decode().splitlines())


def _sizes(store: Store, session: Session, direction: Direction, paging: Paging) -> Iterator[tuple[int, int]]:
    """(frame number, bytes) of every row of `direction`."""
    after, full = 0, True
    while full:
        params = _which(session, direction) | {"after": str(after), "limit": str(paging.sizes)}
        lines = store.query(_SIZES, params, "TabSeparated").splitlines()
        for line in lines:
            number, size = line.split(b"\t")
            after = int(number)
            yield after, int(size)
        full = len(lines) == paging.sizes


def pages(sizes: Iterable[tuple[int, int]], paging: Paging) -> Iterator[tuple[int, int]]:
    """First and last frame number of each page."""
    first = last = count = total = 0
    for number, size in sizes:
        if count and (count == paging.rows or total + size + _ROW_BYTES > paging.size):
            yield first, last
            count = total = 0
        first = first if count else number
        last, count, total = number, count + 1, total + size + _ROW_BYTES
    if count:
        yield first, last


def _which(session: Session, direction: Direction) -> dict[str, str]:
    return {
        "connection": session.connection_id,
        "source": session.source,
        "direction": direction.label,
    }


def _row(fields: list[str]) -> StoredRow:
    number, offset, kind, mask, masked, redacted, check, day = fields[:8]
    header, payload, digest, link = (bytes.fromhex(field) for field in fields[8:])
    is_redacted, is_masked = redacted == "1", masked == "1"
    wire = b"" if is_redacted else wire_bytes(header, int(mask), is_masked, payload)
    length = payload_length(header) if is_redacted and kind == "frame" else len(payload)
    return StoredRow(
        frame_no=int(number),
        offset=int(offset),
        kind=kind,
        redacted=is_redacted,
        check=int(check),
        day=day,
        wire=wire,
        size=len(header) + (KEY_SIZE if is_masked and header else 0) + length,
        keyed_digest=digest,
        link=link,
    )


def payload_length(header: bytes) -> int:
    """What a whole frame's header says (RFC 6455 5.2). A masked row of another kind is as long as what it holds."""
    short = header[1] & 127 if len(header) > 1 else 0
    return short if short < 126 else int.from_bytes(header[2:], "big")


def stored_gaps(store: Store, session: Session, direction: Direction) -> list[StoredGap]:
    """What the store says is missing from `direction`."""
    found = rows(store, _GAPS, **_which(session, direction))
    return [
        StoredGap(
            offset=int(row["stream_offset"]),
            until=int(row["stream_offset"]) + int(row["bytes"]),
            kind=row["kind"],
            link=bytes.fromhex(row["link"]),
            day=row["day"],
        )
        for row in found
    ]
