"""The ledger: what the samples of a transaction come to (quirks 67-73, 79)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from proxy.ocpp.facts import (
    UNTOLD,
    MeterSampled,
    Moment,
)
from proxy.ocpp.meter import Sample
from tests.pipeline.telling import SECOND, Told, moment, sample, soc, watts, wh

# what they come to


def energy_of(*elements: Sequence[Sample], start: float | None = None, stop: float | None = None) -> Any:
    """(Wh, basis) of a transaction whose samples came one element a minute."""
    told = Told()
    told.start(second=0, meter_start_wh=start)
    for number, element in enumerate(elements):
        told.meter("7", *element, second=60 * number)
    told.stop(second=60 * len(elements), meter_stop_wh=stop)
    return told.row.energy_wh, told.row.energy_basis


def test_start_and_stop_count_for_most() -> None:
    assert energy_of([wh(1100)], [wh(5900)], start=1000.0, stop=6000.0) == (5000.0, "meter")


def test_without_them_the_samples_do() -> None:
    assert energy_of([wh(1100)], [wh(5900)], start=1000.0) == (4800.0, "samples")


@pytest.mark.parametrize(
    "elements", [[], [[wh(1100)]], [[wh(1100)], [soc(50)]], [[sample("")], [sample("n/a")]]]
)
def test_one_number_is_no_energy(elements: list[list[Sample]]) -> None:
    assert energy_of(*elements) == (None, "")


def test_kwh_and_wh_are_the_same_energy() -> None:
    """Quirk 68."""
    assert energy_of([wh(1.1, unit="kWh")], [wh(5900, unit="Wh")]) == (4800.0, "samples")


def test_kwh_beside_wh_in_one_message_is_not_a_mix() -> None:
    one, other = [wh(100, unit="Wh"), wh(900.5, unit="kWh")], [wh(700, unit="Wh"), wh(901.1, unit="kWh")]
    assert energy_of(one, other) == (600.0, "samples")


def test_nor_is_it_where_no_time_is_told() -> None:
    told = Told()
    told.start(meter_start_wh=None)
    for session, lifetime in ((100, 900.5), (700, 901.1)):
        told.meter("7", wh(session, unit="Wh"), wh(lifetime, unit="kWh"), told=UNTOLD)
    assert told.stop(meter_stop_wh=None)[0].energy_wh == 600.0


def test_the_grids_side_of_the_station_is_not_the_cars() -> None:
    """2.1: Upstream."""
    assert energy_of([wh(1000, location="Upstream")], [wh(5000, location="Upstream")]) == (None, "")


def test_the_outlets_register_counts_rather_than_the_inlets() -> None:
    one = [wh(5000, location="Inlet"), wh(1000, location="Outlet")]
    other = [wh(5700, location="Inlet"), wh(1600, location="Outlet")]
    assert energy_of(one, other) == (600.0, "samples")
    assert energy_of(one[:1], other[:1]) == (700.0, "samples")


def phases(*values: float, names: Sequence[str] = ("L1", "L2", "L3")) -> list[Sample]:
    return [wh(value, phase=name) for value, name in zip(values, names, strict=False)]


def test_phases_count_only_when_all_three_are_there() -> None:
    assert energy_of(phases(100, 200, 300), phases(200, 300, 400)) == (300.0, "samples")
    assert energy_of(phases(100, 200), phases(200, 300)) == (None, "")
    assert energy_of(phases(1, 2, 3, names=("L1-N", "L2-N", "L3-N")), phases(2, 3, 4)) == (3.0, "samples")


def test_phases_beside_their_sum_do_not_count_twice() -> None:
    one, other = [wh(600), *phases(100, 200, 300)], [wh(850), *phases(200, 300, 400)]
    assert energy_of(one, other) == (250.0, "samples")


def test_the_begin_said_again_in_each_message_is_the_begin() -> None:
    """Quirk 73."""
    begin = wh(1000, context="Transaction.Begin")
    assert energy_of([begin, wh(1050)], [begin, wh(1900)], [begin, wh(2500)]) == (1500.0, "samples")
    assert energy_of([begin], [begin]) == (None, "")
    moved = wh(1040, context="Transaction.Begin")
    assert energy_of([begin, wh(1050)], [moved, wh(1900)]) == (900.0, "samples")


def test_begin_and_end_among_the_samples_are_the_ends() -> None:
    begin, end = wh(1000, context="Transaction.Begin"), wh(2600, context="Transaction.End")
    assert energy_of([begin], [wh(1100)], [wh(2500)], [end]) == (1600.0, "samples")
    assert energy_of([begin], [end]) == (1600.0, "samples")


def test_a_begin_of_another_register_does_not_count() -> None:
    """Quirk 70: lifetime in Begin, session in the samples."""
    assert energy_of([wh(9_000_000, context="Transaction.Begin")], [wh(50)], [wh(800)]) == (750.0, "samples")


def test_an_end_of_another_register_does_not_count() -> None:
    assert energy_of([wh(5000)], [wh(5700)], [wh(700, context="Transaction.End")]) == (700.0, "samples")


def test_zero_as_a_placeholder_is_no_begin() -> None:
    """Quirk 69, MT-03: 910 kWh were billed."""
    begin = wh(0, context="Transaction.Begin")
    assert energy_of([begin], [wh(910_000)], [wh(915_000)], start=0.0, stop=915_000.0) == (5000.0, "samples")
    assert energy_of([wh(0)], [wh(910_000)], [wh(915_000)]) == (5000.0, "samples")


def test_both_zero_while_the_samples_move_is_no_energy_of_zero() -> None:
    """Quirk 71."""
    assert energy_of([wh(0)], [wh(700)], start=0.0, stop=0.0) == (700.0, "samples")
    assert energy_of(start=0.0, stop=0.0) == (0.0, "meter")


def test_zero_in_between_does_not_matter() -> None:
    assert energy_of([wh(500_000)], [wh(0)], [wh(501_000)]) == (1000.0, "samples")
    assert energy_of([wh(500_000)], [wh(0)]) == (None, "")


def test_interval_values_are_summed_when_there_is_no_register() -> None:
    intervals = [
        [sample("100", "Energy.Active.Import.Interval")],
        [sample("0.25", "Energy.Active.Import.Interval", unit="kWh")],
    ]
    assert energy_of(*intervals) == (350.0, "interval")
    assert energy_of([*intervals[0], wh(10)], [*intervals[1], wh(20)]) == (10.0, "samples")


def test_interval_values_told_twice_count_once() -> None:
    told = Told()
    told.start(meter_start_wh=None)
    for second in (60, 60, 180):
        told.meter("7", sample("100", "Energy.Active.Import.Interval"), told=moment(second))
    assert told.stop(meter_stop_wh=None)[0].energy_wh == 200.0


def test_transaction_data_may_tell_the_intervals_once_more() -> None:
    told = Told()
    told.start(meter_start_wh=None)
    interval = sample("100", "Energy.Active.Import.Interval")
    for second in (60, 120, 180):
        told.meter("7", interval, told=moment(second))
    told.stop(second=240, meter_stop_wh=None)
    for second in (60, 120, 180, 240):
        told.same_frame(MeterSampled, transaction_id="7", told=moment(second), samples=(interval,))
    assert told.row.energy_wh == 400.0


def test_an_interval_told_late_between_others_makes_the_sum_unknown() -> None:
    told = Told()
    told.start(meter_start_wh=None)
    for second in (60, 180, 120):
        told.meter("7", sample("100", "Energy.Active.Import.Interval"), told=moment(second))
    assert told.stop(meter_stop_wh=None)[0].energy_basis == ""


def test_late_samples_find_their_place() -> None:
    told = Told()
    told.start(meter_start_wh=None)
    for second, value in ((300, 1300), (100, 1100), (200, 1200)):
        told.meter("7", wh(value), soc(value / 100), told=moment(second))
    (row,) = told.stop(meter_stop_wh=None)
    assert (row.energy_wh, row.soc_first, row.soc_last) == (200.0, 11, 13)


def test_samples_without_a_readable_time_count_as_they_come() -> None:
    """Quirk 37."""
    told = Told()
    told.start(meter_start_wh=None, told=Moment(None, "2026-11-21T12:00:00"))
    for value in (1000, 1200, 1700):
        told.meter("7", wh(value), told=Moment(None, "2026-11-21T12:00:00"))
    assert told.stop(meter_stop_wh=None)[0].energy_wh == 700.0


def test_a_device_clock_set_back_does_not_freeze_the_energy() -> None:
    """Quirk 79: the year 2099 until it was told the time."""
    told = Told()
    told.start(meter_start_wh=None)
    told.meter("7", wh(1000), told=Moment(4_070_908_800 * SECOND))
    told.meter("7", wh(1500))
    told.meter("7", wh(1900))
    assert told.stop(meter_stop_wh=None)[0].energy_wh == 900.0


def test_the_highest_power_at_the_outlet() -> None:
    told = Told()
    told.start()
    told.meter("7", watts(90_000, location="Inlet"), sample("7.4", "Power.Active.Import", unit="kW"))
    told.meter("7", *[watts(1000, phase=name) for name in ("L1", "L2", "L3")])
    told.meter("7", watts(5000), *[watts(9000, phase=name) for name in ("L1", "L2", "L3")])
    told.meter("7", watts(90_000, location="Inlet"))
    assert told.stop()[0].power_max_w == 7400.0


def test_power_by_phase_is_summed_where_no_sum_is_told() -> None:
    told = Told()
    told.start()
    told.meter("7", *[watts(2000, phase=name) for name in ("L1", "L2", "L3")])
    assert told.stop()[0].power_max_w == 6000.0


def test_the_state_of_charge_at_the_begin_is_no_news_later() -> None:
    told = Told()
    told.start()
    begin = soc(20, context="Transaction.Begin")
    told.meter("7", begin)
    told.meter("7", soc(30))
    told.meter("7", begin)
    (row,) = told.stop()
    assert (row.soc_first, row.soc_last) == (20, 30)


@pytest.mark.parametrize("nonsense", ["101", "-1", "", "n/a"])
def test_a_state_of_charge_that_is_none_says_nothing(nonsense: str) -> None:
    told = Told()
    told.start()
    told.meter("7", soc(40))
    told.meter("7", sample(nonsense, "SoC"))
    (row,) = told.stop()
    assert (row.soc_first, row.soc_last) == (40, 40)


def test_an_offline_batch_is_told_in_old_times() -> None:
    """Quirk 58: the history at first contact."""
    told = Told()
    for number in range(5):
        begins = -10_000 + number * 1000
        told.start(str(number), told=moment(begins))
        told.meter(str(number), wh(1000), told=moment(begins))
        told.meter(str(number), wh(3000), told=moment(begins + 500))
        told.stop(str(number), told=moment(begins + 600), meter_stop_wh=None)
    assert [(row.state, row.energy_wh) for row in told.rows] == [("ended", 2000.0)] * 5
