"""What a charge point of 2.0.1 or 2.1 says, by action: each test that asks for these runs in both versions."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.names import Direction
from proxy.ocpp.facts import Fact, Where
from proxy.ocpp.reading import Readings
from proxy.ocpp.versions import readings
from tests.ocpp.v2 import BOTH
from tests.ocpp.v20.metering import Answer, Say

CHARGE_POINT = Direction.FROM_CHARGE_POINT


@pytest.fixture(params=BOTH)
def table(request: pytest.FixtureRequest) -> Readings:
    return readings(request.param)


@pytest.fixture
def say(table: Readings, where: Where) -> Say:
    """What a CALL of the charge point says."""

    def facts(action: str, call: Any) -> list[Fact]:
        said = table[CHARGE_POINT][action].said
        assert said is not None
        return said(where, call)

    return facts


@pytest.fixture
def answer(table: Readings, where: Where) -> Answer:
    """What a CALL of the charge point and its answer say."""

    def facts(action: str, call: Any, result: Any) -> list[Fact]:
        answered = table[CHARGE_POINT][action].answered
        assert answered is not None
        return answered(where, call, result)

    return facts
