"""Trouble of the protocol and of security (PR, SE), and what only looks like it."""

from __future__ import annotations

from typing import Final

from tests.days.editing import MINUTE, Scene
from tests.days.events import CP, CSMS, SECOND, Ask, Said
from tests.days.fault import Fault, NearMiss, each
from tests.days.words import HEARTBEAT, PASSWORD


def _answered_after(scene: Scene, seconds: float | None, times: int = 1) -> None:
    """Heartbeats of the idle time. None: never."""
    beats = [call for call in scene.heard("Heartbeat") if call.at > scene.idle]
    for call in beats[:times]:
        call.replied_at = None if seconds is None else call.at + round(seconds * SECOND)


def unanswered(scene: Scene) -> None:
    _answered_after(scene, None, 3)


def answered_late(scene: Scene) -> None:
    _answered_after(scene, 22.0)


def answered_very_late(scene: Scene) -> None:
    _answered_after(scene, 45.0, 3)


def answered_slowly(scene: Scene) -> None:
    _answered_after(scene, 8.0)


def orphan(scene: Scene) -> None:
    """An answer that nobody asked for."""
    at = scene.idle + 30 * SECOND
    scene.others.append(Said(at, scene.name, CSMS, b'[3,"never-asked",{}]'))


def begins_with_an_answer(scene: Scene) -> None:
    """The capture begins between a call and its answer."""
    call = next(one for one in scene.heard("Heartbeat") if one.at > scene.begin + 20 * MINUTE)
    scene.begin_at(call.at + 1)
    answered = [event for event in call.events(scene.name) if event.direction is CSMS]
    scene.others += answered


def pipelines(scene: Scene) -> None:
    """Six times a second call before the first is answered."""
    for number in range(6):
        at = scene.idle + 4 * number * MINUTE
        first = scene.say(at, scene.words.heartbeat(at), late=3 * SECOND)
        second = scene.say(at, scene.words.data_transfer(), late=3 * SECOND)
        took = second.until - second.at
        second.at = first.at + SECOND
        second.replied_at = second.at + took


def calls_cross(scene: Scene) -> None:
    """Both ask at the same time; each has one call under way."""
    for number in range(6):
        at = scene.idle + 4 * number * MINUTE
        scene.say(at, scene.words.heartbeat(at), late=3 * SECOND)
        scene.say(at, scene.words.limit(1, 9000.0, 3), CSMS, late=3 * SECOND)


def _fails(scene: Scene, times: int) -> None:
    """The CSMS cannot take what a session sends."""
    for call in scene.longest().samples[5 : 5 + times]:
        call.error = "InternalError"


def errors_again_and_again(scene: Scene) -> None:
    _fails(scene, 25)


def one_error(scene: Scene) -> None:
    _fails(scene, 1)


def not_implemented_once(scene: Scene) -> None:
    ask = Ask("GetLocalListVersion", {}, {}, "NotImplemented")
    scene.say(scene.idle, ask, CSMS)


def breaks_the_schema(scene: Scene) -> None:
    """A DataTransfer without the member that every version wants."""
    for number in range(3):
        at = scene.idle + 5 * number * MINUTE
        scene.say(at, Ask("DataTransfer", {"data": "x"}, {"status": "Accepted"}))


def known_erratum(scene: Scene) -> None:
    """1.6: a register that was never a transaction's (-1 is legal, 0 is practice); 2.x: an empty optional member."""
    at = scene.idle
    ask = scene.words.data_transfer()
    if scene.is_16:
        visit = scene.visit(1, scene.register_after(1), 1)
        ask = scene.words.sample(visit, at, visit.begin, False)
        ask.payload["transactionId"] = 0
    else:
        ask.payload["messageId"] = ""
    scene.say(at, ask)


def not_json(scene: Scene) -> None:
    for minutes in (0, 3, 6):
        at = scene.idle + minutes * MINUTE + 7 * SECOND
        scene.others.append(Said(at, scene.name, CP, b'[2,"cut-off","Heartbeat",{'))


def json_with_room(scene: Scene) -> None:
    """Spaces and lines are JSON too."""
    at = scene.idle + 7 * SECOND
    beat = scene.words.heartbeat(at)
    scene.others.append(Said(at, scene.name, CP, b'[ 2,\n "roomy", "Heartbeat", { } ]'))
    answer = b'[ 3, "roomy", {"currentTime": "%s"} ]' % beat.answer["currentTime"].encode()
    scene.others.append(Said(at + SECOND // 5, scene.name, CSMS, answer))


# security


def _guesses(scene: Scene, times: int) -> None:
    for number in range(times):
        at = scene.idle + 25 * number * SECOND
        scene.say(at, scene.words.authorize(f"GUESS-{number:04}", "Invalid"))


def guesses_tokens(scene: Scene) -> None:
    _guesses(scene, 14)


def three_wrong_cards(scene: Scene) -> None:
    _guesses(scene, 3)


def opened_by_force(scene: Scene) -> None:
    at = scene.idle
    scene.say(at, scene.words.security_event("TamperDetectionActivated", at))


def started_up(scene: Scene) -> None:
    at = scene.idle
    scene.say(at, scene.words.security_event("StartupOfTheDevice", at))


def security_lowered(scene: Scene) -> None:
    """From 2 to 1, and the charge point does it."""
    scene.say(scene.idle, scene.words.lower_security(1), CSMS)


def security_raised(scene: Scene) -> None:
    scene.say(scene.idle, scene.words.lower_security(3), CSMS)


def security_not_lowered(scene: Scene) -> None:
    scene.say(scene.idle, scene.words.lower_security(1, "Rejected"), CSMS)


def _updated(scene: Scene, at: int, order: Ask) -> None:
    """It is ordered, and the charge point does as it is told."""
    scene.say(at, order, CSMS)
    for minutes, status in ((1, "Downloading"), (4, "Downloaded"), (5, "Installing"), (9, "Installed")):
        moment = at + minutes * MINUTE
        scene.say(moment, scene.words.firmware_status(status, order.payload.get("requestId", 0)))


def firmware_from_anywhere(scene: Scene) -> None:
    """Plain HTTP from a bare address, unsigned; the last one came from its maker."""
    firmware_from_its_maker(scene)
    at = scene.idle + 30 * MINUTE
    order = scene.words.update_firmware(at, "http://203.0.113.9/fw.bin", 10)
    for member in ("signature", "signingCertificate"):
        order.payload.get("firmware", {}).pop(member, None)
    _updated(scene, at, order)


def firmware_from_its_maker(scene: Scene) -> None:
    at = scene.idle
    _updated(scene, at, scene.words.update_firmware(at, "https://firmware.example/8.bin", 9))


def password_written(scene: Scene) -> None:
    scene.say(scene.idle, scene.words.write(PASSWORD, "0123456789abcdef0123"), CSMS)


def interval_written(scene: Scene) -> None:
    interval = str(scene.profile.interval_seconds)
    scene.say(scene.idle, scene.words.write(HEARTBEAT, interval), CSMS)


FAULTS: Final = (
    Fault("unanswered", ("PR-01",), each(unanswered)),
    Fault("answered late", ("PR-02",), each(answered_late), info=True),
    Fault("answered very late", ("PR-02", "PR-01"), each(answered_very_late), info=True),
    Fault("orphan answer", ("PR-04",), each(orphan), info=True),
    Fault("pipelines, 1.6", ("PR-07",), each(pipelines), ("1.6",), info=True),
    Fault("pipelines, 2.x", ("PR-07",), each(pipelines), ("2.0.1", "2.1")),
    Fault("errors again and again", ("PR-08",), each(errors_again_and_again)),
    Fault("breaks the schema", ("PR-10",), each(breaks_the_schema)),
    Fault("not JSON", ("PR-12",), each(not_json)),
    Fault("guesses tokens", ("SE-02",), each(guesses_tokens)),
    Fault("opened by force", ("SE-04",), each(opened_by_force)),
    Fault("security lowered", ("SE-06", "SE-10"), each(security_lowered)),
    Fault("firmware from anywhere", ("SE-08", "FW-02"), each(firmware_from_anywhere)),
    Fault("password written", ("SE-10",), each(password_written)),
)
NEAR_MISSES: Final = (
    NearMiss("answered late", "PR-01", each(answered_late)),
    NearMiss("answered slowly", "PR-02", each(answered_slowly)),
    NearMiss("begins with an answer", "PR-04", each(begins_with_an_answer)),
    NearMiss("calls cross", "PR-07", each(calls_cross)),
    NearMiss("one error", "PR-08", each(one_error)),
    NearMiss("not implemented once", "PR-08", each(not_implemented_once)),
    NearMiss("known erratum", "PR-10", each(known_erratum)),
    NearMiss("JSON with room", "PR-12", each(json_with_room)),
    NearMiss("three wrong cards", "SE-02", each(three_wrong_cards)),
    NearMiss("started up", "SE-04", each(started_up)),
    NearMiss("security raised", "SE-06", each(security_raised)),
    NearMiss("security not lowered", "SE-06", each(security_not_lowered)),
    NearMiss("firmware from its maker", "SE-08", each(firmware_from_its_maker)),
    NearMiss("interval written", "SE-10", each(interval_written)),
)
