"""What the operator excludes from uptime: a CSV file, read before the store is asked. Pure but for the one file.

    charge_point,connector,since,until,reason
    DE*,*,2026-10-03T02:00:00Z,2026-10-03T04:00:00Z,utility interruption

`charge_point` is a glob, `connector` a port (1.6 connector, 2.x EVSE) or *. The first line may be this heading; blank
lines and lines that begin with # are skipped. Each line needs its reason: who excludes must be able to show it
(23 CFR 680.116(b)(3)). What cannot be read is an error with its line, never skipped: a report must not change silently.
"""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import msgspec

from proxy.forensics.intervals import Piece
from proxy.forensics.typed import EARLIEST, moment

MAX_LINES: Final = 10_000
"""More is an error."""
MAX_REASON: Final = 200
_HEADING: Final = "charge_point"
_FIELDS: Final = 5
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


class Exclusion(msgspec.Struct, frozen=True, gc=False):
    """`port` None: all of the charge point's."""

    charge_point: str
    port: int | None
    piece: Piece


def read_exclusions(path: Path) -> list[Exclusion]:
    """Raises OSError, and ValueError with the line that is wrong."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(parsed(file, path.name))


def parsed(lines: Iterable[str], name: str) -> Iterator[Exclusion]:
    """Raises ValueError: one line, with the number of the line in question."""
    reader = csv.reader(lines)
    try:
        for fields in reader:
            if reader.line_num > MAX_LINES:
                raise ValueError(f"more than {MAX_LINES} lines")
            if "".join(fields).strip() and not fields[0].lstrip().startswith("#") and not _is_heading(fields):
                yield _exclusion([field.strip() for field in fields], f"{name} line {reader.line_num}")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{name} line {reader.line_num}: {error}") from None


def _is_heading(fields: list[str]) -> bool:
    return fields[0].strip().lower() == _HEADING


def _exclusion(fields: list[str], where: str) -> Exclusion:
    if len(fields) != _FIELDS:
        raise ValueError(f"has {len(fields)} fields; charge_point, connector, since, until, reason are five")
    charge_point, port, since, until, reason = fields
    if not charge_point or not reason:
        raise ValueError("needs a charge point (or *) and a reason")
    if port != "*" and not (port.isascii() and port.isdigit() and len(port) < 10):
        raise ValueError(f"{port!r} is no connector; write its number, or *")
    piece = Piece(_micros(since), _micros(until), f"excluded: {reason[:MAX_REASON]}", (where,))
    if piece.since >= piece.until:
        raise ValueError("ends before it begins")
    return Exclusion(charge_point, None if port == "*" else int(port), piece)


def _micros(text: str) -> int:
    if not text:
        raise ValueError("needs both times")
    told = datetime.datetime.fromisoformat(moment(text, EARLIEST)).replace(tzinfo=datetime.UTC)
    return (told - EARLIEST) // _MICROSECOND


def of_charge_point(exclusions: Iterable[Exclusion], charge_point: str) -> list[Exclusion]:
    return [one for one in exclusions if fnmatchcase(charge_point, one.charge_point)]


def of_port(exclusions: Iterable[Exclusion], port: int | None) -> list[Piece]:
    """Those of a charge point that concern this port; None: one whose number nobody knows."""
    return [one.piece for one in exclusions if one.port is None or one.port == port]
