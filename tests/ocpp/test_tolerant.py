"""tolerant: what counts as what."""

from __future__ import annotations

import pytest

from proxy.ocpp.tolerant import (
    MAX_TEXT,
    identifier,
    integer,
    items,
    mapping,
    number,
    seconds,
    small,
    text,
    truth,
    word,
    words,
)


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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (9223372036854775807, "9223372036854775807"),
        (-1, "-1"),
        (0, "0"),
        ("tx-7", "tx-7"),
        ("", ""),
        (None, ""),
        (True, ""),
        ({}, ""),
        ("x" * 999, "x" * 255),
    ],
)
def test_identifiers_of_any_type(value: object, expected: str) -> None:
    assert identifier(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        ("7", 7),
        (7.0, 7),
        (7.5, None),
        (-1, -1),
        (2**63 - 1, 2**63 - 1),
        ("9223372036854775807", 2**63 - 1),
        (2**63, None),
        (10**400, None),
        ("seven", None),
        (True, None),
        (float("nan"), None),
    ],
)
def test_integers(value: object, expected: int | None) -> None:
    assert integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0), (2**32 - 1, 2**32 - 1), (2**32, None), (-1, None), ("3", 3)]
)
def test_small_numbers_fit_a_column(value: object, expected: int | None) -> None:
    assert small(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("1.5", 1.5), (2, 2.0), (10**400, None), ("1_0", None), (True, None)]
)
def test_numbers(value: object, expected: float | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("False", False), (" true ", True), (1, None), ("", None)]
)
def test_truths(value: object, expected: bool | None) -> None:
    assert truth(value) is expected


def test_words_are_the_strings_of_an_array() -> None:
    assert words(["a", 7, None, "b"]) == ("a", "7", "", "b")
    assert len(words(["x"] * 5000)) == 1000
