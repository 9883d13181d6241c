"""Which time a segment covers: never less than it holds."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from proxy.journal.extents import ENDLESS, Extent, extents
from proxy.journal.filesystem import RealFileSystem
from tests.recorder.journals import BEGIN, SECOND, Segment, talk

FILES = RealFileSystem()


def saved(data: Path, number: int = 0, written: int = BEGIN + 9 * SECOND) -> Path:
    path = talk(Segment(number=number).opens(0.0), 2, 1.0).save(data)
    os.utime(path, ns=(written, written))
    return path


def test_from_when_it_was_made_to_when_it_was_last_written(tmp_path: Path) -> None:
    first, second = saved(tmp_path), saved(tmp_path, 1)
    (tmp_path / "journal" / "foreign").write_bytes(b"x")
    assert extents(FILES, str(tmp_path / "journal")) == [
        Extent(path.name, BEGIN, BEGIN + 9 * SECOND) for path in (first, second)
    ]


def test_a_clock_that_was_set_back_makes_it_longer(tmp_path: Path) -> None:
    path = saved(tmp_path, written=BEGIN - SECOND)
    assert extents(FILES, str(tmp_path / "journal")) == [Extent(path.name, BEGIN - SECOND, BEGIN)]


def test_a_damaged_header_makes_the_begin_unknown(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(b"garbage" + path.read_bytes()[7:])
    (extent,) = extents(FILES, str(tmp_path / "journal"))
    assert extent.since == 0
    path.write_bytes(b"")
    assert extents(FILES, str(tmp_path / "journal"))[0].since == 0


def test_a_writer_that_lives_may_still_write(tmp_path: Path) -> None:
    with saved(tmp_path).open("rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert extents(FILES, str(tmp_path / "journal"))[0].until == ENDLESS


def test_where_there_is_no_journal_there_are_none(tmp_path: Path) -> None:
    assert extents(FILES, str(tmp_path / "journal")) == []
