"""No energy: MT-09, once and three times in a row; quirks 70 to 72."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers.no_energy import NoEnergy
from tests.analyzers.metering import Charger, energy

both = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


def charger(version: str = "1.6", **settings: Any) -> Charger:
    return Charger(NoEnergy(**settings), version)


def fruitless(told: Charger, times: int, since: float = 0, connector: int = 1) -> Charger:
    for number in range(times):
        begin = since + number * 3600
        told.start(begin, 5000, connector).sample(begin + 60, 5000, connector=connector)
        told.stop(begin + 1800, 5000)
    return told


@both
def test_one_transaction_without_energy_is_a_line(version: str) -> None:
    (finding,) = fruitless(charger(version), 1).findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("MT-09", "info", 1)
    assert (finding.observed, finding.limit) == ("0 Wh in 1800 s", "10 Wh")
    assert finding.transaction_id == ("1" if version == "1.6" else "T1")
    assert finding.cleared_at is not None
    assert len(finding.evidence) == 2


def test_it_says_so_in_one_sentence() -> None:
    assert fruitless(charger(), 1).findings()[0].message == (
        "CP_1: a transaction on connector 1 charged no energy: 0 Wh in 1800 s (limit 10 Wh)."
    )
    assert fruitless(charger(), 3).findings()[-1].message == (
        "CP_1: the last 3 transactions on connector 1 charged no energy: 0 Wh in 1800 s (limit 10 Wh)."
    )


@both
@pytest.mark.parametrize(("stop", "second"), [(5010, 1800), (5000, 119)])
def test_ten_watt_hours_or_less_than_two_minutes_is_none(version: str, stop: int, second: int) -> None:
    assert charger(version).start(0, 5000).stop(second, stop).told() == []


@both
def test_nine_watt_hours_in_two_minutes_are_one(version: str) -> None:
    assert charger(version).start(0, 5000).stop(120, 5009).told() == ["MT-09 info"]


def test_limits_are_settings() -> None:
    assert charger(min_energy_wh=100.0).start(0, 5000).stop(600, 5050).told() == ["MT-09 info"]
    assert charger(min_duration_seconds=900).start(0, 5000).stop(600, 5000).told() == []
    assert fruitless(charger(warning_in_a_row=2), 2).told() == ["MT-09 info", "MT-09 warning"]


@both
def test_three_in_a_row_are_one_warning_until_energy_flows(version: str) -> None:
    told = fruitless(charger(version), 4)
    assert told.told() == ["MT-09 info", "MT-09 info", "MT-09 warning"]
    row = told.findings()[-1]
    assert (row.count, row.transaction_id, row.cleared_at) == (2, "", None)
    told.session(20_000, 5000, 9000)
    assert told.findings()[-1].cleared_at is not None
    assert fruitless(told, 1, 30_000).told()[-1] == "MT-09 info"


def test_two_and_then_one_that_charges_are_no_row() -> None:
    told = fruitless(charger(), 2).session(10_000, 5000, 9000)
    assert fruitless(told, 2, 20_000).told() == ["MT-09 info"] * 4


def test_rows_are_per_connector() -> None:
    told = fruitless(fruitless(charger(), 2, connector=1), 2, 10_000, connector=2)
    assert told.told() == ["MT-09 info"] * 4


def test_what_was_charged_offline_lasted_as_long_as_the_device_says() -> None:
    assert charger().start(0, 5000, seen=9000).stop(1800, 5000, seen=9001).told() == ["MT-09 info"]
    assert charger().start(0, 5000, seen=9000).stop(60, 5000, seen=9600).told() == []


@both
def test_start_and_stop_alike_while_the_samples_rise_are_a_poor_stop(version: str) -> None:
    """Quirk 71: Wattpilot."""
    told = charger(version).start(0, 5000).sample(60, 5000).sample(600, 7000).sample(900, 7000)
    assert told.stop(1800, 5000).told() == []


def test_nor_while_the_samples_show_power() -> None:
    power = energy("7000", measurand="Power.Active.Import", unit="W")
    assert charger().start(0, 5000).sample(60, power).stop(1800, 5000).told() == []
    idle = energy("90", measurand="Power.Active.Import", unit="W")
    assert charger().start(0, 5000).sample(60, idle).stop(1800, 5000).told() == ["MT-09 info"]


def test_two_registers_in_one_message_do_not_charge_each_other() -> None:
    told = charger().start(0, 5000)
    for minute in range(1, 4):
        told.sample(minute * 60, energy("5000"), energy("1700", phase="L1"), energy("5.1", unit="kWh"))
    assert told.stop(1800, 5000).told() == ["MT-09 info"]


def test_samples_of_another_transaction_are_not_this_ones() -> None:
    told = charger().start(0, 5000).sample(60, 5000).sample(120, 9000, of=77)
    assert told.stop(1800, 5000).told() == ["MT-09 info"]


def test_both_0_without_a_sample_is_no_step_towards_three() -> None:
    """Quirk 71: MicroOcpp without a meter."""
    told = charger()
    for number in range(5):
        told.start(number * 3600, 0).stop(number * 3600 + 1800, 0)
    assert told.told() == ["MT-09 info"] * 5


def test_both_0_is_one_where_the_register_starts_anew() -> None:
    """Quirk 70: samples show that there is a meter."""
    told = charger()
    for number in range(3):
        told.start(number * 3600, 0).sample(number * 3600 + 60, 0).stop(number * 3600 + 1800, 0)
    assert told.told()[-1] == "MT-09 warning"


def test_a_session_register_that_charges_says_nothing() -> None:
    assert charger().session(0, 0, 8000).session(3600, 0, 8000).told() == []


def test_a_stop_below_the_start_is_another_rules_business() -> None:
    assert charger().start(0, 5000).stop(1800, 20).told() == []


def test_what_the_csms_stopped_is_no_trouble_of_the_meter() -> None:
    assert charger().start(0, 5000).stop(1800, 5000, reason="DeAuthorized").told() == []


def test_what_was_not_told_is_not_judged() -> None:
    assert charger().stop(1800, 5000, of=31).told() == []
    assert charger("2.0.1").start(0, None).stop(1800, 5000).told() == []
    assert charger("2.0.1").start(0, 5000).stop(1800, None).told() == []


def test_what_passed_unseen_may_have_charged() -> None:
    told = fruitless(charger(), 2).lost(7000)
    assert fruitless(told, 2, 7200).told() == ["MT-09 info"] * 4


def test_a_row_that_is_told_stays_until_it_is_broken() -> None:
    told = fruitless(charger(), 3).lost(12_000)
    assert fruitless(told, 1, 14_400).findings()[-1].count == 2
