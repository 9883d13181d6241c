"""Quirks 67 to 74 as traffic: registers and their units.

Whether a value can be true is an analyzer's business: what is expected here is that it comes out as it was told.
"""

from __future__ import annotations

from typing import Final

from proxy.ocpp.facts import Place
from tests.quirks.model import CP, CSMS, Quirk, answers, calls, violation
from tests.quirks.ordinary import (
    FIRST,
    at,
    energy,
    measured,
    moment,
    power,
    sampled,
    samples,
    shown,
    started,
    starts,
    stopped,
    stops,
)

REGISTERS: Final = (
    Quirk(
        67,
        "The register counts kWh and says Wh, beside 9.4 kW: told as it came.",
        (
            *starts("t", 31, meter=361),
            *measured((energy("361"), power("9400")), (energy("362"), power("9400")), every=7),
        ),
        (
            *started("31", meter=361.0),
            shown(361.0, 9400.0, told=moment(7)),
            shown(362.0, 9400.0, told=moment(14)),
        ),
        ({"transaction_id": "31", "state": "open"},),
    ),
    Quirk(
        68,
        "The unit changes from message to message: all come out in Wh.",
        measured((energy("12.5", "kWh"),), (energy("12600"),), (energy("12.7", "kWh"),)),
        (
            shown(12500.0, as_told=("12.5",), unit=("kWh",)),
            shown(12600.0, as_told=("12600",), unit=("Wh",)),
            shown(12700.0),
        ),
        ({"transaction_id": "31", "began": "unseen", "state": "open"},),
    ),
    Quirk(
        68,
        "kWh without a unit: read as Wh, which is the standard's default.",
        measured((energy("12.5", None),)),
        (shown(12.5, as_told=("12.5",), unit=("",)),),
        ({"transaction_id": "31", "began": "unseen"},),
    ),
    Quirk(
        69,
        "The register falls to 0 for a moment, then shows 16 MWh.",
        (
            *starts("t", 31),
            *measured((energy("2000"),), (energy("0"),), (energy("16000000"),), (energy("2600"),)),
            *stops("e", 31),
        ),
        (
            *started("31"),
            shown(2000.0),
            shown(0.0),
            shown(16_000_000.0),
            shown(2600.0),
            stopped("31"),
        ),
        ({"transaction_id": "31", "state": "ended", "energy_wh": 8000.0, "energy_basis": "meter"},),
    ),
    Quirk(
        70,
        "The register begins at 0 with every transaction.",
        (
            *starts("1", 31, meter=0),
            *stops("2", 31, meter=8000),
            *starts("3", 32, meter=0, minutes=90),
            *stops("4", 32, meter=5000, minutes=120),
        ),
        (
            *started("31", meter=0.0),
            stopped("31", meter=8000.0),
            *started("32", meter=0.0, minutes=90),
            stopped("32", meter=5000.0, minutes=120),
        ),
        (
            {"transaction_id": "31", "energy_wh": 8000.0},
            {"transaction_id": "32", "energy_wh": 5000.0},
        ),
    ),
    Quirk(
        70,
        "A lifetime register: the next transaction begins higher than the one before it stopped.",
        (
            *starts("1", 31),
            *stops("2", 31),
            *starts("3", 32, meter=9400, minutes=90),
            *stops("4", 32, meter=9900, minutes=120),
        ),
        (
            *started("31"),
            stopped("31"),
            *started("32", meter=9400.0, minutes=90),
            stopped("32", meter=9900.0, minutes=120),
        ),
        (
            {"transaction_id": "31", "energy_wh": 8000.0},
            {"transaction_id": "32", "energy_wh": 500.0},
        ),
    ),
    Quirk(
        71,
        "It stops with less than it started with: that is no energy, and said as it came.",
        (*starts("1", 31, meter=5000), *stops("2", 31, meter=20)),
        (*started("31", meter=5000.0), stopped("31", meter=20.0)),
        (
            {
                "transaction_id": "31",
                "state": "ended",
                "meter_start_wh": 5000.0,
                "meter_stop_wh": 20.0,
                "energy_wh": None,
            },
        ),
    ),
    Quirk(
        71,
        "It stops as it started, both 0.",
        (*starts("1", 31, meter=0), *stops("2", 31, meter=0)),
        (*started("31", meter=0.0), stopped("31", meter=0.0)),
        ({"transaction_id": "31", "state": "ended", "energy_wh": 0.0},),
    ),
    Quirk(
        72,
        "Samples of a transaction come after its stop: it stays as it ended.",
        (
            *starts("1", 31),
            *stops("2", 31),
            *samples("3", energy("9004"), transaction_id=31, minutes=61),
            *starts("4", 32, meter=9004, minutes=90),
        ),
        (
            *started("31"),
            stopped("31"),
            sampled(9004.0, transaction_id="31"),
            *started("32", meter=9004.0, minutes=90),
        ),
        (
            {"transaction_id": "31", "state": "ended", "meter_stop_wh": 9000.0, "energy_wh": 8000.0},
            {"transaction_id": "32", "state": "open"},
        ),
    ),
    Quirk(
        73,
        "Each message repeats the value of the begin beside the one that runs.",
        (
            *starts("t", 31),
            *measured(
                (energy("1000", context="Transaction.Begin"), energy("1500", context="Sample.Periodic")),
                (energy("1000", context="Transaction.Begin"), energy("2500", context="Sample.Periodic")),
            ),
        ),
        (
            *started("31"),
            shown(1000.0, 1500.0, context=("Transaction.Begin", "Sample.Periodic")),
            shown(1000.0, 2500.0, context=("Transaction.Begin", "Sample.Periodic")),
        ),
        ({"transaction_id": "31", "state": "open"},),
    ),
    Quirk(
        73,
        "The lifetime register moves only when the cable is pulled.",
        (
            *starts("t", 31),
            *measured((energy("1000"),), (energy("1000"),), (energy("1000"),)),
            *stops("e", 31),
        ),
        (*started("31"), shown(1000.0), shown(1000.0), shown(1000.0), stopped("31")),
        ({"transaction_id": "31", "state": "ended", "energy_wh": 8000.0},),
    ),
    Quirk(
        74,
        "Connector 0 tells the very value of connector 1, without a transaction.",
        (
            *starts("t", 31),
            *samples("1", energy("1500", context="Sample.Clock"), transaction_id=31, minutes=15),
            *samples("0", energy("1500", context="Sample.Clock"), connector=0, minutes=15),
        ),
        (
            *started("31"),
            sampled(1500.0, transaction_id="31", place=FIRST),
            sampled(1500.0, transaction_id="", place=Place(None, 0)),
        ),
        ({"transaction_id": "31", "state": "open", "connector_id": 1},),
    ),
    Quirk(
        74,
        "Samples without a connector.",
        (
            calls(
                CP,
                "m",
                "MeterValues",
                {"meterValue": [{"timestamp": at(1), "sampledValue": [energy("1500")]}]},
                violation("required", "/connectorId"),
            ),
            answers(CSMS, "m"),
        ),
        (sampled(1500.0, place=Place(None, None)),),
    ),
)


C4: Final[tuple[Quirk, ...]] = (*REGISTERS,)
