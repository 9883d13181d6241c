"""A bundle holds all that a bug report needs, of nobody, and is the same bytes each time."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import pytest

from proxy.forensics.anonymize import Anonymizer
from proxy.forensics.export import bundle
from proxy.forensics.export.material import Memory, Summary
from proxy.forensics.export.reading import Selected, materials
from proxy.store.client import Store
from tests.forensics.recorded import a_store, all_of
from tests.forensics.wires import Wires, everything, of

KEY = b"s" * 32


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("bundle") / "data") as store:
        tape = Wires(bytes(range(16)))
        everything(tape)
        tape.save(store)
        yield store


def bundled(store: Store, selected: Selected) -> tuple[bytes, Summary, list[int]]:
    memory, seen = Memory(), list[int]()
    several = map(Anonymizer(KEY).material, materials(store, selected))
    summary = bundle.write(several, memory, seen.append)
    return memory.files[""].getvalue(), summary, seen


@pytest.fixture(scope="module")
def files(store: Store) -> dict[str, bytes]:
    """Of every session there is."""
    return opened(bundled(store, all_of(store))[0])


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_holds_trace_page_findings_and_versions(store: Store) -> None:
    data, summary, seen = bundled(store, of(store, "DEFLATED", "HOLES"))
    files = opened(data)
    assert sorted(files) == [
        "README.txt",
        "findings.json",
        "timeline.html",
        "trace.companion.jsonl",
        "trace.jsonl",
        "versions.json",
    ]
    assert summary == Summary(2, sum(seen))
    records = [json.loads(line) for line in files["trace.jsonl"].splitlines()]
    assert {record["schemaVersion"] for record in records} == {"1.1"}
    assert len({record["chargePointId"] for record in records}) == 2
    assert b"<!doctype html>" in files["timeline.html"]
    assert b"HOLES" not in b"".join(files.values())


def test_findings_and_versions_are_json(files: dict[str, bytes]) -> None:
    versions = json.loads(files["versions.json"])
    assert set(versions) == {"ocpptap", "python", "system", "charge_points"}
    assert {point["ocpp_version"] for point in versions["charge_points"]} >= {"1.6"}
    found = json.loads(files["findings.json"])
    assert {"charge_point", "rule", "severity", "message", "evidence", "opened_at"} <= set(found[0])


def test_the_readme_says_what_is_inside(store: Store, files: dict[str, bytes]) -> None:
    readme = files["README.txt"].decode()
    assert all(name in readme for name in files if name != "README.txt")
    assert f"{len(all_of(store).heads)} sessions" in readme
    assert f"{len(json.loads(files['findings.json']))} findings" in readme


def test_it_is_the_same_each_time(store: Store) -> None:
    selected = of(store, "DEFLATED", "HOLES", "MASKED")
    assert bundled(store, selected)[0] == bundled(store, selected)[0]


def test_nothing_in_it_has_a_time_but_what_was_recorded(store: Store) -> None:
    with zipfile.ZipFile(io.BytesIO(bundled(store, of(store, "DEFLATED"))[0])) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_session_without_findings_has_an_empty_list(store: Store) -> None:
    files = opened(bundled(store, of(store, "TLS"))[0])
    assert isinstance(json.loads(files["findings.json"]), list)
