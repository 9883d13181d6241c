"""Trouble of connections and signs of life (HB, CN, SE-01, SE-05), and what only looks like it.

All of it happens in the idle time of a day, so that nothing but the line is in trouble.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.days.editing import MINUTE, Scene
from tests.days.events import SECOND, Opened, Refused
from tests.days.fault import Fault, NearMiss, each

ELSEWHERE: Final = "198.51.100.77"
"""Another network than any charge point's; public."""


# heartbeats


def silent(scene: Scene) -> None:
    """Nothing for 20 minutes, on an open connection: not even pings."""
    scene.quiet(scene.idle, scene.idle + 20 * MINUTE)


def silent_for_a_while(scene: Scene) -> None:
    """1.8 intervals."""
    beats = scene.heard("Heartbeat")
    last = next(call.at for call in beats if call.at > scene.idle)
    scene.quiet(last + SECOND, last + round(1.8 * scene.profile.interval_seconds) * SECOND)
    scene.say(last + round(1.8 * scene.profile.interval_seconds) * SECOND, scene.words.heartbeat(last))


def pings_only(scene: Scene) -> None:
    scene.quiet(scene.idle, scene.idle + 20 * MINUTE, pings=False)


def _beats_every(scene: Scene, seconds: int) -> None:
    begin, end = scene.idle, scene.end
    scene.quiet(begin, end, pings=False)
    for at in range(begin, end, seconds * SECOND):
        scene.say(at, scene.words.heartbeat(at))


def beats_too_often(scene: Scene) -> None:
    """A fifth of the interval it was told."""
    _beats_every(scene, scene.profile.interval_seconds // 5)


def beats_a_little_early(scene: Scene) -> None:
    _beats_every(scene, round(scene.profile.interval_seconds * 0.75))


# connections


def flaps(scene: Scene) -> None:
    """Ten connections in nine minutes, 30 to 50 s each."""
    at = scene.idle
    for _ in range(10):
        back = scene.reconnect(at, scene.rng.uniform(11, 14))
        at = back + round(scene.rng.uniform(31, 50) * SECOND)
        scene.say(back + 9 * SECOND, scene.words.heartbeat(back))


def reconnects_twice(scene: Scene) -> None:
    back = scene.reconnect(scene.idle, 12)
    scene.reconnect(back + 4 * MINUTE, 30)


def _tries(scene: Scene, gaps: Sequence[float]) -> None:
    """Connections that live 3 s, with so many seconds between the attempts."""
    at = scene.idle
    scene.quiet(at - SECOND, at + round(sum(gaps) + 30) * SECOND)
    scene.close(at)
    for gap in gaps:
        at += round(gap * SECOND)
        scene.open(at)
        scene.close(at + 3 * SECOND, "csms")
    scene.open(at + 40 * SECOND)


def hammers(scene: Scene) -> None:
    """Eight attempts, 5 s apart, whatever comes of them."""
    _tries(scene, [5.0] * 8)


def backs_off(scene: Scene) -> None:
    _tries(scene, [8, 16, 32, 64])


def _boots(scene: Scene, times: int, minutes: float) -> None:
    at = scene.idle
    for _ in range(times):
        back = scene.reconnect(at, 40)
        scene.quiet(back, back + 20 * SECOND)
        boot = scene.words.boot(back, scene.profile.firmware)
        scene.say(back + SECOND, boot)
        for connector in (1, 2):
            scene.say(back + 3 * SECOND, scene.words.status(connector, "Available", back + 3 * SECOND))
        at += round(minutes * MINUTE)


def restarts_again_and_again(scene: Scene) -> None:
    """Every 4 minutes, each time with a new connection; once before it has come back without a boot."""
    scene.reconnect(scene.begin + 3 * MINUTE, 5)
    _boots(scene, 8, 4)


def boots_on_and_on(scene: Scene) -> None:
    """On one connection, answered each time (quirk 50)."""
    for number in range(8):
        at = scene.idle + 2 * number * MINUTE
        scene.say(at, scene.words.boot(at, scene.profile.firmware))


def boots_twice(scene: Scene) -> None:
    _boots(scene, 2, 6)


def _ends_after(scene: Scene, idle_seconds: Sequence[float]) -> None:
    """Connections that end so long after their last frame."""
    at = scene.idle
    for seconds in idle_seconds:
        for second in range(0, 240, 30):
            scene.ping(at + second * SECOND)
        last = at + 241 * SECOND
        scene.quiet(last, last + round((seconds + 20) * SECOND))
        scene.say(last, scene.words.heartbeat(last), late=SECOND // 10)
        scene.close(last + round((seconds + 0.1) * SECOND), "csms", "fin")
        at = last + round((seconds + 20) * SECOND)
        scene.open(at)
        at += SECOND


def idles_out(scene: Scene) -> None:
    """Somebody between ends what is idle for 60 s."""
    _ends_after(scene, [60 + scene.rng.uniform(-0.3, 0.3) for _ in range(9)])


def ends_at_any_time(scene: Scene) -> None:
    _ends_after(scene, [20, 95, 41, 130, 66, 28, 110])


def _double(scene: Scene, remote_address: str, both: bool) -> None:
    """A second connection under the same identity; `both`: the old one goes on."""
    at = scene.idle
    if not both:
        scene.quiet(at, at + 10 * MINUTE)
    scene.open(at + 30 * SECOND, line=1, remote_address=remote_address)
    for minute in range(1, 10):
        scene.say(at + minute * MINUTE, scene.words.heartbeat(at + minute * MINUTE), line=1)
        if both:
            moment = at + minute * MINUTE + 20 * SECOND
            scene.say(moment, scene.words.heartbeat(moment))
    if both:
        scene.close(at + 10 * MINUTE, line=1)
    else:
        scene.close(at + 3 * MINUTE, "csms", "timeout")
        scene.others = [_on_line_one(one, at + 9 * MINUTE) for one in scene.others]
        for call in scene.calls:
            call.line = 1 if call.at > at + 9 * MINUTE else call.line


def _on_line_one(event: Any, since: int) -> Any:
    return event if isinstance(event, Refused | Opened) or event.at < since else event._replace(line=1)


def two_at_a_time(scene: Scene) -> None:
    """Both send, from two networks: a cloned identity."""
    _double(scene, ELSEWHERE, both=True)


def half_open_replaced(scene: Scene) -> None:
    """The same address again, the old connection is dead."""
    _double(scene, scene.profile.remote_address, both=False)


def _refused(scene: Scene, status: int, gaps: Sequence[float], refused_by: str = "csms") -> None:
    at = scene.idle
    scene.quiet(at - SECOND, at + round(sum(gaps) + 20) * SECOND)
    scene.close(at)
    reason = f"status_{status // 100}xx" if status else "gave_up"
    for gap in gaps:
        at += round(gap * SECOND)
        me = scene.profile
        scene.others.append(Refused(at, me.name, status, reason, me.remote_address, refused_by, me.upstream))
    scene.open(at + 20 * SECOND)


def csms_refuses(scene: Scene) -> None:
    """503 five times; the charge point backs off as it should."""
    _refused(scene, 503, [12, 24, 48, 96, 192])


def gives_up_once(scene: Scene) -> None:
    _refused(scene, 0, [12], "charge_point")


def wrong_password(scene: Scene) -> None:
    """401 eight times in eight minutes."""
    _refused(scene, 401, [20, 35, 55, 70, 70, 75, 75, 80])


def wrong_password_twice(scene: Scene) -> None:
    _refused(scene, 401, [20, 60])


def _plain(scene: Scene, remote_address: str) -> None:
    at = scene.idle
    scene.quiet(at - SECOND, at + 30 * SECOND)
    scene.close(at)
    scene.open(at + 20 * SECOND, security_profile=1, remote_address=remote_address)


def plain_from_the_internet(scene: Scene) -> None:
    _plain(scene, ELSEWHERE)


def plain_from_a_private_network(scene: Scene) -> None:
    """Its profile was always 1."""
    scene.profile = scene.profile._replace(security_profile=1)
    scene.others = [
        one._replace(security_profile=1) if isinstance(one, Opened) else one for one in scene.others
    ]
    for call in scene.calls:
        if call.action in ("GetConfiguration", "GetVariables"):
            _told_profile_one(call.answer)
    _plain(scene, "192.168.4.9")


def _told_profile_one(answer: dict[str, Any]) -> None:
    for told in answer.get("configurationKey", []):
        told["value"] = "1" if told["key"] == "SecurityProfile" else told["value"]
    for told in answer.get("getVariableResult", []):
        wanted = told["variable"]["name"] == "SecurityProfile"
        told["attributeValue"] = "1" if wanted else told["attributeValue"]


FAULTS: Final = (
    Fault("silent", ("HB-01",), each(silent)),
    Fault("beats too often", ("HB-02",), each(beats_too_often), info=True),
    Fault("flaps", ("CN-01",), each(flaps)),
    Fault("no back-off", ("CN-03", "CN-01"), each(hammers)),
    Fault("boot loop", ("CN-04",), each(boots_on_and_on)),
    Fault("restarts", ("CN-04", "CN-01"), each(restarts_again_and_again)),
    Fault("idle time-out", ("CN-05",), each(idles_out), info=True),
    Fault("doubled identity", ("CN-07",), each(two_at_a_time)),
    Fault("refused by the CSMS", ("CN-09",), each(csms_refuses)),
    Fault("wrong password", ("SE-01", "CN-09"), each(wrong_password)),
    Fault("plain from the internet", ("SE-05", "SE-06", "CN-07"), each(plain_from_the_internet)),
)
NEAR_MISSES: Final = (
    NearMiss("one gap of 1.8 intervals", "HB-01", each(silent_for_a_while)),
    NearMiss("pings only", "HB-01", each(pings_only)),
    NearMiss("beats a little early", "HB-02", each(beats_a_little_early)),
    NearMiss("reconnects twice", "CN-01", each(reconnects_twice)),
    NearMiss("backs off", "CN-03", each(backs_off)),
    NearMiss("boots twice", "CN-04", each(boots_twice)),
    NearMiss("ends at any time", "CN-05", each(ends_at_any_time)),
    NearMiss("half-open replaced", "CN-07", each(half_open_replaced)),
    NearMiss("gives up once", "CN-09", each(gives_up_once)),
    NearMiss("wrong password twice", "SE-01", each(wrong_password_twice)),
    NearMiss("plain, private", "SE-05", each(plain_from_a_private_network)),
)
