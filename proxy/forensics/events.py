"""A session as a chapter: who it was, and what happened in it, gaps and findings in their place. Pure.

What a page, a diagram and the timeline of a transaction are made of, whether the session is read from the store or has
been anonymized. Moments are texts as the store writes them (`2026-11-20 13:00:00.123456`): their order is time's.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from proxy.forensics.export.material import Material, OtherRow
from proxy.forensics.export.times import iso, micros
from proxy.forensics.tape import FRAME, PART, TAIL, Frame, Head
from proxy.forensics.timeline import Event, Row, folded, joined, whole
from proxy.tables import FRAME_KINDS, VERDICTS

FOUND: Final = "findings"
GAPS: Final = "gaps"
MOST_ASIDE: Final = 100_000
"""Gaps, and findings, of a session that are told."""
_KINDS: Final = {number: word for word, number in FRAME_KINDS.items()}
_VERDICTS: Final = {number: word for word, number in VERDICTS.items()}
_READABLE: Final = frozenset({0, 1})
_RAW: Final = 32


class Gap(msgspec.Struct, frozen=True):
    """What was not seen. `direction` '': both; `size`: bytes, 0: time."""

    at: str
    until: str
    kind: str
    direction: str
    size: int
    reason: str


class Found(msgspec.Struct, frozen=True):
    """What an analyzer asserts. `cleared` '': not over. `frames`: numbers of this session's frames that prove it."""

    at: str
    severity: str
    analyzer: str
    rule: str
    message: str
    cleared: str
    observed: str = ""
    limit: str = ""
    basis: str = ""
    count: int = 1
    frames: tuple[int, ...] = ()
    transaction_id: str = ""
    connector_id: int | None = None


Happening = Event | Gap | Found


class Chapter(msgspec.Struct, frozen=True):
    """`header`: the columns of the session's `connections` row, moments as texts. `count`: of `frames`."""

    head: Head
    header: dict[str, Any]
    count: int
    frames: Iterable[Frame]
    gaps: Sequence[Gap] = ()
    findings: Sequence[Found] = ()

    @property
    def is_refused(self) -> bool:
        """A handshake that failed: no frames."""
        return bool(self.header["state"] == "refused")


def happenings(
    chapter: Chapter, cut: int, seen: Callable[[int], None] = lambda count: None
) -> Iterator[Happening]:
    """Everything in the order of time, of each message at most `cut` bytes. `seen`: so many more rows are read."""
    rows = _watched((row_of(frame, cut) for frame in chapter.frames if _is_told(frame)), seen)
    streams: list[Iterable[Happening]] = [folded(joined(whole(rows))), chapter.gaps, chapter.findings]
    yield from heapq.merge(*streams, key=lambda happening: happening.at)


def _watched(rows: Iterator[Row], seen: Callable[[int], None]) -> Iterator[Row]:
    for row in rows:
        seen(1)
        yield row


def _is_told(frame: Frame) -> bool:
    """A tail without bytes only ends the hash chain."""
    return frame.kind != TAIL or bool(frame.payload)


def row_of(frame: Frame, cut: int) -> Row:
    """The frame as a timeline shows it."""
    said = frame.said
    readable = bool(frame.text) or (
        frame.kind in (FRAME, PART) and frame.opcode in _READABLE and not frame.rsv
    )
    return Row(
        frame_no=frame.frame_no,
        at=moment(frame.at),
        direction=frame.direction.label,
        kind=_KINDS[frame.kind],
        opcode=frame.opcode,
        fin=bool(frame.fin),
        message_type=frame.message_type,
        message_id=frame.message_id,
        action=frame.action,
        answers=frame.answers,
        latency_us=frame.latency_us,
        verdict=_VERDICTS[frame.verdict],
        rule=frame.rule,
        pointer=frame.pointer,
        clause=frame.clause,
        redacted=bool(frame.redacted),
        truncated=bool(frame.truncated),
        size=len(said),
        text=_text(said, cut) if readable else "",
        raw=b"" if readable else said[:_RAW],
    )


def _text(said: bytes, cut: int) -> str:
    """At most `cut` bytes of it, no half character."""
    if len(said) <= cut:
        return said.decode(errors="replace")
    return said[:cut].decode(errors="replace").rstrip("\ufffd")


def moment(at: int) -> str:
    """us UTC as the store writes it."""
    return iso(at).replace("T", " ").removesuffix("Z")


def us(at: str) -> int:
    """And back."""
    return micros(at.replace(" ", "T") + "Z")


# from what an exporter gets


def chapter_of(material: Material) -> Chapter:
    """The session as it is exported."""
    header: dict[str, Any] = {}
    gaps: list[Gap] = []
    findings: list[Found] = []
    for other in material.others:
        if other.table == "connections":
            header = _header(other, material.head)
        elif other.table == GAPS and len(gaps) < MOST_ASIDE:
            gaps.append(_gap(other))
        elif other.table == FOUND and len(findings) < MOST_ASIDE:
            findings.append(_found(other, material.head.original_id))
    return Chapter(material.head, header, material.count, material.frames, gaps, findings)


def _header(other: OtherRow, head: Head) -> dict[str, Any]:
    row = other.row
    opened, last = moment(other.at), _plain(row["last_at"])
    who = {"connection_id": head.original_id, "charge_point": head.charge_point}
    return row | who | {"opened": opened, "last": last, "source": head.source, "target": head.target}


def _gap(other: OtherRow) -> Gap:
    row = other.row
    at, until = moment(other.at), _plain(row["until_at"])
    return Gap(at, until, row["kind"], row["direction"], int(row["bytes"]), row["reason"])


def _found(other: OtherRow, connection: str) -> Found:
    row = other.row
    return Found(
        at=moment(other.at),
        cleared=_plain(row["cleared_at"]) if row["cleared_at"] else "",
        count=int(row["count"]),
        connector_id=row["connector_id"],
        frames=tuple(int(number) for name, number in row["evidence"] if name == connection),
        **{name: str(row[name]) for name in _WORDS},
    )


_WORDS: Final = ("severity", "analyzer", "rule", "message", "observed", "limit", "basis", "transaction_id")


def _plain(told: str) -> str:
    return told.replace("T", " ").removesuffix("Z")
