"""A trace's messages, told to the analyzers as the live pipeline tells its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from analyzers.base import SECOND, Analyzer, Change, ChargePoint, Rule, State
from proxy.heads.connection import Refused
from proxy.names import Direction
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact
from proxy.pipeline.capture import Capture
from proxy.pipeline.runner import Runner
from tests.analyzers.traffic import FACTS

CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
NOON = 1_700_000_000 * SECOND
HEARD: list[tuple[Fact, Any]] = []


@dataclass(frozen=True)
class Ear(Analyzer[State]):
    """Hears everything, with what is known of the charge point then."""

    name: ClassVar[str] = "ear"
    wants: ClassVar[tuple[type[Fact], ...]] = tuple(FACTS)
    rules: ClassVar[tuple[Rule, ...]] = ()

    def new_state(self) -> State:
        return State()

    def step(self, state: State, fact: Fact, charge_point: ChargePoint) -> Sequence[Change]:
        HEARD.append((fact, (charge_point.vendor, list(charge_point.transactions))))
        return ()


def capture() -> Capture:
    HEARD.clear()
    return Capture(Runner([Ear()]))


def heard(kind: type[Fact]) -> list[Any]:
    return [fact for fact, _ in HEARD if type(fact) is kind]


def test_the_first_message_opens_the_connection() -> None:
    trace = capture()
    trace.said(NOON, "CP_1", CP, b'[2,"1","Heartbeat",{}]', "1.6")
    trace.said(NOON + SECOND, "CP_1", CSMS, b'[3,"1",{"currentTime":"2023-11-14T22:13:20Z"}]')
    trace.ended()
    assert [type(fact).__name__ for fact, _ in HEARD] == [
        "ConnectionOpened",
        "LifeSeen",
        "CallSent",
        "CallAnswered",
        "HeartbeatSeen",
        "CaptureEnded",
    ]
    [answered] = heard(facts.CallAnswered)
    assert (answered.latency_ns, answered.frame_no, answered.at) == (SECOND, 2, NOON + SECOND)


def test_time_never_goes_back() -> None:
    trace = capture()
    for second in (5, 3, 9):
        trace.said(NOON + second * SECOND, "CP_1", CP, b'[2,"%d","Heartbeat",{}]' % second, "1.6")
    assert [(fact.at - NOON, fact.clock) for fact in heard(facts.CallSent)] == [
        (5 * SECOND, 0),
        (5 * SECOND, 0),
        (9 * SECOND, 4 * SECOND),
    ]


def test_the_runner_keeps_who_it_is_and_what_it_charges() -> None:
    trace = capture()
    boot = b'[2,"b","BootNotification",{"chargePointVendor":"ABB","chargePointModel":"Terra"}]'
    accepted = b'[3,"b",{"status":"Accepted","interval":300,"currentTime":"2023-11-14T22:13:20Z"}]'
    asked = b'{"connectorId":1,"idTag":"A","meterStart":5,"timestamp":"2023-11-14T22:13:20Z"}'
    start = b'[2,"s","StartTransaction",%s]' % asked
    begun = b'[3,"s",{"transactionId":17,"idTagInfo":{"status":"Accepted"}}]'
    stop = b'[2,"e","StopTransaction",{"transactionId":17,"meterStop":9,"timestamp":"2023-11-14T22:14:20Z"}]'
    for direction, text in ((CP, boot), (CSMS, accepted), (CP, start), (CSMS, begun), (CP, stop)):
        trace.said(NOON, "CP_1", direction, text, "1.6")
    known = {type(fact): point for fact, point in HEARD}
    assert known[facts.TransactionStarted] == known[facts.TransactionEnded] == ("ABB", ["17"])
    assert trace.runner.points["CP_1"].charge_point.transactions == {}


def test_closed_refused_lost_and_pinged() -> None:
    trace = capture()
    trace.opened(NOON, "CP_1", "2.0.1", "192.0.2.1")
    trace.pinged(NOON + SECOND, "CP_1", CP)
    trace.lost(NOON + 2 * SECOND, "CP_1", CSMS, 10)
    trace.closed(NOON + 61 * SECOND, "CP_1", "csms", "rst")
    trace.refused(NOON + 70 * SECOND, Refused("CP_1", status=401, refused_by="csms"))
    [closed], [lost], [refused] = (
        heard(facts.ConnectionClosed),
        heard(facts.BytesLost),
        heard(facts.HandshakeFailed),
    )
    assert (closed.closed_by, closed.how, closed.idle_ns) == ("csms", "rst", 60 * SECOND)
    assert (lost.direction, lost.size, refused.status) == (CSMS, 10, 401)


def test_the_same_capture_has_the_same_ids() -> None:
    ids = [capture().opened(NOON, "CP_1") for _ in range(2)]
    assert ids[0] == ids[1]
    assert Capture(Runner([]), "another").opened(NOON, "CP_1") != ids[0]
