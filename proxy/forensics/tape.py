"""A recorded session as it is read back: who it was, and every row of both directions in the order of time.

What export, import and replay are made of. Rows come in pages cut by their sizes, so that no answer is larger than the
limits of a reader and a session of any length needs little memory. Nothing is decoded here: payloads are what passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from proxy.forensics.find import NotFound, Session, rows
from proxy.forensics.show import Span
from proxy.names import Direction
from proxy.store.client import Store

FRAME: Final = 1
PART: Final = 2
OPAQUE: Final = 3
TAIL: Final = 4
"""`kind`, as in tables.FRAME_KINDS."""
_ROW_BYTES: Final = 256
FIRST: Final = 0
LAST: Final = 10_413_791_999_999_999
"""Microseconds UTC: 1970, before which no wall clock stands, and the last moment that a column can hold (2299)."""


class Paging(msgspec.Struct, frozen=True):
    """The most that one question asks for: bytes of rows (one row is at most 1 MiB and its text), rows, sizes."""

    size: int = 8 << 20
    rows: int = 20_000
    sizes: int = 100_000


PAGING: Final = Paging()


class Head(msgspec.Struct, frozen=True):
    """The session's `connections` row, the newest. Moments are microseconds UTC. `source`: '' live, else an import's
    SHA-256; `source_connection_id`: then what the session was called where it was recorded."""

    connection_id: str
    source: str
    journal: str
    charge_point: str
    at: int
    last_at: int
    state: str
    ocpp_version: str
    subprotocol: str
    compression: str
    target: str
    remote_address: str
    upstream: str
    request_head: bytes
    response_head: bytes
    close_code: int
    closed_by: str
    closed_how: str
    closed_reason: str
    vendor: str
    model: str
    firmware: str
    source_connection_id: str = ""

    @property
    def original_id(self) -> str:
        """What the session was called when it was recorded."""
        return self.source_connection_id or self.connection_id


class Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of `frames`. `at`: microseconds UTC. `payload`: as on the wire but unmasked; `text`: what was decoded from
    it, only where that differs; both without what is masked (`redacted`). `answers`: the frame_no of the call.
    `check`, `keyed_digest`, `link`: of the hash chain. `rule`, `pointer`, `clause`: why the verdict is not ok."""

    at: int
    frame_no: int
    stream_offset: int
    direction: Direction
    kind: int
    opcode: int
    fin: int
    rsv: int
    masked: int
    mask: int
    message_type: int
    verdict: int
    truncated: int
    redacted: int
    answers: int
    latency_us: int | None
    message_id: str
    action: str
    header: bytes
    payload: bytes
    text: bytes
    check: int = 0
    keyed_digest: bytes = b""
    link: bytes = b""
    pointer: str = ""
    rule: str = ""
    clause: str = ""

    @property
    def said(self) -> bytes:
        """What the message's text is, if this frame holds a whole one."""
        return self.text or self.payload

    @property
    def is_message(self) -> bool:
        """A text message ends with this row, and nothing of it is missing in `said`."""
        whole = self.kind == FRAME and self.opcode == 1 and self.fin and not self.rsv
        return bool(whole or self.text) and not self.truncated


_HEAD: Final = """
SELECT connection_id, source, journal, charge_point, toUnixTimestamp64Micro(known.at) AS at,
  toUnixTimestamp64Micro(known.last_at) AS last_at, state, ocpp_version, subprotocol, compression,
  toValidUTF8(known.target) AS target, remote_address, upstream,
  base64Encode(request_head) AS request_head, base64Encode(response_head) AS response_head,
  close_code, closed_by, closed_how, closed_reason, vendor, model, firmware,
  COLUMNS('^source_connection_id$')
FROM all_connections AS known FINAL
WHERE connection_id IN {connections:Array(String)} AND source = {source:String}
"""
_WHICH: Final = """
  charge_point = {charge_point:String} AND source = {source:String} AND connection_id = {connection:String}
  AND at >= fromUnixTimestamp64Micro({since:Int64}) AND at <= fromUnixTimestamp64Micro({until:Int64})
  AND (at > fromUnixTimestamp64Micro({since:Int64}) OR frame_no > {after:UInt64})
"""
_CUTS: Final = (
    """
SELECT toUnixTimestamp64Micro(at), frame_no, length(header) + length(payload) + length(text) FROM all_frames
WHERE """
    + _WHICH
    + " ORDER BY charge_point, at, connection_id, frame_no, stream_offset LIMIT {limit:UInt32}"
)
_ROWS: Final = (
    """
SELECT toUnixTimestamp64Micro(at), frame_no, stream_offset, CAST(direction, 'Int8'), CAST(kind, 'Int8'), opcode, fin,
  rsv, masked, mask, message_type, CAST(verdict, 'Int8'), truncated, redacted, answers, latency_us,
  toValidUTF8(message_id), toValidUTF8(action), base64Encode(header), base64Encode(payload), base64Encode(text),
  check, base64Encode(keyed_digest), base64Encode(link), toValidUTF8(pointer), toValidUTF8(rule), toValidUTF8(clause)
FROM all_frames
WHERE """
    + _WHICH
    + """ AND (at < fromUnixTimestamp64Micro({until:Int64}) OR frame_no <= {last:UInt64})
ORDER BY charge_point, at, connection_id, frame_no, stream_offset
"""
)


_EXTENT: Final = (
    """
SELECT count(), toUnixTimestamp64Micro(min(at)), toUnixTimestamp64Micro(max(at)) FROM all_frames
WHERE """
    + _WHICH
)


class Cut(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a row stands, and how large it is."""

    at: int
    frame_no: int
    size: int


class Extent(msgspec.Struct, frozen=True, array_like=True):
    """How many rows of a session there are, and when the first and the last of them passed."""

    count: int
    first: int
    last: int


_EXTENT_DECODER: Final = msgspec.json.Decoder(Extent, strict=False)
_CUT_DECODER: Final = msgspec.json.Decoder(Cut, strict=False)
_FRAME_DECODER: Final = msgspec.json.Decoder(Frame, strict=False)
_HEAD_DECODER: Final = msgspec.json.Decoder(Head, strict=False)


def head_of(store: Store, session: Session) -> Head:
    """Raises NotFound, StoreError."""
    found = heads_of(store, session.source, [session.connection_id])
    if not found:
        raise NotFound(f"session {session.connection_id} is not in the store any more")
    return found[0]


def heads_of(store: Store, source: str, connections: Sequence[str]) -> list[Head]:
    """Those of these ids that there are, in no order. Ids that came from a store."""
    which = {"connections": str(list(connections)), "source": source}
    return _HEAD_DECODER.decode_lines(store.query(_HEAD, which))


def extent(store: Store, head: Head, since: int = FIRST, until: int = LAST) -> Extent:
    """Of what `frames` gives. The wall clock may have been set back: the first row may be older than the session."""
    which = _which(head, since, until) | {"after": "0"}
    return _EXTENT_DECODER.decode(store.query(_EXTENT, which, "JSONCompactEachRow"))


def frames(
    store: Store,
    head: Head,
    since: int = FIRST,
    until: int = LAST,
    paging: Paging = PAGING,
    there: Extent | None = None,
) -> Iterator[Frame]:
    """Every row of the session from `since` to `until` (microseconds UTC), both directions, in the order of time.
    `there`: what `extent` says, if it is known already."""
    there = there or extent(store, head, since, until)
    if not there.count:
        return
    for first, last in _pages(_cuts(store, head, there, paging), paging):
        which = _which(head, first.at, last.at) | {"after": str(first.frame_no), "last": str(last.frame_no)}
        answer = store.query(_ROWS, which, "JSONCompactEachRow")
        yield from _FRAME_DECODER.decode_lines(answer)


def _cuts(store: Store, head: Head, there: Extent, paging: Paging) -> Iterator[Cut]:
    """Where every row stands, after a first one that stands before all of them."""
    place, full = Cut(there.first - 1, 0, 0), True
    yield place
    while full:
        which = _which(head, place.at, there.last) | {
            "after": str(place.frame_no),
            "limit": str(paging.sizes),
        }
        found = _CUT_DECODER.decode_lines(store.query(_CUTS, which, "JSONCompactEachRow"))
        yield from found
        full = len(found) == paging.sizes
        place = found[-1] if found else place


def _pages(cuts: Iterable[Cut], paging: Paging) -> Iterator[tuple[Cut, Cut]]:
    """(the row before the page, its last row)."""
    cuts = iter(cuts)
    before = last = next(cuts)
    count = size = 0
    for cut in cuts:
        if count and (count == paging.rows or size + cut.size + _ROW_BYTES > paging.size):
            yield before, last
            before, count, size = last, 0, 0
        last, count, size = cut, count + 1, size + cut.size + _ROW_BYTES
    if count:
        yield before, last


def _which(head: Head, since: int, until: int) -> dict[str, str]:
    return {
        "charge_point": head.charge_point,
        "source": head.source,
        "connection": head.connection_id,
        "since": str(since),
        "until": str(until),
    }


_SESSIONS: Final = """
SELECT connection_id FROM connections
WHERE charge_point = {charge_point:String} AND state != 'refused'
  AND (state = 'open' OR connections.last_at >= {since:DateTime64(6, 'UTC')})
  AND connections.at <= {until:DateTime64(6, 'UTC')}
ORDER BY connections.at, connection_id
"""


def sessions_of(store: Store, charge_point: str, span: Span) -> list[str]:
    """The ids of its sessions in that time, oldest first. Raises ValueError for a time that is none."""
    return [
        row["connection_id"] for row in rows(store, _SESSIONS, charge_point=charge_point, **span.params())
    ]
