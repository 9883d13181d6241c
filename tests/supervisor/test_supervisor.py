from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import proxy.supervisor
from proxy.supervisor.settings import Child

DRAIN = {"order": "drain"}


def killed(run: Any, name: str) -> None:
    os.kill(run.lives(name)[-1]["pid"], signal.SIGKILL)


def parts(run: Any) -> dict[str, tuple[str, int]]:
    """What admin was told last."""
    told = [order for order in run.orders("admin") if order != "eof" and order["order"] == "status"]
    return {part["name"]: (part["state"], part["starts"]) for part in told[-1]["parts"]} if told else {}


def test_is_ready_when_all_awaited_are(run: Any) -> None:
    run.start(run.child("relay-0"), run.child("relay-1"), run.child("recorder", "broken", awaited=False))
    assert run.ready_line() == "ready: all"
    assert run.lives("relay-0")[0]["settings"] == {"name": "relay-0", "life": 1}


def test_a_killed_child_is_started_again_with_the_next_life(run: Any) -> None:
    run.start(run.child("relay-0"))
    run.ready_line()
    killed(run, "relay-0")
    run.until(lambda: len(run.lives("relay-0")) == 2)
    assert run.lives("relay-0")[1]["settings"]["life"] == 2
    assert "killed by signal 9" in run.log


def test_a_child_that_cannot_start_does_not_stop_the_others(run: Any) -> None:
    nowhere = Child("recorder", "recorder", ("/nowhere",), awaited=False)
    run.start(run.child("relay-0"), nowhere)
    assert run.ready_line() == "ready: all"
    run.until(lambda: run.log.count("cannot start") >= 2)
    assert len(run.lives("relay-0")) == 1


def test_restarts_back_off_up_to_the_limit(run: Any) -> None:
    run.start(run.child("recorder", "broken", restart_limit_seconds=0.1))
    run.until(lambda: len(run.lives("recorder")) >= 4)
    assert run.process.poll() is None


def test_no_beat_is_death(run: Any) -> None:
    run.start(run.child("relay-0", "silent"), run.child("admin"), beat_limit_seconds=0.3)
    run.until(lambda: len(run.lives("relay-0")) >= 2)
    assert 'name=relay-0 why="no beat"' in run.log
    assert len(run.lives("admin")) == 1


def test_a_stopped_process_is_killed_and_replaced(run: Any) -> None:
    run.start(run.child("relay-0"), beat_limit_seconds=0.3)
    run.ready_line()
    os.kill(run.lives("relay-0")[0]["pid"], signal.SIGSTOP)
    run.until(lambda: len(run.lives("relay-0")) == 2)
    assert 'name=relay-0 why="no beat"' in run.log


def test_drains_part_by_part(run: Any) -> None:
    run.start(run.child("relay-0"), run.child("relay-1"), run.child("recorder"), run.child("admin"))
    run.ready_line()
    run.signal(signal.SIGTERM)
    assert run.exit_code() == 0
    assert all(run.orders(name)[-1] == DRAIN for name in ("relay-0", "relay-1", "recorder", "admin"))
    ends = [line.split("name=")[1].split()[0] for line in run.log.splitlines() if ": ended" in line]
    assert (set(ends[:2]), ends[2:]) == ({"relay-0", "relay-1"}, ["recorder", "admin"])


def test_the_recorder_is_not_drained_before_the_relay_is_gone(run: Any) -> None:
    run.start(run.child("relay-0", "deaf", drain_limit_seconds=60), run.child("recorder"))
    run.ready_line()
    run.signal(signal.SIGINT)
    run.until(lambda: run.orders("relay-0") == [DRAIN])
    assert run.orders("recorder") == []
    killed(run, "relay-0")
    assert run.exit_code() == 0
    assert run.orders("recorder") == [DRAIN]


def test_who_does_not_leave_in_time_is_killed(run: Any) -> None:
    run.start(run.child("relay-0", "deaf", drain_limit_seconds=0.2), run.child("recorder"))
    run.ready_line()
    run.signal(signal.SIGTERM)
    assert run.exit_code() == 0
    assert "did not leave in time" in run.log
    assert run.orders("recorder") == [DRAIN]


def test_a_second_signal_stops_all_at_once(run: Any) -> None:
    run.start(run.child("relay-0", "deaf", drain_limit_seconds=60), run.child("recorder"))
    run.ready_line()
    run.signal(signal.SIGTERM)
    run.until(lambda: run.orders("relay-0") == [DRAIN])
    run.signal(signal.SIGTERM)  # at once: taken for the same, as timeout(1) sends it
    time.sleep(0.25)
    run.signal(signal.SIGTERM)
    run.until(lambda: run.orders("recorder") == [{"order": "stop"}])
    assert run.orders("relay-0") == [DRAIN, {"order": "stop"}]
    killed(run, "relay-0")
    assert run.exit_code() == 0


def test_children_see_the_end_of_their_supervisor(run: Any) -> None:
    run.start(run.child("relay-0"), run.child("recorder"))
    run.ready_line()
    run.until(lambda: run.lives("recorder"))
    run.signal(signal.SIGKILL)
    run.exit_code()
    run.until(lambda: run.orders("relay-0") and run.orders("recorder"))
    assert (run.orders("relay-0"), run.orders("recorder")) == (["eof"], ["eof"])


def test_admin_is_told_how_the_others_are(run: Any) -> None:
    run.start(run.child("relay-0"), run.child("recorder", "broken", awaited=False), run.child("admin"))
    run.until(lambda: parts(run).get("relay-0") == ("up", 1))
    killed(run, "relay-0")
    run.until(lambda: parts(run).get("relay-0") == ("up", 2))
    run.until(lambda: parts(run)["recorder"][1] >= 2)
    assert parts(run)["relay-0"] == ("up", 2)


def test_a_new_admin_is_told_too(run: Any) -> None:
    run.start(run.child("relay-0"), run.child("admin"))
    run.until(lambda: parts(run) == {"relay-0": ("up", 1), "admin": ("up", 1)})
    killed(run, "admin")
    run.until(lambda: parts(run).get("admin") == ("up", 2))
    assert parts(run) == {"relay-0": ("up", 1), "admin": ("up", 2)}


def test_the_listener_outlives_its_worker_and_ends_with_the_drain(run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address, fd = listener.getsockname(), listener.fileno()
        shares = {"descriptors": (fd,), "listeners": (fd,)}
        run.start(
            run.child("relay-0", "broken", **shares), run.child("recorder", "deaf", drain_limit_seconds=60)
        )
        run.until(lambda: run.lives("relay-0") and run.lives("recorder"))
        socket.create_connection(address).close()
        run.signal(signal.SIGTERM)
        run.until(lambda: run.orders("recorder") == [DRAIN])
        refused = subprocess.run(
            [sys.executable, "-c", f"import socket; socket.create_connection({address})"],
            capture_output=True,
            check=False,
        )
        assert b"ConnectionRefusedError" in refused.stderr


CHECK = """
import json, os, sys
fd = int(sys.argv[1])
plan = json.loads(os.pread(fd, 1 << 20, 0))
plan["children"][0]["settings"]["retain"] = 7
plan["notes"] = ["listen: needs a restart"]
os.ftruncate(fd, 0)
os.pwrite(fd, json.dumps(plan).encode(), 0)
"""


def test_hangup_hands_new_settings_down(run: Any, tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text(CHECK)
    run.start(run.child("relay-0"), run.child("admin"), check=(sys.executable, str(tmp_path / "check.py")))
    run.ready_line()
    run.signal(signal.SIGHUP)
    settings = {"name": "relay-0", "retain": 7}
    run.until(lambda: run.orders("relay-0") == [{"order": "settings", "settings": settings}])
    killed(run, "relay-0")
    run.until(lambda: len(run.lives("relay-0")) == 2)
    assert run.lives("relay-0")[1]["settings"] == {**settings, "life": 2}
    assert "listen: needs a restart" in run.log


def test_a_bad_configuration_changes_nothing(run: Any) -> None:
    run.start(
        run.child("relay-0"), check=(sys.executable, "-c", "raise SystemExit('error: no such setting')")
    )
    run.ready_line()
    run.signal(signal.SIGHUP)
    run.until(lambda: "settings unchanged" in run.log)
    assert "error: no such setting" in run.log
    assert run.orders("relay-0") == []


def test_is_under_200_lines_of_code() -> None:
    """What it does; what it can be told stands in `settings.py`."""
    program = Path(proxy.supervisor.__file__).parent / "__main__.py"
    assert sum(bool(line.strip()) for line in program.read_text().splitlines()) < 200


def test_a_service_manager_hears_when_it_is_ready_that_it_lives_and_when_it_leaves(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        run.start(run.child("relay-0"))
        run.ready_line()
        said = [manager.recv(100) for _ in range(4)]
        assert b"READY=1" in said
        assert said.count(b"WATCHDOG=1") >= 2
        run.signal(signal.SIGTERM)
        while manager.recv(100) != b"STOPPING=1":
            pass


def test_admin_is_told_when_the_configuration_was_read_and_whether_it_worked(run: Any) -> None:
    check = (sys.executable, "-c", "raise SystemExit('error: no such setting')")
    run.start(run.child("admin"), check=check)
    run.until(lambda: [order for order in run.orders("admin") if order["order"] == "status"])
    run.signal(signal.SIGHUP)
    run.until(lambda: run.orders("admin")[-1]["configured"]["ok"] is False)
    first, last = (run.orders("admin")[place]["configured"] for place in (0, -1))
    assert (first["ok"], last["at"]) == (True, first["at"])
