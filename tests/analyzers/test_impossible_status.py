"""impossible_status: FT-08: changes that 1.6 does not have, and statuses against transactions (2 min)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from analyzers import impossible_status
from analyzers.base import SECOND
from analyzers.impossible_status import _ALLOWED, MAX_SPOTS, ImpossibleStatus
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Availability, Moment, Place
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

FIRST, WHOLE, EVSE_1 = Place(None, 1), Place(None, 0), Place(1, 1)
CHANGES = {
    "Available": 7,
    "Preparing": 6,
    "Charging": 6,
    "SuspendedEV": 6,
    "SuspendedEVSE": 6,
    "Finishing": 4,
    "Reserved": 4,
    "Unavailable": 6,
    "Faulted": 8,
}
"""How many changes 1.6 §4.9 allows from each."""
WORDS = tuple(CHANGES)
WAITS = facts.UNTOLD


def says(
    story: Story, *words: str, place: Place = FIRST, told: Moment = WAITS, error_code: str = "NoError"
) -> Story:
    for word in words:
        known = Availability.UNKNOWN
        story.tell(facts.StatusChanged, place, word, known, told, "StatusNotification", error_code)
    return story


def starts(story: Story, name: str = "7", place: Place = FIRST, told: Moment = WAITS) -> Story:
    return story.tell(facts.TransactionStarted, name, place, facts.NOBODY, 0.0, told)


def ends(story: Story, name: str = "7") -> Story:
    return story.tell(facts.TransactionEnded, name)


@pytest.fixture
def story() -> Story:
    return Story(ImpossibleStatus()).at(0).tell(facts.ConnectionOpened, "1.6")


@pytest.fixture
def story2() -> Story:
    return Story(ImpossibleStatus()).at(0).tell(facts.ConnectionOpened, "2.0.1")


def test_the_table_of_the_standard_has_53_changes() -> None:
    assert sum(map(len, _ALLOWED.values())) == 53
    assert {word: len(_ALLOWED[word.lower()]) for word in WORDS} == CHANGES


@pytest.mark.parametrize("pair", [*itertools.permutations(WORDS, 2)], ids="-".join)
def test_every_change_is_judged_by_the_table(story: Story, pair: tuple[str, str]) -> None:
    allowed = pair[1].lower() in _ALLOWED[pair[0].lower()]
    assert says(story, *pair).told() == ([] if allowed else ["FT-08 info, cleared"])


@pytest.mark.parametrize(
    "pair", [("Available", "Finishing"), ("Reserved", "Charging"), ("Unavailable", "Finishing")]
)
def test_changes_the_standard_does_not_have(story: Story, pair: tuple[str, str]) -> None:
    [finding] = says(story, *pair).findings()
    assert (finding.severity.label, finding.evidence) == ("info", (("c1", 2), ("c1", 3)))


def test_preparing_to_finishing_is_legal(story: Story) -> None:
    """Erratum 3.20."""
    assert says(story, "Available", "Preparing", "Finishing", "Available").told() == []


def test_an_ordinary_session_is_silent(story: Story) -> None:
    says(story, "Available", "Preparing")
    says(starts(story.at(10)), "Charging").wait(500)
    says(ends(says(story, "SuspendedEV", "Charging")), "Finishing", "Available")
    assert story.wait(2000).told() == []


def test_a_flash_of_available_before_unavailable(story: Story) -> None:
    assert says(story, "Available", "Unavailable").told() == []


@pytest.mark.parametrize("word", WORDS)
def test_a_first_or_a_repeated_status_is_never_illegal(story: Story, word: str) -> None:
    assert says(story, word, word, word.upper()).told() == []


@pytest.mark.parametrize(
    "fact",
    [
        (facts.Booted,),
        (facts.ConnectionOpened, "1.6"),
        (facts.ConnectionClosed,),
        (facts.SightLost,),
        (facts.BytesLost,),
    ],
    ids=["boot", "reconnect", "close", "sight", "bytes"],
)
def test_after_a_gap_a_status_is_a_first_one(story: Story, fact: tuple[Any, ...]) -> None:
    assert says(says(story, "Available").tell(*fact), "Finishing").told() == []


def test_a_status_that_comes_late_is_not_judged(story: Story) -> None:
    says(story, "Charging", told=Moment(EPOCH))
    assert says(story, "Preparing", told=Moment(EPOCH - SECOND)).told() == []


def test_a_word_of_no_standard_is_not_judged(story: Story) -> None:
    assert says(story, "Available", "Busy", "Finishing").told() == []


def test_the_same_impossible_change_is_one_finding(story: Story) -> None:
    says(story, *("Available", "Finishing") * 5)
    assert [finding.count for finding in story.findings()] == [5]


def test_the_whole_charge_point_does_not_charge(story: Story) -> None:
    assert says(story, "Available", "Unavailable", "Faulted", place=WHOLE).told() == []
    assert says(story, "Charging", place=WHOLE).wait(500).told() == ["FT-08 info, cleared"]


def test_ev_communication_error_goes_with_few(story: Story) -> None:
    says(says(story, "Preparing"), "SuspendedEV", error_code="EVCommunicationError")
    assert story.told() == []
    assert says(story, "Charging", error_code="EVCommunicationError").told() == ["FT-08 info, cleared"]


def test_charging_without_a_transaction(story: Story) -> None:
    assert says(story, "Preparing", "Charging").wait(119).told() == []
    [finding] = story.wait(120).findings()
    assert (finding.severity.label, finding.limit, finding.connector_id) == ("warning", "120 s", 1)
    assert finding.evidence == (("c1", 3),)


def test_a_transaction_that_starts_clears_it(story: Story) -> None:
    assert starts(says(story, "Preparing", "Charging").wait(130)).told() == ["FT-08 warning, cleared"]


def test_so_does_another_status(story: Story) -> None:
    says(says(story, "Preparing", "Charging").wait(130), "Finishing")
    assert story.told() == ["FT-08 warning, cleared"]


@pytest.mark.parametrize("name", ["7", "-1", ""])
def test_a_transaction_in_time(story: Story, name: str) -> None:
    """An answer without an id names none, but one runs."""
    assert starts(says(story, "Preparing", "Charging").wait(100), name).wait(900).told() == []


def test_of_another_connector_it_does_not_help(story: Story) -> None:
    starts(says(story, "Preparing", "Charging"), place=Place(None, 2))
    assert story.wait(120).told() == ["FT-08 warning"]


def test_a_capture_that_starts_while_it_charges(story: Story) -> None:
    """The transaction may have begun before."""
    assert says(story, "Charging", "SuspendedEV", "Charging").wait(900).told() == []


def test_charging_on_after_its_end(story: Story) -> None:
    ends(starts(says(story, "Preparing", "Charging")).wait(500))
    assert story.wait(619).told() == []
    assert story.wait(620).told() == ["FT-08 warning"]


def test_a_transaction_at_a_connector_that_is_available(story: Story) -> None:
    assert starts(says(story, "Available")).wait(119).told() == []
    [finding] = story.wait(120).findings()
    assert (finding.severity.label, finding.transaction_id) == ("warning", "7")
    assert finding.evidence == (("c1", 2), ("c1", 3))


@pytest.mark.parametrize("ending", ["status", "end"])
def test_it_is_over_when_one_of_them_changes(story: Story, ending: str) -> None:
    starts(says(story, "Available")).wait(200)
    says(story, "Charging") if ending == "status" else ends(story)
    assert story.wait(900).told() == ["FT-08 warning, cleared"]


def test_a_status_in_time(story: Story) -> None:
    assert says(starts(says(story, "Available")).wait(100), "Charging").wait(900).told() == []


def test_one_that_goes_back_to_available_is_stopped_in_a_moment(story: Story) -> None:
    says(starts(says(story, "Preparing")), "Charging").wait(500)
    assert ends(says(story, "Available").wait(510)).wait(900).told() == []


def test_a_transaction_out_of_a_queue_is_not_judged(story: Story) -> None:
    starts(says(story, "Available"), told=Moment(EPOCH - 3600 * SECOND))
    assert says(story.wait(500), "Preparing", "Available").wait(900).told() == []


def test_nor_one_of_another_connection(story: Story) -> None:
    """Its end may wait in a queue."""
    starts(says(story, "Available", "Preparing")).at(60).closed().on("c2").opened()
    assert says(story, "Available").wait(900).told() == []


def test_a_close_ends_what_was_said(story: Story) -> None:
    assert starts(says(story, "Available")).wait(200).closed().told() == ["FT-08 warning, cleared"]


def test_2x_knows_no_table(story2: Story) -> None:
    says(story2, "Reserved", "Unavailable", "Occupied", "Faulted", place=EVSE_1)
    assert says(story2, "Reserved", "Occupied", place=EVSE_1).wait(900).told() == []


def test_2x_available_with_a_transaction_is_an_info(story2: Story) -> None:
    starts(says(story2, "Available", place=EVSE_1), place=EVSE_1)
    assert story2.wait(119).told() == []
    assert story2.wait(120).told() == ["FT-08 info"]


def test_2x_the_other_connector_of_the_evse_may_be_available(story2: Story) -> None:
    says(says(story2, "Available", place=EVSE_1), "Available", place=Place(1, 2))
    starts(story2, "a", Place(1, None))
    starts(says(story2, "Occupied", place=EVSE_1), "b", EVSE_1)
    assert story2.wait(900).told() == []


def test_the_two_minutes_are_a_setting() -> None:
    story = Story(ImpossibleStatus(contradiction_seconds=10)).at(0).tell(facts.ConnectionOpened, "1.6")
    assert says(story, "Preparing", "Charging").wait(10).told() == ["FT-08 warning"]


def test_how_late_is_a_queue_is_a_setting() -> None:
    story = Story(ImpossibleStatus(late_seconds=7200)).at(0).tell(facts.ConnectionOpened, "1.6")
    starts(says(story, "Available"), told=Moment(EPOCH - 3600 * SECOND))
    assert story.wait(120).told() == ["FT-08 warning"]


def test_connectors_are_bounded(story: Story) -> None:
    for connector in range(1, 99):
        says(story, "Preparing", "Charging", place=Place(None, connector))
    assert len(story.wait(120).findings()) == MAX_SPOTS


CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS


def heard(version: str, seconds: int, *messages: list[Any]) -> list[str]:
    """A CALL is the charge point's, an answer the CSMS's; time goes on for `seconds` after them."""
    capture = Capture(Runner([ImpossibleStatus()]))
    for message in messages:
        direction = CP if message[0] == 2 else CSMS
        capture.said(EPOCH, "CP_1", direction, json.dumps(message).encode(), version)
    capture.passes(EPOCH + seconds * SECOND)
    return [f"{finding.rule} {finding.severity.label}" for finding in capture.runner.findings()]


def status_16(number: int, status: str) -> list[Any]:
    payload = {"connectorId": 1, "status": status, "errorCode": "NoError"}
    return [2, f"s{number}", "StatusNotification", payload]


START = [2, "t", "StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "x"}]
STARTED = [3, "t", {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}]


def test_it_hears_messages_of_16() -> None:
    idle, ready, charging = status_16(1, "Available"), status_16(2, "Preparing"), status_16(3, "Charging")
    assert heard("1.6", 0, idle, status_16(2, "Finishing")) == ["FT-08 info"]
    assert heard("1.6", 121, ready, charging) == ["FT-08 warning"]
    assert heard("1.6", 119, ready, charging) == []
    assert heard("1.6", 900, ready, START, STARTED, charging) == []
    assert heard("1.6", 121, idle, START, STARTED) == ["FT-08 warning"]


def test_it_hears_messages_of_201() -> None:
    status = {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": "x"}
    event = {
        "eventType": "Started",
        "evse": {"id": 1, "connectorId": 1},
        "transactionInfo": {"transactionId": "t"},
    }
    told, started = [2, "s", "StatusNotification", status], [2, "t", "TransactionEvent", event]
    taken = [2, "u", "StatusNotification", status | {"connectorStatus": "Occupied"}]
    assert heard("2.0.1", 121, told, started) == ["FT-08 info"]
    assert heard("2.0.1", 119, told, started) == []
    assert heard("2.0.1", 900, told, started, taken) == []


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    says(story, "Available", "Finishing")
    says(story, "Charging", place=WHOLE)
    says(story, "Preparing", place=Place(None, 2))
    says(story, "Available", "Charging", error_code="EVCommunicationError")
    says(story.wait(120), "Finishing", "Available")
    starts(story).wait(240)
    sentences = {finding.message for finding in story.findings()}
    doc = impossible_status.__doc__ or ""
    assert len(sentences & set(map(str.strip, doc.splitlines()))) == 5
