"""Where every fact goes: into the tables, then to the analyzers, so that a finding's rows are there before it.

What fails on a fact (a book, the ledger) costs the rows of that fact and is counted, like an analyzer's failure; bytes,
frames and the batch's number do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

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
        self._analyze = runner.fact

    def fact(self, fact: Fact) -> None:
        write = _WRITTEN.get(type(fact))
        if write is not None:
            try:
                write(self, fact)
            except Exception:
                self.failed(f"tables {type(fact).__name__}")
        self._analyze(fact)

    def _book(self, fact: Fact) -> None:
        self.books.fact(fact)

    def _transact(self, fact: Fact) -> None:
        for transaction in self.ledger.fact(fact):
            self.books.transaction(transaction)

    def _both(self, fact: Fact) -> None:
        self.books.fact(fact)
        self._transact(fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        self.runner.alive(where, kind)

    def failed(self, what: str) -> None:
        """Something of ours could not read or write what came."""
        self.runner.counts.failures[what] = self.runner.counts.failures.get(what, 0) + 1


_WRITTEN: Final[dict[type[Fact], Callable[[Desk, Fact], None]]] = {
    **dict.fromkeys(Books.WANTS, Desk._book),
    **dict.fromkeys(WANTS, Desk._transact),
    **dict.fromkeys(set(Books.WANTS) & set(WANTS), Desk._both),
}
