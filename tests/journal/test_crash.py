"""Power failure at every moment, in every legal way, and again in the life after it: `make crash-states` tries more."""

from __future__ import annotations

import random
from typing import Final

import pytest

from tests.journal.crash import NAMES_LOST, TORN, WRITES_LOST, Crash, changes, fingerprint, pending, states
from tests.journal.disk import Disk, Inode, Op, Process
from tests.journal.stories import WRITTEN, Story, drawn, rolling, second_life
from tests.journal.verdict import LOST, Search, Tally, explore, judge

AT_LEAST: Final = {
    "rolling": 700,
    "filling": 400,
    "failing": 700,
    "unsynced": 800,
    "refused": 1200,
    "two_workers": 1000,
    "deleting": 700,
}
"""Distinct states of each story. All together: more than the 2,000 of DESIGN 10."""


@pytest.mark.parametrize("name", WRITTEN)
def test_what_was_synced_survives_and_nothing_is_invented(name: str) -> None:
    tally = Tally()
    every = 2 if name == "deleting" else 1
    explore(WRITTEN[name](), name, Search(every=every), tally, random.Random(1))
    assert tally.first == []
    assert tally.total >= AT_LEAST[name]
    assert tally.states[TORN] > 0 < tally.states[WRITES_LOST]
    assert tally.missing.total() > 0 < tally.said.total()


def test_so_many_states_are_enough() -> None:
    assert AT_LEAST.keys() == WRITTEN.keys()
    assert sum(AT_LEAST.values()) >= 2000


@pytest.mark.parametrize("name", ["rolling", "two_workers"])
def test_the_life_after_a_crash_may_crash_too_and_changes_nothing_of_before(name: str) -> None:
    story, tally = WRITTEN[name](), Tally()
    heirs = explore(story, name, Search(heirs=10, every=20), Tally(), random.Random(1))
    for heir in heirs:
        explore(heir.story(second_life), f"after {name}", Search(every=9), tally, random.Random(1))
    assert len(heirs) >= 2
    assert tally.first == []
    assert tally.total >= 80


def test_a_story_that_is_drawn_is_the_same_again() -> None:
    first, again = (_drawn(7) for _ in range(2))
    assert [said.payload for said in first.said] == [said.payload for said in again.said]
    assert [op.kind for op in first.log] == [op.kind for op in again.log]


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_written_to_a_segment_without_its_lock(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a reader may take a segment for left that is still written."""
    write, written = Process.pwrite, []

    def watched(self: Process, fd: int, data: bytes, offset: int) -> int:
        (path,) = (path for path, inode in self.disk.entries.items() if inode is self._files[fd])
        if ".journal" in path:
            written.append(path)
            assert self._files[fd].locked_by == fd
        return write(self, fd, data, offset)

    monkeypatch.setattr(Process, "pwrite", watched)
    WRITTEN[name]()
    assert len(written) > 5


# the enumeration and the judge themselves

WRITE: Final = Op("write", 1, 0, b"ab")
MADE: Final = [Op("create", 1, path="/x"), Op("allocate", 1, 8), WRITE, Op("sync", 1)]


def names(crash: Crash) -> list[str]:
    return sorted(crash.disk.entries)


def test_what_a_sync_covers_is_not_lost() -> None:
    assert pending(MADE) == [0]
    assert pending([*MADE, Op("sync_directory")]) == []
    assert pending([*MADE, WRITE]) == [0, 4]


def test_what_a_failed_sync_covers_no_later_one_does() -> None:
    failed = [*MADE[:3], Op("sync_failed", 1), Op("sync", 1), Op("sync_directory")]
    assert pending(failed) == [1, 2]


def test_each_subset_and_each_torn_byte_is_a_state() -> None:
    found = list(states([*MADE, WRITE]))
    assert len(found) == 4 + 1
    assert [crash.kind for crash in found].count(TORN) == 1


def test_a_long_write_tears_at_each_sector() -> None:
    made = [Op("create", 1, path="/x"), Op("allocate", 1, 2048), Op("sync", 1), Op("sync_directory")]
    torn = [
        bytes(crash.disk.entries["/x"].data)
        for crash in states([*made, Op("write", 1, 500, b"a" * 1200)])
        if crash.kind == TORN
    ]
    heads = {data.rstrip(b"\0") for data in torn} & {bytes(500) + b"a" * n for n in range(1, 1200)}
    assert {len(head) for head in heads} == {512, 1024, 1536}
    assert bytes(512) + b"a" * 1188 in torn
    assert bytes(500) + b"a" * 12 + bytes(512) + b"a" * 676 in torn


def test_of_a_rename_there_is_the_old_name_the_new_one_or_both() -> None:
    log = [*MADE, Op("sync_directory"), Op("rename", path="/x", new_path="/y")]
    assert sorted(map(names, states(log))) == [["/x"], ["/x", "/y"], ["/y"]]
    assert NAMES_LOST in {crash.kind for crash in states(log)}


def test_a_name_may_be_there_whose_maker_was_lost() -> None:
    log = [*MADE, Op("rename", path="/x", new_path="/y")]
    both = [crash for crash in states(log) if names(crash) == ["/y"]]
    assert {bytes(crash.disk.entries["/y"].data) for crash in both} == {b"ab"}


def test_deletions_may_come_back_in_any_order() -> None:
    log = [Op("create", n, path=f"/{n}") for n in (1, 2)]
    log += [Op("sync_directory"), *(Op("unlink", path=f"/{n}") for n in (1, 2))]
    assert sorted(map(names, states(log))) == [[], ["/1"], ["/1", "/2"], ["/2"]]


def test_two_files_one_after_the_other_are_two_whatever_their_number() -> None:
    log = [*MADE, Op("unlink", path="/x"), Op("create", 1, path="/z")]
    assert {op.inode for op in changes(log) if op.kind == "create"} == {1, 6}


def test_an_equal_disk_is_the_same_state() -> None:
    def disk(content: bytes, path: str = "/x") -> Disk:
        made, inode = Disk(), Inode()
        inode.write(0, content)
        made.entries[path] = inode
        return made

    assert fingerprint(disk(b"a")) == fingerprint(disk(b"a"))
    assert len({fingerprint(disk(b"a")), fingerprint(disk(b"b")), fingerprint(disk(b"a", "/y"))}) == 3


def test_a_loss_would_be_seen() -> None:
    story = rolling()
    last = next(states(story.log)).disk
    inode = next(inode for path, inode in last.entries.items() if path.endswith("1.journal"))
    inode.truncate(200)
    assert any(problem.startswith(LOST) for problem in judge(story, len(story.log), last).problems)


def _drawn(seed: int) -> Story:
    return drawn(random.Random(seed), 30)
