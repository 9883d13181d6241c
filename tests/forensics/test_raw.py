"""`raw`: byte for byte what passed; what is missing or masked is left out, and named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.forensics.export import raw
from proxy.forensics.export.files import outputs_of
from proxy.forensics.export.material import NoFile
from proxy.forensics.export.reading import materials
from proxy.names import DIRECTIONS, Direction
from proxy.store.client import Store
from tests.forensics.recorded import KINDS, Recording, a_store, all_of
from tests.forensics.wires import SECRET, Wires, everything, of, written
from tests.pipeline.tape import CP, CSMS

JOURNAL = bytes(range(16))
PLACE = re.compile(r"(from_\w+): ([\d,]+) bytes from offset ([\d,]+) on left out: (.*)")


@pytest.fixture(scope="module")
def tape() -> Wires:
    tape = Wires(JOURNAL)
    everything(tape.passes(1))
    return tape


@pytest.fixture(scope="module")
def store(tape: Wires, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("raw") / "data") as store:
        tape.save(store)
        yield store


def files_of(store: Store, name: str) -> dict[str, bytes]:
    return written(store, of(store, name), raw.write)[0]


def left_out(files: dict[str, bytes]) -> list[tuple[str, int, int, str]]:
    """(direction, offset, bytes, why)"""
    lines = files.get(raw.LEFT_OUT, b"").decode().splitlines()
    found = [re.fullmatch(PLACE, line) for line in lines]
    assert all(found)
    return [(told[1], number(told[3]), number(told[2]), told[4]) for told in found if told]


def number(text: str) -> int:
    return int(text.replace(",", ""))


def without(sent: bytes, direction: Direction, places: list[tuple[str, int, int, str]]) -> bytes:
    kept, at = b"", 0
    for label, offset, size, _ in sorted(places):
        if label == direction.label:
            kept, at = kept + sent[at:offset], offset + size
    return kept + sent[at:]


@pytest.mark.parametrize("name", ["PLAIN", "DEFLATED", "SIX", "TLS", "BACK", "GARBAGE", "OPEN"])
def test_both_streams_are_what_passed(tape: Wires, store: Store, name: str) -> None:
    """Fragments, compression, a frame of 2.5 MB, bytes that are no frames, a clock that was set back."""
    files = files_of(store, name)
    assert sorted(files) == [".from_charge_point.bin", ".from_csms.bin", ".heads.txt"]
    for direction in DIRECTIONS:
        assert files[f".{direction.label}.bin"] == bytes(tape.sent[name, direction])


@pytest.mark.parametrize("name", ["HOLES", "MASKED", "DARK"])
def test_what_is_missing_or_masked_is_left_out_and_named(tape: Wires, store: Store, name: str) -> None:
    files = files_of(store, name)
    for direction in DIRECTIONS:
        expected = without(bytes(tape.sent[name, direction]), direction, left_out(files))
        assert files[f".{direction.label}.bin"] == expected
    assert SECRET.encode() not in b"".join(files.values())


def test_holes_are_named_with_their_gaps(store: Store) -> None:
    files, summary = written(store, of(store, "HOLES"), raw.write)
    places = left_out(files)
    assert sorted(place[2] for place in places) == [9, 100, 500]
    assert all(place[3] == "journal: missed: disk full" for place in places)
    assert len(summary.notes) == 3
    assert "500 bytes from offset" in summary.notes[0]


def test_neighbours_that_are_masked_are_one_place(store: Store) -> None:
    """A message and the first fragment of another; the ping between the fragments is there; two fragments."""
    assert [place[3] for place in left_out(files_of(store, "MASKED"))] == ["masked", "masked"]


def test_the_heads_stand_beside_them(tape: Wires, store: Store) -> None:
    assert files_of(store, "PLAIN")[".heads.txt"] == tape.head("PLAIN", CP) + tape.head("PLAIN", CSMS)


def test_several_sessions_have_their_ids_in_the_names(store: Store) -> None:
    found = of(store, "PLAIN", "TLS")
    files, summary = written(store, found, raw.write)
    assert summary.sessions == 2
    assert {suffix[:17] for suffix in files} == {f".{head.connection_id}" for head in found.heads}


def test_too_many_sessions_are_one_line(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MOST_SESSIONS", 1)
    with pytest.raises(ValueError, match="1 sessions at a time"):
        written(store, of(store, "PLAIN", "TLS"), raw.write)


def test_many_places_are_a_few_lines_and_a_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MOST_NOTES", 1)
    files, summary = written(store, of(store, "HOLES"), raw.write)
    assert summary.notes[1] == "and 2 places more: the files *.left_out.txt name all of them"
    assert len(left_out(files)) == 3


def test_stdout_cannot_hold_two_streams(store: Store) -> None:
    with pytest.raises(NoFile), outputs_of("-") as outputs:
        raw.write(materials(store, of(store, "PLAIN")), outputs, lambda count: None)


class Sent(Recording):
    """Any stream of `recorded`, and what passed."""

    def __init__(self, journal: bytes) -> None:
        super().__init__(journal)
        self.bytes: dict[tuple[int, Direction], bytes] = {}

    def says(self, number: int, direction: Direction, data: bytes) -> Recording:
        key = number, direction
        self.bytes[key] = self.bytes.get(key, b"") + data
        return super().says(number, direction, data)

    def loses(self, number: int, direction: Direction, size: int) -> Recording:
        key = number, direction
        self.bytes[key] = self.bytes.get(key, b"") + bytes(size)
        return super().loses(number, direction, size)


@pytest.fixture(scope="module")
def any_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(Path(tmp_path_factory.mktemp("any") / "data")) as store:
        yield store


@settings(max_examples=25)
@given(
    compressed=st.booleans(),
    steps=st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from((CP, CSMS))), max_size=12),
)
def test_of_any_stream_all_is_there_but_what_is_named(
    any_store: Store, compressed: bool, steps: list[tuple[object, Direction]]
) -> None:
    journal = uuid4().bytes
    tape = Sent(journal)
    one = tape.passes(1).opens(compressed=b"1" if compressed else b"")
    for kind, direction in steps:
        kind(one, direction)(tape.passes(0.5))  # type: ignore[operator]
    tape.passes(1).closes(one)
    tape.save(any_store)
    selected = all_of(any_store, journal)
    head = next(head for head in selected.heads if head.state == "closed")
    files, _ = written(any_store, type(selected)((head,)), raw.write)
    for direction in DIRECTIONS:
        expected = without(tape.bytes.get((one, direction), b""), direction, left_out(files))
        assert files[f".{direction.label}.bin"] == expected
