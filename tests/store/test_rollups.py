"""Rollups are exact however often a batch is sent; `messages` joins a call with its answer and reads only its keys."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from proxy.store.client import Store

AT = 4_000_000_000_000_000_000
CP, CSMS = 1, 2


def frame(row: Any, number: int, **values: Any) -> tuple[Any, ...]:
    what = {"at": AT + number * 1000, "frame_no": number, "header": b"\x81\x05", "payload": b"hello"}
    made: tuple[Any, ...] = row("frames", **what | values)
    return made


def conversation(row: Any, charge_point: str, calls: int = 40) -> list[tuple[Any, ...]]:
    """Calls of a charge point and their answers, a tenth of them errors."""
    who = {"charge_point": charge_point, "connection_id": charge_point, "action": charge_point}
    rows = []
    for n in range(calls):
        kind = 4 if n % 10 == 0 else 3
        rows.append(frame(row, 2 * n + 1, **who, direction=CP, masked=1, message_type=2))
        rows.append(
            frame(row, 2 * n + 2, **who, direction=CSMS, message_type=kind, latency_us=1000 * (n + 1))
        )
    return rows


MINUTES = """
SELECT sum(frames) AS frames, sum(bytes) AS bytes, sum(calls) AS calls, sum(errors) AS errors,
  sum(latency_count) AS answers, sum(latency_sum_us) AS took, max(latency_max_us) AS longest,
  sumMap(latencies_us) AS many
FROM fleet_minutes WHERE action = {c:String}
"""


def test_a_minute_counts_each_frame_once(writer: Store, reader: Store, row: Any) -> None:
    rows = conversation(row, "minute")
    for _ in range(3):
        writer.insert("frames", rows[:30], "minute:1")
        writer.insert("frames", rows[30:], "minute:2")
    found = json.loads(reader.query(MINUTES, {"c": "minute"}))
    assert (found["frames"], found["calls"], found["errors"], found["answers"]) == (80, 40, 4, 40)
    assert found["bytes"] == 40 * (2 + 4 + 5) + 40 * (2 + 5)
    assert (found["took"], found["longest"]) == (1000 * 820, 40_000)
    assert sum(found["many"].values()) == 40


def test_merging_changes_no_figure(writer: Store, reader: Store, row: Any) -> None:
    for part in range(5):
        rows = [frame(row, part * 10 + n, action="merge", latency_us=12_345) for n in range(10)]
        writer.insert("frames", rows, f"merge:{part}")
    before = reader.query(MINUTES, {"c": "merge"})
    writer.query("OPTIMIZE TABLE all_fleet_minutes FINAL")
    assert reader.query(MINUTES, {"c": "merge"}) == before
    assert json.loads(before)["many"] == {"12000": 50}


@pytest.mark.parametrize(
    ("took", "key"),
    [(0, 0), (99, 99), (104, 100), (105, 110), (999_999, 1_000_000), (2**32 - 1, 4_300_000_000)],
)
def test_latencies_are_rounded_to_two_digits(
    writer: Store, reader: Store, row: Any, took: int, key: int
) -> None:
    action = f"took {took}"
    writer.insert("frames", [frame(row, 1, action=action, latency_us=took)], action)
    assert list(json.loads(reader.query(MINUTES, {"c": action}))["many"]) == [str(key)]


def test_percentiles_over_any_stretch(writer: Store, reader: Store, row: Any) -> None:
    rows = [frame(row, n, action="p95", latency_us=n * 1000) for n in range(1, 101)]
    writer.insert("frames", rows, "p95")
    sql = (
        "SELECT quantileExactWeighted(0.95)(took.1, took.2) FROM fleet_minutes "
        "ARRAY JOIN CAST(latencies_us, 'Array(Tuple(UInt64, UInt64))') AS took WHERE action = 'p95'"
    )
    assert reader.query(sql, format="TSV") == b"95000\n"


def test_an_hour_of_a_charge_point(writer: Store, reader: Store, row: Any) -> None:
    rows = conversation(row, "hour")
    rows += [frame(row, 100, charge_point="hour", kind=2, header=b"\x81\x7f", payload=b"x" * 10)]
    rows += [frame(row, 101, charge_point="hour", kind=2, header=b"", masked=1, payload=b"x" * 5)]
    rows += [frame(row, 102, charge_point="hour", verdict=4), frame(row, 103, charge_point="hour", verdict=3)]
    for _ in range(2):
        writer.insert("frames", rows, "hour")
    found = json.loads(reader.query("SELECT * FROM charge_point_hours WHERE charge_point = 'hour'"))
    assert (found["frames_from_charge_point"], found["frames_from_csms"]) == (43, 40)
    assert found["bytes_from_charge_point"] == 40 * 11 + 12 + 5 + 7 + 7
    assert (found["calls"], found["answers"], found["errors"]) == (40, 40, 4)
    assert (found["unparseable"], found["violations"]) == (1, 1)
    assert (found["first_at"][-6:], found["last_at"][-6:]) == ("000001", "000103")


def test_imports_are_in_no_rollup(writer: Store, reader: Store, row: Any) -> None:
    writer.insert("frames", [frame(row, 1, action="import", source="sha")], "import")
    assert json.loads(reader.query(MINUTES, {"c": "import"}))["frames"] == 0


# messages


def talk(row: Any, connection: str) -> list[tuple[Any, ...]]:
    def said(number: int, direction: int, kind: int, payload: bytes, **values: Any) -> tuple[Any, ...]:
        who = {"charge_point": "talker", "connection_id": connection, "direction": direction}
        return frame(row, number, **who, message_type=kind, payload=payload, **values)

    return [
        said(1, CP, 2, b'[2,"a"]', action="Boot", message_id="a"),
        said(2, CP, 2, b"\xff\x00", action="Ask", message_id="b", text=b'[2,"b"]'),
        said(3, CSMS, 3, b'[3,"a",{}]', answers=1, verdict=1, latency_us=7),
        said(4, CSMS, 4, b'[4,"b","NotSupported","",{}]', answers=2, latency_us=9),
        said(5, CSMS, 2, b'[2,"c"]', action="Reset", message_id="c"),
        said(6, CP, 6, b'[6,"d"]', action="Notify", message_id="d"),
        said(7, CP, 5, b'[5,"c","InternalError","",{}]', answers=5),
        said(8, CSMS, 3, b'[3,"a",{}]', answers=1),
    ]


def test_a_call_stands_with_its_answer(writer: Store, reader: Store, row: Any) -> None:
    writer.insert("frames", talk(row, "talk"), "talk")
    writer.insert("frames", talk(row, "other"), "other talk")
    sql = (
        "SELECT action, request, answer, answer_type, error_code, latency_us, answer_frame_no FROM messages "
        "WHERE charge_point = 'talker' AND connection_id = 'talk' ORDER BY frame_no"
    )
    found = [tuple(json.loads(line).values()) for line in reader.query(sql).splitlines()]
    assert found[1] == ("Ask", '[2,"b"]', '[4,"b","NotSupported","",{}]', 4, "NotSupported", 9, 4)
    assert found[2] == ("Reset", '[2,"c"]', "", 0, "", None, 0)
    assert found[3] == ("Notify", '[6,"d"]', "", 0, "", None, 0)
    assert found[0][:5] == ("Boot", '[2,"a"]', '[3,"a",{}]', 3, "")
    assert len(found) == 4


def test_both_sides_of_messages_are_read_by_key(writer: Store, reader: Store, row: Any) -> None:
    writer.insert("frames", talk(row, "explained"), "explained")
    sql = (
        "EXPLAIN indexes = 1 SELECT count(), sum(length(answer)) FROM messages "
        "WHERE charge_point = 'talker' AND connection_id = 'explained'"
    )
    plan = reader.query(sql, format="TSVRaw").decode()
    assert plan.count("ReadFromMergeTree") == 2
    assert len(re.findall(r"Condition: \(charge_point in \['talker', 'talker'\]\)", plan)) == 2
    assert len(re.findall(r"Name: by_connection", plan)) == 2
