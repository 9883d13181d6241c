"""One simulated charge point, whatever its OCPP version: what it can do, and what its CSMS may ask of it.

It plays the steps of scenario.py; which ones, and when, is its life's business (life.py). Commands are answered at
once; what an accepted one wants done later is an errand, for the life to run when the charge point is idle.
`Station16` and `Station2` say it in their versions' words.
"""

from __future__ import annotations

import abc
import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, NamedTuple

from proxy.simulator import scenario as act
from proxy.simulator.meter import Meter, Reading
from proxy.simulator.online import Gone, Online, Setup
from proxy.simulator.scenario import CONNECTORS, RemoteStart, Reserve, Setting, Step

_MODELS: Final = (("Voltwerk", "DC-Tower 50"), ("Nordlader", "Hyper 150"), ("Amperia", "Column C2"))
WORDS: Final = {True: "Accepted", False: "Rejected"}
"""How an answer is said, where the standards have no better word."""
_MOST_ERRANDS: Final = 4  # what is asked beyond that is rejected
_TRANSFER_SECONDS: Final = 2.0
_UNPLUG_SECONDS: Final = 1.0


class Sampled(NamedTuple):
    """A meter's values and the device time they are of."""

    at: str
    reading: Reading


class Visit(NamedTuple):
    """One car at a connector. `begun`: what the meter showed, and when."""

    connector: int
    token: str
    remote: int | None
    reservation: int | None
    begun: Sampled


class Station(Online):
    """The version-neutral part."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.rng = setup.random("life")
        self.meters = {number: Meter(setup.random(f"meter {number}")) for number in CONNECTORS}
        self.vendor, self.model = self.rng.choice(_MODELS)
        self.firmware = f"{self.rng.randint(1, 4)}.{self.rng.randint(0, 9)}.{self.rng.randint(0, 20)}"
        self.serial = f"{self.rng.getrandbits(40):010X}"
        self.log_name = f"{setup.identity}.log"
        self.user_agent = f"{self.vendor}/{self.firmware}"
        self.back_from_update = self.rng.random() < 0.25
        self.sample_seconds = setup.pace.meter_seconds
        self.statuses = dict.fromkeys(CONNECTORS, "Available")
        self.charging = False
        self.stop_wanted = False
        self.heartbeat_wanted = False
        self.updated = False
        self.remote_start: RemoteStart | None = None
        self.reserved: Reserve | None = None
        self.errands: deque[tuple[Step, ...]] = deque()
        self.visit: Visit | None = None

    # What a version must say.

    @abc.abstractmethod
    def heartbeat_call(self) -> object: ...

    @abc.abstractmethod
    def security_call(self, kind: str, info: str) -> object: ...

    @abc.abstractmethod
    def update_call(self, number: int, status: str) -> object: ...

    @abc.abstractmethod
    def upload_call(self, number: int, status: str) -> object: ...

    @abc.abstractmethod
    async def say_status(self, connector: int, status: str) -> None:
        """The connector's status, as far as the version has a word for it."""

    @abc.abstractmethod
    async def say_failed(self, connector: int, trouble: act.Trouble) -> None: ...

    @abc.abstractmethod
    async def say_mended(self, connector: int, trouble: act.Trouble) -> None: ...

    @abc.abstractmethod
    async def begin(self, visit: Visit) -> None:
        """Authorize the token and begin the transaction."""

    @abc.abstractmethod
    async def sample(self, visit: Visit, sampled: Sampled) -> None: ...

    @abc.abstractmethod
    async def end(self, visit: Visit, reason: str) -> None: ...

    @abc.abstractmethod
    def runs(self, transaction: str) -> bool:
        """Whether this is the transaction that runs."""

    # What the CSMS may ask of any.

    def accept_remote_start(self, command: RemoteStart) -> bool:
        if not self._free(command.connector):
            return False
        self.remote_start = command
        return True

    def accept_remote_stop(self, transaction: str) -> bool:
        runs = self.charging and self.runs(transaction)
        self.stop_wanted |= runs
        return runs

    def accept_reservation(self, command: Reserve) -> bool:
        shown = act.Show(command.connector, "Reserved")
        if not self._free(command.connector) or not self._accept_errand(shown):
            return False
        self.reserved = command
        return True

    def accept_cancellation(self, number: int) -> bool:
        """Not while its car charges: then there is no reservation any more."""
        held = self.reserved
        if held is None or held.number != number:
            return False
        if not self._accept_errand(act.Show(held.connector, "Available")):
            return False
        self.reserved = None
        return True

    def accept_limit(self, connector: int, watts: float) -> bool:
        """0 is the whole charge point."""
        outlets = [meter for number, meter in self.meters.items() if connector in (0, number)]
        for meter in outlets:
            meter.limit_watts = watts
        return bool(outlets)

    def accept_setting(self, setting: Setting | None, value: str) -> bool:
        """The two intervals can be set, to whole seconds from 1 on."""
        seconds = int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0
        if seconds and setting is Setting.HEARTBEAT_SECONDS:
            self.heartbeat_seconds = seconds
        elif seconds and setting is Setting.SAMPLE_SECONDS:
            self.sample_seconds = seconds
        else:
            return False
        return True

    def accept_update(self, number: int) -> bool:
        """It is idle when it updates, and out of order meanwhile."""
        major, minor, patch = self.firmware.split(".")
        newer = f"{major}.{minor}.{int(patch) + 1}"
        return self._accept_errand(
            act.Update(number, "Downloading"),
            act.Idle(_TRANSFER_SECONDS),
            act.Update(number, "Downloaded"),
            *(act.Show(connector, "Unavailable") for connector in CONNECTORS),
            act.Update(number, "Installing"),
            act.Restart(newer),
            act.Update(number, "Installed"),
        )

    def accept_upload(self, number: int) -> bool:
        return self._accept_errand(
            act.Upload(number, "Uploading"), act.Idle(_TRANSFER_SECONDS), act.Upload(number, "Uploaded")
        )

    def accept_trigger(self, message: str) -> bool:
        self.heartbeat_wanted |= message == "Heartbeat"
        return message == "Heartbeat"

    def setting(self, setting: Setting | None) -> str | None:
        """Its value, None for one it does not know."""
        seconds = {
            Setting.HEARTBEAT_SECONDS: self.heartbeat_seconds,
            Setting.SAMPLE_SECONDS: self.sample_seconds,
            Setting.PING_SECONDS: self.setup.pace.ping_seconds,
        }
        return str(round(seconds[setting])) if setting in seconds else None

    def _free(self, connector: int) -> bool:
        """Whether somebody from afar can have this connector; one car at a time at one charge point."""
        busy = self.charging or self.remote_start or self.reserved or self.clock.stopped or self.reboots
        return not busy and self.statuses.get(connector) == "Available"

    def _accept_errand(self, *steps: Step) -> bool:
        if self.reboots or self.clock.stopped or len(self.errands) >= _MOST_ERRANDS:
            return False
        self.errands.append(steps)
        return True

    # Being there.

    async def run(self, life: Callable[[Station], Coroutine[Any, Any, None]]) -> None:
        """Until the clock is stopped and the life has come to its end. Cancelled: the connection is reset."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.keep_connected())
                living = group.create_task(life(self))
                await self.clock.until_stopped()
                await asyncio.wait({living}, timeout=self.setup.pace.grace_seconds)
                living.cancel()
                self.leave()
        except* Gone:
            pass
        finally:
            self.cut_off()

    # What it does.

    async def play(self, steps: Iterable[Step]) -> None:
        for step in steps:
            await self.step(step)

    async def step(self, step: Step) -> None:
        await _STEPS[type(step)](self, step)

    async def beat(self) -> None:
        self.heartbeat_wanted = False
        await self.tell(self.heartbeat_call())

    async def show(self, connector: int, status: str) -> None:
        self.statuses[connector] = status
        await self.say_status(connector, status)

    async def fail(self, step: act.Fail) -> None:
        self.statuses[step.connector] = "Faulted"
        await self.say_failed(step.connector, step.trouble)

    async def mend(self, step: act.Mend) -> None:
        self.statuses[step.connector] = "Available"
        await self.say_mended(step.connector, step.trouble)

    async def arrive(self, step: act.Arrive) -> None:
        """Whoever comes, a remote start or reservation that was waiting is over with it."""
        remote, self.remote_start = self.remote_start, None
        held, self.reserved = self.reserved, None
        self.charging, self.stop_wanted = True, False
        self.meters[step.connector].plug_in()
        self.visit = Visit(
            step.connector,
            step.token,
            remote.number if remote else None,
            held.number if held else None,
            self.sampled(step.connector),
        )
        await self.show(step.connector, "Preparing")
        await self.begin(self.visit)
        await self.show(step.connector, "Charging")

    async def charge(self, step: act.Charge) -> None:
        """Samples until the time is over or somebody stops it."""
        visit = self._visit()
        before = self.clock.elapsed()
        end = before + step.seconds
        while before < end and not (self.stop_wanted or self.clock.stopped):
            await self.clock.spend(self.sample_seconds)
            now = self.clock.elapsed()
            self.meters[visit.connector].advance(now - before)
            before = now
            await self.sample(visit, self.sampled(visit.connector))

    async def suspend(self, step: act.Suspend) -> None:
        connector = self._visit().connector
        await self.show(connector, "SuspendedEV")
        await self.clock.spend(step.seconds)
        await self.show(connector, "Charging")

    async def depart(self, step: act.Depart) -> None:
        visit = self._visit()
        await self.end(visit, "Remote" if self.stop_wanted else step.reason)
        await self.show(visit.connector, "Finishing")
        self.setup.account.transactions += 1
        await self.clock.spend(_UNPLUG_SECONDS)
        await self.show(visit.connector, "Available")
        self.charging, self.visit = False, None

    async def renew(self, step: act.Restart) -> None:
        if not self.clock.stopped:
            self.firmware, self.updated, self.back_from_update = step.firmware, True, False
            self.statuses = dict.fromkeys(CONNECTORS, "Available")
            await self.restart()

    async def run_errands(self) -> None:
        while self.errands:
            await self.play(self.errands.popleft())

    def _visit(self) -> Visit:
        assert self.visit is not None, "a car must arrive before it charges"
        return self.visit

    def sampled(self, connector: int) -> Sampled:
        return Sampled(self.clock.now(), self.meters[connector].read())


_STEPS: Final[dict[type[Step], Callable[[Station, Any], Awaitable[object]]]] = {
    act.Idle: lambda station, step: station.clock.spend(step.seconds),
    act.Heartbeat: lambda station, _: station.beat(),
    act.Show: lambda station, step: station.show(step.connector, step.status),
    act.Arrive: Station.arrive,
    act.Charge: Station.charge,
    act.Suspend: Station.suspend,
    act.Depart: Station.depart,
    act.Fail: Station.fail,
    act.Mend: Station.mend,
    act.Alarm: lambda station, step: station.deliver(station.security_call(step.kind, step.info)),
    act.Update: lambda station, step: station.deliver(station.update_call(step.number, step.status)),
    act.Upload: lambda station, step: station.deliver(station.upload_call(step.number, step.status)),
    act.Restart: Station.renew,
    act.RunErrands: lambda station, _: station.run_errands(),
}
