"""The uptime ledger over a real store: a charge point for each rule (`ports.py` writes the rows)."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import counters
from proxy.counters import Published, Series
from proxy.forensics.intervals import Totals
from proxy.forensics.months import month_of, name_of
from proxy.forensics.uptime import nevi, observed, recorded_until, strict
from proxy.store.client import Role, connect
from tests.forensics.ports import FIRST, Fleet, a_fleet, lines, one, report

DAY = 1_440
HOUR = 60
SEPTEMBER = 30 * DAY


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with a_fleet(tmp_path_factory.mktemp("uptime")) as fleet:
        yield fleet


def test_a_month_without_trouble_is_up(fleet: Fleet) -> None:
    port = one(fleet, fleet.well("well"))
    assert (port.month, port.outages) == (Totals(up=SEPTEMBER), [])
    assert (strict(port.month), observed(port.month)) == (100.0, 100.0)


def test_the_golden_example(fleet: Fleet) -> None:
    """30 days, one outage of 14 h, 2 h of it excluded: 840 and 120 minutes of 43,200."""
    fleet.well("golden", "2025-01-01 00:00:00")
    fleet.says("golden", "2026-09-10 06:00:00", "Faulted", code="GroundFailure")
    fleet.says("golden", "2026-09-10 20:00:00", "Available")
    utility = "golden,1,2026-09-10T06:00Z,2026-09-10T08:00Z,utility"
    port = one(fleet, "golden", exclude=utility.replace("Z", ":00Z"))
    assert port.month == Totals(up=SEPTEMBER - 840, down=720, excluded=120)
    assert strict(port.month) == observed(port.month) == 98.3333
    assert (nevi(port.year), port.months, port.regulatory) == (99.863, 12, True)


def test_whoever_is_watched_for_less_than_a_year_has_no_regulatory_number(fleet: Fleet) -> None:
    """Unknown counts as outage: ten months of 304 days before the first status."""
    port = one(fleet, fleet.well("young"))
    assert (port.months, port.regulatory, port.year.unknown) == (2, False, 304 * DAY)
    assert nevi(port.year) == pytest.approx(100 * (525_600 - 304 * DAY) / 525_600, abs=1e-3)
    assert observed(port.year) == 100.0


def test_a_lost_connection_is_down_from_the_last_frame_on(fleet: Fleet) -> None:
    """Frames before and after, and one of the CSMS that nobody heard."""
    fleet.first_seen("dead")
    fleet.link("dead", FIRST, "2026-09-05 12:20:00", by="proxy", how="timeout")
    fleet.link("dead", "2026-09-05 12:50:00")
    fleet.says("dead", FIRST, "Available")
    for at in ("2026-09-05 09:30:00", "2026-09-05 12:12:00", "2026-09-05 12:55:00"):
        fleet.frame("dead", at)
    fleet.frame("dead", "2026-09-05 12:18:00", "from_csms")
    assert lines(one(fleet, "dead")) == [("down", 38, "no connection (ended by proxy timeout)")]


def test_the_last_frame_may_be_of_an_earlier_hour(fleet: Fleet) -> None:
    fleet.first_seen("hourly")
    fleet.link("hourly", FIRST, "2026-09-05 12:20:00", by="csms", how="rst")
    fleet.link("hourly", "2026-09-05 12:50:00")
    fleet.says("hourly", FIRST, "Available")
    fleet.frame("hourly", "2026-09-05 09:50:00")
    fleet.frame("hourly", "2026-09-05 12:51:00")
    assert lines(one(fleet, "hourly")) == [("down", 180, "no connection (ended by csms rst)")]


def test_who_closes_the_connection_is_alive_at_that_moment(fleet: Fleet) -> None:
    fleet.first_seen("polite")
    fleet.link("polite", FIRST, "2026-09-05 12:20:00")
    fleet.link("polite", "2026-09-05 12:26:00", "2026-09-06 00:00:00")
    fleet.link("polite", "2026-09-06 00:05:00")
    fleet.says("polite", FIRST, "Available")
    fleet.frame("polite", "2026-09-05 12:00:00")
    assert lines(one(fleet, "polite")) == [("down", 6, "no connection (ended by charge_point fin)")]


def test_connections_that_overlap_are_one(fleet: Fleet) -> None:
    fleet.first_seen("overlap")
    fleet.link("overlap", FIRST, "2026-10-09 00:00:00")
    fleet.link("overlap", "2026-09-05 00:00:00", "2026-09-06 00:00:00", by="proxy", how="error")
    fleet.says("overlap", FIRST, "Available")
    assert lines(one(fleet, "overlap")) == []


def test_who_never_came_back_is_down_to_the_end(fleet: Fleet) -> None:
    fleet.first_seen("gone", "2026-05-01 00:00:00")
    fleet.link("gone", "2026-05-01 00:00:00", "2026-05-20 00:00:00")
    fleet.says("gone", "2026-05-01 00:00:00", "Available")
    assert one(fleet, "gone").month == Totals(down=SEPTEMBER)


def test_who_never_connected_in_the_record_is_down_since_it_was_seen(fleet: Fleet) -> None:
    """Its connections have expired, or every handshake was refused."""
    fleet.first_seen("never", "2026-09-11 00:00:00")
    fleet.says("never", "2026-09-11 00:00:00", "Available")
    fleet.link("never", "2026-09-12 00:00:00", "2026-09-15 00:00:00", state="refused")
    assert [line[:2] for line in lines(one(fleet, "never"))] == [("unknown", 10 * DAY), ("down", 20 * DAY)]


def test_a_connection_left_open_by_an_earlier_run_is_over(fleet: Fleet) -> None:
    """Its end was never recorded, and a later run of the same journal has begun."""
    fleet.well("untouched")
    fleet.first_seen("stale")
    fleet.says("stale", FIRST, "Available")
    fleet.link("stale", FIRST, journal="01", last_at="2026-09-11 00:00:00")
    fleet.link("stale-other", "2026-09-20 00:00:00", journal="01", run=2)
    fleet.frame("stale", "2026-09-11 00:00:00")
    assert one(fleet, "stale").month == Totals(up=10 * DAY, down=20 * DAY)
    assert one(fleet, "untouched").month == Totals(up=SEPTEMBER)


def test_twelve_months_of_which_the_first_is_not_whole_are_not_regulatory(fleet: Fleet) -> None:
    port = one(fleet, fleet.well("half-a-month", "2025-10-15 00:00:00"))
    assert (port.months, port.regulatory, port.year.unknown) == (12, False, 14 * DAY)


def test_a_status_holds_over_reconnects_and_over_the_month(fleet: Fleet) -> None:
    fleet.well("stays")
    fleet.says("stays", "2026-08-31 23:00:00", "Faulted")
    fleet.says("stays", "2026-10-01 01:00:00", "Occupied")
    assert one(fleet, "stays", "2026-08").month.down == HOUR
    assert lines(one(fleet, "stays")) == [("down", SEPTEMBER, "Faulted")]
    assert one(fleet, "stays", "2026-10").month == Totals(up=31 * DAY - HOUR, down=HOUR)


def test_a_status_of_the_month_before_the_last_year_still_holds(fleet: Fleet) -> None:
    fleet.well("quiet", "2025-01-01 00:00:00")
    fleet.first_seen("forgotten", "2024-01-01 00:00:00")
    fleet.link("forgotten", "2024-01-01 00:00:00")
    fleet.says("forgotten", "2024-01-01 00:00:00", "Available")
    assert one(fleet, "quiet").month == Totals(up=SEPTEMBER)
    assert lines(one(fleet, "forgotten", "2027-02")) == [("unknown", 28 * DAY, "no status told")]


@pytest.mark.parametrize("word", ["Available", "Occupied", "Reserved"])
def test_in_use_and_reserved_are_up(fleet: Fleet, word: str) -> None:
    fleet.well(word)
    fleet.says(word, "2026-09-02 00:00:00", word)
    assert one(fleet, word).month == Totals(up=SEPTEMBER)


def test_a_word_of_no_standard_is_unknown(fleet: Fleet) -> None:
    fleet.well("odd")
    fleet.says("odd", "2026-09-30 00:00:00", "Sleeping")
    assert lines(one(fleet, "odd")) == [("unknown", DAY, "Sleeping")]


def test_connector_0_speaks_for_all_ports(fleet: Fleet) -> None:
    fleet.well("zero")
    fleet.says("zero", FIRST, "Available", 2)
    fleet.says("zero", "2026-09-30 00:00:00", "Unavailable", 0)
    fleet.says("zero", "2026-09-30 06:00:00", "Available", 0)
    ports = report(fleet, "zero").ports
    assert [port.port for port in ports] == [1, 2]
    assert [lines(port) for port in ports] == [
        [("down", 6 * HOUR, "the whole charge point is Unavailable")]
    ] * 2


def test_a_port_of_2x_is_an_evse_with_its_connectors(fleet: Fleet) -> None:
    fleet.first_seen("evse")
    fleet.link("evse", FIRST)
    for number in (1, 2):
        fleet.says("evse", FIRST, "Available", number, 1)
    fleet.says("evse", "2026-09-10 00:00:00", "Unavailable", 2, 1)
    fleet.says("evse", "2026-09-11 00:00:00", "Faulted", 1, 1)
    fleet.says("evse", "2026-09-11 02:00:00", "Available", 1, 1)
    fleet.says("evse", "2026-09-12 00:00:00", "Faulted", None, 1)
    fleet.says("evse", "2026-09-12 03:00:00", "Available", None, 1)
    fleet.says("evse", "2026-09-13 00:00:00", "Unavailable", None, 0)
    fleet.says("evse", "2026-09-13 04:00:00", "Available", None, 0)
    assert [minutes for _, minutes, _ in lines(one(fleet, "evse"))] == [2 * HOUR, 3 * HOUR, 4 * HOUR]


def test_after_an_update_to_2x_a_port_is_the_same(fleet: Fleet) -> None:
    fleet.well("upgraded")
    fleet.says("upgraded", "2026-09-10 00:00:00", "Faulted", 1, 1)
    assert one(fleet, "upgraded").month.down == 21 * DAY


@pytest.mark.parametrize(
    ("name", "asked", "status", "excluded"),
    [
        ("ordered", {"connectorId": 1, "type": "Inoperative"}, "Accepted", 5 * HOUR),
        ("ordered-all", {"connectorId": "0", "type": "Inoperative"}, "Accepted", 5 * HOUR),
        ("ordered-later", {"connectorId": 1, "type": "Inoperative"}, "Scheduled", 5 * HOUR),
        ("ordered-2x", {"operationalStatus": "Inoperative", "evse": {"id": 1}}, "Accepted", 5 * HOUR),
        ("ordered-2x-all", {"operationalStatus": "Inoperative"}, "Accepted", 5 * HOUR),
        ("rejected", {"connectorId": 1, "type": "Inoperative"}, "Rejected", 0),
        ("another", {"connectorId": 2, "type": "Inoperative"}, "Accepted", 0),
        ("another-2x", {"operationalStatus": "Inoperative", "evse": {"id": 2}}, "Accepted", 0),
        ("unread", {"connectorId": {"x": 1}, "type": "Inoperative"}, "Accepted", 0),
        ("unread-2x", {"operationalStatus": "Inoperative", "evse": "one"}, "Accepted", 0),
    ],
)
def test_unavailable_that_was_ordered_is_scheduled(
    fleet: Fleet, name: str, asked: object, status: str, excluded: int
) -> None:
    """Until Operative; two hours more are nobody's order."""
    fleet.well(name)
    fleet.call(name, "2026-09-10 00:00:00", "ChangeAvailability", asked, status)
    fleet.says(name, "2026-09-10 00:00:00", "Unavailable")
    again = {"connectorId": 0, "type": "Operative"}
    fleet.call(name, "2026-09-10 05:00:00", "ChangeAvailability", again, "Accepted")
    fleet.says(name, "2026-09-10 07:00:00", "Available")
    assert one(fleet, name).month == Totals(
        up=SEPTEMBER - 7 * HOUR, down=7 * HOUR - excluded, excluded=excluded
    )


def test_never_charging_is_down_once_two_drivers_had_no_luck(fleet: Fleet) -> None:
    for name, severity in (("zombie", "warning"), ("one-driver", "info")):
        fleet.well(name)
        fleet.put(
            "findings",
            charge_point=name,
            at="2026-09-20 00:00:00",
            last_at="2026-09-20 00:00:00",
            finding_id=f"id-{name}",
            rule="FT-10",
            severity=severity,
            connector_id=1,
            cleared_at="2026-09-21 00:00:00",
            batch=1,
        )
    [found] = one(fleet, "zombie").outages
    assert (found.until - found.since, found.evidence) == (DAY * 60_000_000, ("finding id-zombie",))
    assert one(fleet, "one-driver").outages == []


def test_before_it_was_seen_and_before_its_first_status_nobody_knows(fleet: Fleet) -> None:
    fleet.first_seen("new", "2026-09-10 00:00:00")
    fleet.link("new", "2026-09-10 00:00:00")
    fleet.says("new", "2026-09-11 00:00:00", "Available")
    assert lines(one(fleet, "new")) == [("unknown", 10 * DAY, "not seen yet, then no status told")]
    assert strict(one(fleet, "new").month) == 66.6666
    assert observed(one(fleet, "new").month) == 100.0


def test_who_never_told_a_status_is_shown_all_the_same(fleet: Fleet) -> None:
    fleet.first_seen("mute")
    fleet.link("mute", FIRST)
    fleet.first_seen("known-port", connectors=("1.1", "1.2", "2.1"))
    fleet.link("known-port", FIRST)
    assert (one(fleet, "mute").port, one(fleet, "mute").month) == (None, Totals(unknown=SEPTEMBER))
    assert [port.port for port in report(fleet, "known-port").ports] == [1, 2]
    assert report(fleet, "mute", "2026-07").ports == []


def test_while_ocpptap_was_away_nobody_knows(fleet: Fleet) -> None:
    """A restart in December: down before and after it, unknown meanwhile; the grace begins anew."""
    fleet.put(
        "gaps",
        at="2026-12-10 10:00:00",
        until_at="2026-12-10 11:00:00",
        batch=1,
        gap_no=0,
        kind="unobserved",
        reason="no worker wrote a mark",
        journal="00",
    )
    for name, back in (("quickly", "2026-12-10 11:04:00"), ("slowly", "2026-12-10 11:30:00")):
        fleet.first_seen(name)
        fleet.link(name, FIRST, "2026-12-10 10:00:00", by="proxy", how="error")
        fleet.link(name, back)
        fleet.says(name, FIRST, "Available")
    away = ("unknown", HOUR, "ocpptap did not observe (no worker wrote a mark)")
    assert lines(one(fleet, "quickly", "2026-12")) == [away]
    assert [line[:2] for line in lines(one(fleet, "slowly", "2026-12"))] == [away[:2], ("down", 30)]


def test_a_connection_that_nobody_closed_is_up_to_the_records_end_and_no_further(fleet: Fleet) -> None:
    """ocpptap died and was never started again: the last moment in the store is that of END."""
    fleet.well("orphan")
    assert one(fleet, "orphan", "2027-02").month == Totals(up=28 * DAY)
    assert lines(one(fleet, "orphan", "2027-03")) == [("unknown", 31 * DAY, "nothing was recorded any more")]
    ended = one(fleet, "orphan", "2027-03", recorded="2027-03-05 00:00:00")
    assert ended.month == Totals(up=4 * DAY, unknown=27 * DAY)


def test_the_month_that_is_not_over_ends_now(fleet: Fleet) -> None:
    fleet.well("today", "2026-01-01 00:00:00")
    now = {"now": "2027-03-03 12:00:00", "recorded": "2027-03-03 11:59:59"}
    assert one(fleet, "today", "2027-03", **now).month == Totals(up=2 * DAY + 12 * HOUR - 1)
    late = {"now": "2027-03-03 12:00:00", "recorded": "2027-03-03 06:00:00"}
    assert one(fleet, "today", "2027-03", **late).month == Totals(up=2 * DAY + 6 * HOUR, unknown=6 * HOUR)
    unfinished = one(fleet, "today", "2027-03", **now)
    assert (unfinished.months, unfinished.regulatory) == (12, False)
    with pytest.raises(ValueError, match="2027-04 has not begun"):
        one(fleet, "today", "2027-04", **now)


@pytest.mark.parametrize(("month", "days"), [("2028-02", 29), ("2027-02", 28), ("2026-12", 31)])
def test_a_month_has_its_days(fleet: Fleet, month: str, days: int) -> None:
    name = fleet.well(f"days-{month}")
    port = one(fleet, name, month, now="2028-03-02", recorded="2028-03-02 00:00:00")
    assert port.month.all == days * DAY


def test_a_leap_year_has_525600_minutes_too(fleet: Fleet) -> None:
    fleet.first_seen("leap")
    port = one(fleet, "leap", "2028-02", now="2028-03-02", recorded="2028-03-02 00:00:00")
    assert (port.year.all, nevi(port.year)) == (366 * DAY, 0.0)


def test_what_the_store_no_longer_keeps_is_unknown(tmp_path: Path) -> None:
    """By default rows expire after 400 days: an older month is not told as an outage."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    began, this_morning = (now - datetime.timedelta(days=days) for days in (500, 0.2))
    store = connect("embedded", tmp_path, Role.WRITER)
    store.migrate()
    fleet = Fleet(store)
    fleet.well("kept", f"{this_morning:%Y-%m-%d %H:%M:%S}")
    fleet.first_seen("kept", f"{began:%Y-%m-%d %H:%M:%S}")
    month = month_of(f"{now:%Y-%m}") - 14
    [port] = report(fleet, "kept", name_of(month), f"{now:%Y-%m-%d %H:%M:%S}").ports
    store.close()
    assert [line[0] for line in lines(port)] == ["unknown"]
    assert lines(port)[0][2].startswith("older than what the store keeps")


def test_the_recorder_says_how_far_it_is(tmp_path: Path) -> None:
    assert recorded_until(tmp_path) == 0
    path = counters.recorder_path(tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    series = {"ocpptap_recorder_lag_seconds": [Series((), 2.5)]}
    counters.publish(path, Published(1, 1_700_000_010_000_000_000, series))
    assert recorded_until(tmp_path) == 1_700_000_007_500_000
