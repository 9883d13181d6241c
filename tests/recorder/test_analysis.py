"""The shell around the analyzers: settings, other people's analyzers, and steps that never return."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import ClassVar

import pytest

from analyzers import ALL
from analyzers.base import Analyzer, Change, ChargePoint, Rule, State
from analyzers.silence import Silence
from proxy.ocpp.facts import ConnectionOpened, Fact
from proxy.pipeline.runner import Runner
from proxy.recorder import analysis
from proxy.recorder.analysis import Watchdog, selection


@dataclass(frozen=True)
class Hanging(Analyzer[State]):
    """Waits for something that never comes."""

    name: ClassVar[str] = "hanging"
    wants: ClassVar[tuple[type[Fact], ...]] = (ConnectionOpened,)
    rules: ClassVar[tuple[Rule, ...]] = ()

    def new_state(self) -> State:
        return State()

    def step(self, state: State, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        while True:
            pass


@pytest.fixture
def no_timer() -> Iterator[None]:
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


@pytest.mark.usefixtures("no_timer")
def test_a_step_that_never_returns_costs_its_analyzer_and_nothing_else() -> None:
    runner = Runner([Hanging(), *(kind() for kind in ALL)])
    Watchdog(runner, 0.05)
    runner.fact(ConnectionOpened("CP_1", "c", 0, 1, 1))
    assert [(finding.rule, finding.severity.label) for finding in runner.findings()] == [
        ("OT-01", "critical")
    ]
    assert set(runner.analyzers) == {kind.name for kind in ALL}


def test_an_analyzer_can_be_left_out_or_set_otherwise() -> None:
    chosen = selection({"silence": {"grace_seconds": 7}, "unanswered_call": {"enabled": False}}).analyzers
    assert {one.name for one in chosen} == {kind.name for kind in ALL} - {"unanswered_call"}
    assert [one.grace_seconds for one in chosen if isinstance(one, Silence)] == [7]


def test_somebody_elses_analyzer_runs_and_a_broken_one_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint("hanging", "tests.recorder.test_analysis:Hanging", analysis.GROUP),
        EntryPoint("broken", "tests.recorder.no_such_module:Nothing", analysis.GROUP),
    ]
    monkeypatch.setattr(analysis, "entry_points", lambda group: entries)
    assert [one.name for one in selection({}).analyzers] == [*(kind.name for kind in ALL), "hanging"]
