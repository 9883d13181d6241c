"""Findings for people and for scripts: `ocpptap findings` asks the store for them, `ocpptap analyze` makes them.

A finding is a dict as `pipeline/finding.py` tells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import orjson

from proxy.forensics.find import iso, rows
from proxy.forensics.typed import EARLIEST, LATEST, glob, moment
from proxy.log import printable
from proxy.store.client import Store
from proxy.tables import SEVERITIES

_FINDINGS: Final = """
SELECT analyzer, rule, toString(severity) AS severity, charge_point, connector_id, transaction_id,
  toString(findings.at) AS opened_at, toString(last_at) AS last_at, count, message, observed, limit, basis, evidence,
  toString(cleared_at) AS cleared_at, muted_by, finding_id
FROM findings
WHERE match(charge_point, {charge_point:String}) AND (analyzer = {analyzer:String} OR {analyzer:String} = '')
  AND toInt8(findings.severity) >= {severity:Int8}
  AND findings.last_at >= {since:DateTime64(6, 'UTC')} AND findings.at <= {until:DateTime64(6, 'UTC')}
ORDER BY findings.at, charge_point, finding_id LIMIT {limit:UInt32}
"""
Told = dict[str, Any]


class Filter(msgspec.Struct, frozen=True):
    """`since` and `until`: ISO 8601 UTC, '' = no limit. `severity`: this one and above."""

    charge_point: str = "*"
    since: str = ""
    until: str = ""
    severity: str = "info"
    analyzer: str = ""
    limit: int = 10_000


def findings(store: Store, wanted: Filter) -> list[Told]:
    """Oldest first. Raises ValueError for a time that is none, StoreError."""
    found = rows(
        store,
        _FINDINGS,
        charge_point=glob(wanted.charge_point),
        since=moment(wanted.since, EARLIEST),
        until=moment(wanted.until, LATEST),
        severity=str(SEVERITIES[wanted.severity]),
        analyzer=wanted.analyzer,
        limit=str(wanted.limit),
    )
    return [_read(row) for row in found]


def _read(row: Told) -> Told:
    times = {name: iso(row[name]) for name in ("opened_at", "last_at")}
    cleared_at = iso(row["cleared_at"]) if row["cleared_at"] else None
    return (
        row
        | times
        | {"count": int(row["count"]), "cleared_at": cleared_at, "evidence": _frames(row["evidence"])}
    )


def _frames(evidence: Iterable[Any]) -> list[list[Any]]:
    """[connection, frame number] each; the engine writes UInt64 as text."""
    return [[connection, int(number)] for connection, number in (_pair(frame) for frame in evidence)]


def _pair(frame: Any) -> tuple[str, Any]:
    connection, number = frame.values() if isinstance(frame, dict) else frame
    return connection, number


def as_json(found: Iterable[Told]) -> str:
    return "\n".join(orjson.dumps(finding).decode() for finding in found)


def as_text(found: Iterable[Told]) -> str:
    """A finding in two or three lines: what, when and how often, why, what proves it. What peers sent is escaped."""
    return "\n".join(line for finding in found for line in _lines(finding))


def _lines(finding: Told) -> Iterator[str]:
    yield printable(
        f"{finding['opened_at'][:19]}  {finding['severity'].upper():<8} {finding['rule']}  {finding['message']}"
    )
    state = (
        f"cleared {finding['cleared_at'][:19]}"
        if finding["cleared_at"]
        else f"open, last {finding['last_at'][:19]}"
    )
    muted = f"  muted by {finding['muted_by']}" if finding["muted_by"] else ""
    times = "once" if finding["count"] == 1 else f"{finding['count']} times"
    yield printable(f"    {finding['analyzer']}  {times}, {state}{muted}  {_values(finding)}".rstrip())
    if finding["evidence"]:
        yield printable(
            f"    proof: {', '.join(f'{connection} #{number}' for connection, number in finding['evidence'])}"
        )


def _values(finding: Told) -> str:
    named = (("observed", finding["observed"]), ("limit", finding["limit"]), ("basis", finding["basis"]))
    return "  ".join(f"{name} {value}" for name, value in named if value)
