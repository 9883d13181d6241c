"""Columns for the driver: every type of the tables, and what is no value of it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.names import Direction
from proxy.store.interface import RowsRefused
from proxy.store.native.columns import columns_of, compile_columns
from proxy.tables import TABLES

DIRECTION = "Enum8('' = 0, 'from_charge_point' = 1, 'from_csms' = 2)"
PROOF = "Array(Tuple(String, UInt64))"


def column(kind: str, *values: Any) -> list[Any]:
    """One column of a table, as it is sent."""
    (found,) = columns_of(compile_columns({"it": kind}), [(value,) for value in values])
    return list(found)


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        ("UInt64", [0, 2**64 - 1], [0, 2**64 - 1]),
        ("Int8", [-128, 127], [-128, 127]),
        ("Float64", [1, -0.5], [1, -0.5]),
        ("DateTime64(6, 'UTC')", [1_999, -1], [1, -1]),
        (DIRECTION, [0, 2], [0, 2]),
        (
            "String",
            ["ü", b"\xff", "\ud800", "", memoryview(b"x")],
            ["ü".encode(), b"\xff", b"\\ud800", b"", b"x"],
        ),
        ("LowCardinality(String)", ["a", "b", b"a", ""], [b"a", b"b", b"a", b""]),
        ("Nullable(String)", [None, "a", None], [None, b"a", None]),
        ("Nullable(UInt32)", [7, 8], [7, 8]),
        ("Nullable(DateTime64(6, 'UTC'))", [None, None], [None, None]),
        ("Nullable(DateTime64(6, 'UTC'))", [5_000, None], [5, None]),
        ("Array(String)", [(), ["a", "b"], ("c",)], [[], [b"a", b"b"], [b"c"]]),
        ("Array(String)", [(), []], [(), []]),
        (PROOF, [[("a", 1), ("b", 2**64 - 1)], ()], [[(b"a", 1), (b"b", 2**64 - 1)], []]),
    ],
)
def test_values_as_they_are_sent(kind: str, given: list[Any], sent: list[Any]) -> None:
    assert column(kind, *given) == sent


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("UInt64", -1),
        ("UInt8", 256),
        ("UInt32", 1.5),
        ("Float64", "1"),
        ("DateTime64(6, 'UTC')", 2**80),
        ("DateTime64(6, 'UTC')", None),
        ("DateTime64(6, 'UTC')", 1e18),
        (DIRECTION, 3),
        (DIRECTION, "from_csms"),
        (DIRECTION, []),
        ("String", 7),
        ("String", None),
        ("LowCardinality(String)", None),
        ("Nullable(Int64)", "1"),
        ("Array(String)", "abc"),
        ("Array(String)", None),
        ("Array(String)", [7]),
        (PROOF, [("a",)]),
        (PROOF, [("a", 1, 2)]),
        (PROOF, [7]),
    ],
)
def test_what_does_not_fit_is_the_rows_fault(kind: str, value: Any) -> None:
    with pytest.raises(RowsRefused, match="does not fit") as caught:
        column(kind, value)
    assert "\n" not in str(caught.value)


def test_a_member_of_an_enum_is_sent_as_its_number() -> None:
    """The driver would look for its Python name among ClickHouse's."""
    sent = column(DIRECTION, Direction.FROM_CSMS, 2, 0)
    assert [(type(value), value) for value in sent] == [(int, 2), (int, 2), (int, 0)]


@pytest.mark.parametrize("rows", [[(1,)], [(1, "a", 2)], [(1, "a"), (1,)], [()], [7]])
def test_rows_of_another_length_are_refused(rows: list[Any]) -> None:
    with pytest.raises(RowsRefused):
        columns_of(compile_columns({"n": "UInt8", "s": "String"}), rows)


def test_every_table_has_columns() -> None:
    for columns in TABLES.values():
        compile_columns(columns)
    with pytest.raises(ValueError, match="no native column for Map"):
        compile_columns({"it": "Map(String, String)"})


@given(
    st.lists(st.one_of(st.integers(), st.floats(), st.text(), st.binary(), st.none(), st.lists(st.text())))
)
def test_whatever_comes_is_sent_or_refused(values: list[Any]) -> None:
    for kind in ("UInt64", "Float64", DIRECTION, "String", "Nullable(Int64)", "Array(String)", PROOF):
        try:
            assert len(column(kind, *values)) == len(values) or not values
        except RowsRefused:
            continue


@given(st.lists(st.floats()))
def test_floats_stay_bit_by_bit(values: list[float]) -> None:
    sent = column("Float64", *values) if values else []
    assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(sent, values, strict=True))
