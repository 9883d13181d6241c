"""OCPP 2.1 payloads -> facts: what 2.0.1 has is read by `v20`, what is new or different here."""

from __future__ import annotations

from typing import Final

from proxy.ocpp import v20
from proxy.ocpp.reading import Readings, merged
from proxy.ocpp.v21 import charging, control, grid

READINGS: Final[Readings] = merged(v20.READINGS, charging.READINGS, control.READINGS, grid.READINGS)
