"""The data directory's key: made once, kept to its owner, and one clear line when it is no key."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.recorder.key import KeyUnusable, load_key
from tests.recorder.journals import Segment, talk
from tests.recorder.process import RecorderProcess


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    key = load_key(tmp_path / "key")
    assert len(key) == 32
    assert load_key(tmp_path / "key") == key
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_no_two_data_directories_have_the_same(tmp_path: Path) -> None:
    assert load_key(tmp_path / "a") != load_key(tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"k" * 31, b"k" * 33])
def test_a_damaged_key_is_said_and_left_alone(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(KeyUnusable, match="damaged"):
        load_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == content


def test_a_key_that_cannot_be_read_or_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    with pytest.raises(KeyUnusable, match="cannot read"):
        load_key(tmp_path / "key")
    with pytest.raises(KeyUnusable, match="cannot write"):
        load_key(tmp_path / "nowhere" / "key")


def test_the_recorder_says_so_and_ends_without_counting_a_death(tmp_path: Path) -> None:
    talk(Segment().opens(0.1), 1, 1.0).closes(3.0).save(tmp_path)
    (tmp_path / "key").write_bytes(b"short")
    assert RecorderProcess(tmp_path).drain() == 1
    assert not (tmp_path / "recorder").exists()
