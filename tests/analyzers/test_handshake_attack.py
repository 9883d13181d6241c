"""handshake_attack: SE-01, for a name and for an address."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import handshake_attack
from analyzers.handshake_attack import MAX_ADDRESSES, MAX_NAMES, MAX_TOLD, HandshakeAttack
from proxy.heads.connection import Refused
from proxy.ocpp import facts
from tests.analyzers.fleet import Fleet, Messages

THIEF = "203.0.113.9:4711"


def fleet(**settings: Any) -> Fleet:
    return Fleet(HandshakeAttack(**settings))


def refused(
    story: Fleet,
    name: str,
    address: str = "10.0.0.1:4711",
    status: int = 401,
    by: str = "csms",
    reason: str = "",
) -> Fleet:
    story.as_(name).tell(facts.HandshakeFailed, status, by, reason, address)
    return story


def guess(story: Fleet, times: int, every: float = 60, **how: Any) -> Fleet:
    """At CP_1, so many times, so many seconds between."""
    for number in range(times):
        refused(story.at(number * every), "CP_1", **how)
    return story


def names(story: Fleet, number: int, every: float = 10, address: str = THIEF) -> Fleet:
    """So many names are tried from one address."""
    for index in range(number):
        refused(story.at(story.now + every), f"guess-{index}", address)
    return story


def test_five_in_ten_minutes() -> None:
    assert guess(fleet(), 4).told() == []
    [finding] = guess(fleet(), 5).findings()
    assert (finding.rule, finding.severity.label, finding.charge_point) == ("SE-01", "warning", "CP_1")
    assert len(finding.evidence) == 5


def test_five_in_more_than_ten_minutes_are_nothing() -> None:
    assert guess(fleet(), 50, every=151).told() == []
    assert guess(fleet(), 5, every=150).told() == ["SE-01 warning"]


def test_the_thresholds_are_settings() -> None:
    assert guess(fleet(attempts=6), 5).told() == []
    assert guess(fleet(attempts_minutes=30), 5, every=151).told() == ["SE-01 warning"]
    assert guess(fleet(reasons=("404",)), 5, status=404).told() == ["SE-01 warning"]
    assert names(fleet(names=5), 5).told() == ["SE-01 critical"]


@pytest.mark.parametrize(
    "how",
    [
        {"status": 404},
        {"status": 502, "reason": "tls"},
        {"status": 0, "by": "proxy", "reason": "timeout"},
        {"status": 0, "by": "charge_point", "reason": "tls"},
    ],
)
def test_other_reasons_are_no_attack(how: dict[str, Any]) -> None:
    assert guess(fleet(), 20, **how).told() == []


def test_403_and_failed_tls_count_as_well() -> None:
    assert guess(fleet(), 5, status=403).told() == ["SE-01 warning"]
    assert guess(fleet(), 5, status=0, by="proxy", reason="tls").told() == ["SE-01 warning"]


def test_a_connection_clears_it() -> None:
    story = guess(fleet(), 5)
    story.at(300).tell(facts.ConnectionOpened, "1.6", "10.0.0.1:9")
    assert story.told() == ["SE-01 warning, cleared"]


def test_ten_quiet_minutes_clear_it() -> None:
    story = guess(fleet(), 5)
    assert story.skip(240 + 599).told() == ["SE-01 warning"]
    assert story.skip(240 + 600).told() == ["SE-01 warning, cleared"]


def test_it_goes_on_as_one_finding() -> None:
    [finding] = guess(fleet(), 50).findings()
    assert finding.count == 46


def test_twenty_names_from_one_address_are_an_enumeration() -> None:
    assert names(fleet(), 19).told() == []
    [finding] = names(fleet(), 20).findings()
    assert (finding.severity.label, finding.charge_point) == ("critical", "")
    assert names(fleet(), 40, every=190).told() == []


def test_an_address_that_was_used_by_charge_points_may_be_a_gateway() -> None:
    story = fleet()
    story.as_("CP_1").tell(facts.ConnectionOpened, "1.6", "203.0.113.9:1").message()
    assert names(story, 20).told() == ["SE-01 warning"]


def test_known_charge_points_that_are_all_refused_are_no_enumeration() -> None:
    story = fleet()
    for index in range(30):
        story.as_(f"guess-{index}").message()
    assert names(story, 30).told() == []


def test_names_from_as_many_addresses_are_no_enumeration() -> None:
    story = fleet()
    for index in range(30):
        refused(story, f"guess-{index}", f"10.0.0.{index}:1")
    assert story.told() == []


def test_an_hour_without_a_refusal_clears_it() -> None:
    story = names(fleet(), 20)
    assert story.skip(200 + 3599).told() == ["SE-01 critical"]
    assert story.skip(200 + 3600).told() == ["SE-01 critical, cleared"]


def test_everybody_refused_is_not_a_guess_at_each() -> None:
    story = fleet()
    for second in range(0, 300, 60):
        for index in range(100):
            refused(story.at(second), f"CP_{index}", f"10.0.{index}.1:1")
    assert len(story.told()) == MAX_TOLD


def test_a_flood_of_names_costs_no_more() -> None:
    story = fleet(names=100_000)
    guess(story, 5)
    for index in range(2 * MAX_NAMES):
        refused(story, f"guess-{index}", f"10.1.{index // 256}.{index % 256}:1")
    state = story.runner.fleet.states[0]
    assert isinstance(state, handshake_attack.HandshakeAttackState)
    assert (len(state.names), len(state.addresses)) == (MAX_NAMES, MAX_ADDRESSES)
    assert story.told() == ["SE-01 warning, cleared"]


def test_ipv6_addresses() -> None:
    story = names(fleet(), 20, address="[2001:db8::1]:4711")
    assert "2001:db8::1 was refused" in story.findings()[0].message
    assert "2001:db8::1 was refused" in names(fleet(), 20, address="2001:db8::1").findings()[0].message


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("times", "told"), [(5, ["SE-01 warning"]), (4, [])])
def test_through_the_capture(version: str, times: int, told: list[str]) -> None:
    """`count`: these may be of other names from that address."""
    messages = Messages(version, HandshakeAttack())
    for number in range(times):
        refusal = Refused("CP_1", remote_address=THIEF, status=401, refused_by="csms", count=9)
        messages.capture.refused(messages.at(number), refusal)
    assert messages.told() == told


def test_its_sentences_are_those_of_the_docstring() -> None:
    text = " ".join((handshake_attack.__doc__ or "").split())
    for finding in [*guess(fleet(), 5).findings(), *names(fleet(), 20).findings()]:
        assert finding.message in text
