"""battery: BT-01, BT-03, BT-04, BT-05."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers.base import SECOND
from analyzers.battery import Battery
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Moment, Place
from proxy.ocpp.meter import samples
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

Entry = dict[str, Any]
KWH = 1000.0


@pytest.fixture
def story() -> Story:
    return Story(Battery())


def entries(soc: Any, wh: float | None) -> list[Entry]:
    told: list[Entry] = [] if soc is None else [{"value": str(soc), "measurand": "SoC", "unit": "Percent"}]
    return told if wh is None else [*told, {"value": str(wh)}]


def sample(story: Story, second: float, soc: Any, wh: float | None, *more: Entry, tx: str = "7") -> Story:
    told = Moment(EPOCH + int(second * SECOND))
    read = samples({"sampledValue": [*entries(soc, wh), *more]})
    return story.at(max(second, story.now)).tell(facts.MeterSampled, Place(None, 1), tx, told, read)


def charge(story: Story, capacity: float, first: int = 20, last: int = 80, start: int = 0) -> Story:
    """A point a minute into a battery of `capacity` kWh."""
    for number in range(last - first + 1):
        wh = 500_000 + (first + number) * capacity * 10
        sample(story, start + number * 60, first + number, wh)
    return story


@pytest.mark.parametrize("capacity", [9, 40, 77, 290])
def test_a_healthy_session_is_nothing(story: Story, capacity: float) -> None:
    assert charge(story, capacity).told() == []


@pytest.mark.parametrize("soc", [101, -1, 255, "NaN", "full"])
def test_no_percentage(story: Story, soc: Any) -> None:
    sample(story, 0, soc, None, tx="")
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.limit) == ("BT-01", "warning", "0 to 100 %")
    assert sample(story, 60, 50, None, tx="").told() == ["BT-01 warning, cleared"]


@pytest.mark.parametrize("soc", [0, 100, "0.0", "100.0", "", "null"])
def test_a_percentage_or_none_told(story: Story, soc: Any) -> None:
    assert sample(story, 0, soc, None).told() == []


def test_it_falls_while_energy_flows(story: Story) -> None:
    sample(story, 0, 60, 100_000)
    sample(story, 60, 57, 100_700)
    assert story.told() == []
    [finding] = sample(story, 120, 57, 101_200).findings()
    assert (finding.rule, finding.transaction_id) == ("BT-03", "7")
    assert "from 60 % to 57 % although 1.2 kWh were charged" in finding.message
    assert sample(story, 180, 58, 102_000).told() == ["BT-03 warning, cleared"]


def test_a_point_less_or_little_energy_is_no_fall(story: Story) -> None:
    for number, (soc, wh) in enumerate(((60, 0), (59, 700), (59, 1400), (59, 2000))):
        sample(story, number * 60, soc, 100_000 + wh)
    for number, (soc, wh) in enumerate(((60, 0), (57, 100), (57, 200), (57, 400))):
        sample(story, 600 + number * 60, soc, 200_000 + wh, tx="8")
    assert story.told() == []


def test_the_fall_is_a_setting() -> None:
    story = Story(Battery(fall_points=4.0))
    for number, soc in enumerate((60, 57, 57, 57)):
        sample(story, number * 60, soc, 100_000 + 700 * number)
    assert story.told() == []


def test_a_car_that_gives_back_is_not_falling(story: Story) -> None:
    back = {"value": "5000", "measurand": "Power.Active.Export"}
    for number, soc in enumerate((60, 58, 56, 54, 52)):
        sample(story, number * 60, soc, 100_000 + 700 * number, back)
    assert story.told() == []


def test_near_100_it_calibrates(story: Story) -> None:
    for number, soc in enumerate((99, 95, 95, 95)):
        sample(story, number * 60, soc, 100_000 + 700 * number)
    assert story.told() == []


def test_0_for_a_moment_and_at_the_handshake_is_nothing(story: Story) -> None:
    for number, soc in enumerate((0, 0, 33, 34, 0, 35, 36)):
        sample(story, number * 60, soc, 100_000 + 700 * number)
    assert story.told() == []


def test_0_that_stays_is_a_fall(story: Story) -> None:
    """Quirk 77: 33 % -> 0 %."""
    for number, soc in enumerate((33, 0, 0, 0, 0)):
        sample(story, number * 60, soc, 100_000 + 700 * number)
    assert story.told() == ["BT-03 warning"]


def test_it_stands_still(story: Story) -> None:
    for number in range(8):
        sample(story, number * 60, 50, 100_000 + 1_050 * number)
    assert story.told() == []
    [finding] = sample(story, 480, 50, 108_400).findings()
    assert (finding.rule, finding.observed, finding.limit) == ("BT-04", "8.4 kWh", "7.5 kWh")
    assert sample(story, 540, 58, 109_000).told()[0] == "BT-04 warning, cleared"


def test_it_stands_still_once_the_capacity_is_known(story: Story) -> None:
    charge(story, 60, 20, 40)
    for number in range(1, 7):
        sample(story, 1200 + number * 60, 40, 524_000 + 490 * number)
    assert story.told() == []
    assert sample(story, 1800, 40, 527_100).told() == ["BT-04 warning"]


def test_a_truck_takes_more_for_a_point(story: Story) -> None:
    for number in range(60):
        sample(story, number * 60, 20 + number // 2, 100_000 + 3_400 * number)
    assert {finding.severity.label for finding in story.findings()} <= {"info"}


def test_a_car_that_tells_seldom_is_not_stuck(story: Story) -> None:
    """Every 8 minutes at 50 kW."""
    for number in range(40):
        sample(story, number * 60, 20 + number // 8 * 10, 100_000 + 833 * number)
    assert "BT-04 warning" not in story.told()


def test_full_is_not_stuck(story: Story) -> None:
    for number in range(30):
        sample(story, number * 60, 99, 100_000 + 1_000 * number)
    assert story.told() == []


def test_a_battery_too_small_is_a_warning_and_a_large_one_a_truck(story: Story) -> None:
    charge(story, 5)
    assert story.told() == ["BT-05 warning"]
    assert charge(Story(Battery()), 500).told() == ["BT-05 info"]
    assert charge(Story(Battery()), 900).told() == ["BT-05 warning"]


def test_the_capacity_is_a_setting() -> None:
    assert charge(Story(Battery(smallest_kilowatt_hours=4.0)), 5).told() == []


def test_a_capacity_that_drifts_is_an_info(story: Story) -> None:
    charge(story, 60, 20, 31)
    for number in range(1, 31):
        sample(story, 660 + number * 60, 31 + number, 518_600 + 1_200 * number)
    assert [finding.rule for finding in story.findings()] == ["BT-05"]
    assert story.findings()[0].severity.label == "info"


def test_a_car_that_tells_another_capacity_is_an_info(story: Story) -> None:
    told = {"value": "200000", "measurand": "Display.BatteryEnergyCapacity"}
    for number in range(30):
        sample(story, number * 60, 20 + number, 500_000 + 600 * number, told)
    assert {finding.severity.label for finding in story.findings()} == {"info"}


def test_2_1_may_display_it(story: Story) -> None:
    story.tell(facts.ConnectionOpened, "2.1")
    shown = {"value": "130", "measurand": "Display.PresentSOC"}
    assert sample(story, 0, None, 1000, shown).told() == ["BT-01 warning"]


def test_late_samples_leaps_and_other_registers_prove_nothing(story: Story) -> None:
    begin = {"value": "1", "context": "Transaction.Begin"}
    sample(story, 0, 60, 100_000, begin)
    for second, soc, wh in ((60, 61, 100_700), (30, 50, 100_300), (120, 62, 9e6), (180, 63, 1_000)):
        sample(story, second, soc, wh, begin)
    assert story.told() == []


def test_another_transaction_is_another_car(story: Story) -> None:
    sample(story, 0, 90, 100_000)
    story.tell(facts.TransactionEnded, "7")
    for number in range(1, 4):
        sample(story, number * 60, 20 + number, 100_000 + 700 * number, tx="8")
    assert story.told() == []


def test_the_end_of_the_transaction_clears(story: Story) -> None:
    charge(story, 5).tell(facts.TransactionEnded, "7")
    assert story.told() == ["BT-05 warning, cleared"]


def text(version: str, number: int, soc: Any, wh: float) -> list[Any]:
    second = 13 * 60 + 20 + number * 60
    told = f"2023-11-14T{22 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
    value: Entry = {"timestamp": told, "sampledValue": entries(soc, wh)}
    if version == "1.6":
        return [2, str(number), "MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": [value]}]
    value["sampledValue"] = [{"value": float(soc), "measurand": "SoC"}, {"value": wh}]
    event = {
        "eventType": "Updated" if number else "Started",
        "timestamp": told,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": number,
        "transactionInfo": {"transactionId": "7"},
        "meterValue": [value],
    }
    return [2, str(number), "TransactionEvent", event | ({} if number else {"evse": {"id": 1}})]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([], [(20 + n, 100_000 + 600 * n) for n in range(40)]),
        (["BT-01"], [(20, 100_000), (101, 100_600)]),
        ([], [(20, 100_000), (100, 150_000)]),
        (["BT-03"], [(60, 100_000), (57, 100_700), (57, 101_200)]),
        ([], [(60, 100_000), (59, 100_700), (59, 101_200)]),
        (["BT-04"], [(50, 100_000 + 1_000 * n) for n in range(12)]),
        ([], [(50 + n // 3, 100_000 + 1_000 * n) for n in range(12)]),
        (["BT-05"], [(20 + n, 100_000 + 50 * n) for n in range(40)]),
    ],
)
def test_whole_messages(version: str, rules: list[str], said: list[tuple[int, float]]) -> None:
    capture = Capture(Runner([Battery()]))
    capture.opened(EPOCH, "CP_1", version)
    for number, (soc, wh) in enumerate(said):
        message = json.dumps(text(version, number, soc, wh)).encode()
        capture.said(EPOCH + number * 60 * SECOND, "CP_1", Direction.FROM_CHARGE_POINT, message)
    found = capture.runner.findings()
    assert [finding.rule for finding in found] == rules
    assert {finding.connector_id for finding in found} <= {1}
