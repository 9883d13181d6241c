from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import pytest

from proxy.forensics.replay import recording as words
from proxy.forensics.replay.recording import Recording, Room, Traced, in_turn, lost_of, messages, of_head
from proxy.forensics.tape import FRAME, OPAQUE, PART, TAIL, Frame, Head
from proxy.forensics.traces import Record, record_of
from proxy.names import Direction
from tests.forensics.replay.talks import BEGIN, CP, CSMS, call, text_of

HEARTBEAT = text_of(call(1, "Heartbeat"))


def frame(number: int = 1, **more: Any) -> Frame:
    values = {"kind": FRAME, "opcode": 1, "fin": 1, "payload": HEARTBEAT, "direction": CP, "text": b""}
    values |= {
        "rsv": 0,
        "masked": 0,
        "mask": 0,
        "message_type": 2,
        "verdict": 1,
        "truncated": 0,
        "redacted": 0,
    }
    values |= {"answers": 0, "latency_us": None, "message_id": "", "action": "", "header": b"\x81\x01"}
    return Frame(at=BEGIN + number, frame_no=number, stream_offset=0, **{**values, **more})


def read(*frames: Frame) -> tuple[list[bytes], Counter[str]]:
    left_out: Counter[str] = Counter()
    return [said.text for said in messages(frames, left_out, Room())], left_out


def test_a_text_frame_is_a_message() -> None:
    left_out: Counter[str] = Counter()
    (said,) = messages([frame(7)], left_out, Room())
    assert (said.place, said.at, said.direction, said.kind, said.action) == (7, BEGIN + 7, CP, 2, "Heartbeat")
    assert not left_out


def test_a_fragmented_or_compressed_message_is_its_text() -> None:
    parts = [frame(1, fin=0, payload=b"[2,"), frame(2, opcode=0, payload=b"...", text=HEARTBEAT)]
    assert read(*parts) == ([HEARTBEAT], Counter())
    assert read(frame(1, rsv=4, payload=b"\x01\x02", text=HEARTBEAT)) == ([HEARTBEAT], Counter())


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (frame(payload=b"[2,\xff]"), words.NOT_UTF8),
        (frame(truncated=1, text=b"[2,"), words.TOO_LONG),
        (frame(opcode=2), "binary messages"),
        (frame(opcode=9), "pings"),
        (frame(opcode=10), "pongs"),
        (frame(rsv=4, payload=b"\x01"), "compressed messages that could not be read"),
        (frame(kind=PART), "parts of frames too long to be read"),
        (frame(kind=OPAQUE), "pieces of bytes that are no frames"),
        (frame(kind=TAIL), "bytes behind the last frame"),
        (frame(fin=0), words.UNENDED),
    ],
)
def test_what_cannot_be_said_again_is_counted(row: Frame, why: str) -> None:
    assert read(row) == ([], Counter({why: 1}))


@pytest.mark.parametrize("row", [frame(opcode=8), frame(kind=TAIL, payload=b"", header=b"")])
def test_what_nobody_misses_is_not(row: Frame) -> None:
    assert read(row) == ([], Counter())


def test_a_message_without_its_secret_is_said_and_counted() -> None:
    assert read(frame(redacted=1)) == ([HEARTBEAT], Counter({words.MASKED: 1}))


def test_too_much_is_an_error_in_one_line() -> None:
    with pytest.raises(ValueError, match="name fewer sessions"):
        list(messages([frame(1), frame(2)], Counter(), Room(messages=1)))
    with pytest.raises(ValueError, match="at once"):
        list(messages([frame(1)], Counter(), Room(size=10)))


def head(**more: Any) -> Head:
    values: dict[str, Any] = dict.fromkeys(Head.__struct_fields__, "")
    values |= {"at": 1, "last_at": 2, "request_head": b"", "response_head": b"", "close_code": 0}
    return Head(**{**values, "connection_id": "5e55", "charge_point": "CP 1", **more})


def test_who_a_session_was() -> None:
    found = of_head(
        head(target="/ocpp/CP%201?x=1", subprotocol="ocpp1.6", compression="deflate", upstream="ws://c")
    )
    assert (found.path, found.offered, found.compressed) == ("/ocpp/CP%201?x=1", "ocpp1.6", True)
    assert (found.session, found.upstream) == ("5e55", "ws://c")


def test_no_subprotocol_is_offered_where_none_was_agreed_on() -> None:
    assert of_head(head(ocpp_version="1.6", response_head=b"HTTP/1.1 101 x\r\n\r\n")).offered == ""
    assert of_head(head(ocpp_version="1.6")).offered == "ocpp1.6"


def test_what_nobody_told_is_made_up_from_what_is_known() -> None:
    assert Recording("CP 1/x").path == "/CP%201%2Fx"
    assert (Recording("a", version="2.0.1").offered, Recording("a").offered) == ("ocpp2.0.1", "")


# traces


def traced(*told: dict[str, Any], file: int = 0, into: Traced | None = None) -> Traced:
    found = into or Traced(Room())
    for number, one in enumerate(told, 1):
        record = record_of(number, json.dumps(one).encode())
        assert isinstance(record, Record), record
        found.record(record, file)
    return found


def line(seconds: float, direction: Direction, message: Any, **more: Any) -> dict[str, Any]:
    raw = message if isinstance(message, str) else json.dumps(message)
    ways = {CP: "cp-to-csms", CSMS: "csms-to-cp"}
    return {"timestamp": 1_800_000_000 + seconds, "direction": ways[direction], "raw": raw, **more}


def test_a_trace_is_a_recording_for_each_charge_point() -> None:
    lines = [line(n, CP, call(n, "Heartbeat"), chargePointId=name) for n, name in enumerate("abab")]
    found = traced(*lines).end()
    assert [(one.charge_point, len(one.spoken)) for one in found] == [("a", 2), ("b", 2)]
    assert [said.place for said in found[1].spoken] == [2, 4]


def test_sessions_of_a_charge_point_are_recordings_in_turn() -> None:
    lines = [
        line(n, CP, call(n, "Heartbeat"), chargePointId="a", meta={"session": name})
        for n, name in enumerate("xy")
    ]
    found = traced(*lines).end()
    assert [one.session for one in in_turn(reversed(found))["a"]] == ["x", "y"]


def test_an_opened_begins_a_new_connection_where_sessions_are_not_named() -> None:
    opened = {"event": "opened", "at": 1_800_000_000, "charge_point": "a"}
    one = line(1, CP, call(1, "Heartbeat"), chargePointId="a")
    assert [len(found.spoken) for found in traced(opened, one, one, opened, one).end()] == [2, 1]


def test_what_opened_and_closed_tell() -> None:
    row = {"target": "/x/a", "subprotocol": "ocpp2.1", "compression": "d", "upstream": "wss://c"}
    opened = {"event": "opened", "at": 1_800_000_000, "charge_point": "a", "session": "s", "row": row}
    closed = {
        "event": "closed",
        "at": 1_800_000_009,
        "charge_point": "a",
        "session": "s",
        "row": {"closed_by": "csms"},
    }
    (found,) = traced(opened, closed).end()
    assert (found.path, found.offered, found.compressed, found.upstream) == (
        "/x/a",
        "ocpp2.1",
        True,
        "wss://c",
    )
    assert (found.closed_by, found.ended - found.began) == ("csms", 9_000_000)


def test_the_target_of_a_head_where_no_other_is_told() -> None:
    for head, path in ((b"GET /y/a?b=c HTTP/1.1\r\n\r\n", "/y/a?b=c"), (b"nonsense", "/a")):
        row = {"request_head": base64.b64encode(head).decode()}
        opened = {"event": "opened", "at": 1_800_000_000, "charge_point": "a", "row": row}
        assert [one.path for one in traced(opened).end()] == [path]


@pytest.mark.parametrize(
    ("action", "payload", "version"),
    [
        ("Heartbeat", {}, "1.6"),
        ("StartTransaction", {}, "1.6"),
        ("TransactionEvent", {}, "2.0.1"),
        ("BootNotification", {"chargingStation": {}}, "2.0.1"),
        ("NotifyPeriodicEventStream", {}, "2.1"),
    ],
)
def test_the_version_is_told_by_what_is_said(action: str, payload: Any, version: str) -> None:
    (found,) = traced(line(1, CP, call(1, action, payload))).end()
    assert found.offered == f"ocpp{version}"


def test_a_trace_and_its_companion_are_one_recording() -> None:
    found = traced(line(2, CP, call(1, "B"), chargePointId="a"))
    traced(
        line(1, CP, "broken", chargePointId="a"),
        line(3, CP, call(2, "C"), chargePointId="a"),
        file=1,
        into=found,
    )
    (recording,) = found.end()
    assert [(said.place, said.action) for said in recording.spoken] == [(1, ""), (2, "B"), (3, "C")]


def test_a_text_that_is_no_utf8_is_left_out() -> None:
    found = traced(line(2, CP, call(1, "A")))
    found.record(Record(3, BEGIN * 1000, "", CP, text=b"\xed\xa0\x80"))
    (recording,) = found.end()
    assert (len(recording.spoken), recording.left_out) == (1, {words.NOT_UTF8: 1})


@pytest.mark.parametrize(
    ("table", "row", "what"),
    [
        ("gaps", {}, "gaps in what was recorded"),
        ("frames", {"kind": "frame", "fin": 1, "opcode": 2}, "binary messages"),
        ("frames", {"kind": "frame", "fin": 1, "opcode": 10}, "pongs"),
        ("frames", {"kind": "frame", "fin": 1, "opcode": 1}, words.NOT_UTF8),
        ("frames", {"kind": "frame", "fin": 1, "opcode": 1, "truncated": 1}, words.TOO_LONG),
        ("frames", {"kind": "opaque"}, "pieces of bytes that are no frames"),
    ],
)
def test_lines_of_ours_that_are_no_messages_are_counted(table: str, row: Any, what: str) -> None:
    told = {"table": table, "charge_point": "a", "session": "s", "row": row}
    assert lost_of(json.dumps(told).encode()) == ("a", "s", what)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"table":1,"row":2,"charge_point":3,"session":4}',
        b'{"table":"frames","charge_point":"a","session":"b","row":{"kind":"tail"}}',
    ],
)
def test_other_lines_are_not(text: bytes) -> None:
    assert lost_of(text) is None
