"""What all fault tests share: how long faults last, a run that meets a failpoint, and what is told of each fault."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pytest

from proxy.failpoints import VARIABLE
from tests.e2e.running import Running, peak_bytes, running

REPORT_FILE: Final = os.environ.pop("OCPPTAP_FAULTS_REPORT", "")
"""Gets a JSON line per fault; "": nothing is kept."""
REAL_FAULTS: Final = os.environ.pop("OCPPTAP_FAULTS", "") == "real"
"""`make faults`: faults last as long as in life. Both are taken away here: OCPPTAP_… are settings of `ocpptap run`."""
MEBIBYTE: Final = 1 << 20
MOST_BYTES: Final = {"relay": 200 * MEBIBYTE, "recorder": 500 * MEBIBYTE}
"""Of memory, at any moment, whatever fails."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how much. Both scales check the same."""

    name: str
    hang_seconds: float
    """Of a disk, in one call."""
    away_seconds: float
    """Of a store or a CSMS."""
    frames: int
    """Of the traffic meanwhile, each way. Real: an hour at 20 calls a second (600 charge points, a call per 30 s)."""
    beat_limit_seconds: float

    def pick(self, quick: float, real: float) -> float:
        """For what only one test needs."""
        return real if self.name == "real" else quick


QUICK: Final = Scale("quick", hang_seconds=0.5, away_seconds=1.0, frames=4_000, beat_limit_seconds=2.0)
REAL: Final = Scale("real", hang_seconds=10.0, away_seconds=60.0, frames=72_000, beat_limit_seconds=30.0)


def scale() -> Scale:
    return REAL if REAL_FAULTS else QUICK


# --- what is told


@dataclass(frozen=True, slots=True)
class Row:
    """One fault in the page of evidence: short texts, figures as they were measured."""

    fault: str
    traffic: str
    """What traffic saw: "nothing", "stalled 10.0 s", "RST"."""
    recorded: str
    """What was recorded: "all of 72,000 frames, once"."""
    gaps: str = "no gap"
    """Bytes in gap records and bytes missing: "1,234 = 1,234"."""
    relay_peak: str = "-"
    """VmHWM: "61 MB". A dash: not looked at."""
    recorder_peak: str = "-"
    reached: str = "-"
    """How the test knew that its fault was met: "disk-pwrite:200:eio", "EMFILE seen in the log"."""


def tell(row: Row) -> None:
    """Keep what a fault did; `python -m tests.faults` makes the table of it."""
    if REPORT_FILE:
        with Path(REPORT_FILE).open("a") as report:
            report.write(json.dumps(asdict(row)) + "\n")


def bounded_peaks(run: Running) -> dict[str, str]:
    """The most memory that relay and recorder had until now, as a `Row` says it; they must not have had more."""
    peaks = {part: max(map(peak_bytes, run.pids(part))) for part in MOST_BYTES}
    assert {part: peak for part, peak in peaks.items() if peak > MOST_BYTES[part]} == {}
    return {f"{part}_peak": f"{peak / 1e6:.0f} MB" for part, peak in peaks.items()}


# --- how a run meets a fault


@dataclass(frozen=True, slots=True)
class Failpoint:
    """One that a run was started with. `text`: name:when:action."""

    text: str
    proof: Path
    """Made when it first fires."""

    def reached(self) -> bool:
        return self.proof.exists()

    def began(self) -> float:
        """When it first fired: s UTC, as `time.time` has it."""
        return self.proof.stat().st_mtime


def configuration(folder: Path, **sections: str) -> str:
    """A file with these sections; its path."""
    file = folder / "ocpptap.toml"
    file.write_text("".join(f"[{name}]\n{lines}\n" for name, lines in sections.items()))
    return str(file)


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    """For what is started inside."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@contextlib.contextmanager
def faulty(
    folder: Path, upstream: str, failpoint: str, **sections: str
) -> Iterator[tuple[Running, Failpoint]]:
    """`ocpptap run` whose parts meet `failpoint` (name:when:action, see proxy/failpoints.py)."""
    point = Failpoint(failpoint, folder / "reached")
    with contextlib.ExitStack() as stack:
        with environment(**{VARIABLE: f"{failpoint}:{point.proof}"}):
            config = configuration(folder, **sections)
            run = stack.enter_context(running(folder / "data", upstream, "--config", config))
        yield run, point


@contextlib.contextmanager
def small_disk(directory: Path, size: int) -> Iterator[None]:
    """A tmpfs of `size` bytes at `directory`. Without the right to mount the test is skipped and says so."""
    directory.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(directory)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def grow_disk(directory: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(directory)], check=True)
