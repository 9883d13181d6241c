"""Which rows of a piece go to the store next, when it refuses some of them: halves, down to single rows.

Pure: it knows positions and answers, not rows, tokens, stores or time. Positions are those within the table's rows of
the batch. What is refused as a whole (`halved`) is never sent as a whole again, in no later life either: a half of it
may be stored under a token of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from proxy.store.interface import RowsRefused

Span = tuple[int, int]
"""First and last position."""
MOST_HELD: Final = 16
"""Single rows refused in a row before one of the piece is taken: then it is not the rows."""
ROUNDS: Final = 5
"""So often must a small piece be refused row by row, with pauses between, before all of it counts as bad."""
PLACES: Final = 16
"""Each round begins at another one of so many places of the piece: bad rows in front do not hide good ones. No more,
for a table that takes nothing for hours would have all of the piece in single rows."""


def halves(span: Span) -> tuple[Span, Span]:
    first, last = span
    middle = (first + last) // 2
    return (first, middle), (middle + 1, last)


class Bisection:
    """One piece on its way.

    A row is bad if it is refused alone by a table that has taken another one: only that tells it from a table that
    takes nothing (its schema has changed, a constraint that nobody can meet). Rows that were refused before are held,
    and asked for again then: the table may have been mended meanwhile.
    """

    def __init__(self, whole: Span, halved: Iterable[Span] = ()) -> None:
        self.whole = whole
        self._halved = set(halved)
        self._todo = [whole]
        self._held: list[tuple[int, RowsRefused]] = []
        self._taken = False
        self._rounds = 1

    @property
    def next(self) -> Span | None:
        """What to send; None: all of the piece was sent."""
        while self._todo and self._todo[-1] in self._halved:
            self._todo += self._later_and_sooner(self._todo.pop())
        return self._todo[-1] if self._todo else None

    @property
    def done(self) -> bool:
        return self.next is None and not self._held

    @property
    def bad(self) -> tuple[int, RowsRefused] | None:
        """A row that is known to be the reason: to be set aside, before anything else is sent."""
        known = self._taken or (self.next is None and self._rounds >= ROUNDS)
        return self._held[0] if self._held and known else None

    @property
    def hopeless(self) -> bool:
        """Nothing is taken: wait, and begin `again`."""
        if self._taken or not self._held:
            return False
        return len(self._held) >= MOST_HELD or (self.next is None and self._rounds < ROUNDS)

    def took(self) -> None:
        """The store has what is `next`."""
        self._todo.pop()
        if not self._taken:
            self._taken = True
            self._todo += [(position, position) for position, _ in reversed(self._held)]
            self._held.clear()

    def skip(self) -> None:
        """What is `next` was set aside before."""
        self._todo.pop()

    def refused(self, error: RowsRefused) -> None:
        """What is `next` was refused: its halves are next, or it is one row."""
        first, last = self._todo[-1]
        if first < last:
            self._halved.add((first, last))
        else:
            self._todo.pop()
            self._held.append((first, error))

    def set_aside(self) -> None:
        """What is `bad` was dealt with."""
        self._held.pop(0)

    def again(self) -> None:
        """All of it, in the same halves, but from another place on."""
        self._todo = [self.whole]
        self._held.clear()
        self._rounds += 1

    def _later_and_sooner(self, span: Span) -> tuple[Span, Span]:
        """Its halves, the one that is sent first behind the other. By the round's bits, one for each halving."""
        depth = (_rows(self.whole) // _rows(span)).bit_length() - 1
        first, second = halves(span)
        return (first, second) if ((self._rounds - 1) % PLACES) >> depth & 1 else (second, first)


def _rows(span: Span) -> int:
    return span[1] - span[0] + 1
