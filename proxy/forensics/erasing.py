"""`ocpptap erase`: what a charge point or an id tag has left in the store goes, and the record says so (GDPR art. 17).

The order is the point. What is there is found first, and nothing is changed by that. Then: the audit's first row, a gap
for each stretch of `frames` that will go (with the hash chain's link behind it), the rows, the audit's last row. So
whatever cuts it off, nothing is gone of which no gap tells, and the same command finishes it: what a gap says is erased
already needs no other one. Gaps are numbered from their place, so that a gap that is written twice is one gap.

What comes in while it runs is not touched; what an open session or a running transaction still says of the subject
comes after it. Knows the store by its interface alone; neither journal nor quarantine.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.erasing_audit import By, Erasure, Tables, erasure_of, note_begin, note_end
from proxy.forensics.erasing_chain import ERASED, Going, Picker, Row, Stretch
from proxy.forensics.erasing_rows import Stream, days, gaps_of, rows_of, streams
from proxy.forensics.erasing_subject import CHARGE_POINT, Search, Subject
from proxy.forensics.erasing_watch import watched
from proxy.forensics.erasing_where import (
    MOST_FOUND,
    UNWATCHED,
    WATCHED,
    Change,
    Numbered,
    Searched,
    Streams,
    changes,
    searches,
    single_rows,
    whole_streams,
)
from proxy.forensics.find import rows
from proxy.pipeline.chain import first_link
from proxy.pipeline.rows import row_of
from proxy.store.client import Store

MOST_NUMBERED: Final = 200_000
"""Rows of an id tag that are found before they are erased; what more there are comes in another round."""
MOST_GAPS: Final = 10_000
"""Of one insert."""
_GAP_NUMBERS: Final = 1 << 62
"""From here on gaps are numbered that erasing makes; the recorder counts from 0, quarantined rows from 2^63."""

Seen = Callable[[int], None]
Bar = Callable[[int, str], AbstractContextManager[Seen]]
"""A progress bar of so many steps, with a label."""


class Found(msgspec.Struct):
    """What there is of a subject. `sessions`: (source, id) -> its charge point. `stretches`: new ones, with no gap yet.
    `broken`: rows that were not as they had been recorded; `unread`: messages that could not be searched; `running`:
    transactions of the tag that have not ended; `unfinished`: imports that were cut off. `cut`: there is more."""

    sessions: dict[tuple[str, str], str] = {}
    stretches: list[tuple[Stream, Stretch]] = []
    changes: list[Change] = []
    tables: Tables = {}
    broken: int = 0
    unread: int = 0
    running: int = 0
    unfinished: int = 0
    cut: int = 0

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


class Erased(msgspec.Struct):
    """What was done. `resumed`: an earlier run had been cut off. `open_sessions`: of the charge point, live."""

    erasure: Erasure
    found: Found
    resumed: int = 0
    gaps: int = 0
    open_sessions: int = 0


# finding


def find(store: Store, subject: Subject, bar: Bar) -> Found:
    """What `erase` would take, by table. Nothing is changed. Raises StoreError."""
    with bar(len(days(store, subject)), "searching") as seen:
        maybe = streams(store, subject, seen)
    found = Found()
    with bar(sum(stream.rows for stream in maybe), "following the chains") as seen:
        _frames(store, subject, maybe, found, seen)
    _others(store, subject, found)
    return found


class _Gone(msgspec.Struct):
    """Rows of `frames` as they are found: whole streams of a charge point, single rows that hold a tag."""

    whole: list[Streams] = []
    single: list[Numbered] = []


def _frames(store: Store, subject: Subject, maybe: list[Stream], found: Found, seen: Seen) -> None:
    search = None if subject.what == CHARGE_POINT else Search(subject)
    gone = _Gone()
    for stream in maybe:
        if len(gone.single) >= MOST_NUMBERED:
            found.cut = 1
            break
        count = _picked(store, stream, search, found, gone, seen)
        found.unread += stream.unread
        if count:
            found.sessions[stream.source, stream.connection_id] = stream.charge_point
            found.tables["frames"] = found.tables.get("frames", 0) + count
    found.changes += single_rows(gone.single) if search else whole_streams(subject.value, gone.whole)


def _picked(
    store: Store, stream: Stream, search: Search | None, found: Found, gone: _Gone, seen: Seen
) -> int:
    """How many rows of the stream go."""
    begin = first_link(bytes.fromhex(stream.journal), stream.original_id, stream.direction)
    picker = Picker(begin, gaps_of(store, stream), search)
    count = last = 0
    for going in _going(rows_of(store, stream), picker, seen):
        count, last = count + 1, going.frame_no
        if search is not None:
            gone.single.append(Numbered(stream.source, stream.connection_id, going.frame_no, going.at))
    if search is None and count:
        gone.whole.append(Streams(stream.source, stream.connection_id, stream.direction.label, last))
    found.stretches += [(stream, stretch) for stretch in picker.stretches]
    found.broken += picker.follower.broken
    return count


def _going(told: Iterator[Row], picker: Picker, seen: Seen) -> Iterator[Going]:
    for row in told:
        seen(1)
        yield from picker.take(row)
    yield from picker.end()


def _others(store: Store, subject: Subject, found: Found) -> None:
    for change in changes(subject):
        count = _count(store, change.question)
        if count:
            found.changes.append(change)
            found.tables[change.table] = count
    for searched in searches(subject):
        _searched(store, searched, found)
    found.unfinished = _count(store, _UNFINISHED)


def _searched(store: Store, searched: Searched, found: Found) -> None:
    answer = store.query(searched.question, {}, "JSONCompactEachRow")
    named = [orjson.loads(line) for line in answer.splitlines() if line]
    if len(named) >= MOST_FOUND:
        found.cut = 1
    several = list(searched.changes(named))
    found.changes += several
    for where in dict.fromkeys(change.where for change in several):
        count = _count(store, Change(searched.table, where).question)
        found.tables[searched.table] = found.tables.get(searched.table, 0) + count
        if searched.table == "transactions":
            found.running += _count(store, _RUNNING + where)


_RUNNING: Final = "SELECT count() AS count FROM transactions WHERE state = 'open' AND "
_UNFINISHED: Final = """
SELECT count() AS count FROM (SELECT source FROM imports GROUP BY source HAVING countIf(ended_at IS NOT NULL) = 0)
"""


def _count(store: Store, question: str) -> int:
    (found,) = rows(store, question)
    return int(found["count"])


# erasing


def erase(store: Store, subject: Subject, by: By, cluster: str, bar: Bar) -> Erased:
    """Raises StoreError: then ask again, and it goes on. `cluster`: as in the store's settings, "" one node."""
    erasure = erasure_of(store, subject, by.key)
    found = find(store, subject, bar)
    erased = Erased(erasure, found, resumed=int(erasure.began_at != ""))
    erasure = erased.erasure = _counted(erasure, found)
    if not erased.resumed:
        note_begin(store, subject, erasure, by)
    _erase(store, erased, found, cluster, bar)
    while found.cut:
        found = find(store, subject, bar)
        erased.erasure = _more(erased.erasure, found)
        erased.found.sessions |= found.sessions
        _erase(store, erased, found, cluster, bar)
    note_end(store, subject, erased.erasure, by)
    erased.open_sessions = _open_sessions(store, subject)
    return erased


def _counted(erasure: Erasure, found: Found) -> Erasure:
    """What was found when it began, if it was cut off, was more."""
    tables = dict(Counter(erasure.tables) | Counter(found.tables))
    sessions = max(erasure.sessions, len(found.sessions))
    return msgspec.structs.replace(erasure, sessions=sessions, tables=tables)


def _more(erasure: Erasure, found: Found) -> Erasure:
    tables = dict(Counter(erasure.tables) + Counter(found.tables))
    return msgspec.structs.replace(erasure, sessions=erasure.sessions + len(found.sessions), tables=tables)


def _erase(store: Store, erased: Erased, found: Found, cluster: str, bar: Bar) -> None:
    for gaps in _inserts(found.stretches, erased.erasure.erasure_id):
        store.insert("gaps", gaps, _token(erased.erasure.erasure_id, gaps))
        erased.gaps += len(gaps)
    watch = watched(store, cluster)
    with bar(len(found.changes), "erasing") as seen:
        for change in found.changes:
            store.query(change.statement(cluster, WATCHED if watch else UNWATCHED), {}, "TabSeparated")
            seen(1)
        if watch is not None:  # also for what an earlier run had begun
            watch({*erased.erasure.tables, *(change.table for change in found.changes)})


_OPEN: Final = """
SELECT count() AS count FROM connections WHERE charge_point = {charge_point:String} AND state = 'open'
"""


def _open_sessions(store: Store, subject: Subject) -> int:
    if subject.what != CHARGE_POINT:
        return 0
    (found,) = rows(store, _OPEN, charge_point=subject.value)
    return int(found["count"])


# gaps


def reason_of(erasure_id: str) -> str:
    """What the gaps of an erasure say."""
    return f"erased on request {erasure_id}"


def _inserts(stretches: list[tuple[Stream, Stretch]], erasure_id: str) -> Iterator[list[tuple[Any, ...]]]:
    """A month's at a time: a block may go into a hundred partitions at most, and imports may be of any year."""
    ordered = sorted(stretches, key=lambda known: known[1].since_at)
    for _, of_month in groupby(ordered, key=lambda known: _month(known[1].since_at)):
        several = [_gap(stream, stretch, erasure_id) for stream, stretch in of_month]
        for begin in range(0, len(several), MOST_GAPS):
            yield several[begin : begin + MOST_GAPS]


def _month(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m")


def _gap(stream: Stream, stretch: Stretch, erasure_id: str) -> tuple[Any, ...]:
    return row_of(
        "gaps",
        {
            "at": stretch.since_at * 1_000,
            "until_at": stretch.until_at * 1_000,
            "batch": stretch.batch,
            "gap_no": _number(stream, stretch),
            "stream_offset": stretch.offset,
            "bytes": stretch.until - stretch.offset,
            "direction": int(stream.direction),
            "connection_id": stream.connection_id,
            "charge_point": stream.charge_point,
            "kind": ERASED,
            "reason": reason_of(erasure_id),
            "link": stretch.link,
            "journal": stream.journal,
            "source": stream.source,
        },
    )


def _number(stream: Stream, stretch: Stretch) -> int:
    words = f"{stream.source} {stream.connection_id} {stream.direction.label} {stretch.offset}"
    digest = hashlib.blake2b(words.encode(), digest_size=8).digest()
    return _GAP_NUMBERS | int.from_bytes(digest, "big") & _GAP_NUMBERS - 1


def _token(erasure_id: str, gaps: list[tuple[Any, ...]]) -> str:
    digest = hashlib.blake2b(msgspec.msgpack.encode(gaps), digest_size=16).hexdigest()
    return f"erase:{erasure_id}:{digest}"


# where it may still be


class Span(msgspec.Struct, frozen=True):
    """Microseconds UTC, both ends included."""

    since: int
    until: int


_ENDLESS: Final = 1 << 62
_OF_CHARGE_POINT: Final = """
SELECT toUnixTimestamp64Micro(min(known.at)) AS since,
  toUnixTimestamp64Micro(max(if(state = 'open', now64(6, 'UTC'), known.last_at))) AS until
FROM all_connections AS known WHERE charge_point = {charge_point:String} AND source = ''
GROUP BY toStartOfHour(known.last_at) ORDER BY since
"""
_OF_TAG: Final = """
SELECT toUnixTimestamp64Micro(min(gaps.at)) AS since, toUnixTimestamp64Micro(max(until_at)) AS until
FROM all_gaps AS gaps WHERE kind = 'erased' AND source = '' AND reason IN {reasons:Array(String)}
GROUP BY toStartOfHour(gaps.at) ORDER BY since
"""
_RECORDED: Final = (
    "SELECT toUnixTimestamp64Micro(max(frames.at)) AS at FROM all_frames AS frames WHERE source = ''"
)


def passed(store: Store, subject: Subject, erasure: Erasure) -> list[Span]:
    """When live traffic of the subject passed, also such as was erased before; and the time that is not recorded yet.
    What holds bytes of these times may hold the subject's."""
    if subject.what == CHARGE_POINT:
        found = rows(store, _OF_CHARGE_POINT, charge_point=subject.value)
    else:
        reasons = [reason_of(one) for one in (*erasure.earlier, erasure.erasure_id)]
        found = rows(store, _OF_TAG, reasons=str(reasons))
    (recorded,) = rows(store, _RECORDED)
    told = [Span(int(row["since"]), int(row["until"])) for row in found]
    return [*told, Span(int(recorded["at"]), _ENDLESS)]
