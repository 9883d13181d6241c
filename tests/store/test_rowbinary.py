"""RowBinary: the compiled encoders against a slow and simple one, and against the engine."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.store.client import Store
from proxy.store.rowbinary import Words, compile_encoder, leb128, string
from proxy.tables import TABLES

WIDTHS = {
    "Int8": "b", "UInt8": "B", "UInt16": "H", "UInt32": "I", "UInt64": "Q", "Int64": "q", "Float64": "d", "Enum8": "b",
}  # fmt: skip
SIGNED = {"Enum8", "Int8", "Int64"}


def plain(kind: str, value: Any) -> bytes:
    """The same encoding, written down for reading."""
    name, _, inner = kind.partition("(")
    match name:
        case "DateTime64":
            return struct.pack("<q", value // 1000)
        case "Nullable":
            return b"\1" if value is None else b"\0" + plain(inner[:-1], value)
        case "Array":
            return leb128(len(value)) + b"".join(plain(inner[:-1], item) for item in value)
        case "Tuple":
            parts = zip(inner[:-1].split(", "), value, strict=True)
            return b"".join(plain(part, item) for part, item in parts)
        case "String" | "LowCardinality":
            data = value if isinstance(value, bytes) else value.encode("utf-8", "backslashreplace")
            return leb128(len(data)) + data
    return struct.pack("<" + WIDTHS[name], value)


def values(kind: str) -> st.SearchStrategy[Any]:
    name, _, inner = kind.partition("(")
    match name:
        case "DateTime64":
            return st.integers(0, 2**62)
        case "Nullable":
            return st.none() | values(inner[:-1])
        case "Array":
            return st.lists(values(inner[:-1]), max_size=3)
        case "Tuple":
            return st.tuples(*(values(part) for part in inner[:-1].split(", ")))
        case "String" | "LowCardinality":
            return st.binary(max_size=300) | st.text(max_size=5) | st.just("\ud800")
        case "Float64":
            return st.floats(allow_nan=False)
    bits = 8 * struct.calcsize(WIDTHS[name])
    return (
        st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if name in SIGNED
        else st.integers(0, 2**bits - 1)
    )


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=20)
@given(data=st.data())
def test_compiled_encoder_says_what_the_plain_one_says(table: str, data: st.DataObject) -> None:
    kinds = TABLES[table].values()
    rows = [row for row in data.draw(st.lists(st.tuples(*map(values, kinds)), max_size=3)) for _ in range(2)]
    expected = b"".join(plain(kind, value) for row in rows for kind, value in zip(kinds, row, strict=True))
    assert compile_encoder(TABLES[table])(rows) == expected


@pytest.mark.parametrize(
    ("length", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16383, "ff7f"), (16384, "808001"), (1 << 20, "808040")],
)
def test_lengths_are_leb128(length: int, encoded: str) -> None:
    assert leb128(length).hex() == encoded
    assert string(b"x" * length)[: len(encoded) // 2].hex() == encoded


def test_words_stay_few_and_short() -> None:
    words = Words()
    for number in range(20_000):
        assert words[str(number)] == string(str(number))
    assert words["x" * 1_000_000] == string("x" * 1_000_000)
    assert len(words) <= 8192
    assert max(map(len, words.values())) <= 256


def test_a_row_like_the_one_before_and_one_that_is_not() -> None:
    """Meter values end with columns that are encoded once for all rows of a message."""
    columns = TABLES["meter_values"]
    blank: dict[str, Any] = {
        column: None if kind.startswith("Nullable") else "" for column, kind in columns.items()
    }
    blank |= {
        column: 0 for column, kind in columns.items() if kind.partition("(")[0] in (*WIDTHS, "DateTime64")
    }
    told = [(1, "a"), (1, "a"), (2, "a"), (2, "b"), (1, "a"), (None, "a")]
    rows = [
        tuple((blank | {"told_at": at, "charge_point": who}).values()) for at, who in told for _ in range(99)
    ]
    expected = b"".join(
        plain(kind, value) for row in rows for kind, value in zip(columns.values(), row, strict=True)
    )
    assert compile_encoder(columns)(rows) == expected


def test_unknown_type_is_an_error() -> None:
    with pytest.raises(ValueError, match="no RowBinary encoding for Decimal"):
        compile_encoder({"a": "Decimal(9, 2)"})


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_does_not_fit_its_table_is_an_error(table: str) -> None:
    with pytest.raises(ValueError, match="not enough values"):
        compile_encoder(TABLES[table])([(1, 2, 3)])


def test_the_engine_reads_every_type(writer: Store, reader: Store, row: Any) -> None:
    evidence = [("0011223344556677", 7), ("8899aabbccddeeff", 2**64 - 1)]
    given_row = row(
        "findings", finding_id="every-type", connector_id=4, cleared_at=None, evidence=evidence,
        severity=3, message="größer \ud800", observed=b"\xff\x00", batch=2**64 - 1,
    )  # fmt: skip
    writer.insert("findings", [given_row], "every-type")
    sql = "SELECT * REPLACE(hex(observed) AS observed) FROM findings WHERE finding_id = 'every-type'"
    stored = json.loads(reader.query(sql))
    assert stored["at"] == "2096-10-02 07:06:40.123456"
    assert (stored["connector_id"], stored["cleared_at"], stored["severity"]) == (4, None, "critical")
    assert [tuple(pair) for pair in stored["evidence"]] == evidence
    assert (stored["message"], stored["observed"]) == ("größer \\ud800", "FF00")
