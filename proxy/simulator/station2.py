"""A simulated charging station in the words of OCPP 2.0.1 and 2.1: one code, what differs is its `Dialect`.

Each connector has an EVSE of its own. Transactions are named by the station and their events numbered from 0
without gap (2.x 1.3.2); an event that had to wait for a connection says `offline` (E04). A transaction begins with
the cable (TxStartPoint EVConnected), a reserved one with the token (Authorized).
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar, Final

from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v201 import ChargePoint as ChargePoint201

from proxy.simulator.dialect import DIALECTS, ENDS_2, SETTINGS_2, STATES_2, Dialect
from proxy.simulator.link import Link
from proxy.simulator.online import Setup
from proxy.simulator.scenario import CONNECTORS, RemoteStart, Reserve, Trouble
from proxy.simulator.session import Session, answers
from proxy.simulator.station import WORDS, Sampled, Station, Visit

_NAMESPACE: Final = uuid.UUID("5b0a5d7e-6f5c-4d55-9d0e-0c2f6f2f5a10")
_UNKNOWN_CAUSE: Final = 1  # requestId of an update nobody remembers

# Measurand and unit of what a 2.x station can report; temperature is no measurand there (Part 2 3.48),
# so the sixth value is what the station offers.
_MEASURANDS: Final = (
    ("Energy.Active.Import.Register", "Wh"),
    ("SoC", "Percent"),
    ("Power.Active.Import", "W"),
    ("Current.Import", "A"),
    ("Voltage", "V"),
    ("Power.Offered", "W"),
)


def meter_value(sampled: Sampled, context: str, offered_watts: float) -> dict[str, Any]:
    """2.x 2.33: values are numbers."""
    values = (*sampled.reading[:-1], offered_watts)
    samples = [
        {
            "value": float(value),
            "context": context,
            "measurand": measurand,
            "unit_of_measure": {"unit": unit},
        }
        for value, (measurand, unit) in zip(values, _MEASURANDS, strict=True)
    ]
    return {"timestamp": sampled.at, "sampled_value": samples}


def limit_of(profile: dict[str, Any]) -> float:
    """What a charging profile allows at first, W; our CSMS says no more."""
    return float(profile["charging_schedule"][0]["charging_schedule_period"][0]["limit"])


def named(token: str) -> dict[str, str]:
    return {"id_token": token, "type": "ISO14443"}


class Answers2(Session):
    """The answers of a 2.x station."""

    dialect: ClassVar[Dialect]

    def __init__(self, station: Station2, link: Link) -> None:
        super().__init__(station.setup.identity, link, station.message_ids)
        self._station = station

    @answers("GetVariables")
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> object:
        return self.dialect.result.GetVariables(
            get_variable_result=[self._station.variable(asked) for asked in get_variable_data]
        )

    @answers("SetVariables")
    def on_set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> object:
        return self.dialect.result.SetVariables(
            set_variable_result=[self._station.change_variable(asked) for asked in set_variable_data]
        )

    @answers("TriggerMessage")
    def on_trigger_message(self, requested_message: str, **_: Any) -> object:
        accepted = self._station.accept_trigger(requested_message)
        return self.dialect.result.TriggerMessage(status="Accepted" if accepted else "NotImplemented")

    @answers("RequestStartTransaction")
    def on_request_start(
        self, id_token: dict[str, Any], remote_start_id: int, evse_id: int = 1, **_: Any
    ) -> object:
        command = RemoteStart(evse_id, id_token["id_token"], remote_start_id)
        return self.dialect.result.RequestStartTransaction(
            status=WORDS[self._station.accept_remote_start(command)]
        )

    @answers("RequestStopTransaction")
    def on_request_stop(self, transaction_id: str, **_: Any) -> object:
        accepted = self._station.accept_remote_stop(transaction_id)
        return self.dialect.result.RequestStopTransaction(status=WORDS[accepted])

    @answers("ReserveNow")
    def on_reserve(self, id: int, id_token: dict[str, Any], evse_id: int = 1, **_: Any) -> object:
        accepted = self._station.accept_reservation(Reserve(evse_id, id_token["id_token"], id))
        return self.dialect.result.ReserveNow(status="Accepted" if accepted else "Occupied")

    @answers("CancelReservation")
    def on_cancel_reservation(self, reservation_id: int, **_: Any) -> object:
        accepted = self._station.accept_cancellation(reservation_id)
        return self.dialect.result.CancelReservation(status=WORDS[accepted])

    @answers("SetChargingProfile")
    def on_set_charging_profile(self, evse_id: int, charging_profile: dict[str, Any], **_: Any) -> object:
        accepted = self._station.accept_limit(evse_id, limit_of(charging_profile))
        return self.dialect.result.SetChargingProfile(status=WORDS[accepted])

    @answers("UpdateFirmware")
    def on_update_firmware(self, request_id: int, **_: Any) -> object:
        return self.dialect.result.UpdateFirmware(status=WORDS[self._station.accept_update(request_id)])

    @answers("GetLog")
    def on_get_log(self, request_id: int, **_: Any) -> object:
        accepted = self._station.accept_upload(request_id)
        name = self._station.log_name if accepted else None
        return self.dialect.result.GetLog(status=WORDS[accepted], filename=name)

    @answers("Reset")
    def on_reset(self, **_: Any) -> object:
        return self.dialect.result.Reset(status="Rejected")

    @answers("GetLocalListVersion")
    def on_get_local_list_version(self, **_: Any) -> object:
        return self.dialect.result.GetLocalListVersion(version_number=0)

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> object:
        return self.dialect.result.DataTransfer(status="UnknownVendorId")


class Session201(Answers2, ChargePoint201):  # type: ignore[misc]  # the package has no types
    """A 2.0.1 station's end of a connection."""

    dialect = DIALECTS["2.0.1"]


class Session21(Answers2, ChargePoint21):  # type: ignore[misc]  # the package has no types
    """A 2.1 station's end of a connection."""

    dialect = DIALECTS["2.1"]


_SESSIONS: Final[dict[str, type[Answers2]]] = {"2.0.1": Session201, "2.1": Session21}


class Station2(Station):
    """Available -> Occupied -> Available, the rest in TransactionEvents."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.dialect = DIALECTS[setup.ocpp]
        self._transaction = ""
        self._seq_no = 0
        self._event_id = 0
        self._told = dict.fromkeys(CONNECTORS, "")
        self._charging_state = ""

    def make_session(self, link: Link) -> Session:
        return _SESSIONS[self.setup.ocpp](self, link)

    def variable(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One GetVariableResultType."""
        component, variable = asked["component"], asked["variable"]
        value = self.setting(SETTINGS_2.get((component["name"], variable["name"])))
        result = {"attribute_status": "UnknownVariable", "component": component, "variable": variable}
        return (
            result if value is None else {**result, "attribute_status": "Accepted", "attribute_value": value}
        )

    def change_variable(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """One SetVariableResultType."""
        component, variable = wanted["component"], wanted["variable"]
        setting = SETTINGS_2.get((component["name"], variable["name"]))
        status = WORDS[self.accept_setting(setting, wanted["attribute_value"])]
        return {
            "attribute_status": "UnknownVariable" if self.setting(setting) is None else status,
            "component": component,
            "variable": variable,
        }

    def boot_call(self) -> object:
        planned = "FirmwareUpdate" if self.updated else "PowerUp"
        return self.dialect.call.BootNotification(
            charging_station={
                "vendor_name": self.vendor,
                "model": self.model,
                "serial_number": self.serial,
                "firmware_version": self.firmware,
            },
            reason="Watchdog" if self.reboots else planned,
        )

    def heartbeat_call(self) -> object:
        return self.dialect.call.Heartbeat()

    def introduction(self) -> list[object]:
        calls = [self._status(connector, "Available") for connector in CONNECTORS]
        self._told = dict.fromkeys(CONNECTORS, "Available")
        if self.back_from_update:
            calls.append(self.update_call(_UNKNOWN_CAUSE, "Installed"))
            calls.append(
                self.dialect.call.DataTransfer(vendor_id=self.vendor, message_id="update", data="done")
            )
        return calls

    def security_call(self, kind: str, info: str) -> object:
        return self.dialect.call.SecurityEventNotification(
            type=kind, timestamp=self.clock.now(), tech_info=info
        )

    def update_call(self, number: int, status: str) -> object:
        return self.dialect.call.FirmwareStatusNotification(status=status, request_id=number)

    def upload_call(self, number: int, status: str) -> object:
        return self.dialect.call.LogStatusNotification(status=status, request_id=number)

    async def say_status(self, connector: int, status: str) -> None:
        """Only what is another one in 2.x's words; within a transaction its charging state too."""
        told, state = STATES_2[status]
        if self._told[connector] != told:
            self._told[connector] = told
            await self.deliver(self._status(connector, told))
        if self._transaction and state != self._charging_state:
            await self.deliver(self._event("Updated", "ChargingStateChanged", state))

    async def say_failed(self, connector: int, trouble: Trouble) -> None:
        await self.deliver(self._trouble_event(connector, trouble, "true"))
        await self.say_status(connector, "Faulted")

    async def say_mended(self, connector: int, trouble: Trouble) -> None:
        await self.deliver(self._trouble_event(connector, trouble, "false"))
        await self.say_status(connector, "Available")

    def runs(self, transaction: str) -> bool:
        return transaction == self._transaction

    async def begin(self, visit: Visit) -> None:
        who = named(visit.token)
        self._transaction = str(uuid.uuid5(_NAMESPACE, f"{self.setup.identity} {visit.begun.at}"))
        self._seq_no = 0
        authorize = self.dialect.call.Authorize(id_token=who)
        if visit.reservation is not None:
            await self.deliver(authorize)
            await self.deliver(
                self._started(visit, "Authorized", id_token=who, reservation_id=visit.reservation)
            )
            return
        if visit.remote is not None:
            await self.deliver(self._started(visit, "RemoteStart", id_token=who))
        else:
            await self.deliver(self._started(visit, "CablePluggedIn"))
        await self.deliver(authorize)
        await self.deliver(self._event("Updated", "Authorized", "EVConnected", id_token=who))

    async def sample(self, visit: Visit, sampled: Sampled) -> None:
        value = meter_value(sampled, "Sample.Periodic", self._offered(visit))
        await self.deliver(self._event("Updated", "MeterValuePeriodic", "Charging", meter_value=[value]))

    async def end(self, visit: Visit, reason: str) -> None:
        trigger, state = ENDS_2[reason]
        ended = self.sampled(visit.connector)
        value = meter_value(ended, "Transaction.End", self._offered(visit))
        info = {"stopped_reason": reason}
        who = named(visit.token) if trigger == "StopAuthorized" else None  # E07
        await self.deliver(self._event("Ended", trigger, state, info, meter_value=[value], id_token=who))
        self._transaction = self._charging_state = ""

    def _started(self, visit: Visit, trigger: str, **more: Any) -> object:
        info = {} if visit.remote is None else {"remote_start_id": visit.remote}
        value = meter_value(visit.begun, "Transaction.Begin", self._offered(visit))
        return self._event("Started", trigger, "EVConnected", info, meter_value=[value], **more)

    def _offered(self, visit: Visit) -> float:
        meter = self.meters[visit.connector]
        return min(meter.rated_watts, meter.limit_watts)

    def _event(
        self, kind: str, trigger: str, state: str, info: dict[str, Any] | None = None, **more: Any
    ) -> object:
        number, self._seq_no = self._seq_no, self._seq_no + 1
        self._charging_state = state
        connector = self.visit.connector if self.visit else CONNECTORS[0]
        return self.dialect.call.TransactionEvent(
            event_type=kind,
            timestamp=self.clock.now(),
            trigger_reason=trigger,
            seq_no=number,
            transaction_info={
                "transaction_id": self._transaction,
                "charging_state": state,
                **(info or {}),
            },
            evse={"id": connector, "connector_id": 1},
            offline=None if self.online else True,
            **more,
        )

    def _trouble_event(self, connector: int, trouble: Trouble, value: str) -> object:
        """2.x N07: hard wired; the event that says "false" clears the one before."""
        self._event_id += 1
        event = {
            "event_id": self._event_id,
            "timestamp": self.clock.now(),
            "trigger": "Alerting",
            "actual_value": value,
            "tech_code": trouble.mrec,
            "tech_info": trouble.info,
            "cleared": value == "false" or None,
            "event_notification_type": "HardWiredNotification",
            "component": {"name": trouble.component, "evse": {"id": connector, "connector_id": 1}},
            "variable": {"name": trouble.variable},
            "severity": self.dialect.severity,
        }
        return self.dialect.call.NotifyEvent(generated_at=self.clock.now(), seq_no=0, event_data=[event])

    def _status(self, connector: int, status: str) -> object:
        return self.dialect.call.StatusNotification(
            timestamp=self.clock.now(), connector_status=status, evse_id=connector, connector_id=1
        )
