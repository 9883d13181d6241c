"""A car at an outlet: power over time, and what meter, battery and phases show of it. Pure arithmetic.

Power is linear between points, the register its integral, SoC energy over capacity; so everything agrees with
everything. Registers go on where the last car left them, unless the outlet counts each transaction from 0.
"""

from __future__ import annotations

import bisect
import math
from random import Random
from typing import Final, NamedTuple

from tests.days.profiles import Outlet, Profile

RAMP_SECONDS: Final = 10.0
_EFFICIENCY: Final = 0.93
_TAPER_FROM: Final = 70.0


class Reading(NamedTuple):
    """What a meter shows at a moment. AC: three phases; DC: one pair of values. `soc_percent` None: AC."""

    register_wh: float
    watts: float
    amperes: tuple[float, ...]
    volts: tuple[float, ...]
    soc_percent: int | None


class Charge(NamedTuple):
    """One session's curve: watts at seconds since its start, energy up to there."""

    profile: Profile
    register_wh: float
    seconds: tuple[float, ...]
    watts: tuple[float, ...]
    energy_wh: tuple[float, ...]
    soc_percent: float
    capacity_wh: float
    phases: int

    @property
    def duration(self) -> float:
        return self.seconds[-1]

    @property
    def gained_wh(self) -> float:
        return self.energy_wh[-1]

    def read(self, second: float) -> Reading:
        second = min(max(second, 0.0), self.duration)
        right = min(max(bisect.bisect_right(self.seconds, second), 1), len(self.seconds) - 1)
        begin, end = self.seconds[right - 1], self.seconds[right]
        share = (second - begin) / (end - begin)
        watts = self.watts[right - 1] + share * (self.watts[right] - self.watts[right - 1])
        energy = self.energy_wh[right - 1] + (self.watts[right - 1] + watts) / 2 * (second - begin) / 3600
        register = round(self.register_wh + energy)
        if self.profile.outlet is Outlet.DC:
            soc = self._soc(energy)
            volts = round(320 + soc, 1)
            return Reading(register, round(watts, 1), (round(watts / volts, 2),), (volts,), int(soc))
        return Reading(register, round(watts, 1), *self._phases(watts, second), None)

    def _soc(self, energy_wh: float) -> float:
        return min(100.0, self.soc_percent + energy_wh * _EFFICIENCY / self.capacity_wh * 100)

    def _phases(self, watts: float, second: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        volts = tuple(round(230 + 2 * math.sin(second / 900 + phase), 1) for phase in range(3))
        amperes = (
            round(watts / self.phases / volts[phase], 2) if phase < self.phases else 0.0 for phase in range(3)
        )
        return tuple(amperes), volts


def charge(profile: Profile, register_wh: float, minutes: float, rng: Random) -> Charge:
    """A car that stays so long at most; at DC it leaves when it has enough."""
    soc, capacity = rng.uniform(12, 40), rng.uniform(45_000, 90_000)
    points = (
        _dc_points(profile, minutes, soc, capacity, rng)
        if profile.outlet is Outlet.DC
        else _ac_points(profile, minutes, rng)
    )
    seconds, watts = zip(*points, strict=True)
    energy, sums = 0.0, [0.0]
    for index in range(1, len(points)):
        energy += (watts[index - 1] + watts[index]) / 2 * (seconds[index] - seconds[index - 1]) / 3600
        sums.append(energy)
    return Charge(profile, register_wh, seconds, watts, tuple(sums), soc, capacity, profile.phases)


def _ac_points(profile: Profile, minutes: float, rng: Random) -> list[tuple[float, float]]:
    """Steady but for a percent; one in three cars is full before it leaves."""
    full = profile.rated_watts * (1 if profile.phases == 3 else 1 / 3) * 0.97
    end = round(minutes) * 60.0
    stops = end - 600 if rng.random() < 0.33 and end > 3000 else end
    points = [(0.0, 0.0), (RAMP_SECONDS, full)]
    second = 300.0
    while second < stops - 60:
        points.append((second, full * rng.uniform(0.985, 1.0)))
        second += 300
    points += [(stops - 2 * RAMP_SECONDS, full), (stops - RAMP_SECONDS, 0.0)]
    return [*points, (end, 0.0)]


def _dc_points(
    profile: Profile, minutes: float, soc: float, capacity: float, rng: Random
) -> list[tuple[float, float]]:
    """Full power up to 70 %, then less and less, until the car has 84 to 93 % or has to go."""
    wanted, most = rng.uniform(84, 93), profile.rated_watts * rng.uniform(0.85, 0.97)
    points, second, energy = [(0.0, 0.0), (RAMP_SECONDS, most)], RAMP_SECONDS, most * RAMP_SECONDS / 7200
    while second < minutes * 60:
        now = soc + energy * _EFFICIENCY / capacity * 100
        if now >= wanted:
            break
        step = 60 - RAMP_SECONDS if second == RAMP_SECONDS else 60.0
        watts = most * min(1.0, 0.15 + (100 - now) / (100 - _TAPER_FROM) * 0.85)
        energy += (points[-1][1] + watts) / 2 * step / 3600
        second += step
        points.append((second, watts))
    return [*points, (second + RAMP_SECONDS, 0.0), (second + 2 * RAMP_SECONDS, 0.0)]
