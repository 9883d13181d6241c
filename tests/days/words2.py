"""What passes in a day, in the words of OCPP 2.0.1 and 2.1: the methods of `words.Words16`.

One EVSE per connector. Payloads only; `words_of` chooses the generation.
"""

from __future__ import annotations

from typing import Any, Final

from tests.days.energy import Reading
from tests.days.events import Ask
from tests.days.profiles import Profile
from tests.days.words import (
    HEARTBEAT,
    PASSWORD,
    SAMPLES,
    SECURITY,
    Visit,
    Words,
    Words16,
    accepted_boot,
    schedule,
    stamp,
)

VARIABLES: Final = {
    HEARTBEAT: ("OCPPCommCtrlr", "HeartbeatInterval"),
    SAMPLES: ("SampledDataCtrlr", "TxUpdatedInterval"),
    SECURITY: ("SecurityCtrlr", "SecurityProfile"),
    PASSWORD: ("SecurityCtrlr", "BasicAuthPassword"),
}
_STATUSES: Final = {
    "Available": "Available",
    "Reserved": "Reserved",
    "Unavailable": "Unavailable",
    "Faulted": "Faulted",
}
_COMPONENTS: Final = {
    "GroundFailure": ("GroundIsolationProtection", "Problem", "CX002"),
    "HighTemperature": ("LiquidCoolingSystem", "Problem", "CX003"),
    "OverVoltage": ("PowerConverter", "Problem", "CX005"),
    "ConnectorLockFailure": ("ConnectorPlugRetentionLock", "Problem", "CX001"),
    "NoError": ("ChargingStation", "Problem", ""),
}
_TRIGGERS: Final = {
    "Local": "StopAuthorized",
    "Remote": "RemoteStop",
    "EVDisconnected": "EVDeparted",
    "DeAuthorized": "Deauthorized",
}


class Words2(Words):
    """OCPP 2.0.1 and 2.1."""

    def boot(self, at: int, firmware: str, reason: str = "PowerUp") -> Ask:
        me = self.profile
        station = {
            "vendorName": me.vendor,
            "model": me.model,
            "serialNumber": f"S-{me.name}",
            "firmwareVersion": firmware,
        }
        return Ask("BootNotification", {"reason": reason, "chargingStation": station}, accepted_boot(at, me))

    def status(self, connector: int, status: str, at: int, error: str = "NoError", info: str = "") -> Ask:
        asked = {
            "timestamp": self.told(at),
            "connectorStatus": _STATUSES.get(status, "Occupied"),
            "evseId": connector,
            "connectorId": 1,
        }
        return Ask("StatusNotification", asked, {})

    def whole(self, at: int) -> list[Ask]:
        return []

    def fault(self, connector: int, code: str, raised: str, at: int) -> list[Ask]:
        component, variable, tech_code = _COMPONENTS[code]
        event: dict[str, Any] = {
            "eventId": 1 + at // 1_000_000_000 % 1_000_000,
            "timestamp": self.told(at),
            "trigger": "Alerting",
            "actualValue": "true" if raised else "false",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": component, "evse": {"id": connector, "connectorId": 1}},
            "variable": {"name": variable},
        }
        event |= {"techCode": tech_code} if tech_code else {}
        event |= {} if raised else {"cleared": True}
        event |= {"severity": 1} if self.profile.version == "2.1" else {}
        told = {"generatedAt": self.told(at), "seqNo": 0, "eventData": [event]}
        return [Ask("NotifyEvent", told, {}), self.status(connector, raised or "Available", at)]

    def authorize(self, token: str, verdict: str = "Accepted") -> Ask:
        return Ask("Authorize", {"idToken": _named(token)}, {"idTokenInfo": {"status": verdict}})

    def read(self, known: dict[str, str]) -> Ask:
        named = {VARIABLES[key]: value for key, value in known.items()}
        asked = [{"component": {"name": c}, "variable": {"name": v}} for c, v in named]
        told = [
            {**one, "attributeStatus": "Accepted", "attributeValue": value}
            for one, value in zip(asked, named.values(), strict=True)
        ]
        return Ask("GetVariables", {"getVariableData": asked}, {"getVariableResult": told})

    def write(self, setting: str, value: str, status: str = "Accepted") -> Ask:
        component, variable = VARIABLES[setting]
        place = {"component": {"name": component}, "variable": {"name": variable}}
        return Ask(
            "SetVariables",
            {"setVariableData": [{"attributeValue": value, **place}]},
            {"setVariableResult": [{"attributeStatus": status, **place}]},
        )

    def lower_security(self, number: int, status: str = "Accepted") -> Ask:
        """2.x sets it with a network profile (B09)."""
        connection = {
            "ocppVersion": "OCPP20" if self.profile.version == "2.0.1" else "OCPP21",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "wss://csms.example/ocpp",
            "messageTimeout": 30,
            "securityProfile": number,
            "ocppInterface": "Wired0",
        }
        asked = {"configurationSlot": 1, "connectionData": connection}
        return Ask("SetNetworkProfile", asked, {"status": status})

    def availability(self, connector: int, kind: str) -> Ask:
        asked = {"operationalStatus": kind, "evse": {"id": connector}}
        return Ask("ChangeAvailability", asked, {"status": "Accepted"})

    def unlock(self, connector: int) -> Ask:
        return Ask("UnlockConnector", {"evseId": connector, "connectorId": 1}, {"status": "Unlocked"})

    def remote_start(self, connector: int, token: str, number: int, status: str = "Accepted") -> Ask:
        asked = {"idToken": _named(token), "remoteStartId": number, "evseId": connector}
        return Ask("RequestStartTransaction", asked, {"status": status})

    def limit(self, connector: int, watts: float, number: int) -> Ask:
        profile = {
            "id": number,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [{"id": 1, **schedule(watts)}],
        }
        return Ask(
            "SetChargingProfile", {"evseId": connector, "chargingProfile": profile}, {"status": "Accepted"}
        )

    def update_firmware(self, at: int, location: str, number: int) -> Ask:
        firmware = {
            "location": location,
            "retrieveDateTime": stamp(at),
            "signingCertificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            "signature": "c2lnbmVk",
        }
        return Ask("UpdateFirmware", {"requestId": number, "firmware": firmware}, {"status": "Accepted"})

    def firmware_status(self, status: str, number: int) -> Ask:
        return Ask("FirmwareStatusNotification", {"status": status, "requestId": number}, {})

    def security_event(self, kind: str, at: int) -> Ask:
        return Ask("SecurityEventNotification", {"type": kind, "timestamp": self.told(at)}, {})

    def arrival(self, visit: Visit, at: int) -> list[Ask]:
        return [self.status(visit.connector, "Occupied", at)]

    def start(self, visit: Visit, at: int, offline: bool, verdict: str = "Accepted") -> list[Ask]:
        value = self.meter_value(at, visit.begin, "Transaction.Begin")
        token = {"idToken": _named(visit.token)}
        judged = {"idTokenInfo": {"status": verdict}}
        return [
            self.event(visit, at, "Started", "CablePluggedIn", "EVConnected", offline, meterValue=[value]),
            self.event(visit, at, "Updated", "Authorized", "EVConnected", offline, answer=judged, **token),
            self.event(visit, at, "Updated", "ChargingStateChanged", "Charging", offline),
        ]

    def sample(self, visit: Visit, at: int, reading: Reading, offline: bool) -> Ask:
        value = self.meter_value(at, reading, "Sample.Periodic")
        return self.event(visit, at, "Updated", "MeterValuePeriodic", "Charging", offline, meterValue=[value])

    def pause(self, visit: Visit, at: int, offline: bool) -> Ask:
        return self.event(visit, at, "Updated", "ChargingStateChanged", "SuspendedEV", offline)

    def idle_sample(self, connector: int, at: int, reading: Reading) -> Ask:
        value = self.meter_value(at, reading, "Sample.Clock")
        return Ask("MeterValues", {"evseId": connector, "meterValue": [value]}, {})

    def meter_value(self, at: int, reading: Reading, context: str) -> dict[str, Any]:
        samples = [
            {
                "value": round(value, 3),
                "context": context,
                "measurand": measurand,
                "unitOfMeasure": {"unit": unit},
                **({"phase": phase} if phase else {}),
            }
            for measurand, phase, unit, value in self.measured(reading)
        ]
        return {"timestamp": self.told(at), "sampledValue": samples}

    def end(self, visit: Visit, at: int, reading: Reading, reason: str, offline: bool) -> list[Ask]:
        value = self.meter_value(at, reading, "Transaction.End")
        trigger = _TRIGGERS.get(reason, "AbnormalCondition")
        info = {"stoppedReason": reason}
        return [
            self.event(visit, at, "Ended", trigger, "EVConnected", offline, info=info, meterValue=[value])
        ]

    def event(
        self,
        visit: Visit,
        at: int,
        kind: str,
        trigger: str,
        state: str,
        offline: bool,
        info: dict[str, str] | None = None,
        answer: dict[str, Any] | None = None,
        **more: Any,
    ) -> Ask:
        number, visit.events = visit.events, visit.events + 1
        asked = {
            "eventType": kind,
            "timestamp": self.told(at),
            "triggerReason": trigger,
            "seqNo": number,
            "transactionInfo": {"transactionId": visit.name, "chargingState": state, **(info or {})},
            "evse": {"id": visit.connector, "connectorId": 1},
            **more,
        }
        return Ask("TransactionEvent", {**asked, "offline": True} if offline else asked, answer or {})


def _named(token: str) -> dict[str, str]:
    return {"idToken": token, "type": "ISO14443"}


def words_of(profile: Profile) -> Words16 | Words2:
    return Words16(profile) if profile.version == "1.6" else Words2(profile)
