"""Times that peers tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ocpp.facts import UNTOLD, Moment
from proxy.ocpp.times import MAX_TEXT, moment, nanoseconds

NOON = 1_795_262_400_000_000_000


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00.000Z",
        "2026-11-21T12:00:00+00:00",
        "2026-11-21T13:00:00+01:00",
        "2026-11-21t12:00:00z",
        " 2026-11-21T12:00:00Z ",
        "2026-11-21 12:00:00Z",
    ],
)
def test_one_moment_in_many_spellings(told: str) -> None:
    assert moment(told) == Moment(NOON)


@pytest.mark.parametrize(
    "told",
    [
        "2026-11-21T12:00:00",
        "2026-11-21",
        "noon",
        "",
        "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
    ],
)
def test_what_is_no_moment_keeps_its_text(told: str) -> None:
    assert moment(told) == Moment(None, told)


@pytest.mark.parametrize(
    ("told", "text"), [(1732190400, "1732190400"), ({}, ""), ("9" * 200, "9" * MAX_TEXT)]
)
def test_wrong_types_and_long_texts(told: Any, text: str) -> None:
    assert moment(told) == Moment(None, text)


def test_nothing_told_is_untold() -> None:
    assert moment(None) is UNTOLD


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2262, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_every_time_with_a_zone_is_read_to_the_microsecond(naive: datetime, zone: timezone) -> None:
    told = naive.replace(tzinfo=zone)
    microseconds = (told - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert nanoseconds(told.isoformat()) == microseconds * 1000


@given(st.text(max_size=80))
def test_no_text_raises(told: str) -> None:
    found = moment(told)
    assert found.ns is not None or found.text == told[:MAX_TEXT]
