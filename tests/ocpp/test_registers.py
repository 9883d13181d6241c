"""Registers: what a number is, compared with the one before it (quirks 67-74)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ocpp.facts import UNTOLD, Moment, Place
from proxy.ocpp.meter import ContextClass, Sample, samples
from proxy.ocpp.registers import MAX_FOLLOWED, Habit, Reading, Registers, Went, told_register

SECOND = 1_000_000_000
NOON = 1_780_000_000 * SECOND
HERE = Place(None, 1)


def sample(value: Any, **members: Any) -> Sample:
    return samples({"sampledValue": [{"value": value, **members}]})[0]


def read(registers: Registers, second: int, value: Any, place: Place = HERE, **members: Any) -> Reading:
    """A sample of the device's second, seen at once."""
    return told(registers, second, second, value, place, **members)


def told(
    registers: Registers, second: int, seen: int, value: Any, place: Place = HERE, **members: Any
) -> Reading:
    at = NOON + seen * SECOND
    return registers.reading(place, sample(value, **members), Moment(NOON + second * SECOND), at)


def start_and_stop(registers: Registers, second: int, start: float, stop: float) -> Reading:
    """A transaction of 1.6, which tells its registers in Start and Stop; the reading of its start."""
    registers.began(HERE)
    moment = NOON + second * SECOND
    reading = registers.reading(HERE, told_register(start, ContextClass.BEGIN), Moment(moment), moment)
    moment += 600 * SECOND
    registers.reading(HERE, told_register(stop, ContextClass.END), Moment(moment), moment)
    return reading


# one register after another


def test_the_first_number_is_compared_with_nothing() -> None:
    assert read(Registers(), 0, "1000") == Reading(Went.FIRST)


def test_a_register_that_goes_on_says_how_far_and_how_long_since() -> None:
    registers = Registers()
    read(registers, 0, "1000")
    reading = read(registers, 30, "1250")
    assert (reading.went, reading.delta, reading.seconds) == (Went.ADVANCED, 250.0, 30.0)
    assert reading.head is not None
    assert (reading.head.value, reading.head.told_ns, reading.head.unit) == (1000.0, NOON, "")


def test_standing_still_is_going_on_by_nothing() -> None:
    registers = Registers()
    read(registers, 0, "1000")
    reading = read(registers, 30, "1000")
    assert (reading.went, reading.delta, reading.seconds) == (Went.ADVANCED, 0.0, 30.0)


def test_the_same_sample_again_is_nothing() -> None:
    registers = Registers()
    read(registers, 0, "1000")
    assert told(registers, 0, 90, "1000").went is Went.REPEATED


def test_a_late_sample_is_compared_and_never_the_new_head() -> None:
    registers = Registers()
    read(registers, 0, "1000")
    read(registers, 60, "2000")
    late = told(registers, 30, 61, "1500")
    assert (late.went, late.delta, late.seconds) == (Went.LATE, -500.0, -30.0)
    assert read(registers, 90, "2500").delta == 500.0


def test_of_the_same_second_and_lower_has_no_order() -> None:
    registers = Registers()
    read(registers, 0, "1000")
    assert read(registers, 0, "900").went is Went.LATE


def test_without_device_time_arrival_is_the_order_and_our_clock_counts() -> None:
    registers = Registers()
    registers.reading(HERE, sample("1000"), UNTOLD, NOON)
    reading = registers.reading(HERE, sample("1100"), UNTOLD, NOON + 5 * SECOND)
    assert (reading.went, reading.seconds) == (Went.ADVANCED, 5.0)
    back = registers.reading(HERE, sample("1200"), UNTOLD, NOON)  # our own clock was set back
    assert (back.went, back.seconds) == (Went.ADVANCED, 0.0)


def test_a_device_clock_that_was_set_back_from_the_future_begins_anew() -> None:
    registers = Registers()
    told(registers, 7200, 0, "1000")  # two hours ahead (quirk 79)
    assert told(registers, 60, 60, "1100").went is Went.FIRST
    assert told(registers, 120, 120, "1200").delta == 100.0


def test_nearly_always_it_simply_goes_on() -> None:
    registers = Registers()
    read(registers, 0, "1000")
    assert registers.goes_on(HERE, sample("1250"), Moment(NOON + 30 * SECOND))
    reading = read(registers, 60, "1300")
    assert (reading.delta, reading.seconds) == (50.0, 30.0)


@pytest.mark.parametrize(
    ("second", "value", "unit"),
    [(-30, "1250", "Wh"), (30, "999", "Wh"), (30, "", "Wh"), (30, "1.25", "kWh"), (0, "1.25", "kWh")],
)
def test_what_does_not_simply_go_on_is_not_taken(second: int, value: str, unit: str) -> None:
    registers = Registers()
    read(registers, 0, "1000", unit="Wh")
    before = msgspec.msgpack.encode(registers)
    assert not registers.goes_on(HERE, sample(value, unit=unit), Moment(NOON + second * SECOND))
    assert msgspec.msgpack.encode(registers) == before


@pytest.mark.parametrize("value", ["1000", "1250", "999", "0"])
def test_of_the_same_moment_nothing_is_said_and_nothing_taken(value: str) -> None:
    registers = Registers()
    read(registers, 0, "1000")
    before = msgspec.msgpack.encode(registers)
    assert registers.goes_on(HERE, sample(value), Moment(NOON))
    assert msgspec.msgpack.encode(registers) == before
    assert read(registers, 0, value).went in (Went.REPEATED, Went.LATE)


def test_two_alike_in_one_message_the_first_is_followed() -> None:
    registers = Registers()
    for second in (0, 30):
        session, lifetime = read(registers, second, 100 + second), read(registers, second, 9000 + second)
    assert (session.delta, lifetime.went) == (30.0, Went.LATE)


# falling


def test_a_register_goes_back() -> None:
    registers = Registers()
    read(registers, 0, "5000")
    reading = read(registers, 30, "4900")
    assert (reading.went, reading.delta) == (Went.WENT_BACK, -100.0)


@pytest.mark.parametrize(
    ("before", "after", "unit"), [("5000", "4999", "Wh"), ("5.12", "5.11", "kWh"), ("5.1", "5.0", "kWh")]
)
def test_rounding_is_not_going_back(before: str, after: str, unit: str) -> None:
    registers = Registers()
    read(registers, 0, before, unit=unit)
    reading = read(registers, 30, after, unit=unit)
    assert (reading.went, reading.delta) == (Went.ADVANCED, 0.0)


def test_rounding_again_and_again_is() -> None:
    registers = Registers()
    went = [read(registers, second, str(5000 - second)).went for second in range(3)]
    assert went == [Went.FIRST, Went.ADVANCED, Went.WENT_BACK]


def test_a_drop_to_near_zero_is_a_reset() -> None:
    registers = Registers()
    read(registers, 0, "16000000")
    assert read(registers, 30, "120").went is Went.RESET
    assert read(registers, 60, "200").delta == 80.0


def test_a_drop_of_less_than_a_kilowatt_hour_is_none() -> None:
    registers = Registers()
    read(registers, 0, "900")
    assert read(registers, 30, "0").went is Went.WENT_BACK


def test_zero_for_a_moment_and_back_is_told_by_where_it_fell_from() -> None:
    """Quirk 69, MT-03: a placeholder between two real values."""
    registers = Registers()
    read(registers, 0, "16000000")
    read(registers, 30, "500")
    read(registers, 50, "0")
    still = read(registers, 60, "0")
    back = read(registers, 90, "16000100")
    assert still.head is not None
    assert back.head is not None
    assert (still.head.fell_from, back.head.fell_from) == (16_000_000.0, 16_000_000.0)
    after = read(registers, 120, "16000200").head
    assert after is not None
    assert after.fell_from is None


@pytest.mark.parametrize("measurand", ["SoC", "Power.Active.Import", "Energy.Active.Import.Interval"])
def test_what_is_no_register_may_fall(measurand: str) -> None:
    registers = Registers()
    read(registers, 0, "5000", measurand=measurand)
    reading = read(registers, 30, "0", measurand=measurand)
    assert (reading.went, reading.delta) == (Went.ADVANCED, -5000.0)


@pytest.mark.parametrize("value", ["", "n/a", None, "nan"])
def test_what_is_no_number_changes_nothing(value: Any) -> None:
    registers = Registers()
    read(registers, 0, "1000")
    reading = read(registers, 30, value)
    assert reading.went is Went.NOT_A_NUMBER
    assert reading.head is not None
    assert read(registers, 60, "1100").seconds == 60.0


# what is one register


@pytest.mark.parametrize(
    "other",
    [
        {"phase": "L1"},
        {"location": "Inlet"},
        {"measurand": "Energy.Active.Export.Register"},
        {"context": "Transaction.Begin"},
        {"unit": "varh"},
    ],
)
def test_another_phase_location_measurand_context_class_or_family_is_another_one(
    other: dict[str, Any],
) -> None:
    registers = Registers()
    read(registers, 0, "5000")
    assert read(registers, 30, "100", **other).went is Went.FIRST
    assert read(registers, 60, "5100").delta == 100.0


def test_another_connector_is_another_register() -> None:
    registers = Registers()
    read(registers, 0, "5000")
    assert read(registers, 30, "100", Place(None, 2)).went is Went.FIRST


def test_in_2x_the_meter_is_the_evses_whichever_connector_is_named() -> None:
    registers = Registers()
    read(registers, 0, "5000", Place(1, 1))
    assert read(registers, 30, "5100", Place(1, None)).delta == 100.0


def test_the_begin_said_again_with_each_message_is_not_the_register_falling() -> None:
    """Quirk 73: Growatt sends both contexts in one message."""
    registers = Registers()
    for minute in range(3):
        begin = read(registers, minute * 60, "5000", context="Transaction.Begin")
        running = read(registers, minute * 60, str(5000 + minute * 100), context="Sample.Periodic")
        assert Went.WENT_BACK not in (begin.went, running.went)
    assert running.delta == 100.0


def test_clock_aligned_and_periodic_samples_are_of_one_register() -> None:
    registers = Registers()
    read(registers, 0, "5000", context="Sample.Periodic")
    assert read(registers, 30, "5100", context="Sample.Clock").delta == 100.0


def test_a_unit_that_changes_from_message_to_message_is_one_register() -> None:
    """Quirk 68: values are in the base unit."""
    registers = Registers()
    read(registers, 0, "5000", unit="Wh")
    assert read(registers, 30, "5.100", unit="kWh").delta == pytest.approx(100.0)


def test_two_units_in_one_message_are_two_registers() -> None:
    registers = Registers()
    for second, session, lifetime in ((0, "100", "9000.5"), (30, "200", "9000.6")):
        one = read(registers, second, session, unit="Wh")
        other = read(registers, second, lifetime, unit="kWh")
    assert (one.went, one.delta) == (Went.ADVANCED, 100.0)
    assert other.delta == pytest.approx(100.0)


def test_kwh_without_a_unit_shows_as_a_jump_by_a_thousand() -> None:
    """Quirk 67, MT-06: untold means Wh."""
    registers = Registers()
    read(registers, 0, "5000", unit="Wh")
    reading = read(registers, 30, "5.001")
    assert reading.head is not None
    assert (reading.went, reading.head.unit) == (Went.RESET, "Wh")


# transactions


def test_a_lifetime_register_is_learnt_from_two_starts_that_go_on_from_the_stop() -> None:
    registers = Registers()
    habits = [start_and_stop(registers, 1000 * n, 5000 + 3000 * n, 8000 + 3000 * n).habit for n in range(3)]
    assert habits == [Habit.UNKNOWN, Habit.UNKNOWN, Habit.LIFETIME]


def test_a_register_that_starts_anew_is_learnt_from_two_starts_at_zero() -> None:
    """Quirk 70: rebased with each transaction; that is no lost energy."""
    registers = Registers()
    habits = [start_and_stop(registers, 1000 * n, 0, 8000).habit for n in range(3)]
    assert habits == [Habit.UNKNOWN, Habit.UNKNOWN, Habit.PER_TRANSACTION]


def test_a_contradiction_unlearns_it() -> None:
    registers = Registers()
    for n in range(3):
        start_and_stop(registers, 1000 * n, 5000 + 3000 * n, 8000 + 3000 * n)
    swapped = start_and_stop(registers, 9000, 0, 3000)
    assert swapped.habit is Habit.UNKNOWN
    assert start_and_stop(registers, 19000, 3000, 6000).habit is Habit.UNKNOWN
    assert start_and_stop(registers, 29000, 6000, 9000).habit is Habit.LIFETIME


def test_short_sessions_teach_nothing() -> None:
    registers = Registers()
    assert {start_and_stop(registers, 1000 * n, 0, 200).habit for n in range(5)} == {Habit.UNKNOWN}


@pytest.mark.parametrize(
    ("last", "first"), [("300", "350"), ("1500", "700"), ("9000", "7000"), ("9000", "12000")]
)
def test_what_may_be_either_teaches_nothing(last: str, first: str) -> None:
    registers = Registers()
    for n in range(4):
        registers.began(HERE)
        begins = read(registers, 1000 * n, first)
        read(registers, 1000 * n + 600, last)
    assert begins.habit is Habit.UNKNOWN


def test_samples_alone_teach_it_too() -> None:
    registers = Registers()
    for n in range(3):
        registers.began(HERE)
        first = read(registers, 1000 * n, "50")
        read(registers, 1000 * n + 600, "9000")
    assert first.habit is Habit.PER_TRANSACTION
    assert first.since_stop == -8950.0


def test_meter_start_and_samples_may_have_different_habits() -> None:
    """Quirk 70: the lifetime register in Start and Stop, the session's in MeterValues."""
    registers = Registers()
    for n in range(3):
        lifetime = start_and_stop(registers, 1000 * n, 5_000_000 + 9000 * n, 5_009_000 + 9000 * n)
        session = read(registers, 1000 * n + 60, "50")
        read(registers, 1000 * n + 600, "9000")
    assert (lifetime.habit, session.habit) == (Habit.LIFETIME, Habit.PER_TRANSACTION)


def test_energy_missing_between_two_transactions_shows_at_the_next_start() -> None:
    """Errata 3.9, MT-12."""
    registers = Registers()
    assert start_and_stop(registers, 0, 5000, 8000).since_stop is None
    assert start_and_stop(registers, 1000, 8700, 9000).since_stop == 700.0


def test_only_the_first_number_after_a_begin_is_the_first() -> None:
    registers = Registers()
    read(registers, 0, "5000")
    registers.began(HERE)
    assert [read(registers, n, "5100").since_stop for n in (30, 60)] == [100.0, None]


def test_a_begin_elsewhere_is_not_here() -> None:
    registers = Registers()
    read(registers, 0, "5000")
    registers.began(Place(None, 2))
    assert read(registers, 30, "5100").since_stop is None


def test_meter_stop_can_be_held_against_the_last_sample() -> None:
    """MT-11."""
    registers = Registers()
    read(registers, 0, "5400")
    stop = told_register(5300, ContextClass.END)
    last = registers.head(HERE, stop.kind, ContextClass.RUNNING)
    assert last is not None
    assert last.value == 5400.0
    assert registers.head(HERE, stop.kind, ContextClass.BEGIN) is None


# bounds and snapshots


def test_the_register_least_recently_seen_goes() -> None:
    registers = Registers()
    for evse in range(1, MAX_FOLLOWED + 1):
        read(registers, 0, "1000", Place(evse))
    read(registers, 30, "1100", Place(1))
    read(registers, 30, "1000", Place(999))
    assert len(registers.followed) == MAX_FOLLOWED
    assert read(registers, 60, "1200", Place(1)).went is Went.ADVANCED
    assert read(registers, 60, "1200", Place(2)).went is Went.FIRST


def test_six_registers_take_less_than_a_kilobyte() -> None:
    registers = Registers()
    for phase in ("L1", "L2", "L3"):
        for measurand in ("Energy.Active.Import.Register", "Current.Import"):
            for second in (0, 30):
                read(registers, second, "16000000.5", phase=phase, measurand=measurand)
    assert len(msgspec.msgpack.encode(registers)) < 1024


VALUES = st.one_of(st.integers(0, 20_000).map(str), st.sampled_from(["0", "", "1e300", "-5", "5.5"]))
WORDS = st.fixed_dictionaries(
    {},
    optional={
        "unit": st.sampled_from(["Wh", "kWh", "varh", "furlong"]),
        "context": st.sampled_from(["Transaction.Begin", "Transaction.End", "Sample.Clock"]),
        "phase": st.just("L1"),
        "multiplier": st.integers(-30, 30),
    },
)
STEPS = st.tuples(
    st.booleans(), st.integers(-9000, 9000), st.integers(0, 90), VALUES, WORDS, st.integers(1, 2)
)


@given(st.lists(STEPS, max_size=40), st.integers(0, 40))
def test_cut_anywhere_it_goes_on_the_same(steps: list[Any], cut: int) -> None:
    whole, parts = Registers(), Registers()
    for number, (begins, second, seen, value, words, connector) in enumerate(steps):
        if number == cut:
            parts = msgspec.msgpack.decode(msgspec.msgpack.encode(parts), type=Registers)
        place = Place(None, connector)
        if begins:
            whole.began(place)
            parts.began(place)
        expected = told(whole, second, seen, value, place, **words)
        assert told(parts, second, seen, value, place, **words) == expected
