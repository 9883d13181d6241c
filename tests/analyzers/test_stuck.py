"""stuck: FT-03 after 30 min and 4 h of connected time, and what was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers import stuck
from analyzers.base import SECOND
from analyzers.stuck import MAX_PLACES, Stuck
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Availability, Moment, Place
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

FIRST, SECOND_ONE, WHOLE, EVSE_1 = Place(None, 1), Place(None, 2), Place(None, 0), Place(1, 1)
MINUTE, HOUR = 60, 3600
NOON = Moment(EPOCH)
EARLIER = Moment(EPOCH - 60 * SECOND)


def says(story: Story, word: str, place: Place = FIRST, told: Moment = facts.UNTOLD) -> Story:
    availability = Availability[word.upper()]
    return story.tell(facts.StatusChanged, place, word, availability, told, "StatusNotification")


def asked(story: Story, kind: str, place: Place = FIRST, status: str = "Accepted") -> Story:
    return story.tell(facts.AvailabilityRequested, place, kind, status)


@pytest.fixture
def story() -> Story:
    return Story(Stuck()).at(0).opened()


@pytest.fixture
def faulted(story: Story) -> Story:
    return says(story, "Faulted")


@pytest.mark.parametrize("word", ["Faulted", "Unavailable"])
def test_half_an_hour_is_a_warning(story: Story, word: str) -> None:
    assert says(story, word).wait(30 * MINUTE - 1).told() == []
    [finding] = story.wait(30 * MINUTE).findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("FT-03", "warning", 1)
    assert (finding.observed, finding.limit, finding.evidence) == ("1800 s", "1800 s", (("c1", 2),))


def test_four_hours_are_critical_and_it_is_still_one(faulted: Story) -> None:
    assert faulted.wait(4 * HOUR - 1).told() == ["FT-03 warning"]
    [finding] = faulted.wait(4 * HOUR).findings()
    assert (finding.severity.label, finding.count) == ("critical", 1)


@pytest.mark.parametrize("word", ["Available", "Occupied", "Reserved"])
def test_any_other_status_clears_it(faulted: Story, word: str) -> None:
    [finding] = says(faulted.wait(HOUR), word).findings()
    assert (finding.cleared_at, finding.observed) == (EPOCH + HOUR * SECOND, "3600 s")


def test_a_short_one_is_nothing(faulted: Story) -> None:
    assert says(faulted.wait(29 * MINUTE), "Available").wait(9 * HOUR).told() == []


def test_told_again_does_not_begin_anew(faulted: Story) -> None:
    for minute in range(0, 29, 5):
        says(faulted.wait(minute * MINUTE), "Faulted")
    assert faulted.wait(30 * MINUTE).told() == ["FT-03 warning"]


def test_faulted_then_unavailable_is_one_trouble(faulted: Story) -> None:
    assert says(faulted.wait(20 * MINUTE), "Unavailable").wait(30 * MINUTE).told() == ["FT-03 warning"]
    assert "has been Unavailable" in faulted.findings()[0].message


def test_a_word_of_no_standard_says_nothing(faulted: Story) -> None:
    assert says(faulted.wait(20 * MINUTE), "Unknown").wait(30 * MINUTE).told() == ["FT-03 warning"]


@pytest.mark.parametrize("place", [FIRST, WHOLE, facts.NOWHERE])
@pytest.mark.parametrize("status", ["Accepted", "Scheduled"])
def test_what_was_asked_for_is_planned(story: Story, place: Place, status: str) -> None:
    assert says(asked(story, "Inoperative", place, status), "Unavailable").wait(9 * HOUR).told() == []


@pytest.mark.parametrize(("place", "status"), [(FIRST, "Rejected"), (SECOND_ONE, "Accepted")])
def test_what_was_refused_or_is_about_another_is_not(story: Story, place: Place, status: str) -> None:
    says(asked(story, "Inoperative", place, status), "Unavailable")
    assert story.wait(30 * MINUTE).told() == ["FT-03 warning"]


def test_asking_afterwards_clears_it(faulted: Story) -> None:
    assert asked(faulted.wait(HOUR), "Inoperative").wait(9 * HOUR).told() == ["FT-03 warning, cleared"]


def test_once_operative_its_time_begins(story: Story) -> None:
    says(asked(story, "Inoperative"), "Unavailable").wait(HOUR)
    assert asked(story, "Operative").wait(HOUR + 30 * MINUTE - 1).told() == []
    assert story.wait(HOUR + 30 * MINUTE).told() == ["FT-03 warning"]


def test_time_without_a_connection_does_not_count(faulted: Story) -> None:
    faulted.wait(20 * MINUTE).closed().wait(9 * HOUR).on("c2").opened()
    assert faulted.wait(9 * HOUR + 10 * MINUTE - 1).told() == []
    assert faulted.wait(9 * HOUR + 10 * MINUTE).told() == ["FT-03 warning"]


def test_the_close_of_an_older_connection_changes_nothing(faulted: Story) -> None:
    faulted.wait(60).on("c2").opened().on("c1").closed()
    assert faulted.wait(30 * MINUTE).told() == ["FT-03 warning"]


def test_a_close_clears_nothing(faulted: Story) -> None:
    assert faulted.wait(HOUR).closed().wait(9 * HOUR).told() == ["FT-03 warning"]


def test_the_whole_charge_point_stands_for_its_connectors(faulted: Story) -> None:
    says(says(faulted, "Faulted", WHOLE), "Faulted", SECOND_ONE).wait(30 * MINUTE)
    assert [finding.connector_id for finding in faulted.findings()] == [0]
    says(faulted, "Available", WHOLE).wait(30 * MINUTE + 1)
    assert faulted.told() == ["FT-03 warning, cleared", "FT-03 warning", "FT-03 warning"]


def test_a_late_status_is_not_believed(story: Story) -> None:
    says(says(story, "Faulted", told=NOON), "Available", told=EARLIER)
    assert story.wait(30 * MINUTE).told() == ["FT-03 warning"]


@pytest.mark.parametrize(
    "unseen", [(facts.BytesLost, Direction.FROM_CHARGE_POINT, 9), (facts.SightLost,)], ids=["bytes", "sight"]
)
def test_what_passed_unseen_may_have_been_a_recovery(faulted: Story, unseen: tuple[Any, ...]) -> None:
    faulted.wait(20 * MINUTE).tell(*unseen)
    assert says(faulted.wait(HOUR), "Faulted").wait(HOUR + 30 * MINUTE - 1).told() == []
    assert faulted.wait(HOUR + 30 * MINUTE).told() == ["FT-03 warning"]


def test_bytes_of_the_csms_are_not_a_status(faulted: Story) -> None:
    faulted.tell(facts.BytesLost, Direction.FROM_CSMS, 9)
    assert faulted.wait(30 * MINUTE).told() == ["FT-03 warning"]


def test_a_capture_that_starts_in_the_middle() -> None:
    story = says(Story(Stuck()).at(0), "Unavailable")
    assert story.wait(30 * MINUTE).told() == ["FT-03 warning"]


def test_the_limits_are_settings() -> None:
    story = says(Story(Stuck(warning_minutes=1, critical_minutes=2)).at(0), "Faulted")
    assert story.wait(MINUTE).told() == ["FT-03 warning"]
    assert story.wait(2 * MINUTE).told() == ["FT-03 critical"]


def test_two_connectors_of_an_evse_are_two(story: Story) -> None:
    says(says(story, "Faulted", EVSE_1), "Unavailable", Place(1, 2)).wait(30 * MINUTE)
    assert says(story, "Available", EVSE_1).told() == ["FT-03 warning, cleared", "FT-03 warning"]


def test_places_are_bounded(story: Story) -> None:
    for connector in range(1, 2 * MAX_PLACES):
        says(story, "Faulted", Place(None, connector))
    assert len(story.wait(30 * MINUTE).findings()) == MAX_PLACES


def test_a_healthy_charge_point_keeps_nothing() -> None:
    story = says(Story(Stuck()).at(0), "Available")
    assert story.runner.points["CP_1"].states == [None]


def heard(version: str, minutes: int, *messages: tuple[Direction, list[Any]]) -> list[str]:
    capture = Capture(Runner([Stuck()]))
    for direction, message in messages:
        capture.said(EPOCH, "CP_1", direction, json.dumps(message).encode(), version)
    capture.passes(EPOCH + minutes * MINUTE * SECOND)
    return [f"{finding.rule} {finding.severity.label}" for finding in capture.runner.findings()]


CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
STATUS_16 = {"connectorId": 1, "status": "Unavailable", "errorCode": "NoError"}
STATUS_201 = {
    "evseId": 1,
    "connectorId": 1,
    "connectorStatus": "Unavailable",
    "timestamp": "2026-01-01T00:00:00Z",
}
CHANGE_16 = {"connectorId": 0, "type": "Inoperative"}
CHANGE_201 = {"operationalStatus": "Inoperative", "evse": {"id": 1}}


@pytest.mark.parametrize(
    ("version", "status", "change"), [("1.6", STATUS_16, CHANGE_16), ("2.0.1", STATUS_201, CHANGE_201)]
)
def test_it_hears_both_versions(version: str, status: dict[str, Any], change: dict[str, Any]) -> None:
    told = (CP, [2, "s", "StatusNotification", status])
    change_and_answer = (CSMS, [2, "c", "ChangeAvailability", change]), (CP, [3, "c", {"status": "Accepted"}])
    assert heard(version, 31, told) == ["FT-03 warning"]
    assert heard(version, 29, told) == []
    assert heard(version, 900, *change_and_answer, told) == []


def test_its_sentences_are_those_of_the_docstring(faulted: Story) -> None:
    faulted.wait(30 * MINUTE)
    whole = says(Story(Stuck()).at(0), "Unavailable", WHOLE).wait(4 * HOUR)
    evse = says(Story(Stuck()).at(0), "Unavailable", EVSE_1).wait(30 * MINUTE)
    for told in (faulted, whole, evse):
        assert told.findings()[0].message in (stuck.__doc__ or "")
