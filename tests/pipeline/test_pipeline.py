from __future__ import annotations

import hashlib
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode

from proxy.forensics.stream import payload_length
from proxy.heads.connection import Missed, Opened, Refused
from proxy.names import Direction, connection_id
from proxy.pipeline.chain import check_of, first_link, next_link
from proxy.pipeline.identity import Identity
from proxy.pipeline.pipeline import Pipeline
from proxy.tables import FRAME_KINDS
from proxy.wire.frames import wire_bytes
from tests.pipeline.frames import call, frame, result
from tests.pipeline.tape import ANSWER, BEGIN, CP, CSMS, DEFLATE, JOURNAL, Result, Tape, new_pipeline, play


def wire(row: dict[str, Any]) -> bytes:
    return wire_bytes(row["header"], row["mask"], bool(row["masked"]), row["payload"])


def wire_or_stars(row: dict[str, Any]) -> bytes:
    """A masked frame (junk may begin like a compressed one that nobody can inflate) is as long as its header says."""
    if not row["redacted"] or FRAME_KINDS["frame"] != row["kind"]:
        return wire(row)
    return wire(row | {"payload": b"*" * payload_length(row["header"])})


def stream(found: Result, direction: Direction) -> bytes:
    """The direction's bytes, rebuilt from its rows; they must tile it."""
    expected, rebuilt = 0, b""
    for row in found.frames:
        if row["direction"] == direction:
            assert row["stream_offset"] == expected
            rebuilt += wire_or_stars(row)
            expected += len(wire_or_stars(row))
    return rebuilt


def conversation() -> Tape:
    boot = call("1", "BootNotification", {"chargePointVendor": "Volt", "chargePointModel": "X"})
    answer = result("1", {"status": "Accepted", "interval": 300, "currentTime": "2026-11-20T13:00:00Z"})
    tape = Tape().opens()
    tape.says(0.1, CP, frame(boot, mask=True)).says(0.2, CSMS, frame(answer, mask=False))
    return tape


def test_a_call_and_its_answer_become_rows_that_belong_together(pipeline: Pipeline) -> None:
    found = play(conversation().closes(1.5), pipeline)
    asked, answered = found.frames[:2]
    assert (asked["message_type"], asked["action"], asked["latency_us"]) == (2, "BootNotification", None)
    assert (answered["message_type"], answered["action"]) == (3, "BootNotification")
    assert answered["latency_us"] == 100_000


def test_the_connections_row_ends_with_what_was_learnt(pipeline: Pipeline) -> None:
    found = play(conversation().closes(1.5), pipeline)
    (row,) = found.newest("connections", "connection_id")
    assert (row["charge_point"], row["ocpp_version"], row["vendor"], row["model"]) == (
        "CP_1",
        "1.6",
        "Volt",
        "X",
    )
    assert (row["state"], row["closed_by"], row["closed_how"]) == (2, "charge_point", "fin")
    assert row["frames_from_charge_point"] == row["frames_from_csms"] == 1
    assert row["connection_id"] == connection_id(JOURNAL, 1, 0, 1, 1)


def test_each_direction_is_chained_from_its_first_link_to_its_tail(pipeline: Pipeline) -> None:
    found = play(conversation().closes(1.5), pipeline)
    (ended,) = found.newest("connections", "connection_id")
    for direction in (CP, CSMS):
        link = first_link(JOURNAL, ended["connection_id"], direction)
        rows = [row for row in found.frames if row["direction"] == direction]
        for row in rows:
            link = next_link(link, wire(row))
            assert row["check"] == check_of(link)
        assert rows[-1]["kind"] == FRAME_KINDS["tail"]
        assert rows[-1]["link"] == link == ended[f"last_link_{direction.label}"]


def test_rows_of_a_fragmented_message_wait_for_its_end(pipeline: Pipeline) -> None:
    whole = call("7", "Heartbeat")
    tape = Tape().opens()
    tape.says(0.1, CP, frame(whole[:5], fin=False, mask=True))
    tape.says(0.2, CP, frame(b"", Opcode.PING, mask=True))
    tape.says(1.3, CP, frame(whole[5:], Opcode.CONT, mask=True))
    found = play(tape, pipeline)
    first, ping, last = found.frames
    assert {row["batch"] for row in (first, ping, last)} == {found.batches[-1]}
    assert (first["action"], ping["opcode"], last["action"], last["text"]) == ("", 9, "Heartbeat", whole)
    assert first["at"] < ping["at"] < last["at"]


def test_a_compressed_message_is_kept_as_it_was_sent_and_as_it_reads(pipeline: Pipeline) -> None:
    deflate = PerMessageDeflate(False, False, 15, 15)
    tape = Tape().opens(extension=DEFLATE)
    for number in range(3):
        tape.says(0.1, CP, frame(call(str(number), "Heartbeat"), mask=True, deflate=deflate))
    found = play(tape, pipeline)
    assert [row["text"] for row in found.frames] == [call(str(number), "Heartbeat") for number in range(3)]
    assert [row["action"] for row in found.frames] == ["Heartbeat"] * 3
    assert stream(found, CP) == b"".join(wire(row) for row in found.frames)


def test_bytes_that_are_no_frames_are_kept_whole(pipeline: Pipeline) -> None:
    garbage = random.Random(1).randbytes(5000)
    tape = Tape().opens().says(0.1, CP, b"\xff\xff" + garbage).closes(0.5)
    found = play(tape, pipeline)
    assert stream(found, CP) == b"\xff\xff" + garbage
    assert {row["verdict"] for row in found.frames if row["kind"] == FRAME_KINDS["opaque"]} == {4}


def test_a_frame_cut_by_the_close_is_the_tail(pipeline: Pipeline) -> None:
    half = frame(call("1", "Heartbeat"), mask=True)[:9]
    found = play(Tape().opens().says(0.1, CP, half).closes(0.5), pipeline)
    tail = next(row for row in found.frames if row["direction"] == CP)
    assert (tail["kind"], wire(tail)) == (FRAME_KINDS["tail"], half)


def test_a_frame_over_a_mebibyte_is_cut_into_parts(pipeline: Pipeline) -> None:
    big = frame(b"[" + b" " * (5 << 19) + b"]", mask=True)
    tape = Tape().opens()
    for start in range(0, len(big), 65536):
        tape.says(0.1, CP, big[start : start + 65536])
    found = play(tape.closes(0.9), pipeline)
    parts = [row for row in found.frames if row["kind"] == FRAME_KINDS["part"]]
    assert len(parts) == 3
    assert stream(found, CP) == big
    assert found.newest("connections", "connection_id")[0]["frames_from_charge_point"] == 1


def test_offsets_that_jump_are_a_gap_and_footing_is_found_again(pipeline: Pipeline) -> None:
    tape = Tape().opens().says(0.1, CP, frame(call("1", "Heartbeat"), mask=True))
    start = tape.offsets[CP]
    tape.offsets[CP] += 100
    tape.says(0.2, CP, frame(call("2", "Heartbeat"), mask=True)).closes(0.5)
    found = play(tape, pipeline)
    (gap,) = found.rows["gaps"]
    assert (gap["kind"], gap["stream_offset"], gap["bytes"], gap["direction"]) == ("hole", start, 100, CP)
    assert [row["message_id"] for row in found.frames if row["message_id"]] == ["1", "2"]


def test_a_gap_record_says_why_bytes_are_missing(pipeline: Pipeline) -> None:
    tape = Tape().opens().says(0.1, CP, frame(call("1", "Heartbeat"), mask=True)[:10])
    missed = Missed("disk full", until=500)
    tape.at(0.2, lambda pipe: pipe.missed(1, CP, 10, missed)).closes(0.5)
    found = play(tape, pipeline)
    (gap,) = found.rows["gaps"]
    assert (gap["kind"], gap["reason"], gap["stream_offset"], gap["bytes"]) == (
        "journal",
        "disk full",
        10,
        490,
    )
    assert found.frames[0]["kind"] == FRAME_KINDS["opaque"]


def test_time_nobody_observed_is_a_gap_and_does_not_count(pipeline: Pipeline) -> None:
    found = play(Tape().opens().at(10.0), pipeline)
    (gap,) = found.rows["gaps"]
    assert (gap["kind"], gap["until_at"] - gap["at"]) == ("unobserved", 10 * 10**9)
    assert pipeline.time.clock == 2 * 10**9


def test_a_dead_worker_takes_its_connections_with_it(pipeline: Pipeline) -> None:
    found = play(conversation().at(0.3, Pipeline.life_ended), pipeline)
    (row,) = found.newest("connections", "connection_id")
    assert (row["state"], row["closed_by"], row["closed_reason"]) == (2, "proxy", "relay_lost")


def test_a_refused_handshake_is_a_row(pipeline: Pipeline) -> None:
    refused = Refused(
        "CP_9", b"/CP_9", "10.0.0.9:1", status=401, refused_by="csms", reason="status_4xx", count=3
    )
    found = play(Tape().at(0.1, lambda pipe: pipe.refused(5, refused)), pipeline)
    (row,) = found.rows["connections"]
    assert (row["state"], row["status"], row["closed_by"], row["count"]) == (3, 401, "csms", 3)


def test_a_connection_met_in_the_middle_is_recorded_without_a_name(pipeline: Pipeline) -> None:
    tape = Tape()
    tape.offsets[CP] = 777
    found = play(tape.says(0.5, CP, frame(call("1", "Heartbeat"), mask=True)).closes(0.8), pipeline)
    (gap,) = found.rows["gaps"]
    assert (gap["kind"], gap["stream_offset"], gap["bytes"]) == ("hole", 0, 777)
    assert [row["message_id"] for row in found.frames if row["message_id"]] == ["1"]


def test_the_store_may_know_a_connection_that_the_recorder_has_forgotten(pipeline: Pipeline) -> None:
    name = connection_id(JOURNAL, 1, 0, 1, 1)
    identity = Identity(JOURNAL.hex(), name, "CP_1", BEGIN - 5, 1, 0, 0, "")
    opened = Opened("CP_1", response_head=ANSWER % (b"1.6", b""))
    pipeline.forgotten = {name: (identity, opened)}
    tape = Tape()
    tape.offsets[CP] = 777
    found = play(tape.says(0.5, CP, frame(call("1", "Heartbeat"), mask=True)).closes(0.8), pipeline)
    (row,) = found.newest("connections", "connection_id")
    assert (row["charge_point"], row["at"], row["ocpp_version"]) == ("CP_1", BEGIN - 5, "1.6")
    assert found.frames[0]["charge_point"] == "CP_1"
    assert found.frames[0]["frame_no"] > 500_000_000
    (gap,) = found.rows["gaps"]
    assert (gap["kind"], gap["stream_offset"], gap["bytes"]) == ("state", 777, 0)


def test_a_hole_in_a_forgotten_connection_is_a_hole(pipeline: Pipeline) -> None:
    """What begins at its very beginning is not forgotten, and what is missing later is missing."""
    name = connection_id(JOURNAL, 1, 0, 1, 1)
    pipeline.forgotten = {name: (Identity(JOURNAL.hex(), name, "CP_1", BEGIN, 1, 0, 0, ""), Opened("CP_1"))}
    tape = Tape().says(0.5, CP, frame(call("1", "Heartbeat"), mask=True))
    seen = tape.offsets[CP]
    tape.offsets[CP] += 100
    found = play(tape.says(0.6, CP, frame(call("2", "Heartbeat"), mask=True)).closes(0.8), pipeline)
    assert [(gap["kind"], gap["stream_offset"], gap["bytes"]) for gap in found.rows["gaps"]] == [
        ("hole", seen, 100)
    ]


def test_a_batch_is_cut_at_twenty_thousand_frames(pipeline: Pipeline) -> None:
    pings = frame(b"", Opcode.PING, mask=False) * 25_000
    found = play(Tape().opens().says(0.1, CSMS, pings), pipeline)
    first, second = found.batches
    assert second == first + 1
    assert sum(row["batch"] == first for row in found.frames) == 20_000


def test_an_open_connection_is_told_again_each_day(pipeline: Pipeline) -> None:
    tape = conversation()
    for second in range(2, 90_000, 2):
        tape.at(float(second))
    found = play(tape, pipeline)
    days = [(row["batch"] >> 12 & 0xFFFFFFFF) // 86_400 for row in found.rows["connections"]]
    assert days == [0, 1]


def test_reconnecting_for_ever_fills_no_memory(pipeline: Pipeline) -> None:
    tape = Tape()
    for number in range(1, 5000):
        tape.opens(number / 10, number=number)
        tape.closes(number / 10 + 0.01, number=number)
    play(tape, pipeline)
    assert len(pipeline._daily) < 1100
    assert len(msgspec.msgpack.encode(pipeline.state())) < 1000


def test_a_message_between_whose_fragments_too_much_stands_is_given_up(pipeline: Pipeline) -> None:
    first = frame(call("1", "Heartbeat")[:4], fin=False, mask=True)
    tape = Tape().opens().says(0.1, CP, first + frame(b"", Opcode.PING, mask=True) * 5000)
    found = play(tape, pipeline)
    assert len(found.frames) == 5001


def test_how_long_a_worker_was_blind_is_said_when_it_sees_again(pipeline: Pipeline) -> None:
    tape = Tape().opens().at(1.0, lambda pipe: pipe.missed(0, None, 0, Missed("stopped: disk full")))
    found = play(tape.at(2.5).at(3.5), pipeline)
    spans = [(gap["reason"], gap["until_at"] - gap["at"]) for gap in found.rows["gaps"]]
    assert spans == [("stopped: disk full", 0), ("over: stopped: disk full", 1_500_000_000)]


def test_what_went_by_unlisted_is_counted(pipeline: Pipeline) -> None:
    missed = Missed("unseen: journal failed", until=123_456, connections=4711)
    found = play(Tape().at(1.0, lambda pipe: pipe.missed(0, None, 0, missed)), pipeline)
    assert [(gap["bytes"], "4711 connections" in gap["reason"]) for gap in found.rows["gaps"]] == [
        (123_456, True)
    ]
    assert pipeline.batcher.tally.counts["ocpptap_gap_bytes_total"] == {("journal",): 123_456}


MESSAGES = st.lists(
    st.tuples(st.sampled_from([CP, CSMS]), st.sampled_from(["call", "result", "ping", "split", "junk"])),
    max_size=12,
)


def random_tape(messages: list[tuple[Direction, str]], seed: int) -> Tape:
    """A conversation of all kinds, cut into chunks anywhere, over some seconds; compressed, too."""
    rng = random.Random(seed)
    deflate = {direction: PerMessageDeflate(False, False, 15, 15) for direction in (CP, CSMS)}
    streams = {CP: b"", CSMS: b""}
    for number, (direction, kind) in enumerate(messages):
        mask = direction is CP
        text = call(str(number % 3), "Heartbeat") if kind == "call" else result(str(number % 3))
        if kind == "ping":
            streams[direction] += frame(b"x", Opcode.PING, mask=mask)
        elif kind == "split":
            streams[direction] += frame(text[:4], fin=False, mask=mask, deflate=deflate[direction])
            streams[direction] += frame(b"", Opcode.PONG, mask=mask)
            streams[direction] += frame(text[4:], Opcode.CONT, mask=mask, deflate=deflate[direction])
        elif kind == "junk" and number == len(messages) - 1:
            streams[direction] += rng.randbytes(40)
        else:
            streams[direction] += frame(text, mask=mask, deflate=deflate[direction])
    tape, clock = Tape().opens(extension=DEFLATE), 0.0
    while any(streams.values()):
        direction = rng.choice([d for d in streams if streams[d]])
        size = rng.randint(1, 60)
        clock += rng.random()
        tape.says(clock, direction, streams[direction][:size])
        streams[direction] = streams[direction][size:]
    return tape.closes(clock + 1)


@given(messages=MESSAGES, seed=st.integers(0, 2**32), resume_at=st.sets(st.integers(1, 8)))
@settings(max_examples=60, deadline=None)
def test_a_recorder_that_dies_and_resumes_writes_the_same_rows(
    messages: list[tuple[Direction, str]], seed: int, resume_at: set[int]
) -> None:
    tape = random_tape(messages, seed)
    whole = play(tape, new_pipeline())
    pieces = play(tape, new_pipeline(), resume_at)
    assert pieces.rows == whole.rows
    assert pieces.batches == whole.batches


@given(messages=MESSAGES, seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_rows_rebuild_both_streams(messages: list[tuple[Direction, str]], seed: int) -> None:
    tape = random_tape(messages, seed)
    found = play(tape, new_pipeline())
    for direction in (CP, CSMS):
        assert len(stream(found, direction)) == tape.offsets[direction]
        keys = [(row["connection_id"], row["frame_no"]) for row in found.frames]
        assert len(keys) == len(set(keys))


def test_the_same_journal_gives_the_same_bytes_again() -> None:
    tape = random_tape([(CP, "call"), (CSMS, "result"), (CP, "split")], 3)
    digests = {hashlib.sha256(repr(play(tape, new_pipeline()).rows).encode()).hexdigest() for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("table", ["frames", "connections"])
def test_rows_have_every_column(pipeline: Pipeline, table: str) -> None:
    assert play(conversation().closes(1.5), pipeline).rows[table]
