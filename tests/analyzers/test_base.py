"""The contract's own helpers."""

from __future__ import annotations

import pytest

from analyzers.base import LONGEST_PING_PERIOD, SECOND, Analyzer, ChargePoint, Life, Severity, State, seconds
from proxy.ocpp.facts import Fact, LifeKind


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0 s"), (30 * SECOND, "30 s"), (10_500_000_000, "10.5 s"), (630_040_000_000, "630 s")],
)
def test_seconds(nanoseconds: int, text: str) -> None:
    assert seconds(nanoseconds) == text


def test_severities_are_the_tables_numbers() -> None:
    assert [(severity.label, int(severity)) for severity in Severity] == [
        ("info", 1),
        ("warning", 2),
        ("critical", 3),
    ]


def pinged(*moments: int) -> Life:
    life = Life()
    for moment in moments:
        life.saw(LifeKind.PING, "c1", moment * SECOND, 1)
    return life


def test_the_ping_period_follows_the_longest_distance() -> None:
    assert pinged(0, 60, 120, 180).ping_period == 60 * SECOND
    assert pinged(0, 60, 61, 120, 121).ping_period > 50 * SECOND


def test_the_ping_period_is_bounded() -> None:
    assert pinged(0, 86_400).ping_period == LONGEST_PING_PERIOD


def test_the_ping_period_is_learnt_anew_on_another_connection() -> None:
    life = pinged(0, 60)
    life.saw(LifeKind.PING, "c2", 1000 * SECOND, 1)
    assert (life.ping_period, life.ping_gaps) == (0, 0)


def test_who_awaits_life_is_told_once() -> None:
    life = Life()
    assert life.saw(LifeKind.MESSAGE, "c1", 1, 1)
    assert not life.saw(LifeKind.MESSAGE, "c1", 2, 2)
    assert life.saw(LifeKind.PING, "c1", 3, 3)
    life.await_any()
    assert life.saw(LifeKind.PING, "c1", 4, 4)
    assert life.saw(LifeKind.MESSAGE, "c1", 5, 5)


def test_an_analyzer_that_never_waits_needs_no_wake() -> None:
    class Quiet(Analyzer[State]):
        def new_state(self) -> State:
            return State()

        def step(self, state: State, fact: Fact, charge_point: ChargePoint) -> tuple[()]:
            return ()

    assert Quiet().wake(State(), 0, ChargePoint("CP_1")) == ()
