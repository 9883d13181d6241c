"""The store is away, or slow, for an hour of traffic: nobody notices; afterwards all is recorded, once (R1, R4).

The embedded store, and a server over HTTP (the engine of another directory, behind a proxy that refuses or hangs).
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from proxy.store.embedded.layout import store_directory, take_lock
from proxy.store.interface import DATABASE
from tests.e2e.running import Running, ask, running, until
from tests.e2e.test_failures import Talk, Talks, fill_up, journals, recovered, stopped, talks
from tests.faults.chatter import Ledger, conversations, nothing_is_missing, settle, tell_ledger
from tests.faults.faults import MEBIBYTE, configuration, scale
from tests.faults.segments import SMALL, segments
from tests.store.fault_proxy import Fault, FaultProxy
from tests.store.front import to_store
from tests.store_faults.engine import Engine, migrated, with_store_of

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


# --- a server


MOST_JOURNAL_BYTES = 256 * MEBIBYTE
ROOMY = f"max_bytes = {MOST_JOURNAL_BYTES}\nmin_free_percent = 0\nsegment_bytes = {MEBIBYTE}"
TINY = f"segment_bytes = {SMALL}\nmax_bytes = {2 * SMALL}\nmin_free_percent = 0"
"""The smallest journal that is allowed."""
OFTEN = "checkpoint_seconds = 0.2"
HOURS_FRAMES_A_SECOND = 40
"""An hour of traffic as it comes in life: 600 charge points, a call each 30 s, and its answer (faults.py)."""


class Silence:
    """Faults for a proxy: everything hangs while it is `kept`."""

    kept = False

    def __iter__(self) -> Silence:
        return self

    def __next__(self) -> Fault:
        return Fault.HANG if self.kept else Fault.NONE


class Server:
    """An engine that keeps nobody's journal, and the way to it. `away` by its key: how it is away."""

    def __init__(self, engine: Engine, proxy: FaultProxy, silence: Silence) -> None:
        self.engine = engine
        self._proxy = proxy
        self._silence = silence
        self.url = f"http://127.0.0.1:{proxy.port}/{DATABASE}?timeout=2&connect_timeout=2"

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody listens at its port."""
        self._proxy.down()
        try:
            yield
        finally:
            self._proxy.up()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes what is sent, and never answers."""
        self._silence.kept = True
        try:
            yield
        finally:
            self._silence.kept = False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    silence = Silence()
    engine = migrated(tmp_path / "server")
    with contextlib.closing(engine), FaultProxy(to_store(engine.data), silence) as proxy:
        yield Server(engine, proxy, silence)


SERVER_AWAY = {"down": Server.refusing, "silent": Server.hanging}


@contextlib.contextmanager
def recording_into(server: Server, folder: Path, upstream: str, journal: str) -> Iterator[Running]:
    config = configuration(folder, journal=journal, recorder=OFTEN)
    with running(folder / "data", upstream, "--store", server.url, "--config", config) as run:
        yield run


def journal_bytes(run: Running) -> int:
    """Of all segments on the disk."""
    return sum(file.stat().st_size for file in (run.data / "journal").glob("*.journal"))


def table_lag_seconds(run: Running) -> float:
    """Of `frames`, whose rows come first."""
    return run.metrics().get('ocpptap_store_table_lag_seconds{table="frames"}', 0.0)


def recorded_frames(server: Server) -> int:
    return int(server.engine.asked("SELECT count() FROM frames WHERE message_id != ''"))


def caught_up(server: Server, charge_points: Sequence[Talk]) -> str:
    """Wait until all that was said is in the store; how fast that went, beside the traffic of an hour as in life."""
    said, had, began = (
        2 * sum(talk.frames for talk in charge_points),
        recorded_frames(server),
        time.monotonic(),
    )
    while recorded_frames(server) < said:
        assert time.monotonic() < began + CATCH_UP_SECONDS, (
            f"{recorded_frames(server)} of {said} are recorded"
        )
        time.sleep(0.05)
    rate = (said - had) / (time.monotonic() - began)
    return f"caught up at {rate:,.0f} frames/s, {rate / HOURS_FRAMES_A_SECOND:.0f} x the rate of that hour"


CATCH_UP_SECONDS = 600.0


def tell_of_server(run: Running, ledger: Ledger, how: str, reached: str) -> None:
    tell_ledger(run, ledger, f"store at http:// {how}", "nothing", reached)


@pytest.mark.parametrize("how", SERVER_AWAY)
def test_an_hour_without_a_server_costs_no_connection_and_no_frame(
    how: str, server: Server, tmp_path: Path, talks: Talks
) -> None:
    with recording_into(server, tmp_path, talks.csms.url, ROOMY) as run:
        charge_points = conversations(run, talks)
        charge_points[0].say()
        until(lambda: recorded_frames(server) == 2)
        kept, had = segments(run), journal_bytes(run)
        with SERVER_AWAY[how](server):
            talk_until(charge_points, lambda: lag_seconds(run) > scale().away_seconds)
            until(lambda: table_lag_seconds(run) > 0, "no table is said to lag")
            assert kept <= segments(run)
            assert had < journal_bytes(run) <= MOST_JOURNAL_BYTES
            assert run.status("/readyz") == 200
        speed = caught_up(server, charge_points)
        until(lambda: table_lag_seconds(run) == 0, "it is all there, and said to lag")
        ledger = settle(with_store_of(run, server.engine), charge_points)
        assert nothing_is_missing(ledger)
        tell_of_server(run, ledger, how, f"the recorder's lag passed {scale().away_seconds:g} s; {speed}")


def test_what_a_full_journal_missed_while_the_server_was_away_is_said_to_the_byte(
    server: Server, tmp_path: Path, talks: Talks
) -> None:
    with recording_into(server, tmp_path, talks.csms.url, TINY) as run:
        charge_points = conversations(run, talks)
        charge_points[0].say()
        until(lambda: recorded_frames(server) == 2)
        with server.refusing():
            fill_up(run, charge_points[0])
            for talk in charge_points:
                talk.say(5000)
            assert (run.status("/readyz"), journals(run)) == (200, False)
            assert journal_bytes(run) <= 2 * SMALL
        recovered(run, charge_points[0])
        for talk in charge_points:
            talk.say()
        ledger = settle(with_store_of(run, server.engine), charge_points)
        assert ledger.missing > 0
        tell_of_server(run, ledger, "down, the journal full", "a metric of missed bytes moved")
