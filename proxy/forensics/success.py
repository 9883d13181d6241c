"""Charging success rate and first-time success of a charge point: attempts, visits, and what became of them.

Pure: signals in, counts out; knows no store. Signals come in the order of time. Rules (analyzers.md 1.5; NOW/P3 2026
for the success rate, UC Davis TRR 2024 for visits):

- Signals are an accepted authorization, an accepted remote start, and a transaction whose start was seen.
- Signals of one token at one charge point within 10 minutes of each other are one attempt, until it has its
  transaction: a start that failed and the one after it are two attempts.
- An authorization while the token's own transaction runs is no attempt: it is how a driver stops.
- An attempt succeeds as its transaction does (`pipeline/charged.py`). Without a transaction, without energy or with a
  failure it fails. What nobody knows yet (still running, its end or its energy was not seen, a reason without a label)
  is undecided, and in no rate.
- A visit is the attempts of one token at one charge point, each within 10 minutes of the end of the one before. Without
  a token a transaction is a visit of its own.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from proxy.forensics.intervals import MINUTE
from proxy.ocpp.facts import Outcome
from proxy.pipeline.charged import Became, Current, became

APART: Final = 10 * MINUTE
MAX_OPEN: Final = 100_000
"""Attempts remembered of a fleet; over that the oldest are counted as they stand."""


class Kind(enum.StrEnum):
    """What says that somebody wants to charge."""

    AUTHORIZATION = "authorization"
    REMOTE_START = "remote_start"
    TRANSACTION = "transaction"


class Verdict(enum.Enum):
    SUCCESS = enum.auto()
    FAILURE = enum.auto()
    UNDECIDED = enum.auto()


class Signal(msgspec.Struct, frozen=True, gc=False):
    """Somebody wants to charge. `until`: of a transaction its last moment. `verdict`: of what is no transaction, what
    the attempt comes to if none follows."""

    at: int
    until: int
    charge_point: str
    token: str
    kind: Kind
    verdict: Verdict = Verdict.FAILURE


class Counts(msgspec.Struct, gc=False):
    """`undecided` attempts and `visits_undecided` are in no rate."""

    attempts: int = 0
    successes: int = 0
    undecided: int = 0
    visits: int = 0
    first_successes: int = 0
    visits_undecided: int = 0

    @property
    def charging_success(self) -> float | None:
        """Percent, never rounded up; None: no attempt is decided."""
        return percent(self.successes, self.attempts - self.undecided)

    @property
    def first_time_success(self) -> float | None:
        """Percent of visits whose first attempt succeeded."""
        return percent(self.first_successes, self.visits - self.visits_undecided)

    def add(self, other: Counts) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def percent(part: int, whole: int) -> float | None:
    """Four digits behind the point, never rounded up: 99.99999 % is not 100 %."""
    return 1_000_000 * part // whole / 10_000 if whole > 0 else None


_OUTCOMES: Final = {"success": Outcome.SUCCESS, "failure": Outcome.FAILURE}
_VERDICTS: Final = {
    Became.SUCCESS: Verdict.SUCCESS,
    Became.FAILED: Verdict.FAILURE,
    Became.ZERO_ENERGY: Verdict.FAILURE,
    Became.UNKNOWN: Verdict.UNDECIDED,
}


def verdict(energy_wh: float | None, outcome: str, state: str, current: Current) -> Verdict:
    """What became of a transaction, by its row's columns."""
    if state != "ended":
        return Verdict.UNDECIDED
    return _VERDICTS[became(energy_wh, _OUTCOMES.get(outcome, Outcome.UNKNOWN), current)]


class _Attempt(msgspec.Struct, gc=False):
    """`charging`: it has its transaction. `first`: of its visit."""

    at: int
    until: int
    verdict: Verdict
    charging: bool
    first: bool


class Counting:
    """Counts the attempts that began in [since, until); earlier and later signals only complete them."""

    def __init__(self, since: int, until: int) -> None:
        self.counts: dict[str, Counts] = {}
        self._span = (since, until)
        self._open: dict[tuple[str, str], _Attempt] = {}

    def signal(self, signal: Signal) -> None:
        if not signal.token:
            self._alone(signal)
            return
        key = (signal.charge_point, signal.token.lower())  # 1.6 idTag and 2.x idToken are case-insensitive
        before = self._open.get(key)
        if before is None or not _joins(before, signal):
            self._begin(key, before, signal)

    def flush(self, now: int) -> None:
        """Count what no later signal can change."""
        for key in [key for key, attempt in self._open.items() if attempt.until + APART < now]:
            self._settle(key[0], self._open.pop(key))

    def finish(self) -> dict[str, Counts]:
        """The counts of each charge point."""
        for key, attempt in self._open.items():
            self._settle(key[0], attempt)
        self._open.clear()
        return self.counts

    def _begin(self, key: tuple[str, str], before: _Attempt | None, signal: Signal) -> None:
        first = before is None or signal.at > before.until + APART
        if before is not None:
            self._settle(key[0], self._open.pop(key))
        charging = signal.kind is Kind.TRANSACTION
        self._open[key] = _Attempt(signal.at, signal.until, signal.verdict, charging, first)
        if len(self._open) > MAX_OPEN:
            oldest = next(iter(self._open))
            self._settle(oldest[0], self._open.pop(oldest))

    def _alone(self, signal: Signal) -> None:
        """Without a token nothing says that two signals belong together, so only transactions count."""
        if signal.kind is Kind.TRANSACTION:
            attempt = _Attempt(signal.at, signal.until, signal.verdict, charging=True, first=True)
            self._settle(signal.charge_point, attempt)

    def _settle(self, charge_point: str, attempt: _Attempt) -> None:
        since, until = self._span
        if not since <= attempt.at < until:
            return
        counts = self.counts.setdefault(charge_point, Counts())
        counts.attempts += 1
        counts.successes += attempt.verdict is Verdict.SUCCESS
        counts.undecided += attempt.verdict is Verdict.UNDECIDED
        if attempt.first:
            counts.visits += 1
            counts.first_successes += attempt.verdict is Verdict.SUCCESS
            counts.visits_undecided += attempt.verdict is Verdict.UNDECIDED


def _joins(attempt: _Attempt, signal: Signal) -> bool:
    """The signal belongs to the attempt, which takes it in."""
    if attempt.charging:
        return signal.kind is not Kind.TRANSACTION and signal.at <= attempt.until
    if signal.at > attempt.until + APART:
        return False
    attempt.until = max(attempt.until, signal.until)
    attempt.verdict = signal.verdict
    attempt.charging = signal.kind is Kind.TRANSACTION
    return True
