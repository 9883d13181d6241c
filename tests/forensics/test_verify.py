"""`verify` finds what a forger changed, names the row, and is not misled by what is honestly missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate

from proxy.forensics.find import find_session
from proxy.forensics.stream import StoredGap, StoredRow
from proxy.forensics.verify import Stream, Walk, verify
from proxy.heads.connection import Missed, encode
from proxy.journal.format import Kind
from proxy.names import connection_id
from proxy.pipeline.chain import check_of, first_link, next_link
from proxy.store.client import Role, Store, connect
from tests.pipeline.frames import call, frame, result
from tests.recorder.journals import CP, CSMS, JOURNAL, Segment, talk
from tests.recorder.process import change, record_all

DAY = 86_400.0
NAMES = (
    "intact", "altered", "deleted", "swapped", "forged", "digest", "beheaded", "tailless", "strange", "erased",
)  # fmt: skip
BEFORE = ("old", "expired", "gaps")
"""Sessions that began on the first day, whose partition expires three days later."""
NUMBER = {name: number for number, name in enumerate((*NAMES, *BEFORE), 1)}
OLD, EXPIRED, GAPS = (NUMBER[name] for name in BEFORE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One session per name."""
    data = tmp_path_factory.mktemp("verify")
    segment = Segment()
    _first_day(segment)
    for number, name in enumerate(NAMES, 1):
        segment.opens(3 * DAY + number, number, name.upper())
        if name == "strange":
            _strange(segment, number)
        else:
            talk(segment, 5, 3 * DAY + 20 + number, number)
        segment.closes(3 * DAY + 60 + number, number)
    _much(segment, 3 * DAY + 100, OLD)
    segment.closes(3 * DAY + 1000, OLD)
    _misses(segment, 3 * DAY + 1001, GAPS)
    _much(segment, 3 * DAY + 1002, GAPS)
    _misses(segment, 3 * DAY + 1500, GAPS)
    segment.closes(3 * DAY + 1501, GAPS).mark(3 * DAY + 1502)
    segment.save(data)
    record_all(data)
    return data


def _first_day(segment: Segment) -> None:
    for begin, name in enumerate(BEFORE):
        segment.opens(100.0 * begin, NUMBER[name], name.upper())
        talk(segment, 20, 100.0 * begin + 1, NUMBER[name])
    segment.closes(300.0, EXPIRED)
    _misses(segment, 301.0, GAPS)
    talk(segment, 2, 302.0, GAPS)


def _much(segment: Segment, at: float, number: int) -> None:
    """1,200 exchanges within a second: one batch, and more rows than stand between two links."""
    for turn in range(1200):
        segment.says(at + turn / 2000, CP, frame(call(f"{turn}", "Heartbeat"), mask=True), number)
        segment.says(at + turn / 2000, CSMS, frame(result(f"{turn}"), mask=False), number)


def _misses(segment: Segment, at: float, number: int) -> None:
    """500 bytes of the charge point that the journal could not take."""
    seen = segment._sent[number, CP]
    gap = Missed("missed: disk full", until=seen + 500)
    segment.block(at, (Kind.GAP, CP, number, seen, encode(gap)))
    segment._sent[number, CP] = seen + 500


def _strange(segment: Segment, number: int) -> None:
    """A gap, compression and an opaque end in one stream."""
    deflate = PerMessageDeflate(False, False, 15, 15)
    at = 3 * DAY + 20 + number
    segment.says(at, CP, frame(call("1", "Heartbeat"), mask=True, deflate=deflate), number)
    _misses(segment, at + 1, number)
    segment.says(at + 2, CP, b"\xff\xfenothing like a frame" * 10, number)


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[Store]:
    store = connect("embedded", data, Role.READER)
    yield store
    store.close()


def id_of(name: str) -> str:
    return connection_id(JOURNAL, 1, 0, 1, NUMBER[name])


def stream(store: Store, name: str) -> Stream:
    """The charge point's half of the verdict."""
    return verify(store, id_of(name)).streams[0]


def forge(data: Path, name: str, what: str, where: str) -> None:
    change(
        data,
        f"ALTER TABLE all_frames {what} WHERE connection_id = '{id_of(name)}' "
        f"AND direction = 'from_charge_point' AND {where} SETTINGS mutations_sync = 1",
    )


def test_an_intact_session_verifies(store: Store) -> None:
    verdict = verify(store, id_of("intact")[:10])
    assert verdict.ok
    assert [found.rows for found in verdict.streams] == [6, 6]


def test_a_session_with_gap_opaque_end_and_compression_verifies(store: Store) -> None:
    found = stream(store, "strange")
    assert (found.wrong, found.gaps) == ("", 1)


def test_an_altered_byte_is_named(data: Path, store: Store) -> None:
    forge(data, "altered", "UPDATE payload = replaceOne(payload, 'Heartbeat', 'HeartbeaT')", "frame_no = 5")
    assert stream(store, "altered").wrong.startswith("frame_no 5 ")


def test_a_deleted_row_is_named(data: Path, store: Store) -> None:
    forge(data, "deleted", "DELETE", "frame_no = 3")
    assert stream(store, "deleted").wrong.startswith("frame_no 5 ")
    assert "are missing" in stream(store, "deleted").wrong


def test_two_rows_exchanged_are_named(data: Path, store: Store) -> None:
    other = "payload = if(frame_no = 3, replaceOne(payload, '-1', '-3'), replaceOne(payload, '-3', '-1'))"
    forge(data, "swapped", f"UPDATE {other}", "frame_no IN (3, 7)")
    assert stream(store, "swapped").wrong.startswith("frame_no 3 ")


def test_a_forged_redaction_is_named(data: Path, store: Store) -> None:
    forge(data, "forged", "UPDATE redacted = 1, payload = '***'", "frame_no = 5")
    assert "frame_no 5 " in stream(store, "forged").wrong
    forge(data, "digest", "UPDATE redacted = 1, keyed_digest = unhex(repeat('ab', 32))", "frame_no = 5")
    assert "frame_no 5 " in stream(store, "digest").wrong


def test_a_missing_beginning_or_end_is_found(data: Path, store: Store) -> None:
    forge(data, "beheaded", "DELETE", "frame_no = 1")
    assert "the first row" in stream(store, "beheaded").wrong
    forge(data, "tailless", "DELETE", "kind = 'tail'")
    assert "no tail" in stream(store, "tailless").wrong


def test_a_session_without_any_row_is_found(data: Path, store: Store) -> None:
    forge(data, "erased", "DELETE", "1")
    assert stream(store, "erased").wrong == "all its rows are gone"


@pytest.fixture(scope="module")
def after_90_days(data: Path, store: Store) -> Store:
    """The first day's partition has expired."""
    assert all(verify(store, id_of(name)).ok for name in BEFORE)
    change(data, "ALTER TABLE all_frames DROP PARTITION '2027-01-15'")
    return store


def test_an_expired_partition_is_no_forgery(after_90_days: Store) -> None:
    found = stream(after_90_days, "old")
    assert found.wrong == ""
    assert "before the first link" in found.note


def test_a_session_all_of_whose_rows_have_expired_is_no_forgery(after_90_days: Store) -> None:
    found = verify(after_90_days, id_of("expired"))
    assert found.ok
    assert [half.rows for half in found.streams] == [0, 0]
    assert all("its 21 rows have expired" in half.note for half in found.streams)
    assert found.streams[0].last_link == found.session.last_link["from_charge_point"] != b""


def test_gaps_and_an_expired_partition_in_one_session_verify(after_90_days: Store) -> None:
    """One gap has expired with its rows, one stands before the first row that is left, one before the last."""
    found = stream(after_90_days, "gaps")
    assert (found.wrong, found.rows, found.gaps) == ("", 1201, 1)
    assert found.last_link == find_session(after_90_days, id_of("gaps")).last_link["from_charge_point"]


def piece(number: int, offset: int, wire: bytes, link: bytes) -> StoredRow:
    return StoredRow(number, offset, "frame", False, check_of(link), "2027-01-15", wire, len(wire), b"", b"")


def test_where_the_recorder_forgot_the_connection_the_chain_begins_anew(store: Store) -> None:
    session = msgspec.structs.replace(find_session(store, id_of("intact")), state="open")
    start = first_link(session.journal, session.connection_id, CP)
    rows = [piece(1, 0, b"one", next_link(start, b"one")), piece(9, 3, b"two", next_link(start, b"two"))]
    forgot = StoredGap(3, 3, "state", start)
    assert Walk(session, CP, [forgot], lambda: False).through(rows).wrong == ""
    assert Walk(session, CP, [], lambda: False).through(rows).wrong.startswith("frame_no 9 ")
