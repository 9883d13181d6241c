"""A session's rows come back whole, in pages that a reader may ask for, whatever their sizes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.frames import Opcode

from proxy.forensics.find import Session, find_session
from proxy.forensics.stream import Paging, StoredRow, pages, stored_rows
from proxy.forensics.verify import verify_direction
from proxy.names import MAX_CHUNK, connection_id
from proxy.store.client import Role, Store, connect
from tests.pipeline.frames import frame
from tests.recorder.journals import CSMS, JOURNAL, Segment
from tests.recorder.process import record_all

MIB = 1024 * 1024
SESSIONS = {"MIXED": (3_000, 3), "LARGE": (9_000, 72)}
"""Small frames, MiB. By its mean row LARGE would be asked for by 248 rows: 144 MiB at once, in hexadecimal."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions of small frames, then one so large that each MiB of it is a row."""
    data = tmp_path_factory.mktemp("stream")
    segment = Segment()
    small = frame(b"x" * 20, Opcode.PING, mask=False)
    for number, (name, (count, parts)) in enumerate(SESSIONS.items(), 1):
        segment.opens(0.1 * number, number, name)
        sent = count * small + struct.pack("!BBQ", 0x82, 127, parts * MIB) + bytes(parts * MIB)
        for start in range(0, len(sent), MAX_CHUNK):
            segment.says(number + start / len(sent), CSMS, sent[start : start + MAX_CHUNK], number)
        segment.closes(3.0 + number, number)
    segment.mark(6.0).save(data)
    record_all(data)
    return data


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[Store]:
    store = connect("embedded", data, Role.READER)
    yield store
    store.close()


def session(store: Store, name: str) -> Session:
    return find_session(store, connection_id(JOURNAL, 1, 0, 1, list(SESSIONS).index(name) + 1))


def test_small_and_large_rows_in_one_session_verify(store: Store) -> None:
    large = session(store, "LARGE")
    found = verify_direction(store, large, CSMS)
    assert (found.wrong, found.rows) == ("", sum(SESSIONS["LARGE"]) + 1)
    assert found.size == large.byte_counts["from_csms"]


@pytest.mark.parametrize(
    "paging", [Paging(rows=700), Paging(sizes=500), Paging(size=9_000), Paging(size=1_500_000, sizes=3_004)]
)
def test_the_limits_of_a_page_change_nothing(store: Store, paging: Paging) -> None:
    """Not even where a row is larger than a page may be (it is a page of its own), or the sizes end with a page."""
    mixed = session(store, "MIXED")
    assert places(stored_rows(store, mixed, CSMS, paging)) == places(stored_rows(store, mixed, CSMS))


def places(rows: Iterator[StoredRow]) -> list[tuple[int, int, int]]:
    return [(row.frame_no, row.offset, len(row.wire)) for row in rows]


def test_a_page_is_as_large_as_it_may_be() -> None:
    sizes = [(number, 744) for number in range(1, 8)] + [(9, MIB), (10, 0)]
    assert list(pages(sizes, Paging(size=3_000, rows=4))) == [(1, 3), (4, 6), (7, 7), (9, 9), (10, 10)]
    assert list(pages(sizes, Paging(rows=4))) == [(1, 4), (5, 9), (10, 10)]
    assert list(pages([], Paging())) == []
