"""What `ocpptap erase` reads of `frames`: which streams may hold a subject, and their rows in order.

Rows are found day by day, the unit in which they are stored, and read in pages cut by their sizes, so that neither
needs much memory. Of an id tag the store says only which streams *may* hold it; what holds it is decided row by row
(`erasing_chain`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from proxy.forensics.erasing_chain import Row
from proxy.forensics.erasing_subject import CHARGE_POINT, Subject
from proxy.forensics.find import rows
from proxy.forensics.stream import PAGING, Paging, StoredGap, pages
from proxy.forensics.tape import Frame
from proxy.forensics.verify import as_stored
from proxy.names import Direction
from proxy.store.client import Store
from proxy.store.parameters import quoted

_DIRECTIONS: Final = {direction.label: direction for direction in Direction}


class Stream(msgspec.Struct, frozen=True):
    """One direction of a session, live or imported. `original_id`: what the session was called when it was recorded;
    `rows`: that there are; `unread`: messages in it that nobody could decompress in full."""

    source: str
    connection_id: str
    direction: Direction
    journal: str
    charge_point: str
    original_id: str
    rows: int
    unread: int


_DAYS: Final = "SELECT DISTINCT toString(toDate(at)) AS day FROM all_frames WHERE {of_it} ORDER BY day"
_STREAMS: Final = """
SELECT source, connection_id, toString(direction) AS way, any(journal) AS of_journal, any(charge_point) AS name,
  count() AS rows, {counted}
FROM all_frames WHERE toDate(at) = toDate({day}) AND {of_it}
GROUP BY source, connection_id, direction {having}
"""
_OF_NAME: Final = "0 AS unread"
_OF_TAG: Final = """
  countIf({in_payload} OR {in_text}) AS hits,
  countIf(kind != 'frame' AND length(payload) > 0) AS pieces,
  countIf(kind = 'frame' AND fin = 0 AND opcode IN (1, 2)) AS begun,
  countIf(kind = 'frame' AND fin = 1 AND opcode = 0 AND text != '') AS put_together,
  countIf(truncated = 1 OR rsv != 0 AND fin = 1 AND opcode IN (1, 2) AND text = '' AND length(payload) > 0) AS unread
"""
_MAYBE: Final = "HAVING hits > 0 OR pieces > 0 OR begun != put_together OR unread > 0"
"""What came in pieces may hold a tag that is cut in two."""
_ORIGINALS: Final = """
SELECT connection_id, source, any(source_connection_id) AS original FROM all_connections
WHERE source_connection_id != '' GROUP BY connection_id, source
"""
Seen = Callable[[int], None]


def days(store: Store, subject: Subject) -> list[str]:
    """On which there are rows that may be the subject's, oldest first."""
    return [row["day"] for row in rows(store, _DAYS.format(of_it=_of_it(subject)))]


def streams(store: Store, subject: Subject, seen: Seen) -> list[Stream]:
    """Those that may hold the subject. `seen`: told of each day."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for day in days(store, subject):
        for row in rows(store, _question(subject, day)):
            key = row["source"], row["connection_id"], row["way"]
            known = found.setdefault(key, row | {"rows": 0, "unread": 0})
            known["rows"] += int(row["rows"])
            known["unread"] += int(row["unread"])
        seen(1)
    originals = _originals(store) if any(row["source"] for row in found.values()) else {}
    return [_stream(row, originals) for _, row in sorted(found.items())]


def _of_it(subject: Subject) -> str:
    return f"charge_point = {quoted(subject.value)}" if subject.what == CHARGE_POINT else "1"


def _question(subject: Subject, day: str) -> str:
    of_name = subject.what == CHARGE_POINT
    return _STREAMS.format(
        counted=_OF_NAME if of_name else _of_tag(subject),
        day=quoted(day),
        of_it=_of_it(subject),
        having="" if of_name else _MAYBE,
    )


def _of_tag(subject: Subject) -> str:
    return _OF_TAG.format(in_payload=_may_hold(subject, "payload"), in_text=_may_hold(subject, "text"))


def _may_hold(subject: Subject, column: str) -> str:
    signs = ", ".join(map(quoted, subject.signs))
    quick = f"multiSearchAnyCaseInsensitive({column}, [{signs}]) AND " if signs else ""
    return f"({quick}match({column}, {quoted(subject.trace)}))"


def _originals(store: Store) -> dict[tuple[str, str], str]:
    return {(row["connection_id"], row["source"]): row["original"] for row in rows(store, _ORIGINALS)}


def _stream(row: dict[str, Any], originals: dict[tuple[str, str], str]) -> Stream:
    connection = row["connection_id"]
    return Stream(
        row["source"],
        connection,
        _DIRECTIONS[row["way"]],
        row["of_journal"],
        row["name"],
        originals.get((connection, row["source"]), connection),
        row["rows"],
        row["unread"],
    )


# the rows of a stream

_WHICH: Final = """
connection_id = {connection:String} AND source = {source:String} AND direction = {direction:String}
"""
_SIZES: Final = f"""
SELECT frame_no, sum(length(header) + length(payload) + length(text)) FROM all_frames
WHERE {_WHICH} AND frame_no > {{after:UInt64}} GROUP BY frame_no ORDER BY frame_no LIMIT {{limit:UInt32}}
"""
_ROWS: Final = f"""
SELECT toUnixTimestamp64Micro(at), batch, frame_no, stream_offset, CAST(direction, 'Int8'), CAST(kind, 'Int8'), opcode,
  fin, mask, masked, redacted, check, base64Encode(header), base64Encode(payload), base64Encode(text),
  base64Encode(keyed_digest), base64Encode(link)
FROM all_frames WHERE {_WHICH} AND frame_no BETWEEN {{first:UInt64}} AND {{last:UInt64}}
ORDER BY frame_no, stream_offset
"""
_GAPS: Final = f"""
SELECT stream_offset, stream_offset + bytes, toString(kind), base64Encode(link) FROM all_gaps
WHERE {_WHICH} ORDER BY stream_offset, bytes
"""


class _Asked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    at: int
    batch: int
    frame_no: int
    stream_offset: int
    direction: Direction
    kind: int
    opcode: int
    fin: int
    mask: int
    masked: int
    redacted: int
    check: int
    header: bytes
    payload: bytes
    text: bytes
    keyed_digest: bytes
    link: bytes

    @property
    def row(self) -> Row:
        frame = Frame(
            at=self.at,
            frame_no=self.frame_no,
            stream_offset=self.stream_offset,
            direction=self.direction,
            kind=self.kind,
            opcode=self.opcode,
            fin=self.fin,
            rsv=0,
            masked=self.masked,
            mask=self.mask,
            message_type=0,
            verdict=0,
            truncated=0,
            redacted=self.redacted,
            answers=0,
            latency_us=None,
            message_id="",
            action="",
            header=self.header,
            payload=self.payload,
            text=b"",
            check=self.check,
            keyed_digest=self.keyed_digest,
            link=self.link,
        )
        return Row(
            self.at,
            self.batch,
            self.opcode,
            self.fin,
            self.header,
            self.payload,
            self.text,
            as_stored(frame),
        )


class _Gap(msgspec.Struct, frozen=True, array_like=True, gc=False):
    offset: int
    until: int
    kind: str
    link: bytes


_ROW_DECODER: Final = msgspec.json.Decoder(_Asked, strict=False)
_GAP_DECODER: Final = msgspec.json.Decoder(_Gap, strict=False)
_SIZE_DECODER: Final = msgspec.json.Decoder(tuple[int, int], strict=False)


def rows_of(store: Store, stream: Stream, paging: Paging = PAGING) -> Iterator[Row]:
    """Every row, by frame number, whatever its time."""
    for first, last in pages(_sizes(store, stream, paging), paging):
        params = _which(stream) | {"first": str(first), "last": str(last)}
        for asked in _ROW_DECODER.decode_lines(store.query(_ROWS, params, "JSONCompactEachRow")):
            yield asked.row


def _sizes(store: Store, stream: Stream, paging: Paging) -> Iterator[tuple[int, int]]:
    after, full = 0, True
    while full:
        params = _which(stream) | {"after": str(after), "limit": str(paging.sizes)}
        found = _SIZE_DECODER.decode_lines(store.query(_SIZES, params, "JSONCompactEachRow"))
        yield from found
        full = len(found) == paging.sizes
        after = found[-1][0] if found else after


def gaps_of(store: Store, stream: Stream) -> list[StoredGap]:
    """What the store says is missing."""
    found: Iterable[_Gap] = _GAP_DECODER.decode_lines(
        store.query(_GAPS, _which(stream), "JSONCompactEachRow")
    )
    return [StoredGap(gap.offset, gap.until, gap.kind, gap.link) for gap in found]


def _which(stream: Stream) -> dict[str, str]:
    return {
        "connection": stream.connection_id,
        "source": stream.source,
        "direction": stream.direction.label,
    }
