"""Attempts and visits: what is one, what is two, and which of them went well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.intervals import MINUTE
from proxy.forensics.success import Counting, Counts, Kind, Signal, Verdict, percent, verdict
from proxy.pipeline.charged import Current

HOUR = 60 * MINUTE
CARD, REMOTE, START = Kind.AUTHORIZATION, Kind.REMOTE_START, Kind.TRANSACTION
WELL, FAILED, OPEN = Verdict.SUCCESS, Verdict.FAILURE, Verdict.UNDECIDED


def swipe(minute: float, token: str = "A", kind: Kind = CARD) -> Signal:
    at = int(minute * MINUTE)
    return Signal(at, at, "CP", token, kind)


def charge(minute: float, lasts: float = 30, became: Verdict = WELL, token: str = "A") -> Signal:
    return Signal(int(minute * MINUTE), int((minute + lasts) * MINUTE), "CP", token, START, became)


def counts(*signals: Signal) -> Counts:
    counting = Counting(0, 24 * HOUR)
    for signal in sorted(signals, key=lambda signal: signal.at):
        counting.signal(signal)
    return counting.finish().get("CP", Counts())


def told(*signals: Signal) -> tuple[int, int, int, int]:
    """Attempts, those that went well; visits, those whose first attempt did."""
    found = counts(*signals)
    return found.attempts, found.successes, found.visits, found.first_successes


@pytest.mark.parametrize(
    ("signals", "found"),
    [
        ([charge(0)], (1, 1, 1, 1)),
        ([swipe(0), charge(1)], (1, 1, 1, 1)),
        ([swipe(0, kind=REMOTE), swipe(0.1), charge(9)], (1, 1, 1, 1)),
        ([swipe(0), swipe(4)], (1, 0, 1, 0)),
        ([swipe(0), charge(11)], (2, 1, 2, 1)),
        ([swipe(0), swipe(0.5, "a"), charge(1, token="A")], (1, 1, 1, 1)),
        ([charge(0, 2, FAILED), charge(5)], (2, 1, 1, 0)),
        ([charge(0, 2, FAILED), swipe(4), charge(5)], (2, 1, 1, 0)),
        ([charge(0, 2, FAILED), charge(13)], (2, 1, 2, 1)),
        ([charge(0, 30), swipe(29)], (1, 1, 1, 1)),
        ([charge(0, 30), swipe(31)], (2, 1, 1, 1)),
        ([charge(0), charge(1, token="B")], (2, 2, 2, 2)),
        ([charge(0, token=""), charge(1, token="")], (2, 2, 2, 2)),
        ([swipe(0, ""), charge(1, token="")], (1, 1, 1, 1)),
        ([charge(-5), charge(24 * 60 + 1)], (0, 0, 0, 0)),
        ([swipe(-1), charge(1)], (0, 0, 0, 0)),
    ],
)
def test_what_is_an_attempt_and_what_is_a_visit(
    signals: list[Signal], found: tuple[int, int, int, int]
) -> None:
    assert told(*signals) == found


@pytest.mark.parametrize(
    ("energy", "outcome", "state", "current", "became"),
    [
        (5_000.0, "success", "ended", Current.AC, WELL),
        (100.1, "success", "ended", Current.AC, WELL),
        (100.0, "success", "ended", Current.AC, FAILED),
        (100.1, "success", "ended", Current.DC, FAILED),
        (500.1, "success", "ended", Current.DC, WELL),
        (5_000.0, "failure", "ended", Current.AC, FAILED),
        (None, "failure", "ended", Current.AC, FAILED),
        (None, "success", "ended", Current.AC, OPEN),
        (5_000.0, "unknown", "ended", Current.AC, OPEN),
        (0.0, "unknown", "ended", Current.AC, FAILED),
        (0.0, "unknown", "open", Current.AC, OPEN),
        (5_000.0, "success", "superseded", Current.AC, OPEN),
    ],
)
def test_what_becomes_of_a_transaction(
    energy: float | None, outcome: str, state: str, current: Current, became: Verdict
) -> None:
    assert verdict(energy, outcome, state, current) is became


def test_what_nobody_knows_yet_is_in_no_rate() -> None:
    found = counts(charge(0), charge(60, became=FAILED), charge(120, became=OPEN))
    assert (found.attempts, found.undecided, found.charging_success) == (3, 1, 50.0)
    assert (found.visits, found.visits_undecided, found.first_time_success) == (3, 1, 50.0)


def test_without_attempts_there_is_no_rate() -> None:
    assert (Counts().charging_success, Counts().first_time_success) == (None, None)


def test_a_rate_is_never_rounded_up() -> None:
    assert percent(999_999_999, 1_000_000_000) == 99.9999


@given(
    st.lists(
        st.builds(
            lambda at, lasts, token, kind, became: Signal(at, at + lasts, "CP", token, kind, became),
            st.integers(0, 3 * HOUR),
            st.integers(0, HOUR),
            st.sampled_from(["A", "B", ""]),
            st.sampled_from(Kind),
            st.sampled_from(Verdict),
        ),
        max_size=30,
    )
)
def test_it_adds_up_whatever_comes(signals: list[Signal]) -> None:
    found = counts(*signals)
    transactions = sum(signal.kind is START for signal in signals)
    assert transactions <= found.attempts <= len(signals)
    assert found.successes + found.undecided <= found.attempts
    assert found.first_successes + found.visits_undecided <= found.visits <= found.attempts


def test_counting_in_pieces_comes_to_the_same() -> None:
    signals = [swipe(minute, f"{minute % 7}") for minute in range(0, 600, 3)]
    counting = Counting(0, 24 * HOUR)
    for signal in signals:
        counting.signal(signal)
        counting.flush(signal.at)
    assert counting.finish()["CP"] == counts(*signals)


def test_a_flood_of_tokens_is_counted_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.forensics.success.MAX_OPEN", 10)
    assert told(*(swipe(number / 1_000, f"{number}") for number in range(500))) == (500, 0, 500, 0)
