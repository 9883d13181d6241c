"""What the versions call the same things: tables that both peers use. No behaviour here.

2.0.1 and 2.1 share their code (station2.py, csms2.py); all that differs between them stands in `DIALECTS`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import ocpp.v21.call
import ocpp.v21.call_result
import ocpp.v201.call
import ocpp.v201.call_result

from proxy.simulator.scenario import Setting


class Dialect(NamedTuple):
    """One 2.x version. `call`, `result`: the package's payload classes, which have no types.

    `severity`: what NotifyEvent says of a hardware failure; 2.0.1 cannot say it (2.1 2.10: 1, Hardware Failure).
    """

    call: Any
    result: Any
    severity: int | None


DIALECTS: Final = {
    "2.0.1": Dialect(ocpp.v201.call, ocpp.v201.call_result, None),
    "2.1": Dialect(ocpp.v21.call, ocpp.v21.call_result, 1),
}

KEYS_16: Final = {
    Setting.HEARTBEAT_SECONDS: "HeartbeatInterval",
    Setting.SAMPLE_SECONDS: "MeterValueSampleInterval",
    Setting.PING_SECONDS: "WebSocketPingInterval",
    Setting.REMOTE_NEEDS_AUTHORIZATION: "AuthorizeRemoteTxRequests",
}
"""1.6 9.1."""

VARIABLES_2: Final = {
    Setting.HEARTBEAT_SECONDS: ("OCPPCommCtrlr", "HeartbeatInterval"),
    Setting.SAMPLE_SECONDS: ("SampledDataCtrlr", "TxUpdatedInterval"),
    Setting.PING_SECONDS: ("OCPPCommCtrlr", "WebSocketPingInterval"),
    Setting.REMOTE_NEEDS_AUTHORIZATION: ("AuthCtrlr", "AuthorizeRemoteStart"),
}
"""2.x Part 2 chapter 2: component and variable."""

SETTINGS_16: Final = {key: setting for setting, key in KEYS_16.items()}
SETTINGS_2: Final = {names: setting for setting, names in VARIABLES_2.items()}

STATES_2: Final = {
    "Available": ("Available", ""),
    "Preparing": ("Occupied", "EVConnected"),
    "Charging": ("Occupied", "Charging"),
    "SuspendedEV": ("Occupied", "SuspendedEV"),
    "SuspendedEVSE": ("Occupied", "SuspendedEVSE"),
    "Finishing": ("Occupied", "EVConnected"),
    "Reserved": ("Reserved", ""),
    "Unavailable": ("Unavailable", ""),
    "Faulted": ("Faulted", ""),
}
"""1.6's status -> 2.x's connector status and, within a transaction, its charging state."""

ENDS_2: Final = {
    "Local": ("StopAuthorized", "EVConnected"),
    "Remote": ("RemoteStop", "EVConnected"),
    "EVDisconnected": ("EVDeparted", "Idle"),
}
"""Reason -> the trigger and charging state of the event that ends a 2.x transaction."""
