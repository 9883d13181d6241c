from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from proxy.recorder.checkpoint import Checkpoint, Checkpoints, pack, unpack

JOURNAL = b"j" * 16


def checkpoint(generation: int, journal: bytes = JOURNAL) -> Checkpoint:
    return Checkpoint(generation, journal, 100 + generation, b"", {"tally": pack(1, {"n": generation})})


def test_two_generations_are_kept_newest_first(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "recorder")
    for generation in (1, 2, 3):
        checkpoints.save(checkpoint(generation))
    assert [known.generation for known in checkpoints.load(JOURNAL)] == [3, 2]


@pytest.mark.parametrize("harm", [b"", b"garbage", b"ocpptap checkpoint 1\n" + b"0" * 40])
def test_a_damaged_generation_leaves_the_other(harm: bytes, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))
    (tmp_path / "checkpoint-a").write_bytes(harm)
    assert [known.generation for known in checkpoints.load(JOURNAL)] == [1]


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(2))
    whole = (tmp_path / "checkpoint-a").read_bytes()
    for position in range(len(whole)):
        harmed = bytearray(whole)
        harmed[position] ^= 1
        (tmp_path / "checkpoint-a").write_bytes(harmed)
        assert checkpoints.load(JOURNAL) == []


def test_another_journals_checkpoint_is_none_of_ours(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(checkpoint(1, b"x" * 16))
    assert checkpoints.load(JOURNAL) == []


def test_deaths_are_counted_until_a_checkpoint_is_reached(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert [checkpoints.begin() for _ in range(4)] == [0, 1, 2, 3]
    checkpoints.reached()
    assert checkpoints.begin() == 0


def test_an_end_that_was_ordered_is_no_death(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for _ in range(5):
        checkpoints.left(checkpoints.begin())
    assert checkpoints.begin() == 0


def test_a_full_disk_keeps_nobody_from_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("proxy.recorder.checkpoint._write_durably", full)
    assert Checkpoints(tmp_path).begin() == 0


def test_a_part_of_another_schema_is_unknown() -> None:
    part = pack(1, {"n": 1})
    assert unpack(part, 1, dict[str, int]) == {"n": 1}
    assert unpack(part, 2, dict[str, int]) is None
    assert unpack(part, 1, list[int]) is None
    assert unpack(None, 1, dict[str, int]) is None


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "recorder")
    checkpoints.save(checkpoint(1))
    assert (tmp_path / "recorder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "recorder" / "checkpoint-b").stat().st_mode & 0o777 == 0o600


def test_checkpoints_are_plain_data() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(checkpoint(7)), type=Checkpoint) == checkpoint(7)
