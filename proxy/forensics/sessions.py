"""`ocpptap sessions`: the connections the store knows, newest first: live ones, or those of imported traces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec
import orjson

from proxy.forensics.find import iso, rows
from proxy.forensics.table import aligned
from proxy.forensics.typed import EARLIEST, LATEST, glob, moment
from proxy.store.client import Store


class Filter(msgspec.Struct, frozen=True):
    """`since` and `until`: ISO 8601 UTC, '' = no limit. `origin`: live ones, or those that `ocpptap import` brought."""

    charge_point: str = "*"
    since: str = ""
    until: str = ""
    limit: int = 50
    origin: Literal["live", "imported"] = "live"


_SESSIONS: Final = """
SELECT connection_id AS session, charge_point, toString(at) AS opened_at,
  toString(connections.last_at) AS last_at, state,
  status, ocpp_version, remote_address, upstream, vendor, model, firmware,
  frames_from_charge_point, frames_from_csms, bytes_from_charge_point, bytes_from_csms,
  close_code, closed_by, closed_how, closed_reason, tls_version, compression{more}
FROM all_connections AS connections FINAL
WHERE source {which} '' AND match(charge_point, {{charge_point:String}})
  AND connections.last_at >= {{since:DateTime64(6, 'UTC')}} AND at <= {{until:DateTime64(6, 'UTC')}}
ORDER BY at DESC LIMIT {{limit:UInt32}}
"""
_QUESTIONS: Final = {
    "live": _SESSIONS.format(which="=", more=""),
    "imported": _SESSIONS.format(which="!=", more=", source, COLUMNS('^source_connection_id$')"),
}
_SO_FAR: Final = """
SELECT connection_id AS session, toString(max(frames.at)) AS last_at,
  countIf(direction = 'from_charge_point' AND kind = 'frame') AS frames_from_charge_point,
  countIf(direction = 'from_csms' AND kind = 'frame') AS frames_from_csms,
  sumIf(size, direction = 'from_charge_point') AS bytes_from_charge_point,
  sumIf(size, direction = 'from_csms') AS bytes_from_csms
FROM (
  SELECT connection_id, at, direction, kind, intDiv(length(header), 2) + 4 * masked + length(payload) AS size
  FROM frames WHERE connection_id IN {sessions:Array(String)}
) AS frames GROUP BY connection_id
"""
_HEADINGS: Final = ("SESSION", "CHARGE POINT", "OPENED", "LAST", "STATE", "OCPP", "FRAMES ↑/↓", "ENDED BY")


def sessions(store: Store, wanted: Filter) -> list[dict[str, Any]]:
    """A dict a session. Raises ValueError for a time that is none, StoreError."""
    found = rows(
        store,
        _QUESTIONS[wanted.origin],
        charge_point=glob(wanted.charge_point),
        since=moment(wanted.since, EARLIEST),
        until=moment(wanted.until, LATEST),
        limit=str(wanted.limit),
    )
    open_ones = [row["session"] for row in found if row["state"] == "open" and wanted.origin == "live"]
    live = _so_far(store, open_ones)
    complete = (row | live.get(row["session"], {}) for row in found)
    return [row | {name: iso(row[name]) for name in ("opened_at", "last_at")} for row in complete]


def _so_far(store: Store, sessions: list[str]) -> dict[str, dict[str, Any]]:
    """What open sessions have said up to now: their own row is written at the open, the boot, and once a day."""
    if not sessions:
        return {}
    found = rows(store, _SO_FAR, sessions=str(sessions))
    return {row.pop("session"): row for row in found}


def as_json(found: Iterable[dict[str, Any]]) -> str:
    return "\n".join(orjson.dumps(row).decode() for row in found)


def as_text(found: Iterable[dict[str, Any]]) -> str:
    """Aligned columns; what peers sent is escaped."""
    return aligned(_HEADINGS, map(_cells, found))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    ended = " ".join(str(row[name]) for name in ("closed_by", "closed_how", "closed_reason") if row[name])
    status = f"refused {row['status']}" if row["state"] == "refused" else str(row["state"])
    frames = f"{row['frames_from_charge_point']}/{row['frames_from_csms']}"
    opened, last = str(row["opened_at"])[:19], str(row["last_at"])[:19]
    cells = (
        row["session"],
        row["charge_point"],
        opened,
        last,
        status,
        row["ocpp_version"] or "-",
        frames,
        ended,
    )
    return tuple(map(str, cells))
