"""Register: MT-01 backwards, MT-02 began anew, MT-03 placeholder zero; quirks 68 to 74."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers.register import Register
from proxy.names import Direction
from tests.analyzers.metering import BEGIN, Charger, energy

both = pytest.mark.parametrize("version", ["1.6", "2.0.1"])
MWH = 16_000_000


def charger(version: str = "1.6", **settings: Any) -> Charger:
    return Charger(Register(**settings), version)


def known_for_lifetime(version: str = "1.6") -> Charger:
    """Three sessions that go on from each other; the last stops at 19 kWh."""
    made = charger(version)
    for number in range(3):
        made.session(number * 3600, 10_000 + 3000 * number, 13_000 + 3000 * number)
    return made


# MT-01


@both
def test_a_register_that_falls_in_a_transaction_is_critical(version: str) -> None:
    told = charger(version).start(0, 5000).sample(60, 5500).sample(120, 5400)
    (finding,) = told.findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("MT-01", "critical", 1)
    assert (finding.observed, finding.limit) == ("0.1 kWh, from 5.5 kWh to 5.4 kWh", "10 Wh")
    assert finding.transaction_id == ("1" if version == "1.6" else "T1")
    assert finding.cleared_at is not None
    assert len(finding.evidence) == 2


@both
@pytest.mark.parametrize("wh", [5500, 5490, 5600])
def test_standing_still_rising_or_ten_watt_hours_less_is_none(version: str, wh: int) -> None:
    assert charger(version).start(0, 5000).sample(60, 5500).sample(120, wh).told() == []


def test_eleven_are_one_and_the_limit_is_a_setting() -> None:
    assert charger().start(0, 5000).sample(60, 5500).sample(120, 5489).told() == ["MT-01 critical"]
    lenient = charger(tolerance_wh=50.0)
    assert lenient.start(0, 5000).sample(60, 5500).sample(120, 5489).told() == []


def test_it_says_so_in_one_sentence() -> None:
    (finding,) = charger().start(0, 15_000).sample(60, 16_000).sample(120, 14_800).findings()
    assert finding.message == (
        "CP_1: the energy register of connector 1 went back by 1.2 kWh, from 16 kWh to 14.8 kWh (limit 10 Wh)."
    )


def test_phases_that_fall_together_are_one_trouble() -> None:
    phases = [[energy(str(wh), phase=phase) for phase in ("L1", "L2", "L3")] for wh in (5500, 5400, 5300)]
    told = charger().start(0, 5000)
    for number, samples in enumerate(phases):
        told.sample(60 * number, *samples)
    (finding,) = told.findings()
    assert finding.count == 2


def test_less_than_one_unit_of_a_coarse_register_is_rounding() -> None:
    told = (
        charger().start(0, 5000).sample(60, energy("5.2", unit="kWh")).sample(120, energy("5.1", unit="kWh"))
    )
    assert told.told() == []
    assert told.sample(180, energy("4.9", unit="kWh")).told() == ["MT-01 critical"]


def test_outside_a_transaction_it_is_a_warning_for_a_lifetime_register_only() -> None:
    unknown = charger().sample(0, 19_000, of=0).sample(60, 18_000, of=0)
    assert unknown.told() == ["MT-01 info"]
    known = known_for_lifetime().sample(9500, 19_000, of=0).sample(9560, 18_000, of=0)
    assert known.told() == ["MT-01 warning"]


def test_samples_of_a_transaction_whose_start_was_not_seen_are_worth_a_line() -> None:
    """1.6 from the middle: whether 31 is still the same one, nobody knows."""
    assert charger().sample(0, 5500, of=31).sample(60, 5400, of=31).told() == ["MT-01 info"]


@both
def test_between_transactions_a_register_may_begin_lower_unless_it_never_does(version: str) -> None:
    unknown = charger(version).session(0, 5000, 9000).start(3600, 7000).sample(3700, 7100)
    assert unknown.told() == []
    known = known_for_lifetime(version).start(10_800, 17_000).sample(10_900, 17_100)
    assert known.told() == ["MT-01 warning"]


@both
def test_late_and_repeated_samples_say_nothing(version: str) -> None:
    told = charger(version).start(0, 5000).sample(60, 5500).sample(180, 6000)
    told.sample(60, 5500, seen=181).sample(120, 5700, seen=182).sample(180, 6000, seen=183)
    assert told.sample(240, 6100).told() == []


def test_a_device_clock_that_was_ahead_and_is_set_back_says_nothing() -> None:
    told = charger().start(0, 5000).sample(7260, 5500, seen=60)
    assert told.sample(120, 5600).sample(180, 5700).told() == []


def test_after_lost_bytes_the_next_number_is_a_first_one() -> None:
    told = charger().start(0, 5000).sample(60, 5500).lost(90).sample(120, 5000)
    assert told.told() == []
    assert told.sample(180, 4500).told() == ["MT-01 critical"]


def test_bytes_of_the_csms_hide_no_register() -> None:
    told = charger().start(0, 5000).sample(60, 5500)
    told.capture.lost(told.capture.runner.at, "CP_1", Direction.FROM_CSMS, 5)
    assert told.sample(120, 5000).told() == ["MT-01 critical"]


# what is one register


def test_a_begin_repeated_in_each_message_is_no_fall() -> None:
    """Quirk 73."""
    told = charger().start(0, 5000)
    for minute in range(1, 5):
        told.sample(minute * 60, energy("5000", context=BEGIN), energy(str(5000 + minute * 100)))
    assert told.told() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"unit": "Wh", "value": "100"}, {"unit": "kWh", "value": "9000.5"}),
        ({"location": "Inlet", "value": "9000"}, {"location": "Outlet", "value": "8000"}),
        ({"value": "9000"}, {"phase": "L1", "value": "3000"}),
        ({"value": "9000"}, {"value": "100"}),
        ({"value": "8000"}, {"value": "9000"}),
    ],
)
def test_two_registers_in_one_message(one: dict[str, Any], other: dict[str, Any]) -> None:
    """kWh beside Wh, two locations, a phase beside the whole, a session's beside a lifetime's: quirk 70."""
    told = charger().start(0, 0)
    for minute in range(1, 5):
        told.sample(minute * 60, one, other)
    assert told.told() == []


def test_a_unit_that_changes_from_message_to_message_is_one_register() -> None:
    """Quirk 68."""
    told = charger().start(0, 5000).sample(60, 5500).sample(120, energy("5.6", unit="kWh"))
    assert told.sample(180, 5700).told() == []
    assert told.sample(240, energy("5.1", unit="kWh")).told() == ["MT-01 critical"]


def test_connector_0_and_2_are_meters_of_their_own() -> None:
    """Quirk 74."""
    told = charger().start(0, 5000).sample(60, 5500).sample(61, 100, connector=0, of=0)
    assert told.sample(62, 300, connector=2, of=0).sample(120, 5600).told() == []


def test_samples_of_no_place_belong_to_their_transaction_or_to_nobody() -> None:
    told = charger("2.0.1")
    told.transaction = 9  # its start was not seen, and an Updated names no EVSE
    assert told.sample(0, 5500).sample(60, 4000).told() == []
    assert told.start(120, 5000).sample(180, 5500).sample(240, 4000).told() == ["MT-01 critical"]


# MT-02


@both
def test_a_fall_to_near_zero_is_a_new_beginning(version: str) -> None:
    told = charger(version).start(0, MWH).sample(60, MWH).sample(120, 120)
    (finding,) = told.findings()
    assert (finding.rule, finding.severity.label) == ("MT-02", "info")
    assert finding.observed == "from 16000 kWh to 0.12 kWh"
    assert told.sample(180, 200).told() == ["MT-02 info"]


def test_a_fall_to_one_percent_is_a_fall() -> None:
    assert charger().start(0, 50_000).sample(60, 50_000).sample(120, 501).told() == ["MT-01 critical"]
    assert charger().start(0, 50_000).sample(60, 50_000).sample(120, 499).told() == ["MT-02 info"]


def test_a_counter_that_was_full_is_said_to_be() -> None:
    told = charger().start(0, 999_999_000).sample(60, 999_999_900).sample(120, 200)
    assert "a counter that was full" in told.findings()[0].observed


@both
def test_a_register_that_starts_anew_with_each_transaction_says_nothing(version: str) -> None:
    """Quirk 70."""
    told = charger(version)
    for number in range(5):
        told.session(number * 3600, 0, 8000)
    assert told.told() == []


def test_nor_when_the_sessions_are_those_of_a_truck() -> None:
    told = charger()
    for number in range(5):
        told.session(number * 3600, 0, 250_000)
    assert {line.split()[1] for line in told.told()} <= {"info"}


def test_a_session_register_that_falls_at_plug_in_is_a_line_until_it_is_known() -> None:
    told = charger()
    for number in range(5):
        told.session(number * 3600, 0, 8000).sample(number * 3600 + 2000, 8000, of=0)
    assert told.told() == []


# MT-03


@both
def test_a_zero_between_large_values_is_a_placeholder(version: str) -> None:
    """Quirk 69."""
    told = charger(version).start(0, MWH).sample(60, MWH).sample(120, 0).sample(180, 0)
    assert told.told() == []
    (finding,) = told.sample(240, MWH + 100).findings()
    assert (finding.rule, finding.severity.label) == ("MT-03", "critical")
    assert finding.message == (
        "CP_1: the energy register of connector 1 showed 0 in place of its value: then 16000.1 kWh."
        if version == "1.6"
        else "CP_1: the energy register of EVSE 1 showed 0 in place of its value: then 16000.1 kWh."
    )
    assert told.sample(300, MWH + 200).told() == ["MT-03 critical"]


def test_outside_a_transaction_it_is_a_warning() -> None:
    told = charger().sample(0, MWH, of=0).sample(60, 0, of=0).sample(120, MWH, of=0)
    assert told.told() == ["MT-03 warning"]


def test_a_zero_that_goes_on_from_there_was_a_new_beginning() -> None:
    told = charger().start(0, MWH).sample(60, MWH).sample(120, 0).sample(180, 50)
    assert told.told() == ["MT-02 info"]
    assert told.sample(240, 100).told() == ["MT-02 info"]


def test_after_less_than_100_kwh_it_is_a_new_beginning_at_once() -> None:
    assert charger().start(0, 90_000).sample(60, 90_000).sample(120, 0).told() == ["MT-02 info"]
    low = charger(placeholder_above_wh=50_000.0).start(0, 90_000)
    assert low.sample(60, 90_000).sample(120, 0).sample(180, 90_000).told() == ["MT-03 critical"]


@both
def test_a_begin_of_0_and_then_the_odometer(version: str) -> None:
    """citrineos-core 1060: told offline, 910 kWh billed."""
    told = charger(version).start(0, 0).sample(300, 905_000).sample(900, 907_000)
    assert told.told() == []
    (finding,) = told.stop(1800, 910_000).findings()
    assert (finding.rule, finding.severity.label) == ("MT-03", "critical")
    assert finding.observed == "the transaction's begin is 0, its end 910 kWh"
    assert len(finding.evidence) == 3


def test_a_begin_of_0_where_the_register_is_known_to_go_on() -> None:
    """An hour until the first sample: 910 kW would be possible, but the register just went on."""
    told = charger().sample(0, 905_000, of=0).start(60, 0).sample(3660, 907_000)
    assert told.stop(7200, 910_000).told() == ["MT-03 critical"]


def test_without_samples_the_end_alone_shows_it_if_nobody_charges_so_fast() -> None:
    assert charger().start(0, 0).stop(1800, MWH).told() == ["MT-03 critical"]
    assert charger().start(0, 0).stop(3600, 910_000).told() == []
    assert charger(most_power_w=500_000.0).start(0, 0).stop(3600, 910_000).told() == ["MT-03 critical"]


def test_an_end_that_was_not_told_makes_it_a_warning() -> None:
    told = charger("2.0.1").start(0, 0).sample(60, MWH).stop(1800, None)
    assert told.told() == ["MT-03 warning"]


def test_start_and_stop_of_the_session_beside_samples_of_the_lifetime_are_no_placeholder() -> None:
    """Quirk 70: what is billed is right."""
    told = charger()
    for number in range(4):
        begin = MWH + number * 8000
        told.start(number * 3600, 0).sample(number * 3600 + 60, begin).sample(
            number * 3600 + 1200, begin + 8000
        )
        told.stop(number * 3600 + 1800, 8000)
    assert told.told() == []


def test_both_0_is_no_placeholder() -> None:
    """Quirk 71."""
    assert charger().start(0, 0).sample(60, 0).stop(1800, 0).told() == []


def test_samples_after_the_stop_say_nothing() -> None:
    """Quirk 72."""
    told = charger().session(0, 5000, 9000).sample(1860, 9004, of=1).start(3600, 9004)
    assert told.sample(3660, 9010).told() == []
