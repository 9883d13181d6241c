"""2.0.1: boot, heartbeat, status, id tokens, transactions, meter values, charging needs.

Knows the members of these payloads, those that 2.1 adds included. Must not know what came before: an Updated does not
say again where its transaction runs, and nothing here fills that in (quirk 63). A register is taken for a transaction's
begin or end only when its own context says so.
`availability_of` reads a member for the other files of 2.x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from proxy.names import Direction
from proxy.ocpp.facts import (
    NOWHERE,
    Authorized,
    Availability,
    Booted,
    ChargingNeedsTold,
    CostTold,
    EnergyTransferAllowed,
    Fact,
    HeartbeatIntervalSet,
    HeartbeatSeen,
    MeterSampled,
    Named,
    Outcome,
    Place,
    StatusChanged,
    TariffSet,
    TransactionEnded,
    TransactionStarted,
    TransactionStatusTold,
    TransactionUpdated,
    Where,
    meter_sampled,
)
from proxy.ocpp.meter import ENERGY_REGISTER, ContextClass, Family, elements, samples
from proxy.ocpp.reading import Reading, Readings, kept
from proxy.ocpp.times import moment
from proxy.ocpp.tolerant import identifier, integer, mapping, number, seconds, small, text, truth, word, words
from proxy.ocpp.v20.members import at_evse, named, place_of, status_of

MAX_MODES: Final = 32

_AVAILABILITIES: Final[Mapping[str, Availability]] = {
    "available": Availability.AVAILABLE,
    "occupied": Availability.OCCUPIED,
    "reserved": Availability.RESERVED,
    "unavailable": Availability.UNAVAILABLE,
    "faulted": Availability.FAULTED,
    "preparing": Availability.OCCUPIED,
    "charging": Availability.OCCUPIED,
    "suspendedevse": Availability.OCCUPIED,
    "suspendedev": Availability.OCCUPIED,
    "finishing": Availability.OCCUPIED,
}
"""2.x's five (G01) in lower case, and those of 1.6 that firmware takes along."""

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    **dict.fromkeys(
        (
            "energylimitreached",
            "evdisconnected",
            "local",
            "localoutofcredit",
            "masterpass",
            "remote",
            "soclimitreached",
            "stoppedbyev",
            "timelimitreached",
        ),
        Outcome.SUCCESS,
    ),
    **dict.fromkeys(
        (
            "deauthorized",
            "emergencystop",
            "groundfault",
            "immediatereset",
            "other",
            "overcurrentfault",
            "powerloss",
            "powerquality",
            "reboot",
            "reqenergytransferrejected",
            "timeout",
        ),
        Outcome.FAILURE,
    ),
}
"""stoppedReason in lower case -> 2.1's label (§3.83)."""

_EVENTS: Final = frozenset({"started", "updated", "ended"})


def availability_of(status: str) -> Availability:
    """What a status word means; words are compared without case."""
    return _AVAILABILITIES.get(word(status), Availability.UNKNOWN)


def _boot_notification(where: Where, call: Any, answer: Any) -> list[Fact]:
    asked, said = mapping(call), mapping(answer)
    station = mapping(asked.get("chargingStation"))
    modem = mapping(station.get("modem"))
    booted = Booted(
        *where,
        vendor=text(station.get("vendorName")),
        model=text(station.get("model")),
        firmware=text(station.get("firmwareVersion")),
        serial=text(station.get("serialNumber")),
        status=text(said.get("status")),
        interval_seconds=seconds(said.get("interval")),
        reason=text(asked.get("reason")),
        told=moment(said.get("currentTime")),
        iccid=text(modem.get("iccid")),
        imsi=text(modem.get("imsi")),
    )
    return [booted, *_interval_of(where, booted)]


def _interval_of(where: Where, booted: Booted) -> list[Fact]:
    """The interval is the Heartbeat's only when the boot was accepted (2.x B01), else the time to the next try."""
    if word(booted.status) != "accepted" or booted.interval_seconds is None:
        return []
    return [HeartbeatIntervalSet(*where, seconds=booted.interval_seconds, source="BootNotification")]


def _heartbeat(where: Where, call: Any, answer: Any) -> list[Fact]:
    return [HeartbeatSeen(*where, told=moment(mapping(answer).get("currentTime")))]


def _status_notification(where: Where, call: Any) -> list[Fact]:
    get = mapping(call).get
    status = text(get("connectorStatus"))
    if not status:
        return []
    changed = StatusChanged(
        *where,
        place=at_evse(get("evseId"), get("connectorId")),
        status=status,
        availability=availability_of(status),
        told=moment(get("timestamp")),
        source="StatusNotification",
    )
    return [changed]


def _authorize(where: Where, call: Any, answer: Any) -> list[Fact]:
    who = named(mapping(call).get("idToken"))
    return _authorized(where, answer, who, "Authorize") + _granted(where, mapping(answer))


def _authorized(
    where: Where, answer: Any, who: Named, source: str, place: Place = NOWHERE, transaction_id: str = ""
) -> list[Fact]:
    """What idTokenInfo says; nothing when no status is there (a CSMS that sends the call back, quirk 47)."""
    said = mapping(answer)
    info = mapping(said.get("idTokenInfo"))
    status, certificate_status = text(info.get("status")), text(said.get("certificateStatus"))
    if not status and not certificate_status:
        return []
    authorized = Authorized(
        *where,
        who=who,
        status=status,
        source=source,
        parent=named(info.get("groupIdToken")).token,
        expires=moment(info.get("cacheExpiryDateTime")),
        place=place,
        transaction_id=transaction_id,
        certificate_status=certificate_status,
    )
    return [authorized]


def _granted(where: Where, said: Mapping[str, Any]) -> list[Fact]:
    """What 2.1 may add to an authorization: the driver's own tariff, and which energy transfers are allowed."""
    facts: list[Fact] = []
    if tariff := mapping(said.get("tariff")):
        tariff_id, currency = text(tariff.get("tariffId")), text(tariff.get("currency"))
        facts.append(TariffSet(*where, tariff_id=tariff_id, currency=currency, source="Authorize"))
    if modes := words(said.get("allowedEnergyTransfer"), MAX_MODES):
        facts.append(EnergyTransferAllowed(*where, modes=modes))
    return facts


def _transaction_event(where: Where, call: Any) -> list[Fact]:
    """Samples stand before an Ended, which is the last thing they belong to, and after a Started or Updated."""
    call = mapping(call)
    get = call.get
    info = mapping(get("transactionInfo"))
    transaction_id, place = identifier(info.get("transactionId")), place_of(get("evse"))
    sampled = _sampled(where, get("meterValue"), place, transaction_id, "TransactionEvent")
    cost = _cost_of(where, transaction_id, get("costDetails")) if "costDetails" in call else []
    kind = "updated" if get("eventType") == "Updated" else word(get("eventType"))
    if kind not in _EVENTS:
        return [*sampled, *cost]
    if kind == "updated":
        return [_updated(where, transaction_id, place, call, info), *sampled, *cost]
    told = _event(transaction_id, place, call, info)
    if kind == "started":
        begin = _register(sampled, ContextClass.BEGIN)
        reservation_id = integer(get("reservationId"))
        started = TransactionStarted(*where, **told, meter_start_wh=begin, reservation_id=reservation_id)
        return [started, *sampled, *cost]
    reason, end = _reason(info), _register(sampled, ContextClass.END)
    outcome = _OUTCOMES.get(word(reason), Outcome.UNKNOWN)
    ended = TransactionEnded(*where, **told, meter_stop_wh=end, reason=reason, outcome=outcome)
    return [*sampled, ended, *cost]


def _updated(
    where: Where, transaction_id: str, place: Place, call: Mapping[str, Any], info: Mapping[str, Any]
) -> Fact:
    """By position: most TransactionEvents are these."""
    get = call.get
    return TransactionUpdated(
        *where,
        transaction_id,
        place,
        named(get("idToken")),
        moment(get("timestamp")),
        text(get("triggerReason")),
        text(info.get("chargingState")),
        small(get("seqNo")),
        truth(get("offline")),
        integer(info.get("remoteStartId")),
    )


def _event(
    transaction_id: str, place: Place, call: Mapping[str, Any], info: Mapping[str, Any]
) -> dict[str, Any]:
    """What Started and Ended have in common."""
    get = call.get
    return {
        "transaction_id": transaction_id,
        "place": place,
        "who": named(get("idToken")),
        "told": moment(get("timestamp")),
        "trigger": text(get("triggerReason")),
        "charging_state": text(info.get("chargingState")),
        "seq_no": small(get("seqNo")),
        "offline": truth(get("offline")),
        "remote_start_id": integer(info.get("remoteStartId")),
    }


def _reason(info: Mapping[str, Any]) -> str:
    """A stoppedReason left out is Local (2.1 §3.83); one that is empty, or a transactionInfo left out, is unknown."""
    reason = info.get("stoppedReason")
    return "Local" if reason is None and info else text(reason)


def _register(sampled: Sequence[MeterSampled], context: ContextClass) -> float | None:
    """The energy register of that context in Wh: the first Begin, the last End; the outlet's where there are more.

    One of a single phase is not the whole, and phases are not added up here.
    """
    found = [
        sample
        for fact in sampled
        for sample in fact.samples
        if sample.kind.context_class is context
        and sample.kind.measurand == ENERGY_REGISTER
        and not sample.kind.phase
        and sample.kind.family is Family.ENERGY
        and sample.value is not None
    ]
    found = [sample for sample in found if sample.kind.location == "Outlet"] or found
    if not found:
        return None
    return found[0 if context is ContextClass.BEGIN else -1].value


def _cost_of(where: Where, transaction_id: str, details: Any) -> list[Fact]:
    """2.1: what the charge point itself has reckoned, with tax where it says so; nothing when it could not."""
    told = mapping(details)
    cost = mapping(told.get("totalCost"))
    total = mapping(cost.get("total"))
    amount = _first(total.get("inclTax"), total.get("exclTax"))
    if amount is None or truth(told.get("failureToCalculate")):
        return []
    told_cost = CostTold(
        *where,
        transaction_id=transaction_id,
        total=amount,
        currency=text(cost.get("currency")),
        direction=Direction.FROM_CHARGE_POINT,
        source="TransactionEvent",
    )
    return [told_cost]


def _transaction_answered(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Whether the token is good, and the cost so far (Updated) or in the end. No totalCost: nothing about the price."""
    asked, said = mapping(call), mapping(answer)
    transaction_id = identifier(mapping(asked.get("transactionInfo")).get("transactionId"))
    who, place = named(asked.get("idToken")), place_of(asked.get("evse"))
    facts = _authorized(where, said, who, "TransactionEvent", place, transaction_id)
    total = number(said.get("totalCost"))
    if total is not None:
        facts.append(CostTold(*where, transaction_id=transaction_id, total=total, source="TransactionEvent"))
    return facts


def _meter_values(where: Where, call: Any) -> list[Fact]:
    """evseId 0 is the main meter. Samples of a transaction come in TransactionEvent: no transaction is named here."""
    asked = mapping(call)
    return [*_sampled(where, asked.get("meterValue"), at_evse(asked.get("evseId")), "", "MeterValues")]


def _sampled(where: Where, values: Any, place: Place, transaction_id: str, source: str) -> list[MeterSampled]:
    """One fact per element; one that is no object, or an empty one, says nothing."""
    return [
        meter_sampled(
            where, place, transaction_id, moment(element.get("timestamp")), samples(element), source
        )
        for element in elements(values)
        if type(element) is dict and element
    ]


def _get_transaction_status(where: Where, call: Any, answer: Any) -> list[Fact]:
    """Without a transaction in the CALL, an ongoingIndicator is about none (2.x E14)."""
    said, transaction_id = mapping(answer), identifier(call.get("transactionId"))
    status = TransactionStatusTold(
        *where,
        transaction_id=transaction_id,
        ongoing=truth(said.get("ongoingIndicator")) if transaction_id else None,
        messages_waiting=truth(said.get("messagesInQueue")),
    )
    return [status]


def _charging_needs(where: Where, call: Any, answer: Any) -> list[Fact]:
    """ISO 15118-2's parameters for AC or DC; 2.1 also ISO 15118-20's, which count where the others are silent."""
    needs = mapping(call.get("chargingNeeds"))
    ac, dc = mapping(needs.get("acChargingParameters")), mapping(needs.get("dcChargingParameters"))
    v2x = mapping(needs.get("v2xChargingParameters"))
    told = ChargingNeedsTold(
        *where,
        place=at_evse(call.get("evseId")),
        energy_transfer=text(needs.get("requestedEnergyTransfer")),
        departure=moment(needs.get("departureTime")),
        soc_percent=number(dc.get("stateOfCharge")),
        capacity_wh=number(dc.get("evEnergyCapacity")),
        energy_wh=_first(ac.get("energyAmount"), dc.get("energyAmount"), v2x.get("evTargetEnergyRequest")),
        max_power_w=_first(dc.get("evMaxPower"), _max_power(v2x)),
        max_current_a=_first(ac.get("evMaxCurrent"), dc.get("evMaxCurrent"), v2x.get("maxChargeCurrent")),
        max_voltage_v=_first(ac.get("evMaxVoltage"), dc.get("evMaxVoltage"), v2x.get("maxVoltage")),
        status=status_of(answer),
        told=moment(call.get("timestamp")),
    )
    return [told]


def _first(*told: Any) -> float | None:
    """The first that is a number."""
    return next((value for value in map(number, told) if value is not None), None)


def _max_power(v2x: Mapping[str, Any]) -> float | None:
    """maxChargePower is that of all phases, unless L2 or L3 stand beside it: then it is that of L1."""
    first = number(v2x.get("maxChargePower"))
    others = [number(v2x.get(member)) or 0.0 for member in ("maxChargePower_L2", "maxChargePower_L3")]
    return None if first is None else first + sum(others)


READINGS: Final[Readings] = {
    Direction.FROM_CHARGE_POINT: {
        "Authorize": Reading(answered=_authorize),
        "BootNotification": Reading(answered=_boot_notification),
        "Heartbeat": Reading(answered=_heartbeat),
        "MeterValues": Reading(said=_meter_values),
        "NotifyEVChargingNeeds": Reading(answered=kept(_charging_needs)),
        "StatusNotification": Reading(said=_status_notification),
        "TransactionEvent": Reading(said=_transaction_event, answered=_transaction_answered, skip_empty=True),
    },
    Direction.FROM_CSMS: {
        "GetTransactionStatus": Reading(answered=kept(_get_transaction_status)),
    },
}
