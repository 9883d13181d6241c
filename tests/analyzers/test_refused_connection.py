"""refused_connection: CN-09, alone and as a group, and whose fault a refusal is not."""

from __future__ import annotations

import pytest

from analyzers import refused_connection
from analyzers.base import SECOND, Finding
from analyzers.refused_connection import RefusedConnection
from proxy.heads.connection import Refused
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

DAY = 86_400
CSMS = "csms.example:443"


@pytest.fixture
def story() -> Story:
    return Story(RefusedConnection()).at(0)


def refuse(story: Story, status: int = 401, by: str = "csms", reason: str = "", count: int = 1) -> Story:
    return story.tell(facts.HandshakeFailed, status, by, reason, "10.0.0.7:1", count, CSMS)


def test_the_csms_refuses_it(story: Story) -> None:
    [finding] = refuse(story).findings()
    assert (finding.rule, finding.severity.label) == ("CN-09", "warning")
    assert (finding.observed, finding.limit) == ("401, refused by the CSMS", "101")
    assert finding.message == (
        "CP_1 cannot connect: the CSMS does not accept its credentials (401, refused by the CSMS)."
    )


@pytest.mark.parametrize(
    ("status", "by", "reason", "said"),
    [
        (403, "csms", "", "the CSMS does not let it in"),
        (404, "csms", "", "the CSMS does not know it"),
        (500, "csms", "", "the CSMS answered 500"),
        (302, "csms", "", "the CSMS answered 302"),
        (502, "proxy", "connect", "the CSMS cannot be reached"),
        (504, "proxy", "head_timeout", "the CSMS does not answer"),
        (400, "proxy", "head_line", "its handshake breaks a rule: head_line"),
        (0, "proxy", "", "its handshake breaks a rule: unknown"),
    ],
)
def test_what_happened_is_said(story: Story, status: int, by: str, reason: str, said: str) -> None:
    assert f"cannot connect: {said} (" in refuse(story, status, by, reason).findings()[0].message


def test_giving_up_is_no_refusal(story: Story) -> None:
    assert refuse(story, 0, "charge_point", "gone").told() == []


def test_our_own_end_is_none(story: Story) -> None:
    assert refuse(story, 503, "proxy", "draining").told() == []


def test_one_finding_counts_all(story: Story) -> None:
    [finding] = refuse(refuse(story).at(10), count=25).findings()
    assert finding.count == 26


def test_a_success_clears_it(story: Story) -> None:
    assert refuse(story).at(5).opened().told() == ["CN-09 warning, cleared"]


def test_a_day_without_a_try_clears_it(story: Story) -> None:
    assert refuse(story).wait(DAY - 1).told() == ["CN-09 warning"]
    assert story.wait(DAY).told() == ["CN-09 warning, cleared"]


def test_beside_an_open_connection_it_is_an_info(story: Story) -> None:
    """The open one may be dead (quirk 10), or the other one somebody else."""
    assert refuse(story.opened()).told() == ["CN-09 info"]
    assert refuse(story.closed()).told() == ["CN-09 warning"]


def test_how_many_it_takes_is_a_setting() -> None:
    story = Story(RefusedConnection(refusals=3)).at(0)
    assert refuse(refuse(story)).told() == []
    [finding] = refuse(story).findings()
    assert finding.count == 3


def test_a_success_in_between_begins_anew() -> None:
    story = Story(RefusedConnection(refusals=2)).at(0)
    assert refuse(refuse(story).opened().closed()).told() == []


def test_without_a_name_nothing_is_said() -> None:
    capture = Capture(Runner([RefusedConnection()]))
    capture.refused(EPOCH, Refused(status=400, reason="head_line"))
    assert capture.runner.findings() == []


def outage(charge_points: int, refused: int, version: str = "1.6") -> list[Finding]:
    """So many connect and leave; then so many of them are refused, one a second."""
    capture = Capture(Runner([RefusedConnection()]))
    for number in range(charge_points):
        capture.opened(EPOCH, f"CP_{number}", version, f"10.0.{number}.7:1", CSMS)
        capture.closed(EPOCH + SECOND, f"CP_{number}")
    for number in range(refused):
        at = EPOCH + (number + 2) * SECOND
        capture.refused(at, Refused(f"CP_{number}", upstream=CSMS, status=502, reason="connect"))
    return capture.runner.findings()


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_many_of_an_upstream_are_one_finding_of_the_group(version: str) -> None:
    findings = outage(40, 8, version)
    [group] = [finding for finding in findings if finding.rule == "CN-09-GROUP"]
    assert group.severity.label == "critical"
    assert group.message.startswith(f"Charge points of upstream {CSMS} cannot connect: ")
    assert group.observed == "8 of 40 charge points"
    assert {finding.muted_by for finding in findings if finding is not group} == {group.finding_id}


def test_a_few_are_each_their_own() -> None:
    findings = outage(40, 7)
    assert {(finding.rule, finding.muted_by) for finding in findings} == {("CN-09", "")}


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    doc = refused_connection.__doc__ or ""
    assert refuse(story).findings()[0].message in doc
    assert refuse(Story(RefusedConnection()), 502, "proxy").findings()[0].message in doc
    [group] = [finding for finding in outage(40, 12) if finding.rule == "CN-09-GROUP"]
    assert group.message in doc
