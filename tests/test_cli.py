from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from proxy import cli

PATIENCE_SECONDS = 20


def commands(group: click.Group = cli.cli, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name)


class Said:
    """What one command line said; `main` ran in this process."""

    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["ocpptap", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Said(left.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_helps_with_an_example(say: Any, command: tuple[str, ...]) -> None:
    said = say(*command, "--help")
    assert said.code == 0
    assert f"Example:\n    ocpptap {' '.join(command)}" in said.out


@pytest.mark.parametrize("name", ["query", "tail", "sessions", "verify", "run", "check-config"])
def test_what_needs_a_store_can_be_told_where(say: Any, name: str) -> None:
    said = say(name, "--help")
    assert all(option in said.out for option in ("--data", "--store", "--config"))


@pytest.mark.parametrize("words", [(), ("simulate",)])
def test_nothing_asked_is_answered_with_help(say: Any, words: tuple[str, ...]) -> None:
    said = say(*words)
    assert (said.code, said.err.startswith("Usage: ocpptap")) == (2, True)


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(say: Any, option: str) -> None:
    said = say(option)
    assert (said.code, said.out) == (0, "ocpptap, version 0.1.0\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rnu",), "No such command 'rnu'."),
        (("run", "--upstraem", "x"), "No such option"),
        (("run", "--workers", "many"), "Invalid value for '--workers'"),
        (("run",), "relay.upstream is missing"),
        (("run", "--upstream", "http://x"), "relay.upstream: the upstream URL does not begin with"),
        (("run", "--config", "none.toml"), "none.toml: No such file or directory"),
        (("query",), "Missing argument 'SQL'."),
        (("query", "SELECT 1"), "there is no data directory ./ocpptap-data"),
        (("sessions", "--data", "nowhere"), "there is no data directory nowhere"),
        (("simulate", "fleet", "--to", "http://x"), "not a WebSocket URL"),
        (("simulate", "csms", "--fault", "nonsense"), "unknown fault"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(say: Any, words: tuple[str, ...], said: str) -> None:
    found = say(*words)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(f"error: {said}")
    assert found.err.count("\n") == 1


def test_an_unknown_setting_in_the_file_is_named(say: Any, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[relay]\nlisten_to = 'x'\n")
    found = say("check-config", "--config", "c.toml")
    assert (found.code, found.err) == (
        2,
        "error: unknown setting relay.listen_to: did you mean relay.listen?\n",
    )


def test_check_config_prints_what_is_in_effect(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCPPTAP_ADMIN__TOKEN", "hush")
    found = say("check-config", "--upstream", "ws://csms", "--workers", "2", "--analyzers")
    effective = tomllib.loads(found.out)
    assert found.code == 0
    assert (effective["relay"]["upstream"], effective["relay"]["workers"]) == ("ws://csms", 2)
    assert effective["admin"]["token"] == "********"
    assert "# analyzers that run: " in found.out
    assert "# HB-01 warning: {charge_point} is connected" in found.out
    assert effective["analyzers"]["silence"]["grace_seconds"] == 30


def test_who_has_no_csms_can_list_the_analyzers(say: Any) -> None:
    found = say("check-config", "--analyzers")
    assert (found.code, tomllib.loads(found.out)["analyzers"]["silence"]["grace_seconds"]) == (0, 30)
    assert say("check-config").code == 2


def test_run_says_why_it_cannot(say: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = say("run", "--upstream", "ws://127.0.0.1:9", "--data", "file/data")
    assert found.code == 1
    assert found.err.startswith("error: cannot write to the data directory")
    assert found.err.count("\n") == 1


def test_a_store_error_is_one_line(say: Any, tmp_path: Path) -> None:
    found = say("query", "SELECT 1", "--data", str(tmp_path), "--store", "ftp://x")
    assert (found.code, found.err.count("\n")) == (1, 1)


def test_what_nobody_expected_is_still_one_line(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(cli.cli, "make_context", fail)
    found = say("run")
    assert (found.code, found.err) == (
        1,
        "error: RuntimeError: first line (unexpected; OCPPTAP_DEBUG=1 shows where)\n",
    )


def test_the_traceback_is_there_for_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("deep")

    monkeypatch.setattr(cli.cli, "make_context", fail)
    monkeypatch.setenv("OCPPTAP_DEBUG", "1")
    with pytest.raises(RuntimeError, match="deep"):
        cli.main()


def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "import sys; sys.argv[1:] = ['check-config', '--upstream', 'ws://x']; from proxy.cli import main; main()"
    reading, writing = os.pipe()
    os.close(reading)
    said = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (said.returncode, said.stderr) == (0, b"")


class Proxy:
    """`ocpptap run` with all its processes."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "ocpptap.toml"
        self.configure("")
        self._log = folder / "log"
        words = ("run", "--config", str(self.file), "--data", str(folder / "data"), "--drain-seconds", "0")
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy", *words], stdout=subprocess.PIPE, stderr=log, text=True
            )

    def configure(self, more: str) -> None:
        base = '[relay]\nlisten = "127.0.0.1:0"\nupstream = "ws://127.0.0.1:9"\n[admin]\nlisten = "127.0.0.1:0"\n'
        self.file.write_text(base + more)

    def ready_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def log_until(self, word: str) -> str:
        """Follows the log until a line has `word`."""
        with subprocess.Popen(
            ["timeout", str(PATIENCE_SECONDS), "tail", "-n+1", "-f", str(self._log)],
            stdout=subprocess.PIPE,
            text=True,
        ) as tail:
            assert tail.stdout
            line = next((line for line in tail.stdout if word in line), "")
            tail.terminate()
        return line


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path)
    yield made
    if made.process.poll() is None:
        made.process.kill()
    made.process.communicate()


def test_run_reloads_and_leaves(proxy: Proxy) -> None:
    assert proxy.ready_line().startswith("ready: listening on ws://127.0.0.1:")
    proxy.configure('[log]\nlevel = "debug"\n[journal]\nsync_ms = 50\n')
    os.kill(proxy.process.pid, signal.SIGHUP)
    assert "journal.sync_ms needs a restart" in proxy.log_until("settings reloaded")
    proxy.configure("[relay.nonsense]\n")
    os.kill(proxy.process.pid, signal.SIGHUP)
    assert "unknown setting relay.nonsense" in proxy.log_until("error: ")
    proxy.log_until("settings unchanged")
    os.kill(proxy.process.pid, signal.SIGTERM)
    assert proxy.process.wait(PATIENCE_SECONDS) == 0
