"""missing_samples: MT-07."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers.base import SECOND
from analyzers.missing_samples import MissingSamples
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Place
from proxy.ocpp.meter import samples
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

UP, DOWN = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


@pytest.fixture
def story() -> Story:
    return configured(Story(MissingSamples()), "60").tell(facts.TransactionStarted, "7", Place(None, 1))


def configured(story: Story, value: str, key: str = "MeterValueSampleInterval") -> Story:
    return story.tell(facts.ConfigurationTold, key, value, "RW", "GetConfiguration")


def periodic(story: Story, *seconds: float, tx: str = "7", context: str = "Sample.Periodic") -> Story:
    read = samples({"sampledValue": [{"value": "1", "context": context}]})
    for second in seconds:
        told = Moment(EPOCH + int(second * SECOND))
        story.at(max(second, story.now)).tell(
            facts.MeterSampled, Place(None, 1), tx, told, read, "MeterValues"
        )
    return story


def test_every_interval_is_nothing(story: Story) -> None:
    assert periodic(story, *range(0, 7200, 60)).told() == []


def test_twice_the_interval_is_nothing(story: Story) -> None:
    assert periodic(story, *range(0, 7200, 149)).told() == []


def test_one_gap_is_an_info_and_three_a_warning(story: Story) -> None:
    assert periodic(story, 0, 60, 220).told() == ["MT-07 info"]
    [finding] = periodic(story, 280, 440, 600).findings()
    assert (finding.severity.label, finding.connector_id, finding.transaction_id) == ("warning", 1, "7")
    assert (finding.observed, finding.limit) == ("3 gaps, the last of 160 s", "150 s")
    assert finding.evidence[0] == ("c1", 4)


def test_a_long_gap_counts_for_each_that_fits(story: Story) -> None:
    assert periodic(story, 0, 449).told() == ["MT-07 info"]
    assert periodic(story, 449 + 450).told() == ["MT-07 warning"]


def test_ten_samples_in_time_clear_it(story: Story) -> None:
    periodic(story, 0, 450, *range(510, 510 + 9 * 60, 60))
    assert story.told() == ["MT-07 warning"]
    assert periodic(story, 510 + 9 * 60).told() == ["MT-07 warning, cleared"]


def test_the_end_clears_it_and_ends_the_last_gap(story: Story) -> None:
    periodic(story, 0, 60)
    story.at(700).tell(facts.TransactionEnded, "7", Place(), facts.NOBODY, None, Moment(EPOCH + 700 * SECOND))
    assert story.told() == ["MT-07 warning, cleared"]


def test_no_more_samples_while_it_runs(story: Story) -> None:
    periodic(story, 0, 60).wait(659)
    assert story.told() == []
    assert story.wait(662).told() == ["MT-07 warning"]
    assert story.wait(9000).findings()[0].count == 1


def test_nothing_is_awaited_before_the_first_sample_or_without_a_known_transaction(story: Story) -> None:
    assert story.wait(3000).told() == []
    story = configured(Story(MissingSamples()), "60")
    assert periodic(story, 0, 60).wait(3000).told() == []


@pytest.mark.parametrize("value", ["0", "nonsense", ""])
def test_off_or_unreadable_is_not_judged(value: str) -> None:
    story = configured(Story(MissingSamples()), value)
    assert periodic(story, 0, 60, 900, 1800, 5000).told() == []


def test_what_was_offline_is_not_judged(story: Story) -> None:
    periodic(story, 0, 60).closed().wait(2000).opened()
    assert periodic(story, 2010, 2070).told() == []


@pytest.mark.parametrize("lost", [facts.BytesLost, facts.SightLost])
def test_what_was_not_seen_is_not_judged(story: Story, lost: Any) -> None:
    periodic(story, 0, 60).tell(lost)
    assert periodic(story, 2010, 2070).told() == []


def test_an_event_of_offline_is_not_judged(story: Story) -> None:
    periodic(story, 0)
    event = (facts.TransactionUpdated, "7", Place(), facts.NOBODY, Moment(), "", "Charging", 4, True)
    story.at(500).tell(*event)
    assert periodic(story, 500).told() == []


def test_a_pause_is_not_judged(story: Story) -> None:
    periodic(story, 0, 60).tell(facts.StatusChanged, Place(None, 1), "SuspendedEV")
    story.wait(3000).tell(facts.StatusChanged, Place(None, 1), "Charging")
    assert periodic(story, 3010, 3070).told() == []
    assert periodic(story, 3070 + 450).told() == ["MT-07 warning"]


def test_late_repeated_and_clock_aligned_samples_are_no_matter(story: Story) -> None:
    periodic(story, 0, 60, 120, 60, 0, 120, 180)
    assert periodic(story, 200, 700, context="Sample.Clock").told() == []


def test_what_comes_after_the_end_is_no_transaction(story: Story) -> None:
    """Closing values arrive after the stop (quirk 72)."""
    periodic(story, 0, 60).at(70).tell(facts.TransactionEnded, "7")
    assert periodic(story, 75).wait(4000).told() == []


def test_another_interval_counts_for_what_comes(story: Story) -> None:
    periodic(story, 0, 60).tell(facts.ConfigurationChanged, "MeterValueSampleInterval", "10", "Accepted")
    assert periodic(story, *range(120, 600, 60)).told() == []
    story.tell(facts.TransactionEnded, "7").tell(facts.TransactionStarted, "8", Place(None, 1))
    assert periodic(story, 600, 610, 670, 730, tx="8").told() == ["MT-07 warning"]


def test_a_refused_interval_is_none(story: Story) -> None:
    story.tell(facts.ConfigurationChanged, "MeterValueSampleInterval", "5", "Rejected")
    assert periodic(story, *range(0, 900, 60)).told() == []


def test_a_learnt_interval() -> None:
    story = periodic(Story(MissingSamples()), *range(0, 660, 60))
    assert story.told() == []
    periodic(story, 800, 860, 1100, 1160, 1700)
    assert story.told() == ["MT-07 warning"]
    assert "as it used to be" in story.findings()[0].message


def test_two_distances_alike_are_another_interval() -> None:
    story = periodic(Story(MissingSamples()), *range(0, 660, 60))
    assert periodic(story, *range(900, 20_000, 300)).told() == ["MT-07 info, cleared"]


def test_uneven_distances_teach_nothing() -> None:
    story = periodic(Story(MissingSamples()), 0, 10, 100, 130, 400, 410, 800, 820, 1000, 1010, 1400, 1410)
    assert periodic(story, 5000).told() == []


def test_the_threshold_is_a_setting() -> None:
    story = configured(Story(MissingSamples(intervals=4.0)), "60")
    assert periodic(story, 0, 60, 220, 440, 600).told() == []


def text16(number: int, second: int) -> list[Any]:
    value = {"timestamp": stamp(second), "sampledValue": [{"value": "1"}]}
    return [2, f"m{number}", "MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": [value]}]


def text2(number: int, second: int) -> list[Any]:
    value = {"timestamp": stamp(second), "sampledValue": [{"value": 1.0}]}
    event = {
        "eventType": "Updated" if number else "Started",
        "timestamp": stamp(second),
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": "7", "chargingState": "Charging"},
        "meterValue": [value],
    }
    return [2, f"m{number}", "TransactionEvent", event | ({} if number else {"evse": {"id": 1}})]


def stamp(second: int) -> str:
    minutes = 13 * 60 + 20 + second
    return f"2023-11-14T22:{minutes // 60:02}:{minutes % 60:02}Z"


def interval2() -> tuple[list[Any], list[Any]]:
    names = {"component": {"name": "SampledDataCtrlr"}, "variable": {"name": "TxUpdatedInterval"}}
    asked = {"setVariableData": [{**names, "attributeValue": "60"}]}
    said = {"setVariableResult": [{**names, "attributeStatus": "Accepted"}]}
    return [2, "q", "SetVariables", asked], [3, "q", said]


def interval16() -> tuple[list[Any], list[Any]]:
    asked = {"key": "MeterValueSampleInterval", "value": "60"}
    return [2, "q", "ChangeConfiguration", asked], [3, "q", {"status": "Accepted"}]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_whole_messages(version: str) -> None:
    def found(seconds: tuple[int, ...]) -> list[str]:
        capture = Capture(Runner([MissingSamples()]))
        capture.opened(EPOCH, "CP_1", version)
        asked, answer = interval16() if version == "1.6" else interval2()
        capture.said(EPOCH, "CP_1", DOWN, json.dumps(asked).encode())
        capture.said(EPOCH, "CP_1", UP, json.dumps(answer).encode())
        for number, second in enumerate(seconds):
            text = text16(number, second) if version == "1.6" else text2(number, second)
            capture.said(EPOCH + second * SECOND, "CP_1", UP, json.dumps(text).encode())
        return [f"{finding.rule} {finding.severity.label}" for finding in capture.runner.findings()]

    assert found((0, 60, 200, 340, 480, 600)) == []
    assert found((0, 60, 220, 380, 540, 600)) == ["MT-07 warning"]
