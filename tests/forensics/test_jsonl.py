"""`jsonl` holds everything: what is exported, imported and exported again is the same, byte for byte."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from websockets.frames import Opcode

from proxy.forensics.export.jsonl import FrameRow
from proxy.forensics.export.reading import Selection, materials, select
from proxy.forensics.show import Span
from proxy.forensics.traces import Record, records
from proxy.store.client import Role, Store, connect
from proxy.tables import TABLES
from tests.forensics.fleet import SECRET, save_fleet
from tests.forensics.recorded import (
    Recording,
    a_store,
    all_of,
    counts,
    exported,
    import_bytes,
    lines_of,
    streams,
)
from tests.pipeline.frames import frame
from tests.pipeline.tape import CP, CSMS

JOURNALS = (number.to_bytes(16, "big") for number in itertools.count(1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("jsonl") / "data") as store:
        yield store


@pytest.fixture
def tape() -> Recording:
    return Recording(next(JOURNALS)).passes(1)


@given(play=streams())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_passes_comes_back_byte_for_byte(
    store: Store, tmp_path: Path, play: Callable[[Recording], None]
) -> None:
    tape = Recording(next(JOURNALS)).passes(1)
    play(tape)
    tape.save(store)
    data, *_ = exported(store, all_of(store, tape.journal))
    imported = import_bytes(store, tmp_path / "a.jsonl", data)
    assert imported.skipped == 0
    again, *_ = exported(store, all_of(store, source=imported.source))
    assert again == data
    assert all(rows == keys for rows, keys in counts(store, imported.source).values())


def test_a_whole_fleet_comes_back_byte_for_byte(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    save_fleet(data)
    store = connect("embedded", data, Role.WRITER)
    jsonl, _, summary = exported(store, all_of(store))
    imported = import_bytes(store, tmp_path / "a.jsonl", jsonl)
    assert exported(store, all_of(store, source=imported.source))[0] == jsonl
    assert {line["table"] for line in lines_of(jsonl)} >= {"frames", "gaps", "findings", "transactions"}
    assert SECRET.encode() not in jsonl
    assert base64.b64encode(SECRET.encode())[:-2] not in jsonl
    assert summary.frames == sum(line["table"] == "frames" for line in lines_of(jsonl))
    store.close()


def test_a_session_is_told_from_its_opening_to_its_close(store: Store, tape: Recording) -> None:
    number = tape.opens()
    now = {"currentTime": "2027-01-15T08:00:01Z"}
    tape.exchange(number, "Heartbeat", {}, now).passes(1).closes(number).save(store)
    lines = lines_of(exported(store, all_of(store, tape.journal))[0])
    assert [(line["table"], line["event"]) for line in lines] == [
        ("connections", "opened"),
        ("frames", ""),
        ("frames", ""),
        ("frames", "other"),
        ("frames", "other"),
        (None, "closed"),
    ]
    assert lines[-1]["row"]["closed_by"] == "charge_point"
    assert len({line["session"] for line in lines}) == 1


def test_a_message_is_text_and_stands_there_once(store: Store, tape: Recording) -> None:
    number = tape.opens(compressed=b"1")
    tape.text(number, CP, b'[2,"1","Heartbeat",{}]').says(
        number, CSMS, frame(b'[3,"1",{}]', mask=False)
    ).save(store)
    up, down = (line for line in lines_of(exported(store, all_of(store, tape.journal))[0]) if "raw" in line)
    assert (up["raw"], down["raw"]) == ('[2,"1","Heartbeat",{}]', '[3,"1",{}]')
    assert "text" not in up["row"]
    assert base64.b64decode(up["row"]["payload"]) != up["raw"].encode()
    assert "payload" not in down["row"]
    assert down["row"]["text"] == ""


def test_text_that_is_no_utf8_is_bytes(store: Store, tape: Recording) -> None:
    tape.text(tape.opens(), CP, b"[2,\xff]").save(store)
    (line,) = (
        line
        for line in lines_of(exported(store, all_of(store, tape.journal))[0])
        if line["table"] == "frames"
    )
    assert (line["event"], "raw" in line) == ("other", False)
    assert base64.b64decode(line["row"]["payload"]) == b"[2,\xff]"


def test_readers_of_traces_find_messages_and_events(store: Store, tape: Recording, tmp_path: Path) -> None:
    number = tape.opens("CP_R")
    tape.exchange(number, "Heartbeat", {}, {}).says(number, CP, frame(b"", Opcode.PING, mask=True))
    tape.text(number, CP, b"[2,\xff]").loses(number, CSMS, 9).refuses("CP_R").closes(number).save(store)
    file = tmp_path / "a.jsonl"
    file.write_bytes(exported(store, all_of(store, tape.journal))[0])
    read = [record for record in records(file) if isinstance(record, Record)]
    assert read == list(records(file))
    assert [record.event for record in read] == ["opened", "", "", "ping", "closed"]
    assert (read[0].told["upstream"], read[-1].told["how"]) == ("ws://csms", "fin")


def test_sessions_side_by_side_stand_in_the_order_of_time(store: Store, tape: Recording) -> None:
    numbers = [tape.passes(1).opens(f"CP_{name}") for name in "ABC"]
    for turn in range(9):
        tape.passes(1).exchange(numbers[turn % 3], "Heartbeat", {}, {})
    tape.save(store)
    lines = lines_of(exported(store, all_of(store, tape.journal))[0])
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert len({line["session"] for line in lines}) == 3


def test_a_part_of_a_session_is_what_passed_in_that_time(store: Store, tape: Recording) -> None:
    number = tape.opens("CP_PART")
    for _ in range(5):
        tape.passes(60).exchange(number, "Heartbeat", {}, {})
    tape.closes(number).save(store)
    span = Span("2027-01-15T08:02:00Z", "2027-01-15T08:03:30Z")
    lines = lines_of(exported(store, select(store, Selection(charge_point="CP_PART", span=span)))[0])
    assert [line["at"][14:16] for line in lines if "raw" in line] == ["02", "02", "03", "03"]
    assert lines[0]["event"] == "opened"


def test_material_can_be_read_several_times(store: Store, tape: Recording) -> None:
    number = tape.opens("CP_AGAIN")
    tape.exchange(number, "Heartbeat", {}, {}).save(store)
    (material,) = materials(store, select(store, Selection(charge_point="CP_AGAIN")))
    assert list(material.frames) == list(material.frames)
    assert material.count == 2
    assert list(material.others) == list(material.others)


def test_a_frame_has_every_column_of_its_table_in_order() -> None:
    hidden = {"at", "batch", "source", "connection_id", "charge_point"}
    assert list(FrameRow.__struct_fields__) == [name for name in TABLES["frames"] if name not in hidden]
