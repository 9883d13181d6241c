"""Which rows of a stream go, and what the gaps in their place say; pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from proxy.forensics.erasing_chain import MOST_WAITING, Picker, Row, Stretch, unmasked
from proxy.forensics.erasing_subject import ID_TAG, Search, Subject
from proxy.forensics.stream import StoredGap, StoredRow
from proxy.pipeline.chain import check_of, first_link, next_link
from tests.pipeline.frames import frame
from tests.pipeline.tape import CP

FIRST = first_link(bytes(16), "0123456789abcdef", CP)
TAG = b"04A1B2C3"
TEXT, CONTINUATION, PING = 1, 0, 9


class Tape:
    """Rows one after the other, chained."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.links = [FIRST]
        self.offset = 0

    def says(
        self,
        payload: bytes,
        opcode: int = TEXT,
        fin: int = 1,
        kind: str = "frame",
        header: bytes = b"\x81\x00",
        text: bytes = b"",
    ) -> Tape:
        if kind != "frame" and kind != "part":
            header = b""
        wire = header + payload
        link = next_link(self.links[-1], wire)
        self.links.append(link)
        number = len(self.rows) + 1
        kept = link if kind == "tail" else b""
        stored = StoredRow(number, self.offset, kind, False, check_of(link), "", wire, len(wire), b"", kept)
        self.rows.append(Row(1_000 * number, 7, opcode, fin, header, payload, text, stored))
        self.offset += len(wire)
        return self


HOLDS = Search(Subject(ID_TAG, TAG.decode()))


def picked(
    rows: Sequence[Row], *gaps: StoredGap, every: bool = False
) -> tuple[list[int], list[Stretch], Picker]:
    picker = Picker(FIRST, gaps, None if every else HOLDS)
    numbers = [going.frame_no for row in rows for going in picker.take(row)]
    return numbers + [going.frame_no for going in picker.end()], picker.stretches, picker


def test_neighbours_become_one_stretch_with_the_link_behind_the_last() -> None:
    tape = Tape().says(b"one").says(TAG).says(b"x " + TAG).says(b"four").says(TAG)
    numbers, stretches, _ = picked(tape.rows)
    assert numbers == [2, 3, 5]
    assert stretches == [
        Stretch(5, 5 + 10 + 12, 2_000, 3_000, 7, tape.links[3]),
        Stretch(33, 43, 5_000, 5_000, 7, tape.links[5]),
    ]


def test_all_of_a_charge_point_goes_with_its_tail() -> None:
    tape = Tape().says(b"one").says(b"two").says(b"", kind="tail")
    numbers, stretches, _ = picked(tape.rows, every=True)
    assert numbers == [1, 2, 3]
    assert stretches == [Stretch(0, tape.offset, 1_000, 3_000, 7, tape.links[3])]


def test_a_message_goes_whole_and_the_ping_between_stays() -> None:
    tape = Tape().says(b'{"idTag":"04', fin=0).says(b"", PING).says(b"A1B2C3", CONTINUATION, fin=0)
    tape.says(b'"}', CONTINUATION).says(b"next")
    assert picked(tape.rows)[0] == [1, 3, 4]
    told = Tape().says(b"\x01", fin=0).says(b"\x02", CONTINUATION, text=b"it is " + TAG).says(b"next")
    assert picked(told.rows)[0] == [1, 2]


def test_all_parts_of_a_large_message_go_also_where_the_tag_is_cut() -> None:
    header = b"\x81\x7f" + (3_000).to_bytes(8, "big")
    tape = Tape().says(b"before").says(b"x" * 995 + b" 04A1", kind="part", header=header)
    tape.says(b"B2C3 " + b"x" * 995, kind="part", header=b"").says(b"x" * 1000, kind="part", header=b"")
    assert picked(tape.says(b"behind").rows)[0] == [2, 3, 4]


def test_of_odd_bytes_only_what_holds_it_goes() -> None:
    tape = Tape().says(b"before").says(b"\xff" * 90 + b"04A1", kind="opaque").says(b"B2C3\xff", kind="opaque")
    tape.says(b"\xff 04A1B2C3 \xff", kind="opaque").says(b"\xff", kind="opaque").says(b"", kind="tail")
    assert picked(tape.rows)[0] == [2, 3, 4]


def test_what_was_cut_off_masked_is_searched_unmasked() -> None:
    cut = frame(b'{"idTag":"04A1B2C3"}' * 5, mask=True)[:60]
    assert TAG not in cut
    assert picked(Tape().says(b"before").says(cut, kind="tail").rows)[0] == [2]


@pytest.mark.parametrize("data", [b"", b"\x81", b"\x81\xff\x00\x00", b"\xff" * 40, b"\x81\x85abcdhello" * 3])
def test_anything_can_be_tried_to_unmask(data: bytes) -> None:
    assert isinstance(unmasked(data), bytes)


def test_a_message_without_end_waits_no_longer_than_it_may() -> None:
    tape = Tape().says(b"a", fin=0)
    for _ in range(MOST_WAITING + 50):
        tape.says(b"a", CONTINUATION, fin=0)
    tape.says(TAG, CONTINUATION, fin=0)
    picker = Picker(FIRST, (), HOLDS)
    gone = [going for row in tape.rows for going in picker.take(row)]
    assert gone == []
    assert 1 < len(list(picker.end())) <= MOST_WAITING


def test_what_a_gap_tells_of_already_needs_no_other() -> None:
    tape = Tape().says(b"one").says(TAG).says(TAG).says(b"", kind="tail")
    gap = StoredGap(5, 15, "erased", tape.links[2])
    numbers, stretches, _ = picked(tape.rows, gap)
    assert (numbers, [stretch.offset for stretch in stretches]) == ([2, 3], [15])
    whole = StoredGap(0, tape.offset, "erased", tape.links[4])
    assert picked(tape.rows, whole, every=True)[:2] == ([1, 2, 3, 4], [])
    assert picked(tape.rows[3:], whole, every=True)[:2] == ([4], [])


def test_behind_a_hole_the_chain_goes_on_from_its_link() -> None:
    tape = Tape().says(b"one").says(b"gone").says(TAG)
    rows = [tape.rows[0], tape.rows[2]]
    gap = StoredGap(5, 11, "quarantined", tape.links[2])
    assert picked(rows, gap)[1][0].link == tape.links[3]
    assert picked(rows, msgspec.structs.replace(gap, link=b""))[1][0].link == b""
    assert picked(rows)[1][0].link == b""


def test_a_row_that_is_not_as_it_was_recorded_breaks_the_chain() -> None:
    tape = Tape().says(b"one").says(TAG)
    forged = msgspec.structs.replace(tape.rows[0].stored, wire=b"\x81\x00two")
    rows = [msgspec.structs.replace(tape.rows[0], stored=forged), tape.rows[1]]
    _, stretches, picker = picked(rows)
    assert (stretches[0].link, picker.follower.broken) == (b"", 1)
