"""Trouble that many charge points have at once (HB-07, CN-02, FT-05, SE-09), and what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.days.editing import MINUTE, Scene
from tests.days.events import CSMS, SECOND, Refused
from tests.days.fault import Fault, NearMiss


def _busiest(scenes: Sequence[Scene]) -> int:
    """When most of them charge, an hour before the end at the latest."""
    moments = range(scenes[0].begin, min(one.end for one in scenes) - 60 * MINUTE, 5 * MINUTE)
    return max(
        moments, key=lambda at: sum(any(s.began < at < s.ended for s in one.sessions) for one in scenes)
    )


def link_dies(scenes: Sequence[Scene]) -> None:
    """Nothing comes from any of them any more, their connections look open; the capture ends 40 minutes later."""
    at = _busiest(scenes)
    for scene in scenes:
        scene.quiet(at, 1 << 62)
        scene.ping(at - SECOND)


def two_fall_silent(scenes: Sequence[Scene]) -> None:
    link_dies(scenes[:2])


def _all_back(scenes: Sequence[Scene], spread_seconds: float) -> None:
    """The CSMS closes all connections; they come back within so long."""
    at = max(scene.idle for scene in scenes)
    for scene in scenes:
        scene.reconnect(
            at + scene.rng.randrange(2 * SECOND), 3 + scene.rng.uniform(0, spread_seconds), "csms"
        )


def all_at_once(scenes: Sequence[Scene]) -> None:
    _all_back(scenes, 9)


def one_by_one(scenes: Sequence[Scene]) -> None:
    """Restarted in turn, over an hour."""
    for number, scene in enumerate(scenes):
        scene.reconnect(scene.idle + number * 100 * SECOND, 15, "csms")


def _faults(scenes: Sequence[Scene], times: int) -> None:
    """Each has the same fault so often in the last four hours."""
    end = min(scene.end for scene in scenes)
    for scene in scenes:
        for _ in range(times):
            at = end - 4 * 60 * MINUTE + scene.rng.randrange(210) * MINUTE
            scene.say_all(at, scene.words.fault(1, "ConnectorLockFailure", "Faulted", at))
            scene.say_all(at + 5 * MINUTE, scene.words.fault(1, "ConnectorLockFailure", "", at + 5 * MINUTE))


def bad_batch(scenes: Sequence[Scene]) -> None:
    """One model: after a good day, 20 of 25 have lock faults in four hours."""
    _faults(scenes[:20], 2)


def one_bad_unit(scenes: Sequence[Scene]) -> None:
    _faults(scenes[:1], 6)


def _unlocked(scenes: Sequence[Scene], minutes: float) -> None:
    at = max(scene.idle for scene in scenes)
    for number, scene in enumerate(scenes):
        moment = at + round(number * minutes * MINUTE / len(scenes))
        scene.say(moment, scene.words.unlock(1), CSMS)


def all_unlocked(scenes: Sequence[Scene]) -> None:
    """Within three minutes."""
    _unlocked(scenes, 3)


def three_unlocked(scenes: Sequence[Scene]) -> None:
    _unlocked(scenes[:3], 3)


def csms_answers_nobody(scenes: Sequence[Scene]) -> None:
    """For 20 minutes."""
    at = max(scene.idle for scene in scenes)
    for scene in scenes:
        for call in scene.within(at, at + 20 * MINUTE):
            call.replied_at = None


def csms_refuses_all(scenes: Sequence[Scene]) -> None:
    """503 for everyone, in answer to attempts that get rarer."""
    at = max(scene.idle for scene in scenes)
    for scene in scenes:
        me, moment = scene.profile, at + scene.rng.randrange(20 * SECOND)
        scene.quiet(moment - SECOND, moment + 7 * MINUTE)
        scene.close(moment, "csms")
        for gap in (10, 20, 40, 80, 160):
            moment += gap * SECOND
            refused = (503, "status_5xx", me.remote_address, "csms", me.upstream)
            scene.others.append(Refused(moment, me.name, *refused))
        scene.open(moment + 90 * SECOND)


def csms_cannot(scenes: Sequence[Scene]) -> None:
    """From then on every Heartbeat is answered with an error."""
    at = max(scene.idle for scene in scenes)
    for scene in scenes:
        for call in scene.within(at, scene.end):
            call.error = "InternalError" if call.action == "Heartbeat" else ""


FAULTS: Final = (
    Fault("link dies", ("HB-07", "HB-01", "MT-07"), link_dies, size=12),
    Fault("all back at once", ("CN-02",), all_at_once, size=40, charging=False),
    Fault("bad batch", ("FT-05", "FT-01", "FT-02"), bad_batch, size=25, hours=32, charging=False),
    Fault("CSMS answers nobody", ("PR-01-GROUP", "PR-01"), csms_answers_nobody, size=12, charging=False),
    Fault("CSMS refuses all", ("CN-09-GROUP", "CN-09", "CN-02"), csms_refuses_all, size=12, charging=False),
    Fault("CSMS cannot", ("PR-08-GROUP", "PR-08"), csms_cannot, size=12, charging=False),
    Fault("all unlocked", ("SE-09",), all_unlocked, size=30, charging=False),
)
NEAR_MISSES: Final = (
    NearMiss("two fall silent", "HB-07", two_fall_silent, size=12),
    NearMiss("one by one", "CN-02", one_by_one, size=40, charging=False),
    NearMiss("one bad unit", "FT-05", one_bad_unit, size=25, hours=32, charging=False),
    NearMiss("three unlocked", "SE-09", three_unlocked, size=30, charging=False),
)
