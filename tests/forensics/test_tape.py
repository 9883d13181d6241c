"""A session as it is read back: every row once, in the order of time, however it is paged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from proxy.forensics.export.others import Others
from proxy.forensics.export.reading import Selected, Selection, counted, materials, select
from proxy.forensics.tape import FIRST, LAST, Frame, Head, Paging, extent, frames
from proxy.store.client import Store
from tests.forensics.recorded import Recording, a_store, all_of
from tests.pipeline.frames import frame
from tests.pipeline.tape import CP, CSMS

JOURNALS = (number.to_bytes(16, "big") for number in itertools.count(1))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("tape") / "data") as store:
        yield store


@pytest.fixture
def tape() -> Recording:
    return Recording(next(JOURNALS)).passes(1)


def head(store: Store, tape: Recording) -> Head:
    tape.save(store)
    return all_of(store, tape.journal).heads[0]


def talk(tape: Recording, number: int, exchanges: int = 6) -> Recording:
    for _ in range(exchanges):
        tape.passes(1).exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:01Z"})
    return tape


@pytest.mark.parametrize(
    "paging", [Paging(rows=1), Paging(size=600), Paging(sizes=3), Paging(rows=5, sizes=2)]
)
def test_pages_lose_nothing_and_say_nothing_twice(store: Store, tape: Recording, paging: Paging) -> None:
    talk(tape, tape.opens())
    session = head(store, tape)
    whole = list(frames(store, session))
    assert [row.frame_no for row in whole] == list(range(1, 13))
    assert list(frames(store, session, paging=paging)) == whole


def test_rows_of_one_moment_keep_their_order(store: Store, tape: Recording) -> None:
    number = tape.opens()
    for _ in range(7):
        tape.text(number, CP, b'[2,"1","Heartbeat",{}]').text(number, CSMS, b'[3,"1",{}]')
    session = head(store, tape)
    assert [row.frame_no for row in frames(store, session, paging=Paging(rows=3))] == list(range(1, 15))


def test_a_clock_that_was_set_back_loses_nothing(store: Store, tape: Recording) -> None:
    number = tape.opens()
    talk(tape, number, 1)
    tape.setback = 3_600
    session = head(store, talk(tape, number, 1))
    found = list(frames(store, session))
    assert [row.frame_no for row in found] == [3, 4, 1, 2]
    assert found[0].at < session.at


def test_a_part_of_it(store: Store, tape: Recording) -> None:
    session = head(store, talk(tape, tape.opens()))
    whole = list(frames(store, session))
    part = list(frames(store, session, whole[2].at, whole[5].at))
    assert part == whole[2:6]
    assert extent(store, session, whole[2].at, whole[5].at).count == 4


def test_bytes_are_what_passed(store: Store, tape: Recording) -> None:
    wire = frame(b"\xff\x00[2,", mask=True)
    (row,) = frames(store, head(store, tape.says(tape.opens(), CP, wire)))
    assert isinstance(row, Frame)
    assert (row.payload, row.header, row.mask) == (b"\xff\x00[2,", wire[:2], int.from_bytes(wire[2:6], "big"))
    assert not row.text


def test_the_other_rows_come_in_pages_too(store: Store, tape: Recording) -> None:
    number = tape.opens()
    for _ in range(4):
        status = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
        tape.passes(1).exchange(number, "StatusNotification", status, {})
    session = head(store, tape.text(number, CP, b"[2,oops]"))
    whole = list(Others(store, session, FIRST, LAST))
    assert list(Others(store, session, FIRST, LAST, limit=1)) == whole
    assert [row.table for row in whole].count("statuses") == 4
    assert whole[0].table == "connections"
    assert [row.at for row in whole[1:]] == sorted(row.at for row in whole[1:])


def test_a_finding_of_two_sessions_comes_once(store: Store, tape: Recording) -> None:
    for _ in range(4):
        number = tape.passes(1).opens("CP_B")
        boot = {"chargePointVendor": "V", "chargePointModel": "M"}
        answer = {"status": "Accepted", "interval": 300, "currentTime": "2027-01-15T08:00:01Z"}
        tape.exchange(number, "BootNotification", boot, answer).passes(1).closes(number)
    tape.save(store)
    selected = all_of(store, tape.journal)
    found = [row.row for one in materials(store, selected) for row in one.others if row.table == "findings"]
    assert any(len({connection for connection, _ in row["evidence"]}) > 1 for row in found)
    names = [row["finding_id"] for row in found]
    assert len(names) == len(set(names))


def test_it_is_known_beforehand_how_many_rows_there_are(store: Store, tape: Recording) -> None:
    session = head(store, talk(tape, tape.opens("CP_C")))
    assert counted(store, Selected((session,))) == 12
    assert select(store, Selection(charge_point="CP_C")).heads == (session,)
