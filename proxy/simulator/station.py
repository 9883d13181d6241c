"""One simulated charge point, whatever its OCPP version: connects, boots, lives, reconnects, leaves.

Connection and life are two tasks. A connection begins with a boot (only the first one, unless a fault
reboots: a mere reconnect must not, 1.6J 5.4) and ends whenever it ends; the life (heartbeats, transactions)
waits for a connection where it needs one, and repeats what must not be lost (1.6 3.7, 2.x E12): `deliver`;
the rest is said once: `tell`. At the clock's stop the transaction is ended and the connection closed.
`Station16` and `Station2` say it in their versions' words.
"""

from __future__ import annotations

import abc
import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ocpp.exceptions import OCPPError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from proxy.simulator.clock import Clock, Pace
from proxy.simulator.faults import Fault
from proxy.simulator.link import LOGGER, MAX_MESSAGE, CountedClient, Link
from proxy.simulator.meter import Meter, Reading
from proxy.simulator.session import VERSIONS, LinkLost, Session
from proxy.simulator.tally import Account

UNREACHABLE: Final = (OSError, TimeoutError, WebSocketException)
_MODELS: Final = (("Voltwerk", "DC-Tower 50"), ("Nordlader", "Hyper 150"), ("Amperia", "Column C2"))
_BACK_OFF_LIMIT: Final = 5
_BOOT_RETRY_SECONDS: Final = 10
_CLOSE_SECONDS: Final = 5.0
_IDLE_STEP_SECONDS: Final = 0.5


class Gone(Exception):
    """The CSMS cannot be reached and the run is over."""


class RemoteStart(NamedTuple):
    """The CSMS asked for a transaction."""

    token: str
    number: int


@dataclass(frozen=True)
class Setup:
    """What makes one charge point."""

    identity: str
    url: str
    ocpp: str
    seed: int
    clock: Clock
    pace: Pace
    faults: tuple[Fault, ...]
    account: Account

    def random(self, purpose: str) -> random.Random:
        """One generator per purpose: what happens first must not decide what comes out."""
        return random.Random(f"{self.seed}/{self.identity}/{purpose}")


class Station(abc.ABC):
    """The version-neutral part."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.clock = setup.clock
        self.rng = setup.random("life")
        self.message_ids = setup.random("message ids")
        self.meter = Meter(setup.random("meter"))
        self.vendor, self.model = self.rng.choice(_MODELS)
        self.firmware = f"{self.rng.randint(1, 4)}.{self.rng.randint(0, 9)}.{self.rng.randint(0, 20)}"
        self.serial = f"{self.rng.getrandbits(40):010X}"
        self.back_from_update = self.rng.random() < 0.25
        self.heartbeat_seconds = 60
        self.charging = False
        self.stop_wanted = False
        self.heartbeat_wanted = False
        self.remote_start: RemoteStart | None = None
        self._link: Link | None = None
        self._session: Session | None = None
        self._online = asyncio.Event()
        self._booted = False
        self._leaving = asyncio.Event()

    # What a version must say.

    @abc.abstractmethod
    def make_session(self, link: Link) -> Session:
        """The `ocpp` package's ChargePoint with the answers of this version."""

    @abc.abstractmethod
    def boot_call(self) -> object: ...

    @abc.abstractmethod
    def heartbeat_call(self) -> object: ...

    @abc.abstractmethod
    async def introduce(self, session: Session) -> None:
        """What follows an accepted boot: the connectors' states."""

    @abc.abstractmethod
    async def transaction(self, remote: RemoteStart | None) -> None:
        """One car comes, charges and leaves."""

    # What the CSMS may ask of any.

    def accept_remote_start(self, token: str, number: int) -> bool:
        free = not (self.charging or self.remote_start or self.clock.stopped or self._reboots())
        if free:
            self.remote_start = RemoteStart(token, number)
        return free

    def accept_remote_stop(self) -> bool:
        self.stop_wanted = self.charging
        return self.charging

    def accept_trigger(self, message: str) -> bool:
        self.heartbeat_wanted |= message == "Heartbeat"
        return message == "Heartbeat"

    # Life.

    async def run(self) -> None:
        """Until the clock is stopped and the transaction ended. Cancelled: the connection is reset."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_connected())
                life = group.create_task(self._live())
                await self.clock.until_stopped()
                await asyncio.wait({life}, timeout=self.setup.pace.grace_seconds)
                life.cancel()
                self._leaving.set()
        except* Gone:
            pass
        finally:
            if self._link is not None:
                self._link.abort()

    def cut_off(self) -> None:
        """The connection is lost, as if somebody had pulled the cable and put it back."""
        if self._link is not None:
            self._link.abort()

    async def _live(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            if self._reboots():
                group.create_task(self.clock.until_stopped())
            else:
                group.create_task(self._charge_cars())

    async def _beat(self) -> None:
        """From the boot on a Heartbeat each interval, or at once when the CSMS triggers one."""
        await self._connected()
        last = self.clock.elapsed()
        while not self.clock.stopped:
            rest = last + self.heartbeat_seconds - self.clock.elapsed()
            await self.clock.sleep(min(_IDLE_STEP_SECONDS, max(0.0, rest)))
            if self.heartbeat_wanted or rest <= 0:
                self.heartbeat_wanted = False
                last = self.clock.elapsed()
                await self.tell(self.heartbeat_call())

    async def _charge_cars(self) -> None:
        while not self.clock.stopped:
            await self._wait_for_car()
            if not self.clock.stopped:
                await self._serve_car()

    async def _wait_for_car(self) -> None:
        comes_at = self.clock.elapsed() + self.rng.uniform(*self.setup.pace.idle_seconds)
        while self.clock.elapsed() < comes_at and not (self.remote_start or self.clock.stopped):
            await self.clock.sleep(_IDLE_STEP_SECONDS)

    async def _serve_car(self) -> None:
        self.charging, self.stop_wanted = True, False
        remote, self.remote_start = self.remote_start, None
        self.meter.plug_in()
        try:
            await self.transaction(remote)
        finally:
            self.charging = False
        self.setup.account.transactions += 1

    async def samples(self) -> AsyncIterator[Reading]:
        """The readings of a charging car, until its time is over or somebody stops it."""
        end = self.clock.elapsed() + self.rng.uniform(*self.setup.pace.charging_seconds)
        before = self.clock.elapsed()
        while before < end and not (self.stop_wanted or self.clock.stopped):
            await self.clock.sleep(self.setup.pace.meter_seconds)
            now = self.clock.elapsed()
            self.meter.advance(now - before)
            before = now
            yield self.meter.read()

    # Talking.

    @property
    def online(self) -> bool:
        return self._online.is_set()

    async def tell(self, payload: object) -> Any:
        """One call; None when there is no answer to it."""
        try:
            return await self._ask(await self._connected(), payload)
        except (ConnectionClosed, LinkLost, TimeoutError):
            return None

    async def deliver(self, payload: object) -> Any:
        """One call, again and again until it is answered; None for a CALLERROR."""
        while True:
            try:
                return await self._ask(await self._connected(), payload)
            except (ConnectionClosed, LinkLost, TimeoutError):
                await asyncio.sleep(_IDLE_STEP_SECONDS / self.clock.speed)

    async def say(self, session: Session, payload: object) -> Any:
        """One call on this very connection; None when there is no answer to it."""
        try:
            return await self._ask(session, payload)
        except TimeoutError:
            return None

    async def _ask(self, session: Session, payload: object) -> Any:
        try:
            return await session.ask(payload)
        except OCPPError:  # the answer breaks the schema
            self.setup.account.errors += 1
            return None

    async def _connected(self) -> Session:
        while self._session is None:
            await self._online.wait()
        return self._session

    # Connection.

    def _reboots(self) -> bool:
        return any(fault.reboots for fault in self.setup.faults)

    async def _keep_connected(self) -> None:
        """Reconnect with a back-off that doubles (2.x Part 4 5.4); a rebooting one knows none."""
        patience = self.setup.random("connection")
        await self.clock.sleep(patience.uniform(*self.setup.pace.start_seconds))
        failures = 0
        while not self._leaving.is_set():
            try:
                await self._converse(await self._connect())
                failures = 0
            except UNREACHABLE as error:
                self.setup.account.refuse(error)
                failures = min(failures + 1, _BACK_OFF_LIMIT)
                if self.clock.stopped:
                    raise Gone from None
            await self.clock.sleep(patience.uniform(*self.setup.pace.retry_seconds) * 2**failures)

    async def _connect(self) -> CountedClient:
        setup = self.setup
        compression = next((fault.compression for fault in setup.faults if fault.compression), None)
        connection = await connect(
            f"{setup.url.rstrip('/')}/{setup.identity}",
            subprotocols=[Subprotocol(VERSIONS[setup.ocpp])],
            compression=compression,
            user_agent_header=f"{self.vendor}/{self.firmware}",
            proxy=None,
            ping_interval=None,
            close_timeout=_CLOSE_SECONDS,
            max_size=MAX_MESSAGE,
            logger=LOGGER,
            create_connection=CountedClient,
        )
        assert isinstance(connection, CountedClient)
        return connection

    async def _converse(self, connection: CountedClient) -> None:
        """One connection, from its boot to its end; an OSError when it never came to anything."""
        link = self._link = Link(connection, self.setup.account, self.setup.faults)
        session = self.make_session(link)
        served = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(session.start())
                group.create_task(self._close_at_end(link))
                await self._greet(session)
                self._session = session
                self._online.set()
                group.create_task(self._ping(link))
                for fault in self.setup.faults:
                    group.create_task(fault.disturb(link, self.clock, self.setup.ocpp))
        except* (ConnectionClosed, LinkLost):
            served = self.online or self._leaving.is_set()
        finally:
            self._session = None
            self._online.clear()
            session.end()
        await link.close()
        link.ended()
        if not served:
            raise ConnectionRefusedError("closed before the boot was answered")

    async def _close_at_end(self, link: Link) -> None:
        await self._leaving.wait()
        await link.close()

    async def _greet(self, session: Session) -> None:
        """BootNotification until it is accepted, in the interval the CSMS asks for (1.6 4.2, 2.x B02)."""
        while not self._booted or self._reboots():
            answer = await self.say(session, self.boot_call())
            self._booted = answer is not None and answer.status == "Accepted"
            if self._booted:
                self.heartbeat_seconds = max(1, answer.interval)
                await self.introduce(session)
                return
            await self.clock.sleep(max(1, answer.interval if answer else _BOOT_RETRY_SECONDS))
            if self.clock.stopped:
                raise LinkLost

    async def _ping(self, link: Link) -> None:
        while not self.clock.stopped:
            await self.clock.sleep(self.setup.pace.ping_seconds)
            await link.ping()
