"""firmware_source: SE-08 for a fleet that is used to something."""

from __future__ import annotations

import pytest

from analyzers.base import SECOND
from analyzers.firmware_source import FirmwareSource, Source, source_of
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Where
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.conftest import EPOCH, Story

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
DAY = 86_400
GOOD = "https://firmware.example/next.bin"
BAD = "http://198.51.100.7/next.bin"


@pytest.fixture
def story() -> Story:
    return Story(FirmwareSource())


def update(story: Story, location: str, signed: bool = False, charge_point: str = "CP_1") -> Story:
    where = Where(charge_point, *story.where()[1:])
    story.runner.fact(facts.FirmwareUpdateRequested(*where, location=location, signed=signed))
    return story


def upload(story: Story, location: str) -> Story:
    return story.tell(facts.LogUploadRequested, "Diagnostics", location)


def test_the_first_source_is_a_line(story: Story) -> None:
    [finding] = update(story, BAD).findings()
    assert (finding.rule, finding.severity.label, finding.cleared_at) == ("SE-08", "info", EPOCH)
    assert finding.charge_point == ""


@pytest.mark.parametrize("location", ["ftp://files.example/a.bin", "http://10.0.0.5/a.bin", GOOD])
def test_a_fleet_that_always_used_it_has_one_finding(story: Story, location: str) -> None:
    for number in range(200):
        update(story.at(number * 1000), location, charge_point=f"CP_{number}")
    [finding] = story.findings()
    assert (finding.severity.label, finding.count) == ("info", 1)


def test_a_new_source_that_is_not_as_it_should_be(story: Story) -> None:
    [_, finding] = update(update(story, GOOD), BAD).findings()
    assert (finding.severity.label, finding.evidence) == ("warning", (("c1", 2),))
    assert finding.message == (
        "CP_1 was told to load firmware from http://198.51.100.7: new here, not encrypted, an address instead of a"
        " name (expected: a source that is known, named and encrypted)."
    )


def test_a_new_source_that_is_as_it_should_be(story: Story) -> None:
    update(update(story, GOOD), "https://mirror.example/next.bin")
    assert story.told() == ["SE-08 info, cleared"] * 2


@pytest.mark.parametrize(
    "location", ["ftp://mirror.example/x", "https://198.51.100.7/x", "https://[2001:db8::7]/x"]
)
def test_one_thing_is_enough(story: Story, location: str) -> None:
    assert update(update(story, GOOD), location).told()[1] == "SE-08 warning"


def test_the_whole_fleet_sent_there_is_one_finding(story: Story) -> None:
    update(story, GOOD)
    for number in range(50):
        update(story.at(number), BAD, charge_point=f"CP_{number}")
    [_, finding] = story.findings()
    assert (finding.count, len(finding.evidence)) == (50, 10)


def test_a_day_without_clears_it_and_it_is_known_then(story: Story) -> None:
    update(update(story, GOOD), BAD).wait(DAY)
    assert story.told()[1] == "SE-08 warning, cleared"
    assert len(update(story.at(2 * DAY), BAD).findings()) == 2


def test_signed_firmware_may_come_by_any_line(story: Story) -> None:
    assert update(update(story, GOOD), BAD, signed=True).told() == ["SE-08 info, cleared"] * 2


def test_unsigned_where_it_was_signed(story: Story) -> None:
    update(update(story, GOOD, signed=True), GOOD, charge_point="CP_2")
    assert story.told() == ["SE-08 info, cleared"]
    update(story, GOOD)
    finding = story.findings()[-1]
    assert (finding.severity.label, finding.charge_point) == ("critical", "CP_1")
    assert story.wait(DAY).told()[-1] == "SE-08 critical, cleared"


def test_a_host_that_is_not_allowed() -> None:
    story = Story(FirmwareSource(allowed_hosts=("*.Example",)))
    assert update(update(story, GOOD), "https://FIRMWARE.example/x").told() == ["SE-08 info, cleared"]
    for number in range(5):
        update(story.at(number), "https://firmware.evil/x")
    assert story.told()[1:] == ["SE-08 critical"]
    assert story.findings()[1].count == 5


def test_logs_are_another_thing(story: Story) -> None:
    """Logs over ftp are usual, and say nothing of firmware."""
    upload(update(story, GOOD), "ftp://logs.example/in")
    assert story.told() == ["SE-08 info, cleared"] * 2
    upload(story, "ftp://198.51.100.7/in")
    assert "was told to send its logs to ftp://198.51.100.7: new here" in story.findings()[-1].message


def test_how_long_is_a_setting() -> None:
    story = update(update(Story(FirmwareSource(quiet_seconds=60)), GOOD), BAD)
    assert story.wait(60).told()[1] == "SE-08 warning, cleared"


@pytest.mark.parametrize("location", ["", "   ", "file.bin?", "http://[", "://", "/a/b"])
def test_no_host_no_finding(story: Story, location: str) -> None:
    assert len(update(story, location).findings()) == (location == "file.bin?")


def test_path_query_and_password_are_never_told(story: Story) -> None:
    update(story, "https://user:hunter2@f.example/secret?sig=hunter2")
    assert "hunter2" not in str(story.findings())
    assert "secret" not in str(story.findings())


def test_a_url_is_its_scheme_and_host() -> None:
    assert source_of("FTP://Host.Example:21/x") == Source("ftp", "host.example")
    assert source_of("host.example/x") == Source("", "host.example")
    assert str(source_of("https://[2001:db8::7]:8443/x")) == "https://[2001:db8::7]"


ORDER = {
    "1.6": ('"UpdateFirmware",{{"location":"{}","retrieveDate":"2026-11-21T12:00:00Z"}}', "{}"),
    "2.0.1": (
        '"UpdateFirmware",{{"requestId":1,"firmware":{{"location":"{}","retrieveDateTime":"2026-11-21T12:00:00Z"}}}}',
        '{"status":"Accepted"}',
    ),
}
LOGS = {
    "1.6": ('"GetDiagnostics",{{"location":"{}"}}', "{}"),
    "2.0.1": (
        '"GetLog",{{"logType":"DiagnosticsLog","requestId":1,"log":{{"remoteLocation":"{}"}}}}',
        '{"status":"Accepted"}',
    ),
}


@pytest.mark.parametrize("kind", [ORDER, LOGS])
@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_whole_messages(version: str, kind: dict[str, tuple[str, str]]) -> None:
    capture = Capture(Runner([FirmwareSource()]))
    call, answer = kind[version]
    for index, location in enumerate((GOOD, GOOD, BAD)):
        text = f'[2,"{index}",{call.format(location)}]'
        capture.said(EPOCH + index * SECOND, "CP_1", CSMS, text.encode(), version)
        capture.said(EPOCH + index * SECOND, "CP_1", CP, f'[3,"{index}",{answer}]'.encode(), version)
    told = [f"{finding.rule} {finding.severity.label}" for finding in capture.runner.findings()]
    assert told == ["SE-08 info", "SE-08 warning"]
