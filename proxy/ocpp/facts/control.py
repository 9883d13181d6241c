"""Facts about what the CSMS orders and what it costs: commands, charging profiles, reservations, local list, display,
tariffs, grid (DER), event streams.

Told when the charge point has answered; `status` is its answer, as told ("" where the standard gives none). Of a CALL
that was not kept (over 16 KiB) nothing is told: what it asked for is unknown.
"""

from __future__ import annotations

import msgspec

from proxy.names import Direction
from proxy.ocpp.facts.base import NOBODY, NOWHERE, UNTOLD, Fact, Moment, Named, Place


class RemoteStartRequested(Fact, frozen=True, gc=False):
    """RemoteStartTransaction, RequestStartTransaction. `transaction_id`: 2.x, when one already runs."""

    who: Named = NOBODY
    place: Place = NOWHERE
    remote_start_id: int | None = None
    status: str = ""
    transaction_id: str = ""


class RemoteStopRequested(Fact, frozen=True, gc=False):
    """RemoteStopTransaction, RequestStopTransaction."""

    transaction_id: str = ""
    status: str = ""


class ResetRequested(Fact, frozen=True, gc=False):
    """`kind`: Hard, Soft (1.6), Immediate, OnIdle, ImmediateAndResume (2.x)."""

    kind: str = ""
    place: Place = NOWHERE
    status: str = ""


class UnlockRequested(Fact, frozen=True, gc=False):
    """UnlockConnector."""

    place: Place = NOWHERE
    status: str = ""


class AvailabilityRequested(Fact, frozen=True, gc=False):
    """ChangeAvailability. `kind`: Operative, Inoperative."""

    place: Place = NOWHERE
    kind: str = ""
    status: str = ""


class MessageTriggered(Fact, frozen=True, gc=False):
    """TriggerMessage, ExtendedTriggerMessage. `message`: what the charge point shall send."""

    message: str = ""
    place: Place = NOWHERE
    status: str = ""


class CacheCleared(Fact, frozen=True, gc=False):
    """ClearCache: the authorization cache."""

    status: str = ""


class LocalListSent(Fact, frozen=True, gc=False):
    """SendLocalList. `kind`: Full, Differential."""

    version: int | None = None
    kind: str = ""
    entries: int = 0
    status: str = ""


class LocalListVersionTold(Fact, frozen=True, gc=False):
    """GetLocalListVersion. 1.6: -1 = the charge point has no local list; 0 = it is empty."""

    version: int | None = None


class ReservationMade(Fact, frozen=True, gc=False):
    """ReserveNow. `status`: Accepted, Faulted, Occupied, Rejected, Unavailable."""

    reservation_id: int | None = None
    place: Place = NOWHERE
    who: Named = NOBODY
    expires: Moment = UNTOLD
    status: str = ""


class ReservationCancelled(Fact, frozen=True, gc=False):
    """CancelReservation."""

    reservation_id: int | None = None
    status: str = ""


class ReservationEnded(Fact, frozen=True, gc=False):
    """ReservationStatusUpdate (2.x): Expired, Removed, NoTransaction."""

    reservation_id: int | None = None
    status: str = ""


class Profile(msgspec.Struct, frozen=True, gc=False):
    """A charging profile, as told. `unit`: W or A of its first schedule; `periods`: its first schedule's (start in s,
    limit in `unit` or None, phases or None), 256 at most. 2.1 V2X setpoints stand in `setpoints` beside each period."""

    profile_id: int | None = None
    stack_level: int | None = None
    purpose: str = ""
    kind: str = ""
    recurrency: str = ""
    transaction_id: str = ""
    unit: str = ""
    start: Moment = UNTOLD
    duration_seconds: int | None = None
    valid_from: Moment = UNTOLD
    valid_to: Moment = UNTOLD
    periods: tuple[tuple[int, float | None, int | None], ...] = ()
    setpoints: tuple[float | None, ...] = ()
    schedules: int = 1


class ChargingProfileSet(Fact, frozen=True, gc=False):
    """SetChargingProfile, or the profile inside a remote start (`source`: the action)."""

    place: Place = NOWHERE
    profile: Profile = Profile()
    status: str = ""
    source: str = ""


class ChargingProfilesCleared(Fact, frozen=True, gc=False):
    """ClearChargingProfile; what is left out means "any"."""

    profile_id: int | None = None
    place: Place = NOWHERE
    purpose: str = ""
    stack_level: int | None = None
    status: str = ""


class ChargingProfileReported(Fact, frozen=True, gc=False):
    """One profile of ReportChargingProfiles (2.x K09). `limit_source`: EMS, CSO, SO, Other."""

    place: Place = NOWHERE
    profile: Profile = Profile()
    limit_source: str = ""
    request_id: int | None = None


class CompositeScheduleTold(Fact, frozen=True, gc=False):
    """GetCompositeSchedule: what the charge point itself takes as its limits."""

    place: Place = NOWHERE
    schedule: Profile = Profile()
    status: str = ""


class ChargingLimitChanged(Fact, frozen=True, gc=False):
    """NotifyChargingLimit (a limit from outside OCPP) or ClearedChargingLimit (`cleared`) (2.x K12, K13)."""

    place: Place = NOWHERE
    source: str = ""
    cleared: bool = False
    grid_critical: bool | None = None
    schedule: Profile | None = None


class ChargingScheduleAnnounced(Fact, frozen=True, gc=False):
    """NotifyEVChargingSchedule: what the car says it will draw (2.x K17)."""

    place: Place = NOWHERE
    schedule: Profile = Profile()
    status: str = ""
    told: Moment = UNTOLD


class DynamicScheduleUpdated(Fact, frozen=True, gc=False):
    """UpdateDynamicSchedule or PullDynamicScheduleUpdate (2.1 K28). `limit`, `setpoint`: in the profile's unit."""

    profile_id: int | None = None
    limit: float | None = None
    discharge_limit: float | None = None
    setpoint: float | None = None
    status: str = ""
    source: str = ""


class PriorityChargingChanged(Fact, frozen=True, gc=False):
    """UsePriorityCharging (the CSMS asks) or NotifyPriorityCharging (the charge point did it itself) (2.1 K21, K22)."""

    transaction_id: str = ""
    active: bool | None = None
    status: str = ""
    source: str = ""


class DisplayMessageSet(Fact, frozen=True, gc=False):
    """SetDisplayMessage (2.x O01)."""

    message_id: int | None = None
    priority: str = ""
    state: str = ""
    status: str = ""


class DisplayMessageCleared(Fact, frozen=True, gc=False):
    """ClearDisplayMessage (2.x O05)."""

    message_id: int | None = None
    status: str = ""


class CostTold(Fact, frozen=True, gc=False):
    """What a transaction costs so far or in the end: CostUpdated, TransactionEvent and its answer. `currency`: 2.1."""

    transaction_id: str = ""
    total: float | None = None
    currency: str = ""
    direction: Direction = Direction.FROM_CSMS
    source: str = ""


class TariffSet(Fact, frozen=True, gc=False):
    """SetDefaultTariff (`place`), ChangeTransactionTariff (`transaction_id`), or Authorize's answer (2.1 I07, I11)."""

    tariff_id: str = ""
    currency: str = ""
    place: Place = NOWHERE
    transaction_id: str = ""
    status: str = ""
    source: str = ""


class TariffsCleared(Fact, frozen=True, gc=False):
    """ClearTariffs (2.1 I09). `tariff_ids` empty: all. `statuses`: one per tariff."""

    tariff_ids: tuple[str, ...] = ()
    place: Place = NOWHERE
    statuses: tuple[str, ...] = ()


class TariffsListed(Fact, frozen=True, gc=False):
    """GetTariffs was answered (2.1 I10)."""

    place: Place = NOWHERE
    tariff_ids: tuple[str, ...] = ()
    status: str = ""


class SettlementTold(Fact, frozen=True, gc=False):
    """NotifySettlement: how an ad hoc payment was settled (2.1 C22-C24). `amount`: in the tariff's currency."""

    transaction_id: str = ""
    status: str = ""
    amount: float | None = None
    told: Moment = UNTOLD


class WebPaymentStarted(Fact, frozen=True, gc=False):
    """NotifyWebPaymentStarted: somebody pays by QR code (2.1 C25)."""

    place: Place = NOWHERE
    timeout_seconds: int | None = None


class VatNumberChecked(Fact, frozen=True, gc=False):
    """VatNumberValidation was answered (2.1 C23). The number itself is not kept."""

    place: Place = NOWHERE
    status: str = ""


class CustomerInformationRequested(Fact, frozen=True, gc=False):
    """CustomerInformation (2.x N09, N10). `report`, `clear`: what is asked for. Who the customer is, is not kept."""

    request_id: int | None = None
    report: bool | None = None
    clear: bool | None = None
    status: str = ""


class DerControlSet(Fact, frozen=True, gc=False):
    """SetDERControl (2.1 R04). `superseded`: ids of controls that this one replaces."""

    control_id: str = ""
    kind: str = ""
    is_default: bool | None = None
    superseded: tuple[str, ...] = ()
    status: str = ""


class DerControlsCleared(Fact, frozen=True, gc=False):
    """ClearDERControl (2.1 R04)."""

    control_id: str = ""
    kind: str = ""
    is_default: bool | None = None
    status: str = ""


class DerControlReported(Fact, frozen=True, gc=False):
    """One control of ReportDERControl (2.1 R04). `kind`: the member it stood in: curve, enterService, gradient, ..."""

    control_id: str = ""
    kind: str = ""
    is_default: bool | None = None
    is_superseded: bool | None = None
    request_id: int | None = None


class DerControlSwitched(Fact, frozen=True, gc=False):
    """NotifyDERStartStop: a scheduled control began or ended (2.1 R05)."""

    control_id: str = ""
    started: bool | None = None
    superseded: tuple[str, ...] = ()
    told: Moment = UNTOLD


class DerAlarmRaised(Fact, frozen=True, gc=False):
    """NotifyDERAlarm (2.1 R05). `ended`: the alarm is over. `fault`: gridEventFault."""

    kind: str = ""
    fault: str = ""
    ended: bool = False
    info: str = ""
    told: Moment = UNTOLD


class AfrrSignalled(Fact, frozen=True, gc=False):
    """AFRRSignal: frequency restoration (2.1 Q10)."""

    signal: int | None = None
    status: str = ""
    told: Moment = UNTOLD


class EventStreamOpened(Fact, frozen=True, gc=False):
    """OpenPeriodicEventStream was answered (2.1 N11); also one entry of GetPeriodicEventStream's answer."""

    stream_id: int | None = None
    monitor_id: int | None = None
    interval_seconds: int | None = None
    values: int | None = None
    status: str = ""
    source: str = ""


class EventStreamAdjusted(Fact, frozen=True, gc=False):
    """AdjustPeriodicEventStream was answered (2.1 N14)."""

    stream_id: int | None = None
    interval_seconds: int | None = None
    values: int | None = None
    status: str = ""


class EventStreamClosed(Fact, frozen=True, gc=False):
    """ClosePeriodicEventStream was answered (2.1 N13)."""

    stream_id: int | None = None


class EventStreamData(Fact, frozen=True, gc=False):
    """NotifyPeriodicEventStream, a SEND (2.1 N15). `values`: (seconds after `told`, value) each, 256 at most."""

    stream_id: int | None = None
    pending: int | None = None
    told: Moment = UNTOLD
    values: tuple[tuple[float, str], ...] = ()
