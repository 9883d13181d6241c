"""OCPP 2.0.1 and 2.1: boot, status, id tokens, meter values, charging needs -> facts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    NOWHERE,
    UNTOLD,
    Authorized,
    Availability,
    Booted,
    ChargingNeedsTold,
    EnergyTransferAllowed,
    Fact,
    HeartbeatIntervalSet,
    HeartbeatSeen,
    MeterSampled,
    Moment,
    Named,
    Place,
    StatusChanged,
    TariffSet,
    Where,
    meter_sampled,
)
from proxy.ocpp.meter import samples
from proxy.ocpp.v20.charging import READINGS
from tests.ocpp.v2 import BOTH, DEEP, every_fact_of
from tests.ocpp.v20.metering import AT_NOON, CARD, DRIVER, NOON, SECOND, Answer, Say, element, register

# boot and heartbeat

BOOT = {
    "reason": "PowerUp",
    "chargingStation": {
        "vendorName": "Acme",
        "model": "Wall",
        "firmwareVersion": "1.2",
        "serialNumber": "SN-9",
        "modem": {"iccid": "8944", "imsi": "2620"},
    },
}


def test_an_accepted_boot_says_who_it_is_and_sets_the_interval(answer: Answer, where: Where) -> None:
    result = {"status": "Accepted", "interval": 300, "currentTime": NOON}
    assert answer("BootNotification", BOOT, result) == [
        Booted(
            *where,
            vendor="Acme",
            model="Wall",
            firmware="1.2",
            serial="SN-9",
            status="Accepted",
            interval_seconds=300,
            reason="PowerUp",
            told=AT_NOON,
            iccid="8944",
            imsi="2620",
            meter_type="",
            meter_serial="",
        ),
        HeartbeatIntervalSet(*where, seconds=300, source="BootNotification"),
    ]


@pytest.mark.parametrize("status", ["Pending", "Rejected", "", None, 17])
def test_a_boot_not_accepted_sets_no_interval(answer: Answer, status: object) -> None:
    [booted] = answer("BootNotification", BOOT, {"status": status, "interval": 9})
    assert isinstance(booted, Booted)
    assert booted.interval_seconds == 9


def test_a_boot_whose_call_was_not_kept_still_has_its_answer(answer: Answer, where: Where) -> None:
    [booted, _] = answer("BootNotification", None, {"status": "Accepted", "interval": "60"})
    assert booted == Booted(*where, status="Accepted", interval_seconds=60)


def test_a_heartbeat_tells_the_time_of_the_csms(answer: Answer, where: Where) -> None:
    assert answer("Heartbeat", {}, {"currentTime": NOON}) == [HeartbeatSeen(*where, told=AT_NOON)]
    assert answer("Heartbeat", {}, None) == [HeartbeatSeen(*where, told=UNTOLD)]


# status


def test_a_connector_tells_its_status(say: Say, where: Where) -> None:
    call = {"timestamp": NOON, "connectorStatus": "Occupied", "evseId": 2, "connectorId": 1}
    assert say("StatusNotification", call) == [
        StatusChanged(
            *where,
            place=SECOND,
            status="Occupied",
            availability=Availability.OCCUPIED,
            told=AT_NOON,
            source="StatusNotification",
            error_code="",
            info="",
            vendor_id="",
            vendor_error_code="",
        )
    ]


@pytest.mark.parametrize(
    ("status", "availability"),
    [
        ("Available", Availability.AVAILABLE),
        ("Occupied", Availability.OCCUPIED),
        ("Reserved", Availability.RESERVED),
        ("Unavailable", Availability.UNAVAILABLE),
        ("Faulted", Availability.FAULTED),
        ("faulted", Availability.FAULTED),
        ("SuspendedEV", Availability.OCCUPIED),
        ("Sleeping", Availability.UNKNOWN),
    ],
)
def test_status_words(say: Say, status: str, availability: Availability) -> None:
    [changed] = say("StatusNotification", {"connectorStatus": status})
    assert isinstance(changed, StatusChanged)
    assert (changed.status, changed.availability, changed.place) == (status, availability, NOWHERE)


def test_a_status_without_its_word_says_nothing(say: Say) -> None:
    assert say("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": None}) == []


def test_local_time_labelled_z_and_time_without_zone_are_told_as_they_are(say: Say) -> None:
    [zulu] = say("StatusNotification", {"connectorStatus": "Available", "timestamp": NOON})
    [naive] = say("StatusNotification", {"connectorStatus": "Available", "timestamp": "2026-03-01T12:00:00"})
    assert isinstance(zulu, StatusChanged)
    assert isinstance(naive, StatusChanged)
    assert (zulu.told, naive.told) == (AT_NOON, Moment(None, "2026-03-01T12:00:00"))


# id tokens


def test_what_the_csms_says_about_a_token(answer: Answer, where: Where) -> None:
    info = {
        "status": "ConcurrentTx",
        "cacheExpiryDateTime": NOON,
        "groupIdToken": {"idToken": "FLEET", "type": "Central"},
    }
    result = {"idTokenInfo": info, "certificateStatus": "CertificateExpired"}
    assert answer("Authorize", {"idToken": CARD}, result) == [
        Authorized(
            *where,
            who=DRIVER,
            status="ConcurrentTx",
            source="Authorize",
            parent="FLEET",
            expires=AT_NOON,
            place=NOWHERE,
            transaction_id="",
            certificate_status="CertificateExpired",
        )
    ]


def test_a_csms_that_sends_the_call_back_says_nothing(answer: Answer) -> None:
    assert answer("Authorize", {"idToken": CARD}, {"idToken": CARD}) == []


def test_a_token_as_a_bare_string_is_a_token_of_no_kind(answer: Answer) -> None:
    [authorized] = answer("Authorize", {"idToken": "04A1"}, {"idTokenInfo": {"status": "Accepted"}})
    assert isinstance(authorized, Authorized)
    assert authorized.who == Named("04A1", "")


def test_an_authorization_may_bring_a_tariff_and_allowed_transfers(answer: Answer, where: Where) -> None:
    result = {
        "idTokenInfo": {"status": "Accepted"},
        "tariff": {"tariffId": "night", "currency": "EUR"},
        "allowedEnergyTransfer": ["DC", "DC_BPT"],
    }
    assert answer("Authorize", {"idToken": CARD}, result)[1:] == [
        TariffSet(
            *where,
            tariff_id="night",
            currency="EUR",
            place=NOWHERE,
            transaction_id="",
            status="",
            source="Authorize",
        ),
        EnergyTransferAllowed(*where, transaction_id="", modes=("DC", "DC_BPT"), status=""),
    ]


# meter values


def test_the_main_meter_is_evse_0(say: Say, where: Where) -> None:
    told = element(register(1))
    assert say("MeterValues", {"evseId": 0, "meterValue": [told]}) == [
        meter_sampled(
            where,
            place=Place(0, None),
            transaction_id="",
            told=AT_NOON,
            samples=samples(told),
            source="MeterValues",
        )
    ]


def test_one_element_that_is_no_array_and_one_without_samples(say: Say) -> None:
    """Huawei (quirk 30), Vestel (quirk 31)."""
    [single] = say("MeterValues", {"evseId": 1, "meterValue": element(register(1))})
    [empty] = say(
        "MeterValues", {"evseId": 1, "meterValue": [{"timestamp": NOON, "sampledValue": []}, {}, 7]}
    )
    assert isinstance(single, MeterSampled)
    assert isinstance(empty, MeterSampled)
    assert (len(single.samples), empty.samples, empty.told) == (1, (), AT_NOON)


# charging needs

AC = {"energyAmount": 20000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 400}
DC = {
    "evMaxCurrent": 300,
    "evMaxVoltage": 920,
    "energyAmount": 41000,
    "evMaxPower": 150000,
    "stateOfCharge": 23,
    "evEnergyCapacity": 77000,
}
V2X = {"maxChargePower": 7000, "maxChargeCurrent": 32.5, "maxVoltage": 410, "evTargetEnergyRequest": 15000}


def test_what_a_car_needs(answer: Answer, where: Where) -> None:
    needs = {"requestedEnergyTransfer": "DC", "departureTime": NOON, "dcChargingParameters": DC}
    call = {"evseId": 2, "chargingNeeds": needs, "timestamp": NOON}
    assert answer("NotifyEVChargingNeeds", call, {"status": "Processing"}) == [
        ChargingNeedsTold(
            *where,
            place=Place(2, None),
            energy_transfer="DC",
            departure=AT_NOON,
            soc_percent=23.0,
            capacity_wh=77000.0,
            energy_wh=41000.0,
            max_power_w=150000.0,
            max_current_a=300.0,
            max_voltage_v=920.0,
            status="Processing",
            told=AT_NOON,
        )
    ]


@pytest.mark.parametrize(
    ("parameters", "energy", "power", "current", "voltage"),
    [
        ({"acChargingParameters": AC}, 20000.0, None, 16.0, 400.0),
        ({"v2xChargingParameters": V2X}, 15000.0, 7000.0, 32.5, 410.0),
        (
            {"v2xChargingParameters": V2X | {"maxChargePower_L2": 7000, "maxChargePower_L3": "6000"}},
            15000.0,
            20000.0,
            32.5,
            410.0,
        ),
        ({"v2xChargingParameters": {"maxChargePower_L2": 7000}}, None, None, None, None),
        (
            {"dcChargingParameters": {"evMaxPower": 0}, "v2xChargingParameters": V2X},
            15000.0,
            0.0,
            32.5,
            410.0,
        ),
        ({}, None, None, None, None),
    ],
)
def test_needs_of_ac_and_of_iso_15118_20(
    answer: Answer,
    parameters: dict[str, object],
    energy: float | None,
    power: float | None,
    current: float | None,
    voltage: float | None,
) -> None:
    [needs] = answer("NotifyEVChargingNeeds", {"chargingNeeds": parameters}, {"status": "Accepted"})
    assert isinstance(needs, ChargingNeedsTold)
    assert (needs.energy_wh, needs.max_power_w) == (energy, power)
    assert (needs.max_current_a, needs.max_voltage_v) == (current, voltage)
    assert (needs.soc_percent, needs.capacity_wh) == (None, None)


# anything


def test_a_time_without_a_text_is_none(say: Say) -> None:
    [changed] = say("StatusNotification", {"connectorStatus": "Available", "timestamp": DEEP})
    assert isinstance(changed, StatusChanged)
    assert changed.told == UNTOLD


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(BOTH), st.data())
def test_any_payload_gives_facts_and_never_an_exception(version: str, data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of(version, READINGS, data))
