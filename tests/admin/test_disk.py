from __future__ import annotations

import shutil
from pathlib import Path

from proxy.admin.disk import look


def figures(data: Path) -> dict[str, float]:
    return {family.metric.name: series.value for family in look(data) for series in family.series}


def test_what_is_free_and_what_there_is(tmp_path: Path) -> None:
    found, usage = figures(tmp_path), shutil.disk_usage(tmp_path)
    assert found["ocpptap_data_size_bytes"] == usage.total
    assert 0 < found["ocpptap_data_free_bytes"] <= usage.total


def test_the_journal_counts_as_its_limit_does_one_in_the_making_too(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.mkdir()
    for name, size in (("a.journal", 5), ("b.journal.preparing", 70), ("uuid", 16)):
        (journal / name).write_bytes(b"x" * size)
    (journal / "folder").mkdir()
    (journal / "gone.journal").symlink_to("nowhere")
    assert figures(tmp_path)["ocpptap_journal_disk_bytes"] == 91


def test_a_journal_that_is_not_there_has_no_figure(tmp_path: Path) -> None:
    assert "ocpptap_journal_disk_bytes" not in figures(tmp_path)


def test_of_a_directory_that_is_gone_nothing_is_known(tmp_path: Path) -> None:
    assert figures(tmp_path / "gone") == {}
