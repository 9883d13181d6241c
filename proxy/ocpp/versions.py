"""Which module reads which version's payloads, and how a joined call and answer become facts.

The version is the connection's, from the negotiated subprotocol. Without one ('': many charge points offer none)
the payload tells: both versions' readers are asked, and a BootNotification is 2.x when it says `chargingStation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from proxy.ocpp import v16, v20
from proxy.ocpp.facts import Fact, Where
from proxy.ocpp.tolerant import mapping
from proxy.ocpp.v16 import Reader


def _either_boot(where: Where, call: Any, answer: Any) -> list[Fact]:
    readers_told = v20.READERS if "chargingStation" in mapping(call) else v16.READERS
    return readers_told["BootNotification"](where, call, answer)


_UNKNOWN: Final[Mapping[str, Reader]] = {**v20.READERS, **v16.READERS, "BootNotification": _either_boot}

_READERS: Final[Mapping[str, Mapping[str, Reader]]] = {
    "1.6": v16.READERS,
    "2.0": v20.READERS,
    "2.0.1": v20.READERS,
    "2.1": v20.READERS,
}


def readers(version: str) -> Mapping[str, Reader]:
    """{action: reader} of a version; its keys are what a Correlator should keep the CALL's text of."""
    return _READERS.get(version, _UNKNOWN)


def payload_of(text: bytes) -> Any:
    """The payload of a CALL that `envelope.decode` has accepted; None when its text was not kept."""
    if not text:
        return None
    array = orjson.loads(text)
    return array[3] if len(array) > 3 else None
