"""refused_charging: TX-10, energy after a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import refused_charging
from analyzers.refused_charging import RefusedCharging
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.meter import Sample, kind_of
from tests.analyzers.conftest import Story
from tests.analyzers.test_transaction import CSMS, Wire, at_connector, moment, stamp


def refused(story: Story, status: str = "Invalid", source: str = "StartTransaction") -> Story:
    """Transaction 7 starts now and is refused."""
    story.tell(facts.TransactionStarted, "7", at_connector(1))
    return authorized(story, status, source)


def authorized(story: Story, status: str, source: str = "StartTransaction") -> Story:
    return story.tell(
        facts.Authorized, facts.Named("T"), status, source, "", facts.UNTOLD, at_connector(1), "7"
    )


def sample(story: Story, kwh: float, told: float | None = None, **words: Any) -> Story:
    named = {"phase": None, "location": None, "context": None} | words
    kind = kind_of(None, named["phase"], named["location"], named["context"], "kWh", 0, None)
    made = moment(story.now if told is None else told)
    return story.tell(facts.MeterSampled, at_connector(1), "7", made, (Sample(kind, kwh * 1000, ""),))


@pytest.fixture
def story() -> Story:
    return refused(Story(RefusedCharging()).at(0))


def test_energy_after_a_refusal(story: Story) -> None:
    sample(sample(story.at(10), 100).at(130), 101.5)
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("TX-10", "warning", 1)
    assert (finding.observed, finding.limit) == ("1.5 kWh", "1 kWh")
    assert finding.evidence == (("c1", 2), ("c1", 4))
    assert finding.message in (refused_charging.__doc__ or "")


def test_a_lot_of_it_is_critical_and_still_one(story: Story) -> None:
    sample(sample(sample(sample(story.at(10), 100).at(130), 102).at(200), 103).at(300), 105)
    [finding] = story.findings()
    assert (finding.severity.label, finding.count) == ("critical", 1)


def test_no_more_than_it_takes_to_stop_is_fine(story: Story) -> None:
    sample(sample(sample(story.at(10), 100).at(119), 102).at(121), 101)
    assert story.told() == []


def test_one_that_is_accepted(story: Story) -> None:
    """Also one that is accepted later, by another token."""
    authorized(story.at(5), "Accepted")
    assert sample(sample(story.at(10), 100).at(130), 110).told() == []


def test_its_end_and_an_acceptance_end_it(story: Story) -> None:
    sample(sample(story.at(10), 100).at(130), 102).at(140).tell(facts.TransactionEnded, "7")
    assert story.told() == ["TX-10 warning, cleared"]


def test_another_question_than_the_transactions_own() -> None:
    story = refused(Story(RefusedCharging()).at(0), source="Authorize")
    assert sample(sample(story.at(10), 100).at(130), 110).told() == []


def test_a_queue_that_tells_of_before(story: Story) -> None:
    sample(sample(story.at(10), 100, told=-500).at(130), 110, told=-1)
    assert sample(story.at(140), 111).told() == []


@pytest.mark.parametrize("words", [{"phase": "L1"}, {"location": "Inlet"}, {"context": "Transaction.Begin"}])
def test_another_register_is_another(story: Story, words: dict[str, Any]) -> None:
    assert sample(sample(story.at(10), 100).at(130), 200, **words).told() == []


def test_what_the_charge_point_may_spend_counts(story: Story) -> None:
    story.tell(facts.ConfigurationTold, "MaxEnergyOnInvalidId", "3000")
    sample(sample(story.at(10), 100).at(130), 102.9)
    assert story.told() == []
    assert sample(story.at(140), 103.1).findings()[0].limit == "3 kWh"


def test_lost_bytes_may_have_held_an_acceptance(story: Story) -> None:
    story.at(5).tell(facts.BytesLost, Direction.FROM_CSMS, 10)
    assert sample(sample(story.at(10), 100).at(130), 110).told() == []


def test_the_limit_is_a_setting() -> None:
    story = refused(Story(RefusedCharging(warning_kwh=0.1)).at(0))
    assert sample(sample(story.at(10), 100).at(130), 100.2).told() == ["TX-10 warning"]


@pytest.mark.parametrize(("status", "told"), [("Blocked", ["TX-10 warning"]), ("Accepted", [])])
def test_tx_10_in_16(status: str, told: list[str]) -> None:
    wire = Wire(RefusedCharging()).start(0, 7, status=status).meter(60, 7, 5000).meter(180, 7, 7000)
    assert wire.told() == told


@pytest.mark.parametrize(("status", "told"), [("Invalid", ["TX-10 warning"]), ("Accepted", [])])
def test_tx_10_in_201(status: str, told: list[str]) -> None:
    wire = Wire(RefusedCharging(), "2.0.1")
    wire.event(
        0, "Started", "7", 0, {"idTokenInfo": {"status": status}}, idToken={"idToken": "T", "type": "Central"}
    )
    for number, value in ((1, 5000.0), (2, 7000.0)):
        meter = [{"timestamp": stamp(130 * number), "sampledValue": [{"value": value}]}]
        wire.event(130 * number, "Updated", "7", number, meterValue=meter)
    assert wire.told() == told


def test_max_energy_of_201() -> None:
    wire = Wire(RefusedCharging(), "2.0.1")
    entry = {"component": {"name": "TxCtrlr"}, "variable": {"name": "MaxEnergyOnInvalidId"}}
    asked = {"setVariableData": [entry | {"attributeValue": "9000"}]}
    wire.call(
        0, "SetVariables", asked, {"setVariableResult": [entry | {"attributeStatus": "Accepted"}]}, CSMS
    )
    wire.event(1, "Started", "7", 0, {"idTokenInfo": {"status": "Invalid"}})
    for number, value in ((1, 5000.0), (2, 7000.0)):
        meter = [{"timestamp": stamp(130 * number), "sampledValue": [{"value": value}]}]
        wire.event(130 * number, "Updated", "7", number, meterValue=meter)
    assert wire.told() == []
