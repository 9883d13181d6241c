"""Facts about charge points and charging: boot, status, faults, id tokens, transactions, meter values, batteries."""

from __future__ import annotations

import enum

from proxy.names import Direction
from proxy.ocpp.facts.base import NOBODY, NOWHERE, UNTOLD, Fact, Moment, Named, Place, Where
from proxy.ocpp.meter import CHARGE, MAIN_ENERGY, MAIN_POWER, Sample


class Booted(Fact, frozen=True, gc=False):
    """BootNotification was answered. `interval_seconds`: the Heartbeat interval when `status` is Accepted, else how
    long to wait before the next try; None when it says nothing readable. `told`: the CSMS's clock.
    `reason`: 2.x (PowerUp, Watchdog, ...). `identities`: ICCID, IMSI of its modem."""

    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    status: str = ""
    interval_seconds: int | None = None
    reason: str = ""
    told: Moment = UNTOLD
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial: str = ""


class HeartbeatSeen(Fact, frozen=True, gc=False):
    """A Heartbeat was answered. `told`: the CSMS's clock."""

    told: Moment = UNTOLD


class HeartbeatIntervalSet(Fact, frozen=True, gc=False):
    """The interval in force, and the action that said so. 0: no Heartbeats, or as often as the charge point likes."""

    seconds: int
    source: str


class Availability(enum.IntEnum):
    """A status as every version can say it: 2.x's five words (2.0.1 G01). 1.6's Preparing, Charging, SuspendedEV,
    SuspendedEVSE and Finishing are OCCUPIED. UNKNOWN: a word that no standard has."""

    UNKNOWN = 0
    AVAILABLE = 1
    OCCUPIED = 2
    RESERVED = 3
    UNAVAILABLE = 4
    FAULTED = 5


class StatusChanged(Fact, frozen=True, gc=False):
    """A connector's, an EVSE's or the whole charge point's status, as `source` (the action) told it.

    `status`: the word as told. The last four: 1.6 only.
    """

    place: Place = NOWHERE
    status: str = ""
    availability: Availability = Availability.UNKNOWN
    told: Moment = UNTOLD
    source: str = ""
    error_code: str = ""
    info: str = ""
    vendor_id: str = ""
    vendor_error_code: str = ""


class FaultReported(Fact, frozen=True, gc=False):
    """1.6: StatusNotification with an errorCode other than NoError. 2.x: NotifyEvent of a Problem, Tripped, Fault or
    Faulted state, or of severity 0-4 (2.1 §2.10: Danger to Error).

    `code`: 1.6 errorCode; 2.x techCode, or else "Component.Variable". `vendor_codes`: the list that a vendor packs into
    one string, split (comma, semicolon, space: EVgo MREC's compound codes). `severity`: 0 Danger ... 9 Debug, None
    untold. `status`: 1.6 the status with it: not Faulted = a warning, charging is still possible (1.6 §4.9).
    """

    place: Place = NOWHERE
    code: str = ""
    vendor_id: str = ""
    vendor_codes: tuple[str, ...] = ()
    info: str = ""
    status: str = ""
    severity: int | None = None
    component: str = ""
    variable: str = ""
    transaction_id: str = ""
    told: Moment = UNTOLD


class FaultCleared(Fact, frozen=True, gc=False):
    """`code` "": every fault of this place (1.6 NoError)."""

    place: Place = NOWHERE
    code: str = ""
    component: str = ""
    variable: str = ""
    told: Moment = UNTOLD


class EventReported(Fact, frozen=True, gc=False):
    """One eventData of NotifyEvent (2.x N07), beside the more special facts that it may also be.

    `value` without secrets. `cleared`: the event says that what it reports is over.
    """

    place: Place = NOWHERE
    event_id: int | None = None
    component: str = ""
    variable: str = ""
    value: str = ""
    trigger: str = ""
    kind: str = ""
    cause: int | None = None
    cleared: bool = False
    severity: int | None = None
    tech_code: str = ""
    tech_info: str = ""
    transaction_id: str = ""
    told: Moment = UNTOLD


class Authorized(Fact, frozen=True, gc=False):
    """What the CSMS said about an id token: Authorize, StartTransaction, StopTransaction or TransactionEvent answered.

    `status`: Accepted, Blocked, Expired, Invalid, ConcurrentTx, ... as told. `certificate_status`: Plug and Charge.
    """

    who: Named = NOBODY
    status: str = ""
    source: str = ""
    parent: str = ""
    expires: Moment = UNTOLD
    place: Place = NOWHERE
    transaction_id: str = ""
    certificate_status: str = ""


class Outcome(enum.IntEnum):
    """How a transaction ended. 2.1 §3.83 labels its reasons successful or failed; 1.6 has no official labels:
    EVDisconnected, Local, Remote and UnlockCommand count as success, the others of its list as failure."""

    UNKNOWN = 0
    SUCCESS = 1
    FAILURE = 2


class TransactionStarted(Fact, frozen=True, gc=False):
    """1.6: StartTransaction was answered (the CSMS issues the id; "" when the answer has none). 2.x: a TransactionEvent
    Started.

    `meter_start_wh`: 1.6 meterStart; 2.x the Transaction.Begin register of the event itself. `status`: 1.6 idTagInfo.
    """

    transaction_id: str = ""
    place: Place = NOWHERE
    who: Named = NOBODY
    meter_start_wh: float | None = None
    told: Moment = UNTOLD
    status: str = ""
    trigger: str = ""
    charging_state: str = ""
    seq_no: int | None = None
    offline: bool | None = None
    reservation_id: int | None = None
    remote_start_id: int | None = None


class TransactionUpdated(Fact, frozen=True, gc=False):
    """2.x TransactionEvent Updated; 1.6 has none (its MeterValues name the transaction)."""

    transaction_id: str = ""
    place: Place = NOWHERE
    who: Named = NOBODY
    told: Moment = UNTOLD
    trigger: str = ""
    charging_state: str = ""
    seq_no: int | None = None
    offline: bool | None = None
    remote_start_id: int | None = None


class TransactionEnded(Fact, frozen=True, gc=False):
    """1.6 StopTransaction was sent; 2.x TransactionEvent Ended.

    `reason`: as told; left out it means Local (1.6 §6.49; 2.x: may only be left out when Local). `place`: 2.x only.
    """

    transaction_id: str = ""
    place: Place = NOWHERE
    who: Named = NOBODY
    meter_stop_wh: float | None = None
    told: Moment = UNTOLD
    reason: str = "Local"
    outcome: Outcome = Outcome.UNKNOWN
    trigger: str = ""
    charging_state: str = ""
    seq_no: int | None = None
    offline: bool | None = None
    remote_start_id: int | None = None


class TransactionStatusTold(Fact, frozen=True, gc=False):
    """GetTransactionStatus was answered (2.x E14). `ongoing` None: not asked about one transaction."""

    transaction_id: str = ""
    ongoing: bool | None = None
    messages_waiting: bool | None = None


class MeterSampled(Fact, frozen=True, gc=False):
    """One element of a meterValue array: samples of one device moment. `source`: the action.

    `samples` may be empty (Vestel sends sampledValue []): then it says only that nothing was measured. The last four
    are what `meter_sampled` finds in them: `energy` and `power` the main ones (the first that are numbers), `charge`
    the first state of charge, `others` the parts (meter.MAIN_ENERGY ...) that are there beside these three.
    """

    place: Place = NOWHERE
    transaction_id: str = ""
    told: Moment = UNTOLD
    samples: tuple[Sample, ...] = ()
    source: str = ""
    energy: Sample | None = None
    power: Sample | None = None
    charge: Sample | None = None
    others: int = 0


def meter_sampled(
    where: Where,
    place: Place = NOWHERE,
    transaction_id: str = "",
    told: Moment = UNTOLD,
    samples: tuple[Sample, ...] = (),
    source: str = "",
) -> MeterSampled:
    """The fact: what many ask for is found here, once. Hot: once per element."""
    energy = power = charge = None
    others = 0
    for sample in samples:
        part = sample.kind.part
        if not part:
            continue
        if part == MAIN_ENERGY and energy is None and sample.value is not None:
            energy = sample
        elif part == MAIN_POWER and power is None and sample.value is not None:
            power = sample
        elif part == CHARGE and charge is None:
            charge = sample
        else:
            others |= part
    return MeterSampled(*where, place, transaction_id, told, samples, source, energy, power, charge, others)


class ChargingNeedsTold(Fact, frozen=True, gc=False):
    """NotifyEVChargingNeeds (2.x K15-K17): what the car asked for. Wh, W, percent; None: not said."""

    place: Place = NOWHERE
    energy_transfer: str = ""
    departure: Moment = UNTOLD
    soc_percent: float | None = None
    capacity_wh: float | None = None
    energy_wh: float | None = None
    max_power_w: float | None = None
    max_current_a: float | None = None
    max_voltage_v: float | None = None
    status: str = ""
    told: Moment = UNTOLD


class Battery(enum.IntEnum):
    """What BatterySwap says happened (2.1 S04)."""

    OTHER = 0
    BATTERY_IN = 1
    BATTERY_OUT = 2
    BATTERY_OUT_TIMEOUT = 3


class BatterySwapped(Fact, frozen=True, gc=False):
    """BatterySwap (2.1 S04). `batteries`: (serial number, SoC percent, state of health percent, evse id) each."""

    event: Battery = Battery.OTHER
    who: Named = NOBODY
    request_id: int | None = None
    batteries: tuple[tuple[str, float | None, float | None, int | None], ...] = ()


class BatterySwapRequested(Fact, frozen=True, gc=False):
    """RequestBatterySwap was answered (2.1 S03)."""

    who: Named = NOBODY
    request_id: int | None = None
    status: str = ""


class EnergyTransferAllowed(Fact, frozen=True, gc=False):
    """NotifyAllowedEnergyTransfer was answered (2.1 Q01), or Authorize was, with the modes allowed (no `status`)."""

    transaction_id: str = ""
    modes: tuple[str, ...] = ()
    status: str = ""


class DataTransferred(Fact, frozen=True, gc=False):
    """DataTransfer was answered: a vendor's own message. `size`: characters of `data` as sent; they are not kept."""

    direction: Direction
    vendor_id: str = ""
    message_id: str = ""
    status: str = ""
    size: int = 0
