"""Findings in texts that were not written beside the rules: the fixtures of tests/quirks (what devices in the field
do), lists of the standards, and a conversation of the `ocpp` package's peers.

A quirk that is named here must give exactly these alarms; of those that must be tolerated none gives any.
"""

from __future__ import annotations

from random import Random

import pytest

from analyzers.base import Finding, Severity
from proxy.tables import SEVERITIES
from tests.days.editing import Scene
from tests.days.events import SECOND, Day, Opened, Said
from tests.days.healthy import day
from tests.days.known import alarms, made
from tests.days.play import play
from tests.days.profiles import Outlet, plain
from tests.quirks.every import QUIRKS, name
from tests.quirks.model import Dials, Quirk
from tests.quirks.playing import Player
from tests.simulator.conversations import BEGIN, IDENTITY, VERSIONS, recording

NAMED = {
    "The identity is not appended at all; the CSMS knows no such path.": {"CN-09"},
    "A half-open line: pings and calls of the CSMS meet nobody, until it gives up.": {"PR-01"},
    "Heartbeats flow, but calls of the CSMS are not answered.": {"PR-01"},
    "The key is sent as its hexadecimal text, and the CSMS says 401.": {"CN-09"},
    "The answer to GetConfiguration ends in the middle.": {"PR-12"},
    "A list of samples begins with a comma.": {"PR-12"},
    "A NUL byte stands in a string.": {"PR-12"},
    "meterValue is an object, not a list of them.": {"PR-10"},
    "Values are numbers, not strings.": {"PR-10"},
    "A context that no standard has.": {"PR-10"},
    "A start is sent three times before the first is answered, and each is given a transaction.": {"TX-05"},
    "A vendor's JSON inside info, and a bit field for an error code.": {"FT-01"},
    "A message is plain text.": {"PR-12"},
    "A message comes in a binary frame.": {"PR-12"},
    "A start is sent again, and the CSMS gives it another transaction.": {"TX-05"},
    "2.0.1: numbers are missing, offline events come late, and the EVSE has no connector.": {"TX-07"},
    "It stops with less than it started with: that is no energy, and said as it came.": {"MT-10"},
}
"""Title of a quirk -> the rules of its alarms."""
REAL_TROUBLE = {
    "The register falls to 0 for a moment, then shows 16 MWh.": {"MT-01", "MT-02", "MT-03", "MT-04"},
    "Samples without a connector.": {"PR-10"},
    "The battery falls from 33 % to 0 % while it charges.": {"BT-03"},
    "The register counts kWh and says Wh, beside 9.4 kW: told as it came.": {"MT-06", "MT-05"},
    "Local time two hours ahead, labelled Z: told as it came.": {"CK-03", "CK-01"},
}
"""Of the fourth chapter (meter, battery, time): what may be named, if enough of it was seen."""
TOLERATED = {1, 2, 4, 5, 7, 8, 9, 12, 19, 37, 38, 40, 43, 45, 49, 52, 53, 55, 58, 62, 64, 65}
"""Earlier chapters: theirs may give no alarm, but for those that are named above."""


def found(quirk: Quirk) -> list[dict[str, object]]:
    player = Player(quirk.lines)
    player.listening.use(made())
    for step in quirk.said:
        player.step(step)
    for on in range(len(quirk.lines)):
        if on not in player.dialled:
            player.step(Dials(on))
    player.finish()
    return player.result.newest("findings", "finding_id")


def alarming(quirk: Quirk) -> set[object]:
    return {row["rule"] for row in found(quirk) if int(str(row["severity"])) > SEVERITIES["info"]}


@pytest.mark.parametrize("quirk", [one for one in QUIRKS if one.title in NAMED], ids=name)
def test_a_quirk_that_is_trouble_is_named(quirk: Quirk) -> None:
    assert alarming(quirk) == NAMED[quirk.title]


@pytest.mark.parametrize("quirk", [one for one in QUIRKS if one.number >= 67], ids=name)
def test_meters_batteries_and_clocks_that_are_only_odd_give_no_alarm(quirk: Quirk) -> None:
    assert alarming(quirk) <= NAMED.get(quirk.title, REAL_TROUBLE.get(quirk.title, set()))


@pytest.mark.parametrize("quirk", [one for one in QUIRKS if one.number in TOLERATED], ids=name)
def test_what_must_be_tolerated_gives_no_alarm(quirk: Quirk) -> None:
    assert alarming(quirk) <= NAMED.get(quirk.title, set())


def test_the_titles_are_those_of_quirks() -> None:
    assert set(NAMED) | set(REAL_TROUBLE) <= {quirk.title for quirk in QUIRKS}


# lists of the standards

TRANSITIONS = {
    "Available": "Preparing Charging SuspendedEV SuspendedEVSE Reserved Unavailable Faulted",
    "Preparing": "Available Charging SuspendedEV SuspendedEVSE Finishing Faulted",
    "Charging": "Available SuspendedEV SuspendedEVSE Finishing Unavailable Faulted",
    "SuspendedEV": "Available Charging SuspendedEVSE Finishing Unavailable Faulted",
    "SuspendedEVSE": "Available Charging SuspendedEV Finishing Unavailable Faulted",
    "Finishing": "Available Preparing Unavailable Faulted",
    "Reserved": "Available Preparing Unavailable Faulted",
    "Unavailable": "Available Preparing Charging SuspendedEV SuspendedEVSE Faulted",
    "Faulted": "Available Preparing Charging SuspendedEV SuspendedEVSE Finishing Reserved Unavailable",
}
"""1.6 §4.9: 53."""
ALARMING_EVENTS = (
    "SecurityLogWasCleared",
    "MemoryExhaustion",
    "TamperDetectionActivated",
    "InvalidFirmwareSignature",
    "InvalidFirmwareSigningCertificate",
    "InvalidCsmsCertificate",
    "InvalidChargingStationCertificate",
    "InvalidTLSVersion",
    "InvalidTLSCipherSuite",
    "MaintenanceLoginAccepted",
    "MaintenanceLoginFailed",
)
"""2.1 Part 2 appendix 1, "Critical: Yes", without what every restart and update reports, and without
SettingSystemTime, which devices report of each correction by their CSMS's time: an alarm or a line."""
ORDINARY_EVENTS = ("FirmwareUpdated", "StartupOfTheDevice", "ResetOrReboot")
LESSER_EVENTS = (
    "FailedToAuthenticateAtCsms",
    "CsmsFailedToAuthenticate",
    "ReconfigurationOfSecurityParameters",
    "InvalidMessages",
    "AttemptedReplayAttacks",
)


def quiet_scene(version: str) -> Scene:
    one = plain(41, version, Outlet.AC)
    return Scene(one, day(one, 4, charging=False), Random(1))


def named_in(events: Day, rule: str) -> list[Finding]:
    return [one for one in play(made(), [events]) if one.rule == rule]


@pytest.mark.parametrize("before", TRANSITIONS)
def test_the_permitted_transitions_are_not_impossible(before: str) -> None:
    """A reconnect before each: where a connector comes from is unknown then."""
    told = quiet_scene("1.6")
    at = told.idle
    for after in TRANSITIONS[before].split():
        at = told.reconnect(at, 3) + 2 * SECOND
        told.say(at, told.words.status(1, before, at))
        told.say(at + 30 * SECOND, told.words.status(1, after, at + 30 * SECOND))
        at += 400 * SECOND
    assert [one.message for one in named_in(told.done(), "FT-08") if "to " in one.message] == []


def security_event(kind: str, version: str) -> list[Finding]:
    told = quiet_scene(version)
    told.say(told.idle, told.words.security_event(kind, told.idle))
    return named_in(told.done(), "SE-04")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ALARMING_EVENTS)
def test_a_critical_security_event_is_an_alarm(kind: str, version: str) -> None:
    assert alarms(security_event(kind, version))


@pytest.mark.parametrize("kind", ORDINARY_EVENTS)
def test_what_every_restart_reports_is_none(kind: str) -> None:
    assert alarms(security_event(kind, "2.0.1")) == []


@pytest.mark.parametrize("kind", LESSER_EVENTS)
def test_a_lesser_security_event_is_not_critical(kind: str) -> None:
    assert all(one.severity < Severity.CRITICAL for one in security_event(kind, "2.0.1"))


# the `ocpp` package's peers


def as_events(version: str) -> Day:
    begin = BEGIN * SECOND
    said = [
        Said(begin + round(one.seconds * SECOND), IDENTITY, one.direction, one.text)
        for one in recording(version)
    ]
    return [Opened(begin, IDENTITY, version, "10.0.0.1", "ws://csms"), *said]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_day_of_real_peers_is_named_for_what_was_put_in_it(version: str) -> None:
    """A fault, and a clock that was set, which may be an alarm."""
    told = {one.rule for one in alarms(play(made(), [as_events(version)]))}
    assert told - {"SE-04"} == {"FT-01"}
