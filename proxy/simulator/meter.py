"""A DC outlet and the car at it: energy register, SoC, power, current, voltage, temperature.

Pure: time comes in as seconds. Power is voltage x current, the register is power x time, SoC is energy over
capacity, the register never falls and goes on where the last transaction ended (1.6 7.31, 2.x J02.FR.16/17).
"""

from __future__ import annotations

import math
import random
from typing import Final, NamedTuple

_RATED_KILOWATTS: Final = (50, 100, 150)
_AMBIENT_CELSIUS: Final = 18.0
_HOT_CELSIUS: Final = 46.0
_WARMING_SECONDS: Final = 600.0


class Reading(NamedTuple):
    """One moment's values, rounded as a meter reports them."""

    register_wh: int
    soc_percent: float
    power_watts: float
    current_amperes: float
    voltage_volts: float
    temperature_celsius: float


class Meter:
    """One outlet. `plug_in` puts a new car to it, `advance` lets time pass while it charges.

    `limit_watts`: what a charging profile leaves of the rated power.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.limit_watts = math.inf
        self.rated_watts = rng.choice(_RATED_KILOWATTS) * 1000.0
        self._energy_wh = rng.uniform(1e6, 9e6)
        self._temperature = _AMBIENT_CELSIUS
        self._soc = self._capacity_wh = 0.0
        self.plug_in()

    def start_from(self, register_wh: int) -> None:
        """What the register shows now."""
        self._energy_wh = float(register_wh)

    def plug_in(self) -> None:
        self._soc = self._rng.uniform(10, 60)
        self._capacity_wh = self._rng.uniform(40_000, 95_000)

    def advance(self, seconds: float) -> None:
        gained = self._power() * seconds / 3600
        self._energy_wh += gained
        self._soc = min(100.0, self._soc + gained / self._capacity_wh * 100)
        share = min(1.0, seconds / _WARMING_SECONDS)
        self._temperature += (_HOT_CELSIUS - self._temperature) * share

    def read(self) -> Reading:
        return Reading(
            int(self._energy_wh),
            round(self._soc, 1),
            round(self._power(), 1),
            self._current(),
            self._voltage(),
            round(self._temperature, 1),
        )

    def _voltage(self) -> float:
        return round(330 + self._soc, 1)

    def _current(self) -> float:
        """Full up to 70 % SoC, then tapering off to a tenth at 100 %; never more than the limit, rounding included."""
        taper = min(1.0, 0.1 + (100 - self._soc) * 0.03)
        full = round(self.rated_watts / 450 * taper, 1)
        allowed = self.limit_watts / self._voltage()
        return full if full <= allowed else math.floor(allowed * 10) / 10

    def _power(self) -> float:
        return self._voltage() * self._current()
