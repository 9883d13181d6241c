"""Counts: of what type a frame is, what is bounded, and that a checkpoint gives the same ones back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.metrics import CALL_BUCKETS, OTHER
from proxy.names import Direction
from proxy.pipeline.tally import CONNECTED, MOST, OVERFLOW, TYPES, Tally
from proxy.tables import VERDICTS
from tests.pipeline.tape import CP, CSMS, copied

OK, UNPARSEABLE = VERDICTS["ok"], VERDICTS["unparseable"]
FAULTS = "ocpptap_faults_total"
DIRECTIONS = st.sampled_from([CP, CSMS])


def counted(tally: Tally) -> dict[tuple[Direction, str, str], list[int]]:
    return {
        (direction, word, action): cell
        for direction in (CP, CSMS)
        for word, cells in zip(TYPES, tally.frames[direction], strict=True)
        for action, cell in cells.items()
    }


@pytest.mark.parametrize(
    ("opcode", "message_type", "verdict", "action", "word", "label"),
    [
        (1, 2, OK, "Heartbeat", "call", "Heartbeat"),
        (1, 3, OK, "Heartbeat", "result", "Heartbeat"),
        (1, 4, OK, "Heartbeat", "error", "Heartbeat"),
        (1, 5, OK, "Heartbeat", "result_error", "Heartbeat"),
        (1, 6, OK, "NotifyPeriodicEventStream", "send", "NotifyPeriodicEventStream"),
        (1, 2, OK, "MakeCoffee", "call", "other"),
        (1, 2, OK, "heartbeat", "call", "other"),
        (1, 2, OK, "Heartbeat-Signed", "call", "Heartbeat"),
        (1, 3, OK, "", "result", "other"),
        (1, 2, UNPARSEABLE, "", "invalid", ""),
        (1, 99, UNPARSEABLE, "", "invalid", ""),
        (1, 0, UNPARSEABLE, "", "invalid", ""),
        (1, 0, 0, "", "fragment", ""),
        (0, 0, 0, "", "fragment", ""),
        (8, 0, 0, "", "close", ""),
        (9, 0, 0, "", "ping", ""),
        (10, 0, 0, "", "pong", ""),
    ],
)
def test_of_what_type_a_frame_is(
    opcode: int, message_type: int, verdict: int, action: str, word: str, label: str
) -> None:
    tally = Tally()
    tally.frame(CSMS, opcode, message_type, verdict, action, 7)
    tally.frame(CSMS, opcode, message_type, verdict, action, 8)
    assert counted(tally) == {(CSMS, word, label): [2, 15]}
    assert tally.whole_frames == 2


def test_made_up_labels_are_other_when_they_are_too_many() -> None:
    tally = Tally()
    for number in range(MOST[FAULTS] + 100):
        tally.add(FAULTS, ("ABC", f"M{number}", "GroundFailure"))
    tally.add(FAULTS, ("ABC", "M0", "GroundFailure"))
    assert len(tally.counts[FAULTS]) == MOST[FAULTS] + 1
    assert tally.counts[FAULTS][OTHER, OTHER, OTHER] == 100
    assert tally.counts[FAULTS]["ABC", "M0", "GroundFailure"] == 2
    assert tally.counts[OVERFLOW] == {(FAULTS,): 100}


def test_so_are_upstreams() -> None:
    tally = Tally()
    for number in range(MOST[CONNECTED] + 7):
        tally.connected(f"ws://csms-{number}", 2_000_000)
    assert len(tally.connects) == MOST[CONNECTED] + 1
    assert (sum(tally.connects[OTHER][:-1]), tally.connects[OTHER][-1]) == (7, 14_000_000)
    assert tally.counts[OVERFLOW] == {(CONNECTED,): 7}


@pytest.mark.parametrize(
    ("milliseconds", "bucket"), [(0, 0), (1, 0), (1.1, 1), (10_000, 12), (10_001, 13), (600_000, 13)]
)
def test_the_time_to_connect_falls_into_a_bucket(milliseconds: float, bucket: int) -> None:
    tally = Tally()
    tally.connected("ws://csms", round(milliseconds * 1e6))
    assert tally.connects["ws://csms"].index(1) == bucket


def test_calls_of_unknown_actions_share_their_counts() -> None:
    tally = Tally()
    assert tally.call_bins(CP, "MakeCoffee") is tally.call_bins(CP, "MakeTea")
    assert tally.call_bins(CP, "Heartbeat") is not tally.call_bins(CSMS, "Heartbeat")
    assert len(tally.call_bins(CP, "Heartbeat")) == len(CALL_BUCKETS) + 2


def test_energy_never_goes_back_nor_beyond_belief() -> None:
    tally = Tally()
    for watt_hours in (1.5, -1.0, 0.0, float("nan"), float("inf"), 1e12, 2.0005):
        tally.energy("ac", watt_hours)
    assert tally.milliwatt_hours["ac"] == pytest.approx(3500, abs=1)


COUNTED = st.lists(
    st.one_of(
        st.tuples(
            st.just("frame"),
            DIRECTIONS,
            st.integers(0, 15),
            st.integers(0, 6),
            st.sampled_from([0, OK, UNPARSEABLE]),
            st.sampled_from(["", "Heartbeat", "Made Up"]),
            st.integers(0, 100),
        ),
        st.tuples(st.just("add"), st.just(FAULTS), st.tuples(st.text(), st.text(), st.text())),
        st.tuples(st.just("connected"), st.text(), st.integers(0, 10**12)),
        st.tuples(st.just("energy"), st.sampled_from(["ac", "dc"]), st.floats()),
        st.tuples(st.just("gap"), st.text(), st.integers(0, 2**62)),
    )
)


@given(COUNTED)
def test_a_checkpoint_gives_back_what_was_counted(counts: list[tuple[str, ...]]) -> None:
    tally = Tally()
    for what, *told in counts:
        getattr(tally, what)(*told)
    again = copied(tally)
    assert again == tally
    for what, *told in counts:
        getattr(tally, what)(*told)
        getattr(again, what)(*told)
    assert again == tally
