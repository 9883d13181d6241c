"""Refused connection: a charge point that is not let in.

Fires when: a handshake of a charge point ends without a connection: the CSMS answers anything but 101, it cannot be
    reached, or our own rules refuse it (CN-09, a warning). One finding, with a count; a connection that opens clears
    it, and so does a day without another try. At many charge points of an upstream, a site or a subnet at once it is
    one critical finding of the group (CN-09-GROUP).
    While it has another connection open it is an info finding: that one may be dead, or this one somebody else's.
Does not fire when: the charge point gave up by itself; we are shutting down; nobody knows whose handshake it was.
Clause: OCPP-J 1.6 §3.2, §3.3; 2.0.1 and 2.1 Part 4 §3.2, §3.3.
Says:
    CP_1 cannot connect: the CSMS does not accept its credentials (401, refused by the CSMS).
    CP_1 cannot connect: the CSMS cannot be reached (502, refused by ocpptap).
    Charge points of upstream csms.example:443 cannot connect: 12 of 40 charge points were refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

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
)
from proxy.ocpp.facts import ConnectionOpened, Fact, HandshakeFailed

MAX_REASON: Final = 64
"""Characters of a reason that are said."""
_GROUP: Final = Rule(
    "CN-09-GROUP",
    Severity.CRITICAL,
    "OCPP-J 1.6 §3.2, §3.3; 2.x Part 4 §3.2, §3.3",
    "Charge points of {what} cannot connect: {observed} were refused.",
)
REFUSED: Final = Rule(
    "CN-09",
    Severity.WARNING,
    "OCPP-J 1.6 §3.2, §3.3; 2.x Part 4 §3.2, §3.3",
    "{charge_point} cannot connect: {what} ({observed}).",
    group=_GROUP,
)
_GAVE_UP: Final = "charge_point"
_DRAINING: Final = "draining"
_BY: Final = {"csms": "the CSMS", "proxy": "ocpptap"}
_WHAT: Final = {
    ("csms", 401): "the CSMS does not accept its credentials",
    ("csms", 403): "the CSMS does not let it in",
    ("csms", 404): "the CSMS does not know it",
    ("csms", 426): "the CSMS wants another WebSocket version",
    ("csms", 429): "the CSMS says it tries too often",
    ("proxy", 502): "the CSMS cannot be reached",
    ("proxy", 503): "too many are connecting to the CSMS at once",
    ("proxy", 504): "the CSMS does not answer",
}


class RefusedConnectionState(State):
    """`refusals`: since the last success."""

    refusals: int = 0
    told: bool = False


@dataclass(frozen=True)
class RefusedConnection(Analyzer[RefusedConnectionState]):
    """`refusals`: in a row, from which it is said."""

    name: ClassVar[str] = "refused_connection"
    wants: ClassVar[tuple[type[Fact], ...]] = (HandshakeFailed, ConnectionOpened)
    rules: ClassVar[tuple[Rule, ...]] = (REFUSED,)

    refusals: int = 1
    forget_seconds: int = 86_400

    def new_state(self) -> RefusedConnectionState:
        return RefusedConnectionState()

    def step(self, state: RefusedConnectionState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return self._failed(state, fact, charge_point) if type(fact) is HandshakeFailed else _let_in(state)

    def wake(self, state: RefusedConnectionState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        """It tries no more."""
        return _let_in(state)

    def _failed(
        self, state: RefusedConnectionState, fact: HandshakeFailed, charge_point: ChargePoint
    ) -> Sequence[Change]:
        if not fact.charge_point:
            return NOTHING
        if fact.refused_by == _GAVE_UP or fact.reason == _DRAINING:
            return NOTHING
        state.refusals += max(1, fact.count)
        if state.refusals < self.refusals:
            return NOTHING
        # all refusals since the last success belong to the finding, those before it was opened too
        times = max(1, fact.count) if state.told else state.refusals
        state.told = True
        state.wake_at = fact.clock + self.forget_seconds * SECOND
        severity = Severity.INFO if charge_point.connection_id else REFUSED.severity
        return (_refused(fact, times, severity),)


def _refused(fact: HandshakeFailed, times: int, severity: Severity) -> Raised:
    by = _BY.get(fact.refused_by, "nobody known")
    said = f"{fact.status}" if fact.status else "no answer"
    return Raised(
        REFUSED,
        f"{said}, refused by {by}",
        "101",
        _what(fact),
        severity=severity,
        evidence=((fact.connection_id, fact.frame_no),),
        times=times,
    )


def _what(fact: HandshakeFailed) -> str:
    known = _WHAT.get((fact.refused_by, fact.status))
    if known is not None:
        return known
    if fact.refused_by == "csms":
        return f"the CSMS answered {fact.status}"
    return f"its handshake breaks a rule: {fact.reason[:MAX_REASON] or 'unknown'}"


def _let_in(state: RefusedConnectionState) -> Sequence[Change]:
    told, state.told = state.told, False
    state.refusals, state.wake_at = 0, None
    return (Cleared(REFUSED),) if told else NOTHING
