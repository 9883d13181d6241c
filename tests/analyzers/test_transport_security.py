"""transport_security: SE-05 and SE-06."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers.transport_security import TransportSecurity
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
PUBLIC = "198.51.100.7"


@pytest.fixture
def story() -> Story:
    return Story(TransportSecurity())


def connects(story: Story, profile: int | None, address: str = "10.0.0.1") -> Story:
    return story.tell(facts.ConnectionOpened, "1.6", address, "csms:443", profile)


def set_to(story: Story, value: str, status: str = "Accepted", key: str = "SecurityProfile") -> Story:
    return story.tell(facts.ConfigurationChanged, key, value, status, "ChangeConfiguration")


@pytest.mark.parametrize("profile", [0, 1])
def test_an_open_line_from_the_internet(story: Story, profile: int) -> None:
    [finding] = connects(story, profile, PUBLIC).findings()
    assert (finding.rule, finding.severity.label, finding.evidence) == ("SE-05", "warning", (("c1", 1),))
    assert f"without TLS from {PUBLIC}" in finding.message


@pytest.mark.parametrize("profile", [2, 3, None])
def test_tls_or_not_known_is_nothing(story: Story, profile: int | None) -> None:
    assert connects(story, profile, PUBLIC).told() == []


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "172.31.9.9", "192.168.0.9:5000", "127.0.0.1", "100.64.1.1", "169.254.1.1"),
        *("::1", "fd00::1", "[fe80::1]:443", "::ffff:10.0.0.1", "", "unix", "fe80::1%eth0"),
    ],
)
def test_a_private_network_or_nobody_knows_where(story: Story, address: str) -> None:
    assert connects(story, 0, address).told() == []


@pytest.mark.parametrize(
    "address", ["172.32.0.1", "100.128.0.1", "2001:db8::7", "[2001:db8::7]:81", "::ffff:8.8.8.8"]
)
def test_just_outside_of_one(story: Story, address: str) -> None:
    assert connects(story, 0, address).told() == ["SE-05 warning"]


def test_it_is_one_finding_until_the_line_is_closed_to_others(story: Story) -> None:
    for _ in range(5):
        connects(story, 1, PUBLIC)
    assert [finding.count for finding in story.findings()] == [5]
    assert connects(story, 2, PUBLIC).told() == ["SE-05 warning, cleared"]


def test_which_networks_are_private_is_a_setting() -> None:
    analyzer = TransportSecurity(private_networks=("198.51.100.0/24", "rubbish"))
    assert connects(Story(analyzer), 0, PUBLIC).told() == []
    assert connects(Story(analyzer), 0, "10.0.0.1").told() == ["SE-05 warning"]


@pytest.mark.parametrize(("before", "now"), [(2, 1), (3, 2), (1, 0), (3, 0)])
def test_a_lower_profile_than_before(story: Story, before: int, now: int) -> None:
    [finding] = connects(connects(story, before), now).findings()
    assert (finding.rule, finding.severity.label) == ("SE-06", "critical")
    assert finding.message == f"CP_1: its connection has security profile {now} (it had {before})."


def test_the_same_or_a_higher_one_is_nothing(story: Story) -> None:
    for profile in (0, 0, 1, 2, None, 2, 3):
        connects(story, profile)
    assert story.told() == []


def test_as_high_as_before_clears_it(story: Story) -> None:
    connects(connects(connects(story, 3), 1), 2)
    assert story.told() == ["SE-06 critical"]
    assert connects(story, 3).told() == ["SE-06 critical, cleared"]


def test_the_first_connection_seen_is_not_lower_than_anything(story: Story) -> None:
    assert connects(story, 0).told() == []


def test_a_lower_one_is_set(story: Story) -> None:
    [finding] = set_to(connects(story, 2), "1").findings()
    assert finding.message == "CP_1: the CSMS set SecurityProfile, and it was accepted: now 1 (it had 2)."


@pytest.mark.parametrize("status", ["Rejected", "NotSupported", ""])
def test_what_was_refused_is_nothing(story: Story, status: str) -> None:
    assert set_to(connects(story, 2), "1", status).told() == []


@pytest.mark.parametrize("value", ["2", "3", "", "low", "-1", "9", "\u0661"])
def test_the_same_a_higher_or_none_is_nothing(story: Story, value: str) -> None:
    assert set_to(connects(story, 2), value).told() == []


def test_without_a_profile_known_nobody_can_say(story: Story) -> None:
    assert set_to(connects(story, None), "0").told() == []
    assert set_to(story, "2").told() == []
    assert set_to(story, "1").told() == ["SE-06 critical"]


def test_what_it_told_itself_counts(story: Story) -> None:
    """TLS ends before us: the line looks like profile 1."""
    connects(story, 1).tell(facts.ConfigurationTold, "SecurityProfile", "2")
    assert set_to(story, "1").told() == ["SE-06 critical"]


def test_setting_it_back_clears_it(story: Story) -> None:
    set_to(connects(story, 2), "1")
    assert set_to(story, "2").told() == ["SE-06 critical, cleared"]


def test_what_was_set_lower_is_not_said_again_by_the_line(story: Story) -> None:
    set_to(connects(story, 2), "1")
    assert connects(story, 1).told() == ["SE-06 critical"]
    assert connects(story, 0).told() == ["SE-06 critical", "SE-06 critical"]


def test_other_keys_are_none_of_ours(story: Story) -> None:
    assert set_to(connects(story, 2), "1", key="HeartbeatInterval").told() == []


def trace(version: str, *told: tuple[str, str]) -> list[str]:
    capture = Capture(Runner([TransportSecurity()]))
    for index, (call, answer) in enumerate(told):
        capture.said(EPOCH, "CP_1", CSMS, f'[2,"{index}",{call}]'.encode(), version)
        capture.said(EPOCH, "CP_1", CP, f'[3,"{index}",{answer}]'.encode(), version)
    return [finding.rule for finding in capture.runner.findings()]


def change(value: int) -> str:
    return f'"ChangeConfiguration",{{"key":"SecurityProfile","value":"{value}"}}'


def network(profile: int) -> str:
    data: Any = (
        '"ocppVersion":"OCPP20","ocppTransport":"JSON","ocppCsmsUrl":"wss://c.example","messageTimeout":30'
    )
    return (
        f'"SetNetworkProfile",{{"configurationSlot":1,"connectionData":{{{data},"securityProfile":{profile},'
        '"ocppInterface":"Wired0"}}'
    )


ACCEPTED, REJECTED = '{"status":"Accepted"}', '{"status":"Rejected"}'


@pytest.mark.parametrize(("version", "order"), [("1.6", change), ("2.0.1", network)])
def test_whole_messages(version: str, order: Any) -> None:
    assert trace(version, (order(3), ACCEPTED), (order(2), ACCEPTED)) == ["SE-06"]
    assert trace(version, (order(3), ACCEPTED), (order(2), REJECTED)) == []
    assert trace(version, (order(2), ACCEPTED), (order(3), ACCEPTED)) == []
