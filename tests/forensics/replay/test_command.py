"""`ocpptap replay` as an operator types it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy import cli
from tests.forensics.replay.peers import TableCsms, table_csms
from tests.forensics.replay.talks import CP, CSMS, call, result
from tests.forensics.replay.test_recording import line

LINES = [
    line(1, CP, call(1, "BootNotification"), chargePointId="CP_1"),
    line(2, CSMS, result(1, {"status": "Accepted"}), chargePointId="CP_1"),
]
SAME = {"BootNotification": {"status": "Accepted"}}
OTHER = {"BootNotification": {"status": "Rejected"}}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)))
    return path


@contextmanager
def csms(answers: dict[str, Any]) -> Iterator[TableCsms]:
    """In a thread of its own: the command has the test's."""
    ready, over = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def serve() -> None:
        async with table_csms(answers) as peer:
            found[:] = [peer, asyncio.get_running_loop()]
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield found[0]
    finally:
        found[1].call_soon_threadsafe(over.set)
        thread.join()


class Told:
    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Replay = Callable[..., Told]


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Replay:
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Told:
        monkeypatch.setattr(sys, "argv", ["ocpptap", "replay", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Told(left.value.code, *capsys.readouterr())

    return run


def test_nothing_differs_exit_0(replay: Replay, trace: Path) -> None:
    with csms(SAME) as peer:
        told = replay(trace, "--as", "charge-point", "--to", peer.url)
    assert (told.code, told.err) == (0, "")
    assert "no difference" in told.out


def test_something_differs_exit_1(replay: Replay, trace: Path) -> None:
    with csms(OTHER) as peer:
        told = replay(trace, "--as", "charge-point", "--to", peer.url)
    assert told.code == 1
    assert '$.status: recorded "Accepted", now "Rejected"' in told.out


def test_what_is_ignored_does_not_differ(replay: Replay, trace: Path) -> None:
    with csms(OTHER) as peer:
        told = replay(
            trace, "--as", "charge-point", "--to", peer.url, "--ignore", "BootNotification:$.status"
        )
    assert told.code == 0


def test_reports_in_files_and_a_line_on_stdout(replay: Replay, trace: Path, tmp_path: Path) -> None:
    with csms(OTHER) as peer:
        words = ("--diff", "d.json", "--diff", "d.html", "--diff", "d.txt")
        told = replay(trace, "--as", "charge-point", "--to", peer.url, *words)
    assert told.out.startswith("1 difference: 1 charge point")
    assert json.loads((tmp_path / "d.json").read_text())["differences"] == 1
    assert (tmp_path / "d.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "d.txt").read_text().startswith("replayed as charge point")


def test_json_on_stdout(replay: Replay, trace: Path) -> None:
    with csms(SAME) as peer:
        told = replay(trace, "--as", "charge-point", "--to", peer.url, "--diff", "-", "--format", "json")
    assert json.loads(told.out)["same"] is True


def test_a_session_of_the_store(replay: Replay, days: Path) -> None:
    with csms({}) as peer:
        words = (
            "--charge-point",
            "SIM-1.6",
            "--data",
            days,
            "--timeout",
            "0.2",
            "--ignore",
            "BootNotification:",
        )
        told = replay("--as", "charge-point", "--to", peer.url, "--format", "json", *words)
    found = json.loads(told.out)
    assert told.code == 1
    assert {one["action"]: one["differing"] for one in found["actions"]}["Authorize"] == 3
    assert "BootNotification" not in {one["action"] for one in found["found"]}


@pytest.mark.parametrize("given", ["option", "environment"])
def test_authorization_is_sent_when_it_is_told(
    replay: Replay, trace: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: tuple[str, ...] = ("--authorization", "Basic abc")
    if given == "environment":
        monkeypatch.setenv("OCPPTAP_REPLAY_AUTHORIZATION", "Basic abc")
        words = ()
    with csms(SAME) as peer:
        assert replay(trace, "--as", "charge-point", "--to", peer.url, *words).code == 0
    assert peer.requests[0].headers["Authorization"] == "Basic abc"


def production(tmp_path: Path, upstream: str) -> Path:
    told = {"event": "opened", "at": 1_800_000_000, "chargePointId": "CP_1", "row": {"upstream": upstream}}
    path = tmp_path / "production.jsonl"
    path.write_text("\n".join(map(json.dumps, [told, *LINES])))
    return path


@pytest.mark.parametrize("told", [0, 1])
def test_production_is_refused_unless_told_twice(replay: Replay, tmp_path: Path, told: int) -> None:
    with csms(SAME) as peer:
        path = production(tmp_path, f"{peer.url}/ocpp")
        found = replay(path, "--as", "charge-point", "--to", peer.url, *["--production"] * told)
        assert (found.code, found.out, peer.requests) == (2, "", [])
        assert "is the CSMS that this was recorded from" in found.err
        again = replay(path, "--as", "charge-point", "--to", peer.url, "--production", "--production")
        assert (again.code, len(peer.requests)) == (0, 1)


def test_the_configured_upstream_is_production_too(replay: Replay, trace: Path, tmp_path: Path) -> None:
    with csms(SAME) as peer:
        (tmp_path / "c.toml").write_text(f'[relay]\nupstream = "{peer.url}"\n')
        told = replay(trace, "--as", "charge-point", "--to", peer.url, "--config", "c.toml")
    assert (told.code, peer.requests) == (2, [])


def test_every_upstream_of_the_store_is_production(replay: Replay, days: Path) -> None:
    told = replay(
        "--charge-point", "SIM-2.1", "--data", days, "--as", "charge-point", "--to", "ws://csms.example:8080"
    )
    assert (told.code, "csms.example" in told.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.jsonl", "--as", "charge-point", "--to", "ws://x"), "none.jsonl"),
        (("trace.jsonl", "--as", "charge-point"), "--as charge-point needs a target"),
        (("trace.jsonl", "--as", "charge-point", "--to", "http://x"), "--to does not begin with ws://"),
        (("trace.jsonl", "--as", "charge-point", "--to", "ws://u:p@x"), "--to has a user or password"),
        (("trace.jsonl", "--as", "charge-point", "--to", "ws://x", "--speed", "0"), "--speed '0'"),
        (("trace.jsonl", "--as", "charge-point", "--to", "ws://x", "--ignore", "$["), "'$[' is no JSON path"),
        (
            ("trace.jsonl", "--as", "charge-point", "--to", "ws://x", "--header", "x"),
            "the header 'x' is none",
        ),
        (
            ("trace.jsonl", "--as", "charge-point", "--to", "ws://x", "--diff", "no/d"),
            "there is no such directory",
        ),
        (("trace.jsonl", "--as", "charge-point", "--to", "wss://x", "--ca", "none"), "--ca none"),
        (("trace.jsonl", "--as", "csms", "--listen", "nowhere"), "not an address"),
        (("empty.jsonl", "--as", "csms", "--listen", ":0"), "nothing to replay"),
        (("3f2a", "--as", "csms", "--listen", ":0", "--data", "none"), "there is no data directory"),
    ],
)
def test_wrong_input_is_a_line_and_exit_2(
    replay: Replay, trace: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    told = replay(*words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert told.err.count("\n") == 1


def test_a_session_that_is_not_there_is_wrong_input(replay: Replay, days: Path) -> None:
    told = replay("ffff", "--data", days, "--as", "charge-point", "--to", "ws://127.0.0.1:9")
    assert (told.code, told.err.startswith("error: no session 'ffff'")) == (2, True)


def test_what_cannot_be_read_is_told_and_the_rest_is_replayed(replay: Replay, trace: Path) -> None:
    trace.write_text("broken\n" + trace.read_text())
    with csms(SAME) as peer:
        told = replay(trace, "--as", "charge-point", "--to", peer.url)
    assert (told.code, told.err.startswith(f"{trace}:1: not JSON")) == (0, True)
    assert "1 lines of the files could not be read" in told.out


def test_both_ends_are_commands_and_a_signal_ends_the_bench(
    trace: Path, tmp_path: Path, replay: Replay
) -> None:
    """The recording played as CSMS in one process, as charge point in this one."""
    argv = [sys.executable, "-m", "proxy", "replay", str(trace), "--as", "csms", "--listen", "127.0.0.1:0"]
    bench = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert bench.stderr is not None
        url = bench.stderr.readline().split("listening on ")[1].split(",")[0]
        assert replay(trace, "--as", "charge-point", "--to", url).code == 0
        out, _ = bench.communicate(timeout=20)
    finally:
        bench.send_signal(signal.SIGINT)
        bench.wait(20)
    assert (bench.returncode, "no difference" in out) == (0, True)


def test_a_signal_ends_a_bench_that_nobody_came_to(trace: Path) -> None:
    argv = [sys.executable, "-m", "proxy", "replay", str(trace), "--as", "csms", "--listen", "127.0.0.1:0"]
    bench = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert bench.stderr is not None
    assert bench.stderr.readline().startswith("ready: ")
    bench.send_signal(signal.SIGTERM)
    out, _ = bench.communicate(timeout=20)
    assert (bench.returncode, "stopped by a signal" in out) == (0, True)
