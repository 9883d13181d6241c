"""The ledger: bounds, snapshots, and the same session told in two versions."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import (
    NOBODY,
    Authorized,
    Booted,
    CostTold,
    Fact,
    MeterSampled,
    Moment,
    Place,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from proxy.pipeline.account import MAX_ENDED, MAX_OPEN, WHOLE_ENDED
from proxy.pipeline.ledger import Ledger, LedgerState, Limits
from proxy.pipeline.transaction import Transaction
from tests.pipeline.telling import ANNA, EVSE, MOST, NOON, SECOND, Told, moment, sample, soc, watts, wh

# bounds


def test_more_open_ones_than_it_holds() -> None:
    """The one that goes is written as it stands."""
    told = Told()
    for number in range(MAX_OPEN):
        told.start(str(number), place=Place(None, number + 1))
    told.meter("0", wh(1100), place=Place(None, 1))
    rows = told.start("new", place=Place(None, 99))
    assert [(row.transaction_id, row.state) for row in rows] == [("1", "open"), ("new", "open")]
    assert len(told.ledger.snapshot().accounts[0][1].open) == MAX_OPEN


def test_the_superseded_go_first() -> None:
    told = Told()
    told.start("old", place=Place(None, 1))
    for number in range(1, MAX_OPEN - 1):
        told.start(str(number), place=Place(None, number))
    told.update("old")
    told.start("again", place=Place(None, 3))
    assert told.start("new", place=Place(None, 99))[0].transaction_id == "3"


def test_ended_ones_are_known_by_name_for_long() -> None:
    told = Told()
    for number in range(MAX_ENDED):
        told.start(f"t-{number}", told=moment(number))
        told.stop(f"t-{number}")
    assert told.stop(f"t-{MAX_ENDED - WHOLE_ENDED}")
    for number in (MAX_ENDED - WHOLE_ENDED - 1, 0):
        id = f"t-{number}"
        assert not told.stop(id)
        assert not told.meter(id, wh(5))
        assert not told.update(id)
        assert not told(CostTold, transaction_id=id, total=1.0)
        assert not told.start(id, told=moment(number))
    assert [row.state for row in told.rows] == ["ended"] * MAX_ENDED


def test_an_id_used_again_after_long_is_a_new_transaction() -> None:
    told = Told()
    for number in range(10):
        told.start(f"t-{number}")
        told.stop(f"t-{number}")
    told.start("t-0")
    assert (told.rows[-1].transaction_id, told.rows[-1].state) == ("t-0", "open")


def test_the_charge_point_least_recently_heard_of_goes() -> None:
    ledger = Ledger(Limits(charge_points=2))
    one, two, three = (Told(ledger, f"CP_{number}") for number in range(3))
    one.start("7")
    two.start("7")
    one.meter("7", wh(1100))
    rows = three.start("7")
    assert [(row.charge_point, row.state) for row in rows] == [("CP_1", "open"), ("CP_2", "open")]
    assert [name for name, _ in ledger.snapshot().accounts] == ["CP_0", "CP_2"]


def test_a_running_transaction_takes_less_than_two_kilobytes() -> None:
    told = Told()
    told.start()
    for number in range(100):
        told.meter(
            "7", wh(1000 + number), soc(40), watts(7000), sample("100", "Energy.Active.Import.Interval")
        )
    assert len(msgspec.msgpack.encode(told.ledger.snapshot())) < 2048


# snapshots


def restored(ledger: Ledger) -> Ledger:
    data = msgspec.msgpack.encode(ledger.snapshot())
    return Ledger.restore(msgspec.msgpack.decode(data, type=LedgerState))


def test_a_snapshot_of_another_version_is_nothing_known() -> None:
    told = Told()
    told.start()
    state = msgspec.structs.replace(told.ledger.snapshot(), version=99)
    assert not Ledger.restore(state).snapshot().accounts


IDS = st.sampled_from(["", "-1", "0", MOST, "7", "8", "t-1"])
PLACES = st.builds(Place, st.none() | st.integers(0, 2), st.none() | st.integers(0, 2))
MOMENTS = st.builds(Moment, st.none() | st.integers(-20, 60).map(lambda second: NOON + second * SECOND))
NUMBERS = st.none() | st.integers(-1, 130)
WH = st.none() | st.sampled_from([0.0, 900.0, 1000.0, 1e6])
SAMPLES = st.lists(
    st.builds(
        lambda value, measurand, words: sample(value, measurand, **words),
        st.sampled_from(["0", "1000", "1500", "910000", "", "40", 1e300]),
        st.sampled_from(
            [
                "Energy.Active.Import.Register",
                "Energy.Active.Import.Interval",
                "SoC",
                "Power.Active.Import",
                "Voltage",
            ]
        ),
        st.fixed_dictionaries(
            {},
            optional={
                "phase": st.sampled_from(["L1", "L2", "L3", "N"]),
                "context": st.sampled_from(["Transaction.Begin", "Transaction.End"]),
                "location": st.sampled_from(["Inlet", "Outlet", "Upstream"]),
                "unit": st.sampled_from(["kWh", "W", "x"]),
            },
        ),
    ),
    max_size=5,
).map(tuple)
WHO = st.sampled_from([NOBODY, ANNA])


def facts(kind: type[Fact], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(kind), st.fixed_dictionaries(members))


EVENT = {"transaction_id": IDS, "place": PLACES, "told": MOMENTS, "seq_no": NUMBERS, "who": WHO}
FACTS = st.one_of(
    facts(TransactionStarted, meter_start_wh=WH, **EVENT),
    facts(TransactionUpdated, **EVENT),
    facts(TransactionEnded, meter_stop_wh=WH, **EVENT),
    facts(MeterSampled, transaction_id=IDS, place=PLACES, told=MOMENTS, samples=SAMPLES),
    facts(Authorized, transaction_id=IDS, status=st.sampled_from(["", "Blocked"]), who=WHO),
    facts(CostTold, transaction_id=IDS, total=WH),
    facts(Booted),
)
STEPS = st.tuples(FACTS, st.integers(0, 40), st.integers(1, 3))
"""A fact, seconds since the one before, whose."""


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=40), st.integers(0, 40))
def test_cut_anywhere_it_goes_on_the_same(steps: list[Any], cut: int) -> None:
    whole, parts = Ledger(Limits(2)), Ledger(Limits(2))
    second = 0
    for number, ((kind, members), seconds, charge_point) in enumerate(steps):
        if number == cut:
            parts = restored(parts)
            parts._limits = Limits(2)
        second += seconds
        fact = kind(f"CP_{charge_point}", "c1", number, NOON + second * SECOND, second * SECOND, **members)
        expected = list(whole.fact(fact))
        assert list(parts.fact(fact)) == expected
        assert all(_holds_together(row) for row in expected)


def _holds_together(row: Transaction) -> bool:
    """What is so of any row, whatever was told."""
    return (
        (row.energy_wh is None) == (row.energy_basis == "")
        and (row.energy_wh is None or 0 <= row.energy_wh < float("inf"))
        and (row.began == "seen") == (row.starts > 0)
        and (row.state == "ended") == (row.end_connection_id != "")
        and row.seq_missing >= 0
        and row.last_at >= row.at
    )


# versions


def test_a_session_told_in_16_and_in_2x_is_the_same() -> None:
    old, new = Told(), Told()
    old.start("42", second=0, told=moment(0), meter_start_wh=1000.0)
    new.start(
        "t-42", second=0, place=EVSE, told=moment(0), meter_start_wh=1000.0, seq_no=0, trigger="Authorized"
    )
    new.same_frame(
        MeterSampled, transaction_id="t-42", told=moment(0), samples=(wh(1000, context="Transaction.Begin"),)
    )
    for minute in range(1, 11):
        values = wh(1000 + minute * 100), watts(6000), soc(30 + minute)
        old.meter("42", *values, second=minute * 60)
        new.update("t-42", second=minute * 60, seq_no=minute)
        new.same_frame(MeterSampled, transaction_id="t-42", told=moment(minute * 60), samples=values)
    old.stop("42", second=660, meter_stop_wh=2050.0, reason="EVDisconnected")
    new.stop("t-42", second=660, meter_stop_wh=2050.0, reason="EVDisconnected", seq_no=11)
    new.same_frame(
        MeterSampled, transaction_id="t-42", told=moment(660), samples=(wh(2050, context="Transaction.End"),)
    )
    same = (
        "state",
        "began",
        "started",
        "stopped",
        "energy_wh",
        "energy_basis",
        "outcome",
        "reason",
        "id_token",
    )
    for field in (
        *same,
        "soc_first",
        "soc_last",
        "power_max_w",
        "meter_start_wh",
        "meter_stop_wh",
        "connector_id",
    ):
        assert getattr(old.row, field) == getattr(new.row, field), field
    assert (old.row.energy_wh, new.row.seq_missing) == (1050.0, 0)
