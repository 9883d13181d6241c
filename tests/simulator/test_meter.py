"""What a meter reports is possible: no register falls, power is current x voltage, energy is power x time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.simulator.meter import Meter


@given(st.integers(), st.lists(st.floats(0, 3600), max_size=40))
def test_register_and_soc_never_fall(seed: int, pauses: list[float]) -> None:
    meter = Meter(random.Random(seed))
    before = meter.read()
    for seconds in pauses:
        meter.advance(seconds)
        now = meter.read()
        assert now.register_wh >= before.register_wh
        assert before.soc_percent <= now.soc_percent <= 100
        before = now


@given(st.integers())
def test_power_is_current_times_voltage(seed: int) -> None:
    reading = Meter(random.Random(seed)).read()
    assert reading.power_watts == pytest.approx(reading.current_amperes * reading.voltage_volts, abs=0.1)
    assert 0 < reading.power_watts <= 150_000


@given(st.integers())
def test_energy_is_power_times_time(seed: int) -> None:
    meter = Meter(random.Random(seed))
    before = meter.read()
    meter.advance(10)
    gained = meter.read().register_wh - before.register_wh
    assert gained == pytest.approx(before.power_watts * 10 / 3600, abs=1.01)


@given(st.integers(), st.floats(1_000, 150_000), st.floats(0, 7200))
def test_a_limit_is_never_exceeded(seed: int, watts: float, seconds: float) -> None:
    meter = Meter(random.Random(seed))
    meter.limit_watts = watts
    meter.advance(seconds)
    assert meter.read().power_watts <= watts + 0.05  # the report is rounded to a tenth


def test_the_register_goes_on_with_the_next_car() -> None:
    meter = Meter(random.Random(1))
    before = meter.read().register_wh
    meter.plug_in()
    assert meter.read().register_wh == before
