"""`ocpptap tail`: what passes, live and decoded.

Asks the store every 250 ms for the rows of batches not yet shown; a frame shows about a second after it passed,
because a batch is complete when its second is over. `at` bounds each question to the newest part of the table:
what is found more than ten minutes older than the newest row (a recorder that catches up) is not shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.find import iso, rows
from proxy.forensics.typed import glob
from proxy.log import printable
from proxy.store.client import Store

PAUSE_SECONDS: Final = 0.25
_MOST_ROWS: Final = 5_000
_WIDTH: Final = 240
_OPCODES: Final = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
_ARROWS: Final = {"from_charge_point": "→", "from_csms": "←"}


class Shown(msgspec.Struct, frozen=True):
    """How far the tail is: the newest batch shown; rows from before `since` are no longer asked for."""

    batch: int
    since: str


class Filter(msgspec.Struct, frozen=True):
    charge_point: str = "*"
    action: str = ""
    direction: str = ""


_BEGIN: Final = """
SELECT toString(least(now64(6, 'UTC'), max(at)) - INTERVAL 10 MINUTE) AS since FROM all_frames
"""
_NEWEST: Final = """
SELECT max(batch) AS newest, toString(least(now64(6, 'UTC'), argMax(at, batch)) - INTERVAL 10 MINUTE) AS since
FROM frames WHERE at >= {since:DateTime64(6, 'UTC')}
"""
"""Never later than ten minutes ago: one row from a clock that ran ahead must not hide those that follow."""
_ROWS: Final = """
SELECT toString(at) AS at, batch, connection_id AS session, frame_no, charge_point, direction, kind, opcode,
  message_type, message_id, action, latency_us, verdict, truncated,
  intDiv(length(header), 2) + 4 * masked + length(payload) AS bytes,
  toValidUTF8(if(text != '', text, payload)) AS text
FROM frames
WHERE frames.at >= {since:DateTime64(6, 'UTC')} AND batch > {after:UInt64} AND batch <= {until:UInt64}
  AND kind != 'tail' AND match(charge_point, {charge_point:String})
  AND ({action:String} = '' OR action = {action:String})
  AND ({direction:String} = '' OR toString(direction) = {direction:String})
ORDER BY batch, at, connection_id, frame_no LIMIT {limit:UInt32}
"""


def tail(store: Store, wanted: Filter, wait: Callable[[float], None]) -> Iterator[dict[str, Any]]:
    """Rows as they come, for ever; `wait` sleeps between questions (or ends the tail by raising).

    When more than 5,000 came at once the rest is not shown; a row with `skipped` says so.
    """
    shown = _newest(store, Shown(0, rows(store, _BEGIN)[0]["since"]))
    while True:
        newest = _newest(store, shown)
        if newest.batch > shown.batch:
            yield from between(store, wanted, shown, newest)
            shown = newest
        wait(PAUSE_SECONDS)


def _newest(store: Store, shown: Shown) -> Shown:
    found = rows(store, _NEWEST, since=shown.since)[0]
    return Shown(int(found["newest"]), found["since"]) if int(found["newest"]) > shown.batch else shown


def between(store: Store, wanted: Filter, shown: Shown, newest: Shown) -> Iterator[dict[str, Any]]:
    """The wanted rows of batches after `shown` up to `newest`."""
    found = rows(
        store,
        _ROWS,
        since=shown.since,
        after=str(shown.batch),
        until=str(newest.batch),
        charge_point=glob(wanted.charge_point),
        action=wanted.action,
        direction=wanted.direction,
        limit=str(_MOST_ROWS + 1),
    )
    for row in found[:_MOST_ROWS]:
        yield row | {"at": iso(row["at"])}
    if len(found) > _MOST_ROWS:
        yield {"skipped": True, "at": iso(found[-1]["at"])}


def as_json(row: dict[str, Any]) -> str:
    return orjson.dumps(row).decode()


def as_text(row: dict[str, Any]) -> str:
    """One line: when, who, which way, what; peers' strings escaped, long ones cut."""
    if "skipped" in row:
        return f"{row['at'][11:]} … more than {_MOST_ROWS} rows in a quarter of a second: the rest is in the store only"
    latency = "" if row["latency_us"] is None else f" {int(row['latency_us']) / 1000:.1f} ms"
    what = row["action"] or _OPCODES.get(int(row["opcode"]), row["kind"])
    text = printable(row["text"])
    if len(text) > _WIDTH:
        text = f"{text[:_WIDTH]}… ({row['bytes']} bytes)"
    return f"{row['at'][11:]} {printable(row['charge_point'])} {_ARROWS[row['direction']]} {what}{latency} {text}"
