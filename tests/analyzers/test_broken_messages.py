"""conformance: PR-10 and PR-12 (`test_conformance.py` is what every analyzer must pass)."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers.conformance import MAX_ERRATA, MAX_OPEN, UNSEEN, Conformance
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
DAY = 86_400


@pytest.fixture
def story() -> Story:
    return Story(Conformance())


def broken(story: Story, pointer: str = "/idTag", rule: str = "type", **fields: Any) -> Story:
    told = {"direction": CP, "action": "Authorize", "message_type": 2, "verdict": "violation", **fields}
    story.runner.fact(
        facts.ConformanceBroken(*story.where(), rule=rule, pointer=pointer, clause="§1", **told)
    )
    return story


def junk(story: Story, reason: str = "not JSON", direction: Direction = CP) -> Story:
    return story.tell(facts.Unparseable, direction, reason)


def test_a_violation_is_said_once_and_counted(story: Story) -> None:
    for second in range(100):
        broken(story.at(second))
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.count) == ("PR-10", "warning", 100)
    assert finding.message == "CP_1: its Authorize breaks the standard: type at /idTag (§1)."
    assert finding.evidence[0] == ("c1", 1)


def test_which_element_of_a_list_does_not_matter(story: Story) -> None:
    broken(story, "/meterValue/0/sampledValue/3/value")
    [finding] = broken(story, "/meterValue/1/sampledValue/0/value").findings()
    assert finding.count == 2


@pytest.mark.parametrize(
    "other", [{"pointer": "/id"}, {"rule": "enum"}, {"action": "Heartbeat"}, {"direction": CSMS}]
)
def test_another_one_is_another_finding(story: Story, other: dict[str, Any]) -> None:
    assert len(broken(broken(story), **other).findings()) == 2


@pytest.mark.parametrize("rule", ["max length", "additional property", "timestamp"])
def test_what_every_reader_survives_is_an_info(story: Story, rule: str) -> None:
    assert broken(story, rule=rule).told() == ["PR-10 info"]


def test_an_erratum_is_one_info_and_over(story: Story) -> None:
    for second in range(0, 3 * DAY, 1000):
        broken(story.at(second), verdict="erratum")
    [finding] = story.findings()
    assert (finding.severity.label, finding.count, finding.cleared_at) == ("info", 1, EPOCH)


def test_a_day_without_clears_it(story: Story) -> None:
    broken(story).at(100)
    assert junk(broken(story)).wait(101 + DAY).told() == ["PR-10 warning, cleared", "PR-12 warning, cleared"]


def test_each_is_cleared_for_itself(story: Story) -> None:
    junk(broken(story).at(DAY - 10)).at(DAY + 1)
    story.wait(DAY + 2)
    assert story.told() == ["PR-10 warning, cleared", "PR-12 warning"]


def test_how_long_is_a_setting() -> None:
    assert broken(Story(Conformance(quiet_seconds=60))).wait(61).told() == ["PR-10 warning, cleared"]


def test_what_is_beyond_the_bound_is_one_finding(story: Story) -> None:
    for number in range(MAX_OPEN + 50):
        broken(story, f"/x{number}")
    assert len(story.findings()) == MAX_OPEN + 1
    assert story.findings()[-1].count == 50


def test_no_more_errata_are_said_than_are_remembered(story: Story) -> None:
    for number in range(MAX_ERRATA + 50):
        broken(story, f"/x{number}", verdict="erratum")
    assert len(story.findings()) == MAX_ERRATA


def test_junk_is_said_once_not_a_thousand_times(story: Story) -> None:
    for number in range(1000):
        junk(story, ("not JSON", "not an array", "binary message")[number % 3])
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.count) == ("PR-12", "warning", 1000)
    assert finding.message.startswith("CP_1: it sends what is no OCPP message: ")


def test_each_side_has_its_own(story: Story) -> None:
    assert len(junk(junk(story), direction=CSMS).findings()) == 2
    assert "the CSMS sends" in story.findings()[1].message


@pytest.mark.parametrize("reason", sorted(UNSEEN))
def test_what_we_could_not_see_is_nobodys_fault(story: Story, reason: str) -> None:
    assert junk(story, reason).told() == []


def test_what_is_too_long_for_us_is_an_info(story: Story) -> None:
    assert junk(story, "frame over 1 MiB").told() == ["PR-12 info"]


# whole messages


def trace(version: str, *messages: tuple[Direction, bytes]) -> list[str]:
    capture = Capture(Runner([Conformance()]))
    for direction, text in messages:
        capture.said(EPOCH, "CP_1", direction, text, version)
    return [
        f"{finding.rule} {finding.severity.label}: {finding.message}" for finding in capture.runner.findings()
    ]


@pytest.mark.parametrize(
    ("version", "text", "where"),
    [
        ("1.6", b'[2,"1","Authorize",{"idTag":7}]', "its Authorize breaks the standard: type at /idTag"),
        (
            "2.0.1",
            b'[2,"1","Authorize",{"idToken":7}]',
            "its Authorize breaks the standard: type at /idToken",
        ),
        ("1.6", b'[2,"1","Bogus",{}]', "unknown action"),
        ("2.0.1", b'[2,"1","Reset",{"type":"Immediate"}]', "wrong direction"),
    ],
)
def test_whole_calls(version: str, text: bytes, where: str) -> None:
    [told] = trace(version, (CP, text))
    assert told.startswith("PR-10 warning")
    assert where in told


@pytest.mark.parametrize(
    ("version", "answer"), [("1.6", b'[3,"1",{"currentTime":7}]'), ("2.0.1", b'[3,"1",{"currentTime":7}]')]
)
def test_the_csms_is_judged_as_well(version: str, answer: bytes) -> None:
    [told] = trace(version, (CP, b'[2,"1","Heartbeat",{}]'), (CSMS, answer))
    assert "the CSMS's answer to its Heartbeat breaks the standard" in told


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_good_messages_are_nothing(version: str) -> None:
    answer = b'[3,"1",{"currentTime":"2026-11-21T12:00:00Z"}]'
    assert trace(version, (CP, b'[2,"1","Heartbeat",{}]'), (CSMS, answer)) == []


def test_an_erratum_of_the_field() -> None:
    call = b'[2,"1","Authorize",{"idTag":"A"}]'
    [told] = trace("1.6", (CP, call), (CSMS, b'[4,"1","FormatViolation","",{}]'))
    assert told.startswith("PR-10 info")


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_other_traffic_on_the_same_socket(version: str) -> None:
    [told] = trace(version, *[(CP, b'{"type":"telemetry"}')] * 50, (CP, b'[2,"1","Heartbeat",{}]'))
    assert told.startswith("PR-12 warning")
