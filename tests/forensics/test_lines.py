"""What a row looks like to people, and that nothing a peer sends can make a line of its own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.lines import closing, event, finding, gap, opening
from proxy.forensics.timeline import Exchange, Pings, Row, Said
from tests.forensics.test_timeline import BLANK

AT = "2026-11-20 13:00:00.000001"
CALL = '[2, "id", "BootNotification", {"chargePointVendor": "A\\"B"}]'
HEADER: dict[str, Any] = {
    "connection_id": "00ff",
    "charge_point": "CP_1",
    "opened": AT,
    "last": AT,
    "state": "closed",
    "status": 101,
    "count": 1,
    "ocpp_version": "1.6",
    "remote_address": "10.0.0.1:4711",
    "target": "/ocpp/CP_1",
    "upstream": "ws://csms",
    "dial_us": 1500,
    "handshake_us": 2500,
    "tls_version": "TLSv1.3",
    "compression": "",
    "vendor": "V",
    "model": "",
    "firmware": "1",
    "close_code": 1000,
    "closed_by": "csms",
    "closed_how": "fin",
    "closed_reason": "",
    "frames_from_charge_point": 3,
    "frames_from_csms": 4,
}


def row(**told: Any) -> Row:
    text = told.get("text", "")
    return msgspec.structs.replace(BLANK, **({"at": AT, "frame_no": 7, "size": len(text.encode())} | told))


def call(**told: Any) -> Row:
    return row(**({"message_type": 2, "action": "BootNotification", "text": CALL} | told))


def test_a_call_has_its_payload_as_it_was_written_and_below_it_its_answer() -> None:
    answer = row(frame_no=8, message_type=3, answers=7, latency_us=12_345, text='[3,"id",{"interval":1.10}]')
    assert event(Exchange(call(), answer), 120) == [
        '13:00:00.000001        7 → BootNotification {"chargePointVendor": "A\\\\"B"}',
        '       +12.3 ms        8 →   {"interval":1.10}',
    ]


def test_a_call_that_nobody_answered_says_so() -> None:
    assert event(Exchange(call(), None), 120)[1].strip() == "no answer seen here"


def test_an_answer_far_from_its_call_says_whose_it_is() -> None:
    late = row(message_type=3, answers=3, latency_us=61_000_000, direction="from_csms", text='[3,"x",{}]')
    assert event(Said(late, late=True), 120)[0].endswith("7 ← answers 3 after 61.0 s: {}")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"message_type": 4, "text": '[4,"-1","NotSupported","no",{}]'}, 'CALLERROR "NotSupported","no",{}'),
        ({"message_type": 3, "text": '[3,"x",{"a":[1]}]'}, 'CALLRESULT {"a":[1]}'),
        ({"verdict": "unparseable", "text": '[2,"x","Oops",{]'}, '[2,"x","Oops",{]'),
        ({"message_type": 2, "action": "A", "text": '[2,"x","A",\n  {"a":\r\n 1}\n]'}, 'A {"a": 1}'),
        ({"opcode": 8, "raw": b"\x03\xe8bye\x1b"}, "close 1000 bye\\x1b"),
        ({"opcode": 8}, "close"),
        ({"opcode": 2, "raw": b"\x00\x01", "size": 2}, "binary 0001 (2 bytes)"),
        ({"opcode": 3}, "frame with opcode 3"),
        ({"kind": "opaque", "raw": b"\xff", "size": 9}, "bytes that are no frames ff… (9 bytes)"),
        ({"kind": "tail", "raw": b"\x81", "size": 1}, "left over at the close 81 (1 byte)"),
        ({"kind": "part", "text": "{", "fin": False}, "part of a frame {"),
        ({"kind": "opaque", "raw": b"**", "size": 2, "redacted": True},
         "bytes that are no frames 2 bytes (secret masked)"),
        ({"action": "A", "message_type": 2, "text": '[2,"x","A",{}]', "fragments": 3}, "A {} (3 frames)"),
        ({"opcode": 1, "fin": False, "text": "[2"}, "text [2 (no end)"),
        ({"text": "x", "truncated": True}, "text x (cut short)"),
    ],
)  # fmt: skip
def test_what_else_passes_has_a_name(told: dict[str, Any], said: str) -> None:
    assert event(Said(row(**told)), 120)[0] == f"13:00:00.000001        7 → {said}"


def test_what_is_wrong_stands_below() -> None:
    bad = call(verdict="violation", rule="enum", pointer="/status", clause="OCPP 1.6 §6.47")
    assert event(Said(bad), 120)[1].strip() == "! violation: enum at /status (OCPP 1.6 §6.47)"
    assert event(Said(call(verdict="unparseable")), 120)[1].strip() == "! unparseable"


def test_pings_are_counted() -> None:
    last = row(at="2026-11-20 13:05:00.000000")
    assert event(Pings(row(), last, 12, 1), 120) == [
        "13:00:00.000001        7 · 12 pings, 1 pong until 13:05:00"
    ]
    assert event(Pings(row(), row(), 1, 0), 120)[0].endswith("· 1 ping")


def test_a_line_that_is_cut_says_how_long_the_message_is() -> None:
    long = call(text=f'[2,"id","BootNotification",{{"a":"{"é" * 200}"}}]')
    (line,) = event(Said(long), 100)
    assert len(line) == 100
    assert line.endswith(f"é… ({long.size} bytes)")
    assert event(Said(long), 1_000)[0].endswith('é"}')


def test_a_line_of_any_width_is_whole() -> None:
    assert event(Said(row(text="x" * 5_000)), 6_000)[0].endswith("x" * 5_000)


def test_what_the_store_gave_only_in_part_is_never_shown_as_whole() -> None:
    assert event(Said(call(size=9_000)), 120)[0].endswith("… (9000 bytes)")


@given(st.text(), st.text(), st.integers(0, 6), st.booleans())
def test_peers_cannot_make_lines_or_drive_a_terminal(
    text: str, name: str, message_type: int, redacted: bool
) -> None:
    safe = row(text=text, action=name, message_type=message_type, pointer=name, verdict="violation")
    for line in event(Said(msgspec.structs.replace(safe, redacted=redacted)), 120):
        assert line.isprintable()


def test_the_head_says_who_and_the_foot_who_closed_first() -> None:
    assert opening(HEADER, 120) == [
        "CP_1 · V · firmware 1 · OCPP 1.6 · session 00ff",
        "opened 2026-11-20T13:00:00.000001Z from 10.0.0.1:4711 /ocpp/CP_1 to ws://csms, TLSv1.3",
        "the CSMS was dialled in 1.5 ms and answered after 2.5 ms",
    ]
    assert closing(HEADER, 120) == [
        "closed 2026-11-20T13:00:00.000001Z · the CSMS first (fin) · close code 1000 · 3 frames up, 4 down"
    ]
    assert closing(HEADER | {"state": "open"}, 120) == ["still open"]


def test_a_refusal_says_by_whom() -> None:
    refused = HEADER | {"state": "refused", "status": 403, "count": 2, "closed_reason": "csms answered 403"}
    (line,) = closing(refused, 120)
    assert line == (
        "refused 2 times until 2026-11-20T13:00:00.000001Z by the CSMS with HTTP status 403: csms answered 403"
    )


def test_gaps_and_findings_are_wrapped() -> None:
    missing = {"at": AT, "until": AT, "kind": "hole", "direction": "from_csms", "bytes": "9", "reason": "why"}
    assert gap(missing, 120) == ["13:00:00.000001          ! gap (hole): 9 bytes of the CSMS not seen: why"]
    unseen = missing | {"bytes": "0", "until": "2026-11-20 14:00:00.000000", "direction": ""}
    assert gap(unseen, 120)[0].endswith("time not seen until 2026-11-20T14:00:00.000000Z: why")
    told = {"at": AT, "severity": "warning", "rule": "HB-01", "analyzer": "silence", "cleared": AT}
    found = finding(told | {"message": "says nothing " * 9}, 80)
    assert max(map(len, found)) <= 80
    assert " ".join(map(str.strip, found)).endswith("(over: 2026-11-20T13:00:00.000001Z)")
