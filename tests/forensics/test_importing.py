"""An import goes in once, whole, whatever cuts it off; what cannot be read is named and the rest goes on."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from backports import zstd

from proxy.forensics.analyze import Analysis, found
from proxy.forensics.export import open_trace
from proxy.forensics.find import find_session, rows
from proxy.forensics.importing import NothingInIt, import_file
from proxy.forensics.imports.pieces import MOST_ROWS, Pieces
from proxy.forensics.imports.rows import imported_id
from proxy.forensics.sessions import Filter, sessions
from proxy.forensics.show import show_session
from proxy.pipeline.batch import Batch
from proxy.store.client import Store, StoreError
from tests.forensics.recorded import (
    KEY,
    Recording,
    a_store,
    all_of,
    counts,
    exported,
    import_bytes,
    lines_of,
    new_runner,
)
from tests.pipeline.tape import CP, CSMS

JOURNALS = (number.to_bytes(16, "big") for number in itertools.count(1))
DAY = 86_400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("importing") / "data") as store:
        yield store


@pytest.fixture
def tape() -> Recording:
    return Recording(next(JOURNALS)).passes(1)


def three_days(store: Store, tape: Recording) -> bytes:
    """A session's jsonl."""
    number = tape.opens("CP_3")
    for _ in range(3):
        tape.passes(DAY).exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:01Z"})
    tape.exchange(
        number, "StatusNotification", {"connectorId": 1, "status": "Available", "errorCode": "NoError"}, {}
    )
    tape.closes(number).save(store)
    return exported(store, all_of(store, tape.journal))[0]


def record(seconds: float, direction: str, raw: object, **more: Any) -> bytes:
    told = {"timestamp": 1_800_000_000 + seconds, "direction": direction, "raw": json.dumps(raw)}
    return orjson.dumps(told | {"chargePointId": "CP_T", "ocppVersion": "1.6"} | more) + b"\n"


def exchange(seconds: float, name: str, action: str, payload: object, answer: object, **more: Any) -> bytes:
    call = record(seconds, "cp-to-csms", [2, name, action, payload], **more)
    return call + record(seconds + 1, "csms-to-cp", [3, name, answer], **more)


# our own jsonl


def test_an_imported_session_is_one_of_its_own(store: Store, tape: Recording, tmp_path: Path) -> None:
    data = three_days(store, tape)
    (original,) = {line["session"] for line in lines_of(data)}
    imported = import_bytes(store, tmp_path / "a.jsonl", data)
    (session,) = [
        one for one in sessions(store, Filter(origin="imported")) if one["source"] == imported.source
    ]
    assert session["session"] == imported_id(imported.source, original) != original
    assert session["source_connection_id"] == original
    assert session["session"] not in {one["session"] for one in sessions(store, Filter())}
    assert find_session(store, session["session"]).source == imported.source
    assert any("StatusNotification" in line for line in show_session(store, session["session"]))


def test_again_it_changes_nothing(store: Store, tape: Recording, tmp_path: Path) -> None:
    data = three_days(store, tape)
    first = import_bytes(store, tmp_path / "a.jsonl", data)
    before = counts(store, first.source)
    again = import_bytes(store, tmp_path / "other name.jsonl", data)
    assert (again.was_there, again.sessions, again.rows) == (1, first.sessions, first.rows)
    assert counts(store, first.source) == before


def test_a_compressed_file_is_read_as_it_is(store: Store, tape: Recording, tmp_path: Path) -> None:
    data = three_days(store, tape)
    imported = import_bytes(store, tmp_path / "a.jsonl.zst", zstd.compress(data))
    assert exported(store, all_of(store, source=imported.source))[0] == data


def test_findings_name_the_sessions_that_are_here(store: Store, tape: Recording, tmp_path: Path) -> None:
    number = tape.opens("CP_F")
    tape.text(number, CP, b"[2,oops]").closes(number).save(store)
    imported = import_bytes(store, tmp_path / "a.jsonl", exported(store, all_of(store, tape.journal))[0])
    which = "SELECT evidence FROM all_findings FINAL WHERE source = {source:String}"
    ours = {
        one["session"]
        for one in sessions(store, Filter(origin="imported"))
        if one["source"] == imported.source
    }
    proving = {name for row in rows(store, which, source=imported.source) for name, _ in row["evidence"]}
    assert proving == ours != set()


class Cut:
    """A store whose line breaks at the `at`th insert: before it is in, or before that is known."""

    def __init__(self, store: Store, at: int, stored: str) -> None:
        self._store = store
        self._left = at
        self._stored = stored
        self.tokens: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]], token: str) -> None:
        self._left -= 1
        if self._left != 0 or self._stored == "stored":
            self._store.insert(table, rows, "")  # without a token: the store cannot know it again
            self.tokens.append(token)
        if self._left == 0:
            raise StoreError("the line broke")


@pytest.mark.parametrize("stored", ["stored", "lost"])
@pytest.mark.parametrize("at", [1, 2, 5])
def test_cut_off_it_goes_on_where_it_was(
    store: Store, tape: Recording, tmp_path: Path, at: int, stored: str
) -> None:
    data, file = three_days(store, tape), tmp_path / "a.jsonl"
    file.write_bytes(data)
    broken = Cut(store, at, stored)
    with pytest.raises(StoreError):
        import_file(broken, file, new_runner, KEY, "1", lambda size: None)
    whole = Cut(store, -1, stored)
    imported = import_file(whole, file, new_runner, KEY, "1", lambda size: None)
    assert exported(store, all_of(store, source=imported.source))[0] == data
    assert all(rows == keys for rows, keys in counts(store, imported.source).values())
    assert len(set(broken.tokens + whole.tokens)) == len(broken.tokens) + len(whole.tokens)


def test_lines_that_are_none_are_named_and_the_rest_goes_on(
    store: Store, tape: Recording, tmp_path: Path
) -> None:
    lines = three_days(store, tape).splitlines(keepends=True)
    wrong = [b"nonsense\n", b'{"table":"nothing","at":"2027-01-15T08:00:00Z","session":"a","row":{}}\n']
    wrong += [lines[1].replace(b'"mask":', b'"mask":9'), lines[1].replace(b'"session":"', b'"session":"f')]
    imported = import_bytes(store, tmp_path / "a.jsonl", b"".join([*lines[:1], *wrong, *lines[1:]]))
    assert (imported.skipped, [line.line for line in imported.unreadable]) == (4, [2, 3, 4])
    assert exported(store, all_of(store, source=imported.source))[0] == b"".join(lines)


def test_a_session_that_is_there_twice_goes_in_once(store: Store, tape: Recording, tmp_path: Path) -> None:
    data = three_days(store, tape)
    imported = import_bytes(store, tmp_path / "a.jsonl", data + data)
    assert exported(store, all_of(store, source=imported.source))[0] == data
    assert "twice" in imported.unreadable[0].why
    assert imported.skipped == len(lines_of(data)) - 1  # its last line holds no row


def test_gaps_of_a_day_stay_apart(store: Store, tape: Recording, tmp_path: Path) -> None:
    number = tape.opens("CP_G")
    for _ in range(3):
        tape.passes(60).loses(number, CP, 50).passes(60).loses(number, CSMS, 50)
    tape.closes(number).save(store)
    imported = import_bytes(store, tmp_path / "a.jsonl", exported(store, all_of(store, tape.journal))[0])
    assert counts(store, imported.source)["gaps"] == (6, 6)


def test_a_file_with_nothing_in_it_leaves_nothing(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NothingInIt, match="line 1"):
        import_bytes(store, tmp_path / "a.jsonl", b"nothing\n")
    assert rows(store, "SELECT 1 FROM imports WHERE name = 'nothing.jsonl'") == []


@pytest.mark.parametrize("point", ["before-import:3:kill", "after-import:3:kill", "before-import:1:kill"])
def test_killed_it_is_done_by_the_next(tmp_path: Path, store: Store, tape: Recording, point: str) -> None:
    """The store is open for another writer, as it is while `run` runs."""
    data, file = three_days(store, tape), tmp_path / "a.jsonl"
    file.write_bytes(data)
    where = str(store._line._data_dir)  # type: ignore[attr-defined]
    command = [sys.executable, "-m", "proxy", "import", str(file), "--data", where]
    killed = subprocess.run(command, env=os.environ | {"OCPPTAP_FAILPOINT": point}, check=False)
    assert killed.returncode == -9
    said = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)]
    assert ["already imported" in line for line in said] == [False, True]
    (source,) = {
        row["source"] for row in rows(store, "SELECT source FROM imports ORDER BY began_at DESC LIMIT 1")
    }
    assert exported(store, all_of(store, source=source))[0] == data


def test_pieces_are_of_a_day_and_bounded() -> None:
    row = (0, 0, 0, 0, 0, 0, 0, "c", "CP", "hole", "", b"", "", "")
    at = [(second * 10**9, *row[1:3], 0, *row[3:]) for second in (0, DAY, 1) for _ in range(MOST_ROWS)]
    pieces = list(Pieces().of(Batch(1, 0, {"gaps": at})))
    assert [(piece.day, piece.place, piece.number, len(piece.rows)) for piece in pieces] == [
        (0, 0, 1, MOST_ROWS),
        (0, 1, 2, MOST_ROWS),
        (1, 0, 3, MOST_ROWS),
    ]
    assert len({piece.token("s") for piece in pieces}) == 3


# records


def test_records_become_frames_facts_and_findings(store: Store, tmp_path: Path) -> None:
    told = {"idTag": "04A1", "timestamp": "2027-01-15T08:00:00Z"}
    data = exchange(
        0, "1", "StartTransaction", told | {"connectorId": 1, "meterStart": 9}, {"transactionId": 5}
    )
    data += exchange(60, "2", "StopTransaction", told | {"transactionId": 5, "meterStop": 3}, {})
    imported = import_bytes(store, tmp_path / "a.jsonl", data)
    found = counts(store, imported.source)
    assert (imported.sessions, found["frames"][0], found["transactions"][0]) == (1, 6, 1)
    assert found["findings"][0] > 0
    (session,) = [
        one for one in sessions(store, Filter(origin="imported")) if one["source"] == imported.source
    ]
    assert (session["ocpp_version"], session["state"], session["closed_reason"]) == (
        "1.6",
        "closed",
        "the trace ends here",
    )
    assert session["source_connection_id"] == session["session"]


def test_what_is_found_is_what_analyze_finds(store: Store, tape: Recording, tmp_path: Path) -> None:
    number = tape.opens("CP_A")
    tape.exchange(
        number, "BootNotification", {"chargePointVendor": "V"}, {"status": "Accepted", "interval": 0}
    )
    tape.passes(10).text(number, CP, b'[2,"x","Heartbeat",{}]').passes(200).text(number, CSMS, b'[3,"y",{}]')
    tape.passes(3_600).exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-01T00:00:00Z"}).save(store)
    file = tmp_path / "a.jsonl"
    file.write_bytes(exported(store, all_of(store, tape.journal), open_trace.write)[0])
    analysis = Analysis(file, new_runner())
    list(analysis.messages(lambda size: None))
    imported = import_bytes(store, file, file.read_bytes())
    here = rows(store, "SELECT rule, at FROM all_findings FINAL WHERE source = {s:String}", s=imported.source)
    there = [(one["rule"], one["opened_at"].rstrip("Z").replace("T", " ")) for one in found(analysis)]
    assert Counter((row["rule"], row["at"]) for row in here) == Counter(there)
    assert there


def test_records_of_several_sessions_stay_apart(store: Store, tmp_path: Path) -> None:
    data = exchange(0, "1", "Heartbeat", {}, {}, meta={"session": "a"})
    data += exchange(9, "1", "Heartbeat", {}, {}, meta={"session": "b"})
    imported = import_bytes(store, tmp_path / "a.jsonl", data)
    ended = {
        one["closed_reason"]
        for one in sessions(store, Filter(origin="imported"))
        if one["source"] == imported.source
    }
    assert imported.sessions == 2
    assert ended == {"the trace has no more of it", "the trace ends here"}


def test_events_open_and_close(store: Store, tmp_path: Path) -> None:
    at = 1_800_000_000
    events: list[dict[str, Any]] = [
        {"at": at, "event": "opened", "charge_point": "CP_T", "ocpp_version": "2.1", "upstream": "ws://csms"},
        {"at": at + 3, "event": "ping", "charge_point": "CP_T", "direction": "from_csms"},
        {"at": at + 9, "event": "closed", "charge_point": "CP_T", "closed_by": "csms", "how": "rst"},
    ]
    opened, ping, closed = (orjson.dumps(event) + b"\n" for event in events)
    heartbeat = exchange(1, "1", "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:01Z"}, ocppVersion="2.1")
    imported = import_bytes(store, tmp_path / "a.jsonl", opened + heartbeat + ping + closed)
    (session,) = [
        one for one in sessions(store, Filter(origin="imported")) if one["source"] == imported.source
    ]
    assert (session["closed_by"], session["closed_how"], session["upstream"]) == ("csms", "rst", "ws://csms")
    assert (session["ocpp_version"], session["frames_from_csms"]) == ("2.1", 2)


def test_secrets_of_a_trace_do_not_go_in(store: Store, tmp_path: Path) -> None:
    change = {"key": "AuthorizationKey", "value": "Zaunkoenig-7391"}
    data = record(0, "csms-to-cp", [2, "1", "ChangeConfiguration", change])
    imported = import_bytes(store, tmp_path / "a.jsonl", data)
    sql = "SELECT payload, text, redacted FROM all_frames WHERE source = {s:String} AND kind = 'frame'"
    (row,) = rows(store, sql, s=imported.source)
    assert row["redacted"] == 1
    assert "Zaunkoenig" not in str(row)


def test_an_import_of_records_is_exported_like_any_other(store: Store, tmp_path: Path) -> None:
    first = import_bytes(store, tmp_path / "a.jsonl", exchange(0, "1", "Heartbeat", {}, {}))
    data = exported(store, all_of(store, source=first.source))[0]
    second = import_bytes(store, tmp_path / "b.jsonl", data)
    assert exported(store, all_of(store, source=second.source))[0] == data


def test_times_that_no_column_holds_are_no_records(store: Store, tmp_path: Path) -> None:
    impossible = [
        b'{"timestamp":1e300,"direction":"cp-to-csms","raw":"[]"}\n',
        record(-3e9, "cp-to-csms", [2]),
    ]
    imported = import_bytes(
        store, tmp_path / "a.jsonl", b"".join(impossible) + exchange(0, "1", "Heartbeat", {}, {})
    )
    assert (imported.skipped, imported.sessions) == (2, 1)
