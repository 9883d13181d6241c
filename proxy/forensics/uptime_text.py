"""The uptime report for people (aligned tables), for scripts (JSON, a port a line) and for the quarterly submission
(CSV, an outage a line: 23 CFR 680.112(a)(7), (8)). Pure.

Fields of the JSON and columns of the CSV are added behind, never renamed. What peers sent is escaped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

import orjson

from proxy.forensics.find import iso
from proxy.forensics.intervals import Entry, State, minutes
from proxy.forensics.success import Counts
from proxy.forensics.table import aligned
from proxy.forensics.uptime import (
    METHOD,
    MONTHS,
    PortUptime,
    Report,
    fleet,
    nevi,
    observed,
    strict,
)
from proxy.forensics.uptime_questions import stamp
from proxy.log import printable

_PORTS: Final = (
    "CHARGE POINT",
    "PORT",
    "MINUTES",
    "OUTAGE",
    "EXCLUDED",
    "UNKNOWN",
    "STRICT",
    "OBSERVED",
    "NEVI",
    "MONTHS",
)
_CHARGING: Final = ("CHARGE POINT", "ATTEMPTS", "SUCCESS", "VISITS", "FIRST TIME", "UNDECIDED")
_COLUMNS: Final = (
    "charge_point",
    "port",
    "month",
    "since",
    "until",
    "minutes",
    "state",
    "excluded",
    "reason",
    "evidence",
    "method",
)
_NOBODY: Final = Counts()
_FORMULA: Final = ("=", "+", "-", "@")
"""A spreadsheet would read a cell that begins so as a formula."""


def as_json(report: Report) -> str:
    return "\n".join(orjson.dumps(_told(report, port)).decode() for port in report.ports)


def _told(report: Report, port: PortUptime) -> dict[str, Any]:
    month, year = port.month, port.year
    charging = report.charging.get(port.charge_point, _NOBODY)
    return {
        "charge_point": port.charge_point,
        "port": port.port,
        "month": report.month,
        "since": iso(stamp(report.since)),
        "until": iso(stamp(report.until)),
        "minutes": month.all,
        "outage_minutes": month.down + month.excluded,
        "excluded_minutes": month.excluded,
        "unknown_minutes": month.unknown,
        "strict": strict(month),
        "observed": observed(month),
        "method": METHOD,
        "nevi": nevi(year),
        "nevi_months": port.months,
        "regulatory": port.regulatory,
        "nevi_outage_minutes": year.down + year.excluded + year.unknown,
        "nevi_excluded_minutes": year.excluded,
        "nevi_observed": observed(year),
        "charging_success": charging.charging_success,
        "first_time_success": charging.first_time_success,
        "attempts": charging.attempts,
        "visits": charging.visits,
        "undecided": charging.undecided,
        "outages": [_outage(outage) for outage in port.outages],
    }


def _outage(outage: Entry) -> dict[str, Any]:
    return {
        "since": iso(stamp(outage.since)),
        "until": iso(stamp(outage.until)),
        "minutes": minutes(outage.since, outage.until),
        "state": str(outage.state),
        "excluded": outage.state is State.EXCLUDED,
        "reason": outage.reason,
        "evidence": list(outage.evidence),
    }


def as_csv(report: Report) -> str:
    """With a heading; a port without an outage has no line. Without a line break at the end."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for port in report.ports:
        for outage in map(_outage, port.outages):
            writer.writerow(_row(report, port, outage))
    return text.getvalue().rstrip("\n")


def _row(report: Report, port: PortUptime, outage: dict[str, Any]) -> list[Any]:
    own = {
        "charge_point": _cell(port.charge_point),
        "port": "" if port.port is None else port.port,
        "month": report.month,
        "excluded": "yes" if outage["excluded"] else "no",
        "reason": _cell(outage["reason"]),
        "evidence": _cell("; ".join(outage["evidence"])),
        "method": METHOD,
    }
    row = outage | own
    return [row[column] for column in _COLUMNS]


def _cell(text: str) -> str:
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def as_text(report: Report) -> str:
    """A line a port with its outages below, the fleet, and how charging went."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    whole = fleet(report)
    yield (
        f"Uptime {report.month}, {iso(stamp(report.since))[:16]}Z to {iso(stamp(report.until))[:16]}Z, minutes"
        f" and percent. NEVI: {METHOD}, twelve months that end with this one, unknown is outage."
    )
    all_ports = f"ALL {whole.ports} PORTS"
    last = _cells(all_ports, "", whole.month, whole.nevi, whole.months, whole.regulatory)
    heading, *table = aligned(_PORTS, [*map(_port_cells, report.ports), last]).splitlines()
    yield heading
    for line, port in zip(table, report.ports, strict=False):
        yield line
        yield from map(_outage_line, port.outages)
    yield table[-1]
    if whole.charging.attempts:
        yield ""
        told = sorted(report.charging.items())
        yield aligned(_CHARGING, [*(_charging(*one) for one in told), _charging("ALL", whole.charging)])


def _port_cells(port: PortUptime) -> tuple[str, ...]:
    number = "-" if port.port is None else str(port.port)
    return _cells(port.charge_point, number, port.month, nevi(port.year), port.months, port.regulatory)


def _cells(
    name: str, port: str, month: Any, of_year: float | None, months: int, regulatory: object
) -> tuple[str, ...]:
    return (
        name,
        port,
        str(month.all),
        str(month.down + month.excluded),
        str(month.excluded),
        str(month.unknown),
        _percent(strict(month)),
        _percent(observed(month)),
        _percent(of_year),
        f"{months} of {MONTHS}" + ("" if regulatory else ", not regulatory"),
    )


def _percent(value: float | None) -> str:
    """Three digits, cut: never rounded up."""
    return "-" if value is None else f"{int(value * 10_000 + 0.5) // 10 / 1_000:.3f} %"


def _outage_line(outage: Entry) -> str:
    since, until = (iso(stamp(moment))[:16] + "Z" for moment in (outage.since, outage.until))
    proof = f"  [{', '.join(outage.evidence)}]" if outage.evidence else ""
    length = f"{minutes(outage.since, outage.until)} min"
    return printable(f"    {since}  {until}  {length:>9}  {outage.state.upper():<8}  {outage.reason}{proof}")


def _charging(charge_point: str, counts: Counts) -> tuple[str, ...]:
    return (
        charge_point,
        str(counts.attempts),
        _percent(counts.charging_success),
        str(counts.visits),
        _percent(counts.first_time_success),
        str(counts.undecided),
    )
