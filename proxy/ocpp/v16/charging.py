"""1.6: boot, heartbeat, status, faults, id tokens, transactions, meter values.

Knows the members of these payloads and what charge points make of them: "null" for nothing (quirk 41), 1.5's `values`
(34), one object for an array (30), any number or text for a transaction id (59). Must not know what came before: which
transaction runs, or whether a value can be true, is the ledger's and the analyzers' business.

A payload that is no object says nothing. What a readable payload leaves out stays untold in the fact.
`told`, `identity` and `when` read a member for all three files of 1.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.codes import vendor_codes
from proxy.ocpp.facts import (
    NOWHERE,
    UNTOLD,
    Authorized,
    Availability,
    Booted,
    Fact,
    FaultCleared,
    FaultReported,
    HeartbeatIntervalSet,
    HeartbeatSeen,
    Moment,
    Named,
    Outcome,
    Place,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    Where,
    meter_sampled,
)
from proxy.ocpp.meter import Sample, elements, samples
from proxy.ocpp.reading import Reading, Readings
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import identifier, integer, mapping, number, seconds, small, text, word

_AVAILABILITIES: Final[Mapping[str, Availability]] = {
    "available": Availability.AVAILABLE,
    "preparing": Availability.OCCUPIED,
    "charging": Availability.OCCUPIED,
    "suspendedevse": Availability.OCCUPIED,
    "suspendedev": Availability.OCCUPIED,
    "finishing": Availability.OCCUPIED,
    "occupied": Availability.OCCUPIED,
    "reserved": Availability.RESERVED,
    "unavailable": Availability.UNAVAILABLE,
    "faulted": Availability.FAULTED,
}
"""The nine of 1.6 §7.7, in lower case, and 1.5's Occupied."""

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "evdisconnected": Outcome.SUCCESS,
    "local": Outcome.SUCCESS,
    "remote": Outcome.SUCCESS,
    "unlockcommand": Outcome.SUCCESS,
    "deauthorized": Outcome.FAILURE,
    "emergencystop": Outcome.FAILURE,
    "hardreset": Outcome.FAILURE,
    "other": Outcome.FAILURE,
    "powerloss": Outcome.FAILURE,
    "reboot": Outcome.FAILURE,
    "softreset": Outcome.FAILURE,
}
"""The reasons of 1.6 §7.36, in lower case. 1.6 labels none: see `Outcome`."""

# Looking a member up on its enum costs more than what it is for.
_FAULTED: Final = Availability.FAULTED
_UNKNOWN: Final = Availability.UNKNOWN
_NO_FAULT: Final = frozenset({"", "noerror"})
_NULL: Final = "null"


def told(value: Any) -> str:
    """The text of a member; "" also for the literal "null" (ABB and others, quirk 41)."""
    said = "" if value is None else text(value)
    return "" if len(said) == len(_NULL) and said.lower() == _NULL else said


def identity(value: Any) -> str:
    """An id as text: 7, 7.0 and "7" are the same one; 0 and -1 are ids (quirk 59)."""
    if type(value) is float and value.is_integer():
        value = int(value)
    said = identifier(value)
    return "" if len(said) == len(_NULL) and said.lower() == _NULL else said


def when(value: Any) -> Moment:
    """The moment of a member; "null" is none."""
    said = moment(value)
    return UNTOLD if said.ns is None and said.text.lower() == _NULL else said


def _boot_notification(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked, said = mapping(call), mapping(answer)
    booted = Booted(
        *where,
        vendor=told(asked.get("chargePointVendor")),
        model=told(asked.get("chargePointModel")),
        firmware=told(asked.get("firmwareVersion")),
        serial=told(asked.get("chargePointSerialNumber")) or told(asked.get("chargeBoxSerialNumber")),
        status=text(said.get("status")),
        interval_seconds=seconds(said.get("interval")),
        told=when(said.get("currentTime")),
        iccid=told(asked.get("iccid")),
        imsi=told(asked.get("imsi")),
        meter_type=told(asked.get("meterType")),
        meter_serial=told(asked.get("meterSerialNumber")),
    )
    return [booted, *_interval_of(where, booted)]


def _interval_of(where: Where, booted: Booted) -> list[Fact]:
    """The interval is the Heartbeat's only when the boot was accepted, else the time to the next try (1.6 §4.2)."""
    if word(booted.status) != "accepted" or booted.interval_seconds is None:
        return []
    return [HeartbeatIntervalSet(*where, seconds=booted.interval_seconds, source="BootNotification")]


def _heartbeat(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [HeartbeatSeen(*where, told=when(mapping(answer).get("currentTime")))]


def _status_notification(where: Where, call: Any) -> list[Fact]:
    get = mapping(call).get
    status = told(get("status"))
    changed = StatusChanged(
        *where,
        place=Place(None, small(get("connectorId"))),
        status=status,
        availability=_AVAILABILITIES.get(status.strip().lower(), _UNKNOWN),
        told=when(get("timestamp")),
        source="StatusNotification",
        error_code=told(get("errorCode")),
        info=told(get("info")),
        vendor_id=told(get("vendorId")),
        vendor_error_code=told(get("vendorErrorCode")),
    )
    faults = _faults(where, changed)
    return [changed, *faults] if status else faults


def _faults(where: Where, changed: StatusChanged) -> list[Fact]:
    """What errorCode says (1.6 §7.6). Faulted with NoError (quirk 53) clears nothing: it is a fault without a code."""
    code = changed.error_code.strip().lower()
    if code == "noerror" and changed.availability is not _FAULTED:
        return [FaultCleared(*where, place=changed.place, told=changed.told)]
    if code in _NO_FAULT:
        return []
    fault = FaultReported(
        *where,
        place=changed.place,
        code=changed.error_code,
        vendor_id=changed.vendor_id,
        vendor_codes=vendor_codes(changed.vendor_error_code),
        info=changed.info,
        status=changed.status,
        told=changed.told,
    )
    return [fault]


def _authorize(where: Where, call: Any, answer: Any) -> list[Fact]:
    who = Named(identity(mapping(call).get("idTag")))
    return _authorized(where, answer, who, "Authorize")


def _authorized(
    where: Where, answer: Any, who: Named, source: str, place: Place = NOWHERE, transaction_id: str = ""
) -> list[Fact]:
    """What idTagInfo says; nothing without its status (a CSMS that sends the call back, quirk 47)."""
    said = mapping(mapping(answer).get("idTagInfo"))
    status = text(said.get("status"))
    if not status:
        return []
    authorized = Authorized(
        *where,
        who=who,
        status=status,
        source=source,
        parent=identity(said.get("parentIdTag")),
        expires=when(said.get("expiryDate")),
        place=place,
        transaction_id=transaction_id,
    )
    return [authorized]


def _start_transaction(where: Where, call: Any, answer: Any) -> list[Fact]:
    """The id is the CSMS's; -1 and 0 are as good as any (errata 3.18). meterStart is in Wh (1.6 §6.45)."""
    asked, said = mapping(call), mapping(answer)
    if not asked and not said:
        return []
    started = TransactionStarted(
        *where,
        transaction_id=identity(said.get("transactionId")),
        place=Place(None, small(asked.get("connectorId"))),
        who=Named(identity(asked.get("idTag"))),
        meter_start_wh=number(asked.get("meterStart")),
        told=when(asked.get("timestamp")),
        status=text(mapping(said.get("idTagInfo")).get("status")),
        reservation_id=integer(asked.get("reservationId")),
    )
    who, place, transaction_id = started.who, started.place, started.transaction_id
    return [started, *_authorized(where, said, who, "StartTransaction", place, transaction_id)]


def _stop_transaction(where: Where, call: Any) -> list[Fact]:
    """meterStop is in Wh. A reason left out is Local (1.6 §6.49); one that is empty or unreadable is unknown."""
    asked = mapping(call)
    if not asked:
        return []
    reason, transaction_id = asked.get("reason"), identity(asked.get("transactionId"))
    reason = "Local" if reason is None or word(reason) == _NULL else text(reason)
    ended = TransactionEnded(
        *where,
        transaction_id=transaction_id,
        who=Named(identity(asked.get("idTag"))),
        meter_stop_wh=number(asked.get("meterStop")),
        told=when(asked.get("timestamp")),
        reason=reason,
        outcome=_OUTCOMES.get(word(reason), Outcome.UNKNOWN),
    )
    data = asked.get("transactionData")
    return [ended, *_sampled(where, data, NOWHERE, transaction_id, "StopTransaction")]


def _stop_answered(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked = mapping(call)
    who, transaction_id = Named(identity(asked.get("idTag"))), identity(asked.get("transactionId"))
    return _authorized(where, answer, who, "StopTransaction", NOWHERE, transaction_id)


def _meter_values(where: Where, call: Any) -> list[Fact]:
    get = mapping(call).get
    values = get("meterValue")
    if values is None:
        values = get("values")  # 1.5's word for it (quirk 34)
    place, transaction_id = Place(None, small(get("connectorId"))), identity(get("transactionId"))
    return _sampled(where, values, place, transaction_id, "MeterValues")


def _sampled(where: Where, values: Any, place: Place, transaction_id: str, source: str) -> list[Fact]:
    """One fact per element; one that is no object, or an empty one, says nothing."""
    return [
        meter_sampled(where, place, transaction_id, when(element.get("timestamp")), _samples(element), source)
        for element in elements(values)
        if type(element) is dict and element
    ]


def _samples(element: dict[str, Any]) -> tuple[Sample, ...]:
    """sampledValue, or what 1.5 called `value` and some write `values` (quirk 34)."""
    if "sampledValue" in element:
        return samples(element)
    return samples({"sampledValue": element.get("values", element.get("value"))})


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "Authorize": Reading(answered=_authorize),
        "BootNotification": Reading(answered=_boot_notification),
        "Heartbeat": Reading(answered=_heartbeat),
        "MeterValues": Reading(said=_meter_values),
        "StartTransaction": Reading(answered=_start_transaction),
        "StatusNotification": Reading(said=_status_notification),
        "StopTransaction": Reading(said=_stop_transaction, answered=_stop_answered, skip_empty=True),
    },
}
