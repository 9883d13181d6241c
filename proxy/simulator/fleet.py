"""A fleet of simulated charge points: SIM-0001, SIM-0002, ... in turn 1.6, 2.0.1 and 2.1, or all of one version.

Each has a random generator of its own (seed and identity), so that a fleet of another size or with other
faults leaves it what it was.
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass, field
from typing import Any, Final, TextIO
from urllib.parse import urlsplit

from proxy.simulator.clock import Clock, Pace
from proxy.simulator.console import Console, serve_until_signal
from proxy.simulator.faults import FAULTS, assign, check
from proxy.simulator.life import Life, live
from proxy.simulator.online import Setup
from proxy.simulator.session import VERSIONS
from proxy.simulator.station import Station
from proxy.simulator.station2 import Station2
from proxy.simulator.station16 import Station16
from proxy.simulator.tally import Account, message_count, summary

_STATIONS: Final[dict[str, type[Station]]] = {"1.6": Station16, "2.0.1": Station2, "2.1": Station2}
MAX_CHARGE_POINTS: Final = 9999


@dataclass(frozen=True)
class FleetSettings:
    """`to` is the URL in front of the identity; `ocpp` None: mixed."""

    to: str
    charge_points: int = 3
    faults: tuple[str, ...] = ()
    seed: int = 0
    ocpp: str | None = None
    pace: Pace = field(default_factory=Pace)


def checked(settings: FleetSettings) -> FleetSettings:
    """The settings; ValueError with one line for what cannot be."""
    url = urlsplit(settings.to)
    if url.scheme not in ("ws", "wss") or not url.hostname:
        raise ValueError(f"not a WebSocket URL: {settings.to!r} (ws://host:port/path is wanted)")
    if settings.ocpp is not None and settings.ocpp not in VERSIONS:
        raise ValueError(f"unknown OCPP version {settings.ocpp!r}: choose from {', '.join(VERSIONS)}")
    if not 1 <= settings.charge_points <= MAX_CHARGE_POINTS:
        raise ValueError(f"{settings.charge_points} charge points: 1 to {MAX_CHARGE_POINTS} are possible")
    check(settings.faults, FAULTS)
    return settings


class Fleet:
    """Make it inside an event loop; `run` it until `stop`. `life`: how each charge point spends its time."""

    def __init__(self, settings: FleetSettings, clock: Clock | None = None, life: Life = live) -> None:
        self.settings = checked(settings)
        self._clock = clock or Clock(settings.pace.speed)
        self._life = life
        identities = [f"SIM-{number:04}" for number in range(1, settings.charge_points + 1)]
        faulty = assign(check(settings.faults, FAULTS), identities, settings.seed)
        self.stations = [
            self._station(identity, number, faulty.get(identity, ()))
            for number, identity in enumerate(identities)
        ]
        self.accounts = {station.setup.identity: station.setup.account for station in self.stations}

    def _station(self, identity: str, number: int, faults: tuple[str, ...]) -> Station:
        settings = self.settings
        ocpp = settings.ocpp or tuple(VERSIONS)[number % len(VERSIONS)]
        setup = Setup(
            identity=identity,
            url=settings.to,
            ocpp=ocpp,
            seed=settings.seed,
            clock=self._clock,
            pace=settings.pace,
            faults=tuple(
                FAULTS[name](random.Random(f"{settings.seed}/{identity}/{name}")) for name in faults
            ),
            account=Account(ocpp, faults),
        )
        return _STATIONS[ocpp](setup)

    async def run(self) -> None:
        """All charge points, until `stop`; then each ends its transaction and closes its connection."""
        async with asyncio.TaskGroup() as group:
            for station in self.stations:
                group.create_task(station.run(self._life))

    def stop(self) -> None:
        self._clock.stop()

    def summary(self) -> dict[str, Any]:
        return summary("fleet", self.settings.seed, self.accounts)

    def progress(self) -> str:
        online = sum(station.online for station in self.stations)
        accounts = self.accounts.values()
        transactions = sum(account.transactions for account in accounts)
        trouble = "" if online else next((a.refusal for a in accounts if a.refusal), "")
        return (
            f"{online}/{len(self.stations)} charge points, {message_count(accounts)} messages, "
            f"{transactions} transactions  {trouble[:60]}"
        )


async def _run(settings: FleetSettings, minutes: float | None, console: Console) -> None:
    fleet = Fleet(settings)
    async with asyncio.TaskGroup() as group:
        group.create_task(fleet.run())
        seconds = None if minutes is None else minutes * 60
        await serve_until_signal(console, settings.to, fleet.summary, fleet.progress, seconds)
        fleet.stop()
    console.line(fleet.summary())


def run(
    to: str,
    charge_points: int,
    faults: tuple[str, ...] = (),
    seed: int = 0,
    ocpp: str | None = None,
    minutes: float | None = None,
    speed: float = 1.0,
    summary_to: TextIO | None = None,
) -> None:
    """Run for so many minutes or until SIGTERM or SIGINT; JSON lines `ready`, and `summary` as for the CSMS."""
    settings = checked(FleetSettings(to, charge_points, faults, seed, ocpp, Pace(speed=speed)))
    asyncio.run(_run(settings, minutes, Console(summary_to or sys.stdout)))
