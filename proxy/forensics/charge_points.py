"""`ocpptap charge-points`: what is known of each charge point, from its own words and its connections.

Uptime is the share of the last 30 days, or of the time since it was first seen, in which it had a connection through
us: the link, not the connectors' health. Connections that overlap count once; while ocpptap was away there was none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from proxy.forensics.find import iso, rows
from proxy.forensics.table import aligned
from proxy.forensics.typed import glob
from proxy.store.client import Store

_CHARGE_POINTS: Final = """
WITH now64(6, 'UTC') AS until, until - INTERVAL 30 DAY AS since,
  (moment) -> toUnixTimestamp64Micro(moment) AS us
SELECT points.charge_point AS charge_point, vendor, model, serial, firmware, ocpp_version, connectors, boot_status,
  heartbeat_interval, toString(first_at) AS first_seen,
  toString(greatest(points.last_at, links.seen, hours.seen)) AS last_seen,
  links.open > 0 AS connected,
  if(first_at < until, floor(least(1, links.linked_us / (us(until) - us(greatest(first_at, since)))), 4), NULL)
    AS uptime
FROM charge_points AS points
LEFT JOIN (
  SELECT charge_point, countIf(state = 'open') AS open, max(known.last_at) AS seen,
    intervalLengthSumIf(us(greatest(known.at, since)), us(ended), ended > greatest(known.at, since)) AS linked_us
  FROM (SELECT *, if(state = 'open', until, all_connections.last_at) AS ended FROM all_connections FINAL) AS known
  WHERE source = '' AND state != 'refused' AND ended > since AND match(charge_point, {charge_point:String})
  GROUP BY charge_point
) AS links ON links.charge_point = points.charge_point
LEFT JOIN (
  SELECT charge_point, max(all_charge_point_hours.last_at) AS seen FROM all_charge_point_hours
  WHERE hour > since AND match(charge_point, {charge_point:String})
  GROUP BY charge_point
) AS hours ON hours.charge_point = points.charge_point
WHERE match(points.charge_point, {charge_point:String})
ORDER BY points.charge_point
"""
"""The passport tells when a connection was closed, the hours when one that is open was last heard."""
_HEADINGS: Final = (
    "CHARGE POINT",
    "VENDOR",
    "MODEL",
    "FIRMWARE",
    "OCPP",
    "CONNECTORS",
    "LAST SEEN",
    "LINK",
    "UPTIME",
)


def charge_points(store: Store, charge_point: str) -> list[dict[str, Any]]:
    """A dict a charge point whose name matches the glob. Raises StoreError."""
    found = rows(store, _CHARGE_POINTS, charge_point=glob(charge_point))
    return [_told(row) for row in found]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: iso(row[name]) for name in ("first_seen", "last_seen")}
    return row | times | {"connected": bool(row["connected"])}


def as_json(found: Iterable[dict[str, Any]]) -> str:
    return "\n".join(orjson.dumps(row).decode() for row in found)


def as_text(found: Iterable[dict[str, Any]]) -> str:
    """Aligned columns; what peers sent is escaped."""
    return aligned(_HEADINGS, map(_cells, found))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    uptime = "-" if row["uptime"] is None else f"{100 * float(row['uptime']):.2f} %"
    told = (row[name] or "-" for name in ("vendor", "model", "firmware", "ocpp_version"))
    return (
        row["charge_point"],
        *told,
        " ".join(row["connectors"]) or "-",
        str(row["last_seen"])[:19],
        "up" if row["connected"] else "down",
        uptime,
    )
