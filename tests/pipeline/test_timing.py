"""How long analyzers take, and that taking the time changes nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from analyzers import ALL
from analyzers.base import SECOND, Analyzer, Change, ChargePoint, Rule, State
from proxy.ocpp.facts import Fact, HeartbeatSeen
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Overrun, Runner
from proxy.pipeline.timing import Timing
from proxy.pipeline.understanding import Understanding
from tests.pipeline.tape import JOURNAL, Result, Step, play
from tests.pipeline.test_census import silent_site
from tests.pipeline.test_runner import Alarm, beat, interval, mark, told


def ticking(*steps: int) -> Callable[[], int]:
    """A clock that goes on by these at each look, then by the last one for ever."""
    distances = itertools.chain(steps, itertools.repeat(steps[-1]))
    return itertools.accumulate(distances).__next__


@dataclass(frozen=True)
class Stuck(Analyzer[State]):
    name: ClassVar[str] = "stuck"
    wants: ClassVar[tuple[type[Fact], ...]] = (HeartbeatSeen,)
    rules: ClassVar[tuple[Rule, ...]] = ()

    def new_state(self) -> State:
        return State()

    def step(self, state: State, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        raise Overrun


def clock_of(cost: int, *steps: int) -> Callable[[], int]:
    """A look costs `cost`; after those with which `Timing` finds that out, these are the distances."""
    return ticking(*[cost] * 100, *steps)


def test_steps_and_wakes_are_timed() -> None:
    runner, timing = Runner([Alarm()]), Timing(clock_of(10, 10, 110, 10, 1010))
    runner.time_steps(timing)
    runner.fact(interval(0, 10))
    assert timing.spent == {"alarm": 100}  # without what the clock costs
    mark(runner, 11)
    assert timing.spent == {"alarm": 1100}


def test_only_as_long_as_somebody_wants_it() -> None:
    runner, timing = Runner([Alarm()]), Timing(clock_of(10, 10, 110))
    runner.time_steps(timing)
    runner.fact(beat(1))
    runner.time_steps(None)
    runner.fact(beat(2))
    mark(runner, 11)
    assert timing.spent == {"alarm": 100}


def test_who_comes_later_is_timed_too() -> None:
    runner, timing = Runner([]), Timing(clock_of(10, 10, 110))
    runner.time_steps(timing)
    runner.use([Alarm()])
    runner.time_steps(timing)
    runner.fact(beat(1))
    assert timing.spent == {"alarm": 100}


def test_a_step_that_overruns_is_switched_off_all_the_same() -> None:
    runner = Runner([Stuck(), Alarm()])
    runner.time_steps(Timing(clock_of(10)))
    runner.fact(beat(1))
    runner.time_steps(None)
    assert runner.analyzers == ("alarm",)
    assert any("stuck was switched off" in message for message in told(runner))


@pytest.mark.parametrize("every", [1, 3])
def test_findings_are_the_same(every: int) -> None:
    plain, timed = Runner([kind() for kind in ALL]), Runner([kind() for kind in ALL])
    timing, tape = Timing(ticking(5)), silent_site()
    for number, (_, steps) in enumerate(tape.blocks):
        steps.insert(0, switching(timed, None if number % every else timing))
    found = [play(tape, Pipeline(JOURNAL, Understanding(runner))) for runner in (plain, timed)]
    assert findings(found[0]) == findings(found[1]) != []
    assert timed.snapshot() == plain.snapshot()
    assert "silence" in timing.spent


def switching(runner: Runner, timing: Timing | None) -> Step:
    return lambda _: runner.time_steps(timing)


def findings(found: Result) -> list[dict[str, object]]:
    return found.rows["findings"]


def test_a_clock_that_jumps_back_takes_nothing_away() -> None:
    runner, timing = Runner([Alarm()]), Timing(ticking(*[10] * 101, -SECOND, 10))
    runner.time_steps(timing)
    runner.fact(beat(1))
    assert timing.spent == {"alarm": 0}
