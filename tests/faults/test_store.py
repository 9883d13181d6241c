"""The store is away, or slow, for an hour of traffic: nobody notices; afterwards all is recorded, once (R1, R4)."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from proxy.store.layout import store_directory, take_lock
from tests.e2e.running import Running, ask, running, until
from tests.e2e.test_failures import Talk, Talks, stopped, talks
from tests.faults.chatter import conversations, nothing_is_missing, settle, tell_ledger
from tests.faults.faults import scale
from tests.faults.segments import segments

__all__ = ["talks"]

STOPPED_SECONDS, RUNS_SECONDS = 0.3, 0.05
"""A slow store: so long it does nothing, so long it works."""
MOST_FRAMES = 30_000
"""Said while waiting for what shows that a fault lasts; at most a hundred a second."""


@contextlib.contextmanager
def kept_from_starting(run: Running) -> Iterator[None]:
    """Killed, and its lock is ours: whoever wants to start it must wait for us."""
    lock: list[int] = []

    def is_ours() -> bool:
        run.kill("store")
        taken = take_lock(store_directory(run.data))
        lock.extend([] if taken is None else [taken])
        return bool(lock)

    until(is_ours, "the store's lock is never free")
    try:
        yield
    finally:
        os.close(lock[0])


@contextlib.contextmanager
def without_a_directory(run: Running) -> Iterator[None]:
    """Killed, and nobody can start it: a file stands where its directory was."""
    directory, aside = store_directory(run.data), run.data / "aside"
    directory.rename(aside)
    directory.write_text("")
    run.kill("store")
    try:
        yield
    finally:
        directory.unlink()
        aside.rename(directory)


def silent(run: Running) -> contextlib.AbstractContextManager[None]:
    """It is there, and answers nobody."""
    return stopped(run, "store")


AWAY = {"down": kept_from_starting, "down, its directory unusable": without_a_directory, "silent": silent}


def lag_seconds(run: Running) -> float:
    return run.metrics().get("ocpptap_recorder_lag_seconds", 0.0)


def written_bytes(run: Running) -> float:
    """To the journal, as of the last second."""
    return run.metrics()["ocpptap_journal_bytes_total"]


def passed_bytes(talks: Sequence[Talk]) -> int:
    return sum(len(talk.up) + len(talk.down) for talk in talks)


def talk_until(talks: Sequence[Talk], enough: Callable[[], bool]) -> None:
    """All that an hour brings, as fast as it is answered; then a little, until it is enough."""
    wanted = talks[0].frames + scale().frames // len(talks)
    while talks[0].frames < wanted:
        for talk in talks:
            talk.say(200)
    while not enough():
        assert talks[0].frames < wanted + MOST_FRAMES, "the fault shows nowhere"
        for talk in talks:
            talk.say(200)
        time.sleep(0.01)


@contextlib.contextmanager
def dawdling(pid: int) -> Iterator[list[str]]:
    """The process stands still for most of the time; the states that it was seen in then: T."""
    over, seen = threading.Event(), list[str]()

    def dawdle() -> None:
        while not over.wait(RUNS_SECONDS):
            os.kill(pid, signal.SIGSTOP)
            over.wait(STOPPED_SECONDS)
            seen.append(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
            os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=dawdle)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("how", AWAY)
def test_an_hour_without_a_store_costs_no_connection_and_no_frame(
    how: str, tmp_path: Path, talks: Talks
) -> None:
    with running(tmp_path / "data", talks.csms.url) as run:
        charge_points = conversations(run, talks)
        charge_points[0].say()
        until(lambda: ask(run.data, "SELECT count() > 0 FROM frames") == "1")
        written, passed, kept = written_bytes(run), passed_bytes(charge_points), segments(run)
        with AWAY[how](run):
            talk_until(charge_points, lambda: lag_seconds(run) > scale().away_seconds)
            passed = passed_bytes(charge_points) - passed
            until(lambda: written_bytes(run) - written > passed, "the journal did not grow")
            assert kept <= segments(run)
            assert run.status("/readyz") == 200
        ledger = settle(run, charge_points)
        assert nothing_is_missing(ledger)
        tell_ledger(
            run, ledger, f"store {how}", "nothing", f"the recorder's lag passed {scale().away_seconds:g} s"
        )


def test_a_slow_store_costs_no_connection_and_no_frame(tmp_path: Path, talks: Talks) -> None:
    with running(tmp_path / "data", talks.csms.url) as run:
        charge_points = conversations(run, talks)
        charge_points[0].say()
        until(lambda: ask(run.data, "SELECT count() > 0 FROM frames") == "1")
        [store] = run.pids("store")
        ends = time.monotonic() + scale().away_seconds
        with dawdling(store) as states:
            talk_until(charge_points, lambda: states.count("T") > 3 and time.monotonic() > ends)
        ledger = settle(run, charge_points)
        assert nothing_is_missing(ledger)
        assert run.pids("store") == [store]
        name = "store slow: it works a seventh of the time"
        tell_ledger(run, ledger, name, "nothing", f"stopped {states.count('T')} times")
