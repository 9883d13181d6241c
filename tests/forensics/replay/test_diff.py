from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from proxy.forensics.replay.diff import DEFAULT_IGNORED, MOST_CHANGES, Change, Kind, changes, ignoring
from proxy.ocpp.envelope import CallError, CallResult
from tests.forensics.replay.test_paths import JSON

NOTHING = ignoring(())


def found(recorded: Any, new: Any, *ignored: str) -> list[tuple[str, str, str]]:
    several = changes("Authorize", CallResult("1", recorded), CallResult("1", new), ignoring(ignored))
    return [(change.path, change.recorded, change.new) for change in several]


@pytest.mark.parametrize(
    ("recorded", "new"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (None, {}),
        ([], []),
        ({"a": "é"}, {"a": "é"}),
    ],
)
def test_the_same(recorded: Any, new: Any) -> None:
    assert found(recorded, new) == []


@pytest.mark.parametrize(
    ("recorded", "new", "change"),
    [
        ({"a": 1}, {"a": 2}, ("$.a", "1", "2")),
        ({"a": 1}, {"a": True}, ("$.a", "1", "true")),
        ({"a": False}, {"a": 0}, ("$.a", "false", "0")),
        ({"a": 1}, {"a": "1"}, ("$.a", "1", '"1"')),
        ({"a": None}, {}, ("$.a", "null", "")),
        ({}, {"a": None}, ("$.a", "", "null")),
        ({"a": [1, 2]}, {"a": [1]}, ("$.a[1]", "2", "")),
        ({"a": {"b": 1}}, {"a": []}, ("$.a", '{"b":1}', "[]")),
        ({"odd name": 1}, {"odd name": 2}, ("$['odd name']", "1", "2")),
        ({"a": [{"b": {"c": 1}}]}, {"a": [{"b": {"c": 3}}]}, ("$.a[0].b.c", "1", "3")),
    ],
)
def test_what_differs_is_told_with_its_place(recorded: Any, new: Any, change: tuple[str, str, str]) -> None:
    assert found(recorded, new) == [change]


def test_places_come_in_the_order_of_the_recording() -> None:
    assert [path for path, _, _ in found({"b": 1, "a": [1, 2]}, {"c": 0, "a": [3, 4], "b": 2})] == [
        "$.b",
        "$.a[0]",
        "$.a[1]",
        "$.c",
    ]


def test_what_is_ignored_does_not_differ() -> None:
    now = {"currentTime": "later", "status": "Accepted", "transactionId": 8}
    then = {"currentTime": "then", "status": "Rejected", "transactionId": 7}
    assert found(then, now, *DEFAULT_IGNORED) == [("$.status", '"Rejected"', '"Accepted"')]
    assert found(then, now, *DEFAULT_IGNORED, "Authorize:$.status") == []
    assert len(found(then, now)) == 3


def test_an_error_in_place_of_a_result_and_the_other_way_round() -> None:
    result, error = CallResult("1", {"a": 1}), CallError("1", "InternalError", "no")
    assert changes("A", result, error, NOTHING) == [Change(Kind.ERROR, "", '{"a":1}', '"InternalError: no"')]
    assert changes("A", error, result, NOTHING)[0].kind is Kind.RESULT


def test_errors_are_compared_by_their_codes() -> None:
    error = CallError("1", "InternalError", "no")
    assert changes("A", error, CallError("2", "InternalError", "other words", {"x": 1}), NOTHING) == []
    other = changes("A", error, CallError("1", "NotSupported"), NOTHING)
    assert other == [Change(Kind.VALUE, "error code", '"InternalError: no"', '"NotSupported"')]


def test_an_action_may_be_ignored_whole() -> None:
    assert changes("A", CallResult("1", {}), CallError("1", "X"), ignoring(("A:",))) == []


def test_one_answer_tells_so_many_differences_and_no_more() -> None:
    assert len(found(list(range(1_000)), [])) == MOST_CHANGES


def test_depth_is_no_matter() -> None:
    deep: Any = 1
    other: Any = 2
    for _ in range(900):
        deep, other = {"a": deep}, {"a": other}
    assert len(found(deep, other)) == 1


@given(JSON)
def test_everything_is_the_same_as_itself(value: Any) -> None:
    assert found({"v": value}, {"v": copy.deepcopy(value)}) == []


@given(JSON, JSON)
def test_a_difference_is_one_from_both_sides(one: Any, other: Any) -> None:
    there, back = found({"v": one}, {"v": other}), found({"v": other}, {"v": one})
    assert sorted(there) == sorted((path, new, recorded) for path, recorded, new in back)
