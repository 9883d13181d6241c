"""docs/ANALYZERS.md says what the analyzers are."""

from __future__ import annotations

from analyzers import ALL
from tests.analyzers.page import PAGE, page


def test_the_page_is_made_from_the_analyzers() -> None:
    assert PAGE.read_text() == page(), "python -m tests.analyzers.page"


def test_every_rule_stands_in_it() -> None:
    text = page()
    assert [rule.id for kind in ALL for rule in kind.rules if f"| {rule.id} |" not in text] == []
