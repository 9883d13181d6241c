"""An analyzer that never returns from C: the next life knows which one it was."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from analyzers import ALL
from analyzers.base import Analyzer, Change, ChargePoint, Rule, State
from proxy.ocpp.facts import ConnectionOpened, Fact
from proxy.pipeline.runner import Runner
from proxy.recorder import analysis
from proxy.recorder.analysis import leave_out, selection
from proxy.recorder.hangs import Hangs, culprits


@dataclass(frozen=True)
class Asleep(Analyzer[State]):
    """Sleeps in C, holding the interpreter."""

    name: ClassVar[str] = "asleep"
    wants: ClassVar[tuple[type[Fact], ...]] = (ConnectionOpened,)
    rules: ClassVar[tuple[Rule, ...]] = ()

    def new_state(self) -> State:
        return State()

    def step(self, state: State, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        ctypes.PyDLL(None).sleep(600)
        return ()


HANG = """
import sys
import time
from pathlib import Path
from proxy.ocpp.facts import ConnectionOpened
from proxy.pipeline.policy import Policies, Policy, Scope
from proxy.pipeline.runner import Runner
from proxy.pipeline.timing import Timing
from proxy.recorder.hangs import Hangs
from tests.recorder.test_hangs import Asleep
Hangs(Path(sys.argv[1]), 0.2).live()
runner = Runner([Asleep()], policies=Policies({"asleep": Policy(Scope(("CP_*",)))}))
if sys.argv[2] == "timed":
    runner.time_steps(Timing(time.perf_counter_ns))
runner.fact(ConnectionOpened("CP_1", "c", 0, 1, 1))
"""


@pytest.fixture(params=["plain", "timed"])
def left(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What a process that hangs in C leaves when it is killed: in a step with a scope, and in one that is timed too."""
    file = tmp_path / "hang"
    process = subprocess.Popen(
        [sys.executable, "-c", HANG, str(file), request.param], cwd=Path(__file__).parents[2]
    )
    deadline = time.monotonic() + 30
    while not (file.exists() and "in <module>" in file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)  # the outermost frame of its only thread is written last
    process.kill()
    process.wait()
    return Hangs(file).found


def test_the_next_life_leaves_it_out_and_says_so(left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("asleep", "tests.recorder.test_hangs:Asleep", analysis.GROUP)
    monkeypatch.setattr(analysis, "entry_points", lambda group: [entry])
    runner = Runner(selection({}).analyzers)
    leave_out(runner, left)
    assert set(runner.analyzers) == {kind.name for kind in ALL}
    assert [finding.message.split(" was ")[0] for finding in runner.findings()] == ["Analyzer asleep"]


def test_what_is_no_analyzers_fault_costs_none(left: str) -> None:
    assert culprits(left, ALL) == []
    elsewhere = re.sub("in _(first_)?step", "in _somewhere_else", left)
    assert culprits(elsewhere, [Asleep]) == []
    assert culprits("", [Asleep]) == []


def test_who_was_only_slow_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "hang"
    hangs = Hangs(file, 0.05)
    hangs.live()
    deadline = time.monotonic() + 30
    while not file.stat().st_size and time.monotonic() < deadline:
        time.sleep(0.01)
    assert file.stat().st_size
    hangs.live()
    hangs.close()
    assert Hangs(file).found == ""


def test_a_life_that_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    hangs = Hangs(tmp_path / "hang", 60)
    hangs.live()
    hangs.close()
    assert (tmp_path / "hang").read_text() == ""
