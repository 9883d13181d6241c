"""The bench measures what it says: valid messages, invalid ones."""

from __future__ import annotations

import pytest

from proxy.ocpp.conformance import OK, Verdict
from tests.bench.conformance import cost, invalid, usual
from tests.bench.payloads import SHARES, V16, V20


@pytest.mark.parametrize("version", [V16, V20])
def test_the_usual_mix_is_valid(version: str) -> None:
    kinds = usual(version)
    assert kinds.keys() > SHARES.keys()
    for kind in (kind for pair in kinds.values() for kind in pair):
        assert kind.judged() == OK
        assert kind.bare is not None
        assert kind.bare() is True


def test_the_flood_is_not() -> None:
    rules = [(kind.judged().verdict, kind.judged().rule) for kind in invalid()]
    assert OK.verdict not in {verdict for verdict, _ in rules}
    assert (Verdict.ERRATUM, "enum") in rules
    assert (Verdict.VIOLATION, "schema") in rules


def test_a_cost_is_of_one() -> None:
    done: list[int] = []
    assert cost(lambda: done.append(1), seconds=0, rounds=2) >= 0
    assert len(done) == 4
