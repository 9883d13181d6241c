"""Is a session in the store as it was recorded? Both streams are rebuilt, and the hash chain is checked (DESIGN 6).

It detects change, not a forger who owns the whole table: note the last link elsewhere. Checking begins at the
first link still there: rows whose partition has expired are not held against the session. A `gaps` row says
where bytes are missing, and where the chain stood; where the recorder forgot the connection it began a new chain
(kind `state`), and where rows were erased on request it goes on from their last link (kind `erased`).
A masked row binds a digest of its bytes, which only `<data>/key` can make again, to the chain: that it was not
changed is checked; what the bytes were is known to the journal alone, and the stream has no SHA-256 then.
What no wire knew (times, actions, latencies) is not in the chain. `verify_many` says which sessions are checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from proxy.forensics.export.order import batches
from proxy.forensics.find import Session, find_session, rows
from proxy.forensics.stream import (
    PAGING,
    Paging,
    StoredGap,
    StoredRow,
    payload_length,
    stored_gaps,
    stored_rows,
)
from proxy.forensics.tape import FRAME, Frame, frames, head_of
from proxy.names import DIRECTIONS, Direction
from proxy.pipeline.chain import check_of, first_link, next_link
from proxy.store.client import Store
from proxy.tables import FRAME_KINDS
from proxy.wire.frames import wire_bytes
from proxy.wire.header import KEY_SIZE

RESTARTS: Final = frozenset({"state", "erased"})
"""Kinds of gaps behind which the chain goes on from the gap's link."""
MOST_HOLES: Final = 1_000
"""Of one direction, gaps that are named; all are counted and checked."""
_DIGEST_SIZE: Final = 32
_AT_ONCE: Final = 10_000
_KINDS: Final = {number: word for word, number in FRAME_KINDS.items()}


class Hole(msgspec.Struct, frozen=True):
    """A gap in a stream: `size` bytes from `offset` on are not there, for a reason of this kind."""

    kind: str
    offset: int
    size: int


class Stream(msgspec.Struct, frozen=True):
    """The verdict on one direction. `wrong`: '' or what differs first; `note`: what could not be checked.

    `sha256`: of the stream's bytes; '' when some of them are masked. `holes`: the first of its gaps.
    """

    direction: Direction
    rows: int
    size: int
    sha256: str
    last_link: bytes
    gaps: int
    wrong: str = ""
    note: str = ""
    masked: int = 0
    holes: tuple[Hole, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """`wrong`: what differs of the session as a whole, '' nothing."""

    session: Session
    streams: tuple[Stream, ...]
    original_id: str = ""
    wrong: str = ""

    @property
    def ok(self) -> bool:
        return not self.wrong and not any(stream.wrong for stream in self.streams)


def verify(store: Store, prefix: str) -> Verdict:
    """Check the session whose id begins with `prefix`. Raises NotFound, StoreError."""
    session = find_session(store, prefix)
    return checked(store, session, original_of(store, session))


def original_of(store: Store, session: Session) -> str:
    """What the session was called where it was recorded: its chain begins with that."""
    return head_of(store, session).original_id if session.source else session.connection_id


Seen = Callable[[int], None]
"""Told of so many more rows as they are checked."""


def checked(store: Store, session: Session, original_id: str, seen: Seen = lambda count: None) -> Verdict:
    """A session of any size. What looks wrong in the order of time is looked at again, in the order of its rows: the
    wall clock may have been set back."""
    walks = _walked(store, session, original_id, seen)
    streams = tuple(walk.verdict() for walk in walks)
    if any(stream.wrong for stream in streams):
        met = sum(walk.met for walk in walks)
        return _checked_again(store, session, original_id, met)
    return Verdict(session, streams, original_id)


def _walked(store: Store, session: Session, original_id: str, seen: Seen) -> list[Walk]:
    walks = [
        Walk(session, direction, stored_gaps(store, session, direction), _expiry(store, session), original_id)
        for direction in DIRECTIONS
    ]
    by_direction = dict(zip(DIRECTIONS, walks, strict=True))
    for some in batches(frames(store, head_of(store, session)), _AT_ONCE):
        for frame in some:
            by_direction[frame.direction].take(as_stored(frame))
        seen(len(some))
    return walks


def _checked_again(store: Store, session: Session, original_id: str, met: int) -> Verdict:
    """`met`: rows that there are in the name of the charge point."""
    streams = tuple(
        verify_direction(store, session, direction, original_id=original_id) for direction in DIRECTIONS
    )
    verdict = Verdict(session, streams, original_id)
    strays = sum(stream.rows for stream in streams) - met
    if verdict.ok and strays > 0:
        return msgspec.structs.replace(verdict, wrong=f"{strays} of its rows name another charge point")
    return verdict


def verify_direction(
    store: Store, session: Session, direction: Direction, paging: Paging = PAGING, original_id: str = ""
) -> Stream:
    """In the order of its rows, whatever their times and charge point."""
    gaps = stored_gaps(store, session, direction)
    walk = Walk(session, direction, gaps, _expiry(store, session), original_id)
    return walk.through(stored_rows(store, session, direction, paging))


def _expiry(store: Store, session: Session) -> Callable[[], bool]:
    return lambda: has_expired(store, session)


def has_expired(store: Store, session: Session) -> bool:
    """Are the rows of the day on which the session ended gone, everybody's? Frames expire by the day.

    Imported rows never expire.
    """
    sql = "SELECT 1 FROM all_frames WHERE toDate(at) = {day:Date} AND source = '' LIMIT 1"
    return session.source == "" and not rows(store, sql, day=session.last_day)


def as_stored(frame: Frame) -> StoredRow:
    """A row of both directions as one of its stream."""
    masked, redacted = bool(frame.masked), bool(frame.redacted)
    wire = b"" if redacted else wire_bytes(frame.header, frame.mask, masked, frame.payload)
    length = payload_length(frame.header) if redacted and frame.kind == FRAME else len(frame.payload)
    return StoredRow(
        frame.frame_no,
        frame.stream_offset,
        _KINDS[frame.kind],
        redacted,
        frame.check,
        str(datetime.fromtimestamp(frame.at // 1_000_000, UTC).date()) if frame.stream_offset else "",
        wire,
        len(frame.header) + (KEY_SIZE if masked and frame.header else 0) + length,
        frame.keyed_digest,
        frame.link,
    )


class Walk:
    """Goes along the rows of one direction and stops at the first one that cannot be as it was recorded."""

    def __init__(
        self,
        session: Session,
        direction: Direction,
        gaps: Iterable[StoredGap],
        has_expired: Callable[[], bool],
        original_id: str = "",
    ) -> None:
        self.session = session
        self.direction = direction
        self.has_expired = has_expired
        self.original_id = original_id or session.connection_id
        self.gaps: dict[int, StoredGap] = {}
        self.restarts: dict[int, bytes] = {}
        self.wrong = self._learn(gaps)
        self.link: bytes | None = None
        self.begin = 0
        self.expected = 0
        self.number = 0
        self.met = 0
        self.rows = 0
        self.size = 0
        self.used: list[StoredGap] = []
        self.unchecked = 0
        self.masked = 0
        self.digest = hashlib.sha256()
        self.tail = False
        self.note = ""

    def _learn(self, gaps: Iterable[StoredGap]) -> str:
        wrong = ""
        for gap in gaps:
            if gap.kind in RESTARTS:
                self.restarts[gap.until] = gap.link
            if gap.until > gap.offset:
                if gap.offset in self.gaps:
                    wrong = wrong or f"{_gap_name(gap)}: there is another one at that place (it was added?)"
                self.gaps[gap.offset] = gap
        return wrong

    def through(self, stored: Iterable[StoredRow]) -> Stream:
        """All rows at once."""
        for row in stored:
            if not self.take(row):
                break
        return self.verdict()

    def take(self, row: StoredRow) -> bool:
        """The next row; False: something is wrong, and nothing more is looked at."""
        self.met += 1
        if not self.wrong:
            self.wrong = self._begin(row) if self.rows == 0 else ""
            self.wrong = self.wrong or self._place(row) or self._bound(row)
            if not self.wrong:
                self._keep(row)
        return not self.wrong

    def _begin(self, row: StoredRow) -> str:
        """Where the chain starts: at link 0, or, when the first day's rows have expired, at the first link."""
        start = self._after_gaps(0)
        if row.offset == start:
            self.link = first_link(self.session.journal, self.original_id, self.direction)
            self.used.clear()  # they are met again, with a link to compare
            return ""
        if row.day == self.session.day or row.offset < start:
            return (
                f"the first row, {_name(row)}, is not where the stream begins (a row before it was deleted?)"
            )
        self.used.clear()
        self.begin = self.expected = row.offset
        return ""

    def _after_gaps(self, offset: int) -> int:
        while (gap := self.gaps.get(offset)) is not None:
            self.used.append(gap)
            offset = gap.until
        return offset

    def _place(self, row: StoredRow) -> str:
        if row.frame_no == self.number:
            return f"{_name(row)}: it is there twice"
        if row.frame_no < self.number:
            return f"{_name(row)}: it stands behind frame_no {self.number} (rows were exchanged?)"
        before = len(self.used)
        expected = self._after_gaps(self.expected)
        if row.offset > expected:
            return f"{_name(row)}: {row.offset - expected} bytes before it are missing (a row was deleted?)"
        if row.offset < expected:
            what = (
                "a gap says that it is not there"
                if len(self.used) > before
                else "it overlaps the row before it"
            )
            return f"{_name(row)}: {what} (rows were exchanged or added?)"
        return self._past(self.used[before:])

    def _past(self, gaps: Iterable[StoredGap]) -> str:
        """Do the gaps hold the link at which the chain stands?"""
        for gap in gaps:
            if gap.kind in RESTARTS:
                self.link = None
            elif gap.link and self.link not in (None, gap.link):
                return f"{_gap_name(gap)}: its link is not the one at which the chain stands there"
        return ""

    def _bound(self, row: StoredRow) -> str:
        """Does the row bind to the chain?"""
        if row.redacted and len(row.keyed_digest) != _DIGEST_SIZE:
            return f"{_name(row)}: marked redacted, but it has no keyed digest"
        if not row.redacted and row.keyed_digest:
            return f"{_name(row)}: it has a keyed digest, but is not marked redacted"
        if row.offset in self.restarts:
            self.link = self.restarts.pop(row.offset) or None
        if self.link is None:
            self.unchecked += 1
            self.link = row.link or None
            return ""
        self.link = next_link(self.link, row.keyed_digest if row.redacted else row.wire)
        if row.link and row.link != self.link and check_of(self.link) == row.check:
            return f"{_name(row)}: its link is not the one that was recorded, or its bytes are not"
        if check_of(self.link) != row.check:
            return f"{_name(row)}: its bytes are not the ones that were recorded"
        return ""

    def _keep(self, row: StoredRow) -> None:
        self.rows += 1
        self.number = row.frame_no
        self.masked += row.redacted
        self.size += row.size
        self.digest.update(row.wire)
        self.expected = row.offset + row.size
        self.tail = row.kind == "tail"

    def verdict(self) -> Stream:
        """No row comes any more."""
        if not self.wrong:
            self.wrong = self._end() or self._astray()
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
            gaps=len(self.used),
            wrong=self.wrong,
            note=self.note,
            masked=self.masked,
            holes=tuple(Hole(gap.kind, gap.offset, gap.until - gap.offset) for gap in self.used[:MOST_HOLES]),
        )

    def _end(self) -> str:
        """Is the end as the connection's row says?"""
        word = self.direction.label
        before = len(self.used)
        end = self._after_gaps(self.expected)
        wrong = self._past(self.used[before:])
        if self.session.state != "closed" or wrong:
            return wrong
        if end == self.session.byte_counts[word] and end in self.restarts and not self.tail:
            return self._erased_to_the_end(self.restarts[end])
        if self.rows == 0:
            return self._nothing(self.session.row_counts[word])
        if not self.tail:
            return "the last row is missing: there is no tail"
        if self.link is not None and self.link != self.session.last_link[word]:
            return "the chain does not end in the link that the connection's row holds"
        return ""

    def _erased_to_the_end(self, link: bytes) -> str:
        self.link = link or None
        if link and link != self.session.last_link[self.direction.label]:
            return "what was erased does not end in the link that the connection's row holds"
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

    def _astray(self) -> str:
        """A gap that stands nowhere between the rows."""
        met = {gap.offset for gap in self.used}
        for gap in self._left() if self.rows else ():
            if gap.offset not in met:
                return f"{_gap_name(gap)}: it stands where the rows leave no room (it was added or changed?)"
        return ""

    def _left(self) -> Iterator[StoredGap]:
        """Those whose rows have not expired."""
        return (gap for offset, gap in self.gaps.items() if offset >= self.begin)


def _name(row: StoredRow) -> str:
    return f"frame_no {row.frame_no} ({row.kind}, stream offset {row.offset})"


def _gap_name(gap: StoredGap) -> str:
    return f"the gap at stream offset {gap.offset} ({gap.kind}, {gap.until - gap.offset} bytes)"
