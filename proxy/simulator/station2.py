"""A simulated charging station in the words of OCPP 2.0.1; in 2.1 the same messages are valid.

One EVSE with one connector. Transactions are named by the station and their events numbered from 0 without
gap (2.x 1.3.2); an event that had to wait for a connection says `offline` (E04).
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v201 import ChargePoint as ChargePoint201
from ocpp.v201 import call, call_result

from proxy.simulator.link import Link
from proxy.simulator.meter import Reading
from proxy.simulator.session import Session, answers
from proxy.simulator.station import RemoteStart, Station

_EVSE: Final = {"id": 1, "connector_id": 1}
_NAMESPACE: Final = uuid.UUID("5b0a5d7e-6f5c-4d55-9d0e-0c2f6f2f5a10")

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


def meter_value(at: str, reading: Reading, offered_watts: float) -> dict[str, Any]:
    """2.x 2.33: values are numbers."""
    values = (*reading[:-1], offered_watts)
    samples = [
        {
            "value": float(value),
            "context": "Sample.Periodic",
            "measurand": measurand,
            "unit_of_measure": {"unit": unit},
        }
        for value, (measurand, unit) in zip(values, _MEASURANDS, strict=True)
    ]
    return {"timestamp": at, "sampled_value": samples}


class Answers2(Session):
    """The answers of a 2.x station."""

    def __init__(self, station: Station2, link: Link) -> None:
        super().__init__(station.setup.identity, link, station.message_ids)
        self._station = station

    @answers("GetVariables")
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> object:
        return call_result.GetVariables(
            get_variable_result=[self._station.variable(asked) for asked in get_variable_data]
        )

    @answers("SetVariables")
    def on_set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> object:
        return call_result.SetVariables(
            set_variable_result=[
                {
                    "attribute_status": "Rejected",
                    "component": asked["component"],
                    "variable": asked["variable"],
                }
                for asked in set_variable_data
            ]
        )

    @answers("TriggerMessage")
    def on_trigger_message(self, requested_message: str, **_: Any) -> object:
        accepted = self._station.accept_trigger(requested_message)
        return call_result.TriggerMessage(status="Accepted" if accepted else "NotImplemented")

    @answers("RequestStartTransaction")
    def on_request_start(self, id_token: dict[str, Any], remote_start_id: int, **_: Any) -> object:
        accepted = self._station.accept_remote_start(id_token["id_token"], remote_start_id)
        return call_result.RequestStartTransaction(status="Accepted" if accepted else "Rejected")

    @answers("RequestStopTransaction")
    def on_request_stop(self, **_: Any) -> object:
        accepted = self._station.accept_remote_stop()
        return call_result.RequestStopTransaction(status="Accepted" if accepted else "Rejected")

    @answers("Reset")
    def on_reset(self, **_: Any) -> object:
        return call_result.Reset(status="Rejected")

    @answers("GetLocalListVersion")
    def on_get_local_list_version(self, **_: Any) -> object:
        return call_result.GetLocalListVersion(version_number=0)

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> object:
        return call_result.DataTransfer(status="UnknownVendorId")


class Session201(Answers2, ChargePoint201):  # type: ignore[misc]  # the package has no types
    """A 2.0.1 station's end of a connection."""


class Session21(Answers2, ChargePoint21):  # type: ignore[misc]  # the package has no types
    """A 2.1 station's end of a connection."""


_SESSIONS: Final[dict[str, type[Answers2]]] = {"2.0.1": Session201, "2.1": Session21}


class Station2(Station):
    """Available -> Occupied -> Available, the rest in TransactionEvents."""

    _transaction_id = ""
    _seq_no = 0

    def make_session(self, link: Link) -> Session:
        return _SESSIONS[self.setup.ocpp](self, link)

    def variable(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One GetVariableResultType."""
        component, variable = asked["component"], asked["variable"]
        value = self._variables().get((component["name"], variable["name"]))
        result = {"attribute_status": "UnknownVariable", "component": component, "variable": variable}
        return (
            result if value is None else {**result, "attribute_status": "Accepted", "attribute_value": value}
        )

    def _variables(self) -> dict[tuple[str, str], str]:
        return {
            ("OCPPCommCtrlr", "HeartbeatInterval"): str(self.heartbeat_seconds),
            ("OCPPCommCtrlr", "WebSocketPingInterval"): str(round(self.setup.pace.ping_seconds)),
            ("SampledDataCtrlr", "TxUpdatedInterval"): str(round(self.setup.pace.meter_seconds)),
        }

    def boot_call(self) -> object:
        return call.BootNotification(
            charging_station={
                "vendor_name": self.vendor,
                "model": self.model,
                "serial_number": self.serial,
                "firmware_version": self.firmware,
            },
            reason="Watchdog" if self._reboots() else "PowerUp",
        )

    def heartbeat_call(self) -> object:
        return call.Heartbeat()

    async def introduce(self, session: Session) -> None:
        await self.say(session, self._status("Available"))
        if self.back_from_update:
            await self.say(session, call.FirmwareStatusNotification(status="Installed", request_id=1))
            await self.say(
                session, call.DataTransfer(vendor_id=self.vendor, message_id="update", data="done")
            )

    async def transaction(self, remote: RemoteStart | None) -> None:
        token = {
            "id_token": remote.token if remote else f"{self.rng.getrandbits(32):08X}",
            "type": "ISO14443",
        }
        self._transaction_id = str(uuid.uuid5(_NAMESPACE, f"{self.setup.identity} {self.clock.now()}"))
        self._seq_no = 0
        await self.deliver(self._status("Occupied"))
        await self.deliver(self._started(token, remote))
        await self.deliver(call.Authorize(id_token=token))
        await self.deliver(
            self._event("Updated", "Authorized", {"charging_state": "EVConnected"}, id_token=token)
        )
        await self.deliver(self._event("Updated", "ChargingStateChanged", {"charging_state": "Charging"}))
        async for reading in self.samples():
            await self.deliver(self._sample(reading))
        await self.deliver(self._ended())
        await self.deliver(self._status("Available"))

    def _started(self, token: dict[str, str], remote: RemoteStart | None) -> object:
        if remote is None:
            return self._event("Started", "CablePluggedIn", {"charging_state": "EVConnected"})
        info = {"charging_state": "EVConnected", "remote_start_id": remote.number}
        return self._event("Started", "RemoteStart", info, id_token=token)

    def _sample(self, reading: Reading) -> object:
        value = meter_value(self.clock.now(), reading, self.meter.rated_watts)
        return self._event(
            "Updated", "MeterValuePeriodic", {"charging_state": "Charging"}, meter_value=[value]
        )

    def _ended(self) -> object:
        trigger, reason = ("RemoteStop", "Remote") if self.stop_wanted else ("EVDeparted", "EVDisconnected")
        value = meter_value(self.clock.now(), self.meter.read(), self.meter.rated_watts)
        for sample in value["sampled_value"]:
            sample["context"] = "Transaction.End"
        info = {"charging_state": "Idle", "stopped_reason": reason}
        return self._event("Ended", trigger, info, meter_value=[value])

    def _event(self, kind: str, trigger: str, info: dict[str, Any], **more: Any) -> object:
        number, self._seq_no = self._seq_no, self._seq_no + 1
        return call.TransactionEvent(
            event_type=kind,
            timestamp=self.clock.now(),
            trigger_reason=trigger,
            seq_no=number,
            transaction_info={"transaction_id": self._transaction_id, **info},
            evse=_EVSE,
            offline=None if self.online else True,
            **more,
        )

    def _status(self, status: str) -> object:
        return call.StatusNotification(
            timestamp=self.clock.now(), connector_status=status, evse_id=1, connector_id=1
        )
