"""CSMS clock: the time that the CSMS tells charge points is not the time.

Fires when: currentTime in answers to BootNotification and Heartbeat is more than 5 s off our own clock, always to the
    same side, at 5 different charge points or in 10 answers one after the other (CK-04, critical): charge points set
    their clocks by it, so every meter value and every bill is wrong. One finding per upstream. Five right answers in a
    row clear it.
Does not fire when: one answer is off (it was late on its way); right ones stand between wrong ones; no time, or one
    without a zone, was told. Another zone's offset (+01:00) is right as long as it is the same moment. Compared is
    the least wrong answer of the row, so that a delay alone (it only makes times older) must be as long as 5 s for all.
Clause: OCPP 1.6 §4.6; 2.0.1 and 2.1 G02.FR.07 (a charge point sets its clock by the answer to its Heartbeat).
Says:
    The clock of csms:443 is 7200 s ahead of ours (limit 5 s): charge points set their clocks by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Change,
    ChargePoint,
    Cleared,
    FleetAnalyzer,
    Raised,
    Rule,
    Severity,
    State,
    seconds,
)
from proxy.ocpp.facts import Booted, Fact, HeartbeatSeen

MAX_UPSTREAMS: Final = 32
"""The one not heard of for longest is forgotten for a 33rd, and its finding cleared."""
MAX_EVIDENCE: Final = 10

WRONG: Final = Rule(
    "CK-04",
    Severity.CRITICAL,
    "OCPP 1.6 §4.6; 2.x G02.FR.07",
    "The clock of {what} is {observed} (limit {limit}): charge points set their clocks by it.",
)


class Row(msgspec.Struct):
    """Wrong answers one after the other of one upstream. `least`: the error nearest to 0, ns (ahead: above 0).

    `names`: different charge points they went to, as many as are needed. `right`: right answers in a row since.
    """

    answers: int = 0
    least: int = 0
    names: list[str] = msgspec.field(default_factory=list)
    evidence: list[tuple[str, int]] = msgspec.field(default_factory=list)
    said: bool = False
    right: int = 0


class CsmsClockState(State):
    """By the upstream's name: only those with a wrong answer lately."""

    rows: dict[str, Row] = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class CsmsClock(FleetAnalyzer[CsmsClockState]):
    """Our clock is the relay's wall clock (`at`; in a trace, of who wrote it): keep it by NTP."""

    name: ClassVar[str] = "csms_clock"
    wants: ClassVar[tuple[type[Fact], ...]] = (HeartbeatSeen, Booted)
    rules: ClassVar[tuple[Rule, ...]] = (WRONG,)

    error_seconds: float = 5.0
    charge_points: int = 5
    answers_in_a_row: int = 10
    clear_after_answers: int = 5

    def new_state(self) -> CsmsClockState:
        return CsmsClockState()

    def step(self, state: CsmsClockState, fact: Any, charge_point: ChargePoint) -> Sequence[Change]:
        told = fact.told.ns
        if told is None:
            return NOTHING
        error = told - fact.at
        if abs(error) > self.error_seconds * SECOND:
            return self._wrong(state, fact, charge_point.upstream, error)
        if not state.rows:
            return NOTHING  # nearly always
        return self._right(state, charge_point.upstream)

    def _wrong(self, state: CsmsClockState, fact: Fact, upstream: str, error: int) -> Sequence[Change]:
        row, changes = _row(state, upstream)
        if row.answers and (error > 0) is not (row.least > 0):
            row.answers, row.names, row.evidence = 0, [], []
        row.least = min(error, row.least, key=abs) if row.answers else error
        row.answers += 1
        row.right = 0
        if fact.charge_point not in row.names and len(row.names) < self.charge_points:
            row.names.append(fact.charge_point)
        if len(row.evidence) < MAX_EVIDENCE:
            row.evidence.append((fact.connection_id, fact.frame_no))
        if row.said or not self._is_proven(row):
            return changes
        row.said = True
        return [*changes, self._say(upstream, row)]

    def _is_proven(self, row: Row) -> bool:
        return len(row.names) >= self.charge_points or row.answers >= self.answers_in_a_row

    def _say(self, upstream: str, row: Row) -> Raised:
        side = "ahead of ours" if row.least > 0 else "behind ours"
        return Raised(
            WRONG,
            f"{seconds(abs(row.least))} {side}",
            f"{self.error_seconds:g} s",
            upstream or "the CSMS",
            key=upstream,
            evidence=tuple(row.evidence),
        )

    def _right(self, state: CsmsClockState, upstream: str) -> Sequence[Change]:
        """A row is broken by one right answer, a finding ended by some."""
        row = state.rows.get(upstream)
        if row is None:
            return NOTHING
        row.right += 1
        if row.said and row.right < self.clear_after_answers:
            return NOTHING
        del state.rows[upstream]
        return [Cleared(WRONG, key=upstream)] if row.said else NOTHING


def _row(state: CsmsClockState, upstream: str) -> tuple[Row, list[Change]]:
    """The row of this upstream, and what ends because another had to go for it."""
    row = state.rows.pop(upstream, None) or Row()
    changes: list[Change] = []
    if len(state.rows) >= MAX_UPSTREAMS:
        gone = next(iter(state.rows))
        if state.rows.pop(gone).said:
            changes.append(Cleared(WRONG, key=gone))
    state.rows[upstream] = row
    return row, changes
