"""Parts of reports put together: which report is whole now, and what of it is surely missing.

A report comes in parts: `more` (tbc) says that another follows, seqNo counts from 0 (2.x B07, N02, N07). One `Reports`
belongs to one connection; a report is known by its action and request id. It knows parts, not what stands in them, and
has no clock: a report that never ends waits until it is pushed out.

- What is missing is said only where it must be so: a gap between two numbers that were seen, and all parts numbered. A
  report met in the middle of a capture begins at the first number seen.
- A part that comes twice counts once. A part that comes after the last one changes nothing any more.
- seqNo 0 with another generatedAt than the seqNo 0 before, or made after all parts so far, is a new report; the one
  before it is given up without a word.
- NotifyEvent has no request id, so that each of its messages may be a report of its own, and none can be told to be a
  repetition of one that is complete.
- Bounded: 16 open reports (the one that began first is given up), as many complete ones remembered, 32 runs of numbers
  per report (then the last two count as one: a gap is forgotten, none is invented).
"""

from __future__ import annotations

from typing import Final, Self

import msgspec

from proxy.ocpp.facts import UNTOLD, Moment, ReportCompleted, ReportPartReceived, Where

MAX_OPEN: Final = 16
MAX_MISSING: Final = 16
MAX_RUNS: Final = 32

Key = tuple[str, int | None]
"""(action, request id)"""


class OpenReport(msgspec.Struct):
    """A report whose last part is not here. `runs`: the numbers seen, as (first, last), ascending, with gaps between.

    `began`: generatedAt of the part with seqNo 0. `newest`: the latest generatedAt, ns. `unnumbered`: parts without
    seqNo.
    """

    runs: list[tuple[int, int]] = []
    began: Moment = UNTOLD
    newest: int = 0
    parts: int = 0
    unnumbered: int = 0
    entries: int = 0

    def has(self, seq_no: int) -> bool:
        return any(first <= seq_no <= last for first, last in self.runs)

    def take(self, part: ReportPartReceived) -> None:
        """Count the part, unless it is here already."""
        if part.seq_no is None:
            self.unnumbered += 1
        elif self.has(part.seq_no):
            return
        else:
            self.runs = _joined([*self.runs, (part.seq_no, part.seq_no)])
            if part.seq_no == 0:
                self.began = part.told
        self.newest = max(self.newest, part.told.ns or 0)
        self.parts += 1
        self.entries += part.entries

    def missing(self, last: int | None) -> tuple[int, ...]:
        """The numbers below `last` that did not come, the lowest first."""
        if last is None or self.unnumbered:
            return ()
        found: list[int] = []
        for (_, before), (after, _) in zip(self.runs, self.runs[1:], strict=False):
            found += range(before + 1, min(after, last, before + 1 + MAX_MISSING))
        return tuple(found[:MAX_MISSING])


class Completed(msgspec.Struct, frozen=True):
    """A report that is whole: the number and generatedAt of its last part, and when it began."""

    last: int
    told: Moment
    began: Moment


class ReportsState(msgspec.Struct, frozen=True):
    """Snapshot of `Reports`: open and complete ones, each oldest first."""

    open: list[tuple[str, int | None, OpenReport]]
    completed: list[tuple[str, int | None, Completed]]


class Reports:
    """The reports of one connection."""

    def __init__(self) -> None:
        self._open: dict[Key, OpenReport] = {}
        self._completed: dict[Key, Completed] = {}

    def part(self, part: ReportPartReceived) -> ReportCompleted | None:
        """The report that `part` makes whole."""
        key = (part.action, part.request_id)
        report = self._open.get(key)
        if report is None and self._is_late(key, part):
            return None
        if report is None or _begins_again(report, part):
            report = self._opened(key)
        report.take(part)
        return None if part.more else self._complete(key, part)

    def _is_late(self, key: Key, part: ReportPartReceived) -> bool:
        """Does the part belong to a report that is complete already?"""
        known = self._completed.get(key)
        if known is None or part.request_id is None or part.seq_no is None:
            return False
        if 0 < part.seq_no < known.last:
            return part.more
        return part.told != UNTOLD and (part.seq_no, part.told) in (
            (known.last, known.told),
            (0, known.began),
        )

    def _opened(self, key: Key) -> OpenReport:
        self._open.pop(key, None)
        if len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        report = self._open[key] = OpenReport()
        return report

    def _complete(self, key: Key, part: ReportPartReceived) -> ReportCompleted:
        report = self._open.pop(key)
        self._completed.pop(key, None)
        if part.seq_no is not None:
            if len(self._completed) >= MAX_OPEN:
                del self._completed[next(iter(self._completed))]
            self._completed[key] = Completed(part.seq_no, part.told, report.began)
        return ReportCompleted(
            *Where(part.charge_point, part.connection_id, part.frame_no, part.at, part.clock),
            action=part.action,
            request_id=part.request_id,
            parts=report.parts,
            entries=report.entries,
            missing=report.missing(part.seq_no),
        )

    def snapshot(self) -> ReportsState:
        return ReportsState(
            [(*key, msgspec.structs.replace(report)) for key, report in self._open.items()],
            [(*key, completed) for key, completed in self._completed.items()],
        )

    @classmethod
    def restore(cls, state: ReportsState) -> Self:
        reports = cls()
        reports._open = {
            (action, request): msgspec.structs.replace(report) for action, request, report in state.open
        }
        reports._completed = {(action, request): completed for action, request, completed in state.completed}
        return reports


def _begins_again(report: OpenReport, part: ReportPartReceived) -> bool:
    """Is it the first part of another report? A seqNo 0 that is merely late was made before the others."""
    if part.seq_no != 0:
        return False
    if report.has(0):
        return part.told != report.began
    return 0 < report.newest < (part.told.ns or 0)


def _joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ascending, neighbours as one run, not more than MAX_RUNS."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(runs):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    if len(joined) > MAX_RUNS:
        joined[-2:] = [(joined[-2][0], joined[-1][1])]
    return joined
