"""What waits for its end in all lanes together is bounded: no byte is lost by that, rows follow from the journal."""

from __future__ import annotations

import itertools
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from proxy.names import Direction
from proxy.pipeline.pipeline import Pipeline
from proxy.tables import FRAME_KINDS
from proxy.wire.frames import wire_bytes
from tests.pipeline.frames import call, frame
from tests.pipeline.tape import CP, CSMS, Result, Tape, new_pipeline, play

KIB = 1024
NUMBERS = (1, 2, 3)
Speech = tuple[int, Direction, str, int]
"""(connection, direction, kind, size)"""
SPEECHES = st.lists(
    st.tuples(
        st.sampled_from(NUMBERS),
        st.sampled_from([CP, CSMS]),
        st.sampled_from(["frame", "message", "ping", "junk", "hole"]),
        st.integers(0, 3_000),
    ),
    max_size=12,
)
BUDGETS = st.sampled_from([0, 10, 500, 2_000, 5_000])


def wire_of(speech: Speech) -> bytes:
    _, direction, kind, size = speech
    mask, text = direction is CP, b"[" + b"x" * size + b"]"
    if kind == "message":
        ping = frame(b"?", Opcode.PING, mask=mask)
        return frame(text, fin=False, mask=mask) + ping + frame(text, Opcode.CONT, mask=mask)
    if kind == "ping":
        return frame(b"x" * (size % 126), Opcode.PING, mask=mask)
    return b"\xff" * size if kind == "junk" else frame(text, mask=mask)


class Told:
    """Three connections that speak all at once, in chunks cut anywhere; some bytes are never seen."""

    def __init__(self, speeches: list[Speech], seed: int) -> None:
        self.seen: dict[tuple[int, Direction], bytearray] = {}
        self.tapes = {number: Tape() for number in NUMBERS}
        self.tape = Tape()
        for number in NUMBERS:
            self._on(number).opens(number=number)
        rng, clock, waiting = random.Random(seed), 0.0, self._streams(speeches)
        while waiting:
            key = rng.choice(sorted(waiting))
            clock += rng.random() / 2
            self._say(clock, *key, waiting[key], rng.randint(1, 800))
            if not waiting[key]:
                del waiting[key]
        for number in NUMBERS:
            self._on(number).closes(clock + 1, number=number)

    def _streams(self, speeches: list[Speech]) -> dict[tuple[int, Direction], list[bytes]]:
        """Of each lane: what it says, an empty one where bytes are lost."""
        streams: dict[tuple[int, Direction], list[bytes]] = {}
        for speech in speeches:
            said = b"" if speech[2] == "hole" else wire_of(speech)
            streams.setdefault(speech[:2], []).append(said)
        return streams

    def _on(self, number: int) -> Tape:
        self.tapes[number].blocks = self.tape.blocks
        return self.tapes[number]

    def _say(self, clock: float, number: int, direction: Direction, said: list[bytes], size: int) -> None:
        tape = self._on(number)
        if not said[0]:
            tape.offsets[direction] += 50
            said.pop(0)
            return
        chunk, said[0] = said[0][:size], said[0][size:]
        tape.says(clock, direction, chunk, number)
        self.seen.setdefault((number, direction), bytearray()).extend(chunk)
        if not said[0]:
            said.pop(0)


def rows_of(found: Result) -> dict[tuple[str, Direction], list[dict[str, Any]]]:
    rows: dict[tuple[str, Direction], list[dict[str, Any]]] = {}
    for row in found.frames:
        rows.setdefault((row["connection_id"], row["direction"]), []).append(row)
    return rows


def wire(row: dict[str, Any]) -> bytes:
    return wire_bytes(row["header"], row["mask"], bool(row["masked"]), row["payload"])


@given(speeches=SPEECHES, seed=st.integers(0, 2**32), most=BUDGETS)
@settings(max_examples=80, deadline=None)
def test_rows_rebuild_every_stream_however_little_may_wait(
    speeches: list[Speech], seed: int, most: int
) -> None:
    told = Told(speeches, seed)
    pipeline = new_pipeline(most)
    found = play(told.tape, pipeline)
    streams = [b"".join(map(wire, rows)) for rows in rows_of(found).values()]
    assert sorted(filter(None, streams)) == sorted(bytes(seen) for seen in told.seen.values())
    for rows in rows_of(found).values():
        spans = [(row["stream_offset"], row["stream_offset"] + len(wire(row))) for row in rows]
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))
    assert pipeline.budget.waiting == 0


@given(speeches=SPEECHES, seed=st.integers(0, 2**32), most=BUDGETS, resume_at=st.sets(st.integers(1, 8)))
@settings(max_examples=80, deadline=None)
def test_a_recorder_that_resumes_relieves_the_same_lanes(
    speeches: list[Speech], seed: int, most: int, resume_at: set[int]
) -> None:
    tape = Told(speeches, seed).tape
    whole = play(tape, new_pipeline(most))
    pieces = play(tape, new_pipeline(most), resume_at)
    assert pieces.rows == whole.rows
    assert pieces.batches == whole.batches


def half_frame(size: int) -> bytes:
    return frame(b"x" * size, mask=True)[:-1]


def half_message(size: int) -> bytes:
    return frame(b"x" * size, fin=False, mask=True)


def connected(count: int, most: int) -> Pipeline:
    tape, pipeline = Tape(), new_pipeline(most)
    for number in range(1, count + 1):
        tape.opens(number=number)
    play(tape, pipeline)
    return pipeline


def measured(pipeline: Pipeline) -> int:
    """What waits, counted lane by lane."""
    connections = pipeline.streams[1, 0, 1].values()
    return sum(lane.waiting for connection in connections for lane in connection.lanes.values())


@pytest.mark.parametrize("half", [half_frame, half_message])
def test_no_more_than_the_budget_waits_whoever_is_connected(half: Any) -> None:
    pipeline, most = connected(50, 100 * KIB), 0
    for number in range(1, 51):
        data = half(10 * KIB)
        for at in range(0, len(data), KIB):
            pipeline.data(number, CP, at, data[at : at + KIB])
            most = max(most, pipeline.budget.waiting)
        assert pipeline.budget.waiting == measured(pipeline)
    assert 75 * KIB < most <= 100 * KIB
    assert len(msgspec.msgpack.encode(pipeline.state())) < 100 * KIB + 50 * KIB


def test_the_largest_make_room_and_the_others_are_read() -> None:
    small = frame(call("1", "Heartbeat"), mask=True)
    tape = Tape().opens().opens(number=2)
    tape.says(0.1, CP, small[:-1], number=2)
    tape.offsets[CP] = 0
    tape.says(0.2, CP, half_frame(4 * KIB))
    tape.at(0.3, lambda pipeline: pipeline.data(2, CP, len(small) - 1, small[-1:]))
    found = play(tape, new_pipeline(2 * KIB))
    kinds = [(row["kind"], row["message_id"]) for row in found.rows["frames"]]
    assert kinds == [(FRAME_KINDS["part"], ""), (FRAME_KINDS["frame"], "1")]


def test_a_frame_without_room_is_unparseable_at_its_end_and_the_next_is_read() -> None:
    tape = Tape().opens().says(0.1, CP, half_frame(4 * KIB)).says(0.2, CP, b"x")
    found = play(tape.says(0.3, CP, frame(call("1", "Heartbeat"), mask=True)), new_pipeline(2 * KIB))
    first, last, heartbeat = found.frames
    assert first["kind"] == last["kind"] == FRAME_KINDS["part"]
    assert (first["verdict"], last["verdict"], heartbeat["action"]) == (0, 4, "Heartbeat")


def test_a_message_without_room_is_unparseable_at_its_beginning_and_the_next_is_read() -> None:
    tape = Tape().opens().says(0.1, CP, half_message(2 * KIB) + frame(b"?", Opcode.PING, mask=True))
    tape.says(0.2, CP, frame(b"]", Opcode.CONT, mask=True) + frame(call("1", "Heartbeat"), mask=True))
    found = play(tape, new_pipeline(3 * KIB))
    assert [row["verdict"] for row in found.frames] == [4, 0, 0, 1]
    assert found.frames[-1]["action"] == "Heartbeat"
