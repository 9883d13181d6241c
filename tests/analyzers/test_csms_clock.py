"""csms_clock: CK-04, for a fleet and for one charge point."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from analyzers import csms_clock
from analyzers.base import SECOND
from analyzers.csms_clock import MAX_UPSTREAMS, CsmsClock
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Moment
from tests.analyzers.conftest import EPOCH
from tests.analyzers.fleet import Fleet, Messages


def fleet(**settings: Any) -> Fleet:
    return Fleet(CsmsClock(**settings))


def answers(story: Fleet, error: float, names: int, each: int = 1, since: int = 0) -> Fleet:
    """Heartbeats of so many charge points, told a time that is `error` seconds off."""
    for number in range(names * each):
        story.as_(f"CP_{number % names}").at(since + number)
        story.tell(facts.HeartbeatSeen, Moment(EPOCH + int((since + number + error) * SECOND)))
    return story


@pytest.mark.parametrize(("error", "observed"), [(7200, "7200 s ahead of ours"), (-20, "20 s behind ours")])
def test_five_charge_points_prove_it(error: int, observed: str) -> None:
    assert answers(fleet(), error, names=4).told() == []
    [finding] = answers(fleet(), error, names=5).findings()
    assert (finding.rule, finding.severity.label, finding.observed) == ("CK-04", "critical", observed)
    assert (finding.charge_point, len(finding.evidence)) == ("", 5)


def test_one_charge_point_needs_ten_answers() -> None:
    assert answers(fleet(), 60, names=1, each=9).told() == []
    assert answers(fleet(), 60, names=1, each=10).told() == ["CK-04 critical"]


def test_five_seconds_off_is_right() -> None:
    assert answers(fleet(), 5, names=20).told() == []
    assert answers(fleet(), -5, names=20).told() == []
    assert answers(fleet(), 5.1, names=20).told() == ["CK-04 critical"]


def test_the_limit_is_a_setting() -> None:
    assert answers(fleet(error_seconds=60.0), 59, names=20).told() == []
    assert answers(fleet(charge_points=3), 60, names=3).told() == ["CK-04 critical"]


def test_a_right_answer_between_breaks_the_row() -> None:
    story = answers(fleet(), -30, names=4)
    answers(story, -1, names=1, since=10)
    assert answers(story, -30, names=4, since=20).told() == []


def test_times_now_too_early_now_too_late_are_no_offset() -> None:
    story = fleet()
    for number in range(20):
        answers(story, 60 if number % 2 else -60, names=1, since=number)
    assert story.told() == []


def test_it_says_the_least_wrong_of_the_row() -> None:
    story = fleet()
    for number, error in enumerate((-90, -6, -8, -7, -50)):
        story.as_(f"CP_{number}").tell(facts.HeartbeatSeen, Moment(EPOCH + error * SECOND))
    assert story.findings()[0].observed == "6 s behind ours"


def test_five_right_answers_clear_it() -> None:
    story = answers(fleet(), 60, names=5)
    assert answers(story, 0, names=4, since=100).told() == ["CK-04 critical"]
    assert answers(story, 0, names=1, since=200).told() == ["CK-04 critical, cleared"]


def test_a_time_that_cannot_be_read_is_not_judged() -> None:
    story = fleet()
    for number in range(20):
        story.as_(f"CP_{number}").tell(facts.HeartbeatSeen, Moment(None, "2026-11-20T10:00:00"))
    assert story.told() == []


def test_of_33_upstreams_the_first_is_forgotten_and_cleared() -> None:
    story = fleet(charge_points=1)
    for number in range(MAX_UPSTREAMS + 1):
        story.as_("CP_0").tell(facts.ConnectionOpened, "1.6", "", f"csms{number}")
        answers(story, 60, names=1)
    told = story.told()
    assert told == ["CK-04 critical, cleared"] + MAX_UPSTREAMS * ["CK-04 critical"]


def stamp(second: float) -> str:
    return datetime.fromtimestamp(EPOCH / SECOND + second, UTC).isoformat()


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
@pytest.mark.parametrize(("error", "told"), [(7200, ["CK-04 critical"]), (4, [])])
def test_in_whole_messages(version: str, error: int, told: list[str]) -> None:
    messages = Messages(version, CsmsClock())
    for number in range(5):
        messages.opened(number, f"CP_{number}")
        answer = {"currentTime": stamp(number + error)}
        messages.call(number, f"CP_{number}", Direction.FROM_CHARGE_POINT, "Heartbeat", {}, answer)
    assert messages.told() == told


def test_boots_count_as_well() -> None:
    messages = Messages("1.6", CsmsClock())
    for number in range(5):
        asked = {"chargePointVendor": "ACME", "chargePointModel": "Wall"}
        answer = {"currentTime": stamp(number - 60), "interval": 300, "status": "Accepted"}
        messages.call(number, f"CP_{number}", Direction.FROM_CHARGE_POINT, "BootNotification", asked, answer)
    assert messages.told() == ["CK-04 critical"]


def test_its_sentence_is_that_of_the_docstring() -> None:
    story = fleet()
    for number in range(5):
        story.as_(f"CP_{number}").tell(facts.ConnectionOpened, "1.6", "", "csms:443")
    [finding] = answers(story, 7200, names=5).findings()
    assert finding.message in (csms_clock.__doc__ or "")
