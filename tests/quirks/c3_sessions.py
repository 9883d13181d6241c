"""Quirks 49 to 53, 64 and 65 as traffic: boots, statuses and commands, late, twice, out of order, or never."""

from __future__ import annotations

from typing import Final

from proxy.ocpp import facts
from proxy.ocpp.facts import Named, Place
from tests.quirks.model import (
    CP,
    CSMS,
    Ends,
    Quirk,
    Said,
    answers,
    calls,
    fact,
    fails,
)
from tests.quirks.ordinary import (
    BOOTED,
    FIRST,
    LOST,
    TAG,
    TWO,
    boots,
    energy,
    sampled,
    samples,
    started,
    starts,
    status_told,
    stopped,
    stops,
    tells_status,
)

BOOTS: Final = (
    Quirk(
        49,
        "It never boots: statuses and samples come right after the connection.",
        (*tells_status("s", "Available"), *samples("m", energy("17"), connector=0)),
        (*status_told("Available"), sampled(17.0, place=Place(None, 0))),
    ),
    Quirk(
        49,
        "After a reconnect there is no boot, as the standard wants it, and a transaction goes on.",
        (*boots(), *starts("t", 31), Ends(CP, "rst"), *stops("e", 31, on=1)),
        (*BOOTED, *started("31"), LOST, stopped("31")),
        ({"transaction_id": "31", "state": "ended", "began": "seen", "energy_wh": 8000.0},),
        TWO,
    ),
    Quirk(
        50,
        "The CSMS calls before it has answered the boot, and the charge point boots again and again.",
        (
            boots("1")[0],
            calls(CSMS, "g", "GetConfiguration", {"key": ["HeartbeatInterval"]}),
            boots("2")[0],
            boots("3")[0],
            boots("1")[1],
            boots("2")[1],
            boots("3")[1],
        ),
        BOOTED * 3,
    ),
    Quirk(
        51,
        "It reports statuses though its boot is Pending, and is told SecurityError.",
        (
            *boots(status="Pending", interval=60),
            tells_status("s", "Available")[0],
            fails(CSMS, "s", "SecurityError"),
        ),
        (fact(facts.Booted, status="Pending", interval_seconds=60), *status_told("Available")),
    ),
)

STATUSES: Final = (
    Quirk(
        52,
        "After a reconnect no status is told: the samples show that it still charges.",
        (
            *starts("t", 31),
            *tells_status("s", "Charging", minutes=1),
            Ends(CP, "rst"),
            *samples("m", energy("2500"), transaction_id=31, minutes=9, on=1),
        ),
        (
            *started("31"),
            *status_told("Charging", minutes=1),
            LOST,
            sampled(2500.0, transaction_id="31", place=FIRST),
        ),
        ({"transaction_id": "31", "state": "open", "began": "seen"},),
        TWO,
    ),
    Quirk(
        52,
        "Available is told while it charges.",
        (
            *starts("t", 31),
            *tells_status("s", "Available", minutes=1),
            *samples("m", energy("2500"), transaction_id=31, minutes=2),
        ),
        (*started("31"), *status_told("Available", minutes=1), sampled(2500.0, transaction_id="31")),
        ({"transaction_id": "31", "state": "open"},),
    ),
    Quirk(
        53,
        "An older status comes after a newer one, and one comes twice.",
        (
            *tells_status("1", "Charging", minutes=10),
            *tells_status("2", "Preparing", minutes=5),
            *tells_status("3", "Preparing", minutes=5),
        ),
        (
            *status_told("Charging", minutes=10),
            *status_told("Preparing", minutes=5),
            *status_told("Preparing", minutes=5),
        ),
    ),
    Quirk(
        53,
        "Faulted with the code NoError: a fault, and nothing is cleared.",
        tells_status("s", "Faulted"),
        (
            fact(
                facts.StatusChanged,
                status="Faulted",
                error_code="NoError",
                availability=facts.Availability.FAULTED,
            ),
        ),
    ),
    Quirk(
        53,
        "From Preparing to Finishing without a charge, which is legal.",
        (*tells_status("1", "Preparing"), *tells_status("2", "Finishing", minutes=2)),
        (*status_told("Preparing"), *status_told("Finishing", minutes=2)),
    ),
    Quirk(
        53,
        "Available for a moment before Unavailable.",
        (*tells_status("1", "Available"), *tells_status("2", "Unavailable")),
        (*status_told("Available"), *status_told("Unavailable")),
    ),
)

KEYS: Final = ("HeartbeatInterval", "MeterValueSampleInterval", "ConnectionTimeOut", "ResetRetries")


def configures(on: int) -> tuple[Said, ...]:
    return tuple(
        said
        for number, key in enumerate(KEYS)
        for said in (
            calls(CSMS, f"k{number}", "ChangeConfiguration", {"key": key, "value": "60"}, on=on),
            answers(CP, f"k{number}", {"status": "Accepted"}, on=on),
        )
    )


CONFIGURED: Final = (
    fact(facts.ConfigurationChanged, key="HeartbeatInterval", value="60", status="Accepted"),
    fact(facts.HeartbeatIntervalSet, seconds=60, source="ChangeConfiguration"),
    *(fact(facts.ConfigurationChanged, key=key, value="60", status="Accepted") for key in KEYS[1:]),
)

COMMANDS: Final = (
    Quirk(
        64,
        "The CSMS sets every key again on each reconnect.",
        (*configures(0), Ends(CP, "rst"), *configures(1)),
        (*CONFIGURED, LOST, *CONFIGURED),
        (),
        TWO,
    ),
    Quirk(
        64,
        "A remote start is answered only after the token was checked and the transaction started.",
        (
            calls(CSMS, "r", "RemoteStartTransaction", {"connectorId": 1, "idTag": TAG}),
            calls(CP, "a", "Authorize", {"idTag": TAG}),
            answers(CSMS, "a", {"idTagInfo": {"status": "Accepted"}}),
            *starts("t", 31),
            answers(CP, "r", {"status": "Accepted"}),
        ),
        (
            fact(facts.Authorized, who=Named(TAG), status="Accepted", source="Authorize"),
            *started("31"),
            fact(facts.RemoteStartRequested, who=Named(TAG), status="Accepted"),
        ),
        ({"transaction_id": "31", "state": "open"},),
    ),
    Quirk(
        65,
        "A limit of 10 A is accepted, and 31 A flow for some seconds.",
        (
            *starts("t", 31),
            calls(
                CSMS,
                "p",
                "SetChargingProfile",
                {
                    "connectorId": 1,
                    "csChargingProfiles": {
                        "chargingProfileId": 4,
                        "stackLevel": 0,
                        "chargingProfilePurpose": "TxProfile",
                        "chargingProfileKind": "Relative",
                        "transactionId": 31,
                        "chargingSchedule": {
                            "chargingRateUnit": "A",
                            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
                        },
                    },
                },
            ),
            answers(CP, "p", {"status": "Accepted"}),
            *samples(
                "m",
                {"value": "31", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
                transaction_id=31,
            ),
        ),
        (
            *started("31"),
            fact(
                facts.ChargingProfileSet,
                place=FIRST,
                status="Accepted",
                source="SetChargingProfile",
                profile=facts.Profile(
                    profile_id=4,
                    stack_level=0,
                    purpose="TxProfile",
                    kind="Relative",
                    transaction_id="31",
                    unit="A",
                    periods=((0, 10.0, None),),
                ),
            ),
            sampled(31.0, transaction_id="31", phase=("L1",)),
        ),
        ({"transaction_id": "31", "state": "open"},),
    ),
)


C3: Final[tuple[Quirk, ...]] = (
    *BOOTS,
    *STATUSES,
    *COMMANDS,
)
