"""Anonymized sessions: nothing of anybody survives in any format, and everything that matters is still true."""

from __future__ import annotations

import base64
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.cli.exporting import FORMATS
from proxy.forensics.analyze import Analysis
from proxy.forensics.anonymize import Anonymizer
from proxy.forensics.events import chapter_of
from proxy.forensics.export import bundle, jsonl, open_trace
from proxy.forensics.export.material import Material, Memory
from proxy.forensics.export.reading import materials
from proxy.forensics.mermaid import diagram
from proxy.forensics.page import write as write_page
from proxy.forensics.stream import payload_length
from proxy.forensics.tape import FRAME, Frame
from proxy.forensics.traces import Record, records
from proxy.store.client import Store
from proxy.wire.frames import wire_size
from tests.forensics.planted import CANARIES, CHARGE_POINT, Planted, plant, survivors
from tests.forensics.recorded import a_store, all_of, lines_of, new_runner

KEY = b"s" * 32
EXPORTERS = sorted(name for name in FORMATS if name != "parquet")
"""The store writes parquet itself: it refuses to anonymize."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("planted") / "data") as store:
        tape = Planted(bytes(range(16)))
        plant(tape)
        tape.save(store)
        yield store


def originals(store: Store) -> list[Material]:
    return list(materials(store, all_of(store)))


def anonymous(store: Store, key: bytes = KEY) -> list[Material]:
    return list(map(Anonymizer(key).material, originals(store)))


def written(several: list[Material], module: Any) -> dict[str, bytes]:
    memory = Memory()
    module.write(several, memory, lambda count: None)
    return {suffix: file.getvalue() for suffix, file in memory.files.items()}


def module_of(name: str) -> Any:
    import importlib

    return importlib.import_module(FORMATS[name])


# nothing survives


def test_the_canaries_are_there_before(store: Store) -> None:
    there = survivors(b"".join(written(originals(store), jsonl).values()) + _payloads(originals(store)))
    unseen = {"secret", "behind the hole", "signed", "certificate", "nonce"}
    """Masked; not inflated after the hole; within what is a canary as a whole, or in base64 twice."""
    assert set(CANARIES) - set(there) <= unseen


def _payloads(several: list[Material]) -> bytes:
    """Every byte of every row."""
    found = []
    for row in (row for material in several for row in material.frames):
        found += [row.header, row.payload, row.text, row.message_id.encode(), row.action.encode()]
    return b"\n".join(found)


@pytest.mark.parametrize("name", EXPORTERS)
def test_no_canary_survives_in_a_format(store: Store, name: str) -> None:
    for suffix, output in written(anonymous(store), module_of(name)).items():
        assert survivors(output) == {}, suffix


def test_no_canary_survives_in_a_row(store: Store) -> None:
    assert survivors(_payloads(anonymous(store))) == {}


def test_no_canary_survives_in_base64_within_jsonl(store: Store) -> None:
    for line in lines_of(written(anonymous(store), jsonl)[""]):
        for value in line["row"].values():
            if isinstance(value, str) and len(value) % 4 == 0:
                try:
                    assert survivors(base64.b64decode(value, validate=True)) == {}
                except ValueError:
                    continue


def test_no_canary_survives_in_a_bundle_a_page_or_a_diagram(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "report.zip"
    path.write_bytes(written(anonymous(store), bundle)[""])
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            assert survivors(archive.read(name)) == {}, name
    assert survivors("\n".join(diagram(map(chapter_of, anonymous(store)))).encode()) == {}


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_second_run_gives_the_same_bytes(store: Store, name: str) -> None:
    assert written(anonymous(store), module_of(name)) == written(anonymous(store), module_of(name))


def test_another_key_gives_other_names(store: Store) -> None:
    one, other = (
        material[0].head.charge_point for material in (anonymous(store), anonymous(store, b"o" * 32))
    )
    assert one != other
    assert CHARGE_POINT not in (one, other)


# everything that matters is still true


def analyzed(path: Path) -> tuple[Counter[tuple[str, str, str, int]], list[Any]]:
    """How often each rule was broken; of each message all but its names."""
    analysis = Analysis(path, new_runner())
    told = [
        (
            message["at"],
            message["direction"],
            message["message_type"],
            message["verdict"],
            message["call_index"],
            message["latency_ms"],
        )
        for message in analysis.messages(lambda size: None)
    ]
    found = analysis.findings.values()
    return Counter((one.analyzer, one.rule, one.severity.label, one.count) for one in found), told


@pytest.mark.parametrize("module", [jsonl, open_trace])
def test_an_anonymized_trace_analyzes_to_the_same(store: Store, tmp_path: Path, module: Any) -> None:
    plain, anonymized = tmp_path / "plain.jsonl", tmp_path / "anonymized.jsonl"
    plain.write_bytes(written(originals(store), module)[""])
    anonymized.write_bytes(written(anonymous(store), module)[""])
    findings, messages = analyzed(plain)
    assert (findings, messages) == analyzed(anonymized)
    assert len(findings) > 5


def test_an_anonymized_trace_can_be_read_record_by_record(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(written(anonymous(store), open_trace)[""])
    found = list(records(path))
    assert len(found) > 50
    assert all(isinstance(record, Record) for record in found)


def test_rows_still_tile_their_streams(store: Store) -> None:
    for before, after in zip(originals(store), anonymous(store), strict=True):
        old, new = list(before.frames), list(after.frames)
        assert [row.frame_no for row in old] == [row.frame_no for row in new]
        assert [(no, missing) for no, _, missing in _jumps(old)] == [(no, gap) for no, _, gap in _jumps(new)]


def _jumps(rows: Iterable[Frame]) -> list[tuple[int, int, int]]:
    """Where a direction does not go on where it ended: (frame, offset, bytes missing)."""
    ends, found = dict[int, int](), []
    for row in rows:
        end = ends.get(row.direction, 0)
        if row.stream_offset != end:
            found.append((row.frame_no, end, row.stream_offset - end))
        ends[row.direction] = row.stream_offset + _size(row)
    return found


def _size(row: Frame) -> int:
    length = payload_length(row.header) if row.redacted and row.kind == FRAME else len(row.payload)
    return wire_size(row.header, bool(row.masked), b"") + length


def test_gaps_stand_where_bytes_are_missing(store: Store) -> None:
    for material in anonymous(store):
        gaps = {
            (row.row["stream_offset"], row.row["bytes"])
            for row in material.others
            if row.table == "gaps" and row.row["direction"]
        }
        assert gaps == {(offset, missing) for _, offset, missing in _jumps(material.frames)}


def test_what_was_compressed_still_is(store: Store) -> None:
    rows = [row for material in anonymous(store) for row in material.frames if row.rsv and row.fin]
    assert len(rows) > 20
    for row in rows:
        assert _inflated(row.payload) == row.text


def test_what_was_compressed_in_pieces_still_is(store: Store) -> None:
    pieces = [
        row
        for material in anonymous(store)
        if material.head.compression
        for row in material.frames
        if row.kind == FRAME and row.opcode < 2 and (not row.fin or row.opcode == 0)
    ]
    first, last = pieces
    assert (first.rsv, last.rsv, first.text) == (4, 0, b"")
    assert _inflated(first.payload + last.payload) == last.text


def _inflated(payload: bytes) -> bytes:
    return zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff")


def test_ids_are_the_same_everywhere(store: Store) -> None:
    """In messages, in columns, in the paths of heads: whoever joins them still can."""
    for line in lines_of(written(anonymous(store), jsonl)[""]):
        if line["table"] == "connections" and line["row"]["state"] != "refused":
            assert line["row"]["target"].partition("?")[0].endswith(f"/ocpp/{line['charge_point']}")
    rows = [row for material in anonymous(store) for row in material.others]
    started = {row.row["transaction_id"] for row in rows if row.table == "transactions"}
    metered = {row.row["transaction_id"] for row in rows if row.table == "meter_values"}
    assert metered <= started


def test_no_link_of_the_chain_is_left(store: Store) -> None:
    """Whoever has one could try guesses on it."""
    for material in anonymous(store):
        assert not any(row.link or row.check or row.keyed_digest for row in material.frames)
        links = [value for row in material.others for name, value in row.row.items() if "link" in name]
        assert not any(links)


def test_pages_are_of_nobody(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with path.open("wb") as file:
        write_page(map(chapter_of, anonymous(store)), file)
    assert survivors(path.read_bytes()) == {}
    assert b"BootNotification" in path.read_bytes()
