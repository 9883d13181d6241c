"""What an operator does: reload, drain, ask while it runs and afterwards, restart, throw the journal away."""

from __future__ import annotations

import contextlib
import json
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.raw import HandCsms, hand_csms, received
from tests.e2e.running import Running, ask, closed_session, free_port, running, until, verdict_of
from tests.e2e.test_failures import Talk, Talks, missing_bytes, nothing_is_doubled
from tests.e2e.test_streams import kill_the_recorder_once_it_has_published
from tests.pipeline.frames import call, frame

PATIENCE_SECONDS = 30


@pytest.fixture
def csms() -> Iterator[HandCsms]:
    with hand_csms() as csms:
        yield csms


@pytest.fixture
def talks(csms: HandCsms) -> Iterator[Talks]:
    with contextlib.closing(Talks(csms)) as talks:
        yield talks


# --- SIGHUP


class Reloading:
    """A configuration file, and the run that reads it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "ocpptap.toml"
        self.file.write_text(text)
        self.run: Running

    def change(self, text: str, said: str) -> None:
        """SIGHUP; wait for what the log says of it."""
        before = self.run.log.read_text().count(said)
        self.file.write_text(text)
        self.run.process.send_signal(signal.SIGHUP)
        until(lambda: self.run.log.read_text().count(said) > before, f"the log never says {said!r}")


@contextlib.contextmanager
def reloading(folder: Path, upstream: str, text: str) -> Iterator[Reloading]:
    reloading = Reloading(folder, text)
    with running(folder / "data", upstream, "--config", str(reloading.file)) as reloading.run:
        yield reloading


def routed(upstream: str, more: str = "") -> str:
    return f'[[relay.routes]]\nmatch = "DE*"\nupstream = "{upstream}"\n{more}'


def test_a_changed_route_holds_for_new_connections_and_a_bad_file_changes_nothing(
    tmp_path: Path, talks: Talks
) -> None:
    with hand_csms() as other, reloading(tmp_path, talks.csms.url, routed(talks.csms.url)) as file:
        run, there = file.run, Talks(other)
        old = talks.begin(run, "DE_1")
        file.change(routed(other.url), "settings changed")
        with contextlib.closing(there):
            there.begin(run, "DE_2").say()
            talks.begin(run, "FR_1").say()
            old.say()
            file.change("[relay]\nroute = []\n", "settings unchanged")
            assert "unknown setting relay.route: did you mean relay.routes?" in run.log.read_text()
            file.change("[relay\n", "settings unchanged")
            there.begin(run, "DE_3").say()
            old.say()


def test_a_changed_log_level_is_heeded_by_all(tmp_path: Path, talks: Talks) -> None:
    with reloading(tmp_path, talks.csms.url, '[log]\nlevel = "warning"\n') as file:
        talks.begin(file.run, "unsaid").end()
        file.change('[log]\nlevel = "info"\n', "settings reloaded")
        until(lambda: "settings changed" in file.run.log.read_text())
        talks.begin(file.run, "said").end()
        until(lambda: "charge_point=said" in file.run.log.read_text())
    assert "charge_point=unsaid" not in file.run.log.read_text()


def analyzed(seconds: int) -> str:
    return f"[analyzers.unanswered_call]\ncharge_point_call_seconds = {seconds}\nlate_seconds = 1\n"


@pytest.mark.parametrize("meanwhile", ["the recorder starts", "the recorder records"])
def test_changed_analyzers_judge_from_then_on(meanwhile: str, tmp_path: Path, talks: Talks) -> None:
    with reloading(tmp_path, talks.csms.url, analyzed(600)) as file:
        talk = talks.begin(file.run, "CP_1")
        if meanwhile == "the recorder records":
            until(lambda: "recorder: recording" in file.run.log.read_text())
        file.change(analyzed(2), "settings changed")
        unanswered = frame(call("1", "Heartbeat"), mask=True)
        until(lambda: "recorder: settings changed" in file.run.log.read_text())
        talk.near.sendall(unanswered)
        assert received(talk.far, len(unanswered)) == unanswered
        rules = "SELECT count() FROM findings WHERE rule = 'PR-01' AND charge_point = 'CP_1'"
        until(lambda: ask(file.run.data, rules) == "1", "the new limit is not heeded")


def retained(seconds: int) -> str:
    return (
        f"[journal]\nsegment_bytes = 262144\nmin_free_percent = 0\nretain_seconds = {seconds}\n"
        "[recorder]\ncheckpoint_seconds = 0.2\n"
    )


def test_a_changed_retention_frees_the_disk(tmp_path: Path, talks: Talks) -> None:
    with reloading(tmp_path, talks.csms.url, retained(3600)) as file:
        talk, run = talks.begin(file.run, "CP_1"), file.run

        def segments() -> int:
            return len(list((run.data / "journal").glob("*.journal")))

        while segments() < 6:
            talk.say(20_000)
            time.sleep(0.02)  # so that the next segment is always ready
        checkpoints = [run.data / "recorder" / f"checkpoint-{name}" for name in "ab"]
        until(lambda: all(file.exists() for file in checkpoints))
        assert segments() >= 6
        file.change(retained(0), "settings changed")
        until(lambda: segments() <= 2, "stored segments stay for ever")
        talk.end()
        assert missing_bytes(run.data, talk) == 0


# --- it leaves


def test_a_drain_ends_each_connection_with_fin_and_records_all(tmp_path: Path, talks: Talks) -> None:
    with running(tmp_path / "data", talks.csms.url) as run:
        opened = [talks.begin(run, f"CP_{number}") for number in range(4)]
        for talk in opened:
            talk.say()
        run.process.send_signal(signal.SIGTERM)
        for talk in opened:
            with talk.near, talk.far:
                assert (talk.near.recv(1), talk.far.recv(1)) == (b"", b"")
        assert run.stop() == 0
    assert all(missing_bytes(run.data, talk) == 0 for talk in opened)
    ends = "SELECT DISTINCT closed_by, closed_how, closed_reason FROM connections"
    assert ask(run.data, ends) == "proxy\tfin\tdrain"


def test_a_second_sigterm_ends_it_at_once(tmp_path: Path, talks: Talks) -> None:
    data = tmp_path / "data"
    with running(data, talks.csms.url, "--drain-seconds", "60") as run:
        opened = [talks.begin(run, f"CP_{number}") for number in range(3)]
        for talk in opened:
            talk.say()
        run.process.send_signal(signal.SIGTERM)
        until(lambda: "leaving" in run.log.read_text())
        time.sleep(0.3)  # the supervisor takes signals that come together for one
        began = time.monotonic()
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - began < 5
        for talk in opened:
            with talk.near, talk.far:
                assert (talk.near.recv(1), talk.far.recv(1)) == (b"", b"")
    with running(data, talks.csms.url):
        assert all(missing_bytes(data, talk) == 0 for talk in opened)


# --- asked, while it runs and afterwards


def ocpptap(*words: str) -> str:
    argv = [sys.executable, "-m", "proxy", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answers(data: Path, session: str) -> tuple[str, str, str]:
    where = ("--data", str(data))
    return (
        ocpptap("query", "SELECT count() AS frames FROM frames WHERE kind = 'frame'", *where),
        ocpptap("sessions", "--format", "json", *where),
        ocpptap("verify", session[:8], *where),
    )


@contextlib.contextmanager
def tailing(data: Path) -> Iterator[subprocess.Popen[str]]:
    """In a terminal: what a shell starts in the background ignores SIGINT, and so would all below it."""
    argv = ["env", "--default-signal=INT", sys.executable]
    argv += ["-m", "proxy", "tail", "--format", "json", "--data", str(data)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def first_line(process: subprocess.Popen[str], meanwhile: Callable[[], None]) -> str:
    """What it shows first; it shows only what passes from its start on, so somebody goes on talking."""
    assert process.stdout is not None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not select.select([process.stdout], [], [], 0.1)[0]:
        assert time.monotonic() < deadline, "tail shows nothing"
        meanwhile()
    return process.stdout.readline()


def test_questions_are_answered_while_it_runs_and_after_it_has_ended(tmp_path: Path, talks: Talks) -> None:
    data = tmp_path / "data"
    with running(data, talks.csms.url) as run:
        done, talk = talks.begin(run, "done"), talks.begin(run, "talking")
        done.say()
        done.end()
        session = closed_session(data, "done")
        with tailing(data) as tail:
            shown = json.loads(first_line(tail, talk.say))
            tail.send_signal(signal.SIGINT)
            assert tail.wait(PATIENCE_SECONDS) == 0
        assert (shown["charge_point"], shown["action"]) == ("talking", "DataTransfer")
        talk.end()
        closed_session(data, "talking")
        while_running = answers(data, session)
    until(lambda: not run.pids("store"), "the last run that leaves ends the store")
    assert answers(data, session) == while_running
    count, sessions, verdict = while_running
    assert json.loads(count) == {"frames": 2 * (done.frames + talk.frames)}
    assert {json.loads(line)["charge_point"] for line in sessions.splitlines()} == {"done", "talking"}
    assert f"session {session} of done" in verdict


# --- again and again


def one_conversation(run: Running, talks: Talks, name: str) -> Talk:
    talk = talks.begin(run, name)
    talk.say()
    talk.end()
    return talk


def frames_counted(run: Running) -> int:
    return int(sum(value for name, value in run.metrics().items() if name.startswith("ocpptap_frames_total")))


def test_five_orderly_restarts_are_no_deaths_and_the_counters_go_on(tmp_path: Path, talks: Talks) -> None:
    data = tmp_path / "data"
    for number in range(5):
        with running(data, talks.csms.url) as run:
            one_conversation(run, talks, f"CP_{number}")
    with running(data, talks.csms.url) as run:
        until(lambda: run.admin_answers() and frames_counted(run) >= 10, "the counters began anew")
        assert frames_counted(run) == 10
        assert run.metrics().get("ocpptap_recorder_safe_mode", 0) == 0
    assert ask(data, "SELECT count() FROM findings WHERE rule = 'OT-02'") == "0"
    assert ask(data, "SELECT count(), uniqExact(run) FROM connections WHERE state = 'closed'") == "5\t5"
    assert all(missing_bytes(data, talk) == 0 for talk in talks.all)


def test_a_new_journal_over_an_old_store_is_recorded(tmp_path: Path, talks: Talks) -> None:
    data = tmp_path / "data"
    for number in range(3):
        with running(data, talks.csms.url) as run:
            one_conversation(run, talks, f"old_{number}")
    shutil.rmtree(data / "journal")
    with running(data, talks.csms.url) as run:
        talk = one_conversation(run, talks, "new")
        assert missing_bytes(data, talk) == 0
    assert ask(data, "SELECT count() FROM connections WHERE state = 'closed'") == "4"
    assert ask(data, "SELECT count() FROM findings WHERE rule = 'OT-02'") == "0"


def test_four_killed_recorders_lose_and_double_nothing(tmp_path: Path, talks: Talks) -> None:
    """After the third without a checkpoint it records frames only; each of them once."""
    with running(tmp_path / "data", talks.csms.url) as run:
        talk = talks.begin(run, "CP_1")
        for _ in range(4):
            for _ in range(20):
                talk.say()
            kill_the_recorder_once_it_has_published(run)
        talk.say()
        talk.end()
        assert missing_bytes(run.data, talk) == 0
        assert nothing_is_doubled(run.data)
        assert verdict_of(run.data, closed_session(run.data, "CP_1")).ok


def test_closed_standard_files_give_their_numbers_to_nobody(tmp_path: Path) -> None:
    """Started by a daemon that closed stdin, stdout and stderr: none of them is the data directory's lock then."""
    data = tmp_path / "data"
    argv = [sys.executable, "-m", "proxy", "run", "--upstream", "ws://127.0.0.1:9", "--data", str(data)]
    argv += ["--listen", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}"]
    process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *argv])
    until(lambda: (data / "metrics" / "relay-0.slots").exists())
    opened = {Path(f"/proc/{process.pid}/fd/{number}").readlink() for number in range(3)}
    process.terminate()
    assert process.wait(60) == 0
    assert opened == {Path("/dev/null")}
