"""`verify` over everything: whatever is done to one session in a real store is named, and no other session is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.forensics.export import jsonl
from proxy.forensics.find import NotFound, find_session, rows
from proxy.forensics.stream import stored_rows
from proxy.forensics.verify import Verdict, verify
from proxy.forensics.verify_many import GROUP, Group, Wanted, counted, verify_many
from proxy.names import Direction
from proxy.pipeline.chain import first_link, next_link
from proxy.pipeline.rows import row_of
from proxy.store.client import Store
from tests.forensics.recorded import a_store, all_of, exported, import_bytes
from tests.forensics.wires import CHANGE, Wires, everything
from tests.pipeline.tape import CP, CSMS

JOURNAL, OTHER = bytes(range(16)), bytes(range(1, 17))
ALONE = Group(sessions=1)
DAY = "2027-01-15"
_UP = "direction = 'from_charge_point'"
_ROW_5 = f"{_UP} AND stream_offset > 0 AND frame_no = 5"
_ADDED = "INSERT INTO all_{0} SELECT * {1} FROM all_{0} WHERE {2}"
_FORGED = "'\\x00' || substring({0}, 2)"

# name -> table, what is done there (of the session's rows), what verify says
MUTATIONS: dict[str, tuple[str, str, str]] = {
    "altered": (
        "frames",
        f"UPDATE payload = replaceOne(payload, 'Heart', 'heart') WHERE {_ROW_5}",
        "frame_no 5 (frame, stream offset 1",
    ),
    "byte": ("frames", f"UPDATE payload = payload || 'x' WHERE {_ROW_5}", "frame_no 5 "),
    "mask": ("frames", f"UPDATE mask = bitXor(mask, 1) WHERE {_ROW_5}", "frame_no 5 "),
    "header": ("frames", f"UPDATE header = {_FORGED.format('header')} WHERE {_ROW_5}", "frame_no 5 "),
    "check": ("frames", f"UPDATE check = bitXor(check, 1) WHERE {_ROW_5}", "frame_no 5 "),
    "link": (
        "frames",
        f"UPDATE link = {_FORGED.format('link')} WHERE {_UP} AND kind = 'tail'",
        "(tail, stream offset",
    ),
    "offset": ("frames", f"UPDATE stream_offset = stream_offset + 1 WHERE {_ROW_5}", "1 bytes before it are missing"),
    "deleted": ("frames", f"DELETE WHERE {_ROW_5}", "bytes before it are missing"),
    "tailless": ("frames", f"DELETE WHERE {_UP} AND kind = 'tail'", "there is no tail"),
    "first": ("frames", f"DELETE WHERE {_UP} AND stream_offset = 0", "is not where the stream begins"),
    "all": ("frames", f"DELETE WHERE {_UP}", "all its rows are gone"),
    "moved": ("frames", f"UPDATE direction = 'from_csms' WHERE {_ROW_5}", "bytes before it are missing"),
    "renamed": ("frames", f"UPDATE charge_point = 'somebody' WHERE {_ROW_5}", ""),
    "exchanged": (
        "frames",
        f"UPDATE frame_no = if(frame_no = 3, 5, 3) WHERE {_UP} AND frame_no IN (3, 5)",
        "bytes before it are missing",
    ),
    "swapped": (
        "frames",
        f"UPDATE payload = replaceOne(payload, 'Heartbeat-', 'Heartbeat_') WHERE {_UP} AND frame_no IN (3, 7)",
        "frame_no 3 ",
    ),
    "twice": ("frames", _ADDED.format("frames", "", f"{{session}} AND {_ROW_5}"), "frame_no 5 "),
    "added": (
        "frames",
        _ADDED.format("frames", "REPLACE (toUInt64(6) AS frame_no)", f"{{session}} AND {_ROW_5}"),
        "frame_no 6 ",
    ),
    "unmasked": ("frames", "UPDATE redacted = 0 WHERE redacted = 1", "is not marked redacted"),
    "digest": (
        "frames",
        f"UPDATE keyed_digest = {_FORGED.format('keyed_digest')} WHERE redacted = 1",
        "its bytes are not the ones",
    ),
    "gap_deleted": ("gaps", "DELETE WHERE bytes > 0", "120 bytes before it are missing"),
    "gap_changed": ("gaps", "UPDATE bytes = bytes + 1 WHERE bytes > 0", "a gap says that it is not there"),
    "gap_shorter": ("gaps", "UPDATE bytes = bytes - 1 WHERE bytes > 0", "1 bytes before it are missing"),
    "gap_link": (
        "gaps",
        f"UPDATE link = {_FORGED.format('link')} WHERE bytes > 0",
        "its link is not the one at which the chain stands",
    ),
    "gap_twice": ("gaps", _ADDED.format("gaps", "", "{session} AND bytes > 0"), "there is another one at that place"),
    "gap_added": (
        "gaps",
        _ADDED.format("gaps", "REPLACE (toUInt64(3) AS stream_offset)", "{session} AND bytes > 0"),
        "it stands where the rows leave no room",
    ),
    "last_link": (
        "connections",
        f"UPDATE last_link_from_charge_point = {_FORGED.format('last_link_from_charge_point')} WHERE 1",
        "the chain does not end in the link",
    ),
    "orphan": ("connections", "DELETE WHERE 1", "no row of connections tells of it"),
}  # fmt: skip
HEALTHY = ("HEALTHY_1", "HEALTHY_2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many") / "data"


@pytest.fixture(scope="module")
def intact(data: Path) -> Iterator[Store]:
    """A session for each of them, and two that nobody touches; then another journal's, a day later."""
    tape = Wires(JOURNAL).passes(1)
    for name in (*MUTATIONS, *HEALTHY):
        number = tape.begins(name)
        for _ in range(4):
            tape.passes(0.1).exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:00Z"})
        tape.exchange(number, "ChangeConfiguration", CHANGE, {"status": "Accepted"}, CSMS)
        tape.exchange(number, "ChangeConfiguration", CHANGE, {"status": "Accepted"}, CP)
        tape.loses(number, CP, 120).passes(0.1)
        tape.exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:00Z"}).passes(0.1)
        tape.ends(number)
    tape.passes(86_400)
    tape.begins("LATER")
    tape.passes(1).ends(tape.names["LATER"])
    with a_store(data) as store:
        tape.save(store)
        yield store


@pytest.fixture(scope="module")
def store(intact: Store) -> Store:
    """After all of them were done."""
    assert all(found.ok for found in verdicts(intact))
    for name, (table, what, _) in MUTATIONS.items():
        session = f"connection_id = '{id_of(intact, name)}'"
        if what.startswith("INSERT"):
            intact.query(what.format(session=session), {}, "TabSeparated")
            continue
        verb, _, where = what.partition(" WHERE ")
        sql = f"ALTER TABLE all_{table} {verb} WHERE {session} AND ({where}) SETTINGS mutations_sync = 1"
        intact.query(sql if "frame_no =" not in verb else moved(verb, session, where), {}, "TabSeparated")
    return intact


def moved(verb: str, session: str, where: str) -> str:
    """A key cannot be updated: rows are put in anew, and the old ones go with the next statement."""
    return f"ALTER TABLE all_frames {verb} WHERE {session} AND ({where}) SETTINGS mutations_sync = 1"


IDS: dict[str, str] = {}


def id_of(store: Store, name: str) -> str:
    if name not in IDS:
        sql = "SELECT connection_id AS id FROM all_connections WHERE charge_point = {name:String} LIMIT 1"
        (found,) = rows(store, sql, name=name)
        IDS[name] = found["id"]
    return IDS[name]


def verdicts(store: Store, wanted: Wanted = Wanted(), group: Group = GROUP) -> list[Verdict]:  # noqa: B008
    return list(verify_many(store, wanted, lambda count: None, group))


def wrong(verdict: Verdict) -> str:
    return "; ".join(filter(None, (verdict.wrong, *(stream.wrong for stream in verdict.streams))))
