"""Ordinary messages around the odd ones: boots, starts, stops, statuses, meter values, and the facts they make."""

from __future__ import annotations

from typing import Any, Final

from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Named, Place
from tests.quirks.model import CP, CSMS, NOON, OK, Expected, Judged, Line, Said, answers, calls, fact, line

SECOND_NS: Final = 1_000_000_000
FIRST: Final = Place(None, 1)
TAG: Final = "0A1B2C3D"


def at(minutes: float) -> str:
    """Device time, so many minutes after noon."""
    whole = 12 * 3600 + round(minutes * 60)
    return f"2026-11-21T{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}Z"


def moment(minutes: float) -> Moment:
    return Moment(1_795_262_400 * SECOND_NS + round(minutes * 60) * SECOND_NS)


def boots(
    message_id: str = "b", on: int = 0, status: str = "Accepted", interval: Any = 300
) -> tuple[Said, ...]:
    """1.6."""
    asked = {"chargePointVendor": "Volt", "chargePointModel": "V2", "firmwareVersion": "7.1"}
    said = {"status": status, "currentTime": NOON, "interval": interval}
    return (
        calls(CP, message_id, "BootNotification", asked, on=on),
        answers(CSMS, message_id, said, on=on),
    )


def boots_2(message_id: str = "b", on: int = 0, judged: Judged = OK) -> tuple[Said, ...]:
    """2.x."""
    asked = {"reason": "PowerUp", "chargingStation": {"vendorName": "Volt", "model": "V2"}}
    return (
        calls(CP, message_id, "BootNotification", asked, judged, on=on),
        answers(
            CSMS, message_id, {"status": "Accepted", "currentTime": NOON, "interval": 300}, judged, on=on
        ),
    )


BOOTED: Final = (
    fact(facts.Booted, vendor="Volt", model="V2", status="Accepted", interval_seconds=300),
    fact(facts.HeartbeatIntervalSet, seconds=300, source="BootNotification"),
)


def beats(message_id: str = "h", on: int = 0, told: str = NOON, judged: Judged = OK) -> tuple[Said, ...]:
    return (
        calls(CP, message_id, "Heartbeat", on=on, judged=judged),
        answers(CSMS, message_id, {"currentTime": told}, on=on, judged=judged),
    )


BEATEN: Final = fact(facts.HeartbeatSeen, told=moment(0))


def tells_status(
    message_id: str,
    status: str,
    error: str = "NoError",
    *,
    connector: Any = 1,
    minutes: float = 0,
    judged: Judged = OK,
    on: int = 0,
    **more: Any,
) -> tuple[Said, ...]:
    """1.6."""
    payload = {
        "connectorId": connector,
        "errorCode": error,
        "status": status,
        "timestamp": at(minutes),
        **more,
    }
    return (
        calls(CP, message_id, "StatusNotification", payload, judged=judged, on=on),
        answers(CSMS, message_id, on=on),
    )


def status_told(status: str, minutes: float = 0, **more: Any) -> tuple[Expected, ...]:
    """What an ordinary StatusNotification of 1.6 says."""
    return (
        fact(facts.StatusChanged, place=FIRST, status=status, told=moment(minutes), **more),
        fact(facts.FaultCleared, place=FIRST, code=""),
    )


def starts(
    message_id: str,
    transaction_id: Any,
    *,
    meter: Any = 1000,
    minutes: float = 0,
    judged: Judged = OK,
    answer_judged: Judged = OK,
    on: int = 0,
) -> tuple[Said, ...]:
    """1.6, connector 1."""
    asked = {"connectorId": 1, "idTag": TAG, "meterStart": meter, "timestamp": at(minutes)}
    said = {"transactionId": transaction_id, "idTagInfo": {"status": "Accepted"}}
    return (
        calls(CP, message_id, "StartTransaction", asked, judged=judged, on=on),
        answers(CSMS, message_id, said, judged=answer_judged, on=on),
    )


def started(transaction_id: str, meter: float | None = 1000.0, minutes: float = 0) -> tuple[Expected, ...]:
    return (
        fact(
            facts.TransactionStarted,
            transaction_id=transaction_id,
            place=FIRST,
            who=Named(TAG),
            meter_start_wh=meter,
            told=moment(minutes),
            status="Accepted",
        ),
        fact(facts.Authorized, who=Named(TAG), status="Accepted", source="StartTransaction"),
    )


def stops(
    message_id: str,
    transaction_id: Any,
    *,
    meter: Any = 9000,
    minutes: float = 60,
    judged: Judged = OK,
    answer: Any = None,
    on: int = 0,
    **more: Any,
) -> tuple[Said, ...]:
    """1.6, reason Local."""
    asked = {"transactionId": transaction_id, "meterStop": meter, "timestamp": at(minutes), "reason": "Local"}
    return (
        calls(CP, message_id, "StopTransaction", asked | more, judged=judged, on=on),
        answers(CSMS, message_id, answer, on=on),
    )


def stopped(transaction_id: str, meter: float | None = 9000.0, minutes: float = 60, **more: Any) -> Expected:
    return fact(
        facts.TransactionEnded,
        transaction_id=transaction_id,
        meter_stop_wh=meter,
        told=moment(minutes),
        **({"reason": "Local"} | more),
    )


def samples(
    message_id: str,
    *sampled: dict[str, Any],
    transaction_id: Any = None,
    connector: Any = 1,
    minutes: float = 1,
    judged: Judged = OK,
    on: int = 0,
) -> tuple[Said, ...]:
    """1.6: one element."""
    payload: dict[str, Any] = {"connectorId": connector}
    if transaction_id is not None:
        payload["transactionId"] = transaction_id
    payload["meterValue"] = [{"timestamp": at(minutes), "sampledValue": list(sampled)}]
    return (
        calls(CP, message_id, "MeterValues", payload, judged=judged, on=on),
        answers(CSMS, message_id, on=on),
    )


def sampled(*values: float | None, transaction_id: str = "", **more: Any) -> Expected:
    return fact(facts.MeterSampled, values=values, transaction_id=transaction_id, **more)


def energy(value: Any, unit: str | None = "Wh", **more: Any) -> dict[str, Any]:
    """A sample of the energy register."""
    told = {"value": value, "measurand": "Energy.Active.Import.Register", **more}
    return told if unit is None else told | {"unit": unit}


LOST: Final = fact(facts.ConnectionClosed, closed_by="charge_point", how="rst")
"""The charge point's line breaks."""
TWO: Final[tuple[Line, ...]] = (line(), line())


def power(value: str, **more: Any) -> dict[str, Any]:
    return {"value": value, "measurand": "Power.Active.Import", "unit": "W", **more}


def measured(*series: tuple[dict[str, Any], ...], every: float = 1) -> tuple[Said, ...]:
    """Samples of transaction 31, one message each, so many minutes apart."""
    return tuple(
        said
        for number, values in enumerate(series, 1)
        for said in samples(f"m{number}", *values, transaction_id=31, minutes=number * every)
    )


def shown(*values: float, **more: Any) -> Expected:
    """What one message of `measured` says."""
    return sampled(*values, transaction_id="31", **more)
