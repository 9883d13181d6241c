"""boot_loop: CN-04, and boots that were asked for or merely follow a reconnect."""

from __future__ import annotations

import pytest

from analyzers import boot_loop
from analyzers.base import SECOND
from analyzers.boot_loop import BootLoop
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
DAY = 86_400
ASKED = {
    facts.ResetRequested: ("Soft", facts.NOWHERE, "Accepted"),
    facts.MessageTriggered: ("BootNotification", facts.NOWHERE, "Accepted"),
    facts.ConfigurationChanged: ("Url", "wss://x", "RebootRequired"),
    facts.FirmwareUpdateRequested: ("https://x",),
    facts.FirmwareProgress: ("Installed",),
    facts.BytesLost: (CSMS, 10),
}


@pytest.fixture
def story() -> Story:
    return Story(BootLoop()).at(0).opened()


def boot(story: Story, *moments: float, reason: str = "", status: str = "Accepted") -> Story:
    """On the connection there is."""
    for moment in moments:
        story.wait(moment).tell(facts.Booted, "V", "M", "1.0", "S", status, 300, reason)
    return story


def reconnect(story: Story, moment: float, by: str = "charge_point") -> Story:
    """Closed, and back after 20 s."""
    story.wait(moment).tell(facts.ConnectionClosed, by, "fin")
    return story.wait(moment + 20).on(f"at {moment}").opened()


def keeps(story: Story) -> Story:
    """It reconnects once without booting, and stays for long."""
    return reconnect(reconnect(boot(story, 1), 2000), 4000)


def test_three_boots_of_one_connection(story: Story) -> None:
    assert boot(story, 5, 100, 200).told() == ["CN-04 info"]
    [finding] = boot(story, 300).findings()
    assert (finding.rule, finding.severity.label) == ("CN-04", "warning")
    assert (finding.observed, finding.limit) == ("3 times in 200 s", "3 in 900 s")
    assert finding.evidence[-1] == ("c1", 5)


def test_two_are_none(story: Story) -> None:
    assert boot(story, 5, 100).told() == []


def test_three_in_a_little_more_than_fifteen_minutes_are_none(story: Story) -> None:
    assert boot(story, 5, 455, 906).told() == []


def test_six_within_an_hour_are_critical(story: Story) -> None:
    boot(keeps(story), *range(5000, 8000, 600))
    assert story.told() == []
    [finding] = boot(story, 8000).findings()
    assert (finding.severity.label, finding.observed) == ("critical", "6 times in 3000 s")


def test_fifteen_minutes_without_a_boot_clear_it(story: Story) -> None:
    boot(story, 5, 100, 200, 300)
    assert story.wait(1199).told() == ["CN-04 warning"]
    assert story.wait(1200).told() == ["CN-04 warning, cleared"]


def test_who_says_why_it_booted_is_believed(story: Story) -> None:
    for moment in (0, 100, 200):
        boot(reconnect(story, moment), moment + 21, reason="PowerUp")
    assert story.told() == ["CN-04 warning"]


def test_who_keeps_quiet_on_a_reconnect_has_restarted_when_it_boots(story: Story) -> None:
    keeps(story)
    for moment in (5000, 5100, 5200):
        boot(reconnect(story, moment), moment + 21)
    assert story.told() == ["CN-04 warning"]


def test_whether_it_restarts_or_reconnects_is_not_known(story: Story) -> None:
    for moment in (0, 100, 200):
        boot(reconnect(story, moment), moment + 21)
    [finding] = story.findings()
    assert (finding.severity.label, finding.message) == (
        "info",
        "CP_1 booted after reconnecting 3 times in 200 s (limit 3 in 900 s).",
    )


@pytest.mark.parametrize("by", ["csms", "proxy"])
def test_a_boot_that_merely_follows_a_reconnect(story: Story, by: str) -> None:
    for moment in range(0, 1000, 100):
        boot(reconnect(story, moment, by), moment + 21)
    assert story.told() == []


def test_who_boots_after_each_reconnect_does_so_whoever_closed(story: Story) -> None:
    boot(reconnect(story, 0, "csms"), 21)
    for moment in range(100, 1000, 100):
        boot(reconnect(story, moment), moment + 21)
    assert story.told() == []


@pytest.mark.parametrize(("kind", "values"), ASKED.items())
def test_what_was_asked_for(story: Story, kind: type[facts.Fact], values: tuple[object, ...]) -> None:
    for moment in range(10, 1000, 200):
        boot(story.wait(moment).tell(kind, *values), moment + 100)
    assert story.told() == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (facts.ResetRequested, ("Soft", facts.NOWHERE, "Rejected")),
        (facts.MessageTriggered, ("StatusNotification", facts.NOWHERE, "Accepted")),
        (facts.ConfigurationChanged, ("HeartbeatInterval", "60", "Accepted")),
        (facts.FirmwareProgress, ("Idle",)),
    ],
)
def test_what_asks_for_no_boot(story: Story, kind: type[facts.Fact], values: tuple[object, ...]) -> None:
    for moment in range(10, 1000, 200):
        boot(story.wait(moment).tell(kind, *values), moment + 100)
    assert story.told() == ["CN-04 warning"]


def test_an_hour_after_it_was_asked_it_boots_by_itself(story: Story) -> None:
    story.tell(facts.ResetRequested, "Soft", facts.NOWHERE, "Accepted")
    assert boot(story, 299, 400, 500, 600).told() == ["CN-04 warning"]


@pytest.mark.parametrize("reason", ["RemoteReset", "ScheduledReset", "FirmwareUpdate", "Triggered"])
def test_its_reason_may_say_that_it_was_asked(story: Story, reason: str) -> None:
    assert boot(story, *range(0, 900, 50), reason=reason).told() == []


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_retries_until_it_is_accepted(story: Story, status: str) -> None:
    """1.6 §4.2: it comes again after the interval it was told."""
    assert boot(boot(story, *range(0, 900, 60), status=status), 900).told() == []


def test_an_impatient_retry_is_no_other_boot(story: Story) -> None:
    """A slow CSMS answers them all."""
    assert boot(story, 10, 20, 25, 27, 28).told() == []


def test_the_same_boot_for_ever_is_a_loop(story: Story) -> None:
    """Quirk 43: every 10 s."""
    assert boot(story, *range(0, 130, 10)).told() == ["CN-04 critical"]


def test_a_capture_that_begins_in_the_middle_knows_of_no_reconnect() -> None:
    assert boot(Story(BootLoop()), 0, 400, reason="Unknown").told() == []


def test_the_watchdog_twice_a_day(story: Story) -> None:
    assert boot(story, 3600, reason="Watchdog").told() == []
    [finding] = boot(story, 10_800, reason="Watchdog").findings()
    assert (finding.rule, finding.severity.label) == ("CN-04", "warning")
    assert (finding.observed, finding.limit) == ("2 times in 7200 s", "2 in 86400 s")


def test_the_watchdog_once_a_day_is_nothing(story: Story) -> None:
    for day in range(5):
        story.at(day * (DAY + 1)).tell(facts.Booted, "V", "M", "", "", "Accepted", 300, "Watchdog")
    assert story.told() == []


def test_a_day_without_the_watchdog_clears_it(story: Story) -> None:
    boot(story, 10, 4000, reason="Watchdog")
    assert story.at(4000 + DAY - 1).wait(story.now).told() == ["CN-04 warning"]
    assert story.wait(4000 + DAY).told() == ["CN-04 warning, cleared"]


def test_its_thresholds_are_settings() -> None:
    assert boot(Story(BootLoop(boots=2)), 0, 60).told() == ["CN-04 info"]
    assert boot(Story(BootLoop(window_seconds=2000)), 0, 900, 1800).told() == ["CN-04 info"]
    assert boot(Story(BootLoop(watchdog_boots=1)), 0, reason="Watchdog").told() == ["CN-04 warning"]


BOOTS = {
    "1.6": b'{"chargePointVendor":"V","chargePointModel":"M"}',
    "2.0.1": b'{"reason":"%s","chargingStation":{"vendorName":"V","model":"M"}}',
}
ACCEPTED = b'{"currentTime":"2026-11-21T12:00:00Z","interval":300,"status":"Accepted"}'


def captured(version: str, moments: range, reason: bytes, reset: bytes = b"") -> list[str]:
    capture = Capture(Runner([BootLoop()]))
    payload = BOOTS[version].replace(b"%s", reason)

    def exchange(at: int, who: Direction, call: bytes, answer: bytes) -> None:
        message = b'[2,"%d",%s]' % (at, call)
        capture.said(EPOCH + at * SECOND, "CP_1", who, message, version)
        capture.said(EPOCH + (at + 1) * SECOND, "CP_1", who.other, b'[3,"%d",%s]' % (at, answer))

    for moment in moments:
        if reset:
            exchange(moment, CSMS, b'"Reset",{"type":"%s"}' % reset, b'{"status":"Accepted"}')
        exchange(moment + 30, CP, b'"BootNotification",' + payload, ACCEPTED)
    return [f"{finding.rule} {finding.severity.label}" for finding in capture.runner.findings()]


@pytest.mark.parametrize(("version", "reset"), [("1.6", b"Hard"), ("2.0.1", b"Immediate")])
def test_from_whole_messages(version: str, reset: bytes) -> None:
    assert captured(version, range(0, 400, 100), b"PowerUp") == ["CN-04 warning"]
    assert captured(version, range(0, 200, 100), b"PowerUp") == []
    assert captured(version, range(0, 400, 100), b"PowerUp", reset) == []


def test_the_watchdog_from_whole_messages() -> None:
    assert captured("2.0.1", range(0, 10_000, 5000), b"Watchdog") == ["CN-04 warning"]
    assert captured("2.0.1", range(0, 10_000, 5000), b"PowerUp") == []


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    doc = boot_loop.__doc__ or ""
    assert boot(story, 0, 120, 240, reason="PowerUp").findings()[0].message in doc
    doubtful = Story(BootLoop()).at(0).opened()
    for moment in (0, 120, 240):
        boot(reconnect(doubtful, moment), moment + 21)
    assert doubtful.findings()[0].message in doc
    assert boot(Story(BootLoop()), 0, 7200, reason="Watchdog").findings()[0].message in doc
