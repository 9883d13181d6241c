"""The fleet's uptime for /metrics: a real store, a real process that asks it, a clock of our own for what grows old."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy import metrics
from proxy.admin import uptime
from proxy.admin.settings import AdminProcess, AdminSettings
from proxy.admin.uptime import DAY_SECONDS, Failed, FleetUptime, NoStore
from proxy.admin.uptime_process import MODULE, NOBODY
from proxy.store.client import Role, connect
from tests.forensics.ports import Fleet

HOUR = 3600.0
SHORT, YEAR = {"24h", "30d"}, {"365d"}


class Clock:
    now = 1.8e9

    def __call__(self) -> float:
        return self.now


def admin(
    data: Path, store: str = "embedded", seconds: float = HOUR, clock: Clock | None = None
) -> FleetUptime:
    process = AdminProcess(str(data), -1, AdminSettings(uptime_seconds=seconds), store=store)
    return FleetUptime(process, clock or Clock())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory whose store runs and knows one port, available since the day before yesterday."""
    data = tmp_path_factory.mktemp("admin")
    store = connect("embedded", data, Role.WRITER)
    store.migrate()
    seen, now = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=ago) for ago in (2, 0))
    fleet = Fleet(store)
    fleet.well("CP1", f"{seen:%Y-%m-%d %H:%M:%S}")
    fleet.says("CP1", f"{now:%Y-%m-%d %H:%M:%S}", "Occupied")
    yield data
    store.leave()


def shown(known: FleetUptime) -> dict[tuple[str, ...], float]:
    return {
        (one.metric.name.rpartition("_")[2], *row.labels): row.value
        for one in known.families()
        for row in one.series
    }


def windows(known: FleetUptime) -> set[str]:
    return {labels[-1] for labels in shown(known)}


def processes() -> list[int]:
    """Those of ours that ask."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            if parent == str(os.getpid()) and MODULE in (stat.parent / "cmdline").read_text():
                found.append(int(stat.parent.name))
    return found


async def test_what_was_computed_is_shown(data: Path) -> None:
    known = admin(data)
    assert (known.families(), known.charge_points()) == ([], {})
    await known.refresh()
    found = shown(known)
    assert found["ratio", "strict", "24h"] == found["ratio", "observed", "30d"] == 1.0
    assert 0 < found["ratio", "nevi", "365d"] == found["ratio", "strict", "365d"] < 0.01
    assert found["seconds", "24h"] == Clock.now
    assert known.charge_points() == {"CP1": 1.0}
    assert {labels[1:] for labels in found if labels[0] == "ratio"} <= {
        (method, window) for method in metrics.UPTIME_METHODS for window in metrics.UPTIME_WINDOWS
    }


async def test_figures_go_away_when_they_are_old(data: Path) -> None:
    """Two periods: of the year's window they are days."""
    clock = Clock()
    known = admin(data, clock=clock)
    await known.refresh()
    clock.now += 2 * HOUR
    assert windows(known) == SHORT | YEAR
    clock.now += 1
    assert (windows(known), known.charge_points()) == (YEAR, {})
    clock.now += 2 * DAY_SECONDS
    assert known.families() == []


async def test_the_year_is_asked_once_a_day(data: Path) -> None:
    clock = Clock()
    known = admin(data, clock=clock)
    moments = []
    for _ in range(2):
        await known.refresh()
        moments.append(shown(known))
        clock.now += HOUR
    assert moments[1]["seconds", "24h"] - moments[0]["seconds", "24h"] == HOUR
    assert moments[1]["seconds", "365d"] == moments[0]["seconds", "365d"]
    clock.now += DAY_SECONDS - 2 * HOUR - 10
    await known.refresh()
    assert shown(known)["seconds", "365d"] == clock.now


async def test_when_the_year_is_too_much_the_others_are_asked_alone(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "UPTIME_WINDOWS", ("24h", "30d", "a hundred years"))
    monkeypatch.setattr(uptime, "YEAR", "a hundred years")
    known = admin(data)
    await known.refresh()
    assert windows(known) == SHORT


async def test_no_store_is_started(tmp_path: Path) -> None:
    with pytest.raises(NoStore):
        await admin(tmp_path).refresh()
    (tmp_path / "clickhouse").mkdir()
    with pytest.raises(NoStore):
        await admin(tmp_path).refresh()
    assert not list((tmp_path / "clickhouse").iterdir())


async def test_what_goes_wrong_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"^--store: no host: write"):
        await admin(tmp_path, "clickhouse://:9000/db").refresh()


async def test_a_store_it_was_the_last_client_of_ends_at_once(tmp_path: Path) -> None:
    """As after a run that leaves; by itself it would wait ten seconds."""
    store = connect("embedded", tmp_path, Role.WRITER)
    store.migrate()
    known = admin(tmp_path)
    await known.refresh()
    assert (tmp_path / "clickhouse" / "reader").is_socket()
    store.close()
    await known.refresh()
    eventually(lambda: not (tmp_path / "clickhouse" / "reader").exists(), seconds=8)


async def test_never_asked_when_the_period_is_0(data: Path) -> None:
    never = admin(data, seconds=0)
    await asyncio.wait_for(never.run(), 10)
    assert never.families() == []
    assert processes() == []


@pytest.mark.parametrize("which", ["the store", "the process"])
async def test_nothing_is_left_of_a_question_that_hangs(
    data: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """The store stands still, or the process too: admin leaves all the same, and soon."""
    monkeypatch.setattr(uptime, "FIRST_SECONDS", 0)
    monkeypatch.setattr(uptime, "LEAVE_SECONDS", 0.1)
    with stopped(data):
        running = asyncio.ensure_future(admin(data).run())
        await asyncio.to_thread(eventually, lambda: any(map(has_a_socket, processes())))
        for process in processes() if which == "the process" else ():
            os.kill(process, signal.SIGSTOP)
        running.cancel()
        await asyncio.wait({running}, timeout=10)
        assert running.cancelled()
        assert processes() == []


@contextlib.contextmanager
def stopped(data: Path) -> Iterator[None]:
    directory = str(data / "clickhouse")
    [store] = [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if os.path.exists(process / "cwd") and os.readlink(process / "cwd") == directory
    ]
    os.kill(store, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(store, signal.SIGCONT)


def test_the_end_of_its_input_ends_the_process(data: Path) -> None:
    """In the midst of a question that gets no answer; it only says goodbye to the store, once that goes on."""
    question = b'{"store":"embedded","data":"%s","windows":["24h"]}\n' % str(data).encode()
    with stopped(data):
        process = subprocess.Popen(
            [sys.executable, "-m", MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin
        process.stdin.write(question)
        process.stdin.flush()
        eventually(lambda: has_a_socket(process.pid))
        process.stdin.close()
        process.stdin = None
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (NOBODY, b"")


def has_a_socket(process: int) -> bool:
    with contextlib.suppress(OSError):  # it may close one while we look
        return any("socket:" in os.readlink(fd) for fd in Path(f"/proc/{process}/fd").glob("[0-9]*"))
    return False


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
