"""idle_load: MT-13."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers.base import SECOND
from analyzers.idle_load import MAX_CONNECTORS, IdleLoad
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Availability, Moment, Place
from proxy.ocpp.meter import samples
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

UP, DOWN = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
ONE = Place(None, 1)
Entry = dict[str, Any]


@pytest.fixture
def story() -> Story:
    return available(Story(IdleLoad()))


def status(story: Story, word: str, availability: Availability, place: Place = ONE) -> Story:
    return story.tell(facts.StatusChanged, place, word, availability, now(story))


def available(story: Story, place: Place = ONE) -> Story:
    return status(story, "Available", Availability.AVAILABLE, place)


def now(story: Story) -> Moment:
    return Moment(EPOCH + int(story.now * SECOND))


def power(
    story: Story, first: int, last: int, watts: float, place: Place = ONE, tx: str = "", **more: Any
) -> Story:
    """A reading a minute."""
    entry = {"value": str(watts), "measurand": "Power.Active.Import", **more}
    for minute in range(first, last + 1):
        told, read = Moment(EPOCH + minute * 60 * SECOND), samples({"sampledValue": [entry]})
        story.at(max(story.now, minute * 60)).tell(facts.MeterSampled, place, tx, told, read)
    return story


def test_five_minutes_of_power_at_a_free_connector(story: Story) -> None:
    assert power(story, 1, 5, 2300).told() == []
    [finding] = power(story, 6, 6, 2300).findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("MT-13", "warning", 1)
    assert (finding.observed, finding.limit) == ("300 s", "100 W for 300 s")
    assert finding.evidence == (("c1", 2), ("c1", 7))


def test_it_goes_on_as_one_finding_until_it_is_off(story: Story) -> None:
    power(story, 1, 60, 2300)
    assert [finding.count for finding in story.findings()] == [1]
    assert power(story, 61, 61, 0).told() == ["MT-13 warning, cleared"]


def test_standby_and_a_moment_are_nothing(story: Story) -> None:
    power(story, 1, 60, 100)
    power(power(power(story, 61, 65, 2300), 66, 66, 0), 67, 71, 2300)
    assert story.told() == []


def test_after_a_transaction_with_the_car_still_there(story: Story) -> None:
    story.at(10).tell(facts.TransactionStarted, "7", ONE)
    power(story, 1, 20, 11_000, tx="7")
    story.tell(facts.TransactionEnded, "7", Place(), facts.NOBODY, None, now(story))
    status(story, "Finishing", Availability.OCCUPIED)
    assert power(story, 20, 25, 11_000).told() == []
    assert power(story, 26, 26, 11_000).told() == ["MT-13 warning"]


def test_the_next_transaction_ends_it(story: Story) -> None:
    power(story, 1, 6, 2300).tell(facts.TransactionStarted, "7", ONE)
    assert power(story, 7, 30, 2300).told() == ["MT-13 warning, cleared"]


def test_a_transaction_and_one_that_waits_for_its_answer_are_nothing(story: Story) -> None:
    power(story, 1, 20, 11_000, tx="7")
    status(story, "Charging", Availability.OCCUPIED)
    assert power(story, 21, 60, 11_000).told() == []


def test_what_is_not_known_to_be_free_is_not_judged() -> None:
    assert power(Story(IdleLoad()), 0, 60, 11_000).told() == []
    story = Story(IdleLoad()).tell(facts.TransactionStarted, "7", ONE)
    assert power(available(story), 1, 60, 11_000).told() == []


def test_available_said_again_changes_nothing(story: Story) -> None:
    available(power(story, 1, 4, 2300))
    assert power(story, 5, 6, 2300).told() == ["MT-13 warning"]


@pytest.mark.parametrize("lost", [facts.BytesLost, facts.SightLost, facts.ConnectionOpened])
def test_what_was_not_seen_may_be_a_start(story: Story, lost: Any) -> None:
    power(story, 1, 6, 2300).tell(lost)
    assert power(story, 7, 30, 2300).told() == ["MT-13 warning, cleared"]


def test_bytes_of_the_csms_start_nothing(story: Story) -> None:
    story.tell(facts.BytesLost, DOWN, 5)
    assert power(story, 1, 6, 2300).told() == ["MT-13 warning"]


def test_the_main_meter_and_the_inlet_are_no_connector(story: Story) -> None:
    available(story, Place(None, 0))
    power(story, 1, 30, 2300, Place(None, 0))
    assert power(story, 31, 60, 2300, location="Inlet").told() == []


def test_readings_of_before_or_without_a_time_are_nothing(story: Story) -> None:
    story.at(7200).tell(facts.TransactionStarted, "7", ONE)
    story.tell(facts.TransactionEnded, "7", Place(), facts.NOBODY, None, now(story))
    power(story, 1, 60, 11_000)
    read = samples({"sampledValue": [{"value": "2300", "measurand": "Power.Active.Import"}]})
    for minute in range(130, 150):
        story.at(minute * 60).tell(facts.MeterSampled, ONE, "", Moment(), read)
    assert story.told() == []


def test_hours_apart_are_two_loads(story: Story) -> None:
    for minute in (1, 100, 200, 300):
        power(story, minute, minute, 2300)
    assert story.told() == []


def test_the_phases_together(story: Story) -> None:
    entries = [{"value": "60", "measurand": "Power.Active.Import", "phase": f"L{n}"} for n in (1, 2, 3)]
    for minute in range(1, 7):
        told, read = Moment(EPOCH + minute * 60 * SECOND), samples({"sampledValue": entries})
        story.at(minute * 60).tell(facts.MeterSampled, ONE, "", told, read)
    assert story.told() == ["MT-13 warning"]


def test_the_limit_is_a_setting() -> None:
    story = available(Story(IdleLoad(limit_watts=3000.0)))
    assert power(story, 1, 30, 2300).told() == []


def test_findings_do_not_outlive_what_is_followed(story: Story) -> None:
    power(story, 1, 6, 2300)
    for number in range(2, MAX_CONNECTORS + 2):
        available(story, Place(None, number))
    assert story.told() == ["MT-13 warning, cleared"]


def text(version: str, minute: int, watts: float) -> list[Any]:
    told = stamp(minute)
    entry: Entry = {"value": str(watts), "measurand": "Power.Active.Import", "unit": "W"}
    if version == "1.6":
        value: Entry = {"timestamp": told, "sampledValue": [entry]}
        return [2, str(minute), "MeterValues", {"connectorId": 1, "meterValue": [value]}]
    entry = {"value": watts, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}}
    return [
        2,
        str(minute),
        "MeterValues",
        {"evseId": 1, "meterValue": [{"timestamp": told, "sampledValue": [entry]}]},
    ]


def free(version: str) -> list[Any]:
    if version == "1.6":
        payload: Entry = {
            "connectorId": 1,
            "status": "Available",
            "errorCode": "NoError",
            "timestamp": stamp(0),
        }
    else:
        payload = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": stamp(0)}
    return [2, "s", "StatusNotification", payload]


def stamp(minute: int) -> str:
    return f"2023-11-14T22:{13 + minute:02}:20Z"


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("watts", "rules"), [(2300.0, ["MT-13"]), (99.0, [])])
def test_whole_messages(version: str, watts: float, rules: list[str]) -> None:
    capture = Capture(Runner([IdleLoad()]))
    capture.opened(EPOCH, "CP_1", version)
    capture.said(EPOCH, "CP_1", UP, json.dumps(free(version)).encode())
    for minute in range(1, 10):
        message = json.dumps(text(version, minute, watts)).encode()
        capture.said(EPOCH + minute * 60 * SECOND, "CP_1", UP, message)
    found = capture.runner.findings()
    assert [finding.rule for finding in found] == rules
    assert {finding.connector_id for finding in found} <= {1}
