"""Along the rows of one direction of a session: do they tile its stream, and does its hash chain bind them? No I/O.

Rules about what is missing:

- Checking begins at the first link still there: rows whose partition has expired are not held against the session.
- A `gaps` row says where bytes are missing, and where the chain stood. Behind a gap of RESTARTS the chain goes on from
  the gap's link; if it has none (a row that lies in quarantine seldom carries one) rows are not checked up to the next
  link that one of them carries, and the verdict says so. Their sizes and places are checked all the same.
- Where such a gap reaches the end, its link is compared with the one that the connection's row holds.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from proxy.forensics.find import Session
from proxy.forensics.stream import RESTARTS, StoredGap, StoredRow
from proxy.names import Direction
from proxy.pipeline.chain import check_of, first_link, next_link

MOST_HOLES: Final = 1_000
"""Of one direction, gaps that are named; all are counted and checked."""
_DIGEST_SIZE: Final = 32
_UNCHECKED: Final = {
    "": "stand before the first link still there",
    "erased": "behind what was erased are not checked: up to the next link",
    "quarantined": "behind a quarantined one are not checked: up to the next link",
}
"""Why the chain is not known -> what is said of the rows there."""


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
        self.restarts: dict[int, StoredGap] = {}
        self.wrong = self._learn(gaps)
        self.link: bytes | None = None
        self.begin = 0
        self.expected = 0
        self.number = 0
        self.met = 0
        self.rows = 0
        self.size = 0
        self.used: list[StoredGap] = []
        self.unchecked: Counter[str] = Counter()
        self.lost = ""
        self.masked = 0
        self.digest = hashlib.sha256()
        self.tail = False
        self.note = ""

    def _learn(self, gaps: Iterable[StoredGap]) -> str:
        wrong = ""
        for gap in gaps:
            if gap.kind in RESTARTS:
                self.restarts[gap.until] = gap
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
        self._begin_behind(row.offset)
        return ""

    def _begin_behind(self, offset: int) -> None:
        """Everything before has expired but for what gaps behind which the chain goes on tell of."""
        self.used.clear()
        before = self._gaps_up_to(offset)
        self.begin = self.expected = before[0].offset if before else offset

    def _gaps_up_to(self, offset: int) -> list[StoredGap]:
        """Gaps without a hole between them, the first one of RESTARTS, that end at `offset`."""
        ends = {gap.until: gap for gap in self.gaps.values()}
        found = list[StoredGap]()
        while (gap := ends.get(offset)) is not None:
            found.append(gap)
            offset = gap.offset
        found.reverse()
        first = next((place for place, gap in enumerate(found) if gap.kind in RESTARTS), len(found))
        return found[first:]

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
                self._restart(gap)
            elif gap.link and self.link not in (None, gap.link):
                return f"{_gap_name(gap)}: its link is not the one at which the chain stands there"
        return ""

    def _restart(self, gap: StoredGap) -> None:
        self.link = gap.link or None
        self.lost = gap.kind

    def _bound(self, row: StoredRow) -> str:
        """Does the row bind to the chain?"""
        if row.redacted and len(row.keyed_digest) != _DIGEST_SIZE:
            return f"{_name(row)}: marked redacted, but it has no keyed digest"
        if not row.redacted and row.keyed_digest:
            return f"{_name(row)}: it has a keyed digest, but is not marked redacted"
        if row.offset in self.restarts:
            self._restart(self.restarts.pop(row.offset))
        if self.link is None:
            self.unchecked[self.lost] += 1
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
        self.note = self.note or self._note()
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

    def _note(self) -> str:
        told = [
            f"{count} rows {_UNCHECKED.get(why, _UNCHECKED[''])}" for why, count in self.unchecked.items()
        ]
        if self.masked and not told:
            told = [f"{self.masked} rows are masked: what they held is in the journal only"]
        return "; ".join(told)

    def _end(self) -> str:
        """Is the end as the connection's row says?"""
        word = self.direction.label
        before = len(self.used)
        end = self._after_gaps(self.expected)
        wrong = self._past(self.used[before:])
        if self.session.state != "closed" or wrong:
            return wrong
        total = self.session.byte_counts[word]
        if not self.tail and (end == total or self._all_else_expired(total)) and total in self.restarts:
            return self._gone_to_the_end(self.restarts[total])
        if self.rows == 0:
            return self._nothing(self.session.row_counts[word])
        if not self.tail:
            return "the last row is missing: there is no tail"
        if self.link is not None and self.link != self.session.last_link[word]:
            return "the chain does not end in the link that the connection's row holds"
        return ""

    def _all_else_expired(self, total: int) -> bool:
        """No row is left; do gaps that were not there on the session's first day end where the stream does?"""
        last = self.restarts.get(total)
        if self.rows or last is None:
            return False
        gone = self._gaps_up_to(total) or [last]
        if gone[0].day == self.session.day:
            return False
        self.used[:] = [gap for gap in gone if gap.until > gap.offset]
        self.begin = gone[0].offset
        self.note = "what stood before the first gap has expired"
        return True

    def _gone_to_the_end(self, gap: StoredGap) -> str:
        """The stream's last rows were erased, or lie in quarantine."""
        self._restart(gap)
        if gap.link and gap.link != self.session.last_link[self.direction.label]:
            return "what was erased does not end in the link that the connection's row holds"
        if not gap.link:
            self.note = "the last link is not checked: it went with the last row"
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
