"""short_session: TX-14, one is an info, three in a row are a warning."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import short_session
from analyzers.short_session import ShortSession
from proxy.ocpp import facts
from proxy.ocpp.facts import Outcome
from tests.analyzers.conftest import Story
from tests.analyzers.test_transaction import Wire, at_connector, moment

LOCAL: tuple[str, Outcome] = ("Local", Outcome.SUCCESS)
POWER_LOSS: tuple[str, Outcome] = ("PowerLoss", Outcome.FAILURE)


@pytest.fixture
def story() -> Story:
    return Story(ShortSession())


def session(
    story: Story, lasts: float, why: tuple[str, Outcome] = LOCAL, connector: int = 1, **told: Any
) -> Story:
    """It begins now; the next one may begin 400 s after its end."""
    made = {"start": moment(story.now), "stop": moment(story.now + lasts)} | told
    name = str(story.now)
    story.runner.fact(
        facts.TransactionStarted(*story.where(), name, at_connector(connector), told=made["start"])
    )
    story.at(story.now + max(lasts, 0))
    fact = facts.TransactionEnded(*story.where(), name, told=made["stop"], reason=why[0], outcome=why[1])
    story.runner.fact(fact)
    return story.at(story.now + 400)


def test_a_minute_is_enough(story: Story) -> None:
    assert session(story, 60).told() == []
    assert session(story, 59).told() == ["TX-14 info, cleared"]


def test_a_bad_reason_is_an_info(story: Story) -> None:
    session(story, 600, POWER_LOSS)
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("TX-14", "info", 1)
    assert finding.evidence == (("c1", 1), ("c1", 2))


def test_three_in_a_row_are_a_warning_until_one_goes_well(story: Story) -> None:
    session(session(session(story, 10), 600, POWER_LOSS), 20)
    assert story.told() == ["TX-14 info, cleared", "TX-14 info, cleared", "TX-14 warning"]
    assert session(story, 600).told()[-1] == "TX-14 warning, cleared"


def test_a_good_one_begins_a_new_row(story: Story) -> None:
    session(session(session(session(story, 10), 10), 600), 10)
    assert "TX-14 warning" not in story.told()


def test_a_row_is_one_connectors(story: Story) -> None:
    session(session(session(story, 10), 10, connector=2), 10)
    assert all("info" in told for told in story.told())


def test_a_queue_delivers_a_long_one_at_once(story: Story) -> None:
    assert session(story, 0, start=moment(-4000), stop=moment(-100)).told() == []


@pytest.mark.parametrize("told", [{"start": facts.UNTOLD}, {"stop": facts.UNTOLD}, {"start": moment(9999)}])
def test_how_long_is_not_known(story: Story, told: dict[str, Any]) -> None:
    assert session(story, 10, **told).told() == []
    assert session(story, 10, POWER_LOSS, **told).told() == ["TX-14 info, cleared"]


def test_one_whose_start_was_not_seen(story: Story) -> None:
    story.tell(facts.TransactionUpdated, "7", at_connector(1), facts.NOBODY, moment(0))
    assert story.at(10).tell(facts.TransactionEnded, "7").told() == []


def test_a_stop_said_again_counts_once(story: Story) -> None:
    session(story, 10)
    story.tell(facts.TransactionEnded, "0.0", facts.NOWHERE, facts.NOBODY, None, moment(10))
    assert story.findings()[0].count == 1


def test_the_limits_are_settings() -> None:
    story = session(Story(ShortSession(short_seconds=5, warning_in_a_row=1)), 6)
    assert session(story, 4).told() == ["TX-14 warning"]


def test_tx_14_in_16() -> None:
    wire = Wire(ShortSession()).start(0, 7).stop(61, 7)
    assert wire.told() == []
    for number in range(3):
        wire.start(1000 + 500 * number, number).stop(1020 + 500 * number, number, reason="EmergencyStop")
    assert wire.told()[-1] == "TX-14 warning"


def test_tx_14_in_201() -> None:
    wire = Wire(ShortSession(), "2.0.1").event(0, "Started", "a", 0).event(70, "Ended", "a", 1)
    assert wire.told() == []
    why = {"transactionId": "b", "stoppedReason": "GroundFault"}
    wire.event(100, "Started", "b", 0).event(300, "Ended", "b", 1, transactionInfo=why)
    assert wire.told() == ["TX-14 info, cleared"]


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    session(story, 20)
    assert story.findings()[-1].message in (short_session.__doc__ or "")
    session(session(story, 20), 600, POWER_LOSS)
    assert story.findings()[-1].message in (short_session.__doc__ or "")
