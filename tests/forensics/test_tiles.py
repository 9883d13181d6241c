"""Rows find their places in the streams, in whatever order the clock had them come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.forensics.export.material import OtherRow
from proxy.forensics.export.tiles import (
    BEFORE,
    UNEXPLAINED,
    Gap,
    Gaps,
    Tile,
    Tiler,
    gaps_of,
    size_of,
    wire_of,
)
from proxy.forensics.tape import FRAME, OPAQUE, Frame
from proxy.names import Direction
from tests.pipeline.tape import CP, CSMS


def row(number: int, offset: int, payload: bytes = b"1234567890", direction: Direction = CP) -> Frame:
    meaning = 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, "", ""
    return Frame(number, number, offset, direction, OPAQUE, *meaning, b"", payload, b"")


def tiled(rows: list[Frame], gaps: Gaps | None = None, most: int = 100) -> list[Tile]:
    tiler = Tiler(gaps or {}, most_rows=most)
    found = [tile for one in rows for tile in tiler.add(one)]
    return [*found, *tiler.rest()]


def gap_row(direction: str, offset: int, size: int, kind: str = "journal", reason: str = "") -> OtherRow:
    told = {"direction": direction, "stream_offset": offset, "bytes": size, "kind": kind, "reason": reason}
    return OtherRow("gaps", 0, told)


@given(st.permutations(range(12)))
def test_any_order_becomes_the_stream(order: list[int]) -> None:
    rows = [row(number, 10 * (number // 2), direction=(CP, CSMS)[number % 2]) for number in range(12)]
    found = tiled([rows[place] for place in order])
    assert not any(tile.missing or tile.overlaps for tile in found)
    for direction in (CP, CSMS):
        own = [tile.frame.stream_offset for tile in found if tile.frame.direction is direction]
        assert own == [0, 10, 20, 30, 40, 50]


def test_in_the_order_of_time_nothing_waits() -> None:
    tiler = Tiler({})
    assert [len(list(tiler.add(row(number, 10 * number)))) for number in range(3)] == [1, 1, 1]
    assert list(tiler.rest()) == []


def test_behind_a_gap_nothing_waits() -> None:
    gaps = gaps_of(
        [gap_row("from_charge_point", 10, 5, reason="disk full"), gap_row("from_charge_point", 15, 5)]
    )
    tiler = Tiler(gaps)
    assert [tile for number, offset in ((1, 0), (2, 20)) for tile in tiler.add(row(number, offset))] == [
        Tile(row(1, 0), 0),
        Tile(row(2, 20), 10, 10, "journal: disk full; journal"),
    ]


def test_what_no_gap_explains_is_missing_in_the_end() -> None:
    found = tiled([row(1, 0), row(2, 20), row(3, 30)])
    assert [(tile.missing, tile.why) for tile in found] == [(0, ""), (10, UNEXPLAINED), (0, "")]


def test_a_part_of_a_session_begins_where_it_begins() -> None:
    rows = [row(7, 500), row(8, 90, direction=CSMS), row(9, 510), row(10, 100, direction=CSMS)]
    found = tiled(rows)
    assert [tile.frame.frame_no for tile in found] == [7, 8, 9, 10]
    assert [(tile.missing, tile.why) for tile in found[:2]] == [(500, BEFORE), (90, BEFORE)]


def test_what_waits_is_bounded() -> None:
    tiler = Tiler({}, most_rows=3)
    found = [len(list(tiler.add(row(number, 10 * number)))) for number in (0, 2, 3, 4, 5)]
    assert found == [1, 0, 0, 0, 4]


def test_what_waits_is_bounded_in_bytes() -> None:
    tiler = Tiler({}, most_bytes=15)
    assert [len(list(tiler.add(row(number, 10 * number)))) for number in (0, 2, 3)] == [1, 0, 2]


def test_a_row_that_is_there_twice_overlaps() -> None:
    found = tiled([row(1, 0), row(2, 10), row(2, 10), row(3, 20)])
    assert [tile.overlaps for tile in found] == [False, False, True, False]


def test_holes_behind_the_last_row() -> None:
    tiler = Tiler({(CP, 10): Gap(25, "torn"), (CP, 25): Gap(26, "erased on request")})
    assert [len(list(tiler.add(row(1, 0)))), tiler.reached(CP), tiler.reached(CSMS)] == [1, 10, 0]
    assert [(offset, gap.until) for _, offset, gap in tiler.holes_at_the_end()] == [(10, 25), (25, 26)]


def test_gaps_that_are_no_holes_say_nothing() -> None:
    rows = [gap_row("", 0, 9), gap_row("from_csms", 0, 0, "state"), OtherRow("statuses", 0, {"bytes": 3})]
    assert gaps_of(rows) == {}
    assert gaps_of([gap_row("from_csms", 3, 4, "erased", "x")]) == {(CSMS, 3): Gap(7, "erased on request")}


def test_a_masked_frame_is_as_long_as_its_header_says() -> None:
    meaning = 1, 1, 0, 1, 0xA1B2C3D4, 0, 0, 0, 1, 0, None, "", ""
    masked = Frame(0, 1, 0, CP, FRAME, *meaning, b"\x81\xfe\x01\x00", b"***", b"")
    assert (size_of(masked), len(wire_of(masked))) == (4 + 4 + 256, 4 + 4 + 3)
