"""Attempts and visits from a real store: which rows are signals, and what becomes of them (`ports.py` writes them)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forensics.ports import Fleet, a_fleet, report


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with a_fleet(tmp_path_factory.mktemp("success")) as fleet:
        yield fleet


def test_how_charging_went(fleet: Fleet) -> None:
    """A card, a start that fails, one that succeeds; then one by remote start that never begins."""
    fleet.well("busy")
    fleet.put(
        "authorizations",
        charge_point="busy",
        at="2026-09-10 10:00:00",
        id_token="A",
        status="Accepted",
        action="Authorize",
        connection_id="c",
        frame_no=1,
    )
    for minute, energy, outcome in ((1, 20.0, "failure"), (5, 9_000.0, "success")):
        fleet.charges("busy", f"2026-09-10 10:0{minute}:00", energy_wh=energy, outcome=outcome)
    fleet.charges("busy", "2026-09-10 12:00:00", energy_wh=0.0, outcome="failure", status="Invalid")
    asked = {"idTag": "B", "connectorId": 1}
    fleet.call("busy", "2026-09-12 10:00:00", "RemoteStartTransaction", asked, "Accepted")
    fleet.call("busy", "2026-09-13 10:00:00", "RemoteStartTransaction", asked, "Rejected")
    counts = report(fleet, "busy").charging["busy"]
    assert (counts.attempts, counts.successes, counts.visits, counts.first_successes) == (3, 1, 2, 0)
    assert (counts.charging_success, counts.first_time_success) == (33.3333, 0.0)
    assert report(fleet, "busy", "2026-10").charging == {}


def test_a_transaction_met_after_its_begin_is_no_attempt(fleet: Fleet) -> None:
    fleet.well("met")
    fleet.charges("met", "2026-09-10 10:00:00", energy_wh=0.0, outcome="failure", began="unseen")
    assert report(fleet, "met").charging == {}


@pytest.mark.parametrize(
    ("name", "more", "successes"),
    [("ac", {}, 1), ("dc-soc", {"soc_first": 20.0}, 0), ("dc-power", {"power_max_w": 50_000.0}, 0)],
)
def test_on_dc_a_session_needs_half_a_kilowatt_hour(
    fleet: Fleet, name: str, more: dict[str, float], successes: int
) -> None:
    fleet.well(name)
    fleet.charges(name, "2026-09-10 10:00:00", energy_wh=300.0, outcome="success", **more)
    assert report(fleet, name).charging[name].successes == successes


@pytest.mark.parametrize(("swiped", "undecided"), [("11:52:00", 1), ("11:40:00", 0)])
def test_who_swiped_just_now_may_still_begin(fleet: Fleet, swiped: str, undecided: int) -> None:
    name = f"swiped-{swiped}"
    fleet.well(name)
    told = {"id_token": "A", "status": "Accepted", "action": "Authorize", "connection_id": "c", "frame_no": 1}
    fleet.put("authorizations", charge_point=name, at=f"2026-11-03 {swiped}", **told)
    found = report(fleet, name, "2026-11", now="2026-11-03 12:00:00").charging[name]
    assert (found.attempts, found.successes, found.undecided) == (1, 0, undecided)


def test_pieces_of_a_month_come_to_the_same(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.well("often")
    for day in range(1, 29):
        fleet.charges("often", f"2026-09-{day:02} 10:00:00", energy_wh=9_000.0, outcome="success")
    whole = report(fleet, "often").charging
    monkeypatch.setattr("proxy.forensics.success_questions.ROWS_AT_ONCE", 3)
    assert report(fleet, "often").charging == whole
    assert whole["often"].attempts == 28
