"""`show` against a real store: everything in its place, in pages, in bounded pieces, and one line when it cannot."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy import cli
from proxy.forensics import show, tape
from proxy.forensics.find import NotFound
from proxy.forensics.show import Look, Span, show_charge_point, show_session
from proxy.store.client import Role, Store, connect
from tests.forensics.fleet import LOST, SECRET, save_fleet
from tests.recorder.process import ask, change

ALWAYS = Span()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("show")
    save_fleet(data)
    return data


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[Store]:
    store = connect("embedded", data, Role.READER)
    yield store
    store.close()


def shown(store: Store, charge_point: str, span: Span = ALWAYS, **look: int) -> list[str]:
    return list(show_charge_point(store, charge_point, span, Look(**look)))


def at(lines: list[str], words: str) -> int:
    """The number of the only line that has these words."""
    (found,) = (number for number, line in enumerate(lines) if words in line)
    return found


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_a_session_of_each_version_is_told_from_boot_to_close(store: Store, version: str) -> None:
    lines = shown(store, f"SIM-{version}")
    assert f"Nordlader Hyper 150 · firmware 4.9.18 · OCPP {version} · session" in lines[0]
    assert lines[3] == ""
    assert lines[4].endswith("(UTC)")
    assert "      1 → BootNotification {" in lines[5]
    assert "· the charge point first (fin) ·" in lines[-1]
    assert not [line for line in lines if "violation" in line or "no answer" in line]
    assert max(map(len, lines)) <= 120


def test_a_call_and_its_answer_stand_together(store: Store) -> None:
    lines = shown(store, "CP_4711")
    refused = at(lines, '"idTag":"04BAD000"')
    assert lines[refused + 1].strip() == '+20.0 ms        6 ←   {"idTagInfo":{"status":"Blocked"}}'
    unanswered = at(lines, "no answer seen here")
    assert "RemoteStartTransaction" in lines[unanswered - 1]


def test_what_breaks_the_standard_says_where_and_why(store: Store) -> None:
    lines = shown(store, "CP_4711")
    assert lines[at(lines, '"Kaputt"') + 1].strip().startswith("! violation: enum at /status (OCPP 1.6")
    assert lines[at(lines, '"m99"') + 1].strip() == "! unparseable: not JSON"


def test_secrets_are_marked_and_not_there(store: Store) -> None:
    lines = shown(store, "CP_4711")
    assert lines[at(lines, '"key":"AuthorizationKey"')].endswith(
        '{"key":"AuthorizationKey","value":"***"} (secret masked)'
    )
    assert not [line for line in lines if SECRET in line]


def test_findings_stand_in_place(store: Store) -> None:
    lines = shown(store, "CP_4711")
    unanswered = at(lines, "did not answer the CSMS's RemoteStartTransaction")
    assert at(lines, "no answer seen here") < unanswered < at(lines, '"key":"AuthorizationKey"')
    assert lines[unanswered].split()[1:4] == ["!", "warning", "PR-01"]


def test_who_closed_and_who_was_refused(store: Store) -> None:
    lines = shown(store, "CP_4711")
    closed = at(lines, "closed 20")
    assert lines[closed].endswith("· the charge point first (fin) · close code 1001 · 25 frames up, 25 down")
    assert lines[-1] == "refused by the CSMS with HTTP status 401: csms answered 401"


def test_what_is_no_message_has_its_line(store: Store) -> None:
    lines = shown(store, "CP_ODD")
    assert "→ Heartbeat {} (2 frames)" in lines[at(lines, "Heartbeat {} (2 frames)")]
    assert "· 4 pings, 4 pongs until" in lines[at(lines, "4 pings")]
    assert "→ binary 000102030405" in lines[at(lines, "→ binary 00")]
    assert "← CALLRESULT {}" in lines[at(lines, "← CALLRESULT")]
    assert "→ bytes that are no frames ffffffff" in lines[at(lines, "no frames")]
    assert f"! gap (hole): {LOST} bytes of the CSMS not seen" in lines[at(lines, "gap (hole)")]
    assert at(lines, "← Reset") < at(lines, "gap (hole)") < at(lines, "← ClearCache")


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_pages_change_nothing(store: Store, rows: int) -> None:
    assert shown(store, "CP_4711", rows=rows) == shown(store, "CP_4711")
    assert shown(store, "CP_ODD", rows=rows) == shown(store, "CP_ODD")


def test_a_page_is_a_few_megabytes_however_wide() -> None:
    assert all(Look(width).page * Look(width).cut <= 4 << 20 for width in (60, 120, 1_000, 10_000))


def test_a_wider_line_shows_more(store: Store) -> None:
    narrow, wide = (shown(store, "CP_ODD", width=width) for width in (80, 5_000))
    assert narrow[at(narrow, "← Reset")].endswith("… (3027 bytes)")
    assert wide[at(wide, "← Reset")].endswith('SSS"}')


def test_a_part_of_it(data: Path, store: Store) -> None:
    """From the refused card to the rejected start; what lies outside is not told, nor are sessions outside."""
    times = ask(
        data,
        "SELECT formatDateTime(min(at) - 1, '%FT%TZ'), formatDateTime(max(at) + 1, '%FT%TZ') FROM frames "
        "WHERE charge_point = 'CP_4711' AND message_type = 2 AND action = 'RemoteStartTransaction' AND frame_no = 7",
    )
    lines = shown(store, "CP_4711", Span(*times.split("\t")))
    assert [line[24:].split()[1] for line in lines[5:-2]] == [
        "RemoteStartTransaction",
        '{"status":"Rejected"}',
    ]
    assert "closed" in lines[-1]


def test_an_open_session_has_no_end_yet(data: Path, store: Store) -> None:
    change(
        data,
        "INSERT INTO all_connections (at, last_at, batch, state, connection_id, charge_point, journal) "
        "VALUES (now64(6), now64(6), 1, 'open', 'eeeeeeeeeeeeeeee', 'OPEN', '00')",
    )
    lines = list(show_session(store, "eeee"))
    assert lines[0] == "OPEN · session eeeeeeeeeeeeeeee"
    assert lines[-1] == "still open"


def test_what_nobody_observed_stands_where_it_was(data: Path, store: Store) -> None:
    """A gap of everybody's, inside the session. One before or after it, or of another journal, is none of its own."""
    (session,) = ask(data, "SELECT connection_id FROM connections WHERE charge_point = 'CP_ODD'").split()
    for seconds, journal in ((-7_200, "journal"), (6, "journal"), (6, "'00'"), (7_200, "journal")):
        change(
            data,
            "INSERT INTO all_gaps (at, until_at, batch, kind, reason, journal) "
            f"SELECT known.at + INTERVAL {seconds} SECOND AS at, at + INTERVAL 1 SECOND, 1, 'unobserved', 'asleep', "
            f"{journal} FROM all_connections AS known FINAL WHERE charge_point = 'CP_ODD'",
        )
    lines = list(show_session(store, session))
    assert "! gap (unobserved): time not seen until" in lines[at(lines, "asleep")]


def test_a_name_that_says_nothing_is_one_line(store: Store) -> None:
    with pytest.raises(NotFound, match=r"^no session of 'NOBODY' in the store; "):
        show_charge_point(store, "NOBODY", ALWAYS)
    with pytest.raises(NotFound, match="in the store at that time; "):
        show_charge_point(store, "CP_4711", Span("2031-01-01"))
    with pytest.raises(NotFound, match=r"^no session 'ffffffff'"):
        show_session(store, "ffffffff")
    with pytest.raises(ValueError, match="is not a time"):
        show_charge_point(store, "CP_4711", Span("soon"))


# the command


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path) -> Any:
    def run(*words: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["ocpptap", *words, "--data", str(data)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code, *capsys.readouterr()

    return run


def test_the_command_shows_a_charge_point_in_the_width_it_is_told(say: Any) -> None:
    code, out, _ = say("show", "--charge-point", "CP_4711", "--width", "90")
    lines = out.splitlines()
    assert (code, max(map(len, lines))) == (0, 90)
    assert lines[0].startswith("CP_4711 · Voltwerk DC-Tower 50")


def test_it_is_coloured_only_where_somebody_looks(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, plain, _ = say("show", "--charge-point", "CP_4711")
    _, coloured, _ = say("show", "--charge-point", "CP_4711", "--color", "always")
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in say("show", "--charge-point", "CP_4711")[1]


def test_colours_tell_directions_severities_and_troubles_apart(say: Any) -> None:
    _, told, _ = say("show", "--charge-point", "CP_4711", "--color", "always")
    for coloured in (
        "\x1b[1;34m→ BootNotification\x1b[0m",
        "\x1b[1;35m← RemoteStartTransaction\x1b[0m",
        "\x1b[31m! critical FT-01 fault",
        "\x1b[33m! warning PR-01",
        "\x1b[31m  no answer seen here\x1b[0m",
        "\x1b[31m! violation: enum at /status",
    ):
        assert coloured in told


@pytest.mark.parametrize(
    ("format", "begin"),
    [("html", "<!doctype html>"), ("mermaid", "sequenceDiagram\n    participant CP as CP_4711")],
)
def test_other_formats_come_on_stdout_or_in_a_file(say: Any, tmp_path: Path, format: str, begin: str) -> None:
    code, out, _ = say("show", "--charge-point", "CP_4711", "--format", format)
    assert code == 0
    assert out.startswith(begin)
    path = tmp_path / "session"
    assert say("show", "--charge-point", "CP_4711", "--format", format, "--output", str(path))[:2] == (0, "")
    assert path.read_text() == out


def test_a_file_is_there_only_when_it_is_whole(say: Any, tmp_path: Path) -> None:
    path = tmp_path / "session.html"
    code, _, err = say("show", "--charge-point", "NOBODY", "--format", "html", "--output", str(path))
    assert (code, err.count("\n")) == (1, 1)
    assert list(tmp_path.iterdir()) == []
    code, _, err = say("show", "--charge-point", "CP_4711", "--output", str(tmp_path / "no" / "where"))
    assert (code, err.count("\n")) == (2, 1)


def test_a_transaction_is_shown(say: Any) -> None:
    code, out, _ = say("show", "--transaction", "4711")
    assert code == 0
    assert out.startswith("transaction 4711 · charge point CP_4711 · ")
    _, page, _ = say("show", "--transaction", "4711", "--format", "html")
    assert "<bdi>transaction 4711</bdi>" in page


# how the store is asked


@pytest.mark.parametrize("question", [show._PAGES, show._ROWS, tape._CUTS, tape._ROWS, tape._EXTENT])
def test_frames_are_found_by_their_primary_key(store: Store, question: str) -> None:
    """(charge_point, at): an hour of a charge point reads that hour, however much there is beside it."""
    moments = dict.fromkeys(("since", "until", "after_at", "last_at"), "2026-11-20 13:00:00.000000")
    if question in (tape._CUTS, tape._ROWS, tape._EXTENT):
        moments = dict.fromkeys(moments, "1800000000000000")
    numbers = dict.fromkeys(("after", "last", "page", "limit", "cut"), "1")
    who = {"charge_point": "CP_4711", "source": "", "connection": "aa"}
    plan = store.query(f"EXPLAIN indexes = 1 {question}", who | moments | numbers, "TabSeparated").decode()
    key = plan.partition("PrimaryKey")[2]
    condition = key.partition("Condition:")[2].splitlines()[0]
    assert "charge_point" in condition
    assert "at in" in condition


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "name a SESSION"),
        (("abcd", "--transaction", "4711"), 2, "name a SESSION"),
        (("--transaction", "99"), 1, "no transaction '99' in the store"),
        (("abcd", "--charge-point", "CP_4711"), 2, "name a SESSION"),
        (("no-such",), 1, "no session 'no-such' in the store; `ocpptap sessions` lists them"),
        (("",), 2, "name a SESSION"),
        (("--charge-point", "CP_4711", "--since", "soon"), 2, "'soon' is not a time"),
    ],
)
def test_what_it_cannot_show_it_says_in_one_line(say: Any, words: Any, code: int, said: str) -> None:
    found, out, err = say("show", *words)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert err.startswith(f"error: {said}")


@pytest.mark.parametrize("name", ["show", "charge-points", "sessions"])
def test_each_can_be_told_where_the_store_is(say: Any, name: str) -> None:
    code, out, _ = say(name, "--help")
    assert code == 0
    assert all(option in out for option in ("--data", "--store", "--config"))


def test_a_prefix_of_several_sessions_is_one_line(say: Any, data: Path) -> None:
    change(
        data,
        "INSERT INTO all_connections (at, last_at, batch, state, connection_id, charge_point, journal) "
        "SELECT now64(6), now64(6), 1, 'closed', 'cafe00000000000' || toString(number), 'TWIN', '00' FROM numbers(2)",
    )
    code, _, err = say("show", "cafe")
    assert (code, err) == (1, "error: 'cafe' names several sessions; give more digits of its id\n")


def test_charge_points_and_sessions_are_listed(say: Any) -> None:
    code, out, _ = say("charge-points", "--charge-point", "SIM-2*")
    assert (code, len(out.splitlines())) == (0, 3)
    code, out, _ = say("sessions", "--charge-point", "SIM-*", "--limit", "2", "--format", "json")
    assert (code, len(out.splitlines())) == (0, 2)
