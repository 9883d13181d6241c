"""security_event: SE-04, by kind."""

from __future__ import annotations

import json

import pytest

from analyzers import security_event
from analyzers.base import SECOND
from analyzers.security_event import MAX_KINDS, SecurityEvent
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

HOUR = 3600


@pytest.fixture
def story() -> Story:
    return Story(SecurityEvent()).at(0)


def tells(story: Story, kind: str) -> Story:
    return story.tell(facts.SecurityEvent, kind, "secret detail")


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("TamperDetectionActivated", "critical"),
        ("SecurityLogWasCleared", "critical"),
        ("InvalidFirmwareSignature", "critical"),
        ("InvalidCentralSystemCertificate", "critical"),
        ("InvalidTlsVersion", "critical"),
        ("MaintenanceLoginFailed", "critical"),
        ("FailedToAuthenticateAtCsms", "warning"),
        ("AttemptedReplayAttacks", "warning"),
        ("StartupOfTheDevice", "info"),
        ("ResetOrReboot", "info"),
        ("FirmwareUpdated", "info"),
        ("SettingSystemTime", "info"),
        ("InvalidMessages", "info"),
        ("DoorOpenedByVendor", "info"),
        ("", "info"),
    ],
)
def test_how_bad_a_kind_is(story: Story, kind: str, severity: str) -> None:
    assert tells(story, kind).told() == [f"SE-04 {severity}"]


def test_its_evidence_is_the_notification_and_its_text_stays_there(story: Story) -> None:
    [finding] = tells(story, "MemoryExhaustion").findings()
    assert finding.evidence == (("c1", 1),)
    assert "secret" not in f"{finding.message} {finding.observed}"


def test_it_is_over_after_a_quiet_hour(story: Story) -> None:
    assert tells(story, "MemoryExhaustion").wait(HOUR - 1).told() == ["SE-04 critical"]
    assert story.wait(HOUR).told() == ["SE-04 critical, cleared"]


def test_repeats_within_an_hour_are_one(story: Story) -> None:
    for minute in range(0, 240, 50):
        tells(story.wait(minute * 60), "MemoryExhaustion")
    [finding] = story.findings()
    assert (finding.count, finding.cleared_at) == (5, None)


def test_two_hours_later_it_is_another(story: Story) -> None:
    tells(tells(story, "MemoryExhaustion").wait(2 * HOUR), "MemoryExhaustion")
    assert story.told() == ["SE-04 critical, cleared", "SE-04 critical"]


def test_every_kind_is_one_of_its_own(story: Story) -> None:
    tells(tells(story, "MemoryExhaustion").wait(HOUR / 2), "InvalidTLSVersion").wait(HOUR)
    assert story.told() == ["SE-04 critical, cleared", "SE-04 critical"]


def test_beyond_16_kinds_the_quietest_is_closed(story: Story) -> None:
    for number in range(MAX_KINDS + 1):
        tells(story.at(number), f"Kind{number}")
    assert story.told() == ["SE-04 info, cleared"] + ["SE-04 info"] * MAX_KINDS


def test_the_lists_and_the_hour_are_settings() -> None:
    analyzer = SecurityEvent(critical_kinds=("DoorOpened",), warning_kinds=(), quiet_seconds=60)
    story = tells(tells(Story(analyzer).at(0), "DoorOpened"), "AttemptedReplayAttacks").wait(60)
    assert story.told() == ["SE-04 critical, cleared", "SE-04 info, cleared"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_it_hears_both_versions(version: str) -> None:
    capture = Capture(Runner([SecurityEvent()]))
    for number, kind in enumerate(("TamperDetectionActivated", "StartupOfTheDevice")):
        payload = {"type": kind, "timestamp": "2026-01-01T00:00:00Z"}
        text = json.dumps([2, f"{number}", "SecurityEventNotification", payload]).encode()
        capture.said(EPOCH, "CP_1", Direction.FROM_CHARGE_POINT, text, version)
    assert [finding.severity.label for finding in capture.runner.findings()] == ["critical", "info"]
    capture.passes(EPOCH + HOUR * SECOND)
    assert all(finding.cleared_at for finding in capture.runner.findings())


def test_its_sentence_is_that_of_the_docstring(story: Story) -> None:
    [finding] = tells(story, "TamperDetectionActivated").findings()
    assert finding.message in (security_event.__doc__ or "")
