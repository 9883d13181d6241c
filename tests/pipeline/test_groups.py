"""Many charge points of a group break one rule at once: the group's finding, and its children muted by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from analyzers.base import (
    SECOND,
    Analyzer,
    Change,
    ChargePoint,
    Cleared,
    Finding,
    Raised,
    Rule,
    Severity,
    State,
)
from proxy.ocpp.facts import BytesLost, ConnectionOpened, Fact, HeartbeatSeen, Where
from proxy.pipeline.groups import groups_of
from proxy.pipeline.policy import NO_POLICIES, Policies
from proxy.pipeline.runner import Runner

ALL_AT_ONCE = Rule("XX-02", Severity.CRITICAL, "nowhere", "{observed} behind {what} are in trouble.")
ALONE = Rule("XX-01", Severity.WARNING, "nowhere", "{charge_point} is in trouble.", ALL_AT_ONCE)
EPOCH = 1_700_000_000 * SECOND


@dataclass(frozen=True)
class Trouble(Analyzer[State]):
    """Lost bytes are trouble, a Heartbeat ends it."""

    name: ClassVar[str] = "trouble"
    wants: ClassVar[tuple[type[Fact], ...]] = (BytesLost, HeartbeatSeen)
    rules: ClassVar[tuple[Rule, ...]] = (ALONE,)

    def new_state(self) -> State:
        return State()

    def step(self, state: State, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        if isinstance(fact, BytesLost):
            return (Raised(ALONE, evidence=((fact.connection_id, fact.frame_no),)),)
        return (Cleared(ALONE),)


class Fleet:
    """`size` charge points CP_0..., connected to one CSMS from addresses 10.0.<site>.<n>, `per_site` a site."""

    def __init__(self, size: int, per_site: int = 1000, policies: Policies = NO_POLICIES) -> None:
        self.runner = Runner([Trouble()], policies=policies)
        self.known: dict[str, Finding] = {}
        for number in range(size):
            address = f"10.0.{number // per_site}.{number % per_site % 250}"
            self.runner.fact(ConnectionOpened(*where(0, number), "1.6", address, "csms.example:443"))

    def trouble(self, second: float, *numbers: int) -> Fleet:
        for number in numbers:
            self.runner.fact(BytesLost(*where(second, number)))
        return self.drained()

    def over(self, second: float, *numbers: int) -> Fleet:
        for number in numbers:
            self.runner.fact(HeartbeatSeen(*where(second, number)))
        return self.drained()

    def drained(self) -> Fleet:
        self.known |= {finding.finding_id: finding for finding in self.runner.findings()}
        return self

    def of_rule(self, rule: str) -> list[Finding]:
        return [finding for finding in self.known.values() if finding.rule == rule]


def where(second: float, number: int) -> Where:
    clock = int(second * SECOND)
    return Where(f"CP_{number}", f"c{number}", 7, EPOCH + clock, clock)


def test_five_within_a_minute_are_one_finding_and_five_muted_ones() -> None:
    fleet = Fleet(20).trouble(0, 1).trouble(20, 2, 3).trouble(59, 4, 5)
    [group] = fleet.of_rule("XX-02")
    assert group.message == "5 of 20 charge points behind upstream csms.example:443 are in trouble."
    assert (group.charge_point, group.severity, group.analyzer) == ("", Severity.CRITICAL, "trouble")
    assert group.evidence == tuple((f"c{number}", 7) for number in (1, 2, 3, 4, 5))
    assert {finding.muted_by for finding in fleet.of_rule("XX-01")} == {group.finding_id}


@pytest.mark.parametrize(
    ("size", "seconds"),
    [(20, (0, 0, 0, 0)), (20, (0, 30, 60, 90, 120)), (26, (0, 0, 0, 0, 0)), (4, (0, 0, 0, 0))],
)
def test_too_few_or_too_slow_is_no_group(size: int, seconds: tuple[int, ...]) -> None:
    fleet = Fleet(size)
    for number, second in enumerate(seconds):
        fleet.trouble(second, number)
    assert fleet.of_rule("XX-02") == []
    assert {finding.muted_by for finding in fleet.of_rule("XX-01")} == {""}


def test_who_joins_while_it_lasts_is_muted_too() -> None:
    fleet = Fleet(20).trouble(0, 1, 2, 3, 4, 5).trouble(500, 6)
    [group] = fleet.of_rule("XX-02")
    assert (group.observed, group.count) == ("6 of 20 charge points", 2)
    assert [finding.muted_by for finding in fleet.of_rule("XX-01")] == [group.finding_id] * 6


def test_who_was_in_trouble_before_is_muted_as_well() -> None:
    fleet = Fleet(20).trouble(0, 9).trouble(300, 1, 2, 3, 4, 5)
    [group] = fleet.of_rule("XX-02")
    assert group.observed == "6 of 20 charge points"
    assert [finding.muted_by for finding in fleet.of_rule("XX-01")] == [group.finding_id] * 6


def test_it_clears_when_fewer_than_half_of_what_it_took_are_left() -> None:
    fleet = Fleet(20).trouble(0, 1, 2, 3, 4, 5).over(100, 1, 2)
    assert [group.cleared_at for group in fleet.of_rule("XX-02")] == [None]
    assert [group.cleared_at for group in fleet.over(101, 3).of_rule("XX-02")] == [EPOCH + 101 * SECOND]


def test_a_subnet_alone_is_named_when_the_upstream_is_well() -> None:
    fleet = Fleet(100, per_site=10).trouble(0, 0, 1, 2, 3, 4)
    assert [group.message for group in fleet.of_rule("XX-02")] == [
        "5 of 10 charge points behind subnet 10.0.0.0/24 are in trouble."
    ]


def test_the_upstream_takes_over_from_its_subnets() -> None:
    fleet = Fleet(40, per_site=10).trouble(0, *range(8))
    groups = {group.message.split(" behind ")[1]: group for group in fleet.of_rule("XX-02")}
    upstream = groups["upstream csms.example:443 are in trouble."]
    assert {finding.muted_by for finding in fleet.of_rule("XX-01")} == {upstream.finding_id}
    subnet = groups["subnet 10.0.0.0/24 are in trouble."]
    assert (subnet.muted_by, upstream.muted_by) == (upstream.finding_id, "")


def test_groups_survive_a_snapshot() -> None:
    fleet = Fleet(20).trouble(0, 1, 2, 3, 4)
    fleet.runner = Runner.restore([Trouble()], fleet.runner.snapshot())
    assert len(fleet.trouble(10, 5).of_rule("XX-02")) == 1


def test_where_a_charge_point_belongs() -> None:
    policies = Policies(sites={"Depot 4": ("CP_4*",)})
    told = ChargePoint("CP_41", upstream="csms:443", remote_address="2001:db8:1:2:3::9")
    assert groups_of(told, policies) == ("upstream csms:443", "site Depot 4", "subnet 2001:db8:1:2::/64")
    assert groups_of(ChargePoint("X", remote_address="unix"), policies) == ()
    for address in ("10.1.2.3", "10.1.2.3:5123", "::ffff:10.1.2.3", "[::ffff:10.1.2.3]:80"):
        assert groups_of(ChargePoint("X", remote_address=address), policies) == ("subnet 10.1.2.0/24",)
