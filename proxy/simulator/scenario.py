"""What passes between a charge point and its CSMS, in no version's words: steps, commands, one long scenario.

A `Step` is what a charge point does by itself (`Station.step` plays it, station16.py and station2.py say it), a
`Command` is what its CSMS asks of it (csms16.py and csms2.py say it). Statuses are OCPP 1.6's nine words, the
richest list; reasons are the words that every version has. Times are device seconds. Pure data, no I/O.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

CONNECTORS: Final = (1, 2)
"""Of each charge point; in 2.x EVSEs with one connector each."""


class Trouble(NamedTuple):
    """A hardware fault: 1.6's errorCode, 2.x's component and variable, the code of the ChargeX list (MREC)."""

    code: str
    component: str
    variable: str
    mrec: str
    info: str


TROUBLES: Final = (
    Trouble("ConnectorLockFailure", "ConnectorPlugRetentionLock", "Problem", "CX001", "lock does not close"),
    Trouble("GroundFailure", "GroundIsolationProtection", "Problem", "CX002", "isolation below limit"),
    Trouble("HighTemperature", "LiquidCoolingSystem", "Problem", "CX003", "coolant too warm"),
    Trouble("OverCurrentFailure", "OverCurrentBreaker", "Tripped", "CX004", "breaker open"),
)


class Setting(enum.Enum):
    """What both versions can configure; dialect.py has their names for it."""

    HEARTBEAT_SECONDS = enum.auto()
    SAMPLE_SECONDS = enum.auto()
    PING_SECONDS = enum.auto()
    REMOTE_NEEDS_AUTHORIZATION = enum.auto()  # our charge points do not know it


KNOWN_SETTINGS: Final = (Setting.HEARTBEAT_SECONDS, Setting.SAMPLE_SECONDS, Setting.PING_SECONDS)


# What a charge point does.


class Idle(NamedTuple):
    """Time passes."""

    seconds: float


class Heartbeat(NamedTuple):
    """One Heartbeat, due or not."""


class Show(NamedTuple):
    """A connector's status is another one."""

    connector: int
    status: str


class Arrive(NamedTuple):
    """A car is plugged in, the token authorized, the transaction begun, energy flows.

    The charge point knows by itself whether a remote start or a reservation is behind it.
    """

    connector: int
    token: str


class Charge(NamedTuple):
    """Energy flows for so long, sampled as configured; a remote stop ends it."""

    seconds: float


class Suspend(NamedTuple):
    """The car takes nothing for so long, then goes on."""

    seconds: float


class Depart(NamedTuple):
    """The transaction ends, the car leaves. After a remote stop the reason is Remote whatever stands here."""

    reason: str


class Fail(NamedTuple):
    """A fault is raised; the connector cannot be used."""

    connector: int
    trouble: Trouble


class Mend(NamedTuple):
    """The fault is over; the connector is available."""

    connector: int
    trouble: Trouble


class Alarm(NamedTuple):
    """A security event, in the word of the standard's list."""

    kind: str
    info: str


class Update(NamedTuple):
    """How far the firmware update of this number is."""

    number: int
    status: str


class Upload(NamedTuple):
    """How far the upload of the diagnostics asked for under this number is."""

    number: int
    status: str


class Restart(NamedTuple):
    """The connection is closed and made again, with a boot that tells another firmware."""

    firmware: str


class RunErrands(NamedTuple):
    """Do what the accepted commands want done, in their order."""


Step = (
    Idle
    | Heartbeat
    | Show
    | Arrive
    | Charge
    | Suspend
    | Depart
    | Fail
    | Mend
    | Alarm
    | Update
    | Upload
    | Restart
    | RunErrands
)


# What the CSMS asks of it. `number`: the request's, reservation's or profile's id.


class AskSettings(NamedTuple):
    """What is the value of these?"""

    settings: tuple[Setting, ...]


class ChangeSetting(NamedTuple):
    """Set one of them."""

    setting: Setting
    value: str


class TriggerHeartbeat(NamedTuple):
    """Send one now."""


class AskListVersion(NamedTuple):
    """Which local list do you hold?"""


class RemoteStart(NamedTuple):
    """Begin a transaction; 1.6 has no number for it."""

    connector: int
    token: str
    number: int


class RemoteStop(NamedTuple):
    """End the transaction that runs."""


class Reserve(NamedTuple):
    """Keep a connector free for a token."""

    connector: int
    token: str
    number: int


class CancelReservation(NamedTuple):
    """It is not wanted any more."""

    number: int


class LimitPower(NamedTuple):
    """A charging profile: no transaction at this connector takes more."""

    connector: int
    watts: float
    number: int


class UpdateFirmware(NamedTuple):
    """Fetch it there and install it."""

    location: str
    number: int


class UploadLog(NamedTuple):
    """Send the diagnostics there."""

    location: str
    number: int


Command = (
    AskSettings
    | ChangeSetting
    | TriggerHeartbeat
    | AskListVersion
    | RemoteStart
    | RemoteStop
    | Reserve
    | CancelReservation
    | LimitPower
    | UpdateFirmware
    | UploadLog
)


class Scenario(NamedTuple):
    """`registers_wh`: what the meters of the connectors show at first. It begins with an accepted boot."""

    registers_wh: tuple[int, ...]
    steps: tuple[Step | Command, ...]


_TOKEN: Final = "04A1B2C3"
_REMOTE_TOKEN: Final = "REMOTE-0001"
_RESERVED_TOKEN: Final = "04D4E5F6"
_MINUTE: Final = 60.0

A_DAY: Final = Scenario(
    registers_wh=(1_234_567, 89_000),
    steps=(
        AskSettings(tuple(Setting)),
        # A car at the first connector pauses, goes on, and is stopped with its own token.
        Idle(2 * _MINUTE),
        Arrive(1, _TOKEN),
        Charge(5 * _MINUTE),
        Suspend(3 * _MINUTE),
        Charge(4 * _MINUTE),
        Depart("Local"),
        Heartbeat(),
        # One started and stopped from afar at the other, sampled less often, under a profile.
        ChangeSetting(Setting.SAMPLE_SECONDS, "120"),
        AskSettings((Setting.SAMPLE_SECONDS,)),
        LimitPower(2, 30_000.0, 11),
        RemoteStart(2, _REMOTE_TOKEN, 12),
        Arrive(2, _REMOTE_TOKEN),
        Charge(6 * _MINUTE),
        RemoteStop(),
        Depart("Local"),
        # A fault, and what else an operator sees.
        Idle(_MINUTE),
        Fail(1, TROUBLES[1]),
        Idle(4 * _MINUTE),
        Mend(1, TROUBLES[1]),
        Alarm("SettingSystemTime", "set by 2 s"),
        UploadLog("ftp://logs.example/upload", 13),
        RunErrands(),
        ChangeSetting(Setting.HEARTBEAT_SECONDS, "240"),
        ChangeSetting(Setting.REMOTE_NEEDS_AUTHORIZATION, "true"),
        # A reservation given up, and one that is used.
        Reserve(1, _TOKEN, 14),
        RunErrands(),
        CancelReservation(14),
        RunErrands(),
        Reserve(1, _RESERVED_TOKEN, 15),
        RunErrands(),
        Idle(_MINUTE),
        Arrive(1, _RESERVED_TOKEN),
        Charge(4 * _MINUTE),
        Depart("EVDisconnected"),
        UpdateFirmware("https://firmware.example/next.bin", 16),
        RunErrands(),
        TriggerHeartbeat(),
        Heartbeat(),
        AskListVersion(),
    ),
)
"""All of it once, on one charge point: what every version must tell alike (`tests/simulator/test_parity.py`)."""
