"""What passes in a day, in the words of both generations: one class for 1.6, one for 2.x, the same methods.

Every method gives the CALLs with the answers a healthy peer gives. Valid by the official schemas: a test judges them.
Knows payloads only: no time passes here, nothing is sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tests.days.energy import Reading
from tests.days.events import Ask
from tests.days.profiles import Outlet, Profile

HEARTBEAT: Final = "HeartbeatInterval"
SAMPLES: Final = "MeterValueSampleInterval"
SECURITY: Final = "SecurityProfile"
PASSWORD: Final = "AuthorizationKey"
FIRMWARE_HOST: Final = "https://firmware.example/next.bin"


class Visit(msgspec.Struct):
    """A transaction that runs. `number`: 1.6's id; `events`: how many 2.x events it has had."""

    connector: int
    token: str
    number: int
    name: str
    begin: Reading
    began: int
    events: int = 0


def stamp(at: int) -> str:
    """ns UTC as devices write it."""
    return datetime.fromtimestamp(at // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class Words:
    """Common to both. `told(at)`: what this charge point's clock shows."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile

    def told(self, at: int) -> str:
        return stamp(at + self.profile.clock_ns)

    def heartbeat(self, at: int) -> Ask:
        return Ask("Heartbeat", {}, {"currentTime": stamp(at)})

    def trigger_heartbeat(self) -> Ask:
        return Ask("TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "Accepted"})

    def data_transfer(self) -> Ask:
        return Ask(
            "DataTransfer", {"vendorId": "example.volt", "data": "on air"}, {"status": "UnknownVendorId"}
        )

    def measured(self, reading: Reading) -> list[tuple[str, str, str, float]]:
        """(measurand, phase, unit, value)."""
        register = (
            ("Energy.Active.Import.Register", "", "kWh", reading.register_wh / 1000)
            if self.profile.kilowatt_hours
            else ("Energy.Active.Import.Register", "", "Wh", reading.register_wh)
        )
        values = [register, ("Power.Active.Import", "", "W", reading.watts)]
        if self.profile.outlet is Outlet.DC:
            values.append(("Current.Import", "", "A", reading.amperes[0]))
            values.append(("Voltage", "", "V", reading.volts[0]))
        else:
            phases = ("L1", "L2", "L3")
            values += [("Current.Import", p, "A", v) for p, v in zip(phases, reading.amperes, strict=True)]
            values += [("Voltage", f"{p}-N", "V", v) for p, v in zip(phases, reading.volts, strict=True)]
        if reading.soc_percent is not None:
            values.append(("SoC", "", "Percent", reading.soc_percent))
        return values


class Words16(Words):
    """OCPP 1.6."""

    def boot(self, at: int, firmware: str, reason: str = "PowerUp") -> Ask:
        me = self.profile
        asked = {
            "chargePointVendor": me.vendor,
            "chargePointModel": me.model,
            "chargePointSerialNumber": f"S-{me.name}",
            "firmwareVersion": firmware,
        }
        return Ask("BootNotification", asked, accepted_boot(at, me))

    def status(self, connector: int, status: str, at: int, error: str = "NoError", info: str = "") -> Ask:
        asked: dict[str, Any] = {
            "connectorId": connector,
            "errorCode": error,
            "status": status,
            "timestamp": self.told(at),
        }
        return Ask("StatusNotification", {**asked, "info": info} if info else asked, {})

    def whole(self, at: int) -> list[Ask]:
        """The charge point itself is available."""
        return [self.status(0, "Available", at)]

    def fault(self, connector: int, code: str, raised: str, at: int) -> list[Ask]:
        """`raised`: the status that comes with it, "" when it is over."""
        return [
            self.status(connector, raised, at, code) if raised else self.status(connector, "Available", at)
        ]

    def authorize(self, token: str, verdict: str = "Accepted") -> Ask:
        return Ask("Authorize", {"idTag": token}, {"idTagInfo": {"status": verdict}})

    def read(self, known: dict[str, str]) -> Ask:
        values = [{"key": key, "readonly": False, "value": value} for key, value in known.items()]
        return Ask("GetConfiguration", {"key": list(known)}, {"configurationKey": values})

    def write(self, setting: str, value: str, status: str = "Accepted") -> Ask:
        return Ask("ChangeConfiguration", {"key": setting, "value": value}, {"status": status})

    def lower_security(self, number: int, status: str = "Accepted") -> Ask:
        return self.write(SECURITY, str(number), status)

    def availability(self, connector: int, kind: str) -> Ask:
        return Ask("ChangeAvailability", {"connectorId": connector, "type": kind}, {"status": "Accepted"})

    def unlock(self, connector: int) -> Ask:
        return Ask("UnlockConnector", {"connectorId": connector}, {"status": "Unlocked"})

    def remote_start(self, connector: int, token: str, number: int, status: str = "Accepted") -> Ask:
        asked = {"idTag": token, "connectorId": connector}
        return Ask("RemoteStartTransaction", asked, {"status": status})

    def limit(self, connector: int, watts: float, number: int) -> Ask:
        profile = {
            "chargingProfileId": number,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": schedule(watts),
        }
        asked = {"connectorId": connector, "csChargingProfiles": profile}
        return Ask("SetChargingProfile", asked, {"status": "Accepted"})

    def update_firmware(self, at: int, location: str, number: int) -> Ask:
        return Ask("UpdateFirmware", {"location": location, "retrieveDate": stamp(at)}, {})

    def firmware_status(self, status: str, number: int) -> Ask:
        return Ask("FirmwareStatusNotification", {"status": status}, {})

    def security_event(self, kind: str, at: int) -> Ask:
        return Ask("SecurityEventNotification", {"type": kind, "timestamp": self.told(at)}, {})

    def start(self, visit: Visit, at: int, offline: bool, verdict: str = "Accepted") -> list[Ask]:
        """The transaction begins; energy flows."""
        asked = {
            "connectorId": visit.connector,
            "idTag": visit.token,
            "meterStart": round(visit.begin.register_wh),
            "timestamp": self.told(at),
        }
        answer = {"transactionId": visit.number, "idTagInfo": {"status": verdict}}
        return [Ask("StartTransaction", asked, answer), self.status(visit.connector, "Charging", at)]

    def arrival(self, visit: Visit, at: int) -> list[Ask]:
        return [self.status(visit.connector, "Preparing", at)]

    def sample(self, visit: Visit, at: int, reading: Reading, offline: bool) -> Ask:
        asked = {
            "connectorId": visit.connector,
            "transactionId": visit.number,
            "meterValue": [self.meter_value(at, reading, "Sample.Periodic", visit)],
        }
        return Ask("MeterValues", asked, {})

    def idle_sample(self, connector: int, at: int, reading: Reading) -> Ask:
        value = self.meter_value(at, reading, "Sample.Clock")
        return Ask("MeterValues", {"connectorId": connector, "meterValue": [value]}, {})

    def meter_value(
        self, at: int, reading: Reading, context: str, visit: Visit | None = None
    ) -> dict[str, Any]:
        samples = [
            _sample16(measurand, phase, unit, value, context)
            for measurand, phase, unit, value in self.measured(reading)
        ]
        if visit is not None and self.profile.repeats_begin:
            (register, *_) = self.measured(visit.begin)
            samples.insert(0, _sample16(*register, "Transaction.Begin"))
        return {"timestamp": self.told(at), "sampledValue": samples}

    def end(self, visit: Visit, at: int, reading: Reading, reason: str, offline: bool) -> list[Ask]:
        asked = {
            "transactionId": visit.number,
            "meterStop": round(reading.register_wh),
            "timestamp": self.told(at),
            "idTag": visit.token,
            "reason": reason,
        }
        if visit.number % 3 == 0:
            asked["transactionData"] = [
                self.meter_value(visit.began, visit.begin, "Transaction.Begin"),
                self.meter_value(at, reading, "Transaction.End"),
            ]
        stop = Ask("StopTransaction", asked, {"idTagInfo": {"status": "Accepted"}})
        return [stop, self.status(visit.connector, "Finishing", at)]

    def pause(self, visit: Visit, at: int, offline: bool) -> Ask:
        return self.status(visit.connector, "SuspendedEV", at)


def _sample16(measurand: str, phase: str, unit: str, value: float, context: str) -> dict[str, Any]:
    sample = {"value": f"{value:.3f}".rstrip("0").rstrip("."), "context": context, "measurand": measurand}
    return {**sample, "unit": unit, **({"phase": phase} if phase else {})}


def accepted_boot(at: int, profile: Profile) -> dict[str, Any]:
    return {"status": "Accepted", "currentTime": stamp(at), "interval": profile.interval_seconds}


def schedule(watts: float) -> dict[str, Any]:
    return {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": watts}]}
