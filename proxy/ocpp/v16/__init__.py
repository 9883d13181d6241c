"""OCPP 1.6 payloads -> facts, the security extension (whitepaper edition 2) included."""

from __future__ import annotations

from typing import Final

from proxy.ocpp.reading import Readings, merged
from proxy.ocpp.v16 import charging, control, device

READINGS: Final[Readings] = merged(charging.READINGS, device.READINGS, control.READINGS)
