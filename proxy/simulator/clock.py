"""The simulated peers' time: device seconds that may run faster than the wall's, and their end.

At speed 1 (always when findings matter) a device's clock is the true one. At another speed its clock runs
as much faster, so that meter values stay consistent with the timestamps they carry. A `SteppedClock` runs only
when it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Pace:
    """How lively the charge points are, in device seconds; ranges are (least, most).

    `grace_seconds` are the wall's: how long a charge point may take to end its transaction at the stop.
    """

    speed: float = 1.0
    start_seconds: tuple[float, float] = (0.0, 3.0)
    idle_seconds: tuple[float, float] = (2.0, 10.0)
    charging_seconds: tuple[float, float] = (15.0, 45.0)
    meter_seconds: float = 2.0
    ping_seconds: float = 10.0
    retry_seconds: tuple[float, float] = (0.5, 1.5)
    grace_seconds: float = 5.0


class Clock:
    """Tells device time and lets tasks wait; `stop()` ends every wait at once."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start = time.monotonic()
        self._start_at = datetime.now(UTC)
        self._stopped = asyncio.Event()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()

    def elapsed(self) -> float:
        """Device seconds since the start."""
        return (time.monotonic() - self._start) * self.speed

    def at(self, seconds_ahead: float = 0.0) -> datetime:
        return self._start_at + timedelta(seconds=self.elapsed() + seconds_ahead)

    def now(self, seconds_ahead: float = 0.0) -> str:
        """Device time, or one that is yet to come, as OCPP writes it: ISO 8601, UTC, milliseconds."""
        return self.at(seconds_ahead).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def sleep(self, seconds: float) -> None:
        """Wait so many device seconds, or until the end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds / self.speed)

    async def spend(self, seconds: float) -> None:
        """Live so many device seconds: what a charge point's life does, where others only wait."""
        await self.sleep(seconds)

    async def until_stopped(self) -> None:
        await self._stopped.wait()


class SteppedClock(Clock):
    """Time that stands still but for `spend`: a life on it takes no time and tells the same times whenever it is lived.

    For one charge point: only one task may spend.
    """

    def __init__(self, begin: datetime) -> None:
        super().__init__()
        self._start_at = begin
        self._passed = 0.0
        self._moved = asyncio.Event()

    def stop(self) -> None:
        super().stop()
        self._moved.set()

    def elapsed(self) -> float:
        return self._passed

    async def spend(self, seconds: float) -> None:
        if not self.stopped:
            self._passed += seconds
            self._moved.set()
            self._moved = asyncio.Event()
            await asyncio.sleep(0)

    async def sleep(self, seconds: float) -> None:
        until = self._passed + seconds
        while self._passed < until and not self.stopped:
            await self._moved.wait()
