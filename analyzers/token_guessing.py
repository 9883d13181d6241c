"""Token guessing: somebody tries id tokens at a charge point.

Fires when: the CSMS refused 8 authorizations in 10 min at one charge point, or 5 different tokens in 2 min (SE-02, a
    warning; critical at twice as many): Invalid, Blocked, Expired, ConcurrentTx, or 2.x's Unknown, whichever message
    asked. Any single refused authorization is an info finding that is over at once. Ten minutes without one clear it.
Does not fire when: the CSMS has accepted; the refusal is of no token's own making (NoCredit, NotAtThisTime, ...), which
    is an info at most; the transaction began more than 10 min before its answer: it was queued, and nobody stands there
    now. Tokens are told apart, and never told.
Clause: OCPP 1.6 §5.2, §7.2; 2.x C01, C10; AuthorizationStatusEnumType.
Says:
    CP_1: somebody may be trying id tokens, 8 refused in 600 s, 3 different in 120 s (limit 8 in 600 s or 5 different
        in 120 s).
    CP_1: an id token was refused, Invalid (limit 8 in 600 s or 5 different in 120 s).
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
    connector_of,
)
from analyzers.stats import Recent
from proxy.ocpp.facts import Authorized, Fact

GUESSING: Final = Rule(
    "SE-02",
    Severity.WARNING,
    "OCPP 1.6 §5.2, §7.2; 2.x C01, C10",
    "{charge_point}: {what}, {observed} (limit {limit}).",
)

MAX_REFUSED: Final = 64
"""Refusals remembered per charge point; a limit in the settings beyond it is never reached."""
MAX_TOKEN: Final = 40
"""Characters by which tokens are told apart; the standard allows 20 (1.6) and 36 (2.x)."""
MAX_WORD: Final = 40
TWICE: Final = 2
_ACCEPTED: Final = frozenset({"accepted", ""})
_GUESSED: Final = frozenset({"invalid", "blocked", "expired", "concurrenttx", "unknown"})
_ONE: Final = "one"


class TokenGuessingState(State):
    """`refused`: (clock, token) of the last refusals, None: none yet. `told`: severity of the open finding, 0 none."""

    refused: Recent | None = None
    told: int = 0


@dataclass(frozen=True)
class TokenGuessing(Analyzer[TokenGuessingState]):
    """The two limits are independent; critical is twice either."""

    name: ClassVar[str] = "token_guessing"
    wants: ClassVar[tuple[type[Fact], ...]] = (Authorized,)
    rules: ClassVar[tuple[Rule, ...]] = (GUESSING,)

    refused: int = 8
    refused_within_seconds: int = 600
    different: int = 5
    different_within_seconds: int = 120

    def new_state(self) -> TokenGuessingState:
        return TokenGuessingState()

    def step(self, state: TokenGuessingState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        assert isinstance(fact, Authorized)
        status = fact.status.lower()
        if status in _ACCEPTED:
            return NOTHING
        if status not in _GUESSED or self._is_old(fact, charge_point):
            return [] if state.told else self._single(fact)
        state.refused = refused = state.refused or Recent()
        refused.add(fact.clock, fact.who.token[:MAX_TOKEN], MAX_REFUSED)
        refused.drop_before(fact.clock - self._window())
        state.wake_at = fact.clock + self._window() + 1
        return self._judged(state, refused, fact)

    def _judged(self, state: TokenGuessingState, refused: Recent, fact: Authorized) -> Sequence[Change]:
        count = refused.since(fact.clock - self.refused_within_seconds * SECOND)
        different = refused.distinct(fact.clock - self.different_within_seconds * SECOND)
        if not state.told and count < self.refused and different < self.different:
            return self._single(fact)
        severe = count >= TWICE * self.refused or different >= TWICE * self.different
        severity = Severity.CRITICAL if severe else Severity.WARNING
        times, state.told = 1 if state.told else len(refused.entries), max(state.told, severity)
        observed = (
            f"{count} refused in {self.refused_within_seconds} s,"
            f" {different} different in {self.different_within_seconds} s"
        )
        what = "somebody may be trying id tokens"
        proof = ((fact.connection_id, fact.frame_no),)
        return [
            Raised(GUESSING, observed, self._limit(), what, severity=severity, evidence=proof, times=times)
        ]

    def _single(self, fact: Authorized) -> list[Change]:
        """A line, and no alarm."""
        connector = connector_of(fact.place)
        raised = Raised(
            GUESSING,
            observed=fact.status.encode("unicode_escape").decode()[:MAX_WORD],
            limit=self._limit(),
            what="an id token was refused",
            key=_ONE,
            connector_id=connector,
            severity=Severity.INFO,
            evidence=((fact.connection_id, fact.frame_no),),
        )
        return [raised, Cleared(GUESSING, key=_ONE, connector_id=connector)]

    def _is_old(self, fact: Authorized, charge_point: ChargePoint) -> bool:
        """The transaction that asked began long ago, by its own account."""
        transaction = charge_point.transactions.get(fact.transaction_id)
        told = None if transaction is None else transaction.told_ns
        return told is not None and fact.at - told > self._window()

    def wake(self, state: TokenGuessingState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        """Nobody was refused for as long as counts."""
        state.refused, told, state.told = None, state.told, 0
        return [Cleared(GUESSING)] if told else NOTHING

    def _window(self) -> int:
        return max(self.refused_within_seconds, self.different_within_seconds) * SECOND

    def _limit(self) -> str:
        return (
            f"{self.refused} in {self.refused_within_seconds} s"
            f" or {self.different} different in {self.different_within_seconds} s"
        )
