"""From what an operator types to one connection in the store."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from proxy.store.client import Store


class NotFound(Exception):
    """One line for the operator: what was asked for, and how to ask better."""


class Session(msgspec.Struct, frozen=True):
    """The connection that a SESSION argument names, as the newest `connections` row says."""

    connection_id: str
    source: str
    journal: bytes
    charge_point: str
    at: str
    day: str
    last_day: str
    state: str
    row_counts: dict[str, int]
    byte_counts: dict[str, int]
    last_link: dict[str, bytes]


def iso(moment: str) -> str:
    """A moment as ClickHouse writes it, in ISO 8601 UTC, as all our output has it."""
    return moment.replace(" ", "T") + "Z"


def rows(store: Store, sql: str, **params: str) -> list[dict[str, Any]]:
    """The answer to `sql`, a dict a row. Bytes of a peer that are no UTF-8 become U+FFFD."""
    answer = store.query(sql, params, "JSONEachRow")
    return [_row(line) for line in answer.splitlines() if line]


def _row(line: bytes) -> dict[str, Any]:
    try:
        row: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        row = orjson.loads(line.decode("utf-8", "replace"))
    return row


_FIND = """
SELECT connection_id, source, journal, charge_point, state,
  toString(at) AS opened, toString(toDate(at)) AS day, toString(toDate(last_at)) AS last_day,
  rows_from_charge_point, rows_from_csms, bytes_from_charge_point, bytes_from_csms,
  hex(last_link_from_charge_point) AS link_from_charge_point, hex(last_link_from_csms) AS link_from_csms
FROM all_connections
WHERE startsWith(connection_id, {prefix:String}) AND state != 'refused'
ORDER BY connection_id != {prefix:String}, connection_id, source != '', batch DESC
LIMIT 1 BY connection_id LIMIT 2
"""
"""A whole id before those that only begin with it; of one connection the newest row, a live one if there is any."""


def find_session(store: Store, prefix: str) -> Session:
    """The connection whose id is `prefix`, or the only one whose id begins so. Raises NotFound: none, or several."""
    wanted = prefix.lower()
    found = rows(store, _FIND, prefix=wanted)
    if not found:
        raise NotFound(f"no session {prefix!r} in the store; `ocpptap sessions` lists them")
    if len(found) > 1 and found[0]["connection_id"] != wanted:
        raise NotFound(f"{prefix!r} names several sessions; give more digits of its id")
    return _session(found[0])


def _session(row: dict[str, Any]) -> Session:
    words = ("from_charge_point", "from_csms")
    return Session(
        connection_id=row["connection_id"],
        source=row["source"],
        journal=bytes.fromhex(row["journal"]),
        charge_point=row["charge_point"],
        at=row["opened"],
        day=row["day"],
        last_day=row["last_day"],
        state=row["state"],
        row_counts={word: int(row[f"rows_{word}"]) for word in words},
        byte_counts={word: int(row[f"bytes_{word}"]) for word in words},
        last_link={word: bytes.fromhex(row[f"link_{word}"]) for word in words},
    )
