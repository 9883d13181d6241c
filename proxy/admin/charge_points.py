"""/metrics/charge-points: the charge points' own figures, of those that `admin.charge_points` lets through.

From the file the recorder publishes (`counters.Listed`) and the uptime that is known. At most `limit` charge points,
whatever stands in the file; the others are counted. In text 0.0.4 only, made line by line: 5,000 charge points are
some 50,000 lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from proxy import counters
from proxy.admin.exposition import encoded, escaped, head, labels
from proxy.admin.left_out import LeftOut
from proxy.counters import ChargePointFigures, Listed
from proxy.metrics import CHARGE_POINTS

Rows = Iterable[str]
"""What stands behind the first label's value: other labels, the figure, the line's end."""
Ratios = Mapping[str, float]
_INFO: Final = ("vendor", "model", "firmware", "site")
_NOBODY: Final = Listed(0, [])


class ChargePoints:
    """`uptime`: asked at each look, what is known by then."""

    def __init__(self, data: Path, limit: int, left_out: LeftOut, uptime: Callable[[], Ratios]) -> None:
        self._path = counters.listed_path(data)
        self._limit, self._left_out, self._uptime = limit, left_out, uptime

    def look(self) -> bytes:
        """The page as the file stands; without a file, nobody is on it."""
        listed = counters.read_listed(self._path) or _NOBODY
        shown = listed.charge_points[: self._limit]
        self._left_out.add(max(0, listed.left_out) + len(listed.charge_points) - len(shown))
        return page(shown, self._uptime())


def page(listed: Sequence[ChargePointFigures], uptime: Ratios) -> bytes:
    """One that is named twice counts once."""
    named = {f'{{charge_point="{escaped(one.charge_point)}"': one for one in listed}
    lines: list[str] = []
    for metric in CHARGE_POINTS:
        name, rows = metric.name, _ROWS[metric.name]
        found = [name + who + row for who, one in named.items() for row in rows(one, uptime)]
        lines += [head(metric), *found] if found else []
    return encoded(lines)


def _up(one: ChargePointFigures, _: Ratios) -> Rows:
    return ("} 1\n",) if one.connected else ("} 0\n",)


def _last_frame(one: ChargePointFigures, _: Ratios) -> Rows:
    return (f"}} {one.seen_at!r}\n",) if one.seen_at > 0 else ()


def _connectors(one: ChargePointFigures, _: Ratios) -> Rows:
    return [f',connector="{escaped(name)}"}} {status}\n' for name, status in dict(one.connectors).items()]


def _findings(one: ChargePointFigures, _: Ratios) -> Rows:
    return [f',severity="{escaped(severity)}"}} {count}\n' for severity, count in one.findings.items()]


def _ratio(one: ChargePointFigures, uptime: Ratios) -> Rows:
    return (f"}} {uptime[one.charge_point]!r}\n",) if one.charge_point in uptime else ()


def _info(one: ChargePointFigures, _: Ratios) -> Rows:
    return ("," + labels(_INFO, (one.vendor, one.model, one.firmware, one.site)) + "} 1\n",)


_ROWS: Final[Mapping[str, Callable[[ChargePointFigures, Ratios], Rows]]] = {
    "ocpptap_cp_up": _up,
    "ocpptap_cp_last_frame_timestamp_seconds": _last_frame,
    "ocpptap_cp_connector_status": _connectors,
    "ocpptap_cp_findings_open": _findings,
    "ocpptap_cp_uptime_ratio": _ratio,
    "ocpptap_cp_info": _info,
}
