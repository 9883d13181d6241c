"""From what an operator asks for to `Material`: which sessions, which part of them, and how they are read.

Sessions come in the order in which they began. What is known of them beforehand (how many rows there are, and in which
tables) is asked for many at once; the rows of one are read when it is iterated. Rows are read in pages, the smaller the
more sessions may be open side by side, so that memory stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec

from proxy.forensics.export.material import Again, Material
from proxy.forensics.export.order import batches
from proxy.forensics.export.others import Others, known_of, together
from proxy.forensics.export.times import micros
from proxy.forensics.find import NotFound, rows
from proxy.forensics.show import ALWAYS, Span
from proxy.forensics.tape import FIRST, LAST, PAGING, Extent, Frame, Head, Paging, frames, heads_of
from proxy.log import printable
from proxy.store.client import Store

_AT_ONCE: Final = 100
"""Sessions that are asked about together."""
_LEAST_ROWS: Final = 100
_LEAST_SIZE: Final = 64 << 10
_NOTHING: Final = Extent(0, 0, 0)


class Selection(msgspec.Struct, frozen=True):
    """`sessions`: ids, or what they begin with. Or all of `charge_point` in `span`; or from the beginning to the end of
    the transaction that the charge point calls `transaction`."""

    sessions: tuple[str, ...] = ()
    charge_point: str = ""
    span: Span = ALWAYS
    transaction: str = ""


class Selected(msgspec.Struct, frozen=True):
    """What is to be read: heads, oldest first, and from when to when (microseconds UTC)."""

    heads: tuple[Head, ...]
    since: int = FIRST
    until: int = LAST


def select(store: Store, wanted: Selection) -> Selected:
    """Raises NotFound, StoreError, and ValueError for a time that is none."""
    if wanted.sessions:
        found = {_named(store, prefix) for prefix in wanted.sessions}
        return Selected(_heads(store, found))
    if wanted.transaction:
        return _of_transaction(store, wanted)
    return _of_charge_point(store, wanted.charge_point, wanted.span)


_NAMED: Final = """
SELECT connection_id, source FROM all_connections WHERE startsWith(connection_id, {prefix:String})
ORDER BY connection_id != {prefix:String}, connection_id, source != '' LIMIT 1 BY connection_id LIMIT 2
"""
"""Also handshakes that were refused. A whole id before those that only begin with it."""


def _named(store: Store, prefix: str) -> tuple[str, str]:
    """(id, source)"""
    wanted = prefix.lower()
    found = rows(store, _NAMED, prefix=wanted)
    if not found:
        raise NotFound(f"no session {printable(prefix)!r} in the store; `ocpptap sessions` lists them")
    if len(found) > 1 and found[0]["connection_id"] != wanted:
        raise NotFound(f"{printable(prefix)!r} names several sessions; give more digits of its id")
    return found[0]["connection_id"], found[0]["source"]


def _heads(store: Store, found: Iterable[tuple[str, str]]) -> tuple[Head, ...]:
    """Of (id, source)."""
    heads: list[Head] = []
    for source, several in groupby(sorted(found, key=itemgetter(1, 0)), key=itemgetter(1)):
        ids = [connection for connection, _ in several]
        for begin in range(0, len(ids), _AT_ONCE):
            heads += heads_of(store, source, ids[begin : begin + _AT_ONCE])
    return tuple(sorted(heads, key=lambda head: (head.at, head.original_id)))


_OF_CHARGE_POINT: Final = """
SELECT connection_id, source FROM all_connections FINAL
WHERE charge_point = {charge_point:String} AND source = ''
  AND (state = 'open' OR last_at >= {since:DateTime64(6, 'UTC')}) AND at <= {until:DateTime64(6, 'UTC')}
"""


def _of_charge_point(store: Store, charge_point: str, span: Span) -> Selected:
    params = span.params()
    found = rows(store, _OF_CHARGE_POINT, charge_point=charge_point, **params)
    if not found:
        at_that_time = "" if span == ALWAYS else " at that time"
        raise NotFound(
            f"no session of {printable(charge_point)!r} in the store{at_that_time}; `ocpptap sessions` lists them"
        )
    heads = _heads(store, {(row["connection_id"], row["source"]) for row in found})
    since, until = (micros(params[name].replace(" ", "T") + "Z") for name in ("since", "until"))
    return Selected(heads, since, until)


_TRANSACTIONS: Final = """
SELECT charge_point, connection_id, frame_no, toString(at) AS since,
  if(end_connection_id = '', connection_id, end_connection_id) AS end_connection_id, end_frame_no,
  toString(last_at) AS until
FROM all_transactions FINAL
WHERE transaction_id = {transaction:String} AND source = ''
  AND ({charge_point:String} = '' OR charge_point = {charge_point:String})
  AND last_at >= {since:DateTime64(6, 'UTC')} AND at <= {until:DateTime64(6, 'UTC')}
ORDER BY at DESC LIMIT 2
"""
_ITS_FRAMES: Final = """
SELECT toString(min(all_frames.at)) AS since, toString(max(all_frames.at)) AS until FROM all_frames
WHERE charge_point = {charge_point:String} AND source = '' AND (
  connection_id = {begin:String} AND frame_no IN {begins:Array(UInt64)}
  OR connection_id = {end:String} AND (frame_no = {ends:UInt64} OR answers = {ends:UInt64} AND answers > 0)
  OR all_frames.at = {since:DateTime64(6, 'UTC')} OR all_frames.at = {until:DateTime64(6, 'UTC')})
"""
"""A transaction is known when it is answered: what opened it is the call before. What ended it is answered."""
_CALLS: Final = """
SELECT answers FROM all_frames WHERE charge_point = {charge_point:String} AND source = ''
  AND connection_id = {begin:String} AND frame_no = {frame_no:UInt64}
"""


def _of_transaction(store: Store, wanted: Selection) -> Selected:
    name = printable(wanted.transaction)
    params = wanted.span.params() | {"transaction": wanted.transaction, "charge_point": wanted.charge_point}
    found = rows(store, _TRANSACTIONS, **params)
    if not found:
        raise NotFound(f"no transaction {name!r} in the store")
    if len(found) > 1:
        several = (
            "several times; name a time" if wanted.charge_point else "several times; name its --charge-point"
        )
        raise NotFound(f"there is a transaction {name!r} {several}")
    return _of_charge_point(store, found[0]["charge_point"], _span_of(store, found[0]))


def _span_of(store: Store, transaction: dict[str, Any]) -> Span:
    """From the call that began it to the answer of what ended it."""
    place = {"charge_point": transaction["charge_point"], "begin": transaction["connection_id"]}
    number = str(transaction["frame_no"])
    calls = [int(row["answers"]) for row in rows(store, _CALLS, frame_no=number, **place)]
    told = {
        "begins": str([int(number), *calls]),
        "end": transaction["end_connection_id"],
        "ends": str(transaction["end_frame_no"]),
        "since": transaction["since"],
        "until": transaction["until"],
    }
    (found,) = rows(store, _ITS_FRAMES, **place, **told)
    since, until = min(found["since"], transaction["since"]), max(found["until"], transaction["until"])
    return Span(*(word.replace(" ", "T") + "Z" for word in (since, until)))


# reading


def materials(store: Store, selected: Selected) -> Iterator[Material]:
    """Each session's, oldest first."""
    ids = frozenset(head.connection_id for head in selected.heads)
    span, paging = (selected.since, selected.until), _paging(len(ids))
    for heads in _several(selected):
        known, extents = known_of(store, heads), _extents(store, heads, selected)
        for head in heads:
            others = Others(store, head, *span, known[head.connection_id], ids)
            there = extents.get(head.connection_id, _NOTHING)
            yield Material(head, there.count, Again(_Frames(store, head, paging, there)), others)


def counted(store: Store, selected: Selected) -> int:
    """Rows of `frames` that `materials` will give: for a progress bar."""
    extents = (_extents(store, heads, selected) for heads in _several(selected))
    return sum(there.count for found in extents for there in found.values())


def _several(selected: Selected) -> Iterator[list[Head]]:
    """Neighbours of one source, so many that one question is about."""
    for _, of_one in groupby(selected.heads, key=lambda head: head.source):
        yield from batches(of_one, _AT_ONCE)


class _Frames:
    def __init__(self, store: Store, head: Head, paging: Paging, there: Extent) -> None:
        self._asked = (store, head, FIRST, LAST, paging, there)

    def __call__(self) -> Iterator[Frame]:
        return frames(*self._asked)


_EXTENTS: Final = """
SELECT connection_id, count() AS rows, toUnixTimestamp64Micro(min(at)) AS first, toUnixTimestamp64Micro(max(at)) AS last
FROM all_frames
WHERE charge_point IN {charge_points:Array(String)} AND source = {source:String}
  AND connection_id IN {ids:Array(String)}
  AND at >= fromUnixTimestamp64Micro({since:Int64}) AND at <= fromUnixTimestamp64Micro({until:Int64})
GROUP BY connection_id
"""


def _extents(store: Store, heads: Sequence[Head], selected: Selected) -> dict[str, Extent]:
    params = together(heads) | {"since": str(selected.since), "until": str(selected.until)}
    found = rows(store, _EXTENTS, **params)
    return {
        row["connection_id"]: Extent(int(row["rows"]), int(row["first"]), int(row["last"])) for row in found
    }


def _paging(sessions: int) -> Paging:
    """A session's share, if all of them were read side by side."""
    share = max(1, sessions)
    return Paging(
        max(_LEAST_SIZE, PAGING.size // share),
        max(_LEAST_ROWS, PAGING.rows // share),
        max(10 * _LEAST_ROWS, PAGING.sizes // share),
    )
