"""clock: CK-01, CK-03 and CK-05, and the queues that look like clocks that are behind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from analyzers import clock
from analyzers.base import SECOND, ChargePoint
from analyzers.clock import MAX_SEEN, Clock
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Moment
from proxy.ocpp.meter import Sample, kind_of
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
HOUR = 3600
CLOCK_ALIGNED = Sample(kind_of(None, None, None, "Sample.Clock", "Wh", 0, None), 5.0, "")


@pytest.fixture
def story() -> Story:
    return Story(Clock())


def told(story: Story, offset: float, kind: Any = facts.StatusChanged, **fields: Any) -> Story:
    """A message whose time lies `offset` seconds ahead of the true one."""
    where = story.where()
    story.runner.fact(kind(*where, told=Moment(where.at + int(offset * SECOND)), **fields))
    return story


def sampled(story: Story, offset: float, **fields: Any) -> Story:
    return told(story, offset, facts.MeterSampled, **{"source": "MeterValues", **fields})


def each_minute(story: Story, offset: float, times: int = 12) -> Story:
    begin = story.now
    for minute in range(times):
        told(story.at(begin + minute * 60), offset)
    return story.at(begin + times * 60)


def test_ahead_is_a_drift(story: Story) -> None:
    [finding] = each_minute(story, 95, 3).findings()
    assert (finding.rule, finding.severity.label, finding.observed) == ("CK-01", "warning", "95 s")
    assert finding.evidence == (("c1", 1), ("c1", 2), ("c1", 3))
    assert finding.message == "CP_1's clock is ahead by 95 s (limit 60 s)."


def test_just_within_the_limit_is_nothing(story: Story) -> None:
    assert each_minute(story, 59.5).at(HOUR).told() == []
    assert each_minute(story, -59.5).told() == []


def test_beyond_ten_minutes_it_is_critical(story: Story) -> None:
    assert each_minute(story, 601).told() == ["CK-01 critical"]


def test_the_limits_are_settings() -> None:
    assert each_minute(Story(Clock(drift_seconds=30, critical_seconds=40)), 45).told() == ["CK-01 critical"]
    assert each_minute(Story(Clock(drift_seconds=120)), 95).told() == []


def test_it_is_one_finding_however_long_it_lasts(story: Story) -> None:
    [finding] = each_minute(story, 95, 100).findings()
    assert (finding.count, finding.last_at) == (1, EPOCH + 120 * SECOND)


def test_a_drift_that_grows_is_told_again(story: Story) -> None:
    for minute in range(60):
        told(story.at(minute * 60), 100 + 10 * minute)
    [finding] = story.findings()
    assert (finding.count, finding.severity.label, finding.observed) == (1, "critical", "660 s")


def test_three_messages_on_time_end_ahead(story: Story) -> None:
    assert each_minute(story, 95, 5).told() == ["CK-01 warning"]
    assert each_minute(story, 0, 2).told() == ["CK-01 warning"]
    assert each_minute(story, 0, 1).told() == ["CK-01 warning, cleared"]


def test_one_time_far_in_the_future_is_nothing(story: Story) -> None:
    told(story, 10**9)
    assert each_minute(story.at(60), 0).told() == []


def test_three_that_do_not_agree_are_nothing(story: Story) -> None:
    for second, offset in ((0, 100), (60, 400), (120, 900)):
        told(story.at(second), offset)
    assert story.told() == []


def test_a_burst_is_one_message(story: Story) -> None:
    """Before the answer to its boot a charge point may tell any time, for all of its connectors at once."""
    for connector in range(20):
        told(story.at(connector), 95)
    assert story.told() == []


def test_behind_takes_ten_minutes(story: Story) -> None:
    assert each_minute(story, -300, 10).told() == []
    [finding] = each_minute(story, -300, 1).findings()
    assert finding.message == "CP_1's clock is behind by 300 s (limit 60 s)."


def test_one_message_on_time_ends_behind(story: Story) -> None:
    each_minute(story, -300)
    assert told(story, -5).told() == ["CK-01 warning, cleared"]


def test_a_queue_is_no_drift(story: Story) -> None:
    """Three hours offline: one message a minute of the past, forty in a second, or over twenty minutes."""
    for index in range(180):
        told(story.at(index / 40), -10_800 + 60 * index)
    for index in range(180):
        told(story.at(100 + 7 * index), -10_800 + 60 * index)
    assert told(story.at(1400), 0).told() == []


def test_among_queued_messages_the_live_ones_count(story: Story) -> None:
    for minute in range(0, 60, 2):
        sampled(told(story.at(minute * 60), -7200), -3).at(minute * 60 + 40)
    assert story.told() == []


def test_an_offline_event_says_nothing_of_now(story: Story) -> None:
    for minute in range(30):
        told(story.at(minute * 60), -5400, facts.TransactionUpdated, offline=True)
    assert story.told() == []


def test_clock_aligned_samples_may_bear_the_beginning_of_their_interval(story: Story) -> None:
    for quarter in range(30):
        told(sampled(story.at(quarter * 900), -900, samples=(CLOCK_ALIGNED,)), 0)
    assert story.told() == []


def test_samples_alone_never_prove_that_it_is_behind(story: Story) -> None:
    for minute in range(60):
        sampled(story.at(minute * 60), -3600)
    assert story.told() == []
    assert told(story.at(3600), -3600).told() == ["CK-03 warning"]


def test_the_samples_of_a_stop_are_old_by_nature(story: Story) -> None:
    for minute in range(60):
        sampled(story.at(minute * 60), -300, source="StopTransaction")
    assert story.told() == []


def test_a_status_repeated_with_its_old_time_is_no_clock(story: Story) -> None:
    for minute in range(60):
        told(story.at(minute * 60), -1800 - minute * 60)
    assert story.told() == []


def test_local_time_is_named_and_no_drift(story: Story) -> None:
    [finding] = each_minute(story, 2 * HOUR).findings()
    assert (finding.rule, finding.severity.label) == ("CK-03", "warning")
    assert finding.message.endswith("its times are ahead by 7200 s, as in UTC+02:00.")


@pytest.mark.parametrize(
    ("offset", "zone"), [(-5 * HOUR, "UTC-05:00"), (19_800 + 55, "UTC+05:30"), (-12_600 - 55, "UTC-03:30")]
)
def test_zones_are_those_of_the_earth(story: Story, offset: int, zone: str) -> None:
    [finding] = each_minute(story, offset).findings()
    assert zone in finding.message


@pytest.mark.parametrize("offset", [2 * HOUR + 75, 900, 26 * HOUR, 45 * 60])
def test_what_is_no_zone_is_a_drift(story: Story, offset: int) -> None:
    assert each_minute(story, offset).told() == ["CK-01 critical"]


def test_the_tolerance_is_a_setting() -> None:
    assert each_minute(Story(Clock(zone_tolerance_seconds=90)), 2 * HOUR + 75).told() == ["CK-03 warning"]


def test_summer_time_goes_on_as_one_finding(story: Story) -> None:
    each_minute(story, HOUR)
    [finding] = each_minute(story, 2 * HOUR, 30).findings()
    assert (finding.count, finding.observed) == (1, "ahead by 7200 s")


def test_a_local_time_that_drifts_a_little_is_still_no_drift(story: Story) -> None:
    each_minute(story, 2 * HOUR + 30)
    assert each_minute(story, 2 * HOUR + 100, 30).told() == ["CK-03 warning"]


def test_a_drift_that_turns_out_to_be_local_time_is_cleared(story: Story) -> None:
    each_minute(story, 1000)
    assert each_minute(story, 2 * HOUR, 30).told() == ["CK-01 critical, cleared", "CK-03 warning"]


def test_a_boot_sets_the_clock(story: Story) -> None:
    told(each_minute(story, 95, 2), 0, facts.Booted, status="Accepted")
    assert each_minute(story, 95, 2).told() == []
    assert each_minute(story, 95, 1).told() == ["CK-01 warning"]


def test_the_csms_time_at_boot_is_not_the_charge_points(story: Story) -> None:
    for minute in range(20):
        told(story.at(minute * 60), 500, facts.Booted)
    assert story.told() == []


def unusable(story: Story, moment: Moment) -> Story:
    story.runner.fact(facts.StatusChanged(*story.where(), told=moment))
    return story


@pytest.mark.parametrize(
    ("text", "why"),
    [("2026-11-21T12:00:00", "which names no zone"), ("soon", "which is no time"), ("a\x1b[2J", "no time")],
)
def test_an_unusable_time_is_an_info_at_first(story: Story, text: str, why: str) -> None:
    [finding] = unusable(story, Moment(None, text)).findings()
    assert (finding.rule, finding.severity.label, why in finding.message) == ("CK-05", "info", True)
    assert finding.message.isprintable()


def test_from_the_third_on_it_is_a_warning(story: Story) -> None:
    for second in range(3):
        unusable(story.at(second), Moment(9 * SECOND))
    [finding] = story.findings()
    assert (finding.severity.label, finding.count) == ("warning", 3)
    assert finding.observed == "'1970-01-01T00:00:09Z'"


def test_before_2020_is_no_drift(story: Story) -> None:
    ns = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    for minute in range(30):
        unusable(story.at(minute * 60), Moment(ns + minute * 60 * SECOND))
    assert story.told() == ["CK-05 warning"]


def test_2020_is_a_year(story: Story) -> None:
    ns = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp()) * SECOND
    assert unusable(story, Moment(ns)).told() == []


def test_five_usable_times_end_it(story: Story) -> None:
    unusable(story, Moment(None, "soon"))
    assert each_minute(story.at(60), 0, 4).told() == ["CK-05 info"]
    assert each_minute(story, 0, 1).told() == ["CK-05 info, cleared"]


def test_no_time_told_is_nothing(story: Story) -> None:
    for second in range(10):
        unusable(story.at(second), facts.UNTOLD)
    assert story.told() == []


def test_nothing_is_kept_of_a_right_clock() -> None:
    analyzer, point = Clock(), ChargePoint("CP_1")
    state = analyzer.new_state()
    for second in range(100):
        at = EPOCH + second * SECOND
        analyzer.step(state, facts.StatusChanged("CP_1", "c", 1, at, at, told=Moment(at - SECOND)), point)
    assert state == analyzer.new_state()


def test_what_is_kept_is_bounded() -> None:
    analyzer, point = Clock(), ChargePoint("CP_1")
    state = analyzer.new_state()
    for minute in range(1000):
        at = EPOCH + minute * 60 * SECOND
        told_at = Moment(at + minute * 900 * SECOND)
        analyzer.step(state, facts.StatusChanged("CP_1", "c", 1, at, at, told=told_at), point)
    assert len(state.seen or ()) == MAX_SEEN


# whole messages


def iso(seconds: float, zone: str = "Z") -> str:
    return datetime.fromtimestamp(EPOCH // SECOND + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + zone


STATUS_16 = (
    '[2,"{}","StatusNotification",{{"connectorId":1,"errorCode":"NoError","status":"Available",'
    '"timestamp":"{}"}}]'
)
STATUS_20 = (
    '[2,"{}","StatusNotification",{{"evseId":1,"connectorId":1,"connectorStatus":"Available",'
    '"timestamp":"{}"}}]'
)
EVENT_20 = (
    '[2,"{}","TransactionEvent",{{"eventType":"Updated","timestamp":"{}","triggerReason":"MeterValuePeriodic",'
    '"seqNo":1,"transactionInfo":{{"transactionId":"T1"}}}}]'
)
METER_16 = (
    '[2,"{}","MeterValues",{{"connectorId":1,"meterValue":[{{"timestamp":"{}",'
    '"sampledValue":[{{"value":"5"}}]}}]}}]'
)
EACH = pytest.mark.parametrize(
    ("version", "text"), [("1.6", STATUS_16), ("2.0.1", STATUS_20), ("2.0.1", EVENT_20), ("1.6", METER_16)]
)


def trace(version: str, text: str, offset: float, zone: str = "Z") -> list[str]:
    capture = Capture(Runner([Clock()]))
    for minute in range(15):
        message = text.format(minute, iso(minute * 60 + offset, zone))
        capture.said(EPOCH + minute * 60 * SECOND, "CP_1", CP, message.encode(), version)
    return [finding.rule for finding in capture.runner.findings()]


@EACH
def test_whole_messages_ahead(version: str, text: str) -> None:
    assert trace(version, text, 95) == ["CK-01"]
    assert trace(version, text, 50) == []


@EACH
def test_whole_messages_in_local_time(version: str, text: str) -> None:
    assert trace(version, text, 7200) == ["CK-03"]
    assert trace(version, text, 7200, "+02:00") == []


@EACH
def test_whole_messages_without_a_zone(version: str, text: str) -> None:
    assert trace(version, text, 0, "") == ["CK-05"]


def test_the_rules_are_those_of_the_catalogue() -> None:
    assert [rule.id for rule in Clock.rules] == ["CK-01", "CK-03", "CK-05"]
    assert all(-12 * 60 <= zone // clock._MINUTE <= 14 * 60 for zone in clock.ZONES)
