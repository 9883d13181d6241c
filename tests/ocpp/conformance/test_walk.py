"""The walk finds what the validator refuses, and is bounded; arbitrary JSON harms nobody."""

from __future__ import annotations

import copy
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.names import DIRECTIONS
from proxy.ocpp.conformance import OK, Judgement, Verdict
from proxy.ocpp.conformance.schemas import Schemas
from proxy.ocpp.conformance.standards import ALL, STANDARDS
from proxy.ocpp.conformance.verdict import MAX_POINTER, RULES
from proxy.ocpp.conformance.walk import MAX_PROBLEMS, MAX_VISITS, _is_multiple, problems
from tests.ocpp.conformance.payloads import AT, CP, CSMS, FILES, call, payload_of, sampled, stopped, the_judge

LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text()
    | st.text("\ud800\udfffa/~", max_size=3)
    | st.sampled_from(["C", "", AT, "Accepted", "2024-01-01T00:00:00", 300.0, 16.1, 0, -1])
)
NAMES = st.sampled_from(["timestamp", "transactionId", "meterValue", "status", "evse", "id"]) | st.text()
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
FORMS = {
    repr(file): (
        Schemas(STANDARDS[file.version]).response(file.action)
        if file.answers
        else Schemas(STANDARDS[file.version]).request(file.action)
    )
    for file in FILES[::5]
}
SOME_FILES = FILES[::5]


def bounded(judgement: Judgement) -> bool:
    assert judgement.verdict in (Verdict.OK, Verdict.ERRATUM, Verdict.VIOLATION)
    assert (judgement == OK) == (judgement.verdict is Verdict.OK)
    assert judgement == OK or judgement.rule in RULES
    judgement.pointer.encode()
    return len(judgement.pointer) <= MAX_POINTER and len(judgement.clause) < 100


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FILES), JSON)
def test_any_json_is_judged(file: Any, payload: Any) -> None:
    before = copy.deepcopy(payload)
    assert bounded(file.judged(payload))
    assert repr(payload) == repr(before)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ALL), st.text(), JSON, st.text(), st.integers(), st.text())
def test_any_message_is_judged(
    version: str, action: str, payload: Any, message_id: str, kind: int, code: str
) -> None:
    asked = the_judge(version)
    for direction in DIRECTIONS:
        assert bounded(asked.call(direction, action, payload, message_id))
        assert bounded(asked.send(direction, action, payload, message_id))
        assert bounded(asked.result(direction, action, payload))
    assert bounded(asked.error(kind, code, message_id, payload, message_id))


def changed(payload: Any, at: int, value: Any) -> Any:
    """`payload` with its `at`-th member or element, counted over all, replaced."""
    payload = copy.deepcopy(payload)
    places = places_of(payload)
    if not places:
        return value
    part, key = places[at % len(places)]
    part[key] = value
    return payload


def places_of(payload: Any) -> list[tuple[Any, Any]]:
    places: list[tuple[Any, Any]] = []

    def visit(part: Any) -> None:
        if isinstance(part, list | dict):
            for key in range(len(part)) if isinstance(part, list) else list(part):
                places.append((part, key))
                visit(part[key])

    visit(payload)
    return places


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SOME_FILES), st.booleans(), st.integers(0, 500), JSON)
def test_the_walk_and_the_validator_agree(file: Any, whole: bool, at: int, value: Any) -> None:
    payload = changed(payload_of(file.schema, whole=whole), at, value)
    form = FORMS[repr(file)]
    assert form is not None
    try:
        accepted = form.accepts(payload)
    except ValueError:
        return
    assert accepted == (not problems(form.node, payload))


RICH = [
    file
    for file in FILES
    if repr(file)
    in {
        "1.6-StopTransaction",
        "1.6-SetChargingProfile",
        "1.6-BootNotificationResponse",
        "2.0.1-NotifyEVChargingNeedsRequest",
        "2.0.1-SetNetworkProfileRequest",
        "2.1-MeterValuesRequest",
        "2.1-NotifyPeriodicEventStream",
    }
]
VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    101,
    2**31,
    1.0,
    1.5,
    16.1,
    22.05,
    1e300,
    "",
    "x" * 3000,
    AT,
    AT[1:],
    [],
    [1],
    {},
]


@pytest.mark.parametrize("file", RICH, ids=repr)
def test_the_walk_and_the_validator_agree_at_every_place(file: Any) -> None:
    schemas = Schemas(STANDARDS[file.version])
    form = schemas.response(file.action) if file.answers else schemas.request(file.action)
    assert form is not None
    payload = payload_of(file.schema, whole=True)
    for at in range(len(places_of(payload))):
        for value in VALUES:
            other = changed(payload, at, value)
            assert form.accepts(other) == (not problems(form.node, other)), (at, value)


def test_what_custom_data_holds_is_not_walked() -> None:
    custom = {"vendorId": "acme", "a": 1, "z": None}
    payload = {"reason": "x", "chargingStation": {"model": "m", "vendorName": "v"}, "customData": custom}
    judgement = call("BootNotification", payload, version="2.1")
    assert (judgement.rule, judgement.pointer) == ("enum", "/reason")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (16.1, True),
        (32.1, True),
        (22.05, False),
        (0.3, True),
        (1e300, True),
        (1234567.9, True),
        (2**70, True),
    ],
)
def test_multiples_are_decimal(value: float, expected: bool) -> None:
    assert _is_multiple(value, 0.1) is expected
    period = {"startPeriod": 0, "limit": value}
    payload = {
        "status": "Accepted",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]},
    }
    assert (the_judge("1.6").result(CSMS, "GetCompositeSchedule", payload) == OK) is expected


def test_draft_6_takes_a_whole_number_for_an_integer_and_draft_4_does_not() -> None:
    status = {"timestamp": AT, "connectorStatus": "Available", "evseId": 1.0, "connectorId": 1}
    assert call("StatusNotification", status, version="2.0.1") == OK
    assert call("StopTransaction", stopped(meterStop=1.0)).rule == "type"


# what the validator itself cannot read


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_nesting_does_not_matter() -> None:
    assert call("Authorize", {"idTag": deep(100_000)}).rule == "type"
    assert call("Authorize", {"idTag": "x", "more": deep(100_000)}).pointer == "/more"
    custom = {"customData": {"vendorId": "acme", "deep": deep(5_000)}}
    assert call("Heartbeat", custom, version="2.0.1") == OK


def test_lone_surrogates() -> None:
    status = {"connectorId": 1, "errorCode": "\ud800", "status": "Available"}
    assert call("StatusNotification", status).rule == "not Unicode"
    assert call("Heartbeat", {"\ud800": 1}) == Judgement(Verdict.VIOLATION, "not Unicode", "", "RFC 8259 §8")
    assert bounded(call("StopTransaction", stopped(meterStop="x", timestamp="\ud800")))


def test_integers_beyond_reading() -> None:
    digits = sys.get_int_max_str_digits()
    assert call("StopTransaction", stopped(transactionId=10**digits)).rule in {"unreadable value", "range"}
    assert call("StopTransaction", stopped(transactionId=10**30)).verdict is Verdict.ERRATUM


@pytest.mark.parametrize("payload", [{1: 2}, {(1, 2): 3}, {"idTag": b"x"}, {"idTag": {1}}, object(), b""])
def test_what_is_no_json_at_all(payload: Any) -> None:
    assert call("Authorize", payload).verdict is Verdict.VIOLATION


# bounds


def test_at_most_twenty_problems_are_looked_at() -> None:
    """The 21st is a violation, but nobody comes so far."""
    samples = [{"value": "1", "unit": "C"}] * 20
    reports = [{"timestamp": AT, "sampledValue": [*samples, {"value": 1}]}]
    judgement = call("MeterValues", {"connectorId": 1, "meterValue": reports})
    assert judgement.verdict is Verdict.ERRATUM
    form = Schemas(STANDARDS["1.6"]).request("MeterValues")
    assert len(problems(form.node, {"connectorId": 1, "meterValue": [1] * 1000})) == MAX_PROBLEMS


def test_a_problem_beyond_what_is_looked_at_is_a_violation_of_the_schema() -> None:
    keys = [{"key": "x", "readonly": True}] * MAX_VISITS
    judgement = the_judge("1.6").result(CSMS, "GetConfiguration", {"configurationKey": [*keys, 1]})
    assert (judgement.verdict, judgement.rule, judgement.pointer) == (Verdict.VIOLATION, "schema", "")
    assert the_judge("1.6").result(CSMS, "GetConfiguration", {"configurationKey": keys}) == OK


def test_the_order_of_members_does_not_change_the_verdict() -> None:
    payload = {**sampled(unit="C", phase="L4"), "transactionId": 0, "b": 1, "a": 1}
    backwards = dict(reversed(payload.items()))
    assert call("MeterValues", payload) == call("MeterValues", backwards)
    assert call("MeterValues", payload).pointer == "/a"
    assert the_judge("1.6").call(CP, "MeterValues", payload, "1").rule == "additional property"
