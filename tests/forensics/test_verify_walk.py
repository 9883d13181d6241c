"""What is honestly missing from a stream, in every position: erased, quarantined, expired; pure."""

from __future__ import annotations

import msgspec
import pytest

from proxy.forensics.export.tiles import why_of
from proxy.forensics.find import Session
from proxy.forensics.lines import gap_text
from proxy.forensics.stream import StoredGap, StoredRow
from proxy.forensics.verify_walk import Stream, Walk
from proxy.pipeline.chain import check_of, first_link, next_link
from tests.pipeline.tape import CP

JOURNAL, NAME, DAY, LATER = bytes(16), "0123456789abcdef", "2027-01-15", "2027-01-16"
WIRES = [bytes([number]) * 10 for number in range(8)]


def stream_of(stored: int = 100, day: str = DAY) -> list[StoredRow]:
    """Eight rows of ten bytes and an empty tail; every `stored`th row and the tail carry their link."""
    link, rows = first_link(JOURNAL, NAME, CP), list[StoredRow]()
    for number, wire in enumerate([*WIRES, b""], 1):
        link = next_link(link, wire)
        kind = "frame" if wire else "tail"
        kept = link if kind == "tail" or number % stored == 0 else b""
        rows.append(
            StoredRow(number, 10 * (number - 1), kind, False, check_of(link), day, wire, len(wire), b"", kept)
        )
    return rows


def link_behind(count: int) -> bytes:
    link = first_link(JOURNAL, NAME, CP)
    for wire in [*WIRES, b""][:count]:
        link = next_link(link, wire)
    return link


SESSION = Session(
    NAME, "", JOURNAL, "CP_1", "2027-01-15 08:00:00.000000", DAY, LATER, "closed",
    {"from_charge_point": 9}, {"from_charge_point": 80}, {"from_charge_point": link_behind(9)},
)  # fmt: skip


def walked(rows: list[StoredRow], *gaps: StoredGap, session: Session = SESSION) -> Stream:
    return Walk(session, CP, gaps, lambda: False).through(rows)


def gap(kind: str, first: int, last: int, link: bytes | None = None, day: str = DAY) -> StoredGap:
    """Rows `first` to `last`, counted from 1, are not there."""
    until = min(80, 10 * last)
    return StoredGap(10 * (first - 1), until, kind, link_behind(last) if link is None else link, day)


def without(rows: list[StoredRow], first: int, last: int) -> list[StoredRow]:
    return [row for row in rows if not first <= row.frame_no <= last]


def altered(rows: list[StoredRow], number: int) -> list[StoredRow]:
    return [
        msgspec.structs.replace(row, wire=b"x" * row.size) if row.frame_no == number else row for row in rows
    ]


PLACES = [(1, 2), (3, 5), (7, 8), (1, 8), (7, 9), (1, 9), (9, 9)]


@pytest.mark.parametrize("kind", ["erased", "quarantined"])
@pytest.mark.parametrize(("first", "last"), PLACES)
def test_what_is_known_to_be_gone_is_not_wrong(kind: str, first: int, last: int) -> None:
    found = walked(without(stream_of(), first, last), gap(kind, first, last))
    assert (found.wrong, found.note) == ("", "")
    assert found.last_link == link_behind(9)
    assert [hole.kind for hole in found.holes] == ([kind] if first < 9 else [])


@pytest.mark.parametrize("kind", ["erased", "quarantined"])
@pytest.mark.parametrize(("first", "last", "other"), [(1, 2, 3), (3, 5, 2), (3, 5, 6), (7, 8, 6)])
def test_a_changed_row_next_to_it_is_found(kind: str, first: int, last: int, other: int) -> None:
    rows = altered(without(stream_of(), first, last), other)
    assert walked(rows, gap(kind, first, last)).wrong.startswith(f"frame_no {other} ")


def test_a_row_deleted_next_to_it_is_found() -> None:
    assert "are missing" in walked(without(stream_of(), 3, 6), gap("erased", 3, 5)).wrong
    found = walked(without(stream_of(), 7, 9), gap("erased", 7, 8))
    assert found.wrong == "what was erased does not end in the link that the connection's row holds"


def test_several_and_neighbours() -> None:
    rows = without(without(stream_of(), 2, 4), 6, 6)
    found = walked(rows, gap("erased", 2, 3), gap("erased", 4, 4), gap("quarantined", 6, 6))
    assert (found.wrong, found.note, found.gaps) == ("", "", 3)


def test_behind_an_erased_stretch_a_gap_of_the_journal_is_checked_too() -> None:
    rows = [msgspec.structs.replace(row, offset=row.offset + 500) for row in stream_of()[4:]]
    lost = StoredGap(40, 540, "journal", link_behind(4))
    session = msgspec.structs.replace(SESSION, byte_counts={"from_charge_point": 580})
    assert walked(rows, gap("erased", 1, 4), lost, session=session).wrong == ""
    forged = msgspec.structs.replace(lost, link=b"x" * 32)
    assert "its link is not the one" in walked(rows, gap("erased", 1, 4), forged, session=session).wrong


def test_a_quarantined_row_without_a_link_leaves_rows_unchecked_up_to_the_next_link() -> None:
    rows = without(stream_of(stored=6), 3, 3)
    found = walked(rows, gap("quarantined", 3, 3, b""))
    assert found.wrong == ""
    assert found.note == "3 rows behind a quarantined one are not checked: up to the next link"
    assert walked(altered(rows, 8), gap("quarantined", 3, 3, b"")).wrong.startswith("frame_no 8 ")
    assert "are missing" in walked(without(rows, 5, 5), gap("quarantined", 3, 3, b"")).wrong


def test_a_quarantined_tail_takes_the_last_link_with_it() -> None:
    found = walked(without(stream_of(), 9, 9), StoredGap(80, 80, "quarantined", b""))
    assert (found.wrong, found.note) == ("", "the last link is not checked: it went with the last row")
    assert "there is no tail" in walked(without(stream_of(), 9, 9)).wrong


def test_erased_behind_expired_rows() -> None:
    """The first day's rows have expired; the later ones were erased, some or all of them."""
    rows = stream_of(day=LATER)
    some = walked(without(rows, 1, 5), gap("erased", 4, 5, day=LATER))
    assert (some.wrong, some.note, [hole.kind for hole in some.holes]) == ("", "", ["erased"])
    found = walked([], gap("erased", 4, 9, day=LATER))
    assert (found.wrong, found.note) == ("", "what stood before the first gap has expired")
    assert walked([], gap("erased", 4, 9)).wrong == "all its rows are gone"
    assert walked([], StoredGap(80, 80, "erased", link_behind(9), LATER)).wrong == ""


def test_rows_that_an_interrupted_erasure_left_are_named() -> None:
    assert "a gap says that it is not there" in walked(stream_of(), gap("erased", 3, 5)).wrong


@pytest.mark.parametrize(
    ("kind", "said", "shown"),
    [
        ("erased", "erased on request", "10 bytes of the CSMS gone: why"),
        (
            "quarantined",
            "quarantined: in <data>/quarantine",
            "10 bytes of the CSMS in <data>/quarantine: why",
        ),
        ("journal", "journal: why", "10 bytes of the CSMS not seen: why"),
    ],
)
def test_export_and_show_have_words_for_it(kind: str, said: str, shown: str) -> None:
    assert why_of(kind, "why") == said
    row = {"kind": kind, "bytes": 10, "direction": "from_csms", "at": "a", "until": "a", "reason": "why"}
    assert gap_text(row) == f"gap ({kind}): {shown}"
