"""OCPP 2.x payloads -> facts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.ocpp.facts import Booted, Fact, HeartbeatIntervalSet, HeartbeatSeen, Where
from proxy.ocpp.v20 import READERS

STATION = {"vendorName": "Acme", "model": "Wall", "firmwareVersion": "1.2", "serialNumber": "SN"}


def entry(value: object = None, **more: object) -> dict[str, object]:
    """One element of setVariableData or of a result, about the Heartbeat interval."""
    names = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    return {**names, "attributeValue": value, **more}


def intervals(facts: list[Fact]) -> list[tuple[int, str]]:
    return [(fact.seconds, fact.source) for fact in facts if isinstance(fact, HeartbeatIntervalSet)]


def test_an_accepted_boot_sets_the_interval(where: Where) -> None:
    call = {"reason": "PowerUp", "chargingStation": STATION}
    facts = READERS["BootNotification"](where, call, {"status": "Accepted", "interval": 300})
    assert facts == [
        Booted(*where, "Acme", "Wall", "1.2", "SN", "Accepted", 300),
        HeartbeatIntervalSet(*where, 300, "BootNotification"),
    ]


def test_a_pending_boot_sets_no_interval(where: Where) -> None:
    facts = READERS["BootNotification"](
        where, {"chargingStation": STATION}, {"status": "Pending", "interval": 9}
    )
    assert intervals(facts) == []


@pytest.mark.parametrize(
    ("data", "results", "expected"),
    [
        ([entry("60")], [entry(attributeStatus="Accepted")], [60]),
        ([entry("60"), entry("90")], [entry(attributeStatus="Accepted")], [90]),
        ([entry("60", attributeType="Actual")], [entry(attributeStatus="Accepted")], [60]),
        (
            [entry("60", attributeType="Target")],
            [entry(attributeStatus="Accepted", attributeType="Target")],
            [],
        ),
        ([entry("60")], [entry(attributeStatus="Rejected")], []),
        ([entry("60")], [], []),
        ([entry("soon")], [entry(attributeStatus="Accepted")], []),
        (entry("60"), entry(attributeStatus="Accepted"), [60]),
        ([{"component": {"name": "EVSE"}}, 7, None], [entry(attributeStatus="Accepted")], []),
    ],
)
def test_set_variables(where: Where, data: object, results: object, expected: list[int]) -> None:
    facts = READERS["SetVariables"](where, {"setVariableData": data}, {"setVariableResult": results})
    assert intervals(facts) == [(value, "SetVariables") for value in expected]


def test_get_variables(where: Where) -> None:
    results = [entry("45", attributeStatus="Accepted"), entry("1", attributeStatus="UnknownVariable")]
    facts = READERS["GetVariables"](where, {}, {"getVariableResult": results})
    assert intervals(facts) == [(45, "GetVariables")]


def test_a_heartbeat_is_seen(where: Where) -> None:
    assert READERS["Heartbeat"](where, {}, {"currentTime": "x"}) == [HeartbeatSeen(*where)]


KEYS = [
    "status",
    "interval",
    "chargingStation",
    "setVariableData",
    "setVariableResult",
    "getVariableResult",
    "component",
    "variable",
    "name",
    "attributeStatus",
    "attributeValue",
]
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from(["Accepted", "HeartbeatInterval", "OCPPCommCtrlr"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(READERS)), ANY, ANY)
def test_any_payload_gives_facts_and_never_an_exception(action: str, call: Any, answer: Any) -> None:
    facts = READERS[action](Where("CP_1", "c1", 7, 1, 5), call, answer)
    assert all(isinstance(fact, Fact) for fact in facts)
