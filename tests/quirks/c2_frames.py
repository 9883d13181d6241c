"""Quirks 25 to 38 as traffic: JSON that is none, members of the wrong kind."""

from __future__ import annotations

from typing import Final

from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Named
from tests.quirks.model import (
    CP,
    CSMS,
    NOON,
    Quirk,
    answers,
    calls,
    erratum,
    fact,
    fails,
    says,
    unparseable,
    violation,
)
from tests.quirks.ordinary import (
    BEATEN,
    BOOTED,
    FIRST,
    beats,
    energy,
    moment,
    sampled,
    samples,
    status_told,
    stopped,
    stops,
    tells_status,
)

NOT_JSON: Final = unparseable("not JSON")
ASKED_KEYS: Final = calls(CSMS, "g", "GetConfiguration", {"key": ["LocalPreAuthorize"]})


BROKEN: Final = (
    Quirk(
        25,
        "The answer to GetConfiguration ends in the middle.",
        (ASKED_KEYS, says(CP, '[3,"g",{"configurationKey":[', NOT_JSON)),
    ),
    Quirk(
        25,
        "The answer to GetConfiguration closes an array that it never opened.",
        (ASKED_KEYS, says(CP, '[3,"g",{"configurationKey":]}]', NOT_JSON)),
    ),
    Quirk(
        26,
        "A list of samples begins with a comma.",
        (
            says(
                CP,
                '[2,"m","MeterValues",{"connectorId":1,"transactionId":5,"meterValue":'
                f'[{{"timestamp":"{NOON}","sampledValue":[,{{"value":"17"}}]}}]}}]',
                NOT_JSON,
            ),
        ),
    ),
    Quirk(
        27,
        "A stop whose transaction id is left blank: no transaction ends.",
        (
            says(
                CP,
                f'[2,"s","StopTransaction",{{"transactionId":,"meterStop":1200,"timestamp":"{NOON}"}}]',
                NOT_JSON,
            ),
        ),
    ),
    Quirk(
        28,
        "A NUL byte stands in a string.",
        (
            says(
                CP,
                b'[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError",'
                b'"status":"Available","info":"ok\x00"}]',
                NOT_JSON,
            ),
        ),
    ),
    Quirk(
        28,
        "A NUL stands in a string, properly escaped.",
        tells_status("s", "Available", info="ok\x00"),
        status_told("Available", info="ok\x00"),
    ),
    Quirk(
        29,
        "Two bytes of rubbish at the end of an id token.",
        (says(CP, b'[2,"a","Authorize",{"idTag":"CAFE0123456789ABCDEF\x10\x0e"}]', NOT_JSON),),
    ),
    Quirk(
        29,
        "The same rubbish, escaped: the token is 22 characters long, and nobody's.",
        (
            calls(
                CP,
                "a",
                "Authorize",
                {"idTag": "CAFE0123456789ABCDEF\x10\x0e"},
                violation("max length", "/idTag"),
            ),
            answers(CSMS, "a", {"idTagInfo": {"status": "Invalid"}}),
        ),
        (fact(facts.Authorized, who=Named("CAFE0123456789ABCDEF\x10\x0e"), status="Invalid"),),
    ),
)

WRONG_KIND: Final = (
    Quirk(
        30,
        "meterValue is an object, not a list of them.",
        (
            calls(
                CP,
                "m",
                "MeterValues",
                {"connectorId": 1, "meterValue": {"timestamp": NOON, "sampledValue": [energy("17")]}},
                violation("type", "/meterValue"),
            ),
            answers(CSMS, "m"),
        ),
        (sampled(17.0, place=FIRST, told=moment(0), source="MeterValues"),),
    ),
    Quirk(
        31,
        "A list of samples is empty: nothing was measured.",
        samples("m", judged=violation("min items", "/meterValue/0/sampledValue")),
        (sampled(place=FIRST, told=moment(1)),),
    ),
    Quirk(
        32,
        "The value of each sample is an empty string.",
        samples(
            "m",
            energy(""),
            {"value": "", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
        ),
        (sampled(None, None, as_told=("", "")),),
    ),
    Quirk(
        32,
        'A composite schedule begins at "0".',
        (
            calls(CSMS, "c", "GetCompositeSchedule", {"connectorId": 1, "duration": 600}),
            answers(
                CP,
                "c",
                {
                    "status": "Accepted",
                    "connectorId": 1,
                    "chargingSchedule": {
                        "startSchedule": "0",
                        "chargingRateUnit": "A",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
                    },
                },
                violation("timestamp", "/chargingSchedule/startSchedule"),
            ),
        ),
        (
            fact(
                facts.CompositeScheduleTold,
                place=FIRST,
                schedule=facts.Profile(unit="A", start=Moment(None, "0"), periods=((0, 16.0, None),)),
            ),
        ),
    ),
    Quirk(
        33,
        "Values are numbers, not strings.",
        samples(
            "m",
            {"value": 0.0, "measurand": "Current.Import", "unit": "A"},
            energy(10),
            judged=violation("type", "/meterValue/0/sampledValue/0/value"),
        ),
        (sampled(0.0, 10.0, as_told=("", "")),),
    ),
    Quirk(
        33,
        "A configuration value is a number.",
        (
            ASKED_KEYS,
            answers(
                CP,
                "g",
                {"configurationKey": [{"key": "MeterValueSampleInterval", "readonly": False, "value": 30}]},
                violation("type", "/configurationKey/0/value"),
            ),
        ),
        (fact(facts.ConfigurationTold, key="MeterValueSampleInterval", value="30", mutability="ReadWrite"),),
    ),
    Quirk(
        33,
        "Numbers come as strings: connector, transaction, meter.",
        (
            *stops("s", "31", meter="9000", judged=violation("type", "/meterStop")),
            *tells_status("t", "Available", connector="1", judged=violation("type", "/connectorId")),
        ),
        (stopped("31"), *status_told("Available")),
        ({"transaction_id": "31", "state": "ended", "began": "unseen", "meter_stop_wh": 9000.0},),
    ),
    Quirk(
        34,
        "1.5's `values` and `value` in the place of meterValue and sampledValue.",
        (
            calls(
                CP,
                "m",
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": 5,
                    "values": [{"timestamp": NOON, "value": [energy("2500")]}],
                },
                violation("required", "/meterValue"),
            ),
            answers(CSMS, "m"),
        ),
        (sampled(2500.0, transaction_id="5", told=moment(0)),),
        ({"transaction_id": "5", "state": "open", "began": "unseen", "energy_wh": None},),
    ),
    Quirk(
        35,
        "A serial number and a model are longer than they may be.",
        (
            calls(
                CP,
                "b",
                "BootNotification",
                {
                    "chargePointVendor": "Volt",
                    "chargePointModel": "V2 Duo with cable and display",
                    "chargeBoxSerialNumber": "SN-2026-0000-0000-0000-0077",
                },
                violation("max length", "/chargeBoxSerialNumber"),
            ),
            answers(CSMS, "b", {"status": "Accepted", "currentTime": NOON, "interval": 300}),
        ),
        (
            fact(
                facts.Booted,
                model="V2 Duo with cable and display",
                serial="SN-2026-0000-0000-0000-0077",
                status="Accepted",
            ),
            BOOTED[1],
        ),
    ),
    Quirk(
        35,
        "An info of more than 50 characters.",
        tells_status("s", "Available", info="i" * 80, judged=violation("max length", "/info")),
        status_told("Available", info="i" * 80),
    ),
    Quirk(
        36,
        "An error code that no standard has.",
        tells_status("s", "Faulted", "Error", judged=violation("enum", "/errorCode")),
        (
            fact(facts.StatusChanged, status="Faulted", error_code="Error"),
            fact(facts.FaultReported, place=FIRST, code="Error", status="Faulted"),
        ),
    ),
    Quirk(
        36,
        "A context that no standard has.",
        samples(
            "m",
            energy("17", context="Sample.Regular"),
            judged=violation("enum", "/meterValue/0/sampledValue/0/context"),
        ),
        (sampled(17.0, context=("Sample.Regular",)),),
    ),
    Quirk(
        36,
        "A schedule in units of Power.",
        (
            calls(CSMS, "c", "GetCompositeSchedule", {"connectorId": 1, "duration": 600}),
            answers(
                CP,
                "c",
                {
                    "status": "Accepted",
                    "connectorId": 1,
                    "chargingSchedule": {
                        "chargingRateUnit": "Power",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000}],
                    },
                },
                violation("enum", "/chargingSchedule/chargingRateUnit"),
            ),
        ),
        (
            fact(
                facts.CompositeScheduleTold,
                place=FIRST,
                schedule=facts.Profile(unit="W", periods=((0, 11000.0, None),)),
            ),
        ),
    ),
    Quirk(
        37,
        "A time without a zone is no moment: its text is kept.",
        (
            calls(
                CP,
                "s",
                "StatusNotification",
                {
                    "connectorId": 1,
                    "errorCode": "NoError",
                    "status": "Available",
                    "timestamp": "2026-11-21T12:00:00",
                },
                violation("timestamp", "/timestamp"),
            ),
            answers(CSMS, "s"),
        ),
        (
            fact(facts.StatusChanged, status="Available", told=Moment(None, "2026-11-21T12:00:00")),
            fact(facts.FaultCleared, told=Moment(None, "2026-11-21T12:00:00")),
        ),
    ),
    Quirk(
        37,
        "The CSMS tells its time with milliseconds, and the charge point cannot read them.",
        (
            *beats(told="2026-11-21T12:00:00.250Z"),
            fails(CP, "h", "FormationViolation", description="no clock like this"),
        ),
        (
            fact(facts.HeartbeatSeen, told=Moment(moment(0).ns + 250_000_000)),  # type: ignore[operator]
            fact(facts.AnswerRejected, action="Heartbeat", code="FormationViolation"),
        ),
    ),
    Quirk(
        37,
        "The CSMS tells its time with an offset, and means the same moment.",
        beats(told="2026-11-21T13:00:00+01:00"),
        (BEATEN,),
    ),
    *(
        Quirk(
            38,
            f'The temperature is told in "{unit}".',
            samples(
                "m",
                {"value": "31.5", "measurand": "Temperature", "unit": unit},
                judged=judged,
            ),
            (sampled(31.5, unit=(unit,)),),
        )
        for unit, judged in (
            ("Celcius", samples("m")[1].judged[0]),
            ("Celsius", samples("m")[1].judged[0]),
            ("C", erratum("enum", "/meterValue/0/sampledValue/0/unit")),
        )
    ),
)


C2: Final[tuple[Quirk, ...]] = (
    *BROKEN,
    *WRONG_KIND,
)
