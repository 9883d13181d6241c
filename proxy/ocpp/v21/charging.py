"""2.1: priority charging, dynamic schedules, allowed energy transfer, battery swapping."""

from __future__ import annotations

from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.facts import (
    Battery,
    BatterySwapped,
    BatterySwapRequested,
    DynamicScheduleUpdated,
    EnergyTransferAllowed,
    Fact,
    PriorityChargingChanged,
    Where,
)
from proxy.ocpp.reading import Reading, Readings, kept, told
from proxy.ocpp.tolerant import identifier, integer, items, mapping, number, small, text, truth, words
from proxy.ocpp.v20.members import named, status_of

MAX_BATTERIES: Final = 100
MAX_MODES: Final = 64

_SWAPS: Final = {
    "BatteryIn": Battery.BATTERY_IN,
    "BatteryOut": Battery.BATTERY_OUT,
    "BatteryOutTimeout": Battery.BATTERY_OUT_TIMEOUT,
}


def _use_priority(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        PriorityChargingChanged(
            *where,
            transaction_id=identifier(call.get("transactionId")),
            active=truth(call.get("activate")),
            status=status_of(answer),
            source="UsePriorityCharging",
        )
    ]


def _notify_priority(where: Where, call: Any) -> list[Fact]:
    return [
        PriorityChargingChanged(
            *where,
            transaction_id=identifier(call.get("transactionId")),
            active=truth(call.get("activated")),
            source="NotifyPriorityCharging",
        )
    ]


def _update_dynamic(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Pushed: the values stand in the CALL."""
    return [_dynamic(where, call, call, answer, "UpdateDynamicSchedule")]


def _pull_dynamic(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Pulled: the values stand in the answer."""
    return [_dynamic(where, call, answer, answer, "PullDynamicScheduleUpdate")]


def _dynamic(where: Where, call: Any, holder: Any, answer: Any, source: str) -> DynamicScheduleUpdated:
    update = mapping(mapping(holder).get("scheduleUpdate"))
    return DynamicScheduleUpdated(
        *where,
        profile_id=integer(call.get("chargingProfileId")),
        limit=number(update.get("limit")),
        discharge_limit=number(update.get("dischargeLimit")),
        setpoint=number(update.get("setpoint")),
        status=status_of(answer),
        source=source,
    )


def _allowed_energy_transfer(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        EnergyTransferAllowed(
            *where,
            transaction_id=identifier(call.get("transactionId")),
            modes=words(call.get("allowedEnergyTransfer"), MAX_MODES),
            status=status_of(answer),
        )
    ]


def _battery_swap(where: Where, call: Any) -> list[Fact]:
    return [
        BatterySwapped(
            *where,
            event=_SWAPS.get(text(call.get("eventType")), Battery.OTHER),
            who=named(call.get("idToken")),
            request_id=integer(call.get("requestId")),
            batteries=tuple([_battery(entry) for entry in items(call.get("batteryData"))[:MAX_BATTERIES]]),
        )
    ]


def _battery(entry: Any) -> tuple[str, float | None, float | None, int | None]:
    data = mapping(entry)
    return (
        text(data.get("serialNumber")),
        number(data.get("soC")),
        number(data.get("soH")),
        small(data.get("evseId")),
    )


def _request_battery_swap(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [
        BatterySwapRequested(
            *where,
            who=named(call.get("idToken")),
            request_id=integer(call.get("requestId")),
            status=status_of(answer),
        )
    ]


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "BatterySwap": Reading(said=told(_battery_swap)),
        "NotifyPriorityCharging": Reading(said=told(_notify_priority)),
        "PullDynamicScheduleUpdate": Reading(answered=kept(_pull_dynamic)),
    },
    Direction.FROM_CSMS: {
        "NotifyAllowedEnergyTransfer": Reading(answered=kept(_allowed_energy_transfer)),
        "RequestBatterySwap": Reading(answered=kept(_request_battery_swap)),
        "UpdateDynamicSchedule": Reading(answered=kept(_update_dynamic)),
        "UsePriorityCharging": Reading(answered=kept(_use_priority)),
    },
}
