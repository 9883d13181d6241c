"""The recorder's bench: each stage can be measured, figures are made of like with like, goals are told as they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from proxy.names import Direction
from proxy.ocpp import conformance, redaction, registers, times
from proxy.ocpp.correlate import Correlator
from proxy.ocpp.facts import Where
from proxy.ocpp.v16 import charging
from proxy.ocpp.versions import asked
from proxy.pipeline import books, conversation, desk, ledger, rows
from tests.bench.mix import Mix, Shape, write
from tests.bench.payloads import REPORT, V16, V20
from tests.bench.recorder import raw
from tests.bench.recorder_store import Kept, Stored
from tests.bench.recorder_tables import Figures, tables
from tests.bench.stages import STAGES, Does, Sampled, _stage_of, left_out, recorder_over, sampled
from tests.bench.stages_alone import _MADE, Alone, alone, read, redacted, together, validated
from tests.bench.stages_inputs import Deaf, Heard, Inputs, Written, conversing, joined
from tests.bench.stages_messages import NAMES, Cost, best, costs
from tests.bench.unit import Rounds
from tests.evidence import Table

T = TypeVar("T")
SHAPE = Shape(6_000, charge_points=40, per_second=5_000)
PARTS = ("envelope", "correlate", "validate", "redact", "readers")
CP, CSMS = Direction.FROM_CHARGE_POINT, Direction.FROM_CSMS
CALL = b'[2,"1","Heartbeat",{}]'
ANSWER = b'[3,"1",{"currentTime":"2027-01-15T08:00:00Z"}]'


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mix]:
    data = tmp_path_factory.mktemp("mix")
    return data, write(SHAPE, data)


@pytest.fixture(scope="module")
def inputs(written: tuple[Path, Mix]) -> Inputs:
    data, mix = written
    return Inputs(data, mix.frames)


# the loop


def test_the_parts_of_a_sampled_run_add_up(written: tuple[Path, Mix]) -> None:
    data, mix = written
    one = sampled(data, mix.frames)
    assert set(one.stages) == set(STAGES)
    assert sum(one.stages.values()) == pytest.approx(one.total)
    assert (one.frames, one.gaps, one.failures) == (mix.frames, 0, 0)
    assert one.rows["frames"] == mix.frames + 2 * SHAPE.charge_points


@pytest.mark.parametrize(
    ("function", "stage"),
    [
        (conformance.judging.Judge.call, "validate"),
        (redaction.cleared, "redact"),
        (charging.identity, "facts"),
        (times.moment, "facts"),
        (conversation.Conversation.message, "facts"),
        (registers.Registers.reading, "tables"),
        (desk.Desk.fact, "tables"),
        (books.Books.fact, "tables"),
        (rows.row_of, "tables"),
        (ledger.Ledger.fact, "tables"),
    ],
    ids=lambda value: getattr(value, "__qualname__", value),
)
def test_whose_code_is_which_stage(function: object, stage: str) -> None:
    assert _stage_of(function.__code__) == stage  # type: ignore[attr-defined]


def test_what_is_left_out_is_left_out(written: tuple[Path, Mix]) -> None:
    data, mix = written
    assert set(left_out(data, mix.frames)) == set(Does)
    with recorder_over(data, does=Does.NO_ANALYZERS) as recorder:
        assert recorder.pipeline.understanding.runner is not None
        assert recorder.pipeline.understanding.runner.analyzers == ()
    with recorder_over(data, does=Does.FRAMES_ONLY) as recorder:
        assert recorder.pipeline.understanding.safe


# stages alone


def test_each_stage_can_run_alone(inputs: Inputs) -> None:
    found = alone(inputs)
    assert set(found.measured) == set(_MADE)
    assert all(figure > 0 for figure in found.measured.values())
    assert (found.frames, found.messages) == (SHAPE.frames, len(inputs.texts))


def test_a_message_is_a_text_frame(written: tuple[Path, Mix], inputs: Inputs) -> None:
    _, mix = written
    assert len(inputs.texts) == mix.frames - mix.pings == len(inputs.heard)


def test_facts_are_the_conversation_without_what_is_measured_by_itself() -> None:
    one = Alone(dict.fromkeys(_MADE, 1.0) | {"conversation": 10.0}, unit=2_000.0, frames=8, messages=4)
    assert one.stages["facts"] == 6.0
    assert one.stages["tables"] == 3.0
    assert one.understood == (10 - 1 - 1) * 2  # neither JSON nor redaction
    assert one.without_json == (10 - 1) * 2


def test_runs_are_put_together_figure_by_figure() -> None:
    first = Alone(dict.fromkeys(_MADE, 1.0) | {"conversation": 30.0}, 2_000.0, 1, 1)
    second = Alone(dict.fromkeys(_MADE, 2.0) | {"conversation": 20.0}, 2_100.0, 1, 1)
    assert together([first, second], min).stages["facts"] == 16.0


def test_an_answer_is_judged_cleared_and_read_with_its_call() -> None:
    correlator = Correlator(asked(V16))
    call, answer = (
        joined(correlator, Heard(1, V16, who, text, None, Where("CP", "", 1, 1, 1)))
        for who, text in ((CP, CALL), (CSMS, ANSWER))
    )
    assert (call.call, answer.call is not None) == (None, True)
    assert read(call) == []
    assert len(read(answer)) == 1
    assert validated(answer)[1][:2] == (CP, "Heartbeat")
    assert redacted(answer)[1][2] == "Heartbeat"


def test_what_fails_does_not_look_cheap() -> None:
    with pytest.raises(AssertionError, match="reader"):
        Deaf().failed("reader 1.6 Heartbeat")


def test_the_conversations_tell_all_that_is_said(inputs: Inputs) -> None:
    listener, told = Written(), 0
    for work in conversing(inputs.texts, listener):
        work()
        told += len(listener.taken())
    assert told > len(inputs.texts)  # a sign of life or an answer each, and the facts
    assert listener.taken() == []


# kinds of message


def test_each_kind_costs_something_in_each_version() -> None:
    found = costs(batches=2)
    assert len(found) == 2 * sum(map(len, NAMES.values()))
    assert all(one.conversation > one.envelope > 0 for one in found.values())
    report, answer = (found[f"{V20} {NAMES[V20][REPORT]}{what}"] for what in ("", ": answer"))
    assert report.size > 900 > 100 > answer.size


def test_the_best_of_each_figure_is_told() -> None:
    first, second = Cost(1, 9, 2, 1, 1, 1, 1), Cost(1, 8, 3, 1, 1, 1, 1)
    assert best([{"x": first}, {"x": second}]) == {"x": Cost(1, 8, 2, 1, 1, 1, 1)}


# tables


def figures(conversation: float, recorder: float) -> Figures:
    mix = Mix(SHAPE, blocks=400, wire_bytes=1_500_000)
    loop = Sampled(
        20.0, dict.fromkeys(STAGES, 1.0), 0.1, 6_000, 0, 0, 0, {"frames": 6_080, "meter_values": 9_000}
    )
    one = Alone(dict.fromkeys(_MADE, 1.0) | {"conversation": conversation}, 2_000.0, 6_000, 6_000)
    kept = {"frames": Kept(6_080, 60_800), "fleet_minutes": Kept(10, 500), "gaps": Kept(0, 0)}
    life = Stored(recorder, 2.0, 5.0, 6.0, 3.0, 90.0, 300.0, 6_000, 0, 0, "0", kept)
    kinds = {"1.6 Heartbeat": Cost(28, 3.0, 0.5, 0.5, 0.2, 0.2, 0.0)}
    return Figures(
        mix,
        _rounds(loop),
        [one],
        _rounds(kinds),
        _rounds(dict.fromkeys(Does, 10.0)),
        (10.0, 1000.0),
        _rounds(life),
        [],
        [],
    )


def _rounds(one: T) -> Rounds[T]:
    return Rounds([one], [2_000.0], 0)


def table(found: Figures, title: str) -> Table:
    return next(one for one in tables(found) if one.title == title)


def test_what_is_reached_is_said() -> None:
    good = table(figures(conversation=8.0, recorder=20.0), "Figures to reach, best")
    assert [row[2:] for row in good.rows] == [[6.0, "yes"], [3.0, "yes"], [1.0, "yes"], ["50,000", "yes"]]
    bad = table(figures(conversation=12.0, recorder=26.0), "Figures to reach, best")
    assert [row[3] for row in bad.rows] == ["NO", "NO", "yes", "NO"]


def test_rows_and_bytes_are_told_by_table_and_frame() -> None:
    found = table(figures(8.0, 20.0), "Rows and bytes in the store")
    assert found.rows[0] == ["frames", 6_080, "1.013", 6_080, 10.0, "10.13"]
    assert found.rows[1] == ["fleet_minutes", "", "", 10, 50.0, "0.08"]
    assert found.rows[-1][:3] == ["all", 15_080, "2.513"]


def test_what_was_measured_can_be_kept_as_json(written: tuple[Path, Mix]) -> None:
    data, mix = written
    kept = json.loads(json.dumps(raw(replace(figures(8.0, 20.0), stages=_rounds(sampled(data, mix.frames))))))
    assert kept["stages"][0]["rows"]["frames"] == mix.frames + 2 * SHAPE.charge_points
    assert kept["stored"][0]["tables"]["frames"] == {"rows": 6_080, "size": 60_800}


def test_every_row_has_all_columns() -> None:
    assert all(len(row) == len(one.columns) for one in tables(figures(8.0, 20.0)) for row in one.rows)
