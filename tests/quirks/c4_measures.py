"""Quirks 75 to 81 as traffic: phases, batteries, clocks, heartbeats, signed values; told as they came."""

from __future__ import annotations

from typing import Any, Final

from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Place
from proxy.ocpp.meter import Signature
from tests.quirks.model import CP, CSMS, Quirk, answers, calls, fact, line, violation
from tests.quirks.ordinary import (
    BEATEN,
    BOOTED,
    at,
    beats,
    boots,
    energy,
    measured,
    moment,
    power,
    sampled,
    samples,
    shown,
    started,
    starts,
    status_told,
    stopped,
    stops,
    tells_status,
)


def current(value: str, phase: str) -> dict[str, Any]:
    return {"value": value, "measurand": "Current.Import", "phase": phase, "unit": "A"}


def voltage(value: str, phase: str) -> dict[str, Any]:
    return {"value": value, "measurand": "Voltage", "phase": phase, "unit": "V"}


def soc(value: str) -> dict[str, Any]:
    return {"value": value, "measurand": "SoC", "unit": "Percent", "location": "EV"}


PHASES: Final = (
    Quirk(
        75,
        "The current is told of phase N alone.",
        samples("m", current("16", "N")),
        (sampled(16.0, phase=("N",)),),
    ),
    Quirk(
        75,
        "Currents of L1-N, voltages between phases, 1.5 V where nothing is connected.",
        samples(
            "m",
            current("15.8", "L1-N"),
            voltage("402", "L1-L2"),
            voltage("1.5", "L3-N"),
        ),
        (sampled(15.8, 402.0, 1.5, phase=("L1-N", "L1-L2", "L3-N")),),
    ),
    Quirk(
        75,
        "The power of all phases is not their sum.",
        samples(
            "m",
            power("22080"),
            power("1150", phase="L1"),
            power("1120", phase="L2"),
            power("1130", phase="L3"),
        ),
        (sampled(22080.0, 1150.0, 1120.0, 1130.0, phase=("", "L1", "L2", "L3")),),
    ),
    Quirk(
        76,
        "The same 11 kW for hours, while nothing flows.",
        measured(*((power("11040"), energy("7000")),) * 4, every=60),
        tuple(shown(11040.0, 7000.0, told=moment(60 * hour)) for hour in range(1, 5)),
        ({"transaction_id": "31", "began": "unseen", "state": "open"},),
    ),
    Quirk(
        77,
        "The battery falls from 33 % to 0 % while it charges.",
        (*starts("t", 31), *measured((soc("33"),), (soc("0"),)), *stops("e", 31)),
        (*started("31"), shown(33.0), shown(0.0), stopped("31")),
        ({"transaction_id": "31", "soc_first": 33.0, "soc_last": 0.0},),
    ),
    Quirk(
        77,
        "Asked to measure the battery, it refuses the whole list.",
        (
            calls(
                CSMS,
                "k",
                "ChangeConfiguration",
                {"key": "MeterValuesSampledData", "value": "Energy.Active.Import.Register,SoC"},
            ),
            answers(CP, "k", {"status": "Rejected"}),
        ),
        (fact(facts.ConfigurationChanged, key="MeterValuesSampledData", status="Rejected"),),
    ),
    Quirk(
        78,
        "Samples each minute are agreed upon, and none ever comes.",
        (
            calls(CSMS, "k", "ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "60"}),
            answers(CP, "k", {"status": "Accepted"}),
            *starts("t", 31),
            *stops("e", 31),
        ),
        (
            fact(facts.ConfigurationChanged, key="MeterValueSampleInterval", value="60", status="Accepted"),
            *started("31"),
            stopped("31"),
        ),
        ({"transaction_id": "31", "state": "ended", "samples": 0, "energy_wh": 8000.0},),
    ),
)

CLOCKS: Final = (
    Quirk(
        79,
        "Local time two hours ahead, labelled Z: told as it came.",
        tells_status("s", "Available", minutes=120),
        status_told("Available", minutes=120),
    ),
    Quirk(
        79,
        "Before its clock is set it is 1970.",
        (
            calls(
                CP,
                "s",
                "StatusNotification",
                {
                    "connectorId": 1,
                    "errorCode": "NoError",
                    "status": "Available",
                    "timestamp": "1970-01-01T00:00:09Z",
                },
                violation("timestamp", "/timestamp"),
            ),
            answers(CSMS, "s"),
        ),
        (
            fact(facts.StatusChanged, told=Moment(9_000_000_000)),
            fact(facts.FaultCleared, told=Moment(9_000_000_000)),
        ),
    ),
    Quirk(
        79,
        "The CSMS itself tells local time with its offset.",
        (
            boots()[0],
            answers(
                CSMS, "b", {"status": "Accepted", "currentTime": "2026-11-21T13:00:00+01:00", "interval": 300}
            ),
        ),
        (fact(facts.Booted, told=moment(0)), BOOTED[1]),
    ),
    Quirk(
        80,
        "A Heartbeat every twelve hours.",
        boots(interval=43200),
        (
            fact(facts.Booted, interval_seconds=43200),
            fact(facts.HeartbeatIntervalSet, seconds=43200),
        ),
    ),
    Quirk(
        80,
        "An interval of 0, and Heartbeats as fast as they go.",
        (*boots(interval=0), *beats("1"), *beats("2"), *beats("3")),
        (
            fact(facts.Booted, interval_seconds=0),
            fact(facts.HeartbeatIntervalSet, seconds=0),
            BEATEN,
            BEATEN,
            BEATEN,
        ),
    ),
)

SIGNED: Final = (
    'OCMF|{"FV":"1.0","PG":"T4","RD":[{"TM":"2026-11-21T12:00:00","RV":17.25,"RU":"kWh"}]}|{"SD":"3045"}'
)

SIGNATURES: Final = (
    Quirk(
        81,
        "1.6: a signed value is JSON inside a string, which is no number.",
        samples("m", energy("17250"), energy(SIGNED, None, format="SignedData"), transaction_id=31),
        (sampled(17250.0, None, as_told=("17250", SIGNED), transaction_id="31"),),
        ({"transaction_id": "31", "began": "unseen"},),
    ),
    Quirk(
        81,
        "2.0.1: the signed value stands beside the number, with its public key.",
        (
            calls(
                CP,
                "m",
                "MeterValues",
                {
                    "evseId": 1,
                    "meterValue": [
                        {
                            "timestamp": at(1),
                            "sampledValue": [
                                {
                                    "value": 17250,
                                    "signedMeterValue": {
                                        "signedMeterData": "T0NNRnx7fQ==",
                                        "signingMethod": "",
                                        "encodingMethod": "OCMF",
                                        "publicKey": "b2N0",
                                    },
                                }
                            ],
                        }
                    ],
                },
            ),
            answers(CSMS, "m"),
        ),
        (
            sampled(
                17250.0,
                place=Place(1, None),
                signature=(Signature(encoding="OCMF", public_key="b2N0", size=12),),
            ),
        ),
        (),
        (line("2.0.1"),),
    ),
)


C4: Final[tuple[Quirk, ...]] = (
    *PHASES,
    *CLOCKS,
    *SIGNATURES,
)
