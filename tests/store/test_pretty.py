"""Tables for a terminal: frames that hold whatever the values are."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from proxy.store.native.pretty import LONGEST_VALUE, MOST_ROWS, drawn


def test_a_table() -> None:
    rows: list[list[str | None]] = [["7", "a", "中ü"], ["1234", "bc\n", None]]
    assert drawn(["n", "long_name", "w"], ["UInt8", "String", "Nullable(String)"], rows).decode() == (
        "   ┌────n─┬─long_name─┬─w────┐\n"
        "1. │    7 │ a         │ 中ü  │\n"
        "2. │ 1234 │ bc\\n      │ ᴺᵁᴸᴸ │\n"
        "   └──────┴───────────┴──────┘\n"
    )


def test_numbers_stand_on_the_right() -> None:
    for kind, cell in (
        ("Nullable(Float64)", "│    1 │"),
        ("LowCardinality(Nullable(Int8))", "│    1 │"),
        ("String", "│ 1    │"),
        ("Array(UInt8)", "│ 1    │"),
    ):
        assert cell in drawn(["abcd"], [kind], [["1"]]).decode()


def test_no_rows_are_nothing() -> None:
    assert drawn(["a"], ["String"], []) == b""


def test_more_rows_than_a_terminal_takes_are_said_so() -> None:
    lines = drawn(["a"], ["UInt16"], [[str(n)] for n in range(MOST_ROWS + 1)]).decode().splitlines()
    assert lines[MOST_ROWS] == "1000. │ 999 │"
    assert lines[-1] == "The first 1000 rows; --format JSONEachRow gives all."
    assert len(lines) == MOST_ROWS + 3


def test_a_long_value_is_cut() -> None:
    assert len(drawn(["a"], ["String"], [["x" * 50_000]]).decode().splitlines()[1]) < LONGEST_VALUE + 20


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=5))
def test_no_value_breaks_the_frame_or_drives_the_terminal(rows: list[tuple[str, str]]) -> None:
    text = drawn(["a\x1b", "b"], ["String", "UInt8"], rows).decode()
    assert len(text.split("\n")) == len(rows) + 3
    assert not {unicodedata.category(character) for character in text if character != "\n"} & {
        "Cc",
        "Cf",
        "Zl",
    }
