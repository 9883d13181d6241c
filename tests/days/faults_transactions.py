"""Trouble of transactions (TX, FT-10), and what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.days.editing import MINUTE, Call, Scene, Session, register_of
from tests.days.energy import Reading
from tests.days.events import CSMS, SECOND, Ask
from tests.days.fault import ONLY_16, SINCE_20, Fault, NearMiss, each

UNKNOWN: Final = 7_654_321


def stop_is_missing(scene: Scene) -> None:
    """The next car's transaction begins on the connector while this one is open."""
    first, _ = scene.pair()
    scene.drop([first.end])


def stop_comes_late(scene: Scene) -> None:
    """After the connector is free again, before the next car."""
    first, _ = scene.pair()
    end = first.end
    scene.drop([end])
    late = scene.say(end.at + 2 * MINUTE, _again(end))
    late.payload.update(end.payload)


def _again(call: Call) -> Ask:
    return Ask(call.action, dict(call.payload), call.answer)


def stops_what_never_was(scene: Scene) -> None:
    at = scene.idle
    visit = scene.visit(1, scene.register_after(1), 1)
    visit.number, visit.events = UNKNOWN, 4
    visit.began = at - 5 * MINUTE
    scene.say_all(at, scene.words.end(visit, at, visit.begin, "Local", False)[:1])


def begins_in_the_middle(scene: Scene) -> None:
    """The capture begins while they charge."""
    first = scene.longest()
    scene.begin_at(first.middle)
    me = scene.profile
    scene.open(first.middle, security_profile=me.security_profile)


def one_id_for_two(scenes: Sequence[Scene]) -> None:
    """1.6: the CSMS gives the second charge point the id of a transaction that runs on the first."""
    first = scenes[0].longest()
    for scene in scenes[1:]:
        other = max(scene.sessions, key=lambda one: _overlap(first, one))
        for call in other.calls:
            if call.action == "StartTransaction":
                call.answer["transactionId"] = first.transaction_id
            else:
                call.payload["transactionId"] = first.transaction_id


def _overlap(one: Session, other: Session) -> int:
    return min(one.ended, other.ended) - max(one.began, other.began)


def id_of_an_ended_one(scene: Scene) -> None:
    """2.x: the charge point uses an id again."""
    first, second = scene.pair()
    for call in second.calls:
        call.payload["transactionInfo"]["transactionId"] = first.transaction_id


def the_same_id_elsewhere(scenes: Sequence[Scene]) -> None:
    """2.x: ids are each charge point's own."""
    first = scenes[0].longest()
    for scene in scenes[1:]:
        for call in scene.longest().calls:
            call.payload["transactionInfo"]["transactionId"] = first.transaction_id


def _extra(scene: Scene, connector: int, at: int, minutes: int, number: int) -> None:
    """A whole transaction without energy, put in at `at`."""
    visit = scene.visit(connector, scene.register_after(connector), number)
    visit.began = at
    scene.say_all(at, scene.words.start(visit, at, False)[:3])
    end = at + minutes * MINUTE
    scene.say_all(end, scene.words.end(visit, end, visit.begin, "Local", False)[:1])


def two_on_one_evse(scene: Scene) -> None:
    session = scene.longest()
    visit = scene.visit(session.connector, register_of(session.start), 1)
    visit.began = session.middle
    scene.say_all(session.middle, scene.words.start(visit, session.middle, False))
    end = session.middle + 4 * MINUTE
    scene.say_all(end, scene.words.end(visit, end, visit.begin, "Local", False))


def one_after_the_other(scene: Scene) -> None:
    """The next begins a second after the last has ended."""
    last = scene.last_on(1)
    _extra(scene, 1, last.ended + SECOND, 1, 1)


def _told_twice(scene: Scene, transaction_id: object) -> None:
    start = scene.longest().start
    again = scene.say(start.until + 2 * SECOND, _again(start))
    again.answer = {**start.answer, "transactionId": transaction_id}


def billed_twice(scene: Scene) -> None:
    """The same start again, and the CSMS makes another transaction of it."""
    _told_twice(scene, UNKNOWN)


def start_retried(scene: Scene) -> None:
    _told_twice(scene, scene.longest().transaction_id)


def events_missing(scene: Scene) -> None:
    """Three events in a row never come."""
    scene.drop(scene.longest().samples[6:9])


def events_missing_offline(scene: Scene) -> None:
    """What a charge point may leave out when its memory is full."""
    samples = scene.longest().samples[6:12]
    for call in samples:
        call.payload["offline"] = True
    scene.drop([samples[2]])


def charges_though_refused(scene: Scene) -> None:
    session = scene.longest()
    for call in session.calls:
        if call.action == "StartTransaction":
            call.answer["idTagInfo"] = {"status": "Blocked"}
        elif call.payload.get("triggerReason") == "Authorized":
            call.answer["idTokenInfo"] = {"status": "Blocked"}


def stops_when_refused(scene: Scene) -> None:
    """After 25 s, with 20 Wh."""
    charges_though_refused(scene)
    session = scene.longest()
    begin = register_of(session.start)
    moved = begin + 20 - register_of(session.end)
    scene.remap(session, lambda value, _: min(value, begin + 20))
    gone = session.end.at
    keep = {id(session.end), *(id(call) for call in session.calls if call.at < session.began + 20 * SECOND)}
    scene.drop(call for call in session.calls if id(call) not in keep)
    scene.drop(
        call
        for call in scene.within(session.began + 20 * SECOND, gone)
        if call.action == "StatusNotification" and _connector_of(call) == session.connector
    )
    end = session.end
    took = end.until - end.at
    end.at, end.replied_at = session.began + 25 * SECOND, session.began + 25 * SECOND + took
    end.payload["timestamp"] = scene.words.told(end.at)
    for value in end.payload.get("meterValue", []):
        value["timestamp"] = end.payload["timestamp"]
    _reason(end, "DeAuthorized")
    scene.renumber(session)
    at = session.began + 40 * SECOND
    scene.say(at, scene.words.status(session.connector, "Finishing", at))
    scene.move_later(session, moved)


def _connector_of(call: Call) -> Any:
    return call.payload.get("evseId") or call.payload.get("connectorId")


def _reason(end: Call, reason: str) -> None:
    if end.action == "StopTransaction":
        end.payload["reason"] = reason
    else:
        end.payload["transactionInfo"]["stoppedReason"] = reason
        end.payload["triggerReason"] = "Deauthorized"


def remote_start_without_effect(scene: Scene) -> None:
    """The cable is in, the charge point says yes, and nothing happens (quirk 61)."""
    at = scene.idle
    scene.say(at, scene.words.status(1, "Preparing", at))
    scene.say(at + MINUTE, scene.words.remote_start(1, "TAG-7777", 77), CSMS)
    scene.say(at + 9 * MINUTE, scene.words.status(1, "Available", at + 9 * MINUTE))


def nobody_came(scene: Scene) -> None:
    """A remote start, and no car."""
    scene.say(scene.idle + MINUTE, scene.words.remote_start(1, "TAG-7777", 77), CSMS)


def remote_start_rejected(scene: Scene) -> None:
    scene.say(scene.idle + MINUTE, scene.words.remote_start(1, "TAG-7777", 77, "Rejected"), CSMS)


def _fail(scene: Scene, at: int, number: int, reason: str) -> None:
    """A car comes, the transaction ends after 30 s without energy, the car goes."""
    words = scene.words
    visit = scene.visit(1, scene.register_after(1), number)
    visit.began = at + 7 * SECOND
    scene.say_all(at, words.arrival(visit, at))
    scene.say(at + 3 * SECOND, words.authorize(visit.token))
    scene.say_all(visit.began, words.start(visit, visit.began, False))
    end = visit.began + 30 * SECOND
    reading: Reading = visit.begin
    scene.say_all(end, words.end(visit, end, reading, reason, False))
    gone = end + 20 * SECOND
    scene.say(gone, words.status(1, "Available", gone))


def _fails(scene: Scene, times: int) -> None:
    for number in range(times):
        _fail(scene, scene.idle + (2 + 6 * number) * MINUTE, number, "Other")


def fails_again_and_again(scene: Scene) -> None:
    _fails(scene, 4)


def fails_twice(scene: Scene) -> None:
    _fails(scene, 2)


def _never_charges(scene: Scene, times: int) -> None:
    """So many failures spread over the day; it says Available all the while."""
    step = (scene.end - scene.begin - 20 * MINUTE) // times
    for number in range(times):
        _fail(scene, scene.begin + 10 * MINUTE + number * step, number, "Other")


def zombie(scene: Scene) -> None:
    """Available for 27 hours, and eight cars in a row get nothing."""
    _never_charges(scene, 8)


def four_failures(scene: Scene) -> None:
    _never_charges(scene, 4)


FAULTS: Final = (
    Fault("stop is missing", ("TX-01", "TX-04", "FT-08", "MT-07"), each(stop_is_missing)),
    Fault("stops what never was", ("TX-02", "TX-07"), each(stops_what_never_was), info=True),
    Fault("one id for two", ("TX-03",), one_id_for_two, ONLY_16, size=2),
    Fault("id of an ended one", ("TX-03", "TX-07", "TX-02"), each(id_of_an_ended_one), SINCE_20),
    Fault("two on one EVSE", ("TX-04", "TX-01", "MT-12", "MT-09"), each(two_on_one_evse), SINCE_20),
    Fault("billed twice", ("TX-05", "TX-01", "FT-08"), each(billed_twice), ONLY_16),
    Fault("events missing", ("TX-07", "MT-07"), each(events_missing), SINCE_20),
    Fault("charges though refused", ("TX-10",), each(charges_though_refused)),
    Fault("remote start without effect", ("TX-11",), each(remote_start_without_effect)),
    Fault("fails again and again", ("TX-14", "FT-10"), each(fails_again_and_again)),
    Fault("available, never charges", ("FT-10", "TX-14"), each(zombie), hours=28, charging=False),
)
NEAR_MISSES: Final = (
    NearMiss("stop comes late", "TX-01", each(stop_comes_late)),
    NearMiss("begins in the middle", "TX-01", each(begins_in_the_middle)),
    NearMiss("begins in the middle", "TX-02", each(begins_in_the_middle)),
    NearMiss("start retried", "TX-03", each(start_retried), ONLY_16),
    NearMiss("the same id elsewhere", "TX-03", the_same_id_elsewhere, SINCE_20, size=2),
    NearMiss("one after the other", "TX-04", each(one_after_the_other), SINCE_20),
    NearMiss("start retried", "TX-05", each(start_retried), ONLY_16),
    NearMiss("events missing offline", "TX-07", each(events_missing_offline), SINCE_20),
    NearMiss("stops when refused", "TX-10", each(stops_when_refused)),
    NearMiss("nobody came", "TX-11", each(nobody_came)),
    NearMiss("remote start rejected", "TX-11", each(remote_start_rejected)),
    NearMiss("fails twice", "TX-14", each(fails_twice)),
    NearMiss("four failures", "FT-10", each(four_failures), hours=28, charging=False),
)
