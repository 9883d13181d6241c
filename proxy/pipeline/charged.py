"""What became of a transaction, and which current it was: one rule for the metrics and for the report of a month.

Knows thresholds and the standard's labels of reasons; must not know where its figures come from. An attempt to charge
succeeds with more than 0.1 kWh (DC: 0.5; NOW/P3 2026) and a reason to stop that the standard labels successful.
"""

from __future__ import annotations

import enum
from typing import Final

from proxy.ocpp.facts import Outcome

SUCCESS_WH: Final = 100.0
SUCCESS_DC_WH: Final = 500.0
DC_WATT: Final = 43_500.0
"""More than AC gives (63 A, three phases). Who tells a state of charge is on DC too."""


class Current(enum.StrEnum):
    """unknown: neither a state of charge nor a power was told."""

    AC = "ac"
    DC = "dc"
    UNKNOWN = "unknown"


class Became(enum.StrEnum):
    """zero_energy: nothing to speak of was delivered, whatever the reason to stop. unknown: its energy was not told, or
    its reason has no label."""

    SUCCESS = "success"
    FAILED = "failed"
    ZERO_ENERGY = "zero_energy"
    UNKNOWN = "unknown"


def current_of(soc_percent: float | None, power_max_w: float | None) -> Current:
    """By the first state of charge and the highest power that were told."""
    if soc_percent is not None or (power_max_w is not None and power_max_w > DC_WATT):
        return Current.DC
    return Current.UNKNOWN if power_max_w is None else Current.AC


def became(energy_wh: float | None, outcome: Outcome, current: Current) -> Became:
    """Of a transaction that has ended."""
    least = SUCCESS_DC_WH if current is Current.DC else SUCCESS_WH
    if energy_wh is not None and energy_wh <= least:
        return Became.ZERO_ENERGY
    if outcome is Outcome.FAILURE:
        return Became.FAILED
    return Became.SUCCESS if outcome is Outcome.SUCCESS and energy_wh is not None else Became.UNKNOWN
