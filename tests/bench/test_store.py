"""The store's bench: its days are what it says, its arithmetic, and the page that it fills."""

from __future__ import annotations

import pytest

from tests.bench.store import BEGIN, END, _filled, by_table, journal_an_hour, kept_bytes, sizing
from tests.bench.store_days import DAY, LIVES, Days, Kept, day_of, profile_of
from tests.days.events import Event, Pinged, Said, message_of
from tests.days.profiles import MIDNIGHT

BUSIEST = LIVES[-1]


def calls(version: str, action: str, life: int = -1) -> list[Event]:
    events = day_of(LIVES[life], profile_of(LIVES[life], version, 1), MIDNIGHT)
    return [event for event in events if isinstance(event, Said) and message_of(event)[2:3] == [action]]


@pytest.mark.parametrize("life", range(len(LIVES)))
def test_a_day_has_as_many_transactions_as_are_said(life: int) -> None:
    assert len(calls("1.6", "StartTransaction", life)) == LIVES[life].transactions
    assert len(calls("1.6", "StopTransaction", life)) == LIVES[life].transactions


def test_heartbeats_and_pings_come_as_often_as_is_said() -> None:
    assert len(calls("2.0.1", "Heartbeat")) == pytest.approx(DAY / 1e9 / BUSIEST.heartbeat_seconds, rel=0.02)
    events = day_of(BUSIEST, profile_of(BUSIEST, "1.6", 2), MIDNIGHT)
    pings = [event for event in events if isinstance(event, Pinged)]
    assert len(pings) == pytest.approx(2 * DAY / 1e9 / BUSIEST.ping_seconds, rel=0.02)


def some_days() -> Days:
    """100 charge points, each with 10 frames a day of 20 bytes on disk."""
    tables = {"frames": Kept(1_000, 20_000), "fleet_minutes": Kept(10, 100), "charge_points": Kept(100, 700)}
    return Days(BUSIEST, "1.6", 100, 1_000, 60_000, 120_000, 0, tables)


def test_each_table_counts_as_long_as_it_keeps_rows() -> None:
    """The rollup is the fleet's, the passport is there once."""
    assert kept_bytes(some_days(), 200) == 2 * 20_000 * 90 + 100 * 730 + 2 * 700
    assert journal_an_hour(some_days(), 200) == 2 * 120_000 / 24


def test_tables_stand_between_their_marks() -> None:
    page = f"before\n{BEGIN}old\n{END}after\n"
    filled = _filled(page, [sizing([some_days()]), by_table([some_days()])])
    assert filled.startswith(f"before\n{BEGIN}`python -m tests.bench.store --write`")
    assert filled.endswith(f"{END}after\n")
    assert "old" not in filled
    assert _filled(filled, []).count("| --- |") == 0
