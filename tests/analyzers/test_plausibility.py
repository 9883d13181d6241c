"""plausibility: MT-04, MT-05, MT-06, and what meters do that is no fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from analyzers.base import SECOND, Finding
from analyzers.plausibility import MAX_TRACKS, Plausibility
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Place
from proxy.ocpp.meter import samples
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

UP = Direction.FROM_CHARGE_POINT
ONE = Place(None, 1)
Entry = dict[str, Any]


@pytest.fixture
def story() -> Story:
    return Story(Plausibility())


def energy(value: float, **more: Any) -> Entry:
    return {"value": str(value), **more}


def power(value: float, **more: Any) -> Entry:
    return {"value": str(value), "measurand": "Power.Active.Import", **more}


def sample(story: Story, second: float, *entries: Entry, place: Place = ONE, tx: str = "7") -> Story:
    told = Moment(EPOCH + int(second * SECOND))
    read = samples({"sampledValue": list(entries)})
    return story.at(max(second, story.now)).tell(facts.MeterSampled, place, tx, told, read, "MeterValues")


def charge(
    story: Story,
    watts: float,
    seen: Callable[[float], Iterable[Entry]],
    minutes: int = 60,
    every: int = 60,
    begin: float = 100_000.0,
) -> Story:
    """An hour at this power; `seen` makes of the true register what is told."""
    for number in range(minutes * 60 // every + 1):
        wh = begin + watts * number * every / 3600
        sample(story, number * every, *seen(wh))
    return story


def test_a_healthy_session_is_nothing(story: Story) -> None:
    assert charge(story, 11_040, lambda wh: [energy(round(wh)), power(11_040)]).told() == []


def test_a_spike_is_faster_than_any_connector(story: Story) -> None:
    for second, wh in ((0, 100_000), (60, 100_180), (120, 190_180)):
        sample(story, second, energy(wh))
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("MT-04", "warning", 1)
    assert (finding.observed, finding.limit) == ("90 kWh within 60 s", "500 kW")
    assert finding.evidence == (("c1", 2), ("c1", 3))
    assert sample(story, 180, energy(190_360)).told() == ["MT-04 warning, cleared"]


def test_the_fastest_connector_there_is_makes_no_spike(story: Story) -> None:
    for number in range(10):
        sample(story, number * 60, energy(100_000 + number * 8_300))
    assert story.told() == []


def test_the_limit_is_a_setting() -> None:
    story = Story(Plausibility(max_power_kilowatts=22))
    for number in range(3):
        sample(story, number * 60, energy(100_000 + number * 3_000))
    assert story.told() == ["MT-04 warning"]


def test_a_register_that_stood_still_makes_up_for_it(story: Story) -> None:
    """It moves only at unplugging (quirk 73)."""
    for second in range(0, 7200, 60):
        sample(story, second, energy(100_000))
    assert sample(story, 7200, energy(140_000)).told() == []


def test_late_and_repeated_samples_are_nothing(story: Story) -> None:
    for second, wh in (
        (0, 100_000),
        (60, 100_180),
        (60, 100_180),
        (0, 100_000),
        (30, 100_090),
        (120, 100_360),
    ):
        sample(story, second, energy(wh))
    assert story.told() == []


def test_a_register_that_drops_out_for_a_moment_is_no_spike(story: Story) -> None:
    """Quirk 69: 0, then 16 000 kWh again."""
    for second, wh in ((0, 16e6), (60, 0), (120, 0), (180, 16e6 + 400), (240, 0), (300, 16e6 + 800)):
        sample(story, second, energy(wh))
    assert story.told() == []


def test_a_register_that_begins_at_0_is_no_spike(story: Story) -> None:
    sample(story, 0, energy(0))
    assert sample(story, 60, energy(910_000)).told() == []


def test_a_transaction_may_begin_its_own_register(story: Story) -> None:
    """Quirk 70."""
    sample(story, 0, energy(900), tx="7")
    story.at(30).tell(facts.TransactionEnded, "7")
    sample(story, 60, energy(5_000_000), tx="8")
    assert story.told() == []


def test_begin_said_again_is_not_the_register(story: Story) -> None:
    """Quirk 73: both contexts in one message."""
    begin = energy(100_000, context="Transaction.Begin")
    assert charge(story, 11_040, lambda wh: [begin, energy(wh), power(11_040)]).told() == []
    assert charge(Story(Plausibility()), 11_040, lambda wh: [energy(wh), begin, power(11_040)]).told() == []


def test_two_locations_and_two_units_in_one_message_are_no_trouble(story: Story) -> None:
    def told(wh: float) -> list[Entry]:
        inlet = energy(wh * 30, location="Inlet")
        return [inlet, energy(wh), energy(round(wh / 1000, 1), unit="kWh"), power(11_040)]

    assert charge(story, 11_040, told).told() == []


def test_coarse_units_are_no_trouble(story: Story) -> None:
    assert (
        charge(story, 3_680, lambda wh: [energy(int(wh / 1000), unit="kWh"), power(3_680)], 600).told() == []
    )


def test_a_time_without_a_zone_is_not_judged(story: Story) -> None:
    for number in range(5):
        read = samples({"sampledValue": [energy(100_000 + 1e6 * number)]})
        told = Moment(None, "2026-01-01T00:00:00")
        story.at(number).tell(facts.MeterSampled, Place(None, 1), "7", told, read)
    assert story.told() == []


def test_the_main_meter_is_not_judged(story: Story) -> None:
    for number in range(3):
        sample(story, number, energy(100_000 + 1e6 * number), place=Place(None, 0), tx="")
    assert story.told() == []


def test_energy_and_power_that_disagree_twice(story: Story) -> None:
    charge(story, 11_040, lambda wh: [energy(wh), power(9_800)], minutes=13)
    assert story.told() == []
    charge(story, 11_040, lambda wh: [energy(wh), power(9_800)])
    [finding] = story.findings()
    assert (finding.rule, finding.limit) == ("MT-05", "5 %")
    assert "one of them is wrong" in finding.message


def test_a_few_percent_are_no_disagreement(story: Story) -> None:
    assert charge(story, 11_040, lambda wh: [energy(wh), power(10_600)]).told() == []


def test_the_tolerance_is_wider_for_sparse_samples_and_direct_current(story: Story) -> None:
    charge(story, 11_040, lambda wh: [energy(wh), power(9_800)], 300, every=300)
    soc = {"value": "50", "measurand": "SoC"}
    other = charge(Story(Plausibility()), 50_000, lambda wh: [energy(wh), power(45_000), soc])
    assert story.told() == other.told() == []
    assert charge(Story(Plausibility()), 11_040, lambda wh: [energy(wh), power(8_000)], 300, every=300).told()


def test_over_300_s_apart_nothing_is_judged(story: Story) -> None:
    assert charge(story, 11_040, lambda wh: [energy(wh), power(5_000)], 900, every=900).told() == []


def test_a_car_that_starts_is_no_disagreement(story: Story) -> None:
    """The register lags a minute behind: one window is off, the next is not."""
    charge(story, 11_040, lambda wh: [energy(max(100_000, wh - 184)), power(11_040)])
    assert story.told() == []


def test_what_agrees_again_is_over(story: Story) -> None:
    watts = 9_000
    for number in range(200):
        watts = 9_000 if number < 100 else 11_040
        sample(story, number * 60, energy(100_000 + 184 * number), power(watts))
    assert story.told() == ["MT-05 warning, cleared"]


@pytest.mark.parametrize("factor", [3.0, 1 / 3])
def test_three_phases_are_named(story: Story, factor: float) -> None:
    charge(story, 11_040, lambda wh: [energy(wh), power(11_040 * factor)])
    assert "three phases" in story.findings()[0].message


def test_phases_are_added_up(story: Story) -> None:
    phases = [power(3_680, phase=phase) for phase in ("L1", "L2", "L3")]
    assert charge(story, 11_040, lambda wh: [energy(wh), *phases]).told() == []
    assert charge(Story(Plausibility()), 11_040, lambda wh: [energy(wh), phases[0]]).told() == []


def test_kilowatt_hours_sent_as_watt_hours(story: Story) -> None:
    """Quirk 67: 361 -> 362 in 7 minutes at 9.4 kW."""
    charge(story, 9_400, lambda wh: [energy(int(wh / 1000)), power(9_400)], minutes=120, begin=361_000)
    assert [finding.rule for finding in story.findings()] == ["MT-06"]


def test_watt_hours_sent_as_kilowatt_hours(story: Story) -> None:
    charge(story, 11_040, lambda wh: [energy(round(wh), unit="kWh"), power(11_040)])
    assert {finding.rule for finding in story.findings()} == {"MT-06"}


def test_watts_sent_as_kilowatts(story: Story) -> None:
    charge(story, 11_040, lambda wh: [energy(wh), power(11_040, unit="kW")])
    assert [finding.rule for finding in story.findings()] == ["MT-06"]


def test_a_unit_that_changes_from_message_to_message(story: Story) -> None:
    """Quirk 68: the number changes, the unit told does not. Where both change, nothing is wrong."""
    for number in range(6):
        wh = 120_000 + 180 * number
        sample(story, number * 60, energy(wh if number % 2 else wh / 1000))
    assert {finding.rule for finding in story.findings()} == {"MT-06"}
    story = Story(Plausibility())
    for number in range(6):
        wh = 120_000 + 180 * number
        sample(story, number * 60, energy(wh) if number % 2 else energy(wh / 1000, unit="kWh"))
    assert story.told() == []


def test_the_end_of_the_transaction_clears(story: Story) -> None:
    charge(story, 11_040, lambda wh: [energy(wh), power(5_000)])
    story.tell(facts.TransactionEnded, "7")
    assert story.told() == ["MT-05 warning, cleared"]


def test_findings_do_not_outlive_what_is_followed(story: Story) -> None:
    sample(story, 0, energy(1_000))
    sample(story, 1, energy(300_000))
    for number in range(2, MAX_TRACKS + 2):
        sample(story, 2, energy(1_000), place=Place(None, number), tx=f"t{number}")
    assert story.told() == ["MT-04 warning, cleared"]


def said(version: str, telling: Callable[[int], list[Entry]], minutes: int = 60) -> list[Finding]:
    """A transaction as whole messages."""
    capture = Capture(Runner([Plausibility()]))
    capture.opened(EPOCH, "CP_1", version)
    for number in range(minutes):
        at = EPOCH + number * 60 * SECOND
        told = f"2023-11-14T{22 + (13 + number) // 60:02}:{(13 + number) % 60:02}:20Z"
        value = [{"timestamp": told, "sampledValue": telling(number)}]
        text = json.dumps(
            [2, str(number), *(_updated(value, told, number) if version != "1.6" else _meter(value))]
        )
        capture.said(at, "CP_1", UP, text.encode(), version)
    return capture.runner.findings()


def _meter(value: Any) -> tuple[str, Any]:
    return "MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": value}


def _updated(value: Any, told: str, number: int) -> tuple[str, Any]:
    for entry in value[0]["sampledValue"]:
        entry["value"] = float(entry["value"])
        if "unit" in entry:
            entry["unitOfMeasure"] = {"unit": entry.pop("unit")}
    more: Entry = {"evse": {"id": 1, "connectorId": 1}} if number == 0 else {}
    kind = "Updated" if number else "Started"
    info = {"transactionId": "7", "chargingState": "Charging"}
    base = {"eventType": kind, "timestamp": told, "triggerReason": "MeterValuePeriodic", "seqNo": number}
    return "TransactionEvent", {**base, "transactionInfo": info, "meterValue": value, **more}


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_whole_messages(version: str) -> None:
    def spike(number: int) -> list[Entry]:
        return [energy(100_000 + 184 * number + (90_000 if number > 5 else 0))]

    healthy = said(version, lambda number: [energy(100_000 + 184 * number), power(11_040)])
    off = said(version, lambda number: [energy(100_000 + 184 * number), power(6_000)])
    units = said(version, lambda number: [energy(100_000 + 184 * number), power(11_040, unit="kW")])
    assert [[f.rule for f in found] for found in (healthy, said(version, spike), off, units)] == [
        [],
        ["MT-04"],
        ["MT-05"],
        ["MT-06"],
    ]
    assert {finding.connector_id for finding in (*off, *units)} == {1}
    assert {finding.transaction_id for finding in (*off, *units)} == {"7"}


def test_a_charge_point_with_many_connectors_keeps_one_of_each(story: Story) -> None:
    for tx in ("a", "b"):
        for number in range(1, MAX_TRACKS + 1):
            sample(story, 60, energy(5_000), place=Place(None, number), tx=f"{tx}{number}")
    for number in range(1, MAX_TRACKS + 1):
        sample(story, 120, energy(60_000), place=Place(None, number), tx=f"b{number}")
    assert story.told() == ["MT-04 warning"] * MAX_TRACKS


def test_a_message_without_the_register_that_is_followed_says_nothing_of_it(story: Story) -> None:
    for number in range(20):
        inlet, outlet = energy(9e6 + 190 * number, location="Inlet"), energy(5_000 + 184 * number)
        sample(story, number * 60, *((inlet,) if number % 3 else (inlet, outlet)))
    assert story.told() == []
