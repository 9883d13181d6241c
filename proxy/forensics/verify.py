"""Is a session in the store as it was recorded? Both streams are rebuilt, and the hash chain is checked (DESIGN 6).

It detects change, not a forger who owns the whole table: note the last link elsewhere. How the rows of a direction are
followed, and what is honestly missing: `verify_walk`.
A masked row binds a digest of its bytes, which only `<data>/key` can make again, to the chain: that it was not
changed is checked; what the bytes were is known to the journal alone, and the stream has no SHA-256 then.
What no wire knew (times, actions, latencies) is not in the chain. `verify_many` says which sessions are checked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from proxy.forensics.export.order import batches
from proxy.forensics.find import Session, find_session, rows
from proxy.forensics.stream import PAGING, Paging, StoredRow, payload_length, stored_gaps, stored_rows
from proxy.forensics.tape import FRAME, Frame, frames, head_of
from proxy.forensics.verify_walk import Hole, Stream, Walk
from proxy.names import DIRECTIONS, Direction
from proxy.store.client import Store
from proxy.tables import FRAME_KINDS
from proxy.wire.frames import wire_bytes
from proxy.wire.header import KEY_SIZE

__all__ = [
    "Hole", "Seen", "Stream", "Verdict", "Walk", "as_stored", "checked", "has_expired", "original_of", "verify",
    "verify_direction",
]  # fmt: skip

_AT_ONCE: Final = 10_000
_KINDS: Final = {number: word for word, number in FRAME_KINDS.items()}


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
