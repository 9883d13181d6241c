"""Which fact counts as what: one table from the type of a fact to the function that counts it.

Knows facts, and what the runner knows of the charge point they are about; how things are counted and bounded is
`tally.py`, which words are labels `words.py`. Nothing here changes a row or a finding.

A transaction is counted once, when the ledger ends it: with what the end's own message said, samples that stand behind
the stop included (1.6 transactionData), so it is settled when that message is over. What comes later does not count.
The last call of each bucket is kept as it is, for exemplars; they are no part of the checkpoint.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any

from proxy.metrics import OTHER
from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.facts import (
    Authorized,
    CallAnswered,
    CallErred,
    CallUnanswered,
    ConformanceBroken,
    Fact,
    FaultReported,
)
from proxy.pipeline.charged import became, current_of
from proxy.pipeline.runner import Runner
from proxy.pipeline.tally import CALL_LIMITS_NS, Tally
from proxy.pipeline.transaction import Transaction
from proxy.pipeline.words import (
    ACTIONS,
    AUTHORIZATIONS,
    ERROR_CODES,
    LABELS,
    STOP_REASONS,
    known,
    printable,
    version_label,
)

Last = list[CallAnswered | None]
"""The last call that fell into each bucket."""


class Counting:
    """Give each fact to its function in `counted`; `settle` when a message is over."""

    def __init__(self, tally: Tally, runner: Runner) -> None:
        self.tally = tally
        self._runner = runner
        self._ended: Transaction | None = None
        self._calls: list[dict[str, tuple[list[int], Last]]] = [{} for _ in range(len(DIRECTIONS) + 1)]
        self.counted: Mapping[type[Fact], Callable[[Any], None]] = {
            CallAnswered: self._answered,
            CallErred: self._erred,
            CallUnanswered: self._unanswered,
            ConformanceBroken: self._broken,
            Authorized: self._authorized,
            FaultReported: self._fault,
        }

    # calls

    def _answered(self, fact: CallAnswered) -> None:
        """Hot: every second message."""
        series = self._calls[fact.direction].get(fact.action)
        if series is None:
            series = self._series(fact.direction, fact.action)
        bins, last = series
        nanoseconds = fact.latency_ns
        bucket = bisect_left(CALL_LIMITS_NS, nanoseconds)
        bins[bucket] += 1
        bins[-1] += nanoseconds
        last[bucket] = fact

    def _series(self, direction: Direction, action: str) -> tuple[list[int], Last]:
        """Looked up by the action itself if it is one, so that a peer's words do not pile up here."""
        label = ACTIONS.get(action, OTHER)
        series = self._calls[direction].get(label)
        if series is None:
            last: Last = [None] * (len(CALL_LIMITS_NS) + 1)
            series = self._calls[direction][label] = self.tally.call_bins(direction, action), last
        return series

    def last_calls(self, direction: Direction, action: str) -> Last:
        """By bucket; empty when there were none in this life."""
        series = self._calls[direction].get(action)
        return [] if series is None else series[1]

    def _erred(self, fact: CallErred) -> None:
        labels = (*_call(fact), known(ERROR_CODES, fact.code))
        self.tally.add("ocpptap_call_errors_total", labels)

    def _unanswered(self, fact: CallUnanswered) -> None:
        self.tally.add("ocpptap_calls_unanswered_total", _call(fact))

    def _broken(self, fact: ConformanceBroken) -> None:
        """An erratum that is known and tolerated is none."""
        if fact.verdict == "violation":
            point = self._runner.points.get(fact.charge_point)
            version = "" if point is None else point.charge_point.version
            self.tally.add("ocpptap_schema_violations_total", (*_call(fact), version_label(version)))

    # charge points

    def _authorized(self, fact: Authorized) -> None:
        if fact.status:
            self.tally.add("ocpptap_authorizations_total", (known(AUTHORIZATIONS, fact.status),))

    def _fault(self, fact: FaultReported) -> None:
        point = self._runner.points.get(fact.charge_point)
        vendor, model = ("", "") if point is None else (point.charge_point.vendor, point.charge_point.model)
        labels = (printable(vendor), printable(model), printable(fact.code))
        self.tally.add("ocpptap_faults_total", labels)

    # transactions

    def ended(self, transaction: Transaction) -> None:
        """The ledger's own value: it may still change while the message that ended it is read."""
        self.settle()
        self._ended = transaction

    def settle(self) -> None:
        """The message is over: count what ended in it."""
        row, self._ended = self._ended, None
        if row is None:
            return
        current = current_of(row.soc_first, row.power_max_w)
        outcome = became(row.energy_wh, row.outcome, current)
        self.tally.add("ocpptap_transactions_total", (str(outcome), known(STOP_REASONS, row.reason)))
        if row.energy_wh is not None:
            self.tally.energy(str(current), row.energy_wh)


def _call(fact: CallErred | CallUnanswered | ConformanceBroken) -> tuple[str, str]:
    return LABELS[fact.direction], ACTIONS.get(fact.action, OTHER)
