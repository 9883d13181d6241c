"""docs/TABLES.md has a line for each table and column, and for nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxy.tables import INSERT_ORDER, KEYS, MERGED, MESSAGES, ONE_ROW_A_BATCH, ROLLUPS, TABLES

TEXT = (Path(__file__).parents[1] / "docs" / "TABLES.md").read_text()
SHARED = "In every table written from facts"
VIEWS = {**TABLES, "messages": MESSAGES, **ROLLUPS}


def columns(section: str) -> list[str]:
    (body,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return re.findall(r"^- `(\w+)`: \S", body, re.MULTILINE)


def test_each_table_has_a_section_and_each_section_a_table() -> None:
    sections = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    assert sorted(sections) == sorted([SHARED, *VIEWS])


@pytest.mark.parametrize("table", VIEWS)
def test_each_column_has_a_line_of_its_own_or_a_shared_one(table: str) -> None:
    own, shared = columns(table), set(columns(SHARED))
    assert len(own) == len(set(own))
    assert set(own) <= set(VIEWS[table])
    assert set(VIEWS[table]) - set(own) <= shared


def test_every_table_has_its_key_and_its_turn() -> None:
    assert set(KEYS) == set(INSERT_ORDER) == set(TABLES)
    assert (INSERT_ORDER[0], INSERT_ORDER[-1]) == ("frames", "findings")
    assert set(MERGED) < ONE_ROW_A_BATCH < set(TABLES)
    for table, key in KEYS.items():
        assert set(key) <= set(TABLES[table])
        assert {"batch", "journal", "source"} <= set(TABLES[table])
