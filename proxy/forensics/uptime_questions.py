"""What the store knows for the uptime ledger: a few questions for the whole fleet, never one per port.

Knows tables; knows no precedence and no formula (`intervals.py`, `uptime.py`). What comes back is bounded by what went
wrong, not by frames: of statuses only those that change something, of connections only the losses longer than the
grace. Moments are microseconds UTC. What peers sent is cut short here and escaped where it is shown.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from proxy.forensics.find import rows
from proxy.forensics.intervals import GRACE, Loss, Order, Piece, Says, Told
from proxy.forensics.typed import glob
from proxy.ocpp.tolerant import small
from proxy.store.client import Store

DAY: Final = 86_400_000_000
MAX_PORTS: Final = 256
"""Of one charge point; who tells more has its lowest ones reported."""
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_SIGNS: Final = frozenset({"fin", "rst"})
"""A charge point that closes its connection itself is alive at that moment."""


class Asked(msgspec.Struct, frozen=True):
    """`charge_point`: a glob. `lookback`: statuses before it are too old to count. `horizon`: the record's end."""

    charge_point: str
    lookback: int
    since: int
    horizon: int

    @property
    def params(self) -> dict[str, str]:
        moments = {name: stamp(getattr(self, name)) for name in ("lookback", "since", "horizon")}
        return moments | {"charge_point": glob(self.charge_point), "grace": str(GRACE // 1_000_000)}


class Passport(msgspec.Struct, frozen=True, gc=False):
    """`ports`: those it ever told a status of (1.6 connectors, 2.x EVSEs)."""

    first_at: int
    ports: frozenset[int]


def stamp(moment: int) -> str:
    """A moment as the engine writes and reads it."""
    return f"{_EPOCH + datetime.timedelta(microseconds=moment):%Y-%m-%d %H:%M:%S.%f}"


# how far the record goes

_RECORDED: Final = """
SELECT toUnixTimestamp64Micro(max(moment)) AS moment FROM (
  SELECT max(last_at) AS moment FROM all_connections WHERE source = ''
  UNION ALL SELECT max(until_at) FROM all_gaps WHERE source = ''
  UNION ALL SELECT max(at) FROM all_statuses WHERE source = ''
  UNION ALL SELECT max(last_at) FROM all_transactions WHERE source = ''
  UNION ALL SELECT max(last_at) FROM all_charge_point_hours
)
"""
_KEPT: Final = r"""
SELECT min(toUInt32OrZero(extract(engine_full, 'toIntervalDay\\((\\d+)\\)'))) AS days FROM system.tables
WHERE database = currentDatabase()
  AND match(name, '^(all|shard)_(connections|statuses|gaps)$')
  AND match(engine_full, 'toIntervalDay')
"""


def recorded_until(store: Store) -> int:
    """The last moment that anything in the store speaks of; 0: it is empty."""
    return max(0, *(int(row["moment"]) for row in rows(store, _RECORDED)))


def kept_since(store: Store, now: int) -> int:
    """What is older may be gone: statuses and connections expire (`docs/TABLES.md`)."""
    days = max(0, *(int(row["days"]) for row in rows(store, _KEPT)))
    return now - days * DAY if days else 0


_GAPS: Final = """
SELECT toUnixTimestamp64Micro(at) AS since, toUnixTimestamp64Micro(until_at) AS until, kind, reason FROM all_gaps
WHERE source = '' AND connection_id = '' AND kind IN ('unobserved', 'journal') AND until_at > at
  AND until_at > {since:DateTime64(6, 'UTC')} AND at < {horizon:DateTime64(6, 'UTC')}
ORDER BY since, until
"""


def unobserved(store: Store, asked: Asked) -> list[Piece]:
    """Time of which nobody knows anything: ocpptap was away, or could not write."""
    return [
        Piece(int(row["since"]), int(row["until"]), f"ocpptap did not observe ({row['reason'][:80]})")
        for row in rows(store, _GAPS, **asked.params)
    ]


# charge points and their connections

_PASSPORTS: Final = """
SELECT charge_point, toUnixTimestamp64Micro(first_at) AS first, connectors FROM charge_points
WHERE match(charge_point, {charge_point:String}) AND charge_point != ''
  AND first_at < {horizon:DateTime64(6, 'UTC')} ORDER BY charge_point
"""


def passports(store: Store, asked: Asked) -> dict[str, Passport]:
    """The charge points that were seen before the record's end."""
    found = rows(store, _PASSPORTS, **asked.params)
    return {row["charge_point"]: Passport(int(row["first"]), _ports(row["connectors"])) for row in found}


def _ports(connectors: list[str]) -> frozenset[int]:
    """ "1", or 2.x "1.2" = connector 2 of EVSE 1."""
    return frozenset(port for word in connectors if (port := small(word.partition(".")[0])))


_LOSSES: Final = """
WITH links AS (
  SELECT charge_point, connection_id, known.at AS began, closed_by, closed_how,
    if(state = 'open' AND (journal, run) IN (
      SELECT journal, max(run) FROM all_connections WHERE source = '' GROUP BY journal
    ), {horizon:DateTime64(6, 'UTC')}, known.last_at) AS ended
  FROM all_connections AS known FINAL
  WHERE source = '' AND state != 'refused' AND charge_point != '' AND match(charge_point, {charge_point:String})
    AND known.at < {horizon:DateTime64(6, 'UTC')}
  UNION ALL
  SELECT charge_point, '', points.first_at, '', '', points.first_at FROM charge_points AS points
  WHERE match(charge_point, {charge_point:String}) AND points.first_at < {horizon:DateTime64(6, 'UTC')}
), losses AS (
  SELECT charge_point, last.1 AS gone, last.2 AS connection_id, last.3 AS closed_by, last.4 AS closed_how,
    last.5 AS began, back
  FROM (
    SELECT charge_point,
      argMax((ended, connection_id, closed_by, closed_how, began), ended) OVER (PARTITION BY charge_point
        ORDER BY began, connection_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last,
      leadInFrame(began, 1, {horizon:DateTime64(6, 'UTC')}) OVER (PARTITION BY charge_point
        ORDER BY began, connection_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS back
    FROM links
  )
  WHERE back > last.1 + toIntervalSecond({grace:UInt32}) AND back > {since:DateTime64(6, 'UTC')}
), hours AS (
  SELECT charge_point, toStartOfHour(gone) AS hour FROM losses
  UNION ALL
  SELECT losses.charge_point, talked.hour FROM losses ASOF JOIN (
    SELECT charge_point, hour FROM all_charge_point_hours
    WHERE frames_from_charge_point > 0 AND charge_point IN (SELECT charge_point FROM losses)
  ) AS talked ON talked.charge_point = losses.charge_point AND talked.hour < toStartOfHour(losses.gone)
)
SELECT losses.charge_point AS charge_point, connection_id, closed_by, closed_how,
  toUnixTimestamp64Micro(gone) AS gone, toUnixTimestamp64Micro(back) AS back,
  toUnixTimestamp64Micro(greatest(began, heard.at)) AS heard
FROM losses ASOF LEFT JOIN (
  SELECT charge_point, at FROM all_frames
  WHERE source = '' AND direction = 'from_charge_point'
    AND (charge_point, toStartOfHour(at)) IN (SELECT charge_point, hour FROM hours)
) AS heard ON heard.charge_point = losses.charge_point AND heard.at <= losses.gone
ORDER BY charge_point, gone
"""
"""Connections overlap; a loss is where the one that lasts longest of all before is over and the next begins too late.
A connection without length at the charge point's first moment stands for "not yet connected". One that is open in a
run that is not the journal's last is as old as its row; the last run is that of all charge points, whichever are asked
for. Frames are read for the hours of a loss alone: the hour it fell into, and the last one before in which the charge
point said anything."""


def losses(store: Store, asked: Asked) -> Mapping[str, list[Loss]]:
    """Of each charge point, in order."""
    found: defaultdict[str, list[Loss]] = defaultdict(list)
    for row in rows(store, _LOSSES, **asked.params):
        found[row["charge_point"]].append(_loss(row))
    return found


def _loss(row: dict[str, Any]) -> Loss:
    gone, back, heard = int(row["gone"]), int(row["back"]), int(row["heard"])
    if not row["connection_id"]:
        return Loss(gone, back, gone, "no connection")
    alive = row["closed_by"] == "charge_point" and row["closed_how"] in _SIGNS
    ended = " ".join(filter(None, (row["closed_by"], row["closed_how"])))
    why = f"no connection (ended by {ended})" if ended else "no connection"
    return Loss(gone, back, gone if alive else heard, why, (row["connection_id"],))


# what was said

_STATUSES: Final = """
SELECT charge_point, port, part, toUnixTimestamp64Micro(moment) AS moment, says, word, code, connection_id, frame_no
FROM (
  SELECT charge_point, known.at AS moment, connection_id, frame_no, status AS word, error_code AS code,
    ifNull(evse_id, ifNull(connector_id, 0)) AS port,
    if(port = 0, 0, if(isNull(evse_id), 1, ifNull(connector_id, 0))) AS part,
    if(availability IN ('unknown', 'unavailable', 'faulted'), toString(availability), 'available') AS says,
    lagInFrame(says, 1, '') OVER (PARTITION BY charge_point, port, part
      ORDER BY known.at, connection_id, frame_no, item_no ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
  FROM all_statuses AS known
  WHERE source = '' AND charge_point != '' AND match(charge_point, {charge_point:String})
    AND known.at >= {lookback:DateTime64(6, 'UTC')} AND known.at < {horizon:DateTime64(6, 'UTC')}
)
WHERE says != before
ORDER BY charge_point, port, part, moment
"""
"""port: 1.6 the connector, 2.x the EVSE, 0 the whole. part: 2.x the connector, 0 the EVSE itself; 1.6 has one."""
_SAYS: Final = {
    "available": Says.AVAILABLE,
    "unknown": Says.UNKNOWN,
    "unavailable": Says.UNAVAILABLE,
    "faulted": Says.FAULTED,
}
_NO_CODE: Final = frozenset({"", "noerror"})
Places = dict[int, dict[int, list[Told]]]
"""port -> part -> its statuses in order; port 0 is the whole charge point."""


def statuses(store: Store, asked: Asked) -> Mapping[str, Places]:
    """Those that change whether a port is up."""
    found: defaultdict[str, Places] = defaultdict(dict)
    for row in rows(store, _STATUSES, **asked.params):
        parts = found[row["charge_point"]].setdefault(int(row["port"]), {})
        parts.setdefault(int(row["part"]), []).append(_told(row))
    return found


def _told(row: dict[str, Any]) -> Told:
    word, code = str(row["word"])[:50], str(row["code"])[:50]
    whole = "" if int(row["port"]) else "the whole charge point is "
    reason = f"{whole}{word}" if code.lower() in _NO_CODE else f"{whole}{word} ({code})"
    return Told(int(row["moment"]), _SAYS[row["says"]], reason, (_frame(row),))


def _frame(row: dict[str, Any]) -> str:
    return f"{row['connection_id']} #{row['frame_no']}"


ACCEPTED: Final = """
  SELECT asked.charge_point AS charge_point, asked.moment AS moment, asked.connection_id AS connection_id,
    asked.frame_no AS frame_no, asked.said AS said
  FROM (
    SELECT charge_point, at AS moment, connection_id, frame_no, if(text != '', text, payload) AS said FROM all_frames
    WHERE source = '' AND direction = 'from_csms' AND message_type = 2 AND action IN ({actions})
      AND charge_point != '' AND match(charge_point, {charge_point:String})
      AND at >= {lookback:DateTime64(6, 'UTC')} AND at < {horizon:DateTime64(6, 'UTC')}
  ) AS asked
  ANY INNER JOIN (
    SELECT connection_id, answers FROM all_frames
    WHERE source = '' AND direction = 'from_charge_point' AND message_type = 3 AND answers != 0
      AND action IN ({actions}) AND match(charge_point, {charge_point:String}) AND at >= {lookback:DateTime64(6, 'UTC')}
      AND lower(trimBoth(JSONExtractString(if(text != '', text, payload), 3, 'status'))) IN ('accepted', 'scheduled')
  ) AS agreed ON agreed.connection_id = asked.connection_id AND agreed.answers = asked.frame_no
"""
"""Calls of the CSMS that the charge point agreed to. As the view `messages`, but of one action: there, both sides of
the join would be the whole fleet's frames."""
_ORDERS: Final = (
    """
SELECT charge_point, toUnixTimestamp64Micro(moment) AS moment, connection_id, frame_no,
  lower(trimBoth(JSONExtractString(said, 4, 'type'))) AS kind16,
  lower(trimBoth(JSONExtractString(said, 4, 'operationalStatus'))) AS kind2,
  substring(trimBoth(replaceAll(JSONExtractRaw(said, 4, 'connectorId'), '"', '')), 1, 20) AS connector,
  JSONHas(said, 4, 'evse') AS has_evse,
  substring(trimBoth(replaceAll(JSONExtractRaw(said, 4, 'evse', 'id'), '"', '')), 1, 20) AS evse
FROM ("""
    + ACCEPTED.replace("{actions}", "'ChangeAvailability'")
    + ") ORDER BY charge_point, moment"
)
_KINDS: Final = {"inoperative": Says.UNAVAILABLE, "operative": Says.AVAILABLE}


def orders(store: Store, asked: Asked) -> Mapping[str, list[tuple[int, Order]]]:
    """ChangeAvailability, accepted or scheduled, with the port it concerns; 0: all of them. In order."""
    found: defaultdict[str, list[tuple[int, Order]]] = defaultdict(list)
    for row in rows(store, _ORDERS, **asked.params):
        asks, port = _KINDS.get(row["kind16"] or row["kind2"]), _port_of(row)
        if asks is not None and port is not None:
            found[row["charge_point"]].append((port, Order(int(row["moment"]), asks, (_frame(row),))))
    return found


def _port_of(row: dict[str, Any]) -> int | None:
    """None: it cannot be read whom it concerns. 2.x without an EVSE: the whole charging station (G03)."""
    if row["kind16"]:
        return small(row["connector"])
    return small(row["evse"]) if int(row["has_evse"]) else 0


_FOUND: Final = """
SELECT charge_point, connector_id AS port, toUnixTimestamp64Micro(known.at) AS since,
  toUnixTimestamp64Micro(ifNull(cleared_at, {horizon:DateTime64(6, 'UTC')})) AS until, finding_id, evidence
FROM all_findings AS known FINAL
WHERE source = '' AND rule = 'FT-10' AND severity >= 'warning' AND isNotNull(connector_id)
  AND match(charge_point, {charge_point:String}) AND known.at < {horizon:DateTime64(6, 'UTC')}
  AND (isNull(cleared_at) OR cleared_at > {since:DateTime64(6, 'UTC')})
ORDER BY charge_point, since
"""


def never_charging(store: Store, asked: Asked) -> Mapping[str, list[tuple[int, Piece]]]:
    """FT-10 from warning on. As info it is one driver alone, whose vehicle may be at fault: 680.116(b)(3)."""
    found: defaultdict[str, list[tuple[int, Piece]]] = defaultdict(list)
    for row in rows(store, _FOUND, **asked.params):
        why = "FT-10: says it is available, but charges nobody"
        proof = tuple(f"{connection} #{number}" for connection, number in _pairs(row["evidence"]))
        piece = Piece(int(row["since"]), int(row["until"]), why, (f"finding {row['finding_id']}", *proof[:4]))
        found[row["charge_point"]].append((int(row["port"]), piece))
    return found


def _pairs(evidence: list[Any]) -> Iterator[tuple[str, Any]]:
    """The engine tells a tuple as an array or as an object."""
    for pair in evidence:
        connection, number = pair.values() if isinstance(pair, dict) else pair
        yield connection, number
