"""The ledger: when a transaction opens and ends, and what is said about it (quirks 54-58, 62, 63)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.ocpp.facts import (
    NOBODY,
    UNTOLD,
    Authorized,
    Booted,
    ConnectionClosed,
    CostTold,
    Fact,
    MeterSampled,
    Named,
    Outcome,
    Place,
    TransactionUpdated,
)
from tests.pipeline.telling import ANNA, EVSE, FIRST, NOON, SECOND, Told, moment, soc, wh

# one transaction


def test_a_transaction_from_start_to_stop() -> None:
    told = Told()
    told.start(reservation_id=3, remote_start_id=4)
    (row,) = told.stop(second=600, reason="EVDisconnected", who=ANNA)
    assert row.key == told.by_key.popitem()[0]
    assert len(row.key) == 16
    assert msgspec.structs.asdict(row) == {
        "key": row.key,
        "at": NOON + SECOND,
        "last_at": NOON + 600 * SECOND,
        "charge_point": "CP_1",
        "connection_id": "c1",
        "frame_no": 1,
        "transaction_id": "7",
        "end_connection_id": "c1",
        "end_frame_no": 2,
        "evse_id": None,
        "connector_id": 1,
        "state": "ended",
        "began": "seen",
        "id_token": "04AABB",
        "id_token_kind": "",
        "started": moment(1),
        "stopped": moment(600),
        "meter_start_wh": 1000.0,
        "meter_stop_wh": 6000.0,
        "energy_wh": 5000.0,
        "energy_basis": "meter",
        "soc_first": None,
        "soc_last": None,
        "power_max_w": None,
        "samples": 0,
        "reason": "EVDisconnected",
        "outcome": Outcome.SUCCESS,
        "status": "Accepted",
        "trigger": "",
        "charging_state": "",
        "offline": False,
        "remote_start_id": 4,
        "reservation_id": 3,
        "cost": None,
        "currency": "",
        "seq_first": None,
        "seq_last": None,
        "seq_missing": 0,
        "starts": 1,
    }


def test_the_row_at_the_start_claims_no_end() -> None:
    (row,) = Told().start()
    assert (row.state, row.energy_wh, row.energy_basis, row.stopped) == ("open", None, "", UNTOLD)
    assert (row.reason, row.outcome, row.end_frame_no) == ("", Outcome.UNKNOWN, 0)


def test_the_key_is_the_same_whenever_the_same_is_told() -> None:
    keys = [Told().start()[0].key for _ in range(2)]
    other = Told(charge_point="CP_2").start()[0].key
    assert keys[0] == keys[1] != other


def test_a_row_is_the_callers_own() -> None:
    told = Told()
    (row,) = told.start()
    told.stop()
    assert row.state == "open"


def test_events_of_2x_tell_the_place_once_and_the_state_of_things_as_they_go() -> None:
    told = Told()
    told.start("t-1", place=EVSE, trigger="CablePluggedIn", charging_state="EVConnected", who=NOBODY)
    told.update("t-1", trigger="Authorized", who=Named("04AABB", "ISO14443"), remote_start_id=9)
    told.update("t-1", trigger="ChargingStateChanged", charging_state="Charging", offline=True)
    (row,) = told.stop("t-1", trigger="EVDeparted", reason="EVDisconnected")
    assert (row.evse_id, row.connector_id, row.remote_start_id, row.offline) == (1, 1, 9, True)
    assert (row.id_token, row.id_token_kind) == ("04AABB", "ISO14443")
    assert (row.trigger, row.charging_state) == ("EVDeparted", "Charging")


def test_the_evse_may_be_told_again_with_each_event() -> None:
    """Quirk 63; the connector comes later."""
    told = Told()
    told.start("t-1", place=Place(2))
    (row,) = told.stop("t-1", place=Place(2, 1))
    assert (row.evse_id, row.connector_id) == (2, 1)


def test_who_stops_it_is_not_who_started_it() -> None:
    told = Told()
    told.start()
    told.stop(who=Named("04CCDD"))
    assert told.row.id_token == "04AABB"


def test_what_the_csms_says_about_its_token_and_cost() -> None:
    told = Told()
    told.start("t-1", place=EVSE, status="")
    told(Authorized, transaction_id="t-1", who=ANNA, status="Blocked", source="TransactionEvent")
    told(CostTold, transaction_id="t-1", total=1.25, currency="EUR")
    told(CostTold, transaction_id="t-1", total=2.5)
    told.stop("t-1")
    assert (told.row.status, told.row.cost, told.row.currency) == ("Blocked", 2.5, "EUR")


def test_a_cost_that_comes_with_the_answer_to_the_end_is_written() -> None:
    told = Told()
    told.start("t-1", place=EVSE)
    told.stop("t-1")
    (row,) = told(CostTold, transaction_id="t-1", total=3.0)
    assert (row.state, row.cost) == ("ended", 3.0)


def test_the_standing_of_who_stops_it_is_another() -> None:
    told = Told()
    told.start()
    told.stop()
    assert not told(Authorized, transaction_id="7", who=ANNA, status="Expired", source="StopTransaction")
    assert not told(
        Authorized, transaction_id="7", who=Named("x"), status="Invalid", source="TransactionEvent"
    )


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (CostTold, {"transaction_id": "7", "total": 1.0}),
        (CostTold, {"total": 1.0}),
        (Authorized, {"transaction_id": "7", "status": "Accepted"}),
        (Authorized, {"status": "Accepted", "who": ANNA}),
        (Booted, {}),
        (MeterSampled, {"place": FIRST, "samples": (wh(5),)}),
        (TransactionUpdated, {}),
        (ConnectionClosed, {}),
    ],
)
def test_what_shows_no_transaction_opens_none(kind: type[Fact], members: dict[str, Any]) -> None:
    told = Told()
    assert not told(kind, **members)
    told.start("8")
    assert not told(kind, **members) or kind is Booted


# begin unseen


def test_samples_of_a_transaction_nobody_started_show_one() -> None:
    """Quirk 62, and each capture that begins in the middle."""
    told = Told()
    (row,) = told.meter("12", wh(5000), soc(40))
    assert (row.began, row.state, row.starts, row.connector_id) == ("unseen", "open", 0, 1)
    assert (row.started, row.meter_start_wh, row.id_token) == (UNTOLD, None, "")


def test_what_it_took_before_is_not_claimed() -> None:
    told = Told()
    told.meter("12", wh(5000))
    told.meter("12", wh(5600))
    (row,) = told.stop("12", meter_stop_wh=6000.0)
    assert (row.began, row.energy_wh, row.energy_basis) == ("unseen", 600.0, "samples")


def test_a_stop_alone_is_a_transaction_that_ended() -> None:
    """Quirks 57, 58."""
    (row,) = Told().stop("12", reason="PowerLoss", outcome=Outcome.FAILURE)
    assert (row.began, row.state, row.reason, row.outcome) == (
        "unseen",
        "ended",
        "PowerLoss",
        Outcome.FAILURE,
    )
    assert (row.at, row.frame_no, row.energy_wh) == (NOON + SECOND, 1, None)


def test_an_update_alone_is_one_that_runs() -> None:
    (row,) = Told().update("t-1", charging_state="Charging", seq_no=17)
    assert (row.began, row.state, row.seq_first, row.seq_missing) == ("unseen", "open", 17, 0)


def test_the_start_may_come_after_the_samples() -> None:
    """Quirk 62: the CSMS's answer, which tells the id, was on the way."""
    told = Told()
    told.meter("7", wh(1000), second=5)
    told.start("7", second=6, told=moment(1))
    assert (told.row.began, told.row.starts, told.row.id_token) == ("seen", 1, "04AABB")


def test_the_start_may_come_after_the_stop() -> None:
    """The batch of an offline time in the wrong order."""
    told = Told()
    told.stop("7", told=moment(-100))
    (row,) = told.start("7", told=moment(-900))
    assert (row.state, row.began, row.energy_wh, row.energy_basis) == ("ended", "seen", 5000.0, "meter")
    assert not told.ledger.snapshot().accounts[0][1].open


def test_samples_of_one_that_runs_do_not_make_a_later_start_its_own() -> None:
    """The CSMS gave the id again."""
    told = Told()
    told.meter("7", wh(5000))
    told.start("7", second=900)
    assert [(row.began, row.state) for row in told.rows] == [("unseen", "superseded"), ("seen", "open")]


# starts


def test_a_start_delivered_twice_is_one_transaction() -> None:
    """Quirk 55, E13: the first answer was lost."""
    told = Told()
    told.start("7", told=moment(0))
    told.start("7", told=moment(0))
    assert told.row.starts == 2
    told.stop("7")
    told.start("7", told=moment(0))
    assert (told.row.starts, told.row.state) == (3, "ended")


def test_a_start_delivered_twice_with_two_answers_is_two() -> None:
    """TX-05: the CSMS bills both. Which one runs is shown by what comes next."""
    told = Told()
    told.start("7", told=moment(0))
    told.start("8", told=moment(0))
    assert [(row.transaction_id, row.state) for row in told.rows] == [("7", "superseded"), ("8", "open")]
    told.stop("7")
    assert [row.state for row in told.rows] == ["ended", "open"]


def test_another_start_with_the_same_id_is_another_transaction() -> None:
    """TX-03."""
    told = Told()
    told.start("7")
    told.start("7", meter_start_wh=2000.0)
    told.stop("7")
    told.start("7", meter_start_wh=6000.0)
    assert [row.state for row in told.rows] == ["superseded", "ended", "open"]
    told.stop("7", meter_stop_wh=6500.0)
    assert (told.rows[2].state, told.rows[2].energy_wh) == ("ended", 500.0)


@pytest.mark.parametrize(
    "other", [{"told": moment(1)}, {"meter_start_wh": 1001.0}, {"who": NOBODY}, {"place": Place(None, 2)}]
)
def test_a_start_that_differs_in_anything_is_another(other: dict[str, Any]) -> None:
    told = Told()
    told.start("7", told=moment(0))
    told.start("7", **({"told": moment(0)} | other))
    assert len(told.rows) == 2


def test_a_ghost_is_superseded_not_ended() -> None:
    """Quirk 54."""
    told = Told()
    told.start("7")
    told.start("8")
    assert (told.rows[0].state, told.rows[0].stopped, told.rows[0].reason) == ("superseded", UNTOLD, "")


def test_another_connector_has_its_own() -> None:
    told = Told()
    told.start("7")
    told.start("8", place=Place(None, 2))
    assert [row.state for row in told.rows] == ["open", "open"]


def test_one_evse_has_one_whichever_connector() -> None:
    """E01.FR.14."""
    told = Told()
    told.start("t-1", place=Place(1, 1))
    told.start("t-2", place=Place(1, 2))
    assert told.rows[0].state == "superseded"


def test_an_old_start_told_late_is_no_news_about_a_later_one() -> None:
    told = Told()
    told.start("8", told=moment(0))
    told.start("7", told=moment(-3600))
    assert [row.state for row in told.rows] == ["open", "open"]


def test_a_boot_ends_nothing() -> None:
    told = Told()
    told.start("7")
    (row,) = told(Booted, status="Accepted")
    assert row.state == "superseded"
    assert not told(Booted, status="Accepted")
    told.stop("7", reason="PowerLoss")
    assert (told.row.state, told.row.energy_wh) == ("ended", 5000.0)


def test_heard_of_again_it_runs() -> None:
    told = Told()
    told.start("7")
    told(Booted, status="Accepted")
    (row,) = told.meter("7", wh(1100))
    assert row.state == "open"


def test_a_boot_message_that_was_asked_for_is_none() -> None:
    told = Told()
    told.start("t-1", place=EVSE)
    assert not told(Booted, reason="Triggered")


# stops


def test_of_two_stops_the_first_counts() -> None:
    """Quirk 56."""
    told = Told()
    told.start()
    told.stop(second=600)
    (row,) = told.stop(second=700, meter_stop_wh=9000.0, reason="Remote")
    assert (row.meter_stop_wh, row.energy_wh, row.reason, row.stopped) == (
        6000.0,
        5000.0,
        "Local",
        moment(600),
    )
    assert (row.last_at, row.end_frame_no) == (NOON + 700 * SECOND, 2)


def test_values_after_the_stop_neither_reopen_it_nor_count() -> None:
    """Quirk 72."""
    told = Told()
    told.start()
    told.meter("7", wh(1000))
    told.stop()
    assert not told.meter("7", wh(6004))
    assert not told.meter("7", wh(6004), second=900)
    assert (told.row.state, told.row.energy_wh) == ("ended", 5000.0)


def test_an_update_after_the_end_does_not_reopen_it() -> None:
    """Quirk 63."""
    told = Told()
    told.start("t-1", place=EVSE, seq_no=0)
    told.stop("t-1", seq_no=2, charging_state="Idle")
    (row,) = told.update("t-1", seq_no=1, charging_state="Charging")
    assert (row.state, row.charging_state, row.seq_missing) == ("ended", "Idle", 0)


def test_transaction_data_is_part_of_the_stop() -> None:
    told = Told()
    told.stop("12", second=600, meter_stop_wh=6000.0)
    for second, value in ((0, 1000), (300, 3500), (600, 6000)):
        told.same_frame(
            MeterSampled, transaction_id="12", told=moment(second), samples=(wh(value), soc(value / 100))
        )
    assert (told.row.energy_wh, told.row.energy_basis, told.row.samples) == (5000.0, "samples", 6)
    assert (told.row.soc_first, told.row.soc_last) == (10, 60)


def test_a_stop_below_the_start_is_no_energy() -> None:
    """Quirk 71, MT-10: what was told stays to be seen."""
    told = Told()
    told.start(meter_start_wh=1000.0)
    told.stop(meter_stop_wh=900.0)
    assert (told.row.energy_wh, told.row.energy_basis, told.row.meter_stop_wh) == (None, "", 900.0)


def test_a_stop_equal_to_the_start_is_none_either() -> None:
    told = Told()
    told.start()
    told.stop(meter_stop_wh=1000.0)
    assert (told.row.energy_wh, told.row.energy_basis) == (0.0, "meter")
