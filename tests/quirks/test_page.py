"""docs/QUIRKS.md is what the fixtures say, and every quirk of the list is on it."""

from __future__ import annotations

import re

from tests.quirks.every import NUMBERS
from tests.quirks.page import PAGE, page


def test_the_page_is_made_of_the_fixtures() -> None:
    assert PAGE.read_text() == page()


def test_every_number_is_on_the_page() -> None:
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", page(), re.M)} == set(NUMBERS)


def test_every_row_of_a_table_has_its_cells() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3, 8}
