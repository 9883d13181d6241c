"""What became of a transaction, and on which current it was."""

from __future__ import annotations

import pytest

from proxy.metrics import CURRENTS, TRANSACTION_OUTCOMES
from proxy.ocpp.facts import Outcome
from proxy.pipeline.charged import Became, Current, became, current_of


def test_the_words_are_the_metrics() -> None:
    assert tuple(map(str, Became)) == TRANSACTION_OUTCOMES
    assert tuple(map(str, Current)) == CURRENTS


@pytest.mark.parametrize(
    ("energy", "outcome", "current", "found"),
    [
        (5_000.0, Outcome.SUCCESS, Current.AC, Became.SUCCESS),
        (5_000.0, Outcome.SUCCESS, Current.UNKNOWN, Became.SUCCESS),
        (5_000.0, Outcome.FAILURE, Current.AC, Became.FAILED),
        (5_000.0, Outcome.UNKNOWN, Current.AC, Became.UNKNOWN),
        (100.0, Outcome.SUCCESS, Current.AC, Became.ZERO_ENERGY),
        (100.0, Outcome.SUCCESS, Current.UNKNOWN, Became.ZERO_ENERGY),
        (0.0, Outcome.FAILURE, Current.AC, Became.ZERO_ENERGY),
        (0.0, Outcome.UNKNOWN, Current.AC, Became.ZERO_ENERGY),
        (500.0, Outcome.SUCCESS, Current.DC, Became.ZERO_ENERGY),
        (500.1, Outcome.SUCCESS, Current.DC, Became.SUCCESS),
        (None, Outcome.SUCCESS, Current.AC, Became.UNKNOWN),
        (None, Outcome.FAILURE, Current.AC, Became.FAILED),
    ],
)
def test_what_became_of_it(energy: float | None, outcome: Outcome, current: Current, found: Became) -> None:
    assert became(energy, outcome, current) is found


@pytest.mark.parametrize(
    ("soc", "power", "current"),
    [
        (None, None, Current.UNKNOWN),
        (None, 11_000.0, Current.AC),
        (None, 43_500.0, Current.AC),
        (None, 43_501.0, Current.DC),
        (0.0, None, Current.DC),
        (20.0, 7_000.0, Current.DC),
    ],
)
def test_which_current_it_was(soc: float | None, power: float | None, current: Current) -> None:
    assert current_of(soc, power) is current
