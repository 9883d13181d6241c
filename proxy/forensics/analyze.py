"""`ocpptap analyze`: the live pipeline and all analyzers over trace files, with no store and no network.

The file is read twice: to see which directions it holds at all (of a capture of one side the other is *not seen*, which
is not the same as *not said*), and then message by message, in flat memory. A message's number is its place among the
file's messages, from 0; evidence is made of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.traces import Record, Unreadable, records
from proxy.names import DIRECTIONS, Direction
from proxy.pipeline.capture import Capture
from proxy.pipeline.finding import Finding, moment_of, told
from proxy.pipeline.rows import Meaning
from proxy.pipeline.runner import Runner
from proxy.tables import SEVERITIES, VERDICTS

MAX_WAITING: Final = 100_000
"""CALLs without an answer that are remembered; the oldest is forgotten."""
_VERDICTS: Final = {number: word for word, number in VERDICTS.items()}
_WORDS: Final = {Direction.FROM_CHARGE_POINT: "cp-to-csms", Direction.FROM_CSMS: "csms-to-cp"}
_TYPES: Final = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR", 5: "CALLRESULTERROR", 6: "SEND"}
_CALL: Final = 2
_ANSWERS: Final = frozenset({3, 4})

Seen = Callable[[int], None]
"""Told of so many bytes as they are read."""


class Told(msgspec.Struct):
    """What a file held. `unreadable`: the first few lines that are no records; `skipped`: how many there are."""

    messages: int = 0
    charge_points: int = 0
    skipped: int = 0
    unreadable: list[Unreadable] = []


class Matcher:
    """Joins answers with calls: the most recent preceding one of the other direction, not yet matched, with that id."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, Direction, str], list[tuple[int, int]]] = OrderedDict()

    def call(self, key: tuple[str, Direction, str], index: int, at: int) -> None:
        self._waiting.setdefault(key, []).append((index, at))
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)

    def answer(self, key: tuple[str, Direction, str]) -> tuple[int, int] | None:
        """(index, at) of the call."""
        waiting = self._waiting.get(key)
        if waiting is None:
            return None
        found = waiting.pop()
        if not waiting:
            del self._waiting[key]
        return found


class Analysis:
    """One file. `findings` holds the newest version of each; `told` what was read."""

    def __init__(self, path: Path, runner: Runner) -> None:
        self.path = path
        self.told = Told()
        self.findings: dict[str, Finding] = {}
        self._runner = runner
        self._capture = Capture(runner, path.name)
        self._matcher = Matcher()
        self._heard: dict[str, set[Direction]] = {}

    def messages(self, seen: Seen) -> Iterator[dict[str, Any]]:
        """Every message as `--messages` tells it; the findings are complete when it is exhausted."""
        for record in self._readable(seen):
            self._heard.setdefault(record.charge_point, set()).add(record.direction)
        self.told = Told(charge_points=len(self._heard))
        for record in self._readable(seen):
            message = self._take(record)
            self._collect()
            if message is not None:
                yield message
        self._capture.ended()
        self._collect()

    def _readable(self, seen: Seen) -> Iterator[Record]:
        for record in records(self.path, seen):
            if isinstance(record, Record):
                yield record
                continue
            self.told.skipped += 1
            if len(self.told.unreadable) < 3:
                self.told.unreadable = [*self.told.unreadable, record]

    def _take(self, record: Record) -> dict[str, Any] | None:
        if record.event:
            _EVENTS[record.event](self._capture, record)
            return None
        index = self.told.messages
        self.told.messages += 1
        self._unseen(record)
        meaning = self._capture.said(
            record.at, record.charge_point, record.direction, record.text, record.version, index + 1
        )
        self._unseen(record)
        return self._row(index, record, meaning)

    def _unseen(self, record: Record) -> None:
        """Of a side that the file does not hold, anything may have been said before and after this message."""
        other = DIRECTIONS[1 - DIRECTIONS.index(record.direction)]
        if other not in self._heard[record.charge_point]:
            self._capture.lost(record.at, record.charge_point, other)

    def _row(self, index: int, record: Record, meaning: Meaning) -> dict[str, Any]:
        call_index, latency_ms = self._joined(index, record, meaning)
        return {
            "index": index,
            "at": moment_of(record.at),
            "direction": _WORDS[record.direction],
            "message_type": _TYPES.get(meaning.message_type),
            "message_id": meaning.message_id,
            "action": meaning.action,
            "call_index": call_index,
            "latency_ms": latency_ms,
            "verdict": _VERDICTS[meaning.verdict],
            "charge_point": record.charge_point,
            "file": str(self.path),
        }

    def _joined(self, index: int, record: Record, meaning: Meaning) -> tuple[int | None, float | None]:
        if meaning.message_type == _CALL:
            self._matcher.call((record.charge_point, record.direction, meaning.message_id), index, record.at)
        if meaning.message_type not in _ANSWERS:
            return None, None
        asker = DIRECTIONS[1 - DIRECTIONS.index(record.direction)]
        call = self._matcher.answer((record.charge_point, asker, meaning.message_id))
        return (None, None) if call is None else (call[0], round((record.at - call[1]) / 1e6, 3))

    def _collect(self) -> None:
        for finding in self._runner.findings():
            self.findings[finding.finding_id] = finding


def _opened(capture: Capture, record: Record) -> None:
    address, upstream = (str(record.told.get(name) or "") for name in ("remote_address", "upstream"))
    capture.opened(record.at, record.charge_point, record.version, address, upstream)


def _closed(capture: Capture, record: Record) -> None:
    by, how = record.told.get("closed_by") or "charge_point", record.told.get("how") or "fin"
    capture.closed(record.at, record.charge_point, str(by), str(how))


def _pinged(capture: Capture, record: Record) -> None:
    capture.pinged(record.at, record.charge_point, record.direction)


_EVENTS: Final = {"opened": _opened, "closed": _closed, "ping": _pinged}


def found(analysis: Analysis) -> list[dict[str, Any]]:
    """The findings as CLI.md has them, oldest first; evidence: [connection, number of the message]."""
    ordered = sorted(analysis.findings.values(), key=lambda one: (one.at, one.charge_point, one.finding_id))
    return [_numbered(told(finding)) | {"file": str(analysis.path)} for finding in ordered]


def _numbered(finding: dict[str, Any]) -> dict[str, Any]:
    """Frames count from 1, a file's messages from 0."""
    evidence = [[connection, number - 1] for connection, number in finding["evidence"] if number > 0]
    return finding | {"evidence": evidence}


def worst(findings: Iterable[dict[str, Any]]) -> int:
    """The number of the highest severity; 0: there is nothing."""
    return max((SEVERITIES[finding["severity"]] for finding in findings), default=0)


def as_json(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield orjson.dumps(row).decode()
