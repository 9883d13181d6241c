from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.forensics.replay.places import CALLS
from proxy.forensics.replay.spoken import spoken
from proxy.forensics.replay.substitution import Learned, Rewriter, Wishes, learn_answer, learn_call
from tests.forensics.replay.talks import CP, CSMS, SECOND, call, result, text_of

HOUR = 3_600 * SECOND


def learned_transaction(recorded: Any = 7, new: Any = 99) -> Learned:
    learned = Learned()
    start = spoken(1, 0, CP, text_of(call(1, "StartTransaction")))
    learn_answer(
        learned,
        start,
        text_of(result(1, {"transactionId": recorded})),
        text_of(result(1, {"transactionId": new})),
    )
    return learned


def rewritten(message: list[Any], learned: Learned | None = None, action: str = "", **wishes: Any) -> Any:
    said = spoken(1, 0, wishes.pop("sender", CP), text_of(message))
    rewriter = Rewriter(learned or Learned(), Wishes(**wishes))
    return json.loads(rewriter.rewritten(said, action or said.action, now=HOUR))


@pytest.mark.parametrize("action", ["StopTransaction", "MeterValues"])
def test_the_issued_transaction_id_stands_for_the_recorded_one(action: str) -> None:
    assert rewritten(call(2, action, {"transactionId": 7}), learned_transaction())[3] == {"transactionId": 99}


def test_only_its_place_counts_never_the_text() -> None:
    payload = {"connectorId": 7, "vendorId": "7", "transactionId": 8, "meterStop": 7}
    assert rewritten(call(7, "StopTransaction", payload), learned_transaction())[3] == payload
    assert rewritten(call(7, "DataTransfer", {"transactionId": 7}), learned_transaction())[3] == {
        "transactionId": 7
    }


def test_a_transaction_id_may_be_of_another_type() -> None:
    message = call(2, "StopTransaction", {"transactionId": 7})
    assert rewritten(message, learned_transaction(7, "seven"))[3] == {"transactionId": "seven"}
    assert rewritten(message, learned_transaction(True, 5))[3] == {"transactionId": 7}
    true = call(2, "StopTransaction", {"transactionId": True})
    assert rewritten(true, learned_transaction(1, 5)) == true


def test_where_nothing_changes_the_recorded_bytes_go_out() -> None:
    text = b'[2, "a",\t"StopTransaction" , {"transactionId": 8, "meterStop": 1.50}]'
    said = spoken(1, 0, CP, text)
    rewriter = Rewriter(learned_transaction(), Wishes({"A": "B"}, HOUR))
    assert rewriter.rewritten(said, "StopTransaction", b'"a"') == text


def test_other_values_keep_their_form() -> None:
    text = (
        b'[2,"a","StopTransaction",{"transactionId":7,"meterStop":1.50,"big":123456789012345678901234567890}]'
    )
    said = spoken(1, 0, CP, text)
    assert Rewriter(learned_transaction()).rewritten(said, "StopTransaction") == text.replace(b":7,", b":99,")


def test_an_id_issued_again_as_recorded_is_itself_again() -> None:
    learned = learned_transaction(7, 99)
    start = spoken(1, 0, CP, text_of(call(1, "StartTransaction")))
    same = text_of(result(1, {"transactionId": 7}))
    learn_answer(learned, start, same, same)
    assert rewritten(call(2, "StopTransaction", {"transactionId": 7}), learned)[3] == {"transactionId": 7}


@pytest.mark.parametrize(
    ("asked", "recorded", "new", "told", "place"),
    [
        ("ReserveNow", {"reservationId": 3}, {"reservationId": 4}, "StartTransaction", "reservationId"),
        ("ReserveNow", {"id": 3}, {"id": 4}, "TransactionEvent", "reservationId"),
        ("ReserveNow", {"id": 3}, {"id": 4}, "ReservationStatusUpdate", "reservationId"),
        ("GetLog", {"requestId": 3}, {"requestId": 4}, "LogStatusNotification", "requestId"),
        ("UpdateFirmware", {"requestId": 3}, {"requestId": 4}, "FirmwareStatusNotification", "requestId"),
        ("GetBaseReport", {"requestId": 3}, {"requestId": 4}, "NotifyReport", "requestId"),
    ],
)
def test_what_the_csms_numbers_is_repeated_as_it_numbers_it_now(
    asked: str, recorded: Any, new: Any, told: str, place: str
) -> None:
    learned = Learned()
    learn_call(learned, spoken(1, 0, CSMS, text_of(call(1, asked, recorded))), text_of(call(9, asked, new)))
    assert rewritten(call(2, told, {place: 3}), learned)[3] == {place: 4}


def test_a_remote_start_is_found_in_the_transaction() -> None:
    learned = Learned()
    recorded = spoken(1, 0, CSMS, text_of(call(1, "RequestStartTransaction", {"remoteStartId": 3})))
    learn_call(learned, recorded, text_of(call(1, "RequestStartTransaction", {"remoteStartId": 8})))
    event = call(2, "TransactionEvent", {"transactionInfo": {"transactionId": "t", "remoteStartId": 3}})
    assert rewritten(event, learned)[3]["transactionInfo"] == {"transactionId": "t", "remoteStartId": 8}


def test_numbers_of_one_kind_are_not_those_of_another() -> None:
    learned = Learned()
    learn_call(
        learned,
        spoken(1, 0, CSMS, text_of(call(1, "GetLog", {"requestId": 3}))),
        text_of(call(1, "GetLog", {"requestId": 4})),
    )
    assert rewritten(call(2, "NotifyReport", {"requestId": 3}), learned)[3] == {"requestId": 3}


def test_transactions_that_the_charge_point_names_are_known_by_their_turn() -> None:
    """As a CSMS: RequestStopTransaction is about the second transaction, whatever it is called now."""
    learned, message = Learned(), (CP, CALLS, "TransactionEvent")
    for name in ("r1", "r1", "r2"):
        learned.recorded_in_turn(message, {"transactionInfo": {"transactionId": name}})
    for name in ("n1", "n2", "n2"):
        learned.new_in_turn(message, {"transactionInfo": {"transactionId": name}})
    stop = call(1, "RequestStopTransaction", {"transactionId": "r2"})
    assert rewritten(stop, learned, sender=CSMS)[3] == {"transactionId": "n2"}


def test_id_tags_are_mapped_where_one_stands() -> None:
    tags = {"A": "B"}
    assert rewritten(call(1, "Authorize", {"idTag": "A"}), id_tags=tags)[3] == {"idTag": "B"}
    token = {"idToken": {"idToken": "A", "type": "A"}}
    assert rewritten(call(1, "Authorize", token), id_tags=tags)[3] == {
        "idToken": {"idToken": "B", "type": "A"}
    }
    assert rewritten(call(1, "DataTransfer", {"vendorId": "A"}), id_tags=tags)[3] == {"vendorId": "A"}


def test_times_are_moved_by_a_constant() -> None:
    status = call(
        1, "StatusNotification", {"timestamp": "2026-11-20T13:00:00Z", "info": "2026-11-20T13:00:00Z"}
    )
    moved = rewritten(status, shift=HOUR)[3]
    assert moved == {"timestamp": "2026-11-20T14:00:00.000Z", "info": "2026-11-20T13:00:00Z"}


def test_times_in_lists_and_those_with_an_offset() -> None:
    values = {"meterValue": [{"timestamp": "2026-11-20T13:00:00.5+01:00"}, {"timestamp": "no time"}, {}]}
    moved = rewritten(call(1, "MeterValues", values), shift=HOUR)[3]
    assert moved == {"meterValue": [{"timestamp": "2026-11-20T13:00:00.500Z"}, {"timestamp": "no time"}, {}]}


def test_the_present_is_told_as_it_is() -> None:
    answer = result(1, {"currentTime": "2020-01-01T00:00:00Z", "interval": 5})
    moved = rewritten(answer, action="Heartbeat", sender=CSMS, shift=0)
    assert moved[2] == {"currentTime": "1970-01-01T01:00:00.000Z", "interval": 5}


def test_an_answer_has_the_id_of_what_it_answers() -> None:
    said = spoken(1, 0, CP, b'[3, "old", {"status" : "Accepted"}]')
    rewriter = Rewriter(Learned())
    assert json.loads(rewriter.rewritten(said, "Reset", b'"new"')) == [3, "new", {"status": "Accepted"}]
    assert rewriter.rewritten(said, "Reset", b'"old"') == said.text


def test_what_is_learned_is_bounded() -> None:
    learned = Learned()
    start = spoken(1, 0, CP, text_of(call(1, "StartTransaction")))
    for number in range(10_050):
        answers = (text_of(result(1, {"transactionId": value})) for value in (number, -number - 1))
        learn_answer(learned, start, *answers)
    assert learned.substitute("transaction", b"3") == b"3"
    assert learned.substitute("transaction", b"10000") == b"-10001"
