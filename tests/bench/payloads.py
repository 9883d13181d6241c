"""What the charge points of the recorder's bench and their CSMS say: payloads by version and action, schema-valid.

A station is coherent: it boots, authorizes, charges with a register that only grows, reports six samples at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Payload = dict[str, Any]
Said = tuple[str, Payload, Payload]
"""(action, CALL payload, CALLRESULT payload)"""
V16: Final = "1.6"
V20: Final = "2.0.1"
BOOT: Final = "boot"
REPORT: Final = "report"
HEARTBEAT: Final = "heartbeat"
STATUS: Final = "status"
AUTHORIZE: Final = "authorize"
START: Final = "start"
STOP: Final = "stop"
PROFILE: Final = "profile"
SHARES: Final = {REPORT: 79, HEARTBEAT: 10, STATUS: 7, AUTHORIZE: 1, STOP: 2, PROFILE: 1}
"""Of a hundred calls. A stop when nothing is charged, and a report likewise, is a start instead."""
INTERVAL: Final = 300
FROM_CSMS: Final = frozenset({PROFILE})

_SAMPLES: Final = (
    ("Energy.Active.Import.Register", None, "Wh"),
    ("Power.Active.Import", None, "W"),
    ("Current.Import", "L1", "A"),
    ("Current.Import", "L2", "A"),
    ("Voltage", "L1-N", "V"),
    ("SoC", None, "Percent"),
)
REPORT_SAMPLES: Final = len(_SAMPLES)


@dataclass(slots=True)
class Station:
    """One charge point. `at`: its clock, as text."""

    number: int
    version: str
    booted: bool = False
    charging: bool = False
    transactions: int = 0
    seq: int = 0
    register: int = 100_000
    at: str = ""

    @property
    def name(self) -> str:
        return f"CP_{self.number:05d}"

    @property
    def transaction(self) -> int:
        return self.number * 10_000 + self.transactions

    def says(self, kind: str) -> tuple[str, str, Payload, Payload]:
        """(kind, action, CALL payload, CALLRESULT payload) of such a call, or of what must come before it."""
        made = self._coherent(kind)
        return made, *_MAKERS[self.version][made](self)

    def _coherent(self, kind: str) -> str:
        if not self.booted:
            self.booted = True
            return BOOT
        if kind in (REPORT, STOP) and not self.charging:
            self.charging = True
            self.transactions += 1
            self.seq = 0
            return START
        if kind == STOP:
            self.charging = False
        return kind

    def sampled(self) -> list[str]:
        """The six values of a report."""
        self.register += 11 + self.number % 7
        power = 10_800 + self.register % 211
        amperes = f"{power / 690:.1f}"
        soc = 20 + (self.register // 700) % 75
        return [str(self.register), str(power), amperes, amperes, "230.4", str(soc)]


def _meter_values(station: Station) -> Said:
    sampled = [_sample16(value, *kind) for value, kind in zip(station.sampled(), _SAMPLES, strict=True)]
    value = {"timestamp": station.at, "sampledValue": sampled}
    said = {"connectorId": 1, "transactionId": station.transaction, "meterValue": [value]}
    return "MeterValues", said, {}


def _sample16(value: str, measurand: str, phase: str | None, unit: str) -> Payload:
    said = {"value": value, "context": "Sample.Periodic", "measurand": measurand, "unit": unit}
    return said if phase is None else {**said, "phase": phase}


def _boot16(station: Station) -> Said:
    said = {
        "chargePointVendor": "Acme",
        "chargePointModel": "Wall 22",
        "chargePointSerialNumber": f"SN{station.number:08d}",
        "firmwareVersion": "4.2.1",
    }
    return "BootNotification", said, _accepted_boot(station)


def _accepted_boot(station: Station) -> Payload:
    return {"status": "Accepted", "currentTime": station.at, "interval": INTERVAL}


def _heartbeat(station: Station) -> Said:
    return "Heartbeat", {}, {"currentTime": station.at}


def _status16(station: Station) -> Said:
    status = "Charging" if station.charging else "Available"
    said = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": station.at}
    return "StatusNotification", said, {}


def _authorize16(station: Station) -> Said:
    return "Authorize", {"idTag": _tag(station)}, {"idTagInfo": {"status": "Accepted"}}


def _tag(station: Station) -> str:
    return f"TAG{station.number:08X}"


def _start16(station: Station) -> Said:
    said = {
        "connectorId": 1,
        "idTag": _tag(station),
        "meterStart": station.register,
        "timestamp": station.at,
    }
    answer = {"transactionId": station.transaction, "idTagInfo": {"status": "Accepted"}}
    return "StartTransaction", said, answer


def _stop16(station: Station) -> Said:
    said = {
        "transactionId": station.transaction,
        "meterStop": station.register,
        "timestamp": station.at,
        "reason": "Local",
    }
    return "StopTransaction", said, {"idTagInfo": {"status": "Accepted"}}


def _profile16(station: Station) -> Said:
    schedule = {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0, "numberPhases": 3}],
    }
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    return (
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": profile},
        {"status": "Accepted"},
    )


# 2.0.1


def _transaction_event(station: Station, kind: str, trigger: str, **more: Any) -> Said:
    station.seq += 1
    said = {
        "eventType": kind,
        "timestamp": station.at,
        "triggerReason": trigger,
        "seqNo": station.seq,
        "transactionInfo": {
            "transactionId": f"a7c1e0d2-{station.transaction:012d}",
            "chargingState": "Charging",
        },
        "evse": {"id": 1, "connectorId": 1},
        **more,
    }
    return "TransactionEvent", said, {}


def _updated(station: Station) -> Said:
    sampled = [_sample20(value, *kind) for value, kind in zip(station.sampled(), _SAMPLES, strict=True)]
    value = {"timestamp": station.at, "sampledValue": sampled}
    return _transaction_event(station, "Updated", "MeterValuePeriodic", meterValue=[value])


def _sample20(value: str, measurand: str, phase: str | None, unit: str) -> Payload:
    said = {
        "value": float(value),
        "context": "Sample.Periodic",
        "measurand": measurand,
        "unitOfMeasure": {"unit": unit},
    }
    return said if phase is None else {**said, "phase": phase}


def _token(station: Station) -> Payload:
    return {"idToken": _tag(station), "type": "ISO14443"}


def _start20(station: Station) -> Said:
    action, said, _ = _transaction_event(station, "Started", "Authorized", idToken=_token(station))
    return action, said, {"idTokenInfo": {"status": "Accepted"}}


def _stop20(station: Station) -> Said:
    return _transaction_event(station, "Ended", "StopAuthorized")


def _boot20(station: Station) -> Said:
    said = {
        "reason": "PowerUp",
        "chargingStation": {
            "vendorName": "Acme",
            "model": "Wall 22",
            "serialNumber": f"SN{station.number:08d}",
            "firmwareVersion": "5.0.3",
        },
    }
    return "BootNotification", said, _accepted_boot(station)


def _status20(station: Station) -> Said:
    status = "Occupied" if station.charging else "Available"
    said = {"timestamp": station.at, "connectorStatus": status, "evseId": 1, "connectorId": 1}
    return "StatusNotification", said, {}


def _authorize20(station: Station) -> Said:
    return "Authorize", {"idToken": _token(station)}, {"idTokenInfo": {"status": "Accepted"}}


def _profile20(station: Station) -> Said:
    schedule = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0, "numberPhases": 3}],
    }
    profile = {
        "id": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule],
    }
    return "SetChargingProfile", {"evseId": 1, "chargingProfile": profile}, {"status": "Accepted"}


_MAKERS: Final[Mapping[str, Mapping[str, Callable[[Station], Said]]]] = {
    V16: {
        BOOT: _boot16,
        REPORT: _meter_values,
        HEARTBEAT: _heartbeat,
        STATUS: _status16,
        AUTHORIZE: _authorize16,
        START: _start16,
        STOP: _stop16,
        PROFILE: _profile16,
    },
    V20: {
        BOOT: _boot20,
        REPORT: _updated,
        HEARTBEAT: _heartbeat,
        STATUS: _status20,
        AUTHORIZE: _authorize20,
        START: _start20,
        STOP: _stop20,
        PROFILE: _profile20,
    },
}
