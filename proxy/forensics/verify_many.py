"""`ocpptap verify` over sessions, a charge point, a day, everything: which sessions, and how they are read.

Sessions come charge point by charge point, as the table stands. Small ones that have ended are read many at once, any
other on its own (`verify.checked`). Memory does not grow with the store. At the end those connections are named whose
frames are there while no row of `connections` tells of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any, Final

import msgspec

from proxy.forensics.find import Session, find_session, rows
from proxy.forensics.stream import StoredGap, StoredRow
from proxy.forensics.tape import Frame
from proxy.forensics.verify import Seen, Stream, Verdict, Walk, as_stored, checked, has_expired, original_of
from proxy.names import DIRECTIONS, Direction
from proxy.store.client import Store, StoreError

_AT_ONCE: Final = 1_000
"""Sessions that are asked for together."""
MOST_ORPHANS: Final = 1_000
NO_CONNECTION: Final = "rows of it are there, but no row of connections tells of it (it was deleted?)"


class Wanted(msgspec.Struct, frozen=True):
    """`sessions`: ids, or what they begin with. Else all of `charge_point` ('' any) that lived on `day` (YYYY-MM-DD,
    UTC; '' any)."""

    sessions: tuple[str, ...] = ()
    charge_point: str = ""
    day: str = ""


class Group(msgspec.Struct, frozen=True):
    """The most that is read at once: sessions, rows, bytes."""

    sessions: int = 200
    rows: int = 20_000
    size: int = 8 << 20


GROUP: Final = Group()


class Subject(msgspec.Struct, frozen=True):
    """`original_id`: what it was called where it was recorded."""

    session: Session
    original_id: str

    @property
    def rows(self) -> int:
        """As its connection's row says; an open one has more."""
        return sum(self.session.row_counts.values())

    @property
    def size(self) -> int:
        return sum(self.session.byte_counts.values())


def verify_many(store: Store, wanted: Wanted, seen: Seen, group: Group = GROUP) -> Iterator[Verdict]:
    """A verdict a session. Raises NotFound, StoreError, and ValueError for a day that is none."""
    check(wanted)
    for several in _grouped(subjects(store, wanted), group):
        yield from _verdicts(store, several, seen)
    if not wanted.sessions:
        yield from orphans(store, wanted)


def check(wanted: Wanted) -> None:
    """Raises ValueError for a day that is none."""
    try:
        datetime.date.fromisoformat(wanted.day or "1970-01-01")
    except ValueError:
        raise ValueError(f"{wanted.day!r} is not a day; write it like 2026-11-20") from None


# which sessions

_WHICH: Final = """
FROM all_connections AS known FINAL
WHERE state != 'refused' AND ({charge_point:String} = '' OR charge_point = {charge_point:String})
  AND ({day:String} = '' OR toDate(known.at) <= toDateOrZero({day:String})
    AND (state = 'open' OR toDate(known.last_at) >= toDateOrZero({day:String})))
"""
_SUBJECTS: Final = f"""
SELECT connection_id, source, journal, charge_point, state, toString(known.at) AS opened,
  toUnixTimestamp64Micro(known.at) AS micros,
  toString(toDate(known.at)) AS day, toString(toDate(known.last_at)) AS last_day,
  rows_from_charge_point, rows_from_csms, bytes_from_charge_point, bytes_from_csms,
  hex(last_link_from_charge_point) AS link_from_charge_point, hex(last_link_from_csms) AS link_from_csms,
  COLUMNS('^source_connection_id$')
{_WHICH}
  AND (charge_point, known.at, connection_id, source) > ({{after_name:String}},
    fromUnixTimestamp64Micro({{after_at:Int64}}), {{after:String}}, {{after_source:String}})
ORDER BY charge_point, known.at, connection_id, source LIMIT {_AT_ONCE}
"""
_COUNTED: Final = f"SELECT sum(rows_from_charge_point + rows_from_csms) AS rows {_WHICH}"


def counted(store: Store, wanted: Wanted) -> int:
    """How many rows will be seen, as far as their connections say: for a progress bar."""
    if wanted.sessions:
        return sum(subject.rows for subject in subjects(store, wanted))
    (found,) = rows(store, _COUNTED, charge_point=wanted.charge_point, day=wanted.day)
    return int(found["rows"])


def subjects(store: Store, wanted: Wanted) -> Iterator[Subject]:
    """Raises NotFound, StoreError."""
    if wanted.sessions:
        found = {session.connection_id: session for session in _named(store, wanted)}
        return (Subject(session, original_of(store, session)) for session in found.values())
    return _listed(store, wanted)


def _named(store: Store, wanted: Wanted) -> Iterator[Session]:
    return (find_session(store, prefix) for prefix in wanted.sessions)


def _listed(store: Store, wanted: Wanted) -> Iterator[Subject]:
    which = {"charge_point": wanted.charge_point, "day": wanted.day}
    after, full = {"after_name": "", "after_at": "0", "after": "", "after_source": ""}, True
    while full:
        found = rows(store, _SUBJECTS, **which, **after)
        yield from map(_subject, found)
        full = len(found) == _AT_ONCE
        if full:
            last = found[-1]
            after = {"after_name": last["charge_point"], "after_at": str(last["micros"])}
            after |= {"after": last["connection_id"], "after_source": last["source"]}


def _subject(row: dict[str, Any]) -> Subject:
    words = [direction.label for direction in DIRECTIONS]
    session = Session(
        connection_id=row["connection_id"],
        source=row["source"],
        journal=bytes.fromhex(row["journal"]),
        charge_point=row["charge_point"],
        at=row["opened"],
        day=row["day"],
        last_day=row["last_day"],
        state=row["state"],
        row_counts={word: int(row[f"rows_{word}"]) for word in words},
        byte_counts={word: int(row[f"bytes_{word}"]) for word in words},
        last_link={word: bytes.fromhex(row[f"link_{word}"]) for word in words},
    )
    return Subject(session, row.get("source_connection_id") or session.connection_id)


# many at once


def _grouped(found: Iterable[Subject], group: Group) -> Iterator[list[Subject]]:
    """Neighbours of one source; what has not ended, or is large, is alone."""
    several, count, total = list[Subject](), 0, 0
    for subject in found:
        alone = subject.session.state != "closed" or subject.rows > group.rows or subject.size > group.size
        more = count + subject.rows > group.rows or total + subject.size > group.size
        other = several and several[0].session.source != subject.session.source
        if several and (alone or more or other or len(several) == group.sessions):
            yield several
            several, count, total = [], 0, 0
        if alone:
            yield [subject]
        else:
            several.append(subject)
            count, total = count + subject.rows, total + subject.size
    if several:
        yield several


def _verdicts(store: Store, several: Sequence[Subject], seen: Seen) -> Iterator[Verdict]:
    """What there is more of than was counted may be too much for one answer: then each is read alone."""
    together = _tried(store, several) if len(several) > 1 else None
    if together is None:
        yield from (checked(store, subject.session, subject.original_id, seen) for subject in several)
        return
    seen(sum(subject.rows for subject in several))
    yield from together


def _tried(store: Store, several: Sequence[Subject]) -> list[Verdict] | None:
    try:
        return _together(store, several)
    except StoreError:
        return None


_OF_THEM: Final = """
WHERE charge_point IN {charge_points:Array(String)} AND source = {source:String}
  AND connection_id IN {ids:Array(String)}
"""
_ROWS: Final = f"""
SELECT connection_id, toUnixTimestamp64Micro(at), frame_no, stream_offset, CAST(direction, 'Int8'), CAST(kind, 'Int8'),
  mask, masked, redacted, check, base64Encode(header), base64Encode(payload), base64Encode(keyed_digest),
  base64Encode(link)
FROM all_frames {_OF_THEM} ORDER BY connection_id, direction, frame_no, stream_offset
"""
_GAPS: Final = f"""
SELECT connection_id, CAST(direction, 'Int8'), stream_offset, stream_offset + bytes, toString(kind), base64Encode(link),
  toString(toDate(at))
FROM all_gaps {_OF_THEM} AND direction != '' ORDER BY connection_id, direction, stream_offset
"""


class _Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    connection_id: str
    at: int
    frame_no: int
    stream_offset: int
    direction: Direction
    kind: int
    mask: int
    masked: int
    redacted: int
    check: int
    header: bytes
    payload: bytes
    keyed_digest: bytes
    link: bytes

    @property
    def stored(self) -> StoredRow:
        return as_stored(
            Frame(
                at=self.at,
                frame_no=self.frame_no,
                stream_offset=self.stream_offset,
                direction=self.direction,
                kind=self.kind,
                masked=self.masked,
                mask=self.mask,
                redacted=self.redacted,
                header=self.header,
                payload=self.payload,
                check=self.check,
                keyed_digest=self.keyed_digest,
                link=self.link,
                **_MEANING,
            )
        )


_MEANING: Final[dict[str, Any]] = {
    "opcode": 0, "fin": 0, "rsv": 0, "message_type": 0, "verdict": 0, "truncated": 0, "answers": 0,
    "latency_us": None, "message_id": "", "action": "", "text": b"",
}  # fmt: skip
"""What a stream does not know."""


class _Gap(msgspec.Struct, frozen=True, array_like=True, gc=False):
    connection_id: str
    direction: Direction
    offset: int
    until: int
    kind: str
    link: bytes
    day: str


_ROW_DECODER: Final = msgspec.json.Decoder(_Row, strict=False)
_GAP_DECODER: Final = msgspec.json.Decoder(_Gap, strict=False)
_Half = tuple[str, Direction]


def _together(store: Store, several: Sequence[Subject]) -> list[Verdict]:
    which = {
        "charge_points": _array({subject.session.charge_point for subject in several}),
        "source": several[0].session.source,
        "ids": _array({subject.session.connection_id for subject in several}),
    }
    gaps: dict[_Half, list[StoredGap]] = {}
    for gap in _GAP_DECODER.decode_lines(store.query(_GAPS, which, "JSONCompactEachRow")):
        told = StoredGap(gap.offset, gap.until, gap.kind, gap.link, gap.day)
        gaps.setdefault((gap.connection_id, gap.direction), []).append(told)
    found = _ROW_DECODER.decode_lines(store.query(_ROWS, which, "JSONCompactEachRow"))
    by_half = {half: list(some) for half, some in groupby(found, key=_half)}
    return [_verdict(store, subject, gaps, by_half) for subject in several]


def _half(row: _Row) -> _Half:
    return row.connection_id, row.direction


def _verdict(
    store: Store,
    subject: Subject,
    gaps: dict[_Half, list[StoredGap]],
    found: dict[_Half, list[_Row]],
) -> Verdict:
    session = subject.session
    streams = list[Stream]()
    for direction in DIRECTIONS:
        half = session.connection_id, direction
        walk = Walk(
            session, direction, gaps.get(half, ()), lambda: has_expired(store, session), subject.original_id
        )
        streams.append(walk.through(row.stored for row in found.get(half, ())))
    return Verdict(session, tuple(streams), subject.original_id)


def _array(words: Iterable[str]) -> str:
    quoted = ("'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in sorted(words))
    return f"[{', '.join(quoted)}]"


# what belongs to no session

_DAYS: Final = """
SELECT DISTINCT toString(toDate(at)) AS day FROM all_frames
WHERE source = '' AND ({charge_point:String} = '' OR charge_point = {charge_point:String}) ORDER BY day
"""
_NEWEST: Final = "SELECT journal, max(batch) AS batch FROM all_frames WHERE source = '' GROUP BY journal"
_ORPHANS: Final = f"""
SELECT connection_id, any(charge_point) AS name, any(journal) AS of_journal, min(batch) AS first_batch,
  toString(min(frames.at)) AS opened, toString(toDate(max(frames.at))) AS last_day, count() AS rows
FROM all_frames AS frames
WHERE source = '' AND toDate(frames.at) = toDateOrZero({{day:String}})
  AND ({{charge_point:String}} = '' OR charge_point = {{charge_point:String}})
  AND connection_id NOT IN (SELECT connection_id FROM all_connections WHERE source = '')
GROUP BY connection_id ORDER BY connection_id LIMIT {MOST_ORPHANS}
"""


def orphans(store: Store, wanted: Wanted) -> Iterator[Verdict]:
    """Connections of which there are frames only. In the newest batch of a journal its row may still be to come."""
    name = wanted.charge_point
    days = [wanted.day] if wanted.day else [row["day"] for row in rows(store, _DAYS, charge_point=name)]
    newest = {row["journal"]: int(row["batch"]) for row in rows(store, _NEWEST)}
    told = set[str]()
    for row in chain.from_iterable(rows(store, _ORPHANS, day=day, charge_point=name) for day in days):
        if int(row["first_batch"]) < newest.get(row["of_journal"], 0) and row["connection_id"] not in told:
            told.add(row["connection_id"])
            yield Verdict(_unknown(row), (), row["connection_id"], NO_CONNECTION)


def _unknown(row: dict[str, Any]) -> Session:
    nothing = dict.fromkeys((direction.label for direction in DIRECTIONS), 0)
    return Session(
        connection_id=row["connection_id"],
        source="",
        journal=bytes.fromhex(row["of_journal"]),
        charge_point=row["name"],
        at=row["opened"],
        day=row["opened"][:10],
        last_day=row["last_day"],
        state="",
        row_counts=nothing | {DIRECTIONS[0].label: int(row["rows"])},
        byte_counts=nothing,
        last_link={},
    )
