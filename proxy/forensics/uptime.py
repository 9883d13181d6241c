"""`ocpptap uptime`: of each port the three numbers of a month, NEVI's over twelve, and the outages behind them.

The formula is 23 CFR 680.116(b)(3): ((525,600 - (T_outage - T_excluded)) / 525,600) x 100 over the twelve months that
end with this one; 525,600 stands in leap years too. Unknown counts as outage there. The month has two numbers of the
same kind: `strict` (unknown is down) and `observed` (unknown is in neither side of the fraction). Percentages are never
rounded up. By hand, a month of 30 days with one outage of 14 h, 2 h of it excluded, and one unknown day:

>>> month = Totals(up=40_920, down=720, unknown=1_440, excluded=120)
>>> strict(month), observed(month), nevi(month)
(95.0, 98.2758, 99.589)

(43,200 - 720 - 1,440) / 43,200; (43,200 - 1,440 - 720) / (43,200 - 1,440); (525,600 - 720 - 1,440) / 525,600.

Asks the store (`uptime_questions.py`). What counts as what stands in `intervals.py`, how it is shown in
`uptime_text.py`. Knows no clock: the moment up to which a month that is not over counts is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from proxy import counters
from proxy.forensics import success_questions as attempts
from proxy.forensics import uptime_questions as ask
from proxy.forensics.exclusions import Exclusion, of_charge_point, of_port
from proxy.forensics.intervals import (
    GRACE,
    Entry,
    Loss,
    Order,
    Piece,
    Port,
    Totals,
    clipped,
    ledger,
    offline,
    outages,
    totals,
    union,
)
from proxy.forensics.months import begin_of, name_of
from proxy.forensics.success import Counts, percent
from proxy.forensics.uptime_questions import Asked, Passport, Places
from proxy.store.client import Store

METHOD: Final = "23 CFR 680.116(b)"
YEAR_MINUTES: Final = 525_600
MONTHS: Final = 12
LOOKBACK: Final = 13
"""Months: so old the status may be that a port has at the begin."""
_FOREVER: Final = 2**62
_LAG: Final = "ocpptap_recorder_lag_seconds"


class Wanted(msgspec.Struct, frozen=True):
    """`month`: months since year 0 (`months.py`). `charge_point`: a glob. `now`, `recorded`: microseconds UTC;
    `recorded`: what the recorder says it has reached, 0 it says nothing."""

    month: int
    now: int
    recorded: int = 0
    charge_point: str = "*"
    exclusions: Sequence[Exclusion] = ()


class PortUptime(msgspec.Struct, frozen=True):
    """A port in a month. `port`: 1.6 connector, 2.x EVSE; None: the charge point never named one. `year`: the twelve
    months. `months`: those of them with data. `regulatory`: all twelve are whole. `outages`: of the month, also what is
    unknown."""

    charge_point: str
    port: int | None
    month: Totals
    year: Totals
    months: int
    regulatory: bool
    outages: Sequence[Entry] = ()


class Report(msgspec.Struct, frozen=True):
    """[since, until): the month, or what of it is over. `charging`: of each charge point with an attempt."""

    month: str
    since: int
    until: int
    ports: Sequence[PortUptime]
    charging: Mapping[str, Counts]


def strict(month: Totals) -> float | None:
    return percent(month.up + month.excluded, month.all)


def observed(month: Totals) -> float | None:
    return percent(month.up + month.excluded, month.all - month.unknown)


def nevi(year: Totals) -> float:
    return percent(nevi_minutes(year), YEAR_MINUTES) or 0.0


def nevi_minutes(year: Totals) -> int:
    """The rule's numerator; a leap year of outage would come out below 0."""
    return max(0, YEAR_MINUTES - (year.down + year.unknown))


def recorded_until(data: Path) -> int:
    """What the recorder last said it has reached and stored (`counters.py`), microseconds UTC; 0: it never ran here.

    It says so once a second, also when nothing passes: the end of the record is then now, or when ocpptap ended.
    """
    published = counters.read_published(counters.recorder_path(data))
    if published is None:
        return 0
    behind = max((series.value for series in published.series.get(_LAG, ())), default=0.0)
    return published.at // 1_000 - int(behind * 1_000_000)


def uptime(store: Store, wanted: Wanted) -> Report:
    """Raises ValueError for a month that has not begun, StoreError."""
    since, end = begin_of(wanted.month), begin_of(wanted.month + 1)
    if wanted.now <= since:
        raise ValueError(f"{name_of(wanted.month)} has not begun")
    horizon = min(wanted.now, max(wanted.recorded, ask.recorded_until(store)))
    until = end if wanted.now >= end else until_now(since, horizon, wanted.now)
    asked = Asked(
        wanted.charge_point,
        lookback=begin_of(wanted.month - MONTHS + 1 - LOOKBACK),
        since=begin_of(wanted.month - MONTHS + 1),
        horizon=min(horizon, until),
    )
    known = known_of(store, asked, wanted.now)
    ports = [
        _port_uptime(charge_point, port, facts, wanted, until)
        for charge_point in known.passports
        for port, facts in ports_of(known, charge_point, wanted.exclusions, asked)
    ]
    return Report(
        name_of(wanted.month),
        since,
        until,
        ports,
        attempts.charging(store, wanted.charge_point, since, asked.horizon),
    )


def until_now(since: int, horizon: int, now: int) -> int:
    """A month that is not over ends with the record, if that is of just now; else what follows it is unknown."""
    return horizon if now - horizon <= GRACE and horizon > since else now


class Known(msgspec.Struct, frozen=True):
    """What the store said about the fleet. `unobserved`: of all charge points."""

    unobserved: Sequence[Piece]
    passports: Mapping[str, Passport]
    losses: Mapping[str, list[Loss]]
    statuses: Mapping[str, Places]
    orders: Mapping[str, list[tuple[int, Order]]]
    never_charging: Mapping[str, list[tuple[int, Piece]]]


def known_of(store: Store, asked: Asked, now: int) -> Known:
    edges = [
        Piece(-_FOREVER, ask.kept_since(store, now), "older than what the store keeps"),
        Piece(asked.horizon, _FOREVER, "nothing was recorded any more"),
    ]
    return Known(
        union([*edges, *ask.unobserved(store, asked)]),
        ask.passports(store, asked),
        ask.losses(store, asked),
        ask.statuses(store, asked),
        ask.orders(store, asked),
        ask.never_charging(store, asked),
    )


def ports_of(
    known: Known, charge_point: str, exclusions: Sequence[Exclusion], asked: Asked
) -> list[tuple[int | None, Port]]:
    """The ports of a charge point with what is known of them; one without a number where it never named any."""
    passport = known.passports[charge_point]
    places = known.statuses.get(charge_point, {})
    unseen = Piece(-_FOREVER, passport.first_at, "not seen yet")
    unobserved = union([*known.unobserved, unseen])
    lost = offline(known.losses.get(charge_point, ()), unobserved)
    excused = of_charge_point(exclusions, charge_point)
    numbers: Sequence[int | None] = sorted(passport.ports | {port for port in places if port})[
        : ask.MAX_PORTS
    ]
    return [
        (
            port,
            Port(
                unobserved,
                lost,
                [told for part, told in places.get(port or 0, {}).items() if part],
                places.get(port or 0, {}).get(0, ()) if port else (),
                places.get(0, {}).get(0, ()),
                [order for where, order in known.orders.get(charge_point, ()) if where in (0, port)],
                [piece for where, piece in known.never_charging.get(charge_point, ()) if where == port],
                of_port(excused, port),
            ),
        )
        for port in numbers or [None]
    ]


def _port_uptime(charge_point: str, port: int | None, facts: Port, wanted: Wanted, until: int) -> PortUptime:
    first = wanted.month - MONTHS + 1
    entries = ledger(facts, begin_of(first), until)
    edges = map(begin_of, range(first, first + MONTHS + 1))
    months = [totals(entries, begin, end) for begin, end in pairwise(edges)]
    with_data = sum(month.all > month.unknown for month in months)
    return PortUptime(
        charge_point,
        port,
        months[-1],
        summed(months),
        with_data,
        with_data == MONTHS and _is_whole(entries) and until == begin_of(wanted.month + 1),
        outages(clipped(entries, begin_of(wanted.month), until)),
    )


def _is_whole(entries: Sequence[Entry]) -> bool:
    """The record reaches back to the first month's begin: there, the port's state is known."""
    return bool(entries) and entries[0].state != "unknown"


def summed(several: Iterable[Totals]) -> Totals:
    several = list(several)
    return Totals(**{name: sum(getattr(one, name) for one in several) for name in Totals.__struct_fields__})


class Fleet(msgspec.Struct, frozen=True):
    """All ports together. `nevi`: the ports' average; the rule is about each port alone."""

    ports: int
    month: Totals
    nevi: float | None
    months: int
    regulatory: bool
    charging: Counts


def fleet(report: Report) -> Fleet:
    charging = Counts()
    for counts in report.charging.values():
        charging.add(counts)
    minutes = sum(nevi_minutes(port.year) for port in report.ports)
    return Fleet(
        len(report.ports),
        summed(port.month for port in report.ports),
        percent(minutes, YEAR_MINUTES * len(report.ports)),
        min((port.months for port in report.ports), default=0),
        bool(report.ports) and all(port.regulatory for port in report.ports),
        charging,
    )
