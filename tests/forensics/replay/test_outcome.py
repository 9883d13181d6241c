from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.replay.diff import Change, Kind
from proxy.forensics.replay.outcome import (
    MOST_ACTIONS,
    MOST_DIFFERENCES,
    Latencies,
    Outcome,
    Who,
)
from tests.forensics.replay.talks import CP, CSMS, call, told


@given(st.lists(st.floats(1e-5, 1e3), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_quantile_is_right_to_one_percent(seconds: list[float], share: float) -> None:
    latencies = Latencies()
    for one in seconds:
        latencies.add(one)
    exact = sorted(seconds)[-(-int(share * 100) * len(seconds) // 100) - 1]
    assert latencies.quantile(share) == pytest.approx(exact, rel=0.01)


def test_no_latencies_no_quantile() -> None:
    assert Latencies().quantile(0.5) is None


def test_differences_are_kept_up_to_a_bound_and_all_counted() -> None:
    outcome, (said,) = Outcome(), told((CP, call(1, "A")))
    for _ in range(MOST_DIFFERENCES + 5):
        outcome.differs(Who("CP_1").difference(Change(Kind.VALUE), said))
    assert (len(outcome.differences), outcome.count, outcome.same) == (
        MOST_DIFFERENCES,
        MOST_DIFFERENCES + 5,
        False,
    )


def test_a_peer_cannot_invent_actions_without_end() -> None:
    outcome = Outcome()
    for number in range(MOST_ACTIONS + 50):
        outcome.of(CSMS, f"Action{number}").calls += 1
    assert len(outcome.actions) == MOST_ACTIONS + 1
    assert outcome.calls == MOST_ACTIONS + 50
