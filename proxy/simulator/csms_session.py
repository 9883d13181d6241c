"""The CSMS's end of one connection: what it answers, and what it asks.

It speaks only in reaction (an answer, or a call after every few messages of the charge point), so that a
charge point that has fallen quiet has nothing under way and can be cut off without a doubt about the counts.
Transactions are accepted from everybody; nothing is checked but the schemas.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ocpp.exceptions import OCPPError
from ocpp.v16 import ChargePoint as ChargePoint16
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201

from proxy.simulator.link import Link
from proxy.simulator.session import Session, answers
from proxy.simulator.tally import Account

_ACCEPTED: Final = {"status": "Accepted"}
_FIRST_CALL_AFTER: Final = 3
_CALL_EVERY: Final = (8, 20)
_EPOCH_2020: Final = 1_577_836_800


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def transaction_numbers() -> Iterator[int]:
    """Positive, never the same again in a later run (1.6 errata 3.18)."""
    return itertools.count(int(time.time()) - _EPOCH_2020)


@dataclass(frozen=True)
class Desk:
    """What a session needs of its CSMS."""

    heartbeat_seconds: int
    numbers: Iterator[int]
    account: Account
    rng: random.Random


class CsmsSession(Session):
    """The version-neutral part: when to call."""

    questions: tuple[Callable[[random.Random], object], ...] = ()

    def __init__(self, identity: str, link: Link, desk: Desk) -> None:
        super().__init__(identity, link, desk.rng)
        self.desk = desk
        self._due = asyncio.Event()
        self._countdown = _FIRST_CALL_AFTER

    async def route_message(self, raw: str) -> None:
        await super().route_message(raw)
        self._countdown -= 1
        if self._countdown <= 0:
            self._due.set()

    async def converse(self) -> None:
        """Ask for the configuration after the boot, then one question after another, now and then."""
        question = self.questions[0]
        while True:
            await self._due.wait()
            with contextlib.suppress(TimeoutError):
                await self._question(question(self.desk.rng))
            question = self.desk.rng.choice(self.questions)
            self._countdown = self.desk.rng.randint(*_CALL_EVERY)
            self._due.clear()

    async def _question(self, payload: object) -> None:
        try:
            await self.ask(payload)
        except OCPPError:  # the answer breaks the schema
            self.desk.account.errors += 1


class CsmsSession16(CsmsSession, ChargePoint16):  # type: ignore[misc]  # the package has no types
    """OCPP 1.6."""

    questions = (
        lambda _: call16.GetConfiguration(
            key=["HeartbeatInterval", "MeterValueSampleInterval", "AuthorizeRemote"]
        ),
        lambda _: call16.TriggerMessage(requested_message="Heartbeat"),
        lambda _: call16.GetLocalListVersion(),
        lambda rng: call16.RemoteStartTransaction(id_tag=f"{rng.getrandbits(32):08X}", connector_id=1),
    )

    @answers("BootNotification")
    def on_boot(self, **_: Any) -> object:
        return result16.BootNotification(
            current_time=now(), interval=self.desk.heartbeat_seconds, status="Accepted"
        )

    @answers("Heartbeat")
    def on_heartbeat(self) -> object:
        return result16.Heartbeat(current_time=now())

    @answers("StatusNotification")
    def on_status(self, **_: Any) -> object:
        return result16.StatusNotification()

    @answers("Authorize")
    def on_authorize(self, **_: Any) -> object:
        return result16.Authorize(id_tag_info=_ACCEPTED)

    @answers("StartTransaction")
    def on_start(self, **_: Any) -> object:
        self.desk.account.transactions += 1
        return result16.StartTransaction(transaction_id=next(self.desk.numbers), id_tag_info=_ACCEPTED)

    @answers("StopTransaction")
    def on_stop(self, **_: Any) -> object:
        return result16.StopTransaction(id_tag_info=_ACCEPTED)

    @answers("MeterValues")
    def on_meter_values(self, **_: Any) -> object:
        return result16.MeterValues()

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> object:
        return result16.DataTransfer(status="Accepted")

    @answers("FirmwareStatusNotification")
    def on_firmware_status(self, **_: Any) -> object:
        return result16.FirmwareStatusNotification()

    @answers("DiagnosticsStatusNotification")
    def on_diagnostics_status(self, **_: Any) -> object:
        return result16.DiagnosticsStatusNotification()

    @answers("SecurityEventNotification")
    def on_security_event(self, **_: Any) -> object:
        return result16.SecurityEventNotification()


_ASKED_VARIABLES: Final = (
    ("OCPPCommCtrlr", "HeartbeatInterval"),
    ("SampledDataCtrlr", "TxUpdatedInterval"),
    ("AuthCtrlr", "AuthorizeRemoteStart"),
)


class CsmsAnswers2(CsmsSession):
    """OCPP 2.0.1, and 2.1 as far as it is the same."""

    questions = (
        lambda _: call201.GetVariables(
            get_variable_data=[
                {"component": {"name": c}, "variable": {"name": v}} for c, v in _ASKED_VARIABLES
            ]
        ),
        lambda _: call201.TriggerMessage(requested_message="Heartbeat"),
        lambda _: call201.GetLocalListVersion(),
        lambda rng: call201.RequestStartTransaction(
            id_token={"id_token": f"{rng.getrandbits(32):08X}", "type": "ISO14443"},
            remote_start_id=rng.randrange(1, 2**31),
            evse_id=1,
        ),
    )

    @answers("BootNotification")
    def on_boot(self, **_: Any) -> object:
        return result201.BootNotification(
            current_time=now(), interval=self.desk.heartbeat_seconds, status="Accepted"
        )

    @answers("Heartbeat")
    def on_heartbeat(self, **_: Any) -> object:
        return result201.Heartbeat(current_time=now())

    @answers("StatusNotification")
    def on_status(self, **_: Any) -> object:
        return result201.StatusNotification()

    @answers("Authorize")
    def on_authorize(self, **_: Any) -> object:
        return result201.Authorize(id_token_info=_ACCEPTED)

    @answers("TransactionEvent")
    def on_transaction_event(self, event_type: str, id_token: object = None, **_: Any) -> object:
        self.desk.account.transactions += event_type == "Started"
        return result201.TransactionEvent(id_token_info=_ACCEPTED if id_token else None)

    @answers("MeterValues")
    def on_meter_values(self, **_: Any) -> object:
        return result201.MeterValues()

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> object:
        return result201.DataTransfer(status="Accepted")

    @answers("FirmwareStatusNotification")
    def on_firmware_status(self, **_: Any) -> object:
        return result201.FirmwareStatusNotification()

    @answers("NotifyEvent")
    def on_notify_event(self, **_: Any) -> object:
        return result201.NotifyEvent()

    @answers("SecurityEventNotification")
    def on_security_event(self, **_: Any) -> object:
        return result201.SecurityEventNotification()


class CsmsSession201(CsmsAnswers2, ChargePoint201):  # type: ignore[misc]  # the package has no types
    """OCPP 2.0.1."""


class CsmsSession21(CsmsAnswers2, ChargePoint21):  # type: ignore[misc]  # the package has no types
    """OCPP 2.1."""


CSMS_SESSIONS: Final[dict[str, type[CsmsSession]]] = {
    "1.6": CsmsSession16,
    "2.0.1": CsmsSession201,
    "2.1": CsmsSession21,
}
