"""OCPP 1.6 payloads -> facts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import Booted, Fact, HeartbeatIntervalSet, HeartbeatSeen, Where
from proxy.ocpp.v16 import READERS

BOOT = {
    "chargePointVendor": "Acme",
    "chargePointModel": "Wall",
    "firmwareVersion": "1.2",
    "chargePointSerialNumber": "SN",
}


def intervals(facts: list[Fact]) -> list[tuple[int, str]]:
    return [(fact.seconds, fact.source) for fact in facts if isinstance(fact, HeartbeatIntervalSet)]


def test_an_accepted_boot_sets_the_interval(where: Where) -> None:
    facts = READERS["BootNotification"](where, BOOT, {"status": "Accepted", "interval": 300})
    assert facts == [
        Booted(*where, "Acme", "Wall", "1.2", "SN", "Accepted", 300),
        HeartbeatIntervalSet(*where, 300, "BootNotification"),
    ]


@pytest.mark.parametrize("status", ["Pending", "Rejected", "", None, 17])
def test_a_boot_not_accepted_sets_no_interval(where: Where, status: object) -> None:
    facts = READERS["BootNotification"](where, BOOT, {"status": status, "interval": 300})
    assert intervals(facts) == []
    assert isinstance(facts[0], Booted)
    assert facts[0].interval_seconds == 300


def test_the_charge_box_serial_number_is_second_best(where: Where) -> None:
    [booted] = READERS["BootNotification"](where, {"chargeBoxSerialNumber": 4711}, None)
    assert booted == Booted(*where, serial="4711")


@pytest.mark.parametrize(
    ("key", "value", "status", "expected"),
    [
        ("HeartbeatInterval", "60", "Accepted", [(60, "ChangeConfiguration")]),
        ("HeartBeatInterval", 60, "Accepted", [(60, "ChangeConfiguration")]),
        ("HeartbeatInterval", "60", "Rejected", []),
        ("HeartbeatInterval", "60", "RebootRequired", []),
        ("HeartbeatInterval", "soon", "Accepted", []),
        ("MeterValueSampleInterval", "60", "Accepted", []),
        (None, None, "Accepted", []),
    ],
)
def test_change_configuration(
    where: Where, key: object, value: object, status: str, expected: list[tuple[int, str]]
) -> None:
    facts = READERS["ChangeConfiguration"](where, {"key": key, "value": value}, {"status": status})
    assert intervals(facts) == expected


def test_get_configuration(where: Where) -> None:
    keys = [{"key": "X", "value": "1"}, {"key": "HeartbeatInterval", "readonly": False, "value": "900"}]
    facts = READERS["GetConfiguration"](where, {}, {"configurationKey": keys})
    assert intervals(facts) == [(900, "GetConfiguration")]


def test_a_heartbeat_is_seen(where: Where) -> None:
    assert READERS["Heartbeat"](where, {}, {"currentTime": "x"}) == [HeartbeatSeen(*where)]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("Accepted"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "interval", "key", "value", "configurationKey", "chargePointModel"]),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(READERS)), ANY, ANY)
def test_any_payload_gives_facts_and_never_an_exception(action: str, call: Any, answer: Any) -> None:
    facts = READERS[action](Where("CP_1", "c1", 7, 1, 5), call, answer)
    assert all(isinstance(fact, Fact) for fact in facts)
