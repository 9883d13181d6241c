"""Which table reads which version's payloads, and which version a peer speaks that agreed to none.

The version is the connection's, from the negotiated subprotocol. Without one ("": many charge points offer none,
quirks 1 and 2) the first message that only one version can say tells it (`spoken`); until then nothing is read. What
2.0.1 and 2.1 share tells "2": read as 2.1, which has all of it, and not judged until an action of 2.1 alone is met.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from proxy.names import DIRECTIONS
from proxy.ocpp import v16, v20, v21
from proxy.ocpp.reading import Readings
from proxy.ocpp.redaction import ASKED
from proxy.ocpp.tolerant import mapping

_NOTHING: Final[Readings] = {direction: {} for direction in DIRECTIONS}
_READINGS: Final[Mapping[str, Readings]] = {
    "1.6": v16.READINGS,
    "2.0": v20.READINGS,
    "2.0.1": v20.READINGS,
    "2.1": v21.READINGS,
    "2": v21.READINGS,
}


def readings(version: str) -> Readings:
    """The version's table; an unknown version reads nothing."""
    return _READINGS.get(version, _NOTHING)


def asked(version: str) -> frozenset[str]:
    """The actions whose CALL is read again with its answer, to understand it or to clear it of secrets."""
    return _ASKED.get(version, ASKED)


def _asked(table: Readings) -> frozenset[str]:
    return ASKED | {
        action for actions in table.values() for action, reading in actions.items() if reading.answered
    }


_ASKED: Final = {version: _asked(table) for version, table in _READINGS.items()}


def _actions(table: Readings) -> frozenset[str]:
    return frozenset(action for actions in table.values() for action in actions)


_IN_16: Final = _actions(v16.READINGS)
_IN_20: Final = _actions(v20.READINGS)
_ONLY: Final[Mapping[str, str]] = (
    dict.fromkeys(_actions(v21.READINGS) - _IN_20 - _IN_16, "2.1")
    | dict.fromkeys(_IN_20 - _IN_16, "2")
    | dict.fromkeys(_IN_16 - _actions(v21.READINGS), "1.6")
)
"""Actions that 1.6, 2.1 or both 2.x have alone (2.0.1 has none of its own)."""

_MEMBERS: Final = {
    "BootNotification": ("chargingStation", "chargePointVendor"),
    "StatusNotification": ("connectorStatus", "errorCode"),
    "MeterValues": ("evseId", "connectorId"),
    "FirmwareStatusNotification": ("requestId", ""),
    "Authorize": ("", "idTag"),
}
"""Action that both have -> the member that only 2.x has, the one that only 1.6 has."""


def spoken(action: str, payload: Any) -> str:
    """The version that a CALL tells by its action or its members; "2": either 2.x; "": it might be any."""
    only = _ONLY.get(action)
    if only is not None:
        return only
    told = mapping(payload)
    newer, older = _MEMBERS.get(action, ("", ""))
    if newer and newer in told:
        return "2"
    return "1.6" if older and older in told else ""


def payload_of(text: bytes) -> Any:
    """The payload of a CALL that `envelope.decode` has accepted; None when its text was not kept."""
    if not text:
        return None
    array = orjson.loads(text)
    return array[3] if len(array) > 3 else None
