"""Charging profiles, as 1.6, 2.0.1 and 2.1 spell them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import Moment, Profile
from proxy.ocpp.profiles import MAX_PERIODS, profile_of, schedule_of
from proxy.ocpp.times import moment

NOON, EVENING = "2026-05-01T12:00:00Z", "2026-05-01T18:00:00+02:00"
SCHEDULE_16 = {
    "duration": 3600,
    "startSchedule": NOON,
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
        {"startPeriod": 1800, "limit": 6},
    ],
    "minChargingRate": 6.0,
}
LIMITS = ((0, 16.0, 3), (1800, 6.0, None))


def test_a_profile_of_1_6() -> None:
    told = {
        "chargingProfileId": 8,
        "transactionId": 9223372036854775807,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "validFrom": NOON,
        "validTo": EVENING,
        "chargingSchedule": SCHEDULE_16,
    }
    assert profile_of(told) == Profile(
        profile_id=8,
        stack_level=2,
        purpose="TxProfile",
        kind="Recurring",
        recurrency="Daily",
        transaction_id="9223372036854775807",
        unit="A",
        start=moment(NOON),
        duration_seconds=3600,
        valid_from=moment(NOON),
        valid_to=Moment(1777651200_000_000_000),
        periods=LIMITS,
    )


def test_a_profile_of_2_x_tells_its_first_schedule_and_how_many_there_are() -> None:
    second = {"id": 2, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 1}]}
    told = {"id": 5, "transactionId": "tx-7", "chargingSchedule": [SCHEDULE_16, second]}
    profile = profile_of(told)
    assert (profile.profile_id, profile.transaction_id, profile.schedules) == (5, "tx-7", 2)
    assert (profile.unit, profile.periods) == ("A", LIMITS)


def test_a_profile_of_2_1_may_have_setpoints_and_no_limits() -> None:
    periods = [
        {"startPeriod": 0, "setpoint": -3000, "dischargeLimit": -5000},
        {"startPeriod": 60, "limit": 11},
    ]
    told = {
        "id": 5,
        "chargingProfileKind": "Dynamic",
        "chargingSchedule": [{"chargingSchedulePeriod": periods}],
    }
    profile = profile_of(told)
    assert profile.kind == "Dynamic"
    assert profile.periods == ((0, None, None), (60, 11.0, None))
    assert profile.setpoints == (-3000.0, None)


def test_a_composite_schedule_of_2_x_begins_at_its_schedule_start() -> None:
    told = {"evseId": 1, "scheduleStart": NOON, "duration": 60, "chargingRateUnit": "W"}
    assert schedule_of(told) == Profile(unit="W", start=moment(NOON), duration_seconds=60)


@pytest.mark.parametrize(
    ("unit", "read"),
    [
        ("W", "W"),
        ("Power", "W"),
        ("power", "W"),
        ("a", "A"),
        ("Current", "A"),
        ("kW", "kW"),
        (None, ""),
        (7, "7"),
    ],
)
def test_units_of_the_field(unit: object, read: str) -> None:
    """Quirk 36."""
    assert schedule_of({"chargingRateUnit": unit}).unit == read


def test_a_start_that_is_no_time_is_kept_as_text() -> None:
    """Quirk 32."""
    assert schedule_of({"startSchedule": "0"}).start == Moment(None, "0")


def test_an_empty_limit_is_unknown_and_a_period_without_a_start_is_left_out() -> None:
    periods = [{"startPeriod": "0", "limit": ""}, {"limit": 6}, None, {"startPeriod": 60.0, "limit": "16.5"}]
    told = {"chargingSchedulePeriod": periods}
    assert schedule_of(told).periods == ((0, None, None), (60, 16.5, None))


def test_a_long_schedule_is_cut() -> None:
    periods = [{"startPeriod": n, "limit": n} for n in range(1024)]
    assert len(schedule_of({"chargingSchedulePeriod": periods}).periods) == MAX_PERIODS


@pytest.mark.parametrize("value", [None, [], {}, 7, "x", [None], {"chargingSchedule": []}])
def test_nothing_readable_is_an_empty_profile(value: object) -> None:
    assert profile_of(value) == Profile(schedules=0)


KEYS = [
    "id",
    "chargingSchedule",
    "chargingSchedulePeriod",
    "startPeriod",
    "limit",
    "setpoint",
    "startSchedule",
]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=15,
)


@settings(deadline=None, max_examples=80)
@given(ANY)
def test_any_value_gives_a_profile(value: Any) -> None:
    for profile in (profile_of(value), schedule_of(value)):
        assert isinstance(profile, Profile)
        assert len(profile.setpoints) in (0, len(profile.periods))
