"""The files that refused rows are kept in: once each, whole, bounded, readable by anybody's JSON."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.names import Direction
from proxy.pipeline.batch import Row
from proxy.recorder.quarantine import GAP_NUMBERS, Place, Quarantine, QuarantineFull, Refused, gap_of
from proxy.tables import FRAME_KINDS, TABLES
from proxy.wire.frames import wire_bytes

FRAMES = Place("ab" * 16, 7, "frames")
GAPS = Place("ab" * 16, 7, "gaps")
VALUES = st.none() | st.binary() | st.text() | st.floats() | st.integers() | st.lists(st.text(), max_size=3)


def refused(position: int) -> Refused:
    return Refused(position, f"{FRAMES.token}:{position}-{position}", 'no "row"\nat all', 469)


def frame_row(**values: Any) -> Row:
    empty = {
        "header": b"",
        "payload": b"",
        "link": b"",
        "connection_id": "c",
        "charge_point": "CP",
        "journal": "j",
    }
    return tuple({**dict.fromkeys(TABLES["frames"], 0), **empty, "source": "", **values}.values())


@pytest.fixture
def quarantine(tmp_path: Path) -> Quarantine:
    return Quarantine(tmp_path / "quarantine")


def lines(quarantine: Quarantine, place: Place = FRAMES) -> list[dict[str, Any]]:
    return [json.loads(line) for line in quarantine.path(place).read_text("utf-8").splitlines()]


def test_a_row_is_kept_with_all_that_is_known_of_it(quarantine: Quarantine) -> None:
    assert quarantine.add(FRAMES, refused(3), frame_row(payload=b"\xff{", direction=Direction.FROM_CSMS))
    [line] = lines(quarantine)
    assert list(line) == ["at", "table", "batch", "row", "token", "reason", "code", "values"]
    assert (line["table"], line["batch"], line["row"], line["code"]) == ("frames", 7, 3, 469)
    assert (line["token"], line["reason"]) == (f"{'ab' * 16}:7:frames:3-3", 'no "row"\nat all')
    assert list(line["values"]) == list(TABLES["frames"])
    assert (line["values"]["payload"], line["values"]["direction"]) == ({"hex": "ff7b"}, 2)


def test_a_second_time_changes_nothing_in_no_life(quarantine: Quarantine) -> None:
    for life in (quarantine, quarantine, Quarantine(quarantine.directory)):
        life.add(FRAMES, refused(3), frame_row())
    assert [line["row"] for line in lines(quarantine)] == [3]
    assert quarantine.rows(FRAMES) == {3: refused(3)}


def test_file_and_directory_are_on_the_disk_before_it_goes_on(
    quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    quarantine.add(FRAMES, refused(3), frame_row())
    quarantine.halve(GAPS, (0, 1))
    files = [quarantine.path(FRAMES), quarantine.path(GAPS).with_suffix(".refused")]
    assert synced == [str(path) for file in files for path in (file, quarantine.directory)]


def test_only_the_recorders_user_can_read_it(quarantine: Quarantine) -> None:
    before = os.umask(0)
    try:
        quarantine.add(FRAMES, refused(3), frame_row())
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (quarantine.directory, quarantine.path(FRAMES))]
    assert modes == [0o700, 0o600]


@pytest.mark.parametrize("tail", ['{"at": "20', "", "{" * 5_000_000])
def test_what_a_death_left_of_a_line_goes(quarantine: Quarantine, tail: str) -> None:
    quarantine.add(FRAMES, refused(3), frame_row())
    with quarantine.path(FRAMES).open("a") as file:
        file.write(tail)
    heir = Quarantine(quarantine.directory)
    assert heir.add(FRAMES, refused(4), frame_row())
    assert [line["row"] for line in lines(heir)] == [3, 4]


def test_a_line_that_nobody_can_read_is_no_row(quarantine: Quarantine) -> None:
    quarantine.add(FRAMES, refused(3), frame_row())
    with quarantine.path(FRAMES).open("a") as file:
        file.write('[]\n{"row": "x"}\n\xff\n7\n')
    assert set(quarantine.rows(FRAMES)) == {3}


def test_spans_that_were_refused_are_remembered(quarantine: Quarantine) -> None:
    for span in ((0, 9), (0, 4), (GAP_NUMBERS, GAP_NUMBERS + 1)):
        quarantine.halve(FRAMES, span)
    heir = Quarantine(quarantine.directory)
    assert heir.spans(FRAMES) == {(0, 9), (0, 4), (GAP_NUMBERS, GAP_NUMBERS + 1)}
    assert heir.spans(GAPS) == set()


@pytest.mark.parametrize("text", ["3-3\n", "4-3\n", "-3\n", "x-9\n", "0-9", "\n"])
def test_what_is_no_span_is_none(quarantine: Quarantine, text: str) -> None:
    quarantine.halve(FRAMES, (0, 1))
    path = quarantine.path(FRAMES).with_suffix(".refused")
    path.write_text(path.read_text() + text)
    assert quarantine.spans(FRAMES) == {(0, 1)}


def test_a_batch_has_so_many_rows_at_most_over_all_tables_and_lives(tmp_path: Path) -> None:
    Quarantine(tmp_path, most_rows=2).add(FRAMES, refused(1), frame_row())
    heir = Quarantine(tmp_path, most_rows=2)
    heir.add(GAPS, refused(1), ())
    with pytest.raises(QuarantineFull, match="2 rows of batch 7"):
        heir.add(FRAMES, refused(2), frame_row())
    assert not heir.add(FRAMES, refused(1), frame_row()), "what is there already needs no room"
    assert heir.add(Place(FRAMES.journal, 8, "frames"), refused(2), frame_row())


def test_when_the_directory_is_full_nothing_is_written_until_there_is_room(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, most_bytes=3000)
    quarantine.add(FRAMES, refused(1), frame_row())
    with pytest.raises(QuarantineFull, match="bytes: 3000 are its most"):
        quarantine.add(FRAMES, refused(2), frame_row(payload=bytes(1000)))
    quarantine.path(FRAMES).unlink()
    assert quarantine.add(FRAMES, refused(2), frame_row(payload=bytes(700)))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(VALUES, VALUES, VALUES), st.integers(0, 1 << 64))
def test_whatever_a_row_holds_is_one_line_of_json(quarantine: Quarantine, row: Row, batch: int) -> None:
    place = Place("cd" * 16, batch, "statuses")
    quarantine.path(place).unlink(missing_ok=True)
    Quarantine(quarantine.directory).add(place, refused(0), row)
    text = quarantine.path(place).read_text("ascii")
    assert len(json.loads(text, parse_constant=pytest.fail)["values"]) == len(row)
    assert text.endswith("\n")


# the gap that stands for a frame


HEADER = b"\x81\xfe\x01\x00"
"""A masked text frame of 256 bytes, without its key."""


@pytest.mark.parametrize("masked", [0, 1])
def test_a_gap_is_as_long_as_its_frame_on_the_wire(masked: int) -> None:
    row = frame_row(header=HEADER, payload=bytes(256), masked=masked, kind=FRAME_KINDS["frame"])
    assert told(row)["bytes"] == len(wire_bytes(HEADER, 1, bool(masked), bytes(256)))


@pytest.mark.parametrize(
    ("kind", "header", "size"),
    [
        ("frame", HEADER, 4 + 4 + 256),
        ("frame", b"\x81\x85", 2 + 4 + 5),
        ("part", b"\x01\x85", 2 + 4 + 3),
        ("part", b"", 3),
    ],
)
def test_a_masked_row_is_as_long_as_its_frame_was(kind: str, header: bytes, size: int) -> None:
    row = frame_row(header=header, payload=b"***", redacted=1, masked=1, kind=FRAME_KINDS[kind])
    assert told(row)["bytes"] == size


def test_a_gap_says_where_and_why() -> None:
    row = frame_row(at=5, stream_offset=99, link=b"l" * 32, direction=Direction.FROM_CSMS, batch=7)
    gap = told(row)
    assert (gap["at"], gap["until_at"], gap["batch"], gap["gap_no"]) == (5, 5, 7, GAP_NUMBERS + 12)
    assert (gap["stream_offset"], gap["link"], gap["direction"]) == (99, b"l" * 32, Direction.FROM_CSMS)
    assert (gap["kind"], gap["reason"], gap["connection_id"], gap["charge_point"]) == (
        "quarantined",
        "no",
        "c",
        "CP",
    )


def told(row: Row) -> dict[str, Any]:
    return dict(zip(TABLES["gaps"], gap_of(row, 7, 12, "no"), strict=True))
