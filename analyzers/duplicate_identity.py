"""Duplicate identity: two connections of one charge point are open at the same time.

Fires when: a charge point connects while another connection of it stays open for 10 s more (CN-07): an info finding,
    since mostly the old one is only half open. A warning when both keep sending, by turns, from the same address or
    from one that is not known; critical when they come from different addresses: two devices use one identity.
    Cleared when one connection is left. One that says nothing for an hour beside another is taken for dead.
Does not fire when: the old connection is closed within 10 s; what comes on the old one within them was on its way; the
    connection that is not heard of was lost from sight.
Clause: OCPP-J 1.6 §3.1, §6; 2.0.1 and 2.1 Part 4 §3.1.
Says:
    CP_1 has 2 connections open at the same time: the old one, from 10.0.0.7, was not closed.
    CP_1 has 2 connections open at the same time: both, from 10.0.0.7 and 10.0.0.9, keep sending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    Raised,
    Rule,
    Severity,
    State,
    host_of,
)
from proxy.ocpp.facts import ConnectionClosed, ConnectionOpened, Fact, LifeSeen, SightLost

MAX_LINES: Final = 4
"""Connections watched per charge point; the oldest is forgotten for a fifth."""
MAX_LISTENED: Final = 100
"""Signs of life asked for one after the other; then there is a pause until the next wake."""
MAX_ADDRESS: Final = 64
_PAUSE: Final = 60 * SECOND
_CALM: Final = 0

DUPLICATE: Final = Rule(
    "CN-07",
    Severity.INFO,
    "OCPP-J 1.6 §3.1, §6; 2.x Part 4 §3.1",
    "{charge_point} has {observed} at the same time: {what}.",
)


class Line(msgspec.Struct, gc=False):
    """An open connection. `host` "": not known. `heard`: ns of `clock`, since when nothing came of it."""

    connection_id: str
    host: str
    heard: int
    frame_no: int = 0


class Overlap(msgspec.Struct, gc=False):
    """Two or more are open. `since`: ns of `clock` from which on what is said counts. `last`: who spoke last.

    `turns`: how often another one spoke; `strange`: of these, from another address. `listened`: signs of life since
    the last pause. `told`: severity of the open finding.
    """

    since: int
    last: str = ""
    turns: int = 0
    strange: int = 0
    listened: int = 0
    told: int = _CALM


class DuplicateIdentityState(State):
    """`lines`: open ones, oldest first. `overlap`: None while there is one at most."""

    lines: tuple[Line, ...] = ()
    overlap: Overlap | None = None


@dataclass(frozen=True)
class DuplicateIdentity(Analyzer[DuplicateIdentityState]):
    """`turns`: how often the speaker must change until both are said to keep sending."""

    name: ClassVar[str] = "duplicate_identity"
    wants: ClassVar[tuple[type[Fact], ...]] = (ConnectionOpened, ConnectionClosed, SightLost, LifeSeen)
    rules: ClassVar[tuple[Rule, ...]] = (DUPLICATE,)

    grace_seconds: int = 10
    turns: int = 3
    forget_seconds: int = 3600

    def new_state(self) -> DuplicateIdentityState:
        return DuplicateIdentityState()

    def step(self, state: DuplicateIdentityState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return _HANDLERS[type(fact)](self, state, fact, charge_point)

    # connections

    def _opened(
        self, state: DuplicateIdentityState, fact: ConnectionOpened, charge_point: ChargePoint
    ) -> Sequence[Change]:
        return self._add(state, fact, host_of(fact.remote_address)[:MAX_ADDRESS])

    def _closed(
        self, state: DuplicateIdentityState, fact: ConnectionClosed | SightLost, charge_point: ChargePoint
    ) -> Sequence[Change]:
        state.lines = tuple(line for line in state.lines if line.connection_id != fact.connection_id)
        return _settle(state)

    def _add(self, state: DuplicateIdentityState, fact: Fact, host: str) -> Sequence[Change]:
        others = [line for line in state.lines if line.connection_id != fact.connection_id]
        state.lines = (*others, Line(fact.connection_id, host, fact.clock, fact.frame_no))[-MAX_LINES:]
        if len(state.lines) > 1 and state.overlap is None:
            for line in state.lines:
                line.heard = fact.clock  # what it said before does not count
            state.overlap = Overlap(fact.clock + self.grace_seconds * SECOND)
            state.wake_at = state.overlap.since
        return NOTHING

    # who speaks

    def _life(
        self, state: DuplicateIdentityState, fact: LifeSeen, charge_point: ChargePoint
    ) -> Sequence[Change]:
        line = _line(state, fact.connection_id)
        if line is None:
            return self._add(state, fact, "")  # open since before anything was seen, or lost from sight
        overlap = state.overlap
        if overlap is None or fact.clock < overlap.since:
            return NOTHING
        line.heard, line.frame_no = fact.clock, fact.frame_no
        overlap.listened += 1
        if overlap.listened < MAX_LISTENED:
            charge_point.life.await_any()
        return self._turn(state, overlap, line)

    def _turn(self, state: DuplicateIdentityState, overlap: Overlap, line: Line) -> Sequence[Change]:
        last, overlap.last = overlap.last, line.connection_id
        if last in ("", line.connection_id):
            return NOTHING
        overlap.turns += 1
        before = _line(state, last)
        if before is not None and before.host and line.host and before.host != line.host:
            overlap.strange += 1
        severity = self._severity(overlap)
        if severity <= overlap.told or before is None:
            return NOTHING
        return self._say(state, overlap, severity, _both(before, line))

    def _severity(self, overlap: Overlap) -> Severity:
        if overlap.strange >= self.turns:
            return Severity.CRITICAL
        return Severity.WARNING if overlap.turns >= self.turns else Severity.INFO

    # waiting

    def wake(self, state: DuplicateIdentityState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        overlap = state.overlap
        if overlap is None:
            return NOTHING
        newest = max(line.heard for line in state.lines)
        until = newest - self.forget_seconds * SECOND
        state.lines = tuple(line for line in state.lines if line.heard >= until)
        if len(state.lines) < 2:
            return _settle(state)
        overlap.listened = 0
        charge_point.life.await_any()
        state.wake_at = now + _PAUSE
        if overlap.told:
            return NOTHING
        return self._say(state, overlap, Severity.INFO, _left(state.lines[0]))

    # what is said

    def _say(
        self, state: DuplicateIdentityState, overlap: Overlap, severity: Severity, what: str
    ) -> Sequence[Change]:
        times = 0 if overlap.told else 1
        overlap.told = severity
        return (
            Raised(
                DUPLICATE,
                f"{len(state.lines)} connections open",
                "1 connection",
                what,
                severity=severity,
                evidence=tuple((line.connection_id, line.frame_no) for line in state.lines),
                times=times,
            ),
        )


_HANDLERS: Final[
    Mapping[
        type[Fact],
        Callable[[DuplicateIdentity, DuplicateIdentityState, Any, ChargePoint], Sequence[Change]],
    ]
] = {
    LifeSeen: DuplicateIdentity._life,
    ConnectionOpened: DuplicateIdentity._opened,
    ConnectionClosed: DuplicateIdentity._closed,
    SightLost: DuplicateIdentity._closed,
}


def _line(state: DuplicateIdentityState, connection_id: str) -> Line | None:
    for line in state.lines:
        if line.connection_id == connection_id:
            return line
    return None


def _settle(state: DuplicateIdentityState) -> Sequence[Change]:
    """With one connection left there is no overlap any more."""
    overlap = state.overlap
    if overlap is None or len(state.lines) > 1:
        return NOTHING
    state.overlap = state.wake_at = None
    return (Cleared(DUPLICATE),) if overlap.told else NOTHING


def _left(old: Line) -> str:
    return f"the old one, from {old.host or 'an unknown address'}, was not closed"


def _both(one: Line, other: Line) -> str:
    hosts = sorted({one.host or "an unknown address", other.host or "an unknown address"})
    return f"both, from {' and '.join(hosts)}, keep sending"
