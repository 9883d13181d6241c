"""Which table belongs to which version, and which version a peer speaks that agreed to none."""

from __future__ import annotations

import orjson
import pytest

from proxy.names import DIRECTIONS
from proxy.ocpp import v16, v20, v21
from proxy.ocpp.versions import payload_of, readings, spoken


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.6", v16.READINGS), ("2.0", v20.READINGS), ("2.0.1", v20.READINGS), ("2.1", v21.READINGS)],
)
def test_the_subprotocol_decides(version: str, expected: object) -> None:
    assert readings(version) is expected


@pytest.mark.parametrize("version", ["", "1.5", "3.0"])
def test_nothing_is_read_of_a_version_that_nobody_knows(version: str) -> None:
    assert [dict(readings(version)[direction]) for direction in DIRECTIONS] == [{}, {}]


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "M"}, "1.6"),
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"model": "M"}}, "2"),
        ("StartTransaction", {}, "1.6"),
        ("TransactionEvent", {}, "2"),
        ("NotifyDERAlarm", {}, "2.1"),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError"}, "1.6"),
        ("StatusNotification", {"connectorId": 1, "connectorStatus": "Available"}, "2"),
        ("Heartbeat", {}, ""),
        ("DataTransfer", {"vendorId": "x"}, ""),
        ("BootNotification", None, ""),
        ("Nonsense", {}, ""),
    ],
)
def test_without_a_version_the_messages_tell(action: str, payload: object, expected: str) -> None:
    assert spoken(action, payload) == expected


def test_the_payload_of_a_kept_call() -> None:
    assert payload_of(orjson.dumps([2, "1", "Reset", {"type": "Hard"}])) == {"type": "Hard"}
    assert payload_of(b'[2,"1","Reset"]') is None
    assert payload_of(b"") is None
