"""The CSMS's end of one connection: when it asks, and what. csms16.py and csms2.py say it and answer.

It speaks only in reaction (an answer, or a call after every few messages of the charge point), so that a
charge point that has fallen quiet has nothing under way and can be cut off without a doubt about the counts.
Transactions are accepted from everybody; nothing is checked but the schemas.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import enum
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ocpp.exceptions import OCPPError

from proxy.simulator.clock import Clock
from proxy.simulator.link import Link
from proxy.simulator.scenario import (
    CONNECTORS,
    AskListVersion,
    AskSettings,
    CancelReservation,
    ChangeSetting,
    Command,
    LimitPower,
    RemoteStart,
    RemoteStop,
    Reserve,
    Setting,
    TriggerHeartbeat,
    UpdateFirmware,
    UploadLog,
)
from proxy.simulator.session import Session
from proxy.simulator.tally import Account

ACCEPTED: Final = {"status": "Accepted"}
RESERVED_SECONDS: Final = 900.0
_FIRST_CALL_AFTER: Final = 3
_CALL_EVERY: Final = (8, 20)
_FREE_COUNTS: Final = 4  # messages: the moment between two cars is short, and much can be asked only then
_2020: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LIMITS_WATTS: Final = (20_000, 60_000)


def transaction_numbers(begin: datetime) -> Iterator[int]:
    """Positive, never the same again in a later run (1.6 errata 3.18)."""
    return itertools.count(int((begin - _2020).total_seconds()))


class Asking(enum.Enum):
    """Who decides what a CSMS asks its charge points."""

    AT_RANDOM = enum.auto()
    WHEN_TOLD = enum.auto()


@dataclass(frozen=True)
class Desk:
    """What a session needs of its CSMS."""

    heartbeat_seconds: int
    asking: Asking
    clock: Clock
    numbers: Iterator[int]
    account: Account
    rng: random.Random


class CsmsSession(Session, abc.ABC):
    """The version-neutral part. `running`: the charge point's transaction, as far as this connection knows;
    `reserved`: the number of the last reservation asked for, 0 when it was cancelled."""

    def __init__(self, identity: str, link: Link, desk: Desk) -> None:
        super().__init__(identity, link, desk.rng)
        self.desk = desk
        self.running = ""
        self.reserved = 0
        self.updated = False
        self._statuses: dict[int, str] = {}
        self._due = asyncio.Event()
        self._countdown = _FIRST_CALL_AFTER

    @abc.abstractmethod
    def words(self, command: Command) -> object:
        """The call that asks it."""

    @property
    def free(self) -> bool:
        """Whether a car could come to any connector, as far as this connection knows."""
        return not self.running and all(self._statuses.get(one) == "Available" for one in CONNECTORS)

    def told(self, connector: int, status: str) -> None:
        """A connector's status came."""
        if connector in CONNECTORS:
            self._statuses[connector] = status

    async def route_message(self, raw: str) -> None:
        await super().route_message(raw)
        self._countdown -= _FREE_COUNTS if self.free else 1
        if self._countdown <= 0:
            self._due.set()

    async def converse(self) -> None:
        """Ask for the configuration after the boot, then one thing after another, now and then."""
        if self.desk.asking is Asking.WHEN_TOLD:
            return
        choose: Callable[[CsmsSession], Command] = _settings
        while True:
            await self._due.wait()
            with contextlib.suppress(TimeoutError):
                await self.put(choose(self))
            choose, self._countdown = self._next_question()
            self._due.clear()

    def _next_question(self) -> tuple[Callable[[CsmsSession], Command], int]:
        """What to ask, and after how many messages; one reservation in two is given up at once."""
        rng = self.desk.rng
        if self.reserved and rng.random() < 0.5:
            return _cancellation, 1
        self.reserved = 0
        return rng.choice(_QUESTIONS), rng.randint(*_CALL_EVERY)

    async def put(self, command: Command) -> None:
        """Ask one thing and wait for the answer; LinkLost or TimeoutError when there is none."""
        try:
            await self.ask(self.words(command))
        except OCPPError:  # the answer breaks the schema
            self.desk.account.errors += 1

    def number(self) -> int:
        return self.desk.rng.randrange(1, 2**31)


def _settings(_: CsmsSession) -> Command:
    return AskSettings(tuple(Setting))


def _token(session: CsmsSession) -> str:
    return f"{session.desk.rng.getrandbits(32):08X}"


def _connector(session: CsmsSession) -> int:
    return session.desk.rng.choice(CONNECTORS)


def _remote(session: CsmsSession) -> Command:
    """Stop what runs, or start where nobody is."""
    if session.running:
        return RemoteStop()
    if session.free:
        return RemoteStart(_connector(session), _token(session), session.number())
    return AskListVersion()


def _reservation(session: CsmsSession) -> Command:
    if not session.free:
        return _limit(session)
    session.reserved = session.number()
    return Reserve(_connector(session), _token(session), session.reserved)


def _cancellation(session: CsmsSession) -> Command:
    """Its car may have come by now; then it is rejected."""
    number, session.reserved = session.reserved, 0
    return CancelReservation(number)


def _limit(session: CsmsSession) -> Command:
    watts = session.desk.rng.randrange(*_LIMITS_WATTS, 1000)
    return LimitPower(_connector(session), float(watts), session.number())


def _update(session: CsmsSession) -> Command:
    """Once a connection, of which an update makes a new one: rare enough."""
    if session.updated or session.desk.rng.random() < 0.5:
        return AskListVersion()
    session.updated = True
    return UpdateFirmware("https://firmware.example/next.bin", session.number())


_QUESTIONS: Final[tuple[Callable[[CsmsSession], Command], ...]] = (
    _settings,
    lambda session: ChangeSetting(Setting.HEARTBEAT_SECONDS, str(session.desk.heartbeat_seconds)),
    lambda _: TriggerHeartbeat(),
    lambda session: UploadLog("https://logs.example/upload", session.number()),
    _remote,
    _remote,
    _reservation,
    _reservation,
    _limit,
    _update,
)
