"""firmware_update: FW-01 and FW-02. Limits: 60 min to download, 30 min to install."""

from __future__ import annotations

import json
from typing import Any

import pytest

from analyzers import firmware_update
from analyzers.base import SECOND
from analyzers.firmware_update import FirmwareUpdate
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

MINUTE, HOUR = 60, 3600


@pytest.fixture
def story() -> Story:
    return Story(FirmwareUpdate()).at(0)


def tells(story: Story, *statuses: str) -> Story:
    for status in statuses:
        story.tell(facts.FirmwareProgress, status)
    return story


def asked(story: Story, status: str = "Accepted") -> Story:
    nothing = facts.UNTOLD
    return story.tell(facts.FirmwareUpdateRequested, "ftp://x/y", 7, nothing, nothing, True, status)


@pytest.mark.parametrize(
    "status", ["DownloadFailed", "InstallationFailed", "InstallVerificationFailed", "InvalidSignature"]
)
def test_a_failure_is_a_warning(story: Story, status: str) -> None:
    [finding] = tells(story, "Downloading", status).findings()
    assert (finding.rule, finding.severity.label, finding.observed) == ("FW-01", "warning", status)
    assert finding.evidence == (("c1", 2),)


@pytest.mark.parametrize("status", ["Idle", "Downloaded", "SignatureVerified", "InstallScheduled", "Strange"])
def test_other_states_are_not(story: Story, status: str) -> None:
    assert tells(story, status).wait(9 * HOUR).told() == []


@pytest.mark.parametrize("status", ["InvalidCertificate", "RevokedCertificate"])
def test_a_refused_certificate_is_a_failure(story: Story, status: str) -> None:
    assert asked(story, status).told() == ["FW-01 warning"]


@pytest.mark.parametrize("status", ["Accepted", "", "Rejected"])
def test_other_answers_are_not(story: Story, status: str) -> None:
    assert asked(story, status).told() == []


def test_the_same_failure_told_again_is_one(story: Story) -> None:
    assert tells(story, "InstallationFailed", "InstallationFailed").findings()[0].count == 1


def test_a_second_try_that_fails_is_counted(story: Story) -> None:
    tells(story, "Downloading", "DownloadFailed").at(60)
    assert tells(story, "Downloading", "DownloadFailed").findings()[0].count == 2


@pytest.mark.parametrize("status", ["Installed", "Downloading"])
def test_a_new_try_or_success_clears_it(story: Story, status: str) -> None:
    assert tells(story, "DownloadFailed", status).told() == ["FW-01 warning, cleared"]


def test_the_next_request_clears_it(story: Story) -> None:
    assert asked(tells(story, "DownloadFailed")).told() == ["FW-01 warning, cleared"]
    assert asked(tells(Story(FirmwareUpdate()), "DownloadFailed"), "Rejected").told() == ["FW-01 warning"]


def test_nobody_comes_back_to_it(story: Story) -> None:
    assert tells(story, "DownloadFailed").wait(24 * HOUR - 1).told() == ["FW-01 warning"]
    assert story.wait(24 * HOUR).told() == ["FW-01 warning, cleared"]


@pytest.mark.parametrize(
    ("status", "minutes"), [("Downloading", 60), ("Installing", 30), ("InstallRebooting", 30)]
)
def test_a_state_that_lasts_too_long(story: Story, status: str, minutes: int) -> None:
    assert tells(story, status).wait(minutes * MINUTE - 1).told() == []
    [finding] = story.wait(minutes * MINUTE).findings()
    assert (finding.rule, finding.severity.label, finding.evidence) == ("FW-02", "warning", (("c1", 1),))


@pytest.mark.parametrize("status", ["DownloadScheduled", "DownloadPaused", "InstallScheduled", "Downloaded"])
def test_a_state_that_waits_may_last(story: Story, status: str) -> None:
    assert tells(story, status).wait(9 * HOUR).told() == []


def test_told_again_is_no_progress(story: Story) -> None:
    tells(tells(story, "Downloading").wait(30 * MINUTE), "Downloading")
    assert story.wait(60 * MINUTE).told() == ["FW-02 warning"]


def test_the_next_state_clears_it(story: Story) -> None:
    [finding] = tells(tells(story, "Downloading").wait(2 * HOUR), "Downloaded").findings()
    assert (finding.cleared_at, finding.observed) == (EPOCH + 2 * HOUR * SECOND, "7200 s")


@pytest.mark.parametrize(
    "fact",
    [
        (facts.Booted, "", "", "", "", "Accepted"),
        (facts.SightLost,),
        (facts.BytesLost, Direction.FROM_CHARGE_POINT, 9),
        (facts.FirmwareUpdateRequested,),
    ],
    ids=["boot", "sight", "bytes", "request"],
)
def test_then_nobody_knows_how_far_it_is(story: Story, fact: tuple[Any, ...]) -> None:
    assert tells(story, "Installing").wait(29 * MINUTE).tell(*fact).wait(9 * HOUR).told() == []
    tells(story, "Installing").wait(10 * HOUR).tell(*fact)
    assert story.told() == ["FW-02 warning, cleared"]


def test_bytes_of_the_csms_change_nothing(story: Story) -> None:
    tells(story, "Installing").tell(facts.BytesLost, Direction.FROM_CSMS, 9)
    assert story.wait(30 * MINUTE).told() == ["FW-02 warning"]


def test_a_closed_connection_does_not_stop_the_time(story: Story) -> None:
    assert tells(story, "Installing").closed().wait(30 * MINUTE).told() == ["FW-02 warning"]


def test_a_capture_that_starts_with_the_end(story: Story) -> None:
    assert tells(story, "Installed").wait(HOUR).told() == []


def test_the_limits_are_settings() -> None:
    quick = FirmwareUpdate(download_minutes=1, install_minutes=2, failure_open_hours=1)
    story = tells(Story(quick).at(0), "Downloading").wait(MINUTE)
    tells(story, "Installing").wait(3 * MINUTE)
    assert tells(story, "InstallationFailed").wait(2 * HOUR).told() == [
        "FW-02 warning, cleared",
        "FW-01 warning, cleared",
    ]


def heard(version: str, minutes: int, *statuses: str) -> list[str]:
    capture = Capture(Runner([FirmwareUpdate()]))
    for number, status in enumerate(statuses):
        message = [2, f"{number}", "FirmwareStatusNotification", {"status": status, "requestId": 7}]
        text = json.dumps(message).encode()
        capture.said(EPOCH, "CP_1", Direction.FROM_CHARGE_POINT, text, version)
    capture.passes(EPOCH + minutes * MINUTE * SECOND)
    return [f"{finding.rule} {finding.severity.label}" for finding in capture.runner.findings()]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_it_hears_both_versions(version: str) -> None:
    assert heard(version, 0, "Downloading", "DownloadFailed") == ["FW-01 warning"]
    assert heard(version, 0, "Downloading", "Downloaded", "Installing", "Installed") == []
    assert heard(version, 61, "Downloading") == ["FW-02 warning"]
    assert heard(version, 59, "Downloading") == []


def test_it_hears_a_refused_certificate() -> None:
    firmware = {"location": "https://x/y", "retrieveDateTime": "2026-01-01T00:00:00Z", "signature": "s"}
    request = {"requestId": 7, "firmware": firmware | {"signingCertificate": "PEM"}}
    capture = Capture(Runner([FirmwareUpdate()]))
    call, answer = [2, "u", "UpdateFirmware", request], [3, "u", {"status": "InvalidCertificate"}]
    capture.said(EPOCH, "CP_1", Direction.FROM_CSMS, json.dumps(call).encode(), "2.0.1")
    capture.said(EPOCH, "CP_1", Direction.FROM_CHARGE_POINT, json.dumps(answer).encode())
    assert [finding.observed for finding in capture.runner.findings()] == ["InvalidCertificate"]


def test_its_sentences_are_those_of_the_docstring(story: Story) -> None:
    tells(tells(story, "Downloading").wait(HOUR), "InstallationFailed")
    assert len(story.findings()) == 2
    for finding in story.findings():
        assert finding.message in (firmware_update.__doc__ or "")
