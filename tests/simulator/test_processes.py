"""`python -m proxy.simulator` as the demo uses it: ready line, summaries that agree, one line for what is wrong."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest

from proxy.simulator.__main__ import main
from proxy.simulator.console import Console
from proxy.simulator.faults import FAULTS

COMMAND = [sys.executable, "-m", "proxy.simulator"]


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True)


def next_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def asked(process: subprocess.Popen[str], number: signal.Signals) -> dict[str, Any]:
    """The totals it answers a signal with."""
    process.send_signal(number)
    total: dict[str, Any] = next_line(process)["total"]
    return total


def test_two_processes_count_the_same_and_end_in_order() -> None:
    with started("csms", "--listen", "127.0.0.1:0", "--fault", "unanswered-call") as csms:
        url = next_line(csms)["url"]
        with started("fleet", "--to", url, "--charge-points", "2", "--speed", "50") as fleet:
            assert next_line(fleet) == {"event": "ready", "part": "fleet", "url": url}
            while asked(fleet, signal.SIGUSR1)["frames"]["sent"].get("text", 0) < 10:
                pass
            ours = asked(fleet, signal.SIGINT)
        theirs = asked(csms, signal.SIGUSR1)
        assert theirs == asked(csms, signal.SIGTERM)
    assert (csms.returncode, fleet.returncode, ours["lost"]) == (0, 0, 0)
    assert ours["frames"]["sent"] == theirs["frames"]["received"]
    assert ours["frames"]["received"] == theirs["frames"]["sent"]


def test_a_fleet_ends_after_its_minutes_with_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fleet", "--to", "ws://127.0.0.1:1", "--charge-points", "1", "--minutes", "0.001"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["total"]["connections"] == 0
    assert "127.0.0.1" in summary["charge_points"]["SIM-0001"]["refusal"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["fleet", "--to", "ws://127.0.0.1:1", "--fault", "flood"],
            "unknown fault 'flood': choose from silence",
        ),
        (["fleet", "--to", "http://127.0.0.1:1"], "not a WebSocket URL"),
        (["fleet", "--to", "ws://127.0.0.1:1", "--charge-points", "0"], "0 charge points"),
        (["csms", "--listen", "nowhere"], "not an address"),
        (["csms", "--fault", "silence"], "unknown fault 'silence': choose from unanswered-call"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert line in err


def test_help_lists_the_faults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["fleet", "--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(f"{name}: {fault.help}" in text for name, fault in FAULTS.items())


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["csms", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_progress_is_for_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    Console(out).progress("unseen")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    Console(out).progress("2/2 charge points")
    err = capsys.readouterr().err
    assert "unseen" not in err
    assert "2/2 charge points" in err
    assert not out.getvalue()
