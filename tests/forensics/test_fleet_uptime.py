"""The fleet's uptime over a real store (`ports.py` writes the rows): three windows, nothing of what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics import fleet_uptime as forensics
from proxy.forensics.fleet_uptime import SLICE, FleetUptime, fleet_uptime, one_of, slices
from proxy.forensics.uptime import fleet as of_report
from proxy.forensics.uptime import strict
from proxy.store.client import Role, Store, connect
from tests.forensics.ports import EXPIRING, Fleet, micros, report

NOW = "2026-10-01 00:00:00"
"""The last 30 days are September, the last 365 the twelve months that end with it."""
LONG_AGO = "2025-01-01 00:00:00"
ALL = ("24h", "30d", "365d")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = connect("embedded", tmp_path_factory.mktemp("fleet"), Role.WRITER)
    store.migrate()
    for table in EXPIRING:
        store.query(f"ALTER TABLE all_{table} REMOVE TTL", {}, "TabSeparated")
    yield store
    store.leave()


@pytest.fixture
def fleet(store: Store) -> Fleet:
    for table in (*EXPIRING, "charge_points"):
        store.query(f"TRUNCATE TABLE all_{table}", {}, "TabSeparated")
    return Fleet(store)


def asked(fleet: Fleet, *windows: str, now: str = NOW, recorded: str = NOW) -> FleetUptime:
    return fleet_uptime(fleet.store, micros(now), windows, micros(recorded))


def down(fleet: Fleet, name: str, since: str, until: str) -> None:
    fleet.says(name, since, "Faulted")
    fleet.says(name, until, "Available")


def test_all_ports_together_and_each_charge_point_over_a_day(fleet: Fleet) -> None:
    """Six hours of one of two ports: 360 of 2,880 minutes, and of 86,400."""
    fleet.well("a", LONG_AGO)
    down(fleet, fleet.well("b", LONG_AGO), "2026-09-30 06:00:00", "2026-09-30 12:00:00")
    found = asked(fleet, "24h", "30d")
    assert found.windows == {
        "24h": {"strict": 0.875, "observed": 0.875},
        "30d": {"strict": 0.995833, "observed": 0.995833},
    }
    assert found.charge_points == {"a": 1.0, "b": 0.75}


def test_what_nobody_observed_is_down_or_left_out(fleet: Fleet) -> None:
    """Seen for the first time at noon: half a day of one day is unknown."""
    fleet.well("new", "2026-09-30 12:00:00")
    found = asked(fleet, *ALL)
    assert found.windows["24h"] == {"strict": 0.5, "observed": 1.0}
    assert found.windows["365d"] == {"strict": 0.001369, "observed": 1.0, "nevi": 0.001369}
    assert found.charge_points == {"new": 1.0}


def test_of_what_nobody_knows_there_is_no_number(fleet: Fleet) -> None:
    assert asked(fleet, *ALL) == FleetUptime({}, {})
    fleet.first_seen("mute", LONG_AGO)
    fleet.link("mute", LONG_AGO)
    assert asked(fleet, *ALL) == FleetUptime({}, {})


def test_a_day_of_which_nothing_is_known_in_a_month_of_which_something_is(fleet: Fleet) -> None:
    """The record ends two days ago."""
    fleet.well("a", LONG_AGO)
    found = asked(fleet, "24h", "30d", recorded="2026-09-29 00:00:00")
    assert found == FleetUptime({"30d": {"strict": 0.933333, "observed": 1.0}}, {})


def test_a_record_of_just_now_is_the_windows_end(fleet: Fleet) -> None:
    """The recorder is a second behind: no minute of it is unknown."""
    fleet.well("a", LONG_AGO)
    found = asked(fleet, "24h", recorded="2026-09-30 23:59:59")
    assert found.windows == {"24h": {"strict": 1.0, "observed": 1.0}}


def test_30_days_are_the_reports_september_and_365_its_twelve_months(fleet: Fleet) -> None:
    fleet.well("well", LONG_AGO)
    down(fleet, fleet.well("ill", LONG_AGO), "2026-01-30 06:00:00", "2026-02-11 12:00:01")
    down(fleet, fleet.well("late", "2026-03-01 00:00:00"), "2026-09-11 00:00:30", "2026-09-12 00:00:00")
    fleet.says("late", "2026-03-02 00:00:00", "Available", 2)
    fleet.says("late", "2026-08-30 00:00:00", "Unavailable", 2)
    told = of_report(report(fleet, "*", "2026-09", now=NOW, recorded=NOW))
    found = asked(fleet, *ALL).windows
    assert found["30d"]["strict"] == pytest.approx((strict(told.month) or 0) / 100)
    assert found["365d"]["nevi"] == pytest.approx((told.nevi or 0) / 100)
    assert "nevi" not in found["30d"]


def test_windows_asked_alone_are_as_together(fleet: Fleet) -> None:
    for name, hour in (("a", 1), ("b", 20)):
        down(fleet, fleet.well(name, LONG_AGO), f"2026-09-29 {hour:02}:00:00", "2026-09-30 21:10:00")
    together = asked(fleet, *ALL).windows
    assert {name: asked(fleet, name).windows[name] for name in ALL} == together
    assert asked(fleet) == FleetUptime({}, {})
    with pytest.raises(KeyError):
        asked(fleet, "7d")


def test_asked_in_slices_it_is_the_same(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of charge points whose names begin alike, or are made of what expressions are made of."""
    for hours, name in enumerate(("a", "ab", "a*", "a|b", "Ü\n1", ".*")):
        down(fleet, fleet.well(name, LONG_AGO), "2026-09-30 06:00:00", f"2026-09-30 {7 + hours:02}:00:00")
    whole = asked(fleet, *ALL)
    assert set(whole.charge_points) == {"a", "ab", "a*", "a|b", "Ü\n1", ".*"}
    monkeypatch.setattr(forensics, "SLICE", 2)
    assert asked(fleet, *ALL) == whole


@given(st.sets(st.text(min_size=1, max_size=255), max_size=40))
def test_slices_are_all_names_and_fit_a_line(names: set[str]) -> None:
    """64 KiB, of which other parameters need a few hundred bytes; the client doubles backslashes."""
    names = {name.encode("utf-8", "replace").decode() for name in names}
    found = list(slices(names))
    assert [name for some in found for name in some] == sorted(names)
    for some in found:
        escaped = one_of(some).replace("\\", "\\\\")
        assert len(urlencode({"param_charge_point": escaped})) < 64_000


def test_many_short_names_fill_slices() -> None:
    assert [len(some) for some in slices(map(str, range(2 * SLICE + 1)))] == [SLICE, SLICE, 1]
    long = ("*" * 250 + str(number) for number in range(10, 40))
    assert [len(some) for some in slices(long)] == [13, 13, 4]
