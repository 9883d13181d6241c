"""What `verify` says of verdicts: a line each, in full, as JSON, and in sum."""

from __future__ import annotations

import json

from proxy.forensics.find import Session
from proxy.forensics.verify import Hole, Stream, Verdict
from proxy.forensics.verify_text import Sum, as_json, in_a_line, in_full
from tests.pipeline.tape import CP, CSMS


def verdict(*streams: Stream, wrong: str = "", original: str = "") -> Verdict:
    nothing = {"from_charge_point": 0, "from_csms": 0}
    at, day = "2027-01-15 08:00:00.000000", "2027-01-15"
    session = Session("3f2a", "", b"", "CP\x1b[31m", at, day, day, "closed", nothing, nothing, {})
    return Verdict(session, streams, original or "3f2a", wrong)


def holes(count: int, kind: str = "journal") -> tuple[Hole, ...]:
    return tuple(Hole(kind, 10 * number, 5) for number in range(count))


GOOD = Stream(CP, 3, 1200, "ab" * 32, b"\x01\x02", 0)
MASKED = Stream(CSMS, 2, 90, "", b"\x03", 0, note="1 rows are masked", masked=1)
ERASED = Stream(CP, 2, 90, "cd", b"\x03", 2, holes=(Hole("erased", 5, 7), Hole("hole", 50, 1)))


def test_a_line_and_nothing_below_it_where_all_is_well() -> None:
    assert list(in_a_line(verdict(GOOD))) == [
        "ok     3f2a  CP\\x1b[31m  2027-01-15T08:00:00.000000Z  3 rows  1,200 bytes"
    ]


def test_what_differs_and_gaps_stand_below_the_line() -> None:
    bad = Stream(CSMS, 1, 9, "", b"", 0, wrong="frame_no 5: other bytes")
    lines = list(in_a_line(verdict(ERASED, bad)))
    assert lines[0].startswith("WRONG  ")
    assert [line.strip() for line in lines[1:]] == [
        "from_charge_point: gap: 7 bytes from offset 5 on: erased on request",
        "from_charge_point: gap: 1 bytes from offset 50 on: hole",
        "from_csms: frame_no 5: other bytes",
    ]


def test_of_many_gaps_the_first_are_named() -> None:
    lines = list(in_full(verdict(Stream(CP, 3, 9, "", b"", 5_000, holes=holes(1_000)))))
    assert len(lines) == 2 + 1 + 20 + 1
    assert lines[-1] == "  gap: and 4,980 more"


def test_in_full_there_are_the_sums_to_note_elsewhere() -> None:
    lines = list(in_full(verdict(GOOD, MASKED, original="77aa")))
    assert lines[1] == "imported; recorded as 77aa"
    assert f"sha256 {'ab' * 32}" in lines[2]
    assert lines[3] == "  as recorded; last link 0102"
    assert "sha256 not known" in lines[4]


def test_a_session_that_is_wrong_as_a_whole() -> None:
    assert list(in_a_line(verdict(wrong="no row tells of it")))[1].strip() == "no row tells of it"
    assert list(in_full(verdict(wrong="no row tells of it")))[1].strip() == "no row tells of it"


def test_as_an_object() -> None:
    told = json.loads(as_json(verdict(GOOD, ERASED)))
    assert (told["session"], told["ok"], told["wrong"]) == ("3f2a", True, "")
    assert told["streams"][0]["last_link"] == "0102"
    assert told["streams"][1]["gaps"][0] == {"kind": "erased", "offset": 5, "bytes": 7}
    assert not json.loads(as_json(verdict(wrong="x")))["ok"]


def test_the_sum_of_all() -> None:
    found = Sum()
    for one in (verdict(GOOD, MASKED), verdict(ERASED), verdict(wrong="x")):
        found.add(one)
    assert found.text == (
        "3 sessions, 7 rows, 1,380 bytes: 1 not as recorded; gaps: 1 erased on request, 1 hole; 1 rows masked"
    )
    assert json.loads(found.json)["summary"]["gaps"] == {"erased": 1, "hole": 1}
    assert Sum().text == "0 sessions, 0 rows, 0 bytes: all as recorded; gaps: none"
