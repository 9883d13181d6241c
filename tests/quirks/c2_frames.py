"""Quirks 25 to 48 as traffic: JSON that is none, members of the wrong kind, replies to nothing."""

from __future__ import annotations

from typing import Any, Final

from websockets.frames import Opcode

from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Named, Outcome, Place
from tests.pipeline.frames import frame
from tests.quirks.model import (
    CP,
    CSMS,
    NOON,
    UNJUDGED,
    Quirk,
    answers,
    calls,
    erratum,
    fact,
    fails,
    line,
    says,
    sends,
    unparseable,
    violation,
)
from tests.quirks.ordinary import (
    BEATEN,
    BOOTED,
    FIRST,
    TAG,
    at,
    beats,
    boots,
    energy,
    moment,
    sampled,
    samples,
    started,
    starts,
    status_told,
    stopped,
    stops,
    tells_status,
)

NOT_JSON: Final = unparseable("not JSON")
V201: Final = (line("2.0.1"),)
ASKED_KEYS: Final = calls(CSMS, "g", "GetConfiguration", {"key": ["LocalPreAuthorize"]})


def without(message_id: str, action: str, **payload: Any) -> Any:
    return calls(CP, message_id, action, payload)


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
        "A composite schedule begins at \"0\".",
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
        (fact(facts.CompositeScheduleTold, place=FIRST, status="Accepted"),),
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
        (sampled(0.0, 10.0, as_told=("0.0", "10")),),
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
        (
            fact(
                facts.ConfigurationTold, key="MeterValueSampleInterval", value="30", mutability="ReadWrite"
            ),
        ),
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
        (fact(facts.CompositeScheduleTold, place=FIRST, status="Accepted"),),
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
            f"The temperature is told in \"{unit}\".",
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

SPELLING: Final = (
    Quirk(
        39,
        "1.6: both spellings of two error codes.",
        (
            calls(CSMS, "1", "ClearCache"),
            fails(CP, "1", "FormationViolation"),
            calls(CSMS, "2", "ClearCache"),
            fails(CP, "2", "FormatViolation", erratum("error code")),
            calls(CSMS, "3", "ClearCache"),
            fails(CP, "3", "OccurenceConstraintViolation"),
            calls(CSMS, "4", "ClearCache"),
            fails(CP, "4", "OccurrenceConstraintViolation", erratum("error code")),
        ),
    ),
    Quirk(
        39,
        "2.0.1: the spellings of 1.6.",
        (
            calls(CSMS, "1", "ClearCache"),
            fails(CP, "1", "FormationViolation", erratum("error code")),
            calls(CSMS, "2", "ClearCache"),
            fails(CP, "2", "OccurenceConstraintViolation", erratum("error code")),
        ),
        lines=V201,
    ),
    Quirk(
        40,
        "A stop without a reason: it is Local.",
        (
            calls(CP, "s", "StopTransaction", {"transactionId": 31, "meterStop": 9000, "timestamp": at(60)}),
            answers(CSMS, "s"),
        ),
        (stopped("31", reason="Local", outcome=Outcome.SUCCESS),),
        ({"transaction_id": "31", "reason": "Local", "began": "unseen", "energy_wh": None},),
    ),
    Quirk(
        40,
        "A whole number with a fraction of nothing: 300.0 seconds, 3.0 retries.",
        (
            boots()[0],
            answers(
                CSMS,
                "b",
                {"status": "Accepted", "currentTime": NOON, "interval": 300.0},
                erratum("type", "/interval"),
            ),
            calls(
                CSMS,
                "d",
                "GetDiagnostics",
                {"location": "ftp://volt.test/logs", "retries": 3.0},
                erratum("type", "/retries"),
            ),
            answers(CP, "d", {"fileName": "log.zip"}),
        ),
        (
            *BOOTED,
            fact(
                facts.LogUploadRequested,
                kind="Diagnostics",
                location="ftp://volt.test/logs",
                file_name="log.zip",
            ),
        ),
    ),
    Quirk(
        41,
        "Nothing is written as the word null.",
        tells_status("s", "Charging", info="null", vendorErrorCode="null", vendorId="null"),
        status_told("Charging", info="", vendor_error_code="", vendor_id=""),
    ),
)

LIMIT: Final = {
    "connectorId": 1,
    "csChargingProfiles": {
        "chargingProfileId": 4,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}],
        },
    },
}

REPLIES: Final = (
    Quirk(
        42,
        "The answer has another id than its call.",
        (
            calls(CSMS, "p1", "SetChargingProfile", LIMIT),
            answers(CP, "p7", {"status": "Accepted"}, UNJUDGED),
        ),
        (fact(facts.ReplyOrphaned, direction=CSMS, message_id="p7"),),
    ),
    Quirk(
        42,
        "A call is answered twice, the second time with something else.",
        (
            calls(CSMS, "r", "Reset", {"type": "Soft"}),
            answers(CP, "r", {"status": "Accepted"}),
            answers(CP, "r", {"status": "Rejected"}, UNJUDGED),
        ),
        (
            fact(facts.ResetRequested, kind="Soft", status="Accepted"),
            fact(facts.ReplyDuplicated, action="Reset", message_id="r"),
        ),
    ),
    Quirk(
        43,
        "One id for every BootNotification, all answered.",
        (*boots("77"), *boots("77"), *boots("77")),
        BOOTED * 3,
    ),
    Quirk(
        43,
        "A call is sent again with its id before anybody answered; the answer belongs to the second.",
        (boots("77")[0], *boots("77")),
        (
            fact(facts.CallUnanswered, action="BootNotification", reason="message id used again"),
            *BOOTED,
        ),
    ),
    Quirk(
        44,
        "A start is sent three times before the first is answered, and each is given a transaction.",
        (
            starts("1", 31)[0],
            starts("2", 32)[0],
            starts("3", 33)[0],
            starts("1", 31)[1],
            starts("2", 32)[1],
            starts("3", 33)[1],
        ),
        (*started("31"), *started("32"), *started("33")),
        (
            {"transaction_id": "31", "state": "superseded"},
            {"transaction_id": "32", "state": "superseded"},
            {"transaction_id": "33", "state": "open"},
        ),
    ),
    Quirk(
        45,
        "A CALLERROR in reply to an answer.",
        (*boots(), fails(CP, "b", "InternalError")),
        (*BOOTED, fact(facts.AnswerRejected, action="BootNotification", code="InternalError")),
    ),
    Quirk(
        45,
        "2.1: a CALLRESULTERROR, which is made for that.",
        (*beats(), fails(CP, "h", "FormatViolation", kind=5)),
        (BEATEN, fact(facts.AnswerRejected, action="Heartbeat", code="FormatViolation")),
        lines=(line("2.1"),),
    ),
    Quirk(
        46,
        "A vendor's JSON inside info, and a bit field for an error code.",
        tells_status(
            "s",
            "Faulted",
            "OtherError",
            info='{"why":"door","n":3}',
            vendorId="Volt",
            vendorErrorCode="0x00010040",
        ),
        (
            fact(facts.StatusChanged, status="Faulted", info='{"why":"door","n":3}'),
            fact(facts.FaultReported, code="OtherError", vendor_codes=("0x00010040",), vendor_id="Volt"),
        ),
    ),
    Quirk(
        47,
        "The CSMS sends the call back as its answer.",
        (
            tells_status("s", "Available")[0],
            answers(
                CSMS,
                "s",
                {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": NOON},
                violation("additional property", "/connectorId"),
            ),
            boots()[0],
            answers(
                CSMS,
                "b",
                {"chargePointVendor": "Volt", "chargePointModel": "V2", "firmwareVersion": "7.1"},
                violation("additional property", "/chargePointModel"),
            ),
        ),
        (*status_told("Available"), fact(facts.Booted, vendor="Volt", status="", interval_seconds=None)),
    ),
    Quirk(
        47,
        "The CSMS sends a start back as its answer: the transaction has no id.",
        (
            starts("t", 0)[0],
            answers(
                CSMS,
                "t",
                {"connectorId": 1, "idTag": TAG, "meterStart": 1000, "timestamp": NOON},
                violation("additional property", "/connectorId"),
            ),
        ),
        (fact(facts.TransactionStarted, transaction_id="", place=FIRST, meter_start_wh=1000.0, status=""),),
        ({"transaction_id": "", "state": "open", "began": "seen"},),
    ),
)

UNREADABLE: Final = (
    *(
        Quirk(48, title, (says(CP, data, unparseable(reason)), *boots()), BOOTED)
        for title, data, reason in (
            ("A message is plain text.", "hello", "not JSON"),
            ("A message is empty.", "", "empty"),
            ("A message is an object.", '{"action":"Heartbeat"}', "not an array"),
            ("A message is an empty list.", "[]", "empty array"),
            ("A message is not UTF-8.", b'[2,"h","Heartbeat",{"x":"\xff"}]', "not UTF-8"),
            ("A message begins with a byte order mark.", b'\xef\xbb\xbf[2,"h","Heartbeat",{}]', "byte order mark"),
            ("The message type is a string.", '["2","h","Heartbeat",{}]', "message type is not a number"),
            ("The message type is one nobody knows.", '[9,"h","Heartbeat",{}]', "unknown message type"),
            ("The message id is a number.", '[2,77,"Heartbeat",{}]', "message id is not a string"),
            ("The message has a member too many.", '[2,"h","Heartbeat",{},1]', "wrong number of elements"),
            ("The message is nested a thousand deep and more.", "[" * 1100 + "]" * 1100, "nested too deep"),
        )
    ),
    Quirk(
        48,
        "A message comes in a binary frame.",
        (
            sends(CP, frame(b'[2,"h","Heartbeat",{}]', Opcode.BINARY, mask=True), unparseable("binary message")),
            *boots(),
        ),
        BOOTED,
    ),
    Quirk(
        48,
        "An action of nobody's, from both sides.",
        (
            calls(CP, "x", "SelfDestruct", {"when": "now"}, violation("unknown action")),
            fails(CSMS, "x", "NotImplemented"),
            calls(CSMS, "y", "BootNotification", {}, violation("wrong direction")),
            fails(CP, "y", "NotSupported"),
        ),
    ),
)

C2: Final[tuple[Quirk, ...]] = (*BROKEN, *WRONG_KIND, *SPELLING, *REPLIES, *UNREADABLE)
