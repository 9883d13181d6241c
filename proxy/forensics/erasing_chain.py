"""One direction of a session, row by row: which rows go, and what is said in their place. Pure.

Told every row of the stream in order, it follows the hash chain as `verify` does, so that of each stretch of rows that
go it knows the link behind the last one. Where the chain cannot be followed (its beginning has expired, a row is not as
it was recorded) a stretch has no link, and `verify` goes on at the next one that a row carries.

Rules about id tags:

- A message goes whole, however many frames and parts it came in, the control frames in between stay: what is left of a
  message could be half of the tag. So rows wait until their message's end is known, 10,000 at most.
- Neighbours are searched together, so that no tag hides where a message or a stretch of odd bytes was cut.
- Bytes that are no frames may be frames all the same (behind a violation, or cut by the end): they are searched as they
  stand and unmasked.
- A row in a stretch that was erased before (an erasure was cut off between its steps) goes, and needs no other gap.

Knows neither store nor subject: what a row holds it is told by a function.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import msgspec

from proxy.forensics.stream import RESTARTS, StoredGap, StoredRow, payload_length
from proxy.pipeline.chain import check_of, next_link
from proxy.wire.header import CLOSE, CONTINUATION, KEY_SIZE
from proxy.wire.masking import apply_mask

ERASED: Final = "erased"
MOST_WAITING: Final = 10_000
_LONG: Final = {126: 2, 127: 8}
"""What the 7-bit length announces: bytes of a longer one (RFC 6455 5.2)."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row as erasing sees it. `at`: microseconds UTC. `stored`: as `verify` sees it."""

    at: int
    batch: int
    opcode: int
    fin: int
    header: bytes
    payload: bytes
    text: bytes
    stored: StoredRow


class Stretch(msgspec.Struct):
    """Neighbouring rows that go: bytes [offset, until). `link`: behind the last one, b"" unknown."""

    offset: int
    until: int
    since_at: int
    until_at: int
    batch: int
    link: bytes


class Going(msgspec.Struct, frozen=True, gc=False):
    """A row that goes. `at`: microseconds UTC."""

    frame_no: int
    at: int


class _Passed(msgspec.Struct, gc=False):
    """A row whose message has not ended. `shares`: it is a part of that message, and shares its fate. `control`: its
    bytes are no neighbours of anything."""

    offset: int
    size: int
    frame_no: int
    at: int
    batch: int
    link: bytes
    tail_link: bytes
    shares: bool
    control: bool
    goes: bool


class Holds(Protocol):
    """What a subject is told by. `reach`: bytes of neighbours that are looked at together."""

    @property
    def reach(self) -> int: ...

    def __call__(self, text: bytes) -> bool:
        """Does this text hold it?"""
        ...

    def across(self, before: bytes, behind: bytes) -> bool:
        """Does it begin in the one and end in the other?"""
        ...


class Follower:
    """Where the chain stands; `link` None: unknown. `broken`: rows that are not as they were recorded."""

    def __init__(self, first_link: bytes, gaps: Sequence[StoredGap]) -> None:
        self.link: bytes | None = first_link
        self.broken = 0
        self.expected = 0
        self._gaps = {gap.offset: gap for gap in gaps if gap.until > gap.offset}
        self._restarts = {gap.until: gap.link for gap in gaps if gap.kind in RESTARTS}

    def bind(self, row: StoredRow) -> bytes:
        """The link behind `row`; b"" unknown."""
        follows = row.offset == self.expected
        if row.offset in self._restarts:
            self.link = self._restarts[row.offset] or (self.link if follows else None)
        elif not follows and row.offset != self._behind_gaps(self.expected):
            self.link = None
        self.expected = row.offset + row.size
        self.link = self._next(row)
        return self.link or b""

    def _next(self, row: StoredRow) -> bytes | None:
        if self.link is None:
            return row.link or None
        link = next_link(self.link, row.keyed_digest if row.redacted else row.wire)
        if check_of(link) == row.check:
            return link
        self.broken += 1
        return None

    def _behind_gaps(self, offset: int) -> int:
        while (gap := self._gaps.get(offset)) is not None:
            offset = gap.until
        return offset


class Picker:
    """Feed it the rows (`take`), then `end`; it gives the rows that go, and collects `stretches` for those of which no
    gap tells yet. `holds` None: all of them go."""

    def __init__(self, first_link: bytes, gaps: Sequence[StoredGap], holds: Holds | None = None) -> None:
        self.follower = Follower(first_link, gaps)
        self.stretches: list[Stretch] = []
        self._erased = sorted((gap for gap in gaps if gap.kind == ERASED), key=lambda gap: gap.offset)
        self._offsets = [gap.offset for gap in self._erased]
        self._holds = holds
        self._waiting: list[_Passed] = []
        self._found = False
        self._rest = 0
        self._carry = b""

    def take(self, row: Row) -> Iterator[Going]:
        """The next row of the stream; the rows that go for certain."""
        if row.stored.offset != self.follower.expected or _begins(row):
            yield from self._decide()
        passed = self._passed(row)
        self._waiting.append(passed)
        if self._holds is None:
            passed.goes = True
            yield from self._settle(0)
            return
        self._search(self._holds, row, passed)
        if passed.shares and not self._continues(row):
            yield from self._decide()
        elif len(self._waiting) > MOST_WAITING:
            yield from self._settle(1)

    def end(self) -> Iterator[Going]:
        """No row comes any more."""
        yield from self._decide()

    def _passed(self, row: Row) -> _Passed:
        stored = row.stored
        return _Passed(
            stored.offset,
            stored.size,
            stored.frame_no,
            row.at,
            row.batch,
            self.follower.bind(stored),
            stored.link if stored.kind == "tail" and not stored.size else b"",
            shares=_is_data(row),
            control=_is_control(row),
            goes=False,
        )

    def _search(self, holds: Holds, row: Row, passed: _Passed) -> None:
        """Mark what holds it: this row, or it and its neighbour together."""
        passed.goes = holds(row.payload) or (row.text != b"" and holds(row.text))
        if passed.control:
            return
        if not passed.shares:
            passed.goes = passed.goes or holds(unmasked(row.payload))
        if self._carry and holds.across(self._carry, row.payload):
            passed.goes = True
            self._mark_before()
        self._found = self._found or (passed.goes and passed.shares)
        self._carry = (self._carry + row.payload)[-holds.reach :]

    def _mark_before(self) -> None:
        for known in reversed(self._waiting[:-1]):
            if not known.control:
                known.goes = True
                return

    def _continues(self, row: Row) -> bool:
        """Is the end of the message still to come?"""
        length = payload_length(row.header) if row.header else self._rest
        self._rest = max(0, length - len(row.payload)) if row.stored.kind == "part" else 0
        return self._rest > 0 or not row.fin

    def _decide(self) -> Iterator[Going]:
        """The message has ended."""
        yield from self._settle(0)
        self._found, self._rest, self._carry = False, 0, b""

    def _settle(self, keep: int) -> Iterator[Going]:
        """The fate of all rows that wait but for the last `keep`."""
        many = len(self._waiting) - keep
        for passed in self._waiting[:many]:
            if passed.goes or (self._found and passed.shares):
                yield Going(passed.frame_no, passed.at)
                if not self._is_told(passed):
                    self._tell(passed)
        del self._waiting[:many]

    def _is_told(self, row: _Passed) -> bool:
        """Does a gap say already that the row was erased?"""
        place = bisect_right(self._offsets, row.offset) - 1
        if place < 0:
            return False
        gap = self._erased[place]
        return row.offset < gap.until or (row.tail_link != b"" and row.tail_link == gap.link)

    def _tell(self, row: _Passed) -> None:
        last, until = self.stretches[-1] if self.stretches else None, row.offset + row.size
        if last is None or last.until != row.offset:
            self.stretches.append(Stretch(row.offset, until, row.at, row.at, row.batch, row.link))
            return
        last.until, last.batch, last.link = until, row.batch, row.link
        last.since_at, last.until_at = min(last.since_at, row.at), max(last.until_at, row.at)


# rows


def _is_control(row: Row) -> bool:
    return row.stored.kind == "frame" and row.opcode >= CLOSE


def _is_data(row: Row) -> bool:
    return row.stored.kind == "part" or (row.stored.kind == "frame" and row.opcode < CLOSE)


def _begins(row: Row) -> bool:
    """Does a message begin with it?"""
    return _is_data(row) and bool(row.header) and row.opcode != CONTINUATION


def unmasked(data: bytes) -> bytes:
    """Bytes of masked frames as their payloads, the last one maybe cut; b"" if they do not look like such."""
    payloads, at = list[bytes](), 0
    while len(data) - at > 2 + KEY_SIZE and data[at + 1] & 128:
        more = _LONG.get(data[at + 1] & 127, 0)
        begin = at + 2 + more + KEY_SIZE
        if begin > len(data):
            break
        end = begin + payload_length(data[at : at + 2 + more])
        payloads.append(apply_mask(data[begin:end], data[begin - KEY_SIZE : begin]))
        at = end
    return b"".join(payloads)
