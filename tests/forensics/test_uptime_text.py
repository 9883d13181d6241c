"""`ocpptap uptime`: what the operator gives (a month, exclusions) and what comes out, in three formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from proxy import cli
from proxy.cli.reporting import uptime as command
from proxy.forensics.exclusions import parsed
from proxy.forensics.intervals import Totals
from proxy.forensics.months import begin_of, month_of, name_of
from proxy.forensics.uptime import METHOD, Report
from proxy.forensics.uptime_text import as_csv, as_json, as_text
from proxy.store.client import Role, connect
from tests.forensics.ports import Fleet, a_fleet, lines, one, report

ROOT = Path(__file__).parents[2]
DAY = 1_440


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uptime")


@pytest.fixture(scope="module")
def fleet(data: Path) -> Iterator[Fleet]:
    with a_fleet(data) as fleet:
        yield fleet


def test_the_operator_excludes_by_glob_port_and_time(fleet: Fleet) -> None:
    fleet.well("DE-1")
    fleet.says("DE-1", "2026-09-10 00:00:00", "Faulted", code="OtherError")
    text = "# ours\ncharge_point,connector,since,until,reason\n\n"
    text += "DE*,*,2026-09-11,2026-09-12,vandalism\nDE*,2,2026-09-01,2026-09-30,another port\n"
    port = one(fleet, "DE-1", exclude=text)
    assert port.month == Totals(up=9 * DAY, down=20 * DAY, excluded=DAY)
    assert lines(port)[1] == ("excluded", DAY, "excluded: vandalism (Faulted (OtherError))")
    assert port.outages[1].evidence[0] == "x.csv line 4"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("CP,1,2026-09-11,2026-09-12", "has 4 fields"),
        ("CP,1,2026-09-12,2026-09-11,why", "ends before it begins"),
        ("CP,one,2026-09-11,2026-09-12,why", "'one' is no connector"),
        ("CP,1,yesterday,2026-09-12,why", "is not a time"),
        ("CP,1,,2026-09-12,why", "needs both times"),
        ("CP,1,2026-09-11,2026-09-12,", "needs a charge point"),
        ('CP,1,2026-09-11,2026-09-12,"' + "x" * 200_000 + '"', "field larger than"),
    ],
)
def test_an_exclusion_that_cannot_be_read_is_an_error_with_its_line(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^x.csv line 2: .*{why}"):
        list(parsed(["# ours", line], "x.csv"))


def test_too_many_exclusions_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 10000 lines"):
        list(parsed(["\n"] * 10_001, "x.csv"))


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-9", "26-09", "2026-09-01", "", "1900-01", "9999-12", "\u0662026-09"]
)
def test_a_wrong_month_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not a month; write it like 2026-10"):
        month_of(text)


def test_months_follow_each_other() -> None:
    assert name_of(month_of("2026-12") + 1) == "2027-01"
    assert begin_of(month_of("1972-01")) == 730 * DAY * 60_000_000


def example(fleet: Fleet) -> Report:
    """The one that docs/UPTIME.md shows."""
    if not report(fleet, "EX-*").ports:
        fleet.well("EX-1", "2025-01-01 00:00:00")
        fleet.well("EX-2", "2026-09-03 00:00:00")
        fleet.says("EX-1", "2025-01-01 00:00:00", "Available", 2)
        fleet.store.query(
            "INSERT INTO all_statuses (charge_point, at, status, availability, error_code, connection_id, frame_no,"
            " connector_id) VALUES ('EX-1', '2026-09-10 06:00:00', 'Faulted', 5, 'GroundFailure', '3f2a', 118, 1),"
            " ('EX-1', '2026-09-10 20:00:00', 'Available', 1, 'NoError', '3f2a', 131, 1)",
            {},
            "TabSeparated",
        )
        for minute, energy, outcome in ((0, 20.0, "failure"), (4, 9_000.0, "success")):
            fleet.charges("EX-1", f"2026-09-09 10:0{minute}:00", energy_wh=energy, outcome=outcome)
    exclude = "EX-1,1,2026-09-10T06:00:00Z,2026-09-10T08:00:00Z,utility interruption"
    return report(fleet, "EX-*", exclude=exclude)


def test_the_page_shows_what_the_command_says(fleet: Fleet) -> None:
    page = (ROOT / "docs" / "UPTIME.md").read_text()
    assert f"```text\n{as_text(example(fleet))}\n```" in page


def test_a_port_is_a_line_of_json(fleet: Fleet) -> None:
    first, second, young = map(orjson.loads, as_json(example(fleet)).splitlines())
    assert (first["charge_point"], first["port"], second["port"]) == ("EX-1", 1, 2)
    assert [first[name] for name in ("minutes", "outage_minutes", "excluded_minutes", "unknown_minutes")] == [
        43_200,
        840,
        120,
        0,
    ]
    assert [first[name] for name in ("strict", "observed", "nevi", "nevi_months")] == [
        98.3333,
        98.3333,
        99.863,
        12,
    ]
    assert (first["method"], first["regulatory"], young["regulatory"]) == ("23 CFR 680.116(b)", True, False)
    assert (first["attempts"], first["visits"], first["charging_success"], first["first_time_success"]) == (
        2,
        1,
        50.0,
        0.0,
    )
    assert [outage["excluded"] for outage in first["outages"]] == [True, False]
    assert first["outages"][1]["evidence"] == ["3f2a #118"]


def test_an_outage_is_a_line_of_csv(fleet: Fleet) -> None:
    heading, *outages = csv.reader(io.StringIO(as_csv(example(fleet))))
    assert heading[:6] == ["charge_point", "port", "month", "since", "until", "minutes"]
    assert [row[0] for row in outages] == ["EX-1", "EX-1", "EX-2"]
    assert [row[5:8] for row in outages] == [
        ["120", "excluded", "yes"],
        ["720", "down", "no"],
        ["2880", "unknown", "no"],
    ]
    assert {row[-1] for row in outages} == {METHOD}


def test_what_peers_sent_is_escaped(fleet: Fleet) -> None:
    fleet.first_seen("=evil()", "2026-09-02 00:00:00")
    fleet.says("=evil()", "2026-09-03 00:00:00", "Faulted", code="\x1b[31m")
    found = report(fleet, "=evil*")
    assert "\x1b" not in as_text(found) + as_csv(found) + as_json(found)
    assert next(csv.reader(as_csv(found).splitlines()[1:]))[0] == "'=evil()"


def test_a_store_without_anything_has_no_ports(tmp_path: Path) -> None:
    store = connect("embedded", tmp_path, Role.WRITER)
    store.migrate()
    empty = report(Fleet(store), "*")
    store.close()
    assert (empty.ports, as_json(empty), as_csv(empty).count("\n")) == ([], "", 0)
    assert "ALL 0 PORTS" in as_text(empty)


def say(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Its exit code."""
    monkeypatch.setitem(cli.cli.commands, "uptime", command)
    monkeypatch.setattr("sys.argv", ["ocpptap", "uptime", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command(
    fleet: Fleet, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of August 2026, of which the store knows the begin of one charge point."""
    fleet.well("of-the-command")
    words = ("--data", str(data), "--charge-point", "of-the-c*", "--month", "2026-08")
    assert say(monkeypatch, *words, "--format", "json") == 0
    [port] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (port["month"], port["minutes"]) == ("2026-08", 31 * DAY)
    assert say(monkeypatch, *words) == say(monkeypatch, *words, "--format", "csv") == 0
    assert capsys.readouterr().out.startswith("Uptime 2026-08, ")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--month", "2026-13"), "error: '2026-13' is not a month; write it like 2026-10"),
        (("--month", "2250-01"), "error: 2250-01 has not begun"),
        (("--month", "2026-08", "--exclude", "/none.csv"), "error: [Errno 2] No such file or directory"),
        (("--month", "2026-08", "--exclude", __file__), "error: test_uptime_text.py line 1: has 1 fields"),
        ((), "error: Missing option '--month'"),
    ],
)
def test_wrong_usage_is_one_line(
    fleet: Fleet,
    data: Path,
    words: tuple[str, ...],
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert say(monkeypatch, "--data", str(data), *words) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), said.startswith(why)) == (1, True), said
