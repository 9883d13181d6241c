"""Sessions out of the store as chapters: of an id, of a charge point in some time, of a transaction.

Of a transaction only what concerns it is told: what names its id, its id tag or its place, from a minute before it
began (who was authorized, what was commanded) to a minute after its end, over all connections of that time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from proxy.forensics import lines
from proxy.forensics.events import Chapter, Found, Gap, Happening, happenings, us
from proxy.forensics.events import moment as written
from proxy.forensics.export.reading import Selection, select
from proxy.forensics.find import NotFound, rows
from proxy.forensics.show import LOOK, Look, Span, by_day, findings_of, gaps_of, header_of
from proxy.forensics.tape import Frame, Head, extent, frames, heads_of
from proxy.log import printable
from proxy.ocpp.envelope import Call, Send, decode
from proxy.store.client import Store

AROUND: Final = 60_000_000
"""us before and behind a transaction."""
_AT_ONCE: Final = 100
_DEPTH: Final = 6
_MOST_VALUES: Final = 5_000
_MOST_CALLS: Final = 10_000
"""Calls that concern a transaction and wait for their answers; the oldest is forgotten."""
_MESSAGES: Final = frozenset({2, 6})


def chapters(store: Store, wanted: Selection) -> Iterator[Chapter]:
    """Oldest first. Raises NotFound, StoreError, and ValueError for a time that is none."""
    if wanted.transaction:
        return chapters_of(store, transaction(store, wanted))
    span = wanted.span.params()
    since, until = us(span["since"]), us(span["until"])
    return (_chapter(store, head, since, until) for head in select(store, wanted).heads)


def _chapter(store: Store, head: Head, since: int, until: int) -> Chapter:
    header = header_of(store, head.connection_id, head.source)
    if header["state"] == "refused":
        return Chapter(head, header, 0, ())
    there = extent(store, head, since, until)
    return Chapter(
        head,
        header,
        there.count,
        frames(store, head, since, until, there=there),
        _gaps(store, header, since, until),
        _findings(store, header, since, until),
    )


def _gaps(store: Store, header: dict[str, Any], since: int, until: int) -> list[Gap]:
    found = gaps_of(store, header, _span(since, until))
    return [
        Gap(row["at"], row["until"], row["kind"], row["direction"], int(row["bytes"]), row["reason"])
        for row in found
    ]


def _findings(store: Store, header: dict[str, Any], since: int, until: int) -> list[Found]:
    return [
        msgspec.convert(row, Found, strict=False) for row in findings_of(store, header, _span(since, until))
    ]


def _span(since: int, until: int) -> dict[str, str]:
    return {"since": written(since), "until": written(until)}


# transactions


class Transaction(msgspec.Struct, frozen=True):
    """A `transactions` row. `at`, `last_at`: us UTC, observed. `frame_no` of `connection_id` began it."""

    charge_point: str
    transaction_id: str
    source: str
    at: int
    last_at: int
    connection_id: str
    frame_no: int
    end_connection_id: str
    end_frame_no: int
    id_token: str
    state: str
    outcome: str
    reason: str
    evse_id: int | None = None
    connector_id: int | None = None
    energy_wh: float | None = None


_FOUND: Final = """
SELECT charge_point, transaction_id, source, toUnixTimestamp64Micro(told.at) AS at,
  toUnixTimestamp64Micro(told.last_at) AS last_at, connection_id, frame_no, end_connection_id, end_frame_no, id_token,
  state, toString(outcome) AS outcome, reason, evse_id, connector_id, energy_wh
FROM all_transactions AS told FINAL
WHERE transaction_id = {transaction:String}
  AND ({charge_point:String} = '' OR charge_point = {charge_point:String})
  AND told.last_at >= {since:DateTime64(6, 'UTC')} AND told.at <= {until:DateTime64(6, 'UTC')}
ORDER BY source != '', told.at DESC LIMIT 2
"""


def transaction(store: Store, wanted: Selection) -> Transaction:
    """The one that is meant; of a live one and an imported one, the live one. Raises as `chapters`."""
    params = wanted.span.params() | {"transaction": wanted.transaction, "charge_point": wanted.charge_point}
    found = [msgspec.convert(row, Transaction, strict=False) for row in rows(store, _FOUND, **params)]
    name = printable(wanted.transaction)
    if not found:
        where = f" of {printable(wanted.charge_point)!r}" if wanted.charge_point else ""
        raise NotFound(f"no transaction {name!r}{where} in the store{_at_that_time(wanted.span)}")
    if len(found) > 1 and found[0].source == found[1].source:
        better = "name a time with --since and --until" if wanted.charge_point else "name its --charge-point"
        raise NotFound(f"there are several transactions {name!r}: {better}")
    return found[0]


def _at_that_time(span: Span) -> str:
    return "" if span == Span() else " at that time"


_CONNECTIONS: Final = """
SELECT connection_id FROM all_connections AS known FINAL
WHERE charge_point = {charge_point:String} AND source = {source:String} AND state != 'refused'
  AND (state = 'open' OR known.last_at >= fromUnixTimestamp64Micro({since:Int64}))
  AND known.at <= fromUnixTimestamp64Micro({until:Int64})
ORDER BY known.at, connection_id LIMIT 10000
"""


def chapters_of(store: Store, told: Transaction) -> Iterator[Chapter]:
    """Each connection of its time, with what concerns it."""
    since, until = told.at - AROUND, told.last_at + AROUND
    found = rows(
        store,
        _CONNECTIONS,
        charge_point=told.charge_point,
        source=told.source,
        since=str(since),
        until=str(until),
    )
    ids = [row["connection_id"] for row in found]
    heads = [
        head
        for begin in range(0, len(ids), _AT_ONCE)
        for head in heads_of(store, told.source, ids[begin : begin + _AT_ONCE])
    ]
    for head in sorted(heads, key=lambda head: (head.at, head.connection_id)):
        chapter = _chapter(store, head, since, until)
        concerned = Concerning(told, head.connection_id)
        yield msgspec.structs.replace(
            chapter,
            frames=concerned.of(chapter.frames),
            findings=[finding for finding in chapter.findings if concerned.finding(finding)],
        )


class Concerning:
    """What of one connection is about the transaction. Bounded, whatever comes."""

    def __init__(self, told: Transaction, connection_id: str) -> None:
        self._told = told
        self._ends = {
            number
            for connection, number in (
                (told.connection_id, told.frame_no),
                (told.end_connection_id, told.end_frame_no),
            )
            if connection == connection_id and number
        }
        self._calls: dict[int, None] = {}

    def of(self, rows: Iterable[Frame]) -> Iterator[Frame]:
        """In their order; of a fragmented message its last frame, which has its meaning."""
        for row in rows:
            if row.answers in self._calls:
                yield row
            elif self._is_about(row):
                self._calls[row.frame_no] = None
                if len(self._calls) > _MOST_CALLS:
                    del self._calls[next(iter(self._calls))]
                yield row

    def finding(self, finding: Found) -> bool:
        """Of the transaction, proved by its begin or end, or of its place while it ran."""
        if finding.transaction_id:
            return finding.transaction_id == self._told.transaction_id
        began, ended = written(self._told.at), written(self._told.last_at)
        place = self._told.connector_id if self._told.evse_id is None else self._told.evse_id
        is_there = place is not None and finding.connector_id == place and began <= finding.at <= ended
        return is_there or not self._ends.isdisjoint(finding.frames)

    def _is_about(self, row: Frame) -> bool:
        if row.frame_no in self._ends:
            return True
        if row.message_type not in _MESSAGES or not row.is_message:
            return False
        message = decode(row.said)
        return isinstance(message, Call | Send) and self._names(message.payload)

    def _names(self, payload: Any) -> bool:
        said = _Said()
        said.look(payload, _DEPTH)
        if said.transactions:
            return self._told.transaction_id in said.transactions
        if self._told.id_token and self._told.id_token in said.tokens:
            return True
        place = self._told.connector_id if self._told.evse_id is None else self._told.evse_id
        return place is not None and place in (said.connectors if self._told.evse_id is None else said.evses)


class _Said:
    """Which transactions, id tokens and places a payload names."""

    def __init__(self) -> None:
        self.transactions: set[str] = set()
        self.tokens: set[str] = set()
        self.connectors: set[int] = set()
        self.evses: set[int] = set()
        self._left = _MOST_VALUES

    def look(self, value: Any, depth: int) -> None:
        self._left -= 1
        if not depth or self._left < 0:
            return
        if isinstance(value, list):
            for item in value:
                self.look(item, depth - 1)
        elif isinstance(value, dict):
            for name, held in value.items():
                self._member(name, held)
                self.look(held, depth - 1)

    def _member(self, name: str, held: Any) -> None:
        if isinstance(held, bool) or not isinstance(held, str | int | dict):
            return
        if name == "transactionId":
            self.transactions.add(str(held))
        elif name in ("idTag", "idToken") and isinstance(held, str):
            self.tokens.add(held)
        elif name == "connectorId" and isinstance(held, int):
            self.connectors.add(held)
        elif name == "evseId" and isinstance(held, int):
            self.evses.add(held)
        elif name == "evse" and isinstance(held, dict) and isinstance(held.get("id"), int):
            self.evses.add(held["id"])


def heading(told: Transaction) -> dict[str, str]:
    """What a page says of it above all: label -> text."""
    energy = "" if told.energy_wh is None else f"{told.energy_wh / 1000:.3f} kWh"
    place = "" if told.connector_id is None else f"connector {told.connector_id}"
    evse = "" if told.evse_id is None else f"EVSE {told.evse_id}"
    return {
        "transaction": told.transaction_id,
        "charge point": told.charge_point,
        "place": " ".join(filter(None, (evse, place))),
        "began": f"{written(told.at)[:19]} UTC",
        "ended": f"{written(told.last_at)[:19]} UTC" if told.state != "open" else "",
        "state": " ".join(filter(None, (told.state, told.outcome if told.outcome != "unknown" else ""))),
        "reason": told.reason,
        "energy": energy,
        "id token": told.id_token,
    }


def told(store: Store, wanted: Selection, look: Look = LOOK) -> Iterator[str]:
    """The timeline of a transaction as lines. Raises as `chapters`."""
    found = transaction(store, wanted)
    return _lines(found, chapters_of(store, found), look)


def _lines(found: Transaction, several: Iterable[Chapter], look: Look) -> Iterator[str]:
    yield " · ".join(f"{name} {printable(text)}" for name, text in heading(found).items() if text)
    for chapter in several:
        yield ""
        yield from lines.opening(chapter.header, look.width)
        yield ""
        dated = ((happening.at, _line(happening, look.width)) for happening in happenings(chapter, look.cut))
        yield from by_day(dated)
        yield ""
        yield from lines.closing(chapter.header, look.width)


def _line(happening: Happening, width: int) -> list[str]:
    if isinstance(happening, Gap):
        return lines.gap(msgspec.structs.asdict(happening) | {"bytes": happening.size}, width)
    if isinstance(happening, Found):
        return lines.finding(msgspec.structs.asdict(happening), width)
    return lines.event(happening, width)
