"""Facts become rows of the tables that operators ask for, in the batch in hand (DESIGN 6).

Knows which table a fact belongs to and how its rows are numbered; remembers nothing but for the batch and the frame in
hand, so a recorder that begins anew at a batch writes the same rows. What columns a fact fills: `book_rows.py`.
A charge point that nobody knows by name (a connection met in the middle) has rows, but no passport.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from proxy.ocpp.facts import Fact, MeterSampled, StatusChanged
from proxy.ocpp.meter import Kind
from proxy.pipeline.batch import Batcher, Row
from proxy.pipeline.book_rows import (
    BLANK,
    ITEMS,
    PARTS,
    Columns,
    connector,
    small,
    transaction_columns,
    whole,
)
from proxy.pipeline.rows import row_of
from proxy.pipeline.transaction import Transaction

_MOST_KINDS: Final = 8192


class Books:
    """`journal`: its uuid in hex. `source`: '' = live, else the import's SHA-256."""

    WANTS: Final[tuple[type[Fact], ...]] = (*ITEMS, *PARTS, MeterSampled)

    def __init__(self, batcher: Batcher, journal: str, source: str = "") -> None:
        self._batcher = batcher
        self._origin = (journal, source)
        self._frame = ("", -1)
        self._items: dict[str, int] = {}
        self._connectors: set[tuple[str, str]] = set()
        self._connectors_of = -1
        self._kinds: dict[int, tuple[Kind, Row]] = {}

    def fact(self, fact: Fact) -> None:
        """Write down what `fact` says; one that no table wants is ignored."""
        write = _WRITE.get(type(fact))
        if write is not None:
            write(self, fact)

    def transaction(self, transaction: Transaction) -> None:
        """A transaction as it stands now."""
        journal, source = self._origin
        own = {"batch": self._batcher.number, "journal": journal, "source": source}
        self._batcher.version("transactions", row_of("transactions", transaction_columns(transaction) | own))

    # append-only

    def _number(self, table: str, fact: Fact, count: int) -> int:
        """The number of the first of `count` rows of this frame: no two rows of a table have the same key."""
        frame = (fact.connection_id, fact.frame_no)
        if frame != self._frame:
            self._frame = frame
            self._items.clear()
        first = self._items.get(table, 0)
        self._items[table] = first + count
        return first

    def _item(self, fact: Fact) -> None:
        table, columns_of = ITEMS[type(fact)]
        own = {
            **columns_of(fact),
            "at": fact.at,
            "batch": self._batcher.number,
            "frame_no": fact.frame_no,
            "item_no": self._number(table, fact, 1),
            "connection_id": fact.connection_id,
        }
        self._batcher.add(table, [self._row(table, fact, own)])

    def _row(self, table: str, fact: Fact, own: Columns) -> Row:
        journal, source = self._origin
        whose = {"charge_point": fact.charge_point, "journal": journal, "source": source}
        return row_of(table, BLANK[table] | own | whose)

    def _status(self, fact: StatusChanged) -> None:
        self._item(fact)
        place = connector(fact.place)
        if self._connectors_of != self._batcher.number:
            self._connectors_of = self._batcher.number
            self._connectors.clear()
        if place and (fact.charge_point, place) not in self._connectors:
            self._connectors.add((fact.charge_point, place))
            self._partial("charge_points", fact, {"connectors": [place]})

    def _meter(self, fact: MeterSampled) -> None:
        """By position, in the order of tables.py["meter_values"]: six samples a message are the rule, so each costs
        one tuple and two joined to it."""
        samples = fact.samples
        if not samples:
            return
        at, batch, frame_no = fact.at, self._batcher.number, fact.frame_no
        place, told = fact.place, fact.told
        tail = (
            small(place.evse_id),
            small(place.connector_id),
            fact.source,
            *self._origin,
            whole(told.ns),
            told.text,
            fact.transaction_id,
            fact.connection_id,
            fact.charge_point,
        )
        rows, kinds = [], self._kinds
        number = self._number("meter_values", fact, len(samples))
        for sample in samples:
            kind, signature = sample.kind, sample.signature
            words = (kinds.get(id(kind)) or self._learn(kind))[1]
            public_key = "" if signature is None else signature.public_key
            own = (at, batch, frame_no, number, sample.value, sample.told, public_key)
            rows.append(own + words + tail)
            number += 1
        self._batcher.add("meter_values", rows)

    def _learn(self, kind: Kind) -> tuple[Kind, Row]:
        """The columns of a kind. Kept with it, so that no other object can have its id."""
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        words = (kind.measurand, kind.phase, kind.location, kind.context, kind.family.value, kind.unit)
        known = self._kinds[id(kind)] = (kind, (*words, kind.multiplier, int(kind.signed)))
        return known

    # merged

    def _part(self, fact: Fact) -> None:
        table, columns_of = PARTS[type(fact)]
        self._partial(table, fact, columns_of(fact))

    def _partial(self, table: str, fact: Fact, own: Columns) -> None:
        if fact.charge_point:
            when = {"first_at": fact.at, "last_at": fact.at, "batch": self._batcher.number}
            self._batcher.version(table, self._row(table, fact, own | when))


_WRITE: Final[dict[type[Fact], Callable[[Books, Any], None]]] = {
    **dict.fromkeys(ITEMS, Books._item),
    **dict.fromkeys(PARTS, Books._part),
    StatusChanged: Books._status,
    MeterSampled: Books._meter,
}
