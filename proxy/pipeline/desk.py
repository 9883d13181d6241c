"""Where every fact goes: counted, into the tables, then to the analyzers, so that a finding's rows are there before it.

What fails on a fact (a book, the ledger) costs the rows of that fact and is counted, like an analyzer's failure; bytes,
frames and the batch's number do not depend on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from proxy.ocpp.facts import Fact, LifeKind, StatusChanged, TransactionEnded, Where
from proxy.pipeline.books import Books
from proxy.pipeline.connectors import Connectors
from proxy.pipeline.counting import Counting
from proxy.pipeline.ledger import WANTS, Ledger
from proxy.pipeline.runner import Runner

Hears = Callable[[Any], None]


class Desk:
    """The `Listener` of every conversation."""

    def __init__(
        self, runner: Runner, books: Books, ledger: Ledger, counting: Counting, connectors: Connectors
    ) -> None:
        self.runner = runner
        self.books = books
        self.ledger = ledger
        self.counting = counting
        self.connectors = connectors
        self._analyze = runner.fact
        self._heard = self._table()

    def _table(self) -> Mapping[type[Fact], Hears]:
        """By type of fact, who hears it before the analyzers, in one call."""
        heard: dict[type[Fact], list[Hears]] = defaultdict(list)
        for kind, count in self.counting.counted.items():
            heard[kind].append(count)
        heard[StatusChanged].append(self.connectors.told)
        for kind in Books.WANTS:
            heard[kind].append(self.books.fact)
        for kind in WANTS:
            heard[kind].append(self._end if kind is TransactionEnded else self._transact)
        return {kind: _in_turn(hears) for kind, hears in heard.items()}

    def fact(self, fact: Fact) -> None:
        hear = self._heard.get(type(fact))
        if hear is not None:
            try:
                hear(fact)
            except Exception:
                self.failed(f"tables {type(fact).__name__}")
        self._analyze(fact)

    def _transact(self, fact: Fact) -> None:
        for transaction in self.ledger.fact(fact):
            self.books.transaction(transaction)

    def _end(self, fact: TransactionEnded) -> None:
        self._transact(fact)
        ended = self.ledger.take_ended()
        if ended is not None:
            self.counting.ended(ended)

    def alive(self, where: Where, kind: LifeKind) -> None:
        self.runner.alive(where, kind)

    def failed(self, what: str) -> None:
        """Something of ours could not read or write what came."""
        self.runner.counts.failures[what] = self.runner.counts.failures.get(what, 0) + 1


def _in_turn(hears: Sequence[Hears]) -> Hears:
    if len(hears) == 1:
        return hears[0]

    def all_of_them(fact: Fact) -> None:
        for hear in hears:
            hear(fact)

    return all_of_them
