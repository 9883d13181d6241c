from __future__ import annotations

import errno
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy import app, counters
from proxy.app import StartError, begin, bind, take_lock
from proxy.config import Config, load

CONFIG = load(None, {}, {})


@pytest.fixture
def bound() -> Iterator[Any]:
    """bind(listen, count), closed at the end."""
    sockets: list[socket.socket] = []

    def make(listen: str, count: int = 1, config: Config = CONFIG) -> list[socket.socket]:
        sockets.extend(made := bind("relay.listen", listen, count, config))
        return made

    yield make
    for made in sockets:
        made.close()


def test_the_lock_makes_the_directory_and_is_private(tmp_path: Path) -> None:
    descriptor = take_lock(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / "b" / "lock").stat().st_mode) == 0o600
    assert os.get_inheritable(descriptor)
    os.close(descriptor)


def test_two_runs_on_one_directory_are_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "LOCK_SECONDS", 0.0)
    descriptor = take_lock(tmp_path)
    with pytest.raises(StartError, match=rf"in use by another ocpptap run \(pid {os.getpid()}\)"):
        take_lock(tmp_path)
    os.close(descriptor)


def test_the_lock_outlives_its_taker_as_long_as_a_child_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "LOCK_SECONDS", 0.0)
    descriptor = take_lock(tmp_path)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    os.close(descriptor)
    with pytest.raises(StartError):
        take_lock(tmp_path)
    child.communicate()
    os.close(take_lock(tmp_path))


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot write to the data directory"):
        take_lock(tmp_path / "file" / "data")


def test_a_read_only_directory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(StartError, match="Permission denied"):
        take_lock(tmp_path)


def test_each_run_has_the_next_number(tmp_path: Path) -> None:
    assert [begin(tmp_path), begin(tmp_path)] == [1, 2]


def test_a_run_begins_with_gauges_at_zero(tmp_path: Path) -> None:
    begin(tmp_path)
    counters.Slots.open(counters.slots_path(tmp_path, 5)).set(counters.connected("1.6", 1), 3)
    begin(tmp_path)
    slots = counters.read_slots(counters.slots_path(tmp_path, 5))
    assert slots is not None
    assert slots[counters.connected("1.6", 1)] == 0


def test_each_worker_has_a_listener_on_the_same_port(bound: Any) -> None:
    listeners = bound("127.0.0.1:0", 3)
    assert len({listener.getsockname() for listener in listeners}) == 1
    assert all(os.get_inheritable(listener.fileno()) for listener in listeners)


def test_a_port_in_use_is_one_clear_line(bound: Any) -> None:
    [first] = bound("127.0.0.1:0")
    address = f"127.0.0.1:{first.getsockname()[1]}"
    with pytest.raises(StartError, match=f"relay.listen: cannot listen on {address}: Address already in use"):
        bound(address)


def test_connections_in_time_wait_are_not_in_use(bound: Any) -> None:
    [first] = bound("127.0.0.1:0")
    address = first.getsockname()
    with socket.create_connection(address) as client:
        first.accept()[0].close()
        client.recv(1)
    first.close()
    assert bound(f"127.0.0.1:{address[1]}")


def test_every_address_of_both_families(bound: Any) -> None:
    [listener] = bound("[::]:0")
    with socket.create_connection(("127.0.0.1", listener.getsockname()[1])):
        accepted, peer = listener.accept()
        accepted.close()
    assert peer[0] == "::ffff:127.0.0.1"


def test_a_name_that_is_no_address_is_one_clear_line(bound: Any) -> None:
    with pytest.raises(StartError, match=r"relay.listen no.such.invalid:1: "):
        bound("no.such.invalid:1")


def prepared(tmp_path: Path, **relay: Any) -> Any:
    relay = {"upstream": "ws://127.0.0.1:9/up", "listen": "127.0.0.1:0", "workers": 2, **relay}
    sections = {
        "data": str(tmp_path / "data"),
        "relay": relay,
        "admin": {"listen": "127.0.0.1:0", "token": "t"},
    }
    plan = app.prepare(load(None, {}, sections), ("check",))
    for child in plan.children:
        for descriptor in set(child.descriptors) - set(plan.children[0].descriptors[:1]):
            os.close(descriptor)
    os.close(plan.children[0].descriptors[0])
    return plan


def test_the_plan_names_all_processes_and_what_they_hold(tmp_path: Path) -> None:
    plan = prepared(tmp_path)
    assert [child.name for child in plan.children] == ["relay-0", "relay-1", "recorder", "admin"]
    [lock] = set.intersection(*(set(child.descriptors) for child in plan.children))
    assert [len(set(child.descriptors) - {lock}) for child in plan.children] == [1, 1, 0, 1]
    assert {child.restart_limit_seconds for child in plan.children[:2]} == {2.0}
    assert not plan.children[2].awaited


def test_the_ready_line(tmp_path: Path) -> None:
    said = prepared(tmp_path).ready_line
    assert said.startswith("ready: listening on ws://127.0.0.1:")
    assert ", upstream ws://127.0.0.1:9/up, store embedded, admin http://127.0.0.1:" in said
    assert said.endswith(" connections")


def test_the_capacity_follows_from_the_descriptors(tmp_path: Path) -> None:
    plan = prepared(tmp_path, limits={"descriptors": 1064})
    assert "capacity 946 connections" in plan.ready_line
    assert plan.children[-1].settings["capacity"] == 946


def test_an_unreachable_csms_is_a_warning_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared(tmp_path)
    assert (
        capsys.readouterr().err
        == "warning: upstream ws://127.0.0.1:9/up cannot be reached now: Connection refused\n"
    )


def test_modules_are_found_where_we_were_found() -> None:
    code = "import sys; sys.path[0] = sys.argv[1]; from proxy.plan import python; print('-P' in python('proxy.relay'))"
    said = [
        subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
        ).stdout.strip()
        for path in ("/usr/bin", "")
    ]
    assert said == ["True", "False"]
