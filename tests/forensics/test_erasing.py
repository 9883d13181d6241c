"""What is erased is nowhere in the store, nothing else is touched, and `verify` says what happened; a real store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.frames import Opcode

from proxy.forensics.erasing import Erased, erase, find, passed
from proxy.forensics.erasing_subject import CHARGE_POINT, ID_TAG, Subject
from proxy.forensics.export import jsonl
from proxy.forensics.find import rows
from proxy.forensics.importing import _stored
from proxy.forensics.show import show_session
from proxy.forensics.verify_many import Group
from proxy.store.client import Store, StoreError
from proxy.store.interface import NO_PARAMS
from tests.forensics.erasures import ALONE, BY, LEFT, TIME, Case, kinds, no_bar, others, places, wrong
from tests.forensics.recorded import a_store, all_of, exported, import_bytes
from tests.forensics.wires import EXTENSION
from tests.pipeline.frames import frame
from tests.pipeline.tape import CP, CSMS


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with a_store(tmp_path_factory.mktemp("erasing") / "data") as store:
        yield store


# a charge point


OF_CONNECTION = "SELECT * FROM connections WHERE charge_point = {name:String}"


class Gone(NamedTuple):
    """`before`: everybody else's rows. `connection`: its row, before."""

    case: Case
    erased: Erased
    before: dict[Any, Any]
    connection: dict[str, Any]


@pytest.fixture(scope="module")
def gone(store: Store) -> Gone:
    """A charge point that was erased."""
    case = Case(store)
    (connection,) = rows(store, OF_CONNECTION, name=case.name)
    before = others(store, case.name)
    return Gone(case, case.erase(CHARGE_POINT, case.name), before, connection)


def test_a_charge_point_leaves_who_it_was_and_nothing_else(store: Store, gone: Gone) -> None:
    case, erased, before, _ = gone
    assert places(store, case.name) == LEFT
    assert others(store, case.name) == before
    assert erased.erasure.tables["frames"] == 30
    assert {"charge_point_hours", "transactions", "charge_points"} < set(erased.erasure.tables)
    found = case.verdicts(case.name)
    assert (wrong(found), kinds(found), len(found)) == ([], {"erased"}, 1)
    assert [stream.rows for stream in found[0].streams] == [0, 0]
    told = " ".join(" ".join(show_session(store, found[0].session.connection_id)).split())
    assert f"Z: erased on request {erased.erasure.erasure_id}" in told
    assert "bytes of the charge point gone until 2027-01-15T08:00:0" in told


def test_of_its_connection_only_what_says_nothing_of_it_stays(store: Store, gone: Gone) -> None:
    before = gone.connection
    (after,) = rows(store, OF_CONNECTION, name=gone.case.name)
    changed = {column for column in before if before[column] != after[column]}
    assert {"request_head", "response_head", "target", "remote_address", "vendor", "model"} <= changed
    assert all(after[column] in ("", []) for column in changed)
    for column in ("state", "bytes_from_csms", "rows_from_csms", "last_link_from_csms", "at", "last_at"):
        assert after[column] == before[column]


# an id tag


ENERGY = "SELECT count() AS n, sum(energy_wh) AS wh FROM transactions WHERE charge_point = {name:String}"


class Cleared(NamedTuple):
    """`before`: everybody else's rows. `accounts`: of the charge point, before."""

    case: Case
    erased: Erased
    before: dict[Any, Any]
    accounts: list[dict[str, Any]]


@pytest.fixture(scope="module")
def cleared(store: Store) -> Cleared:
    """A tag that was erased."""
    case = Case(store)
    accounts = rows(store, ENERGY, name=case.name)
    before = others(store, case.name, case.other)
    return Cleared(case, case.erase(ID_TAG, case.tag.lower()), before, accounts)


def test_a_tag_is_nowhere_and_its_transactions_keep_their_energy(store: Store, cleared: Cleared) -> None:
    case, erased, before, accounts = cleared
    assert places(store, case.tag) == set()
    assert places(store, case.other_tag) != set()
    assert others(store, case.name, case.other) == before
    assert rows(store, ENERGY, name=case.name) == accounts
    assert len(erased.found.sessions) == 2
    for name in (case.name, case.other):
        for group in (Group(), ALONE):
            found = case.verdicts(name, group)
            assert (wrong(found), kinds(found)) == ([], {"erased"})


def test_the_store_remembers_no_statement_with_the_tag(store: Store, cleared: Cleared) -> None:
    told = rows(
        store, "SELECT lower(command) AS said FROM system.mutations WHERE database = currentDatabase()"
    )
    assert any("sipHash128".lower() in row["said"] for row in told)
    assert not any(cleared.case.tag.lower() in row["said"] or "match(" in row["said"] for row in told)


def test_what_does_not_hold_the_tag_stays(store: Store, cleared: Cleared) -> None:
    case = cleared.case
    left = rows(
        store,
        "SELECT action, count() AS n FROM frames WHERE charge_point = {name:String} AND message_type = 2 "
        "GROUP BY action",
        name=case.name,
    )
    assert {row["action"]: int(row["n"]) for row in left} == {
        "BootNotification": 1, "StatusNotification": 2, "Authorize": 1, "StartTransaction": 1, "MeterValues": 2,
        "StopTransaction": 1, "ChangeConfiguration": 1,
    }  # fmt: skip
    statuses = "SELECT info FROM statuses WHERE charge_point = {name:String} ORDER BY at"
    assert [row["info"] for row in rows(store, statuses, name=case.name)] == [
        "", "", f"card {case.other_tag} left",
    ]  # fmt: skip


def test_a_second_time_is_harmless_and_still_knows_when_it_passed(store: Store, cleared: Cleared) -> None:
    case, first, subject = cleared.case, cleared.erased, Subject(ID_TAG, cleared.case.tag)
    before, spans = others(store), passed(store, subject, first.erasure)
    again = case.erase(ID_TAG, case.tag)
    assert again.erasure.erasure_id != first.erasure.erasure_id
    assert again.erasure.tables == {}
    assert others(store) == before
    kept = rows(
        store, "SELECT rows FROM erasures WHERE erasure_id = {id:String}", id=first.erasure.erasure_id
    )
    assert len(kept) == 2
    assert passed(store, subject, again.erasure) == spans
    begin = 1_800_000_000_000_000
    assert any(begin <= span.since <= span.until < begin + 10_000_000 for span in spans[:-1])
    assert spans[-1].until > begin * 1_000


def strange(case: Case) -> None:
    """The tag compressed, in fragments, in parts, cut by a hole, in odd bytes, in a message with a secret."""
    tape, said = case.tape, json.dumps([2, "f", "DataTransfer", {"vendorId": "x", "data": case.tag}]).encode()
    line = tape.begins(f"{case.name}-D", EXTENSION)
    tape.passes(0.01).exchange(line, "Authorize", {"idTag": case.tag}, {"idTagInfo": {"status": "Invalid"}})
    tape.fragments(line, CP, said[:40], said[40:55], said[55:])
    tape.exchange(line, "Heartbeat", {}, {"currentTime": TIME})
    line = tape.begins(f"{case.name}-F")
    at = said.index(case.tag.encode()) + 5
    tape.passes(0.01).fragments(line, CP, said[:at], said[at:])
    secret = {"key": "AuthorizationKey", "value": "Zaunkoenig", "comment": case.tag}
    tape.exchange(line, "ChangeConfiguration", secret, {"status": "Accepted"}, CSMS)
    tape.loses(line, CP, 70).exchange(line, "Authorize", {"idTag": case.tag}, {})
    tape.loses(line, CSMS, 30).says(line, CP, frame(said, mask=True)[:-2])
    line = tape.begins(f"{case.name}-P")
    large = b'["' + b"x" * ((1 << 20) - 10) + b" " + case.tag.encode() + b' "]'
    sent = frame(large + b"y" * 1_000_000, Opcode.BINARY, mask=True)
    for begin in range(0, len(sent), 60_000):
        tape.says(line, CP, sent[begin : begin + 60_000])
    tape.exchange(line, "Heartbeat", {}, {"currentTime": TIME})
    line = tape.begins(f"{case.name}-O")
    tape.passes(0.01).exchange(line, "Heartbeat", {}, {"currentTime": TIME})
    tape.says(line, CSMS, b"\xff\xff nothing like a frame " + case.tag.encode() + b" \xff" * 20)


@pytest.fixture(scope="module")
def odd(store: Store) -> Case:
    case = Case(store, strange)
    names = [f"{case.name}-{letter}" for letter in "DFPO"]
    assert [wrong(case.verdicts(name)) for name in names] == [[]] * 4
    case.erase(ID_TAG, case.tag)
    return case


@pytest.mark.parametrize("letter", "DFPO")
def test_a_tag_goes_however_it_was_cut_or_packed(odd: Case, letter: str) -> None:
    found = odd.verdicts(f"{odd.name}-{letter}")
    assert wrong(found) == []
    assert "erased" in kinds(found)
    assert found[0].streams[0].rows > 1 or letter == "P"


def test_of_a_message_in_pieces_no_piece_stays(odd: Case) -> None:
    assert places(odd.store, odd.tag) == set()
    of_it = "SELECT count() AS n FROM frames WHERE charge_point = {name:String}"
    left = f"{of_it} AND kind = {{kind:String}} AND payload != ''"
    assert int(rows(odd.store, left, name=f"{odd.name}-P", kind="part")[0]["n"]) == 0
    assert int(rows(odd.store, left, name=f"{odd.name}-F", kind="tail")[0]["n"]) == 0
    whole = (
        "SELECT count() AS n FROM frames WHERE charge_point = {name:String} AND opcode = 0 AND kind = 'frame'"
    )
    assert int(rows(odd.store, whole, name=f"{odd.name}-F")[0]["n"]) == 0
    assert int(rows(odd.store, whole, name=f"{odd.name}-D")[0]["n"]) == 0


def test_whole_sessions_of_any_kind_go_too(store: Store) -> None:
    case = Case(store, strange)
    for letter in "FP":  # with a secret, lost bytes and a cut tail; in parts. `odd` has the others
        name = f"{case.name}-{letter}"
        case.erase(CHARGE_POINT, name)
        found = case.verdicts(name)
        assert (wrong(found), [stream.rows for stream in found[0].streams]) == ([], [0, 0])


def test_a_short_tag_takes_nobody_elses_rows(store: Store) -> None:
    def more(case: Case) -> None:
        case.tape.exchange(1, "Authorize", {"idTag": "1"}, {"idTagInfo": {"status": "Accepted"}})

    case = Case(store, more)
    found = find(store, Subject(ID_TAG, "1"), no_bar)
    assert found.tables == {"frames": 1, "authorizations": 1}
    assert [name for name in found.sessions.values()] == [case.name]


# again, cut off, tampered with, imported


class Stopped(Exception):
    """The process is gone."""


class Mortal:
    """A store whose client dies before its `last`th change. (Behind the one before it the store is the same.)"""

    def __init__(self, store: Store, last: int) -> None:
        self.store, self.left = store, last

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        if sql.lstrip().startswith(("ALTER", "INSERT")):
            self._lives()
        return self.store.query(sql, params, format)

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]], token: str) -> None:
        self._lives()
        self.store.insert(table, rows, token)

    def _lives(self) -> None:
        self.left -= 1
        if not self.left:
            raise Stopped


CHANGES = {ID_TAG: (2, 3, 4, 8), CHARGE_POINT: (6,)}
"""Gaps, frames, other tables, the audit ends."""


@pytest.mark.parametrize(("what", "last"), [(what, last) for what in CHANGES for last in CHANGES[what]])
def test_cut_off_anywhere_the_same_command_finishes_it(store: Store, what: Any, last: int) -> None:
    case = Case(store)
    value = case.name if what == CHARGE_POINT else case.tag
    with pytest.raises(Stopped):
        case.erase(what, value, Mortal(store, last))
    erased = case.erase(what, value)
    assert places(store, value) <= LEFT
    assert wrong(case.verdicts(case.name)) == wrong(case.verdicts(case.other)) == []
    assert erased.resumed == 1
    assert erased.erasure.tables["frames"] > 10
    keys = "count() AS n, uniqExact(source, journal, batch, gap_no) AS keys"
    (gaps,) = rows(store, f"SELECT {keys} FROM all_gaps WHERE charge_point = {{name:String}}", name=case.name)
    assert gaps["n"] == gaps["keys"]
    noted = "count() AS n, countIf(ended_at IS NOT NULL) AS ended"
    sql = f"SELECT {noted} FROM erasures WHERE erasure_id = {{id:String}}"
    assert rows(store, sql, id=erased.erasure.erasure_id) == [{"n": 2, "ended": 1}]


def test_a_change_next_to_what_was_erased_is_still_found(store: Store) -> None:
    case = Case(store)
    case.erase(ID_TAG, case.tag)
    (row,) = rows(
        store,
        "SELECT frame_no FROM frames WHERE charge_point = {name:String} AND action = 'StatusNotification' "
        "AND message_type = 2 ORDER BY frame_no DESC LIMIT 1",
        name=case.name,
    )
    store.query(
        "ALTER TABLE all_frames UPDATE payload = replaceOne(payload, 'card', 'CARD') WHERE "
        f"charge_point = '{case.name}' AND frame_no = {row['frame_no']} SETTINGS mutations_sync = 1",
        {},
        "TabSeparated",
    )
    assert f"frame_no {row['frame_no']} " in wrong(case.verdicts(case.name))[0]
    assert find(store, Subject(ID_TAG, case.other_tag), no_bar).broken == 1


def test_an_import_of_what_is_left_verifies_too(store: Store, tmp_path: Path) -> None:
    case = Case(store)
    full = exported(store, all_of(store, case.tape.journal), jsonl.write)[0]
    case.erase(ID_TAG, case.tag)
    left = exported(store, all_of(store, case.tape.journal), jsonl.write)[0]
    assert case.tag.encode() not in left
    imported = import_bytes(store, tmp_path / "left.jsonl", left)
    assert imported.sessions == 2
    found = case.verdicts(case.name)
    assert (wrong(found), kinds(found), len(found)) == ([], {"erased"}, 2)
    import_bytes(store, tmp_path / f"{case.tag}.jsonl", full)
    assert "imports.name" in places(store, case.tag)
    case.erase(ID_TAG, case.tag)
    assert places(store, case.tag) == set()
    assert wrong(case.verdicts(case.name)) == []
    case.erase(CHARGE_POINT, case.name)
    found = case.verdicts(case.name)
    assert (wrong(found), len(found), sum(stream.rows for one in found for stream in one.streams)) == (
        [],
        3,
        0,
    )


# what the operator must know


def test_what_still_runs_is_said(store: Store) -> None:
    case = Case(store)
    number = case.tape.begins(f"{case.name}-L")
    start = {"timestamp": TIME, "idTag": case.tag, "connectorId": 1, "meterStart": 10}
    case.tape.passes(1).exchange(number, "StartTransaction", start, {"transactionId": 9, "idTagInfo": {}})
    case.tape.passes(5).save(store)
    assert find(store, Subject(ID_TAG, case.tag), no_bar).running == 1
    assert case.erase(CHARGE_POINT, f"{case.name}-L").open_sessions == 1


def test_an_import_that_was_cut_off_is_said_and_loses_nothing(store: Store) -> None:
    assert find(store, Subject(ID_TAG, "no such tag"), no_bar).unfinished == 0
    note = "INSERT INTO imports SELECT {s:String}, 'a.jsonl', '1', now64(6), NULL, 0, 0, 0"
    store.query(note, {"s": "unfinished"})
    assert find(store, Subject(ID_TAG, "no such tag"), no_bar).unfinished == 1
    gap = (
        "INSERT INTO all_gaps (at, batch, kind, source) SELECT now64(6), {b:UInt64}, {k:String}, 'unfinished'"
    )
    for batch, kind in (("3", "damage"), ("9", "erased")):
        store.query(gap, {"b": batch, "k": kind})
    assert _stored(store, "unfinished")["gaps"] == 3


class Unwatched:
    """A user who may not ask what the store still does."""

    def __init__(self, store: Store) -> None:
        self.insert, self.told, self._query = store.insert, list[str](), store.query

    def query(self, sql: str, params: Mapping[str, str] = NO_PARAMS, format: str = "JSONEachRow") -> bytes:
        if "system.mutations" in sql:
            raise StoreError("Not enough privileges", 497)
        self.told.append(sql)
        return self._query(sql, params, format)


def test_who_may_not_watch_waits_for_each_statement(store: Store) -> None:
    case = Case(store)
    unwatched = Unwatched(store)
    case.erase(ID_TAG, case.tag, unwatched)
    told = [sql for sql in unwatched.told if sql.startswith("ALTER")]
    assert told
    assert all(sql.endswith("mutations_sync = 2") for sql in told)
    assert places(store, case.tag) == set()


def test_a_refused_change_is_an_error_and_nothing_is_lost(store: Store) -> None:
    case = Case(store)
    with pytest.raises(StoreError):
        erase(store, Subject(CHARGE_POINT, case.name), BY, "no_such_cluster", no_bar)
    assert case.erase(CHARGE_POINT, case.name).resumed == 1
    assert wrong(case.verdicts(case.name)) == []
