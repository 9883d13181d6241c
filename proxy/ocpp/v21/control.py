"""2.1: tariffs, payment, event streams, certificate status by chain.

Of tariffs their id and currency are read, prices stand in the frame. Of payments neither who paid nor the payment
provider's reference is kept.
"""

from __future__ import annotations

from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.facts import (
    CertificateStatusTold,
    EventStreamAdjusted,
    EventStreamClosed,
    EventStreamData,
    EventStreamOpened,
    Fact,
    SettlementTold,
    TariffsCleared,
    TariffSet,
    TariffsListed,
    VatNumberChecked,
    WebPaymentStarted,
    Where,
)
from proxy.ocpp.reading import Reading, Readings, kept, told
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import identifier, items, mapping, number, seconds, small, text, words
from proxy.ocpp.v20.members import at_evse, status_of

MAX_TARIFFS: Final = 1000
MAX_STREAMS: Final = 1000
MAX_CERTIFICATES: Final = 100
MAX_VALUES: Final = 256
"""Of one event stream message."""


def _set_default_tariff(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [_tariff_set(where, call, answer, "SetDefaultTariff")]


def _change_transaction_tariff(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [_tariff_set(where, call, answer, "ChangeTransactionTariff")]


def _tariff_set(where: Where, call: Any, answer: Any, source: str) -> TariffSet:
    """Each action has one of evseId and transactionId."""
    tariff = mapping(call.get("tariff"))
    return TariffSet(
        *where,
        tariff_id=text(tariff.get("tariffId")),
        currency=text(tariff.get("currency")),
        place=at_evse(call.get("evseId")),
        transaction_id=identifier(call.get("transactionId")),
        status=status_of(answer),
        source=source,
    )


def _clear_tariffs(where: Where, call: Any, answer: Any) -> list[Fact]:
    results = items(mapping(answer).get("clearTariffsResult"))[:MAX_TARIFFS]
    return [
        TariffsCleared(
            *where,
            tariff_ids=words(call.get("tariffIds"), MAX_TARIFFS),
            place=at_evse(call.get("evseId")),
            statuses=tuple([status_of(result) for result in results]),
        )
    ]


def _get_tariffs(where: Where, call: Any, answer: Any) -> list[Fact]:
    listed = items(mapping(answer).get("tariffAssignments"))[:MAX_TARIFFS]
    return [
        TariffsListed(
            *where,
            place=at_evse(call.get("evseId")),
            tariff_ids=tuple([text(mapping(entry).get("tariffId")) for entry in listed]),
            status=status_of(answer),
        )
    ]


def _notify_settlement(where: Where, call: Any) -> list[Fact]:
    return [
        SettlementTold(
            *where,
            transaction_id=identifier(call.get("transactionId")),
            status=text(call.get("status")),
            amount=number(call.get("settlementAmount")),
            told=moment(call.get("settlementTime")),
        )
    ]


def _web_payment_started(where: Where, call: Any) -> list[Fact]:
    timeout = seconds(call.get("timeout"))
    return [WebPaymentStarted(*where, place=at_evse(call.get("evseId")), timeout_seconds=timeout)]


def _vat_number(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [VatNumberChecked(*where, place=at_evse(call.get("evseId")), status=status_of(answer))]


def _certificate_chain_status(where: Where, call: Any, answer: Any) -> list[Fact]:
    found = items(mapping(answer).get("certificateStatus"))[:MAX_CERTIFICATES]
    return [CertificateStatusTold(*where, statuses=tuple([status_of(entry) for entry in found]))]


def _open_stream(where: Where, call: Any, answer: Any) -> list[Fact]:
    data = call.get("constantStreamData")
    return [_stream(where, data, status_of(answer), "OpenPeriodicEventStream")]


def _get_streams(where: Where, call: Any, answer: Any) -> list[Fact]:
    """The answer says it all: what is open."""
    found = items(mapping(answer).get("constantStreamData"))[:MAX_STREAMS]
    return [_stream(where, data, "", "GetPeriodicEventStream") for data in found]


def _stream(where: Where, data: Any, status: str, source: str) -> EventStreamOpened:
    data = mapping(data)
    interval, values = _params(data)
    return EventStreamOpened(
        *where,
        stream_id=small(data.get("id")),
        monitor_id=small(data.get("variableMonitoringId")),
        interval_seconds=interval,
        values=values,
        status=status,
        source=source,
    )


def _params(holder: Any) -> tuple[int | None, int | None]:
    """When a stream sends: every so many seconds, and when it has so many values."""
    params = mapping(mapping(holder).get("params"))
    return seconds(params.get("interval")), small(params.get("values"))


def _adjust_stream(where: Where, call: Any, answer: Any) -> list[Fact]:
    interval, values = _params(call)
    return [
        EventStreamAdjusted(
            *where,
            stream_id=small(call.get("id")),
            interval_seconds=interval,
            values=values,
            status=status_of(answer),
        )
    ]


def _close_stream(where: Where, call: Any, answer: Any) -> list[Fact]:
    """The empty answer is the consent. By use case N13 the charge point sends it, by its definition the CSMS."""
    stream_id = small(call.get("id"))
    return [] if stream_id is None else [EventStreamClosed(*where, stream_id=stream_id)]


def _stream_data(where: Where, call: Any) -> list[Fact]:
    """A value without a readable time offset is left out."""
    entries = [mapping(entry) for entry in items(call.get("data"))[:MAX_VALUES]]
    values = [
        (after, text(entry.get("v"))) for entry in entries if (after := number(entry.get("t"))) is not None
    ]
    return [
        EventStreamData(
            *where,
            stream_id=small(call.get("id")),
            pending=small(call.get("pending")),
            told=moment(call.get("basetime")),
            values=tuple(values),
        )
    ]


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "ClosePeriodicEventStream": Reading(answered=kept(_close_stream)),
        "GetCertificateChainStatus": Reading(answered=_certificate_chain_status),
        "NotifyPeriodicEventStream": Reading(said=told(_stream_data)),
        "NotifySettlement": Reading(said=told(_notify_settlement)),
        "OpenPeriodicEventStream": Reading(answered=kept(_open_stream)),
        "VatNumberValidation": Reading(answered=kept(_vat_number)),
    },
    Direction.FROM_CSMS: {
        "AdjustPeriodicEventStream": Reading(answered=kept(_adjust_stream)),
        "ChangeTransactionTariff": Reading(answered=kept(_change_transaction_tariff)),
        "ClearTariffs": Reading(answered=kept(_clear_tariffs)),
        "ClosePeriodicEventStream": Reading(answered=kept(_close_stream)),
        "GetPeriodicEventStream": Reading(answered=_get_streams),
        "GetTariffs": Reading(answered=kept(_get_tariffs)),
        "NotifyWebPaymentStarted": Reading(said=told(_web_payment_started)),
        "SetDefaultTariff": Reading(answered=kept(_set_default_tariff)),
    },
}
