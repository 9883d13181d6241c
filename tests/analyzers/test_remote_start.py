"""remote_start: TX-11, an accepted remote start that came to nothing. 60 + 30 s unless configured."""

from __future__ import annotations

from typing import Any

import pytest

from analyzers import remote_start
from analyzers.remote_start import RemoteStart
from proxy.ocpp import facts
from tests.analyzers.conftest import Story
from tests.analyzers.test_transaction import AVAILABLE, CP, CSMS, OCCUPIED, Wire, at_connector, stamp


@pytest.fixture
def story() -> Story:
    return status(Story(RemoteStart()).at(0), OCCUPIED)


def status(story: Story, availability: facts.Availability, connector: int = 1) -> Story:
    return story.tell(facts.StatusChanged, at_connector(connector), availability.name, availability)


def asked(story: Story, connector: int | None = 1, answer: str = "Accepted", **more: Any) -> Story:
    place = at_connector(connector) if connector is not None else facts.NOWHERE
    fact = facts.RemoteStartRequested(*story.where(), facts.Named("TAG"), place, status=answer, **more)
    story.runner.fact(fact)
    return story


def start(story: Story, token: str = "TAG", connector: int = 1) -> Story:
    return story.tell(facts.TransactionStarted, "7", at_connector(connector), facts.Named(token))


def test_nothing_began_though_somebody_is_there(story: Story) -> None:
    asked(story.at(10)).wait(99)
    assert story.told() == []
    [finding] = story.wait(101).findings()
    assert (finding.rule, finding.severity.label, finding.connector_id) == ("TX-11", "warning", 1)
    assert finding.evidence == (("c1", 2),)
    assert finding.cleared_at == finding.at
    assert finding.message in (remote_start.__doc__ or "")


def test_nobody_plugged_in(story: Story) -> None:
    """It went back to Available by itself: an info."""
    status(asked(story.at(10)).at(70), AVAILABLE).wait(200)
    assert story.told() == ["TX-11 info, cleared"]
    assert story.findings()[0].message in (remote_start.__doc__ or "")


def test_who_is_there_is_not_known() -> None:
    assert asked(Story(RemoteStart()).at(10)).wait(200).told() == ["TX-11 info, cleared"]


def test_it_began_in_time(story: Story) -> None:
    assert start(asked(story.at(10)).at(95)).wait(500).told() == []


@pytest.mark.parametrize(("token", "connector"), [("TAG", 2), ("ANOTHER", 1)])
def test_whatever_begins_there_or_with_that_token(story: Story, token: str, connector: int) -> None:
    assert start(asked(story.at(10)).at(20), token, connector).wait(500).told() == []


def test_another_token_at_another_connector(story: Story) -> None:
    assert start(asked(story.at(10)).at(20), "ANOTHER", 2).wait(500).told() == ["TX-11 warning, cleared"]


@pytest.mark.parametrize("answer", ["Rejected", ""])
def test_it_was_not_accepted(story: Story, answer: str) -> None:
    assert asked(story.at(10), answer=answer).wait(500).told() == []


def test_the_answer_came_after_the_start(story: Story) -> None:
    """Quirk 64."""
    assert asked(start(story.at(10)).at(11)).wait(500).told() == []
    assert asked(Story(RemoteStart()).at(0), None, transaction_id="a").wait(500).told() == []


def test_without_a_connector_any_free_one_counts(story: Story) -> None:
    assert asked(story.at(10), None).wait(500).told() == ["TX-11 warning, cleared"]
    assert "a connector is taken" in story.findings()[0].message


@pytest.mark.parametrize("key", ["ConnectionTimeOut", "TxCtrlr.EVConnectionTimeOut"])
def test_the_time_out_is_the_charge_points_own(story: Story, key: str) -> None:
    story.tell(facts.ConfigurationTold, key, "300").tell(facts.ConfigurationChanged, key, "5", "Rejected")
    assert asked(story.at(10)).wait(339).told() == []
    assert story.wait(341).findings()[0].limit == "330 s"


@pytest.mark.parametrize("value", ["", "soon", "-1", None])
def test_a_time_out_that_is_none(story: Story, value: str | None) -> None:
    story.tell(facts.ConfigurationTold, "ConnectionTimeOut", value)
    assert asked(story.at(10)).wait(101).findings()[0].limit == "90 s"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (facts.ConnectionClosed, ()),
        (facts.BytesLost, (CP, 1)),
        (facts.SightLost, ()),
        (facts.CaptureEnded, ()),
    ],
)
def test_who_is_not_seen_may_have_begun(
    story: Story, kind: type[facts.Fact], values: tuple[Any, ...]
) -> None:
    assert asked(story.at(10)).at(20).tell(kind, *values).wait(500).told() == []


def test_the_default_is_a_setting() -> None:
    story = asked(Story(RemoteStart(default_timeout_seconds=5, grace_seconds=5)).at(0)).wait(10)
    assert story.told() == ["TX-11 info, cleared"]


@pytest.mark.parametrize("starts", [True, False])
def test_tx_11_in_16(starts: bool) -> None:
    wire = Wire(RemoteStart()).status(0, "Preparing")
    wire.call(1, "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1}, {"status": "Accepted"}, CSMS)
    if starts:
        wire.start(30, 7)
    assert wire.wait(200).told() == ([] if starts else ["TX-11 warning, cleared"])


@pytest.mark.parametrize("starts", [True, False])
def test_tx_11_in_201(starts: bool) -> None:
    wire = Wire(RemoteStart(), "2.0.1")
    occupied = {"timestamp": stamp(0), "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}
    wire.call(0, "StatusNotification", occupied)
    token = {"idToken": "T", "type": "Central"}
    payload = {"idToken": token, "remoteStartId": 5, "evseId": 1}
    wire.call(1, "RequestStartTransaction", payload, {"status": "Accepted"}, CSMS)
    if starts:
        wire.event(30, "Updated", "a", 3, transactionInfo={"transactionId": "a", "remoteStartId": 5})
    assert wire.wait(200).told() == ([] if starts else ["TX-11 warning, cleared"])
