"""A charge point that keeps itself connected and booted, and can talk: the part below any life.

A connection begins with a boot (only the first one, unless a fault reboots or the charge point was restarted: a
mere reconnect must not, 1.6J 5.4) and ends whenever it ends. Whoever talks waits for a connection where there is
none, and repeats what must not be lost (1.6 3.7, 2.x E12): `deliver`; the rest is said once: `tell`.
"""

from __future__ import annotations

import abc
import asyncio
import random
from dataclasses import dataclass
from typing import Any, Final

from ocpp.exceptions import OCPPError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from proxy.simulator.clock import Clock, Pace
from proxy.simulator.faults import Fault
from proxy.simulator.link import LOGGER, MAX_MESSAGE, CountedClient, Link
from proxy.simulator.session import VERSIONS, LinkLost, Session
from proxy.simulator.tally import Account

UNREACHABLE: Final = (OSError, TimeoutError, WebSocketException)
_BACK_OFF_LIMIT: Final = 5
_BOOT_RETRY_SECONDS: Final = 10
_CLOSE_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.5


class Gone(Exception):
    """The CSMS cannot be reached and the run is over."""


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


class Online(abc.ABC):
    """`keep_connected` until `leave`; meanwhile `tell`, `deliver`, `restart`."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.clock = setup.clock
        self.message_ids = setup.random("message ids")
        self.user_agent = ""
        self.heartbeat_seconds = 60
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
    def introduction(self) -> list[object]:
        """The calls that follow an accepted boot: the connectors' states."""

    # Talking.

    @property
    def online(self) -> bool:
        return self._online.is_set()

    async def tell(self, payload: object) -> Any:
        """One call; None when there is no answer to it."""
        try:
            return await self._ask(await self.connected(), payload)
        except (ConnectionClosed, LinkLost, TimeoutError):
            return None

    async def deliver(self, payload: object) -> Any:
        """One call, again and again until it is answered; None for a CALLERROR."""
        while True:
            try:
                return await self._ask(await self.connected(), payload)
            except (ConnectionClosed, LinkLost, TimeoutError):
                await asyncio.sleep(_RETRY_SECONDS / self.clock.speed)

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

    async def connected(self) -> Session:
        """The connection, as soon as there is one that has booted."""
        while self._session is None:
            await self._online.wait()
        return self._session

    # Connection.

    async def restart(self) -> None:
        """Close the connection, connect again and boot; nothing where there is none."""
        session, link = self._session, self._link
        self._booted = False
        if session is not None and link is not None:
            await link.close()
            await asyncio.shield(session.lost)
        await self.connected()

    def leave(self) -> None:
        """Close the connection properly, and for good."""
        self._leaving.set()

    def cut_off(self) -> None:
        """The connection is lost, as if somebody had pulled the cable and put it back."""
        if self._link is not None:
            self._link.abort()

    @property
    def reboots(self) -> bool:
        """Whether it does nothing but boot, again and again."""
        return any(fault.reboots for fault in self.setup.faults)

    async def keep_connected(self) -> None:
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
            user_agent_header=self.user_agent,
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
        while not self._booted or self.reboots:
            answer = await self.say(session, self.boot_call())
            self._booted = answer is not None and answer.status == "Accepted"
            if self._booted:
                self.heartbeat_seconds = max(1, answer.interval)
                for payload in self.introduction():
                    await self.say(session, payload)
                return
            await self.clock.sleep(max(1, answer.interval if answer else _BOOT_RETRY_SECONDS))
            if self.clock.stopped:
                raise LinkLost

    async def _ping(self, link: Link) -> None:
        while not self.clock.stopped:
            await self.clock.sleep(self.setup.pace.ping_seconds)
            await link.ping()
