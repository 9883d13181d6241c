"""OCPP 2.0.1 and 2.1: transactions -> facts."""

from __future__ import annotations

import pytest

from proxy.names import Direction
from proxy.ocpp.facts import (
    NOBODY,
    NOWHERE,
    UNTOLD,
    Authorized,
    CostTold,
    MeterSampled,
    Outcome,
    TransactionEnded,
    TransactionStarted,
    TransactionStatusTold,
    TransactionUpdated,
    Where,
    meter_sampled,
)
from proxy.ocpp.meter import samples
from proxy.ocpp.reading import Readings
from tests.ocpp.v20.metering import (
    AT_NOON,
    CARD,
    DRIVER,
    EVSE_2,
    NOON,
    SECOND,
    Answer,
    Say,
    element,
    register,
)


def event(kind: str, info: object = None, **more: object) -> dict[str, object]:
    told = {"transactionId": "tx-7"} if info is None else info
    return {
        "eventType": kind,
        "timestamp": NOON,
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": told,
        **more,
    }


def test_a_started_transaction_and_its_register(say: Say, where: Where) -> None:
    begin = element(register(1200, "Transaction.Begin"))
    info = {"transactionId": "tx-7", "chargingState": "EVConnected", "remoteStartId": 41}
    call = event(
        "Started", info, evse=EVSE_2, idToken=CARD, offline=True, reservationId=5, meterValue=[begin]
    )
    assert say("TransactionEvent", call) == [
        TransactionStarted(
            *where,
            transaction_id="tx-7",
            place=SECOND,
            who=DRIVER,
            meter_start_wh=1200.0,
            told=AT_NOON,
            status="",
            trigger="CablePluggedIn",
            charging_state="EVConnected",
            seq_no=0,
            offline=True,
            reservation_id=5,
            remote_start_id=41,
        ),
        meter_sampled(
            where,
            place=SECOND,
            transaction_id="tx-7",
            told=AT_NOON,
            samples=samples(begin),
            source="TransactionEvent",
        ),
    ]


def test_an_update_says_only_what_it_says(say: Say, where: Where) -> None:
    """Where the transaction runs was told when it started, and is not told again (quirk 63)."""
    info = {"transactionId": "tx-7", "chargingState": "Charging", "remoteStartId": 41}
    periodic = [element(register(1300)), element(register(1400))]
    call = event("Updated", info, seqNo=3, idToken=CARD, offline=False, meterValue=periodic)
    updated, *sampled = say("TransactionEvent", call)
    assert updated == TransactionUpdated(
        *where,
        transaction_id="tx-7",
        place=NOWHERE,
        who=DRIVER,
        told=AT_NOON,
        trigger="CablePluggedIn",
        charging_state="Charging",
        seq_no=3,
        offline=False,
        remote_start_id=41,
    )
    assert sampled == [
        meter_sampled(where, NOWHERE, "tx-7", AT_NOON, samples(told), "TransactionEvent") for told in periodic
    ]


def test_an_ended_transaction_comes_after_its_last_samples(say: Say, where: Where) -> None:
    end = element(register(9200, "Transaction.End"))
    info = {"transactionId": "tx-7", "chargingState": "Idle", "stoppedReason": "StoppedByEV"}
    call = event("Ended", info, seqNo=9, evse=EVSE_2, idToken=CARD, meterValue=[end])
    sampled, ended = say("TransactionEvent", call)
    assert sampled == meter_sampled(where, SECOND, "tx-7", AT_NOON, samples(end), "TransactionEvent")
    assert ended == TransactionEnded(
        *where,
        transaction_id="tx-7",
        place=SECOND,
        who=DRIVER,
        meter_stop_wh=9200.0,
        told=AT_NOON,
        reason="StoppedByEV",
        outcome=Outcome.SUCCESS,
        trigger="CablePluggedIn",
        charging_state="Idle",
        seq_no=9,
        offline=None,
        remote_start_id=None,
    )


SUCCESSES = [
    "EnergyLimitReached",
    "EVDisconnected",
    "Local",
    "LocalOutOfCredit",
    "MasterPass",
    "Remote",
    "SOCLimitReached",
    "StoppedByEV",
    "TimeLimitReached",
]
FAILURES = [
    "DeAuthorized",
    "EmergencyStop",
    "GroundFault",
    "ImmediateReset",
    "Other",
    "OvercurrentFault",
    "PowerLoss",
    "PowerQuality",
    "Reboot",
    "ReqEnergyTransferRejected",
    "Timeout",
]


@pytest.mark.parametrize(
    ("info", "reason", "outcome"),
    [
        *[({"stoppedReason": told}, told, Outcome.SUCCESS) for told in SUCCESSES],
        *[({"stoppedReason": told}, told, Outcome.FAILURE) for told in FAILURES],
        ({"transactionId": "tx-7"}, "Local", Outcome.SUCCESS),
        ({"transactionId": "tx-7", "stoppedReason": None}, "Local", Outcome.SUCCESS),
        ({"stoppedReason": "HardReset"}, "HardReset", Outcome.UNKNOWN),
        ({"stoppedReason": ""}, "", Outcome.UNKNOWN),
        ({"stoppedReason": ["Local"]}, "", Outcome.UNKNOWN),
        ([], "", Outcome.UNKNOWN),
    ],
)
def test_why_it_ended(say: Say, info: object, reason: str, outcome: Outcome) -> None:
    [ended] = say("TransactionEvent", event("Ended", info))
    assert isinstance(ended, TransactionEnded)
    assert (ended.reason, ended.outcome) == (reason, outcome)


@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        ([register(1200, "Transaction.Begin")], 1200.0),
        ([register("1200.5", "Transaction.Begin")], 1200.5),
        ([register(1.2, "Transaction.Begin", unitOfMeasure={"unit": "kWh"})], 1200.0),
        ([register(12, "Transaction.Begin", unitOfMeasure={"unit": "Wh", "multiplier": 2})], 1200.0),
        ([register(0, "Transaction.Begin")], 0.0),
        ([register(1300), register(1200, "Transaction.Begin")], 1200.0),
        (
            [
                register(7, "Transaction.Begin", location="Inlet"),
                register(1200, "Transaction.Begin", location="Outlet"),
            ],
            1200.0,
        ),
        ([register(7, "Transaction.Begin", location="Inlet")], 7.0),
        ([register(1200)], None),
        ([register(1200, "Transaction.End")], None),
        ([register("", "Transaction.Begin")], None),
        (
            [register(400, "Transaction.Begin", phase="L1"), register(800, "Transaction.Begin", phase="L2")],
            None,
        ),
        ([register(1200, "Transaction.Begin", measurand="Energy.Active.Export.Register")], None),
        ([register(1200, "Transaction.Begin", unitOfMeasure={"unit": "furlong"})], None),
        ([], None),
    ],
)
def test_the_register_at_the_begin_is_the_one_that_says_so(
    say: Say, sampled: list[object], expected: float | None
) -> None:
    [started, _] = say("TransactionEvent", event("Started", meterValue=[element(*sampled)]))
    assert isinstance(started, TransactionStarted)
    assert started.meter_start_wh == expected


def test_an_end_with_the_whole_transaction_in_it_takes_the_begin_for_no_end(say: Say) -> None:
    """SampledDataCtrlr.TxEndedMeasurands: all samples come again with the last event; Growatt repeats Begin (73)."""
    whole = [
        element(register(1200, "Transaction.Begin")),
        element(register(5000)),
        element(register(9100, "Transaction.End"), register(1200, "Transaction.Begin")),
        element(register(9200, "Transaction.End")),
    ]
    *sampled, ended = say("TransactionEvent", event("Ended", meterValue=whole))
    assert isinstance(ended, TransactionEnded)
    assert (len(sampled), ended.meter_stop_wh) == (4, 9200.0)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("tx-7", "tx-7"),
        (9223372036854775807, "9223372036854775807"),
        (-1, "-1"),
        (0, "0"),
        (None, ""),
        ([], ""),
    ],
)
def test_transaction_ids_are_text(say: Say, told: object, expected: str) -> None:
    [updated] = say("TransactionEvent", event("Updated", {"transactionId": told, "chargingState": "Idle"}))
    assert isinstance(updated, TransactionUpdated)
    assert updated.transaction_id == expected


def test_an_event_of_no_known_type_still_tells_its_samples(say: Say) -> None:
    facts = say("TransactionEvent", event("Paused", meterValue=[element(register(1))]))
    assert [type(fact) for fact in facts] == [MeterSampled]
    assert say("TransactionEvent", event("Paused")) == say("TransactionEvent", None) == []


def test_a_start_without_members_guesses_nothing(say: Say, where: Where) -> None:
    assert say("TransactionEvent", {"eventType": "started", "seqNo": -2}) == [TransactionStarted(*where)]


def test_the_charge_points_own_cost(say: Say, where: Where) -> None:
    total = {"currency": "EUR", "typeOfCost": "NormalCost", "total": {"exclTax": 10.0, "inclTax": 11.9}}
    *_, told = say("TransactionEvent", event("Ended", costDetails={"totalCost": total}))
    assert told == CostTold(
        *where,
        transaction_id="tx-7",
        total=11.9,
        currency="EUR",
        direction=Direction.FROM_CHARGE_POINT,
        source="TransactionEvent",
    )


def test_a_cost_without_tax_and_one_that_could_not_be_reckoned(say: Say) -> None:
    details: dict[str, object] = {"totalCost": {"currency": "EUR", "total": {"exclTax": 10, "inclTax": None}}}
    [_, told] = say("TransactionEvent", event("Updated", costDetails=details))
    assert isinstance(told, CostTold)
    assert told.total == 10.0
    assert (
        len(say("TransactionEvent", event("Updated", costDetails=details | {"failureToCalculate": True})))
        == 1
    )


def test_the_answer_to_an_event_tells_about_the_token_and_the_cost(answer: Answer, where: Where) -> None:
    call = event("Ended", evse=EVSE_2, idToken=CARD)
    assert answer("TransactionEvent", call, {"totalCost": 0, "idTokenInfo": {"status": "Invalid"}}) == [
        Authorized(
            *where,
            who=DRIVER,
            status="Invalid",
            source="TransactionEvent",
            parent="",
            expires=UNTOLD,
            place=SECOND,
            transaction_id="tx-7",
            certificate_status="",
        ),
        CostTold(
            *where,
            transaction_id="tx-7",
            total=0.0,
            currency="",
            direction=Direction.FROM_CSMS,
            source="TransactionEvent",
        ),
    ]


def test_an_empty_answer_to_an_event_is_not_read(answer: Answer, table: Readings) -> None:
    assert table[Direction.FROM_CHARGE_POINT]["TransactionEvent"].skip_empty
    assert answer("TransactionEvent", event("Updated"), {"chargingPriority": 3}) == []


def test_the_status_of_a_transaction(table: Readings, where: Where) -> None:
    answered = table[Direction.FROM_CSMS]["GetTransactionStatus"].answered
    assert answered is not None
    told = {"ongoingIndicator": False, "messagesInQueue": True}
    assert answered(where, {"transactionId": "tx-7"}, told) == [
        TransactionStatusTold(*where, transaction_id="tx-7", ongoing=False, messages_waiting=True)
    ]
    assert answered(where, {}, told) == [TransactionStatusTold(*where, "", None, True)]
    assert answered(where, None, told) == []


def test_nobody_is_named_where_no_token_is(say: Say) -> None:
    [updated] = say("TransactionEvent", event("Updated", idToken={}))
    assert isinstance(updated, TransactionUpdated)
    assert updated.who == NOBODY
