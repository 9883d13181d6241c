"""Sequence: events of a 2.x transaction are missing, or their numbers are wrong.

Fires when: a seqNo was skipped and did not come within 10 minutes, or until the Ended (TX-07, a warning, open until the
    transaction ends; info when an event beside the hole was sent offline: then Updated events may be dropped). A seqNo
    is used for two events of different times (a warning). An event is said twice, or comes after a later one (info).
Does not fire when: bytes of the charge point passed unseen, or the transaction was met in the middle, before what was
    missed; the first number is another than 0; what was skipped comes in time; events without a seqNo.
Clause: 2.0.1 and 2.1 §1.3.2; E04, E12, E13.
Says:
    CP_1, transaction tx-1: events are missing (seqNo 3).
    CP_1, transaction tx-1: two events have one number (seqNo 2).
    CP_1, transaction tx-1: an event was sent again (seqNo 2).
    CP_1, transaction tx-1: an event came after a later one (seqNo 3).
"""

from __future__ import annotations

from collections import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Evidence,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
)
from proxy.names import Direction
from proxy.ocpp.facts import (
    BytesLost,
    CaptureEnded,
    Fact,
    SightLost,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)

MAX_RUNS: Final = 16
MAX_MISSING: Final = 64
"""The window: older holes are counted, but cannot be filled any more."""
MAX_SAID: Final = 8
"""Numbers that a finding lists."""

SEQUENCE: Final = Rule(
    "TX-07",
    Severity.WARNING,
    "2.0.1 and 2.1 §1.3.2; E04, E12, E13",
    "{charge_point}, transaction {what} (seqNo {observed}).",
)
Event = TransactionStarted | TransactionUpdated | TransactionEnded

_CHARGE_POINT: Final = Direction.FROM_CHARGE_POINT
_NEVER: Final = -1
_REPEATED: Final = "repeated"
_LATE: Final = "late"
_TWICE: Final = "twice"


class Run(msgspec.Struct, array_like=True, gc=False):
    """One transaction. `highest`: seqNo of its latest event, `told` its device time (0: unknown), `offline`: 1
    when it was sent so. `first`: the lowest that can be judged. `due`: when its holes are told (ns of `clock`).

    `missing`: skipped numbers, lowest first, `lost`: how many more. `live`: 1 when a hole is between two live events.
    `unsure`: 1 until the next event: what was skipped may have passed unseen. `said`, `ended`: 1 when so.
    """

    transaction_id: str
    connector_id: int | None
    first: int
    highest: int
    told: int
    offline: int
    connection_id: str
    frame_no: int
    due: int = _NEVER
    missing: tuple[int, ...] = ()
    lost: int = 0
    live: int = 0
    unsure: int = 0
    said: int = 0
    ended: int = 0


class SequenceState(State):
    """`runs`: oldest first."""

    runs: tuple[Run, ...] = ()


@dataclass(frozen=True)
class Sequence(Analyzer[SequenceState]):
    """Waits by the pipeline's clock; device times only tell two events apart."""

    name: ClassVar[str] = "sequence"
    wants: ClassVar[tuple[type[Fact], ...]] = (
        TransactionStarted,
        TransactionUpdated,
        TransactionEnded,
        BytesLost,
        SightLost,
        CaptureEnded,
    )
    rules: ClassVar[tuple[Rule, ...]] = (SEQUENCE,)

    gap_seconds: int = 600

    def new_state(self) -> SequenceState:
        return SequenceState()

    def step(self, state: SequenceState, fact: Fact, charge_point: ChargePoint) -> abc.Sequence[Change]:
        if type(fact) is TransactionUpdated:
            seq_no = fact.seq_no
            if seq_no is None:
                return NOTHING
            for run in state.runs:
                if run.transaction_id == fact.transaction_id:
                    if seq_no == run.highest + 1 and not run.ended:
                        _advance(run, fact, seq_no)
                        return NOTHING  # nearly always
                    return self._odd(state, run, fact, seq_no)
            return self._met(state, fact, charge_point)
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    # what happened

    def _met(self, state: SequenceState, fact: Event, charge_point: ChargePoint) -> abc.Sequence[Change]:
        """The first event seen of this transaction; what was before it is unknown, unless it is its start."""
        if fact.seq_no is None or not fact.transaction_id:
            return NOTHING
        place = connector_of(charge_point.place_of(fact.place, fact.transaction_id))
        known = charge_point.transactions.get(fact.transaction_id)
        name = fact.transaction_id if known is None else known.transaction_id  # one string for all
        run = Run(name, place, fact.seq_no, fact.seq_no, 0, 0, "", 0)
        _advance(run, fact, fact.seq_no)
        state.runs = (*state.runs, run)[-MAX_RUNS:]
        return NOTHING

    def _event(self, state: SequenceState, fact: Event, charge_point: ChargePoint) -> abc.Sequence[Change]:
        """A start or an end; 1.6 has no numbers."""
        seq_no = fact.seq_no
        if seq_no is None:
            return self._over(state, fact.transaction_id) if type(fact) is TransactionEnded else NOTHING
        run = _run_of(state, fact.transaction_id)
        if run is None:
            return NOTHING if type(fact) is TransactionEnded else self._met(state, fact, charge_point)
        changes: abc.Sequence[Change] = NOTHING
        if seq_no == run.highest + 1:
            _advance(run, fact, seq_no)
        else:
            changes = self._odd(state, run, fact, seq_no)
        return [*changes, *self._end(state, run)] if type(fact) is TransactionEnded else changes

    def _odd(self, state: SequenceState, run: Run, fact: Event, seq_no: int) -> abc.Sequence[Change]:
        """Not the next number."""
        if seq_no > run.highest:
            self._skip(state, run, fact, seq_no)
            return NOTHING
        if seq_no in run.missing:
            return self._filled(state, run, fact, seq_no)
        told = fact.told.ns
        if seq_no == run.highest and told is not None and run.told and told != run.told:
            return self._say(
                run, "two events have one number", str(seq_no), _TWICE, Severity.WARNING, _frame(fact)
            )
        if seq_no < run.first:
            return NOTHING
        return self._say(run, "an event was sent again", str(seq_no), _REPEATED, Severity.INFO, _frame(fact))

    def _skip(self, state: SequenceState, run: Run, fact: Event, seq_no: int) -> None:
        """The numbers between may still come; those that passed unseen are none of the charge point's faults."""
        if not run.unsure:
            whole = (*run.missing, *range(max(run.highest + 1, seq_no - MAX_MISSING), seq_no))
            skipped = seq_no - run.highest - 1 + len(run.missing)
            run.missing = whole[-MAX_MISSING:]
            run.lost += skipped - len(run.missing)
            if fact.offline is not True and not run.offline:
                run.live = 1
            if run.due == _NEVER:
                run.due = fact.clock + self.gap_seconds * SECOND
                _plan(state)
        _advance(run, fact, seq_no)

    def _filled(self, state: SequenceState, run: Run, fact: Event, seq_no: int) -> abc.Sequence[Change]:
        run.missing = tuple(number for number in run.missing if number != seq_no)
        changes = self._say(
            run, "an event came after a later one", str(seq_no), _LATE, Severity.INFO, _frame(fact)
        )
        if run.missing or run.lost:
            return changes
        run.due, run.live, run.said = _NEVER, 0, 0
        if run.ended:
            _drop(state, run)
        _plan(state)
        return [*changes, _cleared(run)]

    def _end(self, state: SequenceState, run: Run) -> abc.Sequence[Change]:
        """Nothing follows the Ended, unless the charge point was offline: then a queue may."""
        run.ended = 1
        holes = run.missing or run.lost
        if holes and not run.live and not run.said:
            return NOTHING
        changes = self._holes(run) if holes else []
        _drop(state, run)
        _plan(state)
        return [*changes, _cleared(run)] if changes or run.said else NOTHING

    def _over(self, state: SequenceState, transaction_id: str) -> abc.Sequence[Change]:
        """It ended without a number: what is missing is as it was."""
        run = _run_of(state, transaction_id)
        return NOTHING if run is None else self._end(state, run)

    def _lost(
        self, state: SequenceState, fact: BytesLost | SightLost, charge_point: ChargePoint
    ) -> abc.Sequence[Change]:
        """Events may have been among them, and may have filled the holes."""
        if type(fact) is BytesLost and fact.direction is not _CHARGE_POINT:
            return NOTHING
        changes = [_cleared(run) for run in state.runs if run.said]
        state.runs = tuple(run for run in state.runs if not run.ended)
        for run in state.runs:
            run.unsure, run.missing, run.lost, run.due, run.live, run.said = 1, (), 0, _NEVER, 0, 0
            run.first = run.highest
        _plan(state)
        return changes

    def _capture_ended(
        self, state: SequenceState, fact: CaptureEnded, charge_point: ChargePoint
    ) -> abc.Sequence[Change]:
        """What is missing may come: nothing is said any more."""
        state.runs, state.wake_at = (), None
        return NOTHING

    # waiting

    def wake(self, state: SequenceState, now: int, charge_point: ChargePoint) -> abc.Sequence[Change]:
        changes: list[Change] = []
        for run in state.runs:
            if run.due == _NEVER or run.due > now:
                continue
            run.due = _NEVER
            changes += self._holes(run)
            if run.ended:
                _drop(state, run)
                changes.append(_cleared(run))
        _plan(state)
        return changes

    # what is said

    def _holes(self, run: Run) -> list[Change]:
        times, run.said = 0 if run.said else 1, 1
        numbers = ", ".join(map(str, run.missing[:MAX_SAID]))
        more = len(run.missing) - MAX_SAID + run.lost if len(run.missing) > MAX_SAID else run.lost
        observed = f"{numbers} and {more} more" if more > 0 else numbers
        severity = Severity.WARNING if run.live else Severity.INFO
        return [_raised(run, "events are missing", observed, "", severity, (), times)]

    def _say(
        self, run: Run, text: str, observed: str, key: str, severity: Severity, evidence: Evidence
    ) -> list[Change]:
        """It has happened, and is over."""
        return [_raised(run, text, observed, key, severity, evidence, 1), _cleared(run, key)]


_HANDLERS: Final[
    Mapping[type[Fact], Callable[[Sequence, SequenceState, Any, ChargePoint], abc.Sequence[Change]]]
] = {
    TransactionStarted: Sequence._event,
    TransactionEnded: Sequence._event,
    BytesLost: Sequence._lost,
    SightLost: Sequence._lost,
    CaptureEnded: Sequence._capture_ended,
}


def _raised(
    run: Run, text: str, observed: str, key: str, severity: Severity, evidence: Evidence, times: int
) -> Raised:
    return Raised(
        SEQUENCE,
        observed=observed,
        limit="each number once, in order",
        what=f"{run.transaction_id}: {text}",
        key=key,
        connector_id=run.connector_id,
        transaction_id=run.transaction_id,
        severity=severity,
        evidence=evidence or ((run.connection_id, run.frame_no),),
        times=times,
    )


def _cleared(run: Run, key: str = "") -> Cleared:
    return Cleared(SEQUENCE, key=key, connector_id=run.connector_id, transaction_id=run.transaction_id)


def _frame(fact: Event) -> Evidence:
    return ((fact.connection_id, fact.frame_no),)


def _advance(run: Run, fact: Event, seq_no: int) -> None:
    run.highest = seq_no
    run.told = fact.told.ns or 0
    run.offline = 1 if fact.offline is True else 0
    run.connection_id = fact.connection_id
    run.frame_no = fact.frame_no
    run.unsure = 0


def _run_of(state: SequenceState, transaction_id: str) -> Run | None:
    for run in state.runs:
        if run.transaction_id == transaction_id:
            return run
    return None


def _drop(state: SequenceState, run: Run) -> None:
    state.runs = tuple(other for other in state.runs if other is not run)


def _plan(state: SequenceState) -> None:
    state.wake_at = min((run.due for run in state.runs if run.due != _NEVER), default=None)
