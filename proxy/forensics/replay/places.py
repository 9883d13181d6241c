"""Where OCPP carries an id that one side issues and the other repeats, an id tag, a time: tables. Pure.

A row is a message, by who sends it, whether it is an answer, and its action; with it the places in its payload. 1.6 and
2.x share the tables: where an action means two things, both its places stand here, and a payload has one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from proxy.forensics.replay.paths import Place, place
from proxy.names import Direction

CALLS: Final = "call"
ANSWERS: Final = "answer"
Message = tuple[Direction, str, str]
"""Who sends it, `CALLS` or `ANSWERS`, the action."""
Named = tuple[str, Place]
"""What kind of id, where."""

_CP: Final = Direction.FROM_CHARGE_POINT
_CSMS: Final = Direction.FROM_CSMS

_REQUESTS: Final = (
    # family: asked by the CSMS in, repeated by the charge point in
    ("log", ("GetLog",), ("LogStatusNotification",)),
    (
        "firmware",
        ("UpdateFirmware", "SignedUpdateFirmware"),
        ("FirmwareStatusNotification", "SignedFirmwareStatusNotification"),
    ),
    ("publishing", ("PublishFirmware",), ("PublishFirmwareStatusNotification",)),
    ("report", ("GetBaseReport", "GetReport"), ("NotifyReport",)),
    ("monitoring", ("GetMonitoringReport",), ("NotifyMonitoringReport",)),
    ("profiles", ("GetChargingProfiles",), ("ReportChargingProfiles",)),
    ("displays", ("GetDisplayMessages",), ("NotifyDisplayMessages",)),
    ("customer", ("CustomerInformation",), ("NotifyCustomerInformation",)),
    ("der", ("GetDERControl",), ("ReportDERControl",)),
    ("swap", ("RequestBatterySwap",), ("BatterySwap",)),
)
_REQUEST_ID: Final = place("requestId")


def _issued() -> dict[Message, tuple[Named, ...]]:
    rows: dict[Message, tuple[Named, ...]] = {
        (_CSMS, ANSWERS, "StartTransaction"): (("transaction", place("transactionId")),),
        (_CSMS, CALLS, "ReserveNow"): (("reservation", place("reservationId")), ("reservation", place("id"))),
        (_CSMS, CALLS, "RequestStartTransaction"): (("remote start", place("remoteStartId")),),
    }
    for family, asked, _ in _REQUESTS:
        rows |= {(_CSMS, CALLS, action): ((family, _REQUEST_ID),) for action in asked}
    return rows


def _used() -> dict[Message, tuple[Named, ...]]:
    reservation = ("reservation", place("reservationId"))
    rows: dict[Message, tuple[Named, ...]] = {
        (_CP, CALLS, "StopTransaction"): (("transaction", place("transactionId")),),
        (_CP, CALLS, "MeterValues"): (("transaction", place("transactionId")),),
        (_CP, CALLS, "StartTransaction"): (reservation,),
        (_CP, CALLS, "ReservationStatusUpdate"): (reservation,),
        (_CP, CALLS, "TransactionEvent"): (
            reservation,
            ("remote start", place("transactionInfo.remoteStartId")),
        ),
    }
    for family, _, repeated in _REQUESTS:
        rows |= {(_CP, CALLS, action): ((family, _REQUEST_ID),) for action in repeated}
    own = ("own transaction", place("transactionId"))
    rows |= {(_CSMS, CALLS, action): (own,) for action in _ABOUT_OWN}
    return rows | {
        (_CSMS, CALLS, "SetChargingProfile"): (("own transaction", place("chargingProfile.transactionId")),),
        (_CSMS, CALLS, "SetDisplayMessage"): (("own transaction", place("message.transactionId")),),
    }


_ABOUT_OWN: Final = (
    "RequestStopTransaction",
    "GetTransactionStatus",
    "CostUpdated",
    "ChangeTransactionTariff",
    "NotifyAllowedEnergyTransfer",
    "UsePriorityCharging",
)

ISSUED: Final[Mapping[Message, tuple[Named, ...]]] = _issued()
"""The new id stands in the target's message where the recorded one stands in the recorded message."""
USED: Final[Mapping[Message, tuple[Named, ...]]] = _used()
"""What the replayed side repeats."""
NAMED_IN_TURN: Final[Mapping[Message, tuple[Named, ...]]] = {
    (_CP, CALLS, "TransactionEvent"): (("own transaction", place("transactionInfo.transactionId")),),
}
"""Ids that their owner makes up (2.x transactions): the n-th new one stands for the n-th recorded one."""

ID_TAGS: Final[Mapping[Message, tuple[Place, ...]]] = {
    (sender, kind, action): tuple(map(place, paths.split()))
    for sender, kind, action, paths in (
        (_CP, CALLS, "Authorize", "idTag idToken.idToken"),
        (_CP, CALLS, "StartTransaction", "idTag"),
        (_CP, CALLS, "StopTransaction", "idTag"),
        (_CP, CALLS, "TransactionEvent", "idToken.idToken"),
        (_CP, CALLS, "BatterySwap", "idToken.idToken"),
        (_CSMS, CALLS, "RemoteStartTransaction", "idTag"),
        (_CSMS, CALLS, "RequestStartTransaction", "idToken.idToken groupIdToken.idToken"),
        (_CSMS, CALLS, "RequestBatterySwap", "idToken.idToken"),
        (_CSMS, CALLS, "CustomerInformation", "idToken.idToken"),
        (_CSMS, CALLS, "ReserveNow", "idTag parentIdTag idToken.idToken groupIdToken.idToken"),
        (
            _CSMS,
            CALLS,
            "SendLocalList",
            "localAuthorizationList.*.idTag localAuthorizationList.*.idTagInfo.parentIdTag "
            "localAuthorizationList.*.idToken.idToken "
            "localAuthorizationList.*.idTokenInfo.groupIdToken.idToken",
        ),
        (_CSMS, ANSWERS, "Authorize", "idTagInfo.parentIdTag idTokenInfo.groupIdToken.idToken"),
        (_CSMS, ANSWERS, "StartTransaction", "idTagInfo.parentIdTag"),
        (_CSMS, ANSWERS, "StopTransaction", "idTagInfo.parentIdTag"),
        (_CSMS, ANSWERS, "TransactionEvent", "idTokenInfo.groupIdToken.idToken"),
    )
}

NOW: Final[Mapping[Message, Place]] = {
    (_CSMS, ANSWERS, "BootNotification"): place("currentTime"),
    (_CSMS, ANSWERS, "Heartbeat"): place("currentTime"),
}
"""What tells the present, whenever it is said."""

_CURVES: Final = {
    "curve": "curve",
    "fixedPFAbsorb": "fixedPF",
    "fixedPFInject": "fixedPF",
    "fixedVar": "fixedVar",
    "freqDroop": "freqDroop",
    "limitMaxDischarge": "limitMaxDischarge",
}
"""2.1 R04: the list of a report -> the curve in each of its items."""
_TRIP: Final = "limitMaxDischarge.powerMonitoringMustTrip.startTime"
_PROFILE: Final = (
    "validFrom validTo dynUpdateTime chargingSchedule.*.startSchedule "
    "chargingSchedule.*.absolutePriceSchedule.timeAnchor chargingSchedule.*.priceLevelSchedule.timeAnchor"
)
_PROFILE_16: Final = "validFrom validTo chargingSchedule.startSchedule"
_SCHEDULE: Final = "startSchedule absolutePriceSchedule.timeAnchor priceLevelSchedule.timeAnchor"


def _below(above: str, paths: str) -> str:
    return " ".join(f"{above}.{path}" for path in paths.split())


TIMES: Final[Mapping[Message, tuple[Place, ...]]] = {
    (sender, kind, action): tuple(map(place, paths.split()))
    for sender, kind, action, paths in (
        (_CP, CALLS, "StartTransaction", "timestamp"),
        (_CP, CALLS, "StopTransaction", "timestamp transactionData.*.timestamp"),
        (_CP, CALLS, "StatusNotification", "timestamp"),
        (_CP, CALLS, "SecurityEventNotification", "timestamp"),
        (_CP, CALLS, "MeterValues", "meterValue.*.timestamp"),
        (
            _CP,
            CALLS,
            "TransactionEvent",
            "timestamp meterValue.*.timestamp costDetails.chargingPeriods.*.startPeriod",
        ),
        (_CP, CALLS, "NotifyEvent", "generatedAt eventData.*.timestamp"),
        (_CP, CALLS, "NotifyReport", "generatedAt"),
        (_CP, CALLS, "NotifyMonitoringReport", "generatedAt"),
        (_CP, CALLS, "NotifyCustomerInformation", "generatedAt"),
        (_CP, CALLS, "NotifyPeriodicEventStream", "basetime"),
        (_CP, CALLS, "NotifyDERAlarm", "timestamp"),
        (_CP, CALLS, "NotifyDERStartStop", "timestamp"),
        (_CP, CALLS, "NotifySettlement", "settlementTime"),
        (_CP, CALLS, "NotifyDisplayMessages", "messageInfo.*.startDateTime messageInfo.*.endDateTime"),
        (_CP, CALLS, "NotifyChargingLimit", _below("chargingSchedule.*", _SCHEDULE)),
        (_CP, CALLS, "NotifyEVChargingSchedule", "timeBase " + _below("chargingSchedule", _SCHEDULE)),
        (
            _CP,
            CALLS,
            "NotifyEVChargingNeeds",
            "timestamp chargingNeeds.departureTime "
            "chargingNeeds.evEnergyOffer.evAbsolutePriceSchedule.timeAnchor "
            "chargingNeeds.evEnergyOffer.evPowerSchedule.timeAnchor",
        ),
        (
            _CP,
            CALLS,
            "ReportChargingProfiles",
            _below("chargingProfile.*", _PROFILE),
        ),
        (
            _CP,
            CALLS,
            "ReportDERControl",
            " ".join(f"{name}.*.{one}.startTime" for name, one in _CURVES.items())
            + f" limitMaxDischarge.*.{_TRIP}",
        ),
        (
            _CP,
            ANSWERS,
            "GetCompositeSchedule",
            "scheduleStart schedule.scheduleStart chargingSchedule.startSchedule",
        ),
        (_CP, ANSWERS, "GetTariffs", "tariffAssignments.*.validFrom"),
        (_CSMS, CALLS, "AFRRSignal", "timestamp"),
        (_CSMS, CALLS, "ReserveNow", "expiryDate expiryDateTime"),
        (
            _CSMS,
            CALLS,
            "UpdateFirmware",
            "retrieveDate firmware.retrieveDateTime firmware.installDateTime",
        ),
        (_CSMS, CALLS, "SignedUpdateFirmware", "firmware.retrieveDateTime firmware.installDateTime"),
        (_CSMS, CALLS, "GetDiagnostics", "startTime stopTime"),
        (_CSMS, CALLS, "GetLog", "log.oldestTimestamp log.latestTimestamp"),
        (
            _CSMS,
            CALLS,
            "SendLocalList",
            "localAuthorizationList.*.idTagInfo.expiryDate "
            "localAuthorizationList.*.idTokenInfo.cacheExpiryDateTime",
        ),
        (
            _CSMS,
            CALLS,
            "RemoteStartTransaction",
            _below("chargingProfile", _PROFILE_16),
        ),
        (
            _CSMS,
            CALLS,
            "RequestStartTransaction",
            _below("chargingProfile", _PROFILE),
        ),
        (
            _CSMS,
            CALLS,
            "SetChargingProfile",
            _below("csChargingProfiles", _PROFILE_16) + " " + _below("chargingProfile", _PROFILE),
        ),
        (_CSMS, CALLS, "SetDisplayMessage", "message.startDateTime message.endDateTime"),
        (
            _CSMS,
            CALLS,
            "SetDERControl",
            " ".join(f"{name}.startTime" for name in _CURVES) + f" {_TRIP}",
        ),
        (_CSMS, CALLS, "ChangeTransactionTariff", "tariff.validFrom"),
        (_CSMS, CALLS, "SetDefaultTariff", "tariff.validFrom"),
        (
            _CSMS,
            ANSWERS,
            "Authorize",
            "idTagInfo.expiryDate idTokenInfo.cacheExpiryDateTime tariff.validFrom",
        ),
        (_CSMS, ANSWERS, "StartTransaction", "idTagInfo.expiryDate"),
        (_CSMS, ANSWERS, "StopTransaction", "idTagInfo.expiryDate"),
        (_CSMS, ANSWERS, "TransactionEvent", "idTokenInfo.cacheExpiryDateTime"),
        (_CSMS, ANSWERS, "GetCertificateChainStatus", "certificateStatus.*.nextUpdate"),
    )
}
"""Every `format: date-time` of the official schemas, but for what tells the present (`NOW`) and the day on which a
battery was made (BatterySwap)."""
