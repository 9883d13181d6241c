"""The page of evidence: made of what the runs kept, and up to date."""

from __future__ import annotations

import pytest

from tests import evidence
from tests.evidence import PAGE, Table


def test_the_page_is_what_the_runs_kept() -> None:
    assert PAGE.read_text() == evidence.render(evidence.parts()), "run: python -m tests.evidence"


def test_every_suite_has_run() -> None:
    assert [part["suite"] for part in evidence.parts()] == list(evidence.ORDER)


def test_what_is_kept_can_be_rendered(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    table = Table("Kills", ["part", "kills", "seconds"], [["relay", 1000, 0.56789]], note="Quiet.")
    evidence.keep("kills", "What was killed", "make kill", [table], ["0 lost."], versions={"nginx": "1.22"})
    page = evidence.render(evidence.parts())
    assert "## What was killed" in page
    assert "| relay | 1000 | 0.568 |" in page
    assert "nginx 1.22" in page
    assert "- 0 lost." in page
