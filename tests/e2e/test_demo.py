"""The first command a newcomer types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proxy.demo import DemoError, Part, outside, unequal

DEMO = [sys.executable, "-m", "proxy", "demo", "--charge-points", "12"]


def demo(data: Path, minutes: str) -> list[list[str]]:
    """It succeeds; its table of frames, the words of each line."""
    argv = [*DEMO, "--minutes", minutes, "--data", str(data)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every frame the peers exchanged is in the store" in done.stdout
    return [line.split() for line in done.stdout.splitlines() if line.startswith("from_")]


def test_demo_shows_that_nothing_was_lost_and_again_in_the_same_directory(tmp_path: Path) -> None:
    """The second run's table is its own: what the first one left is not counted."""
    for minutes in ("0.12", "0.05"):
        for _, sent, relayed, recorded, stored, lost in demo(tmp_path / "data", minutes):
            assert lost == "0"
            assert int(relayed) <= int(stored) == int(recorded) <= int(sent)


@pytest.mark.parametrize(
    ("sent", "received", "stored", "torn", "whole"),
    [(9, 9, 9, 0, 0), (9, 8, 9, 0, 1), (9, 8, 8, 0, 1), (9, 7, 8, 0, 2), (9, 9, 8, 1, 1), (9, 9, 11, 2, 2)],
)
def test_what_counts_as_lost(sent: int, received: int, stored: int, torn: int, whole: int) -> None:
    """Only a connection that was torn may have sent what nobody received."""
    assert outside(sent, received, stored) == torn
    assert unequal(sent, received, stored) == whole


def test_a_simulator_that_failed_is_said(tmp_path: Path) -> None:
    part = Part(
        "fleet", [sys.executable, "-c", 'print(\'{"event": "summary"}\'); raise SystemExit(3)'], tmp_path
    )
    part.process.wait(10)
    with pytest.raises(DemoError, match=r"fleet ended with 3; see .*demo-fleet\.log"):
        part.summary()
