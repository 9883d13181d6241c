"""Healthy days of a mixed fleet: valid, consistent, and nothing above info is found in them. Twice the same."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import msgspec
import pytest

from proxy.ocpp import facts
from proxy.ocpp.facts import Fact
from tests.days.editing import REGISTER, Scene, sampled
from tests.days.events import CP, CSMS, Event, Said
from tests.days.healthy import day
from tests.days.known import alarms, made
from tests.days.play import Knowing, Stage, play
from tests.days.profiles import VERSIONS, Outlet, Profile, plain, profile

FLEET = [profile(number) for number in range(12)]
WRONG = (
    facts.AnswerRejected,
    facts.CallUnanswered,
    facts.ConformanceBroken,
    facts.ReplyDuplicated,
    facts.ReplyOrphaned,
    facts.Unparseable,
)
each_version = pytest.mark.parametrize("version", VERSIONS)


class Hearing(Knowing):
    """Keeps what no healthy conversation has, and counts all else."""

    def __init__(self) -> None:
        super().__init__(())
        self.wrong: list[Fact] = []
        self.heard: set[type[Fact]] = set()

    def fact(self, fact: Fact) -> None:
        self.heard.add(type(fact))
        if isinstance(fact, WRONG):
            self.wrong.append(fact)
        super().fact(fact)


def heard(profile: Profile, hours: float = 24) -> Hearing:
    hearing = Hearing()
    stage = Stage(hearing)
    for event in day(profile, hours):
        stage.show(event)
    return hearing


def test_a_day_of_a_mixed_fleet_gives_nothing_above_info() -> None:
    findings = play(made(), [day(one) for one in FLEET])
    assert [(one.rule, one.message) for one in alarms(findings)] == []


@pytest.mark.parametrize("one", FLEET, ids=lambda one: f"{one.name}-{one.version}")
def test_every_message_is_valid_and_answered(one: Profile) -> None:
    hearing = heard(one)
    assert hearing.wrong == []
    assert {facts.TransactionStarted, facts.MeterSampled, facts.TransactionEnded} <= hearing.heard


def test_the_fleet_has_all_that_a_healthy_one_has() -> None:
    heard_of = set().union(*(heard(one).heard for one in FLEET))
    seldom = {
        facts.FirmwareProgress,
        facts.RemoteStartRequested,
        facts.ChargingProfileSet,
        facts.SecurityEvent,
    }
    assert seldom <= heard_of
    assert any(one.rebased for one in map(profile, range(30)))


def messages(events: list[Event]) -> list[bytes]:
    return [event.text for event in events if isinstance(event, Said)]


def test_a_seed_is_a_day() -> None:
    one = profile(3)
    assert list(day(one, 6, seed=1)) == list(day(one, 6, seed=1))
    assert messages(list(day(one, 6, seed=1))) != messages(list(day(one, 6, seed=2)))


def test_the_same_days_give_byte_identical_findings() -> None:
    few = [profile(number) for number in (4, 5, 8)]
    first, second = (play(made(), [day(one) for one in few]) for _ in range(2))
    assert msgspec.msgpack.encode(first) == msgspec.msgpack.encode(second)


def scene(version: str, outlet: Outlet = Outlet.AC) -> Scene:
    one = plain(7, version, outlet)
    return Scene(one, day(one, 6), Random(1))


def values(told: Scene, measurand: str) -> list[float]:
    return [float(sample["value"]) for call in told.longest().samples for sample in sampled(call, measurand)]


@each_version
@pytest.mark.parametrize("outlet", list(Outlet))
def test_energy_is_the_integral_of_power(version: str, outlet: Outlet) -> None:
    told = scene(version, outlet)
    registers, watts = values(told, REGISTER), values(told, "Power.Active.Import")
    integral = sum((a + b) / 2 / 60 for a, b in pairwise(watts))
    assert integral == pytest.approx(registers[-1] - registers[0], rel=0.015)
    assert registers == sorted(registers)


@each_version
def test_a_battery_fills(version: str) -> None:
    told = scene(version, Outlet.DC)
    levels = values(told, "SoC")
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 10


@each_version
def test_nobody_has_two_calls_under_way(version: str) -> None:
    calls = sorted(scene(version).calls, key=lambda call: call.at)
    for direction in (CP, CSMS):
        own = [call for call in calls if call.direction is direction]
        assert all(a.until < b.at for a, b in pairwise(own))
