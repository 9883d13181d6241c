"""voltage: MT-17."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers.base import SECOND
from analyzers.voltage import LEARNT_READINGS, Voltage
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Place
from proxy.ocpp.meter import samples
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

Entry = dict[str, Any]


@pytest.fixture
def story() -> Story:
    return Story(Voltage())


def volts(value: float, phase: str = "L1", **more: Any) -> Entry:
    return {
        "value": str(value),
        "measurand": "Voltage",
        "unit": "V",
        **({"phase": phase} if phase else {}),
        **more,
    }


def sample(story: Story, second: float, *entries: Entry, connector: int = 1) -> Story:
    told = Moment(EPOCH + int(second * SECOND))
    read = samples({"sampledValue": list(entries)})
    return story.at(max(second, story.now)).tell(facts.MeterSampled, Place(None, connector), "7", told, read)


def minutes(story: Story, first: int, last: int, *entries: Entry, connector: int = 1) -> Story:
    for minute in range(first, last):
        sample(story, minute * 60, *entries, connector=connector)
    return story


def learnt(story: Story, nominal: float = 230, phase: str = "L1") -> Story:
    """Half an hour of it."""
    return minutes(story, 0, LEARNT_READINGS, volts(nominal, phase))


@pytest.mark.parametrize("nominal", [120, 208, 230, 240, 277])
def test_a_healthy_grid_is_nothing(story: Story, nominal: float) -> None:
    learnt(story, nominal)
    for minute in range(30, 90):
        sample(story, minute * 60, volts(nominal * (0.92 + minute % 3 * 0.08)))
    assert story.told() == []


def test_ten_low_minutes_are_a_warning(story: Story) -> None:
    minutes(learnt(story), 30, 40, volts(200))
    assert story.told() == []
    [finding] = sample(story, 2400, volts(200)).findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("MT-17", "warning", 1)
    assert (finding.observed, finding.limit) == ("200 V", "207 V, nominal 230 V")
    assert finding.evidence == (("c1", 31), ("c1", 41))


@pytest.mark.parametrize("value", [190, 260])
def test_lower_or_too_high_is_critical(story: Story, value: float) -> None:
    assert minutes(learnt(story), 30, 41, volts(value)).told() == ["MT-17 critical"]


def test_just_inside_is_nothing(story: Story) -> None:
    assert minutes(minutes(learnt(story), 30, 60, volts(208)), 60, 90, volts(252)).told() == []


def test_a_dip_is_no_mean(story: Story) -> None:
    minutes(minutes(learnt(story), 30, 33, volts(190)), 33, 60, volts(230))
    assert story.told() == []


def test_ten_good_minutes_clear_it(story: Story) -> None:
    minutes(learnt(story), 30, 41, volts(200))
    assert minutes(story, 41, 60, volts(230)).told() == ["MT-17 warning, cleared"]


def test_it_goes_on_as_one_finding(story: Story) -> None:
    minutes(learnt(story), 30, 120, volts(200))
    assert [finding.count for finding in story.findings()] == [1]


def test_each_phase_is_one_finding(story: Story) -> None:
    phases = [volts(230, phase) for phase in ("L1", "L2", "L3")]
    minutes(story, 0, 30, *phases)
    minutes(story, 30, 41, volts(200, "L1"), volts(230, "L2"), volts(200, "L3"))
    assert story.told() == ["MT-17 warning"] * 2


def test_line_to_line_has_its_own_nominal(story: Story) -> None:
    minutes(story, 0, 30, volts(230), volts(400, "L1-L2"))
    assert minutes(story, 30, 60, volts(230), volts(398, "L1-L2")).told() == []
    assert minutes(story, 60, 71, volts(230), volts(350, "L1-L2")).told() == ["MT-17 warning"]


def test_a_car_voltage_is_not_the_grid(story: Story) -> None:
    soc = {"value": "50", "measurand": "SoC"}
    for minute in range(120):
        sample(story, minute * 60, volts(300 + minute * 4, ""), soc)
    assert story.told() == []


def test_nor_without_a_state_of_charge(story: Story) -> None:
    for minute in range(240):
        sample(story, minute * 60, volts(390 if minute < 120 else 780, ""))
    for minute in range(240, 400):
        sample(story, minute * 60, volts(300 + minute % 60, ""))
    assert story.told() == []


def test_the_inlet_of_direct_current_is_the_grid(story: Story) -> None:
    soc, outlet = {"value": "50", "measurand": "SoC"}, volts(700, "")
    minutes(story, 0, 30, volts(230, location="Inlet"), outlet, soc)
    assert minutes(story, 30, 41, volts(200, location="Inlet"), outlet, soc).told() == ["MT-17 warning"]


@pytest.mark.parametrize("dead", [0, 1.5, 90])
def test_a_dead_phase_is_no_low_voltage(story: Story, dead: float) -> None:
    assert minutes(learnt(story), 30, 60, volts(dead)).told() == []


def test_a_weak_230_is_not_208(story: Story) -> None:
    assert minutes(learnt(story, 212), 30, 90, volts(231)).told() == []
    assert minutes(story, 90, 101, volts(200)).told() == ["MT-17 warning"]


def test_208_itself_can_be_too_high(story: Story) -> None:
    assert minutes(learnt(story, 208), 30, 41, volts(262)).told() == ["MT-17 critical"]


def test_what_is_not_learnt_is_not_judged(story: Story) -> None:
    assert minutes(story, 0, 29, volts(230)).told() == []
    assert minutes(story, 29, 60, volts(150)).told() == []


def test_readings_far_apart_late_or_without_a_time_are_no_mean(story: Story) -> None:
    learnt(story)
    for number in range(2, 12):
        sample(story, number * 900, volts(190))
        sample(story, number * 900 - 60, volts(190))
    for number in range(30):
        read = samples({"sampledValue": [volts(190)]})
        story.at(12_000 + number * 60).tell(facts.MeterSampled, Place(None, 1), "7", Moment(), read)
    assert story.told() == []


def test_the_band_is_a_setting() -> None:
    story = Story(Voltage(low_percent=5.0))
    assert minutes(learnt(story, 240), 30, 41, volts(225)).told() == ["MT-17 warning"]


def text(version: str, minute: int, value: float) -> list[Any]:
    second = 13 * 60 + 20 + minute * 60
    told = f"2023-11-14T{22 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    entry: Entry = volts(value)
    if version == "1.6":
        payload: Entry = {"timestamp": told, "sampledValue": [entry]}
        return [2, str(minute), "MeterValues", {"connectorId": 1, "meterValue": [payload]}]
    entry = {"value": value, "measurand": "Voltage", "phase": "L1-N", "unitOfMeasure": {"unit": "V"}}
    return [
        2,
        str(minute),
        "MeterValues",
        {"evseId": 1, "meterValue": [{"timestamp": told, "sampledValue": [entry]}]},
    ]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(("value", "rules"), [(200.0, ["MT-17"]), (208.0, [])])
def test_whole_messages(version: str, value: float, rules: list[str]) -> None:
    capture = Capture(Runner([Voltage()]))
    capture.opened(EPOCH, "CP_1", version)
    for minute in range(45):
        message = json.dumps(text(version, minute, 230.0 if minute < 30 else value)).encode()
        capture.said(EPOCH + minute * 60 * SECOND, "CP_1", Direction.FROM_CHARGE_POINT, message)
    found = capture.runner.findings()
    assert [finding.rule for finding in found] == rules
    assert {finding.connector_id for finding in found} <= {1}
