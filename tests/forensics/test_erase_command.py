"""`ocpptap erase` as it is typed: what it asks, what it says, what it leaves to the operator."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.forensics.find import rows
from proxy.store.client import Store
from tests.forensics.erasures import LEFT, Case, places
from tests.forensics.recorded import a_store
from tests.recorder.journals import BEGIN, SECOND, Segment, talk

WITH_IT = """
import sys
from proxy import cli
from proxy.cli.erasing import erase
cli.cli.add_command(erase)
sys.argv = ["ocpptap", "erase", *sys.argv[1:]]
cli.main()
"""
COMMAND = [sys.executable, "-c", WITH_IT]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("erase") / "data"


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[Store]:
    with a_store(data) as store:
        yield store


def typed(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *words, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def answered(data: Path, answer: str, *words: str) -> tuple[int, str]:
    """On a terminal."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "wb", 0) as keyboard, os.fdopen(theirs, "rb", 0) as terminal:
        command = [*COMMAND, *words, "--data", str(data)]
        keyboard.write(answer.encode() + b"\n")
        done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("words", [[], ["--charge-point", "A", "--id-tag", "B", "--yes"]])
def test_one_of_the_two_is_named(tmp_path: Path, words: list[str]) -> None:
    done = typed(tmp_path, *words)
    assert done.returncode == 2
    assert "name a --charge-point or an --id-tag" in done.stderr


def test_without_a_terminal_it_wants_a_yes(tmp_path: Path) -> None:
    done = typed(tmp_path, "--charge-point", "CP_1")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "say --yes" in done.stderr


def test_a_data_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = typed(tmp_path / "none", "--charge-point", "CP_1", "--yes")
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])


def test_foreseen_asked_done_and_what_is_left_is_named(store: Store, data: Path) -> None:
    case = Case(store)
    before = rows(store, "SELECT count() AS n FROM all_frames")
    foreseen = typed(data, "--id-tag", case.tag, "--dry-run")
    assert foreseen.returncode == 0, foreseen.stderr
    assert f"would erase of id tag {case.tag}:" in foreseen.stdout
    assert "  frames: 16 rows" in foreseen.stdout
    assert case.other in foreseen.stdout
    code, told = answered(data, "n", "--id-tag", case.tag)
    assert (code, "for good?" in told) == (1, True)
    assert rows(store, "SELECT count() AS n FROM all_frames") == before

    segments = _segments(data)
    quarantine = _quarantine(data, case.tag)
    code, told = answered(data, "y", "--id-tag", case.tag)
    assert code == 0, told
    assert places(store, case.tag) == set()
    assert [name for name in (*map(str, segments), str(quarantine)) if name in told] == [
        str(segments[0]), str(segments[2]), str(quarantine),
    ]  # fmt: skip


def test_a_charge_point_with_yes(store: Store, data: Path) -> None:
    case = Case(store)
    done = typed(data, "--charge-point", case.name, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"erased: charge point {case.name}, 1 sessions (erasure " in done.stdout
    assert places(store, case.name) <= LEFT | {"erasures.subject"}
    again = typed(data, "--charge-point", case.name, "--yes")
    assert f"nothing in the store is of charge point {case.name}" in again.stdout


def _segments(data: Path) -> list[Path]:
    """One of the time of what is erased, one that was full before, one that is written still."""
    found = [talk(Segment(run=run), 1).save(data) for run in (1, 2, 3)]
    for path, seconds in zip(found, (100, -8_000, 90_000), strict=True):
        os.utime(path, ns=(BEGIN + seconds * SECOND, BEGIN + seconds * SECOND))
    return found


def _quarantine(data: Path, tag: str) -> Path:
    folder = data / "quarantine"
    folder.mkdir(exist_ok=True)
    file = folder / "x-1-statuses.jsonl"
    file.write_text(json.dumps({"table": "statuses", "values": {"charge_point": "X", "info": tag}}) + "\n")
    return file
