"""A transaction is shown with all that concerns it, and nothing else, over every connection of its time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from proxy.forensics.chapters import AROUND, Concerning, Transaction, chapters, heading, told, transaction
from proxy.forensics.export.reading import Selection
from proxy.forensics.find import NotFound
from proxy.forensics.mermaid import diagram
from proxy.forensics.show import Span
from proxy.store.client import Store
from tests.forensics.chaptered import CP, CSMS, frame
from tests.forensics.recorded import Recording, a_store

TIME = "2027-01-15T08:00:00Z"
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


def _starts(tape: Recording, number: int, transaction_id: int, connector: int, tag: str) -> None:
    start = {"connectorId": connector, "idTag": tag, "meterStart": 10, "timestamp": TIME}
    tape.exchange(number, "StartTransaction", start, ACCEPTED | {"transactionId": transaction_id})


def _samples(tape: Recording, number: int, transaction_id: int, connector: int) -> None:
    value = [{"timestamp": TIME, "sampledValue": [{"value": "17"}]}]
    told = {"connectorId": connector, "transactionId": transaction_id, "meterValue": value}
    tape.exchange(number, "MeterValues", told, {})


def _stops(tape: Recording, number: int, transaction_id: int) -> None:
    stop = {"transactionId": transaction_id, "meterStop": 900, "timestamp": TIME}
    tape.exchange(number, "StopTransaction", stop, {})


def _status(tape: Recording, number: int, connector: int, status: str) -> None:
    said = {"connectorId": connector, "status": status, "errorCode": "NoError", "timestamp": TIME}
    tape.exchange(number, "StatusNotification", said, {})


def _charge(tape: Recording) -> None:
    """4711 on connector 1 begins on one connection and ends on the next; 4712 on connector 2 runs beside it."""
    number = tape.passes(1).opens("CP_TX")
    _status(tape.passes(1), number, 1, "Unavailable")
    tape.passes(300).exchange(number, "Authorize", {"idTag": "TAG-A"}, ACCEPTED)
    tape.passes(1).exchange(number, "Authorize", {"idTag": "TAG-B"}, ACCEPTED)
    _starts(tape.passes(1), number, 4711, 1, "TAG-A")
    _starts(tape.passes(1), number, 4712, 2, "TAG-B")
    for _ in range(3):
        _samples(tape.passes(20), number, 4711, 1)
        _samples(tape.passes(1), number, 4712, 2)
        tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": TIME})
    tape.passes(1).closes(number)
    number = tape.passes(5).opens("CP_TX")
    _samples(tape.passes(1), number, 4711, 1)
    _status(tape.passes(1), number, 2, "Faulted")
    _stops(tape.passes(5), number, 4711)
    _status(tape.passes(1), number, 1, "Available")
    _status(tape.passes(200), number, 1, "Reserved")
    tape.passes(1).closes(number)
    number = tape.passes(1).opens("CP_OTHER")
    _starts(tape.passes(1), number, 4712, 1, "TAG-C")
    tape.passes(5).closes(number)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("transaction") / "data") as store:
        tape = Recording(bytes(range(16)))
        _charge(tape)
        tape.passes(5).save(store)
        yield store


def shown(store: Store, name: str, **more: str) -> list[str]:
    return list(told(store, Selection(transaction=name, **more)))  # type: ignore[arg-type]


def test_what_concerns_it_is_told_over_both_connections(store: Store) -> None:
    lines = shown(store, "4711")
    said = [line[25:].split()[1] for line in lines if " → " in line[:30] and "←" not in line]
    assert said == [
        "Authorize",
        "StartTransaction",
        "MeterValues",
        "MeterValues",
        "MeterValues",
        "MeterValues",
        "StopTransaction",
        "StatusNotification",
    ]
    assert sum("· session " in line for line in lines) == 2
    assert sum(line.startswith("closed 20") for line in lines) == 2


def test_answers_come_with_their_calls_and_others_do_not(store: Store) -> None:
    text = "\n".join(shown(store, "4711"))
    assert '{"idTagInfo": {"status": "Accepted"}, "transactionId": 4711}' in text
    for other in ("4712", "TAG-B", "Heartbeat", "Faulted", "Unavailable", "Reserved", "CP_OTHER"):
        assert other not in text


def test_its_heading_says_what_it_was(store: Store) -> None:
    first = shown(store, "4711")[0]
    for words in (
        "transaction 4711",
        "charge point CP_TX",
        "connector 1",
        "state ended",
        "0.890 kWh",
        "TAG-A",
    ):
        assert words in first
    assert heading(transaction(store, Selection(transaction="4711")))["place"] == "connector 1"


def test_a_diagram_of_it_is_the_same(store: Store) -> None:
    lines = list(diagram(chapters(store, Selection(transaction="4711"))))
    assert sum("->>" in line and "-->>" not in line for line in lines) == 8


def test_one_id_at_two_charge_points_must_be_told_apart(store: Store) -> None:
    with pytest.raises(NotFound, match="several transactions '4712': name its --charge-point"):
        shown(store, "4712")
    assert "TAG-C" in shown(store, "4712", charge_point="CP_OTHER")[0]


def test_none_is_one_line(store: Store) -> None:
    with pytest.raises(NotFound, match=r"^no transaction '99' in the store$"):
        shown(store, "99")
    with pytest.raises(NotFound, match="of 'CP_OTHER' in the store at that time"):
        list(told(store, Selection((), "CP_OTHER", Span("2031-01-01"), "4712")))


# what concerns it

TWO = Transaction(
    "CP",
    "tx-1",
    "",
    AROUND,
    2 * AROUND,
    "aa",
    3,
    "aa",
    9,
    "TAG",
    "ended",
    "success",
    "",
    evse_id=2,
    connector_id=1,
)


@pytest.mark.parametrize(
    ("payload", "is_about"),
    [
        ({"transactionInfo": {"transactionId": "tx-1"}}, True),
        ({"transactionInfo": {"transactionId": "tx-2"}, "evse": {"id": 2}}, False),
        ({"evse": {"id": 2, "connectorId": 1}}, True),
        ({"evse": {"id": 1, "connectorId": 1}}, False),
        ({"evseId": 2}, True),
        ({"connectorId": 1}, False),
        ({"idToken": {"idToken": "TAG", "type": "Central"}}, True),
        ({"idToken": {"idToken": "GAT", "type": "Central"}}, False),
        ({"evse": {"id": True}, "transactionId": True}, False),
        ({}, False),
        ([1, 2], False),
        (None, False),
    ],
)
def test_what_concerns_a_transaction_of_2_x(payload: object, is_about: bool) -> None:
    rows = [frame(5, CP, [2, "m", "TransactionEvent", payload]), frame(6, CSMS, [3, "m", {}], answers=5)]
    assert len(list(Concerning(TWO, "bb").of(rows))) == (2 if is_about else 0)


def test_its_first_and_last_frame_concern_it_whatever_they_say() -> None:
    rows = [frame(number, CP, b"[") for number in (2, 3, 4, 9, 10)]
    assert [row.frame_no for row in Concerning(TWO, "aa").of(rows)] == [3, 9]
    assert list(Concerning(TWO, "bb").of(rows)) == []


def test_a_deep_or_large_payload_is_only_looked_at_so_far() -> None:
    deep: object = "tx-1"
    for _ in range(50):
        deep = {"transactionId": deep} if isinstance(deep, str) else [deep]
    large = [{"a": number} for number in range(20_000)]
    rows = [frame(5, CP, [2, "m", "X", deep]), frame(7, CP, json.dumps([2, "m", "X", large]).encode())]
    assert list(Concerning(TWO, "bb").of(rows)) == []
