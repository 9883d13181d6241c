"""The ledger: whose a fact is when nobody knows the id (quirks 59, 74)."""

from __future__ import annotations

import pytest

from proxy.ocpp.facts import (
    NOWHERE,
    Booted,
    MeterSampled,
    Place,
)
from tests.pipeline.telling import EVSE, FIRST, MOST, Told, moment, watts, wh

# ids that nobody knows


@pytest.mark.parametrize("id", ["", "-1", "0", MOST, "9223372036854775806", "a-b", "7"])
def test_whatever_the_id_start_samples_and_stop_are_one(id: str) -> None:
    """Quirk 59."""
    told = Told()
    told.start(id)
    told.meter(id, wh(1500))
    told.stop(id)
    row = told.row
    assert (row.transaction_id, row.state, row.samples, row.energy_wh) == (id, "ended", 1, 5000.0)


@pytest.mark.parametrize("id", ["", "-1", "0", MOST])
def test_the_same_stand_in_at_two_connectors_is_two_transactions(id: str) -> None:
    told = Told()
    told.start(id)
    told.start(id, place=Place(None, 2))
    told.meter(id, wh(1500), place=Place(None, 2))
    assert [row.state for row in told.rows] == ["open", "open"]
    told.stop(id)  # nobody can say whose
    assert [(row.state, row.began) for row in told.rows] == [
        ("open", "seen"), ("open", "seen"), ("ended", "unseen"),
    ]  # fmt: skip


@pytest.mark.parametrize("id", ["0", MOST])
def test_a_csms_that_gives_the_same_id_each_time(id: str) -> None:
    told = Told()
    for number in range(3):
        told.start(id, meter_start_wh=1000.0 * number)
        told.stop(id, meter_stop_wh=1000.0 * number + 700)
    assert [(row.state, row.energy_wh) for row in told.rows] == [("ended", 700.0)] * 3


def test_the_lost_answer_is_stopped_as_minus_one() -> None:
    """Errata 3.18."""
    told = Told()
    told.start("")
    told(Booted, status="Accepted")
    told.stop("-1", reason="PowerLoss")
    assert (told.row.transaction_id, told.row.state, told.row.energy_wh) == ("", "ended", 5000.0)


def test_minus_one_as_an_id_is_stopped_without_one() -> None:
    told = Told()
    told.start("-1")
    told.stop("")
    assert told.row.state == "ended"


@pytest.mark.parametrize("id", ["", "0"])
def test_a_start_delivered_again_after_the_stop_is_known_by_its_time(id: str) -> None:
    told = Told()
    told.start(id, told=moment(0))
    told.stop(id)
    told.start(id, told=moment(0))
    assert (told.row.starts, told.row.state) == (2, "ended")


def test_transaction_data_under_a_stand_in_is_part_of_the_stop() -> None:
    told = Told()
    told.start("", meter_start_wh=None)
    told.stop("-1", second=600)
    for second, value in ((0, 1000), (600, 1800)):
        told.same_frame(MeterSampled, transaction_id="-1", told=moment(second), samples=(wh(value),))
    assert (told.row.samples, told.row.energy_wh) == (2, 800.0)


def test_minus_one_ends_no_transaction_that_has_an_id() -> None:
    told = Told()
    told.start("7")
    told.stop("-1")
    assert [(row.transaction_id, row.state) for row in told.rows] == [("7", "open"), ("-1", "ended")]


def test_minus_one_ends_nothing_that_began_later() -> None:
    told = Told()
    told.start("", told=moment(100))
    told.stop("-1", told=moment(50))
    assert [row.state for row in told.rows] == ["open", "ended"]


def test_minus_one_said_again_is_the_same_stop() -> None:
    told = Told()
    told.start("")
    told.stop("-1", told=moment(600))
    told.start("", told=moment(700))
    told.stop("-1", told=moment(600))
    assert [row.state for row in told.rows] == ["ended", "open"]


def test_samples_as_minus_one_show_a_transaction_and_those_as_zero_none() -> None:
    """Some say 0 where there is none."""
    told = Told()
    assert not told.meter("0", wh(1000))
    told.meter("-1", wh(1000))
    told.meter("-1", wh(1500))
    told.stop("-1")
    assert (told.row.began, told.row.state, told.row.energy_wh) == ("unseen", "ended", 500.0)


# whose samples


@pytest.mark.parametrize("id", ["", "0", "-1"])
def test_samples_without_an_id_are_the_one_transactions_at_their_connector(id: str) -> None:
    told = Told()
    told.start("7", meter_start_wh=None)
    told.meter(id, wh(1000))
    told.meter(id, wh(1500))
    told.meter(id, wh(9999), place=Place(None, 2))
    told.stop("7", meter_stop_wh=None)
    assert (told.rows[0].samples, told.rows[0].energy_wh, told.rows[0].energy_basis) == (2, 500.0, "samples")


def test_samples_without_an_id_where_two_run_are_nobodys() -> None:
    told = Told()
    told.start("8", told=moment(0))
    told.start("7", told=moment(-3600))
    assert not told.meter("", wh(1500), second=600)


@pytest.mark.parametrize("place", [Place(None, 0), Place(0, 0), Place(0), NOWHERE, Place(1), Place(1, 1)])
def test_samples_without_an_id_and_connector_are_nobodys(place: Place) -> None:
    """Connector 0 and EVSE 0: the main meter. In 2.x samples of a transaction are in its events."""
    told = Told()
    told.start("7", place=EVSE if place.evse_id else FIRST)
    told.meter("", wh(1500), place=place)
    told.stop("7")
    assert told.row.samples == 0


def test_samples_of_connector_0_that_name_it_are_its_own_and_measure_another_meter() -> None:
    """Errata 3.16, quirk 74."""
    told = Told()
    told.start("7", meter_start_wh=None)
    told.meter("7", wh(1000))
    told.meter("7", wh(900_000), watts(50_000), place=Place(None, 0))
    told.meter("7", wh(1500))
    told.stop("7", meter_stop_wh=None)
    assert (told.row.samples, told.row.energy_wh, told.row.power_max_w) == (4, 500.0, None)


def test_a_transaction_met_at_connector_0_is_not_there() -> None:
    told = Told()
    told.meter("12", wh(500), place=Place(None, 0))
    told.meter("12", wh(1000))
    (row,) = told.stop("12")
    assert (row.connector_id, row.energy_wh) == (1, None)


@pytest.mark.parametrize("place", [NOWHERE, Place(None, None)])
def test_samples_that_name_it_and_no_place_are_its_own(place: Place) -> None:
    told = Told()
    told.start("7", meter_start_wh=None)
    told.meter("7", wh(1000), place=place)
    told.meter("7", wh(1500), place=place)
    told.stop("7", meter_stop_wh=None)
    assert told.row.energy_wh == 500.0
