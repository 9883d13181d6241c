"""A simulated charge point in the words of OCPP 1.6: one connector, transactions numbered by the CSMS."""

from __future__ import annotations

from typing import Any, Final

from ocpp.v16 import ChargePoint, call, call_result

from proxy.simulator.link import Link
from proxy.simulator.meter import Reading
from proxy.simulator.session import Session, answers
from proxy.simulator.station import RemoteStart, Station

_CONNECTOR: Final = 1
_UNKNOWN_TRANSACTION: Final = -1  # errata 3.18: the StartTransaction.conf never came
_REASONS: Final = ("Local", "EVDisconnected")

# Reading's field -> measurand and unit (1.6 7.31, 7.34).
_MEASURANDS: Final = {
    "register_wh": ("Energy.Active.Import.Register", "Wh"),
    "soc_percent": ("SoC", "Percent"),
    "power_watts": ("Power.Active.Import", "W"),
    "current_amperes": ("Current.Import", "A"),
    "voltage_volts": ("Voltage", "V"),
    "temperature_celsius": ("Temperature", "Celsius"),
}


def meter_value(at: str, reading: Reading) -> dict[str, Any]:
    """1.6 7.33: values are strings."""
    samples = [
        {"value": str(value), "context": "Sample.Periodic", "measurand": measurand, "unit": unit}
        for value, (measurand, unit) in zip(reading, _MEASURANDS.values(), strict=True)
    ]
    return {"timestamp": at, "sampled_value": samples}


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
                {"key": name, "readonly": False, "value": known[name]} for name in asked if name in known
            ],
            unknown_key=[name for name in asked if name not in known],
        )

    @answers("ChangeConfiguration")
    def on_change_configuration(self, key: str, **_: Any) -> object:
        known = key in self._station.configuration()
        return call_result.ChangeConfiguration(status="Rejected" if known else "NotSupported")

    @answers("TriggerMessage")
    def on_trigger_message(self, requested_message: str, **_: Any) -> object:
        accepted = self._station.accept_trigger(requested_message)
        return call_result.TriggerMessage(status="Accepted" if accepted else "NotImplemented")

    @answers("RemoteStartTransaction")
    def on_remote_start(self, id_tag: str, **_: Any) -> object:
        accepted = self._station.accept_remote_start(id_tag, 0)
        return call_result.RemoteStartTransaction(status="Accepted" if accepted else "Rejected")

    @answers("RemoteStopTransaction")
    def on_remote_stop(self, **_: Any) -> object:
        accepted = self._station.accept_remote_stop()
        return call_result.RemoteStopTransaction(status="Accepted" if accepted else "Rejected")

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

    def make_session(self, link: Link) -> Session:
        return Session16(self, link)

    def configuration(self) -> dict[str, str]:
        return {
            "HeartbeatInterval": str(self.heartbeat_seconds),
            "MeterValueSampleInterval": str(round(self.setup.pace.meter_seconds)),
            "NumberOfConnectors": "1",
            "SupportedFeatureProfiles": "Core,RemoteTrigger",
            "WebSocketPingInterval": str(round(self.setup.pace.ping_seconds)),
        }

    def boot_call(self) -> object:
        return call.BootNotification(
            charge_point_vendor=self.vendor,
            charge_point_model=self.model,
            charge_point_serial_number=self.serial,
            firmware_version=self.firmware,
        )

    def heartbeat_call(self) -> object:
        return call.Heartbeat()

    async def introduce(self, session: Session) -> None:
        await self.say(session, self._status("Available", 0))
        await self.say(session, self._status("Available"))
        if self.back_from_update:
            await self.say(session, call.FirmwareStatusNotification(status="Installed"))
            await self.say(
                session, call.DataTransfer(vendor_id=self.vendor, message_id="update", data="done")
            )

    async def transaction(self, remote: RemoteStart | None) -> None:
        token = remote.token if remote else f"{self.rng.getrandbits(32):08X}"
        await self.deliver(self._status("Preparing"))
        await self.deliver(call.Authorize(id_tag=token))
        number = await self._begin(token)
        await self.deliver(self._status("Charging"))
        async for reading in self.samples():
            await self.tell(self._meter_values(number, reading))
        await self._end(number, token)
        await self.deliver(self._status("Finishing"))
        await self.clock.sleep(1)
        await self.deliver(self._status("Available"))

    async def _begin(self, token: str) -> int:
        answer = await self.deliver(
            call.StartTransaction(
                connector_id=_CONNECTOR,
                id_tag=token,
                meter_start=self.meter.read().register_wh,
                timestamp=self.clock.now(),
            )
        )
        return int(answer.transaction_id) if answer else _UNKNOWN_TRANSACTION

    async def _end(self, number: int, token: str) -> None:
        reason = "Remote" if self.stop_wanted else self.rng.choice(_REASONS)
        await self.deliver(
            call.StopTransaction(
                meter_stop=self.meter.read().register_wh,
                timestamp=self.clock.now(),
                transaction_id=number,
                id_tag=token,
                reason=reason,
            )
        )

    def _status(self, status: str, connector: int = _CONNECTOR) -> object:
        return call.StatusNotification(
            connector_id=connector, error_code="NoError", status=status, timestamp=self.clock.now()
        )

    def _meter_values(self, number: int, reading: Reading) -> object:
        return call.MeterValues(
            connector_id=_CONNECTOR,
            transaction_id=number,
            meter_value=[meter_value(self.clock.now(), reading)],
        )
