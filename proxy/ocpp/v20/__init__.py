"""OCPP 2.0.1 payloads -> facts; 2.0, withdrawn and never fielded, is read as 2.0.1."""

from __future__ import annotations

from typing import Final

from proxy.ocpp.reading import Readings, merged
from proxy.ocpp.v20 import charging, control, device, events, variables

READINGS: Final[Readings] = merged(
    charging.READINGS, events.READINGS, variables.READINGS, device.READINGS, control.READINGS
)
