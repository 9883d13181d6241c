"""The CSMS in the words of OCPP 2.0.1 and 2.1: one code, what differs is its `Dialect`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from ocpp.v21 import ChargePoint as ChargePoint21
from ocpp.v201 import ChargePoint as ChargePoint201

from proxy.simulator import scenario as act
from proxy.simulator.csms_session import ACCEPTED, RESERVED_SECONDS, CsmsSession
from proxy.simulator.dialect import DIALECTS, VARIABLES_2, Dialect
from proxy.simulator.scenario import Command, Setting
from proxy.simulator.session import answers


class CsmsSession2(CsmsSession):
    """OCPP 2.x: the charge point names the transactions."""

    dialect: ClassVar[Dialect]

    def words(self, command: Command) -> object:
        return _WORDS[type(command)](self, command)

    @answers("BootNotification")
    def on_boot(self, **_: Any) -> object:
        return self.dialect.result.BootNotification(
            current_time=self.desk.clock.now(), interval=self.desk.heartbeat_seconds, status="Accepted"
        )

    @answers("Heartbeat")
    def on_heartbeat(self, **_: Any) -> object:
        return self.dialect.result.Heartbeat(current_time=self.desk.clock.now())

    @answers("StatusNotification")
    def on_status(self, evse_id: int, connector_status: str, **_: Any) -> object:
        self.told(evse_id, connector_status)
        return self.dialect.result.StatusNotification()

    @answers("Authorize")
    def on_authorize(self, **_: Any) -> object:
        return self.dialect.result.Authorize(id_token_info=ACCEPTED)

    @answers("TransactionEvent")
    def on_transaction_event(
        self, event_type: str, transaction_info: dict[str, Any], id_token: object = None, **_: Any
    ) -> object:
        self.desk.account.transactions += event_type == "Started"
        self.running = "" if event_type == "Ended" else transaction_info["transaction_id"]
        return self.dialect.result.TransactionEvent(id_token_info=ACCEPTED if id_token else None)

    @answers("MeterValues")
    def on_meter_values(self, **_: Any) -> object:
        return self.dialect.result.MeterValues()

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> object:
        return self.dialect.result.DataTransfer(status="Accepted")

    @answers("FirmwareStatusNotification")
    def on_firmware_status(self, **_: Any) -> object:
        return self.dialect.result.FirmwareStatusNotification()

    @answers("LogStatusNotification")
    def on_log_status(self, **_: Any) -> object:
        return self.dialect.result.LogStatusNotification()

    @answers("NotifyEvent")
    def on_notify_event(self, **_: Any) -> object:
        return self.dialect.result.NotifyEvent()

    @answers("SecurityEventNotification")
    def on_security_event(self, **_: Any) -> object:
        return self.dialect.result.SecurityEventNotification()


class CsmsSession201(CsmsSession2, ChargePoint201):  # type: ignore[misc]  # the package has no types
    """OCPP 2.0.1."""

    dialect = DIALECTS["2.0.1"]


class CsmsSession21(CsmsSession2, ChargePoint21):  # type: ignore[misc]  # the package has no types
    """OCPP 2.1."""

    dialect = DIALECTS["2.1"]


def _named(token: str) -> dict[str, str]:
    return {"id_token": token, "type": "ISO14443"}


def _variable(setting: Setting) -> dict[str, Any]:
    component, variable = VARIABLES_2[setting]
    return {"component": {"name": component}, "variable": {"name": variable}}


def _profile(command: act.LimitPower) -> dict[str, Any]:
    return {
        "id": command.number,
        "stack_level": 0,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Relative",
        "charging_schedule": [
            {
                "id": 1,
                "charging_rate_unit": "W",
                "charging_schedule_period": [{"start_period": 0, "limit": command.watts}],
            }
        ],
    }


_WORDS: Final[dict[type[Command], Callable[[CsmsSession2, Any], object]]] = {
    act.AskSettings: lambda session, c: session.dialect.call.GetVariables(
        get_variable_data=[_variable(setting) for setting in c.settings]
    ),
    act.ChangeSetting: lambda session, c: session.dialect.call.SetVariables(
        set_variable_data=[{"attribute_value": c.value, **_variable(c.setting)}]
    ),
    act.TriggerHeartbeat: lambda session, _: session.dialect.call.TriggerMessage(
        requested_message="Heartbeat"
    ),
    act.AskListVersion: lambda session, _: session.dialect.call.GetLocalListVersion(),
    act.RemoteStart: lambda session, c: session.dialect.call.RequestStartTransaction(
        id_token=_named(c.token), remote_start_id=c.number, evse_id=c.connector
    ),
    act.RemoteStop: lambda session, _: session.dialect.call.RequestStopTransaction(
        transaction_id=session.running
    ),
    act.Reserve: lambda session, c: session.dialect.call.ReserveNow(
        id=c.number,
        expiry_date_time=session.desk.clock.now(RESERVED_SECONDS),
        id_token=_named(c.token),
        evse_id=c.connector,
    ),
    act.CancelReservation: lambda session, c: session.dialect.call.CancelReservation(reservation_id=c.number),
    act.LimitPower: lambda session, c: session.dialect.call.SetChargingProfile(
        evse_id=c.connector, charging_profile=_profile(c)
    ),
    act.UpdateFirmware: lambda session, c: session.dialect.call.UpdateFirmware(
        request_id=c.number,
        firmware={"location": c.location, "retrieve_date_time": session.desk.clock.now()},
    ),
    act.UploadLog: lambda session, c: session.dialect.call.GetLog(
        log={"remote_location": c.location}, log_type="DiagnosticsLog", request_id=c.number
    ),
}
