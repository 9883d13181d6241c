"""Where every fact goes: into the tables, then to the analyzers, so that a finding's rows are there before it.

What fails on a fact (a book, the ledger) costs the rows of that fact and is counted, like an analyzer's failure; bytes,
frames and the batch's number do not depend on it.
"""

from __future__ import annotations

from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.pipeline.books import Books
from proxy.pipeline.ledger import WANTS, Ledger
from proxy.pipeline.runner import Runner


class Desk:
    """The `Listener` of every conversation."""

    def __init__(self, runner: Runner, books: Books, ledger: Ledger) -> None:
        self.runner = runner
        self.books = books
        self.ledger = ledger
        self._wants = frozenset(books.WANTS)
        self._transacts = frozenset(WANTS)

    def fact(self, fact: Fact) -> None:
        kind = type(fact)
        if kind in self._wants or kind in self._transacts:
            self._write(kind, fact)
        self.runner.fact(fact)

    def _write(self, kind: type[Fact], fact: Fact) -> None:
        try:
            if kind in self._wants:
                self.books.fact(fact)
            if kind in self._transacts:
                for transaction in self.ledger.fact(fact):
                    self.books.transaction(transaction)
        except Exception:
            self.failed(f"tables {kind.__name__}")

    def alive(self, where: Where, kind: LifeKind) -> None:
        self.runner.alive(where, kind)

    def failed(self, what: str) -> None:
        """Something of ours could not read or write what came."""
        self.runner.counts.failures[what] = self.runner.counts.failures.get(what, 0) + 1
