"""What `ocpptap verify` says: of one session in full, of many in a line each, and the sum of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson

from proxy.forensics.find import iso
from proxy.forensics.verify import Hole, Stream, Verdict
from proxy.log import printable

MOST_LINES: Final = 20
"""Of one direction, gaps that are named in text; JSON has more of them."""
AS_RECORDED: Final = "as recorded"
_WORDS: Final = {
    "erased": "erased on request",
    "state": "memory lost",
    "quarantined": "quarantined: in <data>/quarantine",
}


class Sum:
    """Of all verdicts."""

    def __init__(self) -> None:
        self.sessions = 0
        self.wrong = 0
        self.rows = 0
        self.size = 0
        self.masked = 0
        self.gaps: Counter[str] = Counter()

    def add(self, verdict: Verdict) -> None:
        self.sessions += 1
        self.wrong += not verdict.ok
        for stream in verdict.streams:
            self.rows += stream.rows
            self.size += stream.size
            self.masked += stream.masked
            self.gaps.update(hole.kind for hole in stream.holes)
            self.gaps["more"] += stream.gaps - len(stream.holes)

    @property
    def text(self) -> str:
        """One line."""
        told = f"{self.sessions:,} sessions, {self.rows:,} rows, {self.size:,} bytes: "
        told += "all as recorded" if not self.wrong else f"{self.wrong:,} not as recorded"
        gaps = ", ".join(
            f"{count:,} {_WORDS.get(kind, kind)}" for kind, count in sorted((+self.gaps).items())
        )
        masked = f"; {self.masked:,} rows masked" if self.masked else ""
        return f"{told}; gaps: {gaps or 'none'}{masked}"

    @property
    def json(self) -> str:
        told = {"sessions": self.sessions, "wrong": self.wrong, "rows": self.rows, "bytes": self.size}
        return _dumped(
            {"summary": told | {"masked": self.masked, "gaps": dict(sorted((+self.gaps).items()))}}
        )


def in_full(verdict: Verdict) -> Iterator[str]:
    """Lines of one session."""
    session = verdict.session
    yield f"session {session.connection_id} of {printable(session.charge_point)}, {iso(session.at)}"
    if verdict.original_id not in ("", session.connection_id):
        yield f"imported; recorded as {printable(verdict.original_id)}"
    if verdict.wrong:
        yield f"  {verdict.wrong}"
    for stream in verdict.streams:
        known = stream.sha256 or "not known"
        yield f"{stream.direction.label}: {stream.rows} rows, {stream.size} bytes, sha256 {known}"
        found = stream.wrong or f"{AS_RECORDED}; last link {stream.last_link.hex()}"
        yield from (f"  {line}" for line in (found, stream.note, *_gaps(stream)) if line)


def in_a_line(verdict: Verdict) -> Iterator[str]:
    """A session's line; below it what differs, and its gaps."""
    session = verdict.session
    size = sum(stream.size for stream in verdict.streams)
    count = sum(stream.rows for stream in verdict.streams)
    word = "ok   " if verdict.ok else "WRONG"
    name = printable(session.charge_point)
    yield f"{word}  {session.connection_id}  {name}  {iso(session.at)}  {count:,} rows  {size:,} bytes"
    if verdict.wrong:
        yield f"       {verdict.wrong}"
    for stream in verdict.streams:
        label = stream.direction.label
        yield from (f"       {label}: {line}" for line in (stream.wrong, stream.note, *_gaps(stream)) if line)


def as_json(verdict: Verdict) -> str:
    """One line."""
    session = verdict.session
    told = {
        "session": session.connection_id,
        "recorded_as": verdict.original_id or session.connection_id,
        "source": session.source,
        "charge_point": session.charge_point,
        "opened_at": iso(session.at),
        "state": session.state,
        "ok": verdict.ok,
        "wrong": verdict.wrong,
        "streams": [_stream(stream) for stream in verdict.streams],
    }
    return _dumped(told)


def _stream(stream: Stream) -> dict[str, Any]:
    return {
        "direction": stream.direction.label,
        "rows": stream.rows,
        "bytes": stream.size,
        "sha256": stream.sha256,
        "last_link": stream.last_link.hex(),
        "wrong": stream.wrong,
        "note": stream.note,
        "masked": stream.masked,
        "gap_count": stream.gaps,
        "gaps": [{"kind": hole.kind, "offset": hole.offset, "bytes": hole.size} for hole in stream.holes],
    }


def _gaps(stream: Stream) -> Iterator[str]:
    yield from map(_gap, stream.holes[:MOST_LINES])
    if stream.gaps > MOST_LINES:
        yield f"gap: and {stream.gaps - MOST_LINES:,} more"


def _gap(hole: Hole) -> str:
    return f"gap: {hole.size:,} bytes from offset {hole.offset:,} on: {_WORDS.get(hole.kind, hole.kind)}"


def _dumped(told: dict[str, Any]) -> str:
    return orjson.dumps(told).decode()
