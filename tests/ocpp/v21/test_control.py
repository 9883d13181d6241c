"""2.1: tariffs, payment, event streams, certificate status by chain."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.names import DIRECTIONS, Direction
from proxy.ocpp.facts import (
    NOWHERE,
    CertificateStatusTold,
    EventStreamAdjusted,
    EventStreamClosed,
    EventStreamData,
    EventStreamOpened,
    Fact,
    Place,
    SettlementTold,
    TariffsCleared,
    TariffSet,
    TariffsListed,
    VatNumberChecked,
    WebPaymentStarted,
)
from proxy.ocpp.times import moment
from proxy.ocpp.v21.control import MAX_VALUES, READINGS
from tests.ocpp import v2
from tests.ocpp.v2 import WHERE, every_fact_of

NOON = "2026-05-01T12:00:00Z"
OK = {"status": "Accepted"}
TARIFF = {"tariffId": "T-1", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.42}]}}
STREAM = {"id": 3, "variableMonitoringId": 77, "params": {"interval": 30, "values": 10}}


def test_default_tariff() -> None:
    assert v2.answered("2.1", "SetDefaultTariff", {"evseId": 2, "tariff": TARIFF}, OK) == [
        TariffSet(
            *WHERE,
            tariff_id="T-1",
            currency="EUR",
            place=Place(2),
            transaction_id="",
            status="Accepted",
            source="SetDefaultTariff",
        )
    ]


def test_tariff_of_a_transaction() -> None:
    call = {"transactionId": "tx-7", "tariff": TARIFF}
    assert v2.answered("2.1", "ChangeTransactionTariff", call, {"status": "TxNotFound"}) == [
        TariffSet(
            *WHERE,
            tariff_id="T-1",
            currency="EUR",
            place=NOWHERE,
            transaction_id="tx-7",
            status="TxNotFound",
            source="ChangeTransactionTariff",
        )
    ]


def test_clear_tariffs() -> None:
    answer = {"clearTariffsResult": [{"tariffId": "T-1", "status": "Accepted"}, {"status": "NoTariff"}]}
    assert v2.answered("2.1", "ClearTariffs", {"tariffIds": ["T-1", "T-2"], "evseId": 2}, answer) == [
        TariffsCleared(*WHERE, tariff_ids=("T-1", "T-2"), place=Place(2), statuses=("Accepted", "NoTariff"))
    ]


def test_clear_all_tariffs_is_only_said_when_the_call_was_kept() -> None:
    answer = {"clearTariffsResult": [{"status": "Accepted"}]}
    [told] = v2.answered("2.1", "ClearTariffs", {}, answer)
    assert told == TariffsCleared(*WHERE, tariff_ids=(), place=NOWHERE, statuses=("Accepted",))
    assert v2.answered("2.1", "ClearTariffs", None, answer) == []


def test_get_tariffs() -> None:
    answer = {"status": "Accepted", "tariffAssignments": [{"tariffId": "T-1"}, {"tariffId": "T-2"}]}
    assert v2.answered("2.1", "GetTariffs", {"evseId": 0}, answer) == [
        TariffsListed(*WHERE, place=Place(0), tariff_ids=("T-1", "T-2"), status="Accepted")
    ]


def test_settlement() -> None:
    call = {
        "transactionId": "tx-7",
        "pspRef": "psp-1",
        "status": "Settled",
        "settlementAmount": 12.4,
        "settlementTime": NOON,
    }
    assert v2.said("2.1", "NotifySettlement", call) == [
        SettlementTold(*WHERE, transaction_id="tx-7", status="Settled", amount=12.4, told=moment(NOON))
    ]


def test_web_payment_started() -> None:
    assert v2.said("2.1", "NotifyWebPaymentStarted", {"evseId": 2, "timeout": 180}) == [
        WebPaymentStarted(*WHERE, place=Place(2), timeout_seconds=180)
    ]


def test_vat_number_is_not_kept() -> None:
    call = {"vatNumber": "XX123456789", "evseId": 2}
    told = v2.answered("2.1", "VatNumberValidation", call, {"status": "Rejected", "vatNumber": "XX123456789"})
    assert told == [VatNumberChecked(*WHERE, place=Place(2), status="Rejected")]
    assert "123456789" not in repr(told)


def test_certificate_chain_status() -> None:
    answer = {"certificateStatus": [{"status": "Good"}, {"status": "Revoked"}]}
    assert v2.answered("2.1", "GetCertificateChainStatus", {}, answer) == [
        CertificateStatusTold(*WHERE, statuses=("Good", "Revoked"))
    ]


def test_open_event_stream() -> None:
    call = {"constantStreamData": STREAM}
    assert v2.answered("2.1", "OpenPeriodicEventStream", call, {"status": "Rejected"}) == [
        EventStreamOpened(
            *WHERE,
            stream_id=3,
            monitor_id=77,
            interval_seconds=30,
            values=10,
            status="Rejected",
            source="OpenPeriodicEventStream",
        )
    ]


def test_open_event_streams_listed() -> None:
    answer = {"constantStreamData": [STREAM, {"id": 4, "variableMonitoringId": 78, "params": {}}]}
    first, second = v2.answered("2.1", "GetPeriodicEventStream", {}, answer)
    assert first == EventStreamOpened(
        *WHERE,
        stream_id=3,
        monitor_id=77,
        interval_seconds=30,
        values=10,
        status="",
        source="GetPeriodicEventStream",
    )
    assert second == EventStreamOpened(
        *WHERE,
        stream_id=4,
        monitor_id=78,
        interval_seconds=None,
        values=None,
        source="GetPeriodicEventStream",
    )


def test_adjust_event_stream() -> None:
    call = {"id": 3, "params": {"interval": 60, "values": 20}}
    assert v2.answered("2.1", "AdjustPeriodicEventStream", call, OK) == [
        EventStreamAdjusted(*WHERE, stream_id=3, interval_seconds=60, values=20, status="Accepted")
    ]


@pytest.mark.parametrize("sender", DIRECTIONS)
def test_close_event_stream(sender: Direction) -> None:
    """The standard names one sender in N13, another where it defines the message."""
    assert v2.answered("2.1", "ClosePeriodicEventStream", {"id": 3}, {}, sender) == [
        EventStreamClosed(*WHERE, stream_id=3)
    ]


@pytest.mark.parametrize("call", [None, {}, {"id": "first"}, {"id": -1}])
def test_a_close_without_an_id_closes_nothing(call: object) -> None:
    assert v2.answered("2.1", "ClosePeriodicEventStream", call, {}, Direction.FROM_CHARGE_POINT) == []


def test_event_stream_data_is_a_send() -> None:
    data = [{"t": 0.5, "v": "230.1"}, {"t": "1.5", "v": 231}, {"t": None, "v": "lost"}]
    call = {"id": 3, "pending": 2, "basetime": NOON, "data": data}
    assert v2.said("2.1", "NotifyPeriodicEventStream", call) == [
        EventStreamData(
            *WHERE, stream_id=3, pending=2, told=moment(NOON), values=((0.5, "230.1"), (1.5, "231"))
        )
    ]


def test_much_event_stream_data_is_cut() -> None:
    [told] = v2.said("2.1", "NotifyPeriodicEventStream", {"data": [{"t": n, "v": "x"} for n in range(1000)]})
    assert isinstance(told, EventStreamData)
    assert len(told.values) == MAX_VALUES


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_any_payload_gives_facts_and_never_an_exception(data: st.DataObject) -> None:
    assert all(isinstance(fact, Fact) for fact in every_fact_of("2.1", READINGS, data))
