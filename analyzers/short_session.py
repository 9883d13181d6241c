"""Short session: transactions that end at once, or for a bad reason.

Fires when: a transaction ends within 60 s of its start, or with a reason that counts as a failure (2.1 §3.83;
    1.6: EmergencyStop, HardReset, SoftReset, PowerLoss, Reboot, DeAuthorized, Other): TX-14, info; a warning from the
    third in a row on one connector (2.x EVSE) on, until one goes well there.
Does not fire when: the start was not seen, one of the two times is unknown, or the clock was set in between (the reason
    counts all the same); a stop is said again.
Clause: OCPP 1.6 §7.36; 2.1 §3.83; E06, E07.
Says:
    CP_1: a session on connector 1 ended after 20 s (Local), 1 in a row.
    CP_1: a session on connector 1 ended after 600 s (PowerLoss), 3 in a row.
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
    OpenTransaction,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
    seconds,
)
from proxy.ocpp.facts import Fact, Outcome, TransactionEnded

MAX_CONNECTORS: Final = 64
MAX_REASON: Final = 40
"""Characters of a reason that a finding repeats."""
_FAILURE: Final = Outcome.FAILURE

SHORT: Final = Rule(
    "TX-14", Severity.INFO, "OCPP 1.6 §7.36; 2.1 §3.83; E06, E07", "{charge_point}: a session on {what}."
)


class ShortSessionState(State):
    """`rows`: how many failed in a row, by connector; one that does well is not in it."""

    rows: dict[int, int] | None = None


@dataclass(frozen=True)
class ShortSession(Analyzer[ShortSessionState]):
    """How long it took is the charge point's own time: a queue delivers start and stop at one moment."""

    name: ClassVar[str] = "short_session"
    wants: ClassVar[tuple[type[Fact], ...]] = (TransactionEnded,)
    rules: ClassVar[tuple[Rule, ...]] = (SHORT,)

    short_seconds: int = 60
    warning_in_a_row: int = 3

    def new_state(self) -> ShortSessionState:
        return ShortSessionState()

    def step(self, state: ShortSessionState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is not TransactionEnded:
            return NOTHING
        transaction = charge_point.transactions.get(fact.transaction_id)
        if transaction is None:
            return NOTHING
        connector = connector_of(charge_point.place_of(fact.place, fact.transaction_id))
        if connector is None:
            return NOTHING
        lasted = _lasted(transaction, fact)
        short = lasted is not None and lasted < self.short_seconds * SECOND
        if short or fact.outcome is _FAILURE:
            return self._failed(state, fact, transaction, connector, lasted)
        return _went_well(state, connector)

    def _failed(
        self,
        state: ShortSessionState,
        fact: TransactionEnded,
        transaction: OpenTransaction,
        connector: int,
        lasted: int | None,
    ) -> Sequence[Change]:
        """One is over when it is told; a row stays open."""
        row = (state.rows or {}).get(connector, 0) + 1
        if connector not in (state.rows or ()) and len(state.rows or ()) >= MAX_CONNECTORS:
            return NOTHING
        state.rows = {**(state.rows or {}), connector: row}
        after = "" if lasted is None else f" after {seconds(lasted)}"
        reason = fact.reason[:MAX_REASON] or "no reason"
        serious = row >= self.warning_in_a_row
        raised = Raised(
            SHORT,
            observed=f"{row} in a row",
            limit=f"{self.warning_in_a_row} in a row, {seconds(self.short_seconds * SECOND)}",
            what=f"connector {connector} ended{after} ({reason}), {row} in a row",
            connector_id=connector,
            severity=Severity.WARNING if serious else Severity.INFO,
            evidence=(
                (transaction.connection_id, transaction.frame_no),
                (fact.connection_id, fact.frame_no),
            ),
        )
        return [raised] if serious else [raised, Cleared(SHORT, connector_id=connector)]


def _lasted(transaction: OpenTransaction, fact: TransactionEnded) -> int | None:
    """ns, by the charge point's clock; None: not known."""
    if not transaction.seen_from_start or transaction.told_ns is None or fact.told.ns is None:
        return None
    lasted = fact.told.ns - transaction.told_ns
    return lasted if lasted >= 0 else None


def _went_well(state: ShortSessionState, connector: int) -> Sequence[Change]:
    if state.rows is None or connector not in state.rows:
        return NOTHING
    state.rows = {place: row for place, row in state.rows.items() if place != connector} or None
    return [Cleared(SHORT, connector_id=connector)]
