"""token_guessing: SE-02, and what is only a driver with the wrong card."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers.base import SECOND
from analyzers.token_guessing import TokenGuessing
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Named
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


@pytest.fixture
def story() -> Story:
    return Story(TokenGuessing())


def refused(story: Story, token: str = "A", status: str = "Invalid", **fields: Any) -> Story:
    told = {"source": "Authorize", **fields}
    story.runner.fact(facts.Authorized(*story.where(), who=Named(token), status=status, **told))
    return story


def times(story: Story, number: int, every: float, tokens: int = 1, status: str = "Invalid") -> Story:
    for index in range(number):
        refused(story.at(index * every), f"T{index % tokens}", status)
    return story


def test_a_single_refusal_is_a_line(story: Story) -> None:
    [finding] = refused(story).findings()
    assert (finding.rule, finding.severity.label, finding.cleared_at) == ("SE-02", "info", EPOCH)
    assert finding.message.startswith("CP_1: an id token was refused, Invalid (limit 8 in 600 s or")


def test_accepted_is_nothing(story: Story) -> None:
    assert times(story, 50, 1, tokens=50, status="Accepted").told() == []


def test_eight_in_ten_minutes_is_a_warning(story: Story) -> None:
    assert times(story, 8, 80).told() == ["SE-02 info, cleared", "SE-02 warning"]
    [_, finding] = story.findings()
    assert (finding.count, finding.observed) == (8, "8 refused in 600 s, 1 different in 120 s")


def test_seven_are_not_and_neither_are_eight_in_more(story: Story) -> None:
    assert "SE-02 warning" not in times(story, 7, 1).told()
    assert "SE-02 warning" not in times(Story(TokenGuessing()), 50, 90).told()


def test_five_different_in_two_minutes_is_a_warning(story: Story) -> None:
    assert "SE-02 warning" in times(story, 5, 29, tokens=5).told()
    assert "SE-02 warning" not in times(Story(TokenGuessing()), 5, 31, tokens=5).told()
    assert "SE-02 warning" not in times(Story(TokenGuessing()), 5, 10, tokens=4).told()


@pytest.mark.parametrize(("number", "every", "tokens"), [(16, 30, 1), (10, 10, 10)])
def test_twice_as_many_is_critical(story: Story, number: int, every: float, tokens: int) -> None:
    assert times(story, number, every, tokens).told() == ["SE-02 info, cleared", "SE-02 critical"]


def test_it_is_one_finding_and_counts(story: Story) -> None:
    times(story, 100, 10, tokens=100)
    assert story.findings()[-1].count == 100
    assert len(story.findings()) == 2


def test_ten_minutes_without_one_clear_it(story: Story) -> None:
    assert "SE-02 warning" in times(story, 8, 1).wait(600).told()
    assert story.wait(610).told() == ["SE-02 info, cleared", "SE-02 warning, cleared"]


@pytest.mark.parametrize("status", ["Blocked", "Expired", "ConcurrentTx", "Unknown", "invalid"])
def test_each_refusal_counts(story: Story, status: str) -> None:
    assert "SE-02 warning" in times(story, 8, 1, status=status).told()


@pytest.mark.parametrize("status", ["NoCredit", "NotAtThisTime"])
def test_a_good_token_at_the_wrong_moment_does_not(story: Story, status: str) -> None:
    assert times(story, 50, 1, tokens=50, status=status).told() == ["SE-02 info, cleared"]


def test_the_limits_are_settings() -> None:
    story = Story(TokenGuessing(refused=3, refused_within_seconds=60))
    assert "SE-02 warning" in times(story, 3, 20).told()
    assert "SE-02 warning" not in times(Story(TokenGuessing(different=6)), 5, 1, tokens=5).told()


def test_queued_starts_are_no_attack(story: Story) -> None:
    """Twenty transactions of the night, told and refused at once in the morning."""
    for index in range(20):
        where, long_ago = story.where(), Moment(EPOCH - 36_000 * SECOND)
        story.runner.fact(facts.TransactionStarted(*where, transaction_id=f"{index}", told=long_ago))
        refused(story, f"T{index}", transaction_id=f"{index}", source="StartTransaction")
    assert story.told() == ["SE-02 info, cleared"]


def test_a_token_is_never_told(story: Story) -> None:
    for index in range(12):
        refused(story.at(index), f"SECRET{index}")
    assert "SECRET" not in str(story.findings())


CALLS = {
    "1.6": ('[2,"{}","Authorize",{{"idTag":"T{}"}}]', '[3,"{}",{{"idTagInfo":{{"status":"{}"}}}}]'),
    "2.0.1": (
        '[2,"{}","Authorize",{{"idToken":{{"idToken":"T{}","type":"ISO14443"}}}}]',
        '[3,"{}",{{"idTokenInfo":{{"status":"{}"}}}}]',
    ),
}


def trace(version: str, number: int, status: str) -> list[str]:
    capture = Capture(Runner([TokenGuessing()]))
    ask, answer = CALLS[version]
    for index in range(number):
        at = EPOCH + index * SECOND
        capture.said(at, "CP_1", CP, ask.format(index, index).encode(), version)
        capture.said(at, "CP_1", CSMS, answer.format(index, status).encode(), version)
    return [f"{finding.rule} {finding.severity.label}" for finding in capture.runner.findings()]


@pytest.mark.parametrize("version", CALLS)
def test_whole_messages(version: str) -> None:
    assert trace(version, 5, "Invalid") == ["SE-02 info", "SE-02 warning"]
    assert trace(version, 4, "Blocked") == ["SE-02 info"]
    assert trace(version, 50, "Accepted") == []
