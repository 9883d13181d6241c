"""never_charging: FT-10, after 24 h of Available and 5 attempts without energy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers import never_charging
from analyzers.base import SECOND
from analyzers.never_charging import MAX_CONNECTORS, NeverCharging
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Availability, Moment, Named, Outcome, Place
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

FIRST = Place(None, 1)
HOUR, DAY = 3600, 86_400
DRIVERS = ("TAG-1", "TAG-2", "TAG-3")


def says(story: Story, word: str, place: Place = FIRST) -> Story:
    return story.tell(facts.StatusChanged, place, word, Availability[word.upper()])


@pytest.fixture
def story() -> Story:
    return says(Story(NeverCharging()).at(0), "Available")


def tries(
    story: Story,
    energy: float | None = 0.0,
    minutes: float = 2,
    driver: str = "TAG-1",
    answer: str = "Accepted",
    reason: str = "Local",
    outcome: Outcome = Outcome.SUCCESS,
    place: Place = FIRST,
) -> Story:
    """A transaction from now on; None: the meter is not told."""
    begin, end = (None, None) if energy is None else (1000.0, 1000.0 + energy)
    story.tell(facts.TransactionStarted, "T", place, Named(driver), begin)
    story.tell(facts.Authorized, Named(driver), answer, "x", "", facts.UNTOLD, place, "T")
    story.at(story.now + minutes * 60)
    ended = ("T", facts.NOWHERE, facts.NOBODY, end, facts.UNTOLD, reason, outcome)
    return story.tell(facts.TransactionEnded, *ended)


def fail(story: Story, times: int, drivers: int = 2, **how: Any) -> Story:
    for number in range(times):
        tries(story.at(story.now + 60), driver=DRIVERS[number % drivers], **how)
    return story


def test_five_failures_on_the_second_day(story: Story) -> None:
    assert fail(story.wait(DAY), 4).told() == []
    [finding] = fail(story, 1).findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("FT-10", "warning", 1)
    assert (finding.observed, finding.limit, len(finding.evidence)) == ("5", "5", 5)


def test_the_day_begins_with_the_first_status(story: Story) -> None:
    assert fail(story, 5).wait(DAY - 1).told() == []
    assert story.wait(DAY).told() == ["FT-10 warning"]


def test_ten_failures_are_critical(story: Story) -> None:
    assert fail(story.wait(DAY), 9).told() == ["FT-10 warning"]
    assert fail(story, 1).told() == ["FT-10 critical"]


def test_one_driver_alone_is_an_info(story: Story) -> None:
    """A car that is full, or a card that is tried at home."""
    assert fail(story.wait(DAY), 20, drivers=1).told() == ["FT-10 info"]


def test_energy_clears_it(story: Story) -> None:
    assert tries(fail(story.wait(DAY), 5), energy=5000).told() == ["FT-10 warning, cleared"]


@pytest.mark.parametrize(("energy", "told"), [(99.0, ["FT-10 warning"]), (100.0, [])])
def test_how_much_is_energy(story: Story, energy: float, told: list[str]) -> None:
    assert fail(story.wait(DAY), 5, energy=energy).told() == told


def test_failures_are_counted_in_a_row(story: Story) -> None:
    assert fail(tries(fail(story.wait(DAY), 4), energy=5000), 4).told() == []


@pytest.mark.parametrize(
    "how",
    [
        {"answer": "Invalid"},
        {"reason": "DeAuthorized"},
        {"minutes": 31},
        {"energy": None, "minutes": 5},
        {"energy": None, "minutes": 5, "outcome": Outcome.UNKNOWN},
        {"energy": -500.0, "minutes": 5},
    ],
    ids=["refused", "deauthorized", "long", "no meter", "no reason", "backwards"],
)
def test_what_is_no_failure_of_the_charger(story: Story, how: dict[str, Any]) -> None:
    assert fail(story.wait(DAY), 9, **how).told() == []


@pytest.mark.parametrize(
    "how",
    [{"energy": None, "minutes": 0.5}, {"energy": None, "outcome": Outcome.FAILURE}],
    ids=["short", "failed"],
)
def test_without_a_meter_the_end_decides(story: Story, how: dict[str, Any]) -> None:
    assert fail(story.wait(DAY), 5, **how).told() == ["FT-10 warning"]


def test_a_transaction_met_in_the_middle_is_not_judged(story: Story) -> None:
    story.wait(DAY)
    for number in range(9):
        story.tell(facts.TransactionUpdated, f"{number}", FIRST)
        story.tell(facts.Authorized, Named("T"), "Accepted", "x", "", facts.UNTOLD, FIRST, f"{number}")
        story.tell(facts.TransactionEnded, f"{number}", FIRST)
    assert story.told() == []


def test_a_queue_tells_start_and_end_at_once(story: Story) -> None:
    """Its own clock says how long it lasted: an hour without energy is a meter that does not count."""
    story.wait(DAY)
    for number in range(9):
        begin, end = Moment(EPOCH + number), Moment(EPOCH + HOUR * SECOND + number)
        story.tell(facts.TransactionStarted, "T", FIRST, Named(DRIVERS[number % 2]), 1.0, begin)
        story.tell(facts.Authorized, Named(DRIVERS[number % 2]), "Accepted", "x", "", begin, FIRST, "T")
        story.tell(facts.TransactionEnded, "T", facts.NOWHERE, facts.NOBODY, 1.0, end)
    assert story.told() == []


@pytest.mark.parametrize("word", ["Faulted", "Unavailable"])
def test_who_says_it_cannot_charge_claims_nothing(story: Story, word: str) -> None:
    says(fail(story.wait(DAY), 5), word)
    assert story.told() == ["FT-10 warning, cleared"]
    assert says(story, "Available").wait(story.now + DAY - 1).told() == ["FT-10 warning, cleared"]
    assert story.wait(story.now + 2).told() == ["FT-10 warning, cleared", "FT-10 warning"]


def test_the_whole_charge_points_status_counts_too(story: Story) -> None:
    assert says(fail(story.wait(DAY), 5), "Faulted", Place(None, 0)).told() == ["FT-10 warning, cleared"]


def test_the_other_connector_of_an_evse_in_use_is_no_trouble() -> None:
    place = Place(1, 1)
    story = says(Story(NeverCharging()).at(0), "Available", place).tell(facts.TransactionStarted, "U", place)
    says(story, "Unavailable", Place(1, 2)).tell(facts.TransactionEnded, "U", place)
    assert fail(story.wait(DAY), 5, place=place).told() == ["FT-10 warning"]


def test_without_a_status_nobody_claims_anything() -> None:
    assert fail(Story(NeverCharging()).at(0).wait(DAY), 9).wait(2 * DAY).told() == []


def test_the_thresholds_are_settings() -> None:
    quick = NeverCharging(usable_hours=1, attempts=2, critical_attempts=3, warning_drivers=1)
    story = fail(says(Story(quick).at(0), "Available").wait(HOUR), 2, drivers=1)
    assert story.told() == ["FT-10 warning"]
    assert fail(story, 1, drivers=1).told() == ["FT-10 critical"]


def test_connectors_are_bounded() -> None:
    story = Story(NeverCharging()).at(0)
    for connector in range(1, 99):
        says(story, "Available", Place(None, connector))
    [state] = story.runner.points["CP_1"].states
    assert len(getattr(state, "connectors", [])) == MAX_CONNECTORS


CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


class Trace:
    """Whole messages, in seconds."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.capture = Capture(Runner([NeverCharging()]))
        self.number = 0

    def said(self, second: float, action: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
        self.number += 1
        at = EPOCH + int(second * SECOND)
        call, result = [2, f"{self.number}", action, payload], [3, f"{self.number}", answer]
        self.capture.said(at, "CP_1", CP, json.dumps(call).encode(), self.version)
        self.capture.said(at, "CP_1", CSMS, json.dumps(result).encode(), self.version)

    def told(self) -> list[str]:
        return [f"{finding.rule} {finding.severity.label}" for finding in self.capture.runner.findings()]


def visits_16(energy: int, attempts: int) -> list[str]:
    trace = Trace("1.6")
    trace.said(0, "StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}, {})
    for number in range(attempts):
        second = DAY + 600 * number
        start = {"connectorId": 1, "idTag": DRIVERS[number % 2], "meterStart": 500, "timestamp": "x"}
        accepted = {"transactionId": number + 1, "idTagInfo": {"status": "Accepted"}}
        trace.said(second, "StartTransaction", start, accepted)
        stop = {"transactionId": number + 1, "meterStop": 500 + energy, "timestamp": "x"}
        trace.said(second + 90, "StopTransaction", stop, {})
    return trace.told()


def visits_201(energy: int, attempts: int) -> list[str]:
    trace = Trace("2.0.1")
    status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": "x"}
    trace.said(0, "StatusNotification", status, {})
    for number in range(attempts):
        info = {"transactionId": f"t{number}"}
        begin = {"value": 500, "context": "Transaction.Begin"}
        end = {"value": 500 + energy, "context": "Transaction.End"}
        started = {"eventType": "Started", "evse": {"id": 1}, "transactionInfo": info, "seqNo": 0}
        started["idToken"] = {"idToken": DRIVERS[number % 2], "type": "ISO14443"}
        started["meterValue"] = [{"timestamp": "x", "sampledValue": [begin]}]
        ended = {"eventType": "Ended", "transactionInfo": info, "seqNo": 1}
        ended["meterValue"] = [{"timestamp": "x", "sampledValue": [end]}]
        second = DAY + 600 * number
        trace.said(second, "TransactionEvent", started, {"idTokenInfo": {"status": "Accepted"}})
        trace.said(second + 90, "TransactionEvent", ended, {})
    return trace.told()


@pytest.mark.parametrize("visits", [visits_16, visits_201])
def test_it_hears_both_versions(visits: Any) -> None:
    assert visits(energy=0, attempts=5) == ["FT-10 warning"]
    assert visits(energy=0, attempts=4) == []
    assert visits(energy=4000, attempts=9) == []


def test_its_sentence_is_that_of_the_docstring(story: Story) -> None:
    [finding] = fail(story.wait(DAY), 5).findings()
    assert finding.message in (never_charging.__doc__ or "")
