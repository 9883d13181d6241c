"""The whole fleet's uptime over the last 24 hours, 30 days and 365 days: three gauges of /metrics.

Numbers as docs/UPTIME.md defines them, over windows that end now instead of months of the calendar: `strict` and
`observed` are of all ports' minutes together; `nevi` is the ports' average, and of 365 days only: the rule knows no
other window (23 CFR 680.116(b)(3)). Rules:

- Of what nobody knows there is no number: a gauge at 0, or at 1, would be a claim.
- The ledger of a port is made once, for the longest window asked for; the others are parts of it.
- Nothing is excluded: the operator's file of exclusions belongs to the report (`uptime.py`).

Knows no clock: `now` is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from proxy.forensics import uptime
from proxy.forensics import uptime_questions as ask
from proxy.forensics.intervals import Entry, Totals, ledger, totals
from proxy.forensics.success import percent
from proxy.forensics.uptime_questions import DAY, Asked
from proxy.store.client import Store

WINDOWS: Final[Mapping[str, int]] = {"24h": DAY, "30d": 30 * DAY, "365d": 365 * DAY}
"""Microseconds."""
NEVI_WINDOW: Final = "365d"
CHARGE_POINTS_WINDOW: Final = "24h"
LOOKBACK: Final = (365 + 396) * DAY
"""So old the status may be that a port has: 13 months at the begin of the year, as in the report, whichever windows are
asked for. (Who told none since has fallen silent long ago; the store keeps them for 400 days.)"""
SLICE: Final = 125
"""Charge points asked about at once: a reader of the embedded store has 512 MiB and 10 s for a question. 13 months
of statuses, 40 a day each, are 2 million rows for these; those of 2,000 charge points are more than it can sort."""
SLICE_CHARACTERS: Final = 20_000
"""Of their names as expressions: the question's line ends at 64 KiB, in which each character takes up to three."""


class FleetUptime(msgspec.Struct, frozen=True):
    """Ratios from 0 to 1. `windows`: of each that was asked for and of which anything is known, method -> ratio.
    `charge_points`: observed over 24 h; who was not observed at all is not in it."""

    windows: dict[str, dict[str, float]]
    charge_points: dict[str, float]


def fleet_uptime(store: Store, now: int, windows: Iterable[str], recorded: int = 0) -> FleetUptime:
    """`now`, `recorded`: microseconds UTC; `recorded`: what the recorder says it has reached, 0 it says nothing.

    Raises StoreError, and KeyError for a window there is not.
    """
    lengths = {name: WINDOWS[name] for name in windows}
    if not lengths:
        return FleetUptime({}, {})
    longest = max(lengths.values())
    horizon = min(now, max(recorded, ask.recorded_until(store)))
    until = uptime.until_now(now - longest, horizon, now)
    asked = Asked("*", until - LOOKBACK, until - longest, min(horizon, until))
    count = _Count({name: until - length for name, length in lengths.items()}, until)
    for names in slices(ask.passports(store, asked)):
        known = uptime.known_of(store, _Some(**msgspec.structs.asdict(asked), names=names), now)
        for charge_point in known.passports:
            ports = uptime.ports_of(known, charge_point, (), asked)
            count.add(charge_point, [ledger(facts, asked.since, until) for _, facts in ports])
    return count.told()


class _Some(Asked, frozen=True):
    """Asked of these charge points alone."""

    names: Sequence[str] = ()

    @property
    def params(self) -> dict[str, str]:
        return super().params | {"charge_point": one_of(self.names)}


def slices(names: Iterable[str]) -> Iterator[Sequence[str]]:
    """Neighbours in the tables' order, so many as one question may be about."""
    some: list[str] = []
    characters = 0
    for name in sorted(names):
        length = len(_exactly(name)) + 1
        if some and (len(some) == SLICE or characters + length > SLICE_CHARACTERS):
            yield some
            some, characters = [], 0
        some.append(name)
        characters += length
    if some:
        yield some


def one_of(names: Sequence[str]) -> str:
    """These names (sorted) and no others, as a regular expression of RE2. What they begin with alike is told once: with
    that the engine is done with most of the others."""
    alike = _alike(names[0], names[-1])
    ends = "|".join(_exactly(name[alike:]) for name in names)
    return rf"(?s)\A{_exactly(names[0][:alike])}(?:{ends})\z"


def _alike(one: str, other: str) -> int:
    """So many characters at their begins."""
    differ = (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1])
    return next(differ, min(len(one), len(other)))


def _exactly(text: str) -> str:
    """What is not a letter or a digit goes as its number, as in `typed.glob`."""
    return "".join(one if one.isascii() and one.isalnum() else rf"\x{{{ord(one):X}}}" for one in text)


class _Count:
    """Adds the ports up, charge point after charge point. `begins`: of each window."""

    def __init__(self, begins: Mapping[str, int], until: int) -> None:
        self._begins = begins
        self._until = until
        self._all = dict.fromkeys(begins, Totals())
        self._charge_points: dict[str, float] = {}
        self._ports = 0
        self._nevi_minutes = 0

    def add(self, charge_point: str, ledgers: Sequence[Sequence[Entry]]) -> None:
        for name, begin in self._begins.items():
            several = [totals(entries, begin, self._until) for entries in ledgers]
            together = uptime.summed(several)
            self._all[name] = uptime.summed((self._all[name], together))
            if name == CHARGE_POINTS_WINDOW:
                self._note(charge_point, uptime.observed(together))
            if name == NEVI_WINDOW:
                self._nevi_minutes += sum(map(uptime.nevi_minutes, several))
        self._ports += len(ledgers)

    def _note(self, charge_point: str, observed: float | None) -> None:
        if observed is not None:
            self._charge_points[charge_point] = _ratio(observed)

    def told(self) -> FleetUptime:
        known = {name: time for name, time in self._all.items() if time.unknown < time.all}
        windows = {name: self._methods(name, time) for name, time in known.items()}
        return FleetUptime(windows, self._charge_points)

    def _methods(self, name: str, time: Totals) -> dict[str, float]:
        told = {"strict": uptime.strict(time), "observed": uptime.observed(time)}
        if name == NEVI_WINDOW:
            told["nevi"] = percent(self._nevi_minutes, uptime.YEAR_MINUTES * self._ports)
        return {method: _ratio(value) for method, value in told.items() if value is not None}


def _ratio(value: float) -> float:
    """Percent as a share, with its digits."""
    return round(value / 100, 6)
