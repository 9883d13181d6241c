"""`sessions` and `tail` against a real store."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.forensics import sessions as listing
from proxy.forensics import tail as live
from proxy.forensics.sessions import sessions
from proxy.forensics.tail import tail
from proxy.names import batch_number
from proxy.store.client import Role, Store, connect
from proxy.tables import TABLES
from tests.recorder.journals import Segment, talk
from tests.recorder.process import RecorderProcess, change, record_all


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("questions")
    segment = Segment()
    for number, name in enumerate(("DE1", "DE2", "FR\x1b[31m1"), 1):
        segment.opens(float(number), number, name)
        talk(segment, 3, 10.0 * number, number)
    segment.closes(60.0, 1).save(data)
    record_all(data)
    return data


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[Store]:
    store = connect("embedded", data, Role.READER)
    yield store
    store.close()


def test_sessions_come_newest_first(store: Store) -> None:
    assert [row["charge_point"][:3] for row in sessions(store, listing.Filter())] == ["FR\x1b", "DE2", "DE1"]


def test_sessions_can_be_asked_by_name_time_and_number(store: Store) -> None:
    assert len(sessions(store, listing.Filter(charge_point="DE*"))) == 2
    assert len(sessions(store, listing.Filter(charge_point="DE[1]"))) == 1
    assert len(sessions(store, listing.Filter(charge_point="*D*E*"))) == 2
    assert len(sessions(store, listing.Filter(limit=1))) == 1
    assert sessions(store, listing.Filter(since="2027-01-15T08:01:01Z")) == []
    assert len(sessions(store, listing.Filter(until="2027-01-15T08:00:02Z"))) == 2
    assert sessions(store, listing.Filter(until="2027-01-14")) == []


def test_an_open_session_shows_what_it_has_said_so_far(tmp_path: Path) -> None:
    """Its row was written when it opened; its worker lives."""
    path = talk(Segment().opens(0.5), 3, 1.0).mark(8.0).mark(9.0).save(tmp_path)
    with path.open() as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        recorder = RecorderProcess(tmp_path)
        recorder.wait_for_batch(batch_number(1, 8, 0))
        recorder.kill()
    live = connect("embedded", tmp_path, Role.READER)
    (row,) = sessions(live, listing.Filter())
    live.close()
    assert (row["state"], int(row["frames_from_charge_point"]), int(row["frames_from_csms"])) == (
        "open",
        3,
        3,
    )
    assert row["last_at"].startswith("2027-01-15T08:00:01.5")
    assert int(row["bytes_from_charge_point"]) > 90


def test_a_time_that_is_none_is_said_in_one_line(store: Store) -> None:
    with pytest.raises(ValueError, match="'yesterday' is not a time; write it like"):
        sessions(store, listing.Filter(since="yesterday"))
    with pytest.raises(ValueError, match="'2026-13-45' is not a time"):
        sessions(store, listing.Filter(until="2026-13-45"))


def test_what_a_peer_sent_cannot_drive_a_terminal(store: Store) -> None:
    found = sessions(store, listing.Filter())
    assert "\x1b" not in listing.as_text(found)
    assert "\x1b" not in listing.as_json(found)


def test_sessions_as_json_are_lines(store: Store) -> None:
    lines = listing.as_json(sessions(store, listing.Filter())).splitlines()
    assert {orjson.loads(line)["state"] for line in lines} == {"closed"}


class Enough(Exception):
    pass


def test_tail_shows_rows_of_batches_that_came_since(data: Path, store: Store) -> None:
    """A row that is inserted while it waits is shown, decoded, once."""
    pauses = 0

    def wait(seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses > 2:
            raise Enough
        _insert_again(data, "at")

    shown: list[dict[str, Any]] = []
    with pytest.raises(Enough):
        note_down(tail(store, live.Filter(charge_point="DE1", action="Heartbeat"), wait), shown)
    assert len(shown) == 2 * 6
    assert {row["direction"] for row in shown} == {"from_charge_point", "from_csms"}
    line = live.as_text(shown[0])
    assert "DE1 → Heartbeat" in line
    assert orjson.loads(live.as_json(shown[0]))["text"].startswith("[2,")


def test_tail_reads_only_the_newest_part_of_the_table(data: Path, store: Store) -> None:
    """Not the months before: what is put in there, as a later batch, is not met."""
    ages = ["at - INTERVAL 400 DAY", "at"]

    def wait(seconds: float) -> None:
        if not ages:
            raise Enough
        _insert_again(data, ages.pop(0))

    shown: list[dict[str, Any]] = []
    with pytest.raises(Enough):
        note_down(tail(store, live.Filter(charge_point="DE1"), wait), shown)
    assert len(shown) == 6
    assert {row["at"][:4] for row in shown} == {"2027"}


def test_tail_tells_the_bytes_of_a_frame_on_the_wire(store: Store) -> None:
    newest = live.Shown(2**63, "1970-01-01 00:00:00")
    row = next(live.between(store, live.Filter("DE1"), live.Shown(0, newest.since), newest))
    assert row["bytes"] == 2 + 4 + len(row["text"])


def note_down(rows: Iterator[dict[str, Any]], shown: list[dict[str, Any]]) -> None:
    for row in rows:
        shown.append(row)


def _insert_again(data: Path, at: str) -> None:
    """All frames again as a later batch: what a live recorder would add."""
    columns = ", ".join(f"`{name}`" for name in TABLES["frames"] if name not in ("at", "batch"))
    change(
        data,
        f"INSERT INTO all_frames (at, batch, {columns}) "
        f"SELECT {at}, (SELECT max(batch) + 1 FROM all_frames), {columns} FROM all_frames "
        "WHERE toYear(at) = 2027 LIMIT 1 BY connection_id, frame_no",
    )


def test_a_long_or_hostile_text_is_cut_and_escaped() -> None:
    row: dict[str, Any] = {
        "at": "2026-11-20 13:00:00.000001",
        "charge_point": "A\nB",
        "direction": "from_csms",
        "action": "",
    }
    row |= {"latency_us": None, "opcode": 9, "kind": "frame", "text": "\x07" * 500, "bytes": 500}
    line = live.as_text(row)
    assert "\x07" not in line
    assert "\n" not in line
    assert line.endswith("… (500 bytes)")
