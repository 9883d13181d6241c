"""A capture that starts in the middle makes no false statement (issue 4): unknown is not wrong.

A day in the life of a charge point is cut before each of its messages. What is said of the rest must also be said by
one who has seen it all, about the same message; what the rest does not show stays untold. Twice: by a recorder that
knows nothing of the connection, and by one whose store still knows who it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
import pytest

from analyzers.base import Severity
from proxy.heads.connection import Opened
from proxy.names import connection_id
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact
from proxy.pipeline.identity import Identity
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.understanding import Understanding
from tests.pipeline.frames import frame
from tests.pipeline.tape import BEGIN, JOURNAL, SECOND, Result
from tests.quirks.model import CP, CSMS, NOON, answers, calls, line, switching
from tests.quirks.playing import Listening, Player
from tests.simulator.conversations import VERSIONS, recording

NAME: Final = connection_id(JOURNAL, 1, 0, 1, 1)
MARKS_SECONDS: Final = 2.0
"""More is time that nobody observed."""
WATCHED: Final = 10
"""Each tenth capture is marked all the time, so that whoever waits for something is woken; the others are quick."""
OF_A_CAPTURE: Final = (
    facts.ConnectionOpened,
    facts.BytesLost,
    facts.ReplyOrphaned,
    facts.LifeSeen,
)
"""What only says that something was not seen, or that it was."""


@cache
def on_the_wire(version: str) -> tuple[bytes, ...]:
    return tuple(frame(one.text, mask=one.direction is CP) for one in recording(version))


class Heard:
    """What a recorder makes of a conversation from message `cut` on; `knows`: its store says whose line it is."""

    def __init__(self, version: str, cut: int, *, knows: bool) -> None:
        self.listening = Listening()
        self.pipeline = Pipeline(JOURNAL, Understanding(self.listening))
        self.result = Result()
        self.seconds = 0.0
        self.marks_seconds = 1e9 if cut % WATCHED else MARKS_SECONDS
        said = recording(version)
        offsets = {CP: 0, CSMS: 0}
        opened = Opened("CP_1", b"/ocpp/CP_1", response_head=switching(version))
        if knows:
            identity = Identity(JOURNAL.hex(), NAME, "CP_1", BEGIN, 1, 0, 1, "")
            self.pipeline.forgotten = {NAME: (identity, opened)}
        self._until(said[cut].seconds if cut < len(said) else 0.0)
        if cut == 0:
            self.pipeline.opened(1, opened)
        for number, (one, data) in enumerate(zip(said, on_the_wire(version), strict=True)):
            if number >= cut:
                self._until(one.seconds)
                self.pipeline.data(1, one.direction, offsets[one.direction], data)
            offsets[one.direction] += len(data)
        self.pipeline.batcher.cut()
        self.result.take(self.pipeline)

    def _until(self, seconds: float) -> None:
        while self.seconds + self.marks_seconds < seconds:
            self._mark(self.seconds + self.marks_seconds)
        self._mark(max(seconds, self.seconds))

    def _mark(self, seconds: float) -> None:
        self.seconds = seconds
        mono = round(seconds * SECOND)
        if self.pipeline.arrive(1, mono):
            self.result.take(self.pipeline)
        self.pipeline.mark(1, 0, 1, BEGIN + mono, mono)

    @property
    def statements(self) -> list[Fact]:
        return [content(one) for one in self.listening.heard if not isinstance(one, OF_A_CAPTURE)]

    @property
    def transactions(self) -> dict[str, dict[str, Any]]:
        return {row["transaction_id"]: row for row in self.result.newest("transactions", "key")}


def content(fact: Fact) -> Fact:
    """What it says and when, without the connection it was seen on."""
    return msgspec.structs.replace(fact, charge_point="", connection_id="", frame_no=0, clock=0)


@cache
def whole(version: str) -> Heard:
    return Heard(version, 0, knows=True)


KNOWING = pytest.mark.parametrize("knows", [True, False], ids=["known", "nameless"])
EACH = pytest.mark.parametrize("version", VERSIONS)


@cache
def heard(version: str, knows: bool) -> tuple[Heard, ...]:
    return tuple(Heard(version, cut, knows=knows) for cut in range(1, len(recording(version))))


@pytest.mark.parametrize(
    ("version", "knows"),
    [
        *((version, True) for version in VERSIONS),
        *((version, False) for version in VERSIONS),
    ],
)
def test_the_rest_says_nothing_that_the_whole_does_not(version: str, knows: bool) -> None:
    truth = set(whole(version).statements)
    for cut, rest in enumerate(heard(version, knows), 1):
        false = [statement for statement in rest.statements if statement not in truth]
        assert false == [], cut


@KNOWING
@EACH
def test_a_transaction_whose_start_was_not_seen_began_unseen(version: str, knows: bool) -> None:
    truth = whole(version).transactions
    assert len(truth) == 3
    assert {row["began"] for row in truth.values()} == {"seen"}
    for rest in heard(version, knows):
        started = {
            one.transaction_id for one in rest.listening.heard if isinstance(one, facts.TransactionStarted)
        }
        for transaction_id, row in rest.transactions.items():
            assert (row["began"] == "seen") == (transaction_id in started)
            assert as_far_as_seen(row, truth[transaction_id])


def as_far_as_seen(row: dict[str, Any], truth: dict[str, Any]) -> bool:
    """A row says what the whole one says, or nothing; less energy, when only a part of it was seen."""
    part = row["began"] == "unseen"
    silent = [
        name
        for name in ("started_at", "meter_start_wh", "stopped_at", "meter_stop_wh", "reservation_id")
        if row[name] not in (None, truth[name])
    ]
    energy, most = row["energy_wh"], truth["energy_wh"]
    return (
        not silent
        and row["state"] == truth["state"]
        and (energy is None or energy == most or (part and energy < most))
    )


SAID_ITSELF = {"FT-01", "SE-04"}
"""What the charge point itself reports on that day: a fault of a connector, a security event."""


@KNOWING
@EACH
def test_no_finding_is_above_info_and_nothing_fails(version: str, knows: bool) -> None:
    for cut, rest in enumerate((whole(version), *heard(version, knows))):
        above = [row for row in rest.result.rows["findings"] if row["severity"] > Severity.INFO]
        assert [row["message"] for row in above if row["rule"] not in SAID_ITSELF] == [], cut
        assert rest.listening.counts.failures == {}


@KNOWING
@EACH
def test_an_answer_to_an_unseen_call_is_an_orphan_and_is_not_judged(version: str, knows: bool) -> None:
    """Cuts between a call and its answer: the answer says nothing, not even that it is wrong."""
    said = recording(version)
    for cut, rest in enumerate(heard(version, knows), 1):
        orphans = [one for one in rest.listening.heard if isinstance(one, facts.ReplyOrphaned)]
        assert len(orphans) == said[cut].text.startswith(b"[3")
        first = rest.result.frames[0]
        assert first["verdict"] == 0 or not orphans


def test_a_nameless_line_may_speak_2_1_though_its_first_message_is_of_2_0_1_too() -> None:
    player = Player([line("", speaks="2.1")])
    status = {"timestamp": NOON, "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
    player.step(calls(CP, "1", "StatusNotification", status))
    player.step(calls(CP, "2", "NotifyPriorityCharging", {"transactionId": "T7", "activated": True}))
    player.step(answers(CSMS, "2"))
    assert [type(one) for one in player.facts] == [facts.StatusChanged, facts.PriorityChargingChanged]
    assert player.of(facts.ConformanceBroken) == []
