"""double_start: TX-05, billed twice or a retry."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import double_start
from analyzers.double_start import DoubleStart
from proxy.ocpp import facts
from tests.analyzers.conftest import Story
from tests.analyzers.test_transaction import Wire, at_connector, moment, stamp


@pytest.fixture
def story() -> Story:
    return Story(DoubleStart())


def start(story: Story, name: str, made: float = 0, status: str = "Accepted", **more: Any) -> Story:
    values: dict[str, Any] = {
        "place": at_connector(1),
        "who": facts.Named("TAG"),
        "meter_start_wh": 5.0,
        "told": moment(made),
        "status": status,
    }
    story.runner.fact(facts.TransactionStarted(*story.where(), name, **(values | more)))
    return story


def test_one_session_with_two_ids_is_billed_twice(story: Story) -> None:
    start(start(story.at(0), "7").at(30), "8")
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.transaction_id) == ("TX-05", "critical", "8")
    assert finding.evidence == (("c1", 1), ("c1", 2))
    assert finding.message in (double_start.__doc__ or "")


@pytest.mark.parametrize("name", ["7", "8"])
def test_it_is_over_when_one_of_the_two_stops(story: Story, name: str) -> None:
    start(start(story.at(0), "7").at(30), "8").at(60).tell(facts.TransactionEnded, name)
    assert story.told() == ["TX-05 critical, cleared"]


def test_the_same_id_is_a_retry(story: Story) -> None:
    start(start(story.at(0), "7").at(30), "7")
    assert story.told() == ["TX-05 info, cleared"]
    assert story.findings()[0].message in (double_start.__doc__ or "")


def test_a_second_one_that_is_refused_bills_nothing(story: Story) -> None:
    assert start(start(story, "7").at(30), "8", status="ConcurrentTx").told() == ["TX-05 info, cleared"]


@pytest.mark.parametrize(
    "other",
    [
        {"told": moment(1)},
        {"meter_start_wh": 6.0},
        {"place": at_connector(2)},
        {"who": facts.Named("ANOTHER")},
    ],
)
def test_anything_else_makes_it_another_session(story: Story, other: dict[str, Any]) -> None:
    assert start(start(story, "7").at(30), "8", **other).told() == []


def test_without_a_time_or_a_meter_nobody_knows(story: Story) -> None:
    unknowns: list[dict[str, Any]] = [{"told": facts.UNTOLD}, {"meter_start_wh": None}]
    for unknown in unknowns:
        start(start(story, "7", **unknown), "8", **unknown)
    assert story.told() == []


def test_2x_gives_its_ids_itself() -> None:
    story = Story(DoubleStart()).tell(facts.ConnectionOpened, "2.0.1")
    assert start(start(story, "a"), "b").told() == []


def test_it_remembers_a_few() -> None:
    story = Story(DoubleStart())
    for number in range(5):
        start(story, str(number), made=number)
    assert start(story, "x", made=0).told() == []
    assert start(story, "y", made=3).told() == ["TX-05 critical"]


def test_tx_05_in_16() -> None:
    wire = Wire(DoubleStart()).start(0, 7).start(20, 8)
    assert wire.told() == []
    assert wire.start(40, 9, timestamp=stamp(20)).told() == ["TX-05 critical"]
