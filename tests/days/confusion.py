"""`python -m tests.days.confusion [--charge-points 500] [--faulted 200] [--write]`: what rules say of a day with known
trouble.

First every charge point has a healthy day: nothing above info may be found. Then days with faults: each fault of one
charge point in turn until so many have one, among healthy ones; each fault of a fleet in a fleet of its own. A fault is
*named* when its right rule finds it; an alarm is *wrong* when its rule is none of those that may name the trouble
there. --write keeps it as docs/evidence/confusion.json. Ends with 1 if it is worse than wanted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from analyzers.base import Finding
from tests.days.events import Day, Event
from tests.days.fault import Fault
from tests.days.faults import FAULTS, days_of, faulty, profiles_of
from tests.days.healthy import day
from tests.days.known import alarms, made, rules
from tests.days.play import play
from tests.days.profiles import Profile, plain, profile
from tests.evidence import Table, keep

HOURS: Final = 24.0
WANTED_NAMED: Final = 0.95
MOST_WRONG: Final = 0.01
FAULTED_PER_ROUND: Final = 10
HEALTHY_PER_ROUND: Final = 15


class Row(NamedTuple):
    """One fault, over all that had it. `also`, `wrong`: rule -> how many of its alarms."""

    fault: Fault
    put: Counter[str]
    named: Counter[str]
    also: Counter[str]
    wrong: Counter[str]


class Case(NamedTuple):
    """A fault in the days of these charge points."""

    fault: Fault
    version: str
    profiles: list[Profile]
    days: list[Day]

    @property
    def names(self) -> set[str]:
        return {one.name for one in self.profiles}


class Confusion(NamedTuple):
    """All there is to say in the end."""

    rows: dict[str, Row]
    lost: list[str]
    """Alarms about charge points that had nothing."""


def healthy_run(charge_points: int, hours: float) -> list[Finding]:
    profiles = [profile(number) for number in range(charge_points)]
    return alarms(play(made(), [_shown(day(one, hours), one, charge_points) for one in profiles]))


def _shown(events: Iterator[Event], profile: Profile, of: int) -> Iterator[Event]:
    """The first charge point's day moves the display."""
    if profile.name != "CP_0000":
        return events
    return _moving(events, of)


def _moving(events: Iterator[Event], of: int) -> Iterator[Event]:
    hour = 0
    began = None
    for event in events:
        began = event.at if began is None else began
        if (event.at - began) // 3_600_000_000_000 > hour:
            hour += 1
            progress(f"healthy: {of} charge points, hour {hour}")
        yield event


def known_faults() -> list[Fault]:
    have = rules()
    return [fault for fault in FAULTS.values() if fault.rules[0] in have]


def single_cases(count: int, hours: float) -> Iterator[Case]:
    """Each (fault, version) in turn, each on a charge point behind a CSMS of its own."""
    pairs = [(fault, version) for fault in known_faults() if fault.size == 1 for version in fault.versions]
    for number in range(count):
        fault, version = pairs[number % len(pairs)]
        one = plain(1000 + number, version, fault.outlet)._replace(upstream=f"ws://csms-of-{number}")
        days = days_of(fault, [one], max(hours, fault.hours), seed=number)
        yield Case(fault, version, [one], faulty(fault, [one], days, seed=number))


def fleet_cases(hours: float) -> Iterator[Case]:
    for fault in known_faults():
        for version in fault.versions if fault.size > 1 else ():
            profiles = profiles_of(fault, version, first=2000)
            days = days_of(fault, profiles, max(hours, fault.hours))
            yield Case(fault, version, profiles, faulty(fault, profiles, days))


def rounds(count: int, hours: float) -> Iterator[tuple[list[Case], list[Profile]]]:
    """What is played together: cases, and healthy charge points beside them; a longer day stands alone."""
    together: list[Case] = []
    number = 0
    for case in single_cases(count, hours):
        if case.fault.hours > hours:
            yield [case], []
            continue
        together.append(case)
        if len(together) == FAULTED_PER_ROUND:
            yield together, [profile(3000 + number * 20 + one) for one in range(HEALTHY_PER_ROUND)]
            together, number = [], number + 1
    if together:
        yield together, []
    for case in fleet_cases(hours):
        yield [case], []


def faulted_run(count: int, hours: float) -> Confusion:
    table = Confusion({}, [])
    done = 0
    for cases, beside in rounds(count, hours):
        days: list[Day] = [events for case in cases for events in case.days]
        days += [list(day(one, hours)) for one in beside]
        _judge(table, cases, play(made(), days))
        done += len(cases)
        progress(f"faults: {done} put in")
    return table


def _judge(table: Confusion, cases: list[Case], findings: list[Finding]) -> None:
    of_cases = [(case, _of(case, cases, findings)) for case in cases]
    for case, found in of_cases:
        new = Row(case.fault, Counter(), Counter(), Counter(), Counter())
        row = table.rows.setdefault(case.fault.name, new)
        row.put[case.version] += 1
        row.named[case.version] += is_named(case.fault, found)
        for alarm in alarms(found):
            if alarm.rule != case.fault.rules[0]:
                (row.also if alarm.rule in case.fault.rules else row.wrong)[alarm.rule] += 1
    told = {one.finding_id for _, found in of_cases for one in found}
    table.lost.extend(
        f"{one.rule} {one.charge_point}: {one.message}"
        for one in alarms(findings)
        if one.finding_id not in told
    )


def _of(case: Case, cases: list[Case], findings: list[Finding]) -> list[Finding]:
    """Findings about its charge points; those about none belong to whoever may have caused them."""
    others = {rule for one in cases if one is not case for rule in one.fault.rules}
    return [
        one
        for one in findings
        if one.charge_point in case.names
        or (not one.charge_point and (one.rule in case.fault.rules or (one.rule not in others)))
    ]


def is_named(fault: Fault, found: list[Finding]) -> bool:
    right = [one for one in found if one.rule == fault.rules[0]]
    return bool(right) if fault.info else bool(alarms(right))


def progress(text: str) -> None:
    print(f"\r{text}        ", end="", file=sys.stderr, flush=True)


# figures


class Figures(NamedTuple):
    put: int
    named: int
    alarms: int
    wrong: int

    @property
    def good(self) -> bool:
        return (
            self.named >= WANTED_NAMED * self.put and self.wrong <= MOST_WRONG * self.alarms and self.put > 0
        )


def figures(table: Confusion) -> Figures:
    rows = table.rows.values()
    wrong = sum(row.wrong.total() for row in rows) + len(table.lost)
    right = sum(row.named.total() + row.also.total() for row in rows)
    return Figures(
        sum(row.put.total() for row in rows), sum(row.named.total() for row in rows), right + wrong, wrong
    )


COLUMNS: Final = ("fault", "right rule", "put in", "named", "not named in", "also, rightly", "wrongly")


def cells(row: Row) -> tuple[str, ...]:
    missed = ", ".join(version for version in row.put if row.named[version] < row.put[version])
    put, named = str(row.put.total()), str(row.named.total())
    return (row.fault.name, row.fault.rules[0], put, named, missed, counted(row.also), counted(row.wrong))


def counted(counter: Counter[str]) -> str:
    return ", ".join(f"{rule} x {count}" for rule, count in sorted(counter.items()))


def markdown(table: Confusion) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *map(cells, table.rows.values())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    options = _options()
    began = time.monotonic()
    false = healthy_run(options.charge_points, options.hours)
    for one in false:
        print(f"on a healthy day: {one.severity.label} {one.rule} {one.message}")
    print(f"\n{options.charge_points} healthy days of {options.hours:g} h: {len(false)} findings above info")
    table = faulted_run(options.faulted, options.hours)
    sums = figures(table)
    print("\n" + markdown(table))
    for line in table.lost:
        print(f"about a charge point that had nothing: {line}")
    share, wrong = sums.named / max(sums.put, 1), sums.wrong / max(sums.alarms, 1)
    summary = (
        f"{sums.named} of {sums.put} faults named by the right rule ({share:.1%}); "
        f"{sums.wrong} of {sums.alarms} alarms wrong ({wrong:.1%}); {time.monotonic() - began:.0f} s"
    )
    print(summary)
    if options.write:
        _keep(options, len(false), table, summary)
    return 0 if sums.good and not false else 1


def _keep(options: argparse.Namespace, false: int, table: Confusion, summary: str) -> None:
    title = f"{options.charge_points} charge points x {options.hours:g} h"
    tables = (
        Table(f"Healthy days: {title}", ("findings above info",), ((false,),)),
        Table("Faults and the rules that named them", COLUMNS, [cells(row) for row in table.rows.values()]),
    )
    command = f"python -m tests.days.confusion --charge-points {options.charge_points} --write"
    keep("confusion", "Findings: healthy days, faults, and who named them", command, tables, (summary,))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charge-points", type=int, default=500, help="with a healthy day")
    parser.add_argument("--faulted", type=int, default=200, help="with a fault of their own")
    parser.add_argument("--hours", type=float, default=HOURS, help="of a day")
    parser.add_argument("--write", action="store_true", help="keep it as evidence")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
