"""All faults and near misses, and how they are put into healthy days.

Written from the catalogue, the standards and the list of quirks; knows no analyzer. `days_of` gives the days a fault is
put into, `faulty` the same days with it in them: what differs is the fault and nothing else.
"""

from __future__ import annotations

from random import Random
from typing import Final

from tests.days import (
    faults_device,
    faults_fleet,
    faults_line,
    faults_meter,
    faults_protocol,
    faults_transactions,
)
from tests.days.editing import Scene
from tests.days.events import Day
from tests.days.fault import Fault, NearMiss
from tests.days.healthy import day
from tests.days.profiles import Outlet, Profile, plain

_PARTS: Final = (
    faults_line,
    faults_meter,
    faults_transactions,
    faults_device,
    faults_protocol,
    faults_fleet,
)
FAULTS: Final[dict[str, Fault]] = {fault.name: fault for part in _PARTS for fault in part.FAULTS}
NEAR_MISSES: Final[tuple[NearMiss, ...]] = tuple(near for part in _PARTS for near in part.NEAR_MISSES)

_IDS: Final = """
HB-01 HB-02 HB-07 CN-01 CN-02 CN-03 CN-04 CN-05 CN-07 CN-09 FT-01 FT-02 FT-03 FT-05 FT-08 FT-10
BT-01 BT-03 BT-04 BT-05 MT-01 MT-03 MT-04 MT-05 MT-06 MT-07 MT-09 MT-10 MT-11 MT-12 MT-13 MT-17
TX-01 TX-02 TX-03 TX-04 TX-05 TX-07 TX-10 TX-11 TX-14 CK-01 CK-03 CK-04 CK-05
PR-01 PR-02 PR-04 PR-07 PR-08 PR-10 PR-12 SE-01 SE-02 SE-04 SE-05 SE-06 SE-08 SE-09 SE-10 FW-01 FW-02
"""
RULES: Final = tuple(_IDS.split())
"""What there must be a fault for."""


def profiles_of(kind: Fault | NearMiss, version: str, first: int = 40) -> list[Profile]:
    """Of those it is put into: a fleet is one make behind one CSMS."""
    one = plain(first + (1 if kind.outlet is Outlet.DC else 0), version, kind.outlet)
    if kind.size == 1:
        return [one]
    return [
        plain(first + number, version, kind.outlet)._replace(
            model=one.model,
            vendor=one.vendor,
            firmware=one.firmware,
            rated_watts=one.rated_watts,
            upstream=one.upstream,
            ping_seconds=0 if kind.size > 12 else one.ping_seconds,
        )
        for number in range(kind.size)
    ]


def days_of(kind: Fault | NearMiss, profiles: list[Profile], hours: float = 0, seed: int = 5) -> list[Day]:
    return [list(day(profile, hours or kind.hours, seed, charging=kind.charging)) for profile in profiles]


def faulty(kind: Fault | NearMiss, profiles: list[Profile], days: list[Day], seed: int = 5) -> list[Day]:
    """The same days with the trouble in them."""
    scenes = [
        Scene(profile, events, Random(f"{seed} {profile.name} {kind.name}"))
        for profile, events in zip(profiles, days, strict=True)
    ]
    kind.edit(scenes)
    return [scene.done() for scene in scenes]
