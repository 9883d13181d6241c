"""Messages about charging, for the tests of 2.x: who, where, and what was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proxy.ocpp.facts import Fact, Moment, Named, Place

NOON = "2026-03-01T12:00:00Z"
AT_NOON = Moment(1_772_366_400_000_000_000)
CARD = {"idToken": "04A1B2C3D4", "type": "ISO14443"}
DRIVER = Named("04A1B2C3D4", "ISO14443")
EVSE_2 = {"id": 2, "connectorId": 1}
SECOND = Place(2, 1)

Say = Callable[[str, Any], list[Fact]]
Answer = Callable[[str, Any, Any], list[Fact]]


def register(value: object, context: str | None = None, **more: object) -> dict[str, object]:
    """One sampledValue of the energy register."""
    return {
        "value": value,
        "unitOfMeasure": {"unit": "Wh"},
        **({"context": context} if context else {}),
        **more,
    }


def element(*sampled: object) -> dict[str, object]:
    return {"timestamp": NOON, "sampledValue": list(sampled)}
