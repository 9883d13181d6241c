"""The ledger: when a row is written, and the numbers of events (quirk 63)."""

from __future__ import annotations

import pytest

from proxy.ocpp.facts import MeterSampled, TransactionEnded
from proxy.pipeline.transaction import Transaction
from tests.pipeline.telling import EVSE, NOON, SECOND, Told, moment, soc, wh

# when a row is written


def test_while_it_runs_a_row_comes_once_a_minute() -> None:
    told = Told()
    told.start(second=0)
    written = [second for second in range(10, 190, 10) if told.meter("7", wh(1000 + second), second=second)]
    assert written == [60, 120, 180]


def test_all_that_one_message_says_is_in_the_row() -> None:
    """An event and its samples are facts of one frame: the batch keeps the last row."""
    told = Told()
    told.start("t-1", place=EVSE, second=0)
    told.update("t-1", second=60)
    (row,) = told.same_frame(MeterSampled, transaction_id="t-1", told=moment(60), samples=(soc(50),))
    assert row.soc_last == 50


def test_ends_are_written_at_once() -> None:
    told = Told()
    told.start(second=0)
    assert told.stop(second=1)


# event numbers


def numbered(*numbers: int) -> Transaction:
    """A transaction of 2.x whose events came with these numbers."""
    told = Told()
    told.start("t-1", place=EVSE, seq_no=numbers[0])
    for number in numbers[1:]:
        told.update("t-1", seq_no=number)
    return told.stop("t-1")[0]


@pytest.mark.parametrize(
    ("numbers", "first", "last", "missing"),
    [
        ((0, 1, 2, 3), 0, 3, 0),
        ((0, 3), 0, 3, 2),
        ((0, 40, 10), 0, 40, 38),
        ((0, 3, 1), 0, 3, 1),
        ((0, 3, 1, 1, 3, 2), 0, 3, 0),
        ((5, 6, 3), 3, 6, 1),
        ((5, 6, 3, 4), 3, 6, 0),
        ((0, 100, 99, 1), 0, 100, 98),
        ((0, 2**31, 2**31 - 1), 0, 2**31, 2**31 - 2),
        ((200, 0), 0, 200, 199),
        ((-5, 3, 4), 3, 4, 0),
    ],
)
def test_event_numbers(numbers: tuple[int, ...], first: int, last: int, missing: int) -> None:
    """TX-07: late ones fill in, within 64 of the last."""
    row = numbered(*numbers)
    assert (row.seq_first, row.seq_last, row.seq_missing) == (first, last, missing)


def test_an_older_event_does_not_tell_how_things_are() -> None:
    told = Told()
    told.start("t-1", place=EVSE, seq_no=0)
    told.update("t-1", seq_no=2, charging_state="SuspendedEV")
    told.update("t-1", seq_no=1, charging_state="Charging", offline=True)
    (row,) = told.stop("t-1")
    assert (row.charging_state, row.offline) == ("SuspendedEV", True)


def test_in_2x_the_samples_of_the_end_stand_before_it() -> None:
    """Also when they are all that was ever seen of it."""
    told = Told()
    told(MeterSampled, transaction_id="t-1", told=moment(1), samples=(wh(1000, context="Transaction.Begin"),))
    told.same_frame(MeterSampled, transaction_id="t-1", told=moment(1), samples=(wh(1700), soc(60)))
    told.same_frame(TransactionEnded, transaction_id="t-1", told=moment(1), reason="EVDisconnected")
    row = told.row
    assert (row.began, row.state, row.energy_wh, row.soc_last) == ("unseen", "ended", 700.0, 60)
    assert row.end_frame_no == row.frame_no == 1


def test_a_frame_of_another_connection_is_not_the_stop() -> None:
    told = Told()
    told.stop("12")
    where = ("CP_1", "c2", told.frame_no, NOON, told.second * SECOND)
    assert not told.ledger.fact(MeterSampled(*where, transaction_id="12", told=moment(1), samples=(wh(5),)))
