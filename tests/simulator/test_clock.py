"""The clock that runs only when somebody spends time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from proxy.simulator.clock import SteppedClock


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(datetime(2027, 1, 15, 8, tzinfo=UTC))


async def test_it_stands_still_but_for_spending(clock: SteppedClock) -> None:
    assert (clock.now(), clock.now()) == ("2027-01-15T08:00:00.000Z",) * 2
    await clock.spend(90)
    assert (clock.elapsed(), clock.now()) == (90, "2027-01-15T08:01:30.000Z")
    assert clock.now(seconds_ahead=30) == "2027-01-15T08:02:00.000Z"


async def test_a_sleeper_wakes_when_enough_is_spent(clock: SteppedClock) -> None:
    sleeper = asyncio.ensure_future(clock.sleep(10))
    await asyncio.sleep(0)
    for _ in range(3):
        await clock.spend(3)
    assert not sleeper.done()
    await clock.spend(1)
    await asyncio.wait_for(sleeper, 1)


async def test_its_end_wakes_everybody_and_time_is_over(clock: SteppedClock) -> None:
    sleeper = asyncio.ensure_future(clock.sleep(10))
    await asyncio.sleep(0)
    clock.stop()
    await asyncio.wait_for(sleeper, 1)
    await clock.spend(5)
    assert clock.elapsed() == 0
