"""`ocpptap verify`: rebuild both streams from the store and check the hash chain (DESIGN 6).

It detects change, not a forger who owns the whole table: note the last link elsewhere. Checking begins at the
first link still there: rows whose partition has expired are not held against the session. A `gaps` row says
where bytes are missing, and where the recorder forgot the connection and began a new chain (kind `state`).
A masked row binds a digest of its bytes, which only `<data>/key` can make again, to the chain: that it was not
changed is checked; what the bytes were is known to the journal alone, and the stream has no SHA-256 then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from proxy.forensics.find import Session, find_session, rows
from proxy.forensics.stream import PAGING, Paging, StoredGap, StoredRow, stored_gaps, stored_rows
from proxy.names import DIRECTIONS, Direction
from proxy.pipeline.chain import check_of, first_link, next_link
from proxy.store.client import Store


class Stream(msgspec.Struct, frozen=True):
    """The verdict on one direction. `wrong`: '' or what differs first; `note`: what could not be checked.

    `sha256`: of the stream's bytes; '' when some of them are masked.
    """

    direction: Direction
    rows: int
    size: int
    sha256: str
    last_link: bytes
    gaps: int
    wrong: str = ""
    note: str = ""


class Verdict(msgspec.Struct, frozen=True):
    session: Session
    streams: tuple[Stream, ...]

    @property
    def ok(self) -> bool:
        return not any(stream.wrong for stream in self.streams)


def verify(store: Store, prefix: str) -> Verdict:
    """Check the session whose id begins with `prefix`. Raises NotFound, StoreError."""
    session = find_session(store, prefix)
    return Verdict(session, tuple(verify_direction(store, session, direction) for direction in DIRECTIONS))


def verify_direction(store: Store, session: Session, direction: Direction, paging: Paging = PAGING) -> Stream:
    gaps = stored_gaps(store, session, direction)
    walk = Walk(session, direction, gaps, lambda: _has_expired(store, session))
    return walk.through(stored_rows(store, session, direction, paging))


def _has_expired(store: Store, session: Session) -> bool:
    """Are the rows of the day on which the session ended gone, everybody's? Frames expire by the day.

    Imported rows never expire.
    """
    sql = "SELECT 1 FROM all_frames WHERE toDate(at) = {day:Date} AND source = '' LIMIT 1"
    return session.source == "" and not rows(store, sql, day=session.last_day)


class Walk:
    """Goes along the rows of one direction and stops at the first one that cannot be as it was recorded."""

    def __init__(
        self,
        session: Session,
        direction: Direction,
        gaps: Iterable[StoredGap],
        has_expired: Callable[[], bool],
    ) -> None:
        self.session = session
        self.direction = direction
        self.has_expired = has_expired
        self.gaps: dict[int, int] = {}
        self.restarts: dict[int, bytes] = {}
        self._learn(gaps)
        self.link: bytes | None = None
        self.expected = 0
        self.rows = 0
        self.size = 0
        self.used_gaps = 0
        self.unchecked = 0
        self.masked = 0
        self.digest = hashlib.sha256()
        self.tail = False
        self.note = ""

    def _learn(self, gaps: Iterable[StoredGap]) -> None:
        for gap in gaps:
            if gap.until > gap.offset:
                self.gaps[gap.offset] = max(gap.until, self.gaps.get(gap.offset, 0))
            if gap.kind == "state":
                self.restarts[gap.until] = gap.link

    def through(self, stored: Iterable[StoredRow]) -> Stream:
        wrong = ""
        for row in stored:
            wrong = self._begin(row) if self.rows == 0 else ""
            wrong = wrong or self._place(row) or self._bound(row)
            if wrong:
                break
            self._take(row)
        return self._verdict(wrong or self._end())

    def _begin(self, row: StoredRow) -> str:
        """Where the chain starts: at link 0, or, when the first day's rows have expired, at the first link."""
        start = self._after_gaps(0)
        if row.offset == start:
            self.link = first_link(self.session.journal, self.session.connection_id, self.direction)
        elif row.day == self.session.day or row.offset < start:
            return (
                f"the first row, {_name(row)}, is not where the stream begins (a row before it was deleted?)"
            )
        else:
            self.used_gaps = 0
        self.expected = row.offset
        return ""

    def _after_gaps(self, offset: int) -> int:
        while (until := self.gaps.get(offset)) is not None:
            self.used_gaps += 1
            offset = until
        return offset

    def _place(self, row: StoredRow) -> str:
        expected = self._after_gaps(self.expected)
        if row.offset == expected:
            return ""
        if row.offset > expected:
            return f"{_name(row)}: {row.offset - expected} bytes before it are missing (a row was deleted?)"
        return f"{_name(row)}: it overlaps the row before it (rows were exchanged or added?)"

    def _bound(self, row: StoredRow) -> str:
        """Does the row bind to the chain?"""
        if row.redacted and len(row.keyed_digest) != 32:
            return f"{_name(row)}: marked redacted, but it has no keyed digest"
        if not row.redacted and row.keyed_digest:
            return f"{_name(row)}: it has a keyed digest, but is not marked redacted"
        self.link = self.restarts.pop(row.offset, self.link)
        if self.link is None:
            self.unchecked += 1
            self.link = row.link or None
            return ""
        self.link = next_link(self.link, row.keyed_digest if row.redacted else row.wire)
        if check_of(self.link) != row.check or (row.link and row.link != self.link):
            return f"{_name(row)}: its bytes are not the ones that were recorded"
        return ""

    def _take(self, row: StoredRow) -> None:
        self.rows += 1
        self.masked += row.redacted
        self.size += row.size
        self.digest.update(row.wire)
        self.expected = row.offset + row.size
        self.tail = row.kind == "tail"

    def _end(self) -> str:
        """Is the end as the connection's row says?"""
        if self.session.state != "closed":
            return ""
        word = self.direction.label
        if self.rows == 0:
            return self._nothing(self.session.row_counts[word])
        if not self.tail:
            return "the last row is missing: there is no tail"
        if self.link is not None and self.link != self.session.last_link[word]:
            return "the chain does not end in the link that the connection's row holds"
        return ""

    def _nothing(self, count: int) -> str:
        """No row is left: expired, or deleted?"""
        if count == 0:
            return ""
        if not self.has_expired():
            return "all its rows are gone"
        self.link = self.session.last_link[self.direction.label]
        self.note = f"its {count} rows have expired: only the link that the connection's row holds is left"
        return ""

    def _verdict(self, wrong: str) -> Stream:
        if self.unchecked:
            self.note = f"{self.unchecked} rows stand before the first link still there"
        elif self.masked:
            self.note = f"{self.masked} rows are masked: what they held is in the journal only"
        return Stream(
            direction=self.direction,
            rows=self.rows,
            size=self.size,
            sha256="" if self.masked else self.digest.hexdigest(),
            last_link=self.link or b"",
            gaps=self.used_gaps,
            wrong=wrong,
            note=self.note,
        )


def _name(row: StoredRow) -> str:
    return f"frame_no {row.frame_no} ({row.kind}, stream offset {row.offset})"
