"""Who the charge points are: makes, versions, intervals, clocks. Everything follows from a number and a seed.

Knows no messages. Vendors and models are our own words.
"""

from __future__ import annotations

import enum
from random import Random
from typing import Final, NamedTuple

from tests.days.events import SECOND

VERSIONS: Final = ("1.6", "2.0.1", "2.1")
MIDNIGHT: Final = 1_790_812_800 * SECOND
"""When the days begin, ns UTC."""


class Outlet(enum.Enum):
    AC = "ac"
    DC = "dc"


class Profile(NamedTuple):
    """A charge point. `rated_watts`: what a connector gives at most; `clock_ns`: its clock minus the true one.

    `phases`: AC; what its cars use. `rebased`: a register of each transaction (1.6). `kilowatt_hours`: its register's
    unit. `repeats_begin`: every message has the value of the begin too. `resets_timer`: a Heartbeat is due so long
    after any message. `ping_seconds` 0: none. `security_profile`: as OCPP counts them.
    """

    name: str
    version: str
    outlet: Outlet
    vendor: str
    model: str
    firmware: str
    remote_address: str
    upstream: str
    rated_watts: float
    phases: int
    interval_seconds: int
    sample_seconds: int
    ping_seconds: int
    clock_ns: int
    security_profile: int
    rebased: bool
    kilowatt_hours: bool
    repeats_begin: bool
    resets_timer: bool
    goes_offline: bool
    updates: bool
    refuses_once: bool


_MAKES: Final = {
    Outlet.AC: (("Volt", "Wall 22", "3.1.4", 22_000.0), ("Ampere", "Pole 11", "1.20", 11_000.0)),
    Outlet.DC: (("Watt", "Fast 50", "7.0.2", 50_000.0), ("Ohm", "Fast 150", "2.4", 150_000.0)),
}


def profile(number: int, version: str = "", outlet: Outlet | None = None, seed: int = 5) -> Profile:
    """The charge point of this number; `version` and `outlet` as given, else by its number."""
    rng = Random(f"{seed} {number}")
    speaks = version or VERSIONS[number % 3]
    kind = outlet or (Outlet.DC if number % 4 == 3 else Outlet.AC)
    vendor, model, firmware, rated = _MAKES[kind][number % 2]
    old = speaks == "1.6"
    return Profile(
        name=f"CP_{number:04}",
        version=speaks,
        outlet=kind,
        vendor=vendor,
        model=f"{model} {speaks}",
        firmware=firmware,
        remote_address=f"10.{20 + number // 200}.{number % 200}.7",
        upstream=f"ws://csms-{number % 5}",
        rated_watts=rated,
        phases=1 if kind is Outlet.AC and number % 6 == 1 else 3,
        interval_seconds=rng.choice((300, 300, 240, 600)),
        sample_seconds=60,
        ping_seconds=rng.choice((0, 60, 120)),
        clock_ns=round(rng.uniform(-4, 4) * SECOND),
        security_profile=rng.choice((1, 2, 2, 3)),
        rebased=old and number % 9 == 6,
        kilowatt_hours=number % 10 == 8,
        repeats_begin=old and number % 12 == 9,
        resets_timer=rng.random() < 0.5,
        goes_offline=number % 5 == 2,
        updates=number % 7 == 4,
        refuses_once=number % 8 == 5,
    )


def plain(number: int, version: str, outlet: Outlet) -> Profile:
    """One without peculiarities: what faults are put into."""
    return profile(number, version, outlet)._replace(
        phases=3,
        interval_seconds=300,
        ping_seconds=60,
        security_profile=2,
        rebased=False,
        kilowatt_hours=False,
        repeats_begin=False,
        resets_timer=False,
        goes_offline=False,
        updates=False,
        refuses_once=False,
    )
