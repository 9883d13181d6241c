"""Double start: a StartTransaction that came twice and was answered with two ids.

Fires when: the same StartTransaction (connector, id token, meter, time) of 1.6 comes again. Answered with another id,
    and both accepted: two transactions for one session, billed twice (TX-05, critical, until one of them stops).
    Answered with the same id, or refused: a retry, as the standard wants it (TX-05, info).
Does not fire when: anything of it differs; the start names no time or no meter; 2.x, where the charge point gives the
    id and a retry is a repeated seqNo.
Clause: OCPP 1.6 §3.7.1, §4.8; errata 2025-04 §3 (retries of transaction messages).
Says:
    CP_1 started one session twice: the CSMS gave it transaction 7 and transaction 8.
    CP_1 sent one StartTransaction twice: the CSMS gave it transaction 7 again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar, Final

import msgspec

from analyzers.base import (
    NOTHING,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Raised,
    Rule,
    Severity,
    State,
    connector_of,
)
from proxy.ocpp.facts import Fact, TransactionEnded, TransactionStarted

MAX_STARTS: Final = 4
"""Remembered per charge point: a retry follows its first try before many others."""
_NO_IDS: Final = frozenset({"", "0", "-1"})

TWICE: Final = Rule(
    "TX-05", Severity.CRITICAL, "OCPP 1.6 §3.7.1, §4.8; errata 2025-04 §3", "{charge_point} {what}."
)


class Start(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A StartTransaction that was answered. `digest`: of all that a retry repeats. `taken`: 1 when it was accepted and
    has an id."""

    digest: int
    transaction_id: str
    taken: int
    connection_id: str
    frame_no: int


class DoubleStartState(State):
    """`starts`: oldest first. `doubles`: (transaction, the one before it, connector) with an open finding."""

    starts: tuple[Start, ...] = ()
    doubles: list[tuple[str, str, int | None]] | None = None


@dataclass(frozen=True)
class DoubleStart(Analyzer[DoubleStartState]):
    """Nothing to set: two starts are equal or not."""

    name: ClassVar[str] = "double_start"
    wants: ClassVar[tuple[type[Fact], ...]] = (TransactionStarted, TransactionEnded)
    rules: ClassVar[tuple[Rule, ...]] = (TWICE,)

    def new_state(self) -> DoubleStartState:
        return DoubleStartState()

    def step(self, state: DoubleStartState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if type(fact) is TransactionStarted:
            return self._started(state, fact, charge_point)
        if type(fact) is TransactionEnded and state.doubles is not None:
            return self._ended(state, fact)
        return NOTHING

    def _started(
        self, state: DoubleStartState, fact: TransactionStarted, charge_point: ChargePoint
    ) -> Sequence[Change]:
        untold = fact.told.ns is None and not fact.told.text
        if charge_point.version.startswith("2") or untold or fact.meter_start_wh is None:
            return NOTHING
        taken = fact.transaction_id not in _NO_IDS and fact.status.strip().lower() == "accepted"
        known = charge_point.transactions.get(fact.transaction_id)
        name = fact.transaction_id if known is None else known.transaction_id  # one string for all
        start = Start(_digest(fact), name, int(taken), fact.connection_id, fact.frame_no)
        before = next((known for known in state.starts if known.digest == start.digest), None)
        state.starts = (*state.starts, start)[-MAX_STARTS:]
        return NOTHING if before is None else self._again(state, fact, before, start)

    def _again(
        self, state: DoubleStartState, fact: TransactionStarted, before: Start, now: Start
    ) -> Sequence[Change]:
        two = bool(before.taken and now.taken) and before.transaction_id != now.transaction_id
        connector = connector_of(fact.place)
        raised = Raised(
            TWICE,
            observed="two transactions" if two else "a retry",
            limit="one transaction per session",
            what=_billed_twice(before, now) if two else _said_twice(now),
            connector_id=connector,
            transaction_id=now.transaction_id,
            severity=Severity.CRITICAL if two else Severity.INFO,
            evidence=((before.connection_id, before.frame_no), (now.connection_id, now.frame_no)),
        )
        if not two:
            return [raised, Cleared(TWICE, connector_id=connector, transaction_id=now.transaction_id)]
        double = (now.transaction_id, before.transaction_id, connector)
        state.doubles = [*(state.doubles or ()), double][-MAX_STARTS:]
        return [raised]

    def _ended(self, state: DoubleStartState, fact: TransactionEnded) -> Sequence[Change]:
        """One of the two is closed; what was billed shows in the finding."""
        over = [double for double in state.doubles or () if fact.transaction_id in double[:2]]
        if over:
            state.doubles = [double for double in state.doubles or () if double not in over] or None
        return [Cleared(TWICE, connector_id=place, transaction_id=name) for name, _, place in over]


def _billed_twice(before: Start, now: Start) -> str:
    ids = f"transaction {before.transaction_id} and transaction {now.transaction_id}"
    return f"started one session twice: the CSMS gave it {ids}"


def _said_twice(now: Start) -> str:
    answer = f"transaction {now.transaction_id} again" if now.taken else "no other transaction"
    return f"sent one StartTransaction twice: the CSMS gave it {answer}"


def _digest(fact: TransactionStarted) -> int:
    """64 bits of what a retry repeats."""
    told = fact.told.text if fact.told.ns is None else fact.told.ns
    words = repr((connector_of(fact.place), fact.who.token, fact.meter_start_wh, told))
    return int.from_bytes(blake2b(words.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big")
