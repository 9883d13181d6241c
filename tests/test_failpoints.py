"""Failpoints: what may be set, when one fires, and that every place is really in the code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.failpoints import OF_COMMANDS, OF_REFUSALS, PLACES, Failpoint, arm, parse

PROXY = Path(__file__).parent.parent / "proxy"


@pytest.mark.parametrize("place", [*PLACES, *OF_REFUSALS, *OF_COMMANDS])
def test_each_place_is_in_the_code_once(place: str) -> None:
    calls = [
        file.name
        for file in PROXY.rglob("*.py")
        for _ in range(file.read_text().count(f'failpoint("{place}")'))
    ]
    assert len(calls) == 1, calls


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("after-append:3:kill", ("after-append", 3, 3, "kill", 10.0, "")),
        ("disk-fdatasync:1-5:eio", ("disk-fdatasync", 1, 5, "eio", 10.0, "")),
        ("disk-pwrite:2-:hang=0.5:/tmp/a:b", ("disk-pwrite", 2, 1 << 62, "hang", 0.5, "/tmp/a:b")),
    ],
)
def test_what_may_be_set(text: str, meant: tuple[str, int, int, str, float, str]) -> None:
    assert parse(text) == Failpoint(*meant)


@pytest.mark.parametrize(
    "text", ["after-append", "after-append:x:kill", "after-append:1:explode", "after-lunch:1:kill"]
)
def test_what_is_no_failpoint_is_said_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="OCPPTAP_FAILPOINT"):
        parse(text)
    started = subprocess.run(
        [sys.executable, "-c", "import proxy.failpoints"],
        env={**os.environ, "OCPPTAP_FAILPOINT": text},
        capture_output=True,
        text=True,
    )
    assert started.returncode == 1
    assert len(started.stderr.splitlines()) == 1


def test_it_fires_at_its_place_at_its_time_and_leaves_its_proof(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    come_by = arm(parse(f"before-sync:2-3:enospc:{proof}"))
    come_by("before-sync")
    come_by("after-sync")
    assert not proof.exists()
    for _ in range(2):
        with pytest.raises(OSError, match="No space left") as raised:
            come_by("before-sync")
        assert raised.value.errno == errno.ENOSPC
    come_by("before-sync")
    assert proof.exists()


def test_a_hang_takes_its_time() -> None:
    began = time.monotonic()
    arm(parse("before-sync:1:hang=0.05"))("before-sync")
    assert time.monotonic() - began >= 0.05


def test_a_kill_comes_once_over_all_lives(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    command = [
        sys.executable,
        "-c",
        "from proxy.failpoints import failpoint; failpoint('after-roll'); print('alive')",
    ]
    lives = [
        subprocess.run(
            command,
            env={**os.environ, "OCPPTAP_FAILPOINT": f"after-roll:1:kill:{proof}"},
            capture_output=True,
        )
        for _ in range(2)
    ]
    assert [life.returncode for life in lives] == [-9, 0]
    assert proof.exists()
