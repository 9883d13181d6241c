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
UP = "direction = 'from_charge_point'"
ROW_5 = f"{UP} AND frame_no = 5"


def update(table: str, what: str, where: str = "1") -> str:
    return f"ALTER TABLE all_{table} UPDATE {what} WHERE {{of_it}} AND ({where}) SETTINGS mutations_sync = 1"


def delete(table: str, where: str = "1") -> str:
    return f"ALTER TABLE all_{table} DELETE WHERE {{of_it}} AND ({where}) SETTINGS mutations_sync = 1"


def add(table: str, what: str, where: str) -> str:
    """The same rows once more, with something else in them."""
    other = f"REPLACE ({what})" if what else ""
    found = f"SELECT * FROM all_{table} WHERE {{of_it}} AND ({where})"
    return f"INSERT INTO all_{table} SELECT * {other} FROM ({found})"


def instead(what: str, where: str) -> tuple[str, ...]:
    """What stands in the table's key cannot be updated: copies stand aside until the rows are gone."""
    aside = "concat('~', source) AS source"
    return (
        add("frames", f"{what}, {aside}", where),
        delete("frames", f"({where}) AND source = ''"),
        add("frames", "substring(source, 2) AS source", "source = '~'"),
        delete("frames", "source = '~'"),
    )


def forged(column: str) -> str:
    return f"{column} = concat(char(bitXor(reinterpretAsUInt8(substring({column}, 1, 1)), 1)), substring({column}, 2))"


MUTATIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "altered": ((update("frames", "payload = replaceOne(payload, 'Heart', 'heart')", ROW_5),), "frame_no 5 "),
    "longer": ((update("frames", "payload = concat(payload, 'x')", ROW_5),), "frame_no 5 "),
    "mask": ((update("frames", "mask = bitXor(mask, 1)", ROW_5),), "frame_no 5 "),
    "header": ((update("frames", forged("header"), ROW_5),), "frame_no 5 "),
    "check": ((update("frames", "check = bitXor(check, 1)", ROW_5),), "frame_no 5 "),
    "link": ((update("frames", forged("link"), f"{UP} AND kind = 'tail'"),), "its link is not the one"),
    "offset": (instead("stream_offset + 1 AS stream_offset", ROW_5), "1 bytes before it are missing"),
    "deleted": ((delete("frames", ROW_5),), "bytes before it are missing"),
    "tailless": ((delete("frames", f"{UP} AND kind = 'tail'"),), "there is no tail"),
    "first": ((delete("frames", f"{UP} AND frame_no = 1"),), "is not where the stream begins"),
    "all": ((delete("frames", UP),), "all its rows are gone"),
    "moved": ((update("frames", "direction = 'from_csms'", ROW_5),), "bytes before it are missing"),
    "renamed": (instead("'somebody' AS charge_point", ROW_5), ""),
    "exchanged": (
        instead("toUInt64(if(frame_no = 3, 5, 3)) AS frame_no", f"{UP} AND frame_no IN (3, 5)"),
        "frame_no 3 (frame, stream offset 1",
    ),
    "swapped": (
        (
            update(
                "frames",
                "payload = replaceOne(payload, 'Heartbeat-', 'Heartbeat_')",
                f"{UP} AND frame_no < 8",
            ),
        ),
        "frame_no 1 ",
    ),
    "twice": ((add("frames", "", ROW_5),), "frame_no 5 (frame, stream offset"),
    "added": ((add("frames", "toUInt64(6) AS frame_no", ROW_5),), "it overlaps the row before it"),
    "unmasked": ((update("frames", "redacted = 0", "redacted = 1"),), "is not marked redacted"),
    "digest": ((update("frames", forged("keyed_digest"), "redacted = 1"),), "its bytes are not the ones"),
    "gap_deleted": ((delete("gaps", "bytes > 0"),), "120 bytes before it are missing"),
    "gap_longer": ((update("gaps", "bytes = bytes + 1", "bytes > 0"),), "a gap says that it is not there"),
    "gap_shorter": ((update("gaps", "bytes = bytes - 1", "bytes > 0"),), "1 bytes before it are missing"),
    "gap_link": (
        (update("gaps", forged("link"), "bytes > 0"),),
        "its link is not the one at which the chain",
    ),
    "gap_twice": (
        (add("gaps", "toUInt64(99) AS gap_no", "bytes > 0"),),
        "there is another one at that place",
    ),
    "gap_added": (
        (add("gaps", "toUInt64(98) AS gap_no, toUInt64(3) AS stream_offset", "bytes > 0"),),
        "it stands where the rows leave no room",
    ),
    "last_link": (
        (update("connections", forged("last_link_from_charge_point")),),
        "the chain does not end in the link",
    ),
    "orphan": ((delete("connections"),), "no row of connections tells of it"),
}
"""Name -> what is done to the session, what verify says of it."""
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
    assert [wrong(found) for found in verdicts(intact) if not found.ok] == []
    for name, (statements, _) in MUTATIONS.items():
        for sql in statements:
            intact.query(sql.format(of_it=f"connection_id = '{id_of(intact, name)}'"), {}, "TabSeparated")
    return intact


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


def named(store: Store, group: Group) -> dict[str, str]:
    """Charge point -> what is wrong with its session."""
    found = verdicts(store, group=group)
    assert len(found) == len(MUTATIONS) + len(HEALTHY) + 1
    return {verdict.session.charge_point: wrong(verdict) for verdict in found}


@pytest.fixture(scope="module", params=[GROUP, ALONE], ids=["together", "alone"])
def told(store: Store, request: pytest.FixtureRequest) -> dict[str, str]:
    return named(store, request.param)


@pytest.mark.parametrize("name", MUTATIONS)
def test_whatever_is_done_is_named(told: dict[str, str], name: str) -> None:
    assert told[name] != ""
    assert MUTATIONS[name][1] in told[name]


def test_nobody_else_is(told: dict[str, str]) -> None:
    assert {name for name, what in told.items() if not what} == {*HEALTHY, "LATER"}


def test_a_row_of_another_name_is_named_either_way(store: Store) -> None:
    assert "bytes before it are missing" in named(store, GROUP)["renamed"]
    assert "1 of its rows name another charge point" in named(store, ALONE)["renamed"]
    assert "name another" in verify(store, id_of(store, "renamed")).wrong


# which sessions


def names(found: list[Verdict]) -> list[str]:
    return [verdict.session.charge_point for verdict in found]


def test_sessions_charge_points_and_days(store: Store) -> None:
    two = Wanted((id_of(store, "LATER"), id_of(store, "HEALTHY_1")[:10], id_of(store, "LATER")))
    assert names(verdicts(store, two)) == ["LATER", "HEALTHY_1"]
    assert names(verdicts(store, Wanted(charge_point="HEALTHY_2"))) == ["HEALTHY_2"]
    assert names(verdicts(store, Wanted(day="2027-01-16"))) == ["LATER"]
    assert "LATER" not in names(verdicts(store, Wanted(day=DAY)))
    assert names(verdicts(store, Wanted(charge_point="HEALTHY_2", day="2027-01-16"))) == []
    assert names(verdicts(store, Wanted(charge_point="orphan"))) == ["orphan"]


def test_how_much_there_is_to_see_is_known_before(store: Store) -> None:
    seen = list[int]()
    wanted = Wanted(charge_point="HEALTHY_1")
    list(verify_many(store, wanted, seen.append))
    assert sum(seen) == counted(store, wanted) == counted(store, Wanted((id_of(store, "HEALTHY_1"),))) > 10


def test_what_cannot_be_asked_for_is_one_line(store: Store) -> None:
    with pytest.raises(ValueError, match="'today' is not a day"):
        verdicts(store, Wanted(day="today"))
    with pytest.raises(NotFound):
        verdicts(store, Wanted(("nothing",)))


# other kinds of sessions


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Holes, masks, fragments, compression, a clock set back, an open session; and all of it imported."""
    folder = tmp_path_factory.mktemp("strange")
    tape = Wires(OTHER)
    everything(tape.passes(1))
    with a_store(folder / "data") as store:
        tape.save(store)
        import_bytes(store, folder / "trace.jsonl", exported(store, all_of(store, OTHER), jsonl.write)[0])
        yield store


@pytest.mark.parametrize("group", [GROUP, ALONE, Group(rows=20), Group(size=3_000)])
def test_what_is_honestly_missing_is_not_wrong(strange: Store, group: Group) -> None:
    found = verdicts(strange, group=group)
    assert [wrong(verdict) for verdict in found] == [""] * 20
    assert sum(verdict.session.source != "" for verdict in found) == 10
    holes = [hole for verdict in found for stream in verdict.streams for hole in stream.holes]
    assert sorted((hole.kind, hole.size) for hole in holes) == [
        ("journal", size) for size in (9, 9, 30, 30, 70, 70, 500, 500)
    ]


def test_an_import_is_checked_from_its_original_beginning(strange: Store) -> None:
    found = next(verdict for verdict in verdicts(strange) if verdict.session.source)
    assert found.original_id != found.session.connection_id
    live = verify(strange, found.original_id)
    assert [stream.last_link for stream in live.streams] == [stream.last_link for stream in found.streams]
    assert verify(strange, found.session.connection_id).ok


def test_more_rows_than_were_counted_are_read_all_the_same(
    strange: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.forensics.verify_many._ROWS", "SELECT throwIf(1) FROM all_frames")
    assert all(verdict.ok for verdict in verdicts(strange))


# erased on request (issue 8)


def erase(store: Store, name: str, first: int, last: int) -> None:
    """Rows `first` to `last` of the charge point's stream go; a gap holds their last link."""
    session = find_session(store, id_of(store, name))
    found = list(stored_rows(store, session, CP))
    link, gone = first_link(session.journal, session.connection_id, CP), []
    for row in found[: last + 1]:
        link = next_link(link, row.keyed_digest if row.redacted else row.wire)
    gone = found[first : last + 1]
    values = {
        "at": 1_800_000_000_000_000_000,
        "until_at": 1_800_000_000_000_000_000,
        "batch": 1,
        "gap_no": first,
    }
    values |= {"stream_offset": gone[0].offset, "bytes": gone[-1].offset + gone[-1].size - gone[0].offset}
    who = {
        "direction": Direction.FROM_CHARGE_POINT,
        "connection_id": session.connection_id,
        "charge_point": name,
    }
    why = {"kind": "erased", "reason": "idTag", "link": link, "journal": session.journal.hex(), "source": ""}
    store.insert("gaps", [row_of("gaps", values | who | why)], f"erase {name} {first}")
    numbers = ", ".join(str(row.frame_no) for row in gone)
    of_it = f"connection_id = '{session.connection_id}'"
    store.query(delete("frames", f"frame_no IN ({numbers})").format(of_it=of_it), {}, "TabSeparated")


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    tape = Wires(bytes(16)).passes(1)
    for name in ("BEGINNING", "MIDDLE", "END", "ALL"):
        number = tape.begins(name)
        for _ in range(4):
            tape.passes(0.1).exchange(number, "Heartbeat", {}, {"currentTime": "2027-01-15T08:00:00Z"})
        tape.passes(1).ends(number)
    IDS.clear()
    with a_store(tmp_path_factory.mktemp("erased") / "data") as store:
        tape.save(store)
        for name, first, last in (("BEGINNING", 0, 1), ("MIDDLE", 1, 2), ("END", 3, 4), ("ALL", 0, 4)):
            erase(store, name, first, last)
        yield store
    IDS.clear()


@pytest.mark.parametrize("name", ["BEGINNING", "MIDDLE", "END", "ALL"])
@pytest.mark.parametrize("group", [GROUP, ALONE])
def test_what_was_erased_on_request_is_not_wrong(erased: Store, name: str, group: Group) -> None:
    (found,) = verdicts(erased, Wanted(charge_point=name), group)
    assert wrong(found) == ""
    assert [hole.kind for hole in found.streams[0].holes] == ["erased"]


def test_behind_what_was_erased_the_chain_is_checked(erased: Store) -> None:
    of_it = f"connection_id = '{id_of(erased, 'MIDDLE')}'"
    erased.query(
        update("frames", forged("payload"), f"{UP} AND frame_no = 7").format(of_it=of_it), {}, "TabSeparated"
    )
    assert "frame_no 7 " in wrong(verify(erased, id_of(erased, "MIDDLE")))


# as it is typed


def typed(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "proxy", "verify", *words, "--data", str(data)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_line_a_session_and_a_sum(store: Store, data: Path) -> None:
    done = typed(data, "--all")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "error: the store does not hold what was recorded\n")
    assert sum(line.startswith("ok     ") for line in lines) == 3
    assert sum(line.startswith("WRONG  ") for line in lines) == len(MUTATIONS)
    assert f"{len(MUTATIONS)} not as recorded" in lines[-1]


def test_one_session_in_full(store: Store, data: Path) -> None:
    done = typed(data, id_of(store, "HEALTHY_1")[:10])
    assert (done.returncode, done.stderr) == (0, "")
    assert "  gap: 120 bytes from offset" in done.stdout
    assert "as recorded; last link" in done.stdout


def test_machines_read_an_object_a_line(store: Store, data: Path) -> None:
    done = typed(data, "--charge-point", "HEALTHY_1", "--format", "json")
    told, summary = map(json.loads, done.stdout.splitlines())
    assert (told["charge_point"], told["ok"], summary["summary"]["wrong"]) == ("HEALTHY_1", True, 0)
    assert told["streams"][0]["gaps"][0]["kind"] == "journal"


@pytest.mark.parametrize(
    ("words", "code"),
    [((), 2), (("--all", "--day", DAY), 2), (("--day", "x"), 2), (("--day", "2000-01-01"), 1)],
)
def test_what_is_not_there_or_not_clear_is_one_line(
    store: Store, data: Path, words: tuple[str, ...], code: int
) -> None:
    done = typed(data, *words)
    assert (done.returncode, done.stderr.count("\n")) == (code, 1)
