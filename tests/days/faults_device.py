"""Trouble of devices: hardware faults, firmware, clocks (FT, FW, CK), and what only looks like it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from tests.days.editing import MINUTE, Call, Scene
from tests.days.events import CP, CSMS, SECOND
from tests.days.fault import ONLY_16, Fault, NearMiss, each
from tests.days.words import FIRMWARE_HOST, stamp

# faults


def _fails(scene: Scene, code: str, at: int, minutes: float) -> None:
    over = at + round(minutes * MINUTE)
    scene.say_all(at, scene.words.fault(1, code, "Faulted", at))
    scene.say_all(over, scene.words.fault(1, code, "", over))


def ground_fault(scene: Scene) -> None:
    _fails(scene, "GroundFailure", scene.idle, 10)


def nothing_wrong(scene: Scene) -> None:
    """A status that says more, and no fault."""
    at = scene.idle
    if scene.is_16:
        scene.say(at, scene.words.status(1, "Available", at, "NoError", "door was opened"))
    else:
        scene.say_all(at, scene.words.fault(1, "NoError", "", at))


def _toggles(scene: Scene, times: int) -> None:
    for number in range(times):
        _fails(scene, "HighTemperature", scene.idle + 5 * number * MINUTE, 2)


def chatters(scene: Scene) -> None:
    _toggles(scene, 9)


def fails_twice(scene: Scene) -> None:
    _toggles(scene, 2)


def _unavailable(scene: Scene, minutes: int) -> None:
    at = scene.idle
    scene.say(at, scene.words.status(1, "Unavailable", at))
    over = at + minutes * MINUTE
    scene.say(over, scene.words.status(1, "Available", over))


def out_of_order(scene: Scene) -> None:
    """45 minutes, and nobody asked for it."""
    _unavailable(scene, 45)


def a_short_while_out_of_order(scene: Scene) -> None:
    _unavailable(scene, 20)


def taken_out_of_service(scene: Scene) -> None:
    at = scene.idle - 30 * SECOND
    scene.say(at, scene.words.availability(1, "Inoperative"), CSMS)
    _unavailable(scene, 45)
    scene.say(scene.idle + 44 * MINUTE, scene.words.availability(1, "Operative"), CSMS)


def available_while_charging(scene: Scene) -> None:
    """The connector is said to be free for eight minutes, in the middle of a session."""
    session = scene.longest()
    at = session.middle
    scene.say(at, scene.words.status(session.connector, "Available", at))
    back = at + 8 * MINUTE
    scene.say(back, scene.words.status(session.connector, "Charging", back))


def _goes(scene: Scene, *statuses: str) -> None:
    for number, status in enumerate(statuses):
        at = scene.idle + number * 30 * SECOND
        scene.say(at, scene.words.status(1, status, at))


def impossible_transition(scene: Scene) -> None:
    """Available to Finishing is none of the 53 of 1.6 §4.9."""
    _goes(scene, "Finishing", "Available")


def preparing_to_finishing(scene: Scene) -> None:
    """Legal (erratum 3.20)."""
    _goes(scene, "Preparing", "Finishing", "Available")


# firmware


def _updates(scene: Scene, *steps: tuple[float, str]) -> None:
    """The CSMS orders it, the charge point tells how far it is (minutes after)."""
    at = scene.idle
    scene.say(at, scene.words.update_firmware(at, FIRMWARE_HOST, 9), CSMS)
    for minutes, status in steps:
        moment = at + round(minutes * MINUTE)
        scene.say(moment, scene.words.firmware_status(status, 9))


def update_fails(scene: Scene) -> None:
    _updates(scene, (1, "Downloading"), (4, "Downloaded"), (5, "Installing"), (9, "InstallationFailed"))


def update_stuck(scene: Scene) -> None:
    """Installing for the rest of the day, an hour."""
    _updates(scene, (1, "Downloading"), (4, "Downloaded"), (5, "Installing"))


def slow_update(scene: Scene) -> None:
    _updates(scene, (1, "Downloading"), (30, "Downloaded"), (31, "Installing"), (51, "Installed"))


# clocks

STAMPS: Final = ("timestamp", "generatedAt")


def _times(value: Any, change: Callable[[str], str]) -> None:
    """Every time a charge point tells, wherever it stands."""
    if isinstance(value, list):
        for one in value:
            _times(one, change)
    elif isinstance(value, dict):
        for member, one in value.items():
            if member in STAMPS:
                value[member] = change(one)
            else:
                _times(one, change)


def _told_by(scene: Scene, change: Callable[[Call, str], str]) -> None:
    for call in scene.calls:
        if call.direction is CP:
            _times(call.payload, partial(change, call))


def _off_by(scene: Scene, seconds: float) -> None:
    """What was `told` a little before the call is told so much later or earlier."""
    _told_by(scene, lambda call, _: stamp(call.at - SECOND + round(seconds * SECOND)))


def clock_ahead(scene: Scene) -> None:
    """150 s."""
    _off_by(scene, 150)


def clock_a_little_ahead(scene: Scene) -> None:
    _off_by(scene, 30)


def local_time_as_utc(scene: Scene) -> None:
    """Two hours ahead, labelled Z."""
    _off_by(scene, 7200)


def local_time_with_offset(scene: Scene) -> None:
    _told_by(scene, lambda call, _: stamp(call.at + 7200 * SECOND).replace("Z", "+02:00"))


def without_zone(scene: Scene) -> None:
    _told_by(scene, lambda _, told: told.removesuffix("Z"))


def with_microseconds(scene: Scene) -> None:
    _told_by(scene, lambda _, told: told.replace("Z", "123+00:00"))


def long_ago(scene: Scene) -> None:
    """1970: no battery in the clock, and no time from the CSMS."""
    begin = scene.begin
    _told_by(scene, lambda call, _: stamp(call.at - begin))


def _csms_says(scene: Scene, seconds: float) -> None:
    for call in scene.calls:
        if "currentTime" in call.answer:
            call.answer["currentTime"] = stamp(call.until + round(seconds * SECOND))


def csms_clock_wrong(scene: Scene) -> None:
    """30 s ahead."""
    _csms_says(scene, 30)


def csms_clock_three_seconds_off(scene: Scene) -> None:
    _csms_says(scene, 3)


_DOUBTFUL_TIMES: Final = ("CK-05", "PR-10", "CK-01", "CK-03")

FAULTS: Final = (
    Fault("ground fault", ("FT-01",), each(ground_fault)),
    Fault("chattering", ("FT-02", "FT-01"), each(chatters)),
    Fault("out of order", ("FT-03",), each(out_of_order)),
    Fault("available while charging", ("FT-08",), each(available_while_charging), info=True),
    Fault("impossible transition", ("FT-08",), each(impossible_transition), ONLY_16, info=True),
    Fault("update fails", ("FW-01",), each(update_fails)),
    Fault("update stuck", ("FW-02",), each(update_stuck)),
    Fault("clock ahead", ("CK-01",), each(clock_ahead)),
    Fault("local time as UTC", ("CK-03", "CK-01"), each(local_time_as_utc)),
    Fault("CSMS clock wrong", ("CK-04",), each(csms_clock_wrong)),
    Fault("times without zone", _DOUBTFUL_TIMES, each(without_zone), info=True),
    Fault("times of 1970", _DOUBTFUL_TIMES, each(long_ago), info=True),
)
NEAR_MISSES: Final = (
    NearMiss("nothing wrong", "FT-01", each(nothing_wrong)),
    NearMiss("fails twice", "FT-02", each(fails_twice)),
    NearMiss("20 minutes out of order", "FT-03", each(a_short_while_out_of_order)),
    NearMiss("taken out of service", "FT-03", each(taken_out_of_service)),
    NearMiss("Preparing to Finishing", "FT-08", each(preparing_to_finishing), ONLY_16),
    NearMiss("slow update", "FW-01", each(slow_update)),
    NearMiss("slow update", "FW-02", each(slow_update)),
    NearMiss("30 s ahead", "CK-01", each(clock_a_little_ahead)),
    NearMiss("local time with its offset", "CK-03", each(local_time_with_offset)),
    NearMiss("CSMS 3 s off", "CK-04", each(csms_clock_three_seconds_off)),
    NearMiss("with microseconds", "CK-05", each(with_microseconds)),
)
