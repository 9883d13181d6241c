"""How a charge point spends its time: at random (`live`), or by the book (`perform`).

A life is what `Station.run` runs beside the connection; once the clock is stopped and the car is gone it ends by
itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from proxy.simulator.scenario import (
    CONNECTORS,
    TROUBLES,
    Alarm,
    Arrive,
    Charge,
    Command,
    Depart,
    Fail,
    Idle,
    Mend,
    Scenario,
    Step,
    Suspend,
)
from proxy.simulator.station import Station

Life = Callable[[Station], Coroutine[Any, Any, None]]
Ask = Callable[[str, Command], Awaitable[None]]
"""Lets the CSMS ask the charge point of this identity; over when it has the answer."""

_IDLE_STEP_SECONDS: Final = 0.5
_REASONS: Final = ("Local", "EVDisconnected")
_PAUSE_SECONDS: Final = (2.0, 5.0)
_BROKEN_SECONDS: Final = (5.0, 15.0)
_PAUSES: Final = 0.25  # of all cars
_FAILS: Final = 0.1  # of all times between two cars
_ALARMS: Final = 0.1


async def live(station: Station) -> None:
    """Heartbeats, and one car after another; now and then a fault or a security event, and what the CSMS wants."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_beat(station))
        if station.reboots:
            group.create_task(station.clock.until_stopped())
        else:
            group.create_task(_serve(station))


async def perform(station: Station, scenario: Scenario, ask: Ask) -> None:
    """The scenario from its first step to its last, then the clock's end. It has one voice at a time.

    Each step waits for its answers, so that both sides say the same in the same order whenever it is performed.
    """
    for meter, register in zip(station.meters.values(), scenario.registers_wh, strict=True):
        meter.start_from(register)
    await station.connected()
    for step in scenario.steps:
        if isinstance(step, Command):
            await ask(station.setup.identity, step)
        else:
            await station.step(step)
    station.clock.stop()


async def _beat(station: Station) -> None:
    """From the boot on a Heartbeat each interval, or at once when the CSMS triggers one."""
    await station.connected()
    clock = station.clock
    last = clock.elapsed()
    while not clock.stopped:
        rest = last + station.heartbeat_seconds - clock.elapsed()
        await clock.sleep(min(_IDLE_STEP_SECONDS, max(0.0, rest)))
        if station.heartbeat_wanted or rest <= 0:
            last = clock.elapsed()
            await station.beat()


async def _serve(station: Station) -> None:
    await station.connected()
    while not station.clock.stopped:
        await _wait_for_car(station)
        if not (station.clock.stopped or station.remote_start or station.reserved):
            await station.play(_between_cars(station.rng))
        await station.run_errands()
        if not station.clock.stopped:
            await station.play(_next_car(station))


async def _wait_for_car(station: Station) -> None:
    """Until one comes, in person or started from afar; meanwhile do what the CSMS wants done."""
    clock = station.clock
    comes_at = clock.elapsed() + station.rng.uniform(*station.setup.pace.idle_seconds)
    while clock.elapsed() < comes_at and not (station.remote_start or clock.stopped):
        await station.run_errands()
        await clock.sleep(_IDLE_STEP_SECONDS)


def _next_car(station: Station) -> list[Step]:
    """The car that was announced, or any."""
    rng = station.rng
    announced = station.remote_start or station.reserved
    connector = announced.connector if announced else rng.choice(CONNECTORS)
    token = announced.token if announced else f"{rng.getrandbits(32):08X}"
    seconds = rng.uniform(*station.setup.pace.charging_seconds)
    charging: list[Step] = [Charge(seconds)]
    if rng.random() < _PAUSES:
        charging = [Charge(seconds / 2), Suspend(rng.uniform(*_PAUSE_SECONDS)), Charge(seconds / 2)]
    return [Arrive(connector, token), *charging, Depart(rng.choice(_REASONS))]


def _between_cars(rng: random.Random) -> list[Step]:
    steps: list[Step] = []
    if rng.random() < _FAILS:
        connector, trouble = rng.choice(CONNECTORS), rng.choice(TROUBLES)
        steps += [Fail(connector, trouble), Idle(rng.uniform(*_BROKEN_SECONDS)), Mend(connector, trouble)]
    if rng.random() < _ALARMS:
        steps.append(Alarm("SettingSystemTime", f"set by {rng.randint(2, 9)} s"))
    return steps
