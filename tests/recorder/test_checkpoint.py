"""The recorder's own files in every state a crash or a bad disk may leave: it starts, and the rows are exact."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import End
from proxy.journal.items import Positions
from proxy.journal.merge import MergedJournal
from proxy.journal.retention import delete_stored
from proxy.journal.settings import JournalSettings
from proxy.pipeline.batch import Row
from proxy.recorder import checkpoint as module
from proxy.recorder.checkpoint import Checkpoint, Checkpoints, pack, unpack
from proxy.recorder.inserter import Inserter
from proxy.recorder.recorder import Recorder
from proxy.recorder.settings import RecorderSettings
from proxy.recorder.start import Stored, make_pipeline, usable
from proxy.tables import TABLES
from tests.recorder.journals import JOURNAL as WRITTEN_JOURNAL
from tests.recorder.journals import Segment, talk

JOURNAL = b"j" * 16
KEY = b"k" * 32


def checkpoint(generation: int, journal: bytes = JOURNAL) -> Checkpoint:
    return Checkpoint(generation, journal, 100 + generation, b"", {"tally": pack(1, {"n": generation})})


def test_two_generations_are_kept_newest_first(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "recorder", KEY)
    for generation in (1, 2, 3):
        checkpoints.save(checkpoint(generation))
    assert [known.generation for known in checkpoints.load(JOURNAL)] == [3, 2]


@pytest.mark.parametrize(
    "harm", [b"", b"garbage", b"ocpptap checkpoint 2\n", b"ocpptap checkpoint 2\n" + b"0" * 40]
)
def test_a_damaged_generation_leaves_the_other(harm: bytes, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, KEY)
    checkpoints.save(checkpoint(1))
    checkpoints.save(checkpoint(2))
    (tmp_path / "checkpoint-a").write_bytes(harm)
    assert [known.generation for known in checkpoints.load(JOURNAL)] == [1]


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, KEY)
    checkpoints.save(checkpoint(2))
    whole = (tmp_path / "checkpoint-a").read_bytes()
    for position in range(len(whole)):
        harmed = bytearray(whole)
        harmed[position] ^= 1
        (tmp_path / "checkpoint-a").write_bytes(harmed)
        assert checkpoints.load(JOURNAL) == []


def test_nothing_in_a_checkpoint_can_be_read_without_its_key(tmp_path: Path) -> None:
    known = msgspec.structs.replace(checkpoint(2), parts={"pipeline": pack(1, b"canary-4d1c")})
    for _ in range(2):
        Checkpoints(tmp_path, KEY).save(known)
        assert b"canary" not in (tmp_path / "checkpoint-a").read_bytes()
    assert Checkpoints(tmp_path, KEY).load(JOURNAL) == [known]
    assert Checkpoints(tmp_path, b"K" * 32).load(JOURNAL) == []


def test_two_checkpoints_never_share_a_nonce(tmp_path: Path) -> None:
    sealed = set()
    for _ in range(5):
        Checkpoints(tmp_path, KEY).save(checkpoint(2))
        sealed.add((tmp_path / "checkpoint-a").read_bytes())
    assert len(sealed) == 5


def test_another_journals_checkpoint_is_none_of_ours(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, KEY)
    checkpoints.save(checkpoint(1, b"x" * 16))
    assert checkpoints.load(JOURNAL) == []


def test_deaths_are_counted_until_a_checkpoint_is_reached(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, KEY)
    assert [checkpoints.begin() for _ in range(4)] == [0, 1, 2, 3]
    checkpoints.reached()
    assert checkpoints.begin() == 0


def test_an_end_that_was_ordered_is_no_death(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, KEY)
    for _ in range(5):
        checkpoints.left(checkpoints.begin())
    assert checkpoints.begin() == 0


def test_a_full_disk_keeps_nobody_from_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("proxy.recorder.checkpoint.write_durably", full)
    assert Checkpoints(tmp_path, KEY).begin() == 0


def test_a_part_of_another_schema_is_unknown() -> None:
    part = pack(1, {"n": 1})
    assert unpack(part, 1, dict[str, int]) == {"n": 1}
    assert unpack(part, 2, dict[str, int]) is None
    assert unpack(part, 1, list[int]) is None
    assert unpack(None, 1, dict[str, int]) is None


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "recorder", KEY)
    checkpoints.save(checkpoint(1))
    assert (tmp_path / "recorder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "recorder" / "checkpoint-b").stat().st_mode & 0o777 == 0o600


def test_checkpoints_are_plain_data() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(checkpoint(7)), type=Checkpoint) == checkpoint(7)


# two threads


def test_a_checkpoint_reached_while_the_recorder_leaves_finds_the_file_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints, write = Checkpoints(tmp_path, KEY), module.write_durably
    deaths = checkpoints.begin()
    writing, others, leave_it = threading.Semaphore(0), [], threading.Event()

    def slowly(path: Path, data: bytes) -> None:
        others.append(threading.current_thread().name)
        writing.release()
        assert leave_it.wait(60)
        write(path, data)

    monkeypatch.setattr(module, "write_durably", slowly)
    inserter = threading.Thread(target=checkpoints.reached, name="inserter")
    inserter.start()
    assert writing.acquire(timeout=60)
    main = threading.Thread(target=checkpoints.left, args=(deaths,), name="main")
    main.start()
    assert not writing.acquire(timeout=0.2), "two write deaths.tmp at once"
    leave_it.set()
    inserter.join(60)
    main.join(60)
    assert others == ["inserter"]
    assert (tmp_path / "deaths").read_text() == "0"


# the states of the two generations


def two_generations(directory: Path) -> tuple[Path, Path]:
    """(newer, older)"""
    checkpoints = Checkpoints(directory, KEY)
    checkpoints.save(checkpoint(4))
    checkpoints.save(checkpoint(5))
    return directory / "checkpoint-b", directory / "checkpoint-a"


def generations(directory: Path) -> list[int]:
    return [known.generation for known in Checkpoints(directory, KEY).load(JOURNAL)]


@pytest.mark.parametrize("which", [0, 1])
def test_a_generation_cut_at_any_byte_leaves_the_other(which: int, tmp_path: Path) -> None:
    path = two_generations(tmp_path)[which]
    whole, other = path.read_bytes(), [4, 5][which]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert generations(tmp_path) == [other]
        path.write_bytes(whole[:length] + bytes(len(whole) - length))
        assert generations(tmp_path) == [other], "zeros behind"
    path.write_bytes(whole)
    assert generations(tmp_path) == [5, 4]


def test_what_a_crash_left_half_written_is_nobodys_checkpoint_and_in_nobodys_way(tmp_path: Path) -> None:
    two_generations(tmp_path)
    whole = (tmp_path / "checkpoint-a").read_bytes()
    for length in range(len(whole) + 1):
        (tmp_path / "checkpoint-a.tmp").write_bytes(whole[:length])
        assert generations(tmp_path) == [5, 4]
    Checkpoints(tmp_path, KEY).save(checkpoint(6))
    assert generations(tmp_path) == [6, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-a", "checkpoint-b"]


def test_a_checkpoint_that_is_not_written_leaves_the_older_generations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    two_generations(tmp_path)
    for step in ("os.fsync", "pathlib.Path.rename", "os.open"):
        with monkeypatch.context() as broken:
            broken.setattr(step, full)
            with pytest.raises(OSError, match="No space"):
                Checkpoints(tmp_path, KEY).save(checkpoint(6))
        assert generations(tmp_path) == [5, 4]
        assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("content", [b"", b"x", b"1.5", b"\xff\xfe", b"9" * 5000, b"3\x00"])
def test_garbled_deaths_are_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "deaths").write_bytes(content)
    (tmp_path / "deaths.tmp").write_bytes(b"7")
    assert Checkpoints(tmp_path, KEY).begin() == 0
    assert Checkpoints(tmp_path, KEY).begin() == 1


def test_positions_that_cannot_be_read_leave_the_older_generation() -> None:
    older = msgspec.structs.replace(checkpoint(4), positions=msgspec.msgpack.encode(Positions(3)))
    assert usable([checkpoint(5), older]) == (older, Positions(3))
    assert usable([checkpoint(5)]) is None


# a recorder in this process, over a journal whose stored segments go


class MemoryStore:
    """Rows by token. A token that comes again brings the same rows, or it was no replay."""

    def __init__(self, rows: dict[str, list[Row]] | None = None) -> None:
        self.rows = dict(rows or {})
        self.others: list[str] = []

    def insert(self, table: str, rows: list[Row], token: str) -> None:
        if self.rows.setdefault(token, rows) != rows:
            self.others.append(token)

    def close(self) -> None: ...

    def leave(self) -> None: ...

    def stored(self) -> Stored:
        newest = dict.fromkeys(TABLES, 0)
        for token in self.rows:
            _, number, table = token.split(":")
            newest[table] = max(newest[table], int(number))
        return Stored(newest, {})


def four_segments(data: Path) -> None:
    """One worker's, ten seconds in each; another's life beside it."""
    sent: dict[Any, int] = {}
    for number in range(4):
        segment = Segment(number=number + 1)
        segment._sent = sent
        if number == 0:
            segment.opens(0.5)
        talk(segment, 40, 1 + 10 * number)
        sent = segment._sent
        (segment.ends(10.9 + 10 * number, End.ROLLED) if number < 3 else segment.closes(41.5)).save(data)
    talk(Segment(worker=1).opens(3.2, 1, "CP_2"), 80, 4.0).save(data, tail=b"torn")


def record(data: Path, store: MemoryStore, turns: int = 1 << 30) -> None:
    """A recorder's life with a checkpoint in each second; it ends by itself, or is cut off after so many turns."""
    checkpoints = Checkpoints(data / "recorder", KEY)
    settings = RecorderSettings(data=str(data), checkpoint_seconds=0.0)
    found = usable(checkpoints.load(WRITTEN_JOURNAL))
    known, positions = found or (None, Positions())
    journal = MergedJournal(RealFileSystem(), str(data / "journal"), positions)
    pipeline = make_pipeline(WRITTEN_JOURNAL, settings, known, store.stored(), "", KEY)
    inserter = Inserter(lambda: store, WRITTEN_JOURNAL, store.stored().batches)
    recorder = Recorder(settings, journal, pipeline, inserter, checkpoints, lambda: None, _delete)
    if known is not None:
        recorder.resume(known, positions)
    checkpoints.begin()
    inserter.start()
    try:
        _work(recorder, turns)
    finally:
        journal.close()
        inserter.give_up()


def _work(recorder: Recorder, turns: int) -> None:
    while turns > 0 and recorder.turn():
        turns -= 1
        recorder._rested = 0.0
    while turns > 0 and not recorder.finish():
        continue
    done = threading.Event()
    recorder._put(done.set)
    assert done.wait(60)
    recorder.inserter.check()


def _delete(settings: RecorderSettings, older: Positions) -> None:
    delete_stored(RealFileSystem(), f"{settings.data}/journal", older, JournalSettings(), 1 << 62)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("written")
    four_segments(data)
    return data


@pytest.fixture(scope="module")
def undisturbed(written: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    data, store = tmp_path_factory.mktemp("undisturbed") / "data", MemoryStore()
    shutil.copytree(written, data)
    record(data, store)
    return store.rows


class Cut:
    """A recorder that was cut off late: two generations of checkpoints, the first segments are gone."""

    def __init__(self, data: Path) -> None:
        store = MemoryStore()
        record(data, store, turns=60)
        self.first = (data / "recorder" / "checkpoint-a").read_bytes()
        record(data, store, turns=200)
        self.data = data
        self.rows = store.rows
        first, second = (data / "recorder" / name for name in ("checkpoint-a", "checkpoint-b"))
        newest = Checkpoints(data / "recorder", KEY).load(WRITTEN_JOURNAL)[0].generation
        self.newer, self.older = (first, second) if newest % 2 == 0 else (second, first)
        assert len(list((data / "journal").glob("p0-00000001-0000-*"))) < 4

    def copy(self, data: Path) -> MemoryStore:
        shutil.copytree(self.data, data)
        return MemoryStore(self.rows)


@pytest.fixture(scope="module")
def cut(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    return Cut(Path(shutil.copytree(written, tmp_path_factory.mktemp("cut") / "data")))


def _missing(path: Path) -> None:
    path.unlink()


def _garbage(path: Path) -> None:
    path.write_bytes(b"\xee" * 700)


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _left_over(path: Path) -> None:
    """The crash came between the write and the rename."""
    path.with_name(path.name + ".tmp").write_bytes(path.read_bytes())


HARMS: dict[str, Callable[[Path], None]] = {
    "missing": _missing,
    "empty": _empty,
    "garbage": _garbage,
    "cut in half": _half,
    "left over beside itself": _left_over,
}


@pytest.mark.parametrize("which", ["newer", "older"])
@pytest.mark.parametrize("harm", HARMS)
def test_with_one_generation_left_the_rows_are_exact(
    harm: str, which: str, cut: Cut, undisturbed: dict[str, list[Row]], tmp_path: Path
) -> None:
    store = cut.copy(tmp_path / "data")
    HARMS[harm](tmp_path / "data" / "recorder" / getattr(cut, which).name)
    assert store.rows != undisturbed
    record(tmp_path / "data", store)
    assert store.rows == undisturbed
    assert store.others == []


@pytest.mark.parametrize("turns", range(1, 330, 47))
def test_cut_off_anywhere_and_again_the_rows_are_exact(
    turns: int, written: Path, undisturbed: dict[str, list[Row]], tmp_path: Path
) -> None:
    data, store = Path(shutil.copytree(written, tmp_path / "data")), MemoryStore()
    for life in range(3):
        record(data, store, turns=turns + 7 * life)
    record(data, store)
    assert store.rows == undisturbed
    assert store.others == []


def frames(rows: dict[str, list[Row]]) -> list[tuple[Any, Any]]:
    kind, payload, at = (list(TABLES["frames"]).index(name) for name in ("kind", "payload", "at"))
    found = [row for token, batch in rows.items() if token.endswith(":frames") for row in batch]
    return sorted((row[at], row[payload]) for row in found if row[kind] == "frame")


def test_a_checkpoint_that_points_at_deleted_segments_starts_and_says_what_is_missing(
    cut: Cut, undisturbed: dict[str, list[Row]], tmp_path: Path
) -> None:
    store = cut.copy(tmp_path / "data")
    (tmp_path / "data" / "recorder" / "checkpoint-a").write_bytes(cut.first)
    (tmp_path / "data" / "recorder" / "checkpoint-b").unlink()
    record(tmp_path / "data", store)
    assert frames(store.rows) == frames(undisturbed)
    gaps = [row for token, batch in store.rows.items() if token.endswith(":gaps") for row in batch]
    assert "missing" in {row[list(TABLES["gaps"]).index("kind")] for row in gaps}
