"""Real files, real locks, real processes that are killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.journal import identity
from proxy.journal.filesystem import RealFileSystem
from proxy.journal.format import Kind
from proxy.journal.items import Damage, DamageKind, Item, LifeEnded
from proxy.journal.keeper import KeeperThread
from proxy.journal.merge import MergedJournal
from proxy.journal.opening import open_journal
from proxy.journal.settings import JournalSettings
from proxy.journal.writer import Journal
from tests.journal.world import ENCODERS, data, payloads, read_on

FS = RealFileSystem()


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "journal")


def start(directory: str, life: int, segment_bytes: int = 256 * 1024) -> subprocess.Popen[bytes]:
    """It writes faster than such segments can be made ready, so that it fails and recovers now and then."""
    uuid = identity.journal_uuid(FS, directory).hex()
    command = [sys.executable, "-m", "tests.journal.writing_worker", directory, uuid, str(life)]
    command.append(str(segment_bytes))
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])


def kill(process: subprocess.Popen[bytes]) -> int:
    """How many blocks it said to have appended since it was last asked."""
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    rest = process.stdout.read()
    process.stdout.close()
    process.wait()
    return rest.count(b"\n")


def wait_for(process: subprocess.Popen[bytes], blocks: int) -> None:
    assert process.stdout is not None
    for _ in range(blocks):
        process.stdout.readline()


def numbers(items: list[Item], life: int) -> list[int]:
    texts = (payload.split(b" ", 1)[0].split(b".") for payload in payloads(items))
    return [int(number) for of_life, number in texts if int(of_life) == life]


def test_kill_9_loses_nothing_that_was_appended(directory: str) -> None:
    reader, live = MergedJournal(FS, directory), list[Item]()
    for life in (1, 2, 3):
        process = start(directory, life)
        wait_for(process, 300 * life)
        live += reader.poll(1 << 30)
        last = 300 * life + kill(process)
        live += read_on(reader)
        assert numbers(live, life)[:last] == list(range(1, last + 1))
        assert len(numbers(live, life)) <= last + 1
    journal, thread = _one_record(
        directory, life=4
    )  # for one that was failing is over when the next one speaks
    journal.close()
    thread.stop(10)
    live += read_on(reader)
    assert live == read_on(MergedJournal(FS, directory))
    assert {item.kind for item in live if isinstance(item, Damage)} <= {DamageKind.TORN}
    assert [item.life for item in live if isinstance(item, LifeEnded)] == [1, 2, 3, 4]
    assert reader.finished


def test_a_stopped_process_keeps_its_life(directory: str) -> None:
    more_than_the_pipe_lets_it_write = 16 * 1024**2  # hence it never fails: one that failed holds no lock
    reader, process = MergedJournal(FS, directory), start(directory, 1, more_than_the_pipe_lets_it_write)
    wait_for(process, 10)
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    items = read_on(reader)
    assert numbers(items, 1)[:10] == list(range(1, 11))
    assert not [item for item in items if isinstance(item, LifeEnded)]
    assert not reader.finished
    kill(process)
    read_on(reader)
    assert reader.finished


def test_a_real_journal_from_opening_to_closing(directory: str) -> None:
    uuid = identity.journal_uuid(FS, directory)
    settings = JournalSettings(segment_bytes=1024**2, sync_ms=1)
    run = identity.next_run(FS, directory)
    journal, thread = open_journal(
        directory, uuid, run, 0, 1, settings, ENCODERS, lambda callback: callback()
    )
    for n in range(10):
        journal.append([data(bytes([n]) * 30_000)])
    journal.close()
    assert thread.stop(10)
    assert locks_held(directory) == 0
    reader = MergedJournal(FS, directory)
    items = read_on(reader)
    assert len(payloads(items)) * 30_000 + journal.gap_bytes == 10 * 30_000
    assert isinstance(items[-1], LifeEnded)
    reader.close()
    assert Path("/proc/self/fd").exists()
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if directory in os.path.realpath(fd)]


def locks_held(directory: str) -> int:
    held = 0
    for name in FS.listdir(directory):
        fd = FS.open(f"{directory}/{name}")
        held += FS.locked(fd)
        FS.close(fd)
    return held


def test_locks(directory: str) -> None:
    FS.make_directory(directory)
    writer = FS.create(f"{directory}/file")
    reader = FS.open(f"{directory}/file")
    other = FS.open(f"{directory}/file")
    assert not FS.locked(reader)
    assert FS.lock(writer)
    assert FS.locked(reader)
    assert not FS.lock(other)
    FS.unlock(writer)
    assert not FS.locked(reader)
    assert FS.lock(writer)
    FS.close(writer)
    assert not FS.locked(reader)
    assert FS.lock(other)
    FS.close(reader)
    FS.close(other)


def test_files(directory: str) -> None:
    FS.make_directory(directory)
    path = f"{directory}/file"
    fd = FS.create(path)
    FS.allocate(fd, 10_000)
    assert FS.pwrite(fd, b"abc", 5000) == 3
    assert FS.pread(fd, 5, 4999) == b"\0abc\0"
    FS.fsync(fd)
    FS.fdatasync(fd)
    FS.truncate(fd, 5003)
    assert FS.size(fd) == FS.status(path).size == 5003
    assert FS.status(path).modified_at > 0
    assert FS.status(directory).size == 0
    assert FS.space(directory).total > FS.space(directory).free > 0
    FS.rename(path, path + "2")
    FS.fsync_directory(directory)
    assert FS.listdir(directory) == ["file2"]
    assert FS.linked(fd)
    FS.unlink(path + "2")
    assert not FS.linked(fd)
    FS.close(fd)


def test_nobody_else_may_read_it(directory: str) -> None:
    FS.make_directory(directory)
    fd = FS.create(f"{directory}/file")
    assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(directory).st_mode) == 0o700
    assert not os.get_inheritable(fd)
    FS.close(fd)


def test_a_fifo_and_a_directory_that_are_named_like_segments(directory: str) -> None:
    journal, thread = _one_record(directory)
    journal.close()
    thread.stop(10)
    os.mkfifo(f"{directory}/p0-00000001-0001-00000001-00000001.journal")
    os.mkdir(f"{directory}/p0-00000001-0002-00000001-00000001.journal")
    reader = MergedJournal(FS, directory)
    assert payloads(read_on(reader)) == [b"1.0 "]
    assert read_on(reader) == []
    assert len(reader.skipped()) >= 1


def _one_record(directory: str, life: int = 1) -> tuple[Journal, KeeperThread]:
    uuid = identity.journal_uuid(FS, directory)
    settings = JournalSettings(segment_bytes=256 * 1024)
    journal, thread = open_journal(
        directory, uuid, 1, 0, life, settings, ENCODERS, lambda callback: callback()
    )
    journal.append([(Kind.DATA, 1, 1, 0, b"%d.0 " % life)])
    return journal, thread
