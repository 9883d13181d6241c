"""The store's process: started by whoever needs it, survives any kill, ends when nobody needs it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from proxy.store.client import Role, Store, StoreError, connect
from proxy.store.embedded import line
from proxy.store.embedded.layout import TRY_AGAIN, connect_socket, store_directory
from proxy.store.embedded.line import Line

ProcessesOf = Callable[[Path], list[int]]
BATCHES = 16
ROWS = 400


def one(store: Store) -> bytes:
    return store.query("SELECT 1", format="TSV")


def gone(processes_of: ProcessesOf, data_dir: Path, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while processes_of(data_dir) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not processes_of(data_dir)


def test_what_the_process_is(store_dir: Path, writer: Store, processes_of: ProcessesOf) -> None:
    (process,) = processes_of(store_dir)
    assert os.getpriority(os.PRIO_PROCESS, process) >= 10
    assert len(os.sched_getaffinity(process)) <= max(1, len(os.sched_getaffinity(0)) - 1)
    assert os.getsid(process) == process
    maps = Path(f"/proc/{process}/maps").read_text()
    assert "_chdb" in maps
    assert "pandas" not in maps
    assert "pyarrow" not in maps
    for role in Role:
        assert stat.S_IMODE((store_directory(store_dir) / role.value).stat().st_mode) == 0o600


def test_killed_during_inserts_every_row_is_there_once(
    data_dir: Path, processes_of: ProcessesOf, row: Any
) -> None:
    store = connect("embedded", data_dir, Role.WRITER)
    store.migrate()
    batches = [
        [row("frames", connection_id="k", frame_no=ROWS * batch + n, payload=b"x" * 100) for n in range(ROWS)]
        for batch in range(BATCHES)
    ]
    for number, rows in enumerate(batches):
        if number in (5, 10):
            (process,) = processes_of(data_dir)
            threading.Timer(0.003 * number / 5, os.kill, (process, signal.SIGKILL)).start()
        for token in (number, max(0, number - 1)):
            insert_until_acknowledged(store, batches[token] if token != number else rows, f"k:{token}")
    found = store.query("SELECT count(), uniqExact(frame_no), sum(length(payload)) FROM frames", format="TSV")
    total = BATCHES * ROWS
    assert found == f"{total}\t{total}\t{total * 100}\n".encode()
    store.leave()


def insert_until_acknowledged(store: Store, rows: list[tuple[Any, ...]], token: str) -> None:
    for _ in range(3):
        try:
            return store.insert("frames", rows, token)
        except StoreError:
            continue
    raise AssertionError(token)


def test_a_killed_store_is_started_again_over_stale_sockets(
    data_dir: Path, processes_of: ProcessesOf
) -> None:
    store = connect("embedded", data_dir, Role.READER)
    (process,) = processes_of(data_dir)
    os.kill(process, signal.SIGKILL)
    assert one(store) == b"1\n"
    assert processes_of(data_dir) != [process]
    store.close()


def test_sigterm_ends_it_and_the_next_question_starts_another(
    data_dir: Path, processes_of: ProcessesOf
) -> None:
    store = connect("embedded", data_dir, Role.READER)
    os.kill(processes_of(data_dir)[0], signal.SIGTERM)
    assert gone(processes_of, data_dir)
    assert one(store) == b"1\n"
    assert store.query("SELECT timezone()", format="TSV") == b"UTC\n"
    store.close()


def test_a_path_longer_than_a_socket_address(tmp_path: Path, processes_of: ProcessesOf) -> None:
    data_dir = tmp_path / ("long name & odd ? ü %41 " * 4) / ("x" * 200)
    data_dir.mkdir(parents=True)
    assert len(os.fsencode(data_dir)) > 300
    store = connect("embedded", data_dir, Role.READER)
    assert one(store) == b"1\n"
    store.leave()
    assert gone(processes_of, data_dir)


def test_many_come_at_once_and_one_store_serves_them(data_dir: Path, processes_of: ProcessesOf) -> None:
    def come(_: int) -> tuple[bytes, Store]:
        store = connect("embedded", data_dir, Role.READER)
        return one(store), store

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(come, range(6)))
    assert [answer for answer, _ in answers] == [b"1\n"] * 6
    assert len(processes_of(data_dir)) == 1
    for _, store in answers:
        store.close()


def test_it_ends_at_once_when_the_last_leaves(data_dir: Path, processes_of: ProcessesOf) -> None:
    first = connect("embedded", data_dir, Role.WRITER)
    second = connect("embedded", data_dir, Role.READER)
    first.leave()
    assert one(second) == b"1\n"
    second.leave()
    assert gone(processes_of, data_dir)
    assert not {role.value for role in Role} & set(os.listdir(store_directory(data_dir)))


def test_who_comes_while_it_ends_is_served(data_dir: Path) -> None:
    store = connect("embedded", data_dir, Role.READER)
    for pause in (0.0, 0.1):
        leaving = threading.Thread(target=store.leave)
        leaving.start()
        time.sleep(pause)
        newcomer = connect("embedded", data_dir, Role.READER)
        assert one(newcomer) == b"1\n"
        leaving.join()
        assert one(newcomer) == b"1\n"
        store = newcomer
    store.close()


def test_a_store_of_another_version_is_asked_to_end(
    data_dir: Path, processes_of: ProcessesOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = connect("embedded", data_dir, Role.READER)
    (process,) = processes_of(data_dir)
    with monkeypatch.context() as patched:
        patched.setattr(line, "our_version", lambda: "99.0")
        newer = Line(data_dir, Role.READER, start_seconds=0.3)
    with pytest.raises(StoreError, match=r"^ocpptap 0.1.0 uses the store in .*, this is 99.0"):
        newer.open()
    assert processes_of(data_dir) == [process]
    old.close()
    with pytest.raises(StoreError):
        newer.open()
    assert gone(lambda _: [p for p in processes_of(data_dir) if p == process], data_dir)


def test_the_lock_admits_one(store_dir: Path, writer: Store) -> None:
    command = [sys.executable, "-m", "proxy.store", str(store_dir)]
    assert subprocess.run(command, check=False).returncode == TRY_AGAIN
    assert one(writer) == b"1\n"


def test_a_client_that_says_nothing_or_nonsense_does_no_harm(store_dir: Path, writer: Store) -> None:
    for said in (
        b"",
        b"\0\1\2",
        b"GET / HTTP/1.1\r\n",
        b"POST /?query=INSERT HTTP/1.1\r\nContent-Length: 99\r\n\r\nx",
    ):
        with connect_socket(store_directory(store_dir), Role.WRITER, 5) as sock:
            sock.sendall(said)
            sock.shutdown(socket.SHUT_WR)
    assert one(writer) == b"1\n"


def test_no_data_directory(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^no data directory "):
        connect("embedded", tmp_path / "none", Role.READER)


@pytest.mark.parametrize("in_the_way", ["clickhouse", "clickhouse/db", "clickhouse/store.lock/x"])
def test_a_store_that_cannot_start_says_why_in_one_line(tmp_path: Path, in_the_way: str) -> None:
    path = tmp_path / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    with pytest.raises(StoreError) as caught:
        connect("embedded", tmp_path, Role.READER)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) in str(caught.value)


def test_wrong_usage() -> None:
    done = subprocess.run([sys.executable, "-m", "proxy.store"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, b"usage: python -m proxy.store <data directory>\n")


def test_it_ends_ten_seconds_after_its_last_client(
    left_at: tuple[Path, float], processes_of: ProcessesOf
) -> None:
    data_dir, moment = left_at
    if time.monotonic() - moment < 8:
        assert processes_of(data_dir)
    assert gone(processes_of, data_dir, max(2.0, moment + 14 - time.monotonic()))
