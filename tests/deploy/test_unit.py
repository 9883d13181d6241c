"""The systemd unit: systemd's own verifier, its score, and what it says against the code."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.checks import check
from proxy.cli import cli
from proxy.config import Config, load
from tests.deploy.reading import DEPLOY, drain_seconds

UNIT = DEPLOY / "ocpptap.service"
EXPOSURE = 2.0
"""`systemd-analyze security`: 0 is a locked room, 10 no protection; services that come with Debian have 9 and more."""
ANALYZE = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd-analyze: apt-get install systemd"
)
FLOCK = pytest.mark.skipif(not shutil.which("flock"), reason="no flock: apt-get install util-linux")


def service() -> dict[str, str]:
    """The last one of each key, which is all that is asked for here."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text("utf-8"))
    return dict(parser["Service"])


def config() -> Config:
    """The configuration that comes with it."""
    return load(DEPLOY / "ocpptap.toml", {}, {})


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit with a command that exists on this machine: the verifier looks for it."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/ocpptap/bin/ocpptap", sys.executable))
    return copy


def analyze(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@ANALYZE
def test_systemds_verifier_has_nothing_to_say(installed: Path) -> None:
    assert UNIT.name not in analyze("verify", installed)


@ANALYZE
def test_the_verifier_would_say_something(installed: Path) -> None:
    installed.write_text(
        installed.read_text("utf-8").replace("NoNewPrivileges=yes", "NoNewPrivileges=perhaps")
    )
    assert UNIT.name in analyze("verify", installed)


@ANALYZE
def test_it_is_exposed_little(installed: Path) -> None:
    [score] = re.findall(
        r"exposure level for \S+: ([\d.]+)", analyze("security", "--offline=true", installed)
    )
    assert float(score) <= EXPOSURE


def test_the_command_is_one_of_ours() -> None:
    program, name, *arguments = shlex.split(service()["ExecStart"])
    assert program == "/opt/ocpptap/bin/ocpptap"
    command = cli.commands[name]
    context = command.make_context(name, [*arguments], resilient_parsing=True)
    assert context.params["config"] == "/etc/ocpptap/ocpptap.toml"


def test_the_configuration_that_comes_with_it_is_right_and_lives_in_its_directory() -> None:
    check(config())
    assert config().data == f"/var/lib/{service()['StateDirectory']}"
    assert f"{config().data}/clickhouse/store.lock" in service()["ExecStopPost"]


def test_a_stop_may_take_as_long_as_it_takes() -> None:
    assert float(service()["TimeoutStopSec"]) > drain_seconds(config())
    assert f"{drain_seconds(Config()):.0f} s with the defaults" in UNIT.read_text("utf-8")


def test_it_is_told_and_stopped_as_the_supervisor_wants() -> None:
    """SIGHUP and SIGTERM are for the supervisor; it alone speaks to systemd."""
    found = service()
    assert (found["Type"], found["NotifyAccess"], found["KillMode"]) == ("notify", "main", "mixed")
    assert found["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert float(found["WatchdogSec"]) >= 10


def test_the_engine_may_compile() -> None:
    assert "MemoryDenyWriteExecute" not in service()
    assert "AF_UNIX" in service()["RestrictAddressFamilies"].split()


# what comes after the stop


def stopped(store_lock: Path, result: str) -> subprocess.Popen[bytes]:
    """systemd's call of ExecStopPost."""
    command = service()["ExecStopPost"].removeprefix("-")
    argv = shlex.split(command.replace("/var/lib/ocpptap/clickhouse/store.lock", str(store_lock)))
    return subprocess.Popen(argv, env=os.environ | {"SERVICE_RESULT": result})


@FLOCK
def test_after_an_orderly_stop_the_store_may_close_its_files(tmp_path: Path) -> None:
    lock = tmp_path / "store.lock"
    with subprocess.Popen(["flock", str(lock), "cat"], stdin=subprocess.PIPE) as store:
        while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
            time.sleep(0.01)
        after_a_crash = stopped(lock, "watchdog")
        assert after_a_crash.wait(10) == 0
        in_order = stopped(lock, "success")
        with pytest.raises(subprocess.TimeoutExpired):
            in_order.wait(0.3)
        assert store.stdin
        store.stdin.close()
        assert in_order.wait(10) == 0


@FLOCK
def test_without_a_store_nothing_is_waited_for(tmp_path: Path) -> None:
    """A failure that the unit does not mind."""
    assert service()["ExecStopPost"].startswith("-")
    assert stopped(tmp_path / "nothing" / "store.lock", "success").wait(10) != 0
