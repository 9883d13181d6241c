"""2.1: priority charging, dynamic schedules, allowed energy transfer, battery swapping."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    Battery,
    BatterySwapped,
    BatterySwapRequested,
    DynamicScheduleUpdated,
    EnergyTransferAllowed,
    Fact,
    Named,
    PriorityChargingChanged,
)
from proxy.ocpp.v21.charging import READINGS
from tests.ocpp import v2
from tests.ocpp.v2 import WHERE, every_fact_of

TOKEN = {"idToken": "04A1B2", "type": "ISO14443"}
OK = {"status": "Accepted"}


def test_use_priority_charging() -> None:
    call = {"transactionId": "tx-7", "activate": True}
    assert v2.answered("2.1", "UsePriorityCharging", call, {"status": "NoProfile"}) == [
        PriorityChargingChanged(
            *WHERE, transaction_id="tx-7", active=True, status="NoProfile", source="UsePriorityCharging"
        )
    ]


def test_notify_priority_charging() -> None:
    assert v2.said("2.1", "NotifyPriorityCharging", {"transactionId": "tx-7", "activated": False}) == [
        PriorityChargingChanged(
            *WHERE, transaction_id="tx-7", active=False, status="", source="NotifyPriorityCharging"
        )
    ]


def test_a_pushed_schedule_stands_in_the_call() -> None:
    update = {"limit": 11000, "dischargeLimit": -5000.5, "setpoint": "-3000"}
    call = {"chargingProfileId": 5, "scheduleUpdate": update}
    assert v2.answered("2.1", "UpdateDynamicSchedule", call, {"status": "Rejected"}) == [
        DynamicScheduleUpdated(
            *WHERE,
            profile_id=5,
            limit=11000.0,
            discharge_limit=-5000.5,
            setpoint=-3000.0,
            status="Rejected",
            source="UpdateDynamicSchedule",
        )
    ]


def test_a_pulled_schedule_stands_in_the_answer() -> None:
    answer = {"status": "Accepted", "scheduleUpdate": {"limit": 6.0}}
    assert v2.answered("2.1", "PullDynamicScheduleUpdate", {"chargingProfileId": 5}, answer) == [
        DynamicScheduleUpdated(
            *WHERE,
            profile_id=5,
            limit=6.0,
            discharge_limit=None,
            setpoint=None,
            status="Accepted",
            source="PullDynamicScheduleUpdate",
        )
    ]


def test_allowed_energy_transfer() -> None:
    call = {"transactionId": "tx-7", "allowedEnergyTransfer": ["AC_BPT", "DC"]}
    assert v2.answered("2.1", "NotifyAllowedEnergyTransfer", call, OK) == [
        EnergyTransferAllowed(*WHERE, transaction_id="tx-7", modes=("AC_BPT", "DC"), status="Accepted")
    ]


@pytest.mark.parametrize(
    ("told", "event"),
    [
        ("BatteryIn", Battery.BATTERY_IN),
        ("BatteryOut", Battery.BATTERY_OUT),
        ("BatteryOutTimeout", Battery.BATTERY_OUT_TIMEOUT),
        ("BatteryLost", Battery.OTHER),
        (None, Battery.OTHER),
    ],
)
def test_battery_swap(told: object, event: Battery) -> None:
    batteries = [
        {"evseId": 1, "serialNumber": "B-1", "soC": 12.5, "soH": 97},
        {"evseId": "2", "serialNumber": 4711, "soC": "", "soH": None},
    ]
    call = {"eventType": told, "idToken": TOKEN, "requestId": 8, "batteryData": batteries}
    assert v2.said("2.1", "BatterySwap", call) == [
        BatterySwapped(
            *WHERE,
            event=event,
            who=Named("04A1B2", "ISO14443"),
            request_id=8,
            batteries=(("B-1", 12.5, 97.0, 1), ("4711", None, None, 2)),
        )
    ]


def test_request_battery_swap() -> None:
    assert v2.answered("2.1", "RequestBatterySwap", {"idToken": TOKEN, "requestId": 8}, OK) == [
        BatterySwapRequested(*WHERE, who=Named("04A1B2", "ISO14443"), request_id=8, status="Accepted")
    ]


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of("2.1", READINGS, data))
