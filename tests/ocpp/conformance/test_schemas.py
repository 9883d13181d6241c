"""Every official schema file of every version, against payloads made from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.ocpp.conformance import OK, Verdict
from proxy.ocpp.conformance.schemas import official
from proxy.ocpp.conformance.standards import SECURITY_16, STANDARDS, V16
from tests.ocpp.conformance.payloads import FILES, File, payload_of, the_judge

every_file = pytest.mark.parametrize("file", FILES, ids=repr)


def test_there_are_all_files() -> None:
    assert [len(the_judge(version).actions) for version in STANDARDS] == [39, 64, 91]
    assert len(FILES) == 2 * (39 + 64 + 91) - 1  # NotifyPeriodicEventStream is not answered


def test_the_tables_name_no_action_that_is_not_there() -> None:
    for version, standard in STANDARDS.items():
        assert standard.station | standard.sends <= the_judge(version).actions
    assert the_judge(V16).actions >= SECURITY_16


@every_file
@pytest.mark.parametrize("whole", [False, True], ids=["smallest", "whole"])
def test_a_payload_as_the_schema_wants_it_is_ok(file: File, whole: bool) -> None:
    payload = payload_of(file.schema, whole=whole)
    before = copy.deepcopy(payload)
    assert file.judged(payload) == OK
    assert payload == before


def without_one(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(pointer, `value` without that member) for every member at any depth."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        if isinstance(value, dict):
            yield f"{path}/{key}", {name: other for name, other in value.items() if name != key}
        for where, changed in without_one(member, f"{path}/{key}"):
            yield where, _with(value, key, changed)


def _with(value: Any, key: Any, member: Any) -> Any:
    changed = copy.copy(value)
    changed[key] = member
    return changed


@every_file
def test_a_missing_member_is_a_violation_and_named(file: File) -> None:
    for where, payload in without_one(payload_of(file.schema, whole=False)):
        judgement = file.judged(payload)
        assert (judgement.verdict, judgement.rule) == (Verdict.VIOLATION, "required")
        assert judgement.pointer == where
        assert judgement.clause


@every_file
def test_an_extra_member_is_a_violation_and_named(file: File) -> None:
    judgement = file.judged({**payload_of(file.schema, whole=False), "a/b": 1})
    assert (judgement.verdict, judgement.rule) == (Verdict.VIOLATION, "additional property")
    assert judgement.pointer == "/a~1b"


@every_file
def test_a_payload_that_is_no_object(file: File) -> None:
    payloads: list[Any] = [[], "x", 0, True, 1.5]
    for payload in payloads:
        judgement = file.judged(payload)
        assert (judgement.verdict, judgement.rule, judgement.pointer) == (Verdict.VIOLATION, "type", "")


@pytest.mark.parametrize("file", [file for file in FILES if file.version != V16], ids=repr)
def test_custom_data_may_hold_anything(file: File) -> None:
    payload = {**payload_of(file.schema, whole=False), "customData": {"vendorId": "acme", "any": [None, {}]}}
    assert file.judged(payload) == OK


def test_the_shipped_schemas_have_what_these_errata_say() -> None:
    """Were it not so, MeterValues and StopTransaction would want rows in ERRATA."""
    stop = official(STANDARDS[V16], "StopTransaction")
    assert "reason" not in stop["required"]
    for name in ("MeterValues", "StopTransaction"):
        assert {"Celcius", "Celsius"} <= set(_unit(official(STANDARDS[V16], name)))


def _unit(schema: dict[str, Any]) -> list[str]:
    part = schema["properties"].get("meterValue") or schema["properties"]["transactionData"]
    sample = part["items"]["properties"]["sampledValue"]["items"]
    words: list[str] = sample["properties"]["unit"]["enum"]
    return words


def test_every_enum_is_of_strings() -> None:
    """The type beside it is not compiled."""
    words = [word for file in FILES for word in _enums(file.schema)]
    assert len(words) > 1000
    assert {type(word) for word in words} == {str}


def _enums(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        if isinstance(part.get("enum"), list):
            yield from part["enum"]
        for inner in part.values():
            yield from _enums(inner)


def test_clauses_lead_to_the_message() -> None:
    asked = [file.judged("x").clause for file in FILES if file.action in ("MeterValues", "GetLog")]
    assert asked == [
        "OCPP 1.6 security whitepaper edition 2, GetLog.req",
        "OCPP 1.6 security whitepaper edition 2, GetLog.conf",
        "OCPP 1.6 edition 2 §6.31",
        "OCPP 1.6 edition 2 §6.32",
        "OCPP 2.0.1 Part 3, GetLogRequest",
        "OCPP 2.0.1 Part 3, GetLogResponse",
        "OCPP 2.0.1 Part 3, MeterValuesRequest",
        "OCPP 2.0.1 Part 3, MeterValuesResponse",
        "OCPP 2.1 Part 3, GetLogRequest",
        "OCPP 2.1 Part 3, GetLogResponse",
        "OCPP 2.1 Part 3, MeterValuesRequest",
        "OCPP 2.1 Part 3, MeterValuesResponse",
    ]
