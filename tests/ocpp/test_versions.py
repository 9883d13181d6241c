"""Which readers belong to which version."""

from __future__ import annotations

import orjson
import pytest

from proxy.ocpp import v16, v20
from proxy.ocpp.facts import Booted, Where
from proxy.ocpp.versions import payload_of, readers


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.6", v16.READERS), ("2.0", v20.READERS), ("2.0.1", v20.READERS), ("2.1", v20.READERS)],
)
def test_the_subprotocol_decides(version: str, expected: object) -> None:
    assert readers(version) is expected


@pytest.mark.parametrize(
    "call",
    [{"chargePointModel": "M"}, {"reason": "PowerUp", "chargingStation": {"model": "M"}}],
)
def test_without_a_version_the_payload_tells(where: Where, call: dict[str, object]) -> None:
    [booted] = readers("")["BootNotification"](where, call, None)
    assert isinstance(booted, Booted)
    assert booted.model == "M"


def test_without_a_version_both_are_read() -> None:
    assert set(readers("")) == set(v16.READERS) | set(v20.READERS)


def test_the_payload_of_a_kept_call() -> None:
    assert payload_of(orjson.dumps([2, "1", "Reset", {"type": "Hard"}])) == {"type": "Hard"}
    assert payload_of(b'[2,"1","Reset"]') is None
    assert payload_of(b"") is None
