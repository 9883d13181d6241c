"""Runner: dispatch, time, failure, forgetting, snapshots. Its analyzers here are made for one purpose each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import pytest

from analyzers.base import (
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Finding,
    FleetAnalyzer,
    Raised,
    Rule,
    Severity,
    State,
)
from proxy.ocpp.facts import Fact, HeartbeatIntervalSet, HeartbeatSeen, LifeKind, LifeSeen, Where
from proxy.pipeline.runner import HOUSE, Limits, Overrun, Runner

RULE = Rule("XX-01", Severity.WARNING, "nowhere", "{charge_point} {what}.")
EPOCH = 1_700_000_000 * SECOND


def where(second: float, charge_point: str = "CP_1") -> Where:
    clock = int(second * SECOND)
    return Where(charge_point, "c1", 1, EPOCH + clock, clock)


def beat(second: float, charge_point: str = "CP_1") -> Fact:
    return HeartbeatSeen(*where(second, charge_point))


def interval(second: float, seconds: int, charge_point: str = "CP_1") -> Fact:
    return HeartbeatIntervalSet(*where(second, charge_point), seconds, "test")


def live(
    runner: Runner, second: float, charge_point: str = "CP_1", kind: LifeKind = LifeKind.MESSAGE
) -> None:
    runner.alive(Where(charge_point, "c1", 1, EPOCH + int(second * SECOND), int(second * SECOND)), kind)


def mark(runner: Runner, second: float) -> None:
    runner.mark(EPOCH + int(second * SECOND), int(second * SECOND))


class AlarmState(State):
    seen: int = 0


@dataclass(frozen=True)
class Alarm(Analyzer[AlarmState]):
    """HeartbeatIntervalSet(n) sets the alarm n seconds later (0: off); ringing raises, a Heartbeat clears."""

    name: ClassVar[str] = "alarm"
    wants: ClassVar[tuple[type[Fact], ...]] = (HeartbeatIntervalSet, HeartbeatSeen)
    rules: ClassVar[tuple[Rule, ...]] = (RULE,)

    def new_state(self) -> AlarmState:
        return AlarmState()

    def step(self, state: AlarmState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        state.seen += 1
        if isinstance(fact, HeartbeatIntervalSet):
            state.wake_at = fact.clock + fact.seconds * SECOND if fact.seconds else None
            return ()
        return (Cleared(RULE),)

    def wake(self, state: AlarmState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        return (Raised(RULE, what=f"rang at {now // SECOND}", evidence=(("c1", now // SECOND),)),)


def told(runner: Runner) -> list[str]:
    return [finding.message for finding in runner.findings()]


def states(runner: Runner, charge_point: str = "CP_1") -> dict[str, Any]:
    """By analyzer, of those that have one."""
    known = zip(runner.analyzers, runner.points[charge_point].states, strict=True)
    return {name: state for name, state in known if state is not None}


# time


def test_a_wake_is_served_at_the_mark_and_dated_by_its_own_moment() -> None:
    runner = Runner([Alarm()])
    runner.fact(interval(0, 10))
    mark(runner, 9.9)
    assert runner.findings() == []
    mark(runner, 500)
    [finding] = runner.findings()
    assert (finding.at, finding.message) == (EPOCH + 10 * SECOND, "CP_1 rang at 10.")


@pytest.mark.parametrize(
    "happens",
    [
        lambda runner: runner.fact(beat(10, "CP_2")),
        lambda runner: live(runner, 10),
        lambda runner: mark(runner, 10),
    ],
)
def test_a_wake_comes_before_anything_of_its_moment(happens: Callable[[Runner], None]) -> None:
    runner = Runner([Alarm()])
    runner.fact(interval(0, 10))
    happens(runner)
    assert told(runner) == ["CP_1 rang at 10."]


def test_a_fact_of_the_same_moment_comes_after_the_wake() -> None:
    runner = Runner([Alarm()])
    runner.fact(interval(0, 10))
    runner.fact(beat(10))
    [finding] = runner.findings()
    assert finding.cleared_at == finding.at == EPOCH + 10 * SECOND


def test_wakes_are_served_in_order_of_moment_then_charge_point() -> None:
    runner = Runner([Alarm()])
    for charge_point, seconds in (("B", 10), ("C", 5), ("A", 10)):
        runner.fact(interval(0, seconds, charge_point))
    mark(runner, 100)
    assert told(runner) == ["C rang at 5.", "A rang at 10.", "B rang at 10."]


@pytest.mark.parametrize(("second", "rings"), [(20, 20), (5, 5)])
def test_an_alarm_set_again_rings_at_the_new_moment_only(second: int, rings: int) -> None:
    runner = Runner([Alarm()])
    runner.fact(interval(0, 10))
    runner.fact(interval(1, second - 1))
    mark(runner, 100)
    [finding] = runner.findings()
    assert (finding.message, finding.count) == (f"CP_1 rang at {rings}.", 1)


def test_an_alarm_switched_off_does_not_ring() -> None:
    runner = Runner([Alarm()])
    runner.fact(interval(0, 10))
    runner.fact(interval(1, 0))
    mark(runner, 100)
    assert runner.findings() == []


@dataclass(frozen=True)
class Restless(Alarm):
    """Wants to wake in the past, for ever: must not hang the runner."""

    name: ClassVar[str] = "restless"

    def wake(self, state: AlarmState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        state.seen += 1
        state.wake_at = now - 5 if state.seen < 10 else None
        return ()


def test_waking_in_the_past_is_waking_at_the_next_moment() -> None:
    runner = Runner([Restless()])
    runner.fact(interval(0, 10))
    mark(runner, 11)
    assert states(runner)["restless"].seen == 10


def test_the_heap_stays_small() -> None:
    """An alarm that is moved forward again and again leaves overtaken entries behind."""
    runner = Runner([Alarm()])
    for number in range(20_000):
        runner.fact(interval(0, 1_000_000 - number))
    assert runner._alarms.count <= 1005


# dispatch


@dataclass(frozen=True)
class Listener(Analyzer[State]):
    """Raises for each sign of life it is given, and asks for the next one when `asks`."""

    name: ClassVar[str] = "listener"
    wants: ClassVar[tuple[type[Fact], ...]] = (LifeSeen, HeartbeatSeen)
    rules: ClassVar[tuple[Rule, ...]] = (RULE,)

    def new_state(self) -> State:
        return State()

    def step(self, state: State, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if isinstance(fact, LifeSeen):
            return (Raised(RULE, what=fact.kind.name.lower(), key=f"{fact.kind.name} {fact.clock}"),)
        state.wake_at = fact.clock + 1
        return ()

    def wake(self, state: State, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        charge_point.life.await_any()
        return ()


def test_the_first_signs_of_life_are_told_and_then_only_what_is_asked_for() -> None:
    runner = Runner([Listener()])
    for second in range(5):
        live(runner, second)
        live(runner, second, kind=LifeKind.PING)
    assert told(runner) == ["CP_1 message.", "CP_1 ping."]
    runner.fact(beat(6))
    live(runner, 7)
    live(runner, 8)
    assert told(runner) == ["CP_1 message."]


def test_a_fact_nobody_wants_costs_no_state() -> None:
    runner = Runner([Alarm()])
    runner.fact(LifeSeen(*where(1)))
    assert runner.points == {}


def test_opened_findings_are_counted_once() -> None:
    runner = Runner([Alarm()])
    for second in range(0, 100, 20):
        runner.fact(interval(second, 10))
    mark(runner, 100)
    assert runner.counts.opened == {"XX-01 warning": 1}
    assert [finding.count for finding in runner.findings()] == [5]


def test_a_finding_of_our_own() -> None:
    runner = Runner([])
    runner.report(where(3), Raised(RULE, what="was seen"))
    [finding] = runner.findings()
    assert (finding.analyzer, finding.charge_point, finding.message) == (HOUSE, "CP_1", "CP_1 was seen.")


# failure


@dataclass(frozen=True)
class Faulty(Alarm):
    """Fails in a step at interval 13, in a wake at 10 s; hangs (until the shell ends it) at interval 99."""

    name: ClassVar[str] = "faulty"

    def step(self, state: AlarmState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if isinstance(fact, HeartbeatIntervalSet) and fact.seconds in _TROUBLE:
            raise _TROUBLE[fact.seconds]
        return super().step(state, fact, charge_point)

    def wake(self, state: AlarmState, now: int, charge_point: ChargePoint) -> Sequence[Change]:
        if now == 10 * SECOND:
            raise RuntimeError("wake")
        return super().wake(state, now, charge_point)


_TROUBLE: dict[int, BaseException] = {13: ValueError("thirteen"), 99: Overrun()}


def test_an_exception_costs_that_state_only() -> None:
    runner = Runner([Faulty(), Alarm()])
    for charge_point in ("A", "B"):
        runner.fact(beat(0, charge_point))
    runner.fact(interval(1, 13, "A"))
    assert runner.counts.failures == {"faulty": 1}
    assert list(states(runner, "A")) == ["alarm"]
    assert sorted(states(runner, "B")) == ["alarm", "faulty"]
    runner.fact(beat(2, "A"))
    assert states(runner, "A")["faulty"].seen == 1


@dataclass(frozen=True)
class Crowd(FleetAnalyzer[AlarmState]):
    """Counts what the whole fleet says."""

    name: ClassVar[str] = "crowd"
    wants: ClassVar[tuple[type[Fact], ...]] = (HeartbeatIntervalSet,)
    rules: ClassVar[tuple[Rule, ...]] = (RULE,)

    def new_state(self) -> AlarmState:
        return AlarmState()

    def step(self, state: AlarmState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        state.seen += 1
        return (Raised(RULE, what=f"made {state.seen}"),)


def test_one_that_overran_does_not_confuse_those_of_the_fleet() -> None:
    runner = Runner([Faulty(), Crowd()])
    for seconds in (99, 5, 6):
        runner.fact(interval(seconds, seconds))
    assert (runner.counts.failures, runner.analyzers) == ({"faulty": 1}, ("crowd",))
    assert {finding.message for finding in runner.findings() if finding.analyzer == "crowd"} == {
        "A charge point made 2."
    }


def test_an_exception_in_a_wake_costs_that_state_only() -> None:
    runner = Runner([Faulty()])
    runner.fact(interval(0, 10, "A"))
    runner.fact(interval(0, 11, "B"))
    mark(runner, 20)
    assert told(runner) == ["B rang at 11."]
    assert states(runner, "A") == {}


def test_what_a_lost_state_had_open_ends() -> None:
    runner = Runner([Faulty()])
    runner.fact(interval(0, 11))
    mark(runner, 20)
    runner.fact(interval(30, 13))
    [finding] = runner.findings()
    assert finding.cleared_at == EPOCH + 30 * SECOND


def test_an_overrun_switches_that_analyzer_off_and_says_so() -> None:
    runner = Runner([Faulty(), Alarm()])
    runner.fact(interval(1, 99))
    [finding] = runner.findings()
    assert (finding.rule, finding.severity) == ("OT-01", Severity.CRITICAL)
    assert "Analyzer faulty was switched off" in finding.message
    assert (runner.analyzers, runner.running) == (("alarm",), "")
    runner.fact(interval(2, 99))
    assert runner.counts.failures == {"faulty": 1}
    runner.switch_off("faulty")
    assert runner.findings() == []


@dataclass(frozen=True)
class Witness(Alarm):
    """Looks at who is said to be running."""

    name: ClassVar[str] = "witness"
    runner: ClassVar[list[Runner]] = []

    def step(self, state: AlarmState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        assert self.runner[0].running == "witness"
        return ()


def test_the_shell_can_see_who_is_in_a_step() -> None:
    runner = Runner([Witness()])
    Witness.runner[:] = [runner]
    before = runner.counts.steps
    runner.fact(beat(1))
    assert (runner.running, runner.counts.steps, runner.counts.failures) == ("", before + 1, {})


@dataclass(frozen=True)
class Rubbish(Alarm):
    """Answers with what is no change; its state cannot even be made for the second charge point."""

    name: ClassVar[str] = "rubbish"

    def step(self, state: AlarmState, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        return ["nonsense"]  # type: ignore[list-item]


def test_a_step_that_returns_nonsense_has_failed() -> None:
    runner = Runner([Rubbish()])
    runner.fact(beat(1))
    assert runner.counts.failures == {"rubbish": 1}


# bounds


def test_the_charge_point_unseen_for_longest_is_forgotten() -> None:
    runner = Runner([Alarm()], Limits(charge_points=3))
    for second, charge_point in enumerate("ABCA"):
        runner.fact(interval(second, 100, charge_point))
    live(runner, 10, "D")
    assert sorted(runner.points) == ["A", "C", "D"]
    assert runner.counts.evicted == 1
    mark(runner, 200)
    assert told(runner) == ["C rang at 102.", "A rang at 103."]


def test_what_a_forgotten_charge_point_had_open_ends() -> None:
    runner = Runner([Alarm()], Limits(charge_points=1))
    runner.fact(interval(0, 1, "A"))
    mark(runner, 5)
    live(runner, 10, "B")
    [finding] = runner.findings()
    assert finding.cleared_at == EPOCH + 10 * SECOND


# other analyzers, other settings


def test_who_stays_keeps_its_state_and_who_goes_leaves_nothing_open() -> None:
    runner = Runner([Alarm(), Faulty()])
    runner.fact(interval(0, 11))
    mark(runner, 20)
    runner.use([Alarm(), Listener()])
    assert {finding.analyzer: finding.cleared_at is None for finding in runner.findings()} == {
        "alarm": True,
        "faulty": False,
    }
    live(runner, 30)
    assert told(runner) == ["CP_1 message."]
    assert sorted(states(runner)) == ["alarm"]  # the listener learns nothing


# snapshots


def ringing(*analyzers: Analyzer[AlarmState]) -> Runner:
    """One alarm has rung, another is set."""
    runner = Runner(analyzers)
    runner.fact(interval(0, 11, "A"))
    mark(runner, 20)
    runner.fact(interval(20, 10, "B"))
    return runner


def test_a_restored_runner_goes_on() -> None:
    runner = Runner.restore([Alarm()], ringing(Alarm()).snapshot())
    assert told(runner) == ["A rang at 11."]
    mark(runner, 50)
    runner.fact(beat(60, "A"))
    assert {finding.charge_point: finding.cleared_at for finding in runner.findings()} == {
        "A": EPOCH + 60 * SECOND,
        "B": None,
    }


class OtherState(AlarmState):
    more: int = 0


@dataclass(frozen=True)
class OtherAlarm(Alarm):
    """The same name, another state: a newer version."""

    def new_state(self) -> OtherState:
        return OtherState()


def ended(findings: list[Finding]) -> list[str]:
    return [finding.charge_point for finding in findings if finding.cleared_at is not None]


def test_a_part_of_another_schema_is_unknown_and_what_it_had_open_ends() -> None:
    runner = Runner.restore([OtherAlarm()], ringing(Alarm()).snapshot())
    assert runner.counts.parts_unknown == 1
    assert ended(runner.findings()) == ["A"]
    assert runner.points["B"].charge_point.life.awaits_message
    mark(runner, 100)
    assert runner.findings() == []


def test_an_analyzer_that_is_gone_leaves_nothing_open() -> None:
    runner = Runner.restore([Listener()], ringing(Alarm()).snapshot())
    assert ended(runner.findings()) == ["A"]


@pytest.mark.parametrize("data", [b"", b"\x00", msgspec.msgpack.encode({"version": 0}), b"\xff" * 100])
def test_an_unreadable_snapshot_is_a_new_beginning(data: bytes) -> None:
    runner = Runner.restore([Alarm()], data)
    assert (runner.points, runner.counts.parts_unknown) == ({}, 1)


def test_a_snapshot_of_another_version_is_a_new_beginning() -> None:
    data = msgspec.msgpack.decode(ringing(Alarm()).snapshot())
    runner = Runner.restore([Alarm()], msgspec.msgpack.encode(data | {"version": 0}))
    assert (runner.points, runner.counts.parts_unknown) == ({}, 1)


class StrangeState(AlarmState):
    what: object = None


@dataclass(frozen=True)
class Strange(Alarm):
    """A plugin whose state cannot be written down."""

    name: ClassVar[str] = "strange"

    def new_state(self) -> StrangeState:
        return StrangeState(what=object())


def test_a_state_that_cannot_be_written_down_is_left_out() -> None:
    runner = ringing(Strange(), Alarm())
    restored = Runner.restore([Strange(), Alarm()], runner.snapshot())
    assert runner.counts.parts_unknown == 1
    assert list(states(restored, "B")) == ["alarm"]
