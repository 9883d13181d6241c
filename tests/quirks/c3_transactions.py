"""Quirks 54 to 63 as traffic: transactions that begin or end late, twice, out of order, or never."""

from __future__ import annotations

from typing import Any, Final

from proxy.ocpp import facts
from proxy.ocpp.facts import Named, Place
from tests.quirks.model import (
    CP,
    CSMS,
    Ends,
    Expected,
    Quirk,
    Said,
    answers,
    calls,
    erratum,
    fact,
    line,
    violation,
)
from tests.quirks.ordinary import (
    BOOTED,
    FIRST,
    LOST,
    TAG,
    TWO,
    at,
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

MOST: Final = 2**63 - 1
RANGE: Final = erratum("range", "/transactionId")

OPENING: Final = (
    Quirk(
        54,
        "A transaction is never stopped; another one starts at its connector.",
        (*starts("1", 31), *starts("2", 32, meter=4000, minutes=90)),
        (*started("31"), *started("32", meter=4000.0, minutes=90)),
        (
            {"transaction_id": "31", "state": "superseded", "energy_wh": None},
            {"transaction_id": "32", "state": "open"},
        ),
    ),
    Quirk(
        54,
        "A transaction is never stopped; the charge point boots.",
        (*starts("1", 31), *boots()),
        (*started("31"), *BOOTED),
        ({"transaction_id": "31", "state": "superseded", "stopped_at": None},),
    ),
    Quirk(
        55,
        "A start is sent again with a new message id, and the CSMS knows it again.",
        (*starts("1", 31), *starts("2", 31)),
        (*started("31"), *started("31")),
        ({"transaction_id": "31", "state": "open", "starts": 2},),
    ),
    Quirk(
        55,
        "A start is sent again, and the CSMS gives it another transaction.",
        (*starts("1", 31), *starts("2", 32), *stops("3", 32)),
        (*started("31"), *started("32"), stopped("32")),
        (
            {"transaction_id": "31", "state": "superseded", "starts": 1},
            {"transaction_id": "32", "state": "ended", "energy_wh": 8000.0},
        ),
    ),
    Quirk(
        61,
        "A remote start is accepted, and no transaction starts.",
        (
            calls(CSMS, "r", "RemoteStartTransaction", {"connectorId": 1, "idTag": TAG}),
            answers(CP, "r", {"status": "Accepted"}),
            *tells_status("s", "Preparing"),
            *tells_status("e", "Available", minutes=3),
        ),
        (
            fact(facts.RemoteStartRequested, who=Named(TAG), place=FIRST, status="Accepted"),
            *status_told("Preparing"),
            *status_told("Available", minutes=3),
        ),
    ),
    Quirk(
        62,
        "Samples name a transaction that nobody has started.",
        (
            *samples("1", energy("5000"), transaction_id=31, minutes=1),
            *samples("2", energy("5600"), transaction_id=31, minutes=6),
        ),
        (sampled(5000.0, transaction_id="31"), sampled(5600.0, transaction_id="31")),
        ({"transaction_id": "31", "state": "open", "began": "unseen", "meter_start_wh": None},),
    ),
)

CLOSING: Final = (
    Quirk(
        56,
        "A stop is told twice, the second time with another meter and time: the first stands.",
        (*starts("1", 31), *stops("2", 31), *stops("3", 31, meter=9999, minutes=75)),
        (*started("31"), stopped("31"), stopped("31", meter=9999.0, minutes=75)),
        ({"transaction_id": "31", "state": "ended", "meter_stop_wh": 9000.0, "energy_wh": 8000.0},),
    ),
    Quirk(
        57,
        "A stop for a transaction that the CSMS has never started.",
        stops("s", 404, answer={"idTagInfo": {"status": "Invalid"}}),
        (
            stopped("404"),
            fact(facts.Authorized, status="Invalid", source="StopTransaction", transaction_id="404"),
        ),
        ({"transaction_id": "404", "state": "ended", "began": "unseen", "energy_wh": None},),
    ),
    Quirk(
        58,
        "The start was lost in a reset; the stop comes, with its samples.",
        (
            *boots(),
            *stops(
                "s",
                31,
                transactionData=[
                    {"timestamp": at(0), "sampledValue": [energy("1000", context="Transaction.Begin")]},
                    {"timestamp": at(60), "sampledValue": [energy("9000", context="Transaction.End")]},
                ],
            ),
        ),
        (
            *BOOTED,
            stopped("31"),
            sampled(1000.0, transaction_id="31", told=moment(0), source="StopTransaction"),
            sampled(9000.0, transaction_id="31", told=moment(60), source="StopTransaction"),
        ),
        ({"transaction_id": "31", "state": "ended", "began": "unseen"},),
    ),
    Quirk(
        58,
        "At first contact a flood of old transactions is told, in order and at once.",
        (
            *boots(),
            *starts("1", 31, meter=0, minutes=-600),
            *stops("2", 31, meter=500, minutes=-550),
            *starts("3", 32, meter=500, minutes=-300),
            *stops("4", 32, meter=900, minutes=-200),
        ),
        (
            *BOOTED,
            *started("31", meter=0.0, minutes=-600),
            stopped("31", meter=500.0, minutes=-550),
            *started("32", meter=500.0, minutes=-300),
            stopped("32", meter=900.0, minutes=-200),
        ),
        (
            {"transaction_id": "31", "state": "ended", "energy_wh": 500.0},
            {"transaction_id": "32", "state": "ended", "energy_wh": 400.0},
        ),
    ),
    Quirk(
        60,
        "A hard reset takes its queue along: after the boot no stop ever comes.",
        (
            *starts("t", 31),
            calls(CSMS, "r", "Reset", {"type": "Hard"}),
            answers(CP, "r", {"status": "Accepted"}),
            Ends(CP, "rst"),
            *boots(on=1),
        ),
        (
            *started("31"),
            fact(facts.ResetRequested, kind="Hard", status="Accepted"),
            LOST,
            *BOOTED,
        ),
        ({"transaction_id": "31", "state": "superseded", "energy_wh": None},),
        TWO,
    ),
)

IDS: Final = (
    Quirk(
        59,
        "The CSMS's answer to the start is lost; the stop says -1.",
        (starts("1", 0)[0], Ends(CP, "rst"), *stops("2", -1, on=1)),
        (fact(facts.CallUnanswered, action="StartTransaction"), LOST, stopped("-1")),
        ({"transaction_id": "-1", "state": "ended", "began": "unseen"},),
        TWO,
    ),
    Quirk(
        59,
        "The CSMS answers a start with -1, and the stop says so.",
        (*starts("1", -1), *stops("2", -1)),
        (*started("-1"), stopped("-1")),
        ({"transaction_id": "-1", "state": "ended", "began": "seen", "energy_wh": 8000.0},),
    ),
    Quirk(
        59,
        "The transaction id is 0.",
        (*starts("1", 0, answer_judged=RANGE), *stops("2", 0, judged=RANGE)),
        (*started("0"), stopped("0")),
        ({"transaction_id": "0", "state": "ended", "began": "seen", "energy_wh": 8000.0},),
    ),
    Quirk(
        59,
        "The transaction id is the largest number there is.",
        (
            *samples("1", energy("5000"), transaction_id=MOST, judged=RANGE),
            *stops("2", MOST, judged=RANGE),
        ),
        (sampled(5000.0, transaction_id=str(MOST)), stopped(str(MOST))),
        ({"transaction_id": str(MOST), "state": "ended", "began": "unseen"},),
    ),
    Quirk(
        59,
        "1.6 with a string for a transaction id.",
        (
            *starts("1", "tx-7", answer_judged=violation("type", "/transactionId")),
            *stops("2", "tx-7", judged=violation("type", "/transactionId")),
        ),
        (*started("tx-7"), stopped("tx-7")),
        ({"transaction_id": "tx-7", "state": "ended", "energy_wh": 8000.0},),
    ),
    Quirk(
        59,
        "An empty string, null or nothing at all for a transaction id in samples: they name none.",
        (
            *samples("1", energy("5000"), transaction_id="", judged=violation("type", "/transactionId")),
            calls(
                CP,
                "2",
                "MeterValues",
                {
                    "connectorId": 1,
                    "transactionId": None,
                    "meterValue": [{"timestamp": at(1), "sampledValue": [energy("5000")]}],
                },
                violation("type", "/transactionId"),
            ),
            answers(CSMS, "2"),
            *samples("3", energy("5000")),
        ),
        (sampled(5000.0), sampled(5000.0), sampled(5000.0)),
    ),
)


def event(message_id: str, kind: str, seq_no: int, minutes: float, **more: Any) -> tuple[Said, ...]:
    """2.0.1: a TransactionEvent of T7."""
    payload = {
        "eventType": kind,
        "timestamp": at(minutes),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "T7"},
        **more,
    }
    return (calls(CP, message_id, "TransactionEvent", payload), answers(CSMS, message_id))


def happened(kind: type[facts.Fact], seq_no: int | None, minutes: float, **more: Any) -> Expected:
    return fact(kind, transaction_id="T7", seq_no=seq_no, told=moment(minutes), **more)


EVENTS: Final = (
    Quirk(
        63,
        "2.0.1: numbers are missing, offline events come late, and the EVSE has no connector.",
        (
            *event("1", "Started", 0, 0, evse={"id": 2}),
            *event("2", "Updated", 3, 15),
            *event("3", "Updated", 1, 5, offline=True),
            *event("4", "Ended", 4, 20),
        ),
        (
            happened(facts.TransactionStarted, 0, 0, place=Place(2, None), offline=None),
            happened(facts.TransactionUpdated, 3, 15),
            happened(facts.TransactionUpdated, 1, 5, offline=True),
            happened(facts.TransactionEnded, 4, 20, reason="Local"),
        ),
        (
            {
                "transaction_id": "T7",
                "state": "ended",
                "evse_id": 2,
                "connector_id": None,
                "seq_first": 0,
                "seq_last": 4,
                "seq_missing": 1,
                "offline": 1,
            },
        ),
        (line("2.0.1"),),
    ),
    Quirk(
        63,
        "2.0.1: the EVSE is said again in every event.",
        (
            *event("1", "Started", 0, 0, evse={"id": 2, "connectorId": 1}),
            *event("2", "Updated", 1, 5, evse={"id": 2, "connectorId": 1}),
            *event("3", "Ended", 2, 9, evse={"id": 2, "connectorId": 1}),
        ),
        (
            happened(facts.TransactionStarted, 0, 0, place=Place(2, 1)),
            happened(facts.TransactionUpdated, 1, 5, place=Place(2, 1)),
            happened(facts.TransactionEnded, 2, 9, place=Place(2, 1)),
        ),
        ({"transaction_id": "T7", "state": "ended", "evse_id": 2, "connector_id": 1, "seq_missing": 0},),
        (line("2.0.1"),),
    ),
    Quirk(
        63,
        "2.0.1: an event without a number and without its transaction's id.",
        (
            calls(
                CP,
                "1",
                "TransactionEvent",
                {
                    "eventType": "Updated",
                    "timestamp": at(5),
                    "triggerReason": "Trigger",
                    "transactionInfo": {},
                },
                violation("required", "/seqNo"),
            ),
            answers(CSMS, "1"),
        ),
        (fact(facts.TransactionUpdated, transaction_id="", seq_no=None),),
        (),
        (line("2.0.1"),),
    ),
)


C3: Final[tuple[Quirk, ...]] = (
    *OPENING,
    *CLOSING,
    *IDS,
    *EVENTS,
)
