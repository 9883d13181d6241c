"""What messages mean in the rows, and which facts the analyzers hear."""

from __future__ import annotations

import json

from websockets.frames import Opcode

from analyzers import ALL
from proxy.heads.connection import Missed
from proxy.ocpp import facts
from proxy.ocpp.facts import Fact, LifeKind, Where
from proxy.pipeline.pipeline import Pipeline
from proxy.pipeline.runner import Runner
from proxy.pipeline.selection import Selection
from proxy.pipeline.understanding import Understanding
from proxy.tables import VERDICTS
from tests.pipeline.frames import call, frame, result
from tests.pipeline.tape import CP, CSMS, JOURNAL, Result, Tape, new_pipeline, play


class Listening(Runner):
    """Writes down every fact on its way to the analyzers."""

    def __init__(self) -> None:
        super().__init__([kind() for kind in ALL])
        self.heard: list[Fact] = []
        self.lives: list[LifeKind] = []

    def fact(self, fact: Fact) -> None:
        self.heard.append(fact)
        super().fact(fact)

    def alive(self, where: Where, kind: LifeKind) -> None:
        self.lives.append(kind)
        super().alive(where, kind)

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.heard if isinstance(fact, kind)]


def hear(tape: Tape) -> tuple[Listening, Result]:
    listening = Listening()
    return listening, play(tape, Pipeline(JOURNAL, Understanding(listening)))


def message(*parts: object) -> bytes:
    return json.dumps(parts).encode()


def test_an_error_answers_its_call_and_says_its_code() -> None:
    tape = Tape().opens().says(0.1, CSMS, frame(call("a", "Reset"), mask=False))
    tape.says(0.2, CP, frame(message(4, "a", "NotSupported", "", {}), mask=True))
    listening, found = hear(tape)
    (answered,) = listening.of(facts.CallAnswered)
    assert isinstance(answered, facts.CallAnswered)
    assert (answered.action, answered.error, answered.direction) == ("Reset", "NotSupported", CSMS)
    assert (found.frames[1]["message_type"], found.frames[1]["action"]) == (4, "Reset")


def test_an_answer_said_twice_and_one_to_nobody_are_told_apart() -> None:
    tape = Tape().opens().says(0.1, CP, frame(call("a", "Heartbeat"), mask=True))
    for message_id in ("a", "a", "z"):
        tape.says(0.2, CSMS, frame(result(message_id), mask=False))
    listening, found = hear(tape)
    assert len(listening.of(facts.ReplyDuplicated)) == len(listening.of(facts.ReplyOrphaned)) == 1
    assert [row["latency_us"] is None for row in found.frames[1:]] == [False, True, True]


def test_an_objection_to_an_answer_names_the_action() -> None:
    tape = Tape().opens().says(0.1, CP, frame(call("a", "Heartbeat"), mask=True))
    tape.says(0.2, CSMS, frame(result("a"), mask=False))
    tape.says(0.3, CP, frame(message(5, "a", "FormatViolation", "", {}), mask=True))
    listening, found = hear(tape)
    (rejected,) = listening.of(facts.AnswerRejected)
    assert isinstance(rejected, facts.AnswerRejected)
    assert (rejected.action, rejected.code, found.frames[2]["message_type"]) == (
        "Heartbeat",
        "FormatViolation",
        5,
    )


def test_calls_open_at_the_close_are_unanswered() -> None:
    tape = Tape().opens().says(0.1, CP, frame(call("a", "Heartbeat"), mask=True)).closes(0.7)
    (lost,) = hear(tape)[0].of(facts.CallUnanswered)
    assert isinstance(lost, facts.CallUnanswered)
    assert (lost.reason, lost.waited_ns) == ("connection closed", 600_000_000)


def test_a_send_is_read_and_needs_no_answer() -> None:
    tape = (
        Tape()
        .opens()
        .says(0.1, CP, frame(message(6, "s", "NotifyPeriodicEventStream", {}), mask=True))
        .closes(1)
    )
    listening, found = hear(tape)
    assert (found.frames[0]["message_type"], found.frames[0]["action"]) == (6, "NotifyPeriodicEventStream")
    assert listening.of(facts.CallUnanswered) == []


def test_what_no_one_can_read_is_marked_and_told() -> None:
    tape = Tape().opens()
    tape.says(0.1, CP, frame(b'[2,"1","Boot', mask=True)).says(
        0.2, CP, frame(b"\x01\x02", Opcode.BINARY, mask=True)
    )
    listening, found = hear(tape)
    assert {row["verdict"] for row in found.frames} == {VERDICTS["unparseable"]}
    assert len(listening.of(facts.Unparseable)) == 2


def test_pings_show_life_of_the_link_and_close_frames_leave_their_code() -> None:
    tape = Tape().opens().says(0.1, CP, frame(b"", Opcode.PING, mask=True))
    tape.says(0.2, CP, frame((1001).to_bytes(2, "big"), Opcode.CLOSE, mask=True)).closes(0.3)
    listening, found = hear(tape)
    assert listening.lives == [LifeKind.PING]
    assert found.newest("connections", "connection_id")[0]["close_code"] == 1001


def test_a_journal_that_stops_leaves_no_one_silent() -> None:
    tape = Tape().opens().at(0.2, lambda pipeline: pipeline.missed(0, None, 0, Missed("stopped: disk full")))
    listening, found = hear(tape)
    assert len(listening.of(facts.SightLost)) == 1
    assert [(gap["kind"], gap["connection_id"]) for gap in found.rows["gaps"]] == [("journal", "")]


def test_damage_is_a_gap_of_the_worker() -> None:
    tape = Tape().opens().at(0.2, lambda pipeline: pipeline.damaged("damage", "segment 3 at 4096", 512))
    listening, found = hear(tape)
    assert len(listening.of(facts.SightLost)) == 1
    assert [(gap["kind"], gap["bytes"]) for gap in found.rows["gaps"]] == [("damage", 512)]


def test_safe_mode_records_frames_only_and_says_so_once() -> None:
    pipeline = Pipeline(JOURNAL, Understanding(None, "run 1 its beginning"))
    tape = Tape().opens().says(0.1, CP, frame(call("a", "Heartbeat"), mask=True))
    tape.says(0.2, CP, frame(b"", Opcode.PING, mask=True)).says(0.3, CP, b"\xff\xff").closes(0.5)
    found = play(tape, pipeline)
    assert [row["message_type"] for row in found.frames] == [0] * len(found.frames)
    assert [row["rule"] for row in found.rows["findings"]] == ["OT-02"]


def test_other_settings_of_analyzers_are_a_finding() -> None:
    pipeline = new_pipeline()
    tape = Tape().opens().at(0.2, lambda pipe: pipe.understanding.use(Selection(()))).closes(0.5)
    assert [row["rule"] for row in play(tape, pipeline).rows["findings"]] == ["OT-03"]
