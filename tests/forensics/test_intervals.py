"""The algebra of intervals, and the ledger of one port: four states that tile the time, each cause in its place."""

from __future__ import annotations

import doctest
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics import intervals
from proxy.forensics.intervals import (
    GRACE,
    MINUTE,
    Loss,
    Order,
    Piece,
    Port,
    Says,
    State,
    Told,
    best,
    clipped,
    ledger,
    minutes,
    offline,
    outages,
    totals,
    union,
    within,
    without,
)

HOUR = 60 * MINUTE
DAY = 24 * HOUR
AVAILABLE = Told(0, Says.AVAILABLE, "Available", ("c #1",))
moments = st.integers(-2 * DAY, 3 * DAY)
pieces = st.lists(st.builds(Piece, moments, moments, st.sampled_from(["", "a", "b"])), max_size=6)
told = st.lists(st.builds(Told, moments, st.sampled_from(Says)), max_size=5).map(
    lambda several: sorted(several, key=lambda one: one.at)
)
orders = st.lists(
    st.builds(Order, moments, st.sampled_from([Says.AVAILABLE, Says.UNAVAILABLE])), max_size=4
).map(lambda several: sorted(several, key=lambda one: one.at))
ports = st.builds(
    Port, pieces, pieces, st.lists(told, max_size=3), told, told, orders, pieces, exclusions=pieces
)


def spans(found: list[Piece]) -> list[tuple[int, int]]:
    return [(piece.since, piece.until) for piece in found]


def states(port: Port, until: int = DAY) -> list[tuple[str, int]]:
    """Each line's state, and its end in hours."""
    return [(str(entry.state), entry.until // HOUR) for entry in ledger(port, 0, until)]


def well(**what: object) -> Port:
    """A port that is up but for `what`."""
    return msgspec.structs.replace(Port(connectors=[[AVAILABLE]]), **what)


def test_the_golden_example_of_the_docstring() -> None:
    assert doctest.testmod(intervals).attempted
    assert not doctest.testmod(intervals).failed


@given(ports, st.integers(0, DAY), st.integers(0, DAY))
def test_the_four_states_tile_the_time_without_overlap(port: Port, one: int, other: int) -> None:
    since, until = min(one, other), max(one, other)
    entries = ledger(port, since, until)
    assert [entry.until for entry in entries] == [entry.since for entry in entries[1:]] + [until] * bool(
        entries
    )
    assert (entries[0].since if entries else until) == since
    assert all(entry.since < entry.until for entry in entries)


@given(ports, st.lists(st.integers(0, DAY), max_size=5))
def test_minutes_add_up_however_the_time_is_cut(port: Port, edges: list[int]) -> None:
    entries = ledger(port, 0, DAY)
    edges = [0, *sorted(edges), DAY]
    parts = [totals(entries, *pair) for pair in pairwise(edges)]
    assert sum(part.all for part in parts) == totals(entries, 0, DAY).all == 1_440
    assert sum(part.down for part in parts) == totals(entries, 0, DAY).down


@given(ports)
def test_what_nobody_observed_is_never_up_nor_down(port: Port) -> None:
    unobserved = union(port.unobserved)
    seen = [entry for entry in ledger(port, 0, DAY) if entry.state is not State.UNKNOWN]
    assert within(seen, unobserved) == []


@given(ports)
def test_an_exclusion_takes_from_what_is_down_and_from_nothing_else(port: Port) -> None:
    bare = Port(*(getattr(port, name) for name in port.__struct_fields__[:-1]))
    before, after = totals(ledger(bare, 0, DAY), 0, DAY), totals(ledger(port, 0, DAY), 0, DAY)
    assert (before.up, before.unknown) == (after.up, after.unknown)
    assert before.down - after.down == after.excluded - before.excluded >= 0


@given(pieces, pieces)
def test_subtraction_and_intersection_share_a_set_without_rest(one: list[Piece], other: list[Piece]) -> None:
    whole, mask = union(one), union(other)
    parts = sorted(within(whole, mask) + without(whole, mask), key=lambda piece: piece.since)
    assert sum(piece.until - piece.since for piece in parts) == sum(p.until - p.since for p in whole)
    assert union(parts) == parts
    assert within(without(whole, mask), mask) == []


@given(pieces)
def test_a_union_has_no_overlap_and_loses_no_moment(found: list[Piece]) -> None:
    merged = union(found)
    assert all(one.until <= other.since for one, other in pairwise(merged))
    for piece in found:
        assert piece.since >= piece.until or any(
            one.since <= piece.since and piece.since < one.until for one in merged
        )


def test_where_two_overlap_the_first_tells() -> None:
    assert union([Piece(5, 9, "late"), Piece(0, 6, "early"), Piece(2, 3, "within")]) == [
        Piece(0, 6, "early"),
        Piece(6, 9, "late"),
    ]


def test_clipping_cuts_at_both_ends() -> None:
    assert spans(clipped([Piece(0, 4), Piece(4, 8), Piece(9, 10)], 2, 6)) == [(2, 4), (4, 6)]


def test_a_minute_is_cut_at_its_border() -> None:
    assert minutes(59_999_999, MINUTE) == 1
    assert minutes(MINUTE, 2 * MINUTE - 1) == 0


@pytest.mark.parametrize(
    ("what", "state"),
    [
        ({}, "up"),
        ({"unobserved": [Piece(0, DAY)]}, "unknown"),
        ({"offline": [Piece(0, DAY)]}, "down"),
        ({"connectors": [[Told(0, Says.FAULTED)]]}, "down"),
        ({"whole": [Told(0, Says.FAULTED)]}, "down"),
        ({"whole": [Told(0, Says.UNAVAILABLE)]}, "down"),
        ({"evse": [Told(0, Says.UNAVAILABLE)]}, "down"),
        ({"whole": [Told(0, Says.UNKNOWN)]}, "up"),
        ({"never_charging": [Piece(0, DAY)]}, "down"),
        ({"connectors": []}, "unknown"),
        ({"connectors": [[Told(0, Says.UNKNOWN, "Sleeping")]]}, "unknown"),
        ({"connectors": [], "evse": [AVAILABLE]}, "up"),
        ({"unobserved": [Piece(0, DAY)], "offline": [Piece(0, DAY)]}, "unknown"),
        ({"offline": [Piece(0, DAY)], "connectors": []}, "down"),
        ({"exclusions": [Piece(0, DAY)]}, "up"),
        ({"exclusions": [Piece(0, DAY)], "offline": [Piece(0, DAY)]}, "excluded"),
        ({"exclusions": [Piece(0, DAY)], "unobserved": [Piece(0, DAY)]}, "unknown"),
    ],
)
def test_what_counts_as_what(what: dict[str, object], state: str) -> None:
    assert states(well(**what)) == [(state, 24)]


def test_before_the_first_status_nobody_knows() -> None:
    late = Told(6 * HOUR, Says.AVAILABLE)
    assert states(Port(connectors=[[late]])) == [("unknown", 6), ("up", 24)]


def test_a_status_holds_until_the_next() -> None:
    several = [AVAILABLE, Told(3 * HOUR, Says.FAULTED), Told(5 * HOUR, Says.AVAILABLE)]
    assert states(Port(connectors=[several])) == [("up", 3), ("down", 5), ("up", 24)]


def test_unavailable_is_excluded_from_the_order_until_operative() -> None:
    away = [AVAILABLE, Told(2 * HOUR, Says.UNAVAILABLE, "Unavailable", ("c #9",))]
    asked = [Order(4 * HOUR, Says.UNAVAILABLE, ("c #11",)), Order(8 * HOUR, Says.AVAILABLE)]
    port = Port(connectors=[away], orders=asked)
    assert states(port) == [("up", 2), ("down", 4), ("excluded", 8), ("down", 24)]
    [excused] = [entry for entry in ledger(port, 0, DAY) if entry.state is State.EXCLUDED]
    assert excused.evidence == ("c #11", "c #9")
    assert excused.reason == "scheduled: ChangeAvailability Inoperative"


@pytest.mark.parametrize("what", [{"offline": [Piece(0, DAY)]}, {"connectors": [[Told(0, Says.FAULTED)]]}])
def test_an_order_excuses_neither_a_fault_nor_a_lost_connection(what: dict[str, object]) -> None:
    assert states(well(orders=[Order(0, Says.UNAVAILABLE)], **what)) == [("down", 24)]


def test_an_order_that_the_port_does_not_follow_is_no_outage() -> None:
    assert states(well(orders=[Order(0, Says.UNAVAILABLE)])) == [("up", 24)]


def test_of_an_evse_the_connector_that_is_best_off_speaks() -> None:
    """2.x: while one is in use, the other says Unavailable."""
    one = [Told(0, Says.AVAILABLE, "Occupied"), Told(8 * HOUR, Says.FAULTED, "Faulted")]
    other = [Told(4 * HOUR, Says.UNAVAILABLE, "Unavailable")]
    assert states(Port(connectors=[one, other])) == [("up", 8), ("down", 24)]
    assert [told.reason for told in best([one, other])] == ["Occupied", "Occupied", "Unavailable"]


def test_an_offline_charge_point_is_down_from_its_last_sign_of_life_on() -> None:
    [piece] = offline([Loss(10 * MINUTE, 20 * MINUTE, 4 * MINUTE)], [])
    assert (piece.since, piece.until) == (4 * MINUTE, 20 * MINUTE)


@pytest.mark.parametrize(("back", "down"), [(GRACE, []), (GRACE + 1, [(-MINUTE, GRACE + 1)])])
def test_within_the_grace_it_is_only_reconnecting(back: int, down: list[tuple[int, int]]) -> None:
    assert spans(offline([Loss(0, back, -MINUTE)], [])) == down


def test_while_ocpptap_is_away_nobody_can_connect() -> None:
    """The grace begins anew when it is back, and nothing is back-dated across it."""
    away = [Piece(MINUTE, HOUR)]
    assert spans(offline([Loss(0, HOUR + 4 * MINUTE, 0)], away)) == []
    assert spans(offline([Loss(0, HOUR + 6 * MINUTE, 0)], away)) == [(HOUR, HOUR + 6 * MINUTE)]


def test_an_outage_has_its_reasons_in_their_order() -> None:
    fault = Told(HOUR, Says.FAULTED, "Faulted (GroundFailure)", ("c #5",))
    port = Port(connectors=[[AVAILABLE, fault]], offline=[Piece(3 * HOUR, 9 * HOUR, "no connection", ("c",))])
    [outage] = outages(ledger(port, 0, 9 * HOUR))
    assert (outage.since, outage.until) == (HOUR, 9 * HOUR)
    assert (outage.reason, outage.evidence) == (
        "Faulted (GroundFailure), then no connection",
        ("c #5", "c"),
    )


def test_a_toggling_outage_tells_a_few_of_its_reasons() -> None:
    down = [Told(hour * HOUR, Says.FAULTED, f"code {hour}", (f"c #{hour}",)) for hour in range(20)]
    [outage] = outages(ledger(Port(connectors=[down]), 0, DAY))
    assert outage.reason.endswith(", then code 4, ...")
    assert len(outage.evidence) == intervals.MAX_PROOFS
