"""Trace files as others write them: by either name, plain or compressed, and lines that are no records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics import traces
from proxy.forensics.traces import Record, Unreadable, records
from proxy.names import Direction

TEN = 1_795_168_800_000_000_000
"""2026-11-20T10:00:00Z, ns."""
BARE = {"timestamp": "2026-11-20T10:00:00Z", "direction": "cp-to-csms", "raw": '[2,"1","Heartbeat",{}]'}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def read(tmp_path: Path, *lines: dict[str, Any] | str) -> list[Record | Unreadable]:
    file = tmp_path / "trace.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return list(records(file))


def one(tmp_path: Path, **changes: Any) -> Record | Unreadable:
    [record] = read(tmp_path, {name: value for name, value in (BARE | changes).items() if value is not ...})
    return record


def test_a_bare_record(tmp_path: Path) -> None:
    assert one(tmp_path) == Record(1, TEN, "", Direction.FROM_CHARGE_POINT, b'[2,"1","Heartbeat",{}]')


def test_open_ocpp_trace(tmp_path: Path) -> None:
    record = {
        "schemaVersion": "1.1.0",
        "timestamp": "2026-11-20T11:00:00.000001+01:00",
        "transport": "json",
        "ocppVersion": "1.6",
        "chargePointId": "CP_1",
        "direction": "csms-to-cp",
        "messageType": "CALLERROR",
        "messageId": "7",
        "error": {"code": "NotSupported", "description": "no", "details": {"a": 1}},
        "meta": {"who": "knows"},
    }
    text = b'[4,"7","NotSupported","no",{"a":1}]'
    assert read(tmp_path, record) == [Record(1, TEN + 1000, "CP_1", Direction.FROM_CSMS, text, "1.6")]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"messageType": "CALL", "action": "Reset", "payload": {"type": "Hard"}},
            b'[2,"7","Reset",{"type":"Hard"}]',
        ),
        ({"messageType": "CALL", "action": "Heartbeat"}, b'[2,"7","Heartbeat",{}]'),
        ({"messageType": "CALLRESULT", "payload": []}, b'[3,"7",[]]'),
        ({"messageType": "CALLERROR"}, b'[4,"7","","",{}]'),
        ({"messageType": "CALL", "raw": "{oops"}, b"{oops"),
        ({"raw": [2, "1", "Heartbeat", {}]}, b'[2,"1","Heartbeat",{}]'),
    ],
)
def test_what_was_sent(tmp_path: Path, changes: dict[str, Any], text: bytes) -> None:
    record = one(tmp_path, **({"raw": ..., "messageId": "7"} | changes))
    assert isinstance(record, Record)
    assert record.text == text


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2026-11-20T10:00:00", TEN),
        ("2026-11-20T12:00:00+02:00", TEN),
        (TEN // 10**9, TEN),
        (TEN / 10**9 + 0.5, TEN + 500_000_000),
        (TEN // 10**6, TEN),
    ],
)
def test_times(tmp_path: Path, told: Any, at: int) -> None:
    record = one(tmp_path, timestamp=told)
    assert isinstance(record, Record)
    assert record.at == at


@pytest.mark.parametrize(
    ("told", "version"), [("ocpp2.0.1", "2.0.1"), ("1.6J", "1.6"), ("2.1", "2.1"), ("SOAP", ""), (None, "")]
)
def test_versions(tmp_path: Path, told: Any, version: str) -> None:
    record = one(tmp_path, ocppVersion=told)
    assert isinstance(record, Record)
    assert record.version == version


def test_ours_has_events(tmp_path: Path) -> None:
    line = {"at": "2026-11-20T10:00:00Z", "event": "closed", "charge_point": "CP_1", "closed_by": "csms"}
    [record] = read(tmp_path, line)
    assert isinstance(record, Record)
    assert (record.event, record.charge_point, record.told["closed_by"]) == ("closed", "CP_1", "csms")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"timestamp": ...}, "no timestamp"),
        ({"timestamp": "yesterday"}, "timestamp 'yesterday'"),
        ({"timestamp": True}, "timestamp True"),
        ({"direction": "up"}, "no direction"),
        ({"raw": ...}, "neither `raw` nor a messageType"),
        ({"transport": "soap"}, "only OCPP-J"),
    ],
)
def test_a_line_that_is_no_record_says_why(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    found = one(tmp_path, **changes)
    assert isinstance(found, Unreadable)
    assert why in found.why


def test_what_follows_an_unreadable_line_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, "nonsense", "", "[]", BARE)
    assert [(type(entry).__name__, entry.line) for entry in found] == [
        ("Unreadable", 1),
        ("Unreadable", 3),
        ("Record", 4),
    ]


def test_a_line_that_is_too_long_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_LINE", 200)
    found = read(tmp_path, BARE | {"raw": "x" * 1000}, BARE)
    assert [type(entry).__name__ for entry in found] == ["Unreadable", "Record"]


def test_zstandard(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl.zst"
    data = zstd.compress("\n".join(json.dumps(BARE) for _ in range(1000)).encode())
    file.write_bytes(data)
    assert len(list(records(file))) == 1000
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="damaged or cut off"):
        list(records(file))


def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_text(json.dumps(BARE), encoding="utf-8-sig")
    assert [type(entry) for entry in records(file)] == [Record]


def test_progress_adds_up_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_text("\n".join(json.dumps(BARE) for _ in range(5000)))
    seen: list[int] = []
    assert len(list(records(file, seen.append))) == 5000
    assert sum(seen) == file.stat().st_size


@given(
    line=JSON | st.fixed_dictionaries({}, optional=dict.fromkeys([*BARE, "at", "event", "messageType"], JSON))
)
def test_whatever_stands_on_a_line_is_a_record_or_says_why(
    tmp_path_factory: pytest.TempPathFactory, line: Any
) -> None:
    found = read(tmp_path_factory.mktemp("any"), json.dumps(line))
    assert all(isinstance(entry, Record) or entry.why for entry in found)
