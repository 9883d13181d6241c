from __future__ import annotations

from pathlib import Path

import pytest

from proxy.admin.left_out import LeftOut, left_out_path


def test_a_successor_goes_on_counting(tmp_path: Path) -> None:
    LeftOut(tmp_path).add(3)
    heir = LeftOut(tmp_path)
    heir.add(4)
    assert (heir.total, LeftOut(tmp_path).total) == (7, 7)


@pytest.mark.parametrize("count", [0, -5])
def test_when_none_is_left_out_nothing_is_written(tmp_path: Path, count: int) -> None:
    LeftOut(tmp_path).add(count)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("written", [b"", b"-1", b"1.5", b"9" * 40, b"\xff", b"{}", "٣".encode()])
def test_what_is_no_count_is_zero(tmp_path: Path, written: bytes) -> None:
    left_out_path(tmp_path).parent.mkdir()
    left_out_path(tmp_path).write_bytes(written)
    assert LeftOut(tmp_path).total == 0


def test_without_a_place_for_the_file_it_counts_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("in the way")
    left_out = LeftOut(tmp_path)
    left_out.add(2)
    left_out.add(2)
    assert left_out.total == 4
