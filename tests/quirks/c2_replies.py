"""Quirks 39 to 48 as traffic: spellings, replies to nothing, messages that nobody can read."""

from __future__ import annotations

from typing import Final

from websockets.frames import Opcode

from proxy.ocpp import facts
from proxy.ocpp.facts import Outcome
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
    started,
    starts,
    status_told,
    stopped,
    tells_status,
)

V201: Final = (line("2.0.1"),)
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
            (
                "A message begins with a byte order mark.",
                b'\xef\xbb\xbf[2,"h","Heartbeat",{}]',
                "byte order mark",
            ),
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
            sends(
                CP, frame(b'[2,"h","Heartbeat",{}]', Opcode.BINARY, mask=True), unparseable("binary message")
            ),
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


C2: Final[tuple[Quirk, ...]] = (
    *SPELLING,
    *REPLIES,
    *UNREADABLE,
)
