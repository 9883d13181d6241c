"""Transaction energy: MT-10 stop below start, MT-11 unlike its samples, MT-12 missing in between; quirks 67 to 74."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers.transaction_energy import TransactionEnergy
from tests.analyzers.metering import BEGIN, Charger, energy

both = pytest.mark.parametrize("version", ["1.6", "2.0.1"])


def charger(version: str = "1.6", **settings: Any) -> Charger:
    return Charger(TransactionEnergy(**settings), version)


def lifetime(sessions: int = 3, version: str = "1.6") -> Charger:
    """Sessions of 3 kWh each hour that go on from each other, from 10 kWh."""
    made = charger(version)
    for number in range(sessions):
        made.session(number * 3600, 10_000 + 3000 * number, 13_000 + 3000 * number)
    return made


def test_healthy_sessions_say_nothing() -> None:
    assert lifetime(5).told() == []
    assert lifetime(5, "2.0.1").told() == []


# MT-10


@both
def test_a_stop_below_the_start_is_critical(version: str) -> None:
    (finding,) = charger(version).start(0, 5000).stop(600, 20).findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("MT-10", "critical", 1)
    assert (finding.observed, finding.limit) == ("0.02 kWh", "5 kWh")
    assert finding.cleared_at is not None
    assert len(finding.evidence) == 2


@pytest.mark.parametrize(("stop", "told"), [(5000, []), (4990, []), (4989, ["MT-10 critical"])])
@both
def test_equal_or_ten_watt_hours_less_is_rounding(version: str, stop: int, told: list[str]) -> None:
    assert charger(version).start(0, 5000).stop(600, stop).told() == told


def test_its_limit_is_a_setting() -> None:
    assert charger(rounding_wh=100.0).start(0, 5000).stop(600, 4900).told() == []


def test_it_says_so_in_one_sentence() -> None:
    (finding,) = charger().start(0, 5000).stop(600, 20).findings()
    assert finding.message == (
        "CP_1: the transaction on connector 1 stopped with less than it started with: 0.02 kWh, "
        "it started with 5 kWh."
    )


def test_what_was_not_told_is_not_judged() -> None:
    assert charger().stop(600, 20, of=31).told() == []
    assert charger("2.0.1").start(0, None).stop(600, 20).told() == []
    assert charger("2.0.1").start(0, 5000).stop(600, None).told() == []


# MT-11


@both
def test_a_stop_below_the_last_sample_is_a_warning(version: str) -> None:
    told = charger(version).start(0, 5000).sample(60, 5100).sample(600, 9500).stop(660, 9000)
    (finding,) = told.findings()
    assert (finding.rule, finding.severity.label) == ("MT-11", "warning")
    assert finding.observed == "stopped with 9 kWh, but a sample was 9.5 kWh"
    assert len(finding.evidence) == 3


@both
def test_a_start_above_a_sample_is_a_warning(version: str) -> None:
    told = charger(version).start(0, 5600).sample(60, 5100).sample(600, 9000).stop(660, 9000)
    (finding,) = told.findings()
    assert (finding.rule, finding.severity.label) == ("MT-11", "warning")
    assert finding.observed == "started with 5.6 kWh, but a sample was 5.101 kWh"


@both
def test_a_hundred_watt_hours_are_none(version: str) -> None:
    told = charger(version).start(0, 5200).sample(60, 5100).sample(600, 9100).stop(660, 9000)
    assert told.told() == []


def test_its_limit_is_a_setting_too() -> None:
    told = charger(mismatch_wh=10.0).start(0, 5000).sample(600, 9050).stop(660, 9000)
    assert told.told() == ["MT-11 warning"]


def test_coarse_samples_stand_for_less_too() -> None:
    told = charger().start(0, 5000).sample(600, energy("17", unit="kWh")).stop(660, 16_600)
    assert told.told() == []
    told = charger().start(0, 5600).sample(60, energy("5", unit="kWh")).sample(600, 9000)
    assert told.stop(660, 9000).told() == []


def test_samples_of_the_session_beside_start_and_stop_of_the_lifetime() -> None:
    """Quirk 70: also where the lifetime is not long yet."""
    for start in (6000, 16_000_000):
        told = charger().start(0, start).sample(900, 5500).sample(1800, 10_900)
        assert told.stop(1860, start + 11_000).told() == []


def test_samples_of_the_lifetime_beside_start_and_stop_of_the_session() -> None:
    assert charger().start(0, 0).sample(60, 16_000_000).sample(600, 16_004_000).stop(660, 4000).told() == []


def test_kwh_told_as_watt_hours_is_another_rules_business() -> None:
    """Quirk 67."""
    assert charger().start(0, 361_000).sample(60, 361).sample(600, 362).stop(660, 362_000).told() == []


def test_a_zero_sample_is_no_sample() -> None:
    """Quirk 69."""
    assert charger().start(0, 5000).sample(60, 0).sample(120, 9000).stop(660, 9000).told() == []


def test_late_repeated_and_early_samples_are_put_in_order() -> None:
    told = charger().sample(-60, 4000, of=0).start(0, 5000).sample(600, 8000)
    told.sample(300, 7000, seen=601).sample(600, 8000, seen=602).sample(-30, 4500, seen=603)
    assert told.stop(660, 8000).told() == []


def test_what_comes_after_the_stop_is_not_held_against_it() -> None:
    """Quirk 72: energy goes on; the stop is told late, or the samples are."""
    late_stop = charger().start(0, 5000).sample(600, 9000).sample(900, 9500).stop(700, 9000, seen=960)
    assert late_stop.told() == []
    late_samples = charger().start(0, 5000).stop(700, 9000).sample(800, 9500).start(900, 9500)
    assert late_samples.told() == []


def test_the_begin_repeated_in_each_message_is_no_sample() -> None:
    """Quirk 73."""
    told = charger().start(0, 5000)
    for minute in range(1, 5):
        told.sample(minute * 60, energy("1000", context=BEGIN), energy(str(5000 + minute * 100)))
    assert told.stop(300, 5400).told() == []


@pytest.mark.parametrize(
    "other", [{"phase": "L1"}, {"location": "Inlet"}, {"measurand": "Energy.Active.Export.Register"}]
)
def test_another_register_in_the_message_is_not_the_transactions(other: dict[str, Any]) -> None:
    told = charger().start(0, 5000).sample(60, energy("9900", **other), energy("5100"))
    assert told.stop(300, 5400).told() == []


def test_kwh_beside_wh_the_first_counts() -> None:
    told = charger().start(0, 5000).sample(60, energy("5100", unit="Wh"), energy("9.9", unit="kWh"))
    assert told.stop(300, 5400).told() == []


def test_lower_than_the_start_is_said_once() -> None:
    """The samples that are above such a stop, and the next start, follow from it."""
    told = charger().start(0, 5000).sample(600, 9000).stop(660, 4000).start(900, 9000)
    assert told.told() == ["MT-10 critical"]
    told = charger().start(0, 5000).sample(600, 9900).stop(660, 9000).start(900, 9900)
    assert told.told() == ["MT-11 warning"]


# MT-12


@both
def test_energy_missing_between_two_transactions_is_a_warning(version: str) -> None:
    told = charger(version).session(0, 5000, 8000).start(3600, 8700)
    (finding,) = told.findings()
    assert (finding.rule, finding.severity.label, finding.limit) == ("MT-12", "warning", "500 Wh")
    assert finding.observed == "0.7 kWh above"
    assert finding.transaction_id == ("2" if version == "1.6" else "T2")
    assert len(finding.evidence) == 2
    assert finding.cleared_at is not None


@both
@pytest.mark.parametrize("start", [8000, 8004, 8500, 7900])
def test_half_a_kilowatt_hour_more_or_a_tenth_less_is_none(version: str, start: int) -> None:
    assert charger(version).session(0, 5000, 8000).start(3600, start).told() == []


def test_half_a_kilowatt_hour_is_a_setting() -> None:
    assert charger(missing_wh=1000.0).session(0, 5000, 8000).start(3600, 8700).told() == []


@both
def test_a_start_below_the_last_stop_is_a_warning(version: str) -> None:
    (finding,) = charger(version).session(0, 5000, 8000).start(3600, 7800).findings()
    assert (finding.rule, finding.severity.label) == ("MT-12", "warning")
    assert finding.observed == "0.2 kWh below"


@both
def test_a_register_that_starts_anew_switches_it_off(version: str) -> None:
    """Quirk 70."""
    told = charger(version)
    for number in range(4):
        told.session(number * 3600, 50 * number, 8000)
    assert told.start(4 * 3600, 9000).told() == []


def test_a_new_meter_behind_a_lifetime_register_is_worth_a_line() -> None:
    assert lifetime(4).start(20_000, 300).told() == ["MT-12 info"]
    assert lifetime(1).start(20_000, 300).told() == []


def test_a_start_of_0_is_no_start() -> None:
    """Quirk 71, MT-03: offline, Begin = 0, then the odometer."""
    told = lifetime(4).start(20_000, 0).sample(20_060, 22_500).stop(21_000, 23_000)
    assert told.start(22_000, 23_000).told() == []


def test_a_stop_of_0_is_no_stop() -> None:
    assert charger().start(0, 0).stop(600, 0).start(900, 5000).told() == []


def test_another_unit_is_not_missing_energy() -> None:
    """Quirk 68: kWh, then Wh."""
    assert charger().session(0, 2000, 5000).start(3600, 5_000_000).told() == []


def test_one_meter_for_two_connectors() -> None:
    told = charger().session(0, 5000, 8000, 1).session(3600, 8000, 12_000, 2)
    assert told.start(7200, 12_000, 1).told() == []


def test_one_meter_for_two_connectors_while_the_other_charges() -> None:
    told = charger().session(0, 5000, 8000, 1).start(3600, 8000, 2).sample(3700, 9000, connector=2)
    assert told.start(7200, 9100, 1).told() == []


def test_a_connector_of_its_own_has_a_stop_of_its_own() -> None:
    told = charger().session(0, 5000, 8000, 1).session(3600, 900_000, 904_000, 2)
    assert told.start(7200, 8700, 1).told() == ["MT-12 warning"]


def test_transactions_told_late_are_not_between() -> None:
    """Offline: the earlier one comes after the later one."""
    told = charger().session(7200, 8000, 9000).start(0, 5000, seen=9100)
    told.stop(1800, 8000, seen=9101).start(10_000, 9000)
    assert told.told() == []


def test_what_passed_unseen_may_have_been_a_transaction() -> None:
    assert charger().session(0, 5000, 8000).lost(3000).start(3600, 8700).told() == []


def test_a_stop_of_a_transaction_that_was_never_answered_hides_the_place() -> None:
    assert charger().session(0, 5000, 8000).stop(3000, 8700, of=99).start(3600, 8700).told() == []


def test_a_transaction_met_in_the_middle_gives_a_stop() -> None:
    told = charger("2.0.1").session(0, 5000, 8000)
    told.transaction = 9
    told._event("Updated", 2000, 1, [], None)
    assert told.stop(2500, 8700).start(3600, 8700).told() == []
    assert told.stop(4000, 9000).start(4600, 9600).told() == ["MT-12 warning"]


def test_a_start_told_twice_is_judged_once() -> None:
    told = charger().session(0, 5000, 8000).start(3600, 8700).start(3600, 8700, seen=3660)
    assert [finding.count for finding in told.findings()] == [1]
