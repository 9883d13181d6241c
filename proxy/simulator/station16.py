"""A simulated charge point in the words of OCPP 1.6: transactions numbered by the CSMS."""

from __future__ import annotations

from typing import Any, Final

from ocpp.v16 import ChargePoint, call, call_result

from proxy.simulator.dialect import KEYS_16, SETTINGS_16
from proxy.simulator.link import Link
from proxy.simulator.scenario import CONNECTORS, KNOWN_SETTINGS, RemoteStart, Reserve, Trouble
from proxy.simulator.session import Session, answers
from proxy.simulator.station import WORDS, Sampled, Station, Visit

_WHOLE: Final = 0  # as a connector: the charge point itself
_UNKNOWN_TRANSACTION: Final = -1  # errata 3.18: the StartTransaction.conf never came
_FIXED_KEYS: Final = {
    "NumberOfConnectors": str(len(CONNECTORS)),
    "SupportedFeatureProfiles": "Core,FirmwareManagement,Reservation,SmartCharging,RemoteTrigger",
}

# Reading's field -> measurand and unit (1.6 7.31, 7.34).
_MEASURANDS: Final = {
    "register_wh": ("Energy.Active.Import.Register", "Wh"),
    "soc_percent": ("SoC", "Percent"),
    "power_watts": ("Power.Active.Import", "W"),
    "current_amperes": ("Current.Import", "A"),
    "voltage_volts": ("Voltage", "V"),
    "temperature_celsius": ("Temperature", "Celsius"),
}


def meter_value(sampled: Sampled, context: str) -> dict[str, Any]:
    """1.6 7.33: values are strings."""
    samples = [
        {"value": str(value), "context": context, "measurand": measurand, "unit": unit}
        for value, (measurand, unit) in zip(sampled.reading, _MEASURANDS.values(), strict=True)
    ]
    return {"timestamp": sampled.at, "sampled_value": samples}


def limit_of(profile: dict[str, Any]) -> float:
    """What a charging profile allows at first, W; our CSMS says no more."""
    return float(profile["charging_schedule"]["charging_schedule_period"][0]["limit"])


class Session16(Session, ChargePoint):  # type: ignore[misc]  # the package has no types
    """The answers of a 1.6 charge point."""

    def __init__(self, station: Station16, link: Link) -> None:
        super().__init__(station.setup.identity, link, station.message_ids)
        self._station = station

    @answers("GetConfiguration")
    def on_get_configuration(self, key: list[str] | None = None, **_: Any) -> object:
        known = self._station.configuration()
        asked = key or list(known)
        return call_result.GetConfiguration(
            configuration_key=[
                {"key": name, "readonly": name in _FIXED_KEYS, "value": known[name]}
                for name in asked
                if name in known
            ],
            unknown_key=[name for name in asked if name not in known],
        )

    @answers("ChangeConfiguration")
    def on_change_configuration(self, key: str, value: str) -> object:
        if key not in self._station.configuration():
            return call_result.ChangeConfiguration(status="NotSupported")
        accepted = self._station.accept_setting(SETTINGS_16.get(key), value)
        return call_result.ChangeConfiguration(status=WORDS[accepted])

    @answers("TriggerMessage")
    def on_trigger_message(self, requested_message: str, **_: Any) -> object:
        accepted = self._station.accept_trigger(requested_message)
        return call_result.TriggerMessage(status="Accepted" if accepted else "NotImplemented")

    @answers("RemoteStartTransaction")
    def on_remote_start(self, id_tag: str, connector_id: int = 1, **_: Any) -> object:
        accepted = self._station.accept_remote_start(RemoteStart(connector_id, id_tag, 0))
        return call_result.RemoteStartTransaction(status=WORDS[accepted])

    @answers("RemoteStopTransaction")
    def on_remote_stop(self, transaction_id: int) -> object:
        return call_result.RemoteStopTransaction(
            status=WORDS[self._station.accept_remote_stop(str(transaction_id))]
        )

    @answers("ReserveNow")
    def on_reserve(self, connector_id: int, id_tag: str, reservation_id: int, **_: Any) -> object:
        accepted = self._station.accept_reservation(Reserve(connector_id, id_tag, reservation_id))
        return call_result.ReserveNow(status="Accepted" if accepted else "Occupied")

    @answers("CancelReservation")
    def on_cancel_reservation(self, reservation_id: int) -> object:
        return call_result.CancelReservation(status=WORDS[self._station.accept_cancellation(reservation_id)])

    @answers("SetChargingProfile")
    def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> object:
        accepted = self._station.accept_limit(connector_id, limit_of(cs_charging_profiles))
        return call_result.SetChargingProfile(status=WORDS[accepted])

    @answers("UpdateFirmware")
    def on_update_firmware(self, **_: Any) -> object:
        """1.6 5.19: no status; one that cannot be done is ignored."""
        self._station.accept_update(0)
        return call_result.UpdateFirmware()

    @answers("GetDiagnostics")
    def on_get_diagnostics(self, **_: Any) -> object:
        """1.6 5.9: no file name when there is nothing to upload."""
        accepted = self._station.accept_upload(0)
        return call_result.GetDiagnostics(file_name=self._station.log_name if accepted else None)

    @answers("Reset")
    def on_reset(self, **_: Any) -> object:
        return call_result.Reset(status="Rejected")

    @answers("GetLocalListVersion")
    def on_get_local_list_version(self, **_: Any) -> object:
        return call_result.GetLocalListVersion(list_version=0)

    @answers("DataTransfer")
    def on_data_transfer(self, **_: Any) -> object:
        return call_result.DataTransfer(status="UnknownVendorId")


class Station16(Station):
    """Available -> Preparing -> Charging -> Finishing -> Available (1.6 4.9)."""

    _transaction = _UNKNOWN_TRANSACTION

    def make_session(self, link: Link) -> Session:
        return Session16(self, link)

    def configuration(self) -> dict[str, str]:
        values = {KEYS_16[setting]: self.setting(setting) or "" for setting in KNOWN_SETTINGS}
        return values | _FIXED_KEYS

    def boot_call(self) -> object:
        return call.BootNotification(
            charge_point_vendor=self.vendor,
            charge_point_model=self.model,
            charge_point_serial_number=self.serial,
            firmware_version=self.firmware,
        )

    def heartbeat_call(self) -> object:
        return call.Heartbeat()

    def introduction(self) -> list[object]:
        calls = [self._status(connector, "Available") for connector in (_WHOLE, *CONNECTORS)]
        if self.back_from_update:
            calls.append(self.update_call(0, "Installed"))
            calls.append(call.DataTransfer(vendor_id=self.vendor, message_id="update", data="done"))
        return calls

    def security_call(self, kind: str, info: str) -> object:
        return call.SecurityEventNotification(type=kind, timestamp=self.clock.now(), tech_info=info)

    def update_call(self, number: int, status: str) -> object:
        return call.FirmwareStatusNotification(status=status)

    def upload_call(self, number: int, status: str) -> object:
        return call.DiagnosticsStatusNotification(status=status)

    async def say_status(self, connector: int, status: str) -> None:
        await self.deliver(self._status(connector, status))

    async def say_failed(self, connector: int, trouble: Trouble) -> None:
        await self.deliver(
            self._status(
                connector,
                "Faulted",
                trouble.code,
                info=trouble.info,
                vendor_id=self.vendor,
                vendor_error_code=trouble.mrec,
            )
        )

    async def say_mended(self, connector: int, trouble: Trouble) -> None:
        await self.deliver(self._status(connector, "Available"))

    def runs(self, transaction: str) -> bool:
        return transaction == str(self._transaction)

    async def begin(self, visit: Visit) -> None:
        await self.deliver(call.Authorize(id_tag=visit.token))
        answer = await self.deliver(
            call.StartTransaction(
                connector_id=visit.connector,
                id_tag=visit.token,
                meter_start=visit.begun.reading.register_wh,
                timestamp=visit.begun.at,
                reservation_id=visit.reservation,
            )
        )
        self._transaction = int(answer.transaction_id) if answer else _UNKNOWN_TRANSACTION

    async def sample(self, visit: Visit, sampled: Sampled) -> None:
        await self.tell(
            call.MeterValues(
                connector_id=visit.connector,
                transaction_id=self._transaction,
                meter_value=[meter_value(sampled, "Sample.Periodic")],
            )
        )

    async def end(self, visit: Visit, reason: str) -> None:
        ended = self.sampled(visit.connector)
        await self.deliver(
            call.StopTransaction(
                meter_stop=ended.reading.register_wh,
                timestamp=ended.at,
                transaction_id=self._transaction,
                id_tag=visit.token if reason == "Local" else None,  # 1.6 4.10: none when nobody showed it
                reason=reason,
                transaction_data=[
                    meter_value(visit.begun, "Transaction.Begin"),
                    meter_value(ended, "Transaction.End"),
                ],
            )
        )
        self._transaction = _UNKNOWN_TRANSACTION

    def _status(self, connector: int, status: str, error_code: str = "NoError", **more: str) -> object:
        return call.StatusNotification(
            connector_id=connector,
            error_code=error_code,
            status=status,
            timestamp=self.clock.now(),
            **more,
        )
