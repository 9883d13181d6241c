"""Where recordings come from: sessions of the store, trace files. I/O: reads both.

A word that names a file is a file, any other a session's id or what it begins with. All of them are read before
anything is said: a line that cannot be read must not be found out in the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from proxy.forensics.find import NotFound, find_session, rows
from proxy.forensics.replay.recording import Recording, Room, Traced, lost_of, of_frames
from proxy.forensics.show import ALWAYS, Span
from proxy.forensics.tape import Head, frames, head_of, heads_of
from proxy.forensics.traces import Unreadable, lines, record_of
from proxy.forensics.typed import glob
from proxy.log import printable
from proxy.store.client import Store

MOST_TOLD: Final = 10
_MOST_SESSIONS: Final = 10_000


class Loaded(msgspec.Struct):
    """`unreadable`: lines of files that are no records, the first ones told, all counted."""

    recordings: list[Recording] = []
    unreadable: int = 0
    told: list[str] = []


def is_file(word: str) -> bool:
    """Whether a SOURCE means a file: there is one, or it cannot be a session's id."""
    return Path(word).exists() or any(mark in word for mark in "./\\")


def from_files(paths: Sequence[Path], room: Room, seen: Callable[[int], None] = lambda size: None) -> Loaded:
    """Raises OSError, ValueError (damaged, too much)."""
    loaded, traced = Loaded(), Traced(room)
    for file, path in enumerate(paths):
        for number, line in lines(path, seen):
            record = line if isinstance(line, Unreadable) else record_of(number, line)
            if isinstance(record, Unreadable):
                loaded.unreadable += 1
                loaded.told += [f"{path}:{record.line}: {record.why}"] if len(loaded.told) < MOST_TOLD else []
            elif record is not None:
                traced.record(record, file)
            elif isinstance(line, bytes) and (lost := lost_of(line)) is not None:
                traced.lost(*lost)
    loaded.recordings = traced.end()
    return loaded


def from_store(store: Store, heads: Iterable[Head], room: Room, span: Span = ALWAYS) -> list[Recording]:
    """Raises StoreError, ValueError (too much)."""
    since, until = _micros(span)
    found = []
    for head in heads:
        recording = of_frames(head, frames(store, head, since, until), room)
        gaps = rows(store, _GAPS, connection=head.connection_id, source=head.source)[0]["count"]
        recording.left_out.update({"gaps in what was recorded": int(gaps)} if int(gaps) else {})
        found.append(recording)
    return found


_GAPS: Final = """
SELECT count() AS count FROM all_gaps
WHERE connection_id = {connection:String} AND source = {source:String} AND bytes > 0
"""


def named(store: Store, words: Sequence[str]) -> list[Head]:
    """The sessions that the operator named. Raises NotFound, StoreError."""
    found = {}
    for word in words:
        session = find_session(store, word)
        found[session.connection_id, session.source] = session
    return [head_of(store, session) for session in found.values()]


_OF_CHARGE_POINTS: Final = """
SELECT connection_id FROM connections
WHERE match(charge_point, {charge_point:String}) AND state != 'refused'
  AND (state = 'open' OR connections.last_at >= {since:DateTime64(6, 'UTC')})
  AND connections.at <= {until:DateTime64(6, 'UTC')}
ORDER BY connections.at, connection_id LIMIT {limit:UInt32}
"""


def of_charge_points(store: Store, wanted: str, span: Span) -> list[Head]:
    """Every live session of the charge points that the glob names, in that time. Raises NotFound, StoreError, and
    ValueError for a time that is none."""
    params = {"charge_point": glob(wanted), "limit": str(_MOST_SESSIONS + 1), **span.params()}
    ids = [row["connection_id"] for row in rows(store, _OF_CHARGE_POINTS, **params)]
    if not ids:
        raise NotFound(f"no session of {printable(wanted)!r} in the store; `ocpptap sessions` lists them")
    if len(ids) > _MOST_SESSIONS:
        raise ValueError(f"more than {_MOST_SESSIONS} sessions: name a time (--since, --until)")
    return [head for at in range(0, len(ids), 100) for head in heads_of(store, "", ids[at : at + 100])]


def _micros(span: Span) -> tuple[int, int]:
    from proxy.forensics.export.times import micros

    since, until = (micros(span.params()[name].replace(" ", "T") + "Z") for name in ("since", "until"))
    return since, until
