"""tolerant: what counts as what."""

from __future__ import annotations

import pytest

from proxy.ocpp.tolerant import MAX_TEXT, items, mapping, seconds, text, word


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (300, 300),
        (0, 0),
        ("300", 300),
        (" 300 ", 300),
        (300.0, 300),
        ("300.0", 300),
        (-1, None),
        (True, None),
        ("", None),
        ("abc", None),
        ("inf", None),
        ("nan", None),
        ("9" * 1_000_000, None),
        (1e300, None),
        (10**15, None),
        (None, None),
        ([], None),
        ({}, None),
    ],
)
def test_seconds(value: object, expected: int | None) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (10, "10"), (0.5, "0.5"), (True, ""), (None, ""), ([], ""), ("x" * 999, "x" * MAX_TEXT)],
)
def test_text(value: object, expected: str) -> None:
    assert text(value) == expected


def test_an_object_where_an_array_is_due_counts_as_one_item() -> None:
    assert items({"a": 1}) == [{"a": 1}]
    assert items([1, 2]) == [1, 2]
    assert items("ab") == items(None) == []


def test_mapping_and_word() -> None:
    assert mapping({"a": 1}) == {"a": 1}
    assert mapping([]) == mapping(None) == {}
    assert word(" HeartBeatInterval ") == "heartbeatinterval"
