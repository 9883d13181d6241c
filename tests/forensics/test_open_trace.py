"""Open OCPP Trace v1.1: every line keeps the published schema, `raw` is what was sent, nothing is left out unsaid."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings

from proxy.forensics.export import open_trace
from proxy.forensics.export.files import Stdout
from proxy.forensics.export.material import Memory, NoFile
from proxy.forensics.traces import Record, records
from proxy.store.client import Store
from tests.forensics.recorded import Recording, a_store, all_of, exported, lines_of, streams
from tests.pipeline.frames import frame
from tests.pipeline.tape import CP, CSMS

JOURNALS = (number.to_bytes(16, "big") for number in itertools.count(1))
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["schemaVersion", "timestamp", "transport", "direction", "messageType"],
    "properties": {
        "schemaVersion": {"const": "1.1"},
        "timestamp": {"type": "string", "format": "date-time"},
        "ocppVersion": {"type": "string"},
        "transport": {"enum": ["json", "soap"]},
        "chargePointId": {"type": "string"},
        "connectorId": {"type": "integer", "minimum": 0},
        "direction": {"enum": ["cp-to-csms", "csms-to-cp"]},
        "messageType": {"enum": ["CALL", "CALLRESULT", "CALLERROR"]},
        "messageId": {"type": "string"},
        "action": {"type": "string"},
        "raw": {"type": "string"},
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "description": {"type": "string"}},
        },
        "meta": {"type": "object"},
    },
    "allOf": [
        {
            "if": {"properties": {"messageType": {"const": "CALL"}}},
            "then": {"required": ["action"]},
        },
        {
            "if": {"properties": {"messageType": {"const": "CALLERROR"}}},
            "then": {"required": ["error"]},
            "else": {"properties": {"error": False}},
        },
    ],
}
"""What reference/open-ocpp-trace-v1.schema.json asks for, said anew."""
PUBLISHED = Path("/work/shared/reference/open-ocpp-trace-v1.schema.json")
VALID = jsonschema_rs.validator_for(SCHEMA, validate_formats=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("trace") / "data") as store:
        yield store


@pytest.fixture
def tape() -> Recording:
    return Recording(next(JOURNALS)).passes(1)


def traced(store: Store, tape: Recording) -> tuple[list[dict[str, Any]], list[dict[str, Any]], Counter[str]]:
    """Records; lines beside them; what is said of these."""
    tape.save(store)
    data, memory, summary = exported(store, all_of(store, tape.journal), open_trace.write)
    beside = memory.files.get(open_trace.COMPANION)
    return lines_of(data), lines_of(beside.getvalue() if beside else b""), Counter(summary.left_out)


@given(play=streams())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_passes_each_line_keeps_the_schema(store: Store, play: Callable[[Recording], None]) -> None:
    tape = Recording(next(JOURNALS)).passes(1)
    play(tape)
    found, beside, said = traced(store, tape)
    published = [jsonschema_rs.validator_for(json.loads(PUBLISHED.read_text()))] if PUBLISHED.exists() else []
    for validator in (VALID, *published):
        assert [error.message for line in found for error in validator.iter_errors(line)] == []
    assert sum(said.values()) == len(beside)
    assert all("raw" in line for line in found)


def test_a_call_and_its_answer(store: Store, tape: Recording) -> None:
    number = tape.opens("CP_7", "2.0.1")
    status = {
        "connectorStatus": "Available",
        "evseId": 2,
        "connectorId": 1,
        "timestamp": "2027-01-15T08:00:00Z",
    }
    tape.exchange(number, "StatusNotification", status, {})
    call, answer = traced(store, tape)[0]
    assert call["payload"] == status
    assert (call["chargePointId"], call["connectorId"], call["ocppVersion"]) == ("CP_7", 1, "2.0.1")
    assert json.loads(call["raw"]) == [2, call["messageId"], "StatusNotification", status]
    assert (answer["messageType"], answer["action"], answer["payload"]) == (
        "CALLRESULT",
        "StatusNotification",
        {},
    )
    assert answer["meta"]["latency_us"] == 20_000
    assert answer["meta"]["session"] == call["meta"]["session"]


def test_an_error_says_its_code(store: Store, tape: Recording) -> None:
    number = tape.opens()
    tape.text(number, CSMS, b'[2,"1","Reset",{}]').text(number, CP, b'[4,"1","NotSupported","no",{"a":[1]}]')
    _, error = traced(store, tape)[0]
    assert error["error"] == {"code": "NotSupported", "description": "no", "details": {"a": [1]}}
    assert (error["action"], error["direction"]) == ("Reset", "cp-to-csms")
    assert "payload" not in error


def test_raw_is_the_text_that_was_sent(store: Store, tape: Recording) -> None:
    text = '[ 2 , "ü","Heartbeat", {"a":1.0e2,"a":2} ]'
    tape.text(tape.opens(compressed=b"1"), CP, text.encode())
    (call,) = traced(store, tape)[0]
    assert call["raw"] == text
    assert call["payload"] == {"a": 2}


def test_what_the_format_cannot_hold_is_beside_it_and_said(store: Store, tape: Recording) -> None:
    number = tape.opens(version="2.1")
    tape.text(number, CP, b'[5,"n","InternalError","",{}]').text(number, CP, b"[2,oops]")
    for opcode in (9, 10, 8):
        tape.says(number, CSMS, bytes((0x80 | opcode, 0)))
    tape.says(number, CP, frame(b'[2,"1",', mask=True, fin=False)).loses(number, CP, 50)
    tape.says(number, CSMS, b"\xff\xff").refuses("CP_1").closes(number)
    found, beside, said = traced(store, tape)
    assert found == []
    assert said - Counter({"findings": said["findings"]}) == {
        "connections opened": 1,
        "connections closed": 1,
        "refused handshakes": 1,
        "messages of types 5 and 6": 1,
        "unreadable messages": 1,
        "fragments": 1,
        "bytes that are no message": 1,
        "pings": 1,
        "pongs": 1,
        "close frames": 1,
        "gaps": 1,
    }
    assert {line["table"] for line in beside} == {"connections", "frames", "gaps", "findings", None}


def test_a_payload_too_deep_to_be_written_stands_in_raw(store: Store, tape: Recording) -> None:
    text = b'[2,"1","DataTransfer",' + b'{"a":' * 1_000 + b"1" + b"}" * 1_000 + b"]"
    tape.text(tape.opens(), CP, text)
    found, _, said = traced(store, tape)
    assert [line["raw"].encode() for line in found] == [text] or said["unreadable messages"] == 1


def test_our_own_reader_reads_it(store: Store, tape: Recording, tmp_path: Path) -> None:
    number = tape.opens("CP_9", "2.1")
    tape.exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:01Z"})
    found, *_ = traced(store, tape)
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, found)))
    read = [record for record in records(file) if isinstance(record, Record)]
    assert [(record.charge_point, record.version, record.direction) for record in read] == [
        ("CP_9", "2.1", CP),
        ("CP_9", "2.1", CSMS),
    ]
    assert {record.session for record in read} == {found[0]["meta"]["session"]}


def test_nothing_stands_beside_stdout(store: Store, tape: Recording) -> None:
    class Alone(Memory):
        def open(self, suffix: str = "") -> Any:
            return Stdout().open(suffix) if suffix else super().open()

    from proxy.forensics.export.reading import materials

    tape.opens()
    tape.save(store)
    summary = open_trace.write(materials(store, all_of(store, tape.journal)), Alone(), lambda count: None)
    assert summary.left_out == {"connections opened": 1}
    with pytest.raises(NoFile):
        Stdout().open(".bin")
