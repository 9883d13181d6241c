"""The CSMS in the words of OCPP 1.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ocpp.v16 import ChargePoint, call, call_result

from proxy.simulator import scenario as act
from proxy.simulator.csms_session import ACCEPTED, RESERVED_SECONDS, CsmsSession
from proxy.simulator.dialect import KEYS_16
from proxy.simulator.scenario import Command
from proxy.simulator.session import answers


class CsmsSession16(CsmsSession, ChargePoint):  # type: ignore[misc]  # the package has no types
    """OCPP 1.6: the CSMS numbers the transactions."""

    def words(self, command: Command) -> object:
        return _WORDS[type(command)](self, command)

    @answers("BootNotification")
    def on_boot(self, **_: Any) -> object:
        return call_result.BootNotification(
            current_time=self.desk.clock.now(), interval=self.desk.heartbeat_seconds, status="Accepted"
        )

    @answers("Heartbeat")
    def on_heartbeat(self) -> object:
        return call_result.Heartbeat(current_time=self.desk.clock.now())

    @answers("StatusNotification")
    def on_status(self, connector_id: int, status: str, **_: Any) -> object:
        self.told(connector_id, status)
        return call_result.StatusNotification()

    @answers("Authorize")
    def on_authorize(self, **_: Any) -> object:
        return call_result.Authorize(id_tag_info=ACCEPTED)

    @answers("StartTransaction")
    def on_start(self, **_: Any) -> object:
        self.desk.account.transactions += 1
        number = next(self.desk.numbers)
        self.running = str(number)
        return call_result.StartTransaction(transaction_id=number, id_tag_info=ACCEPTED)

    @answers("StopTransaction")
    def on_stop(self, id_tag: str | None = None, **_: Any) -> object:
        self.running = ""
        return call_result.StopTransaction(id_tag_info=ACCEPTED if id_tag else None)

    @answers("MeterValues")
    def on_meter_values(self, **_: Any) -> object:
        return call_result.MeterValues()

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> object:
        return call_result.DataTransfer(status="Accepted")

    @answers("FirmwareStatusNotification")
    def on_firmware_status(self, **_: Any) -> object:
        return call_result.FirmwareStatusNotification()

    @answers("DiagnosticsStatusNotification")
    def on_diagnostics_status(self, **_: Any) -> object:
        return call_result.DiagnosticsStatusNotification()

    @answers("SecurityEventNotification")
    def on_security_event(self, **_: Any) -> object:
        return call_result.SecurityEventNotification()


def _profile(command: act.LimitPower) -> dict[str, Any]:
    return {
        "charging_profile_id": command.number,
        "stack_level": 0,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Relative",
        "charging_schedule": {
            "charging_rate_unit": "W",
            "charging_schedule_period": [{"start_period": 0, "limit": command.watts}],
        },
    }


_WORDS: Final[dict[type[Command], Callable[[CsmsSession16, Any], object]]] = {
    act.AskSettings: lambda _, c: call.GetConfiguration(key=[KEYS_16[setting] for setting in c.settings]),
    act.ChangeSetting: lambda _, c: call.ChangeConfiguration(key=KEYS_16[c.setting], value=c.value),
    act.TriggerHeartbeat: lambda _, __: call.TriggerMessage(requested_message="Heartbeat"),
    act.AskListVersion: lambda _, __: call.GetLocalListVersion(),
    act.RemoteStart: lambda _, c: call.RemoteStartTransaction(id_tag=c.token, connector_id=c.connector),
    act.RemoteStop: lambda session, _: call.RemoteStopTransaction(transaction_id=int(session.running)),
    act.Reserve: lambda session, c: call.ReserveNow(
        connector_id=c.connector,
        expiry_date=session.desk.clock.now(RESERVED_SECONDS),
        id_tag=c.token,
        reservation_id=c.number,
    ),
    act.CancelReservation: lambda _, c: call.CancelReservation(reservation_id=c.number),
    act.LimitPower: lambda _, c: call.SetChargingProfile(
        connector_id=c.connector, cs_charging_profiles=_profile(c)
    ),
    act.UpdateFirmware: lambda session, c: call.UpdateFirmware(
        location=c.location, retrieve_date=session.desk.clock.now()
    ),
    act.UploadLog: lambda _, c: call.GetDiagnostics(location=c.location),
}
