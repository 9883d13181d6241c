"""transaction: TX-01, TX-02 and TX-04, by facts and by whole messages. `Wire` also serves the tests of its siblings."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

import pytest

from analyzers import transaction
from analyzers.base import SECOND, Finding
from analyzers.transaction import Transaction
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

DAY = 86_400
CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
AVAILABLE, OCCUPIED = facts.Availability.AVAILABLE, facts.Availability.OCCUPIED


def moment(second: float) -> facts.Moment:
    """The device's clock is right."""
    return facts.Moment(EPOCH + int(second * SECOND), "")


def at_connector(number: int) -> facts.Place:
    return facts.Place(None, number)


def stamp(second: float) -> str:
    told = datetime.datetime.fromtimestamp(EPOCH / SECOND + second, datetime.UTC)
    return told.isoformat().replace("+00:00", "Z")


class Wire:
    """Whole messages of CP_1, by the second; each CALL is answered 0.1 s later."""

    def __init__(self, analyzer: Any, version: str = "1.6") -> None:
        self.capture = Capture(Runner([analyzer]))
        self._known: dict[str, Finding] = {}
        self._ids = 0
        self.now = 0.0
        self.capture.opened(EPOCH, "CP_1", version)

    def call(
        self,
        second: float,
        action: str,
        payload: Mapping[str, Any],
        answer: Mapping[str, Any] | None = None,
        sender: Direction = CP,
        charge_point: str = "CP_1",
    ) -> Wire:
        self._ids, self.now = self._ids + 1, second
        at, name = EPOCH + int(second * SECOND), str(self._ids)
        self.capture.said(at, charge_point, sender, json.dumps([2, name, action, payload]).encode())
        answered = json.dumps([3, name, answer or {}]).encode()
        self.capture.said(at + SECOND // 10, charge_point, sender.other, answered)
        return self

    def start(
        self, second: float, name: int, connector: int = 1, status: str = "Accepted", **more: Any
    ) -> Wire:
        """1.6."""
        payload = {"connectorId": connector, "idTag": "TAG", "meterStart": 5000, "timestamp": stamp(second)}
        answer = {"transactionId": name, "idTagInfo": {"status": status}}
        return self.call(second, "StartTransaction", payload | more, answer)

    def stop(self, second: float, name: int, **more: Any) -> Wire:
        """1.6."""
        payload = {"transactionId": name, "meterStop": 9000, "timestamp": stamp(second)}
        return self.call(second, "StopTransaction", payload | more)

    def meter(self, second: float, name: int, watt_hours: float) -> Wire:
        """1.6."""
        value = {"timestamp": stamp(second), "sampledValue": [{"value": str(watt_hours)}]}
        payload = {"connectorId": 1, "transactionId": name, "meterValue": [value]}
        return self.call(second, "MeterValues", payload)

    def event(
        self, second: float, kind: str, name: str, seq_no: int, answer: Any = None, **more: Any
    ) -> Wire:
        """2.x TransactionEvent at EVSE 1."""
        payload = {
            "eventType": kind,
            "timestamp": stamp(second),
            "triggerReason": "MeterValuePeriodic",
            "seqNo": seq_no,
            "transactionInfo": {"transactionId": name},
            "evse": {"id": 1, "connectorId": 1},
        }
        return self.call(second, "TransactionEvent", payload | more, answer)

    def status(self, second: float, status: str, connector: int = 1) -> Wire:
        """1.6."""
        payload = {"connectorId": connector, "errorCode": "NoError", "status": status}
        return self.call(second, "StatusNotification", payload)

    def boot(self, second: float) -> Wire:
        """1.6."""
        payload = {"chargePointVendor": "V", "chargePointModel": "M"}
        answer = {"status": "Accepted", "interval": 300, "currentTime": stamp(second)}
        return self.call(second, "BootNotification", payload, answer)

    def wait(self, second: float) -> Wire:
        self.capture.passes(EPOCH + int(second * SECOND))
        return self

    def findings(self) -> list[Finding]:
        self._known |= {finding.finding_id: finding for finding in self.capture.runner.findings()}
        return list(self._known.values())

    def told(self) -> list[str]:
        return [
            f"{finding.rule} {finding.severity.label}{', cleared' if finding.cleared_at else ''}"
            for finding in self.findings()
        ]


@pytest.fixture
def story() -> Story:
    return Story(Transaction())


def start(story: Story, name: str, connector: int = 1, told: float | None = None, **more: Any) -> Story:
    made = moment(story.now if told is None else told)
    values = {"meter_start_wh": story.now, "told": made, "status": "Accepted", **more}
    fact = facts.TransactionStarted(*story.where(), name, at_connector(connector), **values)
    story.runner.fact(fact)
    return story


def stop(story: Story, name: str, told: float | None = None) -> Story:
    made = moment(story.now if told is None else told)
    story.runner.fact(facts.TransactionEnded(*story.where(), name, told=made))
    return story


def sample(story: Story, name: str) -> Story:
    return story.tell(facts.MeterSampled, at_connector(1), name, moment(story.now))


def status(story: Story, availability: facts.Availability, connector: int = 1) -> Story:
    return story.tell(facts.StatusChanged, at_connector(connector), availability.name, availability)


def boot(story: Story) -> Story:
    return story.tell(facts.Booted, "V", "M", "", "", "Accepted", 300)


# TX-01


def test_a_start_without_the_stop_of_the_one_before(story: Story) -> None:
    start(start(story.at(0), "7").at(100), "8")
    [finding] = story.findings()
    assert (finding.rule, finding.severity.label, finding.transaction_id) == ("TX-01", "warning", "7")
    assert finding.evidence == (("c1", 1), ("c1", 2))
    assert stop(story.at(105), "7", told=99).told() == ["TX-01 warning, cleared"]


def test_one_after_another_and_side_by_side_are_fine(story: Story) -> None:
    start(start(story.at(0), "7"), "9", connector=2)
    start(stop(story.at(100), "7").at(101), "8")
    assert story.wait(5000).told() == []


def test_a_start_said_twice_is_not_a_second_transaction(story: Story) -> None:
    start(story.at(50), "7", meter_start_wh=5.0)
    assert start(story.at(60), "8", told=50, meter_start_wh=5.0).told() == []


def test_a_start_out_of_a_queue_waits_for_the_stop(story: Story) -> None:
    start(story.at(1000), "7", told=1000)
    assert start(story.at(1010), "8", told=1001, offline=True).told() == []
    assert stop(story.at(1020), "7", told=1000.5).wait(3000).told() == []


def test_but_not_for_ever(story: Story) -> None:
    start(story.at(1000), "7")
    start(story.at(1010), "8", told=1001, offline=True).wait(1609)
    assert story.told() == []
    assert story.wait(1611).told() == ["TX-01 warning"]


def test_history_that_comes_after_the_present(story: Story) -> None:
    """An older transaction, out of the queue, while a younger one runs: its stop follows."""
    start(story.at(10_000), "8")
    start(story.at(10_010), "7", told=5000)
    assert stop(story.at(10_011), "7", told=6000).wait(20_000).told() == []


@pytest.mark.parametrize("after", [None, AVAILABLE])
def test_a_boot_that_leaves_one_open(story: Story, after: facts.Availability | None) -> None:
    boot(start(story.at(0), "7").at(100))
    if after is not None:
        status(story.at(101), after)
    assert story.wait(699).told() == []
    assert story.wait(701).told() == ["TX-01 warning" if after else "TX-01 info"]


def test_a_stop_after_the_boot_is_in_time(story: Story) -> None:
    boot(start(story.at(0), "7").at(100))
    assert stop(story.at(690), "7").wait(2000).told() == []


def test_charging_on_after_a_boot_is_fine(story: Story) -> None:
    """Some boot on every reconnect."""
    boot(start(story.at(0), "7").at(100))
    assert sample(story.at(400), "7").wait(2000).told() == []


def test_a_day_is_an_info_and_three_silent_days_are_a_warning(story: Story) -> None:
    start(story.at(0), "7").wait(DAY - 1)
    assert story.told() == []
    assert story.wait(DAY).told() == ["TX-01 info"]
    assert story.wait(3 * DAY).told() == ["TX-01 warning"]


def test_a_guest_of_three_days_stays_an_info(story: Story) -> None:
    sample(start(story.at(0), "7").wait(2 * DAY), "7").wait(4 * DAY)
    assert story.told() == ["TX-01 info"]


def test_what_may_have_ended_unseen_is_not_judged(story: Story) -> None:
    start(story.at(0), "7").at(50).tell(facts.BytesLost, CP, 100)
    assert start(story.at(100), "8").wait(DAY).told() == []


def test_one_from_before_the_capture_is_not_judged(story: Story) -> None:
    story.at(0).tell(facts.TransactionUpdated, "7", at_connector(1))
    assert start(story.at(100), "8").told() == []


def test_what_runs_at_the_end_of_a_capture_is_open(story: Story) -> None:
    start(story.at(0), "7").at(100).tell(facts.CaptureEnded)
    assert story.wait(5 * DAY).told() == ["TX-01 info"]
    assert story.findings()[0].message.endswith("open at the end of the capture.")


def test_a_shorter_day() -> None:
    story = start(Story(Transaction(long_seconds=60, longest_seconds=120)).at(0), "7")
    assert story.wait(60).told() == ["TX-01 info"]


def test_tx_01_in_16() -> None:
    wire = Wire(Transaction()).start(0, 7)
    assert wire.stop(50, 7).start(60, 8).told() == []
    assert wire.start(100, 9).told() == ["TX-01 warning"]


def test_tx_01_in_201() -> None:
    wire = Wire(Transaction(), "2.0.1").event(0, "Started", "a", 0)
    assert wire.event(50, "Ended", "a", 1).event(60, "Started", "b", 0).told() == []
    assert wire.event(100, "Started", "c", 0).told() == ["TX-01 warning"]


# TX-02


def free(story: Story) -> Story:
    """A charge point that we saw boot, with nothing running."""
    return status(status(boot(story.at(0)).at(1), AVAILABLE), AVAILABLE, connector=2)


def test_a_stop_of_a_transaction_that_nobody_started(story: Story) -> None:
    [finding] = stop(free(story).at(1000), "9").findings()
    assert (finding.rule, finding.severity.label) == ("TX-02", "warning")
    assert finding.cleared_at == finding.at
    assert finding.evidence == (("c1", 4),)


@pytest.mark.parametrize("name", ["", "0", "-1"])
def test_an_id_that_never_came_is_none(story: Story, name: str) -> None:
    assert stop(free(story).at(1000), name).told() == []


def test_a_stop_in_a_capture_that_begins_in_the_middle(story: Story) -> None:
    assert stop(status(story.at(0), AVAILABLE).at(5000), "9").told() == []


def test_a_connector_that_was_taken_at_the_boot(story: Story) -> None:
    """What runs there began before us."""
    status(free(story).at(2), OCCUPIED, connector=3)
    assert stop(story.at(1000), "9").told() == []


def test_a_stop_of_before_the_boot_that_waited_in_a_queue(story: Story) -> None:
    assert stop(free(story).at(1000), "9", told=-500).told() == []


def test_a_stop_so_soon_after_the_boot_proves_nothing(story: Story) -> None:
    assert stop(free(story).at(300), "9").told() == []
    assert stop(story.at(302), "10").told() == ["TX-02 warning, cleared"]


def test_a_stop_said_again_is_known(story: Story) -> None:
    stop(start(free(story).at(400), "9").at(1000), "9")
    assert stop(story.at(1100), "9").told() == []


def test_after_lost_bytes_nothing_is_unknown(story: Story) -> None:
    free(story).at(50).tell(facts.BytesLost, CSMS, 100)
    assert stop(story.at(1000), "9").told() == []


def test_tx_02_in_16() -> None:
    wire = Wire(Transaction()).boot(0).status(1, "Available").start(400, 7).stop(900, 7)
    assert wire.told() == []
    assert wire.stop(1000, 4711).told() == ["TX-02 warning, cleared"]


def test_tx_02_in_201() -> None:
    station = {"model": "M", "vendorName": "V"}
    accepted = {"status": "Accepted", "interval": 300, "currentTime": stamp(0)}
    available = {"timestamp": stamp(1), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    wire = Wire(Transaction(), "2.0.1")
    wire.call(0, "BootNotification", {"chargingStation": station, "reason": "PowerUp"}, accepted)
    wire.call(1, "StatusNotification", available)
    assert wire.event(1000, "Ended", "nobody-knows", 4).told() == ["TX-02 warning, cleared"]


# TX-04


def test_two_that_go_on_together(story: Story) -> None:
    start(start(story.at(0), "7").at(100), "8")
    sample(story.at(160), "7")
    assert story.told() == ["TX-01 warning, cleared", "TX-04 critical"]
    assert stop(story.at(200), "7").told() == ["TX-01 warning, cleared", "TX-04 critical, cleared"]


def test_what_the_older_one_did_before_is_no_overlap(story: Story) -> None:
    """A queue is delivered late: the device's own times count."""
    start(start(story.at(0), "7").at(100), "8")
    story.at(160).tell(facts.MeterSampled, at_connector(1), "7", moment(109))
    assert story.told() == ["TX-01 warning"]


def test_without_times_nothing_overlaps(story: Story) -> None:
    start(start(story.at(0), "7").at(100), "8")
    story.at(160).tell(facts.MeterSampled, at_connector(1), "7", facts.UNTOLD)
    assert story.told() == ["TX-01 warning"]


def test_tx_04_in_16() -> None:
    wire = Wire(Transaction()).start(0, 7).start(100, 8).meter(150, 8, 6000)
    assert wire.told() == ["TX-01 warning"]
    assert wire.stop(400, 7).told() == ["TX-01 warning, cleared", "TX-04 critical, cleared"]


def test_tx_04_in_201() -> None:
    wire = Wire(Transaction(), "2.0.1").event(0, "Started", "a", 0).event(100, "Started", "b", 0)
    assert wire.event(200, "Updated", "b", 1).told() == ["TX-01 warning"]
    assert wire.event(210, "Updated", "a", 1).told() == ["TX-01 warning, cleared", "TX-04 critical"]


def test_its_sentences_are_those_of_the_docstring() -> None:
    told = [
        start(start(Story(Transaction()).at(0), "7").at(100), "8"),
        start(Story(Transaction()).at(0), "7").wait(DAY),
        boot(start(Story(Transaction()).at(0), "7")).wait(700),
        start(Story(Transaction()).at(0), "7").at(100).tell(facts.CaptureEnded),
        stop(free(Story(Transaction())).at(1000), "9"),
        sample(start(start(Story(Transaction()).at(0), "7").at(100), "8").at(160), "7"),
    ]
    for each in told:
        assert each.findings()[-1].message in (transaction.__doc__ or "")
