"""`ocpptap analyze`: the live pipeline over a trace, and what a capture cannot prove."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from proxy import cli
from proxy.names import Direction
from tests.simulator.conversations import BEGIN, VERSIONS, recording

CP, CSMS = "cp-to-csms", "csms-to-cp"
WORDS = {Direction.FROM_CHARGE_POINT: CP, Direction.FROM_CSMS: CSMS}


class Ran(NamedTuple):
    code: int
    rows: list[dict[str, Any]]
    err: str
    out: str


@pytest.fixture
def analyze(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """`analyze(lines, *options)`: run it over a file of these records, as JSON."""

    def run(lines: list[dict[str, Any]] | str, *words: str) -> Ran:
        file = tmp_path / "trace.jsonl"
        file.write_text(lines if isinstance(lines, str) else "\n".join(map(json.dumps, lines)))
        options = words if "--messages" in words or "--format" in words else ("--format", "json", *words)
        monkeypatch.setattr("sys.argv", ["ocpptap", "analyze", str(file), *options])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        rows = [json.loads(line) for line in out.splitlines()] if "text" not in words else []
        return Ran(int(ended.value.code or 0), rows, err, out)

    return run


def said(second: float, direction: str, message: Any, charge_point: str = "CP_1") -> dict[str, Any]:
    at = f"2026-11-20T{10 + int(second // 3600):02}:{int(second // 60) % 60:02}:{second % 60:09.6f}Z"
    raw = message if isinstance(message, str) else json.dumps(message)
    return {"timestamp": at, "direction": direction, "chargePointId": charge_point, "raw": raw}


def beats(seconds: range, *directions: str) -> list[dict[str, Any]]:
    """Heartbeats and their answers, of which only these directions were captured."""
    lines = []
    for second in seconds:
        lines.append(said(second, CP, [2, f"h{second}", "Heartbeat", {}]))
        lines.append(said(second + 0.25, CSMS, [3, f"h{second}", {"currentTime": "2026-11-20T10:00:00Z"}]))
    return [line for line in lines if line["direction"] in directions]


def test_each_finding_has_the_fields_that_scripts_read(analyze: Callable[..., Ran]) -> None:
    reset = [said(0, CSMS, [2, "r", "Reset", {"type": "Hard"}]), *beats(range(1, 200, 60), CP, CSMS)]
    [finding] = [row for row in analyze(reset).rows if row["rule"] == "PR-01"]
    assert list(finding)[:14] == [
        "analyzer",
        "rule",
        "severity",
        "charge_point",
        "connector_id",
        "transaction_id",
        "opened_at",
        "last_at",
        "count",
        "message",
        "observed",
        "limit",
        "basis",
        "evidence",
    ]
    assert (finding["severity"], finding["opened_at"]) == ("warning", "2026-11-20T10:01:00.000000Z")
    assert [number for _, number in finding["evidence"]] == [0]


def test_messages_with_their_calls_and_verdicts(analyze: Callable[..., Ran]) -> None:
    lines = [*beats(range(1), CP, CSMS), said(2, CP, "{oops"), said(3, CSMS, [3, "nobody", {}])]
    rows = analyze([line | {"ocppVersion": "1.6"} for line in lines], "--messages").rows
    assert list(rows[0])[:9] == [
        "index",
        "at",
        "direction",
        "message_type",
        "message_id",
        "action",
        "call_index",
        "latency_ms",
        "verdict",
    ]
    assert [(row["index"], row["call_index"], row["latency_ms"], row["verdict"]) for row in rows] == [
        (0, None, None, "ok"),
        (1, 0, 250.0, "ok"),
        (2, None, None, "unparseable"),
        (3, None, None, ""),
    ]


def test_an_answer_belongs_to_the_newest_call_of_its_id_that_has_none(analyze: Callable[..., Ran]) -> None:
    lines = [
        said(0, CP, [2, "1", "Heartbeat", {}]),
        said(1, CSMS, [2, "1", "Reset", {"type": "Soft"}]),
        said(2, CP, [2, "1", "Heartbeat", {}]),
        said(3, CSMS, [3, "1", {}]),
        said(4, CSMS, [3, "1", {}]),
        said(5, CSMS, [3, "1", {}]),
        said(6, CP, [3, "1", {"status": "Accepted"}]),
    ]
    assert [row["call_index"] for row in analyze(lines, "--messages").rows] == [
        None,
        None,
        None,
        2,
        0,
        None,
        1,
    ]


@pytest.mark.parametrize("only", [CP, CSMS])
def test_of_one_side_alone_nothing_is_said_about_the_other(analyze: Callable[..., Ran], only: str) -> None:
    lines = [*beats(range(0, 7200, 300), only), said(7200, only, [2, "r", "Reset", {"type": "Hard"}])]
    rows = analyze(lines).rows
    assert [row for row in rows if row["severity"] != "info" or row["rule"] == "PR-04"] == []


def test_a_second_answer_is_one_line(analyze: Callable[..., Ran]) -> None:
    lines = [
        *beats(range(0, 300, 100), CP, CSMS),
        said(300, CSMS, [3, "h200", {"currentTime": "2026-11-20T10:00:00Z"}]),
    ]
    assert [row["rule"] for row in analyze(lines).rows if row["analyzer"] == "unanswered_call"] == ["PR-04"]


def test_a_capture_is_of_one_csms(analyze: Callable[..., Ran]) -> None:
    """Twenty charge points whose CSMS has gone mute are one finding, and twenty muted by it."""
    names = [f"CP_{number}" for number in range(20)]
    lines = [line for name in names for line in beats_of(name, 0)]
    lines += [said(300 + number, CP, [2, "x", "Heartbeat", {}], name) for number, name in enumerate(names)]
    lines += [said(500, CP, [2, "y", "Heartbeat", {}], names[0])]
    rows = analyze(sorted(lines, key=lambda line: str(line["timestamp"]))).rows
    [group] = [row for row in rows if row["rule"] == "PR-01-GROUP"]
    muted = {row["muted_by"] for row in rows if row["rule"] == "PR-01" and row["severity"] == "warning"}
    assert (group["severity"], muted) == ("critical", {group["finding_id"]})


def beats_of(name: str, second: float) -> list[dict[str, Any]]:
    answer = [3, "b", {"currentTime": "2026-11-20T10:00:00Z"}]
    return [said(second, CP, [2, "b", "Heartbeat", {}], name), said(second + 1, CSMS, answer, name)]


METER = "Energy.Active.Import.Register"


def report(second: float, value: str, **words: str) -> dict[str, Any]:
    at = f"2026-11-20T10:{int(second // 60):02}:{int(second % 60):02}Z"
    sample = {"value": value, "measurand": METER, "unit": "Wh"} | words
    payload = {"connectorId": 1, "meterValue": [{"timestamp": at, "sampledValue": [sample]}]}
    return said(second, CP, [2, f"m{second}", "MeterValues", payload]) | {"ocppVersion": "1.6"}


def test_whole_kilowatt_hours_between_finer_ones_are_no_fall(analyze: Callable[..., Ran]) -> None:
    lines = [
        report(60, "1000527"),
        report(120, "1001", unit="kWh"),
        report(180, "1000650"),
        report(240, "1000711"),
    ]
    assert [row["rule"] for row in analyze(lines).rows if row["severity"] != "info"] == []


def test_another_context_may_be_another_register(analyze: Callable[..., Ran]) -> None:
    """A session's register told periodically, and the lifetime one with the clock (quirk 70)."""
    lines = [report(60 * n, str(100 * n)) for n in range(1, 10)]
    lines += [report(60 * n + 5, str(20_000_000 + 100 * n), context="Sample.Clock") for n in range(1, 10)]
    rows = analyze(sorted(lines, key=lambda line: str(line["timestamp"]))).rows
    assert [row["rule"] for row in rows if row["severity"] != "info"] == []


def test_what_is_open_at_the_end_is_no_violation(analyze: Callable[..., Ran]) -> None:
    lines = [*beats(range(0, 10, 5), CP, CSMS), said(11, CSMS, [2, "r", "Reset", {"type": "Hard"}])]
    [row] = [row for row in analyze(lines).rows if row["rule"] == "PR-01"]
    assert row["severity"] == "info"
    assert "open at the end of the capture" in row["message"]


def test_noise_on_the_socket_is_said_once(analyze: Callable[..., Ran]) -> None:
    lines = [said(second, CP, f"hello {second}") for second in range(500)]
    rows = [row for row in analyze(lines).rows if row["severity"] != "info" or row["rule"] == "PR-12"]
    assert len(rows) <= 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_healthy_recorded_day_gives_nothing_above_info(analyze: Callable[..., Ran], version: str) -> None:
    lines = [
        {
            "at": BEGIN + one.seconds,
            "direction": WORDS[one.direction],
            "raw": one.text.decode(),
            "ocpp_version": version,
        }
        for one in recording(version)
    ]
    ran = analyze([line | {"ocpp_version": version} for line in lines])
    above = [row for row in ran.rows if row["severity"] != "info" and row["rule"] not in ("FT-01", "SE-04")]
    assert [row["message"] for row in above] == []  # but for what it reports of itself
    assert analyze([line | {"ocpp_version": version} for line in lines]) == ran


def test_fail_on(analyze: Callable[..., Ran]) -> None:
    lines = [said(0, CSMS, [2, "r", "Reset", {"type": "Hard"}]), *beats(range(1, 200, 60), CP, CSMS)]
    assert [analyze(lines, "--fail-on", word).code for word in ("info", "warning", "critical")] == [1, 1, 0]
    assert analyze(beats(range(0, 60, 30), CP, CSMS), "--fail-on", "warning").code == 0


def test_lines_that_cannot_be_read_are_named_and_the_rest_is_analyzed(analyze: Callable[..., Ran]) -> None:
    good = json.dumps(said(0, CP, [2, "1", "Heartbeat", {}]))
    ran = analyze(f"{good}\nnonsense\n{good}\n", "--messages")
    assert (ran.code, len(ran.rows)) == (2, 2)
    assert "trace.jsonl:2: not JSON" in ran.err
    assert "error: 1 lines could not be read" in ran.err


def test_a_file_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["ocpptap", "analyze", "/no/such/file"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (
        2,
        "error: /no/such/file: No such file or directory\n",
    )


def test_for_people(analyze: Callable[..., Ran]) -> None:
    lines = [said(0, CSMS, [2, "r", "Reset", {"type": "Hard"}]), *beats(range(1, 200, 60), CP, CSMS)]
    out = analyze(lines, "--format", "text").out
    assert "WARNING  PR-01  CP_1: it did not answer the CSMS's Reset within 60 s." in out
    assert out.splitlines()[-1].startswith("trace.jsonl: 9 messages of 1 charge points")


def test_a_wrong_setting_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.toml").write_text('[analyzers.silence]\nwarning_intervals = "x3"\n')
    (tmp_path / "t.jsonl").write_text("")
    words = ["ocpptap", "analyze", str(tmp_path / "t.jsonl"), "--config", str(tmp_path / "x.toml")]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    err = capsys.readouterr().err
    assert (ended.value.code, err.count("\n")) == (2, 1)
    assert err.startswith("error: analyzers.silence: Expected `int`")


def test_each_row_names_its_file(analyze: Callable[..., Ran]) -> None:
    lines = [said(0, CSMS, [2, "r", "Reset", {"type": "Hard"}])]
    rows = [*analyze(lines).rows, *analyze(lines, "--messages").rows]
    assert {Path(row["file"]).name for row in rows} == {"trace.jsonl"}


def test_several_charge_points_in_one_file(analyze: Callable[..., Ran]) -> None:
    names = [f"CP_{number}" for number in range(5)]
    lines = [said(second, CP, [2, "1", "Heartbeat", {}], name) for second in range(3) for name in names]
    random.Random(1).shuffle(lines)
    rows = analyze(sorted(lines, key=lambda line: str(line["timestamp"])), "--messages").rows
    assert {row["charge_point"] for row in rows} == set(names)
