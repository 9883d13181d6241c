"""A charge point's healthy day, as the relay would see it: a pure generator of events in the order of time.

Knows plans (who comes when, when the link is down) and physics; how that is said on a connection is `line.py`.
Seeded: the same profile, hours and seed give the same bytes. Imports no analyzer: nothing here knows what is watched.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from tests.days.energy import Charge, charge
from tests.days.events import CP, CSMS, SECOND, Ask, Day, Event
from tests.days.line import Down, Fate, Line, Proposal, Task, Up
from tests.days.profiles import MIDNIGHT, Outlet, Profile
from tests.days.words import FIRMWARE_HOST, HEARTBEAT, SAMPLES, SECURITY, Visit
from tests.days.words2 import words_of

MINUTE: Final = 60 * SECOND
CONNECTORS: Final = (1, 2)
IDLE_AT_LAST: Final = 75 * MINUTE
"""Nobody charges in the last so much of a day."""
NEXT_FIRMWARE: Final = "9.0.0"


class Stay(NamedTuple):
    """A car comes. `remote`: started from afar; `refused`: with a wrong card first."""

    at: int
    minutes: float
    token: str
    remote: bool
    refused: bool


class Outage(NamedTuple):
    """No connection from here to there."""

    begin: int
    end: int


class Plan(NamedTuple):
    """What will happen in a day."""

    begin: int
    end: int
    stays: dict[int, list[Stay]]
    outages: list[Outage]
    update: int | None


def planned(profile: Profile, hours: float, rng: Random, begin: int, charging: bool) -> Plan:
    end = begin + round(hours * 60) * MINUTE
    whole = hours >= 24
    opens, closes = (begin + 6 * 60 * MINUTE, end - 90 * MINUTE) if whole else (begin, end - IDLE_AT_LAST)
    stays = {
        connector: list(_stays(profile, opens, closes, whole, rng)) for connector in CONNECTORS if charging
    }
    if profile.refuses_once and stays.get(2):
        stays[2][0] = stays[2][0]._replace(refused=True)
    update = begin + rng.randrange(150, 200) * MINUTE if whole and profile.updates else None
    return Plan(begin, end, stays, _outages(profile, opens, closes, rng), update)


def _stays(profile: Profile, opens: int, closes: int, whole: bool, rng: Random) -> Iterator[Stay]:
    longest = (25, 45) if profile.outlet is Outlet.DC else (45, 100)
    pause = (30, 150) if whole else (14, 30)
    at = opens + round(rng.uniform(8, 20) * MINUTE)
    while True:
        minutes = rng.uniform(*longest)
        if at + minutes * MINUTE + 5 * MINUTE > closes:
            return
        yield Stay(at, minutes, f"TAG-{rng.randrange(4000):04}", rng.random() < 0.2, False)
        at += round((minutes + rng.uniform(*pause)) * MINUTE)


def _outages(profile: Profile, opens: int, closes: int, rng: Random) -> list[Outage]:
    """Now and then a short one; for some a long one in which they charge on."""
    span = closes - opens
    lengths = [round(rng.uniform(4, 25) * SECOND)] if rng.random() < 0.5 else []
    lengths += [round(rng.uniform(12, 25) * MINUTE)] if profile.goes_offline else []
    outages: list[Outage] = []
    for number, length in enumerate(lengths):
        begin = opens + round(span * (0.25 + 0.4 * number + 0.2 * rng.random()))
        outages.append(Outage(begin, begin + length))
    return outages


def day(
    profile: Profile, hours: float = 24, seed: int = 5, begin: int = MIDNIGHT, charging: bool = True
) -> Iterator[Event]:
    """One charge point's, from its boot on. `charging` False: nobody comes."""
    rng = Random(f"{seed} {profile.name} {profile.version}")
    plan = planned(profile, hours, rng, begin + rng.randrange(60) * SECOND, charging)
    sources = [_commands(profile, plan, rng.random()), _links(profile, plan)]
    sources += [_connector(profile, plan, connector, rng.random()) for connector in plan.stays]
    if plan.update is not None:
        sources.append(_update(profile, plan.update))
    tasks = heapq.merge(*sources, key=lambda task: task.at)
    return Line(profile, rng.random()).play(tasks, plan.end)


def short_day(profile: Profile, hours: float = 4, seed: int = 5) -> Day:
    return list(day(profile, hours, seed))


def _links(profile: Profile, plan: Plan) -> Iterator[Task]:
    yield Up(plan.begin, profile.firmware)
    for outage in plan.outages:
        yield Down(outage.begin, "charge_point", "fin" if outage.end - outage.begin < MINUTE else "timeout")
        yield Up(outage.end, "")


def _commands(profile: Profile, plan: Plan, seed: float) -> Iterator[Task]:
    """What a CSMS asks now and then."""
    rng, words = Random(seed), words_of(profile)
    known = {
        HEARTBEAT: str(profile.interval_seconds),
        SAMPLES: str(profile.sample_seconds),
        SECURITY: str(profile.security_profile),
    }
    yield Proposal(plan.begin + 20 * SECOND, CSMS, words.read(known))
    yield Proposal(plan.begin + 4 * MINUTE, CSMS, words.limit(1, profile.rated_watts, 1))
    at = plan.begin + round(rng.uniform(30, 90) * MINUTE)
    while at < plan.end - IDLE_AT_LAST:
        yield Proposal(at, CSMS, words.trigger_heartbeat())
        yield Proposal(at + SECOND, CP, words.heartbeat(at + SECOND), Fate.LOST)
        at += round(rng.uniform(2, 6) * 60 * MINUTE)


def _connector(profile: Profile, plan: Plan, connector: int, seed: float) -> Iterator[Task]:
    rng = Random(seed)
    register = float(rng.randrange(200_000, 9_000_000))
    for number, stay in enumerate(plan.stays[connector]):
        yield from _visit(profile, plan, connector, number, stay, register)
        register = _after(profile, stay, register)


def _curve_seed(stay: Stay) -> Random:
    return Random(stay.at)


def _after(profile: Profile, stay: Stay, register: float) -> float:
    """The register when the car has gone."""
    return register + round(charge(profile, 0.0, stay.minutes, _curve_seed(stay)).gained_wh)


def _visit(
    profile: Profile, plan: Plan, connector: int, number: int, stay: Stay, register: float
) -> Iterator[Task]:
    """One car, from its arrival to its departure."""
    words = words_of(profile)
    curve = charge(profile, 0.0 if profile.rebased else register, stay.minutes, _curve_seed(stay))
    begin = curve.read(0)._replace(watts=0.0)
    serial = int(profile.name[3:]) * 1000 + connector * 100 + number + 1
    visit = Visit(connector, stay.token, serial, f"{profile.name}-{connector}-{number}", begin, 0)
    at = stay.at
    if stay.refused:
        yield Proposal(at - 40 * SECOND, CP, words.authorize("TAG-WRONG", "Invalid"), Fate.LOST)
    if stay.remote and not _offline(plan, at):
        yield Proposal(at, CSMS, words.remote_start(connector, stay.token, serial))
        at += 2 * SECOND
    for ask in words.arrival(visit, at):
        yield Proposal(at, CP, ask, Fate.LATEST, connector)
    if not stay.remote:
        yield Proposal(at + 4 * SECOND, CP, words.authorize(stay.token), Fate.LOST)
    at = visit.began = at + 7 * SECOND
    for ask in words.start(visit, at, _offline(plan, at)):
        yield _told(at, ask, connector)
    yield from _charging(profile, plan, visit, curve, at)
    at += round(curve.duration) * SECOND
    reason = "EVDisconnected" if number % 3 == 1 else "Local"
    for ask in words.end(visit, at, curve.read(curve.duration), reason, _offline(plan, at)):
        yield _told(at, ask, connector)
    gone = at + 40 * SECOND
    yield Proposal(gone, CP, words.status(connector, "Available", gone), Fate.LATEST, connector)


def _charging(profile: Profile, plan: Plan, visit: Visit, curve: Charge, at: int) -> Iterator[Task]:
    words = words_of(profile)
    full = curve.seconds[-2] if curve.seconds[-1] - curve.seconds[-2] > 120 else None
    second = profile.sample_seconds
    while second < curve.duration - 1:
        if full is not None and second > full:
            moment = at + round(full) * SECOND
            yield _told(moment, words.pause(visit, moment, _offline(plan, moment)), visit.connector)
            full = None
        moment = at + second * SECOND
        sample = words.sample(visit, moment, curve.read(second), _offline(plan, moment))
        yield Proposal(moment, CP, sample, Fate.QUEUED)
        second += profile.sample_seconds


def _told(at: int, ask: Ask, connector: int) -> Proposal:
    """Statuses are told as they are then, all else in its turn."""
    fate = Fate.LATEST if ask.action == "StatusNotification" else Fate.QUEUED
    return Proposal(at, CP, ask, fate, connector)


def _offline(plan: Plan, at: int) -> bool:
    return any(outage.begin <= at < outage.end for outage in plan.outages)


def _update(profile: Profile, at: int) -> Iterator[Task]:
    """New firmware, at night."""
    words = words_of(profile)
    yield Proposal(at, CSMS, words.update_firmware(at, FIRMWARE_HOST, 7))
    for seconds, status in ((30, "Downloading"), (240, "Downloaded"), (290, "Installing")):
        moment = at + seconds * SECOND
        yield Proposal(moment, CP, words.firmware_status(status, 7), Fate.QUEUED)
    for connector in CONNECTORS:
        moment = at + 295 * SECOND
        yield Proposal(moment, CP, words.status(connector, "Unavailable", moment), Fate.LATEST, connector)
    yield Down(at + 320 * SECOND, "charge_point", "fin")
    yield Up(at + 500 * SECOND, NEXT_FIRMWARE)
    moment = at + 510 * SECOND
    yield Proposal(moment, CP, words.firmware_status("Installed", 7), Fate.QUEUED)
    yield Proposal(moment + SECOND, CP, words.security_event("FirmwareUpdated", moment), Fate.QUEUED)
